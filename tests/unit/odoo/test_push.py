"""What Odoo posts to us, and the rules that make it post."""

import json
from typing import Any

import pytest
import responses

from connectors.odoo import hooks
from connectors.odoo.push import OdooPush
from hub.connector.contract import RulesMade
from hub.connector.hook import Hook
from hub.errors import DisabledError, HookError, RejectedError
from tests.unit.odoo.fake import settings

KINDS = ("contacts", "orders", "invoices", "payments", "allocations")
SECRET = "s" * 43
ADDRESS = "https://hub.example.com/hooks/odoo/1"


def hook(body: Any, secret: str = SECRET) -> Hook:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Hook(content, {}, "application/json", query={"secret": [secret]} if secret else {})


def push(secret: str = SECRET) -> OdooPush:
    return OdooPush(settings(hook_secret=secret), KINDS)


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        ("account.move", ("invoices", "payments", "allocations")),
        ("account.partial.reconcile", ("allocations", "invoices", "payments")),
        ("res.partner", ("contacts",)),
        ("purchase.order", ()),  # switched off
    ],
)
def test_a_change_hints_at_what_is_read_of_it(model: str, keys: tuple[str, ...]) -> None:
    told = push().hinted(hook({"_model": model, "_id": 7, "_action": "Hub: x"}), (), "")
    assert (told.keys, told.odd) == (keys, ())


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", "ל"])
def test_who_does_not_know_the_secret_is_refused(secret: str) -> None:
    with pytest.raises(HookError):
        push().hinted(hook({"_model": "account.move"}, secret), (), "")


def test_without_a_secret_nobody_is_believed() -> None:
    with pytest.raises(HookError):
        push("").hinted(hook({"_model": "account.move"}, ""), (), "")
    with pytest.raises(HookError):
        push("").hinted(Hook(b"{}", {}, "", query={"secret": [""]}), (), "")


def test_two_secrets_are_none() -> None:
    with pytest.raises(HookError):
        push().hinted(Hook(b"{}", {}, "", query={"secret": [SECRET, SECRET]}), (), "")


@pytest.mark.parametrize("body", [b"", b"[]", b"x", b"[" * 100_000, b"3"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(HookError):
        push().hinted(hook(body), (), "")


@pytest.mark.parametrize("body", [{}, {"_model": "crm.lead"}, {"_model": 3}, {"_model": ["account.move"]}])
def test_what_nobody_understands_is_kept(body: dict[str, Any]) -> None:
    assert push().hinted(hook(body), (), "").odd == (body,)


# --- rules ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "address"), [("", ADDRESS), (SECRET, ""), (SECRET, "hub"), (SECRET, f"{ADDRESS}?a=b")]
)
def test_rules_need_a_secret_and_an_address(secret: str, address: str) -> None:
    with pytest.raises(RejectedError):
        hooks.make(settings(hook_secret=secret), "admin", address, KINDS)


@responses.activate
def test_rules_of_an_older_odoo_are_made_by_hand() -> None:
    responses.get("https://erp.example.com/web/version", status=404)
    responses.post("https://erp.example.com/web/webclient/version_info", json={"result": {"server_version": "17.0"}})
    with pytest.raises(RejectedError, match="by hand"):
        hooks.make(settings(hook_secret=SECRET), "admin", ADDRESS, KINDS)


@responses.activate
def test_without_the_app_for_rules_a_person_is_told_to_install_it() -> None:
    gone = {"name": "werkzeug.exceptions.NotFound", "message": "the model 'ir.actions.server' does not exist"}
    responses.post("https://erp.example.com/json/2/ir.actions.server/search_read", status=404, json=gone)
    with pytest.raises(DisabledError, match="Automation Rules"):
        hooks.make(settings(hook_secret=SECRET, protocol="json2"), "admin", ADDRESS, KINDS)
    assert hooks.remove(settings(protocol="json2"), "admin", ADDRESS) == RulesMade(0, 0)


@responses.activate
def test_new_rules_are_made_before_the_old_ones_go_and_by_the_administrators_key_alone() -> None:
    base = "https://erp.example.com/json/2"
    responses.post(
        f"{base}/ir.actions.server/search_read",
        json=[{"id": 5, "base_automation_id": [4, "x"]}, {"id": 6, "base_automation_id": False}],
    )
    responses.post(f"{base}/ir.model/search_read", json=[{"id": 70, "model": "res.partner"}])
    responses.post(f"{base}/base.automation/create", json=[8])
    responses.post(f"{base}/base.automation/unlink", json=True)
    responses.post(f"{base}/ir.actions.server/unlink", json=True)
    done = hooks.make(settings(hook_secret=SECRET, protocol="json2"), "admin-key", ADDRESS, ["contacts"])
    assert done == RulesMade(2, 2)
    assert [str(one.request.url).removeprefix(f"{base}/") for one in responses.calls] == [
        "ir.actions.server/search_read", "ir.model/search_read", "base.automation/create", "base.automation/create",
        "base.automation/unlink", "ir.actions.server/unlink",
    ]  # fmt: skip
    assert {one.request.headers["Authorization"] for one in responses.calls} == {"Bearer admin-key"}
    [rule] = json.loads(str(responses.calls[2].request.body or b"", "utf-8"))["vals_list"]  # type: ignore[arg-type]  # it has a body of bytes
    [[_, _, action]] = rule["action_server_ids"]
    assert action["webhook_url"] == f"{ADDRESS}?secret={SECRET}"
