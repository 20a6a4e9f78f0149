"""Pages and API of booking: proposals, own times, moving and calling off, for people and for programs."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select, update

from connectors.google.simulator import GoogleSimulator
from hub.context import Hub
from hub.meetings import busy
from hub.meetings.models import Booking, BookingState
from hub.outbound.models import Outbox
from hub.security import passwords, tokens
from hub.security.models import Role, User
from hub.store.base import now
from tests.e2e.test_google_calendar import ADAM, CUSTOMER, NOA, event
from tests.e2e.test_google_calendar_out import Bookings
from tests.fakes.api import ApiClient
from tests.fakes.browser import PASSWORD, Browser

PARIS = ZoneInfo("Europe/Paris")


class Desk(Bookings):
    """An office with Adam's browser."""

    def __init__(self, hub: Hub, google: GoogleSimulator, app: Flask) -> None:
        super().__init__(hub, google)
        with hub.db.write() as session:
            hashed = passwords.hashed(PASSWORD)
            session.execute(update(User).values(password_hash=hashed))
            session.execute(update(User).where(User.email == ADAM).values(time_zone="Europe/Paris"))
            self.noa, self.adam = (
                session.scalars(select(User).where(User.email == email)).one() for email in (NOA, ADAM)
            )
            self.api = ApiClient(app.test_client(), tokens.add(session, "program", Role.ADMIN))
            self.adams_api = ApiClient(app.test_client(), tokens.add(session, "Adam's", Role.AGENT, self.adam))
        self.read()
        self.browser = Browser(app)
        self.browser.sign_in(ADAM)

    def new(self, **more: Any) -> str:
        asked = {"party": self.dana_public, "find": "on", "host": self.noa.id, **more}
        return self.browser.get("/meetings/new?" + "&".join(f"{name}={value}" for name, value in asked.items())).text

    def book(self, **fields: Any) -> Any:
        page = f"/meetings/new?party={self.dana_public}"
        key = self.browser.get(page).text.partition('name="key" value="')[2].partition('"')[0]
        values = {
            "party": str(self.dana_public),
            "host": str(self.noa.id),
            "length": "30",
            "title": "Offer",
            "key": key,
        }
        return self.browser.post("/meetings", on=page, **{**values, **fields})

    def rush(self) -> int:
        """Let the seconds pass in which it can be taken back, and write."""
        with self.hub.db.write() as session:
            session.execute(update(Outbox).where(Outbox.due_at.is_not(None)).values(due_at=now()))
        return self.deliver()


def working_day() -> date:
    """The next Monday: a working day everywhere."""
    today = now().date()
    return today + timedelta(days=7 - today.weekday())


@pytest.fixture
def desk(hub: Hub, google: GoogleSimulator, app: Flask) -> Desk:
    return Desk(hub, google, app)


def slots(page: str) -> list[str]:
    return [part.partition('"')[0] for part in page.split('name="slot" value="')[1:] if not part.startswith("own")]


def test_free_times_are_proposed_on_the_readers_clock(desk: Desk, google: GoogleSimulator) -> None:
    day = working_day()
    at = datetime(day.year, day.month, day.day, 10, tzinfo=PARIS).astimezone(UTC)
    assert f"{at:%Y-%m-%dT%H:%M:%SZ}" in slots(desk.new(**{"from": day}))
    google.user(NOA).calendar().insert(
        summary="Board", start={"dateTime": at.isoformat(), "timeZone": "UTC"},
        end={"dateTime": (at + timedelta(hours=1)).isoformat(), "timeZone": "UTC"}, visibility="private",
    )  # fmt: skip
    page = desk.new(**{"from": day})  # asked at the calendar itself: nothing was read yet
    assert f"{at:%Y-%m-%dT%H:%M:%SZ}" not in slots(page)
    assert "Board" not in page
    assert "Europe/Paris" in page
    assert "Asia/Jerusalem" in page
    google.faults.add("unavailable=always")
    assert f"{at:%Y-%m-%dT%H:%M:%SZ}" in slots(desk.new(**{"from": day}))  # as far as the hub knows
    google.faults.clear()
    desk.read()
    google.faults.add("unavailable=always")
    assert f"{at:%Y-%m-%dT%H:%M:%SZ}" not in slots(desk.new(**{"from": day}))


def test_a_meeting_is_booked_from_the_customers_page_and_taken_back(desk: Desk) -> None:
    assert "/meetings/new?party=" in desk.browser.get(f"/customers/{desk.dana_public}").text
    day = working_day()
    slot = slots(desk.new(**{"from": day}))[0]
    answer = desk.book(slot=slot)
    assert answer.status_code == 303
    page = desk.browser.get(answer.location).text
    assert "being written" in page
    timeline = desk.browser.get(f"/customers/{desk.dana_public}").text
    assert "Offer" in timeline
    assert "being written" in timeline
    again = desk.book(slot=slot)
    assert again.status_code == 422
    assert "taken meanwhile" in again.text
    undo = f"{answer.location.partition('?')[0]}/undo"
    assert desk.browser.post(undo).status_code == 303
    assert desk.meetings() == []
    assert desk.rush() == 0


@pytest.mark.alike
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Choose one of the times"), ({"slot": "own"}, "Choose one of the times"),
        ({"at": "yesterday"}, "Choose one of the times"), ({"slot": "2026-02-30T10:00:00Z"}, "Choose one of the times"),
        ({"slot": "9999-12-31T23:59:59Z"}, "Choose one of the times"), ({"at": "0001-01-01T00:00"}, "Choose one"),
        ({"at": "+1", "title": " "}, "what the meeting is about"), ({"at": "+1", "host": "77777"}, "No calendar"),
        ({"at": "+1", "key": "x"}, "damaged"), ({"at": "+1", "title": "x" * 1001}, "too long"),
        ({"at": "+1", "description": "x" * 8001}, "too long"), ({"at": "-1", "invite": "yes"}, "is over"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(desk: Desk, fields: dict[str, str], words: str) -> None:
    if fields.get("at", "") in {"+1", "-1"}:
        at = now() + timedelta(days=int(fields["at"]))
        fields = {**fields, "at": f"{at:%Y-%m-%dT%H:%M}"}
    answer = desk.book(location="Haifa <b>", **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert "Haifa &lt;b&gt;" in answer.text
    with desk.hub.db.read() as session:
        assert session.scalars(select(Booking)).all() == []


def test_an_own_time_is_that_of_the_readers_clock(desk: Desk, google: GoogleSimulator) -> None:
    day = working_day()
    assert desk.book(at=f"{day}T21:15", length="45", invite="yes").status_code == 303
    assert desk.rush() == 1
    [made] = desk.entries()
    start = datetime.fromisoformat(made["start"]["dateTime"])
    assert start == datetime(day.year, day.month, day.day, 21, 15, tzinfo=PARIS)
    assert made["start"]["timeZone"] == desk.hub.settings.hub.time_zone
    assert [one.to for one in google.invitations] == [CUSTOMER]
    assert "stands in the calendar" in desk.browser.get(f"/meetings/bookings/{_only(desk).public_id}").text


def test_a_meeting_is_moved_and_called_off_from_the_timeline(desk: Desk) -> None:
    desk.book(at=f"{working_day()}T21:15")
    desk.rush()
    [row] = desk.meetings()
    item = desk.browser.get(f"/customers/{desk.dana_public}/items/{row.id}").text
    move, off = f"/meetings/{row.public_id}/move", f"/meetings/{row.public_id}/call-off"
    assert move in item
    assert off in item
    form = desk.browser.get(move).text
    key = form.partition('name="key" value="')[2].partition('"')[0]
    answer = desk.browser.post(move, on=move, key=key, at=f"{working_day()}T22:00", length="60")
    assert answer.status_code == 303
    desk.rush()
    [moved] = desk.meetings()
    assert moved.ended_at is not None
    assert (moved.id, moved.ended_at - moved.started_at) == (row.id, timedelta(hours=1))
    key = desk.browser.get(off).text.partition('name="key" value="')[2].partition('"')[0]
    assert desk.browser.post(off, on=off, key=key).status_code == 303
    desk.rush()
    assert desk.entries()[0]["status"] == "cancelled"
    struck = desk.browser.get(f"/customers/{desk.dana_public}/items/{row.id}").text
    assert move not in struck
    refused = desk.browser.get(move)
    assert (refused.status_code, "was called off" in refused.text) == (422, True)


def test_a_whole_series_keeps_its_days_when_its_hour_changes(desk: Desk, google: GoogleSimulator) -> None:
    begin = datetime.combine(working_day(), datetime.min.time(), PARIS) + timedelta(hours=10)
    first = begin - timedelta(days=21)
    made = google.user(NOA).calendar().insert(
        summary="Weekly", attendees=[{"email": CUSTOMER}], recurrence=["RRULE:FREQ=WEEKLY;BYDAY=MO"],
        start={"dateTime": first.isoformat(), "timeZone": "Europe/Paris"},
        end={"dateTime": (first + timedelta(hours=1)).isoformat(), "timeZone": "Europe/Paris"},
    )  # fmt: skip
    desk.read()
    *_, upcoming = desk.meetings()
    move = f"/meetings/{upcoming.public_id}/move"
    form = desk.browser.get(move).text
    assert 'value="all"' in form
    key = form.partition('name="key" value="')[2].partition('"')[0]
    at = upcoming.started_at.astimezone(PARIS)
    other = desk.browser.post(
        move, on=move, key=key, scope="all", at=f"{at + timedelta(days=1):%Y-%m-%dT15:00}", length="60"
    )
    assert other.status_code == 422
    assert "only the hour" in other.text
    done = desk.browser.post(move, on=move, key=key, scope="all", at=f"{at:%Y-%m-%dT15:00}", length="90")
    assert done.status_code == 303
    desk.rush()
    body = google.user(NOA).calendar().entries[made["id"]].body
    start = datetime.fromisoformat(body["start"]["dateTime"])
    assert start == first + timedelta(hours=5)
    assert datetime.fromisoformat(body["end"]["dateTime"]) - start == timedelta(minutes=90)
    assert body["start"]["timeZone"] == "Europe/Paris"
    past = (now() - start).days // 7 + 1
    assert [row.started_at.astimezone(PARIS).hour for row in desk.meetings()] == [15] * (past + 1)  # and the next one
    assert google.invitations == []


def test_what_was_refused_has_its_buttons(desk: Desk, google: GoogleSimulator) -> None:
    desk.book(at=f"{working_day()}T21:15")
    desk.rush()
    [row] = desk.meetings()
    desk.move()
    google.faults.add("forbidden_for_non_organizer")
    desk.rush()
    item = desk.browser.get(f"/customers/{desk.dana_public}/items/{row.id}").text
    assert "Try again or discard" in item
    booking = _only(desk, BookingState.REFUSED)
    page = desk.browser.get(f"/meetings/bookings/{booking.public_id}").text
    assert "Shared properties" in page
    assert desk.browser.post(f"/meetings/bookings/{booking.public_id}/retry").status_code == 303
    assert desk.rush() == 1
    late = desk.browser.post(f"/meetings/bookings/{booking.public_id}/undo")
    assert (late.status_code, "being written already" in late.text) == (422, True)


def test_a_meeting_of_somebody_else_cannot_be_moved_here(desk: Desk, google: GoogleSimulator) -> None:
    google.invite("boss@elsewhere.example", [NOA], **event(google, "Theirs", attendees=[CUSTOMER]))
    desk.read()
    [row] = desk.meetings()
    assert "/move" not in desk.browser.get(f"/customers/{desk.dana_public}/items/{row.id}").text
    answer = desk.browser.get(f"/meetings/{row.public_id}/move?party={desk.dana_public}")
    assert answer.status_code == 422
    assert "Only the organiser" in answer.text
    assert desk.browser.get("/meetings/018f0000-0000-7000-8000-000000000000/move").status_code == 404


def test_a_hub_without_calendars_says_what_is_missing(app: Flask, admin: Browser) -> None:
    page = admin.get("/meetings/new")
    assert page.status_code == 200
    assert "No calendar of ours can be written to yet" in page.text
    assert admin.get("/meetings/new?party=x").status_code == 404


def test_programs_book_and_ask_who_is_busy(desk: Desk) -> None:
    start = datetime.combine(working_day(), datetime.min.time(), UTC) + timedelta(hours=9)
    body = {
        "user": str(desk.noa.public_id), "party": str(desk.dana_public), "title": "Demo",
        "start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat(),
    }  # fmt: skip
    made = desk.api.post("/meetings", body, key="k1")
    assert made.status_code == 201
    assert desk.api.post("/meetings", body, key="k1").get_json()["id"] == made.get_json()["id"]
    assert (made.get_json()["state"], made.get_json()["party"]["name"]) == ("waiting", "Dana")
    path = f"/freebusy?user={desk.noa.public_id}&from={start:%Y-%m-%dT00:00:00Z}&to={start:%Y-%m-%dT23:00:00Z}"
    [span] = desk.adams_api.get(path).get_json()["busy"]
    assert span == {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{start:%Y-%m-%dT10:00:00Z}", "tentative": False}
    assert desk.rush() == 1
    answer = desk.api.get(f"/meetings/bookings/{made.get_json()['id']}").get_json()
    assert answer["state"] == "written"
    assert len(desk.adams_api.get(path).get_json()["busy"]) == 1
    for wrong, field in (
        ({"end": body["start"]}, ""), ({"user": str(desk.dana_public)}, "user"), ({"title": ""}, "title"),
        ({"party": str(desk.noa.public_id)}, "party"), ({"user": str(desk.adam.public_id)}, "host"),
    ):  # fmt: skip
        refused = desk.api.post("/meetings", {**body, **wrong})
        assert (refused.status_code, refused.get_json()["field"]) == (422, field), wrong
    assert desk.api.get(path.replace("&to=2", "&to=3")).status_code == 400


def test_what_is_in_the_way_is_known_of_each_kind_of_meeting(desk: Desk, google: GoogleSimulator) -> None:
    calendar, day = google.user(NOA).calendar(), working_day()
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    def at(hour: int, **more: Any) -> dict[str, Any]:
        begin = noon.replace(hour=hour) - timedelta(days=7)
        times = {"start": begin, "end": begin + timedelta(hours=1)}
        return {name: {"dateTime": one.isoformat(), "timeZone": "UTC"} for name, one in times.items()} | more

    weekly = calendar.insert(summary="Weekly", **at(9, recurrence=["RRULE:FREQ=WEEKLY"]))
    moved = calendar.insert(summary="Moved away", **at(11, recurrence=["RRULE:FREQ=WEEKLY"]))
    calendar.insert(summary="Free", **at(13, transparency="transparent", recurrence=["RRULE:FREQ=WEEKLY"]))
    away = at(11)["start"]["dateTime"]
    later: dict[str, Any] = {name: {"dateTime": (noon + timedelta(days=60 + plus)).isoformat(), "timeZone": "UTC"}
             for name, plus in (("start", 0), ("end", 1))}  # fmt: skip
    second = datetime.fromisoformat(away) + timedelta(days=7)
    calendar.patch(f"{moved['id']}_{second:%Y%m%dT%H%M%SZ}", **later)
    desk.read()
    with desk.hub.db.read() as session:
        span = (noon.replace(hour=0), noon.replace(hour=23))
        diary = busy.read(session, [desk.noa.id], *span)[desk.noa.id]
        without = busy.read(session, [desk.noa.id], *span, without=weekly["iCalUID"])[desk.noa.id]
    assert [one.start for one in diary.busy] == [noon.replace(hour=9)]
    assert without.busy == ()
    assert diary.as_of is not None


def _only(desk: Desk, state: str = BookingState.WRITTEN) -> Booking:
    with desk.hub.db.read() as session:
        return session.scalars(select(Booking).where(Booking.state == state)).one()
