"""What one customer owes and how they pay: per legal entity and currency, with the age of what is known.

What nobody knows is never shown as no debt: whether a ledger knows this customer, was read to its end and answers now stands
beside every figure.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, Row, Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from hub.accounting.ageing import Aged, Open, ageing, overdue
from hub.accounting.ageing import Row as AgeRow
from hub.accounting.behaviour import Behaviour, Invoice, Settling, behaviour
from hub.accounting.models import AllocationRow, BusinessRecord, DocumentRow, InstalmentRow, PaymentRow
from hub.identity.models import Claim, Link
from hub.intake.models import Account, AccountState, StreamState
from hub.records.document import DEBTS, PAYMENT, Instalment, Side, Status
from hub.security import businesses
from hub.security.models import Business
from hub.security.policy import Person, Right, may, sees_business

LOOK_BACK = timedelta(days=5 * 365)  # documents that say how somebody pays; open ones count however old they are
PAID_WITHIN = timedelta(days=366 + 90)  # payments that count: of a year, and of the ninety days before, for the trend
MOST_PAID = 2_000  # documents that say how somebody pays, the newest
TOLD = ("blocked", "blocked_reason", "credit_limit", "credit_currency", "payment_terms", "payment_terms_days")


@dataclass(frozen=True, slots=True)
class Known:
    """What one ledger knows of a customer, and how old that is."""

    account_id: int
    account: str
    connector: str
    knows: bool  # it has a contact that is this customer
    as_of: datetime | None  # when it was last read to its end; None: it never was
    trouble: str = ""  # why it cannot be read now; empty: it can
    is_reading: bool = False  # its first reading is not over

    @property
    def is_sure(self) -> bool:
        """Whether what is not there is nothing: it was read to its end, and can be read now."""
        return self.as_of is not None and not self.trouble and not self.is_reading


@dataclass(frozen=True, slots=True)
class Owed:
    """What a customer owes one legal entity in one currency."""

    business_id: int
    business: str
    currency: str
    aged: Aged
    behaviour: Behaviour
    last_payment: tuple[date, Decimal] | None = None
    is_first: bool = False  # something is overdue, and nothing ever was before


@dataclass(frozen=True, slots=True)
class Terms:
    """What a ledger says of a customer as a debtor."""

    account: str
    blocked: bool = False
    blocked_reason: str = ""
    credit_limit: Decimal | None = None
    credit_currency: str = ""
    payment_terms: str = ""
    payment_terms_days: int | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """Everything about a customer's money."""

    known: Sequence[Known]
    owed: Sequence[Owed]  # what customers owe us
    owing: Sequence[Aged]  # what we owe them
    terms: Sequence[Terms]
    names: Mapping[int, str] = field(default_factory=dict)  # of legal entities

    @property
    def as_of(self) -> datetime | None:
        """When the oldest of all figures was read; None: one of them never was."""
        moments = [one.as_of for one in self.known if one.knows]
        return min((one for one in moments if one), default=None) if all(moments) else None


def panel(
    session: Session, person: Person, party_ids: Sequence[int], *, ledgers: Collection[str], at: datetime, zone: str
) -> Panel | None:
    """Return what is known of a customer's money; None: no ledger is connected, or it is not for this person.

    Args:
        party_ids: the party and those that were merged into it.
        ledgers: connectors whose documents say what is open.
        zone: of legal entities that have none of their own.
    """
    if not may(person.role, Right.SEE_MONEY):
        return None
    allowed = businesses.allowed(session, person)
    known = _known(session, party_ids, ledgers, allowed)
    if not known:
        return None
    entities = {row.id: row for row in session.execute(_BUSINESSES) if sees_business(allowed, row.id)}
    today = {number: at.astimezone(ZoneInfo(row.time_zone or zone)).date() for number, row in entities.items()}
    several = [one for one in _open(session, party_ids) if one.business_id in entities]
    invoices = [one for one in _invoices(session, party_ids, at) if one.open.business_id in entities]
    names = {number: row.name for number, row in entities.items()}
    aged = {(one.business_id, one.currency): one for one in ageing(several, today)}
    return Panel(
        known=known,
        owed=_owed(session, party_ids, aged, invoices, today, names),
        owing=ageing(several, today, side=Side.PURCHASE),
        terms=_terms(session, party_ids),
        names=names,
    )


# --- what is open -------------------------------------------------------------------------------------------------

_DOC, _PAY, _ALLOC = DocumentRow.__table__.c, PaymentRow.__table__.c, AllocationRow.__table__.c
_PARTIES: BindParameter[int] = bindparam("parties", expanding=True)
_BUSINESSES = select(Business.id, Business.name, Business.time_zone)
_COUNTS = and_(_DOC.gone_at.is_(None), _DOC.twin_of_id.is_(None))
_COLUMNS = (
    _DOC.id, _DOC.business_id, _DOC.currency, _DOC.kind, _DOC.balance, _DOC.due_date, _DOC.issue_date, _DOC.terms_days,
    _DOC.side, _DOC.status,
)  # fmt: skip
_OPEN: Select[Any] = select(*_COLUMNS).where(_DOC.party_id.in_(_PARTIES), _DOC.is_open, _COUNTS)
_INSTALMENTS = select(
    InstalmentRow.document_id, InstalmentRow.due_date, InstalmentRow.amount, InstalmentRow.balance
).where(InstalmentRow.document_id.in_(bindparam("documents", expanding=True))).order_by(InstalmentRow.id)  # fmt: skip
_UNAPPLIED: Select[Any] = select(
    _PAY.business_id, _PAY.currency, _PAY.side, _PAY.is_refund, _PAY.unapplied, _PAY.day
).where(
    _PAY.party_id.in_(_PARTIES), _PAY.unapplied > 0, _PAY.gone_at.is_(None),
    _PAY.status.not_in((Status.DRAFT, Status.VOID)),
)  # fmt: skip


def _open(session: Session, party_ids: Sequence[int]) -> list[Open]:
    rows = session.execute(_OPEN, {"parties": list(party_ids)}).all()
    parts = _instalments(session, [row.id for row in rows])
    paid = session.execute(_UNAPPLIED, {"parties": list(party_ids)})
    return [_as_open(row, parts) for row in rows] + [
        Open(
            row.business_id, row.currency, PAYMENT, row.unapplied if row.is_refund else -row.unapplied,
            issue_date=row.day, side=row.side,
        )
        for row in paid
    ]  # fmt: skip


def _as_open(row: Row[Any], parts: Mapping[int, Sequence[Instalment]]) -> Open:
    return Open(
        row.business_id, row.currency, row.kind, row.balance or Decimal(0), row.due_date, row.issue_date,
        row.terms_days, parts.get(row.id, ()), row.side, row.status,
    )  # fmt: skip


def _instalments(session: Session, documents: Sequence[int]) -> dict[int, list[Instalment]]:
    found: dict[int, list[Instalment]] = defaultdict(list)
    for row in session.execute(_INSTALMENTS, {"documents": list(documents)}) if documents else ():
        found[row.document_id].append(Instalment(row.due_date, row.amount, row.balance))
    return found


# --- how they pay -------------------------------------------------------------------------------------------------

_LATELY = AllocationRow.__table__.alias("lately")
_SAYS = (
    _DOC.party_id.in_(_PARTIES),
    _DOC.side == Side.SALE,
    _COUNTS,
    _DOC.kind.in_(sorted(DEBTS)),
    or_(
        _DOC.is_open,
        and_(
            _DOC.issue_date >= bindparam("since"),
            exists().where(
                _LATELY.c.account_id == _DOC.account_id, _LATELY.c.document_key == _DOC.key,
                _LATELY.c.day >= bindparam("paid_since"),
            ),
        ),
    ),
)  # fmt: skip
_HISTORY: Select[Any] = (
    select(*_COLUMNS).where(*_SAYS).order_by(_DOC.issue_date.desc(), _DOC.id.desc()).limit(MOST_PAID)
)
_SETTLED: Select[Any] = (
    select(_DOC.id, _ALLOC.day, _ALLOC.amount, _ALLOC.is_payment)
    .join_from(
        DocumentRow.__table__,
        AllocationRow.__table__,
        and_(_ALLOC.account_id == _DOC.account_id, _ALLOC.document_key == _DOC.key),
    )
    .where(*_SAYS)
)
_LAST: Select[Any] = (
    select(_PAY.business_id, _PAY.currency, _PAY.day, func.sum(_PAY.amount).label("amount"))
    .where(
        _PAY.party_id.in_(_PARTIES), _PAY.side == Side.SALE, _PAY.is_refund.is_(False), _PAY.gone_at.is_(None),
        _PAY.status.not_in((Status.DRAFT, Status.VOID)),
    )
    .group_by(_PAY.business_id, _PAY.currency, _PAY.day)
    .order_by(_PAY.day.desc())
    .limit(100)
)  # fmt: skip


def _invoices(session: Session, party_ids: Sequence[int], at: datetime) -> list[Invoice]:
    asked = {"parties": list(party_ids), "since": (at - LOOK_BACK).date(), "paid_since": (at - PAID_WITHIN).date()}
    rows = session.execute(_HISTORY, asked).all()
    settled: dict[int, list[Settling]] = defaultdict(list)
    for row in session.execute(_SETTLED, asked):
        settled[row.id].append(Settling(row.day, row.amount, row.is_payment))
    parts = _instalments(session, [row.id for row in rows])
    return [Invoice(_as_open(row, parts), settled.get(row.id, ())) for row in rows]


def _owed(
    session: Session, party_ids: Sequence[int], aged: Mapping[tuple[int, str], Aged], invoices: Sequence[Invoice],
    today: Mapping[int, date], names: Mapping[int, str],
) -> list[Owed]:  # fmt: skip
    by_key: dict[tuple[int, str], list[Invoice]] = defaultdict(list)
    for one in invoices:
        by_key[one.open.business_id, one.open.currency].append(one)
    last: dict[tuple[int, str], tuple[date, Decimal]] = {}
    for row in session.execute(_LAST, {"parties": list(party_ids)}):
        last.setdefault((row.business_id, row.currency), (row.day, row.amount))
    found = []
    for key in sorted({*aged, *by_key}, key=lambda one: (names[one[0]], one[1])):
        business, currency = key
        own, day = by_key.get(key, []), today[business]
        found.append(
            Owed(
                business, names[business], currency, aged.get(key) or ageing_of_nothing(business, currency),
                behaviour(own, day), last.get(key), is_first=_is_first(own, day),
            )
        )  # fmt: skip
    return found


def ageing_of_nothing(business: int, currency: str) -> Aged:
    """Return the ageing of somebody who owes nothing: every row, with zero in it. Pure."""
    return Aged(business, currency, dict.fromkeys(AgeRow, Decimal(0)))


def _is_first(invoices: Sequence[Invoice], today: date) -> bool:
    """Say whether something is overdue with somebody who always paid in time before. Pure."""
    is_late = [bool(overdue(one.open, today)) for one in invoices]
    paid_before = any(one.settled_by and not late for one, late in zip(invoices, is_late, strict=True))
    return any(is_late) and paid_before and not any(_was_late(one) for one in invoices)


def _was_late(invoice: Invoice) -> bool:
    due = invoice.open.due
    return any(part.day is not None and due is not None and part.day > due for part in invoice.settled_by)


# --- who says so --------------------------------------------------------------------------------------------------


def _known(
    session: Session, party_ids: Sequence[int], ledgers: Collection[str], allowed: Collection[int] | None
) -> list[Known]:
    accounts: Sequence[Any] = session.execute(
        select(Account.id, Account.name, Account.connector, Account.state)
        .where(Account.connector.in_(sorted(ledgers)), Account.state != AccountState.REMOVED)
        .order_by(Account.name)
    ).all()
    if not accounts:
        return []
    ids = [row.id for row in accounts]
    linked = set(
        session.scalars(
            select(Link.account_id)
            .where(Link.party_id.in_(list(party_ids)), Link.account_id.in_(ids), Link.gone_at.is_(None))
            .distinct()
        )
    )
    streams: dict[int, list[Any]] = defaultdict(list)
    columns = (StreamState.account_id, StreamState.last_ok_at, StreamState.last_full_at, StreamState.trouble,
               StreamState.last_error)  # fmt: skip
    wanted = (StreamState.account_id.in_(ids), StreamState.wanted, StreamState.records.not_in(("", "streams")))
    rows: Sequence[Any] = session.execute(select(*columns).where(*wanted)).all()
    for row in rows:
        streams[row.account_id].append(row)
    hidden = _hidden(session, ids, allowed)
    return [_of_account(row, streams[row.id], row.id in linked) for row in accounts if row.id not in hidden]


def _hidden(session: Session, account_ids: Sequence[int], allowed: Collection[int] | None) -> set[int]:
    """Return accounts of which a person sees no legal entity."""
    if allowed is None:
        return set()
    rows = session.execute(
        select(BusinessRecord.account_id, BusinessRecord.business_id).where(BusinessRecord.account_id.in_(account_ids))
    ).all()
    seen = {row.account_id for row in rows if row.business_id in allowed}
    return {row.account_id for row in rows} - seen


def _of_account(account: Any, streams: Sequence[Any], knows: bool) -> Known:  # noqa: FBT001 - a fact of a row
    reads = [one.last_ok_at for one in streams]
    trouble = next((one.last_error or one.trouble for one in streams if one.trouble), "")
    if account.state == AccountState.PAUSED:
        trouble = trouble or "paused"
    is_reading = not streams or any(one.last_full_at is None for one in streams)
    as_of = min((one for one in reads if one), default=None) if streams and all(reads) else None
    return Known(account.id, account.name, account.connector, knows, as_of, trouble, is_reading)


def _terms(session: Session, party_ids: Sequence[int]) -> list[Terms]:
    rows = session.execute(
        select(Account.name, Claim.field, Claim.value)
        .join(Link, Link.id == Claim.link_id)
        .join(Account, Account.id == Link.account_id)
        .where(Claim.party_id.in_(list(party_ids)), Claim.field.in_(TOLD), Link.gone_at.is_(None))
        .order_by(Account.name, Claim.id)
    )
    said: dict[str, dict[str, Any]] = defaultdict(dict)
    for account, name, value in rows:
        said[account][name] = value.get("value")
    return [_terms_of(account, told) for account, told in said.items()]


def _terms_of(account: str, told: Mapping[str, Any]) -> Terms:
    limit, days = str(told.get("credit_limit") or ""), str(told.get("payment_terms_days") or "")
    return Terms(
        account=account,
        blocked=told.get("blocked") is True,
        blocked_reason=str(told.get("blocked_reason") or ""),
        credit_limit=Decimal(limit) if limit.replace(".", "", 1).isdecimal() else None,
        credit_currency=str(told.get("credit_currency") or ""),
        payment_terms=str(told.get("payment_terms") or ""),
        payment_terms_days=int(days) if days.isdecimal() else None,
    )
