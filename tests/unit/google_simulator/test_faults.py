"""Everything that the simulated Google does wrong on command, and its quotas."""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Any

import httplib2
import pytest
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request as Transport
from google.oauth2.credentials import Credentials
from googleapiclient.errors import HttpError
from requests import Session

from connectors.google.simulator import FAULTS, GoogleSimulator, create
from hub.connector.simulator import Fault, Faults
from tests.unit.google_simulator.conftest import ADAM, MAYA, NOA, Office

Offices = Callable[..., Office]
START = datetime(2026, 3, 23, 10, 0, tzinfo=UTC)
BROKEN = (ConnectionError, ssl.SSLError, TimeoutError, httplib2.HttpLib2Error, OSError, HTTPException)


def listing(office: Office, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = office.gmail.users().messages().list(userId="me", **query).execute()
    return found


def refused(request: Any) -> tuple[int, str, Any]:
    with pytest.raises(HttpError) as caught:
        request.execute()
    error = json.loads(caught.value.content)["error"]
    return caught.value.resp.status, error["errors"][0]["reason"], caught.value.resp


def test_every_fault_is_explained() -> None:
    assert all(isinstance(fault, Fault) and fault.text for fault in FAULTS.values())


@pytest.mark.parametrize(
    ("fault", "status", "reason", "wait"),
    [
        ("server_error", 500, "backendError", None),
        ("unavailable", 503, "backendError", None),
        ("rate_limited", 429, "rateLimitExceeded", "1"),
        ("rate_limited_403", 403, "rateLimitExceeded", "1"),
        ("quota_user", 403, "userRateLimitExceeded", "1"),
        ("scope_missing", 403, "insufficientPermissions", None),
        ("api_disabled", 403, "accessNotConfigured", None),
    ],
)
def test_a_refusal_on_command(
    google: GoogleSimulator, office: Offices, fault: str, status: int, reason: str, wait: str | None
) -> None:
    noa = office()
    google.faults.add(f"{fault}=2")
    for request in (noa.gmail.users().getProfile(userId="me"), noa.calendar.events().list(calendarId="primary")):
        code, why, response = refused(request)
        assert (code, why, response.get("retry-after")) == (status, reason, wait)

    assert noa.gmail.users().getProfile(userId="me").execute()["emailAddress"] == NOA


def test_a_refusal_inside_a_batch_hits_one_call(google: GoogleSimulator, office: Offices) -> None:
    noa, answers = office(), []
    batch = noa.gmail.new_batch_http_request(callback=lambda _name, _answer, error: answers.append(error))
    for _ in range(3):
        batch.add(noa.gmail.users().getProfile(userId="me"))
    google.faults.add("rate_limited")

    batch.execute()

    assert [error and error.resp.status for error in answers] == [429, None, None]


def test_answers_that_are_no_json(google: GoogleSimulator, office: Offices) -> None:
    noa = office()
    google.faults.add("html_instead_of_json")
    page: Any = listing(noa)
    google.faults.add("truncated_json")
    half: Any = listing(noa)

    # Google's library hands out as text what it cannot read as JSON.
    assert page.startswith("<!DOCTYPE html>")
    assert half.startswith("{")
    with pytest.raises(json.JSONDecodeError):
        json.loads(half)
    assert "resultSizeEstimate" in listing(noa)


@pytest.mark.parametrize("fault", ["hang", "reset"])
def test_connections_that_break(google: GoogleSimulator, office: Offices, fault: str) -> None:
    noa = office()
    profile = noa.gmail.users().getProfile(userId="me")
    noa.http.http.timeout = 0.3
    noa.http.http.close()
    google.faults.add(f"{fault}=5")  # the library tries again by itself
    with pytest.raises(BROKEN):
        profile.execute()
    google.faults.clear()
    noa.http.http.close()

    assert profile.execute()["emailAddress"] == NOA


def test_a_write_that_nobody_hears_of_was_made(google: GoogleSimulator, office: Offices) -> None:
    noa = office()
    noa.http.http.timeout = 5
    body = {
        "id": "0hub0",
        "summary": "x",
        "start": {"dateTime": START.isoformat()},
        "end": {"dateTime": (START + timedelta(hours=1)).isoformat()},
    }
    listing(noa)  # reads are left alone
    google.faults.add("commit_then_timeout")

    with pytest.raises((*BROKEN, HttpError)) as caught:
        noa.calendar.events().insert(calendarId="primary", body=body).execute()

    if isinstance(caught.value, HttpError):  # where the library tried again by itself
        assert caught.value.resp.status == 409
    assert list(google.user(NOA).calendar().entries) == ["0hub0"]


def test_a_slow_answer_is_whole(google: GoogleSimulator, office: Offices) -> None:
    google.faults.add("slow")

    assert listing(office())["resultSizeEstimate"] == 0


def test_pages_that_repeat_shuffle_and_are_empty_lose_nothing(google: GoogleSimulator, office: Offices) -> None:
    mail, noa = google.user(NOA).mail, office()
    known = {mail.receive(from_="dov@client.example", subject=f"{n}").id for n in range(10)}
    for fault in ("replay_page", "reorder_page", "empty_page"):
        google.faults.add(fault)
        messages = noa.gmail.users().messages()
        request, pages = messages.list(userId="me", maxResults=4), []
        while request is not None:
            answer = request.execute()
            pages.append([one["id"] for one in answer.get("messages", [])])
            request = messages.list_next(request, answer)
        assert {one for page in pages for one in page} == known, fault
        assert len(pages) == (3 if fault == "reorder_page" else 4)
    google.faults.add("empty_page")
    assert "messages" not in listing(noa, maxResults=4)


def test_an_endless_page_has_itself_as_the_next(google: GoogleSimulator, office: Offices) -> None:
    noa = office()
    book = google.user(NOA).calendar()
    for n in range(5):
        book.insert(summary=f"{n}", start=START, end=START + timedelta(hours=1))
    google.faults.add("endless_page")
    events = noa.calendar.events()
    answer = events.list(calendarId="primary", maxResults=2).execute()
    tokens = {answer["nextPageToken"]}
    for _ in range(4):
        answer = events.list(calendarId="primary", maxResults=2, pageToken=answer["nextPageToken"]).execute()
        tokens.add(answer["nextPageToken"])

    assert len(tokens) == 1
    assert "nextPageToken" not in events.list(calendarId="primary").execute()


def test_each_api_lets_its_cursor_expire(google: GoogleSimulator, office: Offices) -> None:
    noa = office()
    anchor = noa.gmail.users().getProfile(userId="me").execute()["historyId"]
    events, lists = noa.calendar.events(), noa.calendar.calendarList()
    connections, others = noa.people.people().connections(), noa.people.otherContacts()
    fields = {"resourceName": "people/me", "personFields": "names", "requestSyncToken": True}
    mask = {"readMask": "names", "requestSyncToken": True}
    tokens = [
        one.execute()["nextSyncToken"]
        for one in (events.list(calendarId="primary"), lists.list(), connections.list(**fields), others.list(**mask))
    ]
    calls = [
        noa.gmail.users().history().list(userId="me", startHistoryId=anchor),
        events.list(calendarId="primary", syncToken=tokens[0]),
        lists.list(syncToken=tokens[1]),
        connections.list(**fields, syncToken=tokens[2]),
        others.list(**mask, syncToken=tokens[3]),
    ]
    google.faults.add("expire_cursor=5")

    assert [refused(call)[0] for call in calls] == [404, 410, 410, 400, 400]
    assert [refused(call)[0] for call in calls] == [404, 410, 410, 400, 400], "what is dead stays dead"
    assert "nextSyncToken" in events.list(calendarId="primary").execute()


def test_a_listing_may_end_without_a_token(google: GoogleSimulator, office: Offices) -> None:
    noa = office()
    google.faults.add("no_sync_token=2")

    assert "nextSyncToken" not in noa.calendar.events().list(calendarId="primary").execute()
    assert (
        "nextSyncToken"
        not in noa.people.people()
        .connections()
        .list(resourceName="people/me", personFields="names", requestSyncToken=True)
        .execute()
    )


def test_a_listed_message_may_be_gone(google: GoogleSimulator, office: Offices) -> None:
    letter, noa = google.user(NOA).mail.receive(from_="dov@client.example", subject="x"), office()
    google.faults.add("item_gone")
    get = noa.gmail.users().messages().get(userId="me", id=letter.id)

    assert refused(get)[:2] == (404, "notFound")
    assert noa.gmail.users().messages().list(userId="me").execute()["resultSizeEstimate"] == 0


def test_nobody_may_change_an_event(google: GoogleSimulator, office: Offices) -> None:
    made = google.user(NOA).calendar().insert(summary="x", start=START, end=START + timedelta(hours=1))
    google.faults.add("forbidden_for_non_organizer")
    patch = office().calendar.events().patch(calendarId="primary", eventId=made["id"], body={"summary": "y"})

    assert refused(patch)[:2] == (403, "forbiddenForNonOrganizer")


def test_tokens_that_fail(google: GoogleSimulator, office: Offices) -> None:
    settings = google.settings()
    made = Credentials(None, refresh_token=settings["refresh_token"], token_uri=f"{settings['base_url']}/token",
                       client_id=settings["client_id"], client_secret=settings["client_secret"])  # fmt: skip
    with Session() as wire:
        wire.verify, wire.trust_env = settings["ca"], False
        google.faults.add("revoked")
        with pytest.raises(RefreshError, match="invalid_grant"):
            made.refresh(Transport(wire))
        made.refresh(Transport(wire))
        url, headers = f"{settings['base_url']}/gmail/v1/users/me/profile", {"Authorization": f"Bearer {made.token}"}
        google.faults.add("token_expired")
        assert [wire.get(url, headers=headers, timeout=5).status_code for _ in range(2)] == [401, 200]


def test_the_meter_counts_by_user_and_method(google: GoogleSimulator, office: Offices) -> None:
    letter = google.user(NOA).mail.receive(from_="dov@client.example", subject="x")
    noa, adam = office(), office(ADAM)
    listing(noa)
    noa.gmail.users().messages().get(userId="me", id=letter.id).execute()
    listing(adam)

    assert google.spent(NOA).units == 25
    assert google.spent().requests == 3
    assert google.spent().by_method["gmail.users.messages.list"] == (2, 10)
    google.quota.forget()
    google.quota.units["gmail.users.messages.get"] = 5
    noa.gmail.users().messages().get(userId="me", id=letter.id).execute()
    assert google.spent().units == 5


@pytest.mark.parametrize("code", [403, 429])
def test_who_spends_too_much_has_to_wait(google: GoogleSimulator, office: Offices, code: int) -> None:
    noa, adam = office(), office(ADAM)
    google.clock.freeze()
    google.quota.enforced, google.quota.per_user["gmail"], google.quota.refusal_code = True, 12, code
    listing(noa)
    listing(noa)

    status, reason, response = refused(noa.gmail.users().messages().list(userId="me"))

    assert (status, reason) == (code, "rateLimitExceeded")
    assert 1 <= int(response["retry-after"]) <= 61
    listing(adam)
    google.clock.advance(seconds=int(response["retry-after"]))
    listing(noa)


def test_it_stops_at_once_though_somebody_waits_for_an_answer() -> None:
    google = create(0, Faults(["hang=always"]))
    google.start()
    settings, ended = google.settings(), threading.Event()

    def ask() -> None:
        with Session() as wire:
            wire.verify, wire.trust_env = settings["ca"], False
            with contextlib.suppress(OSError):
                wire.get(f"{settings['base_url']}/gmail/v1/users/me/profile", timeout=30)
        ended.set()

    thread = threading.Thread(target=ask)
    thread.start()
    while google.asked == 0:
        threading.Event().wait(0.01)
    began = time.monotonic()
    google.stop()

    assert ended.wait(5)
    thread.join()
    assert time.monotonic() - began < 5


def test_many_clients_at_once_lose_nothing(google: GoogleSimulator, office: Offices) -> None:
    def write(number: int) -> None:
        events = office(ADAM if number % 2 else NOA).calendar.events()
        for turn in range(10):
            start = (START + timedelta(days=turn)).isoformat()
            body = {"summary": f"{number}", "start": {"dateTime": start}, "end": {"dateTime": start},
                    "attendees": [{"email": MAYA}]}  # fmt: skip
            events.insert(calendarId="primary", body=body).execute()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(google.user(MAYA).calendar().entries) == 40


def test_a_batch_of_writes_that_nobody_hears_of_was_made(google: GoogleSimulator, office: Offices) -> None:
    noa, answers = office(), []
    batch = noa.calendar.new_batch_http_request(callback=lambda _name, answer, error: answers.append((answer, error)))
    for number in range(3):
        body = {"id": f"0hub{number}", "start": {"date": "2026-03-23"}, "end": {"date": "2026-03-24"}}
        batch.add(noa.calendar.events().insert(calendarId="primary", body=body))
    google.faults.add("commit_then_timeout=3")

    with contextlib.suppress(*BROKEN):
        batch.execute()

    # httplib2 sends a request again, once, when its connection breaks: also one that writes.
    assert all(answer is None and error.resp.status == 409 for answer, error in answers)
    assert len(google.user(NOA).calendar().entries) == 3


def test_a_simulator_that_restarts_remembers_and_leaves_nothing_behind() -> None:
    google = create(0, Faults())
    google.start()
    first = google.settings()
    google.user(NOA).mail.receive(from_="dov@client.example", subject="x")
    google.stop()
    google.stop()
    names = {thread.name for thread in threading.enumerate()}
    google.start()

    assert not any(name.startswith("google-simulator") for name in names)
    assert google.settings() == first
    url, token = f"{first['base_url']}/gmail/v1/users/me/profile", google.oauth.access(NOA)
    with Session() as wire:
        wire.verify, wire.trust_env = first["ca"], False
        assert wire.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=5).status_code == 200
    assert len(google.user(NOA).mail.letters) == 1
    google.stop()
