"""Whoever reads as the reference pages say, ends with what is there: whatever happens meanwhile."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.google.simulator import GoogleSimulator, create
from hub.connector.simulated.wire import Request
from hub.connector.simulator import Faults
from tests.unit.google_simulator.conftest import NOA
from tests.unit.google_simulator.discovery import wrong_exchange

START = datetime(2026, 3, 23, 10, 0, tzinfo=UTC)
CONNECTIONS = "/v1/people/me/connections"


class ExpiredError(Exception):
    """The cursor is dead."""


@dataclass
class Reader:
    """Somebody who keeps copies of three streams, in the plainest way."""

    google: GoogleSimulator
    mail: dict[str, frozenset[str]] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, *query: tuple[str, str]) -> dict[str, Any]:
        token = self.google.oauth.access(NOA)
        answer = self.google._answer(Request("GET", path, query, {"authorization": f"Bearer {token}"}))
        if answer.status in (404, 410, 400):
            raise ExpiredError
        assert answer.status == 200
        found: dict[str, Any] = json.loads(answer.body)
        return found

    def pages(self, path: str, *query: tuple[str, str]) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            answer = self.ask(path, *query, *([("pageToken", token)] if token else []))
            yield answer
            token = answer.get("nextPageToken", "")
            if not token:
                return

    def sync(self) -> None:
        for name, full, changes in (
            ("mail", self.all_mail, self.new_mail),
            ("events", self.read_events, self.read_events),
            ("people", self.read_people, self.read_people),
        ):
            try:
                if name in self.cursors:
                    changes()
                else:
                    full()
            except ExpiredError:
                del self.cursors[name]
                getattr(self, name).clear()
                full()

    def all_mail(self) -> None:
        anchor = self.ask("/gmail/v1/users/me/profile")["historyId"]
        for page in self.pages("/gmail/v1/users/me/messages", ("maxResults", "3"), ("includeSpamTrash", "true")):
            for one in page.get("messages", []):
                shown = self.ask(f"/gmail/v1/users/me/messages/{one['id']}", ("format", "minimal"))
                self.mail[one["id"]] = frozenset(shown.get("labelIds", ()))
        self.cursors["mail"] = anchor

    def new_mail(self) -> None:
        start = ("startHistoryId", self.cursors["mail"])
        for page in self.pages("/gmail/v1/users/me/history", start, ("maxResults", "3")):
            for record in sorted(page.get("history", []), key=lambda one: int(one["id"])):
                for kind in ("messagesAdded", "labelsAdded", "labelsRemoved"):
                    for one in record.get(kind, []):
                        self.mail[one["message"]["id"]] = frozenset(one["message"].get("labelIds", ()))
                for one in record.get("messagesDeleted", []):
                    self.mail.pop(one["message"]["id"], None)
            self.cursors["mail"] = page["historyId"]

    def read_events(self) -> None:
        cursor = [("syncToken", self.cursors["events"])] if "events" in self.cursors else []
        token = ""
        for page in self.pages("/calendar/v3/calendars/primary/events", ("maxResults", "3"), *cursor):
            for one in page["items"]:
                if one["status"] == "cancelled" and "recurringEventId" not in one:
                    self.events.pop(one["id"], None)
                    for inner in [name for name in self.events if name.startswith(f"{one['id']}_")]:
                        del self.events[inner]
                else:
                    self.events[one["id"]] = one.get("summary", one["status"])
            token = page.get("nextSyncToken", "")
        self.cursors["events"] = token

    def read_people(self) -> None:
        cursor = [("syncToken", self.cursors["people"])] if "people" in self.cursors else []
        asked = (("pageSize", "3"), ("personFields", "names"), ("requestSyncToken", "true"))
        for page in self.pages(CONNECTIONS, *asked, *cursor):
            for one in page.get("connections", []):
                if one.get("metadata", {}).get("deleted"):
                    self.people.pop(one["resourceName"], None)
                else:
                    self.people[one["resourceName"]] = one["names"][0]["givenName"]
            self.cursors["people"] = page.get("nextSyncToken", "")


def live(google: GoogleSimulator, deed: str, number: int) -> None:  # noqa: C901, PLR0912 - a table of deeds
    """Let something happen to the account."""
    noa = google.user(NOA)
    mail, book, people = noa.mail, noa.calendar(), noa.people
    letters = sorted(mail.letters)
    events = sorted(one.id for one in book.entries.values() if not one.gone)
    known = sorted(f"people/{one.id}" for one in people.contacts.cards.values() if one.body)
    match deed:
        case "receive":
            mail.receive(from_="dov@client.example", subject=f"{number}")
        case "label" if letters:
            mail.label(letters[number % len(letters)], add=["STARRED"], remove=["UNREAD"])
        case "trash" if letters:
            mail.trash(letters[number % len(letters)])
        case "destroy" if letters:
            mail.delete_forever(letters[number % len(letters)])
        case "meet":
            book.insert(summary=f"m{number}", start=START, end=START + timedelta(hours=1))
        case "repeat":
            rule = ["RRULE:FREQ=DAILY;COUNT=3"]
            start = {"dateTime": START.isoformat(), "timeZone": "UTC"}
            master = book.insert(summary=f"s{number}", start=start, end=start, recurrence=rule)
            if number % 2:
                book.cancel(f"{master['id']}_20260324T100000Z")
            else:
                book.patch(f"{master['id']}_20260324T100000Z", summary="special")
        case "move" if events:
            book.patch(events[number % len(events)], summary=f"p{number}")
        case "cancel" if events:
            book.cancel(events[number % len(events)])
        case "befriend":
            people.add(f"Eve{number}")
        case "rename" if known:
            people.update(known[number % len(known)], names=[{"givenName": f"Eva{number}"}])
        case "unfriend" if known:
            people.delete(known[number % len(known)])
        case "merge" if known:
            people.rename(known[number % len(known)])
        case "expire":
            (mail.expire_history, book.expire_tokens, people.expire_tokens)[number % 3]()
        case "wait":
            google.clock.advance(hours=number % 48)
        case "lag":
            google.people_delay_s = float(number % 3 * 100)
        case "fault":
            google.faults.add(("replay_page", "reorder_page", "empty_page", "expire_cursor")[number % 4])


def truth(google: GoogleSimulator) -> tuple[dict[str, frozenset[str]], dict[str, str], dict[str, str]]:
    noa = google.user(NOA)
    entries = noa.calendar().entries.values()
    kept = [one for one in entries if not one.gone or "recurringEventId" in one.body]
    return (
        {one.id: one.labels for one in noa.mail.letters.values()},
        {one.id: "cancelled" if one.gone else one.body["summary"] for one in kept},
        {
            f"people/{one.id}": one.body["names"][0]["givenName"]
            for one in noa.people.contacts.cards.values()
            if one.body
        },
    )


DEEDS = (
    "receive", "receive", "label", "trash", "destroy", "meet", "meet", "repeat", "move", "cancel", "befriend", "befriend",
    "rename", "unfriend", "merge", "expire", "wait", "lag", "fault", "sync", "sync",
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 99)), max_size=40))
def test_a_plain_reader_ends_with_what_is_there(deeds: list[tuple[str, int]]) -> None:
    google = create(0, Faults())
    wrong: list[str] = []
    google.observe(lambda exchange: wrong.extend(wrong_exchange(exchange)))
    reader = Reader(google)
    for deed, number in deeds:
        if deed == "sync":
            reader.sync()
        else:
            live(google, deed, number)
    google.faults.clear()
    google.clock.advance(hours=1)
    reader.sync()

    mail, events, people = truth(google)
    assert reader.mail == mail
    assert reader.events == events
    assert reader.people == people
    assert not wrong
