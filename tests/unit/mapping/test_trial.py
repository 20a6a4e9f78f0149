from collections.abc import Mapping as MappingOf
from decimal import Decimal
from typing import Any

import pytest

from hub.errors import RecordError
from hub.mapping.load import Mapping, read_document
from hub.mapping.transforms import Context
from hub.mapping.trial import MOST_FAILING, MOST_SAMPLES, Fate, Kind, State, Stored, Summary, Tried, tried
from tests.unit.mapping.documents import REGISTRY

CONTEXT = Context(region="IL", time_zone="Asia/Jerusalem")


def mapping(**fields: Any) -> Mapping:
    given = {"stream": "contacts", "record": "party", "fields": {"remote_id": "id", **fields}}
    return read_document(given, name="acme/contacts.toml", registry=REGISTRY)


def read(values: MappingOf[str, Any]) -> object:
    if values.get("name") == "nobody":
        raise RecordError("what the mapping makes of it is no person: name: nobody")
    return values


def stored(state: State = State.APPLIED, **payload: Any) -> Stored:
    return Stored(7, "0195-7", "c-7", {"id": "c-7", **payload}, state)


LIVE = mapping(name="name", age={"from": "age", "type": "integer"})
OTHER = mapping(name="full", age={"from": "age", "type": "integer"}, city="city")


def trial(one: Stored, candidate: Mapping = OTHER, live: Mapping | str = LIVE) -> Tried:
    return tried(one, live, candidate, CONTEXT, read)


@pytest.mark.parametrize(
    ("one", "fate"),
    [
        (stored(name="Dana", full="Dana"), Fate.SKIP),
        (stored(name="Dana", full="Dana Levi"), Fate.CHANGE),
        (stored(name="Dana", full="Dana", city="Haifa"), Fate.CHANGE),
        (stored(State.WAITING, name="Dana", full="Dana"), Fate.CREATE),
        (stored(State.FILTERED, name="Dana", full="Dana Levi"), Fate.SKIP),
        (stored(name="Dana", full="nobody"), Fate.FAIL),  # the next step would refuse it
        (stored(State.FILTERED, full="nobody"), Fate.FAIL),
        (stored(State.EMPTY, name=""), Fate.SKIP),
        (stored(State.EMPTY, full="Dana"), Fate.CREATE),
        (stored(full="Dana", age="old"), Fate.FAIL),
        (stored(name="nobody", full="Dana"), Fate.CHANGE),  # taken under an older version, as it seems
    ],
)
def test_what_becomes_of_a_record(one: Stored, fate: Fate) -> None:
    assert trial(one).fate is fate


def test_a_record_that_fails_says_where_and_why() -> None:
    found = trial(stored(name="Dana", age="old"))
    assert (found.field, found.problem) == ("age", "'old' is no number")
    assert found.before is None
    assert found.after is None
    found = trial(stored(name="Dana", full="nobody"))
    assert (found.field, found.problem) == ("", "what the mapping makes of it is no person: name: nobody")
    assert found.before is not None
    found = tried(
        Stored(1, "", "", [], State.APPLIED), LIVE, mapping(name={"from": "x", "required": True}), CONTEXT, read
    )
    assert found.field == "name"
    assert "no object" in tried(Stored(1, "", "", 7, State.APPLIED), LIVE, OTHER, CONTEXT, read).problem


def test_where_no_mapping_counts_every_record_that_can_be_mapped_is_another() -> None:
    assert trial(stored(full="Dana"), live="it no longer fits").fate is Fate.CHANGE
    assert trial(stored(State.WAITING, full="Dana"), live="it no longer fits").fate is Fate.CREATE


def test_the_fields_are_counted_with_samples() -> None:
    summary = Summary()
    for at in range(MOST_SAMPLES + 5):
        summary.add(trial(stored(name=f"n{at}", full=f"N{at}", city="Haifa")))
    summary.add(trial(stored(name="Dana", full="")))
    summary.add(trial(stored(name="Dana", full="Dana", age=None)))
    assert summary.total == MOST_SAMPLES + 7
    assert summary.counts == {Fate.CHANGE: MOST_SAMPLES + 6, Fate.SKIP: 1}
    assert summary.fields["name"].counts == {Kind.CHANGED: MOST_SAMPLES + 5, Kind.BLANKED: 1}
    assert summary.fields["city"].counts == {Kind.ADDED: MOST_SAMPLES + 5}
    assert len(summary.fields["name"].samples[Kind.CHANGED]) == MOST_SAMPLES
    [blanked] = summary.fields["name"].samples[Kind.BLANKED]
    assert (blanked.remote_id, blanked.before, blanked.after) == ("c-7", "Dana", None)
    assert summary.fields.keys() == {"name", "city"}


def test_failing_records_are_counted_and_the_first_are_kept() -> None:
    summary = Summary()
    for _ in range(MOST_FAILING + 1):
        summary.add(trial(stored(name="Dana", full="nobody")))
    summary.add(trial(stored(name="nobody", full="nobody")))
    assert summary.counts[Fate.FAIL] == MOST_FAILING + 2
    assert summary.newly_failing == MOST_FAILING + 1
    assert len(summary.failing) == MOST_FAILING
    assert summary.fields == {}


@pytest.mark.parametrize(
    ("was", "becomes", "is_change"),
    [(1, True, True), (1, Decimal("1.00"), False), ("1", 1, True), (None, "", False), ([], None, False), ({}, [], False),
     ([1], [2], True), (0, None, True), (False, None, True)],
)  # fmt: skip
def test_what_is_another_value(was: Any, becomes: Any, is_change: bool) -> None:
    summary = Summary()
    summary.add(Tried(1, "", "", Fate.CHANGE, {"f": was}, {"f": becomes}))
    assert bool(summary.fields) == is_change


def test_a_field_that_is_left_out_is_blanked() -> None:
    summary = Summary()
    summary.add(trial(stored(name="Dana", age=7), mapping(name="name")))
    assert summary.fields["age"].counts == {Kind.BLANKED: 1}


def test_an_expression_that_explodes_is_a_failing_field_and_nothing_more() -> None:
    endless = mapping(name={"expr": "($f := function($n) { $f($n + 1) }; $f(1))"})
    found = trial(stored(name="Dana"), endless)
    assert (found.fate, found.field) == (Fate.FAIL, "name")
