"""Who is there: which record of a CRM is a customer of ours, or may be, by what the CRM itself is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector import crm
from hub.connector.stream import Remote
from hub.identity.callers import PHONE
from hub.identity.email import KIND as EMAIL
from hub.identity.models import Identifier, Link, Party, PartyKind
from hub.identity.names import spoken_name


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose a copy is, by the CRM's own ids."""

    party: str | None = None
    company: str | None = None

    def __bool__(self) -> bool:
        return bool(self.party or self.company)

    def values(self) -> dict[str, str | None]:
        return {"party": self.party, "company": self.company}


@dataclass(frozen=True, slots=True)
class Somebody:
    """A customer as a CRM is asked for them, or told."""

    id: int
    is_company: bool
    public_id: str
    emails: Sequence[str]
    phones: Sequence[str]
    values: dict[str, Any]  # of `connector.crm.CONTACTS`


def linked(session: Session, account_id: int, parties: Sequence[int]) -> Whom:
    """Return who is there of those who took part: the first who is, and the company that it was with."""
    employers = dict(session.execute(select(Party.id, Party.company_id).where(Party.id.in_(parties))).all())
    asked = {*parties, *(one for one in employers.values() if one is not None)}
    query = select(Link.party_id, Link.stream, Link.remote_id).where(
        Link.account_id == account_id, Link.party_id.in_(asked), Link.gone_at.is_(None),
        Link.stream.in_((crm.CONTACTS, crm.COMPANIES)),
    )  # fmt: skip
    there: dict[tuple[int, str], str] = {}
    for row in session.execute(query.order_by(Link.id)):
        there.setdefault((row.party_id, row.stream), row.remote_id)
    party = _first(there, crm.CONTACTS, parties)
    company = _first(there, crm.COMPANIES, [*parties, *(one for one in employers.values() if one is not None)])
    return Whom(party, company)


def _first(there: dict[tuple[int, str], str], stream: str, parties: Sequence[int]) -> str | None:
    return next((there[one, stream] for one in parties if (one, stream) in there), None)


def somebody(session: Session, parties: Sequence[int]) -> Somebody | None:
    """Return whom a CRM is asked for of those who took part: the first person, else the first at all."""
    some = {row.id: row for row in session.scalars(select(Party).where(Party.id.in_(parties)))}
    ordered = sorted((some[one] for one in parties if one in some), key=lambda one: one.kind == PartyKind.COMPANY)
    if not ordered:
        return None
    party = ordered[0]
    query = select(Identifier).where(
        Identifier.party_id == party.id, Identifier.valid_to.is_(None), Identifier.blocked.is_(False)
    )
    rows = session.scalars(query.order_by(Identifier.id)).all()
    employer = session.scalar(select(Party.name).where(Party.id == party.company_id)) if party.company_id else ""
    name = spoken_name(party.name)
    given, _, family = name.rpartition(" ")
    return Somebody(
        party.id,
        party.kind == PartyKind.COMPANY,
        str(party.public_id),
        [row.value for row in rows if row.kind == EMAIL and not row.shared],
        [_number(row) for row in rows if row.kind == PHONE and not row.shared],
        {
            "name": name, "given": given or name, "family": family if given else "", "company": employer or "",
            "job_title": str(party.fields.get("job_title") or ""),
            "emails": [{"value": row.value, "label": row.label} for row in rows if row.kind == EMAIL],
            "phones": [{"value": _number(row), "label": row.label} for row in rows if row.kind == PHONE],
        },
    )  # fmt: skip


def ask(remote: Remote, one: Somebody) -> str | None:
    """Ask a CRM for somebody; None: nobody with one of these addresses and numbers is there.

    Raises:
        ConnectorError: not now.
    """
    if not isinstance(remote, crm.KnowsPeople) or not (one.emails or one.phones):
        return None
    found = remote.people(one.emails, one.phones)
    return found[0] if found else None


def _number(row: Identifier) -> str:
    return row.value.partition(";")[0]
