"""Domains mean what they mean in Odoo 19.0; the table was measured there."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.odoo.simulator import OdooSimulator
from tests.unit.odoo_simulator.conftest import Odoo

AT = datetime(2026, 11, 23, 6, 58, 14, 250_000, tzinfo=UTC)
SECOND = "2026-11-23 06:58:14"


@pytest.fixture
def people(simulator: OdooSimulator) -> dict[str, int]:
    """Four partners, written within one second; the last one hidden."""
    simulator.clock.set(AT)
    simulator.clock.freeze()
    firm = simulator.add_partner("Acme", email="office@acme.example", is_company=True, country="PL")
    person = simulator.add_partner("Anna", email="anna@acme.example", parent=firm)
    other = simulator.add_partner("100% Ltd", is_company=True)
    hidden = simulator.add_partner("Hidden", email="hidden@acme.example")
    simulator.archive(hidden)
    return {"firm": firm, "person": person, "other": other, "hidden": hidden}


@pytest.mark.parametrize(
    ("op", "value", "matches"),
    [
        (">", SECOND, False),  # the next second
        (">=", SECOND, True),
        ("=", SECOND, True),
        ("!=", SECOND, False),
        ("<", SECOND, False),
        ("<=", SECOND, True),
        (">=", f"{SECOND}.999999", True),  # microseconds are dropped
        (">", "2026-11-23", False),  # the next day
        ("<=", "2026-11-23", True),
        (">=", "2026-11-23", True),
        ("<", "2026-11-23", False),
        (">=", "2026-11-23T06:58:14", True),
        (">=", "2026-11-23 06:58:15", False),
        ("in", [SECOND], True),
        ("=", False, False),
        ("!=", False, True),
    ],
)
def test_microseconds_do_not_count(odoo: Odoo, people: dict[str, int], op: str, value: Any, matches: bool) -> None:
    assert odoo.count("res.partner", ["id", "=", people["firm"]], ["write_date", op, value]) == matches


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        ([["email", "=", False]], {"100% Ltd"}),
        ([["email", "=", None]], {"100% Ltd"}),
        ([["email", "!=", "office@acme.example"]], {"Anna", "100% Ltd"}),
        ([["email", "in", [False, "anna@acme.example"]]], {"Anna", "100% Ltd"}),
        ([["email", "not in", ["anna@acme.example"]]], {"Acme", "100% Ltd"}),
        ([["name", "like", "acme"]], set()),
        ([["name", "ilike", "acme"]], {"Acme"}),
        ([["name", "=ilike", "a%"]], {"Acme", "Anna"}),
        ([["name", "=like", "_nna"]], {"Anna"}),
        ([["name", "not ilike", "a"]], {"100% Ltd"}),
        ([["email", "ilike", "ACME"]], {"Acme", "Anna"}),
        ([["is_company", "=", True]], {"Acme", "100% Ltd"}),
        ([["is_company", "=", False]], {"Anna"}),
        ([["active", "=", False]], {"Hidden"}),
        ([["active", "in", [True, False]]], {"Acme", "Anna", "100% Ltd", "Hidden"}),
        ([["parent_id", "=", "Acme"]], {"Anna"}),
        ([["parent_id", "ilike", "acm"]], {"Anna"}),
        ([["parent_id.email", "=", "office@acme.example"]], {"Anna"}),
        ([["country_id.code", "=", "PL"]], {"Acme"}),
        ([["child_ids", "!=", False]], {"Acme"}),
        ([["child_ids.name", "=", "Anna"]], {"Acme"}),
        ([["child_ids", "any", [["name", "=", "Anna"]]]], {"Acme"}),
        (["!", ["name", "=", "Anna"]], {"Acme", "100% Ltd"}),
        (["|", ["name", "=", "Anna"], ["name", "=", "Acme"]], {"Acme", "Anna"}),
        (["|", "&", ["name", "=", "Anna"], ["is_company", "=", True], ["name", "=", "Acme"]], {"Acme"}),
        (["&", ["is_company", "=", True], "!", ["name", "=", "Acme"]], {"100% Ltd"}),
        (["|", ["name", "=", "Anna"], ["name", "=", "Acme"], ["is_company", "=", True]], {"Acme"}),
        ([["name", ">", "B"]], set()),
        ([[1, "=", 1]], {"Acme", "Anna", "100% Ltd"}),
        ([[0, "=", 1]], set()),
    ],
)
def test_conditions(odoo: Odoo, people: dict[str, int], domain: list[Any], names: set[str]) -> None:
    mine = ["&", ["id", "in", list(people.values())]]
    whole = [*mine, *domain] if len(domain) == 1 or isinstance(domain[0], str) else [mine[1], *domain]
    if isinstance(domain[0], str):
        whole = [mine[1], *domain]
    found = odoo("res.partner", "search_read", domain=whole, fields=["name"])

    assert {one["name"] for one in found} == names


def test_families(odoo: Odoo, people: dict[str, int]) -> None:
    firm, person, other = people["firm"], people["person"], people["other"]

    assert odoo("res.partner", "search", domain=[["id", "child_of", firm]], order="id") == [firm, person]
    assert odoo("res.partner", "search", domain=[["id", "child_of", [firm, other]]], order="id") == [
        firm,
        person,
        other,
    ]
    assert odoo("res.partner", "search", domain=[["parent_id", "child_of", firm]], order="id") == [person]
    assert odoo("res.partner", "search", domain=[["id", "parent_of", person]], order="id") == [firm, person]


def test_ids_may_be_given_oddly(odoo: Odoo, people: dict[str, int]) -> None:
    firm = people["firm"]

    assert odoo.count("res.partner", ["id", "in", firm]) == 1
    assert odoo.count("res.partner", ["id", "=", [firm, people["person"]]]) == 2
    assert odoo.count("res.partner", ["id", "=", str(firm)]) == 1
    assert odoo.ask("res.partner", "search_count", domain=[["id", "in", ["x"]]]).json()["name"].startswith("psycopg2.")


def test_hidden_ones_are_left_out_unless_asked_for(odoo: Odoo, people: dict[str, int]) -> None:
    mine = [["id", "in", list(people.values())]]

    assert odoo("res.partner", "search_count", domain=mine) == 3
    assert odoo("res.partner", "search_count", domain=mine, context={"active_test": False}) == 4


def test_order_limit_and_offset(odoo: Odoo, people: dict[str, int]) -> None:
    def found(**how: Any) -> list[str]:
        mine = [["id", "in", list(people.values())]]
        return [one["name"] for one in odoo("res.partner", "search_read", domain=mine, fields=["name"], **how)]

    assert found(order="name desc") == ["Anna", "Acme", "100% Ltd"]
    assert found(order="email desc, id") == ["100% Ltd", "Acme", "Anna"], "an empty value is the greatest"
    assert found(order="is_company  DESC , name   asc") == ["100% Ltd", "Acme", "Anna"]
    assert found(order="parent_id, id") == ["Anna", "Acme", "100% Ltd"]
    assert found(order="id", limit=2) == ["Acme", "Anna"]
    assert found(order="id", limit=2, offset=1) == ["Anna", "100% Ltd"]
    assert len(found(limit=0)) == len(found(limit=None)) == len(found(limit=False)) == 3


def test_amounts_are_compared_as_numbers(simulator: OdooSimulator, odoo: Odoo) -> None:
    customer = simulator.add_partner("Acme")
    invoice = simulator.invoice(customer, "115.35")

    assert odoo("account.move", "search", domain=[["amount_total", "=", 115.35]]) == [invoice]
    assert odoo("account.move", "search", domain=[["amount_total", ">", 115.34], ["amount_total", "<", 115.36]]) == [
        invoice
    ]
    assert odoo("account.move", "search", domain=[["commercial_partner_id.credit", ">", 0]]) == [invoice]
    assert odoo(
        "account.move", "search", domain=[["invoice_date", "=", odoo.one("account.move", invoice, "date")["date"]]]
    ) == [invoice]


def test_what_is_not_stored_cannot_be_searched(odoo: Odoo) -> None:
    answer = odoo.ask("account.payment", "search", domain=[["amount_signed", ">", 0]])

    assert (answer.status_code, answer.json()["name"]) == (500, "builtins.ValueError")
    assert "not stored" in answer.json()["message"]
