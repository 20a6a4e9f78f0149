"""Automation rules that post webhooks after a write: once for each write, after the commit, unsigned, never again.

Recorded from Odoo 19.0: a whole business step is some dozen posts of the same record; relations are ids, moments have
microseconds, and `_id`, `_model` and `_action` stand beside the fields that were chosen.
Source: `_run_action_webhook` of `odoo/addons/base/models/ir_actions.py`.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from connectors.odoo.simulated.schema import Row
from connectors.odoo.simulated.store import Place, View
from connectors.odoo.simulated.values import posted
from hub.connector.simulated.notifier import Notification, Notifier

_ON_WRITE = frozenset({"on_create_or_write", "on_write", "on_create"})
HEADERS = {"Content-Type": "application/json", "User-Agent": "python-requests/2.32.3", "Accept": "*/*"}


class Automation:
    """Looks at what was written, and posts what rules want."""

    def __init__(self, view: View, notifier: Notifier) -> None:
        self._view, self._notifier = view, notifier
        self.posts_per_write = 6  # Odoo writes a document oftener than this simulator does
        self.posted = 0

    def tell(self, written: Sequence[tuple[Place, Row, bool]]) -> None:
        """Post what was written, each write for itself; called after the commit."""
        if not self._view.tables["base.automation"].ids:
            return
        for place, row, is_gone in written:
            for action in self._actions(place[0], is_gone=is_gone):
                body = json.dumps(self._body(place, row, action), sort_keys=True).encode()
                for _ in range(1 if is_gone else self.posts_per_write):
                    self.posted += 1
                    self._notifier.notify(Notification(action["webhook_url"], HEADERS, body))

    def _actions(self, model: str, *, is_gone: bool) -> Iterator[Row]:
        rules = self._view.rows("base.automation", self._view.tables["base.automation"].ids)
        for rule in rules:
            about = self._view.get("ir.model", rule["model_id"])
            fits = rule["trigger"] == "on_unlink" if is_gone else rule["trigger"] in _ON_WRITE
            if not (rule["active"] and fits and about is not None and about["model"] == model):
                continue
            actions = self._view.related("ir.actions.server", "base_automation_id", rule["id"])
            yield from (one for one in actions if one["state"] == "webhook" and one["webhook_url"])

    def _body(self, place: Place, row: Row, action: Row) -> dict[str, Any]:
        model, number = place
        told: dict[str, Any] = {
            "_action": f"{action['name']}(#{action['id']})",
            "_id": number,
            "_model": model,
            "id": number,
        }
        for one in self._view.rows("ir.model.fields", action["webhook_field_ids"] or ()):
            field = self._view.model(model).fields[one["name"]]
            value = field.compute(self._view, row) if field.compute is not None else row[one["name"]]
            told[one["name"]] = posted(field, value)
        return told
