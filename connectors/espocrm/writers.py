"""What is written to EspoCRM: each record bears a mark of its key, by which it is found again.

EspoCRM lets nobody choose an id, and has no write that happens once; so the first try writes at once, and before another
try the hub asks `find` for the mark.
Source: https://docs.espocrm.com/development/api/crud/
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.espocrm import forms
from connectors.espocrm.client import Client, Row, is_id
from connectors.espocrm.streams import version_of
from hub.connector import crm
from hub.connector.rich_text import line
from hub.connector.stream import Written
from hub.errors import ConflictError, GoneError, RejectedError

Json = dict[str, Any]

# Of a lead that is there: where it stands in the pipeline, and whose it is.
_PEOPLE_SAY = frozenset({"status", "stage", "closeDate", "amount", "assignedUserId"})
INTERACTIONS = ("Call", "Meeting", "Note")


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a record goes, as what, and where its mark stands."""

    entity: str
    body: Json

    @property
    def text(self) -> str:
        return text_of(self.entity)


def text_of(entity: str) -> str:
    """Return the attribute that holds a record's text."""
    return "post" if entity == "Note" else "description"


@dataclass(frozen=True, slots=True)
class EspoWriter:
    """Writes records of one kind (`hub.connector.crm.FindsWritten`).

    Where several entities take them, a remote id is `Call/5f3...`; else it is the id alone, as the stream tells it.
    """

    client: Client
    entities: Sequence[str]
    is_named: bool
    # The attributes of a record, which is None for a new one, and empty where nobody looked.
    form: Callable[["EspoWriter", Mapping[str, Any], Row | None, str], Json]

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make a record, with one request; whether it is there already `find` says.

        Raises:
            RetryLaterError: it may have been made; ask `find` before the next try.
        """
        entity = self._entity(values)
        body = self.form(self, values, None, entity)
        return self._written(entity, self.client.create(entity, self._marked(entity, body, key)))

    def find(self, key: str, values: Mapping[str, Any]) -> Written | None:
        """Return what was made with a key, by one request; None: nothing was. Raises ConnectorError: nobody knows."""
        entity, mark, field = self._entity(values), forms.mark_of(key), self.client.settings.mark_field
        if field and entity != "Note":
            where = {"type": "equals", "attribute": field, "value": mark}
        else:
            where = {"type": "contains", "attribute": text_of(entity), "value": mark}
        rows = self.client.rows(entity, [where], ("createdAt", "modifiedAt"), limit=1, order="createdAt")
        return self._written(entity, rows[0]) if rows else None

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change the given fields. What says so already, perhaps by a try whose answer was lost, is left.

        Raises:
            ConflictError: somebody changed it since `version`.
        """
        del key  # what was written once says the same, and is recognised by that
        entity, its_id = self._place(remote_id)
        is_marked = not self.client.settings.mark_field or entity == "Note"  # in the text, where the mark is to stay
        needs_it = bool(version) or is_marked or entity == "Contact"
        present = self.client.row(entity, its_id) if needs_it else None
        if present is not None and present.get("deleted") is True:
            raise GoneError("The record is deleted in EspoCRM.")
        body = self._kept(entity, self.form(self, values, present or {}, entity), present)
        if present is not None:
            if all(_same(present.get(name), value) for name, value in body.items()):
                return self._written(entity, present)
            if version and version_of(present) != version:
                raise ConflictError("Somebody changed it in EspoCRM meanwhile.")
        number = present.get("versionNumber") if present else None
        return self._written(entity, self.client.update(entity, its_id, body, number=number))

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Take a record away; of one that is no more this is success. Contacts stay.

        Raises:
            ConflictError: somebody changed it since `version`.
        """
        del key
        entity, its_id = self._place(remote_id)
        if entity == "Contact":
            raise RejectedError("Contacts are never deleted in EspoCRM.")
        try:
            if version and version_of(self.client.row(entity, its_id)) != version:
                raise ConflictError("Somebody changed it in EspoCRM meanwhile.")
            self.client.delete(entity, its_id)
        except GoneError:
            return

    # --- inside ---------------------------------------------------------------------------------------------------

    def _entity(self, values: Mapping[str, Any]) -> str:
        if len(self.entities) == 1:
            return self.entities[0]
        kind = str(values.get("kind") or "")
        return {"call": "Call", "meeting": "Meeting"}.get(kind, self.client.settings.others_as)

    def _marked(self, entity: str, body: Json, key: str) -> Json:
        mark, field, text = forms.mark_of(key), self.client.settings.mark_field, text_of(entity)
        if field and entity != "Note":
            return {**body, field: mark}
        return {**body, text: f"{body.get(text) or ''}\n\n[{mark}]".strip()}

    def _kept(self, entity: str, body: Json, present: Row | None) -> Json:
        """Leave the mark where it stands in the text, and whose post it is."""
        text = text_of(entity)
        said = str(present.get(text) or "") if present else ""
        at = said.rfind("[hub-")
        if text in body and at >= 0 and "\n" not in said[at:]:
            body = {**body, text: f"{body[text] or ''}\n\n{said[at:]}".strip()}
        return {text: body[text]} if entity == "Note" else body

    def _place(self, remote_id: str) -> tuple[str, str]:
        entity, slash, its_id = remote_id.partition("/")
        if not self.is_named:
            entity, its_id = self.entities[0], remote_id
        elif not slash or entity not in self.entities:
            raise GoneError("EspoCRM has no such record.")
        if not is_id(its_id):
            raise GoneError("EspoCRM has no such id.")
        return entity, its_id

    def _written(self, entity: str, row: Row) -> Written:
        its_id = str(row["id"])
        # What only says that it is there, and when, is not the record.
        whole = row if len(row) > 3 else None
        return Written(f"{entity}/{its_id}" if self.is_named else its_id, version_of(row), whole)


def _same(there: Any, wanted: Any) -> bool:
    """Compare two values; of lists of addresses and numbers, what EspoCRM adds to each does not count."""
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        listed = there if isinstance(there, list) else []
        return len(listed) == len(wanted) and all(
            isinstance(one, dict) and all(one.get(name) == value for name, value in other.items())
            for one, other in zip(listed, wanted, strict=True)
        )
    return (there or "") == (wanted or "")


def writer(client: Client, records: str) -> EspoWriter:
    """Return what writes records of a kind. Raises RejectedError: nothing is written of it."""
    kind = records.partition(":")[0]
    if kind == crm.CONTACTS:
        return EspoWriter(client, ("Contact",), is_named=False, form=_contact)
    if kind == crm.TASKS:
        return EspoWriter(client, ("Task",), is_named=False, form=_task)
    if kind == crm.LEADS:
        return EspoWriter(client, (client.settings.lead_as,), is_named=True, form=_lead)
    if kind == crm.INTERACTIONS:
        return EspoWriter(client, INTERACTIONS, is_named=True, form=_interaction)
    raise RejectedError(f"Nothing is written to EspoCRM's {kind}.")


def _owner(one: EspoWriter, values: Mapping[str, Any]) -> str:
    return one.client.owner(str(values.get("owner_email") or ""))


def _contact(one: EspoWriter, values: Mapping[str, Any], present: Row | None, entity: str) -> Json:
    del entity
    found = forms.contact(present or {}, values)
    company, job = line(values.get("company"), 249), line(values.get("job_title"), 100)
    account = one.client.company(company) if company else ""
    if account:
        found |= {"accountId": account}
    works_somewhere = account or (present or {}).get("accountId")
    if job and works_somewhere:
        found["title"] = job  # EspoCRM keeps it with the account of a contact
    elif present is None and (company or job):
        said = (("Company", company if not account else ""), ("Job title", job))
        found["description"] = "\n".join(f"{label}: {text}" for label, text in said if text)
    return found


def _task(one: EspoWriter, values: Mapping[str, Any], present: Row | None, entity: str) -> Json:
    del entity
    found = forms.task(one.client.settings, values, _owner(one, values))
    # A task that somebody began stays begun; only done or not done is ours to say.
    if present and found.get("status") == "Not Started" and present.get("status") != "Completed":
        del found["status"]
    return found


def _lead(one: EspoWriter, values: Mapping[str, Any], present: Row | None, entity: str) -> Json:
    del entity
    found = forms.lead(one.client.settings, values, _owner(one, values))
    return found if present is None else {name: value for name, value in found.items() if name not in _PEOPLE_SAY}


def _interaction(one: EspoWriter, values: Mapping[str, Any], present: Row | None, entity: str) -> Json:
    settings = one.client.settings
    if entity == "Note":
        return {**forms.post(settings, values), **(forms.whose(values) if present is None else {})}
    make = forms.call if entity == "Call" else forms.meeting
    return make(settings, values, _owner(one, values) if present is None else "")
