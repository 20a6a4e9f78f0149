"""Records of one kind: a pass over all of them, and passes over what changed since, both by id with Pipedrive's cursor.

A pass asks for what changed since the pass before it began, less an overlap, in the order of ids, which never change; whatever
changes meanwhile has a date in the next window. That a record is deleted Pipedrive need not tell, so a whole pass comes often,
and what it did not show is asked for by its id before it counts as gone.
Sources: https://developers.pipedrive.com/docs/api/v1/Persons#getPersons,
https://developers.pipedrive.com/docs/api/v1/Organizations#getOrganizations,
https://developers.pipedrive.com/docs/api/v1/Activities#getActivities
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connectors.pipedrive.client import Answer, Client, next_of, rows
from hub.connector.stream import Change, Cursor, Filtered, Gone, Page, Phase, Upsert
from hub.errors import CursorExpired, RejectedError, RetryLaterError, ShapeError

LISTED, FOUND = 500, 100  # Pipedrive's most in one answer


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record."""

    records: str
    title: str
    place: str  # what the API calls it
    page: str  # what addresses for people call it


KINDS = {
    "contacts": Kind("contacts", "People", "persons", "person"),
    "companies": Kind("companies", "Organisations", "organizations", "organization"),
    "tasks": Kind("tasks", "Tasks", "activities", "activities/list/activity"),
}


@dataclass(frozen=True, slots=True)
class RecordStream:
    """All records of a kind (`hub.connector.stream.Stream` and `Findable`)."""

    client: Client
    kind: Kind

    @property
    def key(self) -> str:
        return self.kind.records

    @property
    def title(self) -> str:
        return self.kind.title

    @property
    def records(self) -> str:
        return self.kind.records

    @property
    def mailbox(self) -> str:
        return ""

    @property
    def asked(self) -> str:
        types = ",".join(sorted(self.client.settings.wanted_types)) if self.kind.records == "tasks" else ""
        return f"1: {types}"

    @property
    def every(self) -> timedelta:
        return timedelta(seconds=self.client.settings.every_s)

    @property
    def full_every(self) -> timedelta | None:
        return timedelta(days=self.client.settings.full_every_days)

    def begin(self) -> Cursor:
        """Return the beginning, with Pipedrive's time of now.

        Raises:
            ShapeError: it does not say what time it is.
        """
        self.client.ask("GET", self._place, params={"limit": "1"})
        if self.client.asked_at is None:
            raise ShapeError("Pipedrive's answers have no Date header: nothing says since when to ask")
        return Cursor(anchor=self.client.asked_at.isoformat())

    def pull(self, cursor: Cursor) -> Page:
        params = {"sort_by": "id", "sort_direction": "asc", "limit": str(LISTED)}
        if cursor.phase is not Phase.FULL:
            params["updated_since"] = _written(_read(cursor.token) - self.client.settings.overlap)
        found, after = self._listed(params, cursor.page)
        anchor = cursor.anchor or (self.client.asked_at.isoformat() if self.client.asked_at else cursor.token)
        if after:
            return Page(self._changes(found), replace(cursor, page=after, anchor=anchor), more=True)
        following = Cursor(Phase.INCREMENTAL, token=anchor, asked=cursor.asked)
        return Page(self._changes(found), following, more=False, complete=False)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these records as they are now; what Pipedrive does not have is gone."""
        wanted = [one for one in remote_ids if one.isdecimal()]
        found: dict[str, Change] = {}
        for at in range(0, len(wanted), FOUND):
            listed, _ = self._listed({"ids": ",".join(wanted[at : at + FOUND]), "limit": str(LISTED)}, "")
            found |= {change.remote_id: change for change in self._changes(listed)}
        return [found.get(one, Gone(one)) for one in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of what changed since a moment."""
        params = {"sort_by": "id", "sort_direction": "asc", "limit": str(LISTED), "updated_since": _written(since)}
        found, after = self._listed(params, "")
        while after:
            more, after = self._listed(params, after)
            found += more
        return frozenset(one.remote_id for one in self._changes(found) if isinstance(one, Upsert))

    def _listed(self, params: dict[str, str], after: str) -> tuple[list[Answer], str]:
        try:
            answer = self.client.ask("GET", self._place, params={**params, **({"cursor": after} if after else {})})
        except RejectedError as error:
            if after:
                raise CursorExpired(str(error)) from error
            raise
        following = next_of(answer)
        if following and following == after:
            raise RetryLaterError(f"Pipedrive sends us round in a circle: behind {after[:40]} it is there again.")
        return rows(answer), following

    @property
    def _place(self) -> str:
        return f"/api/v2/{self.kind.place}"

    def _changes(self, listed: Sequence[Answer]) -> list[Change]:
        return [self._change(one) for one in listed if one.get("id")]

    def _change(self, one: Answer) -> Change:
        remote_id = str(one["id"])
        if one.get("is_deleted") is True:
            return Gone(remote_id)
        if self.kind.records == "tasks" and one.get("type") not in self.client.settings.wanted_types:
            return Filtered(remote_id, "type")
        url = f"{self.client.settings.base}/{self.kind.page}/{remote_id}"
        return Upsert(remote_id, {**one, "url": url}, version=str(one.get("update_time") or ""))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(text: str) -> datetime:
    """Read a moment. Raises CursorExpired: it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CursorExpired(f"{text[:40]!r} is no moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
