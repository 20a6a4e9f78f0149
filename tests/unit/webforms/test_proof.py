"""From whom a call is: every proof with the right secret, the wrong one, none, and too late."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.webforms.settings import WebFormsSettings
from connectors.webforms.webhook import receive
from hub.connector.hook import Hook
from hub.errors import HookError, RecordError
from tests.unit.webforms.desk import FORM, SECRET, account, answers, hook, in_form, in_json, lead, recorded, taken

BODY = '{"name":"דנה","email":"dana@example.com"}'.encode()


def mac(signed: bytes, key: bytes = SECRET.encode()) -> bytes:
    return hmac.new(key, signed, hashlib.sha256).digest()


def b64(made: bytes) -> str:
    return base64.b64encode(made).decode()


def timed(at: int, body: bytes = BODY, secret: str = SECRET) -> Hook:
    made = mac(f"{at}.".encode() + body, secret.encode())
    return hook(body, x_timestamp=str(at), x_signature=f"sha256={made.hex()}")


def standard(at: int, body: bytes = BODY, key: bytes = SECRET.encode(), name: str = "msg_1") -> Hook:
    signature = f"v1a,ignored v1,{b64(b'another')} v1,{b64(mac(f'{name}.{at}.'.encode() + body, key))}"
    return hook(body, webhook_id=name, webhook_timestamp=str(at), webhook_signature=signature)


def now() -> int:
    return int(time.time())


@pytest.mark.parametrize("made", [timed, standard])
@pytest.mark.parametrize("late", [0, 200, -200])
def test_a_signed_call_is_read_while_it_is_young(made: Callable[[int], Hook], late: int) -> None:
    proof = "standard" if made is standard else "hmac"
    assert answers(taken(made(now() - late), signing_secret=SECRET, proof=proof))["name"] == ["דנה"]


@pytest.mark.parametrize("made", [timed, standard])
@pytest.mark.parametrize("late", [400, 86_400, -400])
def test_a_replayed_call_with_an_old_time_is_refused(made: Callable[[int], Hook], late: int) -> None:
    proof = "standard" if made is standard else "hmac"
    with pytest.raises(HookError):
        receive(account(signing_secret=SECRET, proof=proof), made(now() - late))


def test_the_time_of_an_old_call_cannot_be_moved_into_its_body() -> None:
    """What was signed then is `<time>.<body>`; sent as a body without a time it would never be too old."""
    body, at = b"name=Dana", now() - 86_400
    old = timed(at, body)
    moved = hook(f"{at}.".encode() + body, FORM, x_signature=old.headers["x-signature"])
    with pytest.raises(HookError):
        receive(account(signing_secret=SECRET), moved)


def test_without_a_time_the_raw_body_is_what_is_signed() -> None:
    made, given = recorded("own_signed/1_without_a_time")
    assert answers(lead(receive(made, given)))["name"] == ["Jan Żak"]
    named = {"x-hub-signature-256": given.headers["x-signature"]}
    assert lead(receive(made, replace(given, headers=named)))
    with pytest.raises(HookError):
        receive(made, replace(given, body=given.body + b" "))


@pytest.mark.parametrize("prefixed", [False, True])
def test_a_standard_secret_may_be_base64(prefixed: bool) -> None:
    key = bytes(range(24))
    secret = f"whsec_{b64(key)}" if prefixed else SECRET
    made = standard(now(), key=key if prefixed else SECRET.encode())
    payload = taken(made, signing_secret=secret, proof="standard")
    assert payload["id"] == "msg_1", "the id of the message is signed, and the same when it is sent again"


def test_a_broken_standard_secret_refuses_and_does_not_fail() -> None:
    with pytest.raises(HookError):
        receive(account(signing_secret="whsec_*", proof="standard"), standard(now()))


def test_typeform_signs_in_base64_and_hex_is_refused() -> None:
    made, given = recorded("typeform/1_response")
    assert lead(receive(made, given))
    digest = base64.b64decode(given.headers["typeform-signature"].removeprefix("sha256="))
    for wrong in (f"sha256={digest.hex()}", b64(digest), f"sha256={b64(digest)[:-1]}", ""):
        with pytest.raises(HookError):
            receive(made, replace(given, headers={"typeform-signature": wrong}))


def test_tally_signs_in_base64() -> None:
    made, given = recorded("tally/1_response")
    assert lead(receive(made, given))
    digest = base64.b64decode(given.headers["tally-signature"])
    for wrong in (digest.hex(), f"sha256={b64(digest)}", ""):
        with pytest.raises(HookError):
            receive(made, replace(given, headers={"tally-signature": wrong}))


@pytest.mark.parametrize("key", ["", "other", "\ud800", None, 5, ["fixture-secret"]])
def test_a_wrong_google_key_is_refused(key: object) -> None:
    made, _ = recorded("google_ads/1_test")
    body = json.dumps({"lead_id": "1", "user_column_data": [], "google_key": key}).encode()
    with pytest.raises(HookError):
        receive(made, hook(body))


def test_a_key_in_the_body_is_looked_at_whatever_program_sends() -> None:
    settings = {"preset": "own", "proof": "google_key", "signing_secret": SECRET}
    with pytest.raises(HookError):
        receive(account(**settings), in_json({"name": "Dana"}))
    with pytest.raises(RecordError):
        receive(account(**settings), in_form({"name": "Dana", "google_key": SECRET}))
    assert taken(in_json({"name": "Dana", "google_key": SECRET}), **settings)


def test_the_old_secret_is_good_while_it_is_changed() -> None:
    settings = {"signing_secret": "new", "old_signing_secret": SECRET}
    assert taken(timed(now()), **settings)
    assert taken(timed(now(), secret="new"), **settings)
    with pytest.raises(HookError):
        receive(account(signing_secret="new"), timed(now()))


def test_whoever_enters_a_secret_wants_it_to_be_looked_at() -> None:
    with pytest.raises(HookError):
        receive(account(signing_secret=SECRET), in_json({"name": "Dana"}))
    assert taken(in_json({"name": "Dana"}), signing_secret=SECRET, proof="token")


@pytest.mark.parametrize(
    "settings",
    [{"preset": "typeform"}, {"preset": "tally"}, {"preset": "google_ads"}, {"proof": "hmac"}, {"proof": "standard"},
     {"thanks_url": "http://example.com"}, {"thanks_url": "https://example.com/\r\nSet-Cookie: x"},
     {"thanks_url": "javascript:alert(1)"}, {"trap_field": "a b"}, {"preset": "nobody"}],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        WebFormsSettings.model_validate(settings)


@given(value=st.text(max_size=60))
def test_any_header_is_compared_and_none_fails(value: str) -> None:
    named = ("x-signature", "x-timestamp", "webhook-id", "webhook-timestamp", "webhook-signature", "typeform-signature",
             "tally-signature")  # fmt: skip
    given_hook = Hook(BODY, dict.fromkeys(named, value), "application/json")
    for proof in ("hmac", "standard", "typeform", "tally"):
        with pytest.raises(HookError):
            receive(account(signing_secret=SECRET, proof=proof), given_hook)
