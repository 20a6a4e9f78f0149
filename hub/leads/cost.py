"""What leads and customers cost, by campaign: leads that came in a time beside what was spent in it. The counting is pure.

A campaign is known by its id, so one that was renamed is one line. A customer counts once, for the lead that made him one,
however many leads of his there are. Test leads are in no number. What nobody knows the origin of is a line of its own.
Amounts of different currencies are never added, and where there are two a lead has no price.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from hub.leads.models import AdName, AdSpend, Bucket, LeadRow, LeadStage, Stage, Touchpoint
from hub.timeline.models import Participant

_WORTHLESS = frozenset({Stage.INVALID, Stage.SPAM})
_BUCKETS = (Bucket.PAID, Bucket.ORGANIC, Bucket.WEB, Bucket.PENDING, Bucket.UNATTRIBUTED)


@dataclass(frozen=True, slots=True)
class Won:
    """One lead, as far as it counts."""

    id: int
    account_id: int
    campaign_id: str  # empty: none is known
    bucket: str
    is_test: bool
    is_valid: bool  # somebody can be reached by it
    party_id: int | None
    customer_at: datetime | None  # when it made a customer of them; None: it did not
    is_inside: bool = True  # it came in the time that is asked about


@dataclass(frozen=True, slots=True)
class Spent:
    """What a campaign cost in the time that is asked about, in one currency."""

    account_id: int
    campaign_id: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the report: a campaign, or leads without one."""

    account_id: int = 0  # 0: of all
    campaign_id: str = ""
    bucket: str = Bucket.PAID
    leads: int = 0
    valid: int = 0
    customers: int = 0
    spend: Mapping[str, Decimal] = field(default_factory=dict)  # by currency

    @property
    def of_lead(self) -> tuple[Decimal, str] | None:
        """What a lead cost, and the currency; None: there is no price."""
        return _each(self.spend, self.leads)

    @property
    def of_customer(self) -> tuple[Decimal, str] | None:
        """What a customer cost, and the currency; None: there is no price."""
        return _each(self.spend, self.customers)


@dataclass(frozen=True, slots=True)
class Report:
    """Campaigns, the most leads first; leads without one, by where they came from; and the sums of both."""

    campaigns: Sequence[Cost]
    others: Sequence[Cost]
    paid: Cost  # all campaigns together
    total: Cost
    names: Mapping[tuple[int, str], AdName] = field(default_factory=dict)


def report(leads: Iterable[Won], spent: Iterable[Spent]) -> Report:
    """Count. Pure.

    Args:
        leads: all of a time; and those of before and after that made somebody a customer who is among them.
        spent: in that time; several rows of a campaign are added where their currency is the same.
    """
    real = [one for one in leads if not one.is_test and one.bucket != Bucket.TEST]
    made = _made_customers(real)
    groups: dict[tuple[int, str, str], list[Won]] = defaultdict(list)
    for one in real:
        if one.is_inside:
            groups[_group(one)].append(one)
    spend: dict[tuple[int, str, str], dict[str, Decimal]] = defaultdict(dict)
    for cost in spent:
        sums = spend[cost.account_id, cost.campaign_id, Bucket.PAID]
        sums[cost.currency] = sums.get(cost.currency, Decimal()) + cost.amount
    lines = [_line(group, groups.get(group, ()), spend.get(group, {}), made) for group in groups.keys() | spend.keys()]
    campaigns = sorted(
        (one for one in lines if one.campaign_id), key=lambda one: (-one.leads, one.account_id, one.campaign_id)
    )
    others = sorted((one for one in lines if not one.campaign_id), key=lambda one: _BUCKETS.index(Bucket(one.bucket)))
    return Report(campaigns, others, _sum(campaigns), _sum(lines, bucket=""))


def _group(lead: Won) -> tuple[int, str, str]:
    """Return the line that a lead counts in: its campaign's, or that of all leads that came the same way."""
    if lead.campaign_id and lead.bucket == Bucket.PAID:
        return lead.account_id, lead.campaign_id, Bucket.PAID
    return 0, "", lead.bucket if lead.bucket in _BUCKETS else Bucket.UNATTRIBUTED


def _made_customers(leads: Iterable[Won]) -> frozenset[int]:
    """Return the leads that made somebody a customer: of each customer the first one that did."""
    first: dict[tuple[str, int], tuple[datetime, int]] = {}
    for one in leads:
        if one.customer_at is not None:
            whose = ("party", one.party_id) if one.party_id is not None else ("lead", one.id)
            first[whose] = min(first.get(whose, (one.customer_at, one.id)), (one.customer_at, one.id))
    return frozenset(lead_id for _, lead_id in first.values())


def _line(
    group: tuple[int, str, str], leads: Sequence[Won], spend: Mapping[str, Decimal], made: frozenset[int]
) -> Cost:
    account_id, campaign_id, bucket = group
    return Cost(
        account_id, campaign_id, bucket, len(leads), sum(one.is_valid for one in leads),
        sum(one.id in made for one in leads), dict(sorted(spend.items())),
    )  # fmt: skip


def _sum(lines: Sequence[Cost], *, bucket: str = Bucket.PAID) -> Cost:
    spend: dict[str, Decimal] = {}
    for one in lines:
        for currency, amount in one.spend.items():
            spend[currency] = spend.get(currency, Decimal()) + amount
    return Cost(
        bucket=bucket, leads=sum(one.leads for one in lines), valid=sum(one.valid for one in lines),
        customers=sum(one.customers for one in lines), spend=dict(sorted(spend.items())),
    )  # fmt: skip


def _each(spend: Mapping[str, Decimal], count: int) -> tuple[Decimal, str] | None:
    if count < 1 or len(spend) != 1:
        return None
    [(currency, amount)] = spend.items()
    return (amount / count).quantize(Decimal("0.01"), ROUND_HALF_UP), currency


# --- from the database --------------------------------------------------------------------------------------------


def of_time(session: Session, since: datetime, until: datetime, days: tuple[date, date]) -> Report:
    """Return the report of leads that came in a time.

    Args:
        since, until: of the leads; `until` is the first moment that is too late.
        days: first and last day of what was spent, each in its ad account's own time.
    """
    inside = (LeadRow.created_at >= since, LeadRow.created_at < until)
    leads = [_won(row, is_inside=True) for row in session.execute(_leads().where(*inside))]
    # Who became a customer by a lead of another time is no customer of this one.
    parties = select(_PART.party_id).join(LeadRow, LeadRow.interaction_id == _PART.interaction_id).where(*inside)
    outside = _leads().where(
        (LeadRow.created_at < since) | (LeadRow.created_at >= until),
        LeadRow.stage == Stage.CUSTOMER,
        Participant.party_id.in_(parties),
    )
    leads += [_won(row, is_inside=False) for row in session.execute(outside)]
    spent = session.execute(
        select(AdSpend.account_id, AdSpend.campaign_id, func.sum(AdSpend.amount), AdSpend.currency)
        .where(AdSpend.day >= days[0], AdSpend.day <= days[1])
        .group_by(AdSpend.account_id, AdSpend.campaign_id, AdSpend.currency)
    )
    found = report(leads, [Spent(account, campaign, amount, currency) for account, campaign, amount, currency in spent])
    return Report(found.campaigns, found.others, found.paid, found.total, _names(session))


_PART = aliased(Participant)


def _leads() -> Any:
    """Return leads with campaign and way, whose they are, and when each made a customer."""
    customer_at = (
        select(func.min(LeadStage.at))
        .where(LeadStage.lead_id == LeadRow.id, LeadStage.stage == Stage.CUSTOMER)
        .correlate(LeadRow)
        .scalar_subquery()
        .label("customer_at")
    )
    of_lead = (LeadRow.id, LeadRow.account_id, LeadRow.is_test, LeadRow.phone, LeadRow.email, LeadRow.stage)
    return (
        select(*of_lead, Touchpoint.campaign_id, Touchpoint.bucket, Participant.party_id, customer_at)
        .outerjoin(Touchpoint, Touchpoint.lead_id == LeadRow.id)
        .outerjoin(Participant, Participant.interaction_id == LeadRow.interaction_id)
    )


def _won(row: Any, *, is_inside: bool) -> Won:
    return Won(
        id=row.id,
        account_id=row.account_id,
        campaign_id=row.campaign_id or "",
        bucket=row.bucket or Bucket.UNATTRIBUTED,
        is_test=row.is_test,
        is_valid=bool(row.phone or row.email) and row.stage not in _WORTHLESS,
        party_id=row.party_id,
        # Who is none any more was one by mistake.
        customer_at=row.customer_at if row.stage == Stage.CUSTOMER else None,
        is_inside=is_inside,
    )


def _names(session: Session) -> dict[tuple[int, str], AdName]:
    rows = session.scalars(select(AdName).where(AdName.level == "campaign"))
    return {(row.account_id, row.remote_id): row for row in rows}
