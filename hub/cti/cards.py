"""Who must see which card now: a pure function of the call as it stands.

The screen-pop publishes only what differs between two results, so the same call always gives the same cards.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hub.records.call import Call, HangupBy, Leg, LegResult
from hub.records.telephony import TransferKind


class CardState(StrEnum):
    RINGING = "ringing"
    ANSWERED = "answered"
    CONSULT = "consult"  # a colleague (`by`) asks about this call; it is not theirs yet
    ENDED = "ended"  # no card any more; `reason` says why


class Gone(StrEnum):
    """Why a card went away."""

    ENDED = "ended"  # they talked, and it is over: time for the note
    TRANSFERRED = "transferred"  # they talked and gave the call to `by`
    ELSEWHERE = "elsewhere"  # `by` took it
    GAVE_UP = "gave_up"  # the caller did not wait
    DECLINED = "declined"  # they refused it
    NO_ANSWER = "no_answer"
    NOT_REACHED = "not_reached"  # their own call out came to nothing


@dataclass(frozen=True, slots=True)
class Card:
    state: CardState
    reason: str = ""
    by: str = ""  # extension of the colleague who asks, took it, or got it


def cards(call: Call) -> dict[str, Card]:
    """Return the card of every extension that has, or had, one for this call.

    A phone that is offered the call but does not ring gets none, nor does one that talked already when the hub first
    saw the call. A call that turned out to be a part of another has none at all.
    """
    if call.merged_into:
        return {}
    legs: dict[str, list[Leg]] = {}
    for leg in call.legs:
        if leg.extension and _shown(call, leg):
            legs.setdefault(leg.extension, []).append(leg)
    return {extension: _card(call, extension, mine) for extension, mine in legs.items()}


def _shown(call: Call, leg: Leg) -> bool:
    if leg.found_up:
        return False
    if leg.origin:
        return bool(call.click_id) or len(call.legs) > 1 or bool(call.queue)
    return leg.ringing_at is not None or leg.answered_at is not None


def _card(call: Call, extension: str, legs: Iterable[Leg]) -> Card:
    """One user's card: with two phones, or a queue that rings again, it is one card all the same."""
    mine = list(legs)
    alive = [leg for leg in mine if leg.result is None]
    if call.open and alive:
        return max((_live(call, leg) for leg in alive), key=lambda card: _RANK[card.state])
    return _gone(call, extension, mine)


_RANK = {CardState.ENDED: 0, CardState.CONSULT: 1, CardState.RINGING: 2, CardState.ANSWERED: 3}


def _live(call: Call, leg: Leg) -> Card:
    if leg.consult_by:
        return Card(CardState.CONSULT, by=leg.consult_by)
    if leg.origin:
        return Card(CardState.RINGING if call.answered_at is None else CardState.ANSWERED)
    return Card(CardState.RINGING if leg.answered_at is None else CardState.ANSWERED)


def _gone(call: Call, extension: str, legs: list[Leg]) -> Card:
    last = legs[-1]
    if any(segment.extension == extension and not segment.consult for segment in call.segments) or last.origin:
        return _had_it(call, extension, last)
    match last.result:
        case LegResult.ELSEWHERE:
            return Card(CardState.ENDED, Gone.ELSEWHERE, _taker(call, last))
        case LegResult.DECLINED:
            return Card(CardState.ENDED, Gone.DECLINED)
        case LegResult.ANSWERED:
            return Card(CardState.ENDED, Gone.ENDED)
        case _ if call.hangup_by is HangupBy.CALLER and last.result is LegResult.CANCELLED:
            return Card(CardState.ENDED, Gone.GAVE_UP)
        case _:
            return Card(CardState.ENDED, Gone.NO_ANSWER)


def _had_it(call: Call, extension: str, leg: Leg) -> Card:
    for transfer in reversed(call.transfers):
        given = transfer.source == extension and transfer.result in ("completed", "")
        if given and transfer.kind not in (TransferKind.PICKUP, TransferKind.FORWARD):
            return Card(CardState.ENDED, Gone.TRANSFERRED, transfer.target)
    if leg.origin and call.answered_at is None:
        return Card(CardState.ENDED, Gone.NOT_REACHED)
    return Card(CardState.ENDED, Gone.ENDED)


def _taker(call: Call, leg: Leg) -> str:
    """Return who took the call that `leg` rang for: the first who spoke after it was offered."""
    for segment in call.segments:
        if not segment.consult and segment.extension != leg.extension and segment.started_at >= leg.offered_at:
            return segment.extension
    # The winner picked up but the bridge is not told yet.
    for other in call.legs:
        if other is not leg and other.answered_at is not None and other.answered_at >= leg.offered_at:
            return other.extension
    return ""
