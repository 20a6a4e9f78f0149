"""What administrators do to fields: define, change, order, archive and bring them back. Each is in the audit.

A field's name and type never change and neither does an option's value, because records keep them; nothing is ever
deleted. Whoever writes holds the rows of all fields of that kind of record, so that two administrators at once can
neither close a circle of lists nor overwrite each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.fields import masks, names, value
from hub.fields.definitions import Field, Option, load
from hub.fields.masks import Mask, PatternError
from hub.fields.models import FieldRow, Of, OptionRow, Type
from hub.fields.reading import BETWEEN, folded, is_nothing
from hub.identity.said import line
from hub.security import audit
from hub.security.models import Role
from hub.security.policy import Person
from hub.settings import LANGUAGES
from hub.store.base import now
from hub.store.public import by_public_id

MOST_FIELDS = 200  # of one kind of record, archived ones too
MOST_OPTIONS = 500  # of one field, archived ones too
LONGEST_LABEL = 100
LISTS = frozenset({Type.CHOICE, Type.CHOICES})


@dataclass(frozen=True, slots=True)
class OptionDraft:
    """An entry of a list as an administrator writes it."""

    labels: Mapping[str, str]
    value: str = ""  # of a new one; empty: made of its label
    parents: Sequence[str] = ()
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A field as an administrator writes it. What cannot change any more counts only for a new one."""

    type: str
    labels: Mapping[str, str]
    name: str = ""  # empty: made of its label
    mask: str = ""
    pattern: str = ""
    required: bool = False
    default: Any = None  # as somebody types it
    roles: Sequence[str] = ()
    parent: str = ""
    options: Sequence[OptionDraft] = field(default=())


def row(session: Session, public_id: UUID) -> FieldRow:
    """Return one field.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, FieldRow, public_id, "There is no such field.")


def create(session: Session, person: Person, of: Of, draft: Draft, *, region: str = "") -> FieldRow:
    """Define a field behind the others.

    Raises:
        UserError: something of it cannot be; `field` says what.
    """
    rows = _hold(session, of)
    if len(rows) >= MOST_FIELDS:
        raise UserError(f"There are {MOST_FIELDS} fields already.", error_id="too_many_fields", field="name")
    if draft.type not in set(Type):
        raise UserError("Choose a type.", error_id="field_type", field="type")
    labels = _labels(draft.labels)
    taken = {one.name for one in rows}
    name = draft.name.strip() or names.suggested(of, labels.get("en", ""), taken)
    names.check(of, name)
    if name in taken:
        raise _taken()
    last = max((one.position for one in rows), default=-1)
    made = FieldRow(of=of, name=name, type=draft.type, position=last + 1)
    session.add(made)
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError:  # somebody else was a moment earlier
        raise _taken() from None
    _write(session, made, draft, region)
    audit.record(session, person, "field.added", "field", made.public_id, of=of, name=name, type=draft.type)
    return made


def change(
    session: Session, person: Person, public_id: UUID, draft: Draft, seen: datetime | None, *, region: str = ""
) -> FieldRow:
    """Write a field anew. Options that the draft does not name stay as they are, behind the others.

    Args:
        seen: when the field had last changed, as the administrator saw it; None: whatever it is now.

    Raises:
        NotFoundError: there is none.
        UserError: something of it cannot be; or it has changed since (`field_changed`).
    """
    changed = _held(session, public_id)
    if seen is not None and changed.changed_at != seen:
        raise UserError(
            "Somebody else has changed this field meanwhile. Look at it again.",
            error_id="field_changed",
            field="labels",
        )
    before = _told(session, changed)
    _write(session, changed, draft, region)
    after = _told(session, changed)
    if differences := {key: [before.get(key), told] for key, told in after.items() if before.get(key) != told}:
        audit.record(
            session, person, "field.changed", "field", public_id, of=changed.of, name=changed.name, changed=differences
        )
    return changed


def archive(session: Session, person: Person, public_id: UUID) -> FieldRow:
    """Show and fill a field no more; its values stay. Lists that depend on it offer all of their entries again.

    Raises:
        NotFoundError: there is none.
    """
    held = _held(session, public_id)
    if held.archived_at is None:
        held.archived_at = now()
        _touch(held)
        audit.record(session, person, "field.archived", "field", public_id, of=held.of, name=held.name)
    return held


def bring_back(session: Session, person: Person, public_id: UUID) -> FieldRow:
    """Show and fill an archived field again, with the values that it had.

    Raises:
        NotFoundError: there is none.
    """
    held = _held(session, public_id)
    if held.archived_at is not None:
        held.archived_at = None
        _touch(held)
        audit.record(session, person, "field.brought_back", "field", public_id, of=held.of, name=held.name)
    return held


def move(session: Session, person: Person, public_id: UUID, *, up: bool) -> FieldRow:
    """Show a field before the one above it, or behind the one below it; at either end nothing happens.

    Raises:
        NotFoundError: there is none.
    """
    held = _held(session, public_id)
    rows = [one for one in _hold(session, held.of) if (one.archived_at is None) == (held.archived_at is None)]
    at = rows.index(held)
    to = at - 1 if up else at + 1
    if 0 <= to < len(rows):
        rows[at], rows[to] = rows[to], rows[at]
        for position, one in enumerate(rows):
            # An order is no change of what somebody else may be writing at this moment.
            as_it_was = update(FieldRow).where(FieldRow.id == one.id)
            session.execute(as_it_was.values(position=position, changed_at=FieldRow.changed_at))
        audit.record(session, person, "field.moved", "field", public_id, of=held.of, name=held.name, place=to + 1)
    return held


def drafted(of: Of, draft: Draft, known: Field | None = None, *, region: str = "") -> Field:
    """Return a field as it would be, for a preview; what is wrong with the draft is left out. Pure."""
    parents = draft.parent if draft.type in LISTS else ""
    made = Field(
        id=known.id if known else 0,
        public_id=known.public_id if known else UUID(int=0),
        of=of,
        name=known.name if known else names.slug(draft.name)[: names.LONGEST] or "field",
        type=Type(draft.type) if draft.type in set(Type) else Type.TEXT,
        labels={language: line(text)[:LONGEST_LABEL] for language, text in draft.labels.items() if line(text)},
        mask=draft.mask,
        pattern=draft.pattern,
        required=draft.required,
        roles=frozenset(draft.roles),
        parent=parents,
        options=tuple(
            Option(one.value or f"new-{place}", dict(one.labels), frozenset(one.parents), one.is_archived)
            for place, one in enumerate(draft.options)
            if any(map(line, (one.value, *one.labels.values())))
        ),
    )
    try:
        return replace(made, default=value.read(made, draft.default, region=region))
    except value.FieldValueError:
        return made


# --- what is written ------------------------------------------------------------------------------------------------


def _hold(session: Session, of: str) -> list[FieldRow]:
    """Return all fields of a kind of record, held until the transaction ends; always in one order."""
    held = session.scalars(
        select(FieldRow).where(FieldRow.of == of).order_by(FieldRow.id).with_for_update(),
        execution_options={"populate_existing": True},
    ).all()
    return sorted(held, key=lambda one: (one.position, one.id))


def _held(session: Session, public_id: UUID) -> FieldRow:
    found = row(session, public_id)
    _hold(session, found.of)  # which reads it anew
    return found


def _touch(changed: FieldRow) -> None:
    """Say that a field has changed, later than ever before: that is what the next administrator's form is compared with."""
    changed.changed_at = max(now(), changed.changed_at + timedelta(microseconds=1))


def _write(session: Session, written: FieldRow, draft: Draft, region: str) -> None:
    kind = Type(written.type)
    written.labels = _labels(draft.labels)
    written.mask, written.pattern = _mask(kind, draft)
    written.required = draft.required
    if unknown := set(draft.roles) - set(Role):
        raise UserError(f"There is no role {min(unknown)[:40]!r}.", error_id="field_role", field="roles")
    written.roles = [role for role in Role if role in draft.roles]
    parent = _parent(session, written, kind, draft.parent)
    written.parent_id = parent.id if parent else None
    _write_options(session, written, kind, draft.options, parent)
    session.flush()
    written.default = _default(session, written, draft.default, region)
    _touch(written)
    session.flush()


def _labels(given: Mapping[str, str]) -> dict[str, str]:
    labels = {language: line(given.get(language, "")) for language in LANGUAGES}
    if not any(labels.values()):
        raise UserError("Write what it is called.", error_id="field_label", field="label-en")
    _not_too_long(labels, "label")
    return {language: text for language, text in labels.items() if text}


def _not_too_long(labels: Mapping[str, str], where: str) -> None:
    for language, text in labels.items():
        if len(text) > LONGEST_LABEL:
            raise UserError(
                f"Write at most {LONGEST_LABEL} characters.", error_id="field_long", field=f"{where}-{language}"
            )


def _mask(kind: Type, draft: Draft) -> tuple[str, str]:
    if not draft.mask:
        return "", ""
    if draft.mask not in masks.OF_TYPE.get(kind, ()):
        raise UserError("A field of this type has no such mask.", error_id="field_mask", field="mask")
    if draft.mask != Mask.PATTERN:
        return draft.mask, ""
    try:
        masks.compiled(draft.pattern)
    except PatternError as error:
        raise UserError(f"The pattern cannot be used: {error}", error_id="field_pattern", field="pattern") from error
    return draft.mask, draft.pattern


def _parent(session: Session, written: FieldRow, kind: Type, name: str) -> FieldRow | None:
    if not name or kind not in LISTS:
        return None
    named = {one.name: one for one in session.scalars(select(FieldRow).where(FieldRow.of == written.of))}
    found = named.get(name)
    if found is None or found.type != Type.CHOICE:
        raise UserError("Choose a field with one choice.", error_id="field_parent", field="parent")
    by_id = {one.id: one for one in named.values()}
    way = [written.name, found.name]
    above = found
    while (
        above is not written and above.parent_id is not None and len(way) <= len(by_id)
    ):  # a circle that is there ends
        above = by_id[above.parent_id]
        way.append(above.name)
    if above is written:
        circle = " → ".join(way)
        raise UserError(f"These lists would depend on each other: {circle}", error_id="field_circle", field="parent")
    return found


def _default(session: Session, written: FieldRow, given: Any, region: str) -> dict[str, Any]:
    made = next(one for one in load(session).every(Of(written.of)) if one.id == written.id)
    if written.parent_id is not None and not is_nothing(given):
        raise UserError(
            "What depends on another field has no default.", error_id="field_default_parent", field="default"
        )
    try:
        kept = value.read(made, given, region=region)
    except value.FieldValueError as error:
        raise UserError(f"The default does not fit: {error.text}", error_id="field_default", field="default") from error
    return {} if kept is None else {"value": kept}


# --- lists ----------------------------------------------------------------------------------------------------------


def _write_options(
    session: Session, written: FieldRow, kind: Type, given: Sequence[OptionDraft], parent: FieldRow | None
) -> None:
    if kind not in LISTS:
        return
    rows = {one.value: one for one in _options(session, written)}
    drafts = _named(given, rows)
    if not drafts and not rows:
        raise UserError("Write at least one entry.", error_id="no_options", field="option-0-en")
    if len(rows.keys() | drafts.keys()) > MOST_OPTIONS:
        raise UserError(f"A list has at most {MOST_OPTIONS} entries.", error_id="too_many_options", field="option-0-en")
    known = {one.value for one in _options(session, parent)} if parent else set()
    for place, (value_, draft) in enumerate(drafts.items()):
        if unknown := [one for one in draft.parents if one not in known] if parent else []:
            raise UserError(
                f"{parent.name if parent else ''} has no entry {unknown[0][:60]!r}.",
                error_id="option_parent",
                field=f"option-{place}-parents",
            )
        one = rows.get(value_) or OptionRow(field_id=written.id, value=value_)
        session.add(one)
        one.labels, one.position = dict(draft.labels), place
        one.parents = sorted(set(draft.parents)) if parent else []
        one.archived_at = (one.archived_at or now()) if draft.is_archived else None
    # What the form did not name stays, behind the others; without the parent that its entries were for, for all.
    for place, one in enumerate((one for key, one in rows.items() if key not in drafts), len(drafts)):
        one.position, one.parents = place, [had for had in one.parents if had in known]
    session.flush()
    _distinct(_options(session, written))


def _options(session: Session, of: FieldRow) -> list[OptionRow]:
    query = select(OptionRow).where(OptionRow.field_id == of.id).order_by(OptionRow.position, OptionRow.id)
    return list(session.scalars(query))


def _named(given: Sequence[OptionDraft], rows: Mapping[str, OptionRow]) -> dict[str, OptionDraft]:
    """Return the entries by value; lines that nothing was written in are left out."""
    found: dict[str, OptionDraft] = {}
    taken = {folded(value_) for value_ in rows}
    for place, one in enumerate(given):
        labels = {language: text for language in LANGUAGES if (text := line(one.labels.get(language, "")))}
        wanted = line(one.value)
        if not wanted and not labels:
            continue
        _not_too_long({**labels, "value": wanted}, f"option-{place}")
        first = next(iter(labels.values()), "")
        value_ = wanted or _free(names.slug(labels.get("en", "")) or first.replace(";", ","), taken)
        if BETWEEN.strip() in value_:
            raise UserError("A value has no semicolon.", error_id="option_value", field=f"option-{place}-value")
        if value_ in found or (value_ not in rows and folded(value_) in taken):
            raise UserError(f"{value_[:60]!r} is there twice.", error_id="option_twice", field=f"option-{place}-value")
        taken.add(folded(value_))
        found[value_] = replace(one, value=value_, labels=labels)
    return found


def _free(value_: str, taken: set[str]) -> str:
    value_ = value_[: LONGEST_LABEL - 5]
    numbered = (f"{value_}_{number}" for number in range(2, MOST_OPTIONS + 3))
    return next(one for one in (value_, *numbered) if folded(one) not in taken)


def _distinct(options: Iterable[OptionRow]) -> None:
    """Refuse two entries that are called the same in any language and can be chosen at the same time."""
    called: dict[str, list[OptionRow]] = {}
    for place, one in enumerate(options):
        if one.archived_at is not None:
            continue
        for word in {folded(text) for text in (one.value, *one.labels.values())}:
            for other in called.setdefault(word, []):
                if not one.parents or not other.parents or set(one.parents) & set(other.parents):
                    raise UserError(
                        f"Two entries are called {word[:60]!r}.", error_id="option_label", field=f"option-{place}-en"
                    )
            called[word].append(one)


def _told(session: Session, told: FieldRow) -> dict[str, Any]:
    """Return what the audit compares."""
    return {
        "labels": dict(told.labels),
        "mask": told.mask,
        "pattern": told.pattern,
        "required": told.required,
        "default": told.default.get("value"),
        "roles": list(told.roles),
        "parent": told.parent_id and session.get_one(FieldRow, told.parent_id).name,
        **{
            f"option {one.value}": {**one.labels, "parents": list(one.parents), "archived": one.archived_at is not None}
            for one in _options(session, told)
        },
    }


def _taken() -> UserError:
    return UserError("There is a field of this name already.", error_id="field_taken", field="name")
