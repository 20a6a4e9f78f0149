"""What a conversation is: its direction, whose call it is, how each leg and the whole ended. Pure decisions."""

from typing import Final

from hub.cti.conversation import Conversation, LiveChannel
from hub.records.call import Direction, HangupBy, LegResult, Outcome
from hub.records.telephony import DialStatus, EndpointClass

# Losers of a ring group are told to stop before the winner's answer is told; both happen within this time.
_RACE_S: Final = 2.0

# ITU-T Q.850: https://www.itu.int/rec/T-REC-Q.850
_UNALLOCATED: Final = 1
_BUSY: Final = 17
_NO_ANSWER: Final = 19
_DECLINED: Final = 21
_ELSEWHERE: Final = 26
_WRONG_NUMBER: Final = frozenset({1, 2, 3, 22, 28})
_CONGESTED: Final = frozenset({34, 38, 41, 42, 44})
_BY_STATUS: Final = {
    DialStatus.NO_ANSWER: LegResult.NO_ANSWER,
    DialStatus.BUSY: LegResult.BUSY,
    DialStatus.DECLINED: LegResult.DECLINED,
    DialStatus.CONGESTION: LegResult.FAILED,
    DialStatus.UNAVAILABLE: LegResult.FAILED,
    DialStatus.FORWARDED: LegResult.CANCELLED,
}


def direction(conversation: Conversation) -> Direction | None:
    """Return the direction by the class of who began the call and of whom it was for; None: cannot be said yet."""
    origin = conversation.channels.get(conversation.origin)
    if origin is None:
        return None
    if origin.kind is EndpointClass.TRUNK:
        return Direction.OUTBOUND if origin.by_exchange else Direction.INBOUND
    target = first_target(conversation)
    if target is not None:
        return Direction.OUTBOUND if target.kind is EndpointClass.TRUNK else Direction.INTERNAL
    if conversation.click_id:
        return Direction.OUTBOUND
    if conversation.queued:
        return Direction.INTERNAL
    return _attempt(conversation, origin)


def first_target(conversation: Conversation) -> LiveChannel | None:
    """Return the first real destination."""
    for channel in conversation.channels.values():
        if channel.real and channel.offered_at is not None and channel.uid != conversation.origin:
            return channel
    return None


def anchor(conversation: Conversation) -> LiveChannel | None:
    """Return the customer's own channel; of an internal call, that of whoever dialled."""
    origin = conversation.channels.get(conversation.origin)
    match direction(conversation):
        case Direction.OUTBOUND if origin is not None and origin.kind is EndpointClass.EXTENSION:
            return _outside(conversation)
        case Direction.INTERNAL if origin is not None and origin.ended_at is not None:
            # Who dialled has left, maybe by a transfer: the one they talked with is what is left of the call.
            heirs = (one for one in conversation.alive() if one.talked and one.kind is EndpointClass.EXTENSION)
            return next(heirs, origin)
        case _:
            return origin


def leg_result(conversation: Conversation, leg: LiveChannel) -> LegResult | None:
    """Say how one leg ended; None while it is open."""
    if leg.over_at is None:
        return None
    if leg.talked or leg.consulted:
        return LegResult.ANSWERED
    if leg.uid == conversation.origin:
        return _origin_result(conversation, leg)
    if leg.up_at is not None and leg.kind is EndpointClass.TRUNK:
        return LegResult.ANSWERED
    if leg.ringing_at is None and leg.cause in _WRONG_NUMBER:  # told as "no answer" all the same
        return LegResult.FAILED
    if leg.cause == _DECLINED:
        return LegResult.DECLINED
    if leg.status is DialStatus.BUSY or (leg.status is None and leg.cause == _BUSY):
        # The reject button of many phones says "busy here" as well; a phone that rang was not busy.
        return LegResult.DECLINED if leg.ringing_at is not None else LegResult.BUSY
    if leg.status in _BY_STATUS:
        return _BY_STATUS[leg.status]
    if leg.cause == _ELSEWHERE or winner(conversation, leg) is not None:
        return LegResult.ELSEWHERE
    return LegResult.NO_ANSWER if leg.status is None and leg.cause == _NO_ANSWER else LegResult.CANCELLED


def winner(conversation: Conversation, leg: LiveChannel) -> LiveChannel | None:
    """Return the leg that took the call which `leg` rang for."""
    over_at = leg.over_at
    if over_at is None or leg.up_at is not None:
        return None
    began = leg.offered_at if leg.offered_at is not None else leg.started_at
    took = [
        other
        for other in conversation.channels.values()
        if other is not leg and other.talked and other.up_at is not None and began <= other.up_at <= over_at + _RACE_S
    ]
    return min(took, key=lambda other: other.up_at or 0.0, default=None)


def rang(conversation: Conversation) -> list[LiveChannel]:
    """Return the destinations that really rang, in order."""
    return [
        one
        for one in conversation.channels.values()
        if one.real and one.ringing_at is not None and one.uid != conversation.origin
    ]


def outcome(conversation: Conversation) -> tuple[Outcome, str]:
    """Say how a call ended, and why."""
    if conversation.lost:
        return Outcome.LOST, conversation.lost
    if conversation.answered_at is not None:
        return Outcome.ANSWERED, ""
    if conversation.voicemail:
        return Outcome.VOICEMAIL, ""
    out = direction(conversation) is Direction.OUTBOUND
    found, why = _unanswered_out(conversation) if out else _unanswered_in(conversation)
    if conversation.unseen:
        # It may have rung, even been answered; the exchange's own record will tell. Until then somebody should call back.
        return (found if out else Outcome.MISSED), "unseen"
    return found, why


def hung_up_by(conversation: Conversation) -> HangupBy | None:
    """Say who ended the call; None where nobody can know."""
    if conversation.lost or conversation.end_estimated:
        return None
    if conversation.hung_by is not None:
        return conversation.hung_by
    # A hang-up ordered from outside (our own button) makes no request: the agent's phone just leaves first.
    return HangupBy.AGENT if conversation.left_first else HangupBy.PBX


def _attempt(conversation: Conversation, origin: LiveChannel) -> Direction | None:
    """Judge a phone that called and reached nobody: a wrong number is a call, a feature code is none.

    Feature codes and services of the exchange answer by themselves, or begin with * or #.
    """
    if conversation.ended_at is None or origin.up_at is not None or not origin.dialled.lstrip("+").isdecimal():
        return None
    return Direction.OUTBOUND if len(origin.dialled) > len(origin.extension) else Direction.INTERNAL


def _outside(conversation: Conversation) -> LiveChannel | None:
    """Return the outside channel that answered first, else the one tried last."""
    tried = [one for one in conversation.channels.values() if one.kind is EndpointClass.TRUNK]
    answered = [one for one in tried if one.up_at is not None]
    return min(answered, key=lambda one: one.up_at or 0.0) if answered else (tried[-1] if tried else None)


def _origin_result(conversation: Conversation, leg: LiveChannel) -> LegResult:
    if conversation.answered_at is not None:
        return LegResult.ANSWERED
    if leg.up_at is None and leg.by_exchange:
        return _own_phone(leg)
    return LegResult.CANCELLED


def _own_phone(leg: LiveChannel) -> LegResult:
    if leg.cause == _DECLINED or (leg.cause == _BUSY and leg.ringing_at is not None):
        return LegResult.DECLINED
    if leg.cause == _BUSY or leg.status is DialStatus.BUSY:
        return LegResult.BUSY
    return LegResult.NO_ANSWER if leg.ringing_at is not None else LegResult.FAILED


def _unanswered_out(conversation: Conversation) -> tuple[Outcome, str]:
    origin = conversation.channels.get(conversation.origin)
    if origin is not None and origin.by_exchange and origin.up_at is None:
        return Outcome.FAILED, f"agent_{conversation.click_failed or _own_phone(origin)}"
    legs = [
        one
        for one in conversation.channels.values()
        if one.real and one.offered_at is not None and one.uid != conversation.origin
    ]
    if not legs:
        return Outcome.FAILED, "not_dialled"
    results = [leg_result(conversation, leg) for leg in legs]
    if any(leg.ringing_at is not None for leg in legs):
        return Outcome.MISSED, _why_missed(conversation, results)
    if LegResult.BUSY in results:
        return Outcome.BUSY, ""
    if LegResult.DECLINED in results:
        return Outcome.MISSED, "declined"
    if conversation.gave_up or LegResult.NO_ANSWER in results:  # early media instead of a ringing tone
        return Outcome.MISSED, "caller_gave_up" if conversation.gave_up else "timeout"
    return Outcome.FAILED, _why_failed(legs[-1].cause)


def _unanswered_in(conversation: Conversation) -> tuple[Outcome, str]:
    legs = [
        one
        for one in conversation.channels.values()
        if one.real and one.offered_at is not None and one.uid != conversation.origin
    ]
    results = [leg_result(conversation, leg) for leg in legs]
    if conversation.queued or any(leg.ringing_at is not None for leg in legs):
        rung = [leg_result(conversation, leg) for leg in legs if leg.ringing_at is not None]
        return Outcome.MISSED, _why_missed(conversation, rung)
    if LegResult.BUSY in results:
        return Outcome.BUSY, ""
    if LegResult.DECLINED in results:
        return Outcome.MISSED, "declined"
    if legs:
        return (Outcome.MISSED, "caller_gave_up") if conversation.gave_up else (Outcome.FAILED, "unreachable")
    origin = conversation.channels.get(conversation.origin)
    if conversation.menu or (origin is not None and origin.up_at is not None):
        return Outcome.ABANDONED, "in_menu"
    if conversation.hung_by is HangupBy.CALLER:
        return Outcome.ABANDONED, "caller_gave_up"
    return Outcome.FAILED, _why_failed(origin.cause if origin is not None else 0)


def _why_missed(conversation: Conversation, results: list[LegResult | None]) -> str:
    if conversation.gave_up:
        return "queue_abandon" if conversation.queue_abandoned else "caller_gave_up"
    if results and all(result is LegResult.DECLINED for result in results):
        return "declined"
    return "timeout"


def _why_failed(cause: int) -> str:
    if cause == _UNALLOCATED:
        return "unallocated"
    return "congestion" if cause in _CONGESTED else "unreachable"
