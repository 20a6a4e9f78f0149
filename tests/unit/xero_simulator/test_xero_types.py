"""The yardstick itself: it knows what is legal, and a simulator that lies is found out."""

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.xero.simulator import XeroSimulator
from tests.unit.xero_simulator.conftest import Open
from tests.unit.xero_simulator.xero_types import problems, wrong_answer

KINDS = ("Contacts", "Invoices", "CreditNotes", "Payments", "Prepayments", "Overpayments", "Quotes", "PurchaseOrders")


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("Invoice", {"Total": "12"}, "$.Total: '12' is no number"),
        ("Invoice", {"Colour": "red"}, "$.Colour: unknown to Invoice"),
        ("Invoice", {"Status": "ONHOLD"}, "$.Status: 'ONHOLD' is not among its words"),
        ("Invoice", {"Date": "/Date(1573755038314+0000)/"}, "$.Date: '/Date(1573755038314+0000)/' is no midnight"),
        ("Invoice", {"UpdatedDateUTC": "2026-11-22"}, "$.UpdatedDateUTC: '2026-11-22' is no moment"),
        ("Invoice", {"Payments": {}}, "$.Payments: no list"),
        ("Invoice", {"Contact": {"Name": 1}}, "$.Contact.Name: 1 is no string"),
        ("Invoice", {"HasErrors": 1}, "$.HasErrors: 1 is no boolean"),
        ("Invoice", {"CurrencyCode": "XYZ"}, "$.CurrencyCode: 'XYZ' is not among its words"),
        ("Pagination", {"page": True}, "$.page: True is no integer"),
        ("Connection[]", {}, "$: no list"),
        ("Connection", {"createdDateUtc": "then"}, "$.createdDateUtc: 'then' is no moment"),
    ],
)
def test_what_is_not_legal_is_named(name: str, value: Any, wrong: str) -> None:
    assert problems(name, value) == [wrong]


def test_what_is_legal_has_no_problems() -> None:
    assert (
        problems("Invoice", {"Total": Decimal("115.50"), "Type": "ACCREC", "Date": "/Date(1539993600000+0000)/"}) == []
    )


def paths(value: Any, before: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where everything in a value lies."""
    if isinstance(value, dict):
        inner: list[Any] = [one for name, part in value.items() for one in paths(part, (*before, name))]
    elif isinstance(value, list):
        inner = [one for at, part in enumerate(value) for one in paths(part, (*before, at))]
    else:
        inner = []
    return [*([before] if before else []), *inner]


def mutant(value: Any, path: tuple[str | int, ...], mutate: Callable[[Any, str | int], None]) -> Any:
    """Return the same with one thing changed."""
    changed = copy.deepcopy(value)
    place = changed
    for step in path[:-1]:
        place = place[step]
    mutate(place, path[-1])
    return changed


def another_type(place: Any, at: str | int) -> None:
    place[at] = {"odd": 1} if not isinstance(place[at], dict) else "odd"


def another_word(place: Any, at: str | int) -> None:
    place[at] = "ODD_WORD"


@pytest.fixture
def answers(xero: XeroSimulator, reach: Open) -> dict[str, Any]:
    """One page of each list, with something in each."""
    books, api = xero.books, reach(xero)
    dana = books.add_contact("Dana Levi", email="dana@customer.example", phone=("972", "50", "2345678"))
    invoice = books.invoice(dana, "100")
    books.pay(invoice, "20")
    for kind, type_ in (
        ("CreditNotes", "ACCRECCREDIT"),
        ("Prepayments", "RECEIVE-PREPAYMENT"),
        ("Overpayments", "RECEIVE-OVERPAYMENT"),
    ):
        books.allocate(books.add(kind, dana, "10", type_=type_), invoice, "5")
    books.add("Quotes", dana, "5", status="SENT")
    books.add("PurchaseOrders", dana, "5")
    return {kind: api.get(kind, page=1) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_mutants_of_the_simulators_answers_are_found(answers: dict[str, Any], kind: str) -> None:
    """Each field of each answer as another type, under another name, and each word of an enumeration as another one."""
    answer = answers[kind]
    assert wrong_answer(kind, answer, in_pages=True) == []
    things = [path for path in paths(answer) if path[0] == kind]
    assert len(things) > 15
    for path in things:
        assert wrong_answer(kind, mutant(answer, path, another_type), in_pages=True), path
        if isinstance(path[-1], str):
            added = mutant(answer, path, lambda place, _at: place.update(OddField=1))
            assert wrong_answer(kind, added, in_pages=True), path
    words = [
        path
        for path in things
        if path[-1] in ("Status", "ContactStatus", "Type", "PaymentType", "CurrencyCode", "LineAmountTypes")
    ]
    assert words
    for path in words:
        assert wrong_answer(kind, mutant(answer, path, another_word), in_pages=True), path


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_is_missing_is_found(answers: dict[str, Any], kind: str) -> None:
    answer = answers[kind]
    for name in (
        "Total",
        "Amount",
        "Status",
        "ContactStatus",
        "Date",
        "UpdatedDateUTC",
        "CurrencyCode",
        "AmountDue",
        "RemainingCredit",
    ):
        if name in answer[kind][0]:
            gone = mutant(answer, (kind, 0, name), lambda place, at: place.pop(at))
            assert wrong_answer(kind, gone, in_pages=True) == [f"{kind}[0].{name}: missing"]
    assert wrong_answer(kind, mutant(answer, ("Id",), lambda place, at: place.pop(at)), in_pages=True)
    if kind != "Quotes":
        assert wrong_answer(kind, mutant(answer, ("pagination",), lambda place, at: place.pop(at)), in_pages=True)
