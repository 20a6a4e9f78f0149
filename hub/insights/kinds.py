"""The kinds of records that are counted: which of them, whose they are, where they came from and when."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, FromClause, Table, case, func, or_, select
from sqlalchemy.orm import Session

from hub.accounting.models import DocumentRow
from hub.cti.models import CallRow, LegRow
from hub.fields.definitions import Fields, load
from hub.fields.models import Of
from hub.identity.models import Link, Party, PartyKind, PartyStatus
from hub.leads.models import LeadRow
from hub.records.call import Direction
from hub.records.document import Status
from hub.security import businesses
from hub.security.policy import Person, Right, may
from hub.store.base import Base

PARTY: Any = Party.__table__.c
LEAD: Any = LeadRow.__table__.c
CALL: Any = CallRow.__table__.c
DOCUMENT: Any = DocumentRow.__table__.c


@dataclass(frozen=True, slots=True)
class Eyes:
    """Who looks, and when."""

    person: Person
    allowed: frozenset[int] | None  # legal entities whose money they see; None: all of them
    fields: Fields
    zone: ZoneInfo  # in which months begin
    at: datetime

    @property
    def sees_money(self) -> bool:
        """Whether they see money at all."""
        return may(self.person.role, Right.SEE_MONEY)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record: its table, and the columns by which its records are told apart."""

    of: Of
    table: Table
    at: ColumnElement[Any]  # since when there is such a record: a moment, or a day where `is_day`
    owner: ColumnElement[int | None]
    source: FromClause | None  # records and their accounts, where a record has several; None: it is `account_id`
    where: Callable[[Eyes], Sequence[ColumnElement[bool]]]
    shown: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)  # what a list says of a record, besides
    is_day: bool = False

    @property
    def c(self) -> Any:
        """The columns of the table."""
        return self.table.c


def eyes(session: Session, person: Person, *, zone: str, at: datetime) -> Eyes:
    """Return how a person sees the records."""
    return Eyes(person, businesses.allowed(session, person), load(session), ZoneInfo(zone), at)


def between(kind: Kind, since: date | None, until: date | None) -> Kind:
    """Return a kind of which only what is since these days counts, both of them included, in the zone of whoever looks."""

    def where(eye: Eyes) -> Sequence[ColumnElement[bool]]:
        def edge(day: date) -> date:
            return day if kind.is_day else datetime.combine(day, time(), eye.zone)

        found = list(kind.where(eye))
        if since is not None:
            found.append(kind.at >= edge(since))
        if until is not None:
            found.append(kind.at < edge(until + timedelta(days=1)))
        return found

    return kind if since is until is None else replace(kind, where=where)


def seen(eye: Eyes) -> list[Of]:
    """Return the kinds of records that somebody may have counted."""
    return [of for of in Of if of is not Of.DOCUMENT or eye.sees_money]


def of_business(column: Any, eye: Eyes) -> ColumnElement[bool] | None:
    """Return which records belong to no legal entity or to one that is seen; None: all do."""
    return None if eye.allowed is None else or_(column.is_(None), column.in_(sorted(eye.allowed)))


def _parties(kind: PartyKind) -> Callable[[Eyes], Sequence[ColumnElement[bool]]]:
    return lambda _eye: (PARTY.kind == kind, PARTY.status == PartyStatus.ACTIVE)


def _leads(_eye: Eyes) -> Sequence[ColumnElement[bool]]:
    return (LEAD.is_test.is_(False),)


def _calls(eye: Eyes) -> Sequence[ColumnElement[bool]]:
    """Calls with somebody outside that are over; of who does not see those of colleagues, their own, as in the list."""
    found = [CALL.open.is_(False), CALL.direction != Direction.INTERNAL]
    if not may(eye.person.role, Right.SEE_ALL_CALLS):
        found.append(CALL.id.in_(select(LegRow.call_id).where(LegRow.user_id == eye.person.id)))
    return found


def _documents(eye: Eyes) -> Sequence[ColumnElement[bool]]:
    """What its ledger has and is not void; of copies in two ledgers the one that counts, as in the list."""
    found = [DOCUMENT.gone_at.is_(None), DOCUMENT.twin_of_id.is_(None), DOCUMENT.status != Status.VOID]
    if eye.allowed is not None:
        found.append(DOCUMENT.business_id.in_(sorted(eye.allowed)))
    return found


def _customers_owner() -> ColumnElement[int | None]:
    """Return who owns the customer of a document; of a merged one, what it is now: chains are kept short."""
    named, now_is = Party.__table__.alias("named"), Party.__table__.alias("now_is")
    owner = case((named.c.merged_into.is_(None), named.c.owner_id), else_=now_is.c.owner_id)
    both = named.outerjoin(now_is, now_is.c.id == named.c.merged_into)
    return select(owner).select_from(both).where(named.c.id == DOCUMENT.party_id).scalar_subquery()


def _name_of(party_id: Any) -> ColumnElement[str]:
    whose = Party.__table__.alias("whose")
    return func.coalesce(select(whose.c.name).where(whose.c.id == party_id).scalar_subquery(), "")


def _table(of: type[Base]) -> Table:
    return cast("Table", of.__table__)


_LINKS = select(Link.party_id.label("record_id"), Link.account_id).distinct().subquery("links")
_PARTIES = _table(Party), PARTY.created_at, PARTY.owner_id, _LINKS
KINDS: Mapping[Of, Kind] = MappingProxyType(
    {
        one.of: one
        for one in (
            Kind(Of.PERSON, *_PARTIES, _parties(PartyKind.PERSON), {"name": PARTY.name}),
            Kind(Of.COMPANY, *_PARTIES, _parties(PartyKind.COMPANY), {"name": PARTY.name}),
            Kind(
                Of.LEAD, _table(LeadRow), LEAD.created_at, LEAD.owner_id, None, _leads,
                {"name": func.coalesce(func.nullif(LEAD.name, ""), func.nullif(LEAD.email, ""), LEAD.phone)},
            ),
            Kind(
                Of.CALL, _table(CallRow), CALL.started_at, CALL.user_id, None, _calls,
                {
                    "name": _name_of(CALL.party_id),
                    "number": case((CALL.withheld, ""), else_=CALL.number),  # never shown, as everywhere
                    "direction": CALL.direction,
                    "outcome": CALL.outcome,
                },
            ),
            Kind(
                Of.DOCUMENT, _table(DocumentRow), DOCUMENT.issue_date, _customers_owner(), None, _documents,
                {"name": DOCUMENT.party_name, "number": DOCUMENT.number, "kind": DOCUMENT.kind}, is_day=True,
            ),
        )
    }
)  # fmt: skip
