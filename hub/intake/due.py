"""Which streams are read next: what somebody waits for first, and no account before the others have had their turn."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import aliased

from hub.connector.stream import Lane
from hub.intake.models import StreamState
from hub.store.base import now

# Exchange Online allows four requests of one app to one mailbox at a time; nobody allows fewer.
# Source: https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
AT_ONCE = 4


def due(*, backfill: int) -> ColumnElement[bool]:
    """Return which streams may be read now.

    Args:
        backfill: how many may be read from the beginning at the same time, on all machines together.
    """
    other = aliased(StreamState)
    moment = now()
    works = (other.lease_until > moment) & (other.id != StreamState.id)
    same = (other.account_id == StreamState.account_id) & (other.mailbox == StreamState.mailbox)
    of_mailbox = select(func.count()).select_from(other).where(works, same).correlate(StreamState).scalar_subquery()
    of_backfill = (
        select(func.count())
        .select_from(other)
        .where(works, other.lane == Lane.BACKFILL)
        .correlate(StreamState)
        .scalar_subquery()
    )
    is_ripe = StreamState.wanted & (StreamState.records != "") & (StreamState.due_at <= moment)
    return is_ripe & (of_mailbox < AT_ONCE) & ((StreamState.lane != Lane.BACKFILL) | (of_backfill < backfill))


def first() -> Sequence[Any]:
    """Return the order: lane, then who has the fewest streams being read, then who waits longest."""
    other = aliased(StreamState)
    running = (
        select(func.count())
        .select_from(other)
        .where(other.lease_until > now(), other.account_id == StreamState.account_id, other.records != "")
        .correlate(StreamState)
        .scalar_subquery()
    )
    return (StreamState.lane, running, StreamState.due_at)
