"""What one customer owes and how they pay: per legal entity and currency, with the age of what is known.

What nobody knows is never shown as no debt: whether a ledger knows this customer, was read to its end and answers now stands
beside every figure.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, Row, Select, and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from hub.accounting.ageing import Aged, Open, ageing, overdue
from hub.accounting.ageing import Row as AgeRow
from hub.accounting.behaviour import Behaviour, Invoice, Settling, behaviour
from hub.accounting.models import AllocationRow, BusinessRecord, DocumentRow, InstalmentRow, PaymentRow
from hub.identity import parties
from hub.identity.models import Claim, Link, Party, PartyStatus
from hub.intake import health
from hub.intake.models import Account, AccountState, StreamState
from hub.intake.trouble import Trouble
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
    is_late: bool = False  # nobody read it for much longer than usual, and nobody knows why
    businesses: frozenset[int] = frozenset()  # legal entities that it speaks of

    @property
    def is_sure(self) -> bool:
        """Whether what is not there is nothing: it was read to its end, and can be read now."""
        return self.as_of is not None and not self.trouble and not self.is_reading and not self.is_late


@dataclass(frozen=True)
class Owed:
    """What a customer owes one legal entity in one currency."""

    business_id: int
    business: str
    currency: str
    aged: Aged
    invoices: Sequence[Invoice]  # that say how they pay
    today: date  # of the legal entity
    last_payment: tuple[date, Decimal] | None = None
    is_first: bool = False  # something is overdue, and nothing ever was before
    as_of: datetime | None = None  # when the oldest of its figures was read; None: one of its ledgers never was

    @cached_property
    def behaviour(self) -> Behaviour:
        """How they pay: counted when somebody looks, which nobody does while a phone rings."""
        return behaviour(self.invoices, self.today)


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
    businesses: frozenset[int] = frozenset()  # legal entities that its ledger speaks of


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
        return _oldest([one for one in self.known if one.knows])


@dataclass(frozen=True, slots=True)
class Eyes:
    """Who looks, and when: legal entities whose money they see, and what day it is for each."""

    person: Person
    allowed: frozenset[int] | None  # None: all of them
    at: datetime
    names: Mapping[int, str]  # of the legal entities that are seen
    today: Mapping[int, date]


def eyes(session: Session, person: Person, *, at: datetime, zone: str) -> Eyes:
    """Return how a person sees money.

    Args:
        zone: of legal entities that have none of their own.
    """
    allowed = businesses.allowed(session, person)
    entities = [row for row in session.execute(_BUSINESSES) if sees_business(allowed, row.id)]
    today = {row.id: at.astimezone(ZoneInfo(row.time_zone or zone)).date() for row in entities}
    return Eyes(person, allowed, at, {row.id: row.name for row in entities}, today)


def of_party(
    session: Session, person: Person, party: Party, *, ledgers: Collection[str], at: datetime, zone: str
) -> tuple[Panel, Party | None] | None:
    """Return what is known of a customer's money; of a person without documents of their own, that of their company.

    Args: see `panel`.

    Returns:
        The panel, and the company whose money it is, where it is not the party's own; None: as of `panel`.
    """
    ids, company = parties.with_merged(session, party), None
    if party.company_id is not None and not _has_own(session, ids):
        company = session.get(Party, party.company_id)
        if company is not None and company.status == PartyStatus.ACTIVE:
            ids = (*ids, *parties.with_merged(session, company))
        else:
            company = None
    found = panel(session, person, ids, ledgers=ledgers, at=at, zone=zone)
    return None if found is None else (found, company)


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
    eye = eyes(session, person, at=at, zone=zone)
    told = known(session, eye, party_ids, ledgers=ledgers)
    if not told:
        return None
    # A removed connection says nothing any more: where it was made anew, its debts stand there.
    asked = {"parties": list(party_ids), "accounts": [one.account_id for one in told]}
    several = [one for one in _open(session, asked) if one.business_id in eye.names]
    invoices = [one for one in _invoices(session, asked, at) if one.open.business_id in eye.names]
    aged = {(one.business_id, one.currency): one for one in ageing(several, eye.today)}
    return Panel(
        known=told,
        owed=_owed(session, asked, aged, invoices, eye, told),
        owing=ageing(several, eye.today, side=Side.PURCHASE),
        terms=_terms(session, party_ids, told),
        names=eye.names,
    )


def _oldest(several: Sequence[Known]) -> datetime | None:
    moments = [one.as_of for one in several]
    return min((one for one in moments if one), default=None) if all(moments) else None


# --- what is open -------------------------------------------------------------------------------------------------

_DOC, _PAY, _ALLOC = DocumentRow.__table__.c, PaymentRow.__table__.c, AllocationRow.__table__.c
_BUS, _ACC = Business.__table__.c, Account.__table__.c
_PARTIES: BindParameter[int] = bindparam("parties", expanding=True)
_ACCOUNTS: BindParameter[int] = bindparam("accounts", expanding=True)
_BUSINESSES: Select[Any] = select(_BUS.id, _BUS.name, _BUS.time_zone).order_by(_BUS.name)
_OWN: Sequence[Select[Any]] = (
    select(_DOC.id).where(_DOC.party_id.in_(_PARTIES)).limit(1),
    select(_PAY.id).where(_PAY.party_id.in_(_PARTIES)).limit(1),
)
_COUNTS = and_(_DOC.gone_at.is_(None), _DOC.twin_of_id.is_(None), _DOC.account_id.in_(_ACCOUNTS))
_PAID = and_(
    _PAY.party_id.in_(_PARTIES), _PAY.account_id.in_(_ACCOUNTS), _PAY.gone_at.is_(None),
    _PAY.status.not_in((Status.DRAFT, Status.VOID)),
)  # fmt: skip
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
).where(_PAID, _PAY.unapplied > 0)  # fmt: skip


def _has_own(session: Session, party_ids: Sequence[int]) -> bool:
    """Say whether any document or payment is of these parties."""
    return any(session.scalar(query, {"parties": list(party_ids)}) is not None for query in _OWN)


def _open(session: Session, asked: Mapping[str, Any]) -> list[Open]:
    rows = session.execute(_OPEN, asked).all()
    parts = _instalments(session, [row.id for row in rows])
    paid = session.execute(_UNAPPLIED, asked)
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
# The documents first, with their limit: joined side by side, SQLite would look through all allocations of a ledger.
_THOSE = _HISTORY.add_columns(_DOC.account_id, _DOC.key).subquery()
_SETTLED: Select[Any] = select(_THOSE.c.id, _ALLOC.day, _ALLOC.amount, _ALLOC.is_payment).join_from(
    _THOSE,
    AllocationRow.__table__,
    and_(_ALLOC.account_id == _THOSE.c.account_id, _ALLOC.document_key == _THOSE.c.key),
)
_LAST: Select[Any] = (
    select(_PAY.business_id, _PAY.currency, _PAY.day, _PAY.amount)
    .where(_PAID, _PAY.side == Side.SALE, _PAY.is_refund.is_(False))
    .order_by(_PAY.day.desc())
    .limit(100)
)


def _invoices(session: Session, of: Mapping[str, Any], at: datetime) -> list[Invoice]:
    asked = {**of, "since": (at - LOOK_BACK).date(), "paid_since": (at - PAID_WITHIN).date()}
    rows = session.execute(_HISTORY, asked).all()
    settled: dict[int, list[Settling]] = defaultdict(list)
    for row in session.execute(_SETTLED, asked):
        settled[row.id].append(Settling(row.day, row.amount, row.is_payment))
    parts = _instalments(session, [row.id for row in rows])
    return [Invoice(_as_open(row, parts), settled.get(row.id, ())) for row in rows]


def _owed(
    session: Session, asked: Mapping[str, Any], aged: Mapping[tuple[int, str], Aged], invoices: Sequence[Invoice],
    eye: Eyes, told: Sequence[Known],
) -> list[Owed]:  # fmt: skip
    by_key: dict[tuple[int, str], list[Invoice]] = defaultdict(list)
    for one in invoices:
        by_key[one.open.business_id, one.open.currency].append(one)
    last = _last_payments(session, asked)
    found = []
    for key in sorted({*aged, *by_key}, key=lambda one: (eye.names[one[0]], one[1])):
        business, currency = key
        own, day = by_key.get(key, []), eye.today[business]
        found.append(
            Owed(
                business, eye.names[business], currency, aged.get(key) or ageing_of_nothing(business, currency),
                own, day, last.get(key), is_first=_is_first(own, day),
                as_of=_oldest([one for one in told if one.knows and business in one.businesses]),
            )
        )  # fmt: skip
    return found


def _last_payments(session: Session, asked: Mapping[str, Any]) -> dict[tuple[int, str], tuple[date, Decimal]]:
    """Return the last day on which something was paid, and how much on that day."""
    last: dict[tuple[int, str], tuple[date, Decimal]] = {}
    for row in session.execute(_LAST, asked):
        key = row.business_id, row.currency
        day, amount = last.get(key, (row.day, Decimal(0)))
        if day == row.day:
            last[key] = day, amount + row.amount
    return last


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


_LEDGERS: Select[Any] = (
    select(_ACC.id, _ACC.name, _ACC.connector, _ACC.state)
    .where(_ACC.connector.in_(bindparam("connectors", expanding=True)), _ACC.state != AccountState.REMOVED)
    .order_by(_ACC.name)
)
_LINK, _STREAM, _RECORD = Link.__table__.c, StreamState.__table__.c, BusinessRecord.__table__.c
_LINKED: Select[Any] = (
    select(_LINK.account_id)
    .where(_LINK.party_id.in_(_PARTIES), _LINK.account_id.in_(_ACCOUNTS), _LINK.gone_at.is_(None))
    .distinct()
)
_STREAMS: Select[Any] = select(
    _STREAM.account_id, _STREAM.last_ok_at, _STREAM.last_full_at, _STREAM.trouble, _STREAM.last_error, _STREAM.every_s,
    _STREAM.usual_gap_s,
).where(
    _STREAM.account_id.in_(_ACCOUNTS), _STREAM.wanted, _STREAM.records.not_in(("", "streams"))
)  # fmt: skip
_SPEAKS_OF: Select[Any] = select(_RECORD.account_id, _RECORD.business_id).where(_RECORD.account_id.in_(_ACCOUNTS))


def known(session: Session, eye: Eyes, party_ids: Sequence[int] = (), *, ledgers: Collection[str]) -> list[Known]:
    """Return the ledgers that are connected, and how old what they say is; of which somebody sees nothing, not.

    Args:
        party_ids: of a customer; without one, `knows` is False.
        ledgers: as of `panel`.
    """
    accounts = session.execute(_LEDGERS, {"connectors": sorted(ledgers)}).all()
    if not accounts:
        return []
    asked = {"accounts": [row.id for row in accounts], "parties": list(party_ids)}
    linked = set(session.scalars(_LINKED, asked)) if party_ids else set()
    streams: dict[int, list[Any]] = defaultdict(list)
    for row in session.execute(_STREAMS, asked):
        streams[row.account_id].append(row)
    entities: dict[int, set[int]] = defaultdict(set)
    for row in session.execute(_SPEAKS_OF, asked):
        entities[row.account_id].add(row.business_id)
    return [
        _of_account(row, streams[row.id], frozenset(entities[row.id]), row.id in linked, eye.at)
        for row in accounts
        if eye.allowed is None or not entities[row.id] or entities[row.id] & eye.allowed
    ]


def _of_account(
    account: Any,
    streams: Sequence[Any],
    entities: frozenset[int],
    knows: bool,  # noqa: FBT001 - a fact of a row
    at: datetime,
) -> Known:
    reads = [one.last_ok_at for one in streams]
    troubles = (one.last_error or one.trouble for one in streams if one.trouble not in ("", Trouble.LIMITED))
    trouble = next(troubles, "")
    if account.state == AccountState.PAUSED:
        trouble = trouble or "paused"
    return Known(
        account.id, account.name, account.connector, knows,
        as_of=min((one for one in reads if one), default=None) if streams and all(reads) else None,
        trouble=trouble,
        is_reading=not streams or any(one.last_full_at is None for one in streams),
        is_late=any(_is_late(one, at) for one in streams),
        businesses=entities,
    )  # fmt: skip


def _is_late(stream: Any, at: datetime) -> bool:
    """Say whether a stream was not read for much longer than usual, as the health of its account counts it."""
    if not stream.every_s or stream.last_ok_at is None:
        return False
    usual = timedelta(seconds=health.LATE_FACTOR * max(stream.usual_gap_s, stream.every_s))
    return bool(at - stream.last_ok_at > max(health.LATE_LEAST, usual))


_CLAIM = Claim.__table__.c
_TERMS: Select[Any] = (
    select(_LINK.account_id, _CLAIM.field, _CLAIM.value)
    .join_from(Claim.__table__, Link.__table__, _LINK.id == _CLAIM.link_id)
    .where(
        _CLAIM.party_id.in_(_PARTIES), _CLAIM.field.in_(TOLD), _LINK.account_id.in_(_ACCOUNTS), _LINK.gone_at.is_(None)
    )
    .order_by(_CLAIM.id)
)


def _terms(session: Session, party_ids: Sequence[int], told: Sequence[Known]) -> list[Terms]:
    rows = session.execute(_TERMS, {"parties": list(party_ids), "accounts": [one.account_id for one in told]})
    said: dict[int, dict[str, Any]] = defaultdict(dict)
    for account_id, name, value in rows:
        said[account_id][name] = value.get("value")
    return [_terms_of(one, said[one.account_id]) for one in told if one.account_id in said]


def _terms_of(ledger: Known, told: Mapping[str, Any]) -> Terms:
    limit, days = str(told.get("credit_limit") or ""), str(told.get("payment_terms_days") or "")
    return Terms(
        account=ledger.account,
        businesses=ledger.businesses,
        blocked=told.get("blocked") is True,
        blocked_reason=str(told.get("blocked_reason") or ""),
        credit_limit=Decimal(limit) if limit.replace(".", "", 1).isdecimal() else None,
        credit_currency=str(told.get("credit_currency") or ""),
        payment_terms=str(told.get("payment_terms") or ""),
        payment_terms_days=int(days) if days.isdecimal() else None,
    )
