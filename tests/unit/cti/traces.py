"""Recorded streams of real calls, and how to play them to the call state."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from connectors.asterisk.translate import AmiTranslator
from hub.cti.call_state import CallState
from hub.cti.cards import Card, CardState, cards
from hub.records.call import Call, Direction, Outcome
from hub.records.telephony import (
    BridgeJoined,
    BridgeLeft,
    CallEvent,
    Channel,
    ChannelChanged,
    ChannelEnded,
    ChannelSeen,
    ChannelsListed,
    ChannelStarted,
    DialStarted,
    Endpoint,
    EndpointClass,
    ListedChannel,
    PickedUp,
    Ticked,
    TransferKind,
)

FIXTURES = Path(__file__).parents[2] / "fixtures" / "asterisk"
TALK_TOLERANCE_S = 0.6


@dataclass(frozen=True)
class Trace:
    name: str
    messages: tuple[tuple[float, bytes], ...]  # arrival, raw message
    truth: tuple[dict[str, Any], ...] = field(compare=False)


def names() -> list[str]:
    return sorted(path.name.removesuffix(".json") for path in FIXTURES.glob("*.json"))


@cache
def trace(name: str) -> Trace:
    raw = (FIXTURES / f"{name}.ami").read_bytes()
    facts = json.loads((FIXTURES / f"{name}.json").read_text())
    timing = facts["timing"]
    offsets = [offset for _, offset in timing]
    began = facts.get("recorded_unix", 1_795_309_000.0)
    messages, offset = [], 0
    for part in raw.split(b"\r\n\r\n"):
        if part.strip():
            slot = max(0, bisect_right(offsets, offset) - 1)
            messages.append((began + timing[slot][0], part))
        offset += len(part) + 4
    return Trace(name, tuple(messages), tuple(facts["calls"]))


@cache
def events(found: Trace, *, delay: float = 0.0) -> list[CallEvent]:
    translator = AmiTranslator()
    return [event for at, raw in found.messages for event in translator.translate(at + delay, raw)]


def renamed(found: Trace, number: int) -> Trace:
    """The same story as another call: other ids, and so much later that no two times are equal."""

    def other(raw: bytes) -> bytes:
        raw = re.sub(rb"\b1795(\d{6})\.(\d+)", lambda m: b"%d%s.%s" % (2000 + number, m[1], m[2]), raw)
        return re.sub(rb"hub-click-(\d+)", lambda m: b"hub-click-%d-%s" % (number, m[1]), raw)

    return replace(found, messages=tuple((at, other(raw)) for at, raw in found.messages))


def classify(name: str) -> Endpoint:
    if name.startswith("Local/"):
        return Endpoint(EndpointClass.LOCAL)
    device = name.partition("/")[2].rpartition("-")[0]
    if device.isdigit():
        return Endpoint(EndpointClass.EXTENSION, device)
    return Endpoint(EndpointClass.TRUNK)


class Listener:
    """What a consumer of the call state sees: the latest of every call, and the cards as they came and went."""

    def __init__(self, state: CallState | None = None) -> None:
        self.state = state or CallState(classify)
        self.calls: dict[str, Call] = {}
        self.shown: dict[str, dict[str, list[Card]]] = {}

    def feed(self, stream: Iterable[CallEvent]) -> None:
        for event in stream:
            self.state.feed(event)
            self.drain()

    def drain(self) -> None:
        for call in self.state.changed():
            before = self.calls.get(call.key)
            assert before is None or call.version > before.version
            self.calls[call.key] = call
            history = self.shown.setdefault(call.key, {})
            now = cards(call)
            for extension in [*history, *now]:
                card = now.get(extension, Card(CardState.ENDED, "merged"))
                steps = history.setdefault(extension, [])
                if not steps or steps[-1] != card:
                    steps.append(card)

    def finish(self) -> list[Call]:
        while (due := self.state.next_wakeup()) is not None:
            self.feed([Ticked(due)])
        return self.final()

    def final(self) -> list[Call]:
        return [call for call in self.calls.values() if not call.merged_into]

    def popped(self, key: str) -> list[str]:
        """Extensions that ever had a card for a call that came to them."""
        live = (CardState.RINGING, CardState.ANSWERED, CardState.CONSULT)
        mine = {leg.extension for leg in self.calls[key].legs if leg.origin}
        return sorted(
            extension
            for extension, steps in self.shown[key].items()
            if extension not in mine and any(card.state in live for card in steps)
        )


def play(stream: Iterable[CallEvent]) -> list[Call]:
    listener = Listener()
    listener.feed(stream)
    return listener.finish()


def bare(call: Call) -> Call:
    """Without what counts the looks at it."""
    return replace(call, version=0)


def rang(call: Call) -> list[str]:
    found = {leg.extension for leg in call.legs if leg.extension and leg.ringing_at and not leg.origin}
    return sorted(found)


def answered_by(call: Call) -> list[str]:
    found = []
    for segment in sorted(call.segments, key=lambda segment: segment.started_at):
        if segment.extension and not segment.consult and segment.extension not in found:
            found.append(segment.extension)
    return found


def talk(call: Call) -> dict[str, float]:
    found: dict[str, float] = {}
    for segment in call.segments:
        if not segment.consult and segment.extension and segment.ended_at is not None:
            spent = (segment.ended_at - segment.started_at).total_seconds()
            found[segment.extension] = found.get(segment.extension, 0.0) + spent
    return found


def differences(call: Call, truth: dict[str, Any]) -> Iterator[str]:
    """Everything in which a call is not what really happened."""
    agent = next((leg.extension for leg in call.legs if leg.origin), "")
    ours: dict[str, Any] = {
        "direction": call.direction.value,
        "caller": call.caller or None,
        "did": call.did,
        "queue": call.queue,
        "customer_id": call.keyed,
        "agent": agent,
        "number": call.callee,
        "callee": call.callee,
        "click_id": call.click_id,
        "rang": rang(call),
        "answered_by": answered_by(call),
        "outcome": call.outcome and call.outcome.value,
        "reason": call.reason,
        "hangup_by": call.hangup_by and call.hangup_by.value,
        "presentation": "prohibited" if call.withheld else "allowed",
    }
    for name, mine in ours.items():
        wanted = sorted(truth[name]) if name == "rang" and name in truth else truth.get(name)
        if name in truth and wanted != mine:
            yield f"{name} is {mine!r}, not {wanted!r}"
    for name in ("ring_s", "wait_s"):
        if name in truth and abs(getattr(call, name) - truth[name]) > TALK_TOLERANCE_S:
            yield f"{name} is {getattr(call, name)}, not {truth[name]}"
    yield from _talk_differences(call, truth)
    if "transfer" in truth:
        mine = [
            {"kind": one.kind.value, "from": one.source, "to": one.target, "result": one.result}
            for one in call.transfers
            if one.kind in (TransferKind.BLIND, TransferKind.ATTENDED)
            or any(t["kind"] == one.kind for t in truth["transfer"])
        ]
        if mine != truth["transfer"]:
            yield f"transfer is {mine}, not {truth['transfer']}"
    if "recording" in truth:
        wanted = truth["recording"].replace("<uniqueid>", call.key)
        if not any(one.path.endswith(wanted) for one in call.recordings):
            yield f"recording is {call.recordings}, not {wanted}"
    if call.open or not call.settled or (call.end_estimated is not (call.outcome is Outcome.LOST)):
        yield f"open={call.open} settled={call.settled} estimated={call.end_estimated}"


def _talk_differences(call: Call, truth: dict[str, Any]) -> Iterator[str]:
    mine, wanted = talk(call), truth.get("talk_s")
    if wanted is None:
        return
    for extension in {**wanted, **({} if truth.get("transfer") or not wanted else mine)}:
        if abs(mine.get(extension, 0.0) - wanted.get(extension, 0.0)) > TALK_TOLERANCE_S:
            yield f"talk_s of {extension} is {mine.get(extension)}, not {wanted.get(extension)}"
    alone = bool(wanted) and not truth.get("transfer")
    if call.direction is not Direction.INBOUND and alone and abs(call.talk_s - sum(wanted.values())) > TALK_TOLERANCE_S:
        yield f"talk_s is {call.talk_s}"


class Switchboard:
    """What the exchange itself knows while a trace goes on: the list of channels it would give."""

    def __init__(self) -> None:
        self._alive: dict[str, tuple[float, ListedChannel]] = {}

    def hear(self, event: CallEvent) -> None:
        match event:
            case ChannelStarted(at, channel, state):
                self._alive[channel.uid] = (at, ListedChannel(channel, state, "", 0.0))
            case ChannelEnded(_, channel, _):
                self._alive.pop(channel.uid, None)
            case ChannelChanged(_, channel, state):
                self._put(channel, state=state)
            case BridgeJoined(_, bridge, channel):
                self._put(channel, bridge=bridge)
            case BridgeLeft(_, bridge, channel):
                if channel.uid in self._alive and self._alive[channel.uid][1].bridge == bridge:
                    self._put(channel, bridge="")
            case DialStarted(_, _, target, _):
                self._put(target, offered=True)
            case ChannelSeen(_, channel):
                self._put(channel)
            case PickedUp(_, channel, _):
                self._put(channel)

    def _put(self, channel: Channel, **facts: Any) -> None:
        if channel.uid in self._alive:
            began, listed = self._alive[channel.uid]
            self._alive[channel.uid] = (began, replace(listed, channel=channel, **facts))

    def listed(self, at: float) -> ChannelsListed:
        """The list as it comes, oldest last, as hash tables of an exchange give it in any order."""
        return ChannelsListed(
            at, tuple(replace(one, age_s=float(int(at - began))) for began, one in reversed(self._alive.values()))
        )
