"""One document or payment with everything around it: what settled it, what it speaks of, where else it was seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from hub.accounting import queries
from hub.accounting.models import AllocationRow, DocumentRow, InstalmentRow, PaymentRow
from hub.accounting.panel import Eyes
from hub.accounting.queries import Document, Payment
from hub.errors import NotFoundError
from hub.intake.models import Account, RawRecord, StreamState

MOST = 200  # allocations that are listed


@dataclass(frozen=True, slots=True)
class Settled:
    """So much was settled, above zero and in the document's currency; with the other side, as far as somebody sees it."""

    day: date | None
    amount: Decimal
    currency: str
    is_payment: bool
    document: Document | None = None
    payment: Payment | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """Another document that this one names."""

    kind: str
    number: str
    document: Document | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something came from, and how old that is."""

    account: UUID
    name: str
    connector: str
    state: str  # AccountState
    as_of: datetime | None  # when its stream was last read
    trouble: str
    raw_record: UUID | None


@dataclass(frozen=True, slots=True)
class WholeDocument:
    """A document with what is around it."""

    line: Document
    row: DocumentRow
    origin: Origin
    instalments: Sequence[InstalmentRow] = ()
    settled_by: Sequence[Settled] = ()
    settles: Sequence[Settled] = ()  # of a credit
    references: Sequence[Reference] = ()
    also: Sequence[Document] = ()  # the same document in other accounts

    @property
    def more(self) -> Mapping[str, Any]:
        """What only this page shows: terms, series, warnings, first lines (`accounting.take`)."""
        return self.row.detail


@dataclass(frozen=True, slots=True)
class WholePayment:
    """A payment with what is around it."""

    line: Payment
    row: PaymentRow
    origin: Origin
    settles: Sequence[Settled] = ()


def document(session: Session, eye: Eyes, public_id: UUID) -> WholeDocument:
    """Return a document whole.

    Raises:
        NotFoundError: there is none, or it is not for this person.
    """
    line = queries.documents_by_id(session, eye, [public_id]).get(public_id)
    if line is None:
        raise NotFoundError("There is no such document, or it is not for you.")
    row = session.get_one(DocumentRow, line.place.number)
    parts = select(InstalmentRow).where(InstalmentRow.document_id == row.id).order_by(InstalmentRow.place)
    return WholeDocument(
        line=line,
        row=row,
        origin=_origin(session, row),
        instalments=session.scalars(parts).all(),
        settled_by=_settled_by(session, eye, row),
        settles=_settles(session, eye, row),
        references=_references(session, eye, row),
        also=_also(session, eye, row),
    )


def payment(session: Session, eye: Eyes, public_id: UUID) -> WholePayment:
    """Return a payment whole.

    Raises:
        NotFoundError: there is none, or it is not for this person.
    """
    line = queries.payments_by_id(session, eye, [public_id]).get(public_id)
    if line is None:
        raise NotFoundError("There is no such payment, or it is not for you.")
    row = session.get_one(PaymentRow, line.place.number)
    return WholePayment(line, row, _origin(session, row), _settles(session, eye, row))


def _origin(session: Session, row: DocumentRow | PaymentRow) -> Origin:
    account = session.get_one(Account, row.account_id)
    records = row.key.partition(":")[0]
    states = session.execute(
        select(StreamState.last_ok_at, StreamState.trouble, StreamState.last_error).where(
            StreamState.account_id == account.id, StreamState.records == records, StreamState.wanted
        )
    ).all()
    reads = [one.last_ok_at for one in states]
    raw = select(RawRecord.public_id).where(RawRecord.id == row.raw_record_id)
    return Origin(
        account=account.public_id, name=account.name, connector=account.connector, state=account.state,
        as_of=min(reads) if reads and all(reads) else None,
        trouble=next((one.last_error or one.trouble for one in states if one.trouble), ""),
        raw_record=session.scalar(raw) if row.raw_record_id is not None else None,
    )  # fmt: skip


def _settled_by(session: Session, eye: Eyes, row: DocumentRow) -> list[Settled]:
    """Return what settled a document."""
    parts = _allocations(session, row.account_id, AllocationRow.document_key == row.key)
    others = _Others(session, eye, row.account_id, (one.source_key for one in parts))
    return [
        Settled(one.day, one.amount, row.currency, one.is_payment, *others.of(one.source_key))
        for one in parts
        if others.shows(one.source_key)
    ]


def _settles(session: Session, eye: Eyes, row: DocumentRow | PaymentRow) -> list[Settled]:
    """Return what a payment or a credit settled."""
    parts = _allocations(session, row.account_id, AllocationRow.source_key == row.key)
    others = _Others(session, eye, row.account_id, (one.document_key for one in parts))
    found = []
    for one in parts:
        document, _ = others.of(one.document_key)
        if others.shows(one.document_key):
            found.append(Settled(one.day, one.amount, document.currency if document else "", one.is_payment, document))
    return found


def _allocations(session: Session, account_id: int, where: ColumnElement[bool]) -> Sequence[AllocationRow]:
    return session.scalars(
        select(AllocationRow)
        .where(AllocationRow.account_id == account_id, where)
        .order_by(AllocationRow.day.is_(None), AllocationRow.day, AllocationRow.id)
        .limit(MOST)
    ).all()


class _Others:
    """The documents and payments of an account that something names by their keys."""

    def __init__(self, session: Session, eye: Eyes, account_id: int, keys: Iterable[str]) -> None:
        wanted = sorted({key for key in keys if key})
        documents = _ids(session, DocumentRow, account_id, wanted)
        payments = _ids(session, PaymentRow, account_id, wanted)
        self._there = {*documents, *payments}
        seen, paid = (
            queries.documents_by_id(session, eye, documents.values()),
            queries.payments_by_id(session, eye, payments.values()),
        )
        self._documents = {key: seen.get(number) for key, number in documents.items()}
        self._payments = {key: paid.get(number) for key, number in payments.items()}

    def of(self, key: str) -> tuple[Document | None, Payment | None]:
        return self._documents.get(key), self._payments.get(key)

    def shows(self, key: str) -> bool:
        """Say whether it may be spoken of: what is not here yet may, what is another legal entity's may not."""
        return key not in self._there or self.of(key) != (None, None)


def _ids(
    session: Session, table: type[DocumentRow | PaymentRow], account_id: int, keys: Sequence[str]
) -> dict[str, UUID]:
    query = select(table.key, table.public_id).where(table.account_id == account_id, table.key.in_(keys))
    return {row.key: row.public_id for row in session.execute(query)} if keys else {}


def _references(session: Session, eye: Eyes, row: DocumentRow) -> list[Reference]:
    told = [one for one in row.detail.get("references", ()) if isinstance(one, dict)][:MOST]
    others = _Others(session, eye, row.account_id, (str(one.get("key", "")) for one in told))
    return [
        Reference(str(one.get("kind", "")), str(one.get("number", "")), others.of(str(one.get("key", "")))[0])
        for one in told
        if others.shows(str(one.get("key", "")))
    ]


def _also(session: Session, eye: Eyes, row: DocumentRow) -> list[Document]:
    """Return the same document of other accounts: the one that counts, and those that count with it."""
    counts = row.twin_of_id or row.id
    ids = session.scalars(
        select(DocumentRow.public_id).where(
            or_(DocumentRow.twin_of_id == counts, DocumentRow.id == counts), DocumentRow.id != row.id
        )
    ).all()
    return list(queries.documents_by_id(session, eye, ids).values())
