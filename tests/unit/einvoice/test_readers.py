"""Every format becomes the same payload, with each text as it stands in the file."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.connector.einvoice.dispatch import read
from hub.errors import ShapeError
from tests.unit.einvoice.files import fixture, payload, replaced

EXPECTED: dict[str, dict[str, Any]] = {
    "ubl-invoice.xml": {
        "format": "UBL Invoice", "type": "380", "class": "invoice", "number": "2026 / 0017", "issue_date": "2026-03-02",
        "due_date": "2026-04-01", "service_date": "2026-02-28", "currency": "EUR", "net": "100.00", "tax": "23.00", "gross": "123.00",
        "payable": "100.00", "prepaid": "23.10", "rounding": "0.10", "signed": False, "terms_text": "30 days", "lines_count": 2,
        "first_lines": ["Care of a garden", "Pot returned"], "paid_at_issue": False,
        "warnings": ["To be paid are 100.00 of 123.00; 23.10 were paid before."],
    },
    "ubl-credit-note.xml": {
        "format": "UBL CreditNote", "type": "381", "class": "credit", "number": "2026 / 0017", "issue_date": "2026-03-02",
        "due_date": "2026-03-20", "currency": "EUR", "tax": "2.30", "gross": "12.30", "signed": False, "warnings": [],
    },
    "cii.xml": {
        "format": "CII", "type": "380", "number": "RE-2026/3", "issue_date": "2026-03-02", "due_date": "2026-04-01",
        "service_date": "2026-02-28", "currency": "EUR", "tax": "19.00", "gross": "119.00", "terms_text": "In two parts",
        "instalments": [{"due_date": "2026-05-01", "amount": "69.00"}, {"due_date": "2026-04-01", "amount": "50.00"}], "warnings": [],
    },
    "fa3-vat.xml": {
        "format": "FA (3)", "type": "VAT", "class": "invoice", "number": "FV 7/03/2026", "due_date": "2026-04-02",
        "service_date": "2026-02-28", "net": "1100.00", "tax": "238.00", "gross": "1338.00", "terms_text": "14 dni od odbioru",
        "due_dates": ["2026-04-02", "2026-05-02"], "instalments": [], "paid_at_issue": False, "lines_count": 2,
        "warnings": [
            "338.00 were paid on 2026-03-02, as the invoice itself says.",
            "Due in parts, without saying how much on which day: 2026-04-02, 2026-05-02.",
        ],
    },
    "fa3-kor.xml": {"type": "KOR", "class": "correction", "gross": "-246.00", "tax": "-46.00", "signed": True, "due_date": None},
    "fa3-zal.xml": {
        "type": "ZAL", "class": "advance", "currency": "EUR", "tax": "23.00", "gross": "123.00", "base_currency": "PLN",
        "fx_rate": "4.266500", "paid_at_issue": True, "state": "paid", "first_lines": ["Ogród na dachu"],
    },
    "fa3-roz.xml": {"type": "ROZ", "class": "advance", "gross": "1107.00", "net": "900.00"},
    "fa3-upr.xml": {"type": "UPR", "class": "invoice", "number": "1", "net": None, "tax": None, "gross": "123.00"},
}  # fmt: skip
PARTIES = {
    "ubl-invoice.xml": (
        "PL 123-456-32-18",
        "PL",
        "office@garden.example",
        "DE136695976",
        "dana@customer.example",
        "+972 50 234 5678",
    ),
    "ubl-credit-note.xml": ("PL1234563218", "PL", "", "", "", ""),
    "cii.xml": ("DE136695976", "DE", "rechnung@garden.example", "PL1234563218", "", ""),
    "fa3-vat.xml": ("1234563218", "PL", "biuro@garden.example", "1111111111", "dana@customer.example", "+48601234569"),
    "fa3-zal.xml": ("1234563218", "PL", "biuro@garden.example", "DE136695976", "", ""),
    "fa3-roz.xml": ("1234563218", "PL", "biuro@garden.example", "514000001", "", ""),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_document_becomes_its_payload(name: str) -> None:
    found = payload(name)

    assert {key: found[key] for key in EXPECTED[name]} == EXPECTED[name]


@pytest.mark.parametrize("name", PARTIES)
def test_seller_and_buyer_stand_beside_each_other(name: str) -> None:
    found = payload(name)
    seller, buyer = found["seller"], found["buyer"]

    told = (seller["tax_id"], seller["country"], seller["email"], buyer["tax_id"], buyer["email"], buyer["phone"])
    assert told == PARTIES[name]


def test_a_foreign_buyer_is_of_the_country_that_gave_the_number() -> None:
    assert payload("fa3-zal.xml")["buyer"]["country"] == "DE"
    assert payload("fa3-roz.xml")["buyer"]["country"] == "IL"


def test_other_documents_are_named_with_what_is_known_of_them() -> None:
    [corrected] = payload("fa3-kor.xml")["references"]
    assert (corrected["kind"], corrected["number"]) == ("invoice", "FV 7/03/2026")
    assert corrected["ksef_no"] == "1234563218-20260302-0A1B2C3D4E5F-7A"
    assert corrected["document"] == payload("fa3-vat.xml")["id"], "the very invoice that it corrects"

    kinds = [(one["kind"], one["number"]) for one in payload("ubl-invoice.xml")["references"]]
    assert kinds == [("invoice", "2026 / 0009"), ("order", "PO 44"), ("delivery_note", "WZ 8"), ("contract", "U-12")]
    advances = [one["number"] for one in payload("fa3-roz.xml")["references"]]
    assert advances == ["1234563218-20260303-0A1B2C3D4E5F-7A", "ZAL 0/2026"]


# --- what a document is known by ------------------------------------------------------------------------------------------


def test_the_same_document_has_one_name_and_a_credit_another() -> None:
    invoice = payload("ubl-invoice.xml")
    corrected = read(replaced("ubl-invoice.xml", ("123.00", "124.00"), ("Care of", "More care of")))
    assert corrected["id"] == invoice["id"]
    assert corrected["sha256"] != invoice["sha256"]

    credit = payload("ubl-credit-note.xml")
    assert (credit["number"], credit["issue_date"]) == (invoice["number"], invoice["issue_date"])
    assert credit["id"] != invoice["id"]


@pytest.mark.parametrize(
    ("old", "new"), [("2026 / 0017", "2026 / 0018"), ("2026-03-02", "2026-03-03"), ("123-456-32-18", "123-456-32-19")]
)
def test_another_number_day_or_issuer_is_another_document(old: str, new: str) -> None:
    assert read(replaced("ubl-invoice.xml", (old, new)))["id"] != payload("ubl-invoice.xml")["id"]


def test_a_tax_id_is_the_same_with_and_without_its_country_and_signs() -> None:
    plain = read(replaced("ubl-invoice.xml", (" PL 123-456-32-18 ", "1234563218")))
    assert plain["id"] == payload("ubl-invoice.xml")["id"]


def test_without_a_tax_id_the_name_says_who_issued_it() -> None:
    one = read(replaced("ubl-credit-note.xml", ("PL1234563218", "exempt")))
    other = read(replaced("ubl-credit-note.xml", ("PL1234563218", "exempt"), ("Green Garden", "Blue Garden")))
    assert one["seller"]["tax_id"] == "", "an id has a digit"
    assert one["id"] != other["id"]


# --- signs, totals, days ----------------------------------------------------------------------------------------------------


def test_an_invoice_below_zero_carries_its_sign() -> None:
    found = read(
        replaced("ubl-credit-note.xml", (">12.30<", ">-12.30<"), (">2.30<", ">-2.30<"), (">10.00<", ">-10.00<"))
    )
    assert found["signed"] is True
    assert any("below zero" in one for one in found["warnings"])

    negative = read(replaced("ubl-invoice.xml", (">123.00<", ">-123.00<")))
    assert (negative["gross"], negative["signed"]) == ("-123.00", True)


def test_a_corrected_invoice_may_raise_what_is_owed() -> None:
    found = read(replaced("ubl-invoice.xml", ("TypeCode>380", "TypeCode>384")))
    assert (found["class"], found["signed"], found["gross"]) == ("correction", True, "123.00")


def test_an_unknown_type_is_said_to_be_unknown() -> None:
    assert read(replaced("ubl-invoice.xml", ("TypeCode>380", "TypeCode>999")))["class"] == ""


def test_the_tax_is_that_in_the_documents_currency_or_none() -> None:
    one = read(replaced("ubl-invoice.xml", ('TaxAmount currencyID="EUR"', 'TaxAmount currencyID="USD"')))
    assert one["tax"] is None


def test_what_was_paid_before_the_issue_is_all_of_it_or_not() -> None:
    whole = read(
        replaced(
            "ubl-invoice.xml",
            (">23.10<", ">123.10<"),
            ('PayableAmount currencyID="EUR">100.00', 'PayableAmount currencyID="EUR">0'),
        )
    )
    assert (whole["paid_at_issue"], whole["state"]) == (True, "paid")
    assert payload("ubl-invoice.xml")["paid_at_issue"] is False


def test_a_total_that_is_missing_follows_from_the_others_or_there_is_none() -> None:
    tag = '<cbc:TaxInclusiveAmount currencyID="EUR">123.00</cbc:TaxInclusiveAmount>'
    assert read(replaced("ubl-invoice.xml", (tag, "")))["gross"] == "123.00"
    net = '<cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>'
    assert read(replaced("ubl-invoice.xml", (tag, ""), (net, "")))["gross"] == "123.00", (
        "what is payable, before what was paid"
    )
    payable = '<cbc:PayableAmount currencyID="EUR">100.00</cbc:PayableAmount>'
    with pytest.raises(ShapeError, match="no total"):
        read(replaced("ubl-invoice.xml", (tag, ""), (net, ""), (payable, "")))


def test_a_day_may_have_a_zone_and_a_far_due_date_is_said() -> None:
    assert read(replaced("ubl-invoice.xml", ("2026-04-01", "2026-04-01+02:00")))["due_date"] == "2026-04-01"
    far = read(replaced("ubl-invoice.xml", ("2026-04-01", "9999-12-31")))
    assert far["due_date"] is None
    assert "The due date 9999-12-31 is not taken for one." in far["warnings"]


def test_what_the_schema_says_against_it_is_a_warning() -> None:
    found = read(replaced("ubl-invoice.xml", ("<cbc:DueDate>", "<cbc:Surprise/><cbc:DueDate>")))
    assert found["due_date"] == "2026-04-01"
    assert any(one.startswith("Not as its schema says:") for one in found["warnings"])


REFUSED: list[tuple[Callable[[], bytes], str]] = [
    (lambda: replaced("ubl-invoice.xml", (">123.00<", ">1e5<")), "the total '1e5' is no amount"),
    (lambda: replaced("ubl-invoice.xml", (">123.00<", ">NaN<")), "the total 'NaN' is no amount"),
    (lambda: replaced("ubl-invoice.xml", (">123.00<", ">1,234.50<")), "is no amount"),
    (lambda: replaced("ubl-invoice.xml", (">123.00<", ">" + "9" * 50 + "<")), "is no amount"),
    (lambda: replaced("cii.xml", (">119.00<", ">INF<")), "the total 'INF' is no amount"),
    (lambda: replaced("fa3-vat.xml", (">1338.00<", ">1338,00<")), "the total '1338,00' is no amount"),
    (lambda: replaced("fa3-vat.xml", (">230.00<", ">x<")), "the tax 'x' is no amount"),
    (lambda: replaced("ubl-invoice.xml", ("2026-03-02", "0001-01-01")), "the issue date 0001-01-01 cannot be right"),
    (lambda: replaced("fa3-vat.xml", ("<P_1>2026-03-02", "<P_1>9999-12-31")), "the issue date 9999-12-31 cannot be right"),
    (lambda: replaced("ubl-invoice.xml", ("2026-03-02", "2026-02-30")), "the issue date '2026-02-30' is no date"),
    (lambda: replaced("ubl-invoice.xml", ("2026-03-02", "20260302")), "is no date"),
    (lambda: replaced("cii.xml", (">20260302<", ">20261302<")), "the issue date '20261302' is no date"),
    (lambda: replaced("cii.xml", ('"102">20260302', '"610">202603')), "is no date"),
    (lambda: replaced("ubl-invoice.xml", ("<cbc:ID>2026 / 0017</cbc:ID>", "")), "the document has no number"),
    (lambda: replaced("ubl-invoice.xml", ("2026 / 0017", "7" * 300)), "300 characters"),
    (lambda: replaced("ubl-invoice.xml", ("CurrencyCode>EUR", "CurrencyCode>euro")), "the currency 'euro' is none"),
    (lambda: replaced("ubl-invoice.xml", ("<cbc:IssueDate>2026-03-02</cbc:IssueDate>", "")), "no issue date"),
    (lambda: replaced("fa3-vat.xml", ("<Fa>", "<Fb>"), ("</Fa>", "</Fb>")), "the document has no part Fa"),
    (lambda: replaced("fa3-vat.xml", ("2025/06/25/13775", "2026/03/06/14189")), "FA_RR"),
    (lambda: replaced("fa3-vat.xml", ("2025/06/25/13775", "2099/01/01/1")), "no invoice that is known: its root is {http://crd.gov.pl"),
    (lambda: b"<Invoice/>", "no invoice that is known: its root is Invoice"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "why"), REFUSED)
def test_what_cannot_be_exact_is_refused_with_its_reason(made: Callable[[], bytes], why: str) -> None:
    with pytest.raises(ShapeError) as refused:
        read(made())
    assert why in str(refused.value)


def test_letter_case_and_prefixes_of_elements_do_not_decide_namespaces_do() -> None:
    found = read(replaced("fa3-vat.xml", ("<Faktura xmlns=", "<Faktura  xmlns=")))
    assert found["format"] == "FA (3)"
    older = read(replaced("fa3-vat.xml", ("2025/06/25/13775", "2023/06/29/12648"), ("FA (3)", "FA (2)")))
    assert (older["format"], older["gross"]) == ("FA (2)", "1338.00")


def test_the_same_bytes_are_read_the_same() -> None:
    assert read(fixture("cii.xml")) == read(fixture("cii.xml"))
