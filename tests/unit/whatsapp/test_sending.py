"""Sending and files, at the simulator: what goes out, what every refusal becomes, and that nothing goes out twice."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from connectors.whatsapp.client import Client
from connectors.whatsapp.remote import WhatsAppRemote
from connectors.whatsapp.sending import MessageWriter
from connectors.whatsapp.simulator import WhatsAppSimulator
from hub.connector.checking import Alone
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    UnknownFateError,
)
from tests.unit.whatsapp.desk import LINE, account, at, remote

GRAPH = "https://graph.facebook.com/v26.0"


@pytest.fixture
def simulator() -> Iterator[WhatsAppSimulator]:
    made = WhatsAppSimulator()
    made.start()
    yield made
    made.stop()


def values(**changes: Any) -> dict[str, Any]:
    return {"to_phone": "+972502345000", "to_id": "", "text": "שלום / hi", "reply_to": "", "again": False, **changes}


def written(simulator: WhatsAppSimulator, **changes: Any) -> Any:
    settings = {"timeout_s": changes.pop("timeout_s")} if "timeout_s" in changes else {}
    writer = remote(simulator, **settings).writer("message", simulator.garden.id)
    return writer.create(values(**changes), key="key-1")


# --- what goes out --------------------------------------------------------------------------------------------------


def test_a_text_goes_out_once_with_our_key_and_without_a_preview(simulator: WhatsAppSimulator) -> None:
    simulator.add_person()
    made = written(simulator, reply_to="wamid.theirs")
    (sent,) = simulator.graph.sent
    assert sent.id == made.remote_id
    assert sent.body == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+972502345000", "type": "text",
        "text": {"body": "שלום / hi", "preview_url": False}, "biz_opaque_callback_data": "key-1",
        "context": {"message_id": "wamid.theirs"},
    }  # fmt: skip
    assert made.payload is not None
    assert made.payload.pop("at")
    assert made.payload == {
        "id": made.remote_id, "channel": "whatsapp", "direction": "outbound", "line": simulator.garden.id, "content": "text",
        "text": "שלום / hi", "reply_to": "wamid.theirs", "peer_phone": "+972502345000",
        "peer_id": simulator.people[0].user_id,
    }  # fmt: skip


def test_somebody_without_a_number_is_written_to_by_his_id(simulator: WhatsAppSimulator) -> None:
    person = simulator.add_person(username="dana", hides_number=True)
    made = written(simulator, to_phone="", to_id=person.user_id)
    assert simulator.graph.sent[0].body["recipient"] == person.user_id
    assert "to" not in simulator.graph.sent[0].body
    assert made.payload is not None
    assert "peer_phone" not in made.payload


@pytest.mark.parametrize(
    "wrong", [{"text": " \n"}, {"text": "x" * 4097}, {"to_phone": "", "to_id": ""}, {"to_phone": "GardenShop"}, {"to_phone": "", "to_id": "../x"}]
)  # fmt: skip
def test_what_cannot_be_sent_is_refused_before_anybody_is_asked(
    simulator: WhatsAppSimulator, wrong: dict[str, str]
) -> None:
    before = simulator.asked
    with pytest.raises(RejectedError):
        written(simulator, **wrong)
    assert simulator.asked == before


@pytest.mark.parametrize(("records", "line"), [("lead", LINE), ("message", ""), ("message", "../1"), ("message", "١٢")])
def test_nothing_else_is_written_and_from_no_other_number(
    simulator: WhatsAppSimulator, records: str, line: str
) -> None:
    with pytest.raises(RejectedError):
        remote(simulator).writer(records, line)


def test_from_a_number_that_the_settings_do_not_name_nothing_is_sent(simulator: WhatsAppSimulator) -> None:
    with pytest.raises(RejectedError, match="do not name"):
        remote(simulator, numbers=simulator.garden.id).writer("message", simulator.service.id)


def test_what_was_sent_stays(simulator: WhatsAppSimulator) -> None:
    writer = remote(simulator).writer("message", LINE)
    with pytest.raises(RejectedError):
        writer.update("wamid.1", {}, version="", key="k")
    with pytest.raises(RejectedError):
        writer.delete("wamid.1", version="", key="k")


# --- refusals -------------------------------------------------------------------------------------------------------

REFUSALS: list[tuple[str, type[ConnectorError], str]] = [
    ("window_closed", RejectedError, "24 hours"),
    ("undeliverable", RejectedError, "cannot deliver"),
    ("account_locked", DisabledError, "blocked"),
    ("api_disabled", DisabledError, "blocked"),
    ("throttled", LimitedError, "130429"),
    ("pair_limited", LimitedError, "131056"),
    ("rate_limited", LimitedError, "80007"),
    ("token_expired", AuthError, "token"),
    ("scope_missing", ScopeError, "permission"),
    ("server_error", RetryLaterError, "131000"),
    ("unavailable", RetryLaterError, "131016"),
    ("transient", RetryLaterError, "code 2"),
]


@pytest.mark.parametrize(("fault", "kind", "words"), REFUSALS)
def test_each_refusal_says_what_to_do_next_and_nothing_was_sent(
    simulator: WhatsAppSimulator, fault: str, kind: type[ConnectorError], words: str
) -> None:
    simulator.add_person()
    simulator.faults.add(fault)
    with pytest.raises(kind, match=words) as refused:
        written(simulator)
    assert not isinstance(refused.value, UnknownFateError)
    assert simulator.graph.sent == []
    assert simulator.graph.token not in str(refused.value)


def test_silence_for_one_person_does_not_stop_the_number(simulator: WhatsAppSimulator) -> None:
    frozen: list[Any] = []

    class Hub(Alone):
        def limited(self, limits: Any, retry_after: float) -> None:
            frozen.append((limits, retry_after))

    simulator.add_person()
    writer = MessageWriter(Client(at(simulator).settings, Hub()), simulator.garden.id)
    for fault in ("pair_limited", "throttled"):
        simulator.faults.add(fault)
        with pytest.raises(LimitedError):
            writer.create(values(), key="k")
    assert len(frozen) == 1


# --- an answer that is lost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["commit_then_timeout", "reset", "truncated_json", "html_instead_of_json", "hang"])
def test_a_message_whose_answer_is_lost_is_not_sent_again(simulator: WhatsAppSimulator, fault: str) -> None:
    simulator.add_person()
    simulator.faults.add(fault)
    with pytest.raises(UnknownFateError, match="Nobody knows"):
        written(simulator, timeout_s=0.3)
    before = simulator.asked
    with pytest.raises(UnknownFateError):
        written(simulator, again=True)
    assert simulator.asked == before


def test_a_late_state_proves_that_it_was_sent(simulator: WhatsAppSimulator) -> None:
    simulator.add_person()
    simulator.faults.add("commit_then_timeout")
    with pytest.raises(UnknownFateError):
        written(simulator)
    told = [json.loads(body) for body in simulator.postman.posted]
    (status,) = told[0]["entry"][0]["changes"][0]["value"]["statuses"]
    assert status["biz_opaque_callback_data"] == "key-1"


def test_where_nothing_can_have_left_it_is_tried_again(simulator: WhatsAppSimulator) -> None:
    gone = at(simulator)
    simulator.stop()
    with pytest.raises(RetryLaterError):
        MessageWriter(Client(gone.settings, Alone()), LINE).create(values(), key="k")


@pytest.mark.parametrize(("status", "body", "kind"), [
    (502, "<html>", UnknownFateError), (504, "", UnknownFateError), (200, "{}", UnknownFateError),
    (200, '{"messages":[null]}', UnknownFateError), (503, "<html>", RetryLaterError), (429, "", RetryLaterError),
    (400, '{"error":{"code":131009,"message":"bad"}}', RejectedError), (302, "", UnknownFateError),
])  # fmt: skip
@responses.activate
def test_what_somebody_between_answers(status: int, body: str, kind: type[ConnectorError]) -> None:
    responses.add(responses.POST, f"{GRAPH}/{LINE}/messages", status=status, body=body)
    with pytest.raises(kind) as refused:
        MessageWriter(Client(account().settings, Alone()), LINE).create(values(), key="k")
    assert isinstance(refused.value, UnknownFateError) is (kind is UnknownFateError)
    assert len(responses.calls) == 1


@responses.activate
def test_the_token_stands_in_no_address_and_is_not_told() -> None:
    words = "Bad token EAAabcdefghijklmnopqrstuvwxyz"
    responses.add(
        responses.POST, f"{GRAPH}/{LINE}/messages", status=400, json={"error": {"code": 190, "message": words}}
    )
    with pytest.raises(AuthError) as refused:
        MessageWriter(Client(account().settings, Alone()), LINE).create(values(), key="k")
    assert "EAAabc" not in str(refused.value)
    assert "EAAtest" not in str(responses.calls[0].request.url)


# --- files ----------------------------------------------------------------------------------------------------------


def sent_file(simulator: WhatsAppSimulator, content: bytes = b"a picture") -> str:
    simulator.write(simulator.add_person(), "", kind="image", content=content)
    return next(iter(simulator.graph.files))


def test_a_file_is_fetched_with_the_token(simulator: WhatsAppSimulator) -> None:
    assert remote(simulator).media(sent_file(simulator), largest=100) == b"a picture"


def test_an_address_is_asked_for_anew_each_time(simulator: WhatsAppSimulator) -> None:
    media, opened = sent_file(simulator), remote(simulator)
    assert opened.media(media, largest=100)
    simulator.clock.advance(minutes=6)
    assert opened.media(media, largest=100)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("media_gone", GoneError), ("media_huge", RejectedError), ("media_lies", RejectedError), ("media_elsewhere", RejectedError),
     ("server_error", RetryLaterError), ("token_expired", AuthError)],
)  # fmt: skip
def test_a_file_that_cannot_be_had(simulator: WhatsAppSimulator, fault: str, kind: type[ConnectorError]) -> None:
    media = sent_file(simulator)
    simulator.faults.add(fault)
    with pytest.raises(kind):
        remote(simulator).media(media, largest=1 << 20)


def test_a_file_as_large_as_allowed_is_taken_and_one_byte_more_is_not(simulator: WhatsAppSimulator) -> None:
    media = sent_file(simulator, b"12345")
    assert remote(simulator).media(media, largest=5) == b"12345"
    with pytest.raises(RejectedError):
        remote(simulator).media(media, largest=4)


@pytest.mark.parametrize("media", ["", "../me", "1?fields=token", "a" * 200, "https://evil.example/x"])
def test_what_is_no_id_of_a_file_is_asked_of_nobody(simulator: WhatsAppSimulator, media: str) -> None:
    before = simulator.asked
    with pytest.raises(GoneError):
        remote(simulator).media(media, largest=5)
    assert simulator.asked == before


@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "http://lookaside.fbsbx.com/x", "https://lookaside.fbsbx.com.evil.example/x",
            "https://lookaside.fbsbx.com@evil.example/x", "https://lookaside.fbsbx.com:8443/x", "file:///etc/passwd", "//x"]
)  # fmt: skip
@responses.activate
def test_the_token_is_shown_to_no_other_host(url: str) -> None:
    responses.add(responses.GET, f"{GRAPH}/77", json={"url": url, "file_size": 1})
    with pytest.raises(RejectedError):
        WhatsAppRemote(account(), Alone()).media("77", largest=5)
    assert len(responses.calls) == 1


@responses.activate
def test_nobody_is_followed_to_another_place() -> None:
    responses.add(responses.GET, f"{GRAPH}/77", json={"url": "https://lookaside.fbsbx.com/x", "file_size": 1})
    responses.add(
        responses.GET, "https://lookaside.fbsbx.com/x", status=302, headers={"Location": "https://evil.example/"}
    )
    with pytest.raises(RetryLaterError):
        WhatsAppRemote(account(), Alone()).media("77", largest=5)
    assert len(responses.calls) == 2
