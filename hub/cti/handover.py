"""Transfers, forwards and pick-ups of a conversation: noted, completed, closed."""

from collections.abc import Iterable
from typing import Final

from hub.cti import outcome
from hub.cti.conversation import LIMIT, Conversation, Handover, LiveChannel
from hub.records.call import LegResult
from hub.records.telephony import DialStatus, EndpointClass, TransferKind

_TWICE_S: Final = 2.0  # the same transfer told again within this time is the same transfer
_FAILED_CONSULT: Final = {LegResult.BUSY: "busy", LegResult.FAILED: "failed"}


def note(conversation: Conversation, made: Handover) -> None:
    """Keep a transfer, unless it is one that was told before."""
    for one in conversation.handovers[-3:]:
        alike = (one.kind, one.source) == (made.kind, made.source) and made.target in (one.target, "")
        if alike and made.at - one.at < _TWICE_S:
            return
    if len(conversation.handovers) < LIMIT:
        conversation.handovers.append(made)
        conversation.touch()


def complete(conversation: Conversation, talkers: Iterable[LiveChannel]) -> None:
    """Say of open transfers that they succeeded, once somebody else talks with the customer."""
    if all(one.result for one in conversation.handovers):
        return
    people = list(talkers)
    for one in conversation.handovers:
        taker = next((channel for channel in people if not channel.extension or channel.extension != one.source), None)
        if not one.result and taker is not None:
            one.result = "completed"
            one.target = one.target or taker.extension or taker.number
            conversation.touch()


def close(conversation: Conversation) -> None:
    """Say how those transfers ended that nobody took."""
    for one in conversation.handovers:
        if not one.result:
            _close(conversation, one)


def moved_silently(at: float, conversation: Conversation, channel: LiveChannel) -> None:
    """Notice a transfer that has no event: the customer stays, their agent is cut off, somebody else is called.

    Args:
        at: now.
        conversation: any.
        channel: the destination that is being called.
    """
    if channel.asks or conversation.hung_by is not None or conversation.answered_at is None:
        return
    if conversation.talkers or any(not one.result for one in conversation.handovers):
        return
    customer = outcome.anchor(conversation)
    if customer is None or customer.ended_at is not None or customer is channel:
        return
    last = next((talk for talk in reversed(conversation.talks) if not talk.consult), None)
    if last is None or last.ended_at is None:
        return
    if not conversation.handovers or conversation.handovers[-1].at < last.ended_at:
        # The target stays empty until somebody takes the call.
        note(conversation, Handover(at, TransferKind.REDIRECT, last.extension, "", ""))


def consult_failed(at: float, conversation: Conversation, channel: LiveChannel) -> None:
    """Note an attended transfer that came to nothing, because the colleague asked was busy or did not answer."""
    if not channel.asks or channel.up_at is not None or channel.kind is not EndpointClass.EXTENSION:
        return
    result = outcome.leg_result(conversation, channel)
    if result is None or channel.status is DialStatus.FORWARDED:
        return
    source, channel.asks = channel.asks, ""
    word = _FAILED_CONSULT.get(result, "noanswer")
    note(conversation, Handover(at, TransferKind.ATTENDED, source, channel.extension, word))


def asked_by(conversation: Conversation, source: str, transferer: LiveChannel) -> LiveChannel | None:
    """Return who got the call by an attended transfer: the one asked, who may already talk with the customer."""
    customer = outcome.anchor(conversation)
    others = [
        one
        for one in conversation.alive()
        if one.real and one.extension != source and one is not transferer and one is not customer
    ]
    asked = [one for one in others if one.asks == source]
    talking = [one for one in others if one.uid in conversation.talkers]
    ringing = [one for one in others if one.rings]
    return next((found[-1] for found in (asked, talking, ringing) if found), None)


def _close(conversation: Conversation, handover: Handover) -> None:
    legs = [one for one in conversation.channels.values() if one.real and (one.offered_at or 0.0) >= handover.at]
    results = {outcome.leg_result(conversation, leg) for leg in legs}
    if legs and not handover.target:
        handover.target = legs[-1].extension or legs[-1].number
    if LegResult.BUSY in results and not any(leg.ringing_at is not None for leg in legs):
        handover.result = "busy"
    elif results == {LegResult.FAILED} or not (legs or conversation.queued or handover.kind is TransferKind.ATTENDED):
        handover.result = "failed"
    else:
        handover.result = "noanswer"
