"""A party as the finder compares it: its names, its company, what it holds, when and where somebody was born and lives."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from hub.identity import rules
from hub.identity.email import read_email
from hub.identity.finder import Card, card_of
from hub.identity.models import Identifier, Party, PartyStatus
from hub.identity.parties import EMAIL, rule_of
from hub.identity.partition_pairs import Record, RecordKind

_COMPANY = aliased(Party)
_PARTIES = (
    select(Party.id, Party.kind, Party.name, Party.fields, _COMPANY.name.label("company"))
    .outerjoin(_COMPANY, _COMPANY.id == Party.company_id)
    .where(Party.status == PartyStatus.ACTIVE)
)
_HELD = select(Identifier.party_id, Identifier.kind, Identifier.value, Identifier.label, Identifier.possible).where(
    Identifier.valid_to.is_(None), Identifier.blocked.is_(False)
)
_MANY = 500  # ids in one statement


class Seen(NamedTuple):
    """A party: `record` with what it is looked for by exactly, `card` with all that is compared."""

    id: int
    record: Record
    card: Card


def load(session: Session, ids: Collection[int]) -> dict[int, Seen]:
    """Return active parties by their ids."""
    return {one.id: one for some in _chunks(ids) for one in _seen(session, _PARTIES.where(Party.id.in_(some)))}


def page(session: Session, *, after: int, limit: int) -> list[Seen]:
    """Return the next active parties in the order of their ids."""
    return list(_seen(session, _PARTIES.where(Party.id > after).order_by(Party.id).limit(limit)))


def key(number: int) -> str:
    """Return what a party is called among records; in the order of the numbers."""
    return f"{number:019}"


def _seen(session: Session, query: Any) -> Iterator[Seen]:
    parties = session.execute(query).all()
    held: dict[int, list[Any]] = defaultdict(list)
    for some in _chunks([party.id for party in parties]):
        for row in session.execute(_HELD.where(Identifier.party_id.in_(some)).order_by(Identifier.id)):
            held[row.party_id].append(row)
    for party in parties:
        found = (rule_of(row, party.kind) for row in held[party.id])
        exact = tuple(one for one in found if one is not None)
        record = Record(
            key(party.id),
            RecordKind(party.kind),
            party.name,
            party.company or "",
            exact,
            born(party.fields.get("birthday")),
        )
        wide = record._replace(identifiers=(*exact, *domains(held[party.id])))
        street = _address(party.fields)
        yield Seen(party.id, record, card_of(wide)._replace(street=street))


def domains(held: Iterable[Any]) -> Iterator[rules.Identifier]:
    """Yield the companies' domains of the addresses among stored identifiers."""
    for row in held:
        email = read_email(row.value) if row.kind == EMAIL else None
        if email is not None:
            yield from (one for one in rules.email_identifiers(email) if one.kind is rules.IdentifierKind.DOMAIN)


def born(birthday: Any) -> date | None:
    """Return a birthday with its year; one without is no evidence."""
    try:
        return date.fromisoformat(str(birthday or ""))
    except ValueError:
        return None


def _address(fields: dict[str, Any]) -> str:
    """Return the first address as it is written."""
    several = fields.get("addresses")
    first = several[0] if isinstance(several, list) and several else {}
    return str(first.get("value") or "") if isinstance(first, dict) else ""


def _chunks(ids: Collection[int]) -> Iterator[list[int]]:
    numbers = sorted(ids)
    for start in range(0, len(numbers), _MANY):
        yield numbers[start : start + _MANY]
