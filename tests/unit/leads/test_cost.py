"""What leads and customers cost: each counted once, in the line of its campaign, and currencies apart."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.leads import cost
from hub.leads.cost import Cost, Spent, Won, report
from hub.leads.models import Bucket

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
_numbers = count(1)


def won(campaign: str = "c1", bucket: str = Bucket.PAID, **more: Any) -> Won:
    values = {"is_test": False, "is_valid": True, "party_id": None, "customer_at": None, **more}
    return Won(next(_numbers), 1, campaign, bucket, **values)


def spent(amount: str, campaign: str = "c1", currency: str = "ILS") -> Spent:
    return Spent(1, campaign, Decimal(amount), currency)


def test_a_campaign_has_its_leads_its_spend_and_what_one_of_them_cost() -> None:
    found = report([won(), won(is_valid=False), won(customer_at=AT)], [spent("100"), spent("50.50")])
    [line] = found.campaigns
    assert (line.leads, line.valid, line.customers, line.spend) == (3, 2, 1, {"ILS": Decimal("150.50")})
    assert line.of_lead == (Decimal("50.17"), "ILS")
    assert line.of_customer == (Decimal("150.50"), "ILS")
    assert found.paid == replace(line, account_id=0, campaign_id="")


def test_test_leads_change_no_number() -> None:
    real = [won(), won("", Bucket.ORGANIC)]
    tests = [won(is_test=True, customer_at=AT), won("", Bucket.TEST), won("c9", Bucket.TEST)]
    assert report([*real, *tests], [spent("9")]) == report(real, [spent("9")])


def test_a_customer_with_two_leads_counts_once_for_the_lead_that_made_them_one() -> None:
    later = won("c2", party_id=7, customer_at=AT + timedelta(days=1))
    leads = [won("c1", party_id=7), later, won("c3", party_id=7, customer_at=AT + timedelta(days=2))]
    found = {one.campaign_id: one.customers for one in report(leads, []).campaigns}
    assert found == {"c1": 0, "c2": 1, "c3": 0}
    assert report(leads, []).total.customers == 1


def test_who_was_a_customer_by_a_lead_of_another_time_is_none_of_this_one() -> None:
    before = won("c0", party_id=7, customer_at=AT - timedelta(days=90), is_inside=False)
    found = report([before, won("c1", party_id=7, customer_at=AT)], [])
    assert [(one.campaign_id, one.leads, one.customers) for one in found.campaigns] == [("c1", 1, 0)]


def test_customers_without_a_party_are_each_their_own() -> None:
    assert report([won(customer_at=AT), won(customer_at=AT)], []).total.customers == 2


def test_what_nobody_knows_the_origin_of_is_a_line_of_its_own() -> None:
    leads = [won("", Bucket.UNATTRIBUTED), won("", Bucket.ORGANIC), won("", Bucket.WEB), won("", Bucket.PAID), won()]
    found = report(leads, [])
    assert [one.bucket for one in found.others] == [Bucket.PAID, Bucket.ORGANIC, Bucket.WEB, Bucket.UNATTRIBUTED]
    assert [one.leads for one in found.others] == [1, 1, 1, 1]
    assert (found.paid.leads, found.total.leads) == (1, 5)


def test_a_campaign_that_brought_nobody_is_shown_with_what_it_cost() -> None:
    [line] = report([], [spent("12", "c5")]).campaigns
    assert (line.campaign_id, line.leads, line.of_lead, line.of_customer) == ("c5", 0, None, None)


def test_currencies_are_never_added() -> None:
    found = report([won("c1"), won("c2")], [spent("10", "c1", "ILS"), spent("20", "c2", "EUR")])
    assert found.paid.spend == {"EUR": Decimal(20), "ILS": Decimal(10)}
    assert found.paid.of_lead is None
    assert [one.of_lead for one in found.campaigns] == [(Decimal("10.00"), "ILS"), (Decimal("20.00"), "EUR")]


_leads = st.builds(
    Won,
    id=st.integers(1, 10**6),
    account_id=st.sampled_from([1, 2]),
    campaign_id=st.sampled_from(["", "a", "b"]),
    bucket=st.sampled_from([*map(str, Bucket), "odd"]),
    is_test=st.booleans(),
    is_valid=st.booleans(),
    party_id=st.none() | st.integers(1, 3),
    customer_at=st.none() | st.sampled_from([AT, AT + timedelta(days=1)]),
    is_inside=st.booleans(),
)
_costs = st.builds(
    Spent,
    account_id=st.sampled_from([1, 2]),
    campaign_id=st.sampled_from(["a", "b", "c"]),
    amount=st.decimals(0, 1000, places=2),
    currency=st.sampled_from(["ILS", "EUR"]),
)


@given(st.lists(_leads, unique_by=lambda one: one.id, max_size=30), st.lists(_costs, max_size=15), st.randoms())
def test_the_lines_add_up_whatever_comes_in_whatever_order(leads: list[Won], costs: list[Spent], dice: Any) -> None:
    found = report(leads, costs)
    lines = [*found.campaigns, *found.others]
    real = [one for one in leads if not one.is_test and one.bucket != Bucket.TEST]
    assert sum(one.leads for one in lines) == found.total.leads == sum(one.is_inside for one in real)
    assert sum(one.customers for one in lines) == found.total.customers <= found.total.leads
    for currency in ("ILS", "EUR"):
        whole = sum((one.amount for one in costs if one.currency == currency), Decimal())
        assert found.total.spend.get(currency, Decimal()) == whole
    assert all(one.valid <= one.leads and isinstance(one, Cost) for one in lines)
    shuffled = dice.sample(leads, len(leads))
    assert report(shuffled, dice.sample(costs, len(costs))) == found


@pytest.mark.parametrize("days", [(date(2026, 11, 1), date(2026, 11, 30))])
def test_an_empty_hub_has_an_empty_report(database: Any, days: tuple[date, date]) -> None:
    with database.read() as session:
        found = cost.of_time(session, AT, AT + timedelta(days=30), days)
    assert (found.campaigns, found.others, found.total.leads) == ([], [], 0)
