"""Filters by administrators' fields on pages of lists: what the address asks for, and the inputs that show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from hub.fields import definitions, filters, seen
from hub.fields.definitions import Field
from hub.fields.filters import Asked, Shown, Wanted
from hub.fields.models import Of, Type
from hub.web.console import field_words
from hub.web.console.field_values import language
from hub.web.frame import current_person


@dataclass(frozen=True, slots=True)
class Filter:
    """One field of the disclosure."""

    field: Field
    label: str
    wanted: Wanted
    problem: str

    @property
    def name(self) -> str:
        return f"{filters.PREFIX}{self.field.name}"

    @property
    def is_range(self) -> bool:
        return self.field.type in {Type.NUMBER, Type.MONEY, Type.DATE}

    @property
    def is_list(self) -> bool:
        return self.field.type in {Type.CHOICE, Type.CHOICES}

    @property
    def text(self) -> str:
        """What stands in its only input."""
        return self.wanted.values[0] if self.wanted.values else ""


@dataclass(frozen=True, slots=True)
class MoreFilters:
    """The filters of a list by fields, as far as whoever asks sees them."""

    asked: Asked
    filters: Sequence[Filter]
    shown: Shown
    _is_sqlite: bool

    @property
    def address(self) -> dict[str, list[str]]:
        """The filters that count, as parameters of an address."""
        return self.asked.address

    @property
    def count(self) -> int:
        """How many count."""
        return len(self.asked.wanted)

    @property
    def ignored(self) -> list[str]:
        """What was asked for and is no filter here: names, and fields that cannot be looked for like this."""
        labels = {one.field.name: one.label for one in self.filters}
        return [*self.asked.ignored, *(labels.get(name, name) for name in self.asked.problems)]

    def where(self, column: Any, kind: Any = None) -> tuple[ColumnElement[bool], ...]:
        """Return what rows must fulfil; see `hub.fields.filters.where`."""
        return filters.where(column, self.asked, self.shown, is_sqlite=self._is_sqlite, kind=kind)


def of(session: Session, *ofs: Of) -> MoreFilters:
    """Read the filters of the present address."""
    known, role = definitions.load(session), current_person().role
    shown = {one: seen.fields(known, one, role) for one in ofs}
    asked = filters.asked(request.args.items(multi=True), shown)
    every: dict[str, Field] = {}
    for fields in shown.values():
        for name, field in fields.items():
            every.setdefault(name, field)
    spoken = language()
    made = [
        Filter(
            field,
            field.label(spoken),
            asked.wanted.get(name, filters.UNASKED),
            field_words.problem(asked.problems[name]) if name in asked.problems else "",
        )
        for name, field in every.items()
    ]
    return MoreFilters(asked, made, shown, session.get_bind().dialect.name == "sqlite")
