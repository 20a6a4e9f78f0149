"""What an administrator may enter."""

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.odoo.kinds import wanted
from tests.unit.odoo.fake import settings


@pytest.mark.parametrize(
    "values",
    [
        {"base_url": "http://erp.example.com"}, {"base_url": "ftp://erp.example.com"}, {"base_url": "https://erp.example.com?x=1"},
        {"companies_off": "North"}, {"protocol": "soap"}, {"protocol": "xmlrpc"}, {"protocol": "jsonrpc", "username": "x", "database": ""},
        {"overlap_min": 0}, {"page_size": 0}, {"link_base": "javascript:x"}, {"database": "a\r\nb"},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**values)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8069", "http://10.0.0.5", "http://odoo:8069", "http://erp.lan", "https://x.odoo.com"]
)
def test_a_server_in_the_house_needs_no_tls(url: str) -> None:
    assert settings(base_url=f"{url}/").base == url


def test_links_may_lead_to_another_address() -> None:
    assert settings().links == "https://erp.example.com"
    assert settings(link_base="https://people.example.com/").links == "https://people.example.com"


def test_what_is_switched_off_is_not_read() -> None:
    assert [one.records for one in wanted(settings())] == [
        "companies", "contacts", "orders", "purchases", "invoices", "payments", "allocations",
    ]  # fmt: skip
    few = settings(contacts=False, quotes=False, orders=False, purchases=False, deliveries=True)
    assert [one.records for one in wanted(few)] == ["companies", "deliveries", "invoices", "payments", "allocations"]


@pytest.mark.parametrize(
    ("values", "word", "refused"),
    [({"quotes": False}, "sent", "quote"), ({"orders": False}, "sale", "order"), ({}, "sale", "")],
)
def test_quotes_and_orders_are_wanted_each_by_itself(values: dict[str, Any], word: str, refused: str) -> None:
    [orders] = [one for one in wanted(settings(**values)) if one.records == "orders"]
    assert orders.refused(settings(**values), {"id": 1, "state": word}) == refused
    assert (["state", "not in", ["draft", "sent"]] in orders.domain(settings(**values))) is (refused == "quote")
