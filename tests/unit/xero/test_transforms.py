"""Moments, days, rates and lists as Xero writes them."""

from decimal import Decimal
from typing import Any

import pytest

from connectors.xero import transforms
from connectors.xero.lines import lines_of, number
from tests.unit.xero.desk import CREDIT, INVOICE


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("/Date(1793491200000+0000)/", "2026-11-01"),
        ("/Date(1793491200000)/", "2026-11-01"),
        ("/Date(1793491200000+1300)/", "2026-11-01"),  # an offset says how it would be shown
        ("/Date(-86400000+0000)/", "1969-12-31"),
        ("2026-11-01T00:00:00", "2026-11-01"),
        ("2026-11-01", "2026-11-01"),
    ],
)
def test_a_day_is_that_of_utc(told: str, day: str) -> None:
    assert transforms.day(told) == day


@pytest.mark.parametrize("told", ["", "soon", "/Date()/", "/Date(999999999999999)/", None, 7, "/Date(1)/x"])
def test_what_is_no_moment_is_said(told: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        transforms.moment(told)


def test_a_moment_keeps_its_parts_of_a_second() -> None:
    assert transforms.moment("/Date(1793527200123+0000)/") == "2026-11-01T10:00:00.123000+00:00"
    assert transforms.moment("2026-11-01T12:00:00+02:00") == "2026-11-01T10:00:00+00:00"


@pytest.mark.parametrize(
    ("told", "rate"),
    [("1.25", "0.8"), (1, "1"), ("0.0001", "10000"), ("3", "0.333333333333"), ("0", ""), ("-1", ""), (None, ""), ("x", ""),
     ("NaN", ""), ("Infinity", "")],
)  # fmt: skip
def test_a_rate_is_turned_round(told: Any, rate: str) -> None:
    assert transforms.rate(told) == rate


def test_what_was_settled() -> None:
    told = {"id": "p", "date": "/Date(1793491200000)/", "amount": "30.10", "invoice": INVOICE}
    assert transforms.settled(told) == [
        {"id": "p", "document": f"invoices:{INVOICE}", "amount": Decimal("30.10"), "date": "2026-11-01"}
    ]
    assert transforms.settled({"amount": 3, "credit": CREDIT})[0]["document"] == f"credit_notes:{CREDIT}"
    assert transforms.settled({"amount": 3}) == []
    with pytest.raises(ValueError, match="amount"):
        transforms.settled({"invoice": INVOICE, "amount": True})
    with pytest.raises(ValueError, match="amount"):
        transforms.allocations([{"Invoice": {"InvoiceID": INVOICE}, "Amount": "much"}])
    assert transforms.allocations("odd") == transforms.allocations([{"Invoice": None}, "odd"]) == []


def test_numbers_of_a_contact() -> None:
    told = [
        {"PhoneType": "DEFAULT", "PhoneAreaCode": "09", "PhoneNumber": "1234567"},
        {"PhoneType": "MOBILE", "PhoneCountryCode": "+64", "PhoneAreaCode": "", "PhoneNumber": "021 555"},
        {"PhoneType": "DDI", "PhoneCountryCode": "64", "PhoneNumber": "+64 9 111"},
        {"PhoneType": "FAX", "PhoneNumber": "1"},
        {"PhoneType": "DEFAULT", "PhoneNumber": ""},
        "odd",
    ]
    assert [one["value"] for one in transforms.phones(told)] == ["09 1234567", "+64 21 555", "+64 9 111"]
    assert transforms.phones(None) == []


def test_addresses_of_a_contact() -> None:
    told = [{"AddressType": "POBOX", "AddressLine1": "PO Box 1", "City": "Wellington"}, {"AddressType": "STREET"}]
    assert transforms.addresses(told) == [{"value": "PO Box 1, Wellington", "label": "postal"}]


@pytest.mark.parametrize(
    ("told", "zone"),
    [("NEWZEALANDSTANDARDTIME", "Pacific/Auckland"), ("GMTSTANDARDTIME", "Europe/London"), ("MOON", "")],
)
def test_zones(told: str, zone: str) -> None:
    assert transforms.zone(told) == zone


def test_lines_are_without_tax() -> None:
    told = {
        "Description": "Work",
        "Quantity": "1.5000",
        "UnitAmount": "120",
        "LineAmount": "180.00",
        "TaxAmount": "30.00",
    }
    [line] = lines_of({"LineItems": [told], "LineAmountTypes": "Inclusive"})
    assert (line.text, line.quantity, line.net) == ("Work", Decimal("1.5"), Decimal(150))
    [line] = lines_of({"LineItems": [told, None], "LineAmountTypes": "Exclusive"})
    assert line.net == Decimal(180)
    assert lines_of({}) == []


@pytest.mark.parametrize(
    ("told", "read"), [("1.10", Decimal("1.10")), (2, Decimal(2)), (True, None), ("x", None), (None, None)]
)
def test_a_number_or_none(told: Any, read: Decimal | None) -> None:
    assert number(told) == read
