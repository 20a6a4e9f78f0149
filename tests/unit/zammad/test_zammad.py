"""Zammad's own parts beside its manifest: who asked, and what a webhook may say."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.zammad.people import People
from connectors.zammad.push import ZammadPush
from connectors.zammad.remote import MANIFEST, remote
from connectors.zammad.simulator import create
from hub.connector.checking import Alone
from hub.connector.contract import Account, Level
from hub.connector.hook import Hook
from hub.connector.manifest.client import Answer, Question
from hub.connector.manifest.settings import model_of
from hub.connector.simulator import Faults
from hub.connector.stream import Channel, Gone, Upsert
from hub.errors import GoneError, HookError, RetryLaterError, ScopeError

TOKEN = "a-token-of-the-webhook"
URL = "https://help.example.com"


class FakeClient:
    """Answers questions for users."""

    def __init__(self, told: dict[int, Any]) -> None:
        self.told, self.asked = told, 0

    def ask(self, question: Question) -> Answer:
        self.asked += 1
        found = self.told[int(question.path.rpartition("/")[2])]
        if isinstance(found, Exception):
            raise found
        return Answer(found, {})


def ticket(customer: Any) -> Upsert:
    return Upsert("1", {"id": 1, "customer_id": customer})


def test_who_asked_is_looked_up_once_and_nobody_else_is_taken_for_them() -> None:
    dana = {"id": 6, "email": "dana@customer.example", "firstname": "Dana", "password": "secret", "phone": ""}
    client = FakeClient(
        {6: dana, 7: GoneError("gone"), 8: ScopeError("no"), 9: {"id": 10}, 11: [], 12: RetryLaterError("x")}
    )
    people = People(client)  # type: ignore[arg-type]  # it asks, and no more
    asked = (6, 6, 7, 8, 9, 11, 1, None, True, "6")
    found = [
        change.payload["person"]
        for one in asked
        for change in people.put_in([ticket(one)])
        if isinstance(change, Upsert)
    ]
    kept = {"id": 6, "email": "dana@customer.example", "firstname": "Dana"}
    assert found == [kept, kept, *[None] * 8]
    assert client.asked == 5
    assert people.put_in([Gone("3")]) == [Gone("3")]
    with pytest.raises(RetryLaterError):
        people.put_in([ticket(12)])


def test_a_post_is_believed_only_where_its_bytes_are_signed() -> None:
    push = ZammadPush(TOKEN, URL)

    def hook(body: bytes, token: str = TOKEN, **headers: str) -> Hook:
        signature = f"sha1={hmac.new(token.encode(), body, hashlib.sha1).hexdigest()}"
        return Hook(body, {"x-hub-signature": signature, **headers}, "application/json")

    whole = json.dumps({"ticket": {"id": 1}, "article": {}}).encode()
    hinted = push.hinted(hook(whole), [], "")
    assert (hinted.keys, hinted.odd) == (("tickets",), ())
    for body in (b"", b"[]", b"{", b"[" * 100_000, b'{"ticket": 1}', b'{"other": {}}', b"\xff"):
        hinted = push.hinted(hook(body), [], "")
        assert hinted.keys == ("tickets",), "it is looked all the same"
        assert len(hinted.odd) == 1
    signed = hook(whole).headers["x-hub-signature"]
    for wrong in (
        "",
        "sha1=",
        signed.upper(),
        signed.removeprefix("sha1="),
        f"{signed} ",
        "sha1=\u0661",
        signed.replace("sha1", "sha256"),
    ):
        with pytest.raises(HookError):
            push.hinted(Hook(whole, {"x-hub-signature": wrong}, "application/json"), [], "")
    for refused in (hook(whole, "another"), Hook(whole + b" ", hook(whole).headers, ""), Hook(whole, {}, "")):
        with pytest.raises(HookError):
            push.hinted(refused, [], "")
    with pytest.raises(HookError):
        ZammadPush("", URL).hinted(hook(whole, ""), [], "")


def test_it_hears_only_where_posts_can_be_checked_and_arrive_unread() -> None:
    settings = {"base_url": URL, "token": "t" * 20, "webhook_token": TOKEN}
    opened = remote(Account(1, "Desk", model_of(MANIFEST).model_validate(settings), "IL", "UTC"), Alone())
    [stream] = opened.streams()
    push = opened.push()
    assert push is not None
    made = push.ensure(stream, None, "https://hub.example/hooks/1")
    assert made == Channel("tickets", "webhook", None, None, facts={"address": "https://hub.example/hooks/1"})
    assert push.ensure(stream, made, "https://hub.example/hooks/1") is made
    for where, token, base in (
        ("", TOKEN, URL),
        ("http://hub.example/h", TOKEN, URL),
        ("https://hub.example/h", "", URL),
    ):
        assert ZammadPush(token, base).ensure(stream, None, where) is None


def test_the_self_check_says_what_is_wrong() -> None:
    site = create(0, Faults())
    site.start()
    try:
        for changes, level in (
            ({}, Level.AMBER),
            ({"token": "wrong-token"}, Level.RED),
            ({"changed_after": "later"}, Level.RED),
        ):
            settings = model_of(MANIFEST).model_validate({**site.settings(), **changes})
            found = remote(Account(1, "Desk", settings, "IL", "UTC"), Alone()).check()
            levels = {one.level for one in found}
            assert (Level.RED in levels) == (level is Level.RED), (changes, found)
    finally:
        site.stop()
