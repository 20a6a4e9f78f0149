"""A customer's records in the connected systems, and where they are looked at there."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from hub.identity.models import Link
from hub.intake import record_link
from hub.intake.models import Account, AccountState

MOST = 50
# Built once: every card of a call asks it.
_RECORDS = (
    select(Account.name, Account.connector, Account.record_url, Link.stream, Link.remote_id)
    .join(Account, Account.id == Link.account_id)
    .where(Link.party_id.in_(bindparam("parties", expanding=True)), Link.gone_at.is_(None))
    .where(Account.state != AccountState.REMOVED)
    .order_by(Account.name, Link.stream, Link.remote_id)
    .limit(MOST)
)
_WITH_ADDRESS = _RECORDS.where(Account.record_url != "")


class Record(NamedTuple):
    """One of them; `url` is empty where nobody said how it is reached."""

    connection: str
    connector: str
    stream: str
    id: str
    url: str


def records(session: Session, party_ids: Sequence[int], *, with_address: bool = False) -> list[Record]:
    """Return the records that speak of a customer now, or those alone that can be opened."""
    rows = session.execute(_WITH_ADDRESS if with_address else _RECORDS, {"parties": list(party_ids)})
    found = [
        Record(row.name, row.connector, row.stream, row.remote_id, record_link.fill(row.record_url, row.remote_id))
        for row in rows
    ]
    return [one for one in found if one.url] if with_address else found
