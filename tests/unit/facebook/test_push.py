"""Webhooks of Meta: who is believed, what is taken out of them, and what is switched on for them."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from connectors.facebook.client import Client
from connectors.facebook.push import RECEIVED, FacebookPush
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Fetched, Hinted, Named
from hub.errors import DisabledError, HandshakeError, HookError, RejectedError, ScopeError
from tests.unit.facebook.desk import (
    APP,
    FORM,
    GRAPH,
    LEAD,
    PAGE,
    SECRET,
    WORD,
    Hub,
    gives_page_token,
    refusal,
    settings,
)

OURS = "https://hub.example/hooks/facebook/1"
# Letters as Meta writes them; what was made of these bytes and written again is signed otherwise.
BODY = (
    rb'{"object":"page","entry":[{"id":"153125381133","time":1763770000,"changes":[{"field":"leadgen","value":'
    rb'{"leadgen_id":"444455556666","page_id":"153125381133","form_id":"123","form_name":"\u05e9\u05dd\/\u017b\u00f3\u0142w",'
    rb'"created_time":1763769999}}]}]}'
)
SIGNED = "sha256=96e70a944b627c5a836ae35178fbe02110c84e80e66d91b36dfd1e583e8ef3f0"


def push(hub: Hub | None = None, **changes: Any) -> FacebookPush:
    made, tools = settings(**changes), hub or Hub()
    return FacebookPush(made, lambda mailbox: Client(made, tools, mailbox))


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def posted(body: bytes, **headers: str) -> Hook:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Hook(body, {"x-hub-signature-256": signature(body), **named}, "application/json")


def heard(body: bytes | Mapping[str, Any], channels: Sequence[Channel] = (), **changes: Any) -> Hinted:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return push(**changes).hinted(posted(content), channels, OURS)


def change(lead: Any = LEAD, page: Any = PAGE, **more: Any) -> dict[str, Any]:
    value = {"leadgen_id": lead, "page_id": page, "form_id": FORM, "created_time": 1763769999, **more}
    return {"field": "leadgen", "value": value}


def post(*changes: Any, page: Any = PAGE) -> dict[str, Any]:
    return {"object": "page", "entry": [{"id": page, "time": 1763770000, "changes": list(changes)}]}


# --- handshake ----------------------------------------------------------------------------------------------------------


def asked(mode: str = "subscribe", word: str = WORD, challenge: str = "0012345") -> Hook:
    query = {"hub.mode": [mode], "hub.verify_token": [word], "hub.challenge": [challenge]}
    return Hook(b"", {}, "", query=query, method="GET")


@pytest.mark.parametrize("challenge", ["0012345", "1", "9" * 40, "a-b_c.d"])
def test_a_handshake_is_answered_with_its_own_text(challenge: str) -> None:
    assert push().hinted(asked(challenge=challenge), [], OURS) == Hinted(answer=challenge)


@pytest.mark.parametrize(
    "hook",
    [
        asked(word="another word"),
        asked(word=""),
        asked(word="מילה"),
        asked(word="\udc80"),
        asked(mode="unsubscribe"),
        asked(mode=""),
        asked(challenge=""),
        asked(challenge="<script>alert(1)</script>"),
        asked(challenge="1\r\nSet-Cookie: x"),
        asked(challenge="9" * 513),
        Hook(b"", {}, "", method="GET"),
        Hook(b"", {}, "", query={**asked().query, "hub.challenge": ["1", "2"]}, method="GET"),
    ],
)
def test_who_does_not_know_our_word_gets_no_answer(hook: Hook) -> None:
    with pytest.raises(HandshakeError):
        push().hinted(hook, [], OURS)


def test_without_a_word_of_ours_nobody_knows_it() -> None:
    with pytest.raises(HandshakeError):
        push(verify_token="").hinted(asked(word=""), [], OURS)


# --- signature ----------------------------------------------------------------------------------------------------------


def test_the_bytes_are_signed_as_they_are() -> None:
    found = push().hinted(Hook(BODY, {"x-hub-signature-256": SIGNED}, "application/json"), [], OURS)
    at = datetime.fromtimestamp(1763769999, UTC)
    [named] = found.named
    assert (named.records, named.mailbox, named.remote_id, named.at) == ("lead", PAGE, LEAD, at)
    assert named.said["form_name"] == "שם/Żółw"
    assert not found.odd


@pytest.mark.parametrize(
    "again",
    [
        json.dumps,
        lambda told: json.dumps(told, separators=(",", ":")),
        lambda told: json.dumps(told, separators=(",", ":"), ensure_ascii=False),
    ],
)
def test_what_was_written_again_is_not_what_was_signed(again: Any) -> None:
    with pytest.raises(HookError):
        push().hinted(Hook(again(json.loads(BODY)).encode(), {"x-hub-signature-256": SIGNED}, ""), [], OURS)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": SIGNED.upper()},
        {"x-hub-signature-256": "sha256=" + SIGNED[7:].upper()},
        {"x-hub-signature-256": SIGNED[7:]},
        {"x-hub-signature-256": f" {SIGNED}"},
        {"x-hub-signature-256": f"{SIGNED},{SIGNED}"},
        {"x-hub-signature-256": "sha256=שלום"},
        {"x-hub-signature-256": "sha256=\udcff"},
        {"x-hub-signature": "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()},
        {"x-hub-signature-256": signature(BODY, "another secret")},
    ],
)
def test_a_wrong_signature_is_refused_and_breaks_nothing(headers: dict[str, str]) -> None:
    with pytest.raises(HookError):
        push().hinted(Hook(BODY, headers, "application/json"), [], OURS)


@given(place=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_one_bit_is_enough(place: int, bit: int) -> None:
    body = bytearray(BODY)
    body[place] ^= 1 << bit
    with pytest.raises(HookError):
        push().hinted(Hook(bytes(body), {"x-hub-signature-256": SIGNED}, "application/json"), [], OURS)


def test_while_the_secret_is_changed_both_are_believed() -> None:
    for secret in (SECRET, "the one before"):
        hook = Hook(BODY, {"x-hub-signature-256": signature(BODY, secret)}, "")
        assert push(old_app_secret="the one before").hinted(hook, [], OURS).named
    with pytest.raises(HookError):
        push().hinted(Hook(BODY, {"x-hub-signature-256": signature(BODY, "the one before")}, ""), [], OURS)


def test_without_a_secret_nobody_is_believed() -> None:
    with pytest.raises(HookError):
        push(app_secret="").hinted(Hook(BODY, {"x-hub-signature-256": signature(BODY, "")}, ""), [], OURS)


# --- what is taken out --------------------------------------------------------------------------------------------------


def test_two_changes_of_one_entry_are_two_leads() -> None:
    assert [one.remote_id for one in heard(post(change("1"), change("2"))).named] == ["1", "2"]


def test_a_thousand_changes_of_three_pages_are_read_at_once() -> None:
    entries = [post(*(change(str(n * 3 + page), str(page)) for n in range(334)))["entry"][0] for page in range(1, 4)]
    began = time.process_time()
    found = heard({"object": "page", "entry": entries})
    assert time.process_time() - began < 2
    assert len({one.remote_id for one in found.named}) == len(found.named) == 1002
    assert {one.mailbox for one in found.named} == {"1", "2", "3"}


def test_an_id_is_the_same_as_number_and_as_text() -> None:
    as_number, as_text = (heard(post(change(lead, page))) for lead, page in ((int(LEAD), int(PAGE)), (LEAD, PAGE)))
    assert [(one.mailbox, one.remote_id) for one in as_number.named] == [
        (one.mailbox, one.remote_id) for one in as_text.named
    ]


def test_the_same_lead_twice_in_a_post_is_one() -> None:
    assert len(heard(post(change(), change())).named) == 1


ODD = [
    {"field": "leadgen_update", "value": {"leadgen_id": LEAD}},
    {"field": "feed", "value": {"item": "status"}},
    {"field": "leadgen", "value": None},
    {"field": "leadgen"},
    {"field": "leadgen", "value": {"page_id": PAGE}},
    change(lead=True),
    change(lead=1.5),
    change(lead="1/../2"),
    change(lead={"id": 1}),
    change(lead="-1"),
    change(lead=""),
    None,
    "leadgen",
    [],
]


@pytest.mark.parametrize("odd", ODD)
def test_what_nobody_understands_is_kept_and_stops_nothing_else(odd: Any) -> None:
    found = heard(post(change("1"), odd, change("2")))
    assert [one.remote_id for one in found.named] == ["1", "2"]
    [kept] = found.odd
    assert kept["change"] == odd
    assert kept["entry"] == {"id": PAGE, "time": 1763770000}


@pytest.mark.parametrize(
    "entry", [{"id": PAGE}, {"id": PAGE, "changes": None}, {"id": PAGE, "changes": {}}, None, 3, {"messaging": []}]
)
def test_an_entry_without_changes_is_kept(entry: Any) -> None:
    found = heard({"object": "page", "entry": [entry, post(change())["entry"][0]]})
    assert len(found.named) == 1
    assert found.odd == ({"entry": entry, "change": None},)


@pytest.mark.parametrize(
    "told", [{"object": "user", "entry": []}, {"object": "page"}, {}, {"object": "page", "entry": {}}]
)
def test_a_post_about_something_else_is_kept_whole(told: Any) -> None:
    assert heard(told) == Hinted(answer=RECEIVED, odd=(told,))


@pytest.mark.parametrize(
    "body", [b"", b"no JSON", b"[]", b"3", b"\xff\xfe", b'{"object":', b"[" * 50_000, b"1" * 5_000]
)
def test_what_is_signed_and_no_json_is_kept_as_text(body: bytes) -> None:
    assert heard(body) == Hinted(answer=RECEIVED, odd=({"body": body.decode("utf-8", "replace")},))


@pytest.mark.parametrize("moment", [0, -1, 10**30, "soon", None, True, 1.5, [], "1" * 5_000])
def test_a_moment_that_is_none_loses_no_lead(moment: Any) -> None:
    [named] = heard(post(change(created_time=moment))).named
    assert named.at is None


def test_a_moment_of_the_future_is_taken_as_it_is() -> None:
    [named] = heard(post(change(created_time=4_000_000_000))).named
    assert named.at == datetime.fromtimestamp(4_000_000_000, UTC)


def test_a_lead_without_a_page_of_its_own_is_of_the_entry_s() -> None:
    told = change()
    del told["value"]["page_id"]
    [named] = heard(post(told)).named
    assert named.mailbox == PAGE


def test_a_page_that_is_not_ours_is_kept_like_others() -> None:
    assert heard(post(change(page="999")), pages=PAGE).named[0].mailbox == "999"


def test_nothing_is_asked_of_meta_when_it_posts() -> None:
    """Whoever is asked while somebody waits for an answer lets that one wait as well."""
    with responses.RequestsMock() as graph:
        assert heard(post(change())).named
        assert not graph.calls


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["object", "entry", "changes", "field", "value", "leadgen_id", "page_id", "id"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(JSON)
def test_whatever_is_signed_is_taken(told: Any) -> None:
    found = heard(json.dumps(told).encode())
    assert all(isinstance(one, Named) and one.remote_id.isdecimal() for one in found.named)
    assert found.named or found.odd or (isinstance(told, dict) and told.get("object") == "page")


# --- forms that nobody knows --------------------------------------------------------------------------------------------


def channel(form: str = FORM, page: str = PAGE) -> Channel:
    return Channel(f"lead:{page}:{form}", page, None, None)


def test_a_new_form_lets_the_forms_be_listed() -> None:
    assert heard(post(change(form_id="777")), [channel()]).lists
    assert not heard(post(change()), [channel()]).lists
    assert not heard(post(change(form_id=int(FORM))), [channel()]).lists
    assert not heard(post(change(form_id=None)), [channel()]).lists


def test_a_page_without_any_channel_is_not_listed_at_every_post() -> None:
    assert not heard(post(change()), []).lists
    assert not heard(post(change(page="999")), [channel()]).lists


def test_a_lead_that_is_fetched_needs_no_look_at_its_form() -> None:
    assert heard(post(change()), [channel()]).keys == ()


# --- what must be switched on -------------------------------------------------------------------------------------------


@pytest.fixture
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        gives_page_token(mock)
        yield mock


def installed(graph: responses.RequestsMock, *fields: str, app: str = APP) -> None:
    told = [{"id": app, "name": "Hub", "subscribed_fields": list(fields)}] if fields else []
    graph.get(f"{GRAPH}/{PAGE}/subscribed_apps", json={"data": told})


def subscribed(graph: responses.RequestsMock, callback: str = OURS, *, active: bool = True, fields: Any = None) -> None:
    listed = [{"name": "leadgen", "version": "v26.0"}] if fields is None else fields
    told = {"object": "page", "callback_url": callback, "active": active, "fields": listed}
    graph.get(f"{GRAPH}/{APP}/subscriptions", json={"data": [{"object": "user", "callback_url": "https://x"}, told]})


def ensure(made: FacebookPush, old: Channel | None = None, *, address: str = OURS, form: str = FORM) -> Channel | None:
    stream: Any = SimpleNamespace(key=f"lead:{PAGE}:{form}", mailbox=PAGE)
    return made.ensure(stream, old, address)


def sent(graph: responses.RequestsMock, verb: str) -> list[tuple[str, dict[str, str]]]:
    """What was asked with a verb: place, and what stood in the body."""
    found = []
    for call in graph.calls:
        if call.request.method == verb:
            body = {name: values[0] for name, values in parse_qs(str(call.request.body or "")).items()}
            body.pop("appsecret_proof", None)
            found.append((str(call.request.url).removeprefix(GRAPH).partition("?")[0], body))
    return found


def test_where_all_is_switched_on_nothing_is_written(graph: responses.RequestsMock) -> None:
    installed(graph, "leadgen")
    subscribed(graph)
    made = ensure(push())
    assert made is not None
    assert sent(graph, "POST") == []
    assert made.renew_at is not None
    assert timedelta(minutes=9) < made.renew_at - datetime.now(UTC) <= timedelta(minutes=10)


def test_within_ten_minutes_nobody_is_asked(graph: responses.RequestsMock) -> None:
    installed(graph, "leadgen")
    subscribed(graph)
    made = ensure(push())
    before = len(graph.calls)
    assert ensure(push(), made) == made
    assert len(graph.calls) == before


def test_all_forms_of_a_page_cost_one_look(graph: responses.RequestsMock) -> None:
    installed(graph, "leadgen")
    subscribed(graph)
    visit = push()
    made = [ensure(visit, form=str(form)) for form in range(20)]
    assert len({one.key for one in made if one is not None}) == 20
    assert len([place for place, _ in sent(graph, "GET") if "subscri" in place]) == 2


def test_an_app_that_was_taken_off_a_page_is_installed_again(graph: responses.RequestsMock) -> None:
    installed(graph, "feed", "messages")
    subscribed(graph)
    graph.post(f"{GRAPH}/{PAGE}/subscribed_apps", json={"success": True})
    assert ensure(push())
    assert sent(graph, "POST") == [(f"/{PAGE}/subscribed_apps", {"subscribed_fields": "feed,messages,leadgen"})]


def test_another_app_on_the_page_is_not_ours(graph: responses.RequestsMock) -> None:
    installed(graph, "leadgen", app="2000")
    subscribed(graph)
    graph.post(f"{GRAPH}/{PAGE}/subscribed_apps", json={"success": True})
    assert ensure(push())
    assert sent(graph, "POST") == [(f"/{PAGE}/subscribed_apps", {"subscribed_fields": "leadgen"})]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_webhook_that_is_off_is_switched_on(graph: responses.RequestsMock, *, is_there: bool) -> None:
    installed(graph, "leadgen")
    if is_there:
        subscribed(graph, active=False, fields=["feed"])
    else:
        graph.get(f"{GRAPH}/{APP}/subscriptions", json={"data": []})
    graph.post(f"{GRAPH}/{APP}/subscriptions", json={"success": True})
    assert ensure(push())
    [(place, body)] = sent(graph, "POST")
    assert place == f"/{APP}/subscriptions"
    assert (body["object"], body["callback_url"], body["verify_token"]) == ("page", OURS, WORD)
    assert body["fields"] == ("feed,leadgen" if is_there else "leadgen")
    assert graph.calls[-1].request.headers["Authorization"] == f"Bearer {APP}|{SECRET}"


def test_an_app_that_posts_to_somebody_else_is_left_alone(graph: responses.RequestsMock) -> None:
    installed(graph, "leadgen")
    subscribed(graph, "https://other.example/hook")
    with pytest.raises(RejectedError, match=r"https://other\.example/hook"):
        ensure(push())
    assert sent(graph, "POST") == []


def test_without_a_word_of_ours_the_webhook_stays_off(graph: responses.RequestsMock) -> None:
    installed(graph, "leadgen")
    graph.get(f"{GRAPH}/{APP}/subscriptions", json={"data": []})
    with pytest.raises(DisabledError, match="verify token"):
        ensure(push(verify_token=""))


def test_what_is_wrong_with_a_page_is_said_for_each_form_and_asked_once(graph: responses.RequestsMock) -> None:
    graph.get(
        f"{GRAPH}/{PAGE}/subscribed_apps", json=refusal(200, message="Requires pages_manage_metadata"), status=403
    )
    visit = push()
    for form in ("1", "2", "3"):
        with pytest.raises(ScopeError, match="pages_manage_metadata"):
            ensure(visit, form=form)
    assert len([place for place, _ in sent(graph, "GET") if "subscri" in place]) == 1


@pytest.mark.parametrize("address", ["", "http://hub.example/hooks/facebook/1"])
def test_where_meta_cannot_reach_us_there_are_no_webhooks(graph: responses.RequestsMock, address: str) -> None:
    assert ensure(push(), address=address) is None
    assert not graph.calls


def test_another_address_is_looked_at_at_once(graph: responses.RequestsMock) -> None:
    installed(graph, "leadgen")
    subscribed(graph)
    made = ensure(push())
    with pytest.raises(RejectedError):
        ensure(push(), made, address="https://moved.example/hooks/facebook/1")


def test_a_form_that_ends_takes_no_webhook_from_the_others(graph: responses.RequestsMock) -> None:
    push().stop(channel())
    assert not graph.calls
    assert push().fetch() == Fetched()
