"""What a mapping makes of one record, field by field, while somebody writes it."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.apply import apply
from hub.mapping.load import Mapping, read_document
from hub.mapping.preview import LATE, Shown, look, read_part
from hub.mapping.transforms import Context, Registry

HERE = Context(region="IL")
ENDLESS = "($f := function($n) { $f($n + 1) }; $f(1))"


def explode(value: Any) -> Any:
    raise RecursionError


REGISTRY = Registry({"explode": explode})


def mapping(**fields: Any) -> Mapping:
    return read_document({"stream": "s", "record": "r", "fields": fields}, name="acme/s.toml", registry=REGISTRY)


def test_a_field_that_fails_stands_alone() -> None:
    made = mapping(
        a="x", b={"from": "x", "transform": "integer"}, c={"expr": "$uppercase(x)"}, d={"from": "y", "required": True},
        e={"from": "x", "transform": "explode"},
    )  # fmt: skip
    shown = look(made, {"x": "abc"}, HERE)
    assert shown["a"] == Shown("abc", "abc")
    assert shown["b"] == Shown("abc", problem="'abc' is no number")
    assert shown["c"] == Shown("ABC", "ABC")
    assert "required" in shown["d"].problem
    assert shown["e"].problem == "RecursionError"


def test_what_depends_on_a_field_that_fails_waits_for_it() -> None:
    listed = {"from": "state", "depends_on": "country", "values": {"IL": {"1": "open"}}}
    made = mapping(country={"from": "country", "values": {"il": "IL"}}, state=listed)
    assert look(made, {"country": "il", "state": "1"}, HERE)["state"] == Shown("1", "open")
    shown = look(made, {"country": "pl", "state": "1"}, HERE)
    assert "not in the list" in shown["country"].problem
    assert shown["state"] == Shown(waits_for="country")


def test_expressions_that_never_end_take_about_a_second_together() -> None:
    made = mapping(**{f"f{number}": {"expr": ENDLESS} for number in range(40)}, last="x")
    began = time.monotonic()
    shown = look(made, {"x": 1}, HERE)
    assert time.monotonic() - began < 5
    assert "stopped" in shown["f0"].problem
    assert shown["f39"].problem == LATE
    assert shown["last"].problem == LATE


def test_a_document_is_read_as_far_as_it_can_be() -> None:
    like = mapping(a="a")
    fields: dict[str, Any] = {
        "a": "a", "b": {"expr": "$trim("}, "c": {"from": "a..b"}, "d": {"from": "d", "transform": "no_such"}, "e": {},
        "f": {"from": "f", "depends_on": "b", "values": {"x": {"1": "one"}}}, "1g": "g",
        "h": {"from": "h", "depends_on": "i", "values": {"x": {}}}, "i": {"from": "i", "depends_on": "h", "values": {"x": {}}},
    }  # fmt: skip
    part = read_part(like, {"stream": "s", "record": "r", "fields": fields})
    assert part.mapping is not None
    assert {"b", "c", "d", "e", "1g"} <= part.wrong.keys()
    assert part.wrong.keys() & {"h", "i"}
    assert {"a", "f"} <= part.mapping.fields.keys()
    assert part.wrong["b"].startswith("expr: ")
    assert read_part(like, {"stream": "s", "record": "r", "fields": {}}).mapping is None
    assert read_part(like, {"stream": "", "record": "r", "fields": {"a": "a"}}).whole


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["x", "y"]), JSON))
def test_where_no_field_fails_it_says_what_records_become(payload: dict[str, Any]) -> None:
    made = mapping(a={"from": "x", "transform": "trim"}, b={"expr": "y"}, c={"from": "x.y", "default": 1})
    shown = look(made, payload, HERE)
    if not any(one.problem for one in shown.values()):
        assert {name: one.after for name, one in shown.items()} == apply(made, payload, HERE)


@pytest.mark.parametrize("payload", [None, 1, "text"])
def test_what_is_no_object_shows_nothing(payload: Any) -> None:
    assert look(mapping(a="a"), payload, HERE) == {}
