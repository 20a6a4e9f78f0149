"""What a mapping makes of one record, field by field, however many of them fail: for whoever writes a mapping. Pure.

Records are taken by `apply`, which stops at the first field that fails; here each field stands alone.
"""

import time
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.mapping.apply import LONGEST_PROBLEM, Convert, Read, compiled, cut
from hub.mapping.load import BadMappingError, Mapping, Problem, read_given
from hub.mapping.transforms import Context

LONGEST_S = 1.0  # of a whole record: a hundred expressions that each run into their limit would be ten seconds
LATE = "the fields above took too long"


@dataclass(frozen=True, slots=True)
class Shown:
    """One field of one record.

    Attributes:
        before: what stands at its place in the payload, or what its expression made.
        after: what it becomes; None: nothing.
        problem: why it becomes nothing; empty: it does not fail.
        waits_for: the field that this one depends on, and which failed.
    """

    before: Any = None
    after: Any = None
    problem: str = ""
    waits_for: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """The fields of a document that can be read; what is wrong with each of the others, by name, and with the whole."""

    mapping: Mapping | None
    wrong: MappingOf[str, str] = field(default_factory=dict)
    whole: tuple[str, ...] = ()


def read_part(like: Mapping, document: MappingOf[str, Any]) -> Part:
    """Read a document as far as it can be read; whoever writes one is in the middle of it.

    Args:
        like: the shipped mapping, for its transforms and its engine.
    """
    fields: dict[str, Any] = dict(document.get("fields", {}))
    wrong: dict[str, str] = {}
    while fields:
        try:
            given = {**document, "fields": fields}
            return Part(read_given(given, name=like.file, registry=like.registry, engine=like.engine), wrong)
        except BadMappingError as error:
            found = {one.field: one.text for one in reversed(error.problems) if one.field in fields}
            if not found:
                return Part(None, wrong, tuple(one.text for one in error.problems))
            wrong |= found
            fields = {name: rule for name, rule in fields.items() if name not in found}
            fields = _without_dependents(fields, wrong)
    return Part(None, wrong)


def _without_dependents(fields: dict[str, Any], wrong: MappingOf[str, str]) -> dict[str, Any]:
    """Let a list of values whose other field cannot be read stand for itself: its own fault it is not."""
    return {
        name: {key: value for key, value in rule.items() if key not in {"depends_on", "values", "unmapped"}}
        if isinstance(rule, dict) and rule.get("depends_on") in wrong
        else rule
        for name, rule in fields.items()
    }


def look(mapping: Mapping, payload: Any, context: Context) -> dict[str, Shown]:
    """Return what becomes of each incoming field of a record; it takes about a second at most."""
    if not isinstance(payload, dict | list):
        return {}
    made: dict[str, Any] = {}
    found: dict[str, Shown] = {}
    prepared: Any = None
    deadline = time.monotonic() + LONGEST_S
    try:
        # Not the remembered one: each letter that somebody types makes a mapping that nobody needs again.
        for name, is_expression, read, converts in compiled.__wrapped__(mapping):
            if time.monotonic() > deadline:
                found[name] = Shown(problem=LATE)
                continue
            if is_expression and prepared is None:
                prepared = _prepared(mapping, payload)
            rule = mapping.fields[name]
            other = rule.depends_on if rule.dependent and rule.depends_on else ""
            if other and found.get(other, Shown()).problem:
                found[name] = Shown(waits_for=other)
                continue
            found[name] = _field(read, converts, prepared if is_expression else payload, context, made)
            made[name] = found[name].after
    finally:
        del prepared  # it belongs to this thread
    return found


def _prepared(mapping: Mapping, payload: Any) -> Any:
    try:
        return mapping.engine.prepare(payload)
    except Exception as error:  # noqa: BLE001 - a payload is hostile; each expression says what there is no record for
        return _Unreadable(str(error))


@dataclass(frozen=True, slots=True)
class _Unreadable:
    why: str


def _field(
    read: Read, converts: Sequence[Convert], given: Any, context: Context, made: MappingOf[str, Any]
) -> Shown:  # fmt: skip
    if isinstance(given, _Unreadable):
        return Shown(problem=cut(given.why, LONGEST_PROBLEM))
    before: Any = None
    try:
        before = value = read(given)
        for convert in converts:
            value = convert(value, context, made)
    except Exception as error:  # noqa: BLE001 - whatever a payload or a transform does, only this field stops
        return Shown(before, problem=cut(str(error) or type(error).__name__, LONGEST_PROBLEM))
    return Shown(before, None if value == "" else value)


def problems_by_field(problems: Sequence[Problem]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return what is wrong by field, and what is wrong with the whole."""
    return {one.field: one.text for one in reversed(problems) if one.field}, tuple(
        one.text for one in problems if not one.field
    )
