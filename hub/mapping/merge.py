"""Three-way merge of mappings: what is shipped changed, and so did an administrator. Pure; documents are plain JSON.

Whatever only one side changed is taken over. What both changed, and not alike, is a conflict with a name: the administrator's
stays until a person chooses. Settings that mean nothing alone go together: where a value comes from, and its list of values;
entries of such a list are merged one by one where both sides kept it a list.
"""

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import Any

from hub.mapping import overlay

Document = MappingOf[str, Any]
Rule = MappingOf[str, Any]

SOURCE, VALUES = "from", "values"  # by what settings that go together are called
_GROUPS = {"from": SOURCE, "expr": SOURCE, "values": VALUES, "depends_on": VALUES, "unmapped": VALUES}
_TOGETHER = {name: tuple(setting for setting, group in _GROUPS.items() if group == name) for name in (SOURCE, VALUES)}


@dataclass(frozen=True, slots=True)
class Conflict:
    """What both sides changed, each in its own way.

    Attributes:
        setting: `from` also for `expr`, `values` also for `depends_on` and `unmapped`; empty: the whole field, which one
            side took away.
        key: of an entry of the list of values; None: the whole setting.
        base, ours, theirs: what each has there: settings with their values; None: nothing. Of an entry `{key: value}`.
    """

    field: str
    setting: str
    base: Rule | None
    ours: Rule | None
    theirs: Rule | None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of it, with ours wherever there is a conflict."""

    document: dict[str, Any]
    conflicts: tuple[Conflict, ...] = ()


def merge(base: Document, theirs: Document, ours: Document) -> Merged:
    """Merge two changes of one document.

    Args:
        base: the shipped document that ours was written over.
        theirs: the shipped document now.
        ours: the administrator's.
    """
    conflicts: list[Conflict] = []
    fields: dict[str, Any] = {}
    for name in dict.fromkeys((*ours["fields"], *theirs["fields"])):
        there = _Sides(*(one["fields"].get(name) for one in (base, theirs, ours)))
        rule = _field(name, there, conflicts)
        if rule is not None:
            fields[name] = rule
    made = {**_head(base, theirs, ours), "fields": fields}
    return Merged(overlay.in_order(made, theirs), tuple(conflicts))


def merge_overlay(base: Document, theirs: Document, ours: Document) -> Merged:
    """Merge an overlay with a change of what is under it.

    Args:
        base: the document that the overlay was written over.
        theirs: the document under it now.
        ours: the overlay.
    """
    merged = merge(base, theirs, overlay.over(base, ours))
    made = overlay.between(theirs, merged.document)["fields"]
    # A field of an overlay stays one, also where both say the same by now.
    fields = {**made, **{name: merged.document["fields"].get(name) for name in ours["fields"]}}
    return Merged({"fields": {name: fields[name] for name in sorted(fields)}}, merged.conflicts)


def take_theirs(merged: Merged, conflict: Conflict, *, is_overlay: bool = False) -> Merged:
    """Return the same with one conflict decided for the shipped side; without one that is decided already."""
    if conflict not in merged.conflicts:
        return merged
    fields = dict(merged.document["fields"])
    rule = _with_theirs(fields.get(conflict.field), conflict)
    if rule is None and not is_overlay:
        fields.pop(conflict.field, None)
    else:
        fields[conflict.field] = rule
    left = tuple(one for one in merged.conflicts if one != conflict)
    return Merged({**merged.document, "fields": fields}, left)


def _with_theirs(rule: Rule | None, conflict: Conflict) -> dict[str, Any] | None:
    if not conflict.setting:
        return None if conflict.theirs is None else dict(conflict.theirs)
    if conflict.key is not None:
        values = {name: value for name, value in (rule or {}).get(VALUES, {}).items() if name != conflict.key}
        return {**(rule or {}), VALUES: {**values, **(conflict.theirs or {})}}
    group = _TOGETHER.get(conflict.setting, (conflict.setting,))
    kept = {name: value for name, value in (rule or {}).items() if name not in group}
    return {**kept, **(conflict.theirs or {})}


# --- one field ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sides:
    """One thing as each has it."""

    base: Any
    theirs: Any
    ours: Any

    @property
    def is_theirs(self) -> bool:
        """Whether theirs is taken: ours did nothing, or the same."""
        return overlay.same(self.ours, self.base) or overlay.same(self.ours, self.theirs)

    @property
    def is_ours(self) -> bool:
        """Whether ours is taken: theirs did nothing."""
        return overlay.same(self.theirs, self.base)

    def of(self, *settings: str) -> "_Sides":
        """Return some settings as each has them."""
        sides = (self.base or {}, self.theirs or {}, self.ours or {})
        return _Sides(*({name: rule[name] for name in settings if name in rule} for rule in sides))

    def names(self) -> list[str]:
        return list(dict.fromkeys((*(self.ours or ()), *(self.theirs or ()), *(self.base or ()))))


def _field(name: str, sides: _Sides, conflicts: list[Conflict]) -> Rule | None:
    if sides.is_theirs or sides.is_ours:
        rule: Rule | None = sides.theirs if sides.is_theirs else sides.ours
        return rule
    if sides.ours is None or sides.theirs is None:
        conflicts.append(Conflict(name, "", sides.base, sides.ours, sides.theirs))
        kept: Rule | None = sides.ours
        return kept
    made: dict[str, Any] = {}
    for setting in dict.fromkeys(_GROUPS.get(one, one) for one in sides.names()):
        made |= _setting(name, setting, sides.of(*_TOGETHER.get(setting, (setting,))), conflicts)
    return made


def _setting(field: str, setting: str, sides: _Sides, conflicts: list[Conflict]) -> Rule:
    if sides.is_theirs or sides.is_ours:
        return dict(sides.theirs if sides.is_theirs else sides.ours)
    if setting == VALUES and _are_lists(sides):
        return _values(field, sides, conflicts)
    conflicts.append(Conflict(field, setting, sides.base or None, sides.ours or None, sides.theirs or None))
    return dict(sides.ours)


def _are_lists(sides: _Sides) -> bool:
    """Say whether three lists of values can be merged entry by entry: all else that is said of them agrees."""
    others = sides.of("depends_on", "unmapped")
    is_agreed = overlay.same(others.base, others.theirs) and overlay.same(others.base, others.ours)
    return is_agreed and all(isinstance(one.get(VALUES), dict) for one in (sides.base, sides.theirs, sides.ours))


def _values(field: str, sides: _Sides, conflicts: list[Conflict]) -> Rule:
    lists = _Sides(sides.base[VALUES], sides.theirs[VALUES], sides.ours[VALUES])
    values: dict[str, Any] = {}
    for key in lists.names():
        entry = lists.of(key)
        if not (entry.is_theirs or entry.is_ours):
            conflicts.append(Conflict(field, VALUES, entry.base or None, entry.ours or None, entry.theirs or None, key))
        values |= entry.theirs if entry.is_theirs else entry.ours
    return {**sides.ours, VALUES: values}


def _head(base: Document, theirs: Document, ours: Document) -> dict[str, Any]:
    """Return what a document says besides its fields. Both sides count their versions, so a new one shipped is theirs."""
    names = [name for name in dict.fromkeys((*ours, *theirs)) if name != "fields"]
    found = {name: _either(base, theirs, ours, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def _either(base: Rule, theirs: Rule, ours: Rule, name: str) -> Any:
    return ours.get(name) if theirs.get(name) == base.get(name) else theirs.get(name)
