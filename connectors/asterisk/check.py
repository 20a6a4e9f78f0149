"""The self-check of an Asterisk account: each line says what was tried, how it went, and what to do.

Rights are proven, not guessed: `ListCommands` shows only what our user may do, and two harmless settings of our own (a
global variable, a custom device state) make one event each of the classes `dialplan` and `call`.
[Seen on Asterisk 22 with four manager users.]
"""

import contextlib
import ipaddress
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from connectors.asterisk import ami, records
from connectors.asterisk.settings import AsteriskSettings
from hub.connector.contract import Account, Finding, Level
from hub.errors import AuthError, ConnectorError, GoneError

# What we need an action for, and the write class of manager.conf that allows it.
NEEDED = {
    "Originate": ("originate", "click-to-dial"),
    "Hangup": ("call", "hanging up from the card"),
    "BlindTransfer": ("call", "transfers from the card"),
    "MixMonitorMute": ("call", "pausing a recording"),
    "CoreShowChannels": ("reporting", "seeing the calls that are on after a reconnect"),
    "Getvar": ("call or reporting", "checking a number before it is dialled"),
}
PROOF_S = 1.0
SKEW_S = 2.0
EXPIRES_SOON_D = 30
PROBE = "HUB_CHECK"
DEVICE = "Custom:HUBCHECK"


def check(account: Account[AsteriskSettings]) -> list[Finding]:
    """Test the connection, the rights and the places of recordings and call records. Never raises ConnectorError."""
    settings = account.settings
    return [*_exchange(settings), _recordings(settings), *_records(account), *_agi(settings)]


def _exchange(settings: AsteriskSettings) -> list[Finding]:
    findings: list[Finding] = []
    try:
        with ami.Connection(settings) as connection:
            findings.append(Finding("connection", Level.GREEN, f"{connection.banner} answers."))
            findings.extend(_tls(settings, connection))
            findings.append(Finding("login", Level.GREEN, f"User {settings.username} is let in."))
            facts = ami.greet(connection)
            findings.append(_version(facts))
            findings.extend(_clock(facts))
            findings.extend(_system_name(facts))
            allowed = connection.ask("ListCommands")
            findings.extend(_write_rights(allowed))
            findings.extend(_read_rights(connection, may_set="Setvar" in allowed))
            findings.extend(_context(settings, connection))
    except AuthError as error:
        findings.append(Finding("login", Level.RED, str(error), "Correct user and secret here or in manager.conf."))
    except ConnectorError as error:
        topic = "connection" if not findings else "answers"
        action = "Correct host, port and TLS, or let us through the firewall." if not findings else "Try again."
        findings.append(Finding(topic, Level.RED, str(error), action))
    return findings


def _tls(settings: AsteriskSettings, connection: ami.Connection) -> Iterator[Finding]:
    sock = connection.socket
    if not isinstance(sock, ssl.SSLSocket):
        if not _is_near(settings.host):
            action = "Set tlsenable=yes in manager.conf, or lead the connection through a tunnel."
            yield Finding(
                "tls", Level.AMBER, "The connection is not encrypted; the secret crosses the network.", action
            )
        return
    expires = (sock.getpeercert() or {}).get("notAfter")
    if not isinstance(expires, str):
        return
    left_d = int((ssl.cert_time_to_seconds(expires) - time.time()) // 86400)
    day = datetime.fromtimestamp(ssl.cert_time_to_seconds(expires), UTC).date()
    text = f"{sock.version()}; the certificate is valid until {day} ({left_d} days)."
    soon = left_d < EXPIRES_SOON_D
    yield Finding("tls", Level.AMBER if soon else Level.GREEN, text, "Renew the certificate." if soon else "")


def _is_near(host: str) -> bool:
    """True for this machine itself."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _version(facts: dict[str, Any]) -> Finding:
    if "version" not in facts:
        text = "The version cannot be asked: the manager user has no write = reporting."
        return Finding("version", Level.AMBER, text, "Add reporting to its write line in manager.conf.")
    return Finding("version", Level.GREEN, f"Asterisk {facts['version']}, AMI {facts.get('ami_version', '?')}.")


def _clock(facts: dict[str, Any]) -> Iterator[Finding]:
    skew = facts.get("skew_s")
    if skew is None:
        return
    if abs(skew) > SKEW_S:
        text = f"The exchange's clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} ours."
        yield Finding("clock", Level.AMBER, text, "Run a time service (chrony, ntpd) on both machines.")
    else:
        yield Finding("clock", Level.GREEN, f"The clocks differ by {abs(skew):.2f} s.")


def _system_name(facts: dict[str, Any]) -> Iterator[Finding]:
    if "system_name" not in facts:
        return  # it cannot be asked; the line about the version says why
    if facts["system_name"]:
        yield Finding("system name", Level.GREEN, f"This exchange calls itself {facts['system_name']}.")
        return
    text = "The exchange has no system name; with two exchanges their call ids could be the same."
    yield Finding("system name", Level.AMBER, text, "Set systemname= in asterisk.conf if there is a second exchange.")


def _write_rights(allowed: dict[str, str]) -> Iterator[Finding]:
    missing: dict[str, list[str]] = {}
    for name, (right, use) in NEEDED.items():
        if name not in allowed:
            missing.setdefault(right, []).append(use)
    if not missing:
        yield Finding(
            "write rights", Level.GREEN, "Everything that the hub orders is allowed: originate, call, reporting."
        )
    for right, uses in missing.items():
        level = Level.RED if right == "reporting" else Level.AMBER
        text = f"No right for {', '.join(uses)}."
        yield Finding(f"write {right}", level, text, f"Add {right} to the write line of this user in manager.conf.")


def _read_rights(connection: ami.Connection, *, may_set: bool) -> Iterator[Finding]:
    if not may_set:
        text = "Which events this user may hear cannot be proven without write = call; a test call will show it."
        yield Finding("read rights", Level.AMBER, text, "Set read = call,agent,cdr,dialplan,user in manager.conf.")
        return
    heard = _proven(connection, f"DEVICE_STATE({DEVICE})", "INUSE", b"Event: DeviceStateChange")
    connection.ask("Setvar", [("Variable", f"DEVICE_STATE({DEVICE})"), ("Value", "NOT_INUSE")])
    if heard:
        yield Finding("read call", Level.GREEN, "Calls are heard.")
    else:
        text = (
            "No event of class call was heard: without it there are no calls here (or an eventfilter hides the proof)."
        )
        yield Finding("read call", Level.AMBER, text, "Set read = call,agent,cdr,dialplan,user; then make a test call.")
    # The second one passes the eventfilter lines that we recommend; empty, so it names no recording.
    if _proven(connection, PROBE, "1", b"Event: VarSet") or _proven(
        connection, "MIXMONITOR_FILENAME", "", b"Event: VarSet"
    ):
        yield Finding("read dialplan", Level.GREEN, "File names of recordings are heard.")
    else:
        text = "No event of class dialplan was heard: recordings cannot be found."
        yield Finding("read dialplan", Level.RED, text, "Add dialplan to the read line of this user in manager.conf.")


def _proven(connection: ami.Connection, variable: str, value: str, event: bytes) -> bool:
    """Set something of our own and say whether its event came."""
    connection.ask("Setvar", [("Variable", variable), ("Value", value)])
    word = DEVICE.encode() if variable.startswith("DEVICE_STATE") else variable.encode()
    with contextlib.suppress(ConnectorError):
        connection.next(
            lambda message: message.startswith(event) and word in message, "this", deadline=time.monotonic() + PROOF_S
        )
        return True
    return False


def _context(settings: AsteriskSettings, connection: ami.Connection) -> Iterator[Finding]:
    """Prove the context by one phone that the exchange itself lists."""
    try:
        devices = connection.ask_list("DeviceStateList")
    except ConnectorError:
        return  # not allowed or not there: the first click-to-dial will say it
    technology = settings.originate_channel.partition("/")[0]
    phones = [
        device.partition("/")[2]
        for device in (entry.get("Device", "") for entry in devices)
        if device.startswith((f"{technology}/", "PJSIP/", "SIP/")) and device.partition("/")[2].isdigit()
    ]
    if not phones:
        return
    known = [number for number in phones[:20] if _leads(connection, settings.context, number)]
    if known:
        text = f"{len(phones)} phones are known; context {settings.context} leads to {known[0]}."
        yield Finding("context", Level.GREEN, text)
    else:
        text = f"Context {settings.context} leads to none of the phones {', '.join(phones[:5])}."
        yield Finding("context", Level.AMBER, text, "Set `context` to the one from which phones dial.")


def _leads(connection: ami.Connection, context: str, number: str) -> bool:
    answer = connection.ask("Getvar", [("Variable", f"DIALPLAN_EXISTS({context},{number},1)")])
    return answer.get("Value") == "1"


def _recordings(settings: AsteriskSettings) -> Finding:
    if not settings.recordings_root:
        text = "No place of recordings is set: calls have no recording to listen to."
        return Finding("recordings", Level.AMBER, text, "Set `recordings_root` if calls are recorded.")
    try:
        settings.recordings().facts("hub-self-check.wav")
    except GoneError:
        pass  # the place answers, and has no such file: as it should be
    except ConnectorError as error:
        text = f"Recordings cannot be read: {error}"
        return Finding("recordings", Level.RED, text, "Give the hub's user the right to read there.")
    return Finding("recordings", Level.GREEN, "The place of recordings can be reached.")


def _records(account: Account[AsteriskSettings]) -> list[Finding]:
    return records.check(account.settings.record_source(account.time_zone))


def _agi(settings: AsteriskSettings) -> Iterator[Finding]:
    if not settings.agi_port:
        return
    if not (settings.agi_names or settings.agi_owner):
        text = "FastAGI listens, but is allowed neither to name callers nor to route to owners."
        yield Finding("agi", Level.AMBER, text, "Turn on `agi_names` or `agi_owner`, or set `agi_port` to 0.")
        return
    yield Finding("agi", Level.GREEN, f"FastAGI listens on {settings.agi_host}:{settings.agi_port}.")
