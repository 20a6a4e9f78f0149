"""Webhooks of WhatsApp: who is believed, and that nothing of what he posts is lost, whatever it is."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.whatsapp.webhook import LARGEST, receive
from hub.connector.contract import Received
from hub.errors import HandshakeError, HookError, ShapeError
from tests.unit.whatsapp.desk import SECRET, account, asked, change, hook, post, said, signed, text

# Letters as Meta writes them; what was made of these bytes and written again is signed otherwise.
BODY = (
    rb'{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"value":{"messaging_product":'
    rb'"whatsapp","metadata":{"display_phone_number":"97235551234","phone_number_id":"106540352242922"},"contacts":'
    rb'[{"profile":{"name":"\u05d3\u05e0\u05d4\/\u017b"},"wa_id":"972502345678"}],"messages":[{"from":"972502345678",'
    rb'"id":"wamid.1","timestamp":"1795406400","type":"text","text":{"body":"\u05e9\u05dc\u05d5\u05dd \/"}}]},'
    rb'"field":"messages"}]}]}'
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from([
    "id", "from", "from_user_id", "timestamp", "type", "text", "body", "image", "contacts", "reaction", "interactive",
    "list_reply", "order", "product_items", "system", "errors", "context", "referral", "status", "recipient_id", "group_id",
])  # fmt: skip
PARTS = st.dictionaries(
    NAMES, JSON | st.sampled_from(["wamid.1", "972502345678", "IL.1", "text", "sent", "failed"]), max_size=8
)


def counted(received: Received) -> int:
    return len(received.records) + len(received.odd)


# --- the handshake --------------------------------------------------------------------------------------------------


def test_the_handshake_gives_back_exactly_what_was_sent_as_text() -> None:
    assert receive(account(), asked()) == Received(text="0012345")


@pytest.mark.parametrize(
    "query", [{"verify_token": "other"}, {"verify_token": "סוד"}, {"mode": "unsubscribe"}, {"challenge": "<script>"}, {"challenge": ""}]
)  # fmt: skip
def test_a_handshake_of_somebody_else_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(HandshakeError):
        receive(account(), asked(**query))


def test_without_a_verify_token_nobody_shakes_hands() -> None:
    with pytest.raises(HandshakeError):
        receive(account(verify_token=""), asked(verify_token=""))


# --- the signature --------------------------------------------------------------------------------------------------


def test_the_bytes_are_signed_and_not_what_they_mean() -> None:
    assert receive(account(), hook(BODY)).records[0].payload["peer_name"] == "דנה/Ż"
    again = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    with pytest.raises(HookError):
        receive(account(), hook(again, x_hub_signature_256=signed(BODY)))


@pytest.mark.parametrize(
    "header", ["", "sha256=", signed(BODY).removeprefix("sha256="), signed(BODY).upper(), signed(BODY, "other"), "sha256=דנה", "\udcff"]
)  # fmt: skip
def test_any_other_signature_is_refused(header: str) -> None:
    with pytest.raises(HookError):
        receive(account(), hook(BODY, x_hub_signature_256=header))


def test_a_flipped_byte_is_refused() -> None:
    with pytest.raises(HookError):
        receive(account(), hook(BODY.replace(b"wamid.1", b"wamid.2"), x_hub_signature_256=signed(BODY)))


def test_the_secret_of_before_counts_while_it_is_changed() -> None:
    changed = account(app_secret="new", old_app_secret=SECRET)
    assert receive(changed, hook(BODY)).records
    assert receive(changed, hook(BODY, x_hub_signature_256=signed(BODY, "new"))).records
    with pytest.raises(HookError):
        receive(account(app_secret="new"), hook(BODY))


def test_without_any_secret_nobody_is_believed() -> None:
    with pytest.raises(HookError):
        receive(account(app_secret=""), hook(BODY, x_hub_signature_256=signed(BODY, "")))


def test_more_than_meta_posts_is_refused() -> None:
    with pytest.raises(ShapeError):
        receive(account(), hook(b" " * (LARGEST + 1)))


# --- nothing is lost ------------------------------------------------------------------------------------------------


def test_a_thousand_messages_in_three_entries_are_a_thousand_records() -> None:
    told = post()
    told["entry"] = [post(change({"messages": [text(n) for n in range(at, 1000, 3)]}))["entry"][0] for at in range(3)]
    began = time.monotonic()
    received = said(told)
    assert len({one.remote_id for one in received.records}) == 1000
    assert time.monotonic() - began < 2.0


def test_the_same_message_twice_in_one_body_is_one_record() -> None:
    received = said(post(change({"messages": [text(1), text(1)]}), change({"messages": [text(1)]})))
    assert (len(received.records), received.odd) == (1, ())


def test_two_messages_of_one_name_are_both_kept() -> None:
    received = said(post(change({"messages": [text(1), text(1, "something else")]})))
    assert (len(received.records), len(received.odd)) == (1, 1)


def test_a_number_that_is_not_ours_is_kept_aside_and_the_others_read() -> None:
    received = said(
        post(change({"messages": [text(1)]}, line="999"), change({"messages": [text(2)]})), numbers="106540352242922"
    )
    assert [one.remote_id for one in received.records] == ["wamid.2"]
    assert received.odd[0]["change"]["value"]["messages"] == [text(1)]


def test_another_business_account_is_kept_aside() -> None:
    assert counted(said(post(change({"messages": [text(1)]}), business="7"))) == 1
    assert not said(post(change({"messages": [text(1)]}), business="7")).records


@pytest.mark.parametrize(
    "told",
    [
        None, [], "x", 7, {}, {"object": "page", "entry": []}, {"object": "whatsapp_business_account"},
        post(), post({"field": "account_update", "value": {"event": "VERIFIED"}}), post({"field": "messages", "value": None}),
        post(change({})), post(change({"messages": [None]})), post(change({"messages": [{"id": "wamid.1"}]})),
        post(change({"messages": [text(1, group_id="g")]})), post(change({"statuses": [{"id": "wamid.1", "status": "played"}]})),
        post(change({"errors": [{"code": 130429}]})), post(change({"messages": {"id": "x"}})),
        {"object": "whatsapp_business_account", "entry": [None, 7, {"changes": None}]},
    ],
)  # fmt: skip
def test_what_nobody_understands_is_thanked_for_and_kept(told: Any) -> None:
    received = said(told)
    assert received.answer == {"ok": True}
    assert not received.records
    assert received.odd or told == post()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":NaN}', b'{"a":1e999}', b'{"a":' + b"[" * 60 + b"]" * 60 + b"}"]
)
def test_what_is_no_json_is_kept_as_text(body: bytes) -> None:
    assert receive(account(), hook(body)).odd == ({"body": body.decode("utf-8", "replace")},)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_kept(body: bytes) -> None:
    assert counted(receive(account(), hook(body))) == 1


@given(parts=st.lists(PARTS, max_size=4), statuses=st.lists(PARTS, max_size=2), contacts=JSON)
def test_whatever_stands_in_a_message_it_is_a_record_or_kept_aside(
    parts: list[Any], statuses: list[Any], contacts: Any
) -> None:
    told = post(change({"messages": parts, "statuses": statuses, "contacts": contacts}))
    body = json.dumps(told).encode()
    received = receive(account(), hook(body))
    try:
        json.dumps(told, allow_nan=False)
    except ValueError:
        assert counted(received) == 1
        return
    originals = [one.payload["original"] for one in received.records] + [one["part"] for one in received.odd]
    billed = {"pricing", "conversation"}
    for part in [*parts, *statuses]:
        kept = json.loads(json.dumps(part))
        assert any({k: v for k, v in kept.items() if k not in billed} == one or kept == one for one in originals)
    json.dumps([one.payload for one in received.records], allow_nan=False)
