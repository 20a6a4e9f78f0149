"""Posts of Intuit, in both forms: who signed them, and what they hint at."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.quickbooks.client import Client
from connectors.quickbooks.push import QuickBooksPush
from connectors.quickbooks.streams import stream
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Hinted
from hub.errors import HookError
from tests.unit.quickbooks.books import REALM, Tools, settings

WORD = "b8d1-verifier"
ADDRESS = "https://hub.example/hooks/quickbooks/1"


def old(*entities: tuple[str, str]) -> dict[str, Any]:
    listed = [
        {"name": name, "id": "7", "operation": what, "lastUpdated": "2026-11-22T10:00:00.000Z"}
        for name, what in entities
    ]
    return {"eventNotifications": [{"realmId": REALM, "dataChangeEvent": {"entities": listed}}]}


def new(*types: str) -> list[dict[str, Any]]:
    return [
        {"specversion": "1.0", "id": f"88cd52aa-{number}", "source": "intuit.dsnBgbseACLLRZNxo2dfc4evmEJdxde58xeeYcZliOU=",
         "type": one, "datacontenttype": "application/json", "time": "2026-11-22T10:00:00Z", "intuitentityid": "7",
         "intuitaccountid": REALM, "data": {}}
        for number, one in enumerate(types)
    ]  # fmt: skip


def heard(told: Any, word: str = WORD, **headers: str) -> Hinted:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    signature = base64.b64encode(hmac.new(word.encode(), body, hashlib.sha256).digest()).decode()
    hook = Hook(body, {"intuit-signature": signature, **headers}, "application/json")
    return QuickBooksPush(settings(verifier_token=WORD)).hinted(hook, (), ADDRESS)


@pytest.mark.parametrize(
    ("told", "keys"),
    [
        (old(("Invoice", "Create"), ("Payment", "Update"), ("Invoice", "Void")), ("invoices", "payments")),
        (old(("Customer", "Merge"), ("Vendor", "Delete")), ("contacts",)),
        (new("qbo.invoice.created.v1"), ("invoices",)),
        (new("qbo.creditmemo.updated.v1", "qbo.billpayment.voided.v1", "qbo.vendor-credit.deleted.v1"), ("credit_notes", "payments", "vendor_credits")),
        (new("qbo.estimate.updated.v1")[0], ("quotes",)),
        (old(("Item", "Update")), ()),
        (new("qbo.item.updated.v1"), ()),
        ([], ()),
        ({"eventNotifications": []}, ()),
    ],
)  # fmt: skip
def test_both_forms_hint_at_streams(told: Any, keys: tuple[str, ...]) -> None:
    found = heard(told)
    assert found.keys == keys
    assert found.odd == ()
    assert found.answer, "Intuit wants 200"


@pytest.mark.parametrize(
    "told",
    [b"\xff\xfe", b"7", {"hello": 1}, [{"type": "other.event"}], {"eventNotifications": [7]}, {"eventNotifications": [{"realmId": "1"}]},
     {"eventNotifications": [{"dataChangeEvent": {"entities": [{"id": "1"}]}}]}],
)  # fmt: skip
def test_what_is_signed_and_not_understood_is_kept(told: Any) -> None:
    found = heard(told)
    assert found.keys == ()
    assert len(found.odd) == 1


@pytest.mark.parametrize(
    "headers", [{"intuit-signature": ""}, {"intuit-signature": "forged"}, {"intuit-signature": "\udcff"}]
)
def test_who_proves_nothing_is_not_heard(headers: dict[str, str]) -> None:
    with pytest.raises(HookError):
        heard(old(("Invoice", "Create")), **headers)


def test_another_word_signs_nothing_and_no_word_believes_nothing() -> None:
    with pytest.raises(HookError):
        heard(old(("Invoice", "Create")), word="other")
    with pytest.raises(HookError):
        QuickBooksPush(settings()).hinted(Hook(b"{}", {"intuit-signature": "x"}, ""), (), ADDRESS)


def test_there_is_a_channel_where_there_is_a_word_and_an_address() -> None:
    client = Client(settings(), Tools())
    invoices, company = stream(client, "invoices"), stream(client, "companies")
    assert invoices is not None
    assert company is not None
    push = QuickBooksPush(settings(verifier_token=WORD))
    channel = push.ensure(invoices, None, ADDRESS)
    assert isinstance(channel, Channel)
    assert push.ensure(invoices, channel, ADDRESS) is channel
    assert push.ensure(invoices, channel, "https://other.example/") != channel
    assert push.ensure(company, None, ADDRESS) is None, "nobody tells of the company itself"
    assert push.ensure(invoices, None, "http://hub.example/") is None, "Intuit posts over TLS only"
    assert push.ensure(invoices, None, "") is None
    assert QuickBooksPush(settings()).ensure(invoices, None, ADDRESS) is None
