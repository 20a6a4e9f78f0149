"""Calendars: every event within a time, first all of them, then what changed.

Graph tells of what takes place in a time that is fixed with the first question, so that every month a later one is
asked about from the beginning; what lies outside of it by then is asked for by its id, and stays. Of a series Graph tells each
time it takes place, and of these hardly more than when; the hub wants the series and what differs from it. So each
series that is named is read whole: as its master, one record for each time that differs, and one for each that does not
take place.

`@removed` is said of what was deleted, of what lies outside of that time, and of what somebody laid into another calendar, where
its id is the same; so it is asked for by its id, and then looked for in this calendar.
Sources: https://learn.microsoft.com/graph/delta-query-events, https://learn.microsoft.com/graph/api/event-get,
https://github.com/microsoftgraph/microsoft-graph-docs/issues/6599 (outside of the time),
https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/6026 (another calendar: deleted there, created here)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from connectors.microsoft import series as times
from connectors.microsoft import zones
from connectors.microsoft.client import Answer, Asked, Client, quoted
from connectors.microsoft.listing import DELTA, NEXT, everything, items, link, page, several
from connectors.microsoft.series import Series, read_name
from hub.connector import calendars
from hub.connector.stream import Change, Cursor, Gone, Left, Page, Phase, Upsert
from hub.errors import ShapeError
from hub.records.meeting import WallTime

RECORDS, USUAL = calendars.RECORDS, calendars.USUAL
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
        answer = page(self.client, cursor, f"{self.base}/calendarView/delta", _written(*window()), prefer=_READ)
        changes = self._changes(items(answer, "events"), is_first=cursor.phase is Phase.FULL)
        if following := link(answer, NEXT):
            return Page(changes, replace(cursor, page=following), more=True)
        done = Cursor(Phase.INCREMENTAL, link(answer, DELTA), asked=self.asked)
        # What this did not show may lie before or after the time that was asked about.
        return Page(changes, done, more=False, complete=False)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return single events, and times of a series by their names, as far as they lie in this calendar."""
        return self._found(remote_ids, self._lying_here)

    def fresh(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return the same of what this calendar showed just now, so that nobody looks where it lies."""
        return self._found(remote_ids, frozenset)

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
        return {one: Series(answer) for one, answer in several(self.client, asked).items() if answer is not None}

    def instances(self, series_id: str, since: datetime, until: datetime) -> list[Answer]:
        """Return what a series takes place on in a time, as far as Graph tells."""
        asked = {**_written(since, until), "$top": str(LISTED)}
        path = f"{self.path(series_id)}/instances"
        return list(everything(self.client, path, asked, "events", prefer=(AS_TEXT,)))

    def time_of(self, series: Series, day: date) -> Event | None:
        """Return what takes place of a series for one of its days, whole; None: nothing."""
        if day in series.cancelled:
            return None
        return self._exceptions(series).get(day) or self._instance(series, day)

    def _instance(self, series: Series, day: date) -> Answer | None:
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

    def _changes(self, entries: Sequence[Event], *, is_first: bool) -> list[Change]:
        """Make records of what a page says; its order means nothing, so of what left and is there it is asked."""
        left = {str(one["id"]) for one in entries if "@removed" in one}
        latest = {str(one["id"]): one for one in entries if str(one["id"]) not in left}
        partly = [one for one in latest.values() if not _master_of(one) and not _is_whole(one)]
        told = {**latest, **self._events(str(one["id"]) for one in partly)}
        of_series: dict[str, list[Event]] = {}
        changes: list[Change] = [Left(one) for one in left]
        for name, event in told.items():
            if event is None:
                changes.append(Gone(name))
            elif master := _master_of(event):
                of_series.setdefault(master, []).append(event)
            else:
                changes.append(self.single(event))
        return changes + self._of_series(of_series, is_first=is_first)

    def _of_series(self, told: Mapping[str, Sequence[Event]], *, is_first: bool) -> list[Change]:
        known = self.series(told)
        changes: list[Change] = []
        for master, entries in told.items():
            series = known.get(master)
            if series is None:
                changes.append(Gone(master))
            elif not series.is_readable:
                changes.append(self.single(series.master))  # set aside, with its reason
            else:
                changes += self._whole(self._completed(series, entries), is_first=is_first)
        return changes

    def _completed(self, series: Series, told: Sequence[Event]) -> Series:
        """Add exceptions that were told of and that the master does not list."""
        listed = {str(one["id"]) for one in series.exceptions.values()}
        named = (str(one["id"]) for one in told if one.get("type") == "exception")
        return series.with_exceptions(self._events(one for one in named if one not in listed).values())

    def _whole(self, series: Series, *, is_first: bool) -> Iterator[Change]:
        """Yield a series, and what differs from it.

        Nobody tells of a time that differed and is as any other by now, or is no time of the series any more. So of
        no other day there is anything; a pass from the beginning asks for what it did not show all the same.
        """
        if not is_first:
            yield from (Gone(series.name(day)) for day in _days() if not _differs(series, day))
        yield self._master(series)
        yield from (self.time(series, day, event) for day, event in self._exceptions(series).items())
        yield from (self._cancelled(series, day) for day in sorted(series.cancelled))

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
        listed = {day: one for day, one in series.exceptions.items() if day not in series.cancelled}
        asked = self._events(str(one["id"]) for one in listed.values() if not _is_whole(one))
        whole = ((day, asked.get(str(one["id"]), one)) for day, one in listed.items())
        return {day: event for day, event in whole if event is not None}

    def _cancelled(self, series: Series, day: date) -> Upsert:
        name = series.name(day)
        facts = {"id": name, "seriesMasterId": series.id, "type": "exception", "isCancelled": True}
        return Upsert(name, self._payload(facts) | _of_series(series, day), "")

    def _found(
        self, remote_ids: Sequence[str], lying_here: Callable[[Mapping[str, Event]], frozenset[str]]
    ) -> list[Change]:
        named = {one: name for one in remote_ids if (name := read_name(one)) is not None}
        asked = self._events(one for one in remote_ids if one not in named)
        masters = {one for one, event in asked.items() if event and event.get("type") == "seriesMaster"}
        whole = self.series({*masters, *(master for master, _ in named.values())})
        # A time of a series is known by its name, never by an id of its own.
        single = {one: event for one, event in asked.items() if event is not None and not _master_of(event)}
        here = lying_here({**single, **{one: series.master for one, series in whole.items()}})
        changes: list[Change] = []
        for one in remote_ids:
            master, day = named.get(one, (one, None))
            if master not in here:
                changes.append(Gone(one))
            elif day is not None:
                changes.append(self._time(whole[master], day))
            else:
                changes.append(self._master(whole[one]) if one in whole else self.single(single[one]))
        return changes

    def _time(self, series: Series, day: date) -> Change:
        """Return what became of one time of a series."""
        if not series.is_readable:
            return Gone(series.name(day))
        if day in series.cancelled:
            return self._cancelled(series, day)
        event = self.time_of(series, day)
        return Gone(series.name(day)) if event is None else self.time(series, day, event)

    def _lying_here(self, events: Mapping[str, Event]) -> frozenset[str]:
        """Return which events lie in this calendar: by its id Graph may find one wherever in the mailbox it is."""
        found: set[str] = set()
        begun: dict[date, set[str]] = {}
        for one, event in events.items():
            try:
                begun.setdefault(zones.moment(event.get("start")).date(), set()).add(one)
            except ShapeError:
                found.add(one)  # nobody knows where to look, and nothing is gone on a doubt
        for day, ids in begun.items():
            found |= ids & self._beginning(day)
        return frozenset(found)

    def _beginning(self, day: date) -> set[str]:
        """Return what begins in this calendar around a day; of series their masters."""
        around = max(day, date.min + _AROUND) - _AROUND, min(day, date.max - 2 * _AROUND) + 2 * _AROUND
        since, until = (f"{one.isoformat()}T00:00:00Z" for one in around)
        asked = {
            "$filter": f"start/dateTime ge '{since}' and start/dateTime lt '{until}'",
            "$select": "id",
            "$top": str(LISTED),
        }
        listed = everything(self.client, f"{self.base or '/calendar'}/events", asked, "events")
        return {str(one["id"]) for one in listed}

    def _events(self, ids: Iterable[str]) -> dict[str, Answer | None]:
        """Ask for events by their ids; one that is no more is None."""
        return several(self.client, {one: Asked(self.path(one), prefer=(AS_TEXT,)) for one in ids})

    def _payload(self, event: Event) -> dict[str, Any]:
        """Return an event as it is kept: without what is about the answer, and with whose calendar it is from."""
        kept = {name: value for name, value in event.items() if "@odata." not in name}
        return kept | {"mailbox": self.mailbox if self.calendar == USUAL else ""}


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


def window(clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> tuple[datetime, datetime]:
    """Return the time that is asked about: whole months, so that it is the same for all who ask in one month."""
    month = clock().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    until = (month + timedelta(days=2 * 31)).replace(day=1)  # a month more: it is asked about a later time only then
    return month.replace(year=month.year - PAST_YEARS), until.replace(year=until.year + AHEAD_YEARS)


def _days() -> Iterator[date]:
    """Yield the days of the time that is asked about."""
    since, until = window()
    yield from (since.date() + timedelta(days=number) for number in range((until - since).days))


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


def _differs(series: Series, day: date) -> bool:
    return day in series.cancelled or day in series.exceptions


def _version(event: Event) -> str:
    return str(event.get("@odata.etag") or "")
