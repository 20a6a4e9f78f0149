"""How old a customer's debt is: amounts by days past due, per legal entity and currency. Pure.

k = today - due day, in the time zone of the legal entity: not due (k <= 0), 1-30, 31-60, 61-90, 91 and more. Payments
that settle nothing yet and open credits have rows of their own and are not taken off the rows of age; the sum of all rows
is what is owed on balance.

Source of the rows: Oracle Receivables, aging buckets (GUID-531F8C19): they do not overlap, overdue starts at day 1.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal, localcontext
from enum import StrEnum

from hub.records.document import DEBTS, PAYMENT, Instalment, Side, Status

EXACT = Context(prec=80)  # sums of the largest amounts times days stay exact
NO_DEBT = frozenset({Status.DRAFT, Status.VOID})
ZERO = Decimal(0)
_COUNTED = frozenset({*DEBTS, PAYMENT})


class Row(StrEnum):
    """A row of the table, in its order."""

    NOT_DUE = "not_due"
    DAYS_30 = "1-30"
    DAYS_60 = "31-60"
    DAYS_90 = "61-90"
    OLDER = "91+"
    NO_DUE_DATE = "no_due_date"
    UNAPPLIED = "unapplied_payments"
    CREDITS = "open_credits"


OVERDUE = (Row.DAYS_30, Row.DAYS_60, Row.DAYS_90, Row.OLDER)  # the worst comes last
_LAST_DAY = {30: Row.DAYS_30, 60: Row.DAYS_60, 90: Row.DAYS_90}


@dataclass(frozen=True, slots=True)
class Open:
    """What is still open of a document, or not applied yet of a payment.

    Args:
        kind: a `DocumentKind`, or `PAYMENT`.
        balance: in `currency`; what is owed counts up, credits and payments count down.
        is_gone: its ledger has it no more.
    """

    business_id: int
    currency: str
    kind: str
    balance: Decimal
    due_date: date | None = None
    issue_date: date | None = None
    terms_days: int | None = None
    instalments: Sequence[Instalment] = ()
    side: str = Side.SALE
    status: str = Status.OPEN
    is_gone: bool = False

    @property
    def is_debt(self) -> bool:
        """Whether its balance counts: quotes, orders, delivery notes, proformas, drafts and void documents do not."""
        return self.kind in _COUNTED and self.status not in NO_DEBT and not self.is_gone

    @property
    def due(self) -> date | None:
        """The day it is due: as written, else by its terms; None: nobody says."""
        return due_by_terms(self.due_date, self.issue_date, self.terms_days)


@dataclass(frozen=True, slots=True)
class Part:
    """So much of an open document, with its row; an instalment is a part of its own."""

    row: Row
    amount: Decimal
    due: date | None = None


@dataclass(frozen=True, slots=True)
class Aged:
    """What one customer owes one legal entity in one currency."""

    business_id: int
    currency: str
    rows: Mapping[Row, Decimal] = field(default_factory=dict)  # every row, also those of nothing
    oldest_due: date | None = None  # of what is open: the first day on which something was, or will be, due

    @property
    def net(self) -> Decimal:
        """What is owed on balance: the sum of all rows."""
        return _sum(self.rows.values())

    @property
    def overdue(self) -> Decimal:
        return _sum(self.rows[row] for row in OVERDUE)

    @property
    def worst(self) -> Row | None:
        """The row of the oldest overdue amount; None: nothing is overdue."""
        return next((row for row in reversed(OVERDUE) if self.rows[row]), None)


def due_by_terms(due: date | None, issued: date | None, terms_days: int | None) -> date | None:
    """Return when something is due: the day it says, else so many days after its issue; None: nobody says."""
    if due is not None or issued is None or terms_days is None:
        return due
    try:
        return issued + timedelta(days=terms_days)
    except OverflowError:  # behind the end of the calendar
        return date.max if terms_days > 0 else date.min


def row_of(due: date | None, today: date) -> Row:
    """Return the row of a debt that is due on a day."""
    if due is None:
        return Row.NO_DUE_DATE
    late = (today - due).days
    if late <= 0:
        return Row.NOT_DUE
    return next((row for last, row in _LAST_DAY.items() if late <= last), Row.OLDER)


def parts(one: Open, today: date) -> list[Part]:
    """Return the rows that something open belongs to, with the amount of each; they add up to its balance."""
    if not one.is_debt or not one.balance:
        return []
    if one.kind == PAYMENT:
        return [Part(Row.UNAPPLIED, one.balance)]
    if one.balance < 0:
        return [Part(Row.CREDITS, one.balance)]
    return [Part(row_of(due, today), amount, due) for due, amount in _open_instalments(one)]


def first_due(one: Open) -> date | None:
    """Return when what is open of a document is due first; None: nobody says."""
    if one.balance <= 0:
        return one.due
    return min((due for due, _ in _open_instalments(one) if due is not None), default=None)


def overdue(one: Open, today: date) -> Decimal:
    """Return how much of something open is past its day."""
    return _sum(part.amount for part in parts(one, today) if part.row in OVERDUE)


def ageing(several: Iterable[Open], today: Mapping[int, date], *, side: Side = Side.SALE) -> list[Aged]:
    """Return the ageing of what is open, one for each legal entity and currency in which something is.

    Args:
        several: of one customer, or of all; in any order.
        today: of each legal entity that has something open, in its own time zone.
        side: what customers owe us, or we owe suppliers; never both in one table.
    """
    rows: dict[tuple[int, str], dict[Row, Decimal]] = defaultdict(lambda: dict.fromkeys(Row, ZERO))
    oldest: dict[tuple[int, str], date] = {}
    with localcontext(EXACT):
        for one in several:
            for part in parts(one, today[one.business_id]) if one.side == side else ():
                key = one.business_id, one.currency
                rows[key][part.row] += part.amount
                if part.due is not None:
                    oldest[key] = min(part.due, oldest.get(key, part.due))
    return [Aged(*key, rows[key], oldest.get(key)) for key in sorted(rows)]


def _open_instalments(one: Open) -> list[tuple[date | None, Decimal]]:
    """Return when how much of a debt is due. What the ledger says of the instalments counts where it adds up.

    Else what was paid settled the first ones, so what is open is filled in from the last.
    """
    said = [(part.due_date, part.balance) for part in one.instalments if part.balance]
    if all(balance > 0 for _, balance in said) and _sum(balance for _, balance in said) == one.balance:
        return [*said]
    filled: list[tuple[date | None, Decimal]] = []
    left = one.balance
    with localcontext(EXACT):
        for part in sorted(one.instalments, key=lambda part: part.due_date, reverse=True):
            if open_here := min(left, max(part.amount, ZERO)):
                filled.append((part.due_date, open_here))
                left -= open_here
    # Without instalments it is all of it; else what is open beyond them.
    return [*filled, (one.due, left)] if left else filled


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    with localcontext(EXACT):
        return sum(amounts, ZERO)
