"""What unit tests of QuickBooks read: answers that were written down, and a list that changes between questions."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import requests

from connectors.quickbooks.client import Client
from connectors.quickbooks.settings import QuickBooksSettings
from hub.connector.checking import Alone
from hub.connector.stream import Grant, Limit

REALM = "9341453907654321"
TIME = "2026-11-22T23:18:01-08:00"


class Tools(Alone):
    """Tools of a connector that nobody limits; remembers what was spent."""

    def __init__(self) -> None:
        super().__init__()
        self.spent: list[tuple[str, int]] = []
        self.silences: list[float] = []
        self.refused: list[str] = []

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        self.spent += [(one.name, units) for one in limits]

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        assert limits
        self.silences.append(retry_after)

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        del refresh, mailbox, first
        self.refused.append(refused)
        return f"token {len(set(self.refused))}"


def settings(**changes: Any) -> QuickBooksSettings:
    return QuickBooksSettings.model_validate({"client_id": "c", "client_secret": "s", "address": REALM, **changes})


class Wire:
    """Answers instead of the network; `asked` has what was sent."""

    def __init__(self, client: Client, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        client._session.mount("https://", self)  # type: ignore[arg-type]  # what requests asks of an adapter it has

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        self.asked.append((str(request.url), dict(request.headers)))
        status, body = self.answers.pop(0)
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = status, request, str(request.url)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer.raw = _Raw(content)
        return answer

    def close(self) -> None: ...


class _Raw:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def read(self, amount: int, *, decode_content: bool = False) -> bytes:
        del decode_content
        some, self._content = self._content[:amount], self._content[amount:]
        return some

    def close(self) -> None: ...

    def release_conn(self) -> None: ...


class Shelf:
    """Invoices in the order of their ids, as QuickBooks lists them by position; `before` does something to each page."""

    def __init__(self, count: int, page: int = 4) -> None:
        self.ids = [str(number) for number in range(1, count + 1)]
        self.page = page
        self.asked = 0
        self.before: Callable[[int, list[str]], list[str] | None] = lambda _start, _found: None

    def select(self, entity: str, what: str = "*", *, start: int, most: int, where: str = "") -> dict[str, Any]:
        assert (entity, where) == ("Invoice", "")
        del what
        self.asked += 1
        found = self.ids[start - 1 : start - 1 + min(most, self.page)]
        changed = self.before(start, found)
        found = found if changed is None else changed
        listed = {"Invoice": [{"Id": one} for one in found], "startPosition": start, "maxResults": len(found)}
        return {"QueryResponse": listed if found else {}, "time": TIME}

    def count(self, entity: str, where: str = "") -> int:
        assert (entity, where) == ("Invoice", "")
        self.asked += 1
        return len(self.ids)
