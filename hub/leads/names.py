"""What campaigns, ad sets and ads are called now, and were called before."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.leads.models import AdName


class Named(NamedTuple):
    """That something was called so at a moment."""

    level: str  # campaign, adset, ad
    remote_id: str
    name: str
    at: datetime


def keep(session: Session, account_id: int, told: Sequence[Named]) -> None:
    """Remember names, in their order; whoever says one later knows better, and the one before is kept."""
    if not told:
        return
    query = select(AdName).where(
        AdName.account_id == account_id,
        AdName.level.in_({one.level for one in told}),
        AdName.remote_id.in_({one.remote_id for one in told}),
    )
    known = {(row.level, row.remote_id): row for row in session.scalars(query)}
    for level, remote_id, name, at in told:
        row = known.get((level, remote_id))
        if row is None:
            row = AdName(account_id=account_id, level=level, remote_id=remote_id, name=name, earlier=[], since=at)
            known[level, remote_id] = row
            session.add(row)
        elif row.name != name and at >= row.since:
            row.earlier = [*row.earlier, {"name": row.name, "until": at.isoformat()}]
            row.name, row.since = name, at
    session.flush()
