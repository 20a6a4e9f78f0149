"""Manifests tried without a network: a remote that answers what a test says, and a small manifest to begin with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.connector.checking import Alone
from hub.connector.contract import Account
from hub.connector.manifest.client import Answer, Client, Question
from hub.connector.manifest.load import read_toml
from hub.connector.manifest.remote import ManifestRemote
from hub.connector.manifest.settings import Access, model_of
from hub.connector.manifest.streams import ManifestStream
from hub.connector.stream import Cursor, Page, Upsert

HEAD = """\
version = 1
name = "books"
title = "Books"
docs = "https://books.example/docs"
help = "Make a key."
base_url = "https://books.example/api"
auth = { type = "bearer", value = { setting = "token" } }

[settings.token]
title = "Token"
description = "Settings, API."
secret = true
"""
PLAIN = {
    "name": '"invoices"', "title": '"Invoices"', "path": '"/invoices"', "id": '"id"', "page": '{ type = "single" }',
    "cursor": '{ type = "none" }',
}  # fmt: skip


def manifest(top: str = "", **stream: str) -> str:
    """A manifest with one stream; a value is written as in TOML, an empty one is left out."""
    lines = [f"{name} = {value}" for name, value in {**PLAIN, **stream}.items() if value]
    return f"{top}{HEAD}\n[[stream]]\n" + "\n".join(lines) + "\n"


@dataclass
class Talk:
    """A remote: what it is asked, and what it answers."""

    answer: Callable[[str, Mapping[str, Any]], Any]  # path and parameters (or body) -> JSON, or JSON and headers
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def __call__(self, question: Question) -> Answer:
        url = urlsplit(question.path)
        params = {**dict(parse_qsl(url.query)), **question.query, **(question.body or {})}
        self.asked.append((url.path, params))
        told = self.answer(url.path, params)
        told, headers = told if isinstance(told, tuple) else (told, {})
        return Answer(json.loads(json.dumps(told), parse_float=str), headers)


def access(text: str, **values: Any) -> Access:
    found = read_toml(text, name="books.toml")
    settings = model_of(found).model_validate(
        {"base_url": "https://books.example/api", "token": "a long secret", **values}
    )
    return Access.of(found, "manifest", 1, settings)


def remote(text: str, talk: Talk, monkeypatch: Any = None, **values: Any) -> ManifestRemote:
    made = ManifestRemote(access(text, **values), Alone(), "Asia/Jerusalem")
    made._client.ask = talk  # type: ignore[method-assign]  # no network in these tests
    return made


def stream(text: str, talk: Talk, **values: Any) -> ManifestStream:
    return remote(text, talk, **values).listings()[0]


def walked(one: ManifestStream, cursor: Cursor | None = None, most: int = 500) -> tuple[list[str], Cursor, list[Page]]:
    """Read a pass to its end; returns ids in the order they came."""
    cursor, pages = cursor or one.begin(), []
    while True:
        page = one.pull(cursor)
        pages.append(page)
        assert not (page.more and page.next == cursor), "sent round in a circle"
        assert len(pages) < most
        cursor = Cursor.of_json(json.loads(json.dumps(page.next.as_json())))
        if not page.more:
            return (
                [it.remote_id for it in (c for p in pages for c in p.changes) if isinstance(it, Upsert)],
                cursor,
                pages,
            )


def client(text: str, **values: Any) -> Client:
    return Client(access(text, **values), Alone())


def account(settings: Any) -> Account[Any]:
    return Account(1, "Test", settings, "IL", "Asia/Jerusalem")
