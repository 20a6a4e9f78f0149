"""Webhooks: who is told, in which bytes, how often, and what gets lost."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from connectors.facebook.simulated.things import Lead
from connectors.facebook.simulator import FacebookSimulator
from tests.unit.facebook_simulator.conftest import Callback, Graph, refused

Graphs = Callable[..., Graph]


def told(callback: Callback) -> list[dict[str, Any]]:
    """Every change that came, in order."""
    bodies = [json.loads(one) for one in callback.bodies]
    return [change for body in bodies for entry in body["entry"] for change in entry["changes"]]


def ids(callback: Callback) -> list[str]:
    return [str(one["value"]["leadgen_id"]) for one in told(callback)]


def subscribe(facebook: FacebookSimulator, graph: Graphs, callback: Callback) -> None:
    app = graph(facebook.world.tokens.app_token)
    app.post(
        f"/{facebook.settings()['app_id']}/subscriptions", object="page", callback_url=callback.url, fields="leadgen",
        verify_token=callback.verify_token,
    )  # fmt: skip
    graph().post(f"/{facebook.garden.id}/subscribed_apps", subscribed_fields="leadgen")


def sent(facebook: FacebookSimulator, count: int = 1) -> list[Lead]:
    return [facebook.submit(facebook.hebrew, {"שם_מלא": f"נועה {number}"}) for number in range(count)]


# -- subscribing -----------------------------------------------------------------------------------------------------


def test_an_address_must_know_the_token_and_echo_the_challenge(
    facebook: FacebookSimulator, graph: Graphs, callback: Callback
) -> None:
    app, where = graph(facebook.world.tokens.app_token), f"/{facebook.settings()['app_id']}/subscriptions"
    wanted = {"object": "page", "callback_url": callback.url, "fields": "leadgen", "verify_token": "wrong"}

    assert refused(app.ask("POST", where, wanted)) == (400, 2200, 0)
    assert refused(app.ask("POST", where, {**wanted, "callback_url": "http://hub.example/"})) == (400, 2200, 0)
    assert refused(app.ask("POST", where, {**wanted, "callback_url": "http://127.0.0.1:9/"})) == (400, 2200, 0)
    right = {**wanted, "verify_token": callback.verify_token}
    facebook.faults.add("no_handshake")
    assert refused(app.ask("POST", where, right)) == (400, 2200, 0)
    assert app.get(where) == {"data": []}
    assert app.post(where, **right) == {"success": True}
    [found] = app.get(where)["data"]
    assert (found["callback_url"], found["active"], found["fields"][0]["name"]) == (callback.url, True, "leadgen")
    assert refused(graph().ask("GET", where)) == (400, 15, 0)
    app.delete(where, object="page")
    assert app.get(where) == {"data": []}


def test_only_where_app_and_page_both_subscribed_something_is_told(
    facebook: FacebookSimulator, graph: Graphs, callback: Callback
) -> None:
    sent(facebook)
    subscribe(facebook, graph, callback)
    [lead] = sent(facebook)
    facebook.unsubscribe(facebook.garden)
    sent(facebook)
    facebook.garden.subscribed = ["leadgen"]
    facebook.world.webhooks.is_live = False
    sent(facebook)
    facebook.world.webhooks.is_live = True
    facebook.lose_subscription()
    sent(facebook)

    facebook.notifier.flush()

    assert ids(callback) == [lead.id]


# -- what is told ----------------------------------------------------------------------------------------------------


def test_ids_are_told_and_no_answers(facebook: FacebookSimulator, graph: Graphs, callback: Callback) -> None:
    subscribe(facebook, graph, callback)
    ad = facebook.advertise(facebook.hebrew, "אביב")
    paid = facebook.submit(facebook.hebrew, {"שם_מלא": "נועה"}, ad=ad)
    organic = facebook.submit(facebook.hebrew, {"שם_מלא": "נועה"})
    facebook.notifier.flush()

    [first, second] = [one["value"] for one in told(callback)]

    assert first == {
        "leadgen_id": paid.id, "page_id": facebook.garden.id, "form_id": facebook.hebrew.id,
        "created_time": int(paid.created_at), "ad_id": ad.id, "adgroup_id": ad.id, "form_name": "גינה חדשה",
    }  # fmt: skip
    assert second.keys() == first.keys() - {"ad_id", "adgroup_id"}
    assert second["leadgen_id"] == organic.id
    assert json.loads(callback.bodies[0])["object"] == "page"
    facebook.world.webhooks.has_numbers = True
    sent(facebook)
    facebook.notifier.flush()
    assert isinstance(told(callback)[-1]["value"]["leadgen_id"], int)


def test_what_is_signed_are_the_bytes_that_come_and_no_others(
    facebook: FacebookSimulator, graph: Graphs, callback: Callback
) -> None:
    facebook.hebrew.name = "שם/Żółw"
    subscribe(facebook, graph, callback)
    sent(facebook)
    facebook.notifier.flush()
    [body], [headers] = callback.bodies, callback.headers
    value = json.loads(body)

    def signed(text: bytes) -> str:
        secret = facebook.settings()["app_secret"].encode()
        return "sha256=" + hmac.new(secret, text, hashlib.sha256).hexdigest()

    assert headers["x-hub-signature-256"] == signed(body)
    assert b"\\u05e9\\u05dd\\/\\u017b\\u00f3\\u0142w" in body
    for ascii_only in (True, False):
        for separators in ((", ", ": "), (",", ":")):
            again = json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode()
            assert signed(again) != headers["x-hub-signature-256"]


def test_the_vector_of_a_known_signature(facebook: FacebookSimulator) -> None:
    body = (
        b'{"object":"page","entry":[{"id":"153125381133","time":1763770000,"changes":[{"field":"leadgen","value":{"leadgen_id"'
        b':"444455556666","page_id":"153125381133","form_id":"123","form_name":"\\u05e9\\u05dd\\/\\u017b\\u00f3\\u0142w",'
        b'"created_time":1763769999}}]}]}'
    )

    headers = facebook.world.webhooks.headers(body, "test_app_secret")

    wanted = "sha256=96e70a944b627c5a836ae35178fbe02110c84e80e66d91b36dfd1e583e8ef3f0"
    assert headers["X-Hub-Signature-256"] == wanted


def test_after_a_rotation_the_new_secret_signs(facebook: FacebookSimulator, graph: Graphs, callback: Callback) -> None:
    subscribe(facebook, graph, callback)
    old = facebook.settings()["app_secret"]
    new = facebook.rotate_secret()
    facebook.world.webhooks.secret = old
    sent(facebook)
    facebook.world.webhooks.secret = ""
    sent(facebook)
    facebook.faults.add("forged_notification")
    sent(facebook)
    facebook.notifier.flush()

    found = [headers["x-hub-signature-256"] for headers in callback.headers]

    wanted = [
        "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
        for key, body in zip((old, new, new), callback.bodies, strict=True)
    ]
    assert found[:2] == wanted[:2]
    assert found[2] != wanted[2]


# -- how it is told --------------------------------------------------------------------------------------------------


def test_many_changes_of_several_pages_come_in_one_request(
    facebook: FacebookSimulator, graph: Graphs, callback: Callback
) -> None:
    subscribe(facebook, graph, callback)
    other = facebook.add_page("Other", subscribed=True)
    form = facebook.add_form(other, "x")
    facebook.hold()
    leads = [*sent(facebook, 1200), facebook.submit(form, {}), *sent(facebook)]

    requests = facebook.deliver(size=5000)
    facebook.notifier.flush()

    assert requests == len(callback.bodies) == 2
    assert ids(callback) == [one.id for one in leads]
    assert len(json.loads(callback.bodies[0])["entry"][0]["changes"]) == 1000
    assert [one["id"] for one in json.loads(callback.bodies[1])["entry"]] == [
        facebook.garden.id, other.id, facebook.garden.id
    ]  # fmt: skip


def test_changes_come_twice_in_another_order_or_never(
    facebook: FacebookSimulator, graph: Graphs, callback: Callback
) -> None:
    subscribe(facebook, graph, callback)
    facebook.hold()
    leads = [one.id for one in sent(facebook, 6)]

    facebook.deliver(order="shuffled", duplicates=3, size=2, seed=7)
    facebook.notifier.flush()
    found = ids(callback)
    sent(facebook, 2)
    dropped = facebook.drop_webhooks()
    facebook.deliver()
    facebook.notifier.flush()

    assert set(found) == set(leads)
    assert len(found) == 9
    assert found != sorted(found)
    assert dropped == facebook.world.webhooks.dropped == 2
    assert len(ids(callback)) == 9


def test_what_is_not_taken_comes_again_ever_more_rarely_and_never_after_36_hours(
    facebook: FacebookSimulator, graph: Graphs, callback: Callback
) -> None:
    subscribe(facebook, graph, callback)
    facebook.clock.freeze()
    callback.status = 503
    [lead] = sent(facebook)
    facebook.notifier.flush()
    facebook.notifier.flush()
    came = [len(callback.bodies)]
    for _ in range(40):
        facebook.clock.advance(hours=1)
        facebook.notifier.flush()
        facebook.notifier.flush()
        came.append(len(callback.bodies))

    assert came[0] == 2, "at once and once more"
    assert 6 <= came[-1] <= 12
    assert came[37] == came[-1], "given up"
    assert facebook.world.webhooks.dropped == 1
    assert set(ids(callback)) == {lead.id}


def test_what_is_taken_the_second_time_does_not_come_again(
    facebook: FacebookSimulator, graph: Graphs, callback: Callback
) -> None:
    subscribe(facebook, graph, callback)
    callback.status = 204
    sent(facebook)
    facebook.notifier.flush()
    callback.status = 200
    facebook.clock.advance(minutes=2)
    facebook.notifier.flush()
    facebook.clock.advance(hours=12)
    facebook.notifier.flush()
    facebook.notifier.flush()

    assert 2 <= len(callback.bodies) <= 3, "204 is not 200"
    assert facebook.world.webhooks.dropped == 0


@pytest.mark.parametrize(
    ("fault", "count"), [("dropped_notification", 1), ("duplicated_notification", 3), ("reordered_notification", 2)]
)
def test_a_notification_meets_with_a_mishap(
    facebook: FacebookSimulator, graph: Graphs, callback: Callback, fault: str, count: int
) -> None:
    subscribe(facebook, graph, callback)
    facebook.faults.add(fault)
    first, second = sent(facebook, 2)
    facebook.notifier.flush()

    assert len(callback.bodies) == count
    assert (ids(callback) == [second.id, first.id]) is (fault == "reordered_notification")


def test_a_test_lead_is_told_as_any_other(facebook: FacebookSimulator, graph: Graphs, callback: Callback) -> None:
    subscribe(facebook, graph, callback)
    made = facebook.test_lead(facebook.english, {"full_name": "Canary"})
    facebook.notifier.flush()

    assert ids(callback) == [made.id]
    with pytest.raises(ValueError, match="already exists"):
        facebook.test_lead(facebook.english)


def test_anything_can_be_posted_with_a_right_signature(
    facebook: FacebookSimulator, graph: Graphs, callback: Callback
) -> None:
    subscribe(facebook, graph, callback)
    body, headers = facebook.webhook(sent(facebook, 3))
    facebook.notifier.flush()
    before = len(callback.bodies)
    facebook.world.webhooks.post(b'{"object":"user"}')
    facebook.notifier.flush()

    assert callback.bodies[before:] == [b'{"object":"user"}']
    assert len(json.loads(body)["entry"][0]["changes"]) == 3
    assert headers["X-Hub-Signature-256"].startswith("sha256=")
