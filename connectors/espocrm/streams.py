"""Streams: contacts, accounts and tasks, first all of them by their ids, then what changed.

EspoCRM dates a change to the second and shows it when its transaction ends, so each look goes back further than the look
before it began (`overlap_min`). Pages go on behind an id, so nothing slips through where records change meanwhile. What was
deleted is not told: a whole pass does not show it, and then it is asked for by its id before it counts as gone.
Sources: https://docs.espocrm.com/development/api-search-params/,
https://github.com/espocrm/espocrm/tree/master/application/Espo/Modules/Crm/Resources/metadata/entityDefs
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.espocrm.client import Client, Row, is_id, moment_of, written
from hub.connector.stream import Change, Cursor, Filtered, Gone, Page, Phase, Upsert
from hub.errors import CursorExpired, GoneError, RetryLaterError, ScopeError

AT_ONCE = 50  # ids in one address
_COMMON = ("createdAt", "modifiedAt", "assignedUserId", "assignedUserName", "versionNumber")
_PLACE = ("Street", "City", "State", "Country", "PostalCode")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of records: what EspoCRM calls it, and which of its attributes are read."""

    records: str
    title: str
    entity: str
    fields: tuple[str, ...]


CONTACTS = Kind(
    "contacts", "Contacts", "Contact",
    (
        "name", "firstName", "lastName", "title", "accountId", "accountName", "emailAddress", "emailAddressData",
        "phoneNumber", "phoneNumberData", "description", "doNotCall", *(f"address{one}" for one in _PLACE), *_COMMON,
    ),
)  # fmt: skip
COMPANIES = Kind(
    "companies", "Accounts", "Account",
    (
        "name", "website", "emailAddress", "emailAddressData", "phoneNumber", "phoneNumberData", "type", "industry",
        "description", *(f"billingAddress{one}" for one in _PLACE), *_COMMON,
    ),
)  # fmt: skip
TASKS = Kind(
    "tasks", "Tasks", "Task",
    (
        "name", "status", "priority", "dateStart", "dateEnd", "dateEndDate", "dateCompleted", "description", "parentType",
        "parentId", "parentName", "contactId", "accountId", *_COMMON,
    ),
)  # fmt: skip
KINDS = {one.records: one for one in (CONTACTS, COMPANIES, TASKS)}


@dataclass(frozen=True, slots=True)
class EspoStream:
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
        return f"{self.kind.entity} {','.join(self._fields)}"

    @property
    def _fields(self) -> tuple[str, ...]:
        mark = self.client.settings.mark_field
        # Accounts are never written, so the field need not be there.
        return (*self.kind.fields, mark) if mark and self.kind is not COMPANIES else self.kind.fields

    def begin(self) -> Cursor:
        """Return the beginning; EspoCRM's clock says since when changes are asked for afterwards."""
        self.client.rows(self.kind.entity, (), ("modifiedAt",), limit=1)
        return Cursor(anchor=self._now().isoformat())

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of a pass. A pass ends where nothing comes any more; a page that is not full ends nothing."""
        after = _place(cursor)
        where: list[dict[str, Any]] = []
        if cursor.phase is not Phase.FULL:
            since = _read(cursor.token) - timedelta(minutes=self.client.settings.overlap_min)
            where.append({"type": "greaterThanOrEquals", "attribute": "modifiedAt", "value": written(since)})
        if after:
            where.append({"type": "greaterThan", "attribute": "id", "value": after})
        rows = self.client.rows(self.kind.entity, where, self._fields, limit=self.client.settings.page_size)
        # The look began when EspoCRM answered its first page.
        cursor = replace(cursor, anchor=cursor.anchor or self._now().isoformat())
        if not rows:
            following = Cursor(Phase.INCREMENTAL, token=cursor.anchor, asked=cursor.asked)
            # What a whole pass did not show is asked for by its id before it counts as gone.
            return Page((), following, more=False, complete=False)
        by_id = {str(row["id"]): row for row in rows}
        if any(_order(one) <= _order(after) for one in by_id):
            raise RetryLaterError(f"EspoCRM sends us round in a circle: behind {after} it begins again.")
        ordered = sorted(by_id, key=_order)
        return Page([self._change(by_id[one]) for one in ordered], replace(cursor, page=ordered[-1]), more=True)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these records as they are now. What a list leaves out is asked for alone: deleted, or not for us any more."""
        found: dict[str, Row] = {}
        wanted = [one for one in dict.fromkeys(remote_ids) if is_id(one)]
        for at in range(0, len(wanted), AT_ONCE):
            some = {"type": "in", "attribute": "id", "value": wanted[at : at + AT_ONCE]}
            rows = self.client.rows(self.kind.entity, [some], self._fields, limit=AT_ONCE)
            found |= {str(row["id"]): row for row in rows}
        return [self._change(found[one]) if one in found else self._alone(one) for one in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of what changed since a moment."""
        found: set[str] = set()
        after = ""
        while True:
            where = [{"type": "greaterThanOrEquals", "attribute": "modifiedAt", "value": written(since)}]
            if after:
                where.append({"type": "greaterThan", "attribute": "id", "value": after})
            some = {str(one["id"]) for one in self.client.rows(
                self.kind.entity, where, ("modifiedAt",), limit=self.client.settings.page_size
            )} - found  # fmt: skip
            if not some:
                return frozenset(found)
            found |= some
            after = max(some, key=_order)

    def _alone(self, remote_id: str) -> Change:
        if not is_id(remote_id):
            return Gone(remote_id)
        try:
            return self._change(self.client.row(self.kind.entity, remote_id))
        except GoneError:
            return Gone(remote_id)
        except ScopeError:
            return Filtered(remote_id, "access")

    def _change(self, row: Row) -> Change:
        remote_id = str(row["id"])
        if row.get("deleted") is True:  # an administrator is shown what is deleted
            return Gone(remote_id)
        url = f"{self.client.settings.site}/#{self.kind.entity}/view/{remote_id}"
        return Upsert(remote_id, {**row, "url": url}, version=str(row.get("modifiedAt") or ""))

    def _now(self) -> datetime:
        # A server that does not say what time it is has a proxy before it; then ours has to do (README).
        return self.client.asked_at or datetime.now(UTC)


def _order(remote_id: str) -> str:
    """Order ids as EspoCRM's database does, which takes large and small letters alike."""
    return remote_id.lower()


def _place(cursor: Cursor) -> str:
    if cursor.page and not is_id(cursor.page):
        raise CursorExpired("this is no id of EspoCRM")
    return cursor.page


def _read(token: str) -> datetime:
    try:
        return datetime.fromisoformat(token)
    except ValueError:
        raise CursorExpired("this is no moment") from None


def version_of(row: Row) -> str:
    """Return what says which state of a record it is; a moment, to the second."""
    return str(row.get("modifiedAt") or "") if moment_of(row.get("modifiedAt")) else ""
