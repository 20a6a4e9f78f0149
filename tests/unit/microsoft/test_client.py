"""Requests to Graph: where they go, what they carry, and what comes of their answers."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import requests
import responses

from connectors.microsoft.client import BATCH, Asked, Client, quoted
from connectors.microsoft.settings import MicrosoftSettings
from hub.connector.sift import Verdict
from hub.connector.stream import Grant, Lane, Limit
from hub.errors import (
    AuthError,
    ConflictError,
    GoneError,
    LimitedError,
    RetryLaterError,
    ShapeError,
)
from hub.records.mail import Mail

GRAPH = "https://graph.microsoft.com/v1.0"
NOA = "noa@acme.example"


class Hub:
    """What a hub gives to a connector, and what it was told."""

    lane = Lane.INCREMENTAL

    def __init__(self) -> None:
        self.units: list[int] = []
        self.silences: list[tuple[Sequence[Limit], float]] = []
        self.tokens = 1

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        assert limits
        self.units.append(units)

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        self.silences.append((limits, retry_after))

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        del refresh, mailbox, first
        self.tokens += refused == f"token {self.tokens}"
        return f"token {self.tokens}"

    def sift(self, mailbox: str, mails: Sequence[Mail]) -> Sequence[Verdict]:
        raise NotImplementedError

    def customers(self, since: Any, until: Any, *, after: str, limit: int) -> Sequence[str]:
        raise NotImplementedError


def client(hub: Hub | None = None, **settings: Any) -> Client:
    values = {"client_id": "app", "address": NOA, **settings}
    return Client(MicrosoftSettings.model_validate(values), hub or Hub(), NOA)


@pytest.fixture
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def sent(graph: responses.RequestsMock, at: int = -1) -> requests.PreparedRequest:
    request: requests.PreparedRequest = graph.calls[at].request
    return request


# --- where requests go, and what they carry ------------------------------------------------------------------------------


def test_ids_that_stay_are_wished_for_each_time(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/me/messages/x", json={"id": "x"})
    assert client().get("/messages/x", prefer=('outlook.timezone="UTC"',)) == {"id": "x"}
    assert sent(graph).headers["Prefer"] == 'IdType="ImmutableId", outlook.timezone="UTC"'
    assert sent(graph).headers["Authorization"] == "Bearer token 1"


def test_without_consent_the_mailbox_is_named(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/users/{NOA}/calendar", json={})
    app: dict[str, Any] = {"app_only": True, "mailboxes": NOA, "tenant": "acme.example"}
    assert client(**app).get("/calendar") == {}
    graph.get(f"{GRAPH}/subscriptions", json={"value": []})
    assert client(**app).get("/subscriptions", root=True) == {"value": []}


def test_a_question_is_written_so_that_it_is_read_again(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/me/messages", json={})
    asked = {"$filter": "receivedDateTime ge 2026-11-22T10:00:00+02:00 and from/x eq 'a&b#c'", "$select": "id,subject"}
    client().get("/messages", asked)
    assert dict(parse_qsl(urlsplit(str(sent(graph).url)).query)) == asked


@pytest.mark.parametrize("remote_id", ["AAMk/AB+c=", "a?b#c", "../../users/adam@acme.example", "%2e%2e", "a b"])
def test_an_id_is_one_place_of_a_path(remote_id: str) -> None:
    place = quoted(remote_id)
    assert not set(place) & set("/?# ")
    assert unquote(place) == remote_id


def test_a_link_of_graph_is_followed_as_it_is(graph: responses.RequestsMock) -> None:
    link = f"{GRAPH}/users('1')/messages/delta?$skiptoken=A%2Fb%3D"
    graph.get(link, json={"value": []})
    client().get(link)
    assert sent(graph).url == link


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1.0/me/messages",
        "https://graph.microsoft.com.evil.example/v1.0/me",
        "https://graph.microsoft.com@evil.example/v1.0/me",
        "https://me@graph.microsoft.com/v1.0/me",
        "http://graph.microsoft.com/v1.0/me",
        "https://graph.microsoft.com:8443/v1.0/me",
        "https://graph.microsoft.com/beta/me",
        "https://graph.microsoft.com:x/v1.0/me",
        "graph.microsoft.com/v1.0/me",
        "",
        "https://[",
    ],
)
def test_a_link_to_another_place_gets_no_token(graph: responses.RequestsMock, link: str) -> None:
    with pytest.raises(ShapeError):
        client().get(link)
    assert not graph.calls


def test_a_write_names_the_state_that_it_changes(graph: responses.RequestsMock) -> None:
    graph.patch(f"{GRAPH}/me/contacts/x", json={"id": "x"})
    assert client().send("PATCH", "/contacts/x", {"title": "Dr"}, version='W/"1"') == {"id": "x"}
    assert sent(graph).headers["If-Match"] == 'W/"1"'
    assert json.loads(sent(graph).body or b"") == {"title": "Dr"}
    graph.patch(f"{GRAPH}/me/contacts/y", status=412, json={"error": {"code": "ErrorIrresolvableConflict"}})
    with pytest.raises(ConflictError, match="ErrorIrresolvableConflict"):
        client().send("PATCH", "/contacts/y", {}, version='W/"1"')


@pytest.mark.parametrize("status", [202, 204])
def test_a_write_that_is_not_answered_returns_nothing_in_it(graph: responses.RequestsMock, status: int) -> None:
    graph.post(f"{GRAPH}/me/events/x/cancel", status=status)
    assert client().send("POST", "/events/x/cancel", {"comment": ""}) == {}


def test_bytes_go_as_they_are(graph: responses.RequestsMock) -> None:
    graph.put(f"{GRAPH}/me/contacts/x/photo/$value", status=200)
    graph.post(f"{GRAPH}/me/messages", status=201, json={"id": "m"})
    assert client().put("/contacts/x/photo/$value", b"\xff\xd8", "image/jpeg") == {}
    assert (sent(graph).body, sent(graph).headers["Content-Type"]) == (b"\xff\xd8", "image/jpeg")
    assert client().post_raw("/messages", b"TUlNRQ==", "text/plain") == {"id": "m"}
    assert sent(graph).headers["Content-Type"] == "text/plain"


# --- answers -------------------------------------------------------------------------------------------------------------


def test_a_token_that_is_refused_is_refreshed_once(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/me/calendar", status=401, json={"error": {"code": "InvalidAuthenticationToken"}})
    graph.get(f"{GRAPH}/me/calendar", json={"id": "c"})
    assert client().get("/calendar") == {"id": "c"}
    assert sent(graph).headers["Authorization"] == "Bearer token 2"


def test_a_token_that_is_refused_twice_needs_a_person(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/me/calendar", status=401, json={"error": {"code": "InvalidAuthenticationToken"}})
    with pytest.raises(AuthError, match="Connect"):
        client().get("/calendar")
    assert len(graph.calls) == 2


def test_silence_is_kept_for_the_mailbox(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/me/calendar", status=429, headers={"Retry-After": "20"}, json={"error": {"code": "x"}})
    hub = Hub()
    with pytest.raises(LimitedError):
        client(hub).get("/calendar")
    assert hub.silences == [((Limit(f"microsoft:app:{NOA}", 1000),), 20.0)]
    assert hub.units == [1]


@pytest.mark.parametrize("body", ["<html>Sign in</html>", '{"value": [', "[1]", '"x"', "[" * 100_000])
def test_what_is_no_json_object_is_no_answer(graph: responses.RequestsMock, body: str) -> None:
    graph.get(f"{GRAPH}/me/calendar", body=body)
    with pytest.raises(ShapeError):
        client().get("/calendar")


@pytest.mark.parametrize("error", [requests.ConnectionError("x"), requests.ReadTimeout("x"), OSError("no such file")])
def test_who_cannot_be_reached_is_asked_later(graph: responses.RequestsMock, error: Exception) -> None:
    graph.get(f"{GRAPH}/me/calendar", body=error)
    with pytest.raises(RetryLaterError):
        client().get("/calendar")


def test_a_redirect_is_not_followed(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/me/calendar", status=302, headers={"Location": "https://evil.example/"})
    with pytest.raises(RetryLaterError, match="in its place"):
        client().get("/calendar")
    assert len(graph.calls) == 1


def test_a_refusal_of_bytes_comes_before_the_first_block(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/me/messages/x/attachments/1/$value", status=404, json={"error": {"code": "ErrorItemNotFound"}})
    graph.get(f"{GRAPH}/me/messages/x/attachments/2/$value", body=b"a" * 200_000)
    with pytest.raises(GoneError):
        next(client().blocks("/messages/x/attachments/1/$value"))
    parts = list(client().blocks("/messages/x/attachments/2/$value"))
    assert len(parts) > 1
    assert b"".join(parts) == b"a" * 200_000


# --- batches -------------------------------------------------------------------------------------------------------------


class Batches:
    """Answers batches, part by part, the last first."""

    def __init__(self, graph: responses.RequestsMock, **parts: dict[str, Any] | None) -> None:
        self.parts = parts  # by the last place of a path; None: left out
        self.asked: list[list[dict[str, Any]]] = []
        graph.add_callback(responses.POST, f"{GRAPH}/$batch", self.answer)

    def answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        asked = json.loads(request.body or b"")["requests"]
        self.asked.append(asked)
        told = []
        for one in reversed(asked):
            part = self.parts.get(one["url"].rpartition("/")[2], {"status": 200, "body": {"url": one["url"]}})
            if part is not None:
                told.append({"id": one["id"], **part})
        return 200, {}, json.dumps({"responses": told})


def refusal(status: int, code: str, **headers: str) -> dict[str, Any]:
    return {"status": status, "headers": headers, "body": {"error": {"code": code, "message": code}}}


def test_a_batch_has_twenty_and_each_counts(graph: responses.RequestsMock) -> None:
    batches, hub = Batches(graph), Hub()
    found = client(hub).all({f"name {n}": Asked(f"/messages/{n}") for n in range(45)})
    assert [len(one) for one in batches.asked] == [BATCH, BATCH, 5]
    assert hub.units == [20, 20, 5]
    assert {name: answer["url"] for name, answer in found.items() if isinstance(answer, dict)} == {
        f"name {n}": f"/me/messages/{n}" for n in range(45)
    }
    assert len({one["id"].lower() for one in batches.asked[0]}) == BATCH
    assert all(one["headers"]["Prefer"].startswith('IdType="ImmutableId"') for one in batches.asked[0])


def test_parts_carry_what_single_requests_carry(graph: responses.RequestsMock) -> None:
    batches = Batches(graph)
    client().all({"x": Asked("/events/x", "PATCH", {"subject": "s"}, version='W/"1"', prefer=("a",)),
                  "y": Asked("/events/y", params={"$select": "id,start"})})  # fmt: skip
    [[x, y]] = batches.asked
    assert (x["method"], x["body"]) == ("PATCH", {"subject": "s"})
    assert x["headers"]["If-Match"] == 'W/"1"'
    assert x["headers"]["Prefer"] == 'IdType="ImmutableId", a'
    assert x["headers"]["Content-Type"] == "application/json"
    assert y["url"] == "/me/events/y?$select=id,start"


def test_each_part_has_its_own_answer(graph: responses.RequestsMock) -> None:
    Batches(
        graph, gone=refusal(404, "ErrorItemNotFound"), out=None, empty={"status": 204}, text={"status": 200, "body": "x"},
        odd={"status": "fine"},
    )  # fmt: skip
    found = client().all({name: Asked(f"/messages/{name}") for name in ("good", "gone", "out", "empty", "text", "odd")})
    assert isinstance(found["good"], dict)
    assert isinstance(found["gone"], GoneError)
    assert isinstance(found["out"], ShapeError)
    assert found["empty"] == {}
    assert isinstance(found["text"], ShapeError)
    assert isinstance(found["odd"], ShapeError)


def test_parts_that_are_too_much_are_asked_again_by_themselves(graph: responses.RequestsMock) -> None:
    batches, hub = Batches(graph), Hub()
    too_much = refusal(429, "ApplicationThrottled", **{"Retry-After": "0.01"})

    class Allowance:
        """Four parts of a batch are answered, the others are too much."""

        def get(self, name: str, usual: dict[str, Any]) -> dict[str, Any]:
            return (
                usual
                if int(name) in [int(one["url"].rpartition("/")[2]) for one in batches.asked[-1][:4]]
                else too_much
            )

    batches.parts = Allowance()  # type: ignore[assignment]  # all that is asked of it
    found = client(hub).all({f"name {n}": Asked(f"/messages/{n}") for n in range(10)})
    assert {name for name, answer in found.items() if isinstance(answer, dict)} == {f"name {n}" for n in range(10)}
    assert [len(one) for one in batches.asked] == hub.units == [10, 6, 2]
    assert [seconds for _, seconds in hub.silences] == [0.01, 0.01]


def test_parts_none_of_which_is_answered_are_left_for_later(graph: responses.RequestsMock) -> None:
    Batches(graph, a=refusal(429, "TooManyRequests", **{"Retry-After": "1"}))
    hub = Hub()
    with pytest.raises(LimitedError):
        client(hub).all({"a": Asked("/messages/a")})
    assert [seconds for _, seconds in hub.silences] == [1.0]


def test_one_part_that_is_too_much_lets_all_wait_as_long_as_the_longest(graph: responses.RequestsMock) -> None:
    Batches(
        graph, a=refusal(429, "TooManyRequests", **{"Retry-After": "7"}),
        b=refusal(429, "ApplicationThrottled", **{"Retry-After": "31"}),
    )  # fmt: skip
    hub = Hub()
    with pytest.raises(LimitedError):
        client(hub).all({name: Asked(f"/messages/{name}") for name in "abc"})
    assert [seconds for _, seconds in hub.silences] == [31.0]


def test_parts_whose_token_is_refused_are_asked_once_more(graph: responses.RequestsMock) -> None:
    batches = Batches(graph, a=refusal(401, "InvalidAuthenticationToken"))
    found = client().all({name: Asked(f"/messages/{name}") for name in "ab"})
    assert isinstance(found["a"], AuthError)
    assert isinstance(found["b"], dict)
    assert [len(one) for one in batches.asked] == [2, 1]


def test_a_token_that_another_worker_got_meanwhile_is_used(graph: responses.RequestsMock) -> None:
    hub = Hub()

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        if request.headers["Authorization"] != "Bearer token 1":
            return 200, {}, '{"id": "x"}'
        hub.tokens = 2  # another worker
        return 401, {}, "{}"

    graph.add_callback(responses.GET, f"{GRAPH}/me/messages/x", answer)
    assert client(hub).get("/messages/x") == {"id": "x"}
    assert [call.request.headers["Authorization"] for call in graph.calls] == ["Bearer token 1", "Bearer token 2"]
    assert hub.tokens == 2, "nobody asked for a third one"


def test_parts_are_asked_once_more_with_the_token_that_another_worker_got_meanwhile(
    graph: responses.RequestsMock,
) -> None:
    hub, batches = Hub(), Batches(graph)
    whole = batches.answer

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        is_old = request.headers["Authorization"] == "Bearer token 1"
        batches.parts = {"a": refusal(401, "InvalidAuthenticationToken")} if is_old else {}
        hub.tokens = 2  # another worker
        return whole(request)

    graph.replace(responses.CallbackResponse(responses.POST, f"{GRAPH}/$batch", answer))
    found = client(hub).all({name: Asked(f"/messages/{name}") for name in "ab"})
    assert all(isinstance(one, dict) for one in found.values())
    assert [len(one) for one in batches.asked] == [2, 1]
    assert [call.request.headers["Authorization"] for call in graph.calls] == ["Bearer token 1", "Bearer token 2"]
    assert hub.tokens == 2, "nobody asked for a third one"


@pytest.mark.parametrize("answer", [{}, {"responses": {}}, {"responses": None}])
def test_a_batch_without_parts_is_no_answer(graph: responses.RequestsMock, answer: dict[str, Any]) -> None:
    graph.post(f"{GRAPH}/$batch", json=answer)
    with pytest.raises(ShapeError):
        client().all({"x": Asked("/messages/x")})


def test_parts_nobody_asked_for_are_left(graph: responses.RequestsMock) -> None:
    graph.post(f"{GRAPH}/$batch", json={"responses": [7, {"id": "99", "status": 200}, {"id": 0, "status": 200}]})
    assert client().all({"x": Asked("/messages/x")}) == {"x": {}}
