"""How somebody pays: the figures by hand, and what must hold for any invoices."""

from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.accounting.ageing import Open
from hub.accounting.behaviour import FEWEST, Behaviour, Invoice, Settling, behaviour, shown
from hub.records.document import DocumentKind, Instalment, Side, Status

TODAY = date(2026, 11, 22)
DUE = date(2026, 9, 1)


def invoice(
    *settled_by: tuple[date | None, int] | Settling, balance: int = 0, due: date | None = DUE, **more: Any
) -> Invoice:
    """Make an invoice; a pair is a payment of that day."""
    several = tuple(one if isinstance(one, Settling) else Settling(one[0], Decimal(one[1])) for one in settled_by)
    kind = more.pop("kind", DocumentKind.INVOICE)
    return Invoice(Open(1, more.pop("currency", "PLN"), kind, Decimal(balance), due, **more), several)


WORKED = invoice((date(2026, 8, 30), 40), (date(2026, 10, 1), 60), issue_date=date(2026, 8, 1))


def days(value: Decimal | None) -> str:
    return "" if value is None else str(shown(value))


def test_the_worked_example() -> None:
    how = behaviour([WORKED] * 3, TODAY)
    assert days(how.days_late) == "17.2"
    assert days(how.days_late_only) == "18.0"
    assert days(how.days_past_due) == "30.0"
    assert days(how.days_to_pay) == "61.0"
    assert how.on_time == Decimal("0.4")
    assert (how.settled, how.is_too_few) == (3, False)
    assert (str(how.overdue), how.open_days, how.trend) == ("0", None, None)


def test_of_two_settled_invoices_there_is_no_figure_but_the_age_of_the_debt() -> None:
    unpaid = invoice(balance=100, due=TODAY - timedelta(days=10))
    older = invoice((DUE, 50), balance=300, due=TODAY - timedelta(days=50))
    not_due = invoice(balance=1_000, due=TODAY)
    how = behaviour([WORKED, WORKED, unpaid, older, not_due], TODAY)
    assert (how.settled, how.is_too_few) == (2, True)
    figures = (how.days_late, how.days_late_only, how.days_past_due, how.days_to_pay, how.on_time, how.trend)
    assert figures == (None,) * 6
    assert (str(how.overdue), days(how.open_days)) == ("400", "40.0")


def test_who_has_stopped_paying_does_not_look_good() -> None:
    good = [invoice((DUE, 100))] * 3
    how = behaviour([*good, invoice(balance=900, due=DUE)], TODAY)
    assert (days(how.days_late), days(how.open_days)) == ("0.0", "82.0")


def test_credits_and_write_offs_settle_but_are_no_payments() -> None:
    mixed = invoice((DUE + timedelta(days=10), 80), Settling(DUE + timedelta(days=60), Decimal(20), is_payment=False))
    credited = invoice(Settling(DUE, Decimal(100), is_payment=False))
    how = behaviour([mixed] * 3 + [credited] * 5, TODAY)
    assert (how.settled, days(how.days_late), days(how.days_past_due)) == (3, "10.0", "10.0")
    assert how.on_time == 0


def test_partly_paid_invoices_count_by_amount_but_not_as_settled() -> None:
    part = invoice((DUE + timedelta(days=40), 300), balance=700, due=DUE)
    how = behaviour([invoice((DUE, 100))] * 3 + [part], TODAY)
    assert (how.settled, days(how.days_late), days(how.days_past_due), how.on_time) == (
        3,
        "20.0",
        "0.0",
        Decimal("0.5"),
    )


@pytest.mark.parametrize(
    "other",
    [
        invoice((DUE, 100), kind=DocumentKind.CREDIT_NOTE),
        invoice((DUE, 100), kind=DocumentKind.INVOICE_RECEIPT),
        invoice((DUE, 100), kind=DocumentKind.BILL, side=Side.PURCHASE),
        invoice((DUE, 100), kind=DocumentKind.QUOTE),
        invoice((DUE, 100), status=Status.VOID),
        invoice((DUE, 100), is_gone=True),
        invoice((date(2025, 8, 24), 100)),  # before both windows of the trend
        invoice((TODAY + timedelta(days=1), 100)),  # a cheque of tomorrow is no payment yet
        invoice((None, 100)),
        invoice((DUE, -5)),
        invoice(),
    ],
)
def test_only_payments_of_sales_invoices_in_these_twelve_months_count(other: Invoice) -> None:
    assert behaviour([WORKED] * 3 + [other] * 4, TODAY) == behaviour([WORKED] * 3, TODAY)


def test_what_was_paid_a_year_ago_is_only_in_the_trend() -> None:
    how = behaviour([WORKED] * 3 + [invoice((date(2025, 11, 22), 100))] * 4, TODAY)
    assert replace(how, trend=None) == behaviour([WORKED] * 3, TODAY)
    assert days(how.trend) == "300.2"
    assert behaviour([WORKED] * 2 + [invoice((date(2025, 11, 23), 100))], TODAY).settled == 3


def test_without_a_due_day_days_to_pay_are_still_known() -> None:
    undated = invoice((DUE, 100), due=None, issue_date=DUE - timedelta(days=7))
    how = behaviour([undated] * 3, TODAY)
    assert (how.settled, days(how.days_to_pay), how.days_late, how.days_past_due) == (3, "7.0", None, None)
    by_terms = behaviour([replace(undated, open=replace(undated.open, terms_days=5))] * 3, TODAY)
    assert days(by_terms.days_late) == "2.0"


def test_a_payment_of_an_unknown_day_leaves_the_last_one_unknown() -> None:
    how = behaviour([invoice((DUE, 50), (None, 50))] * 5, TODAY)
    assert (how.settled, how.days_late) == (0, None)


def test_instalments_are_late_each_by_its_own_day() -> None:
    first, second = DUE, DUE + timedelta(days=30)
    plan = [Instalment(second, Decimal(50)), Instalment(first, Decimal(50))]
    in_time = invoice((first, 50), (second, 50), due=second, instalments=plan)
    how = behaviour([in_time] * 3, TODAY)
    assert (days(how.days_late), days(how.on_time), days(how.days_past_due)) == ("0.0", "1.0", "0.0")
    at_once = invoice((second, 100), due=second, instalments=plan)
    how = behaviour([at_once] * 3, TODAY)
    assert (days(how.days_late), how.on_time, days(how.days_past_due)) == ("15.0", Decimal("0.5"), "0.0")


def test_the_trend_compares_ninety_days_with_the_year_before_them() -> None:
    now = [invoice((TODAY, 100), due=TODAY - timedelta(days=25))] * 3
    before = [invoice((TODAY - timedelta(days=90), 100), due=TODAY - timedelta(days=95))] * 3
    long_ago = [invoice((TODAY - timedelta(days=470), 100), due=TODAY - timedelta(days=999))] * 3
    assert days(behaviour([*now, *before, *long_ago], TODAY).trend) == "20.0"
    assert behaviour([*now, *before[:2]], TODAY).trend is None
    assert behaviour(now, TODAY).trend is None


def test_amounts_of_several_currencies_are_not_averaged() -> None:
    with pytest.raises(ValueError, match="EUR, PLN"):
        behaviour([WORKED, invoice((DUE, 1), currency="EUR")], TODAY)


@pytest.mark.parametrize("today", [date(2028, 2, 29), date.max, date.min, date(1, 3, 1)])
def test_any_day_has_a_year_before_it(today: date) -> None:
    assert behaviour([WORKED], today).is_too_few


@pytest.mark.parametrize(("exact", "text"), [("17.25", "17.3"), ("-0.04", "0.0"), ("-2.25", "-2.3"), ("30", "30.0")])
def test_days_are_rounded_only_to_be_shown(exact: str, text: str) -> None:
    assert str(shown(Decimal(exact))) == text


# --- whatever comes -----------------------------------------------------------------------------------------------

NEAR = st.dates(TODAY - timedelta(days=500), TODAY + timedelta(days=20))
AMOUNTS = st.integers(1, 10**14).map(lambda coins: Decimal(coins).scaleb(-2))
SETTLINGS = st.builds(Settling, NEAR | st.none(), AMOUNTS, is_payment=st.sampled_from([True, True, False]))
INSTALMENTS = st.lists(st.builds(Instalment, NEAR, AMOUNTS), max_size=3)
INVOICES = st.lists(
    st.builds(
        Invoice,
        st.builds(
            Open,
            st.just(1),
            st.just("PLN"),
            st.sampled_from([DocumentKind.INVOICE, DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE]),
            st.just(Decimal(0)) | AMOUNTS,
            NEAR | st.none(),
            NEAR | st.none(),
            st.none() | st.integers(0, 90),
            INSTALMENTS,
        ),
        st.lists(SETTLINGS, max_size=4),
    ),
    max_size=8,
)


@given(INVOICES, st.randoms(use_true_random=False))
def test_no_order_of_invoices_or_payments_matters(invoices: list[Invoice], random: Any) -> None:
    expected = behaviour(invoices, TODAY)
    shuffled = [replace(one, settled_by=random.sample(list(one.settled_by), len(one.settled_by))) for one in invoices]
    random.shuffle(shuffled)
    assert behaviour(shuffled, TODAY) == expected


@given(INVOICES, st.integers(1, 99))
def test_a_payment_in_two_halves_of_one_day_is_the_same(invoices: list[Invoice], share: int) -> None:
    halves = [
        replace(
            one,
            settled_by=[
                replace(each, amount=part)
                for each in one.settled_by
                for part in (each.amount * share / 100, each.amount - each.amount * share / 100)
            ],
        )
        for one in invoices
    ]
    assert behaviour(halves, TODAY) == behaviour(invoices, TODAY)


def scaled(one: Invoice, by: int) -> Invoice:
    plan = [replace(part, amount=part.amount * by) for part in one.open.instalments]
    settled_by = [replace(each, amount=each.amount * by) for each in one.settled_by]
    return Invoice(replace(one.open, balance=one.open.balance * by, instalments=plan), settled_by)


@given(INVOICES, st.integers(2, 1_000))
def test_ten_times_the_money_is_paid_as_late(invoices: list[Invoice], by: int) -> None:
    once, more = behaviour(invoices, TODAY), behaviour([scaled(one, by) for one in invoices], TODAY)
    assert more.overdue == once.overdue * by
    for name in (field.name for field in fields(Behaviour) if field.name != "overdue"):
        assert near(getattr(more, name), getattr(once, name)), name


def near(a: Decimal | None, b: Decimal | None) -> bool:
    return a == b if a is None or b is None else abs(a - b) < Decimal("1e-20")


@given(INVOICES)
def test_the_figures_agree_with_each_other(invoices: list[Invoice]) -> None:
    how = behaviour(invoices, TODAY)
    assert (how.open_days is None) == (how.overdue == 0)
    assert how.open_days is None or how.open_days >= 1
    if how.settled < FEWEST:
        assert (how.days_late, how.days_late_only, how.days_to_pay, how.days_past_due, how.on_time) == (None,) * 5
    if how.days_late is not None:
        assert how.days_late_only is not None
        assert how.on_time is not None
        assert how.days_late_only >= max(how.days_late, Decimal(0))
        assert 0 <= how.on_time <= 1
        assert (how.on_time == 1) == (how.days_late_only == 0)
    else:
        assert (how.days_late_only, how.on_time) == (None, None)


@given(INVOICES, st.integers(1, 30))
def test_who_pays_later_is_later(invoices: list[Invoice], later: int) -> None:
    """Everything that is due is due earlier: the same payments are later by so many days."""
    shift = timedelta(days=later)
    plain = [replace(one, open=replace(one.open, instalments=(), issue_date=None)) for one in invoices]
    earlier = [
        replace(one, open=replace(one.open, due_date=one.open.due_date - shift)) if one.open.due_date else one
        for one in plain
    ]
    before, after = behaviour(plain, TODAY), behaviour(earlier, TODAY)
    assert (before.days_late is None) == (after.days_late is None)
    if before.days_late is not None and after.days_late is not None:
        assert near(after.days_late - before.days_late, Decimal(later))
