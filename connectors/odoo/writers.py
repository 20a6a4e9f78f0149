"""What is written to Odoo as a CRM: chatter notes and activities of partners, leads, tasks, people.

Each record is made under an external id that is its key, so that a second try is no second record. What somebody else wrote
last is left alone: the hub has a user of its own, and Odoo says who wrote last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.odoo import forms, loading
from connectors.odoo.client import id_of
from connectors.odoo.colleagues import Colleagues
from connectors.odoo.forms import ACTIVITY, LEAD, MESSAGE, PARTNER, Columns
from hub.connector import crm
from hub.connector.stream import Written
from hub.errors import ConflictError, GoneError, RejectedError

WRITABLE = (crm.INTERACTIONS, crm.LEADS, crm.TASKS, crm.CONTACTS)
# Of a record that is there: whose it is, its kind and its stage are people's.
_CHANGED = {
    MESSAGE: ("subject", "body", "date"),
    ACTIVITY: ("summary", "note", "date_deadline"),
    LEAD: ("name", "description"),
    PARTNER: ("name", "email", "phone", "function", "company_name"),
}


@dataclass(frozen=True, slots=True)
class OdooWriter:
    """Writes records of one kind (`hub.connector.stream.Writer`). Remote ids name the model: `mail.message/12`; people's do not."""

    colleagues: Colleagues
    records: str
    zone: str  # IANA name: whose days are meant

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make a record, or write the same over the one that was made with this key."""
        model, columns = self._columns(values)
        number = loading.load(self.colleagues.client, model, key, columns)
        if model == ACTIVITY and values.get("done"):
            self._end(number)
        return Written(self._name(model, number))

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change the given fields.

        Raises:
            ConflictError: somebody else wrote it last, and not the version that is known.
        """
        del key  # the same written twice is the same
        model, number = self._place(remote_id)
        there = loading.present(self.colleagues.client, model, number, ("write_uid", "write_date", "active"))
        is_ours = id_of(there.get("write_uid")) in {0, self.colleagues.us}
        if not is_ours and (not version or there.get("write_date") != version):
            raise ConflictError(f"Somebody changed this {model} in Odoo.")
        if self.records == crm.TASKS:
            self._change_task(number, values, is_active=bool(there.get("active", True)))
        else:
            changes = forms.rewritten(self._columns(values, whose=1)[1], _CHANGED[model])
            loading.called(self.colleagues.client, model, "write", ids=[number], vals=changes)
        return Written(remote_id)

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Take a record away; of one that is no more this is success. People stay."""
        del version, key
        model, number = self._place(remote_id)
        if model == PARTNER:
            raise RejectedError("Contacts are never deleted in Odoo.")
        try:
            loading.present(self.colleagues.client, model, number, ("write_uid",))
            loading.called(self.colleagues.client, model, "unlink", ids=[number])
        except GoneError:
            return

    # --- inside ---------------------------------------------------------------------------------------------------

    def _columns(self, values: Mapping[str, Any], whose: int = 0) -> tuple[str, Columns]:
        """Return the model and the columns of a record. Raises RejectedError: nobody is named whose it is."""
        owner = self.colleagues.by_email(str(values.get("owner_email") or ""))
        whose = whose or _number(values.get("party")) or _number(values.get("company"))
        if self.records == crm.LEADS:
            return LEAD, forms.lead(values, whose or None, owner, self.colleagues.client.settings.leads_as)
        if self.records == crm.CONTACTS:
            return PARTNER, forms.partner(values)
        if not whose:
            raise RejectedError("Odoo keeps this with a partner, and there is none.")
        if self.records == crm.TASKS:
            return ACTIVITY, forms.task(values, whose, owner, self.zone)
        if values.get("kind") in self.colleagues.client.settings.activity_kinds:
            return ACTIVITY, forms.activity(values, whose, owner, self.zone)
        return MESSAGE, forms.note(values, whose, owner)

    def _change_task(self, number: int, values: Mapping[str, Any], *, is_active: bool) -> None:
        owner = self.colleagues.by_email(str(values.get("owner_email") or ""))
        changes = forms.task_changes(values, owner, self.zone)
        if (user := changes.pop("user_id/.id", None)) is not None:
            changes["user_id"] = user
        if values.get("done") is False and not is_active:
            changes["active"] = True
        if changes:
            loading.called(self.colleagues.client, ACTIVITY, "write", ids=[number], vals=changes)
        if values.get("done") and is_active:
            self._end(number)

    def _end(self, number: int) -> None:
        """Tick an activity off; one that is ticked off already would be noted twice."""
        there = self.colleagues.client.of_ids(ACTIVITY, [number], ("active",)).get(number)
        if there is not None and there.get("active", True):
            loading.called(self.colleagues.client, ACTIVITY, "action_feedback", ids=[number])

    def _name(self, model: str, number: int) -> str:
        return f"{model}/{number}" if self.records in {crm.INTERACTIONS, crm.LEADS} else str(number)

    def _place(self, remote_id: str) -> tuple[str, int]:
        model, _, number = remote_id.rpartition("/")
        named = {crm.TASKS: ACTIVITY, crm.CONTACTS: PARTNER}.get(self.records, model)
        if named not in _CHANGED or not number.isdecimal():
            raise RejectedError(f"{remote_id[:60]!r} is no record that the hub wrote to Odoo.")
        return named, int(number)


def _number(remote_id: Any) -> int:
    return int(remote_id) if isinstance(remote_id, str) and remote_id.isdecimal() else 0
