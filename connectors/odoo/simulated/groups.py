"""Sums by group: `formatted_read_group` of Odoo 19 and the older `read_group`.

Source: https://www.odoo.com/documentation/19.0/developer/reference/backend/orm.html#odoo.models.Model.formatted_read_group;
shapes recorded from 19.0: relations as [id, name], months as [first day, words], sums of nothing as false.
"""

import calendar
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from connectors.odoo.simulated.domain import understood
from connectors.odoo.simulated.errors import no_field_named, value_error
from connectors.odoo.simulated.schema import NUMBERS, Model, Row
from connectors.odoo.simulated.search import Searcher, ordered
from connectors.odoo.simulated.store import View
from connectors.odoo.simulated.values import noise, wire

_LENGTHS = ("day", "month", "year")
_TIMES = frozenset({"date", "datetime"})


@dataclass(frozen=True, slots=True)
class GroupBy:
    """One thing to group by, such as `invoice_date:month`."""

    text: str
    field: str
    length: str = ""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One figure of a group, such as `amount_total:sum`."""

    text: str
    field: str
    how: str


@dataclass(frozen=True, slots=True)
class Group:
    """Records that have the same values."""

    keys: Sequence[Any]
    rows: Sequence[Row]


class Grouper:
    """Groups the records of one model that a domain matches."""

    def __init__(self, view: View, searcher: Searcher, model: Model, *, noisy: bool = False) -> None:
        self._view, self._searcher, self._model, self._noisy = view, searcher, model, noisy

    def grouped(self, domain: Any, groupby: Sequence[str]) -> tuple[list[GroupBy], list[Group]]:
        """Return the groups in their usual order. Raises OdooError."""
        by = [self._by(one) for one in groupby]
        asked = understood(self._view, self._model, domain)
        found: dict[tuple[Any, ...], list[Row]] = {}
        for row in self._searcher.matching(self._model, asked):
            found.setdefault(tuple(self._key(one, row) for one in by), []).append(row)
        if not by:
            found.setdefault((), [])
        groups = [Group(keys, rows) for keys, rows in found.items()]
        return by, sorted(
            groups, key=lambda one: [self._place(what, key) for what, key in zip(by, one.keys, strict=True)]
        )

    def _by(self, text: str) -> GroupBy:
        name, _, length = text.partition(":")
        field = self._model.fields.get(name)
        if field is None or not field.stored:
            raise no_field_named(name, self._model.name)
        if field.type in _TIMES:
            length = length or "month"
            if length not in _LENGTHS:
                raise value_error(f"Invalid granularity {length!r} for {text!r}")
        elif length:
            raise value_error(f"Invalid groupby {text!r}")
        return GroupBy(text, name, length)

    def _key(self, by: GroupBy, row: Row) -> Any:
        value = row[by.field]
        return _begin(value, by.length) if by.length and value is not None else value

    def _place(self, by: GroupBy, key: Any) -> tuple[bool, Any]:
        """Where a group stands: relations by name, texts by letters, empty ones last."""
        if key is None:
            return True, 0
        relation = self._model.fields[by.field].relation
        return False, self._view.name_of(relation, key) if relation else key

    # -- words ----------------------------------------------------------------------------------------------------------

    def aggregates(self, texts: Sequence[str]) -> list[Aggregate]:
        """Read the figures that are asked for. Raises OdooError."""
        return [self._aggregate(one) for one in texts]

    def _aggregate(self, text: str) -> Aggregate:
        name, _, how = text.partition(":")
        if name == "__count":
            return Aggregate(text, "", "count")
        field = self._model.fields.get(name)
        if field is None:
            raise no_field_named(name, self._model.name, f" for {text!r}.")
        if not field.stored:
            raise value_error(f"Cannot convert {self._model.name}.{name} to SQL because it is not stored")
        if how not in _HOW:
            raise value_error(f"Invalid aggregate method {how!r} for {text!r}.")
        return Aggregate(text, name, how)

    def figure(self, one: Aggregate, group: Group) -> Any:
        """What a figure comes to in a group."""
        if one.how == "count":
            return len(group.rows)
        found = [row[one.field] for row in group.rows if row[one.field] is not None]
        if one.how == "count_distinct":
            return len(set(found))
        if one.how == "array_agg":
            return sorted(found)
        if not found:
            return False
        total = _HOW[one.how](found)
        if self._model.fields[one.field].type in NUMBERS:
            return int(total) if self._model.fields[one.field].type == "integer" else self._float(total)
        tell = wire(self._view, self._model, one.field)
        return tell({one.field: total})

    def _float(self, total: Decimal) -> float:
        return noise(total) if self._noisy else float(total)

    def shown(self, by: GroupBy, key: Any) -> Any:
        """A group's value as Odoo 19 tells it."""
        if by.length:
            return [key.isoformat(), _words(key, by.length)] if key is not None else False
        return wire(self._view, self._model, by.field)({by.field: key})

    def conditions(self, by: GroupBy, key: Any) -> list[Any]:
        """The condition that a group's records fulfil."""
        if key is None:
            return [[by.field, "=", False]]
        if by.length:
            return ["&", [by.field, ">=", key.isoformat()], [by.field, "<", _end(key, by.length).isoformat()]]
        return [[by.field, "=", key]]

    # -- answers --------------------------------------------------------------------------------------------------------

    def formatted(
        self, domain: Any, groupby: Sequence[str], aggregates: Sequence[str], offset: int, limit: int | None, order: Any
    ) -> list[dict[str, Any]]:
        """What `formatted_read_group` answers. Raises OdooError."""
        figures = self.aggregates(aggregates)
        by, groups = self.grouped(domain, groupby)
        told = []
        for group in self._in_order(groups, by, figures, order)[offset : offset + limit if limit else None]:
            shown = {one.text: self.shown(one, key) for one, key in zip(by, group.keys, strict=True)}
            parts = [self.conditions(one, key) for one, key in zip(by, group.keys, strict=True)]
            shown["__extra_domain"] = _and(parts) or [[1, "=", 1]]
            told.append(shown | {one.text: self.figure(one, group) for one in figures})
        return told

    def _in_order(
        self, groups: list[Group], by: Sequence[GroupBy], figures: Sequence[Aggregate], order: Any
    ) -> list[Group]:
        if not order:
            return groups
        texts = {one.text: one for one in figures}
        for part in reversed(str(order).split(",")):
            name, *way = part.split()
            is_down = [one.lower() for one in way] == ["desc"]
            at = next((number for number, one in enumerate(by) if one.text == name), None)
            if name in texts:
                groups = sorted(groups, key=partial(self._by_figure, texts[name]), reverse=is_down)
            elif at is not None:
                groups = sorted(groups, key=partial(self._by_key, by[at], at), reverse=is_down)
            else:
                ordered(self._model, part)
        return groups

    def _by_figure(self, figure: Aggregate, group: Group) -> Any:
        return self.figure(figure, group) or 0

    def _by_key(self, by: GroupBy, at: int, group: Group) -> Any:
        return self._place(by, group.keys[at])

    def older(self, domain: Any, fields: Sequence[str], groupby: Sequence[str], *, lazy: bool) -> list[dict[str, Any]]:
        """What `read_group` answers: the first level only where it is lazy. Raises OdooError."""
        groupby, rest = (groupby[:1], list(groupby[1:])) if lazy else (groupby, [])
        figures = [self._aggregate(one if ":" in one else f"{one}:sum") for one in fields if one != "__count"]
        by, groups = self.grouped(domain, groupby)
        count = f"{by[0].field}_count" if lazy and by else "__count"
        told = []
        for group in groups:
            shown: dict[str, Any] = {}
            spans: dict[str, Any] = {}
            for one, key in zip(by, group.keys, strict=True):
                shown[one.text] = _words(key, one.length) if one.length and key is not None else self.shown(one, key)
                if one.length:
                    spans[one.text] = (
                        {"from": key.isoformat(), "to": _end(key, one.length).isoformat()} if key else False
                    )
            parts = [list(domain or []), *(self.conditions(one, key) for one, key in zip(by, group.keys, strict=True))]
            shown |= {count: len(group.rows), **{one.field: self.figure(one, group) for one in figures}}
            shown["__domain"] = _and([one for one in parts if one])
            if lazy and rest:
                shown["__context"] = {"group_by": rest}
            told.append(shown | ({"__range": spans} if spans else {}))
        return told


_HOW: dict[str, Callable[[list[Any]], Any]] = {
    "sum": lambda found: sum(found, Decimal(0)),
    "avg": lambda found: sum(found, Decimal(0)) / len(found),
    "min": min,
    "max": max,
    "count": len,
    "count_distinct": lambda found: len(set(found)),
    "array_agg": sorted,
}


def _and(parts: Sequence[list[Any]]) -> list[Any]:
    """Join domains; conditions that all hold stand behind as many `&`, as Odoo writes them."""
    flat = [term for part in parts for term in part]
    if any(one in ("|", "!") for one in flat if isinstance(one, str)):
        joints = sum(isinstance(one, str) and one in ("&", "|") for one in flat)
        return ["&"] * (sum(not isinstance(one, str) for one in flat) - 1 - joints) + flat
    leaves = [one for one in flat if not isinstance(one, str)]
    return ["&"] * (len(leaves) - 1) + leaves


def _begin(value: date, length: str) -> date:
    plain = value.date() if isinstance(value, datetime) else value
    return plain.replace(day=1, month=1) if length == "year" else plain.replace(day=1) if length == "month" else plain


def _end(begin: date, length: str) -> date:
    if length == "day":
        return begin + timedelta(days=1)
    if length == "year":
        return begin.replace(year=begin.year + 1)
    return begin + timedelta(days=calendar.monthrange(begin.year, begin.month)[1])


def _words(begin: date, length: str) -> str:
    return {"day": f"{begin:%d %b %Y}", "month": f"{begin:%B %Y}", "year": f"{begin:%Y}"}[length]
