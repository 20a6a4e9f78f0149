"""Sending, files and the self-check, at the simulator: what goes out, and that nothing goes out twice."""

from collections.abc import Iterator
from typing import Any

import pytest
import responses

from connectors.sms.check import check
from connectors.sms.remote import SmsRemote
from connectors.sms.simulator import SmsSimulator, performance
from hub.connector.checking import Alone
from hub.connector.contract import Level
from hub.connector.simulator import Faults
from hub.errors import (
    AuthError,
    ConnectorError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    UnknownFateError,
)
from tests.unit.sms.desk import SID, URL, account, at, remote, twilio

GATEWAY = "https://gateway.example/send"


@pytest.fixture(params=["generic", "twilio"])
def simulator(request: pytest.FixtureRequest) -> Iterator[SmsSimulator]:
    made = SmsSimulator(0, Faults(), preset=request.param)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def small() -> Iterator[SmsSimulator]:
    made = SmsSimulator()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def of_twilio() -> Iterator[SmsSimulator]:
    made = SmsSimulator(0, Faults(), preset="twilio")
    made.start()
    yield made
    made.stop()


def values(**changes: Any) -> dict[str, Any]:
    return {"to_phone": "+972502345678", "to_id": "", "text": "שלום / hi", "reply_to": "", "again": False, **changes}


def written(simulator: SmsSimulator, line: str = "", settings: dict[str, Any] | None = None, **changes: Any) -> Any:
    opened = remote(simulator, **(settings or {}))
    return opened.writer("message", line or simulator.numbers[0]).create(values(**changes), key="key-1")


def sent_with(**settings: Any) -> Any:
    """What a gateway gets, written as the settings say."""
    responses.add(responses.POST, GATEWAY, json={"data": {"uid": 7}})
    made = SmsRemote(account(send_url=GATEWAY, **settings), Alone())
    written_ = made.writer("message", "+97235551234").create(values(), key="key-1")
    return written_, responses.calls[0].request


# --- what goes out --------------------------------------------------------------------------------------------------


def test_a_text_goes_out_from_the_number_that_was_written_to(simulator: SmsSimulator) -> None:
    made = written(simulator)
    (sent,) = simulator.gateway.sent
    assert (sent.id, sent.sender, sent.to, sent.text) == (
        made.remote_id,
        simulator.numbers[0],
        "+972502345678",
        "שלום / hi",
    )
    payload = dict(made.payload)
    assert payload.pop("at")
    assert payload == {
        "id": made.remote_id, "channel": "sms", "direction": "outbound", "line": simulator.numbers[0],
        "line_number": simulator.numbers[0], "content": "text", "text": "שלום / hi", "peer_phone": "+972502345678",
    }  # fmt: skip


def test_another_sender_goes_first(of_twilio: SmsSimulator) -> None:
    written(of_twilio, settings={"sender": "MG" + "1" * 32})
    written(of_twilio, settings={"sender": "GardenShop"})
    assert [sent.sender for sent in of_twilio.gateway.sent] == ["MG" + "1" * 32, "GardenShop"]


def test_twilio_is_told_where_states_go(of_twilio: SmsSimulator) -> None:
    written(of_twilio, settings={"hook_url": URL})
    assert of_twilio.gateway.sent[0].callback == URL


@responses.activate
def test_fields_are_named_as_the_gateway_wants_them() -> None:
    made, request = sent_with(
        sends='message.body = text\nmessage.to = to\nref = key\ntype = "plain"\ndlr = callback',
        answer_id="data.uid",
        auth="none",
    )
    assert made.remote_id == "7"
    assert (
        request.body
        == b'{"message": {"body": "\\u05e9\\u05dc\\u05d5\\u05dd / hi", "to": "+972502345678"}, "ref": "key-1", "type": "plain"}'
    )
    assert request.headers["Idempotency-Key"] == "key-1"
    assert "Authorization" not in request.headers


@responses.activate
def test_a_form_and_a_header_of_its_own() -> None:
    made, request = sent_with(encoding="form", auth="header", password="סוד", header_name="X-Key")
    assert made.remote_id == "key-1", "the gateway told no id that is looked for"
    assert request.body.startswith("from=%2B97235551234&to=%2B972502345678&text=")


@responses.activate
def test_basic_takes_any_letters() -> None:
    _, request = sent_with(auth="basic", user="noa", password="סוד")
    assert request.headers["Authorization"] == b"Basic bm9hOteh15XXkw=="


@pytest.mark.parametrize("wrong", [{"text": " "}, {"text": "x" * 1601}, {"to_phone": ""}, {"to_phone": "", "to_id": "GardenShop"}, {"to_phone": "GardenShop"}])  # fmt: skip
def test_what_cannot_be_sent_is_refused_before_anybody_is_asked(simulator: SmsSimulator, wrong: dict[str, str]) -> None:
    with pytest.raises(RejectedError):
        written(simulator, **wrong)
    assert simulator.asked == 0


def test_a_word_cannot_be_answered(small: SmsSimulator) -> None:
    with pytest.raises(RejectedError, match="nobody can answer"):
        written(small, to_phone="", to_id="GardenShop")


def test_nothing_is_written_without_a_place_and_nothing_else(small: SmsSimulator) -> None:
    with pytest.raises(RejectedError, match="only takes"):
        SmsRemote(account(), Alone()).writer("message", "x")
    with pytest.raises(RejectedError):
        remote(small).writer("lead")
    writer = remote(small).writer("message", "x")
    with pytest.raises(RejectedError):
        writer.update("1", {}, version="", key="k")
    with pytest.raises(RejectedError):
        writer.delete("1", version="", key="k")


def test_there_is_nothing_to_read(small: SmsSimulator) -> None:
    opened = remote(small)
    assert (opened.streams(), opened.push()) == ((), None)
    with pytest.raises(GoneError):
        opened.stream("message")


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("token_expired", AuthError), ("revoked", AuthError), ("scope_missing", ScopeError), ("rate_limited", LimitedError),
     ("unavailable", RetryLaterError)],
)  # fmt: skip
def test_each_refusal_says_what_to_do_next_and_nothing_was_sent(
    simulator: SmsSimulator, fault: str, kind: type[ConnectorError]
) -> None:
    simulator.faults.add(fault)
    with pytest.raises(kind) as refused:
        written(simulator)
    assert not isinstance(refused.value, UnknownFateError)
    assert simulator.gateway.sent == []
    assert simulator.gateway.password not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "line", "words"),
    [
        ({"to_phone": "0502345678"}, "", "no number"),
        ({}, "+15550001111", "none of the account"),
        ({"to_phone": "+972502345699"}, "", "STOP"),
    ],
)
def test_twilios_numbers_are_sentences(of_twilio: SmsSimulator, changes: dict[str, str], line: str, words: str) -> None:
    of_twilio.gateway.stopped.add("+972502345699")
    with pytest.raises(RejectedError, match=words):
        written(of_twilio, line, **changes)


# --- an answer that is lost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", ["commit_then_timeout", "reset", "truncated_json", "html_instead_of_json", "hang", "server_error"]
)
def test_a_message_whose_answer_is_lost_is_not_sent_again(simulator: SmsSimulator, fault: str) -> None:
    simulator.faults.add(fault)
    with pytest.raises(UnknownFateError, match="Nobody knows"):
        written(simulator, settings={"timeout_s": 0.3})
    before = simulator.asked
    with pytest.raises(UnknownFateError):
        written(simulator, again=True)
    assert simulator.asked == before


def test_a_gateway_that_knows_repeats_gets_it_again_and_sends_it_once(small: SmsSimulator) -> None:
    small.faults.add("commit_then_timeout")
    with pytest.raises(RetryLaterError):
        written(small, settings={"knows_repeats": True})
    made = written(small, settings={"knows_repeats": True}, again=True)
    assert [sent.id for sent in small.gateway.sent] == [made.remote_id]


def test_where_nothing_can_have_left_it_is_tried_again(simulator: SmsSimulator) -> None:
    gone = at(simulator)
    simulator.stop()
    with pytest.raises(RetryLaterError):
        SmsRemote(gone, Alone()).writer("message", simulator.numbers[0]).create(values(), key="k")


# --- files ----------------------------------------------------------------------------------------------------------


def address_of(simulator: SmsSimulator) -> str:
    url, _ = simulator._picture()
    return url


def test_a_file_is_fetched_from_the_gateway_itself(simulator: SmsSimulator) -> None:
    assert remote(simulator).media(address_of(simulator), largest=10_000).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("fault", "kind"), [("media_gone", GoneError), ("media_huge", RejectedError), ("hang", RetryLaterError)]
)
def test_a_file_that_cannot_be_had(simulator: SmsSimulator, fault: str, kind: type[ConnectorError]) -> None:
    simulator.faults.add(fault)
    with pytest.raises(kind):
        remote(simulator, timeout_s=0.3).media(address_of(simulator), largest=10_000)


def test_nobody_is_followed_to_a_host_that_the_settings_do_not_name(of_twilio: SmsSimulator) -> None:
    of_twilio.faults.add("media_elsewhere")
    with pytest.raises(RejectedError, match="do not name"):
        remote(of_twilio).media(address_of(of_twilio), largest=10_000)


@pytest.mark.parametrize(
    "url",
    ["https://evil.example/x", "http://api.twilio.com/x", "https://api.twilio.com.evil.example/x", "https://api.twilio.com@evil.example/",
     "https://169.254.169.254/latest", "http://127.0.0.1/", "file:///etc/passwd", "https://api.twilio.com:8443/x", "", "//x", "https://["],
)  # fmt: skip
@responses.activate
def test_a_message_cannot_make_us_ask_anybody_else(url: str) -> None:
    with pytest.raises(RejectedError):
        SmsRemote(twilio(), Alone()).media(url, largest=5)
    assert not responses.calls


@responses.activate
def test_where_twilio_sends_us_on_to_our_password_is_not_shown() -> None:
    first, second = (
        f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages/MM1/Media/ME1",
        "https://mms.twiliocdn.com/x",
    )
    responses.add(responses.GET, first, status=307, headers={"Location": second})
    responses.add(responses.GET, second, body=b"picture")
    assert SmsRemote(twilio(), Alone()).media(first, largest=10) == b"picture"
    shown = [call.request.headers.get("Authorization", b"") for call in responses.calls]
    assert shown[0].startswith(b"Basic ")
    assert shown[1] == b""


@pytest.mark.parametrize("auth", ["bearer", "header", "basic"])
def test_a_password_of_any_letters_is_only_refused(small: SmsSimulator, auth: str) -> None:
    for password in ("סוד", "two\nlines"):
        with pytest.raises((AuthError, RetryLaterError)):
            written(small, settings={"password": password, "auth": auth})


# --- check ----------------------------------------------------------------------------------------------------------


def test_a_healthy_twilio_is_green_but_for_where_states_go(of_twilio: SmsSimulator) -> None:
    found = {one.topic: one.level for one in check(at(of_twilio))}
    assert found == {"hook": Level.GREEN, "gateway": Level.GREEN, "numbers": Level.GREEN, "states": Level.AMBER}
    assert {one.level for one in check(at(of_twilio, hook_url=URL))} == {Level.GREEN}


@pytest.mark.parametrize("fault", ["suspended", "token_expired", "server_error"])
def test_what_is_wrong_at_twilio_is_red_with_what_to_do(of_twilio: SmsSimulator, fault: str) -> None:
    of_twilio.faults.add(f"{fault}=always")
    (red,) = [one for one in check(at(of_twilio)) if one.level is Level.RED]
    assert red.action


@pytest.mark.parametrize(
    ("settings", "level"),
    [({}, Level.GREEN), ({"send_url": GATEWAY}, Level.AMBER), ({"preset": "twilio", "password": "x"}, Level.RED)],
)
def test_what_can_be_known_without_asking_anybody(settings: dict[str, str], level: Level) -> None:
    assert check(account(**settings))[-1].level is level


def test_an_open_account_checks_the_same(simulator: SmsSimulator) -> None:
    assert remote(simulator).check() == check(at(simulator))


def test_its_options_are_understood() -> None:
    assert performance({"to": "", "preset": "generic"}) is None
    assert performance({"to": "http://127.0.0.1:1", "preset": "twilio"}) is not None
    with pytest.raises(ValueError, match="no preset"):
        performance({"to": "", "preset": "pigeon"})
