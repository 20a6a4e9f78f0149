"""Which column of a file is what: guessed by headings in five languages and by what stands in the cells. Pure.

A person corrects the guess; what was chosen for a source before counts more than any guess (`batches.template`).
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hub.errors import UserError
from hub.identity.claims import FILL, KEEP, OVERWRITE
from hub.imports.dates import ORDERS, read_date
from hub.imports.models import What
from hub.imports.targets import FIELD, Form, Target, known, targets, words
from hub.timeline.history import PastKind

NEWEST = "newest"
RULES = (NEWEST, OVERWRITE, FILL, KEEP)
MOSTLY = 0.7  # of the cells that have something
_EMAIL = re.compile(r"[^@\s;,]+@[^@\s;,]+\.[^@\s;,.]+")
_PHONE = re.compile(r"[+(]?\d[\d\s().\-/]{6,18}\d")
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Options:
    """What else a person decides about a file.

    Attributes:
        rules: of targets of people and companies: `newest`, `overwrite`, `fill`, `keep`; not named: `newest`.
        dates: the order of day, month and year where all are numbers; empty: guessed.
        link: the old system's address of a record, with `{id}` in it; empty: none.
        kind: what all rows of a history are, where no column says it.
        users: old users by hand: how the file calls them, to the public id of ours; empty: nobody's.
    """

    rules: Mapping[str, str] = field(default_factory=dict)
    dates: str = ""
    link: str = ""
    kind: str = ""
    users: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in asdict(self).items()}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Options":
        """Return what `as_json` made, or what a person wrote.

        Raises:
            UserError: there is no such option.
        """
        if odd := sorted(set(kept) - set(cls.__dataclass_fields__)):
            raise UserError(f"There is no option {odd[0]!r} of an import.", error_id="bad_option", field=odd[0])
        for name in ("rules", "users"):
            given = kept.get(name, {})
            if not isinstance(given, Mapping) or not all(isinstance(one, str) for one in given.values()):
                raise UserError(f"{name} is a table of texts.", error_id="bad_option", field=name)
        return cls(**kept)


def check(
    what: What, columns: Mapping[str, str], options: Options, *, there: Collection[str], fields: Collection[str]
) -> None:
    """Make sure that chosen columns make sense.

    Args:
        there: the file's columns.
        fields: names of the fields that administrators defined for such rows.

    Raises:
        UserError: names the first thing that does not, and what to choose.
    """
    named: dict[str, str] = {}
    for column, target in columns.items():
        if column not in there:
            raise UserError(f"The file has no column {column!r}.", error_id="no_column", field=column)
        if not known(what, target, fields):
            offered = ", ".join([*targets(what), *(FIELD + one for one in fields)])
            raise UserError(
                f"{column}: a column cannot be {target!r}; it can be: {offered}.", error_id="no_target", field=column
            )
        is_one = target.startswith(FIELD) or not targets(what)[target].many
        if is_one and target in named:
            raise UserError(
                f"Two columns are {target}: {named[target]} and {column}. Choose one.",
                error_id="two_columns",
                field=column,
            )
        named[target] = column
    missing = next((some for some in _NEEDED[what] if not any(_has(one, named, options) for one in some)), None)
    if missing:
        raise UserError(
            f"No column is {' or '.join(missing)}. Choose one, or these rows cannot be {what}.",
            error_id="missing_column", field=missing[0],
        )  # fmt: skip
    _check_options(what, options)


def _has(target: str, named: Mapping[str, str], options: Options) -> bool:
    return target in named or (target == "kind" and bool(options.kind))


_NEEDED: Mapping[What, Sequence[Sequence[str]]] = {
    What.PEOPLE: [("name", "given", "family", "phones", "emails")],
    What.COMPANIES: [("name",)],
    What.INTERACTIONS: [("kind",), ("started_at",), ("people", "companies", "phones", "emails")],
    What.TASKS: [("title",)],
    What.USERS: [("name", "emails")],
    What.FILES: [("file",), ("started_at",), ("people", "companies", "phones", "emails")],
}


def _check_options(what: What, options: Options) -> None:
    for target, rule in options.rules.items():
        if rule not in RULES:
            raise UserError(f"{target}: {rule!r} is none of: {', '.join(RULES)}.", error_id="bad_rule", field=target)
        one = targets(what).get(target)
        if not target.startswith(FIELD) and (one is None or not one.counts):
            raise UserError(f"There is nothing to choose about {target}.", error_id="bad_rule", field=target)
    if options.dates and options.dates not in ORDERS:
        raise UserError(f"{options.dates!r} is none of: {', '.join(ORDERS)}.", error_id="bad_dates", field="dates")
    if options.kind and options.kind not in list(PastKind):
        raise UserError(f"{options.kind!r} is none of: {', '.join(PastKind)}.", error_id="bad_kind", field="kind")
    if options.link and ("{id}" not in options.link or not options.link.startswith(("https://", "http://"))):
        raise UserError(
            "The address of a record begins with https:// and has {id} where the old id stands.",
            error_id="bad_link", field="link",
        )  # fmt: skip


# --- guessed ------------------------------------------------------------------------------------------------------


def guess(
    what: What,
    there: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    *,
    labels: Mapping[str, Collection[str]] | None = None,
) -> dict[str, str]:
    """Return what the columns of a file may be; those of which nothing can be said are left out.

    Args:
        there: the columns, in their order.
        rows: the first rows.
        labels: of fields that administrators defined: what they are called, by name.
    """
    found: dict[str, str] = {}
    offered = targets(what)
    own = {words(one): FIELD + name for name, several in (labels or {}).items() for one in (name, *several)}
    taken: set[str] = set()

    def choose(column: str, target: str) -> None:
        if column not in found and (target not in taken or (target in offered and offered[target].many)):
            found[column] = target
            taken.add(target)

    for column in there:  # what is called like it before what only looks like it
        if called := words(column):
            for target in _called(offered.values(), called):
                choose(column, target)
            if called in own:
                choose(column, own[called])
    for column in there:
        cells = [cell for row in rows if (cell := row.get(column, "").strip())]
        if column not in found and cells and (target := _looks(offered, cells)):
            choose(column, target)
    return {column: found[column] for column in there if column in found}


def _called(offered: Collection[Target], heading: str) -> list[str]:
    """Return the targets that are called so, else those whose name stands at one end of the heading."""
    exact = [one.name for one in offered if heading in one.headings or heading == words(one.name)]
    if exact:
        return exact
    parts = heading.split()
    ends = {" ".join(parts[:size]) for size in range(1, len(parts))} | {
        " ".join(parts[size:]) for size in range(1, len(parts))
    }
    forms = {Form.PHONE, Form.EMAIL}
    return [one.name for one in offered if one.form in forms and not ends.isdisjoint(one.headings)]


def _looks(offered: Mapping[str, Target], cells: Sequence[str]) -> str:
    """Return what cells look like, where nearly all of them do."""
    tests: Sequence[tuple[str, Callable[[str], object]]] = (
        ("emails", _EMAIL.fullmatch),
        ("started_at", lambda cell: read_date(cell, "dmy") or read_date(cell, "mdy")),
        ("due_at", lambda cell: read_date(cell, "dmy") or read_date(cell, "mdy")),
        ("phones", _PHONE.fullmatch),
        ("urls", _URL.fullmatch),
    )
    for target, looks in tests:
        if target in offered and sum(1 for cell in cells if looks(cell)) >= MOSTLY * len(cells):
            return target
    return ""


def guess_dates(what: What, columns: Mapping[str, str], rows: Sequence[Mapping[str, str]], *, region: str = "") -> str:
    """Return the order of day, month and year in a file, by its first rows; where they do not tell, by the country."""
    offered = targets(what)
    forms = {column: offered[target].form for column, target in columns.items() if target in offered}
    cells = [row.get(column, "") for row in rows for column, form in forms.items() if form in {Form.DAY, Form.TIME}]
    usual = "mdy" if region in {"US", "PH", "FM", "MH", "PW"} else "dmy"
    other = "dmy" if usual == "mdy" else "mdy"
    read = {order: sum(1 for cell in cells if cell and read_date(cell, order)) for order in (usual, other)}
    return other if read[other] > read[usual] else usual
