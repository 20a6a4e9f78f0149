"""Requests to the Graph API: what they carry, where they go, and what comes of their answers."""

import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
import responses

from connectors.facebook import auth
from connectors.facebook.client import MOST_IDS, PATIENCE, REST_S, Client
from connectors.facebook.errors import BadQuestionError
from hub.errors import AuthError, LimitedError, RetryLaterError, ScopeError, ShapeError
from tests.unit.facebook.desk import (
    APP,
    FORM,
    GRAPH,
    PAGE,
    PAGE_TOKEN,
    PERSON_TOKEN,
    SECRET,
    Hub,
    client,
    gives_page_token,
    refusal,
    usage,
)

LEADS = f"{GRAPH}/{FORM}/leads"


@pytest.fixture
def graph() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        gives_page_token(mock)
        yield mock


def page(hub: Hub | None = None, **changes: Any) -> Client:
    return client(hub, PAGE, **changes)


def sent(graph: responses.RequestsMock, at: int = -1) -> requests.PreparedRequest:
    request: requests.PreparedRequest = graph.calls[at].request
    return request


def proof(token: str) -> str:
    return hmac.new(SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()


# --- what requests carry ------------------------------------------------------------------------------------------------


def test_a_token_travels_in_the_header_with_its_proof(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json={"data": []})
    page().get(f"/{FORM}/leads", {"fields": "id"})
    for call, token in zip(graph.calls, (PERSON_TOKEN, PAGE_TOKEN), strict=True):
        assert call.request.headers["Authorization"] == f"Bearer {token}"
        query = dict(parse_qsl(urlsplit(str(call.request.url)).query))
        assert query["appsecret_proof"] == proof(token)
        assert token not in str(call.request.url)
        assert "access_token" not in query


def test_the_version_is_pinned(graph: responses.RequestsMock) -> None:
    graph.get("https://graph.facebook.com/v27.0/me", json={"id": "1"})
    assert client(version="v27.0").get("/me") == {"id": "1"}


def test_the_app_proves_itself_with_its_secret(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/{APP}/subscriptions", json={"data": []})
    client(mailbox=auth.APP).get(f"/{APP}/subscriptions")
    assert sent(graph).headers["Authorization"] == f"Bearer {APP}|{SECRET}"
    with pytest.raises(AuthError):
        client(mailbox=auth.APP, app_secret="").get(f"/{APP}/subscriptions")


def test_what_is_hidden_stands_in_the_body(graph: responses.RequestsMock) -> None:
    body = json.dumps({"data": {"is_valid": True}})
    graph.post(f"{GRAPH}/", json=[{"code": 200, "body": body}])
    assert client(mailbox=auth.APP).hidden("debug_token", {"input_token": PERSON_TOKEN}) == {"data": {"is_valid": True}}
    assert PERSON_TOKEN not in str(sent(graph).url)
    [part] = json.loads(parse_qs(str(sent(graph).body))["batch"][0])
    assert part == {"method": "GET", "relative_url": f"debug_token?input_token={PERSON_TOKEN}"}


@pytest.mark.parametrize("told", [[], {}, [None], [{"code": 200}], [{"code": 200, "body": "x"}], [{}, {}]])
def test_a_batch_that_leaves_its_part_out_is_asked_again_later(graph: responses.RequestsMock, told: Any) -> None:
    graph.post(f"{GRAPH}/", json=told)
    with pytest.raises(RetryLaterError):
        client(mailbox=auth.APP).hidden("debug_token", {})


def test_a_part_of_a_batch_that_is_refused_says_why(graph: responses.RequestsMock) -> None:
    graph.post(f"{GRAPH}/", json=[{"code": 400, "body": json.dumps(refusal(100))}])
    with pytest.raises(BadQuestionError):
        client(mailbox=auth.APP).hidden("debug_token", {})


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "/../x", "x", "/a?b", "/a#b", "/a b", "https://evil.example/", ""]
)
def test_nothing_but_a_place_of_graph_is_asked(graph: responses.RequestsMock, path: str) -> None:
    with pytest.raises(ShapeError):
        client().get(path)
    assert not graph.calls


# --- tokens -------------------------------------------------------------------------------------------------------------


def test_a_page_s_token_is_asked_for_once(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json={"data": []})
    hub = Hub()
    for _ in range(3):
        page(hub).get(f"/{FORM}/leads")
    assert hub.refreshed == ["", PAGE]


def test_a_page_s_token_that_is_refused_is_asked_for_once_more(graph: responses.RequestsMock) -> None:
    hub = Hub()
    made = page(hub)
    graph.get(LEADS, json={"data": []})
    made.get(f"/{FORM}/leads")
    graph.replace(responses.GET, LEADS, json=refusal(190, 463), status=400)
    graph.get(LEADS, json={"data": [{"id": "1"}]})
    graph.replace(responses.GET, f"{GRAPH}/{PAGE}", json={"access_token": "another"})
    assert made.get(f"/{FORM}/leads") == {"data": [{"id": "1"}]}
    assert sent(graph).headers["Authorization"] == "Bearer another"
    assert hub.refreshed == ["", PAGE, PAGE]


def test_a_page_s_token_that_stays_the_same_is_dead(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json=refusal(190, 463, "Session has expired"), status=400)
    with pytest.raises(AuthError, match="Session has expired"):
        page().get(f"/{FORM}/leads")
    assert len(graph.calls) == 3, "the token, the question, and the same token again"


def test_a_token_that_is_dead_is_said_in_meta_s_words(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/me", json=refusal(190, 460, "The user changed their password"), status=400)
    with pytest.raises(AuthError, match=r"The user changed their password.*Press Connect again"):
        client().get("/me")
    assert len(graph.calls) == 1, "a dead token is not tried again"


def test_a_page_that_is_not_ours_is_no_dead_token(graph: responses.RequestsMock) -> None:
    graph.replace(responses.GET, f"{GRAPH}/{PAGE}", json={"id": PAGE})
    with pytest.raises(ScopeError, match=PAGE):
        page().get(f"/{FORM}/leads")


def test_a_lost_role_costs_no_token(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json=refusal(190, 492), status=400)
    hub = Hub()
    with pytest.raises(ScopeError):
        page(hub).get(f"/{FORM}/leads")
    assert hub.refreshed == ["", PAGE]


def test_a_page_is_read_on_when_the_person_s_access_ended(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json={"data": []})
    hub = Hub()
    page(hub).get(f"/{FORM}/leads")
    hub._grants.pop("")
    page(hub, token="").get(f"/{FORM}/leads")
    assert sent(graph).headers["Authorization"] == f"Bearer {PAGE_TOKEN}"


def test_nobody_connected_yet(graph: responses.RequestsMock) -> None:
    with pytest.raises(AuthError):
        page(token="").get(f"/{FORM}/leads")
    assert not graph.calls


# --- what comes of answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [requests.ConnectionError("EAAsecret"), requests.Timeout(), requests.exceptions.SSLError()]
)
def test_a_remote_that_is_away_is_asked_again_later(graph: responses.RequestsMock, error: Exception) -> None:
    graph.get(f"{GRAPH}/me", body=error)
    with pytest.raises(RetryLaterError) as told:
        client().get("/me")
    assert "EAAsecret" not in str(told.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, "<html>Bad gateway</html>"),
        (200, "<html>Sign in to this network</html>"),
        (200, '{"data": [{"id": "1'),
        (200, "[]"),
        (200, "3"),
        (200, ""),
        (302, ""),
        (200, "[" * 50_000),
    ],
)
def test_what_cannot_be_read_is_asked_for_again_later(graph: responses.RequestsMock, status: int, body: str) -> None:
    graph.get(f"{GRAPH}/me", body=body, status=status, headers={"Location": "https://evil.example/"})
    with pytest.raises(RetryLaterError) as told:
        client().get("/me")
    assert not isinstance(told.value, LimitedError)
    assert len(graph.calls) == 1


def test_an_error_counts_whatever_the_status(graph: responses.RequestsMock) -> None:
    graph.get(f"{GRAPH}/me", json=refusal(200), status=200)
    with pytest.raises(ScopeError):
        client().get("/me")


def test_while_meta_wants_silence_the_page_is_silent(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json=refusal(80005), status=400, headers=dict(usage(100, minutes=19)))
    hub = Hub()
    with pytest.raises(LimitedError) as told:
        page(hub).get(f"/{FORM}/leads")
    assert told.value.retry_after == 19 * 60
    assert ([f"facebook:{APP}:{PAGE}"], 19 * 60) in hub.silences


def test_a_limit_of_the_app_silences_all_pages(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json=refusal(4), status=400)
    hub = Hub()
    with pytest.raises(LimitedError):
        page(hub).get(f"/{FORM}/leads")
    assert [names for names, _ in hub.silences] == [[f"facebook:{APP}"]]


@pytest.mark.parametrize(("percent", "rests"), [(1, False), (80, False), (81, True), (100, True)])
def test_polling_rests_where_most_of_the_limit_is_used(
    graph: responses.RequestsMock, percent: int, *, rests: bool
) -> None:
    graph.get(LEADS, json={"data": []}, headers=dict(usage(percent)))
    hub = Hub()
    made = page(hub)
    made.get(f"/{FORM}/leads")
    assert made.usage.percent == percent
    assert hub.silences == ([([f"facebook:{APP}:{PAGE}:polling"], REST_S)] if rests else [])


def test_what_webhooks_named_is_fetched_while_polling_rests(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json={"data": []})
    hub = Hub()
    made = page(hub)
    made.get(f"/{FORM}/leads")
    made.get(f"/{FORM}/leads", polls=True)
    polled = f"facebook:{APP}:{PAGE}:polling"
    assert [polled in [one.name for one in limits] for limits, _ in hub.spent[-2:]] == [False, True]


def test_that_the_version_ends_is_noticed(graph: responses.RequestsMock, caplog: pytest.LogCaptureFixture) -> None:
    graph.get(f"{GRAPH}/me", json={"id": "1"}, headers={"X-Ad-Api-Version-Warning": "v26.0 will end on Monday"})
    made = client()
    made.get("/me")
    made.get("/me")
    assert made.warning == "v26.0 will end on Monday"
    assert [one.levelno for one in caplog.records if "v26.0" in one.getMessage()] == [logging.WARNING]


def test_logs_name_the_trace_and_never_a_token(graph: responses.RequestsMock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    graph.get(LEADS, json=refusal(200), status=400)
    with pytest.raises(ScopeError):
        page().get(f"/{FORM}/leads")
    assert "Trace123" in caplog.text
    assert not [secret for secret in (PERSON_TOKEN, PAGE_TOKEN, SECRET) if secret in caplog.text]


# --- listings -----------------------------------------------------------------------------------------------------------


def listing(*ids: str, after: str = "", following: str = "") -> dict[str, Any]:
    paging = {"cursors": {"before": "b", "after": after}} if after else {}
    return {"data": [{"id": one} for one in ids], "paging": {**paging, **({"next": following} if following else {})}}


def test_pages_go_by_their_cursors_and_no_link_is_followed(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json=listing("1", "2", after="A", following="https://evil.example/?access_token=x"))
    graph.get(LEADS, json=listing("3", after="B"))
    assert [one["id"] for one in page().all(f"/{FORM}/leads", {"fields": "id"})] == ["1", "2", "3"]
    hosts = {urlsplit(str(call.request.url)).hostname for call in graph.calls}
    assert hosts == {"graph.facebook.com"}
    query = dict(parse_qsl(urlsplit(str(sent(graph).url)).query))
    assert (query["after"], query["fields"], query["limit"]) == ("A", "id", "100")


def test_a_page_without_entries_is_not_the_end(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json=listing(after="A", following="x"))
    graph.get(LEADS, json=listing("1"))
    assert [one["id"] for one in page().all(f"/{FORM}/leads", {})] == ["1"]


def test_a_listing_that_never_ends_is_left(graph: responses.RequestsMock) -> None:
    graph.get(LEADS, json=listing("1", after="A", following="x"))
    with pytest.raises(RetryLaterError, match="circle"):
        list(page().all(f"/{FORM}/leads", {}))
    assert len(graph.calls) == 1 + 1 + PATIENCE


@pytest.mark.parametrize("told", [{}, {"data": None}, {"data": {}}, {"data": "x"}])
def test_what_is_no_listing_is_asked_for_again_later(graph: responses.RequestsMock, told: Any) -> None:
    graph.get(LEADS, json=told)
    with pytest.raises(RetryLaterError):
        list(page().all(f"/{FORM}/leads", {}))


# --- several by id ------------------------------------------------------------------------------------------------------


class Shelf:
    """Objects that Graph shows; as soon as one is asked for that it does not, it shows none."""

    def __init__(self, graph: responses.RequestsMock, *ids: str, names: bool = True) -> None:
        self.ids, self.names, self.asked = set(ids), names, list[list[str]]()
        graph.add_callback(responses.GET, f"{GRAPH}/", self._answer)

    def _answer(self, request: Any) -> tuple[int, dict[str, str], str]:
        asked = parse_qs(urlsplit(request.url).query)["ids"][0].split(",")
        self.asked.append(asked)
        missing = [one for one in asked if one not in self.ids]
        if not missing:
            return 200, {}, json.dumps({one: {"id": one} for one in asked})
        if self.names:
            told = refusal(803, message=f"(#803) Some of the aliases you requested do not exist: {','.join(missing)}")
        else:
            told = refusal(100, 33, "Unsupported get request.")
        return 400, {}, json.dumps(told)


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("missing", [[], [0], [7], [0, 49], list(range(50))])
def test_one_that_is_not_shown_hides_no_other(
    graph: responses.RequestsMock, missing: list[int], *, names: bool
) -> None:
    ids = [str(1000 + n) for n in range(MOST_IDS)]
    shelf = Shelf(graph, *(one for n, one in enumerate(ids) if n not in missing), names=names)
    assert client().many(ids, "id").keys() == shelf.ids
    assert len(shelf.asked) <= (2 if names else 1 + 2 * 6 * len(missing))


def test_more_than_graph_takes_at_once_are_several_questions(graph: responses.RequestsMock) -> None:
    ids = [str(1000 + n) for n in range(2 * MOST_IDS + 1)]
    shelf = Shelf(graph, *ids)
    hub = Hub()
    assert client(hub).many(ids, "id").keys() == set(ids)
    assert sorted(map(len, shelf.asked)) == [1, MOST_IDS, MOST_IDS]
    assert sum(units for _, units in hub.spent) == len(ids), "each id is a call to Meta"


def test_what_is_not_answered_in_so_many_questions_is_left_out(graph: responses.RequestsMock) -> None:
    shelf = Shelf(graph, "1", names=False)
    client().many([str(n) for n in range(1, 51)], "id", tries=3)
    assert len(shelf.asked) == 3
