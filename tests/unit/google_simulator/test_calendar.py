"""The Calendar API, through Google's own client."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from googleapiclient.errors import HttpError

from connectors.google.simulator import GoogleSimulator
from tests.unit.google_simulator.conftest import ADAM, DANA, MAYA, NOA, Office

Offices = Callable[..., Office]
JERUSALEM = ZoneInfo("Asia/Jerusalem")
MONDAY = datetime(2026, 3, 23, 10, 0, tzinfo=JERUSALEM)  # the clocks change on Friday 27
HOUR = timedelta(hours=1)


def when(moment: datetime) -> dict[str, str]:
    return {"dateTime": moment.isoformat(), "timeZone": "Asia/Jerusalem"}


def meeting(start: datetime = MONDAY, **more: Any) -> dict[str, Any]:
    return {"summary": "Meeting", "start": when(start), "end": when(start + HOUR), **more}


def weekly(**more: Any) -> dict[str, Any]:
    return meeting(recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"], **more)


def everything(events: Any, **query: Any) -> tuple[list[dict[str, Any]], str]:
    """Read all pages; returns the items and the sync token."""
    found: list[dict[str, Any]] = []
    request = events.list(calendarId="primary", **query)
    while True:
        answer = request.execute()
        found += answer["items"]
        if "nextPageToken" not in answer:
            return found, answer.get("nextSyncToken", "")
        assert "nextSyncToken" not in answer
        request = events.list_next(request, answer)


def refused(request: Any) -> tuple[int, str]:
    with pytest.raises(HttpError) as caught:
        request.execute()
    return caught.value.resp.status, json.loads(caught.value.content)["error"]["errors"][0]["reason"]


def test_an_event_is_made_read_changed_and_deleted(google: GoogleSimulator, office: Offices) -> None:
    events = office().calendar.events()
    made = events.insert(calendarId="primary", body=meeting(id="0hub0", location="Tel Aviv")).execute()
    changed = events.patch(calendarId="primary", eventId="0hub0", body={"summary": "Visit", "location": None}).execute()
    replaced = events.update(calendarId="primary", eventId="0hub0", body=meeting(summary="Call")).execute()

    assert made["id"] == "0hub0"
    assert made["iCalUID"] == "0hub0@google.com"
    assert made["organizer"] == {"email": NOA, "displayName": "Noa Levi", "self": True}
    assert made["start"] == {"dateTime": "2026-03-23T10:00:00+02:00", "timeZone": "Asia/Jerusalem"}
    assert changed["summary"] == "Visit"
    assert "location" not in changed
    assert changed["etag"] != made["etag"]
    assert replaced["summary"] == "Call"
    assert refused(events.insert(calendarId="primary", body=meeting(id="0hub0"))) == (409, "duplicate")
    events.delete(calendarId="primary", eventId="0hub0").execute()
    assert refused(events.delete(calendarId="primary", eventId="0hub0")) == (410, "deleted")
    assert refused(events.insert(calendarId="primary", body=meeting(id="0hub0"))) == (409, "duplicate")
    assert events.get(calendarId="primary", eventId="0hub0").execute()["status"] == "cancelled"
    assert refused(events.get(calendarId="primary", eventId="0nothing"))[0] == 404


def test_a_change_with_an_old_etag_is_refused(google: GoogleSimulator, office: Offices) -> None:
    events = office().calendar.events()
    made = events.insert(calendarId="primary", body=meeting()).execute()
    google.user(NOA).calendar().patch(made["id"], summary="Changed by hand")

    late = events.patch(calendarId="primary", eventId=made["id"], body={"summary": "Late"})
    late.headers["If-Match"] = made["etag"]
    assert refused(late) == (412, "conditionNotMet")
    fresh = events.get(calendarId="primary", eventId=made["id"]).execute()
    again = events.patch(calendarId="primary", eventId=made["id"], body={"summary": "Late"})
    again.headers["If-Match"] = fresh["etag"]
    assert again.execute()["summary"] == "Late"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"start": when(MONDAY)}, "required"),
        ({"start": when(MONDAY), "end": when(MONDAY - HOUR)}, "timeRangeEmpty"),
        ({"start": when(MONDAY), "end": {"date": "2026-03-24"}}, "invalid"),
        ({"start": {"date": "2026-03-23"}, "end": {"date": "2026-03-23"}}, "timeRangeEmpty"),
        ({"start": {"dateTime": "2026-03-23T10:00:00"}, "end": when(MONDAY)}, "required"),
        (meeting(start=MONDAY) | {"start": {"dateTime": MONDAY.isoformat(), "timeZone": "Asia/Nowhere"}}, "invalid"),
        (meeting(recurrence=["RRULE:FREQ=SOMETIMES"]), "invalid"),
        (meeting(recurrence=["RDATE;TZID=Nowhere/Else:20260324T100000"]), "invalid"),
        (meeting(id="UPPER"), "invalid"),
        (meeting(attendees=[{"email": "nobody"}]), "invalid"),
    ],
)
def test_an_event_that_cannot_be_is_refused(office: Offices, event: dict[str, Any], reason: str) -> None:
    assert refused(office().calendar.events().insert(calendarId="primary", body=event)) == (400, reason)


def test_a_full_listing_and_its_token_lead_to_every_change(google: GoogleSimulator, office: Offices) -> None:
    book, events = google.user(NOA).calendar(), office().calendar.events()
    kept = [book.insert(summary=f"{n}", start=MONDAY + n * HOUR, end=MONDAY + (n + 1) * HOUR)["id"] for n in range(7)]
    first, token = everything(events, maxResults=3)
    book.patch(kept[0], summary="changed")
    book.cancel(kept[1])
    new = book.insert(summary="new", start=date(2026, 4, 1), end=date(2026, 4, 2))
    changes, later = everything(events, maxResults=3, syncToken=token)
    nothing, _ = everything(events, maxResults=3, syncToken=later)

    assert {one["id"] for one in first} == set(kept)
    assert [one["id"] for one in changes] == [kept[0], kept[1], new["id"]]
    assert set(changes[1]) == {"kind", "etag", "id", "status"}, "of a deleted event only its id is sure"
    assert changes[2]["start"] == {"date": "2026-04-01"}
    assert nothing == []


def test_what_changes_between_two_pages_comes_with_the_token(google: GoogleSimulator, office: Offices) -> None:
    book, events = google.user(NOA).calendar(), office().calendar.events()
    kept = {book.insert(summary=f"{n}", start=MONDAY, end=MONDAY + HOUR)["id"] for n in range(5)}
    opening = events.list(calendarId="primary", maxResults=2)
    answer = opening.execute()
    seen = {one["id"] for one in answer["items"]}
    book.cancel(next(iter(seen)))
    new = book.insert(summary="late", start=MONDAY, end=MONDAY + HOUR)["id"]
    request: Any = events.list_next(opening, answer)
    while request is not None:
        answer = request.execute()
        seen |= {one["id"] for one in answer["items"]}
        request = events.list_next(request, answer)
    changes, _ = everything(events, maxResults=2, syncToken=answer["nextSyncToken"])

    assert seen >= kept
    assert {one["id"]: one["status"] for one in changes}.get(new) == "confirmed"
    assert "cancelled" in {one["status"] for one in changes}


def test_a_token_that_died_is_410_and_only_that_one(google: GoogleSimulator, office: Offices) -> None:
    events = office().calendar.events()
    _, token = everything(events)
    google.user(NOA).calendar().expire_tokens()
    _, fresh = everything(events)

    assert refused(events.list(calendarId="primary", syncToken=token)) == (410, "fullSyncRequired")
    assert everything(events, syncToken=fresh)[0] == []
    assert refused(events.list(calendarId="primary", syncToken="nonsense")) == (400, "invalid")


@pytest.mark.parametrize(
    "query",
    [
        {"timeMin": "2026-01-01T00:00:00Z"}, {"q": "x"}, {"iCalUID": "x"}, {"orderBy": "updated"}, {"showDeleted": False},
        {"updatedMin": "2026-01-01T00:00:00Z"}, {"privateExtendedProperty": ["a=b"]}, {"singleEvents": True},
    ],
)  # fmt: skip
def test_a_token_with_what_cannot_stand_beside_it_is_refused(office: Offices, query: dict[str, Any]) -> None:
    events = office().calendar.events()
    _, token = everything(events)

    assert refused(events.list(calendarId="primary", syncToken=token, **query))[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        {"orderBy": "startTime"},
        {"timeMin": "2026-01-02T00:00:00Z", "timeMax": "2026-01-01T00:00:00Z"},
        {"timeMin": "2026-01-02"},
        {"timeMin": "2026-01-02T00:00:00"},
        {"pageToken": "nonsense"},
        {"maxResults": 0},
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(office: Offices, query: dict[str, Any]) -> None:
    assert refused(office().calendar.events().list(calendarId="primary", **query))[0] == 400


def test_a_listing_can_be_narrowed(google: GoogleSimulator, office: Offices) -> None:
    book, events = google.user(NOA).calendar(), office().calendar.events()
    one = book.insert(summary="Visit", start=MONDAY, end=MONDAY + HOUR,
                      extendedProperties={"private": {"hub": "7"}})  # fmt: skip
    series = book.insert(**weekly(summary="Stand-up"))
    google.clock.advance(minutes=30)
    late = book.insert(summary="Late", start=MONDAY + timedelta(days=40), end=MONDAY + timedelta(days=41))

    def found(**query: Any) -> list[str]:
        return [item["id"] for item in everything(events, **query)[0]]

    assert found(privateExtendedProperty=["hub=7"]) == [one["id"]]
    assert found(q="visit") == [one["id"]]
    assert found(iCalUID=series["iCalUID"]) == [series["id"]]
    assert found(updatedMin=late["created"]) == [late["id"]]
    assert set(found(timeMin="2026-04-07T00:00:00Z")) == {series["id"], late["id"]}
    assert set(found(timeMax="2026-03-24T00:00:00Z")) == {one["id"], series["id"]}
    assert found(timeMin="2026-04-14T12:00:00Z", timeMax="2026-04-20T00:00:00Z") == []
    assert everything(events, orderBy="updated")[1] == ""


def test_a_series_keeps_its_wall_time_when_the_clocks_change(google: GoogleSimulator, office: Offices) -> None:
    events = office().calendar.events()
    master = events.insert(calendarId="primary", body=weekly()).execute()

    single, _ = everything(events, singleEvents=True, orderBy="startTime")
    instances = events.instances(calendarId="primary", eventId=master["id"]).execute()["items"]

    assert [one["start"]["dateTime"] for one in single] == [
        "2026-03-23T10:00:00+02:00", "2026-03-30T10:00:00+03:00", "2026-04-06T10:00:00+03:00",
        "2026-04-13T10:00:00+03:00",
    ]  # fmt: skip
    assert single[0]["id"] == f"{master['id']}_20260323T080000Z"
    assert single[1]["id"] == f"{master['id']}_20260330T070000Z"
    assert all(one["recurringEventId"] == master["id"] and one["iCalUID"] == master["iCalUID"] for one in single)
    assert [one["id"] for one in instances] == [one["id"] for one in single]
    assert everything(events)[0][0]["recurrence"] == ["RRULE:FREQ=WEEKLY;COUNT=4"]


def test_exceptions_of_a_series_are_events_beside_it(google: GoogleSimulator, office: Offices) -> None:
    book, events = google.user(NOA).calendar(), office().calendar.events()
    master = book.insert(**weekly())
    _, token = everything(events)
    moved, dropped = f"{master['id']}_20260330T070000Z", f"{master['id']}_20260406T070000Z"
    events.patch(
        calendarId="primary",
        eventId=moved,
        body={"start": when(MONDAY + timedelta(days=8)), "end": when(MONDAY + timedelta(days=8, hours=1))},
    ).execute()
    events.delete(calendarId="primary", eventId=dropped).execute()

    changes, later = everything(events, syncToken=token)
    full, _ = everything(events)
    single, _ = everything(events, singleEvents=True, orderBy="startTime")
    book.cancel(master["id"])
    gone, _ = everything(events, syncToken=later)

    assert [one["id"] for one in changes] == [moved, dropped]
    assert changes[0]["originalStartTime"]["dateTime"] == "2026-03-30T10:00:00+03:00"
    assert set(changes[1]) == {"kind", "etag", "id", "status", "recurringEventId", "originalStartTime"}
    assert {one["id"] for one in full} == {master["id"], moved, dropped}, "cancelled instances belong to the series"
    assert [one["start"]["dateTime"][:10] for one in single] == ["2026-03-23", "2026-03-31", "2026-04-13"]
    assert [(one["id"], one["status"]) for one in gone] == [(master["id"], "cancelled")]
    assert everything(events)[0] == []
    assert refused(events.patch(calendarId="primary", eventId=f"{master['id']}_20260331T070000Z", body={}))[0] == 404


def test_this_and_following_is_two_series(google: GoogleSimulator, office: Offices) -> None:
    book, events = google.user(NOA).calendar(), office().calendar.events()
    master = book.insert(
        **meeting(recurrence=["RRULE:FREQ=WEEKLY;COUNT=4", "EXDATE;TZID=Asia/Jerusalem:20260330T100000"])
    )
    new = book.split(f"{master['id']}_20260406T070000Z", recurrence=["RRULE:FREQ=WEEKLY;COUNT=2"], summary="Afterwards")

    single, _ = everything(events, singleEvents=True, orderBy="startTime")

    assert [(one["recurringEventId"], one["start"]["dateTime"][:10]) for one in single] == [
        (master["id"], "2026-03-23"), (new["id"], "2026-04-06"), (new["id"], "2026-04-13"),
    ]  # fmt: skip


def test_a_series_of_days_has_days_in_its_ids(google: GoogleSimulator, office: Offices) -> None:
    events = office().calendar.events()
    body = {"summary": "Fair", "start": {"date": "2026-03-26"}, "end": {"date": "2026-03-27"},
            "recurrence": ["RRULE:FREQ=DAILY;UNTIL=20260328"]}  # fmt: skip
    made = events.insert(calendarId="primary", body=body).execute()

    single, _ = everything(events, singleEvents=True, orderBy="startTime")

    assert [one["id"].rpartition("_")[2] for one in single] == ["20260326", "20260327", "20260328"]
    assert single[1]["start"] == {"date": "2026-03-27"}
    assert single[1]["end"] == {"date": "2026-03-28"}
    assert single[1]["originalStartTime"] == {"date": "2026-03-27"}
    assert made["id"] == single[0]["recurringEventId"]


def test_a_meeting_is_in_every_guests_calendar_with_the_same_id(google: GoogleSimulator, office: Offices) -> None:
    noa, adam, dana = (office(one).calendar.events() for one in (NOA, ADAM, DANA))
    body = meeting(attendees=[{"email": ADAM}, {"email": DANA}, {"email": "guest@client.example"}])
    made = noa.insert(calendarId="primary", body=body).execute()
    _, token = everything(noa)

    copy = adam.get(calendarId="primary", eventId=made["id"]).execute()
    answered = [one | ({"responseStatus": "accepted"} if one["email"] == ADAM else {}) for one in copy["attendees"]]
    adam.patch(calendarId="primary", eventId=made["id"], body={"attendees": answered, "colorId": "5"}).execute()
    changes, _ = everything(noa, syncToken=token)

    assert copy["iCalUID"] == made["iCalUID"]
    assert [one["email"] for one in copy["attendees"] if one.get("self")] == [ADAM]
    assert "self" not in copy["organizer"]
    assert changes[0]["attendees"][0]["responseStatus"] == "accepted"
    assert "colorId" not in changes[0]
    assert dana.get(calendarId="primary", eventId=made["id"]).execute()["attendees"][0]["responseStatus"] == "accepted"
    assert google.invitations == [], "nobody was mailed"


def test_a_guest_may_answer_but_not_change_the_meeting(google: GoogleSimulator, office: Offices) -> None:
    made = google.user(NOA).calendar().insert(**meeting(attendees=[ADAM]))
    adam = office(ADAM).calendar.events()
    patch = lambda **body: adam.patch(calendarId="primary", eventId=made["id"], body=body)  # noqa: E731 - read as a sentence

    assert refused(patch(summary="Mine")) == (403, "forbiddenForNonOrganizer")
    assert refused(patch(start=when(MONDAY + HOUR))) == (403, "forbiddenForNonOrganizer")
    assert refused(patch(attendees=[])) == (403, "forbiddenForNonOrganizer")
    patch(reminders={"useDefault": False}, extendedProperties={"private": {"hub": "1"}}).execute()
    adam.delete(calendarId="primary", eventId=made["id"]).execute()
    organizers = office().calendar.events().get(calendarId="primary", eventId=made["id"]).execute()
    assert organizers["status"] == "confirmed"
    assert organizers["attendees"][0]["responseStatus"] == "declined"
    assert "extendedProperties" not in organizers
    google.user(NOA).calendar().patch(made["id"], summary="Later")
    assert adam.get(calendarId="primary", eventId=made["id"]).execute()["status"] == "cancelled", (
        "removed stays removed"
    )


def test_a_guest_with_the_right_to_may_change_everything(google: GoogleSimulator, office: Offices) -> None:
    made = google.user(NOA).calendar().insert(**meeting(attendees=[ADAM], guestsCanModify=True))

    office(ADAM).calendar.events().patch(calendarId="primary", eventId=made["id"], body={"summary": "Ours"}).execute()

    assert google.user(NOA).calendar().find(made["id"]).body["summary"] == "Ours"


def test_what_the_organiser_does_reaches_the_guests(google: GoogleSimulator, office: Offices) -> None:
    book = google.user(NOA).calendar()
    made = book.insert(**weekly(attendees=[ADAM, MAYA]))
    instance = f"{made['id']}_20260330T070000Z"
    book.patch(instance, summary="Special")
    book.patch(made["id"], attendees=[ADAM])
    adam, maya = google.user(ADAM).calendar(), google.user(MAYA).calendar()

    assert adam.find(instance).body["summary"] == "Special"
    assert maya.find(made["id"]).gone
    book.cancel(made["id"])
    assert adam.find(made["id"]).gone


def test_an_invitation_from_outside_lies_in_the_calendars_of_its_guests(
    google: GoogleSimulator, office: Offices
) -> None:
    event_id = google.invite("dov@client.example", [NOA, ADAM], summary="Offer", start=MONDAY, end=MONDAY + HOUR,
                             iCalUID="abc@client.example")  # fmt: skip
    noa = office().calendar.events()
    mine = noa.get(calendarId="primary", eventId=event_id).execute()
    google.user(NOA).calendar().respond(event_id, "tentative")

    assert mine["organizer"] == {"email": "dov@client.example"}
    assert mine["iCalUID"] == "abc@client.example"
    assert refused(noa.patch(calendarId="primary", eventId=event_id, body={"summary": "x"})) == (
        403,
        "forbiddenForNonOrganizer",
    )


def test_mails_to_guests_are_written_down_only_when_asked_for(google: GoogleSimulator, office: Offices) -> None:
    events = office().calendar.events()
    guests = [{"email": ADAM}, {"email": "guest@client.example"}]
    made = events.insert(calendarId="primary", body=meeting(attendees=guests)).execute()
    events.patch(calendarId="primary", eventId=made["id"], body={"summary": "x"}, sendUpdates="none").execute()
    assert google.invitations == []

    events.patch(calendarId="primary", eventId=made["id"], body={"summary": "y"}, sendUpdates="externalOnly").execute()
    events.delete(calendarId="primary", eventId=made["id"], sendUpdates="all").execute()

    assert [(one.kind, one.to) for one in google.invitations] == [
        ("updated", "guest@client.example"), ("cancelled", ADAM), ("cancelled", "guest@client.example"),
    ]  # fmt: skip
    assert {one.by for one in google.invitations} == {NOA}


def test_a_private_event_shows_others_only_that_there_is_one(google: GoogleSimulator, office: Offices) -> None:
    book = google.user(ADAM).calendar()
    book.insert(summary="Doctor", start=MONDAY, end=MONDAY + HOUR, visibility="private")
    book.insert(summary="Visit", start=MONDAY, end=MONDAY + HOUR)
    noa, dana = office(NOA).calendar.events(), office(DANA).calendar.events()

    blind = noa.list(calendarId=ADAM).execute()
    book.share(NOA, "reader")
    seen = noa.list(calendarId=ADAM).execute()

    assert blind["accessRole"] == "freeBusyReader"
    assert not any("summary" in one for one in blind["items"])
    assert sorted(one.get("summary", "") for one in seen["items"]) == ["", "Visit"]
    assert refused(dana.list(calendarId=ADAM)) == (404, "notFound")
    assert refused(noa.insert(calendarId=ADAM, body=meeting())) == (403, "requiredAccessLevel")


def test_the_list_of_calendars_has_a_token_of_its_own(google: GoogleSimulator, office: Offices) -> None:
    noa, lists = google.user(NOA), office().calendar.calendarList()
    first = lists.list().execute()
    team = noa.new_calendar("Team", zone="Europe/Warsaw")
    google.user(ADAM).calendar().share(NOA, "reader")
    added = lists.list(syncToken=first["nextSyncToken"]).execute()
    google.user(ADAM).calendar().share(NOA, "")
    removed = lists.list(syncToken=added["nextSyncToken"]).execute()
    noa.expire_calendar_list()

    assert [(one["id"], one.get("primary")) for one in first["items"]] == [(NOA, True)]
    assert {one["id"] for one in added["items"]} == {team.id, ADAM}
    assert {one["id"]: one["accessRole"] for one in added["items"]}[ADAM] == "reader"
    assert [(one["id"], one["deleted"]) for one in removed["items"]] == [(ADAM, True)]
    assert refused(lists.list(syncToken=removed["nextSyncToken"])) == (410, "fullSyncRequired")
    assert refused(lists.list(syncToken=removed["nextSyncToken"], minAccessRole="owner"))[0] == 400
    assert office().calendar.calendars().get(calendarId=team.id).execute()["timeZone"] == "Europe/Warsaw"


def test_an_event_moves_to_another_calendar(google: GoogleSimulator, office: Offices) -> None:
    noa = google.user(NOA)
    team, made = noa.new_calendar("Team"), noa.calendar().insert(**meeting())
    events = office().calendar.events()
    _, token = everything(events)

    moved = events.move(calendarId="primary", eventId=made["id"], destination=team.id).execute()
    changes, _ = everything(events, syncToken=token)

    assert moved["id"] == made["id"]
    assert moved["organizer"]["email"] == team.id
    assert [(one["id"], one["status"]) for one in changes] == [(made["id"], "cancelled")]


def test_free_and_busy_of_colleagues(google: GoogleSimulator, office: Offices) -> None:
    book = google.user(ADAM).calendar()
    book.insert(**weekly())
    book.insert(summary="Next", start=MONDAY + HOUR, end=MONDAY + 2 * HOUR)
    book.insert(summary="Free", start=MONDAY + 5 * HOUR, end=MONDAY + 6 * HOUR, transparency="transparent")
    declined = google.user(MAYA).calendar().insert(**meeting(start=MONDAY + 7 * HOUR, attendees=[ADAM]))
    book.respond(declined["id"], "declined")
    body = {
        "timeMin": "2026-03-23T00:00:00+02:00", "timeMax": "2026-03-24T00:00:00+02:00",
        "items": [{"id": ADAM}, {"id": DANA}],
    }  # fmt: skip

    answer = office().calendar.freebusy().query(body=body).execute()["calendars"]

    assert answer[ADAM]["busy"] == [{"start": "2026-03-23T08:00:00Z", "end": "2026-03-23T10:00:00Z"}]
    assert answer[DANA]["errors"] == [{"domain": "global", "reason": "notFound"}]


def test_a_video_call_is_made_for_who_knows_of_them(google: GoogleSimulator, office: Offices) -> None:
    events = office().calendar.events()
    asked = {"conferenceData": {"createRequest": {"requestId": "1", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}}

    knows = events.insert(calendarId="primary", body=meeting(**asked), conferenceDataVersion=1).execute()
    ignores = events.insert(calendarId="primary", body=meeting(**asked)).execute()

    assert knows["hangoutLink"] == knows["conferenceData"]["entryPoints"][0]["uri"]
    assert "conferenceData" not in ignores


def test_odd_events_can_lie_in_a_calendar(google: GoogleSimulator, office: Offices) -> None:
    book, events = google.user(NOA).calendar(), office().calendar.events()
    book.put({"id": "noend", "start": {"dateTime": "2026-03-23T10:00:00Z"}, "endTimeUnspecified": True})
    book.put(meeting(id="oddzone", recurrence=["RRULE:FREQ=DAILY;COUNT=2", "RDATE;TZID=Custom/Zone:20260401T100000"]))

    full, _ = everything(events)
    single, _ = everything(events, singleEvents=True, timeMin="2026-03-01T00:00:00Z")

    assert {one["id"] for one in full} == {"noend", "oddzone"}
    assert {one["id"] for one in single} == {"noend"}


def test_times_are_written_in_the_zone_that_is_asked_for(google: GoogleSimulator, office: Offices) -> None:
    made = (
        google.user(NOA)
        .calendar()
        .insert(summary="x", start=MONDAY.astimezone(UTC), end=(MONDAY + HOUR).astimezone(UTC))
    )

    shown = office().calendar.events().get(calendarId="primary", eventId=made["id"], timeZone="Europe/Warsaw").execute()

    assert shown["start"]["dateTime"] == "2026-03-23T09:00:00+01:00"
