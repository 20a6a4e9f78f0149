"""Calendars: every event with its series and exceptions, first all of them, then what changed.

Source: https://developers.google.com/workspace/calendar/api/guides/sync
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.google.client import Client
from hub.connector import calendars
from hub.connector.stream import Change, Cursor, Gone, Limit, Page, Phase, Upsert
from hub.errors import ConnectorError, CursorExpired, GoneError, ShapeError

RECORDS = calendars.RECORDS
PAGE = 2500  # the most that one page may have


@dataclass(frozen=True, slots=True)
class CalendarStream:
    """One calendar of one mailbox."""

    client: Client
    calendar: str  # its id; `primary` is the mailbox's own

    key: str
    title: str
    mailbox: str
    records: str
    every: timedelta
    asked: str = "events 1"  # what `_listed` asks for; changed with it
    full_every: timedelta | None = None

    def begin(self) -> Cursor:
        """Return the beginning: Google's own token stands for the moment of the first page."""
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of events. A token goes alone: any filter beside it is refused or would hide deletions."""
        asked: dict[str, Any] = {"calendarId": self.calendar, "maxResults": PAGE, "singleEvents": False}
        if cursor.phase is Phase.INCREMENTAL:
            asked["syncToken"] = cursor.token
        else:
            asked["showDeleted"] = True  # the same as a token means; also cancelled times of a series come with it
        if cursor.page:
            asked["pageToken"] = cursor.page
        try:
            answer = self.client.call(self.client.calendar.events().list(**asked), self.limits)
        except GoneError as error:
            raise _lost(cursor, error) from error
        changes = [_change(event) for event in _items(answer)]
        following = answer.get("nextPageToken", "")
        if following:
            return Page(changes, _on(cursor, page=following), more=True)
        token = str(answer.get("nextSyncToken", ""))
        return Page(changes, Cursor(Phase.INCREMENTAL, token=token, asked=self.asked), more=False)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return single events."""
        api = self.client.calendar.events()
        asked = {one: api.get(calendarId=self.calendar, eventId=one) for one in remote_ids}
        found: list[Change] = []
        for remote_id, answer in self.client.call_all(asked, self.limits, 1).items():
            if isinstance(answer, GoneError):
                found.append(Gone(remote_id))
            elif isinstance(answer, ConnectorError | ShapeError):
                raise answer
            else:
                found.append(_change(answer))
        return found

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all events that are not over before a moment, or were changed since."""
        ids: set[str] = set()
        page = ""
        while True:
            asked = {
                "calendarId": self.calendar,
                "maxResults": PAGE,
                "timeMin": since.astimezone(UTC).isoformat(),
                "fields": "nextPageToken,items(id)",
                **({"pageToken": page} if page else {}),
            }
            answer = self.client.call(self.client.calendar.events().list(**asked), self.limits)
            ids |= {str(event["id"]) for event in _items(answer)}
            if answer.get("nextPageToken", "") in {"", page}:
                return frozenset(ids)
            page = answer["nextPageToken"]

    @property
    def limits(self) -> Sequence[Limit]:
        return limits(self.client)


def limits(client: Client) -> Sequence[Limit]:
    """Return what requests to a mailbox's calendars are counted by, for reading, writing and questions alike."""
    return (Limit(f"google:calendar:{client.mailbox}", client.settings.calendar_requests_per_minute),)


def streams(client: Client) -> list[CalendarStream]:
    """Return the calendars that the settings want."""
    return [stream(client, calendar) for calendar in client.settings.wanted_calendars]


def stream(client: Client, calendar: str) -> CalendarStream:
    """Return one calendar of the client's mailbox."""
    key = calendars.key_of(client.mailbox, calendar)
    return CalendarStream(
        client=client,
        calendar=calendar,
        key=key,
        title=calendars.title_of(client.mailbox, calendar),
        mailbox=client.mailbox,
        every=timedelta(seconds=client.settings.every_s),
        records=key,
    )


def _on(cursor: Cursor, *, page: str) -> Cursor:
    return Cursor(cursor.phase, cursor.token, page, asked=cursor.asked, opened_at=cursor.opened_at)


def _lost(cursor: Cursor, error: GoneError) -> ConnectorError:
    """410 is a token that died, and so is a page of a listing; 404 is a calendar that is no more."""
    if cursor.token or cursor.page:
        return CursorExpired(str(error))
    return error


def _items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    items = answer.get("items", [])
    if not isinstance(items, list) or not all(isinstance(one, dict) and one.get("id") for one in items):
        raise ShapeError("Google's list of events has entries that are none")
    return items


def _change(event: dict[str, Any]) -> Change:
    """A cancelled event is kept as such: cancelled times of a series are a part of it, and the timeline strikes it."""
    return Upsert(str(event["id"]), event, str(event.get("etag", "")))
