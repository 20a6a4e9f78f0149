"""The fields as everything but their own pages needs them: read once for a transaction, frozen, by kind of record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.fields.models import FieldRow, Of, OptionRow, Type
from hub.security.policy import sees_field

FALLBACK = "en"  # the language of a label that nobody wrote in the asked one


@dataclass(frozen=True, slots=True)
class Option:
    """One entry of a field's list. Archived, it is kept where it is chosen, and chosen no more."""

    value: str
    labels: Mapping[str, str]
    parents: frozenset[str]  # values of the parent field that it is for; empty: of all
    is_archived: bool = False

    def label(self, language: str) -> str:
        """Return what it is called: in the asked language, else in English, else its value."""
        return _label(self.labels, language, self.value)

    def is_for(self, parent: str) -> bool:
        """Say whether it goes with a value of the parent field; without one only what goes with all."""
        return not self.parents or parent in self.parents


@dataclass(frozen=True, slots=True)
class Field:
    """A field. What its values are is said beside each `Type`."""

    id: int
    public_id: UUID
    of: Of
    name: str
    type: Type
    labels: Mapping[str, str]
    mask: str = ""
    pattern: str = ""
    required: bool = False
    default: Any = None  # a value as it is kept; None: nothing
    roles: frozenset[str] = frozenset()  # who sees it; empty: everybody
    parent: str = ""  # the choice that its options depend on; an archived one counts no more
    options: tuple[Option, ...] = ()  # with those that are archived
    position: int = 0
    is_archived: bool = False

    def label(self, language: str) -> str:
        """Return what it is called: in the asked language, else in English, else its name."""
        return _label(self.labels, language, self.name)

    def offered(self, chosen_parent: str = "") -> tuple[Option, ...]:
        """Return the options that can be chosen beside a value of the parent field."""
        parent = chosen_parent if self.parent else ""
        return tuple(one for one in self.options if not one.is_archived and (not self.parent or one.is_for(parent)))

    def option(self, value: str) -> Option | None:
        """Return the option of a kept value, archived or not."""
        return next((one for one in self.options if one.value == value), None)


@dataclass(frozen=True, slots=True)
class Fields:
    """All fields as they stand now."""

    _every: Mapping[Of, tuple[Field, ...]]
    _shown: Mapping[Of, Mapping[str, Field]] = field(init=False, repr=False, compare=False)
    # Asked for every record of a page, and worked out once.
    _names: Mapping[Of, frozenset[str]] = field(init=False, repr=False, compare=False)
    _visible: dict[tuple[Of, str], Mapping[str, Field]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        shown = {of: {one.name: one for one in self.every(of) if not one.is_archived} for of in Of}
        object.__setattr__(self, "_shown", {of: MappingProxyType(named) for of, named in shown.items()})
        object.__setattr__(self, "_names", {of: frozenset(one.name for one in self.every(of)) for of in Of})

    def of(self, of: Of) -> Mapping[str, Field]:
        """Return the fields of a kind of record by name, in their order; archived ones are not among them."""
        return self._shown[of]

    def visible(self, of: Of, role: str) -> Mapping[str, Field]:
        """Return those that somebody of a role sees."""
        if (of, role) not in self._visible:
            seen = {name: one for name, one in self.of(of).items() if sees_field(role, one.roles)}
            self._visible[of, role] = MappingProxyType(seen)
        return self._visible[of, role]

    def get(self, of: Of, name: str) -> Field | None:
        """Return a field that is not archived."""
        return self.of(of).get(name)

    def names(self, of: Of) -> frozenset[str]:
        """Return what the fields are called, archived ones too."""
        return self._names[of]

    def every(self, of: Of) -> tuple[Field, ...]:
        """Return the fields in their order, archived ones too."""
        return self._every.get(of, ())


def load(session: Session) -> Fields:
    """Read all fields: two queries. They count for this transaction; an administrator may change them right after."""
    rows = session.scalars(select(FieldRow).order_by(FieldRow.position, FieldRow.id)).all()
    options: dict[int, list[OptionRow]] = {}
    if rows:
        for one in session.scalars(select(OptionRow).order_by(OptionRow.position, OptionRow.id)):
            options.setdefault(one.field_id, []).append(one)
    parents = {row.id: row.name for row in rows if row.archived_at is None}
    found: dict[Of, tuple[Field, ...]] = {}
    for of in Of:
        found[of] = tuple(_field(row, options.get(row.id, ()), parents) for row in rows if row.of == of)
    return Fields(found)


def made(fields: Iterable[Field]) -> Fields:
    """Return fields that stand in no database, such as those of a form that is not saved yet."""
    given = tuple(fields)
    return Fields({of: tuple(one for one in given if one.of == of) for of in Of})


def _field(row: FieldRow, options: Sequence[OptionRow], parents: Mapping[int, str]) -> Field:
    return Field(
        id=row.id,
        public_id=row.public_id,
        of=Of(row.of),
        name=row.name,
        type=Type(row.type),
        labels=dict(row.labels),
        mask=row.mask,
        pattern=row.pattern,
        required=row.required,
        default=row.default.get("value"),
        roles=frozenset(map(str, row.roles)),
        parent=parents.get(row.parent_id, "") if row.parent_id is not None else "",
        options=tuple(
            Option(one.value, dict(one.labels), frozenset(map(str, one.parents)), one.archived_at is not None)
            for one in options
        ),
        position=row.position,
        is_archived=row.archived_at is not None,
    )


def _label(labels: Mapping[str, str], language: str, otherwise: str) -> str:
    # A language may come with its region, such as pl_PL.
    short = language.replace("-", "_").partition("_")[0]
    return labels.get(language) or labels.get(short) or labels.get(FALLBACK) or otherwise
