"""What the administrator is told of the notices themselves: whether they go out."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.notice.models import Notice, NoticeState
from hub.store.base import now

LOOKED_BACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Post:
    """How sending goes."""

    waiting: int  # tried, and tried again
    lost: int  # refused or given up in the last days
    error: str  # of the last one in trouble


def post(session: Session) -> Post:
    """Return how sending goes."""
    stuck = (Notice.state == NoticeState.WAITING) & (Notice.last_error != "")
    lost = Notice.state.in_((NoticeState.REFUSED, NoticeState.GIVEN_UP)) & (Notice.done_at > now() - LOOKED_BACK)
    counts = {
        name: session.scalar(select(func.count()).select_from(Notice).where(which)) or 0
        for name, which in (("waiting", stuck), ("lost", lost))
    }
    error = session.scalar(
        select(Notice.last_error).where((stuck | lost) & (Notice.last_error != "")).order_by(Notice.id.desc()).limit(1)
    )
    return Post(**counts, error=error or "")
