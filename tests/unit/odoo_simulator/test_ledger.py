"""The ledger adds up, whatever is done to it, and says when it was written as Odoo says it."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.odoo.simulated.errors import OdooError
from connectors.odoo.simulated.money import Item
from connectors.odoo.simulator import OdooSimulator
from tests.unit.odoo_simulator.conftest import Odoo

DAY = date(2026, 9, 1)


@pytest.fixture
def customer(simulator: OdooSimulator) -> int:
    simulator.set_rate("EUR", "0.25")
    simulator.set_rate("JPY", "40")
    simulator.set_rate("KWD", "0.08")
    return simulator.add_partner("לקוח Łódź", is_company=True)


def paid(odoo: Odoo, move: int) -> tuple[str, float, str]:
    found = odoo.one("account.move", move, "state", "amount_residual", "payment_state")
    return found["state"], found["amount_residual"], found["payment_state"]


def agrees(odoo: Odoo) -> bool:
    """What is open on documents is what is open on their lines, and what partners owe."""
    by = {"groupby": ["commercial_partner_id"]}
    documents = odoo("account.move", "formatted_read_group", aggregates=["amount_residual_signed:sum"],
                     domain=[["move_type", "!=", "entry"], ["state", "=", "posted"]], **by)  # fmt: skip
    sums = {one["commercial_partner_id"][0]: one["amount_residual_signed:sum"] for one in documents}
    on_account = odoo("account.move.line", "search_read", fields=["partner_id", "amount_residual"],
                      domain=[["payment_id", "!=", False], ["account_type", "in", ["asset_receivable", "liability_payable"]]])  # fmt: skip
    for one in on_account:
        sums[one["partner_id"][0]] = sums.get(one["partner_id"][0], 0) + one["amount_residual"]
    owed = {
        one["id"]: one["credit"] - one["debit"]
        for one in odoo("res.partner", "search_read", fields=["credit", "debit"])
    }
    return all(abs(owed[partner] - total) < 0.005 for partner, total in sums.items())


def test_a_draft_has_no_number_and_gets_one(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    draft = simulator.invoice(customer, "10", post=False, day=DAY)
    assert odoo.one("account.move", draft, "name", "state") == {"id": draft, "name": False, "state": "draft"}

    simulator.post(draft)
    assert odoo.one("account.move", draft, "name")["name"] == "INV/2026/00001"
    with pytest.raises(OdooError, match="must be in draft"):
        simulator.post(draft)


def test_payments_move_the_invoice_and_can_be_taken_back(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    invoice = simulator.invoice(customer, "100")
    before = odoo.one("account.move", invoice, "write_date")["write_date"]
    simulator.clock.advance(seconds=2)
    part = simulator.pay(invoice, "40")
    assert paid(odoo, invoice) == ("posted", 60.0, "partial")
    assert odoo.one("account.move", invoice, "write_date")["write_date"] > before

    rest = simulator.pay(invoice)
    assert paid(odoo, invoice) == ("posted", 0.0, "paid")
    assert odoo.one("account.payment", rest, "amount", "state") == {"id": rest, "amount": 60.0, "state": "in_process"}
    assert odoo.count("account.partial.reconcile") == 2

    simulator.cancel_payment(part)
    assert paid(odoo, invoice) == ("posted", 40.0, "partial")
    assert odoo.count("account.partial.reconcile") == 1, "what was settled is gone without a word"
    assert odoo.one("account.payment", part, "state", "move_id") == {"id": part, "state": "canceled", "move_id": False}
    assert agrees(odoo)


def test_a_payment_waits_for_the_bank_where_there_is_one(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    simulator.world.knows_bank = True
    invoice = simulator.invoice(customer, "100")
    payment = simulator.pay(invoice)
    assert paid(odoo, invoice)[2] == "in_payment"

    simulator.match(payment)
    assert paid(odoo, invoice)[2] == "paid"
    assert odoo.one("account.payment", payment, "state", "is_matched") == {
        "id": payment,
        "state": "paid",
        "is_matched": True,
    }


def test_a_credit_note_settles_what_it_reverses(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    invoice = simulator.invoice(customer, [Item("Chair", Decimal("12.5"), Decimal(4), tax=Decimal(18))])
    note = simulator.credit(invoice, reason="returned")

    assert paid(odoo, invoice) == paid(odoo, note) == ("posted", 0.0, "reversed")
    found = odoo.one("account.move", note, "move_type", "amount_total", "amount_total_signed", "reversed_entry_id")
    assert (found["move_type"], found["amount_total"], found["amount_total_signed"]) == ("out_refund", 59.0, -59.0)
    assert found["reversed_entry_id"][0] == invoice
    assert agrees(odoo)


def test_a_credit_note_larger_than_the_rest_stays_open(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    invoice = simulator.invoice(customer, "100")
    simulator.pay(invoice, "70")
    note = simulator.credit(invoice, "50", post=False)
    assert paid(odoo, invoice) == ("posted", 30.0, "partial"), "a draft settles nothing"

    simulator.post(note)
    assert paid(odoo, invoice) == ("posted", 0.0, "paid")
    assert paid(odoo, note) == ("posted", 20.0, "partial")
    assert odoo.one("res.partner", customer, "credit")["credit"] == -20.0
    assert agrees(odoo)


def test_money_on_account_is_used_later(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    payment = simulator.receive(customer, "80")
    assert odoo.one("res.partner", customer, "credit")["credit"] == -80.0
    assert not odoo.one("account.payment", payment, "is_reconciled")["is_reconciled"]

    invoice = simulator.invoice(customer, "100")
    simulator.use(payment, invoice)
    assert paid(odoo, invoice) == ("posted", 20.0, "partial")
    found = odoo.one("account.payment", payment, "is_reconciled", "reconciled_invoice_ids")
    assert (found["is_reconciled"], found["reconciled_invoice_ids"]) == (True, [invoice])
    assert agrees(odoo)


def test_reset_cancelled_and_deleted(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    invoice = simulator.invoice(customer, "100")
    simulator.pay(invoice, "40")
    with pytest.raises(OdooError, match="can't delete a posted"):
        simulator.unlink(invoice)
    simulator.draft(invoice)
    assert paid(odoo, invoice) == ("draft", 100.0, "not_paid")

    simulator.cancel(invoice)
    assert paid(odoo, invoice) == ("cancel", 100.0, "not_paid"), "a cancelled one shows its whole amount as due"
    assert odoo.count("account.move", ["id", "=", invoice]) == 1

    simulator.unlink(invoice)
    assert odoo.count("account.move", ["id", "=", invoice]) == 0
    assert odoo.count("account.move.line", ["move_id", "=", invoice]) == 0
    assert odoo("account.move", "read", ids=[invoice], fields=["name"]) == []
    assert agrees(odoo)


@pytest.mark.parametrize(
    ("currency", "amount", "booked"),
    [("ILS", "100.10", 100.1), ("EUR", "25.05", 100.2), ("JPY", "1000", 25.0), ("KWD", "1.234", 15.43)],
)
def test_every_currency_has_its_digits(
    simulator: OdooSimulator, odoo: Odoo, customer: int, currency: str, amount: str, booked: float
) -> None:
    invoice = simulator.invoice(customer, amount, currency=currency)
    found = odoo.one("account.move", invoice, "amount_total", "amount_total_signed", "currency_id")

    assert (found["amount_total"], found["amount_total_signed"]) == (float(amount), booked)
    assert found["currency_id"][1] == currency
    simulator.pay(invoice, Decimal(amount) / 2 if currency != "JPY" else "500")
    simulator.pay(invoice)
    assert paid(odoo, invoice) == ("posted", 0.0, "paid")
    assert agrees(odoo)


@pytest.mark.parametrize(
    ("kind", "sign"),
    [
        ("out_invoice", 1),
        ("out_refund", -1),
        ("out_receipt", 1),
        ("in_invoice", -1),
        ("in_refund", 1),
        ("in_receipt", -1),
    ],
)
def test_signs_are_those_of_the_debt(simulator: OdooSimulator, odoo: Odoo, customer: int, kind: str, sign: int) -> None:
    move = simulator.invoice(customer, "50", kind=kind)
    found = odoo.one("account.move", move, "amount_total", "amount_total_signed", "amount_residual_signed")
    assert (found["amount_total"], found["amount_total_signed"], found["amount_residual_signed"]) == (
        50,
        50 * sign,
        50 * sign,
    )

    payment = simulator.pay(move, "20")
    told = odoo.one("account.payment", payment, "payment_type", "partner_type", "amount", "amount_signed")
    assert told["payment_type"] == ("inbound" if sign > 0 else "outbound")
    assert (told["amount"], told["amount_signed"]) == (20.0, 20.0 * sign)
    assert told["partner_type"] == ("customer" if kind.startswith("out") else "supplier")
    assert paid(odoo, move) == ("posted", 30.0, "partial")
    assert agrees(odoo)


def test_instalments_are_paid_one_after_the_other(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    term = simulator.add_term("thirds", ("33.33", 0), ("33.33", 30), ("33.34", 60))
    invoice = simulator.invoice(customer, "100", term=term, day=DAY)
    simulator.pay(invoice, "50")
    found = odoo("account.move.line", "search_read", order="date_maturity", fields=["date_maturity", "amount_residual"],
                 domain=[["move_id", "=", invoice], ["display_type", "=", "payment_term"]])  # fmt: skip

    assert [(one["date_maturity"], one["amount_residual"]) for one in found] == [
        ("2026-09-01", 0.0), ("2026-10-01", 16.66), ("2026-10-31", 33.34),
    ]  # fmt: skip
    assert odoo.one("account.move", invoice, "invoice_date_due")["invoice_date_due"] == "2026-10-31"


def test_orders_purchases_and_transfers(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    order = simulator.quote(customer, "200", client_order_ref="A-1")
    simulator.send(order)
    assert odoo.one("sale.order", order, "state")["state"] == "sent"
    simulator.confirm(order)
    invoice = simulator.invoice_order(order)
    found = odoo.one("sale.order", order, "state", "invoice_status", "invoice_ids", "name")
    assert (found["state"], found["invoice_status"], found["invoice_ids"]) == ("sale", "invoiced", [invoice])
    assert odoo.one("account.move", invoice, "invoice_origin")["invoice_origin"] == found["name"]

    picking = simulator.deliver(customer, ["Chair"], sale_id=order, origin=found["name"])
    told = odoo.one("stock.picking", picking, "state", "picking_type_code", "sale_id", "date_done")
    assert (told["state"], told["picking_type_code"], told["sale_id"]) == ("done", "outgoing", [order, found["name"]])
    assert told["date_done"]

    bought = simulator.purchase(customer, "70")
    simulator.confirm_purchase(bought)
    assert odoo.one("purchase.order", bought, "state")["state"] == "purchase"


# --- transactions ---------------------------------------------------------------------------------------------------------


def test_a_late_commit_lies_behind_a_faster_one(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    invoice = simulator.invoice(customer, "100")
    simulator.clock.advance(minutes=1)
    late = simulator.begin()
    late.pay(invoice, "40")
    hidden = late.invoice(customer, "7")
    assert paid(odoo, invoice) == ("posted", 100.0, "not_paid"), "nobody sees it yet"
    simulator.clock.advance(seconds=2)
    fast = simulator.invoice(customer, "5")
    cursor = odoo.one("account.move", fast, "write_date")["write_date"]
    simulator.clock.advance(seconds=4)
    late.commit()

    assert paid(odoo, invoice) == ("posted", 60.0, "partial")
    assert odoo.one("account.move", invoice, "write_date")["write_date"] < cursor
    assert odoo.count("account.move", ["write_date", ">", cursor], ["id", "=", invoice]) == 0
    assert hidden < fast, "its id was given out before"
    assert agrees(odoo)


def test_what_was_rolled_back_never_was(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    invoice = simulator.invoice(customer, "100")
    never = simulator.begin()
    never.pay(invoice)
    gone = never.invoice(customer, "7")
    with pytest.raises(OdooError, match="concurrent update"):
        simulator.pay(invoice, "10")
    never.rollback()

    assert paid(odoo, invoice) == ("posted", 100.0, "not_paid")
    assert odoo("account.move", "read", ids=[gone], fields=["name"]) == []
    simulator.pay(invoice, "10")
    assert simulator.invoice(customer, "1") > gone, "its id stays given out"
    with pytest.raises(RuntimeError, match="over"):
        never.invoice(customer, "1")


def test_an_error_in_a_step_leaves_nothing_behind(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    before = odoo.count("account.move")
    with pytest.raises(ValueError, match="has no XXX"):
        simulator.invoice(customer, "1", currency="XXX")
    with pytest.raises(OdooError, match="strictly positive"):
        simulator.pay(simulator.invoice(customer, "5"), "0")

    assert odoo.count("account.move") == before + 1


# --- companies ------------------------------------------------------------------------------------------------------------


def test_several_legal_entities(simulator: OdooSimulator, odoo: Odoo, customer: int) -> None:
    other = simulator.add_company("Second GmbH", "EUR", "DE")
    simulator.invoice(customer, "100")
    simulator.invoice(customer, "30", company=other)

    def sums(**context: Any) -> dict[str, float]:
        found = odoo("account.move", "formatted_read_group", domain=[], groupby=["company_id"],
                     aggregates=["amount_total_signed:sum"], context=context)  # fmt: skip
        return {one["company_id"][1]: one["amount_total_signed:sum"] for one in found}

    assert sums() == {"Green Garden Ltd": 100.0, "Second GmbH": 30.0}
    assert sums(allowed_company_ids=[other]) == {"Second GmbH": 30.0}
    simulator.limit_companies(other)
    assert sums() == {"Second GmbH": 30.0}
    refused = odoo.ask("account.move", "search", domain=[], context={"allowed_company_ids": [simulator.company]})
    assert refused.status_code == 403
