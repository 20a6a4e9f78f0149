"""Automation rules in Odoo that tell the hub of changes: made and removed when a person asks for it.

They need an administrator's key, which is used once and kept nowhere; the account's own key may only read, and the client
that reads (`client`) could not send this. Rules are found again by the address that they post to. The new ones are made
before the old ones go: if the process dies in between, there are some twice, which costs a look and is mended the next
time. Source: https://github.com/odoo/odoo/blob/19.0/addons/base_automation/models/base_automation.py
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from connectors.odoo.client import id_of, is_at_least
from connectors.odoo.errors import NoModelError
from connectors.odoo.push import SECRET, SPOKEN_OF
from connectors.odoo.settings import JSON2, OdooSettings
from connectors.odoo.wire import Door, Json2, version
from hub.connector.contract import RulesMade
from hub.errors import DisabledError, RejectedError, ShapeError

# All that is ever called with the administrator's key.
_CALLS = frozenset({
    ("ir.model", "search_read"),
    ("base.automation", "create"), ("base.automation", "unlink"),
    ("ir.actions.server", "create"), ("ir.actions.server", "search_read"), ("ir.actions.server", "unlink"),
})  # fmt: skip
TRIGGERS = ("on_create_or_write", "on_unlink")
_NAME = "Hub: {model}, {trigger}"


def make(settings: OdooSettings, admin_key: str, address: str, kinds: Iterable[str]) -> RulesMade:
    """Make the rules of an account, in place of those that it had.

    Args:
        settings: with the secret that the rules are to show.
        admin_key: of a user who may change settings of Odoo; it is not kept.
        address: of the account's hook, as Odoo reaches it.
        kinds: of records that are read (`Stream.key`).

    Raises:
        RejectedError: there is no secret, or the address is none.
        DisabledError: the app for automation rules is not installed.
        AuthError, ScopeError: it is no key, or not of an administrator.
        ConnectorError: as of `wire.Wire.call`.
    """
    secret = settings.hook_secret.get_secret_value()
    if not secret or urlsplit(address).scheme not in {"http", "https"} or "?" in address:
        raise RejectedError("Rules need a secret and the address of the hub as Odoo reaches it.")
    admin = _Admin(settings, admin_key)
    try:
        before = admin.rules(address)
    except NoModelError as error:
        raise DisabledError("Install the app Automation Rules (base_automation) in Odoo, and try again.") from error
    wanted = sorted(model for model, spoken_of in SPOKEN_OF.items() if spoken_of[0] in set(kinds))
    ids = admin.models(wanted)
    url = f"{address}?{urlencode({SECRET: secret})}"
    for model, model_id in ids.items():
        for trigger in TRIGGERS:
            admin.make(_NAME.format(model=model, trigger=trigger), model_id, trigger, url)
    admin.remove(before)
    return RulesMade(len(ids) * len(TRIGGERS), len(before), tuple(one for one in wanted if one not in ids))


def remove(settings: OdooSettings, admin_key: str, address: str) -> RulesMade:
    """Remove the rules of an account. Raises as `make`."""
    admin = _Admin(settings, admin_key)
    try:
        before = admin.rules(address)
    except NoModelError:  # without the app there are none
        return RulesMade(0, 0)
    admin.remove(before)
    return RulesMade(0, len(before))


class _Admin:
    """The few calls that an administrator's key is used for."""

    def __init__(self, settings: OdooSettings, key: str) -> None:
        door = Door(settings)
        # The older protocols want the administrator's name too, and end soon.
        if settings.protocol != JSON2 and not is_at_least(version(door), 19):
            raise RejectedError("Make the rules by hand (README): this Odoo is older than 19.")
        self._wire = Json2(door, key)

    def rules(self, address: str) -> Mapping[int, int]:
        """Return rules that post to an address: the action of each, and the rule it belongs to."""
        domain = [["state", "=", "webhook"], ["webhook_url", "=like", f"{address}?%"]]
        found = self._call("ir.actions.server", "search_read", domain=domain, fields=["base_automation_id"])
        return {id_of(one["id"]): id_of(one.get("base_automation_id")) for one in found}

    def models(self, names: Sequence[str]) -> dict[str, int]:
        """Return the ids of models, of those that are installed."""
        found = self._call("ir.model", "search_read", domain=[["model", "in", list(names)]], fields=["model"])
        return {str(one["model"]): id_of(one["id"]) for one in found}

    def make(self, name: str, model_id: int, trigger: str, url: str) -> None:
        """Make a rule with its action; without the action it would do nothing."""
        action = {
            "name": name, "model_id": model_id, "state": "webhook", "webhook_url": url, "usage": "base_automation",
        }  # fmt: skip
        rule = {"name": name, "model_id": model_id, "trigger": trigger, "action_server_ids": [[0, 0, action]]}
        self._call("base.automation", "create", vals_list=[rule])

    def remove(self, rules: Mapping[int, int]) -> None:
        """Remove rules, and actions whose rule is gone already."""
        if automations := sorted({rule for rule in rules.values() if rule}):
            self._call("base.automation", "unlink", ids=automations)
        if actions := sorted(action for action, rule in rules.items() if not rule):
            self._call("ir.actions.server", "unlink", ids=actions)

    def _call(self, model: str, method: str, **parameters: Any) -> list[dict[str, Any]]:
        assert (model, method) in _CALLS
        told = self._wire.call(model, method, parameters).value
        if method != "search_read":
            return []
        if not isinstance(told, list) or not all(isinstance(one, dict) and id_of(one.get("id")) for one in told):
            raise ShapeError(f"Odoo's answer about {model} is no list of records")
        return told
