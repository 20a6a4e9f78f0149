"""What another mapping would make of stored records, beside the one that counts: who fares how, field by field. Pure."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hub.errors import RecordError
from hub.mapping.apply import FieldError, apply
from hub.mapping.load import Mapping
from hub.mapping.transforms import Context

MOST_SAMPLES = 20  # of each change of each field
MOST_FAILING = 100  # records that are kept of those that fail; all are counted


class State(StrEnum):
    """Where a stored record stands now."""

    APPLIED = "applied"
    WAITING = "waiting"  # not taken so far, or set aside
    FILTERED = "filtered"  # not for the hub, whatever a mapping makes of it
    EMPTY = "empty"  # not for the hub, for there was nothing on it


class Fate(StrEnum):
    """What would become of a record."""

    CREATE = "create"  # it was not applied so far, and now can be
    CHANGE = "change"  # other values than now
    SKIP = "skip"  # the same values, or not for the hub
    FAIL = "fail"  # it would be set aside


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it was kept."""

    id: int
    public_id: str
    remote_id: str
    payload: Any
    state: State


@dataclass(frozen=True, slots=True)
class Tried:
    """What a mapping would make of one record.

    Attributes:
        record: id of the raw record; `public_id` and `remote_id` are for people.
        before: what the mapping that counts makes of it; None: nothing, for it fails.
        after: what the other one makes of it; None: it fails, and `problem` says why.
        field: the field that failed; empty where it is not one alone.
    """

    record: int
    public_id: str
    remote_id: str
    fate: Fate
    before: MappingOf[str, Any] | None
    after: MappingOf[str, Any] | None
    problem: str = ""
    field: str = ""


def tried(
    stored: Stored,
    live: Mapping | str,
    candidate: Mapping,
    context: Context,
    read: Callable[[MappingOf[str, Any]], object],
) -> Tried:
    """Try a mapping on one record.

    Args:
        live: the mapping that counts; a text: why there is none.
        read: what the next step begins with; what it refuses fails too.
    """
    before = _made(stored, live, context, read)[0] if isinstance(live, Mapping) else None
    after, problem, at = _made(stored, candidate, context, read)
    return Tried(
        stored.id, stored.public_id, stored.remote_id, _fate(stored.state, before, after), before, after, problem, at
    )


def _made(
    stored: Stored, mapping: Mapping, context: Context, read: Callable[[MappingOf[str, Any]], object]
) -> tuple[MappingOf[str, Any] | None, str, str]:
    """Return values, or None with what is wrong and in which field."""
    try:
        values = apply(mapping, stored.payload, context, record_id=stored.remote_id)
        read(values)
    except FieldError as error:
        return None, error.problem, error.field
    except RecordError as error:
        return None, str(error), ""
    return values, "", ""


def _fate(state: State, before: MappingOf[str, Any] | None, after: MappingOf[str, Any] | None) -> Fate:
    if after is None:
        return Fate.FAIL
    if state is State.FILTERED:
        return Fate.SKIP
    if state is State.WAITING:
        return Fate.CREATE
    if before is not None and not _changes(before, after):
        return Fate.SKIP
    return Fate.CREATE if state is State.EMPTY else Fate.CHANGE


# --- field by field -----------------------------------------------------------------------------------------------


class Kind(StrEnum):
    """How one field of one record is another one."""

    ADDED = "added"  # it was empty
    CHANGED = "changed"
    BLANKED = "blanked"  # it is empty now


@dataclass(frozen=True, slots=True)
class Sample:
    """One record's field, before and after."""

    record: int
    public_id: str
    remote_id: str
    before: Any
    after: Any


@dataclass(slots=True)
class FieldChange:
    """How a field fares in all records that were tried: counts of each kind, and some of each."""

    counts: Counter[Kind] = field(default_factory=Counter)
    samples: dict[Kind, list[Sample]] = field(default_factory=lambda: {kind: [] for kind in Kind})


@dataclass(slots=True)
class Summary:
    """How the records fare that were tried so far.

    Attributes:
        fields: by name; only records count that both mappings can map.
        failing: the first of those that fail.
        newly_failing: how many fail that are applied now, or could be.
    """

    counts: Counter[Fate] = field(default_factory=Counter)
    fields: dict[str, FieldChange] = field(default_factory=dict)
    failing: list[Tried] = field(default_factory=list)
    newly_failing: int = 0

    @property
    def total(self) -> int:
        """How many records were tried."""
        return self.counts.total()

    def add(self, one: Tried) -> None:
        """Count one record."""
        self.counts[one.fate] += 1
        if one.fate is Fate.FAIL:
            self.newly_failing += one.before is not None
            if len(self.failing) < MOST_FAILING:
                self.failing.append(one)
        if one.before is None or one.after is None:
            return
        for name, kind in _changes(one.before, one.after):
            change = self.fields.setdefault(name, FieldChange())
            change.counts[kind] += 1
            if len(change.samples[kind]) < MOST_SAMPLES:
                sample = Sample(one.record, one.public_id, one.remote_id, one.before.get(name), one.after.get(name))
                change.samples[kind].append(sample)


def _changes(before: MappingOf[str, Any], after: MappingOf[str, Any]) -> list[tuple[str, Kind]]:
    found = []
    for name in dict.fromkeys((*before, *after)):
        was, becomes = before.get(name), after.get(name)
        if _is_empty(was) and _is_empty(becomes):
            continue
        if _is_empty(was):
            found.append((name, Kind.ADDED))
        elif _is_empty(becomes):
            found.append((name, Kind.BLANKED))
        elif was != becomes or isinstance(was, bool) != isinstance(becomes, bool):
            found.append((name, Kind.CHANGED))
    return found


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {}, ())
