"""Streams: contacts, accounts and tasks, first all of them, then what changed or was deleted since.

A query is a snapshot that Salesforce hands out in pages. What it dates and commits later than a look began, the overlap
catches (`overlap_min`). Deleted records are shown for 15 days with their deletion as a change; a whole pass finds the rest,
and asks for each by its id before it counts as gone.
Sources: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_queryall.htm,
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.htm
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connectors.salesforce.client import Client, Row, Rows, is_id, listed, soql, written
from connectors.salesforce.forms import INTERACTION
from hub.connector.stream import Change, Cursor, Filtered, Gone, Page, Phase, Upsert
from hub.errors import CursorExpired, GoneError, RetryLaterError, ScopeError

AT_ONCE = 100  # ids in one query
_AT = re.compile(r"-([0-9]+)$")
_COMMON = ("OwnerId", "Description", "CreatedDate", "SystemModstamp", "IsDeleted")
_PLACE = ("Street", "City", "State", "PostalCode", "Country")
_LOGGED = ("Call", "Email", "ListEmail")  # what happened, and is not to be done


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of records: what Salesforce calls it, and which of its fields are read."""

    records: str
    title: str
    entity: str
    fields: tuple[str, ...]


CONTACTS = Kind(
    "contacts", "Contacts", "Contact",
    (
        "Name", "FirstName", "LastName", "Title", "AccountId", "Account.Name", "Email", "Phone", "MobilePhone", "HomePhone",
        *(f"Mailing{one}" for one in _PLACE), *_COMMON,
    ),
)  # fmt: skip
COMPANIES = Kind(
    "companies", "Accounts", "Account",
    ("Name", "Phone", "Website", "Industry", *(f"Billing{one}" for one in _PLACE), *_COMMON),
)  # fmt: skip
TASKS = Kind(
    "tasks", "Tasks", "Task",
    (
        "Subject", "Status", "IsClosed", "CompletedDateTime", "ActivityDate", "Priority", "TaskSubtype", "WhoId", "WhatId",
        *_COMMON,
    ),
)  # fmt: skip
KINDS = {one.records: one for one in (CONTACTS, COMPANIES, TASKS)}


@dataclass(frozen=True, slots=True)
class SalesforceStream:
    """The records of one kind (`hub.connector.stream.Stream`, `Findable`)."""

    client: Client
    kind: Kind

    mailbox: str = ""

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
    def full_every(self) -> timedelta | None:
        return timedelta(hours=self.client.settings.full_every_h)

    @property
    def asked(self) -> str:
        return self._select

    @property
    def _select(self) -> str:
        # Accounts are never written, so the field need not be there.
        mark = () if self.kind is COMPANIES else (self.client.settings.mark_field,)
        return soql(", ".join(("Id", *self.kind.fields, *mark)), self.kind.entity)

    def begin(self) -> Cursor:
        """Return the beginning; Salesforce's clock says since when changes are asked for afterwards."""
        self.client.query(soql("Id", self.kind.entity, "LIMIT 1"), polls=True)
        return Cursor(anchor=self._now().isoformat())

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of a pass."""
        found, cursor = self._rows(cursor)
        # The look began when Salesforce answered its first page.
        cursor = replace(cursor, anchor=cursor.anchor or self._now().isoformat())
        changes = [self._change(row) for row in found.rows]
        if found.rest:
            if _number(found.rest) <= _number(cursor.page):
                raise RetryLaterError(f"Salesforce sends us round in a circle: {found.rest[-20:]} comes again.")
            return Page(changes, replace(cursor, page=found.rest), more=True, expected=found.total)
        following = Cursor(Phase.INCREMENTAL, token=cursor.anchor, asked=cursor.asked)
        # What a whole pass did not show is asked for by its id before it counts as gone.
        return Page(changes, following, more=False, complete=False, expected=found.total)

    def _rows(self, cursor: Cursor) -> tuple[Rows, Cursor]:
        """Ask for a page; a look at changes begins again where Salesforce forgot the rest of it."""
        if cursor.page:
            try:
                return self.client.more(cursor.page), cursor
            except CursorExpired:
                if cursor.phase is Phase.FULL:
                    raise
                cursor = replace(cursor, page="")
        where = ""
        if cursor.phase is not Phase.FULL:
            since = _read(cursor.token) - timedelta(minutes=self.client.settings.overlap_min)
            where = f" WHERE SystemModstamp >= {written(since)}"
        return self.client.query(f"{self._select}{where}", polls=True), cursor

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these records as they are now. What a query leaves out is asked for alone."""
        found: dict[str, Row] = {}
        wanted = [one for one in dict.fromkeys(remote_ids) if is_id(one)]
        for at in range(0, len(wanted), AT_ONCE):
            text = f"{self._select} WHERE Id IN {listed(wanted[at : at + AT_ONCE])}"
            found |= {str(row["Id"]): row for row in self._every(text)}
        return [self._change(found[one]) if one in found else self._alone(one) for one in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of what changed since a moment, and is there."""
        text = soql("Id, IsDeleted", self.kind.entity, f"WHERE SystemModstamp >= {written(since)}")
        return frozenset(str(one["Id"]) for one in self._every(text) if one.get("IsDeleted") is not True)

    def _every(self, text: str) -> Iterator[Row]:
        found = self.client.query(text)
        yield from found.rows
        while found.rest:
            before = found.rest
            found = self.client.more(before)
            if found.rest and _number(found.rest) <= _number(before):
                raise RetryLaterError("Salesforce sends us round in a circle.")
            yield from found.rows

    def _alone(self, remote_id: str) -> Change:
        try:
            self.client.row(self.kind.entity, remote_id)
        except GoneError:
            return Gone(remote_id)
        except ScopeError:
            return Filtered(remote_id, "access")
        raise RetryLaterError("Salesforce's list was cut short: what it left out is there.")

    def _change(self, row: Row) -> Change:
        remote_id = str(row["Id"])
        if row.get("IsDeleted") is True:
            return Gone(remote_id)
        mark = str(row.get(self.client.settings.mark_field) or "")
        if row.get("TaskSubtype") in _LOGGED or (self.kind is TASKS and mark.startswith(INTERACTION)):
            return Filtered(remote_id, "interaction")  # it happened; with the hub's mark it is the hub's own
        payload = {key: value for key, value in row.items() if key != "attributes"}
        payload["url"] = f"{self.client.settings.site}/{remote_id}"
        return Upsert(remote_id, payload, version=str(row.get("SystemModstamp") or ""))

    def _now(self) -> datetime:
        # A server that does not say what time it is has a proxy before it; then ours has to do (README).
        return self.client.asked_at or datetime.now(UTC)


def _number(locator: str) -> int:
    """Return how many records are before the rest of a query; of none, -1."""
    found = _AT.search(locator)
    return int(found[1]) if found else 0 if locator else -1


def _read(token: str) -> datetime:
    try:
        return datetime.fromisoformat(token)
    except ValueError:
        raise CursorExpired("this is no moment") from None
