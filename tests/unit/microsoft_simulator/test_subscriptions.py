"""Subscriptions: the handshake, how long they live, what they tell of, and what becomes of what nobody takes."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connectors.microsoft.simulated.stamps import read, stamp
from connectors.microsoft.simulator import MicrosoftSimulator
from tests.unit.microsoft_simulator.conftest import ADAM, IMMUTABLE, NOA, Graph
from tests.unit.microsoft_simulator.graph_types import problems

Graphs = Callable[..., Graph]


@dataclass
class Ear:
    """Somebody whom notifications are posted to."""

    url: str = ""
    status: int = 202
    validates: bool = True
    content_type: str = "text/plain"
    asked: list[str] = field(default_factory=list)  # paths of handshakes
    heard: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        token = parse_qs(urlsplit(path).query).get("validationToken")
        if token:
            self.asked.append(urlsplit(path).path)
            return 200, (token[0] if self.validates else "something else").encode()
        told = json.loads(body)
        assert not problems("ChangeNotificationCollection", told)
        self.heard += told["value"]
        return self.status, b""

    def changes(self) -> list[tuple[str, str]]:
        return [(one["changeType"], one["resource"].split("/")[2]) for one in self.heard if "changeType" in one]

    def events(self) -> list[str]:
        return [one["lifecycleEvent"] for one in self.heard if "lifecycleEvent" in one]


@pytest.fixture
def ear() -> Iterator[Ear]:
    listener = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = listener.answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", listener.content_type)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    listener.url = f"http://127.0.0.1:{server.server_port}"
    yield listener
    server.shutdown()
    thread.join(5)
    server.server_close()


def wish(microsoft: MicrosoftSimulator, ear: Ear, resource: str = "me/messages", **more: Any) -> dict[str, Any]:
    return {
        "changeType": "created,updated,deleted", "notificationUrl": f"{ear.url}/hook", "resource": resource,
        "lifecycleNotificationUrl": f"{ear.url}/lifecycle", "clientState": "secret-1",
        "expirationDateTime": stamp(microsoft.clock.now() + timedelta(days=6)), **more,
    }  # fmt: skip


def newest(microsoft: MicrosoftSimulator, count: int) -> list[Any]:
    """The messages that came last, the newest first."""
    return list(reversed(microsoft.user(NOA).mail.messages.values()))[:count]


def refused(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_both_addresses_are_asked_before_a_subscription_lives(
    microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear
) -> None:
    noa = graph()

    made = noa.ask("POST", "/subscriptions", json=wish(microsoft, ear))

    assert made.status_code == 201
    assert ear.asked == ["/hook", "/lifecycle"]
    assert made.json()["clientState"] == "secret-1"
    assert made.json()["applicationId"] == microsoft.oauth.client_id
    listed = noa.get("/subscriptions")["value"]
    assert [one["id"] for one in listed] == [made.json()["id"]]
    assert listed[0]["clientState"] is None
    assert noa.get(f"/subscriptions/{made.json()['id']}")["resource"] == "me/messages"
    adam, path = graph(ADAM), f"/subscriptions/{made.json()['id']}"
    assert adam.get("/subscriptions")["value"] == []
    for verb in ("GET", "DELETE"):
        assert refused(adam.ask(verb, path)) == (404, "ResourceNotFound")


@pytest.mark.parametrize("wrong", ["token", "type", "nobody", "fault"])
def test_an_address_that_does_not_answer_the_handshake_gets_nothing(
    microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear, wrong: str
) -> None:
    more = {}
    if wrong == "token":
        ear.validates = False
    elif wrong == "type":
        ear.content_type = "text/html"
    elif wrong == "nobody":
        more = {"lifecycleNotificationUrl": "http://127.0.0.1:9/hook"}
    else:
        microsoft.faults.add("no_validation")

    answer = graph().ask("POST", "/subscriptions", json=wish(microsoft, ear, **more))

    assert refused(answer) == (400, "ValidationError")
    assert microsoft.subscriptions.living == []


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        ("/me/messages", 201),
        ("me/mailFolders('inbox')/messages", 201),
        ("/users/noa@acme.example/events", 201),
        ("me/contacts", 201),
        ("users/adam@acme.example/messages", 403),
        ("me/calendars('AAMk')/events", 201),
        ("me/drive/root", 400),
        ("me/drive/messages", 400),
        ("me/mailFolders//messages", 400),
        ("users/nobody@acme.example/messages", 400),
        ("me/mailFolders('nowhere')/messages", 404),
    ],
)
def test_only_ones_own_mail_events_and_contacts_are_told_of(
    microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear, resource: str, status: int
) -> None:
    assert graph().ask("POST", "/subscriptions", json=wish(microsoft, ear, resource)).status_code == status


def test_an_app_for_itself_subscribes_to_every_mailbox_with_the_permission(
    microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear
) -> None:
    wanted = wish(microsoft, ear, f"users/{ADAM}/messages")

    assert graph("").ask("POST", "/subscriptions", json=wanted).status_code == 201
    assert refused(graph("", "Contacts.Read").ask("POST", "/subscriptions", json=wanted)) == (403, "ErrorAccessDenied")
    microsoft.oauth.app_mailboxes = {NOA}
    assert refused(graph("").ask("POST", "/subscriptions", json=wanted)) == (403, "ErrorAccessDenied")


def test_bad_wishes_are_refused(microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear) -> None:
    noa, now = graph(), microsoft.clock.now()

    def code(**more: Any) -> int:
        return noa.ask("POST", "/subscriptions", json=wish(microsoft, ear, **more)).status_code

    assert code(clientState="x" * 129) == 400
    assert code(changeType="renamed") == 400
    assert code(expirationDateTime=stamp(now + timedelta(days=8))) == 400
    assert code(expirationDateTime=stamp(now - timedelta(hours=1))) == 400
    assert code(expirationDateTime="soon") == 400
    assert code(notificationUrl="http://hub.example/hook") == 400
    assert noa.ask("POST", "/subscriptions", json={"resource": "me/messages"}).status_code == 400
    assert ear.asked == []


def test_a_life_that_is_too_short_is_made_45_minutes_and_then_it_ends(
    microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear
) -> None:
    noa, soon = graph(), stamp(microsoft.clock.now() + timedelta(minutes=5))
    made = noa.post("/subscriptions", wish(microsoft, ear, expirationDateTime=soon))
    left = read(made["expirationDateTime"]) - microsoft.clock.now()
    microsoft.clock.advance(minutes=46)
    microsoft.deliver(NOA, from_="dov@client.example", subject="late")
    microsoft.notifier.flush()

    assert timedelta(minutes=44) < left <= timedelta(minutes=45)
    assert refused(noa.ask("GET", f"/subscriptions/{made['id']}")) == (404, "ResourceNotFound")
    assert ear.heard == []


def test_renewal_makes_it_live_longer_and_keeps_the_lifecycle_address(
    microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear
) -> None:
    noa = graph()
    made = noa.post("/subscriptions", wish(microsoft, ear))
    microsoft.clock.advance(days=5)
    noa = graph()
    until = stamp(microsoft.clock.now() + timedelta(days=6))

    renewed = noa.patch(f"/subscriptions/{made['id']}", {"expirationDateTime": until,
                                                         "lifecycleNotificationUrl": f"{ear.url}/other"})  # fmt: skip

    assert renewed["expirationDateTime"] == until
    assert renewed["lifecycleNotificationUrl"] == f"{ear.url}/lifecycle"
    assert ear.asked == ["/hook", "/lifecycle"]
    noa.patch(f"/subscriptions/{made['id']}", {"notificationUrl": f"{ear.url}/new"})
    assert ear.asked[-1] == "/new"
    noa.delete(f"/subscriptions/{made['id']}")
    assert noa.get("/subscriptions")["value"] == []


def test_mail_is_told_of_with_the_ids_that_were_asked_for(
    microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear
) -> None:
    noa = graph()
    noa.post("/subscriptions", wish(microsoft, ear))
    plain = noa.post("/subscriptions", wish(microsoft, ear, "me/mailFolders('inbox')/messages"), headers=IMMUTABLE)

    microsoft.deliver(NOA, from_="dov@client.example", subject="x")
    microsoft.deliver(ADAM, from_="dov@client.example", subject="not hers")
    microsoft.notifier.flush()

    regular = noa.get("/me/messages")["value"][0]["id"]
    immutable = noa.get("/me/messages", headers=IMMUTABLE)["value"][0]["id"]
    assert {one["resourceData"]["id"] for one in ear.heard} == {regular, immutable}
    assert regular != immutable
    told = next(one for one in ear.heard if one["subscriptionId"] == plain["id"])
    assert (told["changeType"], told["clientState"]) == ("created", "secret-1")
    assert told["tenantId"] == microsoft.oauth.tenant_id
    assert told["resource"] == f"Users/{microsoft.user(NOA).id}/Messages/{immutable}"
    assert told["resourceData"]["@odata.type"] == "#Microsoft.Graph.Message"


def test_events_and_contacts_are_told_of_once_for_each_change(
    microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear
) -> None:
    noa = graph()
    noa.post("/subscriptions", wish(microsoft, ear, "me/events"), headers=IMMUTABLE)
    noa.post("/subscriptions", wish(microsoft, ear, f"users/{NOA}/contacts", changeType="created"), headers=IMMUTABLE)
    start = {"dateTime": "2026-12-01T10:00:00", "timeZone": "UTC"}
    end = {"dateTime": "2026-12-01T11:00:00", "timeZone": "UTC"}

    made = noa.post("/me/events", {"subject": "Plan", "start": start, "end": end}, headers=IMMUTABLE)
    lea = noa.post("/me/contacts", {"givenName": "Lea"}, headers=IMMUTABLE)
    noa.patch(f"/me/contacts/{lea['id']}", {"givenName": "Leah"}, headers=IMMUTABLE)
    noa.delete(f"/me/events/{made['id']}", headers=IMMUTABLE)
    microsoft.notifier.flush()

    assert ear.changes() == [("created", "Events"), ("created", "Contacts"), ("deleted", "Events")]
    assert [one["resourceData"]["id"] for one in ear.heard] == [made["id"], lea["id"], made["id"]]


def test_what_nobody_takes_is_sent_again_for_four_hours(microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear) -> None:
    graph().post("/subscriptions", wish(microsoft, ear))
    ear.status = 503
    microsoft.deliver(NOA, from_="dov@client.example", subject="x")
    microsoft.notifier.flush()
    microsoft.clock.advance(seconds=16)
    microsoft.notifier.flush()
    tried = len(ear.heard)
    for _ in range(20):
        microsoft.clock.advance(minutes=30)
        microsoft.notifier.flush()

    assert tried == 2
    assert 5 <= len(ear.heard) <= 12
    ear.status = 202
    before = len(ear.heard)
    microsoft.clock.advance(hours=5)
    microsoft.notifier.flush()
    assert len(ear.heard) == before


def test_lifecycle_events_are_told_to_their_own_address(microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear) -> None:
    noa = graph()
    one = noa.post("/subscriptions", wish(microsoft, ear))["id"]
    other = noa.post("/subscriptions", wish(microsoft, ear, "me/contacts"))["id"]

    microsoft.subscriptions.ask_for_reauthorization(one)
    microsoft.deliver(NOA, from_="dov@client.example", subject="while it waits")
    microsoft.notifier.flush()
    assert ear.events() == ["reauthorizationRequired"]
    assert ear.changes() == []

    noa.post(f"/subscriptions/{one}/reauthorize")
    microsoft.deliver(NOA, from_="dov@client.example", subject="again")
    microsoft.subscriptions.miss(one)
    microsoft.subscriptions.remove(other)
    microsoft.notifier.flush()
    assert ear.events() == ["reauthorizationRequired", "missed", "subscriptionRemoved"]
    assert ear.changes() == [("created", "Messages")]
    assert [each["id"] for each in noa.get("/subscriptions")["value"]] == [one]


def test_faults_happen_to_notifications(microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear) -> None:
    graph().post("/subscriptions", wish(microsoft, ear))

    def told_with(fault: str) -> int:
        ear.heard.clear()
        microsoft.faults.add(fault)
        microsoft.deliver(NOA, from_="dov@client.example", subject=fault)
        microsoft.notifier.flush()
        return len(ear.heard)

    assert told_with("dropped_notification") == 0
    assert told_with("duplicated_notification") == 2
    assert told_with("delayed_notification") == 0
    microsoft.clock.advance(seconds=61)
    microsoft.notifier.flush()
    assert len(ear.heard) == 1
    assert told_with("reordered_notification") == 0
    microsoft.deliver(NOA, from_="dov@client.example", subject="overtakes")
    microsoft.notifier.flush()
    assert [one["resourceData"]["id"] for one in ear.heard] == [one.id for one in newest(microsoft, 2)]
    assert told_with("missed_lifecycle") == 1
    assert ear.events() == ["missed"]


def test_a_mailbox_has_a_thousand_at_most(microsoft: MicrosoftSimulator, graph: Graphs, ear: Ear) -> None:
    noa = graph()
    noa.post("/subscriptions", wish(microsoft, ear))
    only = microsoft.subscriptions.living[0]
    microsoft.subscriptions.open_ones = {str(number): only for number in range(1000)}

    assert noa.ask("POST", "/subscriptions", json=wish(microsoft, ear)).status_code == 403
