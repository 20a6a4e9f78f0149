"""A stream: the records of one model, first all by their ids, then what changed (`window`)."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.odoo import window
from connectors.odoo.client import Client, Domain, Row
from connectors.odoo.settings import OdooSettings
from hub.connector.stream import Change, Cursor, Filtered, Gone, Left, Page, Phase, Upsert
from hub.errors import CursorExpired, RetryLaterError, ShapeError

TRIES = 3  # to list ids while nobody makes or deletes one, and to be told what time it is
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of records: where they are, and what becomes of a page of them."""

    records: str
    title: str
    model: str
    version: int  # another one reads everything anew
    fields: tuple[str, ...]
    domain: Callable[[OdooSettings], Domain]  # which of the model's records are meant
    # Puts into records what makes them complete, for a whole page at once.
    joined: Callable[[Client, Sequence[Row]], None]
    # Why a complete record is not for the hub, also one that was asked for by its id; empty: it is.
    refused: Callable[[OdooSettings, Row], str]
    vanishes: bool = False  # to be deleted is its usual end, so every look sees what is still there


@dataclass(frozen=True, slots=True)
class OdooStream:
    """The records of one kind (`hub.connector.stream.Stream`, `Findable`, `hub.connector.ledger.Sweeps`)."""

    client: Client
    kind: Kind

    mailbox: str = ""
    full_every: timedelta | None = None  # a moment does not die of age

    @property
    def key(self) -> str:
        return self.kind.records

    @property
    def records(self) -> str:
        return self.kind.records

    @property
    def title(self) -> str:
        return self.kind.title

    @property
    def every(self) -> timedelta:
        return timedelta(seconds=self.client.settings.every_s)

    @property
    def asked(self) -> str:
        return f"{self.kind.records} {self.kind.version} {json.dumps(self._domain)}"

    @property
    def _domain(self) -> Domain:
        return self.kind.domain(self.client.settings)

    # --- pages --------------------------------------------------------------------------------------------------------

    def begin(self) -> Cursor:
        """Return the beginning, with Odoo's time of now: what changes from here on is read afterwards.

        Raises:
            ShapeError: the server does not say what time it is.
        """
        for _ in range(TRIES):
            self.client.ask("res.users", "context_get")
            if self.client.asked_at is not None:
                return Cursor(anchor=self.client.asked_at.isoformat())
        raise ShapeError(
            "Odoo's answers have no Date header, perhaps a proxy takes it away: nothing says since when to ask"
        )

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of a pass. A pass ends where nothing comes any more; a page that is not full ends nothing."""
        rows = self._rows(cursor, _place(cursor))
        asked_at = self.client.asked_at
        # Where the server does not say what time it is, the next look begins where this one did.
        anchor = cursor.anchor or (asked_at.isoformat() if asked_at else cursor.token)
        cursor = replace(cursor, anchor=anchor)
        if rows:
            rest = self._counted(cursor, [row["id"] for row in rows])
            following = replace(cursor, page=str(rows[-1]["id"]), rest=rest)
            return Page(self._changes(rows), following, more=True, expected=rest.get("expected"))
        self._must_be_whole(cursor)
        found, cursor = self._looked_for(cursor, asked_at)
        # What a pass from the beginning did not show is asked for by its id before it counts as gone.
        return Page(found, window.followed(cursor), more=False, complete=False, expected=cursor.rest.get("expected"))

    def _rows(self, cursor: Cursor, after: int) -> list[Row]:
        since = window.opened(cursor, self.client.settings.overlap)
        domain = [*self._domain]
        if since:
            domain.append(["write_date", ">=", since])
        if after:
            domain.append(["id", ">", after])
        rows = self.client.rows(self.kind.model, domain, self.kind.fields, limit=self.client.settings.page_size)
        by_id = {int(row["id"]): row for row in rows}
        if any(one <= after for one in by_id):
            raise RetryLaterError(
                f"Odoo sends us round in a circle: behind {after} of {self.kind.model} it is there again"
            )
        return [by_id[one] for one in sorted(by_id)]

    # --- whether it is all --------------------------------------------------------------------------------------------

    def _counted(self, cursor: Cursor, ids: Sequence[int]) -> dict[str, Any]:
        """Return what is remembered behind a page: the newest ids; of a whole pass how many there were, and were shown."""
        rest = {**cursor.rest, "seen": window.packed({*window.unpacked(cursor.rest.get("seen", "")), *ids})}
        if cursor.phase is Phase.FULL:
            rest["expected"] = rest.get("expected") or self.client.count(self.kind.model, self._domain)
            rest["shown"] = rest.get("shown", 0) + len(ids)
        return rest

    def _must_be_whole(self, cursor: Cursor) -> None:
        """Compare what a whole pass showed with what Odoo counts. Raises RetryLaterError: it showed less."""
        shown, expected = cursor.rest.get("shown", 0), cursor.rest.get("expected", 0)
        if cursor.phase is not Phase.FULL or (cursor.page and shown >= expected):
            return
        if shown < self.client.count(self.kind.model, self._domain):
            raise RetryLaterError(f"Odoo's list of {self.kind.model} was cut short: it counts more than it showed.")

    def _looked_for(self, cursor: Cursor, now: datetime | None) -> tuple[Sequence[Change], Cursor]:
        """Compare the newest ids with those that were there, behind every change and now and then.

        One that is missing is asked for by itself, and so is one that no page showed.
        """
        if not self.kind.vanishes and not window.must_look(cursor, now):
            return (), cursor
        seen = cursor.rest.get("seen", "")
        newest = self.client.ids(self.kind.model, self._domain, newest=window.NEWEST)
        found: list[Change] = [*self._lost(window.missing(seen, newest))]
        if cursor.phase is Phase.INCREMENTAL and (unknown := window.unknown(seen, newest)):
            found += [one for one in self.find([str(one) for one in unknown]) if not isinstance(one, Gone)]
        looked_at = {"looked_at": now.isoformat()} if now else {}
        return found, replace(cursor, rest={**cursor.rest, "seen": window.packed(newest), **looked_at})

    def _lost(self, ids: frozenset[int]) -> list[Left]:
        if len(ids) > window.MOST_GONE:
            _log.warning("%d of %s are missing at once: left to the sweep", len(ids), self.kind.model)
            return []
        return [Left(str(one)) for one in sorted(ids)]

    def _changes(self, rows: Sequence[Row]) -> list[Change]:
        self.kind.joined(self.client, rows)
        return [self._change(row) for row in rows]

    def _change(self, row: Row) -> Change:
        if why := self.kind.refused(self.client.settings, row):
            return Filtered(str(row["id"]), why)
        payload = {**row, "url": self.client.link(self.kind.model, row["id"])}
        return Upsert(str(row["id"]), payload, version=str(row.get("write_date") or ""))

    # --- by their ids -------------------------------------------------------------------------------------------------

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these records as they are now; what Odoo does not have is gone.

        Raises:
            ScopeError: some are there and may not be read any more, such as those of a company that the user lost.
        """
        wanted = [int(one) for one in remote_ids if one.isdecimal()]
        found = self.client.of_ids(self.kind.model, wanted, self.kind.fields)
        missing = [one for one in wanted if one not in found]
        # A search leaves out silently what the user may not see; to read it is refused.
        if missing and self.client.ask(self.kind.model, "read", ids=missing, fields=["write_date"]):
            raise RetryLaterError(f"Odoo's list of {self.kind.model} was cut short: what it left out is there.")
        changes = {one.remote_id: one for one in self._changes(list(found.values()))}
        return [changes.get(str(int(one)) if one.isdecimal() else "", Gone(one)) for one in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of what changed since a moment."""
        changed = [*self._domain, ["write_date", ">=", window.written(since)]]
        return frozenset(map(str, self.client.ids(self.kind.model, changed)))

    def ids(self) -> frozenset[str]:
        """Return the ids of all records, as many as Odoo counts."""
        for _ in range(TRIES):
            before = self.client.count(self.kind.model, self._domain)
            found = self.client.ids(self.kind.model, self._domain)
            if before == len(found) == self.client.count(self.kind.model, self._domain):
                return frozenset(map(str, found))
        raise RetryLaterError(f"The ids of {self.kind.model} change while they are listed, or the list is cut short.")


def _place(cursor: Cursor) -> int:
    """Return the id behind which a page begins. Raises CursorExpired: it is none of ours."""
    if cursor.page and not cursor.page.isdecimal():
        raise CursorExpired(f"{cursor.page[:40]!r} is no id")
    return int(cursor.page or 0)
