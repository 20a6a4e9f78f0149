"""What payloads offer to a mapping, and what may be meant for which field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.dotted import at, parse_path
from hub.mapping.expression import RustEngine
from hub.mapping.offers import LIKELY, LOOKS, SURE, Wish, guesses, looks, offered
from tests.unit.mapping.test_preview import JSON

ANSWERED = {
    "id": "7",
    "utm": {"source": "ads", "a.b": "dotted"},
    "tags": ["x", "y"],
    "lines": [{"sku": "A1", "n": 2}],
    "my answers": [
        {"key": "budget", "label": "Your budget", "values": ["5000 ILS"]},
        {"key": 'the "phone"', "values": ["054-234-5678"]},
        {"key": "empty", "values": []},
    ],
    "pairs": [{"name": "mail", "value": "dana@example.com"}],
}


def found(payload: Any) -> dict[str, Any]:
    return {one.text: one.sample for one in offered([payload])}


def test_values_are_offered_by_paths_and_named_entries_by_expressions() -> None:
    assert found(ANSWERED) == {
        "id": "7", "utm.source": "ads", 'utm."a.b"': "dotted", "tags": ["x", "y"], "lines": ANSWERED["lines"],
        "lines.0.sku": "A1", "lines.0.n": 2, "my answers": ANSWERED["my answers"], "pairs": ANSWERED["pairs"],
        '`my answers`[key="budget"].values[0]': "5000 ILS",
        '`my answers`[key="the \\"phone\\""].values[0]': "054-234-5678",
        'pairs[name="mail"].value': "dana@example.com",
    }  # fmt: skip


def test_entries_of_one_name_are_not_offered_by_it() -> None:
    twice = {"lines": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]}
    assert found(twice) == {"lines": twice["lines"], "lines.0.name": "a", "lines.0.value": 1}


@given(st.dictionaries(st.text(min_size=1, max_size=6), JSON, max_size=4))
def test_whatever_is_offered_leads_to_its_sample(payload: dict[str, Any]) -> None:
    engine = RustEngine()
    for one in offered([payload]):
        if one.is_expression:
            assert engine.compile(one.text)(engine.prepare(payload)) == one.sample
        else:
            assert at(payload, parse_path(one.text)) == one.sample


@pytest.mark.parametrize(
    ("wish", "text", "score"),
    [
        (Wish("utm_source", ("Source",)), "utm.source", SURE),
        (Wish("budget"), '`my answers`[key="budget"].values[0]', SURE),
        (Wish("price"), '`my answers`[key="budget"].values[0]', LIKELY),
        (Wish("x", ("טלפון",), "phone"), '`my answers`[key="the \\"phone\\""].values[0]', LOOKS),
        (Wish("email"), 'pairs[name="mail"].value', LIKELY),
        (Wish("e_post", (), "email"), 'pairs[name="mail"].value', LOOKS),
    ],
)
def test_what_may_be_meant_is_found(wish: Wish, text: str, score: float) -> None:
    guess = guesses([wish], offered([ANSWERED]))[wish.name]
    assert (guess.source.text, guess.score) == (text, score)


def test_one_source_is_for_one_field_and_what_is_taken_for_none() -> None:
    sources = offered([{"phone": "054-234-5678", "other": "x"}])
    wishes = [Wish("mobile"), Wish("phone"), Wish("nothing like it")]
    assert {name: one.source.text for name, one in guesses(wishes, sources).items()} == {"phone": "phone"}
    assert guesses(wishes, sources, taken={"phone"}) == {}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("dana@example.com", "email"), ("+48 22 123 45 67", "phone"), ("054-234-5678", "phone"), ("2026-12-01", "date"),
        ("2026-12-01T10:00:00Z", "date"), ("1.12.2026", "date"), ("5000 ILS", "money"), ("₪ 5,000", "money"),
        ("12345678", ""), ("hello", ""), ("", ""), (12, ""), (None, ""), ("a@b", ""),
    ],
)  # fmt: skip
def test_values_tell_what_they_look_like(value: Any, kind: str) -> None:
    assert looks(value) == kind
