"""Lists of documents and payments: pages by key, sums by currency. Whose money a person may not see is in none of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Self
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Row,
    Select,
    and_,
    bindparam,
    false,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from hub.accounting import sums
from hub.accounting.ageing import NO_DEBT
from hub.accounting.models import BusinessRecord, DocumentRow, PaymentRow
from hub.accounting.panel import Eyes
from hub.errors import UserError
from hub.identity.models import Party, PartyStatus
from hub.intake.models import Account
from hub.records.document import DEBTS, NOTES, Status

PAGE = 50
OVERDUE, UNSETTLED, UNAPPLIED = "overdue", "unsettled", "unapplied"  # beside the words of Status
LARGEST_NUMBER = 2**63 - 1
_D, _P, _A = DocumentRow.__table__.c, PaymentRow.__table__.c, Account.__table__.c


class Place(NamedTuple):
    """Where a page ended; what has no day stands behind everything that has one."""

    day: date | None
    number: int

    def __str__(self) -> str:
        return f"{self.day.isoformat() if self.day else ''}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a place that came back from outside.

        Raises:
            UserError: it is none of ours.
        """
        day, _, number = text.rpartition(".")
        try:
            found = cls(date.fromisoformat(day) if day else None, int(number))
        except ValueError:
            found = cls(None, -1)
        if not 0 <= found.number <= LARGEST_NUMBER:
            raise UserError("This page address is damaged; start again from the first page.", field="before")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list is asked for; empty: whatever there is."""

    side: str = ""
    kind: str = ""  # of documents
    status: str = ""  # a Status; of documents also OVERDUE or UNSETTLED, of payments UNAPPLIED
    business_id: int | None = None
    currency: str = ""
    account_id: int | None = None
    since: date | None = None  # issued or made, both days included
    until: date | None = None
    text: str = ""  # a part of the number or of the customer's name
    party_ids: tuple[int, ...] = ()
    nobody: bool = False  # it is nobody's whom we know
    gone: bool = False  # what the ledger has no more, instead of what it has
    copies: bool = False  # also what another account has too, where that one counts
    more: tuple[ColumnElement[bool], ...] = ()  # what else must hold, of documents


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a document is."""

    id: UUID
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Document:
    """One line of a list of documents."""

    id: UUID
    place: Place
    kind: str
    side: str
    status: str
    source_status: str
    number: str
    issue_date: date | None
    due_date: date | None  # as written, else when what is open of it is due
    currency: str
    gross: Decimal
    balance: Decimal | None  # None: it is no debt, or nobody says
    is_overdue: bool
    is_gone: bool
    is_copy: bool  # another account has it too, and that one counts
    business: str
    business_id: int
    party: Owner | None
    party_name: str  # as on the document
    account: str
    account_id: int
    url: str
    changed_at: datetime
    fields: Mapping[str, Any]  # that administrators defined; whoever shows them asks who sees which

    @property
    def is_struck(self) -> bool:
        """Whether it counts no more."""
        return self.is_gone or self.status == Status.VOID

    @property
    def total(self) -> Decimal | None:
        """Its amount; None: it is a note of what was brought, which most ledgers write without one."""
        return self.gross if self.gross or self.kind not in NOTES else None


@dataclass(frozen=True, slots=True)
class Payment:
    """One line of a list of payments. Money that goes back counts down."""

    id: UUID
    place: Place
    side: str
    is_refund: bool
    status: str
    source_status: str
    number: str
    day: date
    currency: str
    amount: Decimal
    unapplied: Decimal | None
    method: str
    reference: str
    is_gone: bool
    business: str
    business_id: int
    party: Owner | None
    party_name: str
    account: str
    account_id: int
    url: str
    changed_at: datetime

    @property
    def is_struck(self) -> bool:
        """Whether it counts no more."""
        return self.is_gone or self.status == Status.VOID


@dataclass(frozen=True, slots=True)
class Total:
    """The sums of a list in one currency; what is void is counted and not added."""

    side: str
    currency: str
    count: int
    amount: Decimal  # gross of documents, of payments what was paid
    left: Decimal  # what is open of documents, of payments what settled nothing yet


# --- documents ----------------------------------------------------------------------------------------------------

_DOCUMENTS: Select[Any] = select(
    _D.id, _D.public_id, _D.kind, _D.side, _D.status, _D.source_status, _D.number, _D.issue_date, _D.due_date,
    _D.currency, _D.gross, _D.balance, _D.is_open, _D.open_due_date, _D.twin_of_id, _D.business_id, _D.party_id,
    _D.party_name, _D.account_id, _D.url, _D.changed_at, _D.gone_at, _D.fields, _A.name.label("account"),
).join_from(DocumentRow.__table__, Account.__table__, _A.id == _D.account_id)  # fmt: skip
_BY_ID = _DOCUMENTS.where(_D.public_id.in_(bindparam("ids", expanding=True)))


def documents(
    session: Session, eye: Eyes, wanted: Wanted, *, before: Place | None = None, limit: int = PAGE
) -> list[Document]:
    """Return documents, the newest first, those without a day at the end; `before` is the place of the last one."""
    query = _DOCUMENTS.where(*_of_documents(eye, wanted))
    return _lines(session, eye, _page(session, query, _D.issue_date, _D.id, before, limit))


def documents_by_id(session: Session, eye: Eyes, ids: Iterable[UUID]) -> dict[UUID, Document]:
    """Return those of these documents that somebody sees."""
    wanted = list(ids)
    rows = session.execute(_BY_ID, {"ids": wanted}).all() if wanted else ()
    return {one.id: one for one in _lines(session, eye, [row for row in rows if row.business_id in eye.names])}


def document_totals(session: Session, eye: Eyes, wanted: Wanted) -> list[Total]:
    """Return the sums of a list, by side and currency."""
    added = _D.status != Status.VOID
    query = (
        select(_D.side, _D.currency, func.count(), *sums.parts(_D.gross, added), *sums.parts(_D.balance, _D.is_open))
        .where(*_of_documents(eye, wanted))
        .group_by(_D.side, _D.currency)
    )
    return _totals(session, query)


def overdue(eye: Eyes) -> ColumnElement[bool]:
    """Return what makes a document overdue: something of it is open, and its day is over where its legal entity is."""
    by_day: dict[date, list[int]] = {}
    for number, day in eye.today.items():
        by_day.setdefault(day, []).append(number)
    late = [and_(_D.business_id.in_(some), _D.open_due_date < day) for day, some in by_day.items()]
    return and_(_D.is_open, _D.balance > 0, _D.twin_of_id.is_(None), or_(false(), *late))


def _of_documents(eye: Eyes, wanted: Wanted) -> list[ColumnElement[bool]]:
    where = _shared(_D, eye, wanted, _D.issue_date)
    if wanted.kind:
        where.append(_D.kind == wanted.kind)
    if wanted.status == OVERDUE:
        where.append(overdue(eye))
    elif wanted.status == UNSETTLED:
        where.append(_D.is_open)
    elif wanted.status:
        where.append(_D.status == wanted.status)
    if not wanted.copies and wanted.account_id is None:
        where.append(_D.twin_of_id.is_(None))
    return [*where, *wanted.more]


def _lines(session: Session, eye: Eyes, rows: Sequence[Row[Any]]) -> list[Document]:
    people = owners(session, (row.party_id for row in rows))
    return [_document(row, eye, people.get(row.party_id)) for row in rows]


def _document(row: Row[Any], eye: Eyes, party: Owner | None) -> Document:
    counts = row.kind in DEBTS and row.status not in NO_DEBT and row.gone_at is None
    is_late = row.open_due_date is not None and row.open_due_date < eye.today[row.business_id]
    return Document(
        id=row.public_id, place=Place(row.issue_date, row.id), kind=row.kind, side=row.side, status=row.status,
        source_status=row.source_status, number=row.number, issue_date=row.issue_date,
        due_date=row.due_date or row.open_due_date, currency=row.currency, gross=row.gross,
        balance=row.balance if counts else None,
        is_overdue=row.is_open and row.balance > 0 and is_late and row.twin_of_id is None,
        is_gone=row.gone_at is not None, is_copy=row.twin_of_id is not None, business=eye.names[row.business_id],
        business_id=row.business_id, party=party, party_name=row.party_name, account=row.account,
        account_id=row.account_id, url=row.url, changed_at=row.changed_at, fields=row.fields,
    )  # fmt: skip


# --- payments -----------------------------------------------------------------------------------------------------

_PAYMENTS: Select[Any] = select(
    _P.id, _P.public_id, _P.side, _P.is_refund, _P.status, _P.source_status, _P.number, _P.day, _P.currency, _P.amount,
    _P.unapplied, _P.method, _P.reference, _P.business_id, _P.party_id, _P.party_name, _P.account_id, _P.url,
    _P.changed_at, _P.gone_at, _A.name.label("account"),
).join_from(PaymentRow.__table__, Account.__table__, _A.id == _P.account_id)  # fmt: skip
_PAYMENTS_BY_ID = _PAYMENTS.where(_P.public_id.in_(bindparam("ids", expanding=True)))


def payments(
    session: Session, eye: Eyes, wanted: Wanted, *, before: Place | None = None, limit: int = PAGE
) -> list[Payment]:
    """Return payments, the newest first; `before` is the place of the last one."""
    query = _PAYMENTS.where(*_of_payments(eye, wanted))
    return _payment_lines(session, eye, _page(session, query, _P.day, _P.id, before, limit))


def payments_by_id(session: Session, eye: Eyes, ids: Iterable[UUID]) -> dict[UUID, Payment]:
    """Return those of these payments that somebody sees."""
    wanted = list(ids)
    rows = session.execute(_PAYMENTS_BY_ID, {"ids": wanted}).all() if wanted else ()
    return {one.id: one for one in _payment_lines(session, eye, [row for row in rows if row.business_id in eye.names])}


def payment_totals(session: Session, eye: Eyes, wanted: Wanted) -> list[Total]:
    """Return the sums of a list, by side and currency."""
    counts = _P.status.not_in((Status.VOID, Status.DRAFT))
    back, there = and_(counts, _P.is_refund), and_(counts, _P.is_refund.is_(False))
    columns = [
        *sums.parts(_P.amount, there),
        *sums.parts(_P.amount, back),
        *sums.parts(_P.unapplied, there),
        *sums.parts(_P.unapplied, back),
    ]
    query = (
        select(_P.side, _P.currency, func.count(), *columns)
        .where(*_of_payments(eye, wanted))
        .group_by(_P.side, _P.currency)
    )
    found = []
    for side, currency, count, *parts in session.execute(query):
        paid, returned, unapplied, unreturned = (sums.joined(*parts[at : at + 2]) for at in (0, 2, 4, 6))
        found.append(Total(side, currency, count, paid - returned, unapplied - unreturned))
    return _in_order(found)


def _of_payments(eye: Eyes, wanted: Wanted) -> list[ColumnElement[bool]]:
    where = _shared(_P, eye, wanted, _P.day)
    if wanted.status == UNAPPLIED:
        where += [_P.unapplied > 0, _P.status.not_in((Status.VOID, Status.DRAFT))]
    elif wanted.status:
        where.append(_P.status == wanted.status)
    return where


def _payment_lines(session: Session, eye: Eyes, rows: Sequence[Row[Any]]) -> list[Payment]:
    people = owners(session, (row.party_id for row in rows))
    return [_payment(row, eye, people.get(row.party_id)) for row in rows]


def _payment(row: Row[Any], eye: Eyes, party: Owner | None) -> Payment:
    sign = -1 if row.is_refund else 1
    return Payment(
        id=row.public_id, place=Place(row.day, row.id), side=row.side, is_refund=row.is_refund, status=row.status,
        source_status=row.source_status, number=row.number, day=row.day, currency=row.currency,
        amount=sign * row.amount, unapplied=None if row.unapplied is None else sign * row.unapplied,
        method=row.method, reference=row.reference, is_gone=row.gone_at is not None,
        business=eye.names[row.business_id], business_id=row.business_id, party=party, party_name=row.party_name,
        account=row.account, account_id=row.account_id, url=row.url, changed_at=row.changed_at,
    )  # fmt: skip


# --- what both have -----------------------------------------------------------------------------------------------


def accounts(session: Session, eye: Eyes) -> list[tuple[int, UUID, str]]:
    """Return the connections that documents came by, as far as somebody sees any of theirs: number, id, name."""
    record = BusinessRecord.__table__.c
    rows = session.execute(
        select(_A.id, _A.public_id, _A.name)
        .where(_A.id.in_(select(record.account_id).where(record.business_id.in_(list(eye.names)))))
        .order_by(_A.name)
    )
    return [(row.id, row.public_id, row.name) for row in rows]


_PEOPLE: Select[Any] = select(
    Party.__table__.c.id, Party.__table__.c.public_id, Party.__table__.c.kind, Party.__table__.c.name,
    Party.__table__.c.status, Party.__table__.c.merged_into,
).where(Party.__table__.c.id.in_(bindparam("ids", expanding=True)))  # fmt: skip


def owners(session: Session, ids: Iterable[int | None]) -> dict[int, Owner]:
    """Return whose things are, after all merges; who was erased is not among them."""
    asked = {number for number in ids if number is not None}
    known: dict[int, Row[Any]] = {}
    wanted = asked
    while wanted:
        found = {row.id: row for row in session.execute(_PEOPLE, {"ids": sorted(wanted)})}
        known |= found
        wanted = {row.merged_into for row in found.values() if row.merged_into is not None} - known.keys()
    return {number: Owner(row.public_id, row.kind, row.name) for number in asked if (row := _last(known, number))}


def _last(known: Mapping[int, Row[Any]], number: int) -> Row[Any] | None:
    row = known.get(number)
    for _ in known:
        if row is None or row.merged_into is None:
            break
        row = known.get(row.merged_into)
    return row if row is not None and row.status == PartyStatus.ACTIVE else None


def _shared(c: Any, eye: Eyes, wanted: Wanted, day: ColumnElement[date | None]) -> list[ColumnElement[bool]]:
    """Return the conditions that documents and payments have in common; `c` are the columns of the table."""
    where: list[ColumnElement[bool]] = [c.gone_at.is_not(None) if wanted.gone else c.gone_at.is_(None)]
    if eye.allowed is not None:
        where.append(c.business_id.in_(sorted(eye.allowed)))
    for column, value in (
        (c.side, wanted.side), (c.business_id, wanted.business_id), (c.currency, wanted.currency),
        (c.account_id, wanted.account_id),
    ):  # fmt: skip
        if value not in ("", None):
            where.append(column == value)
    if wanted.since is not None:
        where.append(day >= wanted.since)
    if wanted.until is not None:
        where.append(day <= wanted.until)
    if wanted.party_ids:
        where.append(c.party_id.in_(wanted.party_ids))
    if wanted.nobody:
        where.append(c.party_id.is_(None))
    if wanted.text:
        where.append(_has(wanted.text, c.number, c.party_name))
    return where


def _has(text: str, *columns: Any) -> ColumnElement[bool]:
    """Say that one of the columns has a text; SQLite knows upper and lower case of ASCII letters only."""
    spelt = {text} if text.isascii() else {text, text.lower(), text.upper(), text.title()}
    return or_(*(column.icontains(one, autoescape=True) for one in sorted(spelt) for column in columns))


def _page(
    session: Session, query: Select[Any], day: Any, number: Any, before: Place | None, limit: int
) -> Sequence[Row[Any]]:
    """Read one page; what has no day comes last, each of the two parts out of an index."""
    found: list[Row[Any]] = []
    if before is None or before.day is not None:
        dated = query.where(day.is_not(None))
        if before is not None:
            edge = tuple_(literal(before.day, Date()), literal(before.number, BigInteger()))
            dated = dated.where(tuple_(day, number) < edge)
        found += session.execute(dated.order_by(day.desc(), number.desc()).limit(limit))
    if len(found) < limit:
        undated = query.where(day.is_(None))
        if before is not None and before.day is None:
            undated = undated.where(number < before.number)
        found += session.execute(undated.order_by(number.desc()).limit(limit - len(found)))
    return found


def _totals(session: Session, query: Select[Any]) -> list[Total]:
    return _in_order(
        Total(side, currency, count, sums.joined(*parts[:2]), sums.joined(*parts[2:]))
        for side, currency, count, *parts in session.execute(query)
    )


def _in_order(totals: Iterable[Total]) -> list[Total]:
    return sorted(totals, key=lambda one: (one.side != "sale", one.currency))
