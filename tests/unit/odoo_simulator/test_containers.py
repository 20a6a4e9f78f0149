"""Containers keep what `hub.connector.simulator.Container` promises, of every kind of records."""

from typing import Any

import pytest

from connectors.odoo.simulated.containers import KINDS
from connectors.odoo.simulator import STREAMS, OdooSimulator
from tests.unit.odoo_simulator.conftest import Odoo

MODELS = {
    "invoices": ("account.move", [["move_type", "!=", "entry"]]),
    "contacts": ("res.partner", []),
    "orders": ("sale.order", []),
    "purchases": ("purchase.order", []),
    "deliveries": ("stock.picking", []),
    "payments": ("account.payment", []),
    "allocations": ("account.partial.reconcile", []),
}


def test_every_kind_is_tried_here_and_some_in_the_contract() -> None:
    assert set(KINDS) == set(MODELS)
    assert set(STREAMS) <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_records_come_change_and_go(simulator: OdooSimulator, odoo: Odoo, kind: str) -> None:
    model, domain = MODELS[kind]
    made = simulator.container(kind)
    assert made.texts() == {}

    def listed() -> dict[str, str]:
        found = odoo.ask(model, "search_read", domain=domain, fields=[*FIELDS[kind]], order="id").json()
        return {str(one["id"]): str([one[name] for name in FIELDS[kind]]) for one in found}

    first, second, third = made.grow(3, "dana@customer.example")
    assert listed().keys() == made.texts().keys() == {first, second, third}
    assert all(text in listed()[one] for one, text in made.texts().items())
    assert len(set(made.texts().values())) == 3

    before = made.texts()
    made.change(first)
    made.remove(second)
    assert made.texts().keys() == listed().keys() == {first, third}
    assert made.texts()[first] != before[first]
    assert made.texts()[first] in listed()[first]


FIELDS = {
    "invoices": ("ref",),
    "contacts": ("name",),
    "orders": ("client_order_ref",),
    "purchases": ("partner_ref",),
    "deliveries": ("origin",),
    "payments": ("memo",),
    "allocations": ("debit_amount_currency",),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoilt_one_is_told_as_no_reference_says(simulator: OdooSimulator, odoo: Odoo, kind: str) -> None:
    model, _ = MODELS[kind]
    made = simulator.container(kind)
    odd = int(made.spoil("dana@customer.example"))
    fields = ["amount_total", "amount", "name", "date_done"]
    known = [one for one in fields if one in simulator.world.models[model].fields]

    def told() -> dict[str, Any]:
        return odoo.one(model, odd, *known)

    spoilt = told()
    made.mend(str(odd))
    assert told() != spoilt


def test_records_are_hours_apart(simulator: OdooSimulator, odoo: Odoo) -> None:
    made = simulator.container("invoices")
    made.grow(3, "dana@customer.example")
    last = simulator.clock.now().strftime("%Y-%m-%d %H:%M:%S")
    dates = [
        one["write_date"] for one in odoo("account.move", "search_read", domain=[], fields=["write_date"], order="id")
    ]

    assert dates == sorted(dates)
    assert len({one[:13] for one in [*dates, last]}) == 4, "who reads ten minutes again reads none again"
