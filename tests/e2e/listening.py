"""One signed-in browser that hears its event stream, without being one."""

import html
import json
import re
import threading
from typing import Any, Self

import requests

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Listening:
    """Signs in, opens `/events`, and keeps what it hears."""

    def __init__(self, address: str, email: str, password: str) -> None:
        self._address = address
        self._session = requests.Session()
        self._session.trust_env = False
        found = _TOKEN.search(self._session.get(f"{address}/login", timeout=30).text)
        assert found is not None
        form = {"csrf_token": html.unescape(found[1]), "email": email, "password": password}
        answer = self._session.post(f"{address}/login", data=form, timeout=30, allow_redirects=False)
        assert answer.status_code == 303, answer.text
        self._heard: list[tuple[str, Any]] = []
        self._answer: requests.Response | None = None

    def __enter__(self) -> Self:
        answer = self._session.get(f"{self._address}/events", stream=True, timeout=60)
        assert answer.status_code == 200
        self._answer = answer
        threading.Thread(target=self._listen, args=(answer,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._answer is not None:
            self._answer.close()
        self._session.close()

    def _listen(self, answer: requests.Response) -> None:
        event = ""
        try:
            for line in answer.iter_lines(chunk_size=1):
                name, _, value = line.decode().partition(": ")
                if name == "event":
                    event = value
                elif name == "data" and event:
                    self._heard.append((event, json.loads(value)))
        except (requests.RequestException, AttributeError, ValueError, OSError):
            return  # closed, by us or by them

    def events(self, name: str) -> list[Any]:
        return [data for event, data in list(self._heard) if event == name]

    def card(self, call: str) -> dict[str, Any] | None:
        """A card as it came with the state at the beginning of the stream."""
        cards = [card for cards in self.events("sync") for card in cards if card["call"] == call]
        return cards[-1] if cards else None
