"""Notifications: hints through Pub/Sub, and bare requests of calendar channels."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from google.auth import jwt
from googleapiclient.errors import HttpError

from connectors.google.simulated.mailbox import Mailbox
from connectors.google.simulator import GoogleSimulator
from tests.unit.google_simulator.conftest import ADAM, NOA, Office

Offices = Callable[..., Office]
START = datetime(2026, 3, 23, 10, 0, tzinfo=UTC)


@dataclass
class Ear:
    """Somebody whom notifications are posted to."""

    url: str = ""
    status: int = 204
    heard: list[tuple[Message, bytes]] = field(default_factory=list)

    def states(self) -> list[str]:
        return [headers["X-Goog-Resource-State"] for headers, _ in self.heard]


@pytest.fixture
def ear() -> Iterator[Ear]:
    listener = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            listener.heard.append((self.headers, body))
            self.send_response(listener.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    listener.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield listener
    server.shutdown()
    thread.join(5)
    server.server_close()


def received(office: Office, subscription: str) -> list[tuple[str, dict[str, Any]]]:
    pull = office.pubsub.projects().subscriptions().pull
    answer = pull(subscription=subscription, body={"maxMessages": 10}).execute()
    return [
        (one["ackId"], json.loads(base64.b64decode(one["message"]["data"])))
        for one in answer.get("receivedMessages", [])
    ]


def test_a_watched_mailbox_publishes_its_history_id(google: GoogleSimulator, office: Offices) -> None:
    noa, mail = office(), google.user(NOA).mail
    watch = noa.gmail.users().watch(userId="me", body={"topicName": google.topic}).execute()
    mail.receive(from_="dov@client.example", subject="x")
    told = received(noa, google.subscription)
    subscriptions = noa.pubsub.projects().subscriptions()
    again = received(noa, google.subscription)
    subscriptions.acknowledge(subscription=google.subscription, body={"ackIds": [told[0][0]]}).execute()
    google.clock.advance(seconds=11)
    late = received(noa, google.subscription)

    assert [facts["emailAddress"] for _, facts in told] == [NOA, NOA]
    assert [str(facts["historyId"]) for _, facts in told] == [watch["historyId"], str(mail.history_id)]
    assert again == [], "somebody has them"
    assert [facts for _, facts in late] == [told[1][1]], "what was not acknowledged comes again"


def test_a_watch_ends_after_a_week_or_when_it_is_stopped(google: GoogleSimulator, office: Offices) -> None:
    google.oauth.access_token_s = 30 * 86_400
    noa, mail = office(), google.user(NOA).mail

    def hears() -> bool:
        google.pubsub.subscriptions[google.subscription].waiting.clear()
        mail.receive(from_="dov@client.example", subject="x")
        return bool(received(noa, google.subscription))

    watch = noa.gmail.users().watch(userId="me", body={"topicName": google.topic}).execute()
    assert hears()
    assert int(watch["expiration"]) - google.clock.ms() <= 7 * 86_400_000
    google.clock.advance(days=7, minutes=1)
    assert not hears()
    noa.gmail.users().watch(userId="me", body={"topicName": google.topic, "labelIds": ["SENT"]}).execute()
    assert not hears()
    noa.gmail.users().watch(userId="me", body={"topicName": google.topic}).execute()
    assert hears()
    noa.gmail.users().stop(userId="me").execute()
    assert not hears()
    with pytest.raises(HttpError) as unknown:
        noa.gmail.users().watch(userId="me", body={"topicName": "projects/x/topics/y"}).execute()
    assert unknown.value.resp.status == 404


def test_a_pull_may_wait_for_news(google: GoogleSimulator, office: Offices) -> None:
    google.pubsub.wait_s = 20
    noa, mail = office(), google.user(NOA).mail
    noa.gmail.users().watch(userId="me", body={"topicName": google.topic}).execute()
    received(noa, google.subscription)
    timer = threading.Timer(0.1, lambda: Mailbox.receive(mail, from_="dov@client.example", subject="x"))
    timer.start()

    assert len(received(noa, google.subscription)) == 1
    timer.join()


def test_a_push_subscription_posts_signed_messages(google: GoogleSimulator, office: Offices, ear: Ear) -> None:
    noa = office()
    body = {"topic": google.topic, "pushConfig": {"pushEndpoint": ear.url, "oidcToken": {"audience": "hub"}}}
    noa.pubsub.projects().subscriptions().create(name="projects/demo/subscriptions/push", body=body).execute()
    noa.gmail.users().watch(userId="me", body={"topicName": google.topic}).execute()
    google.notifier.flush()

    headers, content = ear.heard[0]
    message = json.loads(content)
    claims = google.oauth.signer.claims(headers["Authorization"].removeprefix("Bearer "))
    assert json.loads(base64.b64decode(message["message"]["data"]))["emailAddress"] == NOA
    assert message["subscription"] == "projects/demo/subscriptions/push"
    assert claims["aud"] == "hub"


def test_a_calendar_channel_says_that_something_changed(google: GoogleSimulator, office: Offices, ear: Ear) -> None:
    calendar, book = office().calendar, google.user(NOA).calendar()
    asked = {"id": "channel-1", "type": "web_hook", "address": ear.url, "token": "secret"}
    channel = calendar.events().watch(calendarId="primary", body=asked).execute()
    book.insert(summary="x", start=START, end=START + timedelta(hours=1))
    google.user(ADAM).calendar().insert(summary="y", start=START, end=START + timedelta(hours=1))
    google.notifier.flush()
    first, second = (headers for headers, _ in ear.heard)

    assert ear.states() == ["sync", "exists"]
    assert first["X-Goog-Channel-ID"] == "channel-1"
    assert second["X-Goog-Channel-Token"] == "secret"
    assert second["X-Goog-Resource-ID"] == channel["resourceId"]
    assert int(second["X-Goog-Message-Number"]) > int(first["X-Goog-Message-Number"])
    assert ear.heard[1][1] == b""
    with pytest.raises(HttpError):
        calendar.events().watch(calendarId="primary", body=asked).execute()
    calendar.channels().stop(body={"id": "channel-1", "resourceId": channel["resourceId"]}).execute()
    book.insert(summary="z", start=START, end=START + timedelta(hours=1))
    google.notifier.flush()
    assert len(ear.heard) == 2
    with pytest.raises(HttpError) as gone:
        calendar.channels().stop(body={"id": "channel-1", "resourceId": channel["resourceId"]}).execute()
    assert gone.value.resp.status == 404


def test_a_channel_dies_at_its_time(google: GoogleSimulator, office: Offices, ear: Ear) -> None:
    asked = {"id": "c1", "type": "web_hook", "address": ear.url, "params": {"ttl": "600"}}
    office().calendar.calendarList().watch(body=asked).execute()
    google.user(NOA).new_calendar("Team")
    google.clock.advance(minutes=11)
    google.user(NOA).new_calendar("Other")
    google.notifier.flush()

    assert ear.states() == ["sync", "exists"]


def test_some_calendars_tell_nothing_and_addresses_need_tls(google: GoogleSimulator, office: Offices) -> None:
    google.user(NOA).calendar().pushes = False
    watch = office().calendar.events().watch

    def refused(address: str) -> str:
        with pytest.raises(HttpError) as caught:
            watch(calendarId="primary", body={"id": "c", "type": "web_hook", "address": address}).execute()
        return str(json.loads(caught.value.content)["error"]["errors"][0]["reason"])

    assert refused("https://hub.example/hook") == "pushNotSupportedForRequestedResource"
    google.user(NOA).calendar().pushes = True
    assert refused("http://hub.example/hook") == "webhookAddressNotAllowed"


def test_notifications_get_lost_and_come_twice(google: GoogleSimulator, office: Offices, ear: Ear) -> None:
    google.faults.add("dropped_notification")
    asked = {"id": "c1", "type": "web_hook", "address": ear.url}
    office().calendar.events().watch(calendarId="primary", body=asked).execute()
    google.faults.add("duplicated_notification")
    google.user(NOA).calendar().insert(summary="x", start=START, end=START + timedelta(hours=1))
    google.notifier.flush()

    assert ear.states() == ["exists", "exists"]


def test_notifications_come_late_and_in_another_order(google: GoogleSimulator, office: Offices, ear: Ear) -> None:
    book = google.user(NOA).calendar()
    asked = {"id": "c1", "type": "web_hook", "address": ear.url}
    office().calendar.events().watch(calendarId="primary", body=asked).execute()
    google.notifier.flush()

    def heard() -> list[int]:
        google.notifier.flush()
        return [int(headers["X-Goog-Message-Number"]) for headers, _ in ear.heard]

    google.faults.add("reordered_notification")
    book.insert(summary="x", start=START, end=START + timedelta(hours=1))
    assert heard() == [1]
    book.insert(summary="y", start=START, end=START + timedelta(hours=1))
    assert heard() == [1, 7, 4]
    google.faults.add("delayed_notification")
    book.insert(summary="z", start=START, end=START + timedelta(hours=1))
    book.insert(summary="z", start=START, end=START + timedelta(hours=1))
    assert heard() == [1, 7, 4, 13]
    google.clock.advance(seconds=61)
    assert heard() == [1, 7, 4, 13, 10]


def test_messages_that_are_pulled_come_late_and_in_another_order(google: GoogleSimulator, office: Offices) -> None:
    noa, mail = office(), google.user(NOA).mail
    google.faults.add("delayed_notification")
    noa.gmail.users().watch(userId="me", body={"topicName": google.topic}).execute()
    assert received(noa, google.subscription) == []
    google.clock.advance(seconds=61)
    assert len(received(noa, google.subscription)) == 1
    google.pubsub.subscriptions[google.subscription].waiting.clear()
    mail.receive(from_="dov@client.example", subject="x")
    google.faults.add("reordered_notification")
    mail.receive(from_="dov@client.example", subject="y")
    first, second = [facts["historyId"] for _, facts in received(noa, google.subscription)]
    assert first > second


def test_a_post_that_nobody_takes_comes_again(google: GoogleSimulator, office: Offices, ear: Ear) -> None:
    ear.status = 503
    google.pubsub.subscribe("projects/demo/subscriptions/push", push_to=ear.url, sender="push@demo.example")
    office().gmail.users().watch(userId="me", body={"topicName": google.topic}).execute()
    google.notifier.flush()
    assert len(ear.heard) == 1
    ear.status = 204
    google.clock.advance(seconds=2)
    google.notifier.flush()
    google.clock.advance(seconds=2)
    google.notifier.flush()
    first, second = ear.heard
    assert first[1] == second[1]
    claims = google.oauth.signer.claims(first[0]["Authorization"].removeprefix("Bearer "))
    assert claims["email"] == "push@demo.example"
    assert claims["aud"] == ear.url


def test_certificates_are_those_of_the_signatures(google: GoogleSimulator) -> None:
    settings = google.settings()
    found = requests.get(f"{settings['base_url']}/oauth2/v1/certs", verify=settings["ca"], timeout=5).json()
    token = google.oauth.push_token("hub")
    assert jwt.decode(token, certs=found, audience="hub")["email"].endswith(".gserviceaccount.com")  # type: ignore[no-untyped-call]  # google-auth has no types here
