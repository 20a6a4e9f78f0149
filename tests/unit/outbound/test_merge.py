"""Two changed copies of one record become one, and nothing is given up without a conflict."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.outbound.canonical import canonical, canonical_hash, same
from hub.outbound.merge import Conflict, Merged, Policy, Side, merge

EARLY, LATE = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 2, tzinfo=UTC)


def digits(entry: Any) -> str:
    """Know a phone by its digits."""
    text = entry.get("value", "") if isinstance(entry, dict) else str(entry)
    return "".join(letter for letter in str(text) if letter.isdigit())


def one(
    base: Any, ours: Any, theirs: Any, *, ours_at: datetime | None = EARLY, theirs_at: datetime | None = LATE, **policy: Any
) -> Merged:  # fmt: skip
    sides = [{} if value is None else {"f": value} for value in (base, ours, theirs)]
    return merge(*sides, policies={"f": Policy(**policy)}, ours_at=ours_at, theirs_at=theirs_at)


# --- One value ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "ours", "theirs", "to_remote", "to_hub", "conflicts"), [
    ("a", "a", "a", {}, {}, 0),
    ("a", "b", "a", {"f": "b"}, {}, 0),
    ("a", "a", "b", {}, {"f": "b"}, 0),
    ("a", "b", "b", {}, {}, 0),  # both changed it to the same
    ("a", None, "a", {"f": None}, {}, 0),  # taken away here
    ("a", "a", None, {}, {"f": None}, 0),  # taken away there
    (None, "a", None, {"f": "a"}, {}, 0),  # they meet for the first time
    (None, None, "a", {}, {"f": "a"}, 0),
    (None, "a", "b", {}, {"f": "b"}, 1),
    ("a", "b", "c", {}, {"f": "c"}, 1),
    ("a", None, "c", {}, {"f": "c"}, 1),  # taken away here, changed there later
    ("a", "b", None, {}, {"f": None}, 1),
    ("a", " a ", "a\r\n", {}, {}, 0),  # spelling is no change
    ("", None, "  ", {}, {}, 0),
    (0, False, 0, {"f": False}, {}, 0),  # zero and false are values, and two
    (1, 1.0, 1, {}, {}, 0),
])  # fmt: skip
def test_a_field_goes_the_way_of_who_changed_it(
    base: Any, ours: Any, theirs: Any, to_remote: dict[str, Any], to_hub: dict[str, Any], conflicts: int
) -> None:
    merged = one(base, ours, theirs)
    assert (merged.to_remote, merged.to_hub, len(merged.conflicts)) == (to_remote, to_hub, conflicts)


@pytest.mark.parametrize(("conflict", "ours_at", "theirs_at", "winner"), [
    ("newest", EARLY, LATE, Side.REMOTE),
    ("newest", LATE, EARLY, Side.HUB),
    ("newest", LATE, LATE, Side.HUB),
    ("newest", None, None, Side.HUB),
    ("newest", None, LATE, Side.REMOTE),
    ("newest", LATE, None, Side.HUB),
    ("source", LATE, EARLY, Side.REMOTE),
    ("hub", EARLY, LATE, Side.HUB),
    ("manual", EARLY, LATE, Side.NOBODY),
])  # fmt: skip
def test_the_policy_decides_when_both_changed_a_field(
    conflict: Any, ours_at: datetime | None, theirs_at: datetime | None, winner: Side
) -> None:
    merged = one("a", "b", "c", conflict=conflict, ours_at=ours_at, theirs_at=theirs_at)
    assert merged.conflicts == (Conflict("f", "a", "b", "c", winner),)
    assert merged.to_remote == ({"f": "b"} if winner is Side.HUB else {})
    assert merged.to_hub == ({"f": "c"} if winner is Side.REMOTE else {})


def test_what_a_person_must_decide_stays_as_it_is_on_both_sides() -> None:
    merged = one("a", "b", "c", conflict="manual")
    assert (merged.to_remote, merged.to_hub, merged.base) == ({}, {}, {"f": "a"})


def test_fields_without_a_policy_are_left_alone() -> None:
    merged = merge({}, {"x": 1, "f": "a"}, {"y": 2, "f": "a"}, policies={"f": Policy()})
    assert merged == Merged(base={"f": "a"})


@pytest.mark.parametrize(("write", "ours", "theirs", "goes_out"), [
    ("if_empty", "b", None, True), ("if_empty", "b", "a", False), ("never_blank", None, "a", False), ("never_blank", "b", "a", True),
])  # fmt: skip
def test_what_may_not_be_written_is_held_and_stays_held(write: Any, ours: Any, theirs: Any, goes_out: bool) -> None:
    merged = one(theirs, ours, theirs, write=write)
    assert (bool(merged.to_remote), merged.held) == (goes_out, () if goes_out else ("f",))
    if not goes_out:
        again = merge(merged.base, {"f": ours}, {"f": theirs}, policies={"f": Policy(write=write)})
        assert (again.to_hub, again.conflicts, again.held) == ({}, (), ("f",))


# --- Sets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "ours", "theirs", "to_remote", "to_hub"), [
    (["1"], ["1", "2"], ["1", "3"], ["1", "3", "2"], ["1", "2", "3"]),  # both added
    (["1", "2"], ["2"], ["1", "2", "3"], ["2", "3"], ["2", "3"]),  # one taken away here, one added there
    (["1", "2"], ["1", "2"], ["2"], None, ["2"]),
    (["1"], ["1"], [], None, None),  # the last one is taken away: emptied
    (["0-1"], ["(01)"], ["01"], None, None),  # one number, three spellings
    (None, ["1"], ["2"], ["2", "1"], ["1", "2"]),  # they meet for the first time
])  # fmt: skip
def test_sets_are_merged_entry_by_entry(base: Any, ours: Any, theirs: Any, to_remote: Any, to_hub: Any) -> None:
    merged = one(base, ours, theirs, key=digits)
    assert merged.to_remote == ({} if to_remote is None else {"f": to_remote})
    assert merged.to_hub.get("f") == to_hub
    assert not merged.conflicts


def test_a_label_changed_on_both_sides_is_a_conflict_of_that_entry_only() -> None:
    entry = {"value": "1", "type": "home"}
    merged = one([entry], [entry | {"type": "work"}], [entry | {"type": "mobile"}, {"value": "2"}], key=digits)
    assert merged.to_hub == {"f": [{"value": "1", "type": "mobile"}, {"value": "2"}]}
    assert [(c.entry, c.winner) for c in merged.conflicts] == [("1", Side.REMOTE)]


def test_an_entry_taken_away_here_and_changed_there_is_a_conflict() -> None:
    entry = {"value": "1", "type": "home"}
    merged = one([entry], [], [entry | {"type": "work"}], key=digits, conflict="hub")
    assert merged.to_remote == {"f": None}
    assert merged.conflicts == (Conflict("f", entry, None, entry | {"type": "work"}, Side.HUB, "1"),)


def test_entries_without_a_normal_form_are_told_apart_by_what_they_say() -> None:
    assert one(["ask Dana"], ["ask Dana", "x"], ["ask Dana", "y"], key=digits).to_hub == {"f": ["ask Dana", "x", "y"]}


def test_an_entry_that_a_side_has_twice_is_not_cleaned_up_by_the_way() -> None:
    assert one(["1"], ["1", "0-1", "01", "1"], ["1", "2"], key=digits).to_hub == {"f": ["1", "0-1", "01", "1", "2"]}


# --- Properties -----------------------------------------------------------------------------------------------------

WORDS = st.sampled_from([None, "", "a", "b", " a", "c", 0, 1, 1.0, False])
ENTRIES = st.lists(
    st.one_of(
        st.sampled_from(["1", "0-1", "2", "3", "x", "y", ""]),
        st.fixed_dictionaries({"value": st.sampled_from(["1", "2", "3"]), "type": st.sampled_from(["home", "work"])}),
    ),
    max_size=4,
)
SIDE = st.fixed_dictionaries(
    {}, optional={"one": WORDS, "other": WORDS, "many": st.one_of(st.none(), ENTRIES), "alien": WORDS}
)
CONFLICTS = st.sampled_from(["newest", "source", "hub", "manual"])
WRITES = st.sampled_from(["always", "if_empty", "never_blank"])
POLICIES = st.fixed_dictionaries(
    {
        "one": st.builds(Policy, CONFLICTS, WRITES),
        "other": st.builds(Policy, CONFLICTS),
        "many": st.builds(Policy, CONFLICTS, WRITES, st.just(digits)),
    }
)
TIMES = st.sampled_from([None, EARLY, LATE])


def apply(fields: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (fields | written).items() if value is not None}


@given(SIDE, SIDE, SIDE, POLICIES, TIMES, TIMES)
def test_merging_the_result_again_changes_nothing(
    base: Any, ours: Any, theirs: Any, policies: Any, ours_at: datetime | None, theirs_at: datetime | None
) -> None:
    first = merge(base, ours, theirs, policies=policies, ours_at=ours_at, theirs_at=theirs_at)
    again = merge(
        first.base,
        apply(ours, first.to_hub),
        apply(theirs, first.to_remote),
        policies=policies,
        ours_at=theirs_at,
        theirs_at=ours_at,
    )
    assert (again.to_remote, again.to_hub, again.held) == ({}, {}, first.held)
    still_open = {(c.field, c.entry) for c in first.conflicts if c.winner is Side.NOBODY}
    assert {(c.field, c.entry) for c in again.conflicts} == still_open
    assert canonical_hash(again.base, keys={"many": digits}) == canonical_hash(first.base, keys={"many": digits})


@given(SIDE, SIDE, SIDE, st.sampled_from(["source", "hub", "manual", "newest"]))
def test_the_merge_does_not_depend_on_which_side_is_which(base: Any, ours: Any, theirs: Any, conflict: Any) -> None:
    mirrored = {"source": "hub", "hub": "source"}.get(conflict, conflict)
    there = {name: Policy(conflict, key=digits if name == "many" else None) for name in ("one", "other", "many")}
    back = {name: Policy(mirrored, key=digits if name == "many" else None) for name in ("one", "other", "many")}
    one_way = merge(base, ours, theirs, policies=there, ours_at=EARLY, theirs_at=LATE)
    other_way = merge(base, theirs, ours, policies=back, ours_at=LATE, theirs_at=EARLY)
    assert (one_way.to_hub, one_way.to_remote) == (other_way.to_remote, other_way.to_hub)
    turned = {Side.HUB: Side.REMOTE, Side.REMOTE: Side.HUB, Side.NOBODY: Side.NOBODY}
    assert {(c.field, c.entry, turned[c.winner]) for c in one_way.conflicts} == {
        (c.field, c.entry, c.winner) for c in other_way.conflicts
    }


@given(SIDE, SIDE, SIDE, POLICIES)
def test_no_new_value_is_lost_without_a_conflict(base: Any, ours: Any, theirs: Any, policies: Any) -> None:
    merged = merge(base, ours, theirs, policies=policies, ours_at=EARLY, theirs_at=LATE)
    hub, remote = apply(ours, merged.to_hub), apply(theirs, merged.to_remote)
    in_conflict = {(c.field, c.entry) for c in merged.conflicts}
    for name in ("one", "other"):
        for side in (ours, theirs):
            value = side.get(name)
            if canonical(value) is None or same(value, base.get(name)) or (name, "") in in_conflict:
                continue
            assert same(value, hub.get(name)) or same(value, remote.get(name))
    known = {digits(entry) for entry in base.get("many") or ()}
    for side, name in ((ours, "many"), (theirs, "many")):
        for entry in side.get(name) or ():
            added = digits(entry)
            if added and added not in known and (name, added) not in in_conflict:
                assert added in {digits(item) for item in hub.get(name) or ()}


@given(SIDE, SIDE, SIDE, POLICIES)
def test_alien_fields_are_never_written(base: Any, ours: Any, theirs: Any, policies: Any) -> None:
    merged = merge(base, ours, theirs, policies=policies, ours_at=EARLY, theirs_at=EARLY + timedelta(days=1))
    assert "alien" not in {**merged.to_hub, **merged.to_remote, **merged.base}
