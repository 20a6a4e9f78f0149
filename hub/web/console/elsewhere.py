"""A customer's records in the connected systems, and where they are looked at there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from hub.identity.models import Link
from hub.intake import record_link
from hub.intake.models import Account, AccountState

MOST = 50
_HAS_TEMPLATE = or_(Account.record_url != "", Account.facts[record_link.FACT].as_string().is_not(None))
# Built once: every card of a call asks the first of these, every page of a customer the last.
_RECORDS = (
    select(Account.name, Account.connector, Account.record_url, Account.facts, Link.stream, Link.remote_id)
    .join(Account, Account.id == Link.account_id)
    .where(Link.party_id.in_(bindparam("parties", expanding=True)), Link.gone_at.is_(None))
    .where(Account.state != AccountState.REMOVED)
    .order_by(Account.name, Link.stream, Link.remote_id)
    .limit(MOST)
)
_WITH_ADDRESS = _RECORDS.where(_HAS_TEMPLATE)
# Each record by itself where there may be an address to look at it, and as long as it is there.
_RECORD = case((Link.gone_at.is_not(None), ""), (_HAS_TEMPLATE, Link.remote_id), else_="").label("record")
_SOURCES = (
    select(Account.name, Account.record_url, Account.facts, Link.stream, _RECORD)
    .add_columns(func.max(Link.seen_at).label("seen_at"))
    .join(Account, Account.id == Link.account_id)
    .where(Link.party_id.in_(bindparam("parties", expanding=True)))
    .group_by(Account.id, Link.stream, _RECORD)
    .order_by(Account.name, Link.stream, _RECORD)
)


class Record(NamedTuple):
    """One of them; `url` is empty where nobody said how it is reached."""

    connection: str
    connector: str
    stream: str
    id: str
    url: str


class Source(NamedTuple):
    """A connection that speaks of a customer, or spoke: with each record that can be opened, and all others together."""

    name: str
    url: str
    seen_at: datetime


def records(session: Session, party_ids: Sequence[int], *, with_address: bool = False) -> list[Record]:
    """Return the records that speak of a customer now, or those alone that can be opened."""
    rows = session.execute(_WITH_ADDRESS if with_address else _RECORDS, {"parties": list(party_ids)})
    found = [Record(row.name, row.connector, row.stream, row.remote_id, _url(row, row.remote_id)) for row in rows]
    return [one for one in found if one.url] if with_address else found


def sources(session: Session, party_ids: Sequence[int]) -> list[Source]:
    """Return what speaks of a customer, or spoke, by name."""
    found: dict[tuple[str, str, str], Source] = {}
    for row in session.execute(_SOURCES, {"parties": list(party_ids)}):
        one = Source(row.name, _url(row, row.record), row.seen_at)
        place = (row.name, row.stream, one.url)
        found[place] = max(one, found.get(place, one), key=lambda source: source.seen_at)
    return list(found.values())


def _url(row: Row[Any], remote_id: str) -> str:
    return record_link.fill(record_link.template_of(row.record_url, row.facts, row.stream), remote_id)
