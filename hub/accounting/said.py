"""Read what mappings make of a ledger's records: documents, payments, allocations, legal entities. Pure.

A mapping may be an administrator's and a ledger's words are anybody's, so whatever comes is checked: amounts are exact or the
record is set aside, texts are fit to be shown, a day is a day that can be.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from babel import Locale
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import to_jsonable_python

from hub.errors import RecordError
from hub.identity.said import line
from hub.records.document import (
    CREDITS,
    DEBTS,
    PURCHASES,
    Allocation,
    BalanceSource,
    Business,
    Counterparty,
    Document,
    DocumentKind,
    Instalment,
    Payment,
    Side,
    Status,
)
from hub.records.money import quantize
from hub.records.zone import iana

FIRST_YEAR, LAST_YEAR = 1900, 2200  # a document of another year is a mistake; due in the year 9999 is not
MOST_ENTRIES = 10_000  # instalments, allocations, references of one record
SHOWN_LINES, LONGEST_SHOWN_LINE = 3, 200
LONGEST_KEY = 500
MOST_WARNINGS = 20

_Word = TypeVar("_Word", bound=StrEnum)
_Fields = TypeVar("_Fields", bound="_Base")


def _no_float(value: Any) -> Any:
    """Refuse what may have lost digits on its way: an amount is kept as it was written."""
    if isinstance(value, float | bool):
        raise ValueError("an amount is no binary fraction: read it as decimal")  # noqa: TRY004 - pydantic wants ValueError
    return value


Amount = Annotated[Decimal, BeforeValidator(_no_float), Field(allow_inf_nan=False)]
_Key = Annotated[str, Field(min_length=1, max_length=LONGEST_KEY)]
_Text = str | None
_Day = date | None
_RequiredDay = date


class _Base(BaseModel):
    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)


class _Instalment(_Base):
    due_date: date
    amount: Amount
    balance: Amount | None = None


class _Allocation(_Base):
    id: _Text = None
    document: _Key
    amount: Amount
    date: _Day = None


class _Reference(_Base):
    kind: _Text = None
    number: _Text = None
    key: _Text = None


class _Counterparty(_Base):
    party: _Text = None
    contact: _Text = None
    party_name: _Text = None
    party_tax_id: _Text = None
    party_country: _Text = None
    party_email: _Text = None
    party_phone: _Text = None


class DocumentFields(_Counterparty):
    """What a mapping of `record = "document"` may make."""

    remote_id: _Key
    kind: str
    side: _Text = None
    status: _Text = None
    source_status: _Text = None
    number: _Text = None
    series: _Text = None
    business: _Text = None
    issue_date: date | None = None
    due_date: date | None = None
    service_date: date | None = None
    currency: str
    net: Amount | None = None
    tax: Amount | None = None
    gross: Amount
    balance: Amount | None = None
    signed: bool | None = None
    balance_source: _Text = None
    base_currency: _Text = None
    fx_rate: _Text = None
    gross_base: Amount | None = None
    balance_base: Amount | None = None
    terms_text: _Text = None
    terms_days: Annotated[int, Field(ge=-3650, le=3650)] | None = None
    instalments: Annotated[list[_Instalment], Field(max_length=MOST_ENTRIES)] | None = None
    references: Annotated[list[_Reference], Field(max_length=MOST_ENTRIES)] | None = None
    allocations: Annotated[list[_Allocation], Field(max_length=MOST_ENTRIES)] | None = None
    allocation_no: _Text = None
    ksef_no: _Text = None
    language: _Text = None
    url: _Text = None
    has_pdf: bool | None = None
    seller_tax_id: _Text = None
    paid_at_issue: bool | None = None
    lines_count: Annotated[int, Field(ge=0)] | None = None
    first_lines: list[str | None] | None = None
    updated_at: AwareDatetime | None = None
    warnings: list[str] | None = None


class PaymentFields(_Counterparty):
    """What a mapping of `record = "payment"` may make."""

    remote_id: _Key
    side: _Text = None
    is_refund: bool | None = None
    status: _Text = None
    source_status: _Text = None
    number: _Text = None
    business: _Text = None
    date: _RequiredDay
    amount: Amount
    currency: str
    unapplied: Amount | None = None
    base_currency: _Text = None
    amount_base: Amount | None = None
    method: _Text = None
    reference: _Text = None
    url: _Text = None
    allocations: Annotated[list[_Allocation], Field(max_length=MOST_ENTRIES)] | None = None
    updated_at: AwareDatetime | None = None


class AllocationFields(_Base):
    """What a mapping of `record = "allocation"` may make."""

    remote_id: _Key
    document: _Key
    source: _Text = None
    amount: Amount
    date: _Day = None
    is_payment: bool | None = None


class BusinessFields(_Base):
    """What a mapping of `record = "business"` may make."""

    remote_id: _Key
    name: str
    tax_id: _Text = None
    country: _Text = None
    currency: _Text = None
    time_zone: _Text = None


# --- documents ----------------------------------------------------------------------------------------------------


def document(values: Mapping[str, Any]) -> Document:
    """Return a document as the hub counts it; credits count down.

    Raises:
        RecordError: the mapping made something else of it, or an amount or a day of it cannot be.
    """
    fields = _read(DocumentFields, values, "document")
    kind = _word(DocumentKind, fields.kind)
    side = _side(fields.side, kind)
    currency = fields.currency.strip().upper()
    sign = -1 if kind in CREDITS and not fields.signed else 1
    base = (fields.base_currency or "").strip().upper()

    def amount(value: Decimal | None, of: str = currency) -> Decimal | None:
        return None if value is None else sign * _exact(value, of)

    balance = amount(fields.balance)
    gross = amount(fields.gross)
    assert gross is not None, "it is required"
    source = _word(BalanceSource, fields.balance_source or ("ledger" if balance is not None else "none"))
    made = Document(
        remote_id=fields.remote_id,
        kind=kind,
        side=side,
        status=_status(fields.status, kind, gross, balance),
        source_status=line(fields.source_status),
        number=line(fields.number),
        business=(fields.business or "").strip(),
        party=_counterparty(fields),
        issue_date=_possible(fields.issue_date, "issued"),
        due_date=_due(fields.due_date),
        service_date=fields.service_date,
        currency=currency,
        net=amount(fields.net),
        tax=amount(fields.tax),
        gross=gross,
        balance=balance if source is not BalanceSource.NONE else None,
        balance_source=source if balance is not None else BalanceSource.NONE,
        base_currency=base,
        fx_rate=line(fields.fx_rate),
        gross_base=amount(fields.gross_base, base) if base else None,
        balance_base=amount(fields.balance_base, base) if base else None,
        terms_text=line(fields.terms_text),
        terms_days=fields.terms_days,
        series=line(fields.series),
        instalments=tuple(
            Instalment(one.due_date, sign * _exact(one.amount, currency), amount(one.balance))
            for one in fields.instalments or ()
        ),
        references=tuple(_references(fields.references or ())),
        allocation_no=line(fields.allocation_no),
        ksef_no=line(fields.ksef_no),
        language=line(fields.language),
        url=_link(fields.url),
        has_pdf=bool(fields.has_pdf),
        seller_tax_id=line(fields.seller_tax_id),
        paid_at_issue=bool(fields.paid_at_issue),
        lines=fields.lines_count,
        first_lines=tuple(line(one)[:LONGEST_SHOWN_LINE] for one in (fields.first_lines or ())[:SHOWN_LINES] if one),
        allocations=_allocations(fields.allocations or (), currency),
        updated_at=fields.updated_at,
        warnings=tuple(line(one) for one in (fields.warnings or ())[:MOST_WARNINGS] if one),
        more=_more(fields.model_extra or {}),
    )
    return replace(made, warnings=(*made.warnings, *doubts(made)))


def doubts(document: Document) -> list[str]:
    """Return what of a document contradicts itself, as stable words; it is kept all the same. Pure."""
    found = []
    smallest = quantize(Decimal(0), document.currency).as_tuple().exponent
    tolerance = Decimal(1).scaleb(int(smallest)) * max(document.lines or 1, 1)
    parts = [one for one in (document.net, document.tax) if one is not None]
    if len(parts) == 2 and abs(sum(parts) - document.gross) > tolerance:
        found.append("sum")
    if document.due_date and document.issue_date and document.due_date < document.issue_date:
        found.append("due_before_issue")
    if document.instalments and abs(sum(one.amount for one in document.instalments) - document.gross) > tolerance:
        found.append("instalments")
    if document.balance and document.kind in DEBTS and document.status is not Status.VOID:
        is_more = abs(document.balance) > abs(document.gross)
        if is_more or document.balance * document.gross < 0:
            found.append("balance")
    return found


def _side(given: str | None, kind: DocumentKind) -> Side:
    if given:
        return _word(Side, given)
    return Side.PURCHASE if kind in PURCHASES else Side.SALE


def _status(given: str | None, kind: DocumentKind, gross: Decimal, balance: Decimal | None) -> Status:
    if given:
        return _word(Status, given, Status.UNKNOWN)
    if kind not in DEBTS or balance is None:
        return Status.UNKNOWN
    if balance == 0:
        return Status.PAID
    return Status.OPEN if balance == gross else Status.PARTLY_PAID


def _references(given: Iterable[_Reference]) -> Iterable[dict[str, str]]:
    for one in given:
        told = {"kind": line(one.kind), "number": line(one.number), "key": (one.key or "")[:LONGEST_KEY]}
        if told["number"] or told["key"]:
            yield told


# --- payments and allocations -------------------------------------------------------------------------------------


def payment(values: Mapping[str, Any]) -> Payment:
    """Return a payment.

    Raises:
        RecordError: as of `document`.
    """
    fields = _read(PaymentFields, values, "payment")
    currency, base = fields.currency.strip().upper(), (fields.base_currency or "").strip().upper()
    amount = _exact(fields.amount, currency)
    if amount < 0:
        raise RecordError("the amount of a payment is below zero; a mapping says `is_refund` of money that goes back")
    return Payment(
        remote_id=fields.remote_id,
        side=_word(Side, fields.side or Side.SALE),
        is_refund=bool(fields.is_refund),
        status=_word(Status, fields.status, Status.UNKNOWN) if fields.status else Status.DONE,
        source_status=line(fields.source_status),
        number=line(fields.number),
        business=(fields.business or "").strip(),
        party=_counterparty(fields),
        day=_possible(fields.date, "made") or fields.date,
        amount=amount,
        currency=currency,
        unapplied=None if fields.unapplied is None else abs(_exact(fields.unapplied, currency)),
        base_currency=base,
        amount_base=abs(_exact(fields.amount_base, base)) if base and fields.amount_base is not None else None,
        method=line(fields.method),
        reference=line(fields.reference),
        url=_link(fields.url),
        allocations=_allocations(fields.allocations or (), currency),
        names_allocations=fields.allocations is not None,
        updated_at=fields.updated_at,
    )


def allocation(values: Mapping[str, Any]) -> Allocation:
    """Return what was settled by what. Its currency is its document's, which may not be here yet.

    Raises:
        RecordError: as of `document`.
    """
    fields = _read(AllocationFields, values, "allocation")
    amount = quantize_any(fields.amount)
    if amount < 0:
        raise RecordError("an allocation is below zero")
    return Allocation(
        remote_id=fields.remote_id,
        document=fields.document,
        source=(fields.source or "")[:LONGEST_KEY],
        amount=amount,
        day=_possible(fields.date, "made"),
        is_payment=fields.is_payment is not False,
    )


def quantize_any(value: Decimal) -> Decimal:
    """Return an amount whose currency is not known here: float noise behind the fifth place is cut.

    Raises:
        RecordError: it has more decimals than any currency.
    """
    short = value.quantize(Decimal("0.00001"))
    if abs(short - value) >= Decimal("0.000001"):
        raise RecordError(f"the amount {value} has more decimals than any currency")
    return short


def _allocations(given: Sequence[_Allocation], currency: str) -> tuple[Allocation, ...]:
    return tuple(
        Allocation(one.id or "", one.document, "", abs(_exact(one.amount, currency)), _possible(one.date, "made"))
        for one in given
    )


# --- legal entities -----------------------------------------------------------------------------------------------


def business(values: Mapping[str, Any]) -> Business:
    """Return a legal entity of the group.

    Raises:
        RecordError: as of `document`.
    """
    fields = _read(BusinessFields, values, "legal entity")
    name = line(fields.name)
    if not name:
        raise RecordError("a legal entity without a name")
    country = line(fields.country).upper()
    return Business(
        remote_id=fields.remote_id,
        name=name,
        tax_id=line(fields.tax_id),
        country=country if country in Locale("en").territories else "",
        currency=line(fields.currency).upper(),
        time_zone=iana(line(fields.time_zone)) or "",
    )


# --- words --------------------------------------------------------------------------------------------------------


def _read(model: type[_Fields], values: Mapping[str, Any], what: str) -> _Fields:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise RecordError(f"what the mapping makes of it is no {what}: {wrong}") from error


def _word(words: type[_Word], given: str, otherwise: _Word | None = None) -> _Word:
    try:
        return words(given.strip().lower())
    except ValueError:
        if otherwise is not None:
            return otherwise
        raise RecordError(f"{given[:60]!r} is none of {', '.join(words)}") from None


def _exact(value: Decimal, currency: str) -> Decimal:
    try:
        return quantize(value, currency)
    except (ValueError, TypeError) as error:
        raise RecordError(str(error)) from error


def _possible(day: date | None, what: str) -> date | None:
    if day is not None and not FIRST_YEAR <= day.year < LAST_YEAR:
        raise RecordError(f"it was {what} on {day.isoformat()}, which cannot be")
    return day


def _due(day: date | None) -> date | None:
    """Return when it is due; the year 9999 says never, and stays."""
    if day is not None and day.year < FIRST_YEAR:
        raise RecordError(f"it is due on {day.isoformat()}, which cannot be")
    return day


def _counterparty(fields: _Counterparty) -> Counterparty:
    return Counterparty(
        remote_id=(fields.party or "").strip()[:LONGEST_KEY],
        contact=(fields.contact or "").strip()[:LONGEST_KEY],
        name=line(fields.party_name),
        tax_id=line(fields.party_tax_id),
        country=line(fields.party_country).upper()[:2],
        email=line(fields.party_email),
        phone=line(fields.party_phone),
    )


def _link(url: str | None) -> str:
    text = line(url)
    return text if text.startswith(("https://", "http://")) else ""


def _more(extra: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in list(extra.items())[:100] if value not in (None, "", [], {})}
    kept: dict[str, Any] = to_jsonable_python(told, fallback=str)
    return kept
