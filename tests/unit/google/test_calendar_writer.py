"""What is written to a calendar, and what each answer of Google means for the one who wrote."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httplib2
import pytest

from connectors.google import calendar_busy, calendar_writer
from connectors.google.calendar_writer import CalendarWriter
from connectors.google.client import Client, Transport
from connectors.google.settings import GoogleSettings
from hub.connector.stream import Tools
from hub.errors import (
    AuthError,
    ConflictError,
    GoneError,
    LimitedError,
    ReadOnlyError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)
from hub.records.meeting import Attendee, Privacy, WallTime

NOA = "noa@acme.example"
RECORDS = f"calendar:{NOA}:primary"
OWN = "0123456789abcdef"
START = WallTime.at(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "Europe/Berlin")  # the second of two half past two
END = WallTime.at(datetime(2026, 10, 25, 3, tzinfo=UTC), "Europe/Berlin")
NEW = {
    "id": OWN, "markers": {"hub": OWN}, "title": "Offer", "start": START, "end": END, "description": "Text", "location": "",
    "recurrence": (), "attendees": (Attendee("dana@customer.example", "Dana"),), "privacy": Privacy.DEFAULT,
    "transparent": False, "notify": False,
}  # fmt: skip
EVENT = {"id": OWN, "etag": '"1"', "extendedProperties": {"private": {"hub": OWN}}}

Answer = tuple[int, Any]
Asked = list[tuple[str, str, dict[str, list[str]], Mapping[str, str], Any]]


class NoLimits:
    """Tools that let everything through."""

    def spend(self, limits: Sequence[object], units: int) -> None: ...

    def limited(self, limits: Sequence[object], retry_after: float) -> None: ...

    def access_token(self, refresh: Callable[..., object], **_: object) -> str:
        return "token"


class Google:
    """Answers what it was told to, and keeps what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[Answer] = []
        self.asked: Asked = []
        monkeypatch.setattr(Transport, "request", self.request)

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **_: object
    ) -> tuple[httplib2.Response, bytes]:
        parts = urlsplit(uri)
        self.asked.append((method, parts.path, parse_qs(parts.query), headers, json.loads(body) if body else None))
        status, said = self.answers.pop(0)
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        return httplib2.Response({"status": str(status)}), content


def writer_of(**settings: Any) -> CalendarWriter:
    values = {"address": NOA, "base_url": "https://127.0.0.1:1", **settings}
    client = Client(GoogleSettings(**values), cast("Tools", NoLimits()), NOA)
    return calendar_writer.writer(client, RECORDS)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Google:
    return Google(monkeypatch)


def problem(reason: str) -> dict[str, Any]:
    return {"error": {"message": f"no: {reason}", "errors": [{"reason": reason}]}}


def test_an_event_is_made_with_our_id_and_nobody_in_it(google: Google) -> None:
    google.answers = [(200, EVENT)]
    written = writer_of().create(NEW, key="k")
    assert (written.remote_id, written.version, written.payload) == (OWN, '"1"', EVENT)
    [(method, path, query, _, body)] = google.asked
    assert (method, path) == ("POST", "/calendar/v3/calendars/primary/events")
    assert query["sendUpdates"] == ["none"]
    assert body["id"] == OWN
    assert body["extendedProperties"] == {"private": {"hub": OWN}}
    assert body["start"] == {"dateTime": "2026-10-25T02:30:00+01:00", "timeZone": "Europe/Berlin"}
    assert not {"attendees", "conferenceData", "organizer"} & body.keys()


def test_guests_are_in_it_and_are_told_where_somebody_said_so(google: Google) -> None:
    google.answers = [(200, EVENT), (200, EVENT)]
    writer_of().create({**NEW, "notify": True}, key="k")
    writer_of().update(OWN, {"attendees": NEW["attendees"], "notify": False}, version="", key="k")
    assert google.asked[0][2]["sendUpdates"] == ["all"]
    assert google.asked[0][4]["attendees"] == [
        {"email": "dana@customer.example", "displayName": "Dana", "optional": False}
    ]
    assert (google.asked[1][2]["sendUpdates"], google.asked[1][4]) == (["none"], {})


def test_a_change_writes_what_it_names_over_the_version_that_was_seen(google: Google) -> None:
    google.answers = [(200, EVENT)]
    writer_of().update("r1", {"start": date(2026, 3, 1), "title": "New"}, version='"7"', key="k")
    [(method, path, _, headers, body)] = google.asked
    assert (method, path.rpartition("/")[2], headers["If-Match"]) == ("PATCH", "r1", '"7"')
    assert body == {"summary": "New", "start": {"date": "2026-03-01", "dateTime": None, "timeZone": None}}


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (403, problem("forbiddenForNonOrganizer"), ReadOnlyError), (403, problem("requiredAccessLevel"), ReadOnlyError),
        (412, problem("conditionNotMet"), ConflictError), (404, problem("notFound"), GoneError),
        (410, problem("deleted"), GoneError), (400, problem("invalid"), RejectedError),
        (403, problem("insufficientPermissions"), ScopeError), (403, problem("rateLimitExceeded"), LimitedError),
        (403, problem("quotaExceeded"), LimitedError), (429, problem("x"), LimitedError), (500, b"", RetryLaterError),
        (503, b"<html>", RetryLaterError), (200, b"<html>", ShapeError), (200, [], ShapeError),
    ],
)  # fmt: skip
def test_each_answer_to_a_change_says_what_happens_next(
    google: Google, status: int, said: Any, error: type[Exception]
) -> None:
    google.answers = [(status, said)]
    with pytest.raises(error) as raised:
        writer_of().update("r1", {"title": "New"}, version='"7"', key="k")
    assert type(raised.value) is error


def test_a_token_that_is_refused_twice_needs_a_person(google: Google) -> None:
    google.answers = [(401, problem("authError")), (401, problem("authError"))]
    with pytest.raises(AuthError):
        writer_of().create(NEW, key="k")


@pytest.mark.parametrize(
    ("found", "error"),
    [
        (EVENT, None),
        ({"id": OWN, "status": "cancelled"}, None),
        ({"id": OWN, "extendedProperties": {"private": {"hub": "other"}}}, RejectedError),
        ({"id": OWN}, RejectedError),
    ],
)
def test_an_id_that_is_there_already_is_the_lost_answers_or_somebody_elses(
    google: Google, found: dict[str, Any], error: type[Exception] | None
) -> None:
    google.answers = [(409, problem("duplicate")), (200, found)]
    if error is None:
        assert writer_of().create(NEW, key="k").remote_id == OWN
    else:
        with pytest.raises(error):
            writer_of().create(NEW, key="k")


@pytest.mark.parametrize("answer", [(204, b""), (404, problem("notFound")), (410, problem("deleted"))])
def test_what_is_called_off_is_gone_whoever_did_it(google: Google, answer: Answer) -> None:
    google.answers = [answer]
    writer_of().delete("r1", version='"7"', key="k")
    [(method, _, query, headers, _)] = google.asked
    assert (method, query["sendUpdates"], headers["If-Match"]) == ("DELETE", ["none"], '"7"')


@pytest.mark.parametrize(
    ("answer", "error"),
    [((412, problem("conditionNotMet")), ConflictError), ((403, problem("forbiddenForNonOrganizer")), ReadOnlyError)],
)
def test_what_may_not_be_called_off_stays(google: Google, answer: Answer, error: type[Exception]) -> None:
    google.answers = [answer]
    with pytest.raises(error):
        writer_of().cancel("r1", version='"7"', key="k", notify=True)
    assert google.asked[0][2]["sendUpdates"] == ["all"]


def test_one_time_of_a_series_is_found_by_where_it_stood(google: Google) -> None:
    google.answers = [(200, {"items": [{"id": "s_1"}]}), (200, {"items": []}), (200, {})]
    assert writer_of().one_time("s", datetime(2026, 3, 1, 9, tzinfo=UTC)) == "s_1"
    assert google.asked[0][2]["originalStart"] == ["2026-03-01T09:00:00+00:00"]
    for _ in range(2):
        with pytest.raises(GoneError):
            writer_of().one_time("s", date(2026, 3, 1))
    assert google.asked[1][2]["originalStart"] == ["2026-03-01"]


@pytest.mark.parametrize(
    "settings",
    [{"writable_calendars": ""}, {"calendar": False}, {"calendars": "team@acme.example"}, {"address": "x@y.example"}],
)
def test_the_settings_say_where_is_written(settings: dict[str, Any]) -> None:
    with pytest.raises(RejectedError):
        writer_of(**settings)


def test_who_is_busy_is_asked_for_all_at_once(google: Google) -> None:
    span = {"start": "2026-03-01T09:00:00Z", "end": "2026-03-01T10:00:00Z"}
    said = {NOA: {"busy": [span]}, "x@y.example": {"errors": [{"reason": "notFound"}], "busy": []}}
    google.answers = [(200, {"calendars": said}), (200, {"calendars": {NOA: {"busy": ["?"]}}})]
    asked = ([NOA, "x@y.example"], datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    found = calendar_busy.busy(writer_of().client, *asked)
    assert found == {NOA: [(datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC))]}
    with pytest.raises(ShapeError):
        calendar_busy.busy(writer_of().client, *asked)
