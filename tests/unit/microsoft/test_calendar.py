"""Events of a calendar as records: what each says, and what is made of those that say it oddly."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.microsoft import calendar, event_form
from connectors.microsoft.calendar import CalendarStream
from connectors.microsoft.client import Client
from connectors.microsoft.series import Series, read_name
from connectors.microsoft.settings import MicrosoftSettings
from connectors.microsoft.simulated.books import Calendars
from connectors.microsoft.simulator import MicrosoftSimulator, create
from hub.connector.simulator import Faults
from hub.connector.stream import Cursor, Gone, Left, Phase, Upsert
from hub.errors import CursorExpired, GoneError, ShapeError
from hub.records.meeting import WallTime
from tests.unit.microsoft.mailroom import NOA, Hub, read

USUAL = SimpleNamespace(time_zone="Asia/Jerusalem")
GLOBAL = "040000008200E00074C5B7101A82E008"
REST = "0" * 32 + "10000000" + "AB" * 16
DAILY = {"pattern": {"type": "daily", "interval": 1}, "range": {"type": "noEnd"}}
DAY = timedelta(days=1)


class Desk:
    """One mailbox, and our stream of its main calendar."""

    def __init__(self, simulator: MicrosoftSimulator) -> None:
        self.simulator = simulator
        self.book: Calendars = simulator.user(NOA).calendars
        settings = MicrosoftSettings.model_validate({**simulator.settings(), "timeout_s": 5})
        self.client = Client(settings, Hub(), NOA)

    @property
    def stream(self) -> CalendarStream:
        return calendar.stream(self.client, "primary")

    def at(self, days: float) -> datetime:
        return (self.simulator.clock.now() + days * DAY).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def desk() -> Iterator[Desk]:
    simulator = create(0, Faults())
    simulator.start()
    yield Desk(simulator)
    simulator.stop()


# --- what an event says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "uid"),
    [
        (f"{GLOBAL}00000000{REST}", f"{GLOBAL}00000000{REST}"),
        (f"{GLOBAL}07EA0302{REST}", f"{GLOBAL}00000000{REST}"),
        (f"{GLOBAL}07EA0302{REST}".lower(), f"{GLOBAL}00000000{REST}"),
        (f"{GLOBAL}07EA0302{'0' * 32}1E000000{b'vCal-Uid'.hex()}01000000{b'7m5@google.com'.hex()}00".upper(), "7m5@google.com"),
        ("7m5@google.com", "7m5@google.com"), (f"{GLOBAL}0000", f"{GLOBAL}0000"),
    ],
)  # fmt: skip
def test_the_uid_is_that_of_the_series_as_every_other_calendar_has_it(written: str, uid: str) -> None:
    assert event_form.uid({"iCalUId": written}) == uid
    assert event_form.uid({"iCalUId": "other", "series": {"iCalUId": written}}) == uid


def at(hour: int, zone: str = "UTC", day: str = "2026-03-02") -> dict[str, str]:
    return {"dateTime": f"{day}T{hour:02}:00:00.0000000", "timeZone": zone}


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ({"originalStartTimeZone": "W. Europe Standard Time"}, "Europe/Berlin"),
        ({"originalStartTimeZone": "tzone://Microsoft/Custom"}, "Asia/Jerusalem"),
        ({"originalStartTimeZone": "tzone://Microsoft/Custom", "series": {"zone": "Europe/Paris"}}, "Europe/Paris"),
        ({"recurrence": {"range": {"recurrenceTimeZone": "GMT Standard Time"}}, "originalStartTimeZone": "UTC"}, "Europe/London"),
    ],
)  # fmt: skip
def test_a_meeting_begins_on_the_clocks_where_it_was_made(said: dict[str, Any], zone: str) -> None:
    begins = event_form.start({"start": at(9), **said}, context=USUAL)
    assert isinstance(begins, WallTime)
    assert (begins.instant, begins.zone) == (datetime(2026, 3, 2, 9, tzinfo=UTC), zone)


def test_a_flight_ends_by_other_clocks() -> None:
    flight = {
        "start": at(9), "end": at(12), "originalStartTimeZone": "Israel Standard Time", "originalEndTimeZone": "GMT Standard Time",
    }  # fmt: skip
    ends = event_form.end(flight, context=USUAL)
    assert isinstance(ends, WallTime)
    assert ends.zone == "Europe/London"


def test_who_is_asked_to_one_time_alone_has_a_time_of_the_series() -> None:
    alone = {"iCalUId": f"{GLOBAL}07EA0302{REST}", "start": at(9), "originalStartTimeZone": "UTC"}
    assert event_form.original_start(alone) == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert event_form.original_start({**alone, "isAllDay": True}) == date(2026, 3, 2)
    assert event_form.original_start({**alone, "iCalUId": f"{GLOBAL}00000000{REST}"}) is None


def test_the_answer_of_the_owner_is_that_of_the_event() -> None:
    person = {"emailAddress": {"address": "Noa@acme.example"}, "status": {"response": "none"}, "type": "required"}
    room = {"emailAddress": {"address": "room@acme.example", "name": "Room"}, "type": "resource"}
    event = {"mailbox": NOA, "attendees": [person, room], "responseStatus": {"response": "declined"}}
    noa, other = event_form.people(event)
    assert (noa["response"], other["resource"], other["response"]) == ("declined", True, None)
    [listed] = event_form.people({**event, "attendees": []})
    assert (listed["address"], listed["response"]) == (NOA, "declined")


def test_the_organiser_of_the_own_mailbox_is_the_mailbox() -> None:
    alias = {"emailAddress": {"address": "noa@acme.onmicrosoft.com"}}
    assert event_form.organiser({"organizer": alias, "isOrganizer": True, "mailbox": NOA}) == NOA
    assert event_form.organiser({"organizer": alias, "isOrganizer": True, "mailbox": ""}) == "noa@acme.onmicrosoft.com"
    assert event_form.organiser({"organizer": None, "isOrganizer": False, "mailbox": NOA}) == ""


def test_a_page_becomes_its_words() -> None:
    page = "<html><head><style>p{}</style></head><body><p>One &amp; two</p><p>three<br>four</p><script>x()</script></body></html>"
    assert event_form.text({"body": {"contentType": "html", "content": page}}) == "One & two\nthree\nfour"
    assert event_form.text({"body": {"contentType": "text", "content": " a < b\r\n"}}) == "a < b"
    assert event_form.text({"body": None}) == ""


@pytest.mark.parametrize(
    ("transaction", "marks"),
    [
        ("6a0a3f5e6d0b5c3b9a3e2f6c1d0a7b54", {"hub": "6a0a3f5e6d0b5c3b9a3e2f6c1d0a7b54"}),
        ("c7555340-474b-4b1f-8bd8-d9e197da220e", {}), ("localevent:1", {}), (None, {}),
    ],
)  # fmt: skip
def test_only_our_own_transactions_are_a_mark(transaction: str | None, marks: dict[str, str]) -> None:
    assert event_form.markers({"transactionId": transaction}) == marks


def test_a_name_of_a_time_says_series_and_day() -> None:
    assert read_name("OID.AAMk.B=.2026-03-02") == ("AAMk.B=", date(2026, 3, 2))
    assert [read_name(one) for one in ("AAMk=", "OID.x.2026-02-30", "OID..2026-03-02", "")] == [None] * 4


@pytest.mark.parametrize(
    ("original", "zone", "day"),
    [
        ("2026-03-02T00:00:00Z", "Eastern Standard Time", 2), ("2026-03-01T22:00:00Z", "Israel Standard Time", 2),
        ("2026-03-02T05:00:00Z", "Eastern Standard Time", 2),
    ],
)  # fmt: skip
def test_a_whole_day_of_a_series_is_found_however_its_midnight_is_told(original: str, zone: str, day: int) -> None:
    series = Series({"id": "s", "isAllDay": True, "start": at(0), "originalStartTimeZone": zone})
    assert series.day_of({"originalStart": original}) == date(2026, 3, day)


# --- the stream -----------------------------------------------------------------------------------------------------------


def test_a_series_is_one_record_and_one_for_each_time_that_differs(desk: Desk) -> None:
    made = desk.book.insert(subject="Daily", start=desk.at(1), recurrence=DAILY)
    series, day = desk.book.immutable(made["id"]), desk.at(3).astimezone(UTC).date()
    desk.book.patch(made["id"], on=day, subject="Other")
    desk.book.cancel(made["id"], on=day + DAY)
    changes, cursor = read(desk.stream)
    kept = {one.remote_id: one.payload for one in changes if isinstance(one, Upsert)}
    names = [f"OID.{series}.{day}", f"OID.{series}.{day + DAY}"]
    assert kept.keys() == {series, *names}
    assert (kept[names[0]]["subject"], kept[names[1]]["isCancelled"]) == ("Other", True)
    assert {one.remote_id: one.payload for one in desk.stream.find([*kept]) if isinstance(one, Upsert)} == kept
    assert desk.stream.present(desk.at(0)) == {series, names[0]}
    assert cursor.phase is Phase.INCREMENTAL
    assert read(desk.stream, cursor)[0] == []


def test_a_time_that_is_told_of_as_any_other_is_no_record_any_more(desk: Desk) -> None:
    made = desk.book.insert(subject="Daily", start=desk.at(1), recurrence=DAILY)
    series, day = desk.book.immutable(made["id"]), desk.at(3).astimezone(UTC).date()
    _, cursor = read(desk.stream)
    desk.book.patch(made["id"], subject="Daily, new")
    changes, _ = read(desk.stream, cursor)
    assert Gone(f"OID.{series}.{day}") in changes
    assert not any(one.remote_id == series for one in changes if isinstance(one, Gone))


def test_one_time_of_a_series_is_found_by_its_name_whatever_it_is(desk: Desk) -> None:
    made = desk.book.insert(subject="Daily", start=desk.at(1), recurrence=DAILY)
    series, day = desk.book.immutable(made["id"]), desk.at(3).astimezone(UTC).date()
    name = f"OID.{series}.{day}"
    [plain] = desk.stream.find([name])
    assert isinstance(plain, Upsert)
    assert (plain.remote_id, plain.payload["subject"], plain.payload["originalDay"]) == (name, "Daily", day.isoformat())
    assert list(desk.stream.find([f"OID.{series}.2001-01-01", "OID.nothing.2026-03-02", "AAMknothing="])) == [
        Gone(f"OID.{series}.2001-01-01"), Gone("OID.nothing.2026-03-02"), Gone("AAMknothing="),
    ]  # fmt: skip


def test_what_changed_outside_of_the_time_has_only_left(desk: Desk) -> None:
    _, cursor = read(desk.stream)
    made = desk.book.insert(subject="Old", start=desk.at(-900), end=desk.at(-899))
    changes, _ = read(desk.stream, cursor)
    own = desk.book.immutable(made["id"])
    assert changes == [Left(own)]
    [found] = desk.stream.find([own])
    assert isinstance(found, Upsert)


def test_what_lies_in_another_calendar_is_not_here_whatever_its_path_says(desk: Desk) -> None:
    team = desk.book.add("Team")
    here, there = (calendar.stream(desk.client, one) for one in ("primary", team.id))
    made = [
        desk.book.insert(subject="Once", start=desk.at(1)),
        desk.book.insert(subject="Daily", start=desk.at(1), recurrence=DAILY),
    ]
    day = desk.at(3).astimezone(UTC).date()
    desk.book.patch(made[1]["id"], on=day, subject="Other")
    ids = [desk.book.immutable(one["id"]) for one in made]
    names = [*ids, f"OID.{ids[1]}.{day}"]
    _, cursor = read(here)
    for one in made:
        desk.book.move(one["id"], team)
    assert here.find(names) == [Gone(one) for one in names]
    assert {type(one) for one in there.find(names)} == {Upsert}
    changes, _ = read(here, cursor)
    assert set(changes) == {Left(one) for one in ids}
    for name in ids:
        desk.book.move(name, desk.book.main)
    assert [one.remote_id for one in here.find(names) if isinstance(one, Upsert)] == names
    assert there.find(names) == [Gone(one) for one in names]


def test_a_round_may_tell_only_what_changed_and_that_something_left_and_is_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = desk.book.insert(subject="Once", start=desk.at(1))
    daily = desk.book.insert(subject="Daily", start=desk.at(1), recurrence=DAILY)
    day = desk.at(3).astimezone(UTC).date()
    other = desk.book.patch(daily["id"], on=day, subject="Other")
    own, series, time = (desk.book.immutable(one["id"]) for one in (once, daily, other))
    told = [{"id": own, "subject": "Once"}, {"id": time, "subject": "Other"}, {"id": "AAMknothing=", "subject": "?"}]
    away = [
        {"id": "AAMkaway=", "@removed": {"reason": "deleted"}},
        {"id": "AAMkaway=", "type": "singleInstance", "iCalUId": "x"},
    ]
    page = {"value": [*told, *away], "@odata.deltaLink": f"{desk.simulator.world.base_url}/v1.0/me/x"}
    monkeypatch.setattr(Client, "get", lambda *_, **__: page)
    changes = desk.stream.pull(Cursor(Phase.FULL)).changes
    assert [one for one in changes if not isinstance(one, Upsert)] == [Left("AAMkaway="), Gone("AAMknothing=")]
    kept = {one.remote_id: one.payload["subject"] for one in changes if isinstance(one, Upsert)}
    assert kept == {own: "Once", series: "Daily", f"OID.{series}.{day}": "Other"}


@pytest.mark.parametrize("listed", ["none", "ids"])
def test_an_exception_that_its_master_does_not_show_is_asked_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    daily = desk.book.insert(subject="Daily", start=desk.at(1), recurrence=DAILY)
    day = desk.at(3).astimezone(UTC).date()
    desk.book.patch(daily["id"], on=day, subject="Other")
    series, whole = desk.book.immutable(daily["id"]), Client.all

    def sparing(self: Client, asked: Any) -> Any:
        answers = whole(self, asked)
        master = answers.get(series)
        if isinstance(master, dict) and "exceptionOccurrences" in master:
            found = [{name: one[name] for name in ("id", "originalStart")} for one in master["exceptionOccurrences"]]
            master["exceptionOccurrences"] = found if listed == "ids" else []
        return answers

    monkeypatch.setattr(Client, "all", sparing)
    changes, _ = read(desk.stream)
    kept = {one.remote_id: one.payload["subject"] for one in changes if isinstance(one, Upsert)}
    assert kept == {series: "Daily", f"OID.{series}.{day}": "Other"}


def test_ids_that_differ_only_in_case_are_two_events(desk: Desk) -> None:
    one, other = (desk.book.insert(subject=name, start=desk.at(1)) for name in ("One", "Other"))
    [first, second] = desk.book.main.items
    with desk.simulator.world.lock:
        desk.book.main.feed.left(second.key)
        desk.book.items[first.key.swapcase()] = desk.book.items.pop(second.key)
        second.key = first.key.swapcase()
        desk.book._keys[other["id"]] = second.key
        desk.book.touched(second)
    changes, _ = read(desk.stream)
    both = {one.remote_id: one.payload["subject"] for one in changes if isinstance(one, Upsert)}
    assert both == {first.key: "One", second.key: "Other"}
    assert {
        one.remote_id: one.payload["subject"] for one in desk.stream.find([*both]) if isinstance(one, Upsert)
    } == both
    desk.book.remove(one["id"])
    assert [type(one) for one in desk.stream.find([*both])] == [Gone, Upsert]


@pytest.mark.parametrize("odd", [
    {"start": None}, {"start": "some day"}, {"recurrence": {"pattern": None, "range": 7}}, {"originalStartTimeZone": 3},
    {"exceptionOccurrences": "none", "cancelledOccurrences": 5}, {"exceptionOccurrences": [{"id": "x", "originalStart": "?"}]},
    {"cancelledOccurrences": [None, "OID.x.2026-02-30"]},
])  # fmt: skip
def test_an_odd_master_is_passed_on_and_never_stops_the_stream(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, odd: dict[str, Any]
) -> None:
    made = desk.book.insert(subject="Daily", start=desk.at(1), recurrence=DAILY)
    series = desk.book.immutable(made["id"])
    whole = Client.all
    answers = lambda self, asked: {name: {**one, **odd} for name, one in whole(self, asked).items()}  # type: ignore[dict-item]  # noqa: E731 - one line
    monkeypatch.setattr(Client, "all", answers)
    changes, _ = read(desk.stream)
    assert any(isinstance(one, Upsert) and one.remote_id == series for one in changes)


def test_a_link_that_leads_nowhere_is_a_lost_cursor_and_a_calendar_that_is_no_more_is_gone(desk: Desk) -> None:
    nowhere = "/v1.0/me/calendars/AQMknothing=/calendarView/delta?$deltatoken=x"
    with pytest.raises(CursorExpired):
        desk.stream.pull(Cursor(Phase.INCREMENTAL, f"{desk.simulator.world.base_url}{nowhere}"))
    with pytest.raises(GoneError):
        calendar.stream(desk.client, "AQMknothing=").pull(Cursor())
    with pytest.raises(ShapeError):
        desk.stream.pull(Cursor(Phase.INCREMENTAL, "https://elsewhere.example/v1.0/me/calendarView/delta"))


def test_the_calendar_of_a_colleague_is_read_where_it_is_shared(desk: Desk) -> None:
    theirs = desk.simulator.user("adam@acme.example").calendars
    shared = theirs.share(NOA)
    theirs.insert(subject="Adam's own", start=desk.at(1))
    changes, _ = read(calendar.stream(desk.client, shared))
    assert [one.payload["subject"] for one in changes if isinstance(one, Upsert)] == ["Adam's own"]


def test_the_time_that_is_asked_about_moves_with_the_months() -> None:
    since, until = calendar.window(lambda: datetime(2026, 11, 22, 21, tzinfo=UTC))
    assert (since, until) == (datetime(2024, 11, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
