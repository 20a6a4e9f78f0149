"""What campaigns, ad sets and ads are called now, and were called before."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.leads.models import AdName


def keep(session: Session, account_id: int, level: str, remote_id: str, name: str, at: datetime) -> None:
    """Remember a name; whoever says one later knows better, and the one before is kept.

    Args:
        level: campaign, adset or ad.
        at: when it was called so.
    """
    where = (AdName.account_id == account_id, AdName.level == level, AdName.remote_id == remote_id)
    row = session.scalar(select(AdName).where(*where))
    if row is None:
        session.add(AdName(account_id=account_id, level=level, remote_id=remote_id, name=name, earlier=[], since=at))
        session.flush()
    elif row.name != name and at >= row.since:
        row.earlier = [*row.earlier, {"name": row.name, "until": at.isoformat()}]
        row.name, row.since = name, at
