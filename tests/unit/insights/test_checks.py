"""Is a kept value valid by its field as it is now? Values come as JSON, as a database gives them."""

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.fields.definitions import Field, Option
from hub.fields.models import Of, Type
from hub.fields.value import FieldValueError, read
from hub.insights import checks
from hub.insights.checks import _USUAL, is_birthday, is_phone, of_field


def field(type_: str, **values: Any) -> Field:
    return Field(1, uuid4(), Of.PERSON, "one", Type(type_), {}, **values)


def is_valid(one: Field, value: Any, parent: Any = None) -> bool:
    return of_field(one)(json.dumps(value), json.dumps(parent))


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("number", ["12.50", "-3", 7], ["twelve", "1,2,3", {"a": 1}, True]),
        ("money", [{"amount": "12.50", "currency": "ILS"}], [{"amount": "12.50"}, "12", {"amount": "x", "currency": "ILS"}]),
        ("date", ["2026-11-23", "2024-02-29"], ["2026-02-29", "soon", 5, "2026-13-01"]),
        ("phone", ["+972542345678", "+97237654321;ext=12"], ["054-2345678", "+972", "+0123456789", 5, "+97254234567812345"]),
        ("email", ["dana@example.com", "dana.levi@shop.co.il"], ["dana", "dana@", "@example.com", ["dana@example.com"]]),
        ("link", ["https://example.com/a?b=1", "http://example.com"], ["javascript:alert(1)", "https://", {"href": 1}]),
    ],
)  # fmt: skip
def test_what_a_type_takes_is_valid_and_nothing_else(type_: str, good: list[Any], bad: list[Any]) -> None:
    assert [one for one in good if not is_valid(field(type_), one)] == []
    assert [one for one in bad if is_valid(field(type_), one)] == []


@pytest.mark.parametrize("type_", sorted(_USUAL))
@given(data=st.data())
def test_what_looks_as_usual_is_what_its_field_reads(type_: str, data: st.DataObject) -> None:
    kept = json.loads(data.draw(st.from_regex(_USUAL[type_], fullmatch=True)))
    try:
        read(field(type_), kept)
    except FieldValueError as error:
        pytest.fail(f"{kept!r}: {error}")


@given(st.text(), st.sampled_from([*Type]))
def test_no_value_breaks_a_check(raw: str, type_: Type) -> None:
    assert of_field(field(type_))(raw, raw) in (True, False)
    assert is_birthday(raw, "") in (True, False)


def test_a_mask_counts_as_it_is_now() -> None:
    code = field("text", mask="pattern", pattern="[A-Z]{2}-[0-9]+")
    assert [is_valid(code, one) for one in ("AB-12", "ab-12", "", 12)] == [True, False, False, False]
    nip = field("text", mask="pl_nip")
    assert [is_valid(nip, one) for one in ("8567346215", "8567346216")] == [True, False]
    israeli = field("phone", mask="pattern", pattern=r"\+972.*")
    assert [is_valid(israeli, one) for one in ("+972542345678", "+48221234567")] == [True, False]


def test_a_pattern_that_cannot_be_used_makes_nothing_valid() -> None:
    assert not is_valid(field("text", mask="pattern", pattern="("), "(")
    assert not is_valid(field("phone", mask="pattern", pattern="("), "+972542345678")


def test_an_entry_of_a_list_counts_while_it_can_be_chosen() -> None:
    options = (Option("gold", {"en": "Gold"}, frozenset()), Option("old", {"en": "Old"}, frozenset(), is_archived=True))
    one, many = field("choice", options=options), field("choices", options=options)
    assert [is_valid(one, value) for value in ("gold", "Gold", "old", "silver", ["gold"])] == [
        True,
        False,
        False,
        False,
        False,
    ]
    assert [is_valid(many, value) for value in (["gold"], ["gold", "old"], ["gold", "x"], "gold")] == [
        True,
        False,
        False,
        False,
    ]


def test_an_entry_must_go_with_what_is_chosen_in_the_other_list() -> None:
    model = field("choice", parent="maker", options=(Option("clio", {}, frozenset({"renault"})),))
    assert is_valid(model, "clio", "renault")
    assert not is_valid(model, "clio", "fiat")
    assert not is_valid(model, "clio")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [('"1980-05-17"', True), ('"--05-17"', True), ('"--02-29"', True), ('"1981-02-29"', False), ('"--13-01"', False),
     ("5", False), ('"soon"', False), ("[", False)],
)  # fmt: skip
def test_a_birthday_is_a_day_that_there_is(raw: str, expected: bool) -> None:
    assert is_birthday(raw, "") is expected


def test_a_number_of_a_lead_is_one_that_somebody_can_have() -> None:
    assert is_phone("+972542345678", "")
    assert not is_phone("+972", "")
    assert not is_phone("call me", "")


def test_plain_is_what_the_database_sees_by_itself() -> None:
    assert checks.is_plain(field("text"))
    assert checks.is_plain(field("boolean"))
    assert not checks.is_plain(field("text", mask="iban"))
    assert not checks.is_plain(field("number"))
