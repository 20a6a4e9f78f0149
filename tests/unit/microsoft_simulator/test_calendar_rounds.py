"""Whoever follows the rounds of changes of a calendar view knows in the end what the view shows."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.microsoft.simulated import calendar_api
from connectors.microsoft.simulated.call import Call, Reply
from connectors.microsoft.simulated.errors import ApiError
from connectors.microsoft.simulated.world import World
from hub.connector.simulator import Faults

NOA = "noa@acme.example"
_BASE = "https://graph.example/v1.0/users/noa@acme.example/calendarView"
_WINDOW = {"startDateTime": "2026-11-09T00:00:00Z", "endDateTime": "2026-12-07T00:00:00Z"}
_FIRST = datetime(2026, 11, 2, 9, tzinfo=UTC)
_step = st.tuples(
    st.sampled_from(
        ["single", "series", "retime", "rename", "change_day", "move_day", "drop_day", "drop", "away", "round"]
    ),
    st.integers(0, 5),
    st.integers(0, 6),
)


class Follower:
    """A reader that keeps what rounds told it, and nothing else."""

    def __init__(self, world: World) -> None:
        self._world, self._link = world, ""
        self.seen: dict[str, tuple[str, str]] = {}  # by id: which series, and when

    def follow(self) -> None:
        query = dict(_WINDOW)
        if self._link:
            query = {"$deltatoken": self._link.partition("=")[2]}
        while True:
            page = self._ask(calendar_api.delta, f"{_BASE}/delta", query)
            for one in page["value"]:
                self._take(one)
            if "@odata.deltaLink" in page:
                self._link = page["@odata.deltaLink"]
                return
            query = {"$skiptoken": page["@odata.nextLink"].partition("=")[2]}

    def view(self) -> dict[str, tuple[str, str]]:
        """What the calendar view shows now."""
        page = self._ask(calendar_api.calendar_view, _BASE, {**_WINDOW, "$top": "1000"})
        return {one["id"]: (one["seriesMasterId"] or "", one["start"]["dateTime"]) for one in page["value"]}

    def _take(self, one: dict[str, Any]) -> None:
        if "@removed" in one or one["type"] == "seriesMaster":
            # The master comes with all that is left of its series: what was known of it before is forgotten.
            self.seen = {key: seen for key, seen in self.seen.items() if one["id"] not in (key, seen[0])}
        if "@removed" not in one and one["type"] != "seriesMaster":
            self.seen[one["id"]] = (one.get("seriesMasterId") or "", one["start"]["dateTime"])

    def _ask(self, handler: Callable[[Call], Reply], url: str, query: dict[str, str]) -> dict[str, Any]:
        path = {"user": NOA}
        reply = handler(Call(self._world, "GET", url, NOA, frozenset({"Calendars.Read"}), path, query, {}))
        assert reply.value is not None
        return {**reply.value}


def _weekly(start: datetime) -> dict[str, Any]:
    return {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [start.strftime("%A").lower()]},
        "range": {"type": "numbered", "startDate": start.date().isoformat(), "numberOfOccurrences": 6},
    }


def _do(calendars: Any, what: str, which: int, number: int) -> None:
    start = _FIRST + timedelta(days=number * 7 + which, hours=number)
    if what == "single":
        calendars.insert(subject="Visit", start=start)
    elif what == "series":
        calendars.insert(subject="Weekly", start=start, recurrence=_weekly(start))
    else:
        events = calendars.events()
        if events:
            _change(calendars, what, events[which % len(events)], number, start)


def _change(calendars: Any, what: str, event: dict[str, Any], number: int, start: datetime) -> None:
    first = datetime.fromisoformat(event["start"]["dateTime"]).replace(tzinfo=UTC)
    day: date | None = (first + timedelta(weeks=number)).date() if event["type"] == "seriesMaster" else None
    times = {"start": start, "end": start + timedelta(hours=1)}
    with suppress(ApiError):  # that day is none of the series any more, or would pass by another
        if what == "rename":
            calendars.patch(event["id"], subject=f"Visit {number}")
        elif what == "retime":
            again = {"recurrence": _weekly(start)} if day and number % 2 else {}
            calendars.patch(event["id"], **times, **again)
        elif what == "drop":
            calendars.remove(event["id"])
        elif what == "away":
            calendars.move(event["id"], calendars.add("Other"))
        elif day and what == "drop_day":
            calendars.remove(event["id"], on=day)
        elif day and what == "change_day":
            calendars.patch(event["id"], on=day, subject="Other")
        elif day and what == "move_day":
            later = first + timedelta(weeks=number, days=3)
            calendars.patch(event["id"], on=day, start=later, end=later + timedelta(hours=1))


@settings(deadline=None)
@given(st.lists(_step, max_size=30), st.integers(0, 3))
def test_a_follower_of_rounds_knows_what_the_view_shows(steps: list[tuple[str, int, int]], page: int) -> None:
    world = World(Faults())
    world.page_size = page
    calendars = world.add_user(NOA, "Noa").calendars
    follower = Follower(world)
    follower.follow()
    for what, which, number in steps:
        if what == "round":
            follower.follow()
        else:
            _do(calendars, what, which, number)
    follower.follow()
    world.page_size = 0
    assert follower.seen == follower.view()
