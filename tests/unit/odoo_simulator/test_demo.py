"""The demo's books: customers of two companies owe something, some of it for long, and it goes on."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

from connectors.odoo import demo
from connectors.odoo.simulator import OdooSimulator
from tests.unit.odoo_simulator.conftest import Odoo


def test_customers_of_two_companies_owe_something(simulator: OdooSimulator, odoo: Odoo) -> None:
    given = demo.prepare(simulator, "noa@demo.example", "Noa")
    assert set(given) == {"every_s", "deliveries"}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    open_ones = [["move_type", "=", "out_invoice"], ["payment_state", "in", ["not_paid", "partial"]]]
    found = odoo("account.move", "search_read", domain=open_ones,
                 fields=["currency_id", "company_id", "commercial_partner_id", "invoice_date_due", "payment_state"])  # fmt: skip

    assert {one["currency_id"][1] for one in found} == {"ILS", "EUR"}
    assert len({one["company_id"][0] for one in found}) == 2
    assert {one["commercial_partner_id"][1] for one in found} >= {"Lewandowski Sp. z o.o.", "Мария Иванова"}
    assert {one["payment_state"] for one in found} == {"not_paid", "partial"}
    overdue = [one for one in found if one["invoice_date_due"] < today]
    assert 0 < len(overdue) < len(found)
    paid = odoo("account.payment", "search_read", domain=[], fields=["date", "amount"])
    assert all(one["date"] <= today and one["amount"] > 0 for one in paid)
    for model in ("sale.order", "purchase.order", "stock.picking"):
        assert odoo.count(model) > 0
    known = odoo("res.partner", "search_read", domain=[["email", "=", "dana.levi@example.com"]], fields=["parent_id"])
    assert known[0]["parent_id"][1] == "Lewandowski Sp. z o.o."


def test_it_goes_on(simulator: OdooSimulator, odoo: Odoo) -> None:
    demo.prepare(simulator, "", "")
    before = {model: odoo.count(model) for model in ("account.move", "account.payment")}
    for number in range(12):
        demo._happen(simulator, number)

    assert odoo.count("account.payment") > before["account.payment"]
    assert odoo.count("account.move", ["move_type", "=", "out_refund"]) == 2
    assert odoo.count("account.move", ["create_date", "!=", False]) > before["account.move"] + 4
    wrong = [one for one in odoo("account.move", "search_read", domain=[], fields=["amount_residual", "amount_total"])
             if not 0 <= Decimal(str(one["amount_residual"])) <= Decimal(str(one["amount_total"]))]  # fmt: skip
    assert wrong == []


def test_it_ends_when_told(simulator: OdooSimulator, odoo: Odoo) -> None:
    stop = threading.Event()
    stop.set()
    demo.run(simulator, (), (), stop)
    demo.run(simulator, (), (), stop)

    assert odoo.count("res.company") == 2, "the books are begun once"
