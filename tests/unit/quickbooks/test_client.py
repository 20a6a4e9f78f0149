"""What is sent to QuickBooks, what never is, and what its refusals mean."""

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.quickbooks import client as module
from connectors.quickbooks.client import Client, Reads, ids_in
from connectors.quickbooks.errors import USUAL_PAUSE_S, error_of
from hub.errors import (
    AuthError,
    CursorExpired,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)
from tests.unit.quickbooks.books import REALM, TIME, Tools, Wire, settings

BASE = "https://quickbooks.api.intuit.com"
COMPANY = f"{BASE}/v3/company/{REALM}"


@pytest.fixture
def client() -> Client:
    return Client(settings(), Tools())


def fault(code: str, message: str = "Wrong", detail: str = "") -> dict[str, Any]:
    return {
        "Fault": {"Error": [{"Message": message, "Detail": detail, "code": code}], "type": "ValidationFault"},
        "time": TIME,
    }


# --- reading only -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "HEAD"])
@pytest.mark.parametrize("path", ["/invoice", "/invoice/1", "/query", "/batch"])
def test_nothing_but_get_is_ever_sent(verb: str, path: str) -> None:
    session = Reads("", BASE)
    with pytest.raises(RejectedError, match="only read"):
        session.request(verb, f"{COMPANY}{path}", data="{}")


@pytest.mark.parametrize(
    "url",
    [
        f"{COMPANY}/invoice?operation=void", f"{COMPANY}/invoice/1/send", f"{COMPANY}/upload", f"{BASE}/v3/company/{REALM}",
        "https://evil.example/v3/company/1/query", f"http://quickbooks.api.intuit.com/v3/company/{REALM}/query",
        f"{COMPANY}/invoice/1/../../query", f"{COMPANY}/reports/AgedReceivables", f"{COMPANY}/invoice/1%2Fsend",
    ],
)  # fmt: skip
def test_nothing_but_what_is_listed_is_asked_for(url: str) -> None:
    with pytest.raises(RejectedError):
        Reads("", BASE).get(url)


@pytest.mark.parametrize("way", ["post", "put", "patch", "delete", "head", "options"])
def test_no_other_way_leads_out(way: str) -> None:
    session = Reads("", BASE)
    with pytest.raises(RejectedError):
        getattr(session, way)(f"{COMPANY}/query")


def test_no_module_of_the_connector_sends_by_another_door() -> None:
    """Only the client sends; tokens are asked for by `hub.connector.oauth`."""
    folder = Path(module.__file__).parent
    sending = {}
    for file in folder.glob("*.py"):
        names = {node.attr for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
        if names & {"post", "put", "patch", "delete", "request", "urlopen"} and not file.name.startswith("simulat"):
            sending[file.name] = names & {"post", "put", "patch", "delete", "request", "urlopen"}
    assert sending == {"client.py": {"request"}}


# --- questions ----------------------------------------------------------------------------------------------------------


def test_every_question_names_the_minor_version_and_is_counted(client: Client) -> None:
    wire = Wire(
        client,
        (200, {"QueryResponse": {}, "time": TIME}),
        (200, {"CDCResponse": [], "time": TIME}),
        (200, {"Invoice": {"Id": "7"}}),
    )
    client.select("Invoice", where=ids_in(["1", "2"]), start=1, most=5)
    client.changes(("Invoice", "Customer"), datetime(2026, 11, 22, 10, tzinfo=UTC))
    assert client.read("Invoice", "7") == {"Id": "7"}
    asked = [
        (urlsplit(url).path, {name: value for name, [value] in parse_qs(urlsplit(url).query).items()})
        for url, _ in wire.asked
    ]
    assert {query.pop("minorversion") for _, query in asked} == {"75"}
    assert asked == [
        (f"/v3/company/{REALM}/query", {"query": "select * from Invoice where Id in ('1', '2') orderby Id startposition 1 maxresults 5"}),
        (f"/v3/company/{REALM}/cdc", {"entities": "Invoice,Customer", "changedSince": "2026-11-22T10:00:00Z"}),
        (f"/v3/company/{REALM}/invoice/7", {}),
    ]  # fmt: skip
    assert client.tools.spent == [(f"quickbooks:c:{REALM}", 1)] * 3  # type: ignore[attr-defined]  # the tools of this test
    assert wire.asked[0][1]["Authorization"].startswith("Bearer token")


def test_amounts_stay_the_digits_that_were_sent(client: Client) -> None:
    Wire(client, (200, b'{"QueryResponse": {"Invoice": [{"Id": "1", "TotalAmt": 115.50, "Balance": 1e2}]}}'))
    [one] = client.select("Invoice")["QueryResponse"]["Invoice"]
    assert (one["TotalAmt"], one["Balance"]) == ("115.50", "1e2")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b'{"time": "x"}', b'{"QueryResponse": []}', b"[" * 100_000])
def test_what_is_no_answer_is_no_empty_list(client: Client, body: bytes) -> None:
    Wire(client, (200, body))
    with pytest.raises(ShapeError):
        client.select("Invoice")


def test_a_token_that_is_refused_is_refreshed_once(client: Client) -> None:
    wire = Wire(client, (401, fault("3200")), (200, {"QueryResponse": {}}), (401, fault("3200")), (401, fault("3200")))
    client.select("Invoice")
    assert [headers["Authorization"] for _, headers in wire.asked] == ["Bearer token 1", "Bearer token 2"]
    with pytest.raises(AuthError):
        client.select("Invoice")


def test_a_fault_inside_of_a_good_answer_is_one(client: Client) -> None:
    Wire(client, (200, fault("610", "Object Not Found")))
    with pytest.raises(GoneError):
        client.read("Invoice", "7")


def test_silence_is_kept_for_everybody(client: Client) -> None:
    Wire(client, (429, {}))
    with pytest.raises(LimitedError):
        client.select("Invoice")
    assert client.tools.silences == [USUAL_PAUSE_S]  # type: ignore[attr-defined]  # the tools of this test


def test_a_pdf_that_is_too_large_is_not_read_on(client: Client) -> None:
    Wire(client, (200, b"x" * 11), (200, b"x" * 10))
    with pytest.raises(RejectedError):
        client.pdf("Invoice", "7", largest=10)
    assert client.pdf("Invoice", "7", largest=10) == b"x" * 10


@pytest.mark.parametrize("ids", [["1'; drop"], [""], ["٣"]])
def test_what_is_no_id_is_in_no_query(ids: list[str]) -> None:
    with pytest.raises(ShapeError):
        ids_in(ids)


def test_without_a_company_nobody_asks() -> None:
    with pytest.raises(AuthError, match="Connect"):
        Client(settings(address=""), Tools()).login()


@pytest.mark.parametrize(
    ("status", "told", "headers", "kind"),
    [
        (401, fault("3200"), {}, AuthError),
        (401, None, {}, AuthError),
        (403, {"fault": {"error": [{"message": "ApplicationAuthorizationFailed", "code": "3100"}]}}, {}, ScopeError),
        (400, fault("5020", "Permission Denied Error"), {}, ScopeError),
        (403, None, {}, ScopeError),
        (400, fault("6190", "Invalid Company Status"), {}, DisabledError),
        (400, fault("610"), {}, GoneError),
        (404, None, {}, GoneError),
        (400, fault("4001", "Invalid changedSince"), {}, CursorExpired),
        (400, fault("4000", "Error parsing query"), {}, RejectedError),
        (429, None, {"retry-after": "7"}, LimitedError),
        (400, fault("003001", "ThrottleExceeded"), {}, LimitedError),
        (500, fault("10000"), {}, RetryLaterError),
        (503, None, {}, RetryLaterError),
        (302, None, {}, RejectedError),
    ],
)
def test_refusals_are_named_after_what_comes_next(
    status: int, told: Any, headers: dict[str, str], kind: type[Exception]
) -> None:
    error = error_of(status, headers, told)
    assert type(error) is kind
    assert "QuickBooks" in str(error)
    if headers and isinstance(error, LimitedError):
        assert error.retry_after == 7.0
