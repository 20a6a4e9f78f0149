"""A small Asterisk to try the hub against: speaks AMI over TCP, plays recorded streams, makes calls, commits faults.

Written from the specification and from recordings of Asterisk 22, knowing nothing of our reader.
Source: https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/AMI_Actions/
"""

import contextlib
import heapq
import itertools
import os
import queue
import random
import re
import secrets
import shutil
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from connectors.asterisk import trace
from connectors.asterisk.simulated_pbx import MONITOR, STATES, UNKNOWN, Header, SimCall, SimChannel, SimPbx, escaped
from hub.connector.simulator import Fault, Faults, Harm

OPTIONS, performance = trace.OPTIONS, trace.performance

FAULTS = {
    "wrong_password": Fault("refuses the login", Harm.REFUSED),
    "refused_rights": Fault("lets in a user that may hear only `call` events and may do nothing", Harm.LIMITED),
    "silent": Fault("accepts the connection and says nothing", Harm.AWAY),
    "stop_reading": Fault("after the login neither reads nor writes", Harm.AWAY),
    "garbage": Fault("sends bytes that are no messages, then goes on", Harm.NOISE),
    "endless": Fault("sends a message that never ends", Harm.CUT),
    "truncated": Fault("cuts the next event in the middle and closes", Harm.CUT),
    "drop": Fault("closes instead of sending the next event", Harm.CUT),
    "slow": Fault("sends a few bytes at a time", Harm.NOISE),
    "half_tls": Fault("begins a TLS handshake and stops", Harm.AWAY),
    "restart": Fault("dies without a word at the next event and starts again as another", Harm.CUT),
}
EVERYTHING = frozenset({"call", "agent", "cdr", "dialplan", "user"})
# Action -> the write classes of which one is needed, and what ListCommands says of it.
ACTIONS = {
    "Atxfer": ("call",),
    "BlindTransfer": ("call",),
    "CoreSettings": ("system", "reporting"),
    "CoreShowChannels": ("system", "reporting"),
    "CoreStatus": ("system", "reporting"),
    "DeviceStateList": ("call", "reporting"),
    "Events": (),
    "Getvar": ("call", "reporting"),
    "Hangup": ("system", "call"),
    "ListCommands": (),
    "Login": (),
    "Logoff": (),
    "MixMonitorMute": ("system", "call"),
    "Originate": ("originate",),
    "Ping": (),
    "QueueStatus": (),
    "Redirect": ("call",),
    "Setvar": ("call",),
}
PAST_CALLS = 5_100  # the reader's pages have 5,000 rows
BACKLOG = 64 * 1024 * 1024  # bytes waiting for a client that does not read, before it is cut off
EPOCH_ID = re.compile(rb"(?<![0-9.])([0-9]{10})(\.[0-9]+)(?![0-9.])")


class AsteriskSimulator:
    """One exchange. `pbx` holds its channels; `ring` and `pbx.outgoing` make calls."""

    def __init__(
        self, port: int = 0, faults: Faults | None = None, *, certificate: str = "", system_name: str = ""
    ) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.username = "hub"
        self.secret = secrets.token_hex(12)
        self.read = set(EVERYTHING)
        self.write = {"originate", "call", "reporting"}
        self.clock_skew_s = 0.0
        # What becomes of a click-to-dial: seconds to each pick-up (None: never), and of talk.
        self.agent_answers_s: float | None = 1.0
        self.customer_answers_s: float | None = 1.5
        self.talk_s: float | None = 20.0
        self.received: list[dict[str, str]] = []  # actions, the secret left out; for tests
        self.recordings = Path(tempfile.mkdtemp(prefix="simulated-recordings-"))
        self.pbx = SimPbx(self._emit, recordings=self.recordings, system_name=system_name)
        self.pbx.extensions.update({"101", "102", "103", "201", "202", "203"})
        self._certificate = certificate
        self._listener: socket.socket | None = None
        self._sessions: set[_Session] = set()
        self._lock = threading.Lock()
        self._timetable = _Timetable()
        self._stopped = False

    # -- hub.connector.simulator.Simulator --------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections."""
        self._stopped = False
        listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="asterisk-simulator", daemon=True).start()
        self._timetable.start()

    def stop(self) -> None:
        """End every connection and thread, and remove the recordings."""
        self._stopped = True
        self._timetable.stop()
        self.disconnect()
        shutil.rmtree(self.recordings, ignore_errors=True)

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches this simulator."""
        return {
            "host": "127.0.0.1",
            "port": str(self.port),
            "username": self.username,
            "secret": self.secret,
            "recordings_root": str(self.recordings),
            "prefix_map": f"{MONITOR}={self.recordings}",
        }

    @property
    def asked(self) -> int:
        """How many actions came so far."""
        return len(self.received)

    def whole_call(self, caller: str, extensions: Sequence[str], answer: str) -> None:
        """Play a recorded incoming call from ringing to hang-up, without waiting in between."""
        with self.pbx.lock:
            call = self.ring(caller=caller, extensions=extensions)
            call.answer(answer)
            call.hangup()

    def remember(self) -> dict[str, str]:
        """Write a Master.csv of past calls, and return the setting that reads it."""
        file = self.recordings / "Master.csv"
        began = int(time.time()) - 40 * PAST_CALLS
        with file.open("w", encoding="utf-8") as lines:
            for number in range(PAST_CALLS):
                lines.write(_call_record(began + 30 * number, number))
        return {"cdr_source": f"csv:{file}?zone=UTC"}

    # -- what happens to the exchange -------------------------------------------------------------------------

    def disconnect(self) -> None:
        """Close the port and every connection; calls go on."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> None:
        """Close every connection; the port stays open."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.close()

    def kill(self) -> None:
        """Die as by `kill -9`: no Hangup, no Cdr; everything is forgotten."""
        self.disconnect()
        self._timetable.clear()
        self.pbx.crash()

    def boot(self) -> None:
        """Start again, on the same port, after `kill` or `disconnect`."""
        self.start()
        self.pbx.emit("system", "FullyBooted", [("Status", "Fully Booted"), ("Uptime", "0"), ("LastReload", "0")])

    def ring(  # noqa: PLR0913 - a call is described by what differs from a plain one
        self,
        *,
        caller: str,
        name: str = "",
        did: str = "5550100",
        extensions: Sequence[str] = (),
        queue: str = "",
        busy: Sequence[str] = (),
        keyed: str = "",
        record: bool = True,
    ) -> SimCall:
        """Let somebody call: the phones of `extensions` (or of the queue's members) ring; the handle does the rest."""
        with self.pbx.lock:
            wanted = list(extensions) or self.pbx.queues.get(queue, [])
            self.pbx.extensions.update(wanted)
            return self.pbx.incoming(
                caller=caller, name=name, did=did, extensions=wanted, queue=queue, busy=busy, keyed=keyed, record=record
            )

    def later(self, seconds: float, step: Callable[[], object]) -> None:
        """Do a step of a call after some time; steps of calls that have ended do nothing."""
        self._timetable.add(seconds, step)

    def send(self, data: bytes) -> None:
        """Send bytes, as they are, to everybody who hears events."""
        with self._lock:
            sessions = [session for session in self._sessions if session.events]
        for session in sessions:
            session.write(data)

    def replay(
        self, stream: bytes, timing: Sequence[Sequence[float]] = (), *, speed: float = 1.0, fresh_ids: bool = True
    ) -> None:
        """Play a recorded stream in its own rhythm and fragmentation, or `speed` times faster (0: at once).

        Args:
            stream: the raw bytes, as a client received them after its login.
            timing: pairs of seconds since the start and offset in the stream; empty: all at once.
            speed: 2 plays twice as fast; 0 as fast as it goes.
            fresh_ids: give Uniqueids and Linkedids another epoch, so that a stream can be played again as other calls.
        """
        data = fresh(stream) if fresh_ids else stream
        began = time.monotonic()
        slices = [(at, int(offset)) for at, offset in timing] or [(0.0, 0)]
        for index, (at, offset) in enumerate(slices):
            end = slices[index + 1][1] if index + 1 < len(slices) else len(data)
            if speed:
                _wait_until(began + at / speed, lambda: self._stopped)
            self.send(data[offset:end])

    # -- inside -----------------------------------------------------------------------------------------------

    @property
    def clients(self) -> int:
        """How many are connected and hear events."""
        with self._lock:
            return sum(1 for session in self._sessions if session.events)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name="asterisk-session", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self._certificate)
                connection.settimeout(5)
                connection = context.wrap_socket(connection, server_side=True)
                connection.settimeout(None)
            session = _Session(self, connection)
        except OSError:
            connection.close()
            return
        with self._lock:
            self._sessions.add(session)
        try:
            session.serve()
        finally:
            with self._lock:
                self._sessions.discard(session)
            session.close()

    def _emit(self, privilege: str, headers: list[Header]) -> None:
        data = message(headers)
        with self._lock:
            sessions = [session for session in self._sessions if session.hears(privilege)]
        if not sessions:
            return
        if self.faults.take("restart"):
            threading.Thread(target=self._restart, name="asterisk-restart", daemon=True).start()
            return
        cut, dropped = self.faults.take("truncated"), self.faults.take("drop")
        for session in sessions:
            if not dropped:
                session.write(data[: len(data) // 2] if cut else data)
            if cut or dropped:
                session.finish()

    def _restart(self) -> None:
        self.kill()
        self.boot()


class _Session:
    """One client."""

    def __init__(self, simulator: AsteriskSimulator, connection: socket.socket) -> None:
        self._simulator = simulator
        self._socket = connection
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._size = 0
        self._logged_in = False
        self.events = False
        self._read: set[str] = set()
        self._write: set[str] = set()
        self._mask: set[str] | None = None  # None: every class
        self._writer = threading.Thread(target=self._send, name="asterisk-writer", daemon=True)
        self._writer.start()

    def hears(self, privilege: str) -> bool:
        """Say whether an event of this class goes to this client."""
        return self.events and privilege in self._read and (self._mask is None or privilege in self._mask)

    def write(self, data: bytes) -> None:
        """Send, without waiting for the client; one that does not read for long is cut off."""
        self._size += len(data)
        if self._size > BACKLOG:
            self.close()
        else:
            self._waiting.put(data)

    def finish(self) -> None:
        """Close when everything is sent."""
        self._waiting.put(None)

    def close(self) -> None:
        """Close now."""
        self.events = False
        self._waiting.put(None)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._socket.close()

    def serve(self) -> None:
        """Answer actions until the client goes."""
        faults = self._simulator.faults
        if faults.take("silent"):
            self._swallow()
            return
        if faults.take("half_tls"):
            self._socket.sendall(b"\x16\x03\x03\x00\x7a\x02\x00")
            self._swallow()
            return
        self.write(b"Asterisk Call Manager/11.0.0\r\n")
        with contextlib.suppress(OSError, ValueError), self._socket.makefile("rb") as lines:
            while headers := _read_action(lines):
                if not self._act(headers):
                    break
        self.finish()
        self._writer.join(5)

    def _swallow(self) -> None:
        with contextlib.suppress(OSError):
            while self._socket.recv(65536):
                pass

    def _send(self) -> None:
        while (data := self._waiting.get()) is not None:
            slow = self._simulator.faults.take("slow")
            try:
                for start in range(0, len(data), 7 if slow else len(data)):
                    self._socket.sendall(data[start : start + 7] if slow else data)
            except OSError:
                break
            self._size -= len(data)
        self.close()

    def _act(self, headers: list[Header]) -> bool:
        """Do one action; False ends the session."""
        given = {key.lower(): value for key, value in reversed(headers)}
        name = next((known for known in ACTIONS if known.lower() == given.get("action", "").lower()), "")
        self._simulator.received.append({key: value for key, value in given.items() if key != "secret"})
        reply = _Reply(self, given.get("actionid", ""))
        if name == "Login":
            return self._log_in(given, reply)
        if not name and self._logged_in:
            unknown = given.get("action", "")
            reply.error(f"Invalid/unknown command: {unknown}. Use Action: ListCommands to show available commands.")
        elif not self._logged_in or (ACTIONS[name] and not self._write.intersection(ACTIONS[name])):
            reply.error("Permission denied")
        elif name == "Logoff":
            reply.send([("Response", "Goodbye"), *reply.id, ("Message", "Thanks for all the fish.")])
            return False
        elif name == "Events":
            self._set_mask(given.get("eventmask", "on"))
            reply.success([("Events", "On" if self.events else "Off")])
        elif name == "ListCommands":
            self._list_commands(reply)
        else:
            with self._simulator.pbx.lock:
                _Desk(self._simulator, given, headers, reply).do(name)
        return True

    def _list_commands(self, reply: "_Reply") -> None:
        reply.success(
            [
                (action, f"What it does.  (Priv: {','.join([*classes, 'all']) if classes else '<none>'})")
                for action, classes in ACTIONS.items()
                if not classes or self._write.intersection(classes)
            ]
        )

    def _log_in(self, given: dict[str, str], reply: "_Reply") -> bool:
        simulator = self._simulator
        known = given.get("username") == simulator.username and given.get("secret") == simulator.secret
        if simulator.faults.take("wrong_password") or not known:
            reply.error("Authentication failed")
            return False
        limited = simulator.faults.take("refused_rights")
        self._read, self._write = ({"call"}, set()) if limited else (set(simulator.read), set(simulator.write))
        self._logged_in = True
        reply.success([("Message", "Authentication accepted")])
        if simulator.faults.take("stop_reading"):
            self._swallow_nothing()
            return False
        self._set_mask(given.get("events", "on"))
        if self.events and "system" in self._read:
            booted = [("Event", "FullyBooted"), ("Privilege", "system,all"), ("Status", "Fully Booted")]
            reply.send([*booted, ("Uptime", str(int(time.time() - simulator.pbx.started)))])
        if simulator.faults.take("garbage"):
            noise = random.Random(7).randbytes(4096).replace(b"\r\n\r\n", b"....")  # noqa: S311 - repeatable noise
            self.write(noise[:2048] + b"\r\n\r\n" + noise[2048:] + b"\r\n\r\n\r\n\r\nEvent\r\n: \r\n\r\n")
        if simulator.faults.take("endless"):
            self.write(b"Event: VarSet\r\nValue: " + b"x" * 1_500_000)
        return True

    def _swallow_nothing(self) -> None:
        """Keep the connection open, reading nothing, until somebody closes it."""
        ended = threading.Event()
        while not ended.wait(0.05) and self._socket.fileno() >= 0:
            pass

    def _set_mask(self, mask: str) -> None:
        words = {word.strip().lower() for word in mask.split(",")}
        self._mask = None if words & {"on", "all", "true", "yes", "1"} else words & EVERYTHING
        self.events = self._mask is None or bool(self._mask)


class _Reply:
    """Answers one action, repeating its ActionID."""

    def __init__(self, session: _Session, action_id: str) -> None:
        self._session = session
        self.id: list[Header] = [("ActionID", action_id)] if action_id else []

    def send(self, headers: list[Header]) -> None:
        """Send one message."""
        self._session.write(message(headers))

    def success(self, headers: Sequence[Header] = ()) -> None:
        """Answer that it was done."""
        self.send([("Response", "Success"), *self.id, *headers])

    def error(self, text: str) -> None:
        """Answer that it was not."""
        self.send([("Response", "Error"), *self.id, ("Message", text)])

    def listing(self, text: str, entries: Sequence[list[Header]], complete: str) -> None:
        """Answer with a list of events."""
        self.success([("EventList", "start"), ("Message", text)])
        for entry in entries:
            self.send([entry[0], *self.id, *entry[1:]])
        self.send([("Event", complete), *self.id, ("EventList", "Complete"), ("ListItems", str(len(entries)))])


class _Desk:
    """Carries out the actions that look at the exchange or change it."""

    def __init__(
        self, simulator: AsteriskSimulator, given: dict[str, str], headers: list[Header], reply: _Reply
    ) -> None:
        self._simulator = simulator
        self._pbx = simulator.pbx
        self._given = given
        self._headers = headers
        self._reply = reply

    def do(self, name: str) -> None:
        """Carry out one action by name."""
        actions: dict[str, Callable[[], None]] = {
            "Atxfer": self._attended,
            "BlindTransfer": self._blind,
            "CoreSettings": self._settings,
            "CoreShowChannels": self._channels,
            "CoreStatus": self._status,
            "DeviceStateList": self._devices,
            "Getvar": self._get,
            "Hangup": self._hang_up,
            "MixMonitorMute": self._mute,
            "Originate": self._originate,
            "Ping": self._ping,
            "QueueStatus": self._queues,
            "Redirect": self._redirect,
            "Setvar": self._set,
        }
        actions[name]()

    def _ping(self) -> None:
        now = time.time() + self._simulator.clock_skew_s
        self._reply.success([("Ping", "Pong"), ("Timestamp", f"{now:.6f}")])

    def _status(self) -> None:
        started = time.gmtime(self._pbx.started)
        day, clock = time.strftime("%Y-%m-%d", started), time.strftime("%H:%M:%S", started)
        self._reply.success(
            [
                ("CoreStartupDate", day),
                ("CoreStartupTime", clock),
                ("CoreReloadDate", day),
                ("CoreReloadTime", clock),
                ("CoreCurrentCalls", str(len({channel.linked for channel in self._pbx.channels.values()}))),
                ("CoreProcessedCalls", "0"),
            ]
        )

    def _settings(self) -> None:
        self._reply.success(
            [
                ("AMIversion", "11.0.0"),
                ("AsteriskVersion", "22.0.0-simulated"),
                ("SystemName", self._pbx.system_name),
                ("CoreMaxCalls", "0"),
                ("CoreRealTimeEnabled", "No"),
                ("CoreCDRenabled", "Yes"),
                ("CoreHTTPenabled", "No"),
            ]
        )

    def _channels(self) -> None:
        entries = []
        for channel in self._pbx.channels.values():
            age = int(time.time() - channel.since)
            entries.append(
                [
                    ("Event", "CoreShowChannel"),
                    *channel.headers(),
                    ("Application", channel.application or "AppDial"),
                    ("ApplicationData", channel.data or "(Outgoing Line)"),
                    ("Duration", f"{age // 3600:02}:{age // 60 % 60:02}:{age % 60:02}"),
                    ("BridgeId", channel.bridge.uid if channel.bridge is not None else ""),
                ]
            )
        self._reply.listing("Channels will follow", entries, "CoreShowChannelsComplete")

    def _devices(self) -> None:
        entries = [
            [("Event", "DeviceStateChange"), ("Device", f"PJSIP/{name}"), ("State", self._device(f"PJSIP/{name}"))]
            for name in [*sorted(self._pbx.extensions), "trunk"]
        ]
        self._reply.listing("Device State Changes will follow", entries, "DeviceStateListComplete")

    def _queues(self) -> None:
        entries: list[list[Header]] = []
        for name, members in self._pbx.queues.items():
            callers = self._pbx.waiting.get(name, [])
            entries.append(
                [("Event", "QueueParams"), ("Queue", name), ("Strategy", "ringall"), ("Calls", str(len(callers)))]
            )
            entries.extend(
                [
                    ("Event", "QueueMember"), ("Queue", name), ("Name", f"Ext {member}"), ("Location", f"PJSIP/{member}"),
                    ("StateInterface", f"PJSIP/{member}"), ("Membership", "static"), ("Status", "1"), ("Paused", "0"),
                ]
                for member in members
            )  # fmt: skip
            entries.extend(
                [
                    ("Event", "QueueEntry"), ("Queue", name), ("Position", str(position)), ("Channel", caller.name),
                    ("Uniqueid", caller.uid), ("CallerIDNum", caller.number or UNKNOWN),
                    ("CallerIDName", escaped(caller.person) or UNKNOWN), ("Wait", str(int(time.time() - caller.since))),
                ]
                for position, caller in enumerate(callers, 1)
            )  # fmt: skip
        self._reply.listing("Queue status will follow", entries, "QueueStatusComplete")

    def _get(self) -> None:
        name, where = self._given.get("variable", ""), self._given.get("channel", "")
        channel = self._pbx.channels.get(where)
        if where and channel is None:
            self._reply.error("No such channel")
            return
        self._reply.success([("Variable", name), ("Value", self._value(name, channel))])

    def _value(self, name: str, channel: SimChannel | None) -> str:
        function, _, inside = name.partition("(")
        inside = inside.rstrip(")")
        if function == "DEVICE_STATE":
            return self._device(inside)
        if function == "DIALPLAN_EXISTS":
            context, number, *_ = [*inside.split(","), "", ""]
            return str(int(context == "from-internal" and self._leads_somewhere(number)))
        if name == "SYSTEMNAME":
            return self._pbx.system_name
        if channel is None:
            return ""
        if name == "BRIDGEPEER":
            others = channel.bridge.channels if channel.bridge is not None else []
            return next((other.name for other in others if other is not channel), "")
        return channel.variables.get(name, "")

    def _device(self, device: str) -> str:
        extension = device.partition("/")[2]
        if extension in self._pbx.unregistered:
            return "UNAVAILABLE"
        if extension not in self._pbx.extensions and extension != "trunk":
            return "INVALID"
        states = {channel.state for channel in self._pbx.channels.values() if channel.device == device}
        if not states:
            return "NOT_INUSE"
        return "RINGING" if STATES[max(states)] == "Ringing" else "INUSE"

    def _leads_somewhere(self, number: str) -> bool:
        return number in self._pbx.extensions or number in self._pbx.queues or bool(re.match(r"^\+?[0-9]{7,}$", number))

    def _set(self) -> None:
        name, value = self._given.get("variable", ""), self._given.get("value", "")
        self._reply.success([("Message", "Variable Set")])
        if name.startswith("DEVICE_STATE("):
            self._pbx.emit("call", "DeviceStateChange", [("Device", name[13:].rstrip(")")), ("State", value)])
            return
        self._pbx.set_variable(self._pbx.channels.get(self._given.get("channel", "")), name, value)

    def _hang_up(self) -> None:
        channel = self._pbx.channels.get(self._given.get("channel", ""))
        if channel is None:
            self._reply.error("No such channel")
            return
        self._reply.success([("Message", "Channel Hungup")])
        call = self._pbx.call_of(channel)
        if call is None:
            self._pbx.hang_up(channel, 16)
        elif channel in call.ringing.values() and channel is not call.origin:
            call.decline(next(extension for extension, phone in call.ringing.items() if phone is channel))
            if not call.ringing and call.talking is None and not call.queue:
                call.give_up()
        else:
            call.hangup("caller" if channel is call.origin else "agent")

    def _mute(self) -> None:
        channel = self._pbx.channels.get(self._given.get("channel", ""))
        if channel is None:
            self._reply.error("No such channel")
        elif self._pbx.mute_recording(channel, muted=self._given.get("state") == "1"):
            self._reply.success()
        else:
            self._reply.error("Cannot set mute flag")

    def _blind(self) -> None:
        call = self._talk("Channel specified does not exist")
        if call is None:
            return
        self._reply.success([("Message", "Transfer succeeded")])
        self._move(call, event=True)

    def _redirect(self) -> None:
        call = self._talk(f"Channel does not exist: {self._given.get('channel', '')}")
        if call is None:
            return
        self._reply.success([("Message", "Redirect successful")])
        self._move(call, event=False)

    def _move(self, call: SimCall, *, event: bool) -> None:
        target = self._given.get("exten", "")
        known = self._leads_somewhere(target)
        call.transfer(target, event=event)
        if not known:
            call.hangup()  # the dialplan leads nowhere, so the customer is cut off

    def _attended(self) -> None:
        call = self._talk("Channel specified does not exist")
        if call is None:
            return
        self._reply.success([("Message", "Atxfer successfully queued")])
        call.consult(self._given.get("exten", ""))

    def _talk(self, unknown: str) -> SimCall | None:
        channel = self._pbx.channels.get(self._given.get("channel", ""))
        if channel is None:
            self._reply.error(unknown)
            return None
        call = self._pbx.call_of(channel)
        if call is None or call.talking is None or call.talking.bridge is None:
            self._reply.error("Transfer failed")
            return None
        return call

    def _originate(self) -> None:
        given, pbx, simulator = self._given, self._pbx, self._simulator
        technology, _, device = given.get("channel", "").partition("/")
        if not technology or not device:
            self._reply.error("Invalid channel")
            return
        if "context" not in given or "priority" not in given:
            self._reply.error("Extension does not exist.")
            return
        self._reply.success([("Message", "Originate successfully queued")])
        extension = device.partition("@")[0]
        wanted = [value for key, value in self._headers if key.lower() == "variable"]
        click_id = given.get("actionid", "")
        call = pbx.outgoing(
            extension=extension, number=given.get("exten", ""), uid=given.get("channelid", ""), click_id=click_id
        )
        for name, _, value in (entry.partition("=") for entry in wanted):
            if name != "__HUB_CLICK_ID":  # told already, before the phone rang
                pbx.set_variable(call.origin, name, value)
        timeout_s = float(given.get("timeout") or 30000) / 1000
        if simulator.agent_answers_s is None or extension not in pbx.extensions:
            simulator.later(timeout_s, call.hangup)
            return
        simulator.later(simulator.agent_answers_s, lambda: self._agent(call, extension))

    def _agent(self, call: SimCall, extension: str) -> None:
        simulator, number = self._simulator, call.did
        with self._pbx.lock:
            if call.ended:
                return
            call.answer(extension)
        if simulator.customer_answers_s is None:
            return
        simulator.later(simulator.customer_answers_s, lambda: None if call.ended else call.answer(number))
        if simulator.talk_s is not None:
            simulator.later(simulator.customer_answers_s + simulator.talk_s, lambda: call.hangup("agent"))


class _Timetable:
    """Does things later, in one thread."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._running = False

    def start(self) -> None:
        with self._changed:
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="asterisk-timetable", daemon=True).start()

    def stop(self) -> None:
        with self._changed:
            self._running = False
            self._due.clear()
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._due.clear()

    def add(self, seconds: float, step: Callable[[], object]) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._count), step))
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._running:
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else 3600.0
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                step = heapq.heappop(self._due)[2]
            # The call may have ended otherwise meanwhile: then there is no such phone any more.
            with contextlib.suppress(KeyError, ValueError, StopIteration):
                step()


def message(headers: Sequence[Header]) -> bytes:
    """Write one message. Bytes that are no UTF-8 (surrogates) go out as they came in."""
    return "".join(f"{key}: {value}\r\n" for key, value in headers).encode("utf-8", "surrogateescape") + b"\r\n"


def fresh(stream: bytes) -> bytes:
    """Give a recorded stream other Uniqueids and Linkedids of the same length, so that offsets stay true."""
    epochs: dict[bytes, bytes] = {}
    salt = int.from_bytes(os.urandom(3), "big")

    def other(found: re.Match[bytes]) -> bytes:
        epoch = found[1]
        moved = epochs.setdefault(epoch, b"%010d" % ((int(epoch) + salt) % 10_000_000_000))
        return moved + found[2]

    moved = EPOCH_ID.sub(other, stream)
    click = re.compile(rb"hub-click-(?=[0-9])")  # the ids that the recordings use for click-to-dial
    return click.sub(b"hub-" + secrets.token_hex(3)[:5].encode() + b"-", moved)


def _call_record(began: int, number: int) -> str:
    """One line of cdr-csv/Master.csv, with uniqueid, as cdr_csv writes it: every second call is answered."""
    start, picked_up, end = (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(began + after)) for after in (0, 5, 20))
    answered = number % 2 == 0
    caller = f"054{2_000_000 + number}"
    fields = [
        "", caller, "5550100", "from-trunk", f'"" <{caller}>',
        f"PJSIP/trunk-{2 * number:08x}", f"PJSIP/101-{2 * number + 1:08x}", "Dial", "PJSIP/101,20",
        start, picked_up if answered else "", end, "20", "15" if answered else "0",
        "ANSWERED" if answered else "NO ANSWER", "DOCUMENTATION", f"{began}.{2 * number}", "",
    ]  # fmt: skip
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields) + "\n"


def _read_action(lines: Iterable[bytes]) -> list[Header]:
    headers: list[Header] = []
    for line in lines:
        text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if not text:
            if headers:
                return headers
            continue
        key, _, value = text.partition(":")
        headers.append((key.strip(), value.strip()))
    return []


def _wait_until(moment: float, stopped: Callable[[], bool]) -> None:
    clock = threading.Event()
    while not stopped() and (left := moment - time.monotonic()) > 0:
        clock.wait(min(left, 0.2))


def create(port: int, faults: Faults) -> AsteriskSimulator:
    """Make the simulator that `hub simulate asterisk` and the contract tests run."""
    return AsteriskSimulator(port, faults)
