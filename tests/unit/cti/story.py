"""Calls told as text tables: one line per event, for stories that nobody recorded.

    0.0  trunk-1  starts    from 0612345678 to 5550101
    0.1  101-1    offered   by trunk-1
    0.2  101-1    rings

The first word after the time is a channel: `trunk-1`, `101-1`, or a local one, `Local/101-1;2`. Its number in the
call is its name; channels belong to the call of the line `call X` above them.
"""

from collections.abc import Callable, Iterator

from hub.cti.call_state import CallState
from hub.records.call import Call
from hub.records.telephony import (
    BridgeJoined,
    BridgeLeft,
    CallEvent,
    CallRecordWritten,
    Channel,
    ChannelChanged,
    ChannelEnded,
    ChannelRenamed,
    ChannelSeen,
    ChannelsPaired,
    ChannelStarted,
    ChannelState,
    ClickMarked,
    DialEnded,
    DialStarted,
    DialStatus,
    Endpoint,
    EndpointClass,
    HangupAsked,
    MenuEntered,
    OriginateEnded,
    PickedUp,
    PresentationSeen,
    QueueEntered,
    QueueLeft,
    RecordingStarted,
    Ticked,
    TransferKind,
    TransferMade,
    VoicemailLeft,
)
from tests.unit.cti.traces import Listener

START = 1_800_000_000.0


def classify(name: str) -> Endpoint:
    if name.startswith("Local/"):
        return Endpoint(EndpointClass.LOCAL)
    device = name.partition("-")[0]
    if device.isdigit():
        return Endpoint(EndpointClass.EXTENSION, device)
    return Endpoint(EndpointClass.IGNORE if device == "page" else EndpointClass.TRUNK)


class Story:
    """Turns the lines of a table into events."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._ref = "call-1"

    def events(self, text: str) -> Iterator[CallEvent]:
        for line in text.splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "call":
                self._ref = words[1]
                continue
            at, name, verb, *rest = words
            yield self._event(START + float(at), name, verb, rest)

    def _channel(self, name: str) -> Channel:
        if name not in self._channels:
            self._channels[name] = Channel(name, name, self._ref)
        return self._channels[name]

    def _event(self, at: float, name: str, verb: str, rest: list[str]) -> CallEvent:
        facts = dict(zip(rest[::2], rest[1::2], strict=False))
        if verb == "starts":
            state = ChannelState.DIALLING if {"from", "to"} & facts.keys() else ChannelState.DOWN
            made = Channel(
                name,
                name,
                facts.get("ref", self._ref),
                facts.get("from", ""),
                facts.get("named", ""),
                facts.get("to", ""),
            )
            self._channels[name] = made
            return ChannelStarted(at, made, state)
        channel = self._channel(name)
        if verb == "sees":  # it shows another call_ref from now on
            channel = self._channels[name] = Channel(
                name, name, rest[0], channel.number, channel.person, channel.dialled
            )
            return ChannelSeen(at, channel)
        return _VERBS[verb](at, channel, rest, self._channel)


Other = Callable[[str], Channel]
_VERBS: dict[str, Callable[[float, Channel, list[str], Other], CallEvent]] = {
    "offered": lambda at, one, rest, other: DialStarted(at, other(rest[1]) if rest else None, one, ""),
    "rings": lambda at, one, rest, other: ChannelChanged(at, one, ChannelState.RINGING),
    "up": lambda at, one, rest, other: ChannelChanged(at, one, ChannelState.UP),
    "refused": lambda at, one, rest, other: ChannelChanged(at, one, ChannelState.REFUSED),
    "joins": lambda at, one, rest, other: BridgeJoined(at, rest[0], one),
    "leaves": lambda at, one, rest, other: BridgeLeft(at, rest[0], one),
    "pairs": lambda at, one, rest, other: ChannelsPaired(at, one, other(rest[0])),
    "offer-ends": lambda at, one, rest, other: DialEnded(at, None, one, DialStatus(rest[0]), "".join(rest[1:])),
    "asks-end": lambda at, one, rest, other: HangupAsked(at, one, int(rest[0]) if rest else 16),
    "ends": lambda at, one, rest, other: ChannelEnded(at, one, int(rest[0]) if rest else 16),
    "renamed": lambda at, one, rest, other: ChannelRenamed(at, one.uid, rest[0]),
    "queues": lambda at, one, rest, other: QueueEntered(at, one, rest[0]),
    "unqueues": lambda at, one, rest, other: QueueLeft(at, one, rest[0], len(rest) > 1),
    "menu": lambda at, one, rest, other: MenuEntered(at, one, rest[0]),
    "records": lambda at, one, rest, other: RecordingStarted(at, one, rest[0], len(rest) > 1),
    "message": lambda at, one, rest, other: VoicemailLeft(at, one, ""),
    "click": lambda at, one, rest, other: ClickMarked(at, one, rest[0]),
    "hides": lambda at, one, rest, other: PresentationSeen(at, one, withheld=True),
    "originated": lambda at, one, rest, other: OriginateEnded(at, rest[0], one.uid, ok=rest[1] == "ok", number=rest[2]),
    "blind": lambda at, one, rest, other: TransferMade(
        at, TransferKind.BLIND, one, None, None, None, to=rest[0], done=len(rest) == 1
    ),
    "attended": lambda at, one, rest, other: TransferMade(
        at, TransferKind.ATTENDED, one, other(rest[0]) if rest else None, None, None, to="", done=True
    ),
    "picks-up": lambda at, one, rest, other: PickedUp(at, one, other(rest[0])),
    "cdr": lambda at, one, rest, other: CallRecordWritten(at, rest[0], one.uid, "".join(rest[1:])),
}


def told(text: str) -> Listener:
    """Play a table to its last line, and no further."""
    listener = Listener(CallState(classify))
    listener.feed(Story().events(text))
    return listener


def ended(text: str) -> Call:
    """Play a table to the end of its only call."""
    calls = told(text).finish()
    assert len(calls) == 1
    assert calls[0].settled
    return calls[0]


def tick(listener: Listener, at: float) -> None:
    listener.feed([Ticked(START + at)])
