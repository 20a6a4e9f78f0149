"""What the buttons of the mapping editor do to its rows. The form is handed over whole; nothing is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from flask import request
from sqlalchemy.orm import Session

from hub.intake.models import RawRecord
from hub.web.console import mapping_editor, mapping_form
from hub.web.console.mapping_editor import Target
from hub.web.console.mapping_form import Row
from hub.web.console.mapping_place import Place
from hub.web.typed import typed


@dataclass(frozen=True, slots=True)
class Edit:
    """The form as it stands when a button is pressed; `rest`: what the button says besides its verb."""

    session: Session
    place: Place
    rows: Sequence[Row]
    known: Mapping[str, Target]
    raw: RawRecord | None
    rest: str

    def at(self, target: str) -> int:
        """Return where the row of a target is; -1: nowhere."""
        return next((at for at, row in enumerate(self.rows) if row.target == target), -1)

    def changed(self, target: str, make: Callable[[Row], Row]) -> list[Row]:
        """Return the rows with one of them changed."""
        return [make(row) if row.target == target else row for row in self.rows]


Done = tuple[list[Row], str]


def edited(edit: Edit, verb: str) -> Done:
    """Return the rows after a button, and the id of what gets the focus."""
    do = _VERBS.get(verb)
    return do(edit) if do is not None else added(edit.rows, "")


def added(rows: Sequence[Row], focus: str) -> Done:
    """Add what is typed or chosen beside `Add` without pressing it: Enter in an input presses the first button of a form."""
    found = list(rows)
    target, source = typed(request.form, "add-target", 100).strip(), typed(request.form, "add-source", 4000).strip()
    if target and mapping_form.TARGET.fullmatch(target):
        found = mapping_form.with_row(found, _row_from(target, source))
        focus = _id_of(found, target)
    for at, row in enumerate(found):
        if name := typed(request.form, f"{row.target}:new-step", 100):
            found[at] = mapping_form.with_step(row, name)
            focus = focus or f"s-{at}-{len(row.steps)}"
    return found, focus


def _row_from(target: str, source: str) -> Row:
    if source.startswith("="):
        return Row(target, "expr", expr=source[1:])
    return Row(target, "from", source)


def _id_of(rows: Sequence[Row], target: str) -> str:
    """Return the id of the input that says what a field is made of."""
    return next((f"{row.how or 'default'}-{at}" for at, row in enumerate(rows) if row.target == target), "")


def _add(edit: Edit) -> Done:
    rows, focus = added(edit.rows, "")
    return rows, focus or "add-target"


def _remove(edit: Edit) -> Done:
    at, rows = edit.at(edit.rest), mapping_form.without_row(edit.rows, edit.rest)
    return rows, f"from-{min(at, len(rows) - 1)}" if rows else "add-target"


def _add_step(edit: Edit) -> Done:
    at = edit.at(edit.rest)
    rows, focus = added(edit.rows, "")
    return rows, focus or f"new-{at}"


def _of_step(edit: Edit) -> tuple[str, int, int]:
    """Return the target, its row and the step that a button speaks of."""
    target, _, number = edit.rest.rpartition(":")
    return target, edit.at(target), int(number) if number.isdecimal() and len(number) < 4 else -1


def _remove_step(edit: Edit) -> Done:
    target, at, step = _of_step(edit)
    return edit.changed(target, lambda row: mapping_form.without_step(row, step)), f"new-{at}"


def _moved_step(edit: Edit, by: int) -> Done:
    target, at, step = _of_step(edit)
    rows = edit.changed(target, lambda row: mapping_form.moved_step(row, step, by))
    last = len(rows[at].steps) - 1 if at >= 0 else 0
    to = max(0, min(step + by, last))
    way = ("up" if to > 0 else "down") if by < 0 else ("down" if to < last else "up")
    return rows, f"{way}-{at}-{to}"


def _list_values(edit: Edit) -> Done:
    at = edit.at(edit.rest)
    return edit.changed(edit.rest, lambda row: mapping_form.with_value(row, "")), f"theirs-{at}"


def _add_value(edit: Edit) -> Done:
    target, _, theirs = edit.rest.partition(":")
    at = edit.at(target)
    rows = edit.changed(target, lambda row: mapping_form.with_value(row, theirs))
    return rows, f"ours-{at}-{len(rows[at].values or ()) - 1}" if at >= 0 else ""


def _no_values(edit: Edit) -> Done:
    rows = edit.changed(edit.rest, lambda row: replace(row, values=None, unmapped="set_aside", depends_on=""))
    return rows, f"list-{edit.at(edit.rest)}"


def _suggest(edit: Edit) -> Done:
    """Make rows of what may be meant; a row that is there is never touched."""
    open_ = mapping_editor.opened(edit.session, edit.place, edit.rows, edit.known, edit.raw)
    wanted = [edit.rest] if edit.rest else list(open_.guesses)
    rows, focus = list(edit.rows), ""
    for name in wanted:
        if name not in edit.known and not mapping_form.TARGET.fullmatch(name):
            continue
        guess = open_.guesses.get(name)
        row = mapping_editor.suggestion(name, guess, edit.known) if guess else Row(name)
        rows = mapping_form.with_row(rows, row)
        focus = focus or _id_of(rows, name)
    return rows, focus or "add-target"


def _take(edit: Edit) -> Done:
    """Make a row of a source that nothing takes, for the field that was chosen beside it."""
    number, _, source = edit.rest.partition(":")
    target = typed(request.form, f"take-{number}", 100).strip()
    if not mapping_form.TARGET.fullmatch(target):
        return list(edit.rows), f"take-{number}"
    row = _row_from(target, source)
    rows = mapping_form.with_row(edit.rows, row)
    return rows, _id_of(rows, target)


_VERBS: Mapping[str, Callable[[Edit], Done]] = MappingProxyType(
    {
        "add": _add,
        "remove": _remove,
        "step-add": _add_step,
        "step-remove": _remove_step,
        "step-up": lambda edit: _moved_step(edit, -1),
        "step-down": lambda edit: _moved_step(edit, 1),
        "values": _list_values,
        "value": _add_value,
        "values-remove": _no_values,
        "suggest": _suggest,
        "take": _take,
        "find": lambda edit: (list(edit.rows), "find"),
    }
)
