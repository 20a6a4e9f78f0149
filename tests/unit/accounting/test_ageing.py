"""How old a debt is: every amount in exactly one row."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.accounting.ageing import OVERDUE, Aged, Open, Row, ageing, overdue, parts, row_of
from hub.records.document import DEBTS, PAYMENT, DocumentKind, Instalment, Side, Status

TODAY = date(2026, 11, 22)
HOUSE = 1
DAYS = {HOUSE: TODAY, 2: TODAY + timedelta(days=1)}


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def invoice(balance: str | int, due: int | None = None, **more: Any) -> Open:
    kind = more.pop("kind", DocumentKind.INVOICE)
    given_day = None if due is None else ago(due)
    return Open(more.pop("business_id", HOUSE), more.pop("currency", "PLN"), kind, Decimal(balance), given_day, **more)


def one(*several: Open) -> Aged:
    [aged] = ageing(several, DAYS)
    return aged


def rows(*several: Open) -> dict[str, Decimal]:
    return {str(row): amount for row, amount in one(*several).rows.items() if amount}


@pytest.mark.parametrize(
    ("late", "row"),
    [
        (-400, Row.NOT_DUE), (-1, Row.NOT_DUE), (0, Row.NOT_DUE), (1, Row.DAYS_30), (30, Row.DAYS_30), (31, Row.DAYS_60),
        (60, Row.DAYS_60), (61, Row.DAYS_90), (90, Row.DAYS_90), (91, Row.OLDER), (700_000, Row.OLDER), (None, Row.NO_DUE_DATE),
    ],
)  # fmt: skip
def test_overdue_starts_at_day_one_and_rows_do_not_overlap(late: int | None, row: Row) -> None:
    assert row_of(None if late is None else ago(late), TODAY) is row
    assert parts(invoice(5, late), TODAY)[0].row is row


def test_credits_and_payments_have_rows_of_their_own_and_are_in_the_net() -> None:
    aged = one(
        invoice(100, 45),
        invoice(-30, 45, kind=DocumentKind.CREDIT_NOTE),
        invoice(-5, 3),  # an invoice that was paid twice
        invoice(-20, kind=PAYMENT),
        invoice(7, 1, kind=DocumentKind.CREDIT_NOTE),  # a correction that raises is a debt
        invoice(0, 99),
    )
    assert {row: int(amount) for row, amount in aged.rows.items() if amount} == {
        Row.DAYS_60: 100, Row.DAYS_30: 7, Row.CREDITS: -35, Row.UNAPPLIED: -20,
    }  # fmt: skip
    assert list(aged.rows) == list(Row)
    assert (int(aged.net), int(aged.overdue)) == (52, 107)
    assert (aged.worst, aged.oldest_due) == (Row.DAYS_60, ago(45))


@pytest.mark.parametrize(
    ("more", "row"),
    [
        ({"issue_date": ago(40), "terms_days": 10}, "1-30"),
        ({"issue_date": ago(40), "terms_days": 0}, "31-60"),
        ({"issue_date": ago(40)}, "no_due_date"),
        ({"terms_days": 10}, "no_due_date"),
        ({"issue_date": date.max, "terms_days": 10**9}, "not_due"),
        ({"issue_date": date.min, "terms_days": -1}, "91+"),
        ({"issue_date": ago(1), "due_date": ago(70), "terms_days": 10}, "61-90"),
    ],
)
def test_without_a_due_day_its_terms_say_it_or_nobody_does(more: dict[str, Any], row: str) -> None:
    assert rows(Open(HOUSE, "PLN", DocumentKind.INVOICE, Decimal(5), **more)) == {row: 5}


def part(days_ago: int, amount: int, balance: int | None = None) -> Instalment:
    return Instalment(ago(days_ago), Decimal(amount), None if balance is None else Decimal(balance))


@pytest.mark.parametrize(
    ("balance", "instalments", "expected"),
    [
        (60, [part(40, 30, 0), part(10, 30, 20), part(-20, 40, 40)], {"1-30": 20, "not_due": 40}),
        # The ledger does not say, or what it says does not add up: the first ones were paid first.
        (60, [part(40, 30), part(10, 30), part(-20, 40)], {"1-30": 20, "not_due": 40}),
        (60, [part(40, 30, 30), part(10, 30, 30), part(-20, 40, 40)], {"1-30": 20, "not_due": 40}),
        (60, [part(-20, 40, 70), part(10, 30, -10)], {"not_due": 40, "1-30": 20}),
        # More is open than the instalments are: the rest is due when the document is.
        (60, [part(40, 10), part(10, 20)], {"31-60": 10, "1-30": 20, "91+": 30}),
        (-60, [part(40, 10), part(10, 20)], {"open_credits": -60}),
        (60, [part(40, -10), part(10, 60)], {"1-30": 60}),
    ],
)
def test_instalments_are_aged_each_on_its_own(
    balance: int, instalments: list[Instalment], expected: dict[str, int]
) -> None:
    assert rows(invoice(balance, 100, instalments=instalments)) == expected


@pytest.mark.parametrize(
    "open_",
    [
        *(invoice(9, 5, kind=kind) for kind in DocumentKind if kind not in DEBTS),
        invoice(9, 5, status=Status.DRAFT),
        invoice(9, 5, status=Status.VOID),
        invoice(-9, kind=PAYMENT, status=Status.DRAFT),
        invoice(9, 5, is_gone=True),
        invoice(0, 5),
        invoice(9, 5, kind=DocumentKind.BILL, side=Side.PURCHASE),
    ],
)
def test_what_is_no_debt_of_a_customer_is_left_out(open_: Open) -> None:
    assert ageing([open_], DAYS) == []


def test_purchases_have_a_table_of_their_own() -> None:
    bill = invoice(9, 5, kind=DocumentKind.BILL, side=Side.PURCHASE)
    [aged] = ageing([bill, invoice(3, 5)], DAYS, side=Side.PURCHASE)
    assert aged.net == 9


def test_entities_and_currencies_are_never_added_and_each_entity_has_its_own_today() -> None:
    several = [
        invoice(1), invoice(2, 0), invoice(4, 0, business_id=2), invoice(8, currency="EUR"), invoice(16, currency="EUR")
    ]  # fmt: skip
    found = {(aged.business_id, aged.currency): aged for aged in ageing(several, DAYS)}
    assert {key: int(aged.net) for key, aged in found.items()} == {(1, "EUR"): 24, (1, "PLN"): 3, (2, "PLN"): 4}
    assert [int(found[house, "PLN"].overdue) for house in (1, 2)] == [0, 4]  # the 22nd and the 23rd
    assert (found[1, "EUR"].worst, found[1, "EUR"].oldest_due) == (None, None)


# --- whatever comes -----------------------------------------------------------------------------------------------

AMOUNTS = st.integers(-(10**15), 10**15).map(lambda coins: Decimal(coins).scaleb(-2))
DATES = st.dates() | st.none()
OPEN = st.builds(
    Open,
    st.sampled_from([1, 2]),
    st.sampled_from(["PLN", "EUR"]),
    st.sampled_from([*DocumentKind, PAYMENT]),
    AMOUNTS,
    DATES,
    DATES,
    st.none() | st.integers(-(10**9), 10**9),
    st.lists(st.builds(Instalment, st.dates(), AMOUNTS, AMOUNTS | st.none()), max_size=3),
    side=st.just(Side.SALE),
    status=st.sampled_from(Status),
    is_gone=st.booleans(),
)


@given(st.lists(OPEN, max_size=8), st.randoms(use_true_random=False))
def test_every_amount_is_in_exactly_one_row_in_any_order(several: list[Open], random: Any) -> None:
    aged = ageing(several, DAYS)
    for of_one in aged:
        mine = [
            x for x in several if (x.business_id, x.currency) == (of_one.business_id, of_one.currency) and x.is_debt
        ]
        assert of_one.net == sum(x.balance for x in mine)
        assert of_one.overdue == sum(overdue(x, DAYS[x.business_id]) for x in mine)
        assert all(of_one.rows[row] >= 0 for row in (*OVERDUE, Row.NOT_DUE, Row.NO_DUE_DATE))
        assert of_one.rows[Row.CREDITS] <= 0
        assert (of_one.worst is None) == (of_one.overdue == 0)
    counted = {(x.business_id, x.currency) for x in several if x.is_debt and x.balance}
    assert {(of_one.business_id, of_one.currency) for of_one in aged} == counted
    random.shuffle(several)
    assert ageing(several, DAYS) == aged


@given(OPEN)
def test_a_day_later_nothing_is_less_overdue(open_: Open) -> None:
    assert overdue(open_, TODAY + timedelta(days=1)) >= overdue(open_, TODAY)
