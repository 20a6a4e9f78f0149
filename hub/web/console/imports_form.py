"""The forms of an import: how a file is read and what its columns are, as pages show them and browsers send them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from hub.errors import UserError
from hub.fields import definitions
from hub.fields.models import Of
from hub.imports import batches
from hub.imports.batches import Preview
from hub.imports.columns import NEWEST, Options
from hub.imports.models import BatchState, ImportBatch, What
from hub.imports.reading import Look, Row
from hub.imports.targets import FIELD, targets
from hub.settings import Settings
from hub.web.console import imports_words
from hub.web.typed import typed

TEXTS = ("csv", "html", "vcard", "ics")  # formats with an encoding
TABLES = ("csv", "html", "xlsx", "xls", "ods")  # formats with a header
MOST_USERS = 200  # of an old system, that are matched by hand
SAMPLES = 3  # values of a column that are shown
_OF: Mapping[What, Of] = {What.PEOPLE: Of.PERSON, What.COMPANIES: Of.COMPANY}
_TAB = "tab"  # a browser would not send the character itself


# --- how a file is read -------------------------------------------------------------------------------------------


def typed_look(form: MultiDict[str, str], look: Look) -> Look:
    """Return how a person wants a file to be read.

    Raises:
        UserError: the row of the header is no number.
    """
    chosen = look
    if "encoding" in form:
        chosen = replace(chosen, encoding=typed(form, "encoding", 40))
    if "delimiter" in form:
        given = typed(form, "delimiter", 10)
        chosen = replace(chosen, delimiter="\t" if given == _TAB else given)
    if "sheet" in form:
        chosen = replace(chosen, sheet=typed(form, "sheet"))
    if "header" in form:
        number = typed(form, "header", 8).strip()
        if not number.isascii() or not number.isdecimal():
            raise UserError("Choose the row of the header.", error_id="no_header", field="header")
        chosen = replace(chosen, header_row=int(number) - 1)
    return chosen


def delimiters(look: Look) -> list[tuple[str, Any, bool]]:
    """Return the delimiters to choose from: value, words, whether it is the present one."""
    now = _TAB if look.delimiter == "\t" else look.delimiter
    known = [(value, words, value == now) for value, words in imports_words.DELIMITERS.items()]
    return known if any(is_now for *_, is_now in known) else [*known, (now, now, True)]


def read_again(
    session: Session, settings: Settings, batch: ImportBatch, look: Look, *, what: What, region: str
) -> Preview:
    """Read a file another way, or as other rows; its columns are guessed anew, for what was chosen speaks of the old ones.

    Unlike `batches.choose` it is content with columns that are no whole import yet: they are chosen on the next page.

    Raises:
        UserError: it cannot be read like this, or was begun; nothing was changed.
    """
    if batch.state not in batches.OPEN:
        raise UserError("Only an import that was not begun can be changed.", error_id="import_state")
    batch.look, batch.what = look.as_json(), what
    batches.must_have_files(batch)
    shown = batches.preview(settings, batch, batches.SAMPLE)
    chosen, options = batches.guess(session, batch, shown.columns, [row.values for row in shown.rows], region=region)
    batch.columns, batch.options, batch.total = chosen, options.as_json(), shown.total
    batch.state, batch.found, batch.error = BatchState.LOOKED, {}, ""
    batches.forget_check(session, batch)
    session.flush()
    return shown


# --- what its columns are -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a column can be."""

    target: str
    label: Any
    has_rule: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A column of a file, with what was chosen for it."""

    at: int
    column: str
    samples: tuple[str, ...]
    target: str
    rule: str
    has_rule: bool


def choices(session: Session, what: What, language: str) -> list[Choice]:
    """Return what columns can be: the hub's own words, then the fields that administrators defined."""
    own = [Choice(one.name, imports_words.TARGETS[one.name], one.counts) for one in targets(what).values()]
    of = _OF.get(what)
    fields = definitions.load(session).of(of) if of is not None else {}
    return own + [Choice(FIELD + name, field.label(language), has_rule=True) for name, field in fields.items()]


def lines(shown: Preview, offered: Sequence[Choice], columns: Mapping[str, str], options: Options) -> list[Line]:
    """Return the columns of a file, those that are left out too."""
    ruled = {one.target for one in offered if one.has_rule}
    return [
        Line(
            at, column, _samples(shown.rows, column), target := columns.get(column, ""),
            options.rules.get(target, NEWEST), target in ruled or not target,
        )
        for at, column in enumerate(shown.columns)
    ]  # fmt: skip


def _samples(rows: Sequence[Row], column: str) -> tuple[str, ...]:
    found = dict.fromkeys(value for row in rows if (value := row.values.get(column, "").strip()))
    return tuple(found)[:SAMPLES]


def mark(columns: Sequence[str]) -> str:
    """Return what tells whether a form was made for these columns."""
    return hashlib.sha256("\0".join(columns).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def typed_columns(
    form: MultiDict[str, str], there: Sequence[str], offered: Sequence[Choice], before: Options
) -> tuple[dict[str, str], Options]:
    """Return what a person chose.

    Raises:
        UserError: the file has other columns by now.
    """
    if typed(form, "seen", 40) != mark(there):
        raise UserError("The file has other columns now.", error_id="no_column")
    chosen = {column: target for at, column in enumerate(there) if (target := typed(form, f"target-{at}"))}
    ruled = {one.target for one in offered if one.has_rule}
    rules: dict[str, str] = {}
    for at, column in enumerate(there):
        target, rule = chosen.get(column, ""), typed(form, f"rule-{at}", 20)
        if target in ruled and rule:
            rules[target] = rule if rules.get(target, rule) == rule else ""
    options = replace(
        before, rules=rules, dates=typed(form, "dates", 10), link=typed(form, "link", 1000).strip(),
        kind=typed(form, "kind", 20), users=_typed_users(form),
    )  # fmt: skip
    return chosen, options


def _typed_users(form: MultiDict[str, str]) -> dict[str, str]:
    """Return who of us old users are, as a person chose it; whoever is nobody is left out."""
    pairs = ((typed(form, f"old-user-{at}"), typed(form, f"our-user-{at}", 40)) for at in range(MOST_USERS))
    return {old: ours for old, ours in pairs if old and ours}


def old_users(batch: ImportBatch, options: Options) -> list[tuple[str, str]]:
    """Return the users of the old system of whom a person says who they are: those chosen, and those a check found."""
    names = dict.fromkeys([*options.users, *batch.found.get("strangers", {})])
    return [(name, options.users.get(name, "")) for name in names][:MOST_USERS]
