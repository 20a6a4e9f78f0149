"""How requests prove who asks, where they may go, and what answers mean; no secret is ever repeated."""

import base64
import hashlib
import hmac
import json
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from hub.connector.manifest.auth import Outgoing, Proof
from hub.connector.manifest.client import LARGEST, Question
from hub.connector.manifest.template import link_of
from hub.connector.manifest.words import error_of
from hub.connector.stream import Grant
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)
from tests.unit.manifest.desk import access, client, manifest

BASE = "https://books.example/api"
SECRET = "a long secret"
PUBLIC, INSIDE = "93.184.216.34", "10.0.0.5"


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Names of hosts, and where they lead."""
    known = {"books.example": PUBLIC, "files.example": PUBLIC, "inside.example": INSIDE, "127.0.0.1": "127.0.0.1"}

    def found(host: str, port: int, **_: Any) -> list[Any]:
        if host not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[host], port))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return known


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def with_auth(auth: str, top: str = "") -> str:
    return manifest(top).replace('auth = { type = "bearer", value = { setting = "token" } }', auth)


# --- access ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ('auth = { type = "bearer", value = { setting = "token" } }', {"Authorization": f"Bearer {SECRET}"}),
        ('auth = { type = "header", name = "X-Key", value = { setting = "token" } }', {"X-Key": SECRET}),
        ('auth = { type = "header", name = "Authorization", prefix = "token ", value = ["me", { setting = "token" }] }', {"Authorization": f"token me:{SECRET}"}),
        ('auth = { type = "basic", user = { setting = "token" }, password = "PAT" }', {"Authorization": "Basic " + base64.b64encode(f"{SECRET}:PAT".encode()).decode()}),
        ('auth = { type = "none" }', {}),
    ],
)  # fmt: skip
def test_a_key_travels_in_its_header(auth: str, sent: dict[str, str]) -> None:
    proof = Proof(access(with_auth(auth)))
    assert proof.signed(Outgoing("GET", BASE), proof.key()).headers == sent


def test_a_key_in_the_address_is_in_no_log_and_no_cursor(
    web: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    web.get(f"{BASE}/invoices", json=[])
    one = client(with_auth('auth = { type = "query", name = "api_token", value = { setting = "token" } }'))
    one.ask(Question("/invoices"))
    assert web.calls[0].request.url == f"{BASE}/invoices?api_token=a%20long%20secret"
    assert one.next_of("/api/invoices?page=2&api_token=a%20long%20secret") == f"{BASE}/invoices?page=2"
    logging.getLogger("urllib3.connectionpool").debug(
        '%s "%s %s"', "https://books.example", "GET", "/x?api_token=a%20long%20secret&b=1"
    )
    assert "secret" not in caplog.text
    assert "api_token=***&b=1" in caplog.text


def test_a_key_in_the_body_stands_beside_what_is_asked(web: responses.RequestsMock) -> None:
    web.post(f"{BASE}/invoices", json=[])
    client(with_auth('auth = { type = "body", values = { cid = "we", pass = { setting = "token" } } }')).ask(
        Question("/invoices", "POST", body={"page": 1})
    )
    assert json.loads(web.calls[0].request.body or b"") == {"page": 1, "cid": "we", "pass": SECRET}


def test_the_first_way_for_which_everything_was_entered_counts() -> None:
    auth = 'auth = [{ type = "bearer", value = { setting = "token" } }, { type = "basic", user = { setting = "user" }, password = "x" }]'
    text = with_auth(auth).replace(
        "[settings.token]", '[settings.user]\ntitle = "User"\ndescription = "Yours."\n\n[settings.token]'
    )
    assert Proof(access(text, user="me")).auth.type == "bearer"
    assert Proof(access(text, user="me", token="")).auth.type == "basic"
    with pytest.raises(AuthError, match="enter User, Token"):
        assert Proof(access(text, token="")).first


def test_a_request_is_signed_over_the_parts_that_the_manifest_names() -> None:
    auth = (
        'auth = { type = "hmac", secret = { setting = "token" }, header = "X-Sign", prefix = "v1=", encoding = "base64", '
        'sign = ["method", "path", "query", "time", "body_hash", "key"], separator = "|", key = "id9", key_header = "X-Key", '
        'time_header = "X-Time", nonce_header = "X-Nonce" }'
    )
    proof = Proof(access(with_auth(auth)))
    made = proof.signed(Outgoing("POST", f"{BASE}/a", {"b": "c d"}, body={"x": 1}), SECRET)
    text = f"POST|/api/a|b=c%20d|{made.headers['X-Time']}|{hashlib.sha256(made.content).hexdigest()}|id9"
    expected = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    assert made.headers["X-Sign"] == "v1=" + base64.b64encode(expected).decode()
    assert made.headers["X-Key"] == "id9"
    assert len(made.headers["X-Nonce"]) == 32


def test_client_credentials_are_exchanged_for_a_token_once(web: responses.RequestsMock) -> None:
    web.post(f"{BASE}/oauth/token", json={"access_token": "T1", "expires_in": 3600})
    web.get(f"{BASE}/invoices", json=[])
    one = client(
        with_auth(
            'auth = { type = "client_credentials", path = "/oauth/token", client = "a:b", secret = { setting = "token" }, scope = "read" }'
        )
    )
    one.ask(Question("/invoices"))
    one.ask(Question("/invoices"))
    asked = [call.request for call in web.calls]
    assert [one.url for one in asked] == [f"{BASE}/oauth/token", *[f"{BASE}/invoices"] * 2]
    assert asked[0].body == b"grant_type=client_credentials&scope=read"
    assert base64.b64decode(asked[0].headers["Authorization"].removeprefix("Basic ")) == b"a%3Ab:a%20long%20secret"
    assert asked[1].headers["Authorization"] == "Bearer T1"


LOGIN = 'auth = {{ type = "login", path = "/login", body = {{ id = "me", secret = {{ setting = "token" }} }}, {} }}'


def test_a_session_that_ended_is_begun_once_more(web: responses.RequestsMock) -> None:
    web.post(f"{BASE}/login", json={"SessionTimeout": 30}, headers={"Set-Cookie": "SESSION=s1; HttpOnly; Path=/"})
    web.post(f"{BASE}/login", json={"SessionTimeout": 30}, headers={"Set-Cookie": "SESSION=s2; HttpOnly"})
    web.get(f"{BASE}/invoices", status=401, json={})
    web.get(f"{BASE}/invoices", json=[])
    text = with_auth(
        LOGIN.format(
            'cookies = ["SESSION", "NODE"], send = "cookie", expires = "SessionTimeout", expires_in = "minutes"'
        )
    )
    client(text).ask(Question("/invoices"))
    assert [call.request.headers.get("Cookie") for call in web.calls] == [None, "SESSION=s1", None, "SESSION=s2"]


def test_how_long_a_token_is_good_the_answer_says() -> None:
    until = int(datetime.now(UTC).timestamp()) + 1800
    proof = Proof(access(with_auth(LOGIN.format('token = "data.jwt", expires = "data.until", expires_in = "unix"'))))
    grant = proof.granted({"data": {"jwt": "J", "until": until}}, {}, Grant("mark"))
    assert (grant.access_token, grant.refresh_token) == ("J", "mark")
    assert grant.expires_at is not None
    assert abs(grant.expires_at - datetime.fromtimestamp(until, UTC)) < timedelta(seconds=5)
    with pytest.raises(RetryLaterError, match="no token"):
        proof.granted({"data": {}}, {}, Grant("mark"))


@pytest.mark.parametrize("said", ["NaN", "Infinity", "-1e300", "1e400", -5, True, None, "soon", [3]])
def test_a_life_that_no_token_has_is_not_believed(said: Any) -> None:
    auth = 'auth = { type = "client_credentials", path = "/token", client = "me", secret = { setting = "token" } }'
    for text in (auth, LOGIN.format('token = "access_token", expires = "expires_in"')):
        grant = Proof(access(with_auth(text))).granted({"access_token": "T", "expires_in": said}, {}, Grant("mark"))
        assert grant.expires_at is not None
        assert grant.expires_at > datetime.now(UTC) - timedelta(seconds=5)


def test_a_key_that_is_refused_is_proven_before_anybody_is_called(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/me", json={})
    web.get(f"{BASE}/invoices", status=401, json={})
    text = manifest('check = { path = "/me" }\n')
    with pytest.raises(ScopeError, match="The access itself is good"):
        client(text).ask(Question("/invoices"))
    assert [call.request.url for call in web.calls] == [
        f"{BASE}/me",
        f"{BASE}/invoices",
        f"{BASE}/me",
        f"{BASE}/invoices",
    ]
    web.replace(responses.GET, f"{BASE}/me", status=401, json={})
    with pytest.raises(AuthError):
        client(text).ask(Question("/invoices"))


# --- where requests go ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/x", "//evil.example/x", "http://books.example/api/x", "https://books.example:444/x",
        "https://books.example@evil.example/x", "https://evil.example\\@books.example/x", "javascript:alert(1)", "file:///etc/passwd",
        "https://books.example.evil.example/x", "https://sub.files.example/x",
    ],
)  # fmt: skip
def test_a_next_page_or_redirect_to_another_host_is_refused(web: responses.RequestsMock, link: str) -> None:
    one = client(manifest('hosts = ["books.example", "files.example"]\n'))
    with pytest.raises(RejectedError, match="does not list"):
        one.next_of(link)
    web.get(f"{BASE}/invoices", status=302, headers={"Location": link})
    with pytest.raises(RejectedError):
        one.ask(Question("/invoices"))
    assert len(web.calls) == 1


def test_a_redirect_to_a_listed_host_is_followed_and_not_for_ever(web: responses.RequestsMock) -> None:
    one = client(manifest('hosts = ["books.example", "files.example"]\n'))
    web.get(f"{BASE}/invoices", status=302, headers={"Location": "https://files.example/list"})
    web.get("https://files.example/list", json=[1])
    assert one.ask(Question("/invoices")).told == [1]
    web.get(f"{BASE}/circle", status=302, headers={"Location": "circle"})
    with pytest.raises(RetryLaterError, match="circle"):
        one.ask(Question("/circle"))
    web.post(f"{BASE}/search", status=307, headers={"Location": f"{BASE}/other"})
    with pytest.raises(RejectedError, match="elsewhere"):
        one.ask(Question("/search", "POST", body={}))


@pytest.mark.parametrize(
    ("base", "values", "said"),
    [
        ("https://inside.example/api", {}, "of our own network"),
        ("https://127.0.0.1:8443/api", {}, "of our own network"),
        ("http://books.example/api", {}, "needs https://"),
        ("http://books.example/api", {"allow_private": True}, "needs https://"),
        ("https://nowhere.example/api", {}, "nobody knows the name"),
        ("http://inside.example/api", {"allow_private": True}, ""),
    ],
)
def test_our_own_network_is_asked_only_where_the_settings_allow_it(
    web: responses.RequestsMock, base: str, values: dict[str, Any], said: str
) -> None:
    web.get(f"{base}/invoices", json=[])
    one = client(manifest(), base_url=base, **values)
    if said:
        with pytest.raises(ConnectorError, match=said):
            one.ask(Question("/invoices"))
        assert not web.calls
    else:
        assert one.ask(Question("/invoices")).told == []


def test_an_address_that_the_manifest_does_not_list_is_not_asked(web: responses.RequestsMock) -> None:
    with pytest.raises(DisabledError, match="none of the hosts"):
        client(manifest('hosts = ["*.other.example"]\n')).ask(Question("/invoices"))
    assert not web.calls


@pytest.mark.parametrize(
    ("record", "url"),
    [
        ({"id": 17}, f"{BASE}/show/17"), ({"id": "a b/../c?x=#"}, f"{BASE}/show/a%20b%2F..%2Fc%3Fx%3D%23"), ({"id": ".."}, ""), ({}, ""),
        ({"id": {"a": 1}}, ""), ({"id": None}, ""),
    ],
)  # fmt: skip
def test_a_value_cannot_leave_its_place_in_a_link(record: dict[str, Any], url: str) -> None:
    assert link_of("{base_url}/show/{id}", record, BASE) == url


# --- answers ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "told", "kind"),
    [
        (200, {}, {}, None), (401, {}, {}, AuthError), (403, {}, {}, ScopeError), (404, {}, {}, GoneError), (400, {}, {}, RejectedError),
        (429, {"retry-after": "7"}, {"ok": False}, LimitedError), (500, {}, {"ok": False}, RetryLaterError), (503, {}, None, RetryLaterError),
        (402, {}, {}, DisabledError), (200, {}, {"ok": False, "why": "bad key"}, AuthError), (200, {}, {"ok": False, "why": "odd"}, RejectedError),
        (200, {}, {"ok": True}, None), (418, {}, {}, ScopeError),
    ],
)  # fmt: skip
def test_answers_mean_what_the_manifest_and_http_say(
    status: int, headers: dict[str, str], told: Any, kind: Any
) -> None:
    rules = (
        'message = "why"\nerror = [{ at = "why", contains = "KEY", means = "auth" }, { at = "ok", is = "false", means = "rejected" }, '
        '{ status = 418, means = "scope" }]\n'
    )
    found = error_of(access(manifest(rules)).manifest, status, headers, told)
    assert (type(found) if found else None) is kind
    if isinstance(found, LimitedError):
        assert found.retry_after == 7.0


def test_what_a_remote_says_is_repeated_on_one_line_without_our_secret() -> None:
    one = access(manifest('message = "why"\n'))
    found = error_of(one.manifest, 400, {}, {"why": f"no\nsuch key {SECRET}\x07" + "x" * 999}, one.secrets)
    assert str(found).startswith("Books answers 400: no such key *** xxx")
    assert len(str(found)) < 300


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"a": ', b"", b"\xff\xfe", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"]
)
def test_what_cannot_be_read_is_asked_for_again_later(web: responses.RequestsMock, body: bytes) -> None:
    web.get(f"{BASE}/invoices", body=body)
    with pytest.raises(RetryLaterError):
        client(manifest()).ask(Question("/invoices"))


def test_a_body_without_end_is_left(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/invoices", body=b" " * (LARGEST + 10))
    with pytest.raises(RetryLaterError, match="larger than"):
        client(manifest()).ask(Question("/invoices"))


def test_a_file_is_asked_for_again_with_a_session_that_was_begun_anew(web: responses.RequestsMock) -> None:
    web.post(f"{BASE}/login", json={"token": "s1"})
    web.post(f"{BASE}/login", json={"token": "s2"})
    web.get(f"{BASE}/1.pdf", status=401, json={})
    web.get(f"{BASE}/1.pdf", body=b"%PDF")
    assert client(with_auth(LOGIN.format('token = "token"'))).content("/1.pdf", largest=400) == b"%PDF"
    assert [call.request.headers.get("Authorization") for call in web.calls] == [None, "Bearer s1", None, "Bearer s2"]


def test_where_files_are_too_much_nobody_asks_for_a_while(
    web: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent: list[float] = []
    web.get(f"{BASE}/1.pdf", status=429, headers={"retry-after": "7"})
    one = client(manifest())
    monkeypatch.setattr(one._tools, "limited", lambda _, seconds: silent.append(seconds))
    with pytest.raises(LimitedError):
        one.content("/1.pdf", largest=400)
    assert silent == [7.0]


def test_a_file_that_is_too_large_is_refused(web: responses.RequestsMock) -> None:
    web.get(f"{BASE}/1.pdf", body=b"%PDF" * 100)
    assert client(manifest()).content("/1.pdf", largest=400) == b"%PDF" * 100
    with pytest.raises(RejectedError, match="larger than 399"):
        client(manifest()).content("/1.pdf", largest=399)
