"""Tokens that Google refuses although they should be good: which one is refreshed, and how often."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.message import Message
from email.parser import BytesParser
from itertools import groupby
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import requests
import responses

from connectors.google.client import Client
from connectors.google.settings import GoogleSettings
from hub.connector.stream import Grant, Lane, Limit, Tools
from hub.errors import AuthError

NOA = "noa@acme.example"
BASE = "https://google.example"
LIMIT = [Limit("google:noa", 1000)]
REFUSED = {"error": {"code": 401, "message": "Invalid Credentials", "errors": [{"reason": "authError"}]}}


class Hub:
    """What a hub gives to a connector: `token 1`, and another one where that is refused."""

    lane = Lane.INCREMENTAL

    def __init__(self) -> None:
        self.tokens = 1

    def spend(self, limits: Sequence[Limit], units: int) -> None: ...

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None: ...

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        del refresh, mailbox, first
        self.tokens += refused == f"token {self.tokens}"
        return f"token {self.tokens}"


class Google:
    """Two mails, a and b, and the tokens that open them: `good`; `shut` are those that need one."""

    def __init__(self, mock: responses.RequestsMock, hub: Hub) -> None:
        self.mock, self.hub = mock, hub
        self.good: set[str] = set()
        self.shut = {"a", "b"}
        self.refreshed_elsewhere = False  # when the first answer comes, another worker has got a new token
        self.parts: list[int] = []  # of each batch
        for name in "ab":
            mock.add_callback(responses.GET, f"{BASE}/gmail/v1/users/me/messages/{name}", self.answer)
        mock.add_callback(responses.POST, f"{BASE}/batch/gmail/v1", self.answer_all)

    @property
    def tokens(self) -> list[str]:
        """What was proven with, in its order; googleapiclient itself asks parts of a batch twice with the same."""
        sent = [str(call.request.headers["Authorization"]).removeprefix("Bearer ") for call in self.mock.calls]
        return [token for token, _ in groupby(sent)]

    def answer(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        is_good = self._is_good(request)
        status, told = self._told(str(request.url), is_good=is_good)
        return status, {}, told

    def answer_all(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        is_good = self._is_good(request)
        kind = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
        asked = cast("list[Message]", BytesParser().parsebytes(kind + _bytes(request.body)).get_payload())
        self.parts.append(len(asked))
        answered = []
        for one in asked:
            status, told = self._told(str(one.get_payload()).split()[1], is_good=is_good)
            answered.append(
                f"--b\r\nContent-Type: application/http\r\nContent-ID: {_answering(one)}\r\n\r\n"
                f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n\r\n{told}\r\n"
            )
        return 200, {"Content-Type": "multipart/mixed; boundary=b"}, "".join(answered) + "--b--"

    def _told(self, url: str, *, is_good: bool) -> tuple[int, str]:
        is_open = is_good or urlsplit(url).path.rpartition("/")[2] not in self.shut
        return (200, json.dumps({"id": "x"})) if is_open else (401, json.dumps(REFUSED))

    def _is_good(self, request: requests.PreparedRequest) -> bool:
        is_good = str(request.headers["Authorization"]).removeprefix("Bearer ") in self.good
        if self.refreshed_elsewhere:
            self.hub.tokens, self.refreshed_elsewhere = self.hub.tokens + 1, False
        return is_good


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)


def _answering(part: Message) -> str:
    """Return the Content-ID of an answer: `<response-` before what was asked as."""
    return str(part["Content-ID"]).replace("<", "<response-", 1)


@pytest.fixture
def google() -> Iterator[Google]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Google(mock, Hub())


def client(google: Google) -> Client:
    settings = GoogleSettings.model_validate({"address": NOA, "base_url": BASE})
    return Client(settings, cast("Tools", google.hub), NOA)


def one(found: Client, name: str = "a") -> Any:
    return found.gmail.users().messages().get(userId="me", id=name)


def single(found: Client) -> Any:
    return found.call(one(found), LIMIT)


def body(found: Client) -> Any:
    return json.loads(b"".join(found.blocks(one(found), LIMIT)))


def batch(found: Client) -> Any:
    """Ask for two in a batch; what they were answered with, where that is the same, else the error of one."""
    told = list(found.call_all({name: one(found, name) for name in "ab"}, LIMIT, 1).values())
    for error in told:
        if isinstance(error, Exception):
            raise error
    assert told[0] == told[1]
    return told[0]


every_way = pytest.mark.parametrize("way", [single, body, batch])


@every_way
def test_a_token_that_is_refused_is_refreshed_once(google: Google, way: Callable[[Client], Any]) -> None:
    google.good = {"token 2"}
    assert way(client(google)) == {"id": "x"}
    assert google.tokens == ["token 1", "token 2"]


@every_way
def test_a_new_token_that_is_refused_too_is_the_end(google: Google, way: Callable[[Client], Any]) -> None:
    with pytest.raises(AuthError):
        way(client(google))
    assert google.tokens == ["token 1", "token 2"]


@every_way
def test_a_token_that_another_worker_got_meanwhile_is_used(google: Google, way: Callable[[Client], Any]) -> None:
    google.good, google.refreshed_elsewhere = {"token 2", "token 3"}, True
    assert way(client(google)) == {"id": "x"}
    assert google.tokens == ["token 1", "token 2"], "nobody asked for a third one"


def test_only_the_refused_parts_of_a_batch_are_asked_once_more(google: Google) -> None:
    google.good, google.shut = {"token 2"}, {"b"}
    assert batch(client(google)) == {"id": "x"}
    assert (google.parts[0], set(google.parts[1:])) == (2, {1})
