"""What Odoo says of a customer as a debtor, in each of its versions: a field that one of them does not have breaks nothing."""

from decimal import Decimal
from typing import Any

import pytest

from connectors.odoo.documents import stream
from connectors.odoo.masters import CONTACTS
from hub.accounting.panel import TOLD
from hub.connector.stream import Upsert
from hub.identity.said import said
from hub.mapping.apply import apply
from hub.mapping.transforms import Context
from tests.e2e.odoo_desk import mapping
from tests.unit.odoo.fake import Fake, client

MODEL = "res.partner"
PARTNER = {
    "id": 7, "name": "Cedar Ltd", "is_company": True, "email": "office@cedar.example", "phone": "03-1234567", "category_id": [],
    "company_id": False, "write_date": "2026-11-23 06:59:59",
}  # fmt: skip
SHEKEL = [1, "ILS"]
FREE = {"invoice_warn": "no-message", "invoice_warn_msg": False, "sale_warn": "no-message", "sale_warn_msg": False}
UNLIMITED = {
    "show_credit_limit": False,
    "credit_limit": "0.0",
    "currency_id": SHEKEL,
    "property_payment_term_id": False,
}


def more_of(row: dict[str, Any]) -> dict[str, Any]:
    """Read a customer of an Odoo that has these fields and no others; it refuses to be asked for others, as Odoo does."""

    def read(parameters: Any) -> list[dict[str, Any]]:
        assert {*parameters["fields"]} <= row.keys()
        return [row]

    fields = {name: {"type": "char"} for name in row}
    fake = Fake(says={(MODEL, "fields_get"): lambda _: fields, (MODEL, "search_read"): read})
    [change] = stream(client(fake), CONTACTS).find(["7"])
    assert isinstance(change, Upsert)
    party = said(apply(mapping("contacts"), change.payload, Context(region="IL", time_zone="Asia/Jerusalem")))
    assert (party.name, party.emails[0].value) == ("Cedar Ltd", "office@cedar.example")
    assert party.more.keys() <= {*TOLD}
    return dict(party.more)


@pytest.mark.parametrize(
    ("row", "more"),
    [
        ({}, {}),  # without the app of invoices, or with a key that may not see them
        ({**UNLIMITED, "sale_warn_msg": "Be kind"}, {}),  # 19: a message blocks nobody
        ({**UNLIMITED, **FREE, "mobile": "050-2345678"}, {}),  # 17 and 18
        ({**UNLIMITED, "property_payment_term_id": [3, "30 Days"]}, {"payment_terms": "30 Days"}),
        ({**UNLIMITED, "credit_limit": "5000.5"}, {}),  # the company wants no limits
        ({**UNLIMITED, "show_credit_limit": True}, {}),
        ({**UNLIMITED, "show_credit_limit": True, "credit_limit": "-1.0"}, {}),
        ({"show_credit_limit": True}, {}),
        (
            {**UNLIMITED, "show_credit_limit": True, "credit_limit": "5000.5"},
            {"credit_limit": "5000.5", "credit_currency": "ILS"},
        ),
        ({**FREE, "invoice_warn": "warning", "invoice_warn_msg": "Be kind"}, {}),
        (
            {**FREE, "invoice_warn": "block", "invoice_warn_msg": "Cheque bounced"},
            {"blocked": True, "blocked_reason": "Cheque bounced"},
        ),
        ({**FREE, "invoice_warn": "block"}, {"blocked": True}),
        (
            {**FREE, "invoice_warn": "block", "invoice_warn_msg": "A", "sale_warn": "block", "sale_warn_msg": "B"},
            {"blocked": True, "blocked_reason": "A; B"},
        ),
        (
            {"invoice_warn": "block", "invoice_warn_msg": "A"},
            {"blocked": True, "blocked_reason": "A"},
        ),  # no app of sales
        ({"sale_warn": "block", "sale_warn_msg": "B"}, {"blocked": True, "blocked_reason": "B"}),
    ],
)
def test_what_a_version_says_of_a_debtor_is_said_and_nothing_else(row: dict[str, Any], more: dict[str, Any]) -> None:
    assert more_of({**PARTNER, **row}) == more


def test_a_limit_stays_the_digits_that_were_sent() -> None:
    limited = {**PARTNER, **UNLIMITED, "show_credit_limit": True, "credit_limit": "12345678901234.57"}
    assert Decimal(more_of(limited)["credit_limit"]) == Decimal("12345678901234.57")
