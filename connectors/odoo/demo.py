"""Keeps the books of two small companies in the simulated Odoo, so that a newcomer sees what customers owe and how they pay."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from connectors.odoo.simulated.money import Item
from connectors.odoo.simulator import OdooSimulator
from hub.connector.simulator import Visitor

EVERY_S = 90.0  # between two things that happen
FIRST_S = 20.0
EUROPE = "Green Garden Europe GmbH"
TAX = {"ILS": Decimal(18), "EUR": Decimal(19)}  # percent
GOODS = (
    ("Garden design", "1450.00"),
    ("Olive tree", "389.90"),
    ("Irrigation, hour", "57.675"),
    ("מערכת השקיה", "2120.00"),
)


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer. Addresses and numbers are those of the people who call and write in the other demos."""

    name: str
    email: str
    phone: str
    country: str
    currency: str
    # Each invoice: days ago, days until it is due, price in hundreds, and payments as (share in percent, days after it was due).
    invoices: Sequence[tuple[int, int, int, Sequence[tuple[int, int]]]]
    vat: str = ""
    people: Sequence[tuple[str, str, str]] = ()  # name, address, number
    quotes: Sequence[tuple[int, bool]] = ()  # price in hundreds, and whether it was ordered


BUYERS = (
    Buyer(
        "Lewandowski Sp. z o.o.", "office@lewandowski.example", "+48 22 625 01 01", "PL", "EUR",
        [
            (400, 30, 42, [(100, 4)]), (310, 30, 18, [(100, 12)]), (215, 30, 65, [(50, 9), (50, 31)]),
            (120, 30, 27, [(60, 20)]), (75, 30, 31, []), (10, 30, 12, []),
        ],
        vat="PL5252445767",
        people=[("דנה לוי", "dana.levi@example.com", "+972 54-234-5678"), ("Anna Kowalska", "anna@example.com", "+48 601 234 567")],
        quotes=[(55, False), (38, True)],
    ),
    Buyer(
        "Northwind Traders", "accounts@northwind.example", "+44 20 7946 0123", "GB", "EUR",
        [(350, 14, 25, [(100, -2)]), (180, 14, 33, [(100, 1)]), (60, 14, 47, [(100, 0)]), (6, 14, 21, [])],
        vat="GB123456782",
        people=[("Tom Baker", "tom@example.com", "+44 7700 900456")],
        quotes=[(90, True)],
    ),
    Buyer(
        "Мария Иванова", "maria@example.com", "+7 912 345-67-89", "IL", "ILS",
        [(260, 10, 9, [(100, 0)]), (130, 10, 14, [(40, 15)]), (95, 10, 7, [])],
    ),
    Buyer(
        "سارة حداد", "sara@example.com", "+971 50 123 4567", "AE", "ILS",
        [(90, 30, 16, [(100, -20)]), (20, 30, 22, [(50, -25)])],
        quotes=[(30, False)],
    ),
    Buyer(
        "Cohen Brothers Ltd", "books@cohen.example", "+972 3 555 0101", "IL", "ILS",
        [(320, 45, 80, [(100, 25)]), (200, 45, 51, [(30, 40)]), (140, 45, 36, []), (15, 45, 28, [])],
        vat="IL513000006",
    ),
)  # fmt: skip


def prepare(simulator: OdooSimulator, address: str, name: str) -> dict[str, str]:
    """Keep the books of the last year; returns the settings with which they are read."""
    del address, name
    today = simulator.clock.now().date()
    simulator.set_rate("EUR", "0.25", company=simulator.company)
    europe = simulator.add_company(EUROPE, "EUR", "DE", vat="DE811907980")
    supplier = simulator.add_partner("Tree Nursery Ltd", email="sales@nursery.example", country="IL", is_company=True)
    simulator.invoice(supplier, "4200.00", kind="in_invoice", day=today - timedelta(days=25), ref="N-2107",
                      due=today + timedelta(days=5))  # fmt: skip
    simulator.confirm_purchase(simulator.purchase(supplier, "1800.00", day=today - timedelta(days=12)))
    for number, buyer in enumerate(BUYERS):
        _account(simulator, buyer, number, europe if buyer.currency == "EUR" else simulator.company, today)
    return {"every_s": "15", "deliveries": "true"}


def run(
    simulator: OdooSimulator, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event
) -> None:
    """Go on until `stop`: invoices are written, paid in part and in full, and a little is credited."""
    del visitors, extensions
    if len(simulator.world.view.tables["res.company"].ids) == 1:
        prepare(simulator, "", "")
    number = 0
    while not stop.wait(EVERY_S if number else FIRST_S):
        _happen(simulator, number)
        number += 1


def _account(simulator: OdooSimulator, buyer: Buyer, number: int, company: int, today: date) -> None:
    """Enter a customer with what he ordered, got and paid."""
    partner = simulator.add_partner(
        buyer.name, email=buyer.email, phone=buyer.phone, country=buyer.country, vat=buyer.vat or None,
        is_company=bool(buyer.vat), customer_rank=1,
    )  # fmt: skip
    named = [
        simulator.add_partner(name, email=email, phone=phone, parent=partner) for name, email, phone in buyer.people
    ]
    contact = named[0] if named else partner
    for at, (days, credit_days, hundreds, payments) in enumerate(buyer.invoices):
        day = today - timedelta(days=days)
        due = day + timedelta(days=credit_days)
        invoice = simulator.invoice(contact, _items(number + at, hundreds, buyer.currency), currency=buyer.currency,
                                    company=company, day=day, due=due)  # fmt: skip
        total = simulator.row("account.move", invoice)["amount_total"]
        for share, late in payments:
            paid_at = min(due + timedelta(days=late), today)
            simulator.pay(invoice, (total * share / 100).quantize(Decimal("0.01")), day=paid_at)
    for hundreds, is_ordered in buyer.quotes:
        order = simulator.quote(contact, _items(number, hundreds, buyer.currency), currency=buyer.currency, company=company,
                                day=today - timedelta(days=8), client_order_ref=f"PO-{number}{hundreds}")  # fmt: skip
        simulator.send(order)
        if is_ordered:
            simulator.confirm(order)
            origin = simulator.row("sale.order", order)["name"]
            simulator.deliver(partner, [GOODS[number % len(GOODS)][0]], company=company, origin=origin, sale_id=order)


def _items(number: int, hundreds: int, currency: str) -> list[Item]:
    """Two lines that come to about so many hundreds."""
    first, second = GOODS[number % len(GOODS)], GOODS[(number + 1) % len(GOODS)]
    rest = max(Decimal(hundreds) * 100 - Decimal(second[1]), Decimal(100))
    return [Item(first[0], rest, tax=TAX[currency]), Item(second[0], Decimal(second[1]), tax=TAX[currency])]


def _happen(simulator: OdooSimulator, number: int) -> None:
    """Let something happen to the document that is open for the longest time, or write a new one."""
    moves = simulator.world.view.tables["account.move"]
    with simulator.world.lock:
        rows = [row for row in simulator.world.view.rows("account.move", list(moves.ids)) if _is_open(row)]
    oldest = min(rows, key=lambda one: (one["invoice_date_due"], one["id"]), default=None)
    if oldest is None or number % 3 == 0:
        like = rows[number % len(rows)] if rows else None
        if like is not None:
            code = simulator.row("res.currency", like["currency_id"])["name"]
            simulator.invoice(like["partner_id"], _items(number, 5 + number % 9, code), currency=code,
                              company=like["company_id"], due=simulator.clock.now().date() + timedelta(days=30))  # fmt: skip
    elif number % 3 == 1:
        simulator.pay(oldest["id"], (oldest["amount_residual"] / 2).quantize(Decimal("0.01")))
    elif number % 6 == 2:
        simulator.credit(oldest["id"], "50.00", reason="returned")
    else:
        simulator.pay(oldest["id"])


def _is_open(row: dict[str, object]) -> bool:
    return row["move_type"] == "out_invoice" and row["state"] == "posted" and bool(row["amount_residual"])
