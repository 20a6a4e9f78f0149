"""Objects of one kind: a pass over all of them by their list, changes by a search, deletions by the list of archived ones.

A search may show a change some moments after it was made, and its pages are counted, so what changes between two of them
would move others out of sight. So a pass asks for what changed since the pass before it began, less an overlap, and goes
through that by id, which never changes; whatever changes meanwhile has a date in the next window. That also knows no end at
10,000 results. What a whole pass did not show is asked for by its id before it counts as gone.
Sources: https://developers.hubspot.com/docs/api-reference/search/guide,
https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.hubspot.client import Answer, Client, next_of, results
from connectors.hubspot.kinds import Kind
from hub.connector.stream import Change, Cursor, Gone, Page, Phase, Upsert
from hub.errors import CursorExpired, RetryLaterError, ShapeError

LISTED, SEARCHED, FOUND = 100, 200, 100  # HubSpot's most in one answer
_ARCHIVED = "archived:"  # before the place in that list


@dataclass(frozen=True, slots=True)
class ObjectStream:
    """All objects of a kind (`hub.connector.stream.Stream` and `Findable`)."""

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
        return f"1: {','.join(self.kind.properties)}"

    @property
    def every(self) -> timedelta:
        return timedelta(seconds=self.client.settings.every_s)

    @property
    def full_every(self) -> timedelta | None:
        return timedelta(days=self.client.settings.full_every_days)

    def begin(self) -> Cursor:
        """Return the beginning, with HubSpot's time of now.

        Raises:
            ShapeError: it does not say what time it is.
        """
        self.client.get(self._place, {"limit": "1"})
        if self.client.asked_at is None:
            raise ShapeError("HubSpot's answers have no Date header: nothing says since when to ask")
        return Cursor(anchor=self.client.asked_at.isoformat())

    def pull(self, cursor: Cursor) -> Page:
        if cursor.phase is Phase.FULL:
            return self._of_all(cursor)
        if cursor.page.startswith(_ARCHIVED):
            return self._of_archived(cursor)
        return self._of_changes(cursor)

    # --- a whole pass ---------------------------------------------------------------------------------------------

    def _of_all(self, cursor: Cursor) -> Page:
        rows, after = self._listed(cursor.page, archived=False)
        if after:
            return Page(self._changes(rows), replace(cursor, page=after), more=True)
        rest = {"archived_at": cursor.anchor}
        following = Cursor(Phase.INCREMENTAL, token=cursor.anchor, asked=cursor.asked, rest=rest)
        return Page(self._changes(rows), following, more=False, complete=False)

    def _listed(self, after: str, *, archived: bool) -> tuple[list[Answer], str]:
        params = {"limit": str(LISTED), "archived": "true" if archived else "false"}
        if not archived:
            params["properties"] = ",".join(self.kind.properties)
        if after:
            params["after"] = after
        answer = self.client.get(self._place, params)
        following = next_of(answer)
        if following and following == after:
            raise RetryLaterError(
                f"HubSpot sends us round in a circle: behind {after[:40]} of {self.key} it is there again."
            )
        return results(answer), following

    # --- what changed -------------------------------------------------------------------------------------------------

    def _of_changes(self, cursor: Cursor) -> Page:
        since = _read(cursor.token) - self.client.settings.overlap
        rows, more = self._searched(since, _place_of(cursor), self.kind.properties)
        anchor = cursor.anchor or (self.client.asked_at.isoformat() if self.client.asked_at else cursor.token)
        cursor = replace(cursor, anchor=anchor)
        if more:
            return Page(self._changes(rows), replace(cursor, page=rows[-1]["id"]), more=True)
        looked_at = _read(str(cursor.rest.get("archived_at") or cursor.token))
        if _read(anchor) - looked_at >= timedelta(minutes=self.client.settings.archive_every_min):
            return Page(self._changes(rows), replace(cursor, page=_ARCHIVED), more=True)
        return Page(self._changes(rows), self._behind(cursor, cursor.rest), more=False)

    def _searched(self, since: datetime, after: int, properties: Sequence[str]) -> tuple[list[Answer], bool]:
        """Return what changed since a moment behind an id, by id, and whether there is more."""
        filters = [{"propertyName": self.kind.changed, "operator": "GTE", "value": str(int(since.timestamp() * 1000))}]
        if after:
            filters.append({"propertyName": "hs_object_id", "operator": "GT", "value": str(after)})
        answer = self.client.search(
            self.kind.records,
            {
                "filterGroups": [{"filters": filters}],
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                "properties": [*properties],
                "limit": SEARCHED,
            },
        )
        rows = {int(row["id"]): row for row in results(answer) if str(row["id"]).isdecimal()}
        total = answer.get("total")
        more = len(rows) < total if isinstance(total, int) else bool(next_of(answer))
        if any(one <= after for one in rows) or (more and not rows):
            raise RetryLaterError(f"HubSpot's search of {self.key} does not go on behind {after}.")
        # A page in another order might leave out what a later one would not bring: only the whole of it goes on.
        return [rows[one] for one in sorted(rows)], more

    # --- what is gone -------------------------------------------------------------------------------------------------

    def _of_archived(self, cursor: Cursor) -> Page:
        rows, after = self._listed(cursor.page.removeprefix(_ARCHIVED), archived=True)
        since = _read(str(cursor.rest.get("archived_at") or cursor.token)) - self.client.settings.overlap
        gone = [Gone(str(row["id"])) for row in rows if _read(str(row.get("archivedAt") or cursor.anchor)) >= since]
        if after:
            return Page(gone, replace(cursor, page=f"{_ARCHIVED}{after}"), more=True)
        return Page(gone, self._behind(cursor, {**cursor.rest, "archived_at": cursor.anchor}), more=False)

    def _behind(self, cursor: Cursor, rest: Mapping[str, Any]) -> Cursor:
        return Cursor(Phase.INCREMENTAL, token=cursor.anchor, asked=cursor.asked, rest=rest)

    # --- by their ids -------------------------------------------------------------------------------------------------

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these records as they are now; what HubSpot does not have is gone."""
        wanted = [one for one in remote_ids if one.isdecimal()]
        found: dict[str, Change] = {}
        for at in range(0, len(wanted), FOUND):
            inputs = [{"id": one} for one in wanted[at : at + FOUND]]
            body = {"inputs": inputs, "properties": [*self.kind.properties]}
            rows = results(self.client.ask(f"{self._place}/batch/read", body))
            found |= {change.remote_id: change for change in self._changes(rows)}
        return [found.get(one, Gone(one)) for one in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of what changed since a moment."""
        found: list[str] = []
        more = True
        while more:
            rows, more = self._searched(since, int(found[-1]) if found else 0, (self.kind.changed,))
            found += [str(row["id"]) for row in rows]
        return frozenset(found)

    # --- records --------------------------------------------------------------------------------------------------

    @property
    def _place(self) -> str:
        return f"/crm/v3/objects/{self.kind.records}"

    def _changes(self, rows: Sequence[Answer]) -> list[Change]:
        joined = {other: self._joined([str(row["id"]) for row in rows], other) for other in self.kind.joined if rows}
        return [self._change(row, joined) for row in rows]

    def _change(self, row: Answer, joined: Mapping[str, Mapping[str, Sequence[str]]]) -> Change:
        remote_id = str(row["id"])
        if row.get("archived") is True:
            return Gone(remote_id)
        url = f"{self.client.settings.pages_of(self.kind.number)}/{remote_id}"
        others = {other: list(of.get(remote_id, ())) for other, of in joined.items()}
        return Upsert(remote_id, {**row, **others, "url": url}, version=str(row.get("updatedAt") or ""))

    def _joined(self, ids: Sequence[str], other: str) -> Mapping[str, Sequence[str]]:
        """Return whose each object is.

        Source: https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide
        """
        place = f"/crm/v4/associations/{self.kind.records}/{other}/batch/read"
        answer = self.client.ask(place, {"inputs": [{"id": one} for one in ids]})
        listed = answer.get("results")
        if not isinstance(listed, list):
            raise RetryLaterError("HubSpot's list of associations cannot be read.")
        return {
            str(one["from"]["id"]): [str(to["toObjectId"]) for to in one.get("to", ())]
            for one in listed
            if isinstance(one, dict) and isinstance(one.get("from"), dict)
        }


def _place_of(cursor: Cursor) -> int:
    if cursor.page and not cursor.page.isdecimal():
        raise CursorExpired(f"{cursor.page[:40]!r} is no id")
    return int(cursor.page or 0)


def _read(text: str) -> datetime:
    """Read a moment. Raises CursorExpired: it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CursorExpired(f"{text[:40]!r} is no moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
