"""The editor's form: rows of texts, and a mapping of them again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from hub.mapping.load import content, read_document
from hub.mapping.transforms import Registry
from hub.web.console import mapping_form
from hub.web.console.mapping_form import Row, Step, arguments, document_of, is_cut, meant, read, rows_of, shown

REGISTRY = Registry()
PLAIN = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5)
VALUES = st.dictionaries(
    st.text(min_size=1, max_size=4), PLAIN.filter(lambda one: one is not None), min_size=1, max_size=3
)


def document(**fields: Any) -> dict[str, Any]:
    return {"stream": "s", "record": "r", "fields": fields}


def again(**fields: Any) -> dict[str, Any]:
    made = document(**fields)
    return dict(document_of(rows_of(made), made, REGISTRY)["fields"])


@given(PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.text(max_size=3), PLAIN, max_size=2))
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    back = meant(shown(value))
    assert (back, type(back)) == ((value, type(value)) if value is not None else ("", str))


RULES: list[dict[str, Any]] = [
    {"from": "a.b"},
    {"expr": "$trim(a)", "required": True, "default": 0},
    {"default": "x"},
    {"from": "a", "transform": [{"name": "truncate", "length": 3}, {"name": "decimal", "comma": True, "each": True}]},
    {"from": "a", "transform": [{"name": "join", "separator": ", "}, {"name": "default", "to": {"a": [1, None]}}]},
    {"from": "a", "transform": [{"name": "join", "separator": ""}]},
    {"from": "a", "transform": [{"name": "lookup", "values": {"a": 1}, "otherwise": "=x"}]},
    {"from": "a", "transform": [{"name": "split", "separator": "=", "part": -1}]},
    {"from": "a", "values": {"x": 1, "y": False, "z": "=1", "": "e"}, "unmapped": "pass"},
    {"from": "a", "values": {"x": {"1": "one"}, "": {"2": "two"}}, "depends_on": "other"},
    {"from": "a", "direction": "both", "conflict": "hub", "write": "if_empty", "type": "list"},
]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_comes_back_as_it_was(rule: dict[str, Any]) -> None:
    assert again(other="o", f=rule)["f"] == rule
    both = document(other="o", f=rule)
    read_document(both, name="x", registry=REGISTRY)


@given(VALUES)
def test_a_list_of_values_comes_back_as_it_was(values: dict[str, Any]) -> None:
    made = read_document(document(f={"from": "a", "values": values}), name="x", registry=REGISTRY)
    assert again(**made.as_json()["fields"]) == content(made.document)["fields"]


@pytest.mark.parametrize(
    "rule", [None, 7, [], {}, {"from": 7}, {"transform": 7}, {"transform": [{}, 3, {"name": 3}]}, {"values": [1]}]
)
def test_a_draft_may_hold_anything(rule: Any) -> None:
    assert isinstance(again(f=rule)["f"], dict)
    assert rows_of({"fields": 7}) == []


def test_what_is_required_comes_first_and_the_rest_in_its_order() -> None:
    made = document(b="b", a="a", c={"from": "c", "required": True}, id="id")
    assert [row.target for row in rows_of(made, ["id"])] == ["c", "id", "b", "a"]


def test_what_was_posted_is_read_by_what_the_transforms_take() -> None:
    form: MultiDict[str, str] = MultiDict(
        [
            ("row", "f"), ("row", "f"), ("f:how", "from"), ("f:from", " =$trim(a) "), ("f:step", "truncate"),
            ("f:step", "decimal"), ("f:step", "no_such"), ("f:0:length", "7"), ("f:0:evil", "x"), ("f:1:comma", "on"),
            ("f:1:each", "on"), ("f:empty", "default"), ("f:default", "=[1]"), ("f:more", "on"),
        ]
    )  # fmt: skip
    [row] = read(form, REGISTRY)
    assert (row.how, row.expr, row.is_open) == ("expr", "$trim(a)", True)
    made = document_of([row], document(), REGISTRY)["fields"]["f"]
    assert made == {
        "expr": "$trim(a)",
        "transform": [{"name": "truncate", "length": 7}, {"name": "decimal", "comma": True, "each": True}, {"name": "no_such"}],
        "default": [1],
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "\r", "=\n"])
def test_a_text_of_lines_stands_in_an_input_of_one(text: str) -> None:
    assert "\n" not in shown(text)
    assert "\r" not in shown(text)
    assert meant(shown(text)) == text


def test_what_is_cut_is_told() -> None:
    def posted(*more: tuple[str, str], rows: int = 1) -> bool:
        return is_cut(MultiDict([*(("row", f"f{at}") for at in range(rows)), *more]))

    most, values = [("f0:theirs", "x")] * mapping_form.MOST_VALUES, [("f0:theirs", "")] * 2  # lines to write in
    assert not posted(*most, *values, ("f0:expr", "x" * mapping_form.LONGEST), rows=mapping_form.MOST_ROWS)
    assert posted(rows=mapping_form.MOST_ROWS + 1)
    assert posted(*most, ("f0:theirs", "x"))
    assert posted(("f0:default", "x" * (mapping_form.LONGEST + 1)))
    assert posted(*[("f0:step", "trim")] * (mapping_form.MOST_STEPS + 1))
    assert posted(("row", "f" * (mapping_form.LONGEST_TARGET + 1)))


def test_a_suggestion_is_one_until_somebody_changes_it() -> None:
    form: MultiDict[str, str] = MultiDict(
        [("row", "f"), ("f:how", "from"), ("f:from", "a"), ("f:suggested", "from:a"), ("f:empty", "")]
    )
    assert read(form, REGISTRY)[0].is_suggested
    form["f:from"] = "b"
    assert not read(form, REGISTRY)[0].is_suggested


def test_inputs_are_what_the_signature_has() -> None:
    transforms = {one.name: one for one in REGISTRY}
    assert [(one.name, one.kind, one.required, one.usual) for one in arguments(transforms["pad"])] == [
        ("width", "number", True, ""), ("fill", "text", False, "0"),
    ]  # fmt: skip
    [comma] = arguments(transforms["decimal"], Step("decimal", arguments={"comma": "=true"}))
    assert (comma.kind, comma.value) == ("check", "yes")
    assert [one.kind for one in arguments(transforms["lookup"])] == ["any", "any"]


def test_steps_change_places_and_nothing_falls_off_the_ends() -> None:
    row = Row("f", steps=(Step("trim"), Step("upper")))
    assert [one.name for one in mapping_form.moved_step(row, 1, -1).steps] == ["upper", "trim"]
    for at, by in ((0, -1), (1, 1), (-1, 1), (7, -1)):
        assert mapping_form.moved_step(row, at, by) == row
    assert mapping_form.without_step(row, 9) == row
