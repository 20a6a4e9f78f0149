import datetime as dt
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import MappingError, RecordError, ShapeError
from hub.mapping.apply import FieldError, apply
from hub.mapping.load import Mapping, read_document
from hub.mapping.transforms import Context, Registry

ISRAEL = Context(region="IL", time_zone="Asia/Jerusalem")


def explode(value: Any) -> Any:
    raise RecursionError


REGISTRY = Registry({"explode": explode})


def mapping(**fields: Any) -> Mapping:
    return read_document({"stream": "s", "record": "r", "fields": fields}, name="acme/s.toml", registry=REGISTRY)


def one(rule: Any, payload: Any, context: Context = ISRAEL) -> Any:
    return apply(mapping(f=rule), payload, context)["f"]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("id", 7),
        ("a.b.c", "deep"),
        ("a.b.missing", None),
        ("a.b.c.further", None),
        ("id.further", None),
        ("lines.0.sku", "A1"),
        ("lines.-1.sku", "B2"),
        ("lines.2.sku", None),
        ("lines.sku", None),
        ("lines.x", None),
        ('"a.b"', "dotted"),
        ("codes.0", "zero"),
        ("nothing.at.all", None),
        ("null", None),
        ("false", False),
        ("zero", 0),
    ],
)
def test_a_path_leads_to_its_value_or_to_nothing(path: str, found: Any) -> None:
    payload = {
        "id": 7,
        "a": {"b": {"c": "deep"}},
        "lines": [{"sku": "A1"}, {"sku": "B2"}],
        "a.b": "dotted",
        "codes": {"0": "zero"},
        "null": None,
        "false": False,
        "zero": 0,
    }
    assert one(path, payload) == found


def test_a_list_may_be_the_whole_payload() -> None:
    assert one("0.id", [{"id": 1}]) == 1
    assert one("id", [{"id": 1}]) is None


@pytest.mark.parametrize("payload", [None, "text", 5, b"bytes"])
def test_a_payload_that_is_no_object_is_a_shape_error(payload: Any) -> None:
    with pytest.raises(ShapeError, match=r"acme/s\.toml"):
        apply(mapping(f="id"), payload, ISRAEL)


def test_transforms_run_in_their_order() -> None:
    rule = {"from": "v", "transform": ["trim", "upper", {"name": "suffix", "text": "!"}]}
    assert one(rule, {"v": "  dana   levi "}) == "DANA LEVI!"
    assert one(rule, {}) is None


def test_each_applies_a_transform_to_every_entry() -> None:
    rule = {"from": "v", "transform": {"name": "upper", "each": True}}
    assert one(rule, {"v": ["a", "", None, "b"]}) == ["A", "B"]
    assert one(rule, {"v": "a"}) == ["A"]
    assert one(rule, {}) is None


def test_an_expression_passes_the_same_steps_as_a_path() -> None:
    rule = {"expr": "a & '-' & b", "transform": "upper", "values": {"X-Y": "both"}}
    assert one(rule, {"a": "x", "b": "y"}) == "both"


def test_a_value_outside_the_list_sets_the_record_aside() -> None:
    with pytest.raises(FieldError, match="'LOST' is not in the list"):
        one({"from": "v", "values": {"OPEN": "open"}}, {"v": "LOST"})


@pytest.mark.parametrize(
    ("extra", "value", "made"),
    [
        ({"unmapped": "pass"}, "LOST", "LOST"),
        ({"unmapped": "default", "default": "open"}, "LOST", "open"),
        ({"unmapped": "default"}, "LOST", None),
        ({}, None, None),
        ({}, "", None),
        ({}, 1, "one"),
        ({}, True, "yes"),
        ({}, ["OPEN", 1], ["open", "one"]),
    ],
)
def test_a_list_of_values_and_what_is_not_in_it(extra: dict[str, Any], value: Any, made: Any) -> None:
    assert one({"from": "v", "values": {"OPEN": "open", "1": "one", "true": "yes"}, **extra}, {"v": value}) == made


def test_a_dependent_list_is_chosen_by_the_other_field() -> None:
    rules = {
        "state": {"from": "s", "depends_on": "country", "values": {"IL": {"1": "open"}, "PL": {"1": "nowy"}}},
        "country": {"from": "c", "transform": "upper"},  # after it in the file, made before it
    }
    both = mapping(**rules)
    assert apply(both, {"s": 1, "c": "il"}, ISRAEL)["state"] == "open"
    assert apply(both, {"s": 1, "c": "pl"}, ISRAEL)["state"] == "nowy"
    with pytest.raises(FieldError, match="for country 'DE'"):
        apply(both, {"s": 1, "c": "de"}, ISRAEL)
    with pytest.raises(FieldError, match="for country None"):
        apply(both, {"s": 1}, ISRAEL)


@pytest.mark.parametrize("value", [None, "", []])
def test_nothing_takes_the_default_and_fails_where_required(value: Any) -> None:
    assert one({"from": "v", "default": "x"}, {"v": value}) == "x"
    with pytest.raises(FieldError, match="required, and the payload has nothing at v"):
        one({"from": "v", "required": True}, {"v": value})


@pytest.mark.parametrize("value", [0, False, "0"])
def test_zero_and_false_are_values(value: Any) -> None:
    assert one({"from": "v", "default": "x", "required": True}, {"v": value}) == value


def test_empty_text_is_nothing() -> None:
    assert one({"from": "v", "transform": "trim"}, {"v": "   "}) is None


@pytest.mark.parametrize(
    ("kind", "value", "made"),
    [
        ("text", 5, "5"),
        ("integer", "12", 12),
        ("decimal", 10.1, Decimal("10.1")),
        ("boolean", "yes", True),
        ("date", "2026-11-22T23:30:00Z", dt.date(2026, 11, 23)),
        ("datetime", "2026-11-22T10:00:00", dt.datetime(2026, 11, 22, 8, 0, tzinfo=dt.UTC)),
        ("list", "a", ["a"]),
        ("object", {"a": 1}, {"a": 1}),
        ("integer", None, None),
    ],
)
def test_a_type_is_kept(kind: str, value: Any, made: Any) -> None:
    assert one({"from": "v", "type": kind}, {"v": value}) == made


@pytest.mark.parametrize(
    ("kind", "value"),
    [("text", {"a": 1}), ("integer", 1.5), ("decimal", "x"), ("boolean", 2), ("date", "soon"), ("object", [])],
)
def test_another_type_sets_the_record_aside(kind: str, value: Any) -> None:
    with pytest.raises(FieldError):
        one({"from": "v", "type": kind}, {"v": value})


def test_an_error_names_file_field_and_record() -> None:
    bad = mapping(remote_id="id", age={"from": "age", "type": "integer"})
    with pytest.raises(MappingError) as caught:
        apply(bad, {"id": "c-9", "age": "old"}, ISRAEL)
    assert str(caught.value) == "acme/s.toml: field age: record c-9: 'old' is no number"
    assert isinstance(caught.value, RecordError)
    with pytest.raises(MappingError, match="record given: "):
        apply(bad, {"id": "c-9", "age": "old"}, ISRAEL, record_id="given")
    with pytest.raises(MappingError, match=r"record \?: "):
        apply(bad, {"age": "old"}, ISRAEL)


def test_an_error_of_an_expression_names_its_field() -> None:
    with pytest.raises(FieldError, match=r"field f: record .*T2001"):
        one({"expr": "name + 1"}, {"name": "Dana"})


def test_an_error_does_not_repeat_a_long_value() -> None:
    with pytest.raises(FieldError) as caught:
        one({"from": "v", "values": {"a": 1}}, {"v": "secret" * 10_000})
    assert len(str(caught.value)) < 300


def test_whatever_a_transform_raises_stops_only_this_record() -> None:
    with pytest.raises(FieldError, match="RecursionError"):
        one({"from": "v", "transform": "explode"}, {"v": 1})


def test_fields_that_only_go_out_are_not_read() -> None:
    both = mapping(a={"from": "x", "direction": "out"}, b={"from": "y", "direction": "both"})
    assert apply(both, {"x": 1, "y": 2}, ISRAEL) == {"b": 2}


def test_the_payload_is_left_as_it_was() -> None:
    payload = {"v": ["b", "a"], "w": {"x": " y "}}
    rules = mapping(v={"expr": "$sort(v)"}, w={"from": "w.x", "transform": "trim"}, l={"from": "v", "type": "list"})
    assert apply(rules, payload, ISRAEL)["v"] == ["a", "b"]
    assert payload == {"v": ["b", "a"], "w": {"x": " y "}}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4),
    max_leaves=12,
)
EVERYTHING = mapping(
    a={"from": "a.b.0", "transform": ["trim", "lower"], "required": True},
    b={"from": "b", "type": "datetime"},
    c={"expr": "$sum(c.d)", "default": 1},
    d={"from": "d", "values": {"x": 1}, "unmapped": "pass"},
    e={"from": "e", "transform": {"name": "split", "separator": ";"}},
    f={"from": "f", "transform": "unix_millis"},
)


@given(JSON)
def test_any_payload_is_mapped_or_set_aside(payload: Any) -> None:
    try:
        made = apply(EVERYTHING, payload, ISRAEL)
    except RecordError as error:
        assert "acme/s.toml" in str(error)  # noqa: PT017 - both ends are right, nothing else is
    else:
        assert sorted(made) == list("abcdef")
        assert apply(EVERYTHING, payload, ISRAEL) == made


# --- much, and odd ------------------------------------------------------------------------------------------------


def test_a_record_of_two_thousand_fields_costs_what_is_read_of_it() -> None:
    payload = {f"field {at}": {"value": at, "more": ["x"] * 20} for at in range(2_000)}
    fields = {f"f{at}": f"field {at}.value" for at in range(0, 2_000, 100)}
    assert list(apply(mapping(**fields), payload, ISRAEL).values()) == list(range(0, 2_000, 100))
    assert one({"expr": "$sum($each($, function($one) { $one.value }))"}, payload) == sum(range(2_000))


def test_a_mapping_of_two_thousand_fields_is_read_and_applied() -> None:
    payload = {f"k{at}": at for at in range(2_000)}
    made = apply(mapping(**{f"f{at}": f"k{at}" for at in range(2_000)}), payload, ISRAEL)
    assert made == {f"f{at}": at for at in range(2_000)}


@pytest.mark.parametrize(
    "key", ["a.b", "x[0]", 'say "hi"', "back\\slash", "", " ", "שם", "العدد", "\U0001f600", "0", "-1", "a\nb", "$"]
)
def test_a_key_of_any_kind_can_be_reached_where_a_path_can_say_it(key: str) -> None:
    if not key:  # only an expression reaches it
        assert one({"expr": '$lookup($, "")'}, {"": "found"}) == "found"
        return
    quoted = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert one(quoted, {key: "found"}) == "found"
    assert one(f"outer.{quoted}.inner", {"outer": {key: {"inner": "found"}}}) == "found"


@pytest.mark.parametrize(
    "source",
    [
        "($f := function($n) { $f($n + 1) }; $f(1))",
        "($f := function($n) { 1 + $f($n + 1) }; $f(1))",
        "$reduce([1..100000], function($a, $b) { $a & $a }, 'x')",
        "[1..1000000000]",
        "[1..99999].([1..99999])",
    ],
)
def test_an_expression_that_explodes_is_stopped_and_its_field_named(source: str) -> None:
    began = time.perf_counter()
    with pytest.raises(FieldError) as caught:
        apply(mapping(fine="id", bad={"expr": source}), {"id": 7}, ISRAEL, record_id="c-7")
    assert caught.value.field == "bad"
    assert "c-7" in str(caught.value)
    assert time.perf_counter() - began < 2  # the limit is 0.1 s, and the machine may be busy
