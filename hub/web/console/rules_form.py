"""The form of a rule: what a rule says as rows of texts, and the rows made a rule again. Pure.

Rows are named `c-<at>-<what>` (conditions) and `a-<at>-<what>` (actions); where one is taken away, the others are counted anew.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from werkzeug.datastructures import MultiDict

from hub.rules.grammar import HAS, MOMENTS, OPERATORS, OWNER, Do, Kind, Known, Operator, TaskIs, When
from hub.rules.reading import MOST_ACTIONS, MOST_CONDITIONS, MOST_VALUES
from hub.web.typed import all_typed, typed

LONGEST = 2_000  # characters of one input
_ROW = re.compile(r"([ca])-([0-9]{1,4})-[a-z]+")
# One row more than there may be: whoever adds it is told so, and loses nothing.
_MOST = MappingProxyType({"c": MOST_CONDITIONS + 1, "a": MOST_ACTIONS + 1})


@dataclass(frozen=True, slots=True)
class Form:
    """A rule as its form says it; conditions and actions as `reading.read` takes them, finished or not."""

    name: str = ""
    asks: str = When.LEAD_CAME
    after: str = ""
    per_hour: str = "100"
    conditions: Sequence[Mapping[str, Any]] = ()
    actions: Sequence[Mapping[str, Any]] = field(default_factory=lambda: (new_action(),))

    def given(self) -> dict[str, Any]:
        """Return it as `reading.read` takes it."""
        return {
            "name": self.name, "asks": self.asks, "after": self.after, "per_hour": self.per_hour,
            "conditions": list(self.conditions), "actions": list(self.actions),
        }  # fmt: skip


def new_action(do: str = Do.TASK) -> dict[str, Any]:
    """Return an action of which nothing is said yet, as it usually is."""
    return {"do": str(do), "to": [OWNER], "text": "", "kind": str(TaskIs.CALL_BACK), "hours": "24"}


def of(given: Mapping[str, Any]) -> Form:
    """Return the form of a rule that is kept (`desk.as_given`), or of one that is shipped."""
    after = given["after"]
    return Form(
        given["name"], given["asks"], str(after) if after else "", str(given["per_hour"]), given["conditions"],
        given["actions"],
    )  # fmt: skip


def read(posted: MultiDict[str, str]) -> Form:
    """Return what was posted."""
    asks = typed(posted, "asks")
    asks = asks if asks in set(When) else When.LEAD_CAME
    usual = MOMENTS[When(asks)].default
    after = typed(posted, "after", 20).strip()
    if usual and typed(posted, "was") != asks:  # another `when` counts otherwise
        after = str(usual)
    return Form(
        typed(posted, "name", LONGEST), asks, after, typed(posted, "per_hour", 20).strip() or "100",
        [_condition(posted, f"c-{at}-") for at in _numbers(posted, "c")],
        [_action(posted, f"a-{at}-") for at in _numbers(posted, "a")],
    )  # fmt: skip


def _numbers(posted: MultiDict[str, str], what: str) -> list[int]:
    """Return the numbers of the rows there are; of too many only as many as show that they are."""
    found = {int(match[2]) for name in posted if (match := _ROW.fullmatch(name)) is not None and match[1] == what}
    return sorted(found)[: _MOST[what]]


def _condition(posted: MultiDict[str, str], at: str) -> dict[str, Any]:
    # Several texts stand in lines; lists are boxes, of which each is a value of its own.
    lines = [line for one in all_typed(posted, f"{at}value", LONGEST) for line in one.splitlines()]
    return {
        "field": typed(posted, f"{at}field"), "operator": typed(posted, f"{at}operator"),
        "values": [text for line in lines if (text := line.strip())][: MOST_VALUES + 1],
    }  # fmt: skip


def _action(posted: MultiDict[str, str], at: str) -> dict[str, Any]:
    found: dict[str, Any] = {"do": typed(posted, f"{at}do")}
    for name in ("text", "kind", "hours", "field", "value", "endpoint"):
        if f"{at}{name}" in posted:
            found[name] = typed(posted, f"{at}{name}", LONGEST).strip()
    if f"{at}to" in posted:
        found["to"] = all_typed(posted, f"{at}to")[: MOST_VALUES + 1]
    return found


# --- what the buttons do --------------------------------------------------------------------------------------------


def edited(form: Form, verb: str, rest: str, known: Mapping[str, Known]) -> tuple[Form, str]:
    """Return the form after a button, and the id of what gets the focus.

    Args:
        verb: again, condition, action, drop-c or drop-a; anything else changes nothing.
        rest: the number of the row, or the id of what was changed.
    """
    at = int(rest) if rest.isdecimal() and len(rest) < 5 else -1
    match verb:
        case "condition":
            rows = [*form.conditions, {"field": "", "operator": "", "values": []}]
            return replace(form, conditions=rows[: _MOST["c"]]), f"c-{len(rows) - 1}-field"
        case "action":
            rows = [*form.actions, new_action()]
            return replace(form, actions=rows[: _MOST["a"]]), f"a-{len(rows) - 1}-do"
        case "drop-c":
            kept = _without(form.conditions, at)
            return replace(form, conditions=kept), _beside("c", at, kept, "field", "add-condition")
        case "drop-a":
            kept = _without(form.actions, at)
            return replace(form, actions=kept), _beside("a", at, kept, "do", "add-action")
    return fitted(form, known), rest if re.fullmatch(r"[a-z0-9-]{1,30}", rest) else ""


def _without(rows: Sequence[Mapping[str, Any]], at: int) -> list[Mapping[str, Any]]:
    return [row for number, row in enumerate(rows) if number != at]


def _beside(what: str, at: int, rows: Sequence[object], name: str, otherwise: str) -> str:
    return f"{what}-{min(at, len(rows) - 1)}-{name}" if rows else otherwise


def fitted(form: Form, known: Mapping[str, Known]) -> Form:
    """Return the form with what goes with the fields and actions that are chosen now."""
    return replace(
        form,
        conditions=[_fitted(row, known.get(row["field"])) for row in form.conditions],
        actions=[new_action(row["do"]) | dict(row) if row["do"] in set(Do) else row for row in form.actions],
    )


def _fitted(row: Mapping[str, Any], one: Known | None) -> Mapping[str, Any]:
    if one is None:
        return row
    may = OPERATORS[one.kind]
    operator = row["operator"] if row["operator"] in set(may) else str(may[0])
    values = row["values"]
    if one.options:
        values = [value for value in values if value in one.options]
    elif one.kind is Kind.YES_NO:
        values = values if values in (["yes"], ["no"]) else ["yes"]
    return {"field": row["field"], "operator": operator, "values": values}


def pruned(form: Form) -> Form:
    """Return the form without rows in which nothing was chosen or written: before it is kept or tried."""
    return replace(
        form,
        conditions=[row for row in form.conditions if row["field"] or row["values"]],
        actions=[_trimmed(row) for row in form.actions],
    )


def _trimmed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out what another kind of action had."""
    has = HAS[Do(row["do"])] if row["do"] in set(Do) else ()
    return {name: value for name, value in row.items() if name == "do" or name in has}


def input_of(one: Known | None, operator: str) -> str:
    """Return which input a condition's values have: none, boxes, yes_no, day, number, line or lines."""
    if one is None or operator in {Operator.FILLED, Operator.EMPTY}:
        return "none"
    if one.options:
        return "boxes"
    kinds = {Kind.YES_NO: "yes_no", Kind.DAY: "day"}
    if one.kind in kinds:
        return kinds[one.kind]
    return "number" if operator in {Operator.AT_LEAST, Operator.AT_MOST} else "lines"
