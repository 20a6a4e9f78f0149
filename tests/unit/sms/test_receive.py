"""What gateways post: whoever is believed, and what the hub hears of it."""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.sms.webhook import receive
from hub.connector.hook import Hook
from hub.errors import HookError, RecordError, ShapeError
from hub.identity.transforms import TRANSFORMS
from hub.mapping.apply import apply
from hub.mapping.load import read_file
from hub.mapping.transforms import Context, Registry
from tests.unit.sms.desk import (
    FIXTURES,
    FORM,
    JSON,
    SECRET,
    TOKEN,
    URL,
    account,
    in_form,
    in_json,
    one,
    recorded,
    said,
    twilio,
    twilio_signature,
)

MAPPINGS = Path(__file__).parents[3] / "mappings" / "sms"
DANA = {
    "channel": "sms",
    "direction": "inbound",
    "line": "+97235551234",
    "line_number": "+97235551234",
    "content": "text",
}
MESSAGE = {"id": "in-1", "from": "+972502345678", "to": "+97235551234", "text": "hello", "at": "2026-11-22T08:00:00Z"}
FIELDS = {
    "MessageSid": "SM1",
    "From": "+972502345678",
    "To": "+97235551234",
    "Body": "שלום & + bye",
    "NumMedia": "0",
    "ToCity": "",
}
NAMES = sorted(str(file.relative_to(FIXTURES).with_suffix("")) for file in FIXTURES.rglob("*.http"))

# --- what is heard --------------------------------------------------------------------------------------------------

TABLE: list[tuple[str, dict[str, Any]]] = [
    ("generic/message", {**DANA, "id": "in-1", "text": "שלום, מתי תגיעו?", "peer_phone": "+972502345678", "at": "2026-11-22T08:00:00+00:00"}),
    ("generic/form", {**DANA, "line": "035551234", "line_number": "035551234", "id": "in-4", "text": "Zażółć", "peer_phone": "0502345678", "at": "2026-11-22T08:00:00+00:00"}),
    ("generic/delivered", {"id": "gw-1:delivered", "message_id": "gw-1", "state": "delivered", "at": "2026-11-22T08:00:05+00:00"}),
    ("generic/failed", {"id": "gw-2:failed", "message_id": "gw-2", "state": "failed", "at": "2026-11-22T08:00:05+00:00", "code": "27", "reason": "Absent subscriber"}),
    ("own_names/message", {**DANA, "line": "97235551234", "line_number": "97235551234", "id": "991", "text": "Hello", "peer_phone": "972502345678", "at": "2026-11-22T08:00:00+00:00"}),
    ("own_names/failed", {"id": "17:failed", "message_id": "17", "state": "failed", "at": "2026-11-22T08:00:05+00:00"}),
    ("twilio/message", {**DANA, "id": "SM" + "1" * 32, "text": "שלום & bye", "peer_phone": "+972502345678"}),
    ("twilio/delivered", {"id": "SM" + "4" * 32 + ":delivered", "message_id": "SM" + "4" * 32, "state": "delivered"}),
    ("twilio/undelivered", {"id": "SM" + "5" * 32 + ":failed", "message_id": "SM" + "5" * 32, "state": "failed", "code": "30003", "reason": "The phone is switched off or out of reach."}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "heard"), TABLE, ids=lambda value: value if isinstance(value, str) else "")
def test_each_gateway_is_understood(name: str, heard: dict[str, Any]) -> None:
    assert one(recorded(name)) == heard


def test_a_picture_is_named_by_its_address() -> None:
    payload = one(recorded("twilio/picture"))
    assert payload["content"] == "image"
    assert "text" not in payload
    (media,) = payload["media"]
    assert media["id"].startswith("https://api.twilio.com/2010-04-01/")
    assert media["media_type"] == "image/jpeg"


def test_several_messages_in_one_call_are_several_records() -> None:
    first, second = recorded("generic/several").records
    assert (first.remote_id, first.payload["peer_phone"]) == ("in-2", "+972502345678")
    assert (second.remote_id, second.payload["peer_phone"]) == ("in-3", "GardenShop")


@pytest.mark.parametrize("name", NAMES)
def test_what_was_recorded_is_mapped(name: str) -> None:
    for record in recorded(name).records:
        mapping = read_file(MAPPINGS / f"{record.stream}.toml", registry=Registry(TRANSFORMS))
        values = apply(mapping, record.payload, Context("IL", "Asia/Jerusalem"), record_id=record.remote_id)
        assert values["remote_id"] == record.remote_id


@pytest.mark.parametrize(
    ("sender", "shown"),
    [("GardenShop", "GardenShop"), ("12345", "12345"), ("Banco Ł", "Banco Ł"), ("050-234 5678", "0502345678")],
)
def test_a_sender_is_told_as_the_gateway_writes_it_and_a_word_is_nobodys_id(sender: str, shown: str) -> None:
    payload = one(said({**MESSAGE, "from": sender}))
    assert payload["peer_phone"] == shown
    assert "peer_id" not in payload


def test_json_and_a_form_mean_the_same() -> None:
    assert one(receive(account(), in_form(MESSAGE))) == one(said(MESSAGE))


def test_a_list_at_the_top_is_a_list_of_messages() -> None:
    assert len(said([MESSAGE, {**MESSAGE, "id": "in-2"}]).records) == 2


@pytest.mark.parametrize(
    ("told", "at"),
    [(1795334400, "2026-11-22T08:00:00+00:00"), ("1795334400000", "2026-11-22T08:00:00+00:00"), ("2026-11-22 10:00:00", "2026-11-22T08:00:00+00:00"),
     ("2026-11-22T10:00:00+02:00", "2026-11-22T08:00:00+00:00"), ("yesterday", None), ("0001-01-01T00:00:00+14:00", None), ("1970-01-01", None), (None, None)],
)  # fmt: skip
def test_a_time_is_read_however_it_is_written_or_left_out(told: Any, at: str | None) -> None:
    assert one(said({**MESSAGE, "at": told})).get("at") == at


def test_a_word_for_messages_that_came_in_is_no_state() -> None:
    assert one(said({**MESSAGE, "status": "received"}))["direction"] == "inbound"


def test_words_of_states_can_be_taught() -> None:
    state = {"id": "gw-1", "status": "ARRIVED"}
    assert one(said(state, states="Arrived = delivered"))["state"] == "delivered"
    assert said(state).odd == ({"id": ["gw-1"], "status": ["ARRIVED"]},)


@pytest.mark.parametrize(
    "told", [{}, {"hello": "world"}, {"from": "+972502345678"}, {"text": "x"}, {**MESSAGE, "from": "whatsapp:+972502345678"}, {"status": "delivered"}]
)  # fmt: skip
def test_what_nobody_understands_is_kept(told: dict[str, str]) -> None:
    received = said(told)
    assert (received.records, len(received.odd)) == ((), 1)


def test_twilio_is_thanked_without_a_word() -> None:
    hook = in_form(FIELDS, x_twilio_signature=twilio_signature(FIELDS))
    assert receive(twilio(hook_url=URL), hook).answer is None
    assert said(MESSAGE).answer == {"ok": True}


# --- once -----------------------------------------------------------------------------------------------------------


def test_the_same_again_is_the_same() -> None:
    assert said(MESSAGE) == said(MESSAGE)
    assert len(said([MESSAGE, MESSAGE]).records) == 1


def test_without_an_id_the_callers_own_key_or_words_and_time_name_it() -> None:
    bare = {name: value for name, value in MESSAGE.items() if name != "id"}
    assert said(bare).records[0].remote_id == said(bare).records[0].remote_id
    assert said(bare).records[0].remote_id != said({**bare, "text": "other"}).records[0].remote_id
    keyed = receive(account(), in_json(bare, idempotency_key="k-1"))
    assert keyed.records[0].remote_id == "k-1"
    both = receive(account(), in_json([bare, {**bare, "text": "other"}], idempotency_key="k-1"))
    assert len({one.remote_id for one in both.records}) == 2


def test_without_id_and_time_the_same_words_later_are_another_message(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = {"from": "+972502345678", "to": "+97235551234", "text": "ok"}
    first = said(bare).records[0].remote_id
    monkeypatch.setattr(time, "time", lambda: 1.0)
    assert said(bare).records[0].remote_id != first


# --- who is believed ------------------------------------------------------------------------------------------------


def hmac_of(body: bytes, at: str = "", secret: str = SECRET) -> str:
    signed = f"{at}.".encode() + body if at else body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def test_hmac_with_the_old_and_the_new_secret() -> None:
    hook = in_json(MESSAGE)
    signed = replace(hook, headers={"x-signature": hmac_of(hook.body)})
    assert receive(account(signing_secret=SECRET), signed).records
    assert receive(account(signing_secret="new", old_signing_secret=SECRET), signed).records
    for wrong in (
        {},
        {"x-signature": hmac_of(hook.body, secret="x")},
        {"x-signature": "דנה"},
        {"x-signature": "\udcff"},
    ):
        with pytest.raises(HookError):
            receive(account(signing_secret=SECRET), replace(hook, headers=wrong))


@pytest.mark.parametrize(("age_s", "is_read"), [(0, True), (299, True), (301, False), (-301, False)])
def test_a_replay_is_refused_by_its_time(age_s: int, is_read: bool) -> None:
    hook, at = in_json(MESSAGE), str(int(time.time()) - age_s)
    signed = replace(hook, headers={"x-timestamp": at, "x-signature": hmac_of(hook.body, at)})
    if is_read:
        assert receive(account(signing_secret=SECRET), signed).records
        return
    with pytest.raises(HookError):
        receive(account(signing_secret=SECRET), signed)


def test_standard_webhooks() -> None:
    hook, at = in_json(MESSAGE), str(int(time.time()))
    made = hmac.new(SECRET.encode(), f"m1.{at}.".encode() + hook.body, hashlib.sha256).digest()
    headers = {"webhook-id": "m1", "webhook-timestamp": at, "webhook-signature": f"v1,{b64encode(made).decode()}"}
    wanted = account(proof="standard", signing_secret=SECRET)
    assert receive(wanted, replace(hook, headers=headers)).records
    with pytest.raises(HookError):
        receive(wanted, replace(hook, headers={**headers, "webhook-id": "m2"}))


class TestTwilio:
    def test_the_example_of_its_own_documentation(self) -> None:
        """The vector of https://www.twilio.com/docs/usage/security#validating-requests."""
        fields = {
            "CallSid": "CA1234567890ABCDE",
            "Caller": "+14158675309",
            "Digits": "1234",
            "From": "+14158675309",
            "To": "+18005551212",
        }
        hook = in_form(fields, x_twilio_signature="RSOYDt4T1cUTdK1PDd93/VVr8B8=")
        hook = replace(hook, url="https://mycompany.com/myapp.php?foo=1&bar=2")
        assert receive(twilio(password="12345"), hook).odd  # a call is no message, but it is believed

    @pytest.mark.parametrize(
        ("entered", "called"),
        [
            (URL, ""),
            ("", URL),
            (URL, "http://inside:8080/hooks/our-token"),
            ("", "https://hub.example:443/hooks/our-token"),
        ],
    )
    def test_the_address_is_the_one_entered_or_called(self, entered: str, called: str) -> None:
        hook = replace(in_form(FIELDS, x_twilio_signature=twilio_signature(FIELDS)), url=called)
        assert receive(twilio(hook_url=entered), hook).records[0].remote_id == "SM1"

    def test_the_port_may_be_signed_or_not(self) -> None:
        signature = twilio_signature(FIELDS, "https://hub.example:443/hooks/our-token")
        assert receive(twilio(hook_url=URL), in_form(FIELDS, x_twilio_signature=signature)).records

    @pytest.mark.parametrize(
        "signature",
        ["", "x", "דנה", twilio_signature(FIELDS, token="other"), twilio_signature(FIELDS, "https://evil.example/"), twilio_signature({**FIELDS, "Body": "x"})],
    )  # fmt: skip
    def test_any_other_signature_is_refused(self, signature: str) -> None:
        with pytest.raises(HookError):
            receive(twilio(hook_url=URL), in_form(FIELDS, x_twilio_signature=signature))

    def test_fields_that_twilio_adds_later_are_signed_too(self) -> None:
        more = {**FIELDS, "BrandNew": "ערך", "Aaa": ""}
        assert receive(twilio(hook_url=URL), in_form(more, x_twilio_signature=twilio_signature(more))).records

    def test_a_secret_of_its_own_beside_an_api_key(self) -> None:
        hook = in_form(FIELDS, x_twilio_signature=twilio_signature(FIELDS))
        assert receive(twilio(hook_url=URL, user="SK1", password="of-the-key", signing_secret=TOKEN), hook).records

    def test_json_is_signed_by_its_hash_in_the_address(self) -> None:
        body = json.dumps(FIELDS).encode()
        url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
        signed = {"x-twilio-signature": twilio_signature({}, url)}
        assert receive(twilio(), Hook(body, signed, JSON, url=url)).records
        with pytest.raises(HookError):
            receive(twilio(), Hook(body + b" ", signed, JSON, url=url))
        with pytest.raises(HookError):  # an address without the hash signs no body
            receive(twilio(), Hook(body, {"x-twilio-signature": twilio_signature({})}, JSON, url=URL))


# --- hostile --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{" * 10, JSON), (b"[" * 100_000, JSON), (b"7", JSON), (b"[1]", JSON + "x"), (b"&".join([b"a=1"] * 600), FORM), (b" " * (2 << 20), JSON)],
)  # fmt: skip
def test_what_is_too_much_or_nothing_is_refused_or_kept(body: bytes, kind: str) -> None:
    try:
        received = receive(account(), Hook(body, {}, kind))
    except ShapeError:
        return
    assert received.odd


@given(body=st.binary(max_size=200), kind=st.sampled_from([JSON, FORM, "", "text/plain"]))
def test_any_bytes_are_a_record_kept_aside_or_refused(body: bytes, kind: str) -> None:
    try:
        received = receive(account(), Hook(body, {}, kind))
    except RecordError:
        return
    assert received.records or received.odd


@given(
    told=st.dictionaries(
        st.sampled_from(["id", "from", "to", "text", "at", "status", "media", "error", "messages", "name"]),
        st.none() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3)
        | st.sampled_from(["+972502345678", "delivered", "failed", "received"]),
        max_size=8,
    )
)  # fmt: skip
def test_any_values_are_a_record_or_kept_aside_as_they_came(told: dict[str, Any]) -> None:
    try:
        received = said(told)
    except RecordError:
        return
    (kept,) = [*(one.payload for one in received.records), *received.odd]
    json.dumps(kept, allow_nan=False)


def test_hostile_words_come_through_as_they_are() -> None:
    odd = "<script>\u202e\x00" + "x" * 10_000
    assert one(said({**MESSAGE, "text": odd}))["text"] == odd


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"proof": "hmac"}, {"proof": "twilio"}, {"preset": "twilio"}, {"fields": "from"}, {"fields": "whence = x"},
        {"states": "A = gone"}, {"sends": "a = secret"}, {"send_url": "http://gateway.example/"}, {"send_url": "ftp://x"},
        {"hook_url": "javascript:x"}, {"sender": "a\nb"}, {"media_hosts": "https://x"}, {"header_name": "X: y"}, {"account_sid": "AC1"},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        account(**wrong)
