from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping import overlay
from hub.mapping.merge import Conflict, merge, merge_overlay, take_theirs
from tests.unit.mapping.documents import documents

SOME = settings(max_examples=40)  # three documents each; the cases below are the ones that matter


def document(version: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "stream": "contacts",
        "record": "party",
        "version": version,
        "fields": {"remote_id": {"from": "id"}, **fields},
    }


def merged(base: Any, theirs: Any, ours: Any) -> Any:
    """Merge three rules of one field; returns the rule and the conflicts."""
    one, two, three = ({} if rule is None else {"f": rule} for rule in (base, theirs, ours))
    found = merge(document(**one), document(**two), document(**three))
    return found.document["fields"].get("f"), found.conflicts


# --- whatever comes -----------------------------------------------------------------------------------------------


@SOME
@given(documents(), documents())
def test_what_only_one_side_changed_is_taken_over(base: dict[str, Any], other: dict[str, Any]) -> None:
    for found in (merge(base, base, other), merge(base, other, base), merge(base, other, other)):
        assert overlay.same(found.document, other)
        assert not found.conflicts


@SOME
@given(documents(), documents(), documents())
def test_ours_stays_until_somebody_chooses(base: dict[str, Any], theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    found = merge(base, theirs, ours)
    for one in found.conflicts:
        rule = found.document["fields"].get(one.field)
        if not one.setting:
            assert rule == one.ours
        elif one.key is not None:
            assert {key: value for key, value in rule["values"].items() if key == one.key} == (one.ours or {})
        else:
            assert all(rule.get(name) == value for name, value in (one.ours or {}).items())


@SOME
@given(documents(), documents(), documents(), st.randoms(use_true_random=False))
def test_whoever_takes_theirs_everywhere_has_nothing_left_to_choose(
    base: dict[str, Any], theirs: dict[str, Any], ours: dict[str, Any], random: Any
) -> None:
    first = merge(base, theirs, ours)
    found = first
    order = list(first.conflicts)
    random.shuffle(order)
    for one in order:
        found = take_theirs(found, one)
    assert not found.conflicts
    # Nothing is left of ours but what theirs never touched.
    again = merge(base, theirs, found.document)
    assert not again.conflicts or not first.conflicts
    assert overlay.same(again.document, found.document)


@SOME
@given(documents(), documents(), documents())
def test_an_overlay_is_merged_as_the_mapping_that_it_makes(
    base: dict[str, Any], theirs: dict[str, Any], wanted: dict[str, Any]
) -> None:
    ours = overlay.between(base, wanted)
    found = merge_overlay(base, theirs, ours)
    whole = merge(base, theirs, overlay.over(base, ours))
    assert overlay.same(overlay.over(theirs, found.document)["fields"], whole.document["fields"])
    assert found.conflicts == whole.conflicts
    assert ours["fields"].keys() <= found.document["fields"].keys()


# --- the cases ----------------------------------------------------------------------------------------------------


def test_two_settings_of_one_field_changed_by_each_are_both_taken() -> None:
    rule, conflicts = merged(
        {"from": "tel"}, {"from": "phone"}, {"from": "tel", "transform": [{"name": "trim"}], "write": "if_empty"}
    )
    assert rule == {"from": "phone", "transform": [{"name": "trim"}], "write": "if_empty"}
    assert conflicts == ()


def test_a_setting_that_both_changed_is_named() -> None:
    rule, conflicts = merged({"from": "tel"}, {"from": "phone"}, {"from": "mobile", "required": True})
    assert rule == {"from": "mobile", "required": True}
    assert conflicts == (Conflict("f", "from", {"from": "tel"}, {"from": "mobile"}, {"from": "phone"}),)


def test_a_path_and_an_expression_never_come_together() -> None:
    rule, conflicts = merged({"from": "tel"}, {"expr": "a & b"}, {"from": "mobile"})
    assert rule == {"from": "mobile"}
    assert [one.setting for one in conflicts] == ["from"]
    found = merge(document(f={"from": "tel"}), document(f={"expr": "a & b"}), document(f={"from": "mobile"}))
    assert take_theirs(found, found.conflicts[0]).document["fields"]["f"] == {"expr": "a & b"}


def test_lists_of_values_are_merged_entry_by_entry() -> None:
    def rule(**values: str) -> dict[str, Any]:
        return {"from": "s", "values": values, "unmapped": "pass"}

    found, conflicts = merged(rule(A="a", B="b"), rule(A="a", B="new", C="c"), rule(A="ours", B="b", D="d"))
    assert found == rule(A="ours", B="new", D="d", C="c")
    assert conflicts == ()
    found, conflicts = merged(rule(A="a", B="b"), rule(A="theirs"), rule(A="ours", B="mine"))
    assert found == rule(A="ours", B="mine")
    assert conflicts == (
        Conflict("f", "values", {"A": "a"}, {"A": "ours"}, {"A": "theirs"}, key="A"),
        Conflict("f", "values", {"B": "b"}, {"B": "mine"}, None, key="B"),
    )


def test_theirs_of_one_entry_leaves_the_others_as_they_are() -> None:
    base, theirs, ours = (
        document(f={"from": "s", "values": values}) for values in ({"A": "a"}, {"A": "b"}, {"A": "c", "D": "d"})
    )
    found = merge(base, theirs, ours)
    assert take_theirs(found, found.conflicts[0]).document["fields"]["f"]["values"] == {"A": "b", "D": "d"}


def test_a_list_that_depends_on_a_field_and_one_that_does_not_are_one_choice() -> None:
    plain = {"from": "s", "values": {"A": "a"}}
    dependent = {"from": "s", "values": {"IL": {"A": "x"}}, "depends_on": "country"}
    found, conflicts = merged(plain, dependent, {"from": "s", "values": {"A": "b"}})
    assert found == {"from": "s", "values": {"A": "b"}}
    assert [(one.setting, one.key) for one in conflicts] == [("values", None)]


@pytest.mark.parametrize(
    ("base", "theirs", "ours", "kept", "is_conflict"),
    [
        ({"from": "a"}, None, {"from": "a"}, None, False),  # taken away there
        ({"from": "a"}, {"from": "a"}, None, None, False),  # taken away here
        ({"from": "a"}, None, {"from": "b"}, {"from": "b"}, True),
        ({"from": "a"}, {"from": "b"}, None, None, True),
        ({"from": "a"}, None, None, None, False),
        (None, {"from": "a"}, {"from": "a"}, {"from": "a"}, False),
        (None, {"from": "a"}, {"from": "b"}, {"from": "b"}, True),
        (None, {"from": "a"}, None, {"from": "a"}, False),
    ],
)
def test_fields_come_and_go(base: Any, theirs: Any, ours: Any, kept: Any, is_conflict: bool) -> None:
    assert merged(base, theirs, ours)[0] == kept
    assert bool(merged(base, theirs, ours)[1]) == is_conflict


def test_a_field_that_is_gone_there_may_be_let_go() -> None:
    found = merge(document(f={"from": "a"}), document(), document(f={"from": "b"}))
    assert "f" not in take_theirs(found, found.conflicts[0]).document["fields"]
    over = merge_overlay(document(f={"from": "a"}), document(), {"fields": {"f": {"from": "b"}}})
    assert take_theirs(over, over.conflicts[0], is_overlay=True).document == {"fields": {"f": None}}


def test_the_number_of_what_is_shipped_is_theirs_to_count() -> None:
    assert merge(document(2), document(5), document(3)).document["version"] == 5
    assert merge(document(2), document(2), document(3)).document["version"] == 3


def test_a_truth_value_instead_of_a_number_is_a_change() -> None:
    rule, conflicts = merged({"default": 1}, {"default": 1, "required": True}, {"default": True})
    assert rule["default"] is True
    assert conflicts == ()
