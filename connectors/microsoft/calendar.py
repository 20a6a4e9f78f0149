"""Calendars: every event within a time, first all of them, then what changed.

Graph tells of what takes place in a time that is fixed with the first question, so that every month a later one is
asked about from the beginning; what lies outside of it by then is asked for by its id, and stays. Of a series Graph tells each
time it takes place, and of these hardly more than when; the hub wants the series and what differs from it. So each
series that is named is read whole: as its master, one record for each time that differs, and one for each that does not
take place.
Sources: https://learn.microsoft.com/graph/delta-query-events, https://learn.microsoft.com/graph/api/event-get
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.microsoft import series as times
from connectors.microsoft.client import Answer, Asked, Client, quoted
from connectors.microsoft.listing import DELTA, NEXT, everything, items, link
from connectors.microsoft.series import Series, read_name
from hub.connector.stream import Change, Cursor, Gone, Left, Page, Phase, Upsert
from hub.errors import ConnectorError, CursorExpired, GoneError, ShapeError
from hub.records.meeting import WallTime

RECORDS = "calendar"
USUAL = "primary"  # the mailbox's own calendar
PAGE = 200  # events of one page, where a series counts with all of its times
LISTED = 500  # events of one page of a plain listing
PAST_YEARS, AHEAD_YEARS = 2, 1
AGAIN = timedelta(days=30)  # how often a later time is asked about
AS_TEXT = 'outlook.body-content-type="text"'
_READ = (AS_TEXT, f"odata.maxpagesize={PAGE}")
_AROUND = timedelta(days=2)  # more than a day is longer or earlier anywhere
_PRESENT = "id,type,seriesMasterId,isAllDay,start,originalStart,originalStartTimeZone"

Event = Mapping[str, Any]


@dataclass(frozen=True)
class CalendarStream:
    """One calendar of one mailbox."""

    client: Client
    calendar: str  # its id; `primary` is the mailbox's own

    key: str
    title: str
    mailbox: str
    records: str
    every: timedelta
    asked: str = "view 1"  # what is asked for in `pull`; changed with it
    full_every: timedelta | None = AGAIN

    def begin(self) -> Cursor:
        """Return the beginning: Graph's own token stands for the moment of the first page."""
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of events. Links go as they came: they know the time that was asked about."""
        following = cursor.page or (cursor.token if cursor.phase is Phase.INCREMENTAL else "")
        try:
            if following:
                answer = self.client.get(following, prefer=_READ)
            else:
                answer = self.client.get(f"{self.base}/calendarView/delta", _written(*window()), prefer=_READ)
        except GoneError as error:
            raise _lost(cursor, error) from error
        changes = self._changes(items(answer, "events"))
        if page := link(answer, NEXT):
            place = Cursor(cursor.phase, cursor.token, page, asked=cursor.asked, opened_at=cursor.opened_at)
            return Page(changes, place, more=True)
        token = link(answer, DELTA)
        # What this did not show may lie before or after the time that was asked about.
        return Page(changes, Cursor(Phase.INCREMENTAL, token, asked=self.asked), more=False, complete=False)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return single events, and times of a series by their names."""
        named = {one: name for one in remote_ids if (name := read_name(one)) is not None}
        found = self._asked({one: Asked(self.path(one), prefer=(AS_TEXT,)) for one in remote_ids if one not in named})
        masters = {one for one, answer in found.items() if answer and answer.get("type") == "seriesMaster"}
        whole = self.series({*masters, *(master for master, _ in named.values())})
        changes: list[Change] = []
        for one in remote_ids:
            if one in named:
                changes.append(self._time(one, whole.get(named[one][0]), named[one][1]))
            elif one in masters:
                known = whole.get(one)
                changes.append(Gone(one) if known is None else self._master(known))
            else:
                changes.append(self._found(one, found[one]))
        return changes

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all events that are not over before a moment."""
        asked = {**_written(since, window()[1]), "$select": _PRESENT, "$top": str(LISTED)}
        listed = everything(self.client, f"{self.base}/calendarView", asked, "events")
        return frozenset(name for event in listed for name in _names(event))

    # --- for the writer -----------------------------------------------------------------------------------------------

    @property
    def base(self) -> str:
        """Path of the calendar, below its mailbox."""
        return "" if self.calendar == USUAL else f"/calendars/{quoted(self.calendar)}"

    def path(self, event_id: str) -> str:
        """Return the path of an event."""
        return f"{self.base}/events/{quoted(event_id)}"

    def series(self, ids: Iterable[str]) -> dict[str, Series]:
        """Return series with all that differs from them; those that are no more are left out."""
        asked = {one: Asked(self.path(one), params=times.ASKED, prefer=(AS_TEXT,)) for one in sorted(ids)}
        return {one: Series(answer) for one, answer in self._asked(asked).items() if answer is not None}

    def instances(self, series_id: str, since: datetime, until: datetime) -> list[Answer]:
        """Return what a series takes place on in a time, as far as Graph tells."""
        asked = {**_written(since, until), "$top": str(LISTED)}
        path = f"{self.path(series_id)}/instances"
        return list(everything(self.client, path, asked, "events", prefer=(AS_TEXT,)))

    def instance(self, series: Series, day: date) -> Answer | None:
        """Return the time of a day, as far as the series has one that differs from nothing."""
        place = series.place(day)
        at = place.instant if isinstance(place, WallTime) else datetime.combine(place, datetime.min.time(), UTC)
        around = self.instances(series.id, at - _AROUND, at + _AROUND)
        return next((one for one in around if _is_plain(one) and series.day_of(one) == day), None)

    def single(self, event: Event) -> Upsert:
        """Return an event that is no part of a series."""
        return Upsert(str(event["id"]), self._payload(event), _version(event))

    def time(self, series: Series, day: date, event: Event) -> Upsert:
        """Return one time of a series that is, or was, not as the others."""
        own = {"id": series.name(day), "eventId": event["id"], "seriesMasterId": series.id}
        return Upsert(series.name(day), self._payload(event) | own | _of_series(series, day), _version(event))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _changes(self, entries: Sequence[Event]) -> list[Change]:
        """Make records of what a page says."""
        latest = {str(one["id"]): one for one in entries}.values()  # one event may be told of several times
        left = [one for one in latest if "@removed" in one]
        there = [one for one in latest if "@removed" not in one]
        of_series: dict[str, list[Event]] = {}
        single: list[Event] = []
        for one in there:
            if master := _master_of(one):
                of_series.setdefault(master, []).append(one)
            else:
                single.append(one)
        changes: list[Change] = [Left(str(one["id"])) for one in left]
        changes += [self.single(one) for one in single if _is_whole(one)]
        changes += self.find([str(one["id"]) for one in single if not _is_whole(one)])
        return changes + self._of_series(of_series)

    def _of_series(self, told: Mapping[str, Sequence[Event]]) -> list[Change]:
        known = self.series(told)
        changes: list[Change] = []
        for master, entries in told.items():
            series = known.get(master)
            if series is None or not series.is_readable:
                changes.append(
                    Gone(master) if series is None else self.single(series.master)
                )  # set aside, with its reason
                continue
            plain = {_day_of(series, one) for one in entries if _is_plain(one)} - {None}
            # What is told of as any other time is neither called off nor different, whatever it was before.
            changes += [Gone(series.name(day)) for day in plain if day is not None and not _differs(series, day)]
            changes.append(self._master(series))
            changes += [self.time(series, day, event) for day, event in self._exceptions(series).items()]
            changes += [self._cancelled(series, day) for day in sorted(series.cancelled)]
        return changes

    def _master(self, series: Series) -> Upsert:
        payload = self._payload(
            {name: value for name, value in series.master.items() if name != "exceptionOccurrences"}
        )
        if series.is_readable and not series.is_ruled:
            payload["occurrences"] = self._occurrences(series)
        return Upsert(series.id, payload, _version(series.master))

    def _occurrences(self, series: Series) -> list[dict[str, str]]:
        """Return the times of a series that no rule says, also those that were called off: they are shown as such."""
        told = [one["start"] for one in self.instances(series.id, *window()) if _is_plain(one) and one.get("start")]
        places = [series.place(day) for day in sorted(series.cancelled | series.exceptions.keys())]
        return [
            *({"dateTime": str(one["dateTime"]), "timeZone": str(one["timeZone"])} for one in told),
            *map(_utc, places),
        ]

    def _exceptions(self, series: Series) -> dict[date, Event]:
        """Return the times that differ, each whole."""
        found: dict[date, Event] = {}
        for day, event in series.exceptions.items():
            if day in series.cancelled:
                continue
            if "start" not in event:
                answer = self._asked({"it": Asked(self.path(str(event["id"])), prefer=(AS_TEXT,))})["it"]
                if answer is None:
                    continue
                event = answer  # noqa: PLW2901 - the same one, whole
            found[day] = event
        return found

    def _cancelled(self, series: Series, day: date) -> Upsert:
        name = series.name(day)
        facts = {"id": name, "seriesMasterId": series.id, "type": "exception", "isCancelled": True}
        return Upsert(name, self._payload(facts) | _of_series(series, day), "")

    def _time(self, name: str, series: Series | None, day: date) -> Change:
        """Return what became of one time of a series."""
        if series is None or not series.is_readable:
            return Gone(name)
        if day in series.cancelled:
            return self._cancelled(series, day)
        event = self._exceptions(series).get(day) or self.instance(series, day)
        return Gone(name) if event is None else self.time(series, day, event)

    def _found(self, remote_id: str, answer: Answer | None) -> Change:
        # A time of a series is known by its name, never by this id.
        return Gone(remote_id) if answer is None or _master_of(answer) else self.single(answer)

    def _asked(self, asked: Mapping[str, Asked]) -> dict[str, Answer | None]:
        """Ask for several records; one that is no more is None."""
        found: dict[str, Answer | None] = {}
        for name, answer in (self.client.all(asked) if asked else {}).items():
            if isinstance(answer, ConnectorError | ShapeError) and not isinstance(answer, GoneError):
                raise answer
            found[name] = None if isinstance(answer, GoneError) else answer
        return found

    def _payload(self, event: Event) -> dict[str, Any]:
        """Return an event as it is kept: without what is about the answer, and with whose calendar it is from."""
        kept = {name: value for name, value in event.items() if "@odata." not in name}
        return kept | {"mailbox": self.mailbox if self.calendar == USUAL else ""}


def streams(client: Client) -> list[CalendarStream]:
    """Return the calendars that the settings want."""
    return [stream(client, calendar) for calendar in client.settings.wanted_calendars]


def stream(client: Client, calendar: str) -> CalendarStream:
    """Return one calendar of the client's mailbox."""
    whose = "" if calendar == USUAL else f" {calendar}"
    return CalendarStream(
        client=client,
        calendar=calendar,
        key=f"calendar:{client.mailbox}:{calendar}",
        title=f"Calendar{whose} of {client.mailbox}" if client.mailbox else f"Calendar{whose}",
        mailbox=client.mailbox,
        every=timedelta(seconds=client.settings.every_s),
        records=f"{RECORDS}:{client.mailbox}:{calendar}",
    )


def window(clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> tuple[datetime, datetime]:
    """Return the time that is asked about: whole months, so that it is the same for all who ask in one month."""
    month = clock().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    until = (month + timedelta(days=2 * 31)).replace(day=1)  # a month more: it is asked about a later time only then
    return month.replace(year=month.year - PAST_YEARS), until.replace(year=until.year + AHEAD_YEARS)


def _written(since: datetime, until: datetime) -> dict[str, str]:
    form = "%Y-%m-%dT%H:%M:%SZ"
    return {
        "startDateTime": since.astimezone(UTC).strftime(form),
        "endDateTime": until.astimezone(UTC).strftime(form),
    }


def _utc(place: date | WallTime) -> dict[str, str]:
    local = (
        place.instant.replace(tzinfo=None)
        if isinstance(place, WallTime)
        else datetime.combine(place, datetime.min.time())
    )
    return {"dateTime": local.isoformat(), "timeZone": "UTC"}


def _lost(cursor: Cursor, error: GoneError) -> ConnectorError:
    """What a link leads to no more is a token that died; without one it is a calendar that is no more."""
    return CursorExpired(str(error)) if cursor.token or cursor.page else error


def _of_series(series: Series, day: date) -> dict[str, Any]:
    """Return what must be known of a series to understand one of its times."""
    first = series.first
    clock = first.local.time().isoformat() if isinstance(first, WallTime) else ""
    facts = {
        "iCalUId": series.master.get("iCalUId"),
        "isAllDay": series.is_all_day,
        "clock": clock,
        "zone": series.zone,
    }
    return {"originalDay": day.isoformat(), "series": facts}


def _names(event: Event) -> list[str]:
    """Return by what the hub knows an event of a calendar view: of a time of a series the series, and itself if it differs."""
    master = _master_of(event)
    if not master:
        return [str(event["id"])]
    if event.get("type") != "exception":
        return [master]
    # Its own zone is that of the series, unless somebody moved it to another.
    own = Series(
        {"id": master, "isAllDay": event.get("isAllDay"), "originalStartTimeZone": event.get("originalStartTimeZone")}
    )
    return [master, own.name(own.day_of(event))]


def _master_of(event: Event) -> str:
    return str(event["id"]) if event.get("type") == "seriesMaster" else str(event.get("seriesMasterId") or "")


def _is_plain(event: Event) -> bool:
    return event.get("type") == "occurrence"


def _is_whole(event: Event) -> bool:
    """Whether an event was told of with all that it has; a round of changes may tell only what changed."""
    return "iCalUId" in event and "type" in event


def _day_of(series: Series, event: Event) -> date | None:
    try:
        return series.day_of(event)
    except ShapeError:
        return None


def _differs(series: Series, day: date) -> bool:
    return day in series.cancelled or day in series.exceptions


def _version(event: Event) -> str:
    return str(event.get("@odata.etag") or "")
