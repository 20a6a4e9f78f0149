"""What to know of a customer's money before speaking, the worst first.

A ledger that cannot be asked now comes before everything that it said before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy.orm import Session

from hub.accounting.ageing import Row
from hub.accounting.panel import Known, Owed, Panel, Terms
from hub.security.models import Choice

CHOICE = "money_alerts"  # {"least": {"ILS": "500.00"}}: overdue amounts below are no alert; another currency: any


class Word(StrEnum):
    """What an alert says."""

    UNSURE = "unsure"  # a ledger that knows this customer cannot be asked now, or was not asked for long
    READING = "reading"  # its first reading is not over: what is owed may be more
    BLOCKED = "blocked"
    OVERDUE = "overdue"
    FIRST = "first"  # overdue, for the first time
    OVER_LIMIT = "over_limit"  # more is owed than the ledger's credit limit


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to know. Which of the facts it has depends on its word."""

    word: Word
    as_of: datetime | None  # when the figure was read
    amount: Decimal | None = None
    currency: str = ""
    worst: Row | None = None  # the row of the oldest overdue amount
    business: str = ""
    reason: str = ""  # in the ledger's words
    account: str = ""


def alerts(panel: Panel, least: Mapping[str, Decimal]) -> list[Alert]:
    """Return what is to be known, the worst first. Pure.

    Args:
        least: overdue amounts that are worth an alert, by currency; of another currency any is.
    """
    return [*_unsure(panel), *_blocked(panel), *_overdue(panel, least), *_over_limit(panel)]


def least(session: Session) -> dict[str, Decimal]:
    """Return from which overdue amounts on people are alerted."""
    row = session.get(Choice, CHOICE)
    return {currency: Decimal(amount) for currency, amount in row.value.get("least", {}).items()} if row else {}


def _unsure(panel: Panel) -> Sequence[Alert]:
    return [
        Alert(_doubt(one), one.as_of, account=one.account, reason=one.trouble)
        for one in panel.known
        if one.knows and not one.is_sure
    ]


def _doubt(ledger: Known) -> Word:
    return Word.UNSURE if ledger.trouble or (ledger.is_late and not ledger.is_reading) else Word.READING


def _blocked(panel: Panel) -> Sequence[Alert]:
    return [
        Alert(Word.BLOCKED, panel.as_of, reason=one.blocked_reason, account=one.account)
        for one in panel.terms
        if one.blocked
    ]


def _overdue(panel: Panel, least: Mapping[str, Decimal]) -> Sequence[Alert]:
    found = [
        Alert(
            Word.FIRST if one.is_first else Word.OVERDUE, one.as_of, one.aged.overdue, one.currency, one.aged.worst,
            one.business,
        )
        for one in panel.owed
        if one.aged.overdue > 0 and one.aged.overdue >= least.get(one.currency, Decimal(0))
    ]  # fmt: skip
    order = list(Row)
    return sorted(found, key=lambda one: order.index(one.worst) if one.worst else -1, reverse=True)


def _over_limit(panel: Panel) -> Sequence[Alert]:
    found = []
    for one in panel.terms:
        # A limit is one ledger's: what is owed to legal entities of another one does not count against it.
        owed = [owed for owed in panel.owed if _is_within(owed, one)]
        net = sum((each.aged.net for each in owed), Decimal(0))
        if one.credit_limit and net > one.credit_limit:
            found.append(Alert(Word.OVER_LIMIT, owed[0].as_of, net, one.credit_currency, account=one.account))
    return found


def _is_within(owed: Owed, terms: Terms) -> bool:
    return owed.currency == terms.credit_currency and owed.business_id in terms.businesses
