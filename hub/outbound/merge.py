"""Bring two changed copies of one record together: field by field, by what both had before.

A side that did not change a field takes the other's; only where both changed it differently does the policy of the field
decide, and then what was given up stands in a conflict, for a person to see. Fields without a policy are not looked at: a
remote's own fields stay as they are.

Lists of entries (phones, addresses) are merged as sets, each entry known by its normal form: what one side added is
added, what one side took away is taken away.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from hub.outbound.canonical import Key, canonical, canonical_set, entry_key, is_list, is_plain, same

Equal = Callable[[Any, Any], bool]


class Side(StrEnum):
    HUB = "hub"
    REMOTE = "remote"
    NOBODY = ""  # a person decides


@dataclass(frozen=True, slots=True)
class Policy:
    """What a mapping says of a field; the words are those of `mappings/README.md`.

    Attributes:
        conflict: both changed it: the later change counts, the source's (the remote's), the hub's, or a person's word.
        write: of writing to the remote: always, only where it has nothing, never nothing over something.
        key: of a set, by what an entry is known; None: the value is one.
    """

    conflict: Literal["newest", "source", "hub", "manual"] = "newest"
    write: Literal["always", "if_empty", "never_blank"] = "always"
    key: Key | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Both sides changed the same. `entry` is the key within a set, empty for a whole field."""

    field: str
    base: Any
    ours: Any
    theirs: Any
    winner: Side
    entry: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """What is to be done.

    Attributes:
        to_remote, to_hub: values to be written; None means that the field is emptied.
        conflicts: also those that a policy settled.
        base: what both sides have in common once all is written; kept for the next merge.
        held: fields that differ and stay so, because `write` does not let ours go out.
    """

    to_remote: dict[str, Any] = field(default_factory=dict)
    to_hub: dict[str, Any] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    base: dict[str, Any] = field(default_factory=dict)
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What each side is to have of one field, and what both then agree on; `held`: if ours may not go out."""

    ours: Any
    theirs: Any
    base: Any
    held: Any
    conflicts: tuple[Conflict, ...] = ()


def merge(
    base: Mapping[str, Any],
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    *,
    policies: Mapping[str, Policy],
    ours_at: datetime | None = None,
    theirs_at: datetime | None = None,
) -> Merged:
    """Merge the hub's and the remote's fields.

    Args:
        base: what both had when they last agreed; empty when they meet for the first time.
        policies: of the fields that are kept in step; all others are left alone.
        ours_at, theirs_at: when each side changed; aware. With `newest` an unknown time is the older one, and of equal
            ones the hub's counts.
    """
    newer = Side.REMOTE if theirs_at and (ours_at is None or theirs_at > ours_at) else Side.HUB
    to_remote: dict[str, Any] = {}
    to_hub: dict[str, Any] = {}
    after: dict[str, Any] = {}
    conflicts: list[Conflict] = []
    held: list[str] = []
    for name, policy in policies.items():
        had, mine, other = base.get(name), ours.get(name), theirs.get(name)
        winner = _winner(policy, newer)
        if policy.key is None:
            outcome = _one(name, (had, mine, other), winner)
        else:
            outcome = _set(name, (_list(had), _list(mine), _list(other)), winner, policy.key)
        conflicts.extend(outcome.conflicts)
        agreed = outcome.base
        if not _agree(outcome.theirs, other, policy.key):
            if _may_go_out(policy, outcome.theirs, other):
                to_remote[name] = _or_none(outcome.theirs)
            else:
                held.append(name)
                agreed = outcome.held
        if not _agree(outcome.ours, mine, policy.key):
            to_hub[name] = _or_none(outcome.ours)
        if canonical(agreed) is not None:
            after[name] = agreed
    return Merged(to_remote, to_hub, tuple(conflicts), after, tuple(held))


def _winner(policy: Policy, newer: Side) -> Side:
    return {"newest": newer, "source": Side.REMOTE, "hub": Side.HUB, "manual": Side.NOBODY}[policy.conflict]


def _one(name: str, sides: tuple[Any, Any, Any], winner: Side, *, equal: Equal = same, entry: str = "") -> _Outcome:
    """Merge one value of the sides: before, ours, theirs."""
    base, ours, theirs = sides
    if equal(ours, theirs):
        return _Outcome(ours, theirs, theirs, theirs)
    if equal(ours, base):
        return _Outcome(theirs, theirs, theirs, theirs)
    if equal(theirs, base):
        return _Outcome(ours, ours, ours, theirs)
    conflict = (Conflict(name, base, ours, theirs, winner, entry),)
    match winner:
        case Side.HUB:
            return _Outcome(ours, ours, ours, theirs, conflict)
        case Side.REMOTE:
            return _Outcome(theirs, theirs, theirs, theirs, conflict)
        case _:
            return _Outcome(ours, theirs, base, base, conflict)  # each keeps its own until a person has decided


def _set(name: str, sides: tuple[list[Any], list[Any], list[Any]], winner: Side, key: Key) -> _Outcome:
    """Merge a set, entry by entry; each side keeps its order and spelling where nothing changed."""

    def equal(one: Any, other: Any) -> bool:
        if one is None or other is None:
            return one is other
        return (is_plain(one, key) and is_plain(other, key)) or same(one, other)

    had, ours, theirs = (_by_key(side, key) for side in sides)
    results = {
        known: _one(name, (had.get(known), ours.get(known), theirs.get(known)), winner, equal=equal, entry=known)
        for known in {**theirs, **ours, **had}
    }
    return _Outcome(
        _rebuilt(sides[1], {known: result.ours for known, result in results.items()}, key),
        _rebuilt(sides[2], {known: result.theirs for known, result in results.items()}, key),
        [result.base for result in results.values() if result.base is not None],
        [result.held for result in results.values() if result.held is not None],
        tuple(conflict for result in results.values() for conflict in result.conflicts),
    )


def _by_key(entries: Sequence[Any], key: Key) -> dict[str, Any]:
    """Return entries by their key, of two with one key the first."""
    found: dict[str, Any] = {}
    for entry in entries:
        found.setdefault(entry_key(entry, key), entry)
    return found


def _rebuilt(entries: Sequence[Any], results: Mapping[str, Any], key: Key) -> list[Any]:
    """Return a side's list with what is to become of each entry; what is new comes last."""
    rebuilt, seen = [], set()
    for entry in entries:
        known = entry_key(entry, key)
        if results[known] is not None:
            rebuilt.append(entry if known in seen else results[known])
        seen.add(known)
    return rebuilt + [entry for known, entry in results.items() if known not in seen and entry is not None]


def _list(value: Any) -> list[Any]:
    """Return the entries of a set that say something."""
    entries = list(value) if is_list(value) else [value]
    return [entry for entry in entries if canonical(entry) is not None]


def _agree(one: Any, other: Any, key: Key | None) -> bool:
    if key is None:
        return same(one, other)
    return bool(canonical_set(_list(one), key) == canonical_set(_list(other), key))


def _may_go_out(policy: Policy, value: Any, there: Any) -> bool:
    match policy.write:
        case "if_empty":
            return canonical(there) is None
        case "never_blank":
            return canonical(value) is not None
        case _:
            return True


def _or_none(value: Any) -> Any:
    return None if canonical(value) is None else value
