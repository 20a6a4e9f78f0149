"""A conversation as everybody else sees it: the frozen `Call`."""

import re
from datetime import UTC, datetime
from typing import Final

from hub.cti import outcome
from hub.cti.conversation import Conversation, LiveChannel
from hub.records.call import Call, Direction, Leg, RecordingFile, Segment, Transfer
from hub.records.telephony import EndpointClass

# What exchanges write where there is no number, and where the caller hides it.
NO_NUMBER: Final = frozenset({"", "unknown", "<unknown>", "unavailable", "s"})
HIDDEN_NUMBER: Final = frozenset({"anonymous", "restricted", "private", "withheld"})

_NUMBER: Final = re.compile(r"\+?[0-9*#]{2,}")


def number_in(text: str) -> str:
    """Return what could be dialled in a dial string such as `0201234567@trunk` or `trunk/0201234567`."""
    if _NUMBER.fullmatch(text):
        return text
    parts = [part for part in re.split(r"[@/:;]", text) if _NUMBER.fullmatch(part)]
    return max(parts, key=len, default="")


def visible(conversation: Conversation) -> bool:
    """Say whether this is a call to anybody but the exchange itself."""
    return not conversation.hidden and outcome.direction(conversation) is not None


def view(conversation: Conversation, *, settled: bool = False, merged_into: str = "") -> Call:
    """Return the conversation as it stands."""
    found = outcome.direction(conversation) or Direction.INTERNAL
    customer = outcome.anchor(conversation)
    origin = conversation.channels.get(conversation.origin)
    over = conversation.ended_at is not None
    ended, why = outcome.outcome(conversation) if over else (None, "")
    ringing_at = _ringing_at(conversation, found, customer)
    return Call(
        key=conversation.key,
        aliases=tuple(ref for ref in conversation.refs if ref != conversation.key),
        version=conversation.version,
        direction=found,
        caller=_caller(conversation, found, origin),
        caller_name=conversation.caller_name if found is Direction.INBOUND else "",
        withheld=conversation.withheld and found is Direction.INBOUND,
        did=_dialled(origin) if found is Direction.INBOUND else "",
        callee=_callee(conversation, found, customer, origin),
        queue=conversation.queue,
        keyed=conversation.keyed,
        click_id=conversation.click_id,
        started_at=_time(conversation.started_at),
        ringing_at=_maybe(ringing_at),
        answered_at=_maybe(conversation.answered_at),
        ended_at=_maybe(conversation.ended_at),
        end_estimated=conversation.end_estimated,
        outcome=ended,
        reason=why,
        hangup_by=outcome.hung_up_by(conversation) if over else None,
        wait_s=0.0 if conversation.answered_at is not None else round(conversation.wait_s, 3),
        ring_s=_ring_s(conversation, found, customer, ringing_at),
        talk_s=round(conversation.talk_s, 3),
        legs=_legs(conversation, found, customer),
        segments=tuple(
            Segment(talk.uid, talk.extension, _time(talk.started_at), _maybe(talk.ended_at), talk.consult)
            for talk in conversation.talks
        ),
        transfers=tuple(
            Transfer(_time(one.at), one.kind, one.source, one.target, one.result) for one in conversation.handovers
        ),
        recordings=tuple(
            RecordingFile(one.path, _time(one.started_at), one.voicemail)
            for one in conversation.recordings
            if conversation.voicemail or not one.voicemail
        ),
        settled=settled,
        trunk=_trunk(customer),
        merged_into=merged_into,
    )


def _legs(conversation: Conversation, found: Direction, customer: LiveChannel | None) -> tuple[Leg, ...]:
    talkers = conversation.talkers
    return tuple(
        Leg(
            uid=one.uid,
            extension=one.extension,
            number=_outside_number(one) if one.kind is EndpointClass.TRUNK else "",
            origin=one.uid == conversation.origin,
            offered_at=_time(one.offered_at if one.offered_at is not None else one.started_at),
            ringing_at=_maybe(one.ringing_at),
            answered_at=_maybe(one.up_at),
            ended_at=_maybe(one.over_at),
            result=outcome.leg_result(conversation, one),
            talking=one.uid in talkers or (one is customer and bool(talkers)),
            consult_by=one.asks,
            channel=one.name,
            found_up=one.found_up,
        )
        for one in conversation.channels.values()
        if one.real and not (found is Direction.INBOUND and one.uid == conversation.origin)
    )


def _caller(conversation: Conversation, found: Direction, origin: LiveChannel | None) -> str:
    if found is Direction.INBOUND or origin is None:
        return conversation.caller
    # The caller id of our own phone may be the company's number or, for a click, the customer's.
    return origin.extension or ("" if origin.by_exchange else conversation.caller)


def _dialled(origin: LiveChannel | None) -> str:
    return origin.dialled if origin is not None and any(char.isdigit() for char in origin.dialled) else ""


def _callee(
    conversation: Conversation, found: Direction, customer: LiveChannel | None, origin: LiveChannel | None
) -> str:
    if found is Direction.INBOUND:
        return ""
    if found is Direction.OUTBOUND and origin is not None and origin.kind is EndpointClass.TRUNK:
        return _outside_number(origin)
    dialled = _dialled(origin)
    if dialled or conversation.click_number:
        return conversation.click_number or dialled
    target = customer if found is Direction.OUTBOUND else outcome.first_target(conversation)
    if target is None:
        return ""
    return target.extension or _outside_number(target)


def _outside_number(channel: LiveChannel) -> str:
    return number_in(channel.number) or number_in(channel.text) or channel.number


def _trunk(customer: LiveChannel | None) -> str:
    if customer is None or customer.kind is not EndpointClass.TRUNK:
        return ""
    endpoint, dash, _ = customer.name.rpartition("-")
    return endpoint if dash else customer.name


def _ringing_at(conversation: Conversation, found: Direction, customer: LiveChannel | None) -> float | None:
    """Return when it first rang at the side that was called."""
    rang = outcome.rang(conversation)
    if found is Direction.OUTBOUND and (customer is None or customer.uid != conversation.origin):
        rang = [one for one in rang if one.kind is EndpointClass.TRUNK]
    # A colleague's phone may have rung before, in a talk that became a part of this call.
    times = (one.ringing_at for one in rang if one.ringing_at is not None)
    return min((at for at in times if at >= conversation.started_at), default=None)


def _ring_s(
    conversation: Conversation, found: Direction, customer: LiveChannel | None, ringing_at: float | None
) -> float:
    """Return the seconds from the first ringing to the answer, or until the last phone stopped."""
    answered_at = conversation.answered_at
    if ringing_at is None:
        # A trunk that sends early media never says "ringing".
        heard = found is Direction.OUTBOUND and answered_at is not None and customer is not None
        ringing_at = customer.offered_at if heard and customer is not None else None
    if ringing_at is None:
        return 0.0
    stops = [answered_at] if answered_at is not None else [one.over_at for one in outcome.rang(conversation)]
    return round(max((stop - ringing_at for stop in stops if stop is not None), default=0.0), 3)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _maybe(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
