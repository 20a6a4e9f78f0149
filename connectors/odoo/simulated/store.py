"""Tables, what is read of them, and transactions: what one writes, others see when it is committed.

`write_date` is the moment at which a transaction began, as in Odoo (`cr.now()`): one that is committed late lies behind
others that began after it and were faster. Ids are given out at once, and stay given out.
"""

import itertools
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from threading import RLock
from typing import Any, Protocol

from connectors.odoo.simulated.errors import database_error, missing
from connectors.odoo.simulated.schema import Model, Row
from hub.connector.simulated.clock import Clock

ROOT = 1  # whoever writes without being somebody
Place = tuple[str, int]


class Block(Protocol):
    """Many records that are made when they are looked at."""

    ids: range
    written_until: datetime  # the newest `write_date` among them

    def row(self, number: int) -> Row:
        """Make the record with this id."""

    def lookup(self, field: str, value: Any) -> Iterable[int]:
        """Ids of the records whose (indexed) field has this value."""


class Table:
    """The committed records of one model, in the order of their ids."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.ids: list[int] = []
        self._rows: dict[int, Row] = {}
        self._blocks: list[Block] = []
        self._dropped: set[int] = set()
        self._index: dict[str, dict[Any, list[int]]] = {name: {} for name in model.indexed}
        self._next = itertools.count(1)

    def next_id(self) -> int:
        return next(self._next)

    def get(self, number: int) -> Row | None:
        found = self._rows.get(number)
        if found is not None or number in self._dropped:
            return found
        return next((one.row(number) for one in self._blocks if number in one.ids), None)

    def put(self, number: int, row: Row) -> None:
        before = self._rows.get(number)
        if before is not None:
            self._forget(number, before)
        elif not self._is_listed(number):
            insort(self.ids, number)
        self._rows[number] = row
        self._dropped.discard(number)
        for name, index in self._index.items():
            index.setdefault(row[name], []).append(number)

    def _is_listed(self, number: int) -> bool:
        at = bisect_left(self.ids, number)
        return at < len(self.ids) and self.ids[at] == number

    def drop(self, number: int) -> None:
        row = self._rows.pop(number, None)
        if row is not None:
            self._forget(number, row)
        self._dropped.add(number)
        del self.ids[bisect_left(self.ids, number)]

    def _forget(self, number: int, row: Row) -> None:
        for name, index in self._index.items():
            index[row[name]].remove(number)

    def reserve(self, count: int) -> range:
        """Give out many ids at once."""
        first = next(self._next)
        self._next = itertools.count(first + count)
        return range(first, first + count)

    def add(self, block: Block) -> None:
        """Take in records that are made when they are looked at; their ids are the newest."""
        self._blocks.append(block)
        self.ids.extend(block.ids)

    def listed(self, above: int, since: datetime | None) -> Sequence[int]:
        """Ids from one on, among them those of all records that were written since a moment."""
        old = [one for one in self._blocks if since is not None and one.written_until < since]
        if not old:
            return self.ids[bisect_left(self.ids, above) :]
        young = (number for one in self._blocks if one not in old for number in one.ids if number not in self._dropped)
        return sorted({number for number in (*self._rows, *young) if number >= above})

    def lookup(self, field: str, value: Any) -> list[int]:
        """Ids of the records whose (indexed) field has this value."""
        found = list(self._index[field].get(value, ()))
        for block in self._blocks:
            found += [one for one in block.lookup(field, value) if one not in self._rows and one not in self._dropped]
        return sorted(found)


class View:
    """What was committed."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables = tables

    def model(self, name: str) -> Model:
        return self.tables[name].model

    def get(self, model: str, number: int | None) -> Row | None:
        """Return a record; None: it is no more."""
        return None if number is None else self.tables[model].get(number)

    def row(self, model: str, number: int, uid: int = ROOT) -> Row:
        """Return a record. Raises OdooError: it is no more."""
        found = self.get(model, number)
        if found is None:
            raise missing(model, number, uid)
        return found

    def rows(self, model: str, numbers: Iterable[int]) -> Iterator[Row]:
        """Return those of these records that there are."""
        return (row for row in (self.get(model, one) for one in numbers) if row is not None)

    def lookup(self, model: str, field: str, value: Any) -> Sequence[int]:
        """Ids of the records whose (indexed) field has this value."""
        return self.tables[model].lookup(field, value)

    def related(self, model: str, field: str, value: Any) -> list[Row]:
        """The records whose (indexed) field has this value."""
        return list(self.rows(model, self.lookup(model, field, value)))

    def name_of(self, model: str, number: int | None) -> str:
        """The name that a relation to a record is shown with."""
        row = self.get(model, number)
        return (self.model(model).name_of(self, row) or "") if row is not None else ""


class Transaction(View):
    """What one writes, before others see it.

    Args:
        committed: is told what was written, after it was committed: each record once for each write, and what it was
            before where it is no more.
    """

    def __init__(
        self, database: "Database", uid: int, committed: Callable[[Sequence[tuple[Place, Row, bool]]], None]
    ) -> None:
        super().__init__(database.tables)
        self._database, self._uid, self._committed = database, uid, committed
        self._written: dict[Place, Row | None] = {}
        self._touched: list[tuple[Place, Row | None]] = []  # with the record where it was deleted
        self.began = database.now()
        self.is_open = True

    def get(self, model: str, number: int | None) -> Row | None:
        if number is not None and (model, number) in self._written:
            return self._written[model, number]
        return super().get(model, number)

    def lookup(self, model: str, field: str, value: Any) -> Sequence[int]:
        found = {one for one in super().lookup(model, field, value) if (model, one) not in self._written}
        mine = ((place, row) for place, row in self._written.items() if place[0] == model and row is not None)
        found |= {place[1] for place, row in mine if row[field] == value}
        return sorted(found)

    def create(self, model: str, /, **values: Any) -> int:
        """Make a record; returns its id."""
        table = self.tables[model]
        number = table.next_id()
        stamps = {"create_uid": self._uid, "create_date": self.began, "write_uid": self._uid, "write_date": self.began}
        self._put((model, number), table.model.new({"id": number, **stamps, **values}))
        return number

    def write(self, model: str, number: int, /, **values: Any) -> None:
        """Change fields of a record. Raises OdooError: it is no more, or another transaction changed it."""
        row = self.row(model, number, self._uid)
        self._put((model, number), {**row, **values, "write_uid": self._uid, "write_date": self.began})

    def touch(self, model: str, number: int) -> None:
        """Write a record as it is."""
        self.write(model, number)

    def unlink(self, model: str, number: int) -> None:
        """Delete a record. Raises OdooError: it is no more, or another transaction changed it."""
        row = self.row(model, number, self._uid)
        self._put((model, number), None, before=row)

    def _put(self, place: Place, row: Row | None, before: Row | None = None) -> None:
        if not self.is_open:
            raise RuntimeError("this transaction is over")
        self._database.lock_row(place, self)
        self._written[place] = row
        self._touched.append((place, before))

    def created(self, model: str) -> list[Row]:
        """The records of a model that this transaction wrote."""
        return [row for place, row in self._written.items() if place[0] == model and row is not None]

    def commit(self) -> None:
        """Let others see what was written."""
        self.is_open = False
        with self._database.lock:
            for (model, number), row in self._written.items():
                if row is not None:
                    self.tables[model].put(number, row)
                elif self.tables[model].get(number) is not None:
                    self.tables[model].drop(number)
            self._database.free_rows(self)
        told = ((place, self._written[place], before) for place, before in self._touched)
        self._committed([(place, row or before or {}, row is None) for place, row, before in told])

    def rollback(self) -> None:
        """Forget what was written; the ids stay given out."""
        self.is_open = False
        self._database.free_rows(self)


class Database:
    """All tables, behind one lock."""

    def __init__(self, models: Iterable[Model], clock: Clock, lock: RLock) -> None:
        self.tables = {one.name: Table(one) for one in models}
        self.lock = lock
        self._clock = clock
        self._rows: dict[Place, Transaction] = {}

    def now(self) -> datetime:
        """The moment as the database keeps it: UTC, without saying so."""
        return self._clock.now().astimezone(UTC).replace(tzinfo=None)

    def lock_row(self, place: Place, mine: Transaction) -> None:
        """Raises OdooError: another transaction has changed it and is not over."""
        if self._rows.setdefault(place, mine) is not mine:
            raise database_error("errors.SerializationFailure", "could not serialize access due to concurrent update")

    def free_rows(self, mine: Transaction) -> None:
        self._rows = {place: one for place, one in self._rows.items() if one is not mine}
