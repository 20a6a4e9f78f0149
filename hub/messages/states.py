"""What became of a message, from everything that was said of it, in whatever order it came. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from hub.messages.models import MessageState
from hub.records.message import Delivery

_RANK = {Delivery.ACCEPTED: 0, Delivery.SENT: 1, Delivery.DELIVERED: 2, Delivery.READ: 3}


class Standing(NamedTuple):
    """How a message stands, since when, and why it failed."""

    state: MessageState
    at: datetime | None = None
    reason: str = ""


def standing(said: Iterable[tuple[str, datetime, str]]) -> Standing:
    """Return how a message stands: what arrived or was read did not fail, whatever else was said.

    Args:
        said: state, time and reason of each status.
    """
    by_state = {Delivery(state): (at, reason) for state, at, reason in said}
    best = max((one for one in by_state if one in _RANK), key=_RANK.__getitem__, default=Delivery.ACCEPTED)
    if Delivery.FAILED in by_state and _RANK[best] < _RANK[Delivery.DELIVERED]:
        best = Delivery.FAILED
    at, reason = by_state.get(best, (None, ""))
    return Standing(MessageState(best), at, reason if best is Delivery.FAILED else "")
