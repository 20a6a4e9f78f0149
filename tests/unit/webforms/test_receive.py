"""Repeats, robots, thanks, and whatever strangers write."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.webforms import CONNECTOR
from connectors.webforms.lead import Lead, name_of
from connectors.webforms.webhook import check, receive
from hub.connector.contract import Level
from hub.connector.fields import DEEPEST, LARGEST, MOST_FIELDS
from hub.connector.hook import Hook
from hub.errors import HookError, RecordError, ShapeError
from hub.intake.receive import storable
from tests.unit.webforms.desk import FORM, account, answers, hook, in_form, in_json, lead, taken

DANA = {"name": "Dana", "phone": "052-345-6789"}


# --- the same again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["submission_id", "Submission_ID", "lead_id", "response_id", "entry_id"])
def test_an_answer_with_an_id_is_the_same_whenever_it_comes(name: str) -> None:
    one = {**DANA, name: "7"}
    assert taken(in_json(one))["id"] == taken(in_form(one))["id"]
    assert taken(in_json(one))["id"] != taken(in_json({**one, name: "8"}))["id"]
    assert name not in answers(taken(in_json(one)))


def test_a_page_that_gives_everybody_the_same_id_makes_them_not_one_lead() -> None:
    first, second = (taken(in_json({"name": who, "submission_id": "static"})) for who in ("Dana", "Omer"))
    assert first["id"] != second["id"]


@pytest.mark.parametrize("name", ["id", "event_id"])
def test_a_passport_number_and_an_evening_are_answers(name: str) -> None:
    assert answers(taken(in_json({**DANA, name: "012345678"})))[name] == ["012345678"]


def test_an_administrator_says_which_field_is_the_id_and_it_stays_an_answer() -> None:
    payload = taken(in_json({**DANA, "ticket": "t1", "lead_id": "same"}), id_field="ticket")
    assert answers(payload)["ticket"] == ["t1"]
    assert payload["id"] != taken(in_json({**DANA, "ticket": "t2", "lead_id": "same"}), id_field="ticket")["id"]


def test_a_program_may_send_its_id_in_a_header() -> None:
    body = json.dumps(DANA).encode()
    ids = [taken(hook(body, idempotency_key=key), preset="zapier")["id"] for key in ("a", "a", "b")]
    assert ids[0] == ids[1] != ids[2]


def test_without_an_id_the_same_answers_within_ten_minutes_are_one() -> None:
    one, other = Lead(), Lead()
    one.answer("name", ["Dana"])
    other.answer("name", ["Omer"])
    assert name_of(one, 100) == name_of(one, 109) != name_of(one, 110)
    assert name_of(one, 100) != name_of(other, 100)


@pytest.mark.parametrize("token", ["x" * 5000, {"a": 1}, 7, "\0\ud800", "ש" * 200])
def test_any_id_is_a_name_that_a_database_can_hold(token: Any) -> None:
    body = json.dumps(
        {"form_response": {"token": token, "answers": [{"type": "text", "text": "x", "field": {"id": "f"}}]}}
    )
    payload = taken(hook(body.encode()), preset="typeform", proof="token")
    assert 0 < len(payload["id"]) <= 200
    assert storable(payload["id"]).encode()


# --- robots and thanks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("preset", ["own", "elementor", "cf7", "zapier"])
@pytest.mark.parametrize("browser", [True, False])
def test_a_robot_is_answered_like_everybody_and_nothing_is_kept(preset: str, form: bool, browser: bool) -> None:
    accept = {"accept": "text/html,*/*"} if browser else {}

    def said(trap: str) -> Any:
        made = (in_form if form else in_json)({**DANA, "hub_homepage": trap})
        return receive(
            account(preset=preset, thanks_url="https://example.com/thanks"), Hook(made.body, accept, made.content_type)
        )

    robot, person = said("https://spam.example"), said(" ")
    assert not robot.records
    assert lead(person)
    assert (robot.answer, robot.page, robot.redirect) == (person.answer, person.page, person.redirect)
    assert "hub_homepage" not in answers(lead(person))


def test_elementors_advanced_data_has_the_trap_too() -> None:
    body = {"fields": {"hub_homepage": {"id": "hub_homepage", "value": "x"}, "name": {"id": "name", "value": "Dana"}}}
    assert not receive(account(preset="elementor"), in_json(body)).records


def test_another_trap_or_none_may_be_set() -> None:
    assert not receive(account(trap_field="website"), in_form({**DANA, "website": "x"})).records
    assert answers(taken(in_form({**DANA, "hub_homepage": "x"}), trap_field=""))["hub_homepage"] == ["x"]


@pytest.mark.parametrize(
    ("accept", "thanks", "page", "redirect"),
    [("text/html,application/xhtml+xml", "", True, ""), ("*/*", "https://example.com/t", False, ""), ("", "", False, ""),
     ("text/html", "https://example.com/t", True, "https://example.com/t")],
)  # fmt: skip
def test_a_browser_gets_a_page_and_a_program_json(accept: str, thanks: str, page: bool, redirect: str) -> None:
    made = in_form(DANA)
    received = receive(account(thanks_url=thanks), Hook(made.body, {"accept": accept}, made.content_type))
    assert (received.page, received.redirect, received.answer) == (page, redirect, {"ok": True})


def test_settings_tell_what_the_program_does_not() -> None:
    payload = taken(in_form(DANA), form_name="Offer", language="he")
    assert (payload["form_name"], payload["language"], payload["platform"]) == ("Offer", "he", "web")
    assert taken(in_form({**DANA, "form_name": "Other"}), form_name="Offer")["form_name"] == "Other"


@pytest.mark.parametrize(
    ("at", "kept"),
    [("2023-06-28T15:00:21.000Z", "2023-06-28T15:00:21+00:00"), ("2023-06-28T15:00:21", "2023-06-28T15:00:21+00:00"),
     ("0001-01-01T00:00:00+14:00", None), ("yesterday", None), ("", None), ({"a": 1}, None)],
)  # fmt: skip
def test_when_it_was_answered_is_read_where_it_makes_sense(at: Any, kept: str | None) -> None:
    body = {"data": {"responseId": "1", "createdAt": at, "fields": [{"key": "a", "label": "Name", "value": "Dana"}]}}
    assert taken(in_json(body), preset="tally", proof="token").get("created_at") == kept


def test_a_clock_that_runs_ahead_does_not_put_a_lead_into_the_future() -> None:
    body = {
        "data": {"responseId": "1", "createdAt": "9999-12-31T23:59:59-12:00", "fields": [{"key": "a", "value": "x"}]}
    }
    assert taken(in_json(body), preset="tally", proof="token")["created_at"] < "2200"


# --- hostile -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"' + b"m" * (2 << 20) + b'"}',
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1),
        json.dumps({str(n): "x" for n in range(MOST_FIELDS + 1)}).encode(),
        json.dumps({"k" * 50_000: {"n" * 300 + str(n): {"a": "x"} for n in range(MOST_FIELDS + 1)}}).encode(),
        b'{"a":[' + b"{}," * 300_000 + b"{}]}",
        b'{"a":1' + b"0" * 5000 + b"}",
        b"[]", b'"x"', b"null", b"", b"\xff\xfe", b'{"a"',
    ],
    ids=lambda body: f"{len(body)}-{body[:8]!r}",
)  # fmt: skip
def test_a_hostile_body_is_refused(body: bytes) -> None:
    with pytest.raises(ShapeError):
        receive(account(), hook(body))


def test_a_long_name_before_many_fields_does_not_stand_in_each_of_them() -> None:
    body = json.dumps({"k" * 500_000: {str(n): "x" for n in range(400)}}).encode()
    assert len(body) < LARGEST == CONNECTOR.largest_hook
    assert len(json.dumps(taken(hook(body)))) < LARGEST


@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=x"])
def test_a_form_with_too_many_fields_is_refused(kind: str) -> None:
    pairs = [(f"f{n}", "x") for n in range(MOST_FIELDS + 1)]
    if kind == FORM:
        made = in_form(pairs)
    else:
        made = Hook(b"", {}, "multipart/form-data", {name: [value] for name, value in pairs})
    with pytest.raises(ShapeError):
        receive(account(), made)


def test_of_a_name_that_stands_there_twice_the_last_one_counts() -> None:
    assert answers(taken(hook(b'{"name":"a","name":"b"}'))) == {"name": ["b"]}
    assert answers(taken(hook(b"name=a&name=b", FORM))) == {"name": ["a", "b"]}


@pytest.mark.parametrize(
    "text", ["\0", "\ud83d", "\u202eiveL anaD\u202c", "=HYPERLINK(1)", "<script>alert(1)</script>", "😀" * 999]
)
def test_odd_texts_are_kept_as_they_came(text: str) -> None:
    payload = taken(hook(json.dumps({"name": text, text: "x", "terms": text}).encode()), consent_fields="terms")
    assert answers(payload)["name"] == [text]
    assert storable(payload)["answers"][0]["values"][0].encode()


def test_a_body_in_another_script_than_it_says_is_read_with_marks() -> None:
    assert answers(taken(hook("name=דנה".encode("cp1255"), FORM)))["name"] == ["\ufffd" * 3]


DEEP = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(["form_response", "answers", "definition", "fields", "field", "data", "options", "user_column_data",
                         "type", "choice", "choices", "labels", "key", "label", "value", "id", "token", "hidden", "name"])  # fmt: skip
SHAPED = st.recursive(
    DEEP, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=30
)


@given(told=st.dictionaries(NAMES | st.text(max_size=5), SHAPED, max_size=5), preset=st.sampled_from(
    ["own", "elementor", "cf7", "typeform", "tally", "google_ads", "zapier"]))  # fmt: skip
def test_any_json_is_a_lead_or_refused(told: dict[str, Any], preset: str) -> None:
    try:
        received = receive(
            account(preset=preset, proof="token", consent_fields="name"), hook(json.dumps(told).encode())
        )
    except (HookError, RecordError):
        return
    for record in received.records:
        assert 0 < len(record.remote_id) <= 200
        assert json.loads(json.dumps(record.payload)) == record.payload


def test_the_check_asks_nobody_and_says_how_calls_prove_themselves() -> None:
    (one,) = check(account(preset="typeform", signing_secret="x"))
    assert one.level is Level.GREEN
    assert "typeform" in one.text
