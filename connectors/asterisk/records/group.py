"""Puts the rows of one conversation together while they stream past."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from connectors.asterisk.records.rows import UNIQUEID, CdrRow, CelRow

RowT = TypeVar("RowT", bound=CdrRow | CelRow)

# Asterisk takes the next channel within the same instant; a name seen again after this belongs to another call,
# since names are counted from zero after each restart.
_SAME_CHANNEL_S = 5.0
# A channel's number of the day is given in order, its row a few ms later: so much later and smaller means a restart.
_RESTART_S = 5
_MOST_GROUPS = 50_000


@dataclass(slots=True, eq=False)
class Group(Generic[RowT]):
    """The rows known of one conversation."""

    first: Any  # mark of its first row; marks of one reading compare
    since: datetime
    until: datetime
    numbered: list[tuple[int, RowT]] = field(default_factory=list)
    open: set[str] = field(default_factory=set)  # channels that have begun and not ended
    names: set[str] = field(default_factory=set)  # tokens by which rows find this group
    fresh: bool = False  # has something that was not there when it was last given out
    dead: bool = False  # the exchange restarted before its end

    @property
    def rows(self) -> list[RowT]:
        """All rows, in the order in which the source had them, also where two groups became one."""
        return [row for _, row in sorted(self.numbered, key=lambda one: one[0])]


class Groups(Generic[RowT]):
    """All groups of one reading, found by what their rows share."""

    def __init__(
        self, tokens: Callable[[RowT], Sequence[str]], span: Callable[[RowT], tuple[datetime, datetime]]
    ) -> None:
        self._tokens = tokens
        self._span = span
        self._by_name: dict[str, Group[RowT]] = {}
        self._groups: dict[int, Group[RowT]] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._number = 0
        self.clock: datetime | None = None  # latest time seen in any row

    def __iter__(self) -> Iterator[Group[RowT]]:
        return iter(list(self._groups.values()))

    def add(self, mark: Any, row: RowT, *, fresh: bool) -> Group[RowT]:
        """Put a row to its group; groups that turn out to be one are joined."""
        since, until = self._span(row)
        self.clock = max(self.clock or until, until)
        tokens = self._tokens(row)
        found = {id(group): group for group in (self._find(token, since) for token in tokens) if group}
        group = next(iter(found.values()), None) or self._new(mark, since, until)
        for other in list(found.values())[1:]:
            self._join(group, other)
        self._number += 1
        group.numbered.append((self._number, row))
        group.since, group.until = min(group.since, since), max(group.until, until)
        group.fresh = group.fresh or fresh
        for token in tokens:
            group.names.add(token)
            self._by_name[token] = group
        return group

    def drop(self, group: Group[RowT]) -> None:
        self._groups.pop(id(group), None)
        for name in group.names:
            if self._by_name.get(name) is group:
                del self._by_name[name]

    def restarted(self, uniqueid: str, at: datetime) -> None:
        """Notice from a new channel's id that the exchange restarted: what was open before has no end of its own."""
        match = UNIQUEID.match(uniqueid)
        if not match:
            return
        system, epoch, count = match["system"] or "", int(match["epoch"]), int(match["count"])
        before = self._counts.get(system)
        if before and epoch >= before[0] + _RESTART_S and count < before[1]:
            for group in self._groups.values():
                if group.open and group.until < at and _of_system(group, system):
                    group.dead = True
        if not before or epoch >= before[0]:
            self._counts[system] = (epoch, count)

    def overfull(self) -> bool:
        return len(self._groups) > _MOST_GROUPS

    def _find(self, token: str, since: datetime) -> Group[RowT] | None:
        group = self._by_name.get(token)
        if group and token.startswith("c:") and (since - group.until).total_seconds() > _SAME_CHANNEL_S:
            return None
        return group

    def _new(self, mark: Any, since: datetime, until: datetime) -> Group[RowT]:
        group: Group[RowT] = Group(mark, since, until)
        self._groups[id(group)] = group
        return group

    def _join(self, group: Group[RowT], other: Group[RowT]) -> None:
        self.drop(other)
        group.first = min(group.first, other.first)
        group.since, group.until = min(group.since, other.since), max(group.until, other.until)
        group.numbered += other.numbered
        group.open |= other.open
        group.names |= other.names
        group.fresh = group.fresh or other.fresh
        for name in other.names:
            self._by_name[name] = group


def _of_system(group: Group[RowT], system: str) -> bool:
    return any((match := UNIQUEID.match(uid)) and (match["system"] or "") == system for uid in group.open)


def cdr_tokens(row: CdrRow) -> list[str]:
    """Rows belong together that share the linkedid, the uniqueid, or a channel at the same time."""
    tokens = [f"u:{row.uniqueid}"] if row.uniqueid else []
    if row.linkedid:
        tokens.append(f"u:{row.linkedid}")  # a linkedid is the uniqueid of the oldest channel
    return [*tokens, *(f"c:{half_less(name)}" for name in (row.channel, row.dstchannel) if name)]


def cel_tokens(row: CelRow) -> list[str]:
    """Events belong together that share a linkedid or a channel; transfers and pickups name further channels."""
    tokens = [f"u:{row.uniqueid}", f"u:{row.linkedid}"]
    if row.event in ("ATTENDEDTRANSFER", "BLINDTRANSFER", "PICKUP"):
        tokens += [f"u:{value}" for name, value in row.extra.items() if name.endswith("_uniqueid") and value]
    return tokens


def half_less(channel: str) -> str:
    """Name both halves of a local channel alike."""
    return channel[:-2] if channel.startswith("Local/") and channel[-2:] in (";1", ";2") else channel


def age(uniqueid: str, seen: datetime) -> tuple[float, int]:
    """Order of birth of channel ids; one that we gave ourselves tells nothing, so it is as old as its first row."""
    match = UNIQUEID.match(uniqueid)
    return (float(match["epoch"]), int(match["count"])) if match else (seen.timestamp(), -1)
