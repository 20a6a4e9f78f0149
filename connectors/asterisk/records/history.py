"""Reads the exchange's own records from a saved position, one bounded page after the other.

A position has, per kind of record, `low` (where the oldest call not yet given out begins), `high` (everything before
it was read) and `open` (keys of calls that were not over then). Reading goes on at `low`; a call is given out again
only if it has a row after `high` or was open. So nothing is lost when the reader dies on any line: the worst is that
a call is given out twice, under the same key.

Channel events (CEL) tell more than call detail records (CDR), so where both are kept the events make the calls and
the records add the recording, the DID and names. CDRs alone make the calls of the time before the first event.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from connectors.asterisk.records.files import Mark, RecordFile
from connectors.asterisk.records.from_cdr import from_cdr
from connectors.asterisk.records.from_cel import from_cel
from connectors.asterisk.records.group import Group, Groups, cdr_tokens, cel_tokens
from connectors.asterisk.records.rows import CdrRow, CelRow, cdr_fields, cdr_row, cel_row, epoch_of, moment
from connectors.asterisk.records.source import RecordSource, Store
from connectors.asterisk.records.tables import Database
from hub.connector.contract import Finding, Level
from hub.connector.exchange import Classify, HistoryPage
from hub.errors import ConnectorError, ShapeError
from hub.records.call import Call

RowT = TypeVar("RowT", bound=CdrRow | CelRow)

# cdr.conf's `batch` writes up to 5 minutes late, and rows of a table are ordered by their start.
_LATE_S = 600.0
# An agent's row of a long call is written hours before the caller's.
_CDR_BACK_S = 4 * 3600.0
_SAME_CALL = timedelta(seconds=5)
_SKEW_S = 600.0  # a first row this far from its channel's birth: the time zone of the source is set wrongly

_CDR_COLUMNS = (
    "calldate",
    "answer",
    "end",
    "clid",
    "src",
    "dst",
    "dcontext",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "duration",
    "billsec",
    "disposition",
    "uniqueid",
    "userfield",
    "did",
    "recordingfile",
    "cnam",
    "linkedid",
    "sequence",
)
_CEL_COLUMNS = (
    "id",
    "eventtype",
    "eventtime",
    "cid_num",
    "cid_name",
    "exten",
    "channame",
    "appname",
    "appdata",
    "uniqueid",
    "linkedid",
    "peer",
    "extra",
)


class Reader(Protocol[RowT]):
    """One kind of record of one source, read once from front to back."""

    @property
    def garbage(self) -> int:
        """Rows and lines that were no records."""

    @property
    def lost(self) -> bool:
        """The saved place was not found again: a stretch may be missing."""

    def read(self, low: Any, since: datetime) -> Iterator[tuple[Any, RowT]]:
        """Yield (mark, row) from `low`; without one, all rows that may belong to a call begun after `since`."""

    def place(self, mark: Any) -> Any:
        """Say a mark in a form that can be saved."""

    def end(self) -> Any:
        """The mark after everything read so far."""

    def is_new(self, mark: Any, row: RowT, high: Any) -> bool:
        """True if the row was not yet there when `high` was saved (or may not have been)."""


class _FileReader(Generic[RowT]):
    """Rows of a CSV file."""

    def __init__(self, path: str, make: Callable[[list[str]], RowT]) -> None:
        self._file = RecordFile(path)
        self._make = make
        self._high: Mark | None = None
        self._bad = 0

    @property
    def garbage(self) -> int:
        return self._bad + self._file.garbage

    @property
    def lost(self) -> bool:
        return self._file.lost

    def read(self, low: Any, since: datetime) -> Iterator[tuple[Mark, RowT]]:
        for mark, fields in self._file.lines(low, since.timestamp()):
            try:
                yield mark, self._make(fields)
            except ShapeError:
                self._bad += 1

    def place(self, mark: Mark) -> Any:
        return self._file.place(mark)

    def end(self) -> Mark:
        return self._file.end()

    def is_new(self, mark: Mark, row: RowT, high: Any) -> bool:  # noqa: ARG002 - the place in the file says it
        if self._high is None:
            self._high = self._file.mark(high)
        return mark >= self._high


class _CelNumbered:
    """Rows of a `cel` table with a growing id."""

    lost = False

    def __init__(self, database: Database, source: RecordSource) -> None:
        self._database = database
        self._source = source
        self._zone = ZoneInfo(source.time_zone)
        self._end = 0
        self.garbage = 0

    def read(self, low: Any, since: datetime) -> Iterator[tuple[int, CelRow]]:
        if low is None:
            low = self._first_after(since)
        self._end = low
        for fields in self._database.by_number(self._source.cel, "id", _CEL_COLUMNS, low):
            self._end = int(fields["id"]) + 1
            try:
                yield int(fields["id"]), cel_row(fields, self._zone)
            except ShapeError:
                self.garbage += 1

    def _first_after(self, since: datetime) -> int:
        rows = self._database.by_time(self._source.cel, "eventtime", ("id", "eventtime"), since)
        return min((int(row["id"]) for row in itertools.islice(rows, 1000)), default=0)

    def place(self, mark: int) -> Any:
        return mark

    def end(self) -> int:
        return self._end

    def is_new(self, mark: int, row: CelRow, high: Any) -> bool:  # noqa: ARG002 - the number says it
        return high is None or mark >= int(high)


class _Timed(Generic[RowT]):
    """Rows of a table that is ordered by nothing but a time. Rows may come late, so a stretch is read again."""

    lost = False

    def __init__(
        self,
        database: Database,
        table: str,
        column: str,
        wanted: Sequence[str],
        make: Callable[[Mapping[str, Any]], RowT],
        back_s: float,
    ) -> None:
        self._database, self._table, self._column, self._wanted = database, table, column, wanted
        self._make = make
        self._back_s = back_s
        self._start = 0.0
        self._until = 0.0
        self.garbage = 0

    def read(self, low: Any, since: datetime) -> Iterator[tuple[tuple[float, float], RowT]]:
        start = since if low is None else datetime.fromtimestamp(float(low["start"]) - self._back_s, UTC)
        for fields in self._database.by_time(self._table, self._column, self._wanted, start):
            try:
                row = self._make(fields)
            except ShapeError:
                self.garbage += 1
                continue
            since_row, until = _span(row)
            self._start = max(self._start, since_row.timestamp())
            self._until = max(self._until, until.timestamp())
            yield (since_row.timestamp(), 0.0), row

    def place(self, mark: tuple[float, float]) -> Any:
        return {"start": mark[0], "end": mark[1]}

    def end(self) -> tuple[float, float]:
        return self._start, self._until

    def is_new(self, mark: tuple[float, float], row: RowT, high: Any) -> bool:
        # What began later was not read; what ended later may have been written after rows that began later.
        return high is None or mark[0] >= high["start"] or _span(row)[1].timestamp() >= high["end"] - _LATE_S


def _span(row: CdrRow | CelRow) -> tuple[datetime, datetime]:
    return (row.start, row.end) if isinstance(row, CdrRow) else (row.at, row.at)


@dataclass(slots=True)
class _Walk(Generic[RowT]):
    """One kind of record being grouped to calls."""

    reader: Reader[RowT]
    groups: Groups[RowT]
    source: RecordSource
    state: Mapping[str, Any]  # saved: low, high, open
    make: Callable[[Group[RowT]], Call | None]
    now: Callable[[], float]
    back_s: float
    since: datetime  # first reading: calls begun before this are not given out
    high: Any = field(init=False)
    opened: frozenset[str] = field(init=False)
    first: bool = field(init=False)

    def __post_init__(self) -> None:
        # As they were saved before this reading; `state` moves on with every page.
        self.first = not self.state
        self.high = self.state.get("high")
        self.opened = frozenset(f"u:{name}" for name in self.state.get("open", ()))

    def pages(self, until: datetime | None = None) -> Iterator[tuple[list[Call], dict[str, Any], bool]]:
        """Yield (calls, state to save, more); stops before calls that began at `until`."""
        count = 0
        start = self.since - timedelta(seconds=self.source.longest_call_s)
        for mark, row in self.reader.read(self.state.get("low"), start):
            if until and _span(row)[0] >= until:
                continue
            self._take(mark, row)
            count += 1
            if count >= self.source.page_rows or self.groups.overfull():
                count = 0
                yield self._calls(end=False), self._save(), True
        yield self._calls(end=True), self._save(), False

    def _take(self, mark: Any, row: RowT) -> None:
        fresh = self.reader.is_new(mark, row, self.high)
        if isinstance(row, CelRow) and row.event == "CHAN_START":
            self.groups.restarted(row.uniqueid, row.at)
        group = self.groups.add(mark, row, fresh=fresh)
        group.fresh = group.fresh or not self.opened.isdisjoint(group.names)
        if isinstance(row, CelRow):
            if row.event == "CHAN_START":
                group.open.add(row.uniqueid)
            elif row.event in ("CHAN_END", "HANGUP"):
                group.open.discard(row.uniqueid)

    def _calls(self, *, end: bool) -> list[Call]:
        clock = self.groups.clock.timestamp() if self.groups.clock else 0.0
        clock = max(clock, self.now()) if end else clock
        calls = []
        for group in self.groups:
            silent = clock - group.until.timestamp()
            tired = silent > self.source.longest_call_s or self.groups.overfull()
            if silent < self.source.settle_s or (group.open and not group.dead and not tired):
                continue
            if group.fresh and not (self.first and group.since < self.since):
                calls += self._call(group)
            group.fresh = False
            if silent > self.back_s or tired:
                self.groups.drop(group)
        return sorted(calls, key=lambda call: call.started_at)

    def _call(self, group: Group[RowT]) -> list[Call]:
        call = self.make(group)
        return [call] if call else []

    def _save(self) -> dict[str, Any]:
        waiting = [group for group in self.groups if group.fresh or group.open]
        marks = [group.first for group in self.groups]
        low = min(marks, default=self.reader.end())
        names = sorted({name[2:] for group in waiting for name in group.names if name.startswith("u:")})
        # Kept for the next page too, where the reader goes on without asking for the place again.
        self.state = {"low": self.reader.place(low), "high": self.reader.place(self.reader.end()), "open": names}
        if self.reader.lost:
            self.state = {**self.state, "lost": True}
        return dict(self.state)


class _Nearby:
    """Call detail records around the calls that channel events make, read along."""

    def __init__(self, reader: Reader[CdrRow], low: Any, since: datetime) -> None:
        self._reader = reader
        self._rows = iter(reader.read(low, since))
        self._kept: deque[tuple[Any, CdrRow]] = deque()
        self._ahead: datetime | None = None
        self._done = False

    def of(self, group: Group[CelRow]) -> list[CdrRow]:
        """The rows of one conversation; they are written at its end at the earliest."""
        self._read_to(group.until + timedelta(seconds=_LATE_S))
        ids = {name[2:] for name in group.names if name.startswith("u:")}
        return [row for _, row in self._kept if row.uniqueid in ids or row.linkedid in ids]

    def place(self, before: datetime) -> Any:
        """Forget rows that ended well before `before`, and say where the others begin."""
        while self._kept and self._kept[0][1].end < before - timedelta(seconds=_LATE_S):
            self._kept.popleft()
        return self._reader.place(self._kept[0][0] if self._kept else self._reader.end())

    def _read_to(self, until: datetime) -> None:
        while not self._done and (self._ahead is None or self._ahead < until):
            found = next(self._rows, None)
            if found is None:
                self._done = True
                return
            self._kept.append(found)
            self._ahead = max(self._ahead or found[1].start, found[1].start)


def history(
    source: RecordSource | None,
    position: dict[str, Any] | None,
    since: datetime,
    classify: Classify,
    *,
    now: Callable[[], float] = time.time,
) -> Iterator[HistoryPage]:
    """Yield the calls of the exchange's own records, collapsed, from `position` on; from `since` where there is none.

    Calls that are not over, or ended less than `settle_s` ago, wait for the next time.

    Raises:
        AuthError, ScopeError, RetryLaterError, RejectedError: the source cannot be read; the text says how to mend it.
    """
    if source is None:
        return
    with ExitStack() as stack:
        database = None if source.store is Store.CSV else stack.enter_context(Database(source))
        readers = _Readers(source, database)
        saved: dict[str, Any] = dict(position or {})
        if not readers.has_cel:
            if readers.has_cdr:
                yield from _from_cdr(readers, saved, since, classify, now, until=None)
            return
        if "cel_since" not in saved:
            first = readers.first_event()
            saved["cel_since"] = first.isoformat() if first else None
            if first is None:
                del saved["cel_since"]  # no event yet; what there is of CDRs can be had now
        if readers.has_cdr and not saved.get("cdr_done"):
            until = datetime.fromisoformat(saved["cel_since"]) if "cel_since" in saved else None
            if until is None or since < until:
                # A call that was on when events began belongs to the events, though whole seconds may say otherwise.
                until = until - _SAME_CALL if until else None
                yield from _from_cdr(readers, saved, since, classify, now, until=until)
            if until is None:
                return
            saved["cdr_done"] = True
        yield from _from_cel(readers, saved, since, classify, now)


class _Readers:
    """Makes the readers that this source has."""

    def __init__(self, source: RecordSource, database: Database | None) -> None:
        self.source = source
        self._zone = ZoneInfo(source.time_zone)
        self._database = database
        self._cel_kinds = database.columns(source.cel) if database and source.cel else {}
        self._cdr_kinds = database.columns(source.cdr) if database and source.cdr else {}

    @property
    def has_cdr(self) -> bool:
        return bool(self.source.cdr) if self._database is None else "calldate" in self._cdr_kinds

    @property
    def has_cel(self) -> bool:
        return bool(self.source.cel) if self._database is None else "eventtime" in self._cel_kinds

    def cdr(self) -> Reader[CdrRow]:
        if self._database is None:
            return _FileReader(self.source.cdr, lambda line: cdr_row(cdr_fields(line), self._zone))
        make = self._make_cdr
        return _Timed(self._database, self.source.cdr, "calldate", _CDR_COLUMNS, make, self.source.longest_call_s)

    def _make_cdr(self, fields: Mapping[str, Any]) -> CdrRow:
        return cdr_row(fields, self._zone)

    def cel(self) -> Reader[CelRow]:
        if self._database is None:
            return _FileReader(self.source.cel, self._cel_line)
        if "id" in self._cel_kinds:
            return _CelNumbered(self._database, self.source)
        return _Timed(self._database, self.source.cel, "eventtime", _CEL_COLUMNS, self._make_cel, _LATE_S)

    def _make_cel(self, fields: Mapping[str, Any]) -> CelRow:
        return cel_row(fields, self._zone)

    def _cel_line(self, line: list[str]) -> CelRow:
        return cel_row(dict(zip(self.source.cel_columns, line, strict=False)), self._zone)

    def first_event(self) -> datetime | None:
        """When channel events begin."""
        if self._database is None:
            first = next(iter(self.cel().read(None, datetime.fromtimestamp(0, UTC))), None)
            return first[1].at if first else None
        row = self._database.first(self.source.cel, "eventtime")
        return moment(row["eventtime"], self._zone) if row else None


def _from_cdr(
    readers: _Readers,
    saved: dict[str, Any],
    since: datetime,
    classify: Classify,
    now: Callable[[], float],
    until: datetime | None,
) -> Iterator[HistoryPage]:
    state = saved.get("cdr") or {}
    groups: Groups[CdrRow] = Groups(cdr_tokens, _span)

    def make(group: Group[CdrRow]) -> Call | None:
        return from_cdr(group.rows, classify)

    walk = _Walk(readers.cdr(), groups, readers.source, state, make, now, _CDR_BACK_S, since)
    for calls, saved_state, more in walk.pages(until):
        saved |= {"cdr": saved_state, "read_at": now()}
        yield HistoryPage(tuple(calls), dict(saved), more or until is not None)


def _from_cel(
    readers: _Readers, saved: dict[str, Any], since: datetime, classify: Classify, now: Callable[[], float]
) -> Iterator[HistoryPage]:
    state = saved.get("cel") or {}
    groups: Groups[CelRow] = Groups(cel_tokens, _span)
    nearby = None
    if readers.has_cdr:
        nearby = _Nearby(readers.cdr(), saved.get("beside"), since - timedelta(seconds=readers.source.longest_call_s))

    def make(group: Group[CelRow]) -> Call | None:
        if not any(row.event == "CHAN_START" and row.uniqueid == row.linkedid for row in group.rows):
            return None  # its beginning is not in what is left of the source
        rows = nearby.of(group) if nearby else []
        return from_cel(group.rows, rows, classify, died=bool(group.open))

    walk = _Walk(readers.cel(), groups, readers.source, state, make, now, 0.0, since)
    for calls, saved_state, more in walk.pages():
        saved |= {"cel": saved_state, "read_at": now()}
        if nearby:
            oldest = min((group.since for group in groups), default=groups.clock or since)
            saved["beside"] = nearby.place(oldest)
        yield HistoryPage(tuple(calls), dict(saved), more)


def check(
    source: RecordSource | None, position: dict[str, Any] | None = None, *, now: Callable[[], float] = time.time
) -> list[Finding]:
    """Say whether the records can be read, how new they are, and how far behind we are. Never raises ConnectorError."""
    if source is None:
        text = "No source of call records is configured: calls during an outage of the hub cannot be filled in."
        return [Finding("records", Level.AMBER, text, "Set the records source, such as csv:/…/cdr-csv/Master.csv.")]
    try:
        with ExitStack() as stack:
            database = None if source.store is Store.CSV else stack.enter_context(Database(source))
            readers = _Readers(source, database)
            return [*_check_kinds(readers, database, now), *_check_gap(source, position, now)]
    except ConnectorError as error:
        return [Finding("records", Level.RED, f"The call records cannot be read: {error}", "Mend the records source.")]


def _check_kinds(readers: _Readers, database: Database | None, now: Callable[[], float]) -> list[Finding]:
    source = readers.source
    if not (readers.has_cdr or readers.has_cel):
        action = f"Name the tables by cdr= and cel=, and grant SELECT on them to {source.username!r}."
        return [Finding("records", Level.RED, f"{source} has neither a readable CDR nor CEL table.", action)]
    findings: list[Finding] = []
    for kind, has in (("CEL", readers.has_cel), ("CDR", readers.has_cdr)):
        if has:
            newest = _newest(readers, database, kind)
            findings += _check_newest(source, kind, newest, now)
    if not readers.has_cel:
        action = "Turn on CEL (cel.conf, events=ALL) and name it by cel= for transfers and true talk times."
        findings.append(Finding("records cel", Level.AMBER, "Only CDRs are kept; they cannot tell everything.", action))
    return findings


def _newest(readers: _Readers, database: Database | None, kind: str) -> tuple[datetime, str] | None:
    """Time of the newest row and the uniqueid in it."""
    source = readers.source
    if database is None:
        reader: Reader[Any] = readers.cel() if kind == "CEL" else readers.cdr()
        last = deque(reader.read(None, datetime.fromtimestamp(0, UTC)), maxlen=1)
        if reader.garbage and not last:
            raise ConnectorError(
                f"{reader.garbage} lines of the {kind} file are no records; check columns= and cdr.conf"
            )
        return (_span(last[0][1])[0], last[0][1].uniqueid) if last else None
    table, column = (source.cel, "eventtime") if kind == "CEL" else (source.cdr, "calldate")
    row = database.newest(table, column, (column, "uniqueid"))
    return (moment(row[column], ZoneInfo(source.time_zone)), str(row.get("uniqueid") or "")) if row else None


def _check_newest(
    source: RecordSource, kind: str, newest: tuple[datetime, str] | None, now: Callable[[], float]
) -> list[Finding]:
    topic = f"records {kind.lower()}"
    if newest is None:
        text = f"{source}: {kind} can be read but has no row yet."
        return [Finding(topic, Level.AMBER, text, f"Make a test call, and look whether the exchange writes {kind}.")]
    at, uniqueid = newest
    epoch = epoch_of(uniqueid)
    # Only backwards: a channel's row may come hours after its birth, but never before it.
    off = epoch - at.timestamp() if epoch else 0.0
    ahead = at.timestamp() - now()
    if max(off, ahead) > _SKEW_S:
        hours = max(off, ahead) / 3600
        text = f"{kind} times are {hours:.1f} h off: the records are not written in the time zone {source.time_zone}."
        return [Finding(topic, Level.RED, text, "Set zone= to the exchange's own zone, or UTC where usegmtime=yes.")]
    return [Finding(topic, Level.GREEN, f"{source}: the newest {kind} row is of {at:%Y-%m-%d %H:%M:%S} UTC.")]


def check_position(
    source: RecordSource | None, position: dict[str, Any] | None, *, now: Callable[[], float] = time.time
) -> list[Finding]:
    """Say how far behind the saved position is, and whether it is still there. Never raises ConnectorError."""
    if source is None:
        return []
    try:
        return _check_gap(source, position, now)
    except ConnectorError:
        return []  # `check` says that they cannot be read


def _check_gap(source: RecordSource, position: dict[str, Any] | None, now: Callable[[], float]) -> list[Finding]:
    if not position or "read_at" not in position:
        return []
    read_at = float(position["read_at"])
    behind = now() - read_at
    level = Level.GREEN if behind < 2 * 86400 else Level.AMBER
    action = "" if level is Level.GREEN else "Look at the errors of the records stream."
    findings = [Finding("records gap", level, f"The records were last read {behind / 3600:.1f} h ago.", action)]
    rotate = "Let logrotate keep at least one old file (rotate 2)."
    if gone := _gone(source, position):
        at = f"{datetime.fromtimestamp(read_at, UTC):%Y-%m-%d %H:%M} UTC"
        text = (
            f"{gone} was replaced since it was last read ({at}), and what followed is in no file: calls may be missing."
        )
        findings.append(Finding("records lost", Level.AMBER, text, rotate))
    elif any((position.get(kind) or {}).get("lost") for kind in ("cdr", "cel")):
        text = "The record file was replaced before it was read to its end: some calls may be missing."
        findings.append(Finding("records lost", Level.AMBER, text, rotate))
    return findings


def _gone(source: RecordSource, position: dict[str, Any]) -> str:
    """Return the file in which the saved place is not to be found any more; empty where all are."""
    if source.store is not Store.CSV:
        return ""
    # Once events make the calls, the place in the CDRs is of the time before and counts no more.
    kinds = (("cel", source.cel),) if position.get("cdr_done") else (("cel", source.cel), ("cdr", source.cdr))
    for kind, path in kinds:
        low = (position.get(kind) or {}).get("low")
        if path and low and not RecordFile(path).knows(low):
            return path
    return ""
