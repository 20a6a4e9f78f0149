"""What mappings make for administrators' fields: read by what they are, and laid over what is there. Pure."""

from dataclasses import replace
from typing import Any

import pytest

from hub.errors import RecordError
from hub.fields import incoming
from hub.fields.definitions import Field, made
from hub.fields.incoming import Incoming, merged
from hub.fields.models import Of, Type
from tests.unit.fields.made import CITY, COUNTRY, colours, field


def of(*fields: Field) -> Incoming:
    found = incoming.of_fields(made(fields))
    assert found is not None
    return found


def split(defined: Incoming, record: str, **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    rest, fields = defined.split(record, {"remote_id": "1", **values}, region="IL", record_id="1")
    return dict(rest), dict(fields)


def test_without_fields_nothing_is_read() -> None:
    assert incoming.of_fields(made([])) is None


def test_what_nobody_defined_is_left_where_it_is() -> None:
    defined = of(replace(field(Type.NUMBER, "size"), of=Of.LEAD))
    values = {"remote_id": "1", "colour": "red"}
    assert defined.split("lead", values, region="IL", record_id="1") == (values, {})
    assert split(defined, "payment", size="3") == ({"remote_id": "1", "size": "3"}, {})
    assert split(defined, "lead", size="3", colour="red") == ({"remote_id": "1", "colour": "red"}, {"size": "3"})
    assert split(defined, "lead", size="")[1] == {"size": None}


@pytest.mark.parametrize(
    ("values", "kind"),
    [({"name": "Dana"}, Of.PERSON), ({"kind": "company", "name": "Cedar"}, Of.COMPANY), ({"company": "Cedar"}, Of.COMPANY)],
)  # fmt: skip
def test_people_and_companies_have_fields_of_their_own(values: dict[str, Any], kind: Of) -> None:
    defined = of(field(Type.NUMBER, "size"), replace(field(Type.TEXT, "size"), of=Of.COMPANY))
    assert split(defined, "party", size="007", **values)[1] == {"size": "7" if kind is Of.PERSON else "007"}


@pytest.mark.parametrize(
    ("one", "raw", "why"),
    [
        (field(Type.NUMBER, "x"), "abc", "record 1: field x: this is no number: 'abc'"),
        (field(Type.NUMBER, "x"), "it's", "record 1: field x: this is no number: 'it\"s'"),
        (field(Type.DATE, "x"), {"a": 1}, "record 1: field x: this is no day, such as 2026-11-23: '{'a"),
        (colours(), "green", "record 1: field x: 'green' is not in the list"),
    ],
)
def test_the_reason_is_the_same_for_every_record_but_for_what_is_in_quotes(one: Field, raw: Any, why: str) -> None:
    with pytest.raises(RecordError) as caught:
        split(of(replace(one, of=Of.CALL)), "call", x=raw)
    assert str(caught.value).startswith(why.replace("'{'a", "'{\"a"))


def test_a_list_is_read_behind_the_one_that_it_depends_on() -> None:
    defined = of(CITY, COUNTRY)
    assert split(defined, "party", name="Dana", city="Centre", country="Poland")[1] == {
        "country": "pl",
        "city": "centre_pl",
    }
    with pytest.raises(RecordError, match="field city: 'haifa' goes with some of country only"):
        split(defined, "party", name="Dana", city="haifa")


def test_an_archived_entry_is_taken_of_a_source_and_nothing_into_an_archived_field() -> None:
    assert split(of(colours()), "party", name="Dana", x="old")[1] == {"x": "old"}
    gone = replace(field(Type.TEXT, "gone"), is_archived=True)
    assert split(of(gone), "party", name="Dana", gone="x") == ({"remote_id": "1", "name": "Dana"}, {})
    assert of(gone).archived(Of.PERSON) == {"gone"}


def test_an_amount_of_a_document_is_in_its_currency() -> None:
    defined = of(replace(field(Type.MONEY, "x"), of=Of.DOCUMENT), replace(field(Type.MONEY, "x"), of=Of.LEAD))
    assert split(defined, "document", x="5", currency="EUR")[1] == {"x": {"amount": "5.00", "currency": "EUR"}}
    with pytest.raises(RecordError, match="say in which currency"):
        split(defined, "lead", x="5", currency="EUR")


@pytest.mark.parametrize(
    ("before", "here", "said", "is_new", "after"),
    [
        ({}, [], {}, True, {"size": "small"}),
        ({}, [], {"size": "large"}, True, {"size": "large"}),
        ({}, [], {"size": None}, True, {"size": "small"}),
        ({}, [], {}, False, {}),
        ({"size": "large"}, [], {}, False, {"size": "large"}),
        ({"size": "large"}, [], {"size": None}, False, {"size": "small"}),
        ({"size": "large"}, ["size"], {"size": "huge"}, False, {"size": "large"}),
        ({}, ["size"], {"size": "huge"}, False, {}),
        ({}, ["size"], {}, True, {}),
        ({"note": "a"}, [], {"note": None}, False, {}),
        ({"note": "a"}, [], {"note": "b"}, True, {"note": "b", "size": "small"}),
        ({"size": "large"}, [], {}, True, {"size": "large"}),
    ],
)  # fmt: skip
def test_what_is_there_after_a_source_said_something(
    before: dict[str, Any], here: list[str], said: dict[str, Any], is_new: bool, after: dict[str, Any]
) -> None:
    defaults = {"size": "small"}
    assert merged(before, here, said, defaults, is_new=is_new) == after
    assert merged(after, here, said, defaults, is_new=False) == after, "the same again changes nothing"
