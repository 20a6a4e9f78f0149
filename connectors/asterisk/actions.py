"""Tells Asterisk what to do: one guarded pyst2 connection per task, opened, used and closed again.

pyst2 0.5.1 is used for what it does soundly, and fenced where it does not: its own `connect` knows no TLS and no
time limit, its `send_action` waits for ever, takes any answer for its own and lets a line break in a value write a
second action. So one object is one connection and one task, with time limits everywhere.
"""

import contextlib
import queue
import random
import re
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from asterisk.manager import Manager, ManagerException, ManagerMsg

from connectors.asterisk.ami import Connection, open_socket
from connectors.asterisk.settings import AsteriskSettings
from hub.connector.exchange import DialOrder
from hub.errors import AuthError, ConnectorError, GoneError, RejectedError, RetryLaterError

BREAKS = re.compile(r"[\r\n\0]")
NUMBER = re.compile(r"^\+?[0-9*#]{2,20}\Z")
EXTENSION = re.compile(r"^[0-9A-Za-z_.*#+-]{1,40}\Z")
# TECH/name with printable characters. A name that begins with `/` would be a regular expression to Hangup:
# https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/AMI_Actions/Hangup/
CHANNEL = re.compile(r"^[A-Za-z][A-Za-z0-9_]*/[!-+\--~]{1,200}\Z")
PARALLEL = 4
PARALLEL_WAIT_S = 5.0


class _Flag(threading.Event):
    def isSet(self) -> bool:  # noqa: N802 - what pyst2 calls; Python deprecates the inherited one
        return self.is_set()


class GuardedManager(Manager):  # type: ignore[misc]  # pyst2 has no types
    """pyst2's Manager for one short task over plain TCP or TLS; every step ends in time."""

    def __init__(self, settings: AsteriskSettings) -> None:
        # No super(): it makes two threads by calls that Python deprecates. These are the names its methods use.
        self._settings = settings
        self._raw: Any = None
        self._sock: Any = None
        self.title: str | None = None
        self._connected, self._running = _Flag(), _Flag()
        self._message_queue: queue.Queue[list[str] | None] = queue.Queue()
        self._response_queue: queue.Queue[ManagerMsg | None] = queue.Queue()

    def __del__(self) -> None:
        """Do nothing: pyst2 would wait for an answer to Logoff here."""

    def connect(self, host: str = "", port: int = 0) -> ManagerMsg:
        """Connect to the exchange of the settings and read its banner."""
        del host, port  # pyst2's arguments; ours come from the settings
        self._raw = open_socket(self._settings)
        # A read without a limit belongs to pyst2's thread and ends by shutdown() in close().
        self._raw.settimeout(None)
        self._sock = self._raw.makefile("rwb", buffering=0)
        self._connected.set()
        self._running.set()
        for loop in (self._read_to_the_end, self.message_loop):
            threading.Thread(target=loop, name="asterisk-action", daemon=True).start()
        banner = self._get()
        if self.title is None:
            msg = f"{self._settings.host}:{self._settings.port} is not an Asterisk manager."
            raise RetryLaterError(msg)
        return banner

    def send_action(self, cdict: Mapping[str, Any] | None = None, **kwargs: Any) -> ManagerMsg:
        """Send one action and return its own answer, told by the ActionID.

        Raises:
            RejectedError: a value holds a line break; nothing was sent.
            RetryLaterError: no answer in time.
        """
        action = {**(cdict or {}), **kwargs}
        action.setdefault("ActionID", f"hub{random.getrandbits(64):016x}")  # tells answers apart, protects nothing
        lines = [
            f"{key}: {value}"
            for key, values in action.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        if any(BREAKS.search(line) for line in lines):
            msg = "A line break or zero byte in a value for the exchange: nothing was sent."
            raise RejectedError(msg)
        try:
            self._sock.write(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape"))
        except (OSError, ValueError) as error:
            self._fail(str(error))
        while True:
            answer = self._get()
            if answer.get_header("ActionID") == action["ActionID"]:
                return answer

    def close(self) -> None:
        """End the connection; waits for nobody."""
        self._connected.clear()
        self._running.clear()
        if self._raw is not None:
            with contextlib.suppress(OSError, ssl.SSLError):
                self._raw.shutdown(2)
            with contextlib.suppress(OSError, ssl.SSLError):
                self._raw.close()
        self._message_queue.put(None)

    def _read_to_the_end(self) -> None:
        """Read until the connection ends, and only then let its descriptor go: nobody else may be reading from it."""
        try:
            self._receive_data()
        finally:
            self._sock.close()

    def message_loop(self) -> None:
        """Pass on answers until the connection ends. Events are not ours to hear; pyst2's parser fails on some."""
        while lines := self._message_queue.get():
            if not any(line.startswith("Event:") for line in lines):
                self._response_queue.put(ManagerMsg(lines))
        self._response_queue.put(None)

    def _get(self) -> ManagerMsg:
        try:
            answer = self._response_queue.get(timeout=self._settings.timeout_s)
        except queue.Empty:
            self._fail(f"no answer within {self._settings.timeout_s:g} s")
        if not answer:
            self._fail("it closed the connection")
        return answer

    def _fail(self, reason: str) -> NoReturn:
        place = f"{self._settings.host}:{self._settings.port}"
        msg = f"The exchange at {place} does not take orders now ({reason})."
        raise RetryLaterError(msg)


class Actions:
    """The orders that the hub gives to one exchange. Thread-safe; at most four at the same time."""

    def __init__(self, settings: AsteriskSettings) -> None:
        self._settings = settings
        self._slots = threading.BoundedSemaphore(PARALLEL)

    def dial(self, order: DialOrder) -> None:
        """Ring the agent's phone and then call the number; returns when the exchange took the order.

        The click's id is the ActionID, the variable HUB_CLICK_ID, and with `-ch` the Uniqueid of the agent's channel.
        """
        order.check()
        numbers = [number for number in (order.dialled, order.number) if number]
        for number in numbers:
            self._refuse_blocked(number)
        if not EXTENSION.match(order.extension):
            msg = f"{order.extension!r} is no extension that can be rung."
            raise RejectedError(msg)
        phone = self._settings.originate_channel.replace("{extension}", order.extension)
        with self._manager() as manager:
            self._refuse_dead_phone(manager, phone, order.extension)
            number = self._reachable(manager, numbers)
            action: dict[str, Any] = {
                "Action": "Originate",
                "ActionID": order.click_id,
                "Channel": phone,
                "ChannelId": f"{order.click_id}-ch",
                "Context": self._settings.context,
                "Exten": number,
                "Priority": 1,
                "Async": "true",
                "Timeout": int(order.timeout_s * 1000),
                "Variable": [f"__HUB_CLICK_ID={order.click_id}"],
            }
            if order.caller_id:
                action["CallerID"] = order.caller_id
            _check(manager.send_action(action), f"calling from extension {order.extension}")

    def hang_up(self, channel: str) -> None:
        """End one channel; GoneError when it has ended already."""
        _refuse_odd(channel)
        with self._manager() as manager:
            _check(manager.hangup(channel), "hanging up")

    def transfer(self, channel: str, extension: str) -> None:
        """Send the one who talks with `channel` blind to an extension or number; GoneError when it has ended already."""
        _refuse_odd(channel)
        if not NUMBER.match(extension):
            msg = f"{extension!r} is no number to transfer to."
            raise RejectedError(msg)
        self._refuse_blocked(extension)
        with self._manager() as manager:
            # A transfer to a number that the dialplan does not know ends the customer's call [seen on Asterisk 22].
            self._reachable(manager, [extension])
            target = {"Context": self._settings.context, "Exten": extension}
            answer = manager.send_action({"Action": "BlindTransfer", "Channel": channel, **target})
            if "unknown command" not in answer.get_header("Message", ""):
                _check(answer, f"transferring to {extension}")
                return
            peer = _variable(manager, "BRIDGEPEER", channel)
            if not CHANNEL.match(peer):
                msg = "Nobody is connected to this phone, so there is nobody to transfer."
                raise RejectedError(msg)
            answer = manager.send_action({"Action": "Redirect", "Channel": peer, "Priority": 1, **target})
            _check(answer, f"transferring to {extension}")

    def pause_recording(self, channel: str, *, paused: bool) -> None:
        """Stop or go on writing the recording of the call that `channel` is part of.

        The exchange knows a recording by the one channel on which it was started, usually the customer's, and says
        "Cannot set mute flag" of every other [seen on Asterisk 22]. So the other side is tried too, and then, for
        calls through local channels, every channel of the call.
        """
        _refuse_odd(channel)
        with self._manager() as manager:
            if _mute(manager, channel, paused=paused):
                return
            peer = _variable(manager, "BRIDGEPEER", channel)
            if CHANNEL.match(peer) and _mute(manager, peer, paused=paused):
                return
            for name in self._siblings(channel):
                if CHANNEL.match(name) and name not in (channel, peer):
                    with contextlib.suppress(GoneError):  # it ended while we asked
                        if _mute(manager, name, paused=paused):
                            return
        raise RejectedError("This call is not being recorded by MixMonitor, so there is nothing to pause.")

    def _siblings(self, channel: str) -> list[str]:
        """The channels of the same call. Asked by our own reader: pyst2 loses its way in lists with odd names."""
        with Connection(self._settings, events="off") as connection:
            listed = connection.ask_list("CoreShowChannels")
        calls = {entry.get("Linkedid") for entry in listed if entry.get("Channel") == channel}
        return [entry.get("Channel", "") for entry in listed if entry.get("Linkedid") in calls]

    def variable(self, name: str, channel: str = "") -> str:
        """Return a channel's or global variable or function value; empty where it is not set or not allowed."""
        with self._manager() as manager:
            return _variable(manager, name, channel)

    def ping(self) -> float:
        """Return the exchange's clock, unix seconds; 0 where it does not tell."""
        with self._manager() as manager:
            answer = manager.ping()
        try:
            return float(answer.get_header("Timestamp", "0"))
        except ValueError:
            return 0.0

    @contextlib.contextmanager
    def _manager(self) -> Iterator[GuardedManager]:
        """Lend one logged-in connection that hears no events."""
        if not self._slots.acquire(timeout=PARALLEL_WAIT_S):
            msg = "The exchange is still busy with earlier orders; try again."
            raise RetryLaterError(msg, retry_after=1.0)
        manager = GuardedManager(self._settings)
        try:
            manager.connect()
            secret = self._settings.secret.get_secret_value()
            answer = manager.send_action(
                {"Action": "Login", "Username": self._settings.username, "Secret": secret, "Events": "off"}
            )
            if answer.get_header("Response") != "Success":
                msg = f"The exchange refuses user {self._settings.username!r}: {answer.get_header('Message', '')[:80]}"
                raise AuthError(msg)
            yield manager
        except ManagerException as error:
            msg = f"The exchange at {self._settings.host} does not take orders now ({error})."
            raise RetryLaterError(msg) from error
        finally:
            manager.close()
            self._slots.release()

    def _refuse_blocked(self, number: str) -> None:
        digits = re.sub(r"^\+", "", number)
        for prefix in self._settings.blocked:
            if prefix and (number.startswith(prefix) or digits.startswith(prefix)):
                msg = f"Numbers that begin with {prefix} are blocked for this exchange."
                raise RejectedError(msg)

    def _refuse_dead_phone(self, manager: GuardedManager, phone: str, extension: str) -> None:
        state = _variable(manager, f"DEVICE_STATE({phone.partition('/n')[0] if phone.startswith('Local/') else phone})")
        if state == "INVALID":
            msg = f"The exchange knows no phone {extension}: correct the extension, or `originate_channel` of the account."
            raise RejectedError(msg)
        if state == "UNAVAILABLE":
            msg = f"The phone of extension {extension} is not connected to the exchange."
            raise RejectedError(msg)

    def _reachable(self, manager: GuardedManager, numbers: Sequence[str]) -> str:
        """Return the first form of a number that the dialplan knows; RejectedError where it knows none."""
        for number in numbers:
            # Empty where the function is not loaded: then the exchange decides.
            if _variable(manager, f"DIALPLAN_EXISTS({self._settings.context},{number},1)") != "0":
                return number
        msg = f"Context {self._settings.context} of the exchange does not lead to {' or '.join(numbers)}."
        raise RejectedError(msg)


def _variable(manager: GuardedManager, name: str, channel: str = "") -> str:
    action = {"Action": "Getvar", "Variable": name}
    if channel:
        action["Channel"] = channel
    answer = manager.send_action(action)
    return str(answer.get_header("Value", "")) if answer.get_header("Response") == "Success" else ""


def _mute(manager: GuardedManager, channel: str, *, paused: bool) -> bool:
    state = "1" if paused else "0"
    action = {"Action": "MixMonitorMute", "Channel": channel, "Direction": "both", "State": state}
    answer = manager.send_action(action)
    if "mute flag" in answer.get_header("Message", ""):
        return False
    _check(answer, "pausing the recording")
    return True


def _refuse_odd(channel: str) -> None:
    if not CHANNEL.match(channel):
        msg = f"{channel[:80]!r} is no name of a channel."
        raise RejectedError(msg)


def _check(answer: ManagerMsg, what: str) -> None:
    """Raise what the exchange's refusal means."""
    if answer.get_header("Response") == "Success":
        return
    said = str(answer.get_header("Message", "no reason given"))[:120]
    raise _refusal(said, what)


def _refusal(said: str, what: str) -> ConnectorError:
    lower = said.lower()
    if "no such channel" in lower or ("does not exist" in lower and "channel" in lower):
        return GoneError(f"The call has ended already ({said}).")
    if "permission denied" in lower:
        return RejectedError(f"The manager user may not do this ({what}): add write = originate,call to manager.conf.")
    return RejectedError(f"The exchange refuses {what}: {said}")
