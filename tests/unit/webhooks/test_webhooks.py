"""Signatures, bodies, the schedule and what is outside: decisions alone."""

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from hub.connector.network import is_outside
from hub.events.models import Event
from hub.events.types import TYPES
from hub.security.outside import Why
from hub.security.vault import Vault
from hub.web import webhook_words
from hub.webhooks import fault, plan, sign
from hub.webhooks.models import WebhookEndpoint

DOCS = Path(__file__).parents[3] / "docs" / "webhooks.md"
NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def event(data: dict[str, object]) -> Event:
    return Event(type="call.ended", subject="p1", at=NOW, data=data)


@given(st.dictionaries(st.sampled_from(["id", "kind", "text"]), JSON))
@settings(max_examples=40)
def test_the_library_of_the_standard_accepts_what_is_signed_and_nothing_else(data: dict[str, object]) -> None:
    body, secrets = sign.body(event(data)), [sign.new_secret(), sign.new_secret()]
    headers = sign.headers("e1", datetime.now(UTC), body, secrets)
    for secret in secrets:
        Webhook(secret).verify(body, headers)
    for changed in (body + b" ", body.replace(b"call", b"cal1")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secrets[0]).verify(changed, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(sign.new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(body, sign.headers("e1", NOW - timedelta(days=30), body, secrets))


@given(st.dictionaries(st.sampled_from(["id", "kind", "text"]), st.text(min_size=7000, max_size=7200)))
@settings(max_examples=10)
def test_no_body_is_ever_larger_than_promised(data: dict[str, object]) -> None:
    assert len(sign.body(event(data | {"more": "\u05d0" * 10_000}))) <= sign.MOST


def test_the_secret_before_the_newest_signs_for_a_day() -> None:
    vault = Vault([Fernet.generate_key()])
    first, second = sign.new_secret(), sign.new_secret()
    row = WebhookEndpoint(secrets=sign.seal(vault, first), old_until=None)
    assert sign.in_force(vault, row, NOW) == [first]
    row.secrets, row.old_until = sign.seal(vault, second, sign.newest(vault, row)), NOW + sign.ROTATES_FOR
    assert sign.in_force(vault, row, NOW) == [second, first]
    assert sign.in_force(vault, row, NOW + sign.ROTATES_FOR) == [second]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", second)


def test_the_schedule_is_the_published_one() -> None:
    waits = []
    for failures in range(1, len(plan.PAUSES) + 1):
        at = plan.next_try(failures, NOW, None)
        assert at is not None
        waits.append((at - NOW) / plan.PAUSES[failures - 1])
    assert all(0.9 <= one <= 1.1 for one in waits)
    assert sum(plan.PAUSES, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)
    assert plan.next_try(len(plan.PAUSES) + 1, NOW, None) is None
    asked = plan.next_try(1, NOW, 3600)
    assert asked == NOW + timedelta(hours=1)
    assert plan.next_try(1, NOW, 1e9) == NOW + timedelta(hours=24)
    assert [plan.rest(n).total_seconds() for n in (1, 2, 5, 6, 900)] == [2, 4, 32, 60, 60]


def test_only_the_open_internet_is_outside() -> None:
    inside = (
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "100.64.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
        "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "::127.0.0.1",
    )  # fmt: skip
    assert [one for one in inside if is_outside(ipaddress.ip_address(one))] == []
    assert all(is_outside(ipaddress.ip_address(one)) for one in ("8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"))


def test_each_fault_has_a_sentence_and_those_stored_as_one_stay() -> None:
    assert set(webhook_words.SENTENCES) == {*Why, *fault.Code}
    for code, sentence in webhook_words.SENTENCES.items():
        stored = fault.Fault(code, "<b>50% off").stored
        assert fault.read(stored) == fault.Fault(code, "<b>50% off")
        has_detail = "%(detail)s" in str(sentence)
        assert ("<b>50% off" in webhook_words.in_english(stored)) == has_detail
        assert ("&lt;b&gt;50% off</bdi>" in webhook_words.shown(stored)) == has_detail
    assert webhook_words.in_english(fault.Fault(Why.LATE, "15").stored) == "No answer within 15 s."
    for old in ("", "It answered 500.", "<b>"):
        assert webhook_words.in_english(old) == old
        assert "<b>" not in webhook_words.shown(old)
    assert [fault.of_answer(status) for status in (200, 204, 299)] == [None] * 3


def test_the_documentation_names_every_type() -> None:
    named = re.findall(r"^\| `([a-z.]+)` \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted([*TYPES, plan.TEST])
