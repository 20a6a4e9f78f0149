"""What one webhook call must look like, and what becomes of it."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.phonehook import CONNECTOR
from connectors.phonehook.message import HookMessage
from connectors.phonehook.settings import PhoneHookSettings
from connectors.phonehook.webhook import receive
from hub.connector.contract import Account, Received
from hub.connector.hook import Hook
from hub.errors import HookError, ShapeError

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
NEW_CALL = {"event": "newCall", "from": "0612345678", "to": "5550100", "direction": "in", "callId": "c1"}


def account(**settings: Any) -> Account[PhoneHookSettings]:
    return Account(1, "desk", PhoneHookSettings(**settings), "IL", "Asia/Jerusalem")


def told(fields: Any, *, kind: str = JSON, body: bytes | None = None, **settings: Any) -> Received:
    raw = json.dumps(fields).encode() if body is None else body
    return receive(account(**settings), Hook(raw, {}, kind))


def message(received: Received) -> HookMessage:
    (raw,) = received.heard
    return HookMessage.load(raw)


def test_a_json_call_is_heard_and_answered_with_an_empty_object() -> None:
    received = told({**NEW_CALL, "user": ["Noa Levi", "102"], "queue": "support"})

    assert received.answer == {}
    said = message(received)
    assert (said.event, said.call_id, said.caller, said.called) == ("newCall", "c1", "0612345678", "5550100")
    assert (said.users, said.queue, said.inbound) == (("Noa Levi", "102"), "support", True)


@pytest.mark.parametrize(
    ("user", "users"),
    [
        ("101", ("101",)),
        (["101", "102"], ("101", "102")),
        (["101", "101", " "], ("101",)),
        ([], ()),
        ("", ()),
        (None, ()),
        (101, ("101",)),
    ],
)
def test_the_user_may_be_one_or_a_list(user: Any, users: tuple[str, ...]) -> None:
    assert message(told({**NEW_CALL, "user": user})).users == users


@pytest.mark.parametrize("name", ["user", "user[]"])
def test_a_form_gives_its_users_one_by_one(name: str) -> None:
    body = urlencode([*NEW_CALL.items(), (name, "Noa Levi"), (name, "Omar")]).encode()

    assert message(told(None, kind=FORM, body=body)).users == ("Noa Levi", "Omar")


def test_a_multipart_form_is_taken_as_the_web_layer_read_it() -> None:
    form = {name: [value] for name, value in NEW_CALL.items()} | {"user[]": ["101", "102"]}
    hook = Hook(b"--x--", {}, "multipart/form-data", form=form)

    assert message(receive(account(), hook)).users == ("101", "102")


def test_every_form_of_the_same_call_is_the_same_message() -> None:
    fields = {**NEW_CALL, "user": ["101", "102"]}
    body = urlencode([*NEW_CALL.items(), ("user[]", "101"), ("user[]", "102")]).encode()

    assert told(fields).heard == told(None, kind=FORM, body=body).heard


@pytest.mark.parametrize("kind", [JSON, FORM])
def test_latin_1_bytes_become_letters(kind: str) -> None:
    body = '{"event":"newCall","from":"1","to":"2","direction":"in","callId":"c","name":"Jos\xe9"}'.encode("latin-1")
    if kind == FORM:
        body = "event=newCall&from=1&to=2&direction=in&callId=c&name=Jos\xe9".encode("latin-1")

    assert message(told(None, kind=kind, body=body)).name == "José"


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "explode"},
        {"callId": ""},
        {"callId": "c" * 251},
        {"direction": "sideways"},
        {"direction": ""},
        {"user": [f"u{number}" for number in range(101)]},
        {"from": {"number": "1"}},
        {"cause": "bored"},
        {"event": "ring"},
        {"event": "transfer", "to": ""},
        {"event": "recording"},
    ],
)
def test_a_message_against_the_contract_is_refused_without_repeating_its_values(wrong: dict[str, Any]) -> None:
    with pytest.raises(ShapeError) as caught:
        told({**NEW_CALL, "name": "Secret Name", **wrong})

    assert "Secret Name" not in str(caught.value)
    assert NEW_CALL["from"] not in str(caught.value)


@pytest.mark.parametrize("missing", ["event", "callId", "direction"])
def test_what_the_contract_requires_must_be_there(missing: str) -> None:
    with pytest.raises(ShapeError):
        told({name: value for name, value in NEW_CALL.items() if name != missing})


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"{", b"[" * 50_000, b"\xff\xfe\x00", b'{"event": NaN}'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ShapeError):
        told(None, body=body)


def test_a_call_id_of_250_characters_is_taken() -> None:
    assert message(told({**NEW_CALL, "callId": "c" * 250})).call_id == "c" * 250


def test_a_huge_body_is_refused() -> None:
    with pytest.raises(ShapeError, match="too long"):
        told({**NEW_CALL, "queue": "q" * 70_000})


def test_variables_in_the_address_are_refused() -> None:
    hook = Hook(json.dumps(NEW_CALL).encode(), {}, JSON, query={"callId": ["c1"]})

    with pytest.raises(ShapeError, match="body"):
        receive(account(), hook)


def test_unknown_fields_are_left_out() -> None:
    assert b"colour" not in told({**NEW_CALL, "colour": "red"}).heard[0]


def test_control_characters_never_reach_a_name() -> None:
    assert message(told({**NEW_CALL, "name": "A\r\nB\0C"})).name == "A B C"


@pytest.mark.parametrize("event", ["newcall", "NEWCALL", "newCall"])
def test_words_of_the_contract_count_in_any_case(event: str) -> None:
    assert message(told({**NEW_CALL, "event": event})).event == "newCall"


@pytest.mark.parametrize(
    ("fields", "recording"),
    [({"url": "https://pbx/1.wav"}, "https://pbx/1.wav"), ({"path": "2026/1.wav"}, "2026/1.wav")],
)
def test_a_recording_is_named_by_url_or_path(fields: dict[str, str], recording: str) -> None:
    assert message(told({"event": "recording", "callId": "c1", **fields})).recording == recording


class TestSignature:
    body = json.dumps(NEW_CALL).encode()
    good = "sha256=" + hmac.new(b"geheim", body, hashlib.sha256).hexdigest()

    def take(self, header: str | None) -> Received:
        headers = {} if header is None else {"x-hub-signature-256": header}
        return receive(account(signing_secret="geheim"), Hook(self.body, headers, JSON))

    def test_a_signed_call_is_heard(self) -> None:
        assert self.take(self.good).heard

    @pytest.mark.parametrize("header", [None, "", "sha256=", "sha256=00", good[:-1], "sha1=abc", "\udcff"])
    def test_an_unsigned_or_wrongly_signed_call_is_refused(self, header: str | None) -> None:
        with pytest.raises(HookError):
            self.take(header)

    def test_without_a_secret_nothing_is_checked(self) -> None:
        assert receive(account(), Hook(self.body, {"x-hub-signature-256": "sha256=00"}, JSON)).heard


class TestAnswers:
    @pytest.mark.parametrize("caller", ["+44 900 123", "0044900123", "+44900123"])
    def test_a_blocked_caller_is_turned_away(self, caller: str) -> None:
        received = told({**NEW_CALL, "from": caller}, reject_blocked=True, blocked_numbers="0551\n+44900")

        assert received.answer == {"action": "reject", "reason": "busy"}
        assert message(received).rejected

    @pytest.mark.parametrize(
        ("caller", "reject"), [("+44900123", False), ("+31201234567", True), ("anonymous", True), ("", True)]
    )
    def test_others_are_let_through(self, caller: str, reject: bool) -> None:
        received = told({**NEW_CALL, "from": caller}, reject_blocked=reject, blocked_numbers="+44900")

        assert received.answer == {}

    def test_an_outgoing_call_gets_the_caller_id_in_both_spellings(self) -> None:
        received = told(
            {**NEW_CALL, "direction": "out", "from": "101", "to": "0201234567"}, caller_id="+972 2 123-4567"
        )

        wanted = {"action": "dial", "callerId": "+97221234567", "caller_id": "+97221234567", "number": "0201234567"}
        assert received.answer == wanted

    @pytest.mark.parametrize("event", ["answer", "hangup"])
    def test_only_a_new_call_is_told_what_to_do(self, event: str) -> None:
        fields = {**NEW_CALL, "event": event, "direction": "out", "cause": "busy"}

        assert told(fields, caller_id="021234567", reject_blocked=True, blocked_numbers="06").answer == {}

    def test_a_sender_cannot_say_itself_that_a_call_was_rejected(self) -> None:
        assert not message(told({**NEW_CALL, "rejected": True})).rejected


@pytest.mark.parametrize(
    "wrong",
    [
        {"dial_url": "file:///etc/passwd"},
        {"recordings_url": "pbx"},
        {"caller_id": "abc"},
        {"close_after_s": 1},
        {"x": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PhoneHookSettings(**wrong)


def test_the_self_check_says_that_calls_are_not_signed() -> None:
    assert {finding.topic for finding in CONNECTOR.check(account())} >= {"hook", "signature"}
    assert "signature" not in {finding.topic for finding in CONNECTOR.check(account(signing_secret="s"))}
