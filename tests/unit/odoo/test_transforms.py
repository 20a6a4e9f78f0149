"""What paths cannot say: nothing written as false, moments in UTC, signs and rates."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.odoo import transforms


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(False, None), ("x", "x"), ([7, "EUR"], "EUR"), ([], []), (0, 0), (True, True), (["a", "b"], ["a", "b"])],
)
def test_false_is_nothing_and_a_record_is_its_name(given: Any, wanted: Any) -> None:
    assert transforms.value(given) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"), [([7, "x"], "7"), (7, "7"), (False, None), ([], None), ("7", None), (True, None)]
)
def test_a_record_is_its_id(given: Any, wanted: Any) -> None:
    assert transforms.identifier(given) == wanted


def test_a_moment_is_in_utc() -> None:
    assert transforms.moment("2026-11-23 06:59:59") == datetime(2026, 11, 23, 6, 59, 59, tzinfo=UTC)
    assert transforms.moment(False) is None
    for wrong in (7, "yesterday"):
        with pytest.raises((TypeError, ValueError)):
            transforms.moment(wrong)


@pytest.mark.parametrize(
    ("kind", "amount", "wanted"),
    [
        ("out_invoice", "100.50", "100.50"), ("out_invoice", "-5.0", "-5.0"), ("out_refund", "-7.00", "7.00"), ("in_invoice", "-8.0", "8.0"),
        ("in_refund", "9.0", "9.0"), ("in_receipt", "-3.0", "3.0"), ("out_receipt", "2.0", "2.0"), ("in_invoice", False, None),
    ],
)  # fmt: skip
def test_amounts_of_the_books_are_turned_as_the_document_has_them(kind: str, amount: Any, wanted: str | None) -> None:
    assert transforms.as_document({"type": kind, "total": amount}, amount="total") == wanted


def test_a_float_is_no_amount() -> None:
    for wrong in (1.5, True, "abc", "NaN", "Infinity"):
        with pytest.raises((TypeError, ValueError)):
            transforms.unsigned(wrong)


@pytest.mark.parametrize(
    ("given", "wanted"), [("1.0", "1"), ("0.25", "4"), ("40.0", "0.025"), ("0.0", None), (False, None), ("-1", None)]
)
def test_a_rate_is_turned_round(given: Any, wanted: str | None) -> None:
    assert transforms.rate(given) == wanted


def test_a_document_that_is_due_at_once_has_no_instalments() -> None:
    of = {"type": "in_invoice", "date_maturity": "2026-10-01"}
    line = {**of, "amount_currency": "-30.0", "amount_residual_currency": "-10.0"}
    assert transforms.instalments([line]) == []
    first, _ = transforms.instalments([line, {**line, "amount_currency": "-70.0"}])
    assert first == {"due_date": "2026-10-01", "amount": Decimal("30.0"), "balance": Decimal("10.0")}
    for odd in (None, [], {"lines": "x"}, [1, 2]):
        assert transforms.instalments(odd) == []


@pytest.mark.parametrize(
    ("given", "wanted"), [(["-40.0"], "40.0"), (["-40.0", "-2.5"], "42.5"), ([], None), (["0.0"], "0.0"), (None, None)]
)
def test_what_is_open_of_a_payment_is_the_sum_of_its_lines(given: Any, wanted: str | None) -> None:
    assert transforms.unapplied(given) == wanted


def test_a_note_is_its_text() -> None:
    assert transforms.plain("<p>Call <b>first</b></p><p>Łódź &amp; bye</p><script>") == "Call first\nŁódź & bye"
    assert transforms.plain("<p><br></p>") is None
    assert transforms.plain(False) is None


def test_an_address_is_written_in_lines() -> None:
    parts = {
        "street": "ul. Długa 5",
        "street2": False,
        "zip": "90-001",
        "city": "Łódź",
        "state": False,
        "country": [1, "Poland"],
    }
    assert transforms.address(parts) == [{"value": "ul. Długa 5\n90-001 Łódź\nPoland", "label": "work"}]
    assert transforms.address({"country": [1, "Poland"], "street": False, "zip": False, "city": False}) == []


def test_several_addresses_in_one_field_are_several() -> None:
    assert [one["value"] for one in transforms.email("a@example.com; b@example.com")] == [
        "a@example.com",
        "b@example.com",
    ]
    assert transforms.email(False) == []
    assert transforms.phones({"work": "+972 50 234 5678", "mobile": False}) == [
        {"value": "+972 50 234 5678", "label": "work"}
    ]
