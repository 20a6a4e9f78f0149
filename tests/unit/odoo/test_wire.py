"""The three protocols on the wire: what is sent, and how answers are read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.odoo import xml_rpc
from connectors.odoo.client import Client
from connectors.odoo.errors import NoPlaceError
from connectors.odoo.wire import Door, Json2, JsonRpc, XmlRpc
from hub.connector.checking import Alone
from hub.errors import AuthError, RejectedError, RetryLaterError
from tests.unit.odoo.fake import settings

BASE = "https://erp.example.com"
MOVES = f"{BASE}/json/2/account.move/search_read"
DATE = {"Date": "Mon, 23 Nov 2026 07:00:05 GMT"}
NOT_FOUND = "<!DOCTYPE html><title>404 Not Found</title>"


def rpc(**answer: Any) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, **answer})


@responses.activate
def test_json_2_sends_key_and_database_in_headers_and_keeps_amounts_as_digits() -> None:
    responses.post(MOVES, body='[{"id": 1, "amount_total": 115.50}]', headers=DATE)
    answer = Json2(Door(settings())).call("account.move", "search_read", {"domain": []})
    [sent] = responses.calls
    assert sent.request.headers["Authorization"] == f"Bearer {'k' * 40}"
    assert sent.request.headers["X-Odoo-Database"] == "books"
    assert "k" * 40 not in str(sent.request.url)
    assert answer.value == [{"id": 1, "amount_total": "115.50"}]
    # A second less than the answer's, and less what it took: what was looked at, was looked at later.
    assert answer.asked_at is not None
    assert answer.asked_at <= datetime(2026, 11, 23, 7, 0, 4, tzinfo=UTC)


@responses.activate
def test_an_answer_without_a_date_says_no_time() -> None:
    responses.post(MOVES, body="[]")
    assert Json2(Door(settings())).call("account.move", "search_read", {}).asked_at is None


@pytest.mark.parametrize("body", ["<html>", "", '{"a": NaN}', "[" * 100_000])
@responses.activate
def test_an_answer_that_is_no_json_is_asked_for_later(body: str) -> None:
    responses.post(MOVES, body=body)
    with pytest.raises((RetryLaterError, RejectedError)):
        Json2(Door(settings())).call("account.move", "search_read", {})


@responses.activate
def test_a_redirect_is_not_followed() -> None:
    responses.post(MOVES, status=302, headers={"Location": "https://elsewhere.example.com"})
    with pytest.raises(RetryLaterError, match="in its place"):
        Json2(Door(settings())).call("account.move", "search_read", {})
    assert len(responses.calls) == 1


def test_a_key_that_cannot_be_a_header_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(AuthError, match="characters"):
        Json2(Door(settings(api_key="a\nb"))).call("account.move", "search_read", {})


@responses.activate
def test_json_rpc_signs_in_once_and_calls_by_execute_kw() -> None:
    door = Door(settings(username="reader"))
    responses.post(f"{BASE}/jsonrpc", body=rpc(result=7))
    responses.post(f"{BASE}/jsonrpc", body=rpc(result=[{"id": 3, "amount": 0.1}]))
    responses.post(f"{BASE}/jsonrpc", body=rpc(result=[]))
    wire = JsonRpc(door)
    assert wire.call("account.move", "read", {"ids": [3], "fields": ["amount"]}).value == [{"id": 3, "amount": "0.1"}]
    wire.call("account.move", "search", {"domain": []})
    signed, asked, again = (json.loads(str(one.request.body or b"", "utf-8"))["params"] for one in responses.calls)  # type: ignore[arg-type]  # each has a body of bytes
    assert (signed["method"], signed["args"]) == ("authenticate", ["books", "reader", "k" * 40, {}])
    assert asked["args"] == ["books", 7, "k" * 40, "account.move", "read", [[3]], {"fields": ["amount"]}]
    assert again["args"][5:] == [[], {"domain": []}]


@responses.activate
def test_json_rpc_that_knows_no_such_user_says_so() -> None:
    responses.post(f"{BASE}/jsonrpc", body=rpc(result=False))
    with pytest.raises(AuthError, match="no such user"):
        JsonRpc(Door(settings(username="reader"))).call("res.partner", "search", {})


@pytest.mark.parametrize("body", ["[]", "{}", rpc(error=None), rpc(error={"data": 3}), "x"])
@responses.activate
def test_json_rpc_that_answers_something_else_is_refused(body: str) -> None:
    responses.post(f"{BASE}/jsonrpc", body=body)
    with pytest.raises((RejectedError, RetryLaterError)):
        JsonRpc(Door(settings(username="reader"))).call("res.partner", "search", {})


def xml(value: str) -> str:
    return (
        f"<?xml version='1.0'?><methodResponse><params><param><value>{value}</value></param></params></methodResponse>"
    )


@responses.activate
def test_xml_rpc_keeps_amounts_as_digits() -> None:
    responses.post(f"{BASE}/xmlrpc/2/common", body=xml("<int>7</int>"))
    responses.post(
        f"{BASE}/xmlrpc/2/object",
        body=xml("<struct><member><name>a</name><value><double>12.30</double></value></member></struct>"),
    )
    assert XmlRpc(Door(settings(username="reader"))).call("account.move", "search_read", {}).value == {"a": "12.30"}


@pytest.mark.parametrize(
    "content",
    [
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><methodResponse><params><param><value>&a;</value></param></params></methodResponse>',
        b"<?x <methodResponse ?><!DOCTYPE x [<!ENTITY a 'b'>]>" + xml("&a;").partition("?>")[2].encode(),
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x><methodResponse/>'.encode("utf-16"),
        b"<html></html>", b"", b"<methodResponse><params></params></methodResponse>", b"<methodResponse>",
        xml("<dateTime.iso8601>x</dateTime.iso8601>").encode()[:-5],
    ],
)  # fmt: skip
def test_what_is_no_xml_rpc_is_refused_and_no_entity_is_read(content: bytes) -> None:
    with pytest.raises(RetryLaterError):
        xml_rpc.decoded(content)


def test_a_fault_says_its_code_and_words() -> None:
    fault = "<struct><member><name>faultCode</name><value><int>4</int></value></member><member><name>faultString</name><value>no</value></member></struct>"
    with pytest.raises(xml_rpc.FaultError, match="no") as told:
        xml_rpc.decoded(f"<methodResponse><fault><value>{fault}</value></fault></methodResponse>".encode())
    assert told.value.code == 4


# --- which protocol, and whether the key is good --------------------------------------------------------------------------

WHO = f"{BASE}/json/2/res.users/context_get"
COUNT = f"{BASE}/json/2/res.partner/search_count"
REFUSED = {"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey"}


def asked() -> list[str]:
    return [str(one.request.url).removeprefix(BASE) for one in responses.calls]


@responses.activate
def test_a_new_odoo_is_asked_by_json_2_and_the_key_is_proven_once() -> None:
    responses.post(WHO, body='{"uid": 7}')
    responses.post(COUNT, body="3")
    tools = Alone()
    for _ in range(2):
        client = Client(settings(), tools)
        assert client.count("res.partner", []) == 3
        assert client.protocol == "json2"
    assert asked() == ["/json/2/res.users/context_get", *["/json/2/res.partner/search_count"] * 2]


@responses.activate
def test_an_old_odoo_is_found_out_by_asking_and_remembered() -> None:
    responses.post(WHO, status=404, body=NOT_FOUND)
    responses.get(f"{BASE}/web/version", status=404, body=NOT_FOUND)
    responses.post(f"{BASE}/web/webclient/version_info", body=rpc(result={"server_version": "17.0"}))
    responses.post(f"{BASE}/jsonrpc", status=404, body=NOT_FOUND)
    responses.post(f"{BASE}/xmlrpc/2/common", body=xml("<int>7</int>"))
    responses.post(f"{BASE}/xmlrpc/2/object", body=xml("<struct></struct>"))
    responses.post(f"{BASE}/xmlrpc/2/object", body=xml("<int>5</int>"))
    tools = Alone()
    client = Client(settings(username="reader"), tools)
    assert client.count("res.partner", []) == 5
    assert client.protocol == "xmlrpc"
    assert client.link("sale.order", 4) == f"{BASE}/web#id=4&model=sale.order&view_type=form"
    before = len(responses.calls)
    assert Client(settings(username="reader"), tools).count("res.partner", []) == 5
    assert asked()[before:] == ["/xmlrpc/2/object"]


@responses.activate
def test_a_new_odoo_without_json_2_has_no_such_database() -> None:
    responses.post(WHO, status=404, body=NOT_FOUND)
    responses.get(f"{BASE}/web/version", body='{"version_info": [19, 0], "version": "19.0"}')
    with pytest.raises(AuthError, match="no such database"):
        Client(settings(), Alone()).count("res.partner", [])


@responses.activate
def test_what_is_no_odoo_is_said() -> None:
    responses.post(WHO, status=404, body=NOT_FOUND)
    responses.get(f"{BASE}/web/version", body="hello")
    responses.post(f"{BASE}/web/webclient/version_info", body='["x"]')
    with pytest.raises(NoPlaceError, match="no Odoo"):
        Client(settings(), Alone()).count("res.partner", [])


@responses.activate
def test_a_key_that_is_refused_once_is_proven_and_the_same_is_asked_again() -> None:
    responses.post(WHO, body='{"uid": 7}')
    responses.post(COUNT, status=401, json=REFUSED)
    responses.post(COUNT, body="3")
    assert Client(settings(), Alone()).count("res.partner", []) == 3
    assert [one.rpartition("/")[2] for one in asked()] == ["context_get", "search_count", "context_get", "search_count"]


@responses.activate
def test_a_dead_key_is_not_tried_again() -> None:
    responses.post(WHO, body='{"uid": 7}')
    responses.post(WHO, status=401, json=REFUSED)
    responses.post(COUNT, status=401, json=REFUSED)
    with pytest.raises(AuthError, match="connect again"):
        Client(settings(), Alone()).count("res.partner", [])
    assert [one.rpartition("/")[2] for one in asked()] == ["context_get", "search_count", "context_get"]
