"""What Intuit posts: ids, signed, in two shapes, again and again where nobody answers with 200."""

import base64
import hashlib
import hmac
import json

from connectors.quickbooks.simulator import REALM, QuickBooksSimulator
from tests.unit.quickbooks_simulator.conftest import Hub


def is_signed(books: QuickBooksSimulator, hub: Hub, at: int = -1) -> bool:
    key = books.webhooks.verifier_token.encode()
    expected = base64.b64encode(hmac.new(key, hub.bodies[at], hashlib.sha256).digest()).decode()
    return hub.headers[at]["intuit-signature"] == expected


def test_what_happens_is_told_signed_and_without_what_it_is(books: QuickBooksSimulator, hub: Hub) -> None:
    dana = books.people.customer("Dana")
    books.webhooks.url = hub.url
    invoice = books.people.invoice(dana, "10.00")
    books.people.void(invoice)
    books.people.delete(invoice)
    books.notifier.flush()
    told = [json.loads(body)["eventNotifications"][0] for body in hub.bodies]
    assert {one["realmId"] for one in told} == {REALM}
    entities = [one["dataChangeEvent"]["entities"] for one in told]
    assert [(one[0]["name"], one[0]["id"], one[0]["operation"]) for one in entities] == [
        ("Invoice", invoice.id, "Create"), ("Invoice", invoice.id, "Void"), ("Invoice", invoice.id, "Delete"),
    ]  # fmt: skip
    assert all(is_signed(books, hub, at) for at in range(3))


def test_the_same_as_cloud_events(books: QuickBooksSimulator, hub: Hub) -> None:
    books.webhooks.url, books.webhooks.as_cloud_events = hub.url, True
    dana = books.people.customer("Dana")
    books.notifier.flush()
    [event] = json.loads(hub.bodies[0])
    assert (event["specversion"], event["type"]) == ("1.0", "qbo.customer.created.v1")
    assert (event["intuitentityid"], event["intuitaccountid"]) == (dana.id, REALM)
    assert len({event["id"]}) == 1
    assert is_signed(books, hub)


def test_what_is_held_comes_in_one_post(books: QuickBooksSimulator, hub: Hub) -> None:
    books.webhooks.url, books.webhooks.is_held = hub.url, True
    books.people.fill(3, [books.people.customer("Dana")])
    assert books.webhooks.deliver() == 4
    books.notifier.flush()
    [body] = hub.bodies
    assert len(json.loads(body)["eventNotifications"][0]["dataChangeEvent"]["entities"]) == 4
    assert books.webhooks.deliver() == 0


def test_without_an_answer_it_comes_again_and_then_no_more(books: QuickBooksSimulator, hub: Hub) -> None:
    books.webhooks.url, hub.status = hub.url, 500
    books.people.customer("Dana")
    books.notifier.flush()
    for minutes in (20, 30, 50, 60):
        books.clock.advance(minutes=minutes)
        books.notifier.flush()
        books.notifier.flush()
    assert len(hub.bodies) == 4
    assert len(set(hub.bodies)) == 1
    assert books.webhooks.given_up == 1
    assert is_signed(books, hub)


def test_a_forged_one_is_signed_with_another_word(books: QuickBooksSimulator, hub: Hub) -> None:
    books.webhooks.url = hub.url
    books.faults.add("forged_notification")
    books.people.customer("Dana")
    books.notifier.flush()
    assert not is_signed(books, hub)


def test_terms_are_told_and_the_company_is_not(books: QuickBooksSimulator, hub: Hub) -> None:
    books.people.customer("Dana")
    books.webhooks.url = hub.url
    books.people.term("Net 30", 30)
    books.notifier.flush()
    assert len(hub.bodies) == 1
