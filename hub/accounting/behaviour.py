"""How a customer pays: days late, days to pay, share on time, the trend, and how old the unpaid debt is. Pure.

With due day D, issue day I, payments a_i of the day p_i, balance and as-of day T, over twelve months of payment days:

    average days late      sum a_i (p_i - D) / sum a_i; positive is late, early counts below zero
    late only              the same with max(0, p_i - D)
    average days past due  mean of p_last - D of settled invoices
    average days to pay    mean of p_last - I of settled invoices
    on-time share          sum of the a_i with p_i <= D / sum a_i
    trend                  average days late of the last 90 days - that of the twelve months before them
    age of open debt       sum balance (T - D) / sum balance, over what is overdue

Credits and write-offs settle an invoice, but are no payments. Where only what was paid is looked at, a customer who has
stopped paying looks good: therefore the age of open debt is part of every answer, also where the others are too few.

Sources: Aptean Apprise, help on average days past due and days to pay (its signs are the other way round); Lockstep, days
late weighted by amount (zendesk 21770752251291).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

from hub.accounting.ageing import EXACT, OVERDUE, ZERO, Open, parts
from hub.records.document import DocumentKind, Side

FEWEST = 3  # settled invoices; of fewer there is no figure
RECENT = timedelta(days=90)
# An invoice that is its own receipt was paid when it was made: it says nothing of how somebody pays what he owes.
INVOICES = frozenset({DocumentKind.INVOICE, DocumentKind.ADVANCE_INVOICE})


@dataclass(frozen=True, slots=True)
class Settling:
    """So much of an invoice was settled on a day, above zero and in the invoice's currency."""

    day: date | None  # None: the ledger does not say
    amount: Decimal
    is_payment: bool = True  # False: by a credit note or written off


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice with what settled it so far; `open.balance` zero: it is settled."""

    open: Open
    settled_by: Sequence[Settling] = ()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How somebody pays. None: too few settled invoices to say; the days are exact, `shown` rounds them."""

    settled: int  # invoices that were settled, by payments of these twelve months at the last
    days_late: Decimal | None
    days_late_only: Decimal | None
    days_past_due: Decimal | None
    days_to_pay: Decimal | None
    on_time: Decimal | None  # share, 0 to 1
    trend: Decimal | None  # in days; above zero: it is getting worse
    overdue: Decimal  # in the currency of the invoices
    open_days: Decimal | None  # the age of open debt; None: nothing is overdue

    @property
    def is_too_few(self) -> bool:
        return self.settled < FEWEST


@dataclass(frozen=True, slots=True)
class _Paid:
    """A payment, or the part of it that settled one instalment."""

    day: date
    amount: Decimal
    due: date | None

    @property
    def late(self) -> int:
        assert self.due is not None, "asked only of such"
        return (self.day - self.due).days


@dataclass(frozen=True, slots=True)
class _History:
    """The payments of one invoice; `last` where it is settled: the day of its last payment."""

    paid: Sequence[_Paid]
    due: date | None
    issued: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class _Window:
    """What was paid after one day and until another."""

    after: date
    until: date

    def __contains__(self, day: date | None) -> bool:
        return day is not None and self.after < day <= self.until


def behaviour(invoices: Iterable[Invoice], today: date) -> Behaviour:
    """Return how somebody pays one legal entity; purchases, credit notes and what is void do not count.

    Args:
        invoices: of one currency, in any order: those paid within the last fifteen months (twelve, and the ninety days that
            the trend compares), and all that are open.
        today: of the legal entity.

    Raises:
        ValueError: amounts of several currencies, which nobody can add.
    """
    some = [one for one in invoices if _counts(one.open)]
    if len(found := {one.open.currency for one in some}) > 1:
        raise ValueError(f"amounts of several currencies have no average: {', '.join(sorted(found))}")
    with localcontext(EXACT):
        said = [_history(one) for one in some]
        year = _Window(_year_before(today), today)
        overdue, open_days = _open_debt(some, today)
        return Behaviour(
            settled=len(_settled(said, year)),
            days_late=_days_late(said, year),
            days_late_only=_days_late(said, year, early=False),
            days_past_due=_mean([(one.last, one.due) for one in _settled(said, year)]),
            days_to_pay=_mean([(one.last, one.issued) for one in _settled(said, year)]),
            on_time=_on_time(said, year),
            trend=_trend(said, today),
            overdue=overdue,
            open_days=open_days,
        )


def shown(days: Decimal) -> Decimal:
    """Return days as they are shown, with one decimal."""
    short = days.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP, context=EXACT)
    return short or abs(short)


def _counts(one: Open) -> bool:
    return one.kind in INVOICES and one.side == Side.SALE and one.is_debt


def _history(invoice: Invoice) -> _History:
    """Read what settled an invoice; instalments are settled in the order of their days."""
    one = invoice.open
    settlings = [each for each in invoice.settled_by if each.amount > 0]
    payments = [each.day for each in settlings if each.is_payment]
    days = [day for day in payments if day is not None]
    is_settled = not one.balance and bool(days) and len(days) == len(payments)
    due = max((part.due_date for part in one.instalments), default=one.due)
    return _History(tuple(_payments(one, settlings)), due, one.issue_date, max(days) if is_settled else None)


def _payments(one: Open, settlings: Sequence[Settling]) -> Iterator[_Paid]:
    """Give every payment the day on which what it settled was due, by instalments where there are any.

    In the order of days; of one day payments come before credits, so that no order of rows decides.
    """
    dated = sorted((each.day, not each.is_payment, each.amount) for each in settlings if each.day is not None)
    waiting = [(part.due_date, part.amount) for part in sorted(one.instalments, key=lambda part: part.due_date)]
    waiting = [(due, amount) for due, amount in reversed(waiting) if amount > 0]
    for day, is_credit, amount in dated:
        left = amount
        while left:
            due, open_here = waiting.pop() if waiting else (one.due, left)
            settled = min(left, open_here)
            if settled < open_here and due is not None:
                waiting.append((due, open_here - settled))
            left -= settled
            if not is_credit:
                yield _Paid(day, settled, due)


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # the 29th of February, or the first year of the calendar
        return date.min if day.year == 1 else day.replace(year=day.year - 1, day=28)


def _settled(said: Iterable[_History], window: _Window) -> list[_History]:
    return [one for one in said if one.last in window]


def _payments_due(said: Sequence[_History], window: _Window) -> list[_Paid]:
    """Return the payments of a window whose debts had a day; nothing where too few invoices that had one were settled."""
    if sum(one.due is not None for one in _settled(said, window)) < FEWEST:
        return []
    return [paid for one in said for paid in one.paid if paid.day in window and paid.due is not None]


def _days_late(said: Sequence[_History], window: _Window, *, early: bool = True) -> Decimal | None:
    paid = _payments_due(said, window)
    if not paid:
        return None
    days = sum((one.amount * (one.late if early else max(one.late, 0)) for one in paid), ZERO)
    return days / sum((one.amount for one in paid), ZERO)


def _on_time(said: Sequence[_History], window: _Window) -> Decimal | None:
    paid = _payments_due(said, window)
    if not paid:
        return None
    return sum((one.amount for one in paid if one.late <= 0), ZERO) / sum((one.amount for one in paid), ZERO)


def _mean(spans: Iterable[tuple[date | None, date | None]]) -> Decimal | None:
    """Return the mean of days from the second day to the first, of those where both are known."""
    days = [(end - begin).days for end, begin in spans if end is not None and begin is not None]
    return Decimal(sum(days)) / len(days) if len(days) >= FEWEST else None


def _trend(said: Sequence[_History], today: date) -> Decimal | None:
    since = today - RECENT if today - date.min > RECENT else date.min
    now = _days_late(said, _Window(since, today))
    before = _days_late(said, _Window(_year_before(since), since))
    return now - before if now is not None and before is not None else None


def _open_debt(invoices: Iterable[Invoice], today: date) -> tuple[Decimal, Decimal | None]:
    """Return how much is overdue, and for how long on average, by amount."""
    late = [part for one in invoices for part in parts(one.open, today) if part.row in OVERDUE]
    total = sum((part.amount for part in late), ZERO)
    days = sum((part.amount * (today - part.due).days for part in late if part.due is not None), ZERO)
    return total, days / total if total else None
