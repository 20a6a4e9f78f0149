"""Webhooks: proven first, signed, told again for a day, and then switched off."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.xero.simulator import XeroSimulator
from hub.connector.simulated import notifier

ADDRESS = "https://hub.example/hook"


class Post:
    """Whoever gets what is posted; answers as he is told."""

    def __init__(self, xero: XeroSimulator) -> None:
        self.xero, self.status, self.is_careful = xero, 200, True
        self.bodies: list[Any] = []

    def __call__(self, _opener: Any, sent: notifier.Notification, _patience_s: float) -> tuple[int, str, bytes]:
        key = self.xero.webhooks.key.encode()
        wanted = base64.b64encode(hmac.new(key, sent.body, hashlib.sha256).digest()).decode()
        if sent.headers["x-xero-signature"] != wanted and self.is_careful:
            return 401, "", b""
        self.bodies.append(json.loads(sent.body))
        return self.status, "", b""


@pytest.fixture
def post(xero: XeroSimulator, monkeypatch: pytest.MonkeyPatch) -> Post:
    found = Post(xero)
    monkeypatch.setattr(notifier, "_post", found)
    return found


def test_an_address_that_looks_at_signatures_is_accepted(xero: XeroSimulator, post: Post) -> None:
    assert xero.webhooks.intend(ADDRESS)
    assert {len(one["events"]) for one in post.bodies} == {0}
    assert {(one["firstEventSequence"], one["lastEventSequence"]) for one in post.bodies} == {(0, 0)}


@pytest.mark.parametrize(("status", "is_careful"), [(200, False), (204, True), (500, True)])
def test_an_address_that_answers_otherwise_is_not(
    xero: XeroSimulator, post: Post, status: int, *, is_careful: bool
) -> None:
    post.status, post.is_careful = status, is_careful
    assert not xero.webhooks.intend(ADDRESS)
    xero.books.add_contact("Dana")
    xero.world.notifier.flush()
    assert all(not one["events"] for one in post.bodies)


def test_events_have_ids_and_a_credit_note_its_status(xero: XeroSimulator, post: Post) -> None:
    xero.webhooks.enter(ADDRESS)
    dana = xero.books.add_contact("Dana")
    invoice = xero.books.invoice(dana, "100")
    xero.books.pay(invoice, "1")
    xero.books.credit_note(dana, "10")
    xero.books.add("Quotes", dana, "10", status="SENT")
    xero.world.notifier.flush()
    events = [event for body in post.bodies for event in body["events"]]
    assert [(one["eventCategory"], one["eventType"]) for one in events] == [
        ("CONTACT", "CREATE"), ("INVOICE", "CREATE"), ("INVOICE", "UPDATE"), ("CREDITNOTE", "CREATE"),
    ]  # fmt: skip
    assert events[1]["resourceId"] == invoice.id
    assert events[1]["resourceUrl"].endswith(f"/api.xro/2.0/Invoices/{invoice.id}")
    assert {one["tenantId"] for one in events} == {xero.books.id}
    assert events[3]["data"] == {"Type": "ACCRECCREDIT", "Status": "AUTHORISED"}
    numbers = [(body["firstEventSequence"], body["lastEventSequence"]) for body in post.bodies]
    assert numbers == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_events_that_waited_come_together(xero: XeroSimulator, post: Post) -> None:
    xero.webhooks.enter(ADDRESS)
    xero.webhooks.is_held = True
    for name in ("Dana", "Adam"):
        xero.books.add_contact(name)
    assert xero.webhooks.deliver() == 2
    xero.world.notifier.flush()
    [body] = post.bodies
    assert (len(body["events"]), body["firstEventSequence"], body["lastEventSequence"]) == (2, 1, 2)


def test_what_is_not_answered_comes_again_for_a_day_and_then_the_hook_is_off(xero: XeroSimulator, post: Post) -> None:
    xero.webhooks.enter(ADDRESS)
    post.status = 500
    xero.books.add_contact("Dana")
    tries = 0
    while xero.webhooks.enabled:
        xero.world.notifier.flush()
        tries += 1
        assert tries < 100
        xero.clock.advance(hours=1)
    assert 5 <= len(post.bodies) <= 12
    assert len({json.dumps(one) for one in post.bodies}) == 1
    post.status = 200
    xero.books.add_contact("Adam")
    xero.world.notifier.flush()
    assert len({json.dumps(one) for one in post.bodies}) == 1
    assert xero.webhooks.intend(ADDRESS), "somebody switches it on again"


def test_one_that_is_answered_at_last_comes_no_more(xero: XeroSimulator, post: Post) -> None:
    xero.webhooks.enter(ADDRESS)
    post.status = 503
    xero.books.add_contact("Dana")
    xero.world.notifier.flush()
    post.status = 200
    xero.clock.advance(minutes=2)
    xero.world.notifier.flush()
    xero.clock.advance(hours=30)
    xero.world.notifier.flush()
    assert len(post.bodies) == 2
    assert xero.webhooks.enabled


def test_a_forged_one_has_another_signature(xero: XeroSimulator, post: Post) -> None:
    xero.webhooks.enter(ADDRESS)
    xero.faults.add("forged_notification")
    xero.books.add_contact("Dana")
    xero.world.notifier.flush()
    assert post.bodies == []
    assert [status for _, status in xero.world.notifier.sent] == [401]
