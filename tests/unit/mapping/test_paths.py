"""Places of payloads: every one leads to its value as a path, and none of a hostile payload does any harm."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.dotted import at, parse_path
from hub.mapping.paths import DEEPEST, ENTRIES, LONGEST, MOST, parents, places, sample, segment, to_path

KEYS = st.one_of(
    st.sampled_from(
        ["a", "a.b", "x[0]", 'say "no"', "back\\slash", " around ", "שם", "0", "-1", "[]", ".", "a b", '"', "\n"]
    ),
    st.text(max_size=8),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)
PAYLOADS = st.dictionaries(KEYS, VALUES, max_size=6)


def keys_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from keys_of(inner)


def types(payload: Any) -> dict[str, str]:
    return dict(places(payload).types)


def test_a_record_is_its_places_with_their_types() -> None:
    payload = {
        "id": 7, "name": "Dana", "is_new": True, "rate": 1.5,
        "lines": [{"sku": "a", "tags": ["x"]}, {"sku": "b", "price": 2}],
        "buyer": {"city": "Haifa"},
    }  # fmt: skip
    assert types(payload) == {
        "id": "number", "name": "text", "is_new": "boolean", "rate": "number", "lines": "list", "lines[]": "object",
        "lines[].sku": "text", "lines[].tags": "list", "lines[].tags[]": "text", "lines[].price": "number", "buyer": "object",
        "buyer.city": "text",
    }  # fmt: skip


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_nothing_is_no_value(nothing: Any) -> None:
    assert types({"a": nothing, "b": {"c": nothing}, "d": [nothing]}) == {"b": "object", "d": "list"}


def test_false_and_zero_are_values() -> None:
    assert types({"a": False, "b": 0, "c": 0.0}) == {"a": "boolean", "b": "number", "c": "number"}


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("plain", "plain"), ("two words", "two words"), ("שם מלא", "שם מלא"), ("0", "0"), ("a.b", '"a.b"'), ("x[0]", '"x[0]"'),
        ('say "no"', r'"say \"no\""'), ("back\\slash", "back\\slash"), (" around", '" around"'), (r"\.", r'"\\."'), ("", None),
    ],
)  # fmt: skip
def test_keys_are_quoted_where_a_path_needs_it(key: str, written: str | None) -> None:
    assert segment(key) == written
    if written is not None:
        assert at({key: 1}, parse_path(written)) == 1


@given(PAYLOADS)
def test_every_place_leads_to_its_value(payload: dict[str, Any]) -> None:
    found, every = places(payload), set(keys_of(payload))
    for place in found.types:
        keys, value = sample(payload, place)
        assert value not in (None, "", [], {}), place
        assert every.issuperset(keys)
        parse_path(to_path(place))  # a mapping understands it
        if "[]" not in place:
            assert at(payload, parse_path(to_path(place))) == value
        assert all(one in found.types for one in parents(place)), place


def test_the_first_entry_of_a_list_is_what_a_path_leads_to() -> None:
    payload = {"lines": [{"sku": "a"}, {"sku": "b", "note": "late"}]}
    assert at(payload, parse_path(to_path("lines[].sku"))) == "a"
    assert at(payload, parse_path(to_path("lines[].note"))) is None
    assert sample(payload, "lines[].note") == (("lines", "note"), "late"), (
        "a sample is out of the first entry that has it"
    )


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("lines[].sku", "lines.0.sku"),
        ("m[][]", "m.0.0"),
        ('"a[]b"[].c', '"a[]b".0.c'),
        (r'"q\"[]"', r'"q\"[]"'),
        ("a", "a"),
    ],
)
def test_a_place_becomes_a_path(place: str, path: str) -> None:
    assert to_path(place) == path
    parse_path(path)


def test_what_is_too_deep_is_not_looked_at() -> None:
    deep: Any = "end"
    for _ in range(100_000):
        deep = {"a": deep}
    found = places(deep)
    assert (len(found.types), found.more) == (DEEPEST, True)
    lists: Any = "end"
    for _ in range(100_000):
        lists = [lists]
    assert places({"a": lists}).more


def test_a_record_of_very_many_fields_ends_at_the_limit() -> None:
    wide = {f"field {number}": number for number in range(2_000)}
    assert (len(places(wide).types), places(wide).more) == (2_000, False)
    too_wide = {f"field {number}": number for number in range(MOST * 3)}
    assert (len(places(too_wide).types), places(too_wide).more) == (MOST, True)


def test_long_lists_and_long_keys_end_at_the_limit() -> None:
    found = places({"all": [{"a": 1}] * ENTRIES + [{"b": 1}]})
    assert (set(found.types), found.more) == ({"all", "all[]", "all[].a"}, True)
    found = places({"k" * (LONGEST + 1): 1, "k" * LONGEST: 1})
    assert (len(found.types), found.more) == (1, True)


@pytest.mark.parametrize("payload", [None, 1, "text", [], [{"a": 1}]])
def test_what_is_no_object_has_no_places(payload: Any) -> None:
    assert types(payload) == {}
