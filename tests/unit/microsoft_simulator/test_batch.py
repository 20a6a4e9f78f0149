"""Many calls in one request, each with a fate of its own."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from connectors.microsoft.simulator import MicrosoftSimulator
from tests.unit.microsoft_simulator.conftest import ADAM, NOA, Graph

Graphs = Callable[..., Graph]
JSON = {"Content-Type": "application/json"}


def ask(graph: Graph, *wishes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Answers by their ids; a wish without an id has its place as one."""
    asked = [{"id": str(number), "method": "GET", **one} for number, one in enumerate(wishes)]
    return {one["id"]: one for one in graph.post("/$batch", {"requests": asked})["responses"]}


def test_each_call_has_its_own_answer(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    found = ask(
        graph(),
        {"url": "/me?$select=mail"},
        {"url": f"users/{ADAM}/messages"},
        {"method": "POST", "url": "/me/contacts", "body": {"givenName": "Lea"}, "headers": JSON},
        {"url": "/me/nothing"},
        {"method": "delete", "url": "/subscriptions/none"},
    )

    assert {one: told["status"] for one, told in found.items()} == {"0": 200, "1": 403, "2": 201, "3": 400, "4": 404}
    assert found["0"]["body"]["mail"] == NOA
    assert found["1"]["body"]["error"]["code"] == "ErrorAccessDenied"
    assert found["2"]["body"]["givenName"] == "Lea"
    assert found["2"]["headers"]["Content-Type"].startswith("application/json")
    assert microsoft.spent(NOA).by_route["POST /users/{user}/contacts"] == 1


def test_answers_come_in_an_order_of_their_own(graph: Graphs) -> None:
    asked = [{"id": name, "method": "GET", "url": "/me"} for name in ("a", "b", "c")]

    found = [one["id"] for one in graph().post("/$batch", {"requests": asked})["responses"]]

    assert sorted(found) == ["a", "b", "c"]
    assert found != ["a", "b", "c"]


def test_what_depends_on_a_failed_call_is_not_done(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    noa = graph()
    lea = {"method": "POST", "url": "/me/contacts", "body": {"givenName": "Lea"}, "headers": JSON}

    found = ask(
        noa, {"id": "A", "url": "/me/nothing"}, {**lea, "dependsOn": ["a"]}, {"url": "/me", "dependsOn": ["1"]},
        {"id": "ok", "url": "/me"}, {"url": "/me", "dependsOn": ["OK"]},
    )  # fmt: skip

    assert {one: told["status"] for one, told in found.items()} == {"A": 400, "1": 424, "2": 424, "ok": 200, "4": 200}
    assert noa.get("/me/contacts")["value"] == []


def test_one_of_them_may_be_throttled_inside_a_200(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    microsoft.faults.add("throttled_batch_item")

    found = ask(graph(), {"url": "/me"}, {"url": "/me"}, {"url": "/me"})

    assert sorted(one["status"] for one in found.values()) == [200, 200, 429]
    throttled = next(one for one in found.values() if one["status"] == 429)
    assert throttled["headers"]["Retry-After"] == "1"
    assert throttled["body"]["error"]["code"] == "ApplicationThrottled"


def test_inner_calls_count_singly(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    noa = graph()
    microsoft.throttle.enforced, microsoft.throttle.most = True, 3
    before = microsoft.asked

    found = ask(noa, *[{"url": "/me"}] * 5)

    assert sorted(one["status"] for one in found.values()) == [200, 200, 200, 429, 429]
    assert microsoft.asked - before == 1
    assert microsoft.spent(NOA).requests == 5


def test_a_batch_is_four_requests_at_a_time_unless_each_waits_for_the_one_before(
    microsoft: MicrosoftSimulator, graph: Graphs
) -> None:
    noa = graph()
    microsoft.throttle.enforced, microsoft.throttle.at_once = True, 3

    free = ask(noa, *[{"url": "/me"}] * 5)
    chained = ask(noa, {"url": "/me"}, *({"url": "/me", "dependsOn": [str(before)]} for before in range(4)))

    assert {one["status"] for one in free.values()} == {429}
    assert {one["status"] for one in chained.values()} == {200}
    assert microsoft.throttle.peak == 4


@pytest.mark.parametrize(
    "wish",
    [
        {"url": "http://[", "method": "GET"},
        {"url": "/me/sendMail", "method": "POST", "body": "é", "headers": JSON},
        {"url": "/me/events", "method": "POST", "body": [1], "headers": JSON},
    ],
)
def test_what_is_wrong_with_one_of_them_is_told_in_its_place(graph: Graphs, wish: dict[str, Any]) -> None:
    found = ask(graph(), wish, {"url": "/me"})

    assert (found["0"]["status"], found["1"]["status"]) == (400, 200)
    assert found["0"]["body"]["error"]["code"] == "BadRequest"


def test_what_is_no_json_is_base64_both_ways(graph: Graphs) -> None:
    noa = graph()
    made = noa.post("/me/contacts", {"givenName": "Lea"})["id"]
    raw = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
    picture = base64.b64encode(raw).decode()
    put = {"method": "PUT", "url": f"/me/contacts/{made}/photo/$value", "body": picture,
           "headers": {"Content-Type": "image/png"}}  # fmt: skip

    found = ask(noa, {"id": "put", **put}, {"id": "get", "url": put["url"], "dependsOn": ["put"]})

    assert found["put"]["status"] in (200, 204), found
    assert base64.b64decode(found["get"]["body"]) == raw
    assert found["get"]["headers"]["Content-Type"] == "image/png"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"requests": []},
        {"requests": [{"id": "1", "method": "GET"}]},
        {"requests": [{"id": 1, "method": "GET", "url": "/me"}]},
        {"requests": [{"id": "1", "method": "GET", "url": "/me"}] * 2},
        {"requests": [{"id": name, "method": "GET", "url": "/me"} for name in "aA"]},
        {"requests": [{"id": str(number), "method": "GET", "url": "/me"} for number in range(21)]},
        {"requests": [{"id": "1", "method": "POST", "url": "/me/contacts", "body": {}}]},
        {"requests": [{"id": "1", "method": "GET", "url": "/me", "dependsOn": ["2"]}]},
        {"requests": [{"id": "1", "method": "GET", "url": "/me", "dependsOn": ["1"]}]},
    ],
)
def test_a_batch_that_is_not_right_is_refused_as_a_whole(graph: Graphs, body: Any) -> None:
    assert graph().ask("POST", "/$batch", json=body).status_code == 400


def test_twenty_are_not_too_many_and_a_batch_inside_a_batch_is_none(graph: Graphs) -> None:
    found = ask(graph(), *[{"url": "/me"}] * 19, {"method": "POST", "url": "/$batch", "body": {}, "headers": JSON})

    assert [found[str(number)]["status"] for number in range(20)] == [200] * 19 + [400]


def test_a_dead_token_is_refused_before_anything_is_done(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    noa = graph()
    microsoft.oauth.expire_access_tokens()

    assert (
        noa.ask("POST", "/$batch", json={"requests": [{"id": "1", "method": "GET", "url": "/me"}]}).status_code == 401
    )
    assert microsoft.spent().requests == 0
