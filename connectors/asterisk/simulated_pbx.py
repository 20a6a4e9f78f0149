"""A made-up exchange: channels, bridges and scripted calls that make the same events as a real Asterisk 22.

Written from recorded event streams, knowing nothing of our reader or translator. It keeps no time of its own:
whoever plays a call says when each step happens.
"""

import math
import struct
import threading
import time
import uuid
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

Header = tuple[str, str]
Emit = Callable[[str, list[Header]], None]
"""Takes the privilege class of an event (call, agent, cdr, dialplan, user, system) and its headers."""

DOWN, RING, RINGING, UP, BUSY = 0, 4, 5, 6, 7
STATES = {DOWN: "Down", RING: "Ring", RINGING: "Ringing", UP: "Up", BUSY: "Busy"}
# Source: https://docs.asterisk.org/ "Hangup Cause Mappings" (ITU-T Q.850, and 26 for the losers of a ring group)
CAUSES = {
    0: "Unknown",
    16: "Normal Clearing",
    17: "User busy",
    19: "User alerting, no answer",
    21: "Call Rejected",
    26: "Answered elsewhere",
    34: "Circuit/channel congestion",
}
UNKNOWN = "<unknown>"
TRUNK = "PJSIP/trunk"
MONITOR = "/var/spool/asterisk/monitor"
RATE = 8000
ESCAPES = {
    "\\": "\\\\", '"': '\\"', "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t",
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v", "?": "\\?",
}  # fmt: skip


def escaped(name: str) -> str:
    """Write a name as the manager does: C escapes for quotes, backslashes and control characters."""
    return "".join(ESCAPES.get(character, character) for character in name if character >= " " or character in ESCAPES)


@dataclass(eq=False)
class SimChannel:
    """One end of a call."""

    name: str
    uid: str
    linked: str
    state: int
    number: str
    person: str
    context: str
    exten: str
    priority: int = 1
    connected: str = ""
    connected_person: str = ""
    bridge: "SimBridge | None" = None
    application: str = ""
    data: str = ""
    since: float = field(default_factory=time.time)
    variables: dict[str, str] = field(default_factory=dict)
    muted: bool = False

    @property
    def device(self) -> str:
        """The channel's name without the part that counts."""
        return self.name.rsplit("-", 1)[0]

    def headers(self, prefix: str = "") -> list[Header]:
        """The headers by which events show a channel."""
        return [
            (f"{prefix}Channel", self.name),
            (f"{prefix}ChannelState", str(self.state)),
            (f"{prefix}ChannelStateDesc", STATES[self.state]),
            (f"{prefix}CallerIDNum", self.number or UNKNOWN),
            (f"{prefix}CallerIDName", escaped(self.person) or UNKNOWN),
            (f"{prefix}ConnectedLineNum", self.connected or UNKNOWN),
            (f"{prefix}ConnectedLineName", escaped(self.connected_person) or UNKNOWN),
            (f"{prefix}Language", "en"),
            (f"{prefix}AccountCode", ""),
            (f"{prefix}Context", self.context),
            (f"{prefix}Exten", self.exten),
            (f"{prefix}Priority", str(self.priority)),
            (f"{prefix}Uniqueid", self.uid),
            (f"{prefix}Linkedid", self.linked),
        ]


@dataclass(eq=False)
class SimBridge:
    """A place where channels hear each other."""

    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    channels: list[SimChannel] = field(default_factory=list)

    def headers(self, prefix: str = "") -> list[Header]:
        """The headers by which events show a bridge."""
        return [
            (f"{prefix}BridgeUniqueid", self.uid),
            (f"{prefix}BridgeType", "basic"),
            (f"{prefix}BridgeTechnology", "simple_bridge"),
            (f"{prefix}BridgeCreator", UNKNOWN),
            (f"{prefix}BridgeName", UNKNOWN),
            (f"{prefix}BridgeNumChannels", str(len(self.channels))),
            (f"{prefix}BridgeVideoSourceMode", "none"),
        ]


@dataclass(eq=False)
class SimRecording:
    """A recording in progress."""

    path: Path | None  # None: nothing is written
    began: float
    muted_at: float | None = None
    pauses: list[tuple[float, float]] = field(default_factory=list)


class SimPbx:
    """The state of the exchange, and the steps that change it. Thread-safe: one lock around everything."""

    def __init__(self, emit: Emit, *, recordings: Path | None = None, system_name: str = "") -> None:
        self.lock = threading.RLock()
        self.channels: dict[str, SimChannel] = {}
        self.queues: dict[str, list[str]] = {}
        self.waiting: dict[str, list[SimChannel]] = {}
        self.extensions: set[str] = set()
        self.unregistered: set[str] = set()
        self.recordings = recordings
        self.system_name = system_name
        self.calls: list[SimCall] = []
        self.started = time.time()
        self._emit = emit
        self._counter = 0
        self._names = 0
        self._recordings: dict[SimChannel, SimRecording] = {}

    # -- the life of the exchange ---------------------------------------------------------------------------

    def crash(self) -> None:
        """Lose everything without a word, and be another exchange afterwards."""
        with self.lock:
            self.channels.clear()
            self.waiting.clear()
            self.calls.clear()
            self._recordings.clear()
            self._counter = self._names = 0
            self.started = max(time.time(), self.started + 1)  # the exchange tells its start in whole seconds

    # -- steps ------------------------------------------------------------------------------------------------

    def emit(self, privilege: str, event: str, *groups: Sequence[Header]) -> None:
        """Send one event."""
        headers = [("Event", event), ("Privilege", f"{privilege},all")]
        for group in groups:
            headers.extend(group)
        self._emit(privilege, headers)

    def new_channel(  # noqa: PLR0913 - the columns of the event
        self,
        device: str,
        state: int,
        number: str,
        person: str,
        exten: str,
        *,
        linked: str = "",
        uid: str = "",
        context: str = "from-internal",
        half: str = "",
    ) -> SimChannel:
        """Make a channel and tell."""
        if not uid:
            prefix = f"{self.system_name}-" if self.system_name else ""
            uid = f"{prefix}{int(self.started)}.{self._counter}"
            self._counter += 1
        if half != ";2":
            self._names += 1
        name = f"{device}-{self._names:08x}{half}"
        channel = SimChannel(name, uid, linked or uid, state, number, person, context, exten)
        self.channels[name] = channel
        self.emit("call", "Newchannel", channel.headers())
        return channel

    def set_state(self, channel: SimChannel, state: int) -> None:
        """Change a channel's state and tell."""
        channel.state = state
        self.emit("call", "Newstate", channel.headers())
        device = {UP: "INUSE", RINGING: "RINGING", BUSY: "BUSY"}.get(state, "INUSE")
        self.emit("call", "DeviceStateChange", [("Device", channel.device), ("State", device)])

    def set_variable(self, channel: SimChannel | None, name: str, value: str) -> None:
        """Set a variable and tell."""
        if channel is None:
            shown = [("Channel", "none"), ("Uniqueid", "none")]
        else:
            channel.variables[name] = value
            shown = channel.headers()
        self.emit("dialplan", "VarSet", shown, [("Variable", name), ("Value", value)])

    def run(self, channel: SimChannel, application: str, data: str) -> None:
        """Enter a step of the dialplan and tell."""
        channel.application, channel.data = application, data
        self.emit(
            "dialplan", "Newexten", channel.headers(),
            [("Extension", channel.exten), ("Application", application), ("AppData", data)],
        )  # fmt: skip

    def dial(self, origin: SimChannel | None, target: SimChannel, text: str) -> None:
        """Offer the call to a channel."""
        if origin is not None:
            target.connected, target.connected_person = origin.number, origin.person
            target.exten = origin.exten
            self.emit("call", "NewConnectedLine", target.headers())
        shown = origin.headers() if origin is not None else []
        self.emit("call", "DialBegin", shown, target.headers("Dest"), [("DialString", text)])

    def ring(self, origin: SimChannel | None, target: SimChannel) -> None:
        """Let a phone ring."""
        self.set_state(target, RINGING)
        shown = origin.headers() if origin is not None else []
        self.emit("call", "DialState", shown, target.headers("Dest"), [("DialStatus", "RINGING")])

    def dial_end(self, origin: SimChannel | None, target: SimChannel, status: str) -> None:
        """End an offer."""
        shown = origin.headers() if origin is not None else []
        self.emit("call", "DialEnd", shown, target.headers("Dest"), [("DialStatus", status)])

    def join(self, bridge: SimBridge, channel: SimChannel) -> None:
        """Enter a bridge; the first to enter creates it."""
        if not bridge.channels:
            self.emit("call", "BridgeCreate", bridge.headers())
        bridge.channels.append(channel)
        channel.bridge = bridge
        self.emit("call", "BridgeEnter", bridge.headers(), channel.headers())

    def leave(self, channel: SimChannel) -> None:
        """Leave the bridge; the last to leave destroys it."""
        bridge = channel.bridge
        if bridge is None:
            return
        bridge.channels.remove(channel)
        channel.bridge = None
        self.emit("call", "BridgeLeave", bridge.headers(), channel.headers())
        if not bridge.channels:
            self.emit("call", "BridgeDestroy", bridge.headers())

    def ask_hangup(self, channel: SimChannel, cause: int, *, soft: bool = False) -> None:
        """Tell that one side, or (soft) the exchange itself, ends the call."""
        self.emit("call", "SoftHangupRequest" if soft else "HangupRequest", channel.headers(), [("Cause", str(cause))])

    def hang_up(self, channel: SimChannel, cause: int) -> None:
        """End a channel."""
        if self.channels.pop(channel.name, None) is None:
            return
        self._stop_recording(channel)
        self.emit(
            "call", "Hangup", channel.headers(), [("Cause", str(cause)), ("Cause-txt", CAUSES.get(cause, "Unknown"))]
        )
        self.emit("call", "DeviceStateChange", [("Device", channel.device), ("State", "NOT_INUSE")])

    def cdr(self, origin: SimChannel, target: SimChannel | None, did: str, answered: float | None) -> None:
        """Write a call record."""
        now = time.time()
        self.emit(
            "cdr", "Cdr",
            [
                ("AccountCode", ""),
                ("Source", origin.number),
                ("Destination", did),
                ("DestinationContext", origin.context),
                ("CallerID", f'"{escaped(origin.person)}" <{origin.number}>'),
                ("Channel", origin.name),
                ("DestinationChannel", target.name if target is not None else ""),
                ("LastApplication", origin.application or "Dial"),
                ("LastData", origin.data),
                ("StartTime", _clock(origin.since)),
                ("AnswerTime", _clock(answered) if answered else ""),
                ("EndTime", _clock(now)),
                ("Duration", str(int(now - origin.since))),
                ("BillableSeconds", str(int(now - answered) if answered else 0)),
                ("Disposition", "ANSWERED" if answered else "NO ANSWER"),
                ("AMAFlags", "DOCUMENTATION"),
                ("UniqueID", origin.uid),
                ("UserField", ""),
                ("LinkedID", origin.linked),
            ],
        )  # fmt: skip

    # -- recordings -------------------------------------------------------------------------------------------

    def record(self, channel: SimChannel, label: str) -> str:
        """Begin a recording; returns the path by which the exchange calls it."""
        day = datetime.now(UTC).strftime("%Y/%m/%d")
        safe = "".join(character for character in label if character.isalnum() or character in "-_+")
        below = f"{day}/{safe}-{channel.uid}.wav"
        path = None
        if self.recordings is not None:
            path = self.recordings / below
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_wav(path, [])
        self._recordings[channel] = SimRecording(path, time.time())
        self.set_variable(channel, "MIXMONITOR_FILENAME", f"{MONITOR}/{below}")
        self.emit("call", "MixMonitorStart", channel.headers())
        return f"{MONITOR}/{below}"

    def mute_recording(self, channel: SimChannel, *, muted: bool) -> bool:
        """Pause or go on; False where nothing is recorded on this very channel."""
        recording = self._recordings.get(channel)
        if recording is None:
            return False
        now = time.time()
        if muted:
            recording.muted_at = recording.muted_at or now
        elif recording.muted_at is not None:
            recording.pauses.append((recording.muted_at, now))
            recording.muted_at = None
        self.emit(
            "call", "MixMonitorMute", channel.headers(), [("Direction", "both"), ("State", "1" if muted else "0")]
        )
        return True

    def _stop_recording(self, channel: SimChannel) -> None:
        recording = self._recordings.pop(channel, None)
        if recording is None:
            return
        self.emit("call", "MixMonitorStop", channel.headers())
        # Recorded with option b: only while two are connected, so nobody's talk is an empty file.
        talked = channel.variables.get("SIM_TALKED_FROM")
        if recording.path is None or talked is None:
            return
        if recording.muted_at is not None:
            recording.pauses.append((recording.muted_at, time.time()))
        begin, end = float(talked), time.time()
        count = int(RATE * min(end - begin, 3600))
        samples = [
            0 if any(first <= begin + n / RATE < last for first, last in recording.pauses)
            else int(6000 * math.sin(2 * math.pi * 440 * n / RATE))
            for n in range(count)
        ]  # fmt: skip
        _write_wav(recording.path, samples)

    # -- whole calls ------------------------------------------------------------------------------------------

    def incoming(  # noqa: PLR0913 - a call is described by what differs from a plain one
        self,
        *,
        caller: str,
        name: str = "",
        did: str,
        extensions: Sequence[str],
        queue: str = "",
        busy: Sequence[str] = (),
        keyed: str = "",
        record: bool = True,
    ) -> "SimCall":
        """Let a call come in from outside and ring phones."""
        with self.lock:
            call = SimCall(self, did=did, queue=queue)
            call.come_in(caller, name, keyed=keyed, record=record)
            call.offer(extensions, busy=busy)
            self.calls.append(call)
            return call

    def outgoing(self, *, extension: str, number: str, uid: str = "", click_id: str = "") -> "SimCall":
        """Let an extension call a number outside: by its own phone, or (click_id) by an order of the hub."""
        with self.lock:
            call = SimCall(self, did=number, click_id=click_id)
            call.go_out(extension, number, uid=uid)
            self.calls.append(call)
            return call

    def call_of(self, channel: SimChannel) -> "SimCall | None":
        """The scripted call that a channel belongs to."""
        return next((call for call in self.calls if channel in call.everyone), None)


class SimCall:
    """One conversation, step by step. Every step emits what the real exchange would, in its order."""

    def __init__(self, pbx: SimPbx, *, did: str, queue: str = "", click_id: str = "") -> None:
        self.pbx = pbx
        self.did = did
        self.queue = queue
        self.click_id = click_id
        self.origin: SimChannel  # the caller; of an outgoing call the agent
        self.ringing: dict[str, SimChannel] = {}
        self.talking: SimChannel | None = None
        self.consulted: SimChannel | None = None
        self.halves: tuple[SimChannel, SimChannel] | None = None
        self.held: SimBridge | None = None
        self.answered: float | None = None
        self.refused = 0  # the cause of the last phone that refused
        self.ended = False
        self.recording = ""

    @property
    def linked(self) -> str:
        """What keeps the channels together."""
        return self.origin.linked

    @property
    def everyone(self) -> list[SimChannel]:
        """The channels of the call that live."""
        known = [self.origin, *self.ringing.values(), self.talking, self.consulted, *(self.halves or ())]
        return [channel for channel in known if channel is not None and channel.name in self.pbx.channels]

    # -- inbound ------------------------------------------------------------------------------------------------

    def come_in(self, caller: str, name: str, *, keyed: str, record: bool) -> None:
        pbx = self.pbx
        self.origin = origin = pbx.new_channel(TRUNK, RING, caller, name, self.did, context="from-trunk")
        pbx.set_variable(origin, "SIPDOMAIN", "127.0.0.1")
        if self.queue or keyed:
            pbx.run(origin, "Answer", "")
            pbx.set_state(origin, UP)
        if keyed:
            pbx.run(origin, "Read", "CUSTNO,beep,6,,1,6")
            pbx.set_variable(origin, "CUSTNO", keyed)
            pbx.set_variable(origin, "__CUSTOMER_ID", keyed)
            pbx.emit(
                "user", "UserEvent", origin.headers(),
                [("UserEvent", "CustomerIdentified"), ("CustomerId", keyed), ("CallLinkedid", origin.linked)],
            )  # fmt: skip
        if record:
            self.recording = pbx.record(origin, f"in-{caller}")
        if self.queue:
            pbx.run(origin, "Queue", f"{self.queue},tT,,,60")
            waiting = pbx.waiting.setdefault(self.queue, [])
            waiting.append(origin)
            pbx.emit(
                "agent", "QueueCallerJoin", origin.headers(),
                [("Queue", self.queue), ("Position", str(len(waiting))), ("Count", str(len(waiting)))],
            )  # fmt: skip

    def offer(self, extensions: Sequence[str], *, busy: Sequence[str] = ()) -> None:
        """Ring phones (again); those of `busy` refuse at once."""
        with self.pbx.lock:
            pbx, origin = self.pbx, self.origin
            if not self.queue:
                pbx.run(origin, "Dial", "&".join(f"PJSIP/{extension}" for extension in extensions) + ",30,tT")
            for extension in extensions:
                phone = pbx.new_channel(
                    f"PJSIP/{extension}", DOWN, extension, f"Ext {extension}", "s", linked=origin.linked
                )
                self.ringing[extension] = phone
                if self.queue:
                    phone.connected, phone.connected_person, phone.exten = origin.number, origin.person, origin.exten
                    pbx.emit("agent", "AgentCalled", *self._member(phone))
                    pbx.dial(origin, phone, f"PJSIP/{extension}")
            for extension in extensions:
                if not self.queue:
                    pbx.dial(origin, self.ringing[extension], extension)
            for extension in extensions:
                phone = self.ringing[extension]
                if extension in busy:
                    self._refuse(extension, 17, "BUSY")
                else:
                    pbx.ring(origin, phone)

    def answer(self, extension: str = "") -> None:
        """Somebody picks up: the extension; the agent or then the customer of a click-to-dial; the one consulted."""
        with self.pbx.lock:
            extension = extension or next(iter(self.ringing))
            phone = self.ringing.pop(extension)
            pbx = self.pbx
            pbx.set_state(phone, UP)
            if self.consulted is phone:
                self._meet_consulted(phone)
                return
            if self.click_id and phone is self.origin:
                self._agent_picked_up()
                return
            losers = list(self.ringing.values())
            self.ringing.clear()
            origin = self.origin
            if self.queue:
                pbx.dial_end(origin, phone, "ANSWER")
            for loser in losers * (2 if self.queue else 1):
                pbx.dial_end(origin, loser, "CANCEL")
            origin.connected, origin.connected_person = phone.number, phone.person
            if self.queue:
                self._leave_queue()
                pbx.emit(
                    "agent", "AgentConnect", *self._member(phone), [("HoldTime", self._waited()), ("RingTime", "1")]
                )
            else:
                pbx.dial_end(origin, phone, "ANSWER")
            if origin.state != UP:
                pbx.set_state(origin, UP)
            for loser in losers:
                pbx.hang_up(loser, 26)
            self._bridge(phone)

    def decline(self, extension: str) -> None:
        """An agent rejects the call."""
        with self.pbx.lock:
            self._refuse(extension, 21, "NOANSWER")

    def stop_ringing(self) -> None:
        """The ring time is over for all phones; a queue goes on waiting, others are done with `give_up`."""
        with self.pbx.lock:
            for phone in self.ringing.values():
                self.pbx.dial_end(self.origin, phone, "NOANSWER")
            for phone in list(self.ringing.values()):
                self.pbx.hang_up(phone, 0)
            self.ringing.clear()

    def give_up(self) -> None:
        """The exchange ends a call that nobody took."""
        with self.pbx.lock:
            phones = list(self.ringing.values())
            for phone in phones:
                self.pbx.dial_end(self.origin, phone, "NOANSWER")
            if self.queue:
                self._abandon()
            cause = 16
            if self.refused and not phones and not self.queue:
                cause = 17 if self.refused == 17 else 34
                self.pbx.set_state(self.origin, BUSY)
                self.pbx.ask_hangup(self.origin, cause)
            self.pbx.ask_hangup(self.origin, 16, soft=True)
            for phone in phones:
                self.pbx.hang_up(phone, 0)
            self._finish(cause)

    # -- outbound -----------------------------------------------------------------------------------------------

    def go_out(self, extension: str, number: str, *, uid: str) -> None:
        pbx = self.pbx
        device, person = f"PJSIP/{extension}", f"Ext {extension}"
        if self.click_id:
            self.origin = pbx.new_channel(device, DOWN, extension, person, "s", uid=uid)
            pbx.set_variable(self.origin, "__HUB_CLICK_ID", self.click_id)
            pbx.dial(None, self.origin, extension)
            self.ringing[extension] = self.origin
            pbx.ring(None, self.origin)
            return
        self.origin = pbx.new_channel(device, RING, extension, person, number)
        self._call_outside(number)

    def _agent_picked_up(self) -> None:
        self.pbx.dial_end(None, self.origin, "ANSWER")
        self.origin.exten = self.did
        self.tell_originate(success=True)
        self._call_outside(self.did)

    def tell_originate(self, *, success: bool) -> None:
        """Tell what became of the agent's own leg of a click-to-dial."""
        origin = self.origin
        self.pbx.emit(
            "call", "OriginateResponse",
            [
                ("ActionID", self.click_id),
                ("Response", "Success" if success else "Failure"),
                ("Channel", origin.name if success else origin.device),
                ("Context", origin.context),
                ("Exten", self.did),
                ("Reason", "4" if success else "3"),
                ("Uniqueid", origin.uid),
                ("CallerIDNum", origin.number),
                ("CallerIDName", escaped(origin.person)),
            ],
        )  # fmt: skip

    def _call_outside(self, number: str) -> None:
        pbx, origin = self.pbx, self.origin
        self.recording = pbx.record(origin, f"out-{number}")
        pbx.run(origin, "Dial", f"PJSIP/{number}@trunk,60,tT")
        line = pbx.new_channel(TRUNK, DOWN, "", "", "s", linked=origin.linked, context="from-trunk")
        if self.click_id:  # variables with two underscores go on to the channels that are made from here
            pbx.set_variable(line, "__HUB_CLICK_ID", self.click_id)
        pbx.dial(origin, line, f"{number}@trunk")
        line.number = number
        self.ringing[number] = line
        pbx.ring(origin, line)

    # -- the end, and what may come before ----------------------------------------------------------------------

    def hangup(self, by: str = "caller") -> None:
        """End the call: `caller` (who called), `agent` (the other, or an agent's phone by its extension)."""
        with self.pbx.lock:
            if self.ended:
                return
            pbx, origin, partner = self.pbx, self.origin, self.talking
            if self.consulted is not None:
                self._drop_consult()
            if partner is None:
                self._hang_up_unanswered()
                return
            first, second = (origin, partner) if by == "caller" else (partner, origin)
            pbx.ask_hangup(first, 16)
            if self.queue:
                reason = "caller" if by == "caller" else "agent"
                talk = str(int(time.time() - (self.answered or time.time())))
                pbx.emit(
                    "agent", "AgentComplete", *self._member(partner),
                    [("HoldTime", self._waited()), ("TalkTime", talk), ("Reason", reason)],
                )  # fmt: skip
            pbx.leave(first)
            pbx.cdr(origin, partner, self.did, self.answered)
            pbx.leave(second)
            pbx.ask_hangup(origin, 16, soft=True)
            pbx.hang_up(partner, 16)
            for half in self.halves or ():
                pbx.leave(half)
                pbx.hang_up(half, 16)
            self._finish(16)

    def _hang_up_unanswered(self) -> None:
        pbx, origin = self.pbx, self.origin
        if self.click_id and self.ringing.get(next(iter(self.ringing), "")) is origin:
            self.ringing.clear()
            self.tell_originate(success=False)
            self._finish(19)
            return
        pbx.ask_hangup(origin, 16 if origin.state == UP else 19)
        phones = list(self.ringing.values())
        for phone in phones * (2 if self.queue else 1):
            pbx.dial_end(origin, phone, "CANCEL")
        if self.queue:
            self._abandon()
        for phone in phones:
            pbx.hang_up(phone, 0 if self.queue else 19)
        pbx.ask_hangup(origin, 16, soft=True)
        self._finish(16 if origin.state == UP else 19)

    def transfer(self, to: str, *, event: bool = True) -> None:
        """Blind: the agent sends the other side to `to`, whose phone rings. Without `event` as an operator's panel does."""
        with self.pbx.lock:
            pbx, agent = self.pbx, self.talking
            if agent is None or agent.bridge is None:
                msg = "nobody talks, so nobody can be transferred"
                raise ValueError(msg)
            customer = self.origin
            if event:
                pbx.set_variable(customer, "BLINDTRANSFER", agent.name)
                pbx.emit(
                    "call", "BlindTransfer",
                    [("Result", "Success")], agent.headers("Transferer"), customer.headers("Transferee"),
                    agent.bridge.headers(),
                    [("IsExternal", "Yes"), ("Context", "from-internal"), ("Extension", to)],
                )  # fmt: skip
            customer.exten, customer.context = to, "from-internal"
            pbx.leave(agent)
            pbx.leave(customer)
            pbx.hang_up(agent, 16)
            pbx.cdr(customer, agent, self.did, self.answered)
            self.talking, self.queue = None, ""
            if to in pbx.extensions or len(to) < 7:
                self.offer([to])

    def consult(self, to: str) -> None:
        """Attended: the agent puts the other side on hold and calls a colleague, whose phone rings."""
        with self.pbx.lock:
            pbx, agent = self.pbx, self.talking
            if agent is None or agent.bridge is None:
                msg = "nobody talks, so nobody can be consulted"
                raise ValueError(msg)
            pbx.emit("call", "Hold", agent.headers())
            local = f"Local/{to}@from-internal"
            one = pbx.new_channel(local, DOWN, "", "", to, linked=self.linked, half=";1")
            two = pbx.new_channel(local, RING, "", "", to, linked=self.linked, half=";2")
            two.number, two.person = agent.number, agent.person
            self.halves = (one, two)
            second = SimBridge()
            pbx.emit(
                "call", "LocalBridge", one.headers("LocalOne"), two.headers("LocalTwo"),
                [("Context", "from-internal"), ("Exten", to), ("LocalOptimization", "Yes")],
            )  # fmt: skip
            phone = pbx.new_channel(f"PJSIP/{to}", DOWN, to, f"Ext {to}", "s", linked=self.linked)
            pbx.join(second, one)
            self.held = agent.bridge
            pbx.leave(agent)
            pbx.join(second, agent)
            pbx.dial(two, phone, to)
            self.consulted = phone
            self.ringing[to] = phone
            pbx.ring(two, phone)
            pbx.set_state(one, RINGING)

    def _meet_consulted(self, phone: SimChannel) -> None:
        pbx = self.pbx
        one, two = self.halves or (phone, phone)
        pbx.dial_end(two, phone, "ANSWER")
        pbx.set_state(two, UP)
        pbx.set_state(one, UP)
        pbx.dial_end(None, one, "ANSWER")
        third = SimBridge()
        pbx.join(third, phone)
        pbx.join(third, two)

    def complete(self) -> None:
        """Attended: the agent hangs up, so that the other side and the colleague are left together."""
        with self.pbx.lock:
            pbx, agent, colleague, first = self.pbx, self.talking, self.consulted, self.held
            if agent is None or colleague is None or self.halves is None or first is None or agent.bridge is None:
                msg = "there is no consultation to complete"
                raise ValueError(msg)
            one, _ = self.halves
            second = agent.bridge
            pbx.ask_hangup(agent, 16)
            pbx.leave(agent)
            pbx.emit("call", "BridgeMerge", first.headers("To"), second.headers("From"))
            pbx.leave(one)
            pbx.join(first, one)
            pbx.emit(
                "call", "AttendedTransfer",
                [("Result", "Success")], agent.headers("OrigTransferer"), first.headers("Orig"),
                agent.headers("SecondTransferer"), second.headers("Second"), self.origin.headers("Transferee"),
                [("IsExternal", "No"), ("DestType", "Bridge"), ("DestBridgeUniqueid", first.uid)],
            )  # fmt: skip
            pbx.hang_up(agent, 16)
            pbx.cdr(self.origin, agent, self.did, self.answered)
            self.talking, self.consulted, self.held = colleague, None, None

    # -- parts ----------------------------------------------------------------------------------------------------

    def _bridge(self, phone: SimChannel) -> None:
        bridge = SimBridge()
        self.answered = self.answered or time.time()
        self.origin.variables.setdefault("SIM_TALKED_FROM", str(self.answered))
        self.talking = phone
        phone.exten = ""
        self.pbx.join(bridge, phone)
        self.pbx.join(bridge, self.origin)

    def _refuse(self, extension: str, cause: int, status: str) -> None:
        phone = self.ringing.pop(extension)
        self.refused = cause
        self.pbx.ask_hangup(phone, cause)
        self.pbx.dial_end(self.origin, phone, status)
        self.pbx.hang_up(phone, cause)

    def _drop_consult(self) -> None:
        """The consultation ends without a transfer: the agent goes back to the one who waits."""
        pbx, agent, colleague = self.pbx, self.talking, self.consulted
        one, two = self.halves or (None, None)
        for channel in (agent, one, two, colleague):
            if channel is not None:
                pbx.leave(channel)
        for channel in (one, two, colleague):
            if channel is not None:
                pbx.hang_up(channel, 16)
        self.ringing.clear()
        self.consulted = self.halves = None
        if agent is not None and self.held is not None:
            pbx.join(self.held, agent)
        self.held = None

    def _member(self, phone: SimChannel) -> list[list[Header]]:
        shown = [("Queue", self.queue), ("Interface", phone.device), ("MemberName", phone.person)]
        return [self.origin.headers(), phone.headers("Dest"), shown]

    def _waited(self) -> str:
        return str(int(time.time() - self.origin.since))

    def _leave_queue(self) -> None:
        waiting = self.pbx.waiting.get(self.queue, [])
        if self.origin not in waiting:
            return
        position = waiting.index(self.origin) + 1
        waiting.remove(self.origin)
        self.pbx.emit(
            "agent", "QueueCallerLeave", self.origin.headers(),
            [("Queue", self.queue), ("Position", str(position)), ("Count", str(len(waiting)))],
        )  # fmt: skip

    def _abandon(self) -> None:
        self.pbx.emit(
            "agent", "QueueCallerAbandon", self.origin.headers(),
            [("Queue", self.queue), ("Position", "1"), ("OriginalPosition", "1"), ("HoldTime", self._waited())],
        )  # fmt: skip
        self._leave_queue()

    def _finish(self, cause: int) -> None:
        self.ringing.clear()
        self.pbx.hang_up(self.origin, cause)
        self.pbx.cdr(self.origin, self.talking, self.did, self.answered)
        self.ended = True
        if self in self.pbx.calls:
            self.pbx.calls.remove(self)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _write_wav(path: Path, samples: Sequence[int]) -> None:
    """Write a file in one step, so that a reader never sees half of one."""
    half = path.with_suffix(".part")
    with wave.open(str(half), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    half.replace(path)
