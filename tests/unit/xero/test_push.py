"""Webhooks of Xero: who signs is believed, and what was told is read as a hint."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.xero.push import HEADER, XeroPush
from connectors.xero.remote import XeroRemote
from hub.connector.hook import Hook
from hub.connector.stream import Hinted
from hub.errors import HookError
from tests.unit.xero.desk import Hub, account, settings

KEY, ADDRESS = "webhook-key", "https://hub.example/hooks/xero/1"


def hook(body: bytes, *, key: str = KEY, header: str | None = None) -> Hook:
    signed = base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()
    return Hook(body, {HEADER: signed if header is None else header}, "application/json")


def heard(told: Any, *, key: str = KEY) -> Hinted:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return XeroPush(settings(webhook_key=key)).hinted(hook(body), [], ADDRESS)


def events(*categories: Any) -> dict[str, Any]:
    told = [{"eventCategory": one, "eventType": "UPDATE", "resourceId": "r", "tenantId": "t"} for one in categories]
    return {"events": told, "firstEventSequence": 1, "lastEventSequence": len(told), "entropy": "S0m3r4nd0m"}


@pytest.mark.parametrize(
    ("categories", "keys"),
    [
        (("INVOICE",), {"invoices", "payments"}), (("CONTACT",), {"contacts"}),
        (("CREDITNOTE",), {"credit_notes", "invoices"}), (("invoice", "CONTACT"), {"invoices", "payments", "contacts"}),
        (("SUBSCRIPTION",), set()), ((), set()),
    ],
)  # fmt: skip
def test_what_may_have_changed(categories: tuple[str, ...], keys: set[str]) -> None:
    found = heard(events(*categories))
    assert (set(found.keys), list(found.odd), found.answer) == (keys, [], "")


@pytest.mark.parametrize("told", [b"", b"{", b"[]", b'"x"', {"events": {}}, {}, {"events": [{}] * 10_001}])
def test_a_signed_post_that_nobody_understands_is_kept(told: Any) -> None:
    found = heard(told)
    assert (tuple(found.keys), len(found.odd)) == ((), 1)


def test_the_rest_of_a_post_counts_when_one_event_is_odd() -> None:
    found = heard(events("MOON", "INVOICE", None))
    assert set(found.keys) == {"invoices", "payments"}
    assert len(found.odd) == 2
    found = heard({"events": ["x", *events("CONTACT")["events"]]})
    assert (set(found.keys), len(found.odd)) == ({"contacts"}, 1)


@pytest.mark.parametrize("header", ["", "x", "%%%", "YWJj", "é"])
def test_who_does_not_sign_is_refused(header: str) -> None:
    with pytest.raises(HookError):
        XeroPush(settings(webhook_key=KEY)).hinted(hook(b"{}", header=header), [], ADDRESS)


def test_another_key_or_none_opens_nothing() -> None:
    with pytest.raises(HookError):
        XeroPush(settings(webhook_key=KEY)).hinted(hook(b"{}", key="another"), [], ADDRESS)
    with pytest.raises(HookError):
        XeroPush(settings()).hinted(hook(b"{}", key=""), [], ADDRESS)


def test_channels_are_only_for_what_xero_tells_of() -> None:
    told = settings(webhook_key=KEY)
    push, remote = XeroPush(told), XeroRemote(account(webhook_key=KEY), Hub())
    opened = {one.key for one in remote.streams() if push.ensure(one, None, ADDRESS)}
    assert opened == {"contacts", "invoices", "credit_notes"}
    assert push.ensure(remote.stream("invoices"), None, "") is None
    assert XeroPush(settings()).ensure(remote.stream("invoices"), None, ADDRESS) is None
