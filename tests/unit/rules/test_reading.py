"""A rule as anybody writes it is read and fit to be kept, or refused with the place that is at fault."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.fields.definitions import Fields
from hub.rules import grammar, reading
from hub.rules.grammar import MOMENTS, OPERATORS, Do, Kind, Unit, When
from hub.rules.reading import Draft, DraftError

NOBODY = str(UUID(int=1))
TASK = {"do": "task", "to": ["owner"], "text": "Call {customer}", "kind": "call_back", "hours": 4}
RULE = {
    "name": "Missed", "asks": "call_missed", "after": 0, "per_hour": 100, "actions": [TASK],
    "conditions": [{"field": "call.talk_s", "operator": "at_most", "values": ["10"]}],
}  # fmt: skip
FIELDS = Fields({})


def read(**more: Any) -> Draft:
    return reading.read({**RULE, **more}, FIELDS)


def asked(**more: Any) -> dict[str, Any]:
    return {"conditions": [RULE["conditions"][0] | more]}  # type: ignore[index, operator]


def done(**more: Any) -> dict[str, Any]:
    return {"actions": [TASK | more]}


REFUSED: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"name": " \0 "}, "rule_name", "name"),
    ({"name": "x" * 201}, "rule_name_long", "name"),
    ({"asks": "full_moon"}, "rule_when", "asks"),
    ({"asks": None}, "rule_when", "asks"),
    ({"asks": "no_contact", "conditions": [], "after": 0}, "rule_whole", "after"),
    ({"asks": "no_contact", "conditions": [], "after": "1.5"}, "rule_whole", "after"),
    ({"asks": "no_contact", "conditions": [], "after": 3651}, "rule_whole", "after"),
    ({"per_hour": "many"}, "rule_whole", "per_hour"),
    ({"per_hour": 10_001}, "rule_whole", "per_hour"),
    ({"actions": []}, "rule_no_action", "actions"),
    ({"actions": "all of them"}, "rule_no_action", "actions"),
    ({"actions": [TASK] * 11}, "rule_too_many", "actions"),
    ({"conditions": [{}] * 21}, "rule_too_many", "conditions"),
    (asked(field="lead.stage"), "rule_field", "c-0-field"),
    (asked(field=["call.queue"]), "rule_field", "c-0-field"),
    (asked(operator="matches"), "rule_operator", "c-0-operator"),
    (asked(operator="contains"), "rule_operator", "c-0-operator"),
    (asked(values=[]), "rule_value", "c-0-value"),
    (asked(values=["ten"]), "rule_number", "c-0-value"),
    (asked(values=["1", "2"]), "rule_one_value", "c-0-value"),
    (asked(operator="is", values=[str(one) for one in range(51)]), "rule_values", "c-0-value"),
    (asked(field="call.queue", operator="is", values=["x" * 201]), "rule_values", "c-0-value"),
    (asked(field="call.outcome", operator="is", values=["boring"]), "rule_value", "c-0-value"),
    (asked(field="customer.known", operator="is", values=["perhaps"]), "rule_value", "c-0-value"),
    (done(do="dance"), "rule_do", "a-0-do"),
    (done(kind="wedding"), "rule_task", "a-0-kind"),
    (done(hours=-1), "rule_whole", "a-0-hours"),
    (done(to=[]), "rule_to", "a-0-to"),
    (done(to=["owner", NOBODY]), "rule_to_one", "a-0-to"),
    (done(to=["the boss"]), "rule_value", "a-0-to"),
    (done(do="assign", to=["everybody"]), "rule_value", "a-0-to"),
    (done(text=" "), "rule_text", "a-0-text"),
    (done(text="x" * 501), "rule_text_long", "a-0-text"),
    (done(text="{password}"), "rule_place", "a-0-text"),
    (done(do="field", field="importance"), "rule_field", "a-0-field"),
    (done(do="webhook", endpoint="https://evil.example"), "rule_value", "a-0-endpoint"),
)


@pytest.mark.parametrize(("more", "error_id", "field"), REFUSED)
def test_what_cannot_be_is_refused_with_its_place(more: dict[str, Any], error_id: str, field: str) -> None:
    with pytest.raises(DraftError) as told:
        read(**more)
    assert (told.value.error_id, told.value.field) == (error_id, field)


def test_what_is_left_out_is_as_usual() -> None:
    draft = read(after="17", per_hour=None, conditions=None)
    assert (draft.after, draft.per_hour, draft.conditions) == (0, 100, ()), "a call that is missed waits for nothing"
    assert read(**done(hours=None)).actions[0].hours == 24
    assert read(**done(hours=0)).actions[0].hours == 0
    assert read(**done(text=" Call \0 \n {customer} ")).actions[0].text == "Call {customer}"
    assert read(**asked(operator="filled", values=["x"])).conditions[0].values == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=9,
)
ROW = st.dictionaries(
    st.sampled_from(["field", "operator", "values", "do", "to", "text", "kind", "hours", "value", "endpoint"]),
    JSON | st.sampled_from([*Do, *grammar.Operator, "owner", "call.talk_s", "customer.name", ["1"], ["owner"], NOBODY]),
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "name": JSON, "asks": JSON | st.sampled_from(When), "after": JSON, "per_hour": JSON,
            "conditions": JSON | st.lists(ROW, max_size=3), "actions": JSON | st.lists(ROW, max_size=3),
        },
    )
)  # fmt: skip
def test_whatever_a_program_says_is_read_or_refused(given_: Mapping[str, Any]) -> None:
    with suppress(DraftError):  # anything else is a fault
        assert reading.read(given_, FIELDS).actions


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Rules that can be kept, of every kind."""
    when = draw(st.sampled_from(When))
    may_ask = grammar.known(when, FIELDS)
    words = st.text("abc דנה,.{", min_size=1, max_size=20).filter(lambda text: text.strip())
    values = {
        Kind.TEXT: words, Kind.NUMBER: st.integers(-(10**6), 10**6).map(str), Kind.YES_NO: st.sampled_from(["yes", "no"]),
        Kind.DAY: st.dates().map(str),
    }  # fmt: skip
    conditions = []
    for name in draw(st.lists(st.sampled_from(sorted(may_ask)), max_size=4)):
        one = may_ask[name]
        operator = draw(st.sampled_from(OPERATORS[one.kind]))
        some = st.sampled_from(one.options) if one.options else values[one.kind]
        most = 1 if operator in grammar.ONE_VALUE else 3
        conditions.append({
            "field": name, "operator": str(operator), "values": draw(st.lists(some, min_size=1, max_size=most)),
        })  # fmt: skip
    who = st.sampled_from(["owner", "everybody", NOBODY])
    text = st.sampled_from(["Call {customer}", "{number}: {title}", "דנה", "a { b }"])
    action = st.one_of(
        st.fixed_dictionaries({
            "do": st.just("task"), "to": st.lists(who, min_size=1, max_size=1), "text": text,
            "kind": st.sampled_from(["call_back", "follow_up"]), "hours": st.integers(0, 2160),
        }),
        st.fixed_dictionaries({
            "do": st.sampled_from(["mail", "notice"]), "to": st.lists(who, min_size=1, max_size=3), "text": text,
        }),
        st.just({"do": "assign", "to": [NOBODY]}),
        st.sampled_from([{"do": "webhook", "endpoint": ""}, {"do": "webhook", "endpoint": NOBODY}]),
    )  # fmt: skip
    unit = MOMENTS[when].unit
    return {
        "name": draw(words), "asks": str(when), "after": draw(st.integers(1, 2160)) if unit is not Unit.NONE else 0,
        "per_hour": draw(st.integers(1, 10_000)), "conditions": conditions,
        "actions": draw(st.lists(action, min_size=1, max_size=4)),
    }  # fmt: skip


@given(rules())
def test_what_is_read_is_kept_and_read_again_as_it_was(given_: dict[str, Any]) -> None:
    draft = reading.read(given_, FIELDS)
    kept = [one.as_json() for one in draft.conditions], [one.as_json() for one in draft.actions]
    assert grammar.as_kept(*kept) == (list(draft.conditions), list(draft.actions))
    again = {
        "name": draft.name, "asks": draft.when, "after": draft.after, "per_hour": draft.per_hour, "conditions": kept[0],
        "actions": kept[1],
    }  # fmt: skip
    assert reading.read(again, FIELDS) == draft
