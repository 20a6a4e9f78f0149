"""Follows the channel events of one conversation as the live call state does, and makes one call of them.

Events say who shared a bridge with whom; that is what counts as talk. They do not say that a phone rang, nor that a
message was left: where those are guessed, it is said beside the guess.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connectors.asterisk.records.group import half_less
from connectors.asterisk.records.measure import (
    BUSY_BY_ITSELF_S,
    LOCAL,
    MAILBOX_S,
    MAILBOXES,
    NUMBER,
    WITHHELD,
    click_of,
    first_ringing,
    joined_segments,
    key_of,
    recordings_of,
    ring_seconds,
    shown_number,
    talk_seconds,
    trunk_of,
)
from connectors.asterisk.records.rows import CdrRow, CelRow
from hub.connector.exchange import Classify
from hub.records.call import (
    Call,
    Direction,
    HangupBy,
    Leg,
    LegResult,
    Outcome,
    Segment,
    Source,
    Transfer,
)
from hub.records.telephony import Endpoint, EndpointClass, TransferKind

# No record says that a phone rang. One that refused sooner than this did so by itself (busy, do not disturb).
_BY_ITSELF_S = 1.0
# Q.850 causes with which no phone rang: unallocated, no route, sent on (302), no circuit, network or bearer trouble.
_UNREACHABLE = frozenset({1, 2, 3, 20, 22, 23, 25, 27, 28, 29, 34, 38, 41, 42, 44, 50, 57, 58, 63, 65, 66, 88, 127})
_BUSY, _DECLINED, _ELSEWHERE = 17, 21, 26


@dataclass(slots=True)
class _Channel:
    uid: str
    name: str
    born: str  # the linkedid that it had first
    endpoint: Endpoint
    started: datetime
    number: str = ""
    person: str = ""
    exten: str = ""
    answered: datetime | None = None
    ended: datetime | None = None
    cause: int = 0
    status: str = ""  # DIALSTATUS at its end
    ended_by: str = ""
    app: str = ""
    mailbox: datetime | None = None
    dialled: str = ""

    @property
    def real(self) -> bool:
        return self.endpoint.kind in (EndpointClass.TRUNK, EndpointClass.EXTENSION)

    @property
    def is_trunk(self) -> bool:
        return self.endpoint.kind is EndpointClass.TRUNK

    @property
    def who(self) -> str:
        return self.endpoint.extension or self.number


@dataclass(slots=True)
class _Story:
    """What one pass over the events of a conversation gathers."""

    channels: dict[str, _Channel] = field(default_factory=dict)
    queue: str = ""
    queued: datetime | None = None
    queue_left: datetime | None = None
    first_ended_by: str = ""  # the channel that ended by itself before any other
    last: datetime | None = None

    def real(self) -> list[_Channel]:
        return [channel for channel in self.channels.values() if channel.real]


def from_cel(rows: Sequence[CelRow], cdrs: Sequence[CdrRow], classify: Classify, *, died: bool = False) -> Call | None:
    """Follow the channel events of one conversation.

    Args:
        rows: all of one conversation, in the order of the source.
        cdrs: call detail records of the same, for what events do not carry: the recording, the DID, a caller's name.
        classify: channel name -> what is behind it.
        died: the exchange stopped before the end; no row tells when.

    Returns None where no trunk or extension took part.
    """
    story = _gather(rows, classify)
    key = _key(rows, story)
    origin = next((channel for channel in story.real() if channel.born == key), None) or next(iter(story.real()), None)
    if origin is None or story.last is None:
        return None
    direction = _direction(origin, story.real())
    customer = _customer(origin, story.real(), direction)
    segments = _segments(rows, story, customer, died=died)
    legs = _legs(story, origin, customer, direction)
    ended = None if died else max((c.ended for c in story.real() if c.ended), default=story.last)
    call = _call(origin, direction, min(row.at for row in rows if row.linkedid == key), ended or story.last)
    talk = [segment for segment in segments if not segment.consult]
    answered = min((segment.started_at for segment in talk), default=None)
    outcome, reason = _outcome_of_events(story, origin, customer, legs, direction, talked=bool(talk))
    ringing = first_ringing(legs, direction)
    call = replace(
        call,
        key=key,
        aliases=tuple(dict.fromkeys(row.linkedid for row in rows if row.linkedid != key)),
        click_id=click_of(key),
        version=len(rows) + len(cdrs),
        queue=story.queue,
        caller_name=_caller_name(origin, direction),
        did=_did_of_events(origin) if direction is Direction.INBOUND else "",
        callee=_callee(story, origin, customer, direction),
        ringing_at=ringing,
        answered_at=answered,
        end_estimated=died,
        outcome=Outcome.LOST if died else outcome,
        reason="pbx_died" if died else reason,
        hangup_by=None if died else _hangup_by(story, customer, outcome, reason),
        wait_s=_wait(story, answered, call.ended_at),
        ring_s=ring_seconds(ringing, answered, legs, call.ended_at),
        talk_s=talk_seconds(talk),
        legs=tuple(legs),
        segments=tuple(segments),
        transfers=tuple(_transfers(rows, story, segments)),
        trunk=trunk_of(channel.name for channel in story.real() if channel.is_trunk),
    )
    return _enriched(call, cdrs)


def _gather(rows: Sequence[CelRow], classify: Classify) -> _Story:
    story = _Story()
    for row in rows:
        channel = story.channels.get(row.uniqueid)
        if channel is None:
            channel = _Channel(
                row.uniqueid, row.channel, row.linkedid, classify(row.channel), row.at, row.cid_num, row.cid_name
            )
            channel.exten = row.exten if row.event == "CHAN_START" else ""
            story.channels[row.uniqueid] = channel
        story.last = row.at if story.last is None else max(story.last, row.at)
        _note(story, channel, row)
    return story


def _key(rows: Sequence[CelRow], story: _Story) -> str:
    """The linkedid that the live call goes by: the oldest, or of several the oldest that began with a customer.

    A transfer or a pickup joins two; the exchange keeps the older, though that may be a question between colleagues.
    """
    outside = {channel.born for channel in story.real() if channel.is_trunk}
    ids = [(row.linkedid, row.at) for row in rows]
    return key_of([one for one in ids if one[0] in outside] or ids)


def _note(story: _Story, channel: _Channel, row: CelRow) -> None:
    app = row.app.lower()
    channel.app = app or channel.app
    channel.number = channel.number or row.cid_num  # a trunk that we call carries its number only later
    if app in MAILBOXES and row.event in ("ANSWER", "APP_START", "STREAM_BEGIN"):
        channel.mailbox = channel.mailbox or row.at
    match row.event:
        case "ANSWER":
            channel.answered = channel.answered or row.at
        case "APP_START" if app == "queue":
            story.queued, story.queue_left = story.queued or row.at, None
            story.queue = row.appdata.split(",")[0] or story.queue
        case "APP_END" if app == "queue":
            story.queue_left = row.at
        case "APP_START" if app == "dial" and NUMBER.match(row.exten):
            channel.dialled = channel.dialled or row.exten
        case "HANGUP":
            channel.ended = row.at
            channel.cause = int(row.extra.get("hangupcause", "0") or 0) if _digits(row.extra) else 0
            channel.status = row.extra.get("dialstatus", "")
            channel.ended_by = row.extra.get("hangupsource", "")
            talked = channel.answered or channel.uid == next(iter(story.real())).uid
            if channel.real and talked and channel.ended_by == channel.name:
                story.first_ended_by = story.first_ended_by or channel.uid
        case "CHAN_END":
            channel.ended = channel.ended or row.at


def _digits(extra: object) -> bool:
    return isinstance(extra, dict) and str(extra.get("hangupcause", "")).isdigit()


def _direction(origin: _Channel, real: Sequence[_Channel]) -> Direction:
    if origin.is_trunk:
        return Direction.INBOUND
    others = [channel for channel in real if channel is not origin]
    if others:
        return Direction.OUTBOUND if others[0].is_trunk else Direction.INTERNAL
    # Alone, and rung by the exchange itself: a click-to-dial that nobody picked up. Alone, having dialled a number
    # of ours or of the outside: the exchange offered it to nobody, which is a call within the house.
    return Direction.OUTBOUND if _originated(origin) else Direction.INTERNAL


def _originated(channel: _Channel) -> bool:
    """The exchange rang this phone to make a call from it. AppDial2 is how Originate shows in the records."""
    return channel.app == "appdial2" or channel.exten in ("", "s")


def _customer(origin: _Channel, real: Sequence[_Channel], direction: Direction) -> _Channel:
    """Whom talk is counted with: the outside party, or the caller of an internal call."""
    if direction is not Direction.OUTBOUND:
        return origin
    trunks = [channel for channel in real if channel.is_trunk]
    answered = [channel for channel in trunks if channel.answered]
    return (answered or trunks[-1:] or [origin])[0]


def _segments(rows: Sequence[CelRow], story: _Story, customer: _Channel, *, died: bool) -> list[Segment]:
    """Stretches in which a channel shared a bridge, directly or through local channels, with the customer."""
    bridges: dict[str, set[str]] = {}
    where: dict[str, str] = {}
    running: dict[tuple[str, bool], datetime] = {}
    done: list[Segment] = []
    for row in rows:
        if row.event == "BRIDGE_ENTER":
            bridge = row.extra.get("bridge_id") or _bridge_of_peer(row, story, where)
            bridges.setdefault(bridge, set()).add(row.uniqueid)
            where[row.uniqueid] = bridge
        elif row.event in ("BRIDGE_EXIT", "HANGUP", "CHAN_END"):
            bridges.get(where.pop(row.uniqueid, ""), set()).discard(row.uniqueid)
        else:
            continue
        _switch(running, done, _talkers(bridges, story, customer), story, row.at)
    if died:
        _switch(running, done, set(), story, rows[-1].at)
    return joined_segments(done)


def _bridge_of_peer(row: CelRow, story: _Story, where: dict[str, str]) -> str:
    """Where events carry no bridge id (no `eventextra` in cel_custom.conf), the peer's bridge is the one entered."""
    for peer in row.peer.split(","):
        for uid, channel in story.channels.items():
            if channel.name == peer.strip() and uid in where:
                return where[uid]
    return f"bridge of {row.uniqueid}"


def _talkers(bridges: dict[str, set[str]], story: _Story, customer: _Channel) -> set[tuple[str, bool]]:
    """(channel, consult?) of everybody who hears somebody now, but the customer."""
    talkers: set[tuple[str, bool]] = set()
    for component in _components(bridges.values(), story):
        real = [uid for uid in component if story.channels[uid].real]
        if customer.uid in component:
            talkers |= {(uid, False) for uid in real if uid != customer.uid}
        elif len(real) > 1:
            talkers |= {(uid, True) for uid in real}
    return talkers


def _components(bridges: Iterable[set[str]], story: _Story) -> list[set[str]]:
    """Sets of channels that hear each other: those in one bridge, and what local channels tie together."""
    groups = [set(bridge) for bridge in bridges if bridge]
    halves: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        for uid in group:
            name = story.channels[uid].name
            if name.startswith("Local/"):
                halves.setdefault(half_less(name), []).append(number)
    for numbers in halves.values():
        first = groups[numbers[0]]
        for number in numbers[1:]:
            if groups[number] is not first:
                first |= groups[number]
                groups = [first if group is groups[number] else group for group in groups]
    return list({id(group): group for group in groups}.values())


def _switch(
    running: dict[tuple[str, bool], datetime],
    done: list[Segment],
    talkers: set[tuple[str, bool]],
    story: _Story,
    at: datetime,
) -> None:
    for talker in [talker for talker in running if talker not in talkers]:
        uid, consult = talker
        extension = story.channels[uid].endpoint.extension
        done.append(Segment(uid, extension, running.pop(talker), at, consult))
    for talker in talkers - set(running):
        running[talker] = at


def _legs(story: _Story, origin: _Channel, customer: _Channel, direction: Direction) -> list[Leg]:
    legs = []
    for channel in story.real():
        if channel is customer and direction is Direction.INBOUND:
            continue
        result = _result(channel, origin, somebody=_lost_to(channel, story, origin))
        rang = result not in (LegResult.BUSY, LegResult.FAILED) and (channel is not origin or _originated(origin))
        legs.append(
            Leg(
                uid=channel.uid,
                extension=channel.endpoint.extension,
                number="" if channel.endpoint.extension else channel.number,
                origin=channel is origin,
                offered_at=channel.started,
                # The rows say nothing of ringing; a phone rings some ms after its channel is made.
                ringing_at=channel.started if rang else None,
                answered_at=channel.answered,
                ended_at=channel.ended,
                result=result,
                talking=False,
                channel=channel.name,
            )
        )
    return legs


def _lost_to(channel: _Channel, story: _Story, origin: _Channel) -> bool:
    """True if another phone took the call while this one was being offered it."""
    if channel.ended is None:
        return False
    others = [one.answered for one in story.real() if one.answered and one is not channel and one is not origin]
    return any(channel.started <= at <= channel.ended + timedelta(seconds=1) for at in others)


def _result(channel: _Channel, origin: _Channel, *, somebody: bool) -> LegResult:
    if channel.answered or (channel is origin and not _originated(channel)):
        return LegResult.ANSWERED
    lived = ((channel.ended or channel.started) - channel.started).total_seconds()
    if channel.cause == _BUSY:
        return LegResult.BUSY if lived < BUSY_BY_ITSELF_S else LegResult.DECLINED
    if channel.cause == _DECLINED:
        return LegResult.BUSY if lived < _BY_ITSELF_S else LegResult.DECLINED
    if channel.cause == _ELSEWHERE or somebody:
        return LegResult.ELSEWHERE
    if channel.cause in _UNREACHABLE:
        return LegResult.FAILED
    if origin.status == "CANCEL" or (origin.ended_by == origin.name and origin.is_trunk):
        return LegResult.CANCELLED
    return LegResult.NO_ANSWER


def _outcome_of_events(
    story: _Story, origin: _Channel, customer: _Channel, legs: Sequence[Leg], direction: Direction, *, talked: bool
) -> tuple[Outcome, str]:
    if talked:
        return Outcome.ANSWERED, ""
    offered = [leg for leg in legs if not leg.origin]
    end = origin.ended or story.last or origin.started
    if origin.mailbox and (end - origin.mailbox).total_seconds() >= MAILBOX_S:
        return Outcome.VOICEMAIL, ""
    if not offered:
        return _outcome_unoffered(story, origin, direction)
    rang = [leg for leg in offered if leg.result not in (LegResult.BUSY, LegResult.FAILED)]
    if direction is Direction.OUTBOUND:
        rang = [leg for leg in rang if leg.uid == customer.uid]
    if not rang and story.queued is None:
        busy = any(leg.result is LegResult.BUSY for leg in offered)
        return (Outcome.BUSY, "") if busy else (Outcome.FAILED, "unreachable")
    return Outcome.MISSED, _why_missed(story, origin, offered)


def _outcome_unoffered(story: _Story, origin: _Channel, direction: Direction) -> tuple[Outcome, str]:
    if direction is Direction.INBOUND:
        if story.queued:
            return Outcome.MISSED, "queue_abandon"
        gave_up = origin.ended_by == origin.name and origin.status in ("", "CANCEL") and origin.cause != _BUSY
        if origin.answered or gave_up:
            return Outcome.ABANDONED, "in_menu"
    elif _originated(origin):
        return Outcome.FAILED, "unreachable" if origin.answered else f"agent_{_own_phone(origin)}"
    busy = origin.status == "BUSY" or origin.cause == _BUSY
    return (Outcome.BUSY, "") if busy else (Outcome.FAILED, "unreachable")


def _own_phone(origin: _Channel) -> LegResult:
    """Why the phone that the exchange rang for a click-to-dial was not picked up."""
    result = LegResult.DECLINED if origin.cause == _DECLINED else _result(origin, origin, somebody=False)
    return result if result in (LegResult.BUSY, LegResult.DECLINED) else LegResult.NO_ANSWER


def _why_missed(story: _Story, origin: _Channel, offered: Sequence[Leg]) -> str:
    if all(leg.result in (LegResult.DECLINED, LegResult.BUSY) for leg in offered):
        return "declined"
    gave_up = origin.status == "CANCEL" or origin.ended_by == origin.name
    if story.queued:
        return "queue_abandon" if gave_up else "timeout"
    return "caller_gave_up" if gave_up else "timeout"


def _hangup_by(story: _Story, customer: _Channel, outcome: Outcome, reason: str) -> HangupBy | None:
    """Who ended it: the first channel that ended by itself, not because the other side had."""
    if outcome in (Outcome.BUSY, Outcome.FAILED) or reason == "timeout":
        return HangupBy.PBX
    if story.first_ended_by:
        return HangupBy.CALLER if story.first_ended_by == customer.uid else HangupBy.AGENT
    return None


def _transfers(rows: Sequence[CelRow], story: _Story, segments: Sequence[Segment]) -> list[Transfer]:
    transfers = []
    for row in rows:
        channel = story.channels[row.uniqueid]
        if row.event == "BLINDTRANSFER":
            target = row.extra.get("extension", "")
            done = any(one.extension == target and one.started_at >= row.at and not one.consult for one in segments)
            result = "completed" if done else _failed_transfer(story, target, row.at)
            transfers.append(Transfer(row.at, TransferKind.BLIND, channel.who, target, result))
        elif row.event == "ATTENDEDTRANSFER":
            target = _consulted(row, story, segments)
            done = any(
                one.extension != channel.endpoint.extension
                and not one.consult
                and (one.ended_at is None or one.ended_at > row.at)
                for one in segments
            )
            result = "completed" if done else "noanswer"
            transfers.append(Transfer(row.at, TransferKind.ATTENDED, channel.who, target, result))
        elif row.event == "PICKUP":
            taker = story.channels.get(row.extra.get("pickup_channel_uniqueid", ""))
            target = taker.who if taker else ""
            transfers.append(Transfer(row.at, TransferKind.PICKUP, channel.who, target, "completed"))
    return transfers


def _failed_transfer(story: _Story, target: str, at: datetime) -> str:
    tried = [c for c in story.real() if c.endpoint.extension == target and c.started >= at - timedelta(seconds=1)]
    if not tried:
        return "failed"  # there is no such extension
    return "busy" if any(channel.cause == _BUSY for channel in tried) else "noanswer"


def _consulted(row: CelRow, story: _Story, segments: Sequence[Segment]) -> str:
    """Who was asked before the attended transfer: named, or the one the transferer last consulted."""
    target = story.channels.get(row.extra.get("transfer_target_channel_uniqueid", ""))
    if target and target.real:
        return target.who
    transferer = story.channels[row.uniqueid].endpoint.extension
    asked = [one for one in segments if one.consult and one.extension != transferer and one.started_at <= row.at]
    if asked:
        return asked[-1].extension
    match = LOCAL.match(target.name) if target else None
    return match["exten"] if match else ""


def _did_of_events(origin: _Channel) -> str:
    return origin.exten if NUMBER.match(origin.exten) else ""


def _callee(story: _Story, origin: _Channel, customer: _Channel, direction: Direction) -> str:
    if direction is Direction.INBOUND:
        return ""
    if direction is Direction.INTERNAL:
        target = next((channel for channel in story.real() if channel is not origin), None)
        return target.endpoint.extension if target else origin.dialled or _did_of_events(origin)
    dialled = origin.exten if NUMBER.match(origin.exten) else origin.dialled
    return dialled or (customer.number if customer is not origin else "")


def _caller_name(origin: _Channel, direction: Direction) -> str:
    return "" if direction is Direction.OUTBOUND or origin.person == origin.number else origin.person


def _call(origin: _Channel, direction: Direction, started: datetime, ended: datetime) -> Call:
    number = origin.number
    if direction is not Direction.INBOUND and origin.endpoint.extension:
        number = origin.endpoint.extension  # the phone of a click-to-dial carries the customer's number
    return Call(
        key="",
        aliases=(),
        version=0,
        direction=direction,
        caller=shown_number(number),
        caller_name="",
        withheld=number.lower() in WITHHELD,
        did="",
        callee="",
        queue="",
        keyed="",
        click_id="",
        started_at=started,
        ringing_at=None,
        answered_at=None,
        ended_at=ended,
        end_estimated=False,
        outcome=None,
        reason="",
        hangup_by=None,
        wait_s=0.0,
        ring_s=0.0,
        talk_s=0.0,
        legs=(),
        segments=(),
        transfers=(),
        recordings=(),
        source=Source.BACKFILL,
        settled=True,
    )


def _enriched(call: Call, cdrs: Sequence[CdrRow]) -> Call:
    """Add what only call detail records carry."""
    if not cdrs:
        return call
    rows = sorted(cdrs, key=lambda row: (row.start, row.sequence))
    queue = next((row.data.split(",")[0] for row in rows if row.app.lower() == "queue" and row.data), "")
    name = next((row.name for row in rows if row.name and row.src == call.caller), "")
    did = next((row.did for row in rows if row.did), "")
    return replace(
        call,
        did=did or call.did if call.direction is Direction.INBOUND else "",
        queue=call.queue or queue,
        caller_name=call.caller_name or (name if call.direction is not Direction.OUTBOUND else ""),
        recordings=recordings_of(rows),
    )


def _wait(story: _Story, answered: datetime | None, ended: datetime | None) -> float:
    if story.queued is None or answered is not None:
        return 0.0
    left = story.queue_left or ended or story.queued
    return (left - story.queued).total_seconds()
