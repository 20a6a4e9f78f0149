"""The simulated calendars of Graph: what it tells of events, and whom it lets do what."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import pytest

from connectors.microsoft.simulated.items import Calendar
from connectors.microsoft.simulator import MicrosoftSimulator
from tests.unit.microsoft_simulator.conftest import ADAM, IMMUTABLE, MAYA, NOA, Graph

CUSTOMER = "dana@customer.example"
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday
WINDOW = {"startDateTime": "2026-11-01T00:00:00Z", "endDateTime": "2026-12-31T00:00:00Z"}
DELTA = "/me/calendarView/delta"
WEEKLY = {
    "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"]},
    "range": {"type": "numbered", "startDate": "2026-11-23", "numberOfOccurrences": 4},
}
MARK = "String {00020329-0000-0000-c000-000000000046} Name hub"
Grapher = Callable[..., Graph]


@pytest.fixture
def noa(microsoft: MicrosoftSimulator) -> Any:
    return microsoft.user(NOA).calendars


@pytest.fixture
def adam(microsoft: MicrosoftSimulator) -> Any:
    return microsoft.user(ADAM).calendars


def _utc(moment: str) -> dict[str, str]:
    return {"dateTime": moment, "timeZone": "UTC"}


def _posted(**more: Any) -> dict[str, Any]:
    event = {"subject": "Visit", "start": _utc("2026-11-23T09:00:00"), "end": _utc("2026-11-23T10:00:00")}
    return event | more


def _days(found: list[Any]) -> list[str]:
    return [one["start"]["dateTime"][:10] for one in found if one.get("type") in ("occurrence", "exception")]


def _path(event: dict[str, Any], action: str = "") -> str:
    return f"/me/events/{quote(event['id'], safe='')}{action}"


# -- events -------------------------------------------------------------------------------------------------------------


def test_an_event_is_shown_in_utc_and_remembers_its_zone(graph: Grapher) -> None:
    start = {"dateTime": "2026-11-23T09:00:00", "timeZone": "Pacific Standard Time"}
    end = {"dateTime": "2026-11-23T10:30:00", "timeZone": "Pacific Standard Time"}
    made = graph().post("/me/events", _posted(start=start, end=end, body={"contentType": "text", "content": "1 < 2"}))
    assert made["start"] == _utc("2026-11-23T17:00:00.0000000")
    assert made["originalStartTimeZone"] == made["originalEndTimeZone"] == "Pacific Standard Time"
    assert (made["type"], made["seriesMasterId"], made["recurrence"]) == ("singleInstance", None, None)
    assert (made["isOrganizer"], made["responseStatus"]["response"]) == (True, "organizer")
    assert (made["bodyPreview"], made["body"]["contentType"]) == ("1 < 2", "html")
    berlin = graph().get(_path(made), headers={"Prefer": 'outlook.timezone="W. Europe Standard Time"'})
    assert berlin["start"] == {"dateTime": "2026-11-23T18:00:00.0000000", "timeZone": "W. Europe Standard Time"}
    text = graph().get(_path(made), headers={"Prefer": 'outlook.body-content-type="text"'})
    assert text["body"] == {"contentType": "text", "content": "1 < 2"}


def test_whole_days_are_from_midnight_to_midnight_in_every_zone(noa: Any, graph: Grapher) -> None:
    made = noa.insert(subject="Fair", start=date(2026, 11, 23), end=date(2026, 11, 25))
    assert (made["isAllDay"], made["originalStartTimeZone"]) == (True, "Israel Standard Time")
    for zone in ("UTC", "Tokyo Standard Time"):
        found = graph().get(_path(made), headers={"Prefer": f'outlook.timezone="{zone}"'})
        assert found["start"] == {"dateTime": "2026-11-23T00:00:00.0000000", "timeZone": zone}
        assert found["end"] == {"dateTime": "2026-11-25T00:00:00.0000000", "timeZone": zone}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"isAllDay": True}, "ErrorInvalidRequest"),
        ({"end": _utc("2026-11-22T09:00:00")}, "ErrorPropertyValidationFailure"),
        ({"start": {"dateTime": "2026-11-23T09:00:00", "timeZone": "Mars"}}, "TimeZoneNotSupportedException"),
        ({"start": {"dateTime": "soon", "timeZone": "UTC"}}, "ErrorInvalidParameter"),
        ({"attendees": [{"emailAddress": {"address": "nobody"}}]}, "ErrorInvalidRecipients"),
        ({"recurrence": WEEKLY | {"pattern": {"type": "weekly", "interval": 1}}}, "ErrorPropertyValidationFailure"),
        ({"showAs": "asleep"}, "RequestBodyRead"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(graph: Grapher, noa: Any, wrong: dict[str, Any], code: str) -> None:
    found = graph().ask("POST", "/me/events", json=_posted(**wrong))
    assert (found.status_code, found.json()["error"]["code"]) == (400, code)
    assert not noa.events()


def test_the_same_request_makes_one_event_and_another_is_refused(graph: Grapher, noa: Any) -> None:
    first = graph().post("/me/events", _posted(transactionId="t-1"))
    again = graph().post("/me/events", _posted(transactionId="t-1"))
    assert first["id"] == again["id"]
    other = graph().ask("POST", "/me/events", json=_posted(transactionId="t-1", subject="Another"))
    assert (other.status_code, other.json()["error"]["code"]) == (400, "ErrorDuplicateTransactionId")
    assert len(noa.events()) == 1


def test_only_the_state_that_was_read_is_changed_or_deleted(graph: Grapher, noa: Any) -> None:
    made = noa.insert(subject="Visit", start=NINE)
    noa.patch(made["id"], subject="Visit again")
    stale = {"If-Match": made["@odata.etag"]}
    for verb, body in (("PATCH", {"subject": "Lost"}), ("DELETE", None)):
        found = graph().ask(verb, _path(made), json=body, headers=stale)
        assert (found.status_code, found.json()["error"]["code"]) == (412, "ErrorIrresolvableConflict")
    fresh = {"If-Match": noa.get(made["id"])["@odata.etag"]}
    assert graph().patch(_path(made), {"subject": "Kept"}, headers=fresh)["subject"] == "Kept"
    graph().delete(_path(made))
    assert graph().ask("GET", _path(made)).status_code == 404


def test_extended_properties_are_shown_where_they_are_asked_for(graph: Grapher) -> None:
    made = graph().post("/me/events", _posted(singleValueExtendedProperties=[{"id": MARK, "value": "7"}]))
    graph().post("/me/events", _posted())
    assert "singleValueExtendedProperties" not in graph().get(_path(made))
    term = f"singleValueExtendedProperties($filter=id eq '{MARK}')"
    found = graph().get(_path(made), params={"$expand": term, "$select": "subject"})
    assert found["singleValueExtendedProperties"] == [{"id": MARK, "value": "7"}]
    assert "start" not in found
    wanted = f"singleValueExtendedProperties/any(ep: ep/id eq '{MARK}' and ep/value eq '7')"
    listed = graph().get("/me/events", params={"$filter": wanted})["value"]
    assert [one["id"] for one in listed] == [made["id"]]


def test_a_listing_has_masters_and_can_be_filtered_sorted_and_paged(graph: Grapher, noa: Any) -> None:
    for hour in range(12):
        noa.insert(subject=f"Visit {hour}", start=NINE.replace(hour=hour))
    noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    found, _ = graph().all("/me/events", params={"$orderby": "start/dateTime desc", "$top": "5"})
    assert len(found) == 13
    assert [one["type"] for one in found].count("seriesMaster") == 1
    assert [one["start"]["dateTime"] for one in found] == sorted(
        (one["start"]["dateTime"] for one in found), reverse=True
    )
    late = graph().get(
        "/me/events", params={"$filter": "start/dateTime ge '2026-11-23T10:00:00' and isAllDay eq false"}
    )
    assert [one["subject"] for one in late["value"]] == ["Visit 10", "Visit 11"]
    either = graph().get("/me/events", params={"$filter": "subject eq 'visit 1' or startswith(subject,'Week')"})
    assert {one["subject"] for one in either["value"]} == {"Visit 1", "Weekly"}
    for wrong in ("start/dateTime ge 'soon'", "isAllDay gt 'x'", "colour eq 'red'"):
        assert graph().ask("GET", "/me/events", params={"$filter": wrong}).status_code == 400
    by_uid = graph().get("/me/events", params={"$filter": f"iCalUId eq '{found[0]['iCalUId']}'"})
    assert [one["id"] for one in by_uid["value"]] == [found[0]["id"]]


# -- series -------------------------------------------------------------------------------------------------------------


def test_a_view_has_whole_occurrences_and_no_master(graph: Grapher, noa: Any) -> None:
    master = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    found, _ = graph().all("/me/calendarView", params=WINDOW)
    assert _days(found) == ["2026-11-23", "2026-11-30", "2026-12-07", "2026-12-14"]
    assert {one["subject"] for one in found} == {"Weekly"}
    assert {one["seriesMasterId"] for one in found} == {master["id"]}
    assert len({one["id"] for one in found}) == len({one["iCalUId"] for one in found}) == 4
    assert master["iCalUId"] not in {one["iCalUId"] for one in found}
    assert found[1]["originalStart"] == "2026-11-30T09:00:00Z"
    assert graph().get(_path(found[1]))["type"] == "occurrence"
    missing = graph().ask("GET", "/me/calendarView")
    assert missing.json()["error"]["code"] == "ErrorInvalidParameter"


def test_a_series_keeps_its_wall_time_when_the_clocks_change(graph: Grapher) -> None:
    zone = "W. Europe Standard Time"
    start, end = ({"dateTime": f"2026-03-23T{hour}:00:00", "timeZone": zone} for hour in ("09", "10"))
    span = {"type": "endDate", "startDate": "2026-03-23", "endDate": "2026-04-01"}
    graph().post("/me/events", _posted(start=start, end=end, recurrence=WEEKLY | {"range": span}))
    window = {"startDateTime": "2026-03-01T00:00:00", "endDateTime": "2026-05-01T00:00:00"}
    found, _ = graph().all("/me/calendarView", params=window)
    assert [one["start"]["dateTime"][:13] for one in found] == ["2026-03-23T08", "2026-03-30T07"]


def test_a_changed_occurrence_is_an_exception_and_a_deleted_one_is_named_by_its_master(
    graph: Grapher, noa: Any
) -> None:
    master = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    second = graph().get(_path(master, "/instances"), params=WINDOW)["value"][1]
    moved = graph().patch(
        _path(second), {"start": _utc("2026-12-01T15:00:00"), "end": _utc("2026-12-01T16:00:00"), "subject": "Later"}
    )
    assert (moved["id"], moved["type"], moved["originalStart"]) == (second["id"], "exception", "2026-11-30T09:00:00Z")
    noa.remove(master["id"], on=date(2026, 12, 7))
    found, _ = graph().all("/me/calendarView", params=WINDOW)
    assert _days(found) == ["2026-11-23", "2026-12-01", "2026-12-14"]
    query = {"$select": "subject,cancelledOccurrences", "$expand": "exceptionOccurrences"}
    whole = graph().get(_path(master), params=query)
    assert whole["cancelledOccurrences"] == [f"OID.{master['id']}.2026-12-07"]
    assert [one["subject"] for one in whole["exceptionOccurrences"]] == ["Later"]
    assert "cancelledOccurrences" not in graph().get(_path(master))


def test_an_occurrence_cannot_pass_by_the_next_one(graph: Grapher, noa: Any) -> None:
    noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    second = graph().get("/me/calendarView", params=WINDOW)["value"][1]
    body = {"start": _utc("2026-12-07T15:00:00"), "end": _utc("2026-12-07T16:00:00")}
    found = graph().ask("PATCH", _path(second), json=body)
    assert (found.status_code, found.json()["error"]["code"]) == (400, "ErrorOccurrenceCrossingBoundary")


def test_exceptions_are_lost_when_the_series_is_moved_and_kept_when_it_is_renamed(graph: Grapher, noa: Any) -> None:
    master = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    noa.patch(master["id"], on=date(2026, 11, 30), location="Haifa")
    noa.remove(master["id"], on=date(2026, 12, 7))
    noa.patch(master["id"], subject="Every week")
    found = graph().get("/me/calendarView", params=WINDOW)["value"]
    assert [(one["type"], one["location"]["displayName"]) for one in found][1] == ("exception", "Haifa")
    assert {one["subject"] for one in found} == {"Every week"}
    noa.patch(master["id"], start=NINE.replace(hour=11), end=NINE.replace(hour=12))
    found = graph().get("/me/calendarView", params=WINDOW)["value"]
    assert [one["type"] for one in found] == ["occurrence"] * 4


def test_a_series_that_begins_on_another_day_keeps_its_pattern(graph: Grapher, noa: Any) -> None:
    master = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    tokyo = "Tokyo Standard Time"
    times = {"start": {"dateTime": "2026-12-01T18:00:00", "timeZone": tokyo},
             "end": {"dateTime": "2026-12-01T19:00:00", "timeZone": tokyo}}  # fmt: skip
    changed = graph().patch(_path(master), times)
    assert changed["start"] == _utc("2026-12-07T09:00:00.0000000")
    assert (
        changed["recurrence"]["range"] | {"numberOfOccurrences": 4, "recurrenceTimeZone": tokyo}
        == changed["recurrence"]["range"]
    )
    assert _days(graph().all("/me/calendarView", params=WINDOW)[0]) == [
        "2026-12-07",
        "2026-12-14",
        "2026-12-21",
        "2026-12-28",
    ]


def test_a_pattern_that_nobody_knows_takes_place_once(graph: Grapher, noa: Any) -> None:
    odd = {"pattern": {"type": "hebrewMonthly"}, "range": {"type": "noEnd", "startDate": "2026-11-23"}}
    noa.put(subject="New moon", start=NINE, end=NINE.replace(hour=10), recurrence=odd)
    assert _days(graph().all("/me/calendarView", params=WINDOW)[0]) == ["2026-11-23"]


def test_a_custom_zone_of_outlook_has_no_name(noa: Any, graph: Grapher) -> None:
    made = noa.put(
        subject="Old", start=NINE, end=NINE.replace(hour=10), originalStartTimeZone="tzone://Microsoft/Custom"
    )
    found = graph().get(_path(made))
    assert found["originalStartTimeZone"] == found["originalEndTimeZone"] == "tzone://Microsoft/Custom"
    assert found["start"] == _utc("2026-11-23T09:00:00.0000000")


def test_an_event_can_be_shown_as_no_reference_says(noa: Any) -> None:
    made = noa.insert(subject="Visit", start=NINE)
    assert noa.put(id=made["id"], odd={"start": None, "subject": 7})["subject"] == 7
    mended = noa.put(id=made["id"], odd={})
    assert (mended["subject"], mended["start"]) == ("Visit", made["start"])


# -- rounds of changes --------------------------------------------------------------------------------------------------


def test_a_round_tells_a_series_by_its_master_and_bare_occurrences(graph: Grapher, noa: Any) -> None:
    master = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    noa.patch(master["id"], on=date(2026, 11, 30), subject="Other")
    found, link = graph().all(DELTA, params=WINDOW)
    assert [one["type"] for one in found] == ["seriesMaster", "occurrence", "exception", "occurrence", "occurrence"]
    assert set(found[1]) == {"@odata.type", "@odata.etag", "id", "seriesMasterId", "type", "start", "end"}
    assert found[0]["recurrence"]["range"]["numberOfOccurrences"] == 4
    assert found[2]["subject"] == "Other"
    assert found[2]["@odata.etag"] != found[1]["@odata.etag"]
    assert graph().all(link)[0] == []


def test_a_round_says_nothing_of_an_occurrence_that_is_no_more(graph: Grapher, noa: Any) -> None:
    master = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    _, link = graph().all(DELTA, params=WINDOW)
    noa.remove(master["id"], on=date(2026, 12, 7))
    found, link = graph().all(link)
    assert _days(found) == ["2026-11-23", "2026-11-30", "2026-12-14"]
    assert not [one for one in found if "@removed" in one]
    noa.remove(master["id"])
    found, _ = graph().all(link)
    assert found == [{"id": master["id"], "@removed": {"reason": "deleted"}}]


def test_a_round_tells_of_what_left_its_time_as_removed(graph: Grapher, noa: Any) -> None:
    inside, outside = noa.insert(subject="In", start=NINE), noa.insert(subject="Out", start=NINE.replace(year=2028))
    found, link = graph().all(DELTA, params=WINDOW)
    assert [one["subject"] for one in found] == ["In"]
    noa.patch(outside["id"], subject="Still out")
    noa.patch(inside["id"], start=NINE.replace(year=2028), end=NINE.replace(year=2028, hour=10))
    found, link = graph().all(link)
    assert found == [{"id": one["id"], "@removed": {"reason": "deleted"}} for one in (outside, inside)]
    assert graph().get(_path(inside))["subject"] == "In"
    noa.patch(inside["id"], start=NINE, end=NINE.replace(hour=10))
    assert [one["subject"] for one in graph().all(link)[0]] == ["In"]


def test_no_page_divides_a_series(graph: Grapher, noa: Any, microsoft: MicrosoftSimulator) -> None:
    for number in range(3):
        noa.insert(subject=f"Weekly {number}", start=NINE, recurrence=WEEKLY)
    microsoft.page(1)
    page = graph().get(DELTA, params=WINDOW)
    assert [one["type"] for one in page["value"]] == ["seriesMaster", *["occurrence"] * 4]
    assert len(graph().all(page["@odata.nextLink"])[0]) == 10


@pytest.mark.parametrize("name", ["$select", "$filter", "$expand", "$orderby"])
def test_a_round_of_a_view_cannot_be_narrowed(graph: Grapher, name: str) -> None:
    found = graph().ask("GET", DELTA, params={**WINDOW, name: "subject"})
    assert (found.status_code, found.json()["error"]["code"]) == (400, "ErrorInvalidUrlQuery")


def test_a_round_can_be_told_in_immutable_ids(graph: Grapher, noa: Any) -> None:
    made = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    other: Calendar = noa.add("Projects")
    found, link = graph().all(DELTA, params=WINDOW, headers=IMMUTABLE)
    assert found[0]["id"] == found[1]["seriesMasterId"] == noa.immutable(made["id"]) != made["id"]
    _, regular = graph().all(DELTA, params=WINDOW)
    moved = noa.move(made["id"], other)
    assert moved["id"] != made["id"]
    key = found[0]["id"]
    assert graph().all(link, headers=IMMUTABLE)[0] == [{"id": key, "@removed": {"reason": "deleted"}}]
    assert graph().all(regular)[0][0]["id"] == made["id"]
    there, _ = graph().all(f"/me/calendars/{quote(other.id)}/calendarView/delta", params=WINDOW, headers=IMMUTABLE)
    assert there[0]["id"] == key
    assert graph().get(f"/me/events/{quote(key)}", headers=IMMUTABLE)["id"] == key


def test_exceptions_can_come_bare_and_masters_not_at_all(
    graph: Grapher, noa: Any, microsoft: MicrosoftSimulator
) -> None:
    master = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    noa.patch(master["id"], on=date(2026, 11, 30), subject="Other")
    microsoft.faults.add("stripped_occurrences")
    microsoft.faults.add("missing_master")
    found, _ = graph().all(DELTA, params=WINDOW)
    assert [one["type"] for one in found] == ["occurrence", "exception", "occurrence", "occurrence"]
    assert "subject" not in found[1]


def test_dead_tokens_are_gone(graph: Grapher, noa: Any) -> None:
    _, link = graph().all(DELTA, params=WINDOW)
    noa.expire_tokens()
    found = graph().ask("GET", link)
    assert (found.status_code, found.json()["error"]["code"]) == (410, "syncStateNotFound")


# -- meetings -----------------------------------------------------------------------------------------------------------


def test_a_meeting_is_in_every_mailbox_with_its_own_id_and_one_uid(graph: Grapher, adam: Any) -> None:
    guests = [{"emailAddress": {"address": one}} for one in (ADAM, CUSTOMER)]
    made = graph().post("/me/events", _posted(attendees=guests))
    (copy,) = adam.events()
    assert copy["iCalUId"] == made["iCalUId"]
    assert copy["id"] != made["id"]
    assert (copy["isOrganizer"], copy["responseStatus"]["response"], copy["showAs"]) == (
        False,
        "notResponded",
        "tentative",
    )
    assert copy["organizer"]["emailAddress"]["address"] == NOA


def test_guests_hear_of_everything_but_what_is_private(graph: Grapher, noa: Any) -> None:
    made = graph().post("/me/events", _posted(attendees=[{"emailAddress": {"address": CUSTOMER}}]))
    graph().patch(_path(made), {"categories": ["Red"], "showAs": "free"})
    assert [one.kind for one in noa.invitations] == ["invited"]
    graph().patch(_path(made), {"subject": "Changed"})
    graph().patch(_path(made), {"attendees": [{"emailAddress": {"address": one}} for one in (CUSTOMER, MAYA)]})
    graph().delete(_path(made))
    told = [(one.kind, one.to) for one in noa.invitations]
    assert told == [
        ("invited", CUSTOMER), ("updated", CUSTOMER), ("invited", MAYA), ("cancelled", CUSTOMER), ("cancelled", MAYA),
    ]  # fmt: skip


def test_nobody_hears_of_an_event_without_guests(graph: Grapher, noa: Any) -> None:
    made = graph().post("/me/events", _posted())
    graph().patch(_path(made), {"subject": "Changed", "start": _utc("2026-11-23T08:00:00")})
    graph().delete(_path(made))
    assert noa.invitations == []


def test_an_answer_reaches_the_organiser(graph: Grapher, noa: Any, adam: Any) -> None:
    made = noa.insert(subject="Visit", start=NINE, attendees=[ADAM, MAYA])
    (copy,) = adam.events()
    graph(ADAM).post(_path(copy, "/tentativelyAccept"), {"comment": "maybe"})
    assert graph(ADAM).get(_path(copy))["responseStatus"]["response"] == "tentativelyAccepted"
    answers = {one["emailAddress"]["address"]: one["status"]["response"] for one in noa.get(made["id"])["attendees"]}
    assert answers == {ADAM: "tentativelyAccepted", MAYA: "none"}
    assert {one["status"]["response"] for one in adam.events()[0]["attendees"]} == {"none"}
    graph(ADAM).post(_path(copy, "/decline"), {"sendResponse": False})
    assert adam.events() == []
    assert noa.get(made["id"])["attendees"][0]["status"]["response"] == "tentativelyAccepted"
    refused = graph().ask("POST", _path(made, "/accept"), json={})
    assert refused.status_code == 400


def test_a_guest_changes_only_his_own_copy(graph: Grapher, noa: Any, adam: Any) -> None:
    made = noa.insert(subject="Visit", start=NINE, attendees=[ADAM])
    (copy,) = adam.events()
    graph(ADAM).patch(_path(copy), {"subject": "My name for it", "categories": ["Mine"]})
    assert noa.get(made["id"])["subject"] == "Visit"
    noa.patch(made["id"], location="Haifa")
    (copy,) = adam.events()
    assert (copy["subject"], copy["categories"], copy["location"]["displayName"]) == ("Visit", ["Mine"], "Haifa")
    refused = graph(ADAM).ask("POST", _path(copy, "/cancel"), json={"comment": "no"})
    assert refused.status_code == 400
    assert "organizer" in refused.json()["error"]["message"]
    graph(ADAM).delete(_path(copy))
    assert noa.get(made["id"])["subject"] == "Visit"
    assert [one.kind for one in adam.invitations] == []


def test_a_cancelled_meeting_stays_with_its_guests_marked_so(graph: Grapher, noa: Any, adam: Any) -> None:
    made = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY, attendees=[ADAM])
    occurrence = graph().get("/me/calendarView", params=WINDOW)["value"][1]
    graph().post(_path(occurrence, "/cancel"), {"Comment": "holiday"})
    assert graph().ask("GET", _path(occurrence)).status_code == 404
    theirs = graph(ADAM).get("/me/calendarView", params=WINDOW)["value"]
    assert [(one["isCancelled"], one["subject"]) for one in theirs][:2] == [
        (False, "Weekly"),
        (True, "Canceled: Weekly"),
    ]
    graph().post(_path(made, "/cancel"), {})
    (copy,) = adam.events()
    assert (copy["isCancelled"], copy["subject"], copy["showAs"]) == (True, "Canceled: Weekly", "free")
    assert [(one.kind, one.day, one.comment) for one in noa.invitations][1:] == [
        ("cancelled", date(2026, 11, 30), "holiday"), ("cancelled", None, ""),
    ]  # fmt: skip


def test_somebody_outside_invites_changes_and_calls_off(noa: Any, adam: Any) -> None:
    first = noa.invite(CUSTOMER, [ADAM], uid="abc@google.com", subject="Pitch", start=NINE, recurrence=WEEKLY)
    assert (first["iCalUId"], adam.events()[0]["iCalUId"]) == ("abc@google.com", "abc@google.com")
    assert first["organizer"]["emailAddress"]["address"] == CUSTOMER
    assert noa.get(first["id"], on=date(2026, 11, 30))["iCalUId"].startswith("040000008200E00074C5B7101A82E00807EA0B1E")
    noa.respond(first["id"], "accepted")
    noa.invite(CUSTOMER, [ADAM], uid="abc@google.com", subject="Pitch 2", start=NINE, recurrence=WEEKLY)
    assert (noa.events()[0]["subject"], noa.events()[0]["responseStatus"]["response"]) == ("Pitch 2", "accepted")
    noa.withdraw(first["id"], on=date(2026, 11, 30))
    assert adam.get(adam.events()[0]["id"], on=date(2026, 11, 30))["isCancelled"]
    noa.withdraw(first["id"])
    assert [one["isCancelled"] for one in (*noa.events(), *adam.events())] == [True, True]


def test_a_meeting_online_has_a_link_that_its_body_keeps(graph: Grapher) -> None:
    made = graph().post("/me/events", _posted(isOnlineMeeting=True, onlineMeetingProvider="teamsForBusiness"))
    link = made["onlineMeeting"]["joinUrl"]
    assert link.startswith("https://teams.microsoft.com/l/meetup-join/")
    assert link.replace("&", "&amp;") in made["body"]["content"] or link in made["body"]["content"]
    assert graph().patch(_path(made), {"isOnlineMeeting": False})["isOnlineMeeting"]
    lost = graph().patch(_path(made), {"body": {"contentType": "text", "content": "nothing"}})
    assert (lost["isOnlineMeeting"], lost["onlineMeeting"]) == (False, None)


def test_guests_can_be_hidden_from_each_other(noa: Any, adam: Any) -> None:
    made = noa.insert(subject="Exam", start=NINE, attendees=[ADAM, MAYA], hideAttendees=True)
    assert len(made["attendees"]) == 2
    assert [one["emailAddress"]["address"] for one in adam.events()[0]["attendees"]] == [ADAM]


def test_whoever_subscribed_hears_of_a_series_by_its_master(microsoft: MicrosoftSimulator, noa: Any) -> None:
    told: list[tuple[str, ...]] = []
    microsoft.world.happened = lambda *facts: told.append(facts)  # type: ignore[method-assign]  # nobody subscribed
    made = noa.insert(subject="Weekly", start=NINE, recurrence=WEEKLY)
    noa.patch(made["id"], on=date(2026, 11, 30), subject="Other")
    key = noa.immutable(made["id"])
    noa.remove(made["id"])
    changes = ("created", "updated", "deleted")
    places = ("events", f"calendars/{noa.main.id}/events")
    assert told == [(NOA, place, change, made["id"], key) for change in changes for place in places]
    other: Calendar = noa.add("Projects")
    noa.insert(other, subject="Elsewhere", start=NINE)
    assert [one[1] for one in told[6:]] == [f"calendars/{other.id}/events"]


# -- calendars ----------------------------------------------------------------------------------------------------------


def test_calendars_of_others_are_in_the_list_with_an_id_of_their_own(graph: Grapher, noa: Any, adam: Any) -> None:
    other: Calendar = noa.add("Projects")
    shared = adam.share(NOA)
    made = adam.insert(subject="Secret", start=NINE, sensitivity="private")
    found, _ = graph().all("/me/calendars")
    assert [(one["name"], one["isDefaultCalendar"], one["canEdit"]) for one in found] == [
        ("Calendar", True, True), ("Projects", False, True), ("Adam Nowak", False, False),
    ]  # fmt: skip
    assert [one["id"] for one in found] == [noa.main.id, other.id, shared]
    assert found[2]["owner"]["address"] == ADAM
    path = f"/me/calendars/{quote(shared)}"
    assert [one["subject"] for one in graph().get(f"{path}/events")["value"]] == ["Private appointment"]
    assert len(graph().all(f"{path}/calendarView/delta", params=WINDOW)[0]) == 1
    refused = graph().ask("POST", f"{path}/events", json=_posted())
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "ErrorAccessDenied")
    adam.share(NOA, write=True, private=True)
    event = f"{path}/events/{quote(made['id'])}"
    assert graph().patch(event, {"subject": "Written by another"})["subject"] == "Written by another"
    graph().post(f"{path}/events", _posted())
    assert {one["organizer"]["emailAddress"]["address"] for one in adam.events()} == {ADAM}
    adam.unshare(NOA)
    assert graph().ask("GET", path).status_code == 404


def test_each_calendar_has_its_own_events_and_rounds(graph: Grapher, noa: Any) -> None:
    other = graph().post("/me/calendars", {"name": "Projects"})
    path = f"/me/calendars/{quote(other['id'])}"
    _, link = graph().all(f"{path}/calendarView/delta", params=WINDOW)
    made = graph().post(f"{path}/events", _posted())
    noa.insert(subject="Elsewhere", start=NINE)
    assert [one["id"] for one in graph().get(f"{path}/events")["value"]] == [made["id"]]
    assert [one["id"] for one in graph().all(link)[0]] == [made["id"]]
    assert graph().get(path)["name"] == "Projects"
    assert graph().get("/me/calendar")["id"] == noa.main.id
    assert len(graph().get("/me/calendar/events")["value"]) == 1


def test_who_is_let_in_may_also_ask_by_the_owner_s_name(graph: Grapher, adam: Any) -> None:
    adam.insert(subject="Visit", start=NINE)
    path = f"/users/{ADAM}/calendarView/delta"
    assert graph().ask("GET", path, params=WINDOW).status_code == 403
    adam.share(NOA)
    assert [one["subject"] for one in graph().all(path, params=WINDOW)[0]] == ["Visit"]
    assert graph().ask("POST", f"/users/{ADAM}/events", json=_posted()).status_code == 403


def test_free_and_busy_times_tell_no_details_of_others(graph: Grapher, noa: Any, adam: Any) -> None:
    noa.insert(subject="Mine", start=NINE)
    adam.insert(subject="Theirs", start=NINE.replace(hour=10))
    adam.insert(subject="Free", start=NINE, showAs="free")
    body = {
        "schedules": [NOA, ADAM, "nobody@acme.example"], "availabilityViewInterval": 60,
        "startTime": _utc("2026-11-23T08:00:00"), "endTime": _utc("2026-11-23T12:00:00"),
    }  # fmt: skip
    mine, theirs, nobody = graph().post("/me/calendar/getSchedule", body)["value"]
    assert (mine["availabilityView"], mine["scheduleItems"][0]["subject"]) == ("0200", "Mine")
    assert (theirs["availabilityView"], "subject" in theirs["scheduleItems"][0]) == ("0020", False)
    assert nobody["error"]["responseCode"] == "ErrorMailRecipientNotFound"
    many = body | {"schedules": [f"{number}@acme.example" for number in range(21)]}
    assert graph().ask("POST", "/me/calendar/getSchedule", json=many).status_code == 400


def test_reading_permission_is_not_enough_to_write(graph: Grapher) -> None:
    found = graph(NOA, "Calendars.Read").ask("POST", "/me/events", json=_posted())
    assert found.status_code == 403
