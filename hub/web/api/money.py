"""What ledgers say: documents, payments, and what a customer owes. Amounts are decimal numbers as text; nothing is written."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from hub.accounting import alerts, panel, queries, whole
from hub.accounting.ageing import Row
from hub.accounting.behaviour import Behaviour, shown
from hub.accounting.models import DocumentRow
from hub.accounting.panel import Eyes, Known, Owed, Terms
from hub.accounting.queries import Document, Payment, Place, Wanted
from hub.accounting.whole import Settled
from hub.fields import change
from hub.fields.models import Of
from hub.identity import parties
from hub.records.document import DocumentKind, Side, Status
from hub.records.money import digits
from hub.security.policy import Right
from hub.store.base import now
from hub.web.api import access, fields, paging, shapes
from hub.web.api.fields import MOST_NAMES, OF_VALUES, TO_CHANGE, Values
from hub.web.api.operation import Body, Operation, Way, serve
from hub.web.frame import current_hub, current_person

_AMOUNT = "Decimal number as text; what is owed counts up, credits count down"
_OF_LIST = "documents or payments of legal entities that the token's user may not see are left out"


class BusinessRef(BaseModel):
    """A legal entity of ours."""

    id: int
    name: str


class DocumentShape(BaseModel):
    """A document as its ledger has it now."""

    id: UUID
    kind: str = Field(description=", ".join(DocumentKind))
    side: str = Field(description="sale or purchase")
    status: str = Field(description=", ".join(Status))
    source_status: str = Field(description="The source's own word")
    overdue: bool = Field(description="Counted now: something is open and its day is over where its legal entity is")
    number: str = Field(description="Neither unique nor stable")
    issue_date: date | None
    due_date: date | None
    currency: str = Field(description="ISO 4217")
    gross: str = Field(description=_AMOUNT)
    balance: str | None = Field(description="What is open; null: it is no debt, or nobody says")
    gone: bool = Field(description="The ledger has it no more")
    copy_of_another: bool = Field(description="Another connection has it too, and that one counts")
    business: BusinessRef
    party: shapes.Match | None = Field(description="The customer or supplier; null: nobody could be recognised")
    party_name: str = Field(description="As on the document")
    account: shapes.Ref | None
    url: str = Field(description="Of the original; empty where there is none")
    fields: Values = Field(description=OF_VALUES)
    changed_at: datetime


class InstalmentShape(BaseModel):
    """A part of a document with a day of its own."""

    due_date: date
    amount: str
    balance: str | None


class SettledShape(BaseModel):
    """So much was settled."""

    day: date | None
    amount: str
    currency: str = Field(description="Empty: of a document that is not here")
    by_payment: bool = Field(description="false: by a credit, or written off")
    document: UUID | None = Field(description="The other side, where it is a document")
    payment: UUID | None = Field(description="The other side, where it is a payment")


class ReferenceShape(BaseModel):
    """Another document that this one names."""

    kind: str
    number: str
    document: UUID | None


class DocumentWhole(DocumentShape):
    """A document with what is around it."""

    as_of: datetime | None = Field(description="When its ledger was read last; null: it never was")
    net: str | None
    tax: str | None
    base_currency: str = Field(description="Of the legal entity's books; empty: not said")
    fx_rate: str = Field(description="Units of the base currency for one of the document's, as written")
    gross_base: str | None
    balance_base: str | None
    service_date: date | None
    terms: str
    terms_days: int | None
    allocation_no: str = Field(description="Israel")
    ksef_no: str = Field(description="Poland")
    warnings: list[str] = Field(
        description="What contradicts itself: sum, due_before_issue, instalments, balance, or words"
    )
    first_lines: list[str]
    instalments: list[InstalmentShape]
    settled_by: list[SettledShape]
    settles: list[SettledShape] = Field(description="Of a credit")
    references: list[ReferenceShape]
    also: list[UUID] = Field(description="The same document of other connections")


class DocumentPage(paging.Page[DocumentShape]):
    """A page of documents."""


class PaymentShape(BaseModel):
    """Money that came in or went out."""

    id: UUID
    side: str = Field(description="sale: of a customer; purchase: to a supplier")
    refund: bool = Field(description="The other way round")
    status: str = Field(description="draft, done, void or unknown")
    source_status: str
    number: str
    day: date
    currency: str
    amount: str = Field(description="Decimal number as text; refunds count down")
    unapplied: str | None = Field(description="What settles nothing yet; null: the source does not say")
    method: str
    reference: str
    gone: bool
    business: BusinessRef
    party: shapes.Match | None
    party_name: str
    account: shapes.Ref | None
    url: str
    changed_at: datetime


class PaymentWhole(PaymentShape):
    """A payment with what it settled."""

    as_of: datetime | None
    settles: list[SettledShape]


class PaymentPage(paging.Page[PaymentShape]):
    """A page of payments."""


class MoneyQuery(paging.Paging):
    """What lists of documents and of payments can be asked for."""

    side: Side | None = None
    business: int | None = Field(None, ge=0, le=queries.LARGEST_NUMBER, description="A legal entity's id")
    currency: str | None = Field(None, min_length=3, max_length=3)
    account: UUID | None = None
    since: date | None = Field(None, description="Issued or made on this day or later")
    until: date | None = Field(None, description="On this day or before")
    q: str | None = Field(
        None, min_length=1, max_length=200, description="A part of the number or of the customer's name"
    )
    party: UUID | None = None
    nobody: bool = Field(default=False, description="true: only those whose customer nobody recognised")
    gone: bool = Field(default=False, description="true: what ledgers have no more, instead of what they have")


class DocumentQuery(MoneyQuery, paging.FieldPaging):
    """Which documents."""

    kind: DocumentKind | None = None
    status: Status | Literal["overdue", "unsettled"] | None = Field(
        None, description="As the source says; overdue and unsettled (something is open) are counted now"
    )
    copies: bool = Field(default=False, description="true: also those that another connection has too")


class DocumentChange(Body):
    """What is to be changed; what is not named stays. Everything else is the ledger's."""

    fields: Values = Field(default={}, max_length=MOST_NAMES, description=TO_CHANGE)


class PaymentQuery(MoneyQuery):
    """Which payments."""

    status: Status | Literal["unapplied"] | None = Field(None, description="unapplied: it settles nothing yet")


class LedgerShape(BaseModel):
    """What one ledger knows of a customer, and how old that is."""

    account: str
    knows: bool = Field(description="false: it has no contact that is this customer, so it says nothing of them")
    as_of: datetime | None = Field(description="When it was last read to its end; null: it never was")
    sure: bool = Field(description="false: what is not here may be owed all the same")
    reading: bool = Field(description="Its first reading is not over")
    trouble: str = Field(description="Why it cannot be read now; empty: it can")


class BehaviourShape(BaseModel):
    """How somebody pays, over twelve months; null: too few settled invoices to say."""

    settled: int
    days_late: str | None = Field(description="By amount; early payments count below zero")
    days_to_pay: str | None
    on_time: str | None = Field(description="Share of the amounts, 0 to 1")
    trend: str | None = Field(description="Days late of the last 90 days, less those of the twelve months before")
    open_days: str | None = Field(description="Age of what is overdue, by amount; null: nothing is")


class OwedShape(BaseModel):
    """What a customer owes one legal entity in one currency; nothing is added over currencies."""

    business: BusinessRef
    currency: str
    as_of: datetime | None
    balance: str
    overdue: str
    ageing: dict[str, str] = Field(description=f"Amounts by row: {', '.join(Row)}; they add up to the balance")
    behaviour: BehaviourShape
    last_payment_day: date | None
    last_payment: str | None


class OwingShape(BaseModel):
    """What we owe a supplier."""

    business: BusinessRef
    currency: str
    balance: str
    overdue: str


class TermsShape(BaseModel):
    """What a ledger says of a customer as a debtor."""

    account: str
    blocked: bool
    blocked_reason: str
    credit_limit: str | None
    credit_currency: str
    payment_terms: str
    payment_terms_days: int | None


class AlertShape(BaseModel):
    """What to know before speaking."""

    word: str = Field(description=", ".join(alerts.Word))
    as_of: datetime | None
    amount: str | None
    currency: str
    worst: str | None = Field(description="The row of the oldest overdue amount")
    business: str
    account: str


class PartyMoney(BaseModel):
    """Everything about a customer's money. Without ledgers nothing is known, which is not the same as no debt."""

    ledgers: list[LedgerShape]
    company: shapes.Match | None = Field(
        description="Whose money it is, where the person has no documents of their own"
    )
    owed: list[OwedShape]
    owing: list[OwingShape]
    terms: list[TermsShape]
    alerts: list[AlertShape]


@serve(
    Operation(
        "GET", "/documents", "Documents, the newest first", Right.SEE_MONEY, DocumentPage, query=DocumentQuery,
        errors=(404,), description=_OF_LIST.capitalize() + ".",
    )
)  # fmt: skip
def documents(session: Session, query: DocumentQuery) -> DocumentPage:
    """List documents; those without a day come last."""
    eye = _eyes(session)
    more = fields.where(session, DocumentRow.fields, Of.DOCUMENT)
    wanted = Wanted(**_wanted(session, query), kind=query.kind or "", copies=query.copies, more=more)
    found = queries.documents(session, eye, wanted, before=_before(query), limit=query.limit + 1)
    page, following = paging.cut(found, query.limit, _place)
    refs, seen = shapes.accounts(session, (one.account_id for one in page)), fields.Seen(session)
    return DocumentPage(
        items=[DocumentShape(**_document(one, refs.get(one.account_id), seen)) for one in page], next=following
    )


@serve(Operation("GET", "/documents/<uuid:document_id>", "One document whole", Right.SEE_MONEY, DocumentWhole))
def one_document(session: Session, document_id: UUID) -> DocumentWhole:
    """Return a document with its instalments, and what settled it."""
    return _whole(session, document_id)


@serve(
    Operation(
        "PATCH", "/documents/<uuid:document_id>", "Say what is in the fields of a document", Right.EDIT_PARTIES, DocumentWhole,
        body=DocumentChange, way=Way.WRITE,
    )
)  # fmt: skip
def change_document(session: Session, document_id: UUID, body: DocumentChange) -> DocumentWhole:
    """Change what is named in the body."""
    access.require(Right.SEE_MONEY)
    row, known = whole.document(session, _eyes(session), document_id).row, fields.known(session)
    currency, region = row.currency, fields.region()
    change.record(
        session, current_person(), known, Of.DOCUMENT, row, body.fields, region=region, currency=currency
    )  # fmt: skip
    session.flush()
    return _whole(session, document_id)


def _whole(session: Session, document_id: UUID) -> DocumentWhole:
    found = whole.document(session, _eyes(session), document_id)
    one, row, more = found.line, found.row, found.more
    account = shapes.Ref(id=found.origin.account, name=found.origin.name)
    return DocumentWhole(
        **_document(one, account, fields.Seen(session)),
        as_of=found.origin.as_of, net=_text(row.net, one.currency), tax=_text(row.tax, one.currency),
        base_currency=row.base_currency, fx_rate=row.fx_rate, gross_base=_text(row.gross_base, row.base_currency),
        balance_base=_text(row.balance_base, row.base_currency), service_date=row.service_date,
        terms=more.get("terms", ""), terms_days=row.terms_days, allocation_no=row.allocation_no, ksef_no=row.ksef_no,
        warnings=more.get("warnings", []), first_lines=more.get("first_lines", []),
        instalments=[
            InstalmentShape(
                due_date=part.due_date, amount=digits(part.amount, one.currency),
                balance=_text(part.balance, one.currency),
            )
            for part in found.instalments
        ],
        settled_by=_settled(found.settled_by), settles=_settled(found.settles),
        references=[
            ReferenceShape(kind=ref.kind, number=ref.number, document=ref.document.id if ref.document else None)
            for ref in found.references
        ],
        also=[other.id for other in found.also],
    )  # fmt: skip


@serve(
    Operation(
        "GET", "/payments", "Payments, the newest first", Right.SEE_MONEY, PaymentPage, query=PaymentQuery,
        errors=(404,), description=_OF_LIST.capitalize() + ".",
    )
)  # fmt: skip
def payments(session: Session, query: PaymentQuery) -> PaymentPage:
    """List payments."""
    eye = _eyes(session)
    wanted = Wanted(**_wanted(session, query))
    found = queries.payments(session, eye, wanted, before=_before(query), limit=query.limit + 1)
    page, following = paging.cut(found, query.limit, _place)
    refs = shapes.accounts(session, (one.account_id for one in page))
    return PaymentPage(items=[PaymentShape(**_payment(one, refs.get(one.account_id))) for one in page], next=following)


@serve(Operation("GET", "/payments/<uuid:payment_id>", "One payment whole", Right.SEE_MONEY, PaymentWhole))
def one_payment(session: Session, payment_id: UUID) -> PaymentWhole:
    """Return a payment with what it settled."""
    found = whole.payment(session, _eyes(session), payment_id)
    account = shapes.Ref(id=found.origin.account, name=found.origin.name)
    return PaymentWhole(**_payment(found.line, account), as_of=found.origin.as_of, settles=_settled(found.settles))


@serve(
    Operation(
        "GET", "/parties/<uuid:party_id>/money", "What a customer owes and how they pay", Right.SEE_MONEY, PartyMoney, subject="money",
        description="By legal entity and currency, with the age of what is known. Where `ledgers` says that none is sure, or "
        "that none knows the customer, empty lists do not mean that nothing is owed.",
    )
)  # fmt: skip
def party_money(session: Session, party_id: UUID) -> PartyMoney:
    """Return what is known of a customer's money."""
    hub, person = current_hub(), current_person()
    party = parties.get(session, party_id)
    zone = hub.settings.hub.time_zone
    found = panel.of_party(session, person, party, ledgers=hub.flow.ledgers(), at=now(), zone=zone)
    if found is None:
        return PartyMoney(ledgers=[], company=None, owed=[], owing=[], terms=[], alerts=[])
    told, company = found
    return PartyMoney(
        ledgers=[_ledger(one) for one in told.known],
        company=shapes.Match(id=company.public_id, kind=company.kind, name=company.name) if company else None,
        owed=[_owed(one) for one in told.owed],
        owing=[
            OwingShape(
                business=BusinessRef(id=one.business_id, name=told.names[one.business_id]), currency=one.currency,
                balance=digits(one.net, one.currency), overdue=digits(one.overdue, one.currency),
            )
            for one in told.owing
        ],
        terms=[_terms(one) for one in told.terms],
        alerts=[
            AlertShape(
                word=one.word, as_of=one.as_of, amount=_text(one.amount, one.currency), currency=one.currency,
                worst=one.worst, business=one.business, account=one.account,
            )
            for one in alerts.alerts(told, alerts.least(session))
        ],
    )  # fmt: skip


def _eyes(session: Session) -> Eyes:
    return panel.eyes(session, current_person(), at=now(), zone=current_hub().settings.hub.time_zone)


def _wanted(session: Session, query: DocumentQuery | PaymentQuery) -> dict[str, Any]:
    return {
        "side": query.side or "",
        "status": str(query.status or ""),
        "business_id": query.business,
        "currency": (query.currency or "").upper(),
        "account_id": shapes.account_id(session, query.account) if query.account else None,
        "since": query.since,
        "until": query.until,
        "text": query.q or "",
        "party_ids": shapes.party_ids(session, query.party) if query.party else (),
        "nobody": query.nobody,
        "gone": query.gone,
    }


def _place(one: Document | Payment) -> Sequence[Any]:
    return [one.place.day.isoformat() if one.place.day else "", one.place.number]


def _before(query: paging.Paging) -> Place | None:
    place = paging.position(query)
    return Place(date.fromisoformat(place[0]) if place[0] else None, place[1]) if place else None


def _text(value: Decimal | None, currency: str) -> str | None:
    return None if value is None else digits(value, currency)


def _document(one: Document, account: shapes.Ref | None, seen: fields.Seen) -> dict[str, Any]:
    return {
        "id": one.id, "kind": one.kind, "side": one.side, "status": one.status, "source_status": one.source_status,
        "overdue": one.is_overdue, "number": one.number, "issue_date": one.issue_date, "due_date": one.due_date,
        "currency": one.currency, "gross": digits(one.gross, one.currency), "balance": _text(one.balance, one.currency),
        "gone": one.is_gone, "copy_of_another": one.is_copy, "fields": seen.values(Of.DOCUMENT, one.fields),
        **_of_both(one, account),
    }  # fmt: skip


def _payment(one: Payment, account: shapes.Ref | None) -> dict[str, Any]:
    return {
        "id": one.id, "side": one.side, "refund": one.is_refund, "status": one.status,
        "source_status": one.source_status, "number": one.number, "day": one.day, "currency": one.currency,
        "amount": digits(one.amount, one.currency), "unapplied": _text(one.unapplied, one.currency),
        "method": one.method, "reference": one.reference, "gone": one.is_gone, **_of_both(one, account),
    }  # fmt: skip


def _of_both(one: Document | Payment, account: shapes.Ref | None) -> dict[str, Any]:
    return {
        "business": BusinessRef(id=one.business_id, name=one.business),
        "party": shapes.Match(id=one.party.id, kind=one.party.kind, name=one.party.name) if one.party else None,
        "party_name": one.party_name, "account": account, "url": one.url, "changed_at": one.changed_at,
    }  # fmt: skip


def _settled(several: Sequence[Settled]) -> list[SettledShape]:
    return [
        SettledShape(
            day=one.day, amount=digits(one.amount, one.currency), currency=one.currency, by_payment=one.is_payment,
            document=one.document.id if one.document else None, payment=one.payment.id if one.payment else None,
        )
        for one in several
    ]  # fmt: skip


def _ledger(one: Known) -> LedgerShape:
    return LedgerShape(
        account=one.account, knows=one.knows, as_of=one.as_of, sure=one.is_sure, reading=one.is_reading,
        trouble=one.trouble,
    )  # fmt: skip


def _owed(one: Owed) -> OwedShape:
    last = one.last_payment
    return OwedShape(
        business=BusinessRef(id=one.business_id, name=one.business), currency=one.currency, as_of=one.as_of,
        balance=digits(one.aged.net, one.currency), overdue=digits(one.aged.overdue, one.currency),
        ageing={str(row): digits(amount, one.currency) for row, amount in one.aged.rows.items()},
        behaviour=_behaviour(one.behaviour), last_payment_day=last[0] if last else None,
        last_payment=digits(last[1], one.currency) if last else None,
    )  # fmt: skip


def _behaviour(one: Behaviour) -> BehaviourShape:
    def days(value: Decimal | None) -> str | None:
        return None if value is None else str(shown(value))

    share = None if one.on_time is None else format(one.on_time.quantize(Decimal("0.0001")), "f")
    return BehaviourShape(
        settled=one.settled, days_late=days(one.days_late), days_to_pay=days(one.days_to_pay), on_time=share,
        trend=days(one.trend), open_days=days(one.open_days),
    )  # fmt: skip


def _terms(one: Terms) -> TermsShape:
    return TermsShape(
        account=one.account, blocked=one.blocked, blocked_reason=one.blocked_reason,
        credit_limit=_text(one.credit_limit, one.credit_currency), credit_currency=one.credit_currency,
        payment_terms=one.payment_terms, payment_terms_days=one.payment_terms_days,
    )  # fmt: skip
