"""Webhooks of every connector that takes them: signed ones are read, all others are refused, and nothing breaks it."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.connector.contract import Account, Received
from hub.connector.hook import Hook
from hub.connector.simulator import Harm
from hub.errors import HookError, HubError, RecordError
from tests.contract.connectors import (
    RECEIVERS,
    ROOT,
    Ear,
    account,
    connector,
    hooks,
    ill,
    in_full,
    posted,
    secret_fields,
    secrets,
    simulated,
    speak,
)

KINDS = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""]
PLAIN_HEADERS = {"content-type", "content-length", "host", "user-agent", "accept", "accept-encoding", "connection"}
RECORDED = [(name, file) for name in RECEIVERS for file in sorted((ROOT / "tests/fixtures" / name).rglob("*.http"))]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def receive(name: str, made: Account[Any], hook: Hook) -> Received:
    read = connector(name).receive
    assert read is not None
    return read(made, hook)


@cache
def signing(name: str) -> Account[Any]:
    """The account whose remote signs."""
    with simulated(name) as simulator:
        return account(name, simulator)


@cache
def open_to_all(name: str) -> Account[Any]:
    """The same without secrets, where the connector allows that: so that what is not signed is read at all."""
    with simulated(name) as simulator:
        given = {key: value for key, value in simulator.settings().items() if key not in secret_fields(name)}
    try:
        return Account(1, "Contract", connector(name).settings.model_validate(given), "IL", "UTC")
    except ValidationError:
        return signing(name)


def recorded_by(name: str, file: Path) -> Account[Any]:
    """The account that a hook was recorded for: `account.json` beside it, where there are several kinds of accounts."""
    beside = file.with_name("account.json")
    if not beside.exists():
        return open_to_all(name)
    made = connector(name).settings.model_validate_json(beside.read_text("utf-8"))
    return Account(1, "Contract", made, "IL", "UTC")


def refusal(name: str, hook: Hook) -> str | None:
    """Why an unsigned hook is refused; None: it was read."""
    try:
        receive(name, open_to_all(name), hook)
    except (HookError, RecordError) as error:
        return str(error)
    return None


def request(file: Path) -> Hook:
    """A recorded request: its headers, an empty line, its body."""
    head, _, body = file.read_bytes().partition(b"\n\n")
    pairs = (line.partition(": ") for line in head.decode().splitlines())
    headers = {key.lower(): value for key, _, value in pairs}
    return Hook(body, headers, headers["content-type"].partition(";")[0])


@pytest.mark.parametrize("name", RECEIVERS)
class TestSignature:
    def test_what_the_remote_signs_is_read_and_says_something(self, name: str) -> None:
        made = signing(name)
        # The simulator of this very account signed with the secret that all simulators of this connector have.
        received = [receive(name, made, hook) for hook in hooks(name)]

        assert all(one.heard or one.records for one in received)

    def test_without_its_signature_a_hook_is_refused(self, name: str) -> None:
        made = signing(name)
        for hook in hooks(name):
            bare = {key: value for key, value in hook.headers.items() if key in PLAIN_HEADERS}
            with pytest.raises(HookError) as refused:
                receive(name, made, replace(hook, headers=bare))
            assert not [secret for secret in secrets(made) if secret in in_full(refused.value)]

    def test_with_another_body_a_hook_is_refused(self, name: str) -> None:
        made = signing(name)
        for hook in hooks(name):
            with pytest.raises(HookError):
                receive(name, made, replace(hook, body=hook.body + b" "))

    @QUICK
    @given(value=st.text(max_size=80))
    def test_a_made_up_signature_is_refused(self, name: str, value: str) -> None:
        made, hook = signing(name), hooks(name)[0]
        other = {key: value if key not in PLAIN_HEADERS else old for key, old in hook.headers.items()}
        with pytest.raises(HookError):
            receive(name, made, replace(hook, headers=other))


@pytest.mark.parametrize("name", RECEIVERS)
class TestRepeats:
    def test_the_same_hook_says_the_same_again(self, name: str) -> None:
        made = signing(name)

        assert [receive(name, made, hook) for hook in hooks(name)] == [
            receive(name, made, hook) for hook in hooks(name)
        ]

    def test_records_of_one_delivery_have_names_of_their_own(self, name: str) -> None:
        made = signing(name)
        for hook in hooks(name):
            records = receive(name, made, hook).records
            assert len({(one.stream, one.remote_id) for one in records}) == len(records)
            assert all(one.stream and one.remote_id for one in records)


@pytest.mark.parametrize("name", RECEIVERS)
class TestHostile:
    @QUICK
    @given(body=st.binary(max_size=300), kind=st.sampled_from(KINDS))
    def test_any_bytes_are_read_or_refused(self, name: str, body: bytes, kind: str) -> None:
        assert refusal(name, Hook(body, {}, kind)) != ""

    @QUICK
    @given(data=st.data())
    def test_a_damaged_hook_is_read_or_refused(self, name: str, data: st.DataObject) -> None:
        hook = data.draw(st.sampled_from(hooks(name)))
        at = data.draw(st.integers(0, max(0, len(hook.body) - 1)))
        new = data.draw(st.binary(max_size=4))
        damaged = replace(hook, body=hook.body[:at] + new + hook.body[at + 1 :])
        assert refusal(name, damaged) != ""

    def test_a_body_without_end_is_refused(self, name: str) -> None:
        with pytest.raises((HookError, RecordError)):
            receive(name, open_to_all(name), Hook(b"[" * 1_000_000, {}, KINDS[0]))


@pytest.mark.parametrize(("name", "fault"), ill(RECEIVERS, Harm.HOSTILE))
def test_a_hostile_delivery_is_refused_and_the_next_one_heard(name: str, fault: str) -> None:
    with simulated(name, fault) as simulator, posted(name, simulator, Ear()) as post:
        speak(name, simulator)

        assert len(post.errors) == 1
        assert isinstance(post.errors[0], HubError)
        assert len(post.ear.messages) + len(post.records) == len(post.hooks) - 1 > 0
        assert not [secret for secret in secrets(post.account) if secret in in_full(post.errors[0])]


@pytest.mark.parametrize(("name", "file"), RECORDED, ids=lambda value: getattr(value, "stem", value))
def test_what_was_recorded_is_still_understood(name: str, file: Path) -> None:
    received = receive(name, recorded_by(name, file), request(file))

    assert received.heard or received.records


@pytest.mark.parametrize("name", RECEIVERS)
def test_something_was_recorded(name: str) -> None:
    assert [file for one, file in RECORDED if one == name]
