"""The Asterisk connector over TCP, against the simulator with each of its faults."""

import datetime as dt
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.asterisk import CONNECTOR, ami, demo
from connectors.asterisk.exchange import AsteriskExchange
from connectors.asterisk.message import Message, wanted
from connectors.asterisk.settings import AsteriskSettings
from connectors.asterisk.simulator import FAULTS, AsteriskSimulator, create
from hub.connector.contract import Account, Level
from hub.connector.exchange import DialOrder
from hub.connector.simulator import Faults
from hub.errors import AuthError, GoneError, RejectedError, RetryLaterError
from hub.records import telephony as says

TRACES = Path(__file__).parents[1] / "fixtures" / "asterisk"


class Heard:
    """A sink that keeps what it hears, and can be full."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.facts: list[Mapping[str, Any]] = []
        self.errors: list[Exception | None] = []
        self.delays: list[float] = []
        self.counts: dict[str, int] = {}
        self.full = False
        self.gaps = 0

    def heard(self, at: float, messages: Sequence[bytes]) -> bool:
        if self.full:
            return False
        self.messages.extend(messages)
        return True

    def missed(self) -> None:
        self.gaps += 1

    def connected(self, facts: Mapping[str, Any]) -> None:
        self.facts.append(facts)

    def disconnected(self, error: Exception | None, retry_in: float) -> None:
        self.errors.append(error)
        self.delays.append(retry_in)

    def counted(self, name: str, amount: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + amount

    def count(self, event: str) -> int:
        return sum(1 for message in self.messages if message.startswith(f"Event: {event}\r\n".encode()))


def until(what: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    clock = threading.Event()
    while not what():
        assert time.monotonic() < deadline, "did not happen in time"
        clock.wait(0.005)


def account(simulator: AsteriskSimulator, **values: object) -> Account[AsteriskSettings]:
    settings = AsteriskSettings.model_validate(simulator.settings() | {"timeout_s": 1} | values)
    return Account(1, "pbx", settings, "NL", "UTC")


@contextmanager
def listening(simulator: AsteriskSimulator, **values: object) -> Iterator[Heard]:
    heard, stop = Heard(), threading.Event()
    exchange = AsteriskExchange(account(simulator, **values))
    thread = threading.Thread(target=exchange.listen, args=(heard, stop))
    thread.start()
    try:
        yield heard
    finally:
        began = time.monotonic()
        stop.set()
        thread.join(5)
        assert not thread.is_alive()
        assert time.monotonic() - began < 1


@pytest.fixture
def simulator() -> Iterator[AsteriskSimulator]:
    simulator = create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


def events(exchange: AsteriskExchange, heard: Heard) -> list[says.CallEvent]:
    translator = exchange.translator()
    return [event for message in heard.messages for event in translator.translate(0, message)]


# -- hearing --------------------------------------------------------------------------------------------------------


def test_a_call_is_heard_from_its_first_channel_to_its_last_hangup(simulator: AsteriskSimulator) -> None:
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        call = simulator.ring(caller="+442079460123", name='O\'Neil "x"', extensions=["101", "102"])
        call.answer("102")
        call.hangup("agent")
        until(lambda: heard.count("Hangup") == 3)
    told = events(AsteriskExchange(account(simulator)), heard)
    started = next(event for event in told if isinstance(event, says.ChannelStarted))
    assert (started.channel.number, started.channel.person) == ("+442079460123", 'O\'Neil "x"')
    ringing = [event for event in told if isinstance(event, says.ChannelChanged) and event.state == "ringing"]
    assert len(ringing) == 2
    assert any(isinstance(event, says.RecordingStarted) for event in told)
    assert heard.facts[0]["version"] == "22.0.0-simulated"
    assert abs(heard.facts[0]["skew_s"]) < 1
    assert heard.counts["filtered"] > 0
    assert heard.counts["received"] >= heard.counts["filtered"] + len(heard.messages)


def test_the_state_is_asked_after_the_login_and_tells_of_calls_that_are_on(simulator: AsteriskSimulator) -> None:
    call = simulator.ring(caller="1234567", extensions=["101"])
    call.answer()
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
    told = events(AsteriskExchange(account(simulator)), heard)
    (listed,) = [event for event in told if isinstance(event, says.ChannelsListed)]
    assert {entry.state for entry in listed.channels} == {"up"}
    assert len({entry.bridge for entry in listed.channels}) == 1
    assert any(isinstance(event, says.Booted) for event in told)


def test_a_full_queue_makes_us_ask_for_the_whole_state_again(simulator: AsteriskSimulator) -> None:
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete") == 1)
        heard.full = True
        simulator.ring(caller="1234567", extensions=["101"])
        until(lambda: heard.counts["received"] > 10)
        heard.full = False
        until(lambda: heard.count("CoreShowChannelsComplete") == 2)
        assert heard.count("CoreShowChannel") == 2
        assert heard.gaps == 1
        assert heard.errors == []


def test_fully_booted_makes_us_ask_for_the_state_again(simulator: AsteriskSimulator) -> None:
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete") == 1)
        simulator.send(b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 0\r\n\r\n")
        until(lambda: heard.count("CoreShowChannelsComplete") == 2)


def test_a_recorded_stream_arrives_whole_in_its_own_pieces(simulator: AsteriskSimulator) -> None:
    stream = (TRACES / "01_ringgroup_answer.ami").read_bytes()
    timing = json.loads((TRACES / "01_ringgroup_answer.json").read_text())["timing"]
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        heard.messages.clear()
        simulator.replay(stream, timing, speed=50, fresh_ids=False)
        sent = [message for message in ami.Framer().feed(stream) if wanted(message)]
        until(lambda: len(heard.messages) == len(sent))
        assert heard.messages == sent


def test_a_stream_played_twice_is_two_calls(simulator: AsteriskSimulator) -> None:
    stream = (TRACES / "29_click2dial_answer.ami").read_bytes()
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        simulator.replay(stream, speed=0)
        simulator.replay(stream, speed=0)
        until(lambda: heard.count("Hangup") == 4)
    ids = {Message.parse(raw).get("Linkedid") for raw in heard.messages if raw.startswith(b"Event: Hangup")}
    assert len(ids) == 2


@pytest.mark.parametrize(
    "text", ["status will follow", "<script>alert(1)</script>", "\u202eevil", "x" * 10_000, "a\r\nb"]
)
def test_a_hostile_caller_name_is_only_a_name(simulator: AsteriskSimulator, text: str) -> None:
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        simulator.ring(caller="1234567", name=text, extensions=["101"]).hangup()
        until(lambda: heard.count("Hangup") == 2)
    told = events(AsteriskExchange(account(simulator)), heard)
    assert next(event for event in told if isinstance(event, says.ChannelStarted)).channel.person == text


# -- trouble --------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_said_and_tried_again_slowly(simulator: AsteriskSimulator) -> None:
    with listening(simulator, secret="another") as heard:
        until(lambda: heard.errors)
        assert isinstance(heard.errors[0], AuthError)
        assert "manager.conf" in str(heard.errors[0])
        assert "another" not in str(heard.errors[0])
        assert heard.delays[0] >= ami.FIRST_REFUSED_S * 0.6
        assert len(heard.errors) == 1


@pytest.mark.parametrize(
    ("fault", "values", "says_what"),
    [
        ("silent", {}, "says nothing"),
        ("half_tls", {}, "not an Asterisk manager|says nothing"),
        ("stop_reading", {}, "does not answer"),
        ("endless", {}, "without the end"),
    ],
)
def test_an_exchange_that_is_ill_is_left_in_time_and_tried_again(
    simulator: AsteriskSimulator, fault: str, values: dict[str, object], says_what: str
) -> None:
    simulator.faults.add(fault)
    with listening(simulator, **values) as heard:
        until(lambda: heard.errors)
        assert isinstance(heard.errors[0], RetryLaterError)
        assert any(word in str(heard.errors[0]) for word in says_what.split("|"))
        assert heard.delays[0] <= ami.FIRST_DELAY_S
        until(lambda: heard.count("CoreShowChannelsComplete"))
        assert heard.counts["reconnects"] == 1


@pytest.mark.parametrize("fault", ["truncated", "drop"])
def test_a_connection_that_breaks_in_the_middle_is_made_again_and_the_state_asked(
    simulator: AsteriskSimulator, fault: str
) -> None:
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete") == 1)
        simulator.faults.add(fault)
        call = simulator.ring(caller="1234567", extensions=["101"])
        until(lambda: heard.count("CoreShowChannelsComplete") == 2)
        assert heard.count("CoreShowChannel") == 2
        call.answer()
        until(lambda: heard.count("BridgeEnter") == 2)
        assert len(heard.errors) == 1


def test_garbage_is_counted_and_what_follows_is_heard(simulator: AsteriskSimulator) -> None:
    simulator.faults.add("garbage")
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        simulator.ring(caller="1234567", extensions=["101"])
        until(lambda: heard.count("Newstate"))
        assert heard.counts["garbage"] >= 2
        assert heard.errors == []


def test_a_slow_line_loses_nothing(simulator: AsteriskSimulator) -> None:
    simulator.faults.add("slow=always")
    with listening(simulator, timeout_s=5) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        call = simulator.ring(caller="1234567", extensions=["101"])
        call.answer()
        call.hangup()
        until(lambda: heard.count("Hangup") == 2)


def test_a_restart_of_the_exchange_shows_by_another_boot(simulator: AsteriskSimulator) -> None:
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete") == 1)
        simulator.ring(caller="1234567", extensions=["101"]).answer()
        until(lambda: heard.count("BridgeEnter") == 2)
        simulator.faults.add("restart")
        simulator.ring(caller="7654321", extensions=["102"])
        until(lambda: heard.count("CoreShowChannelsComplete") == 2)
    told = events(AsteriskExchange(account(simulator)), heard)
    assert len({event.boot_id for event in told if isinstance(event, says.Booted)}) == 2


def test_refused_rights_leave_the_events_that_are_allowed(simulator: AsteriskSimulator) -> None:
    simulator.faults.add("refused_rights")
    with listening(simulator) as heard:
        until(lambda: heard.facts)
        assert "refuses CoreSettings and CoreStatus" in heard.facts[0]["warning"]
        simulator.ring(caller="1234567", extensions=["101"])
        until(lambda: heard.count("Newstate"))
        assert heard.errors == []


def test_a_silent_line_is_kept_by_pings(simulator: AsteriskSimulator) -> None:
    with listening(simulator, keepalive_s=0.05) as heard:
        until(lambda: sum(1 for action in simulator.received if action["action"] == "Ping") > 3)
        assert heard.errors == []


def test_a_closed_port_is_said_and_found_open_again(simulator: AsteriskSimulator) -> None:
    simulator.disconnect()
    with listening(simulator) as heard:
        until(lambda: heard.errors)
        assert "cannot be reached" in str(heard.errors[0])
        simulator.boot()
        until(lambda: heard.count("CoreShowChannelsComplete"))


def test_delays_grow_with_chance_up_to_a_limit() -> None:
    delays = [ami._delay(tries, ami.FIRST_DELAY_S, ami.LAST_DELAY_S) for tries in range(1, 40)]
    assert all(0 < delay <= ami.LAST_DELAY_S for delay in delays)
    assert delays[0] <= ami.FIRST_DELAY_S
    assert delays[-1] >= ami.LAST_DELAY_S * 0.6
    assert len(set(delays)) == len(delays)


def test_stop_is_seen_while_nobody_answers(simulator: AsteriskSimulator) -> None:
    simulator.faults.add("silent")
    with listening(simulator, timeout_s=30):
        until(lambda: not simulator.faults.take("silent"))
    # `listening` asserts that the end took less than a second.


# -- TLS ------------------------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str = "pbx.example") -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=10))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls_simulator(tmp_path: Path) -> Iterator[AsteriskSimulator]:
    simulator = AsteriskSimulator(0, Faults(), certificate=str(certificate(tmp_path)))
    simulator.start()
    yield simulator
    simulator.stop()


def test_tls_with_its_own_ca_and_name_is_accepted(tls_simulator: AsteriskSimulator, tmp_path: Path) -> None:
    with listening(tls_simulator, tls=True, ca=str(tmp_path / "pbx.example.pem")) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        tls_simulator.ring(caller="1234567", extensions=["101"])
        until(lambda: heard.count("Newstate"))
        exchange = AsteriskExchange(account(tls_simulator, tls=True, ca=str(tmp_path / "pbx.example.pem")))
        tls_simulator.agent_answers_s = None
        exchange.dial(DialOrder("click-1", "101", "0201234567"))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tls": True}, "certificate .* is not accepted"),
        ({"tls": True, "ca": "pbx.example.pem", "tls_name": "other.example"}, "certificate .* is not accepted"),
        ({"tls": True, "ca": "missing.pem"}, "CA certificate cannot be read"),
        ({"tls": False}, "says nothing|broke|closed"),
    ],
)
def test_tls_that_does_not_fit_is_refused_with_a_reason(
    tls_simulator: AsteriskSimulator, tmp_path: Path, values: dict[str, object], words: str
) -> None:
    certificate(tmp_path, "another.example")
    if "ca" in values:
        values = values | {"ca": str(tmp_path / str(values["ca"]))}
    settings = account(tls_simulator, **values).settings
    with pytest.raises(RetryLaterError, match=words):
        ami.Connection(settings)


def test_tls_towards_a_plain_port_is_refused_with_a_reason(simulator: AsteriskSimulator) -> None:
    with pytest.raises(RetryLaterError, match="does not speak TLS"):
        ami.Connection(account(simulator, tls=True).settings)


# -- telling --------------------------------------------------------------------------------------------------------


def test_a_click_rings_the_agent_and_then_the_customer(simulator: AsteriskSimulator) -> None:
    simulator.agent_answers_s = simulator.customer_answers_s = 0.02
    simulator.talk_s = 0.05
    exchange = AsteriskExchange(account(simulator))
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        exchange.dial(DialOrder("click-7", "101", "+442079460123"))
        until(lambda: heard.count("Hangup") == 2)
    told = events(exchange, heard)
    (ended,) = [event for event in told if isinstance(event, says.OriginateEnded)]
    assert (ended.click_id, ended.uid, ended.ok) == ("click-7", "click-7-ch", True)
    assert {event.click_id for event in told if isinstance(event, says.ClickMarked)} == {"click-7"}
    order = next(action for action in simulator.received if action["action"] == "Originate")
    assert (order["channelid"], order["async"], order["exten"]) == ("click-7-ch", "true", "+442079460123")
    assert order["variable"] == "__HUB_CLICK_ID=click-7"


def test_an_agent_who_does_not_pick_up_is_told(simulator: AsteriskSimulator) -> None:
    simulator.agent_answers_s = None
    exchange = AsteriskExchange(account(simulator))
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        exchange.dial(DialOrder("click-8", "101", "+442079460123", timeout_s=0.05))
        until(lambda: heard.count("OriginateResponse"))
    (ended,) = [event for event in events(exchange, heard) if isinstance(event, says.OriginateEnded)]
    assert not ended.ok


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (DialOrder("c", "101", "5550100\r\nAction: Command"), "no number"),
        (DialOrder("c", "101", "call me"), "no number"),
        (DialOrder("c", "101", "1"), "no number"),
        (DialOrder("c", "101", "1" * 21), "no number"),
        (DialOrder("c", "101", "٠١٢٣٤"), "no number"),
        (DialOrder("c", "101", "5550100\n"), "no number"),
        (DialOrder("c", "101\r\nX: y", "5550100"), "no extension"),
        (DialOrder("c", "101&SIP/evil", "5550100"), "no extension"),
        (DialOrder("c\r\nX: y", "101", "5550100"), "no id of an order"),
        (DialOrder("c", "101", "5550100", caller_id="x\r\nAction: Command"), "line break"),
        (DialOrder("c", "999", "5550100"), "knows no phone 999"),
        (DialOrder("c", "103", "5550100"), "not connected"),
        (DialOrder("c", "101", "999"), "does not lead to 999"),
        (DialOrder("c", "101", "0900123456"), "blocked"),
        (DialOrder("c", "101", "+900123456"), "blocked"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused_and_nothing_is_dialled(
    simulator: AsteriskSimulator, order: DialOrder, words: str
) -> None:
    simulator.pbx.unregistered.add("103")
    exchange = AsteriskExchange(account(simulator, blocked_prefixes="0900\n+900"))
    with pytest.raises(RejectedError, match=words):
        exchange.dial(order)
    assert not [action for action in simulator.received if action["action"] in ("Originate", "Command")]


@pytest.mark.parametrize(
    "channel", ["/.*/", "", "PJSIP", "PJSIP/101-1\r\nAction: X", "PJSIP/101 1", "PJSIP/é", "/PJSIP/101/", "PJSIP/1\n"]
)
def test_a_name_that_is_no_channel_is_never_sent(simulator: AsteriskSimulator, channel: str) -> None:
    exchange = AsteriskExchange(account(simulator))
    for act in (exchange.hang_up, lambda name: exchange.transfer(name, "101")):
        with pytest.raises(RejectedError, match="no name of a channel"):
            act(channel)
    with pytest.raises(RejectedError, match="no name of a channel"):
        exchange.pause_recording(channel, paused=True)
    assert simulator.received == []


def test_hanging_up_ends_the_call_once(simulator: AsteriskSimulator) -> None:
    exchange = AsteriskExchange(account(simulator))
    call = simulator.ring(caller="1234567", extensions=["101"])
    call.answer()
    assert call.talking is not None
    exchange.hang_up(call.talking.name)
    until(lambda: call.ended)
    with pytest.raises(GoneError):
        exchange.hang_up(call.talking.name)


def test_a_blind_transfer_rings_the_other_phone(simulator: AsteriskSimulator) -> None:
    exchange = AsteriskExchange(account(simulator))
    call = simulator.ring(caller="1234567", extensions=["101"])
    call.answer()
    agent = call.talking
    assert agent is not None
    exchange.transfer(agent.name, "102")
    assert list(call.ringing) == ["102"]
    with pytest.raises(GoneError):
        exchange.transfer(agent.name, "102")


def test_a_transfer_that_leads_nowhere_is_refused_and_the_customer_stays(simulator: AsteriskSimulator) -> None:
    exchange = AsteriskExchange(account(simulator))
    call = simulator.ring(caller="1234567", extensions=["101"])
    call.answer()
    assert call.talking is not None
    for target in ("998", "abc", "1\r\n2"):
        with pytest.raises(RejectedError):
            exchange.transfer(call.talking.name, target)
    assert not call.ended


def test_a_recording_is_paused_by_the_agents_channel_and_holds_silence(simulator: AsteriskSimulator) -> None:
    exchange = AsteriskExchange(account(simulator))
    call = simulator.ring(caller="1234567", extensions=["101"])
    call.answer()
    assert call.talking is not None
    exchange.pause_recording(call.talking.name, paused=True)
    until(lambda: time.time() - (call.answered or 0) > 0.2)
    exchange.pause_recording(call.talking.name, paused=False)
    call.hangup()
    assert exchange.recording_facts(call.recording).size > 44
    with exchange.open_recording(call.recording, start=44) as sound:
        assert b"\0" * 800 in sound.read()


def test_a_recording_of_a_consulted_call_is_found_among_its_channels(simulator: AsteriskSimulator) -> None:
    exchange = AsteriskExchange(account(simulator))
    call = simulator.ring(caller="1234567", name="status will follow", extensions=["101"])
    call.answer()
    call.consult("102")
    call.answer("102")
    assert call.consulted is not None
    exchange.pause_recording(call.consulted.name, paused=True)


def test_what_is_not_recorded_cannot_be_paused(simulator: AsteriskSimulator) -> None:
    exchange = AsteriskExchange(account(simulator))
    call = simulator.ring(caller="1234567", extensions=["101"], record=False)
    call.answer()
    assert call.talking is not None
    with pytest.raises(RejectedError, match="not being recorded"):
        exchange.pause_recording(call.talking.name, paused=True)


def test_a_user_without_the_right_is_told_which(simulator: AsteriskSimulator) -> None:
    simulator.write = {"reporting"}
    call = simulator.ring(caller="1234567", extensions=["101"])
    with pytest.raises(RejectedError, match=r"manager\.conf"):
        AsteriskExchange(account(simulator)).hang_up(call.origin.name)


@pytest.mark.parametrize("fault", ["silent", "half_tls", "stop_reading"])
def test_an_order_to_an_exchange_that_is_ill_ends_in_time(simulator: AsteriskSimulator, fault: str) -> None:
    simulator.faults.add(fault)
    began = time.monotonic()
    with pytest.raises(RetryLaterError):
        AsteriskExchange(account(simulator, timeout_s=0.3)).hang_up("PJSIP/101-00000001")
    assert time.monotonic() - began < 3


def test_orders_with_a_wrong_password_or_no_exchange_say_so(simulator: AsteriskSimulator) -> None:
    with pytest.raises(AuthError, match="refuses user"):
        AsteriskExchange(account(simulator, secret="another")).hang_up("PJSIP/101-00000001")
    simulator.disconnect()
    with pytest.raises(RetryLaterError, match="cannot be reached"):
        AsteriskExchange(account(simulator)).hang_up("PJSIP/101-00000001")


def test_an_answer_to_somebody_else_is_not_taken_for_ours() -> None:
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"Asterisk Call Manager/11.0.0\r\n")
            for line in lines:
                if line == b"\r\n":
                    connection.sendall(b"Response: Success\r\nActionID: somebody-else\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        given = {
            "host": "127.0.0.1",
            "port": listener.getsockname()[1],
            "username": "x",
            "secret": "x",
            "timeout_s": 0.3,
        }
        settings = AsteriskSettings.model_validate(given)
        with pytest.raises(RetryLaterError, match="no answer within"):
            AsteriskExchange(Account(1, "pbx", settings, "NL", "UTC")).hang_up("PJSIP/101-00000001")
        thread.join(5)


def test_orders_given_at_once_do_not_mix_and_leave_no_thread(simulator: AsteriskSimulator) -> None:
    exchange = AsteriskExchange(account(simulator, timeout_s=5))
    before = threading.active_count()
    found: dict[str, str] = {}

    def ask(number: str) -> None:
        found[number] = exchange._actions.variable(f"DIALPLAN_EXISTS(from-internal,{number},1)")

    numbers = ["101", "999", "102", "998", "103", "997", "201", "996"]
    threads = [threading.Thread(target=ask, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == {number: "0" if number.startswith("99") else "1" for number in numbers}
    until(lambda: threading.active_count() <= before)


# -- the self-check -------------------------------------------------------------------------------------------------


def findings(simulator: AsteriskSimulator, **values: object) -> dict[str, Level]:
    return {finding.topic: finding.level for finding in CONNECTOR.check(account(simulator, **values))}


def test_a_healthy_exchange_is_green(simulator: AsteriskSimulator) -> None:
    simulator.pbx.system_name = "pbx1"
    levels = findings(simulator)
    assert levels.pop("records") is Level.AMBER
    assert set(levels.values()) == {Level.GREEN}
    assert {
        "connection",
        "login",
        "clock",
        "read call",
        "read dialplan",
        "write rights",
        "context",
        "recordings",
    } <= set(levels)


def test_each_missing_right_is_named(simulator: AsteriskSimulator) -> None:
    simulator.read = {"call", "cdr"}
    simulator.write = {"call", "reporting"}
    levels = findings(simulator)
    assert levels["read dialplan"] is Level.RED
    assert levels["read call"] is Level.GREEN
    assert levels["write originate"] is Level.AMBER


def test_what_is_wrong_is_red_and_says_what_to_do(simulator: AsteriskSimulator, tmp_path: Path) -> None:
    assert findings(simulator, secret="another")["login"] is Level.RED
    assert findings(simulator, recordings_root=str(tmp_path / "missing"))["recordings"] is Level.RED
    simulator.clock_skew_s = 5
    assert findings(simulator)["clock"] is Level.AMBER
    assert findings(simulator, context="nowhere")["context"] is Level.AMBER
    simulator.disconnect()
    assert findings(simulator)["connection"] is Level.RED


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_no_fault_makes_the_check_fail_or_hang(simulator: AsteriskSimulator, fault: str) -> None:
    simulator.faults.add(f"{fault}=always")
    began = time.monotonic()
    assert CONNECTOR.check(account(simulator, timeout_s=0.5))
    assert time.monotonic() - began < 30


def test_a_certificate_that_ends_soon_is_amber(tls_simulator: AsteriskSimulator, tmp_path: Path) -> None:
    levels = findings(tls_simulator, tls=True, ca=str(tmp_path / "pbx.example.pem"))
    assert levels["tls"] is Level.AMBER


# -- the demo -------------------------------------------------------------------------------------------------------


def test_a_demo_day_makes_every_kind_of_call_and_ends_them_all(simulator: AsteriskSimulator) -> None:
    stop = threading.Event()
    fates = dict.fromkeys(demo.Day().fates, 1)
    day = demo.Day(every_s=0.01, ring_s=0.02, talk_s=0.02, consult_s=0.02, grace_s=0.02, fates=fates)
    with listening(simulator) as heard:
        until(lambda: heard.count("CoreShowChannelsComplete"))
        playing = threading.Thread(target=demo.play, args=(simulator, day, stop), kwargs={"seed": 5})
        playing.start()
        until(lambda: heard.count("BlindTransfer") and heard.count("QueueCallerAbandon") and heard.count("BridgeEnter"))
        stop.set()
        playing.join(5)
        until(lambda: not simulator.pbx.channels)
        until(lambda: heard.count("Hangup") == heard.count("Newchannel"))
