"""What is written to Salesforce: each record bears a mark of its key, in a field of its own.

Leads, opportunities and contacts are upserted by it: however often it is tried, there is one. An activity is made, since its
subtype may be said then and never again; before another try it is looked for (`find`).
Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.salesforce import forms
from connectors.salesforce.client import Client, Row, is_id, quoted, soql
from connectors.salesforce.errors import is_there
from hub.connector.crm import CONTACTS, INTERACTIONS, LEADS, TASKS
from hub.connector.rich_text import line
from hub.connector.stream import Written
from hub.errors import ConflictError, GoneError, RejectedError

Json = dict[str, Any]

_ACTIVITIES = ("Task", "Event")
# Of a lead that is there: where it stands in the pipeline, and whose it is.
_PEOPLE_SAY = frozenset({"StageName", "CloseDate", "ContactId", "Company", "OwnerId"})


@dataclass(frozen=True, slots=True)
class SalesforceWriter:
    """Writes records of one kind (`hub.connector.crm.FindsWritten`).

    Where several objects take them, a remote id is `Task/00T...`; else it is the id alone, as the stream tells it.
    """

    client: Client
    records: str
    entities: Sequence[str]
    zone: str

    @property
    def is_named(self) -> bool:
        """Whether ids of these records say what they are at Salesforce."""
        return self.records in (INTERACTIONS, LEADS)

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make a record, with one request.

        Raises:
            RetryLaterError: it may have been made; ask `find` before the next try.
        """
        entity, mark = self._entity(values), forms.mark_of(key, self.records)
        body = self._form(values, None, entity)
        try:
            if entity in _ACTIVITIES:
                made = self.client.create(entity, {**body, self.client.settings.mark_field: mark})
            else:
                made = self.client.upsert(entity, mark, body)
        except RejectedError as error:
            found = self.find(key, values) if is_there(error) else None
            if found is None:
                raise
            return found
        return Written(self._named(entity, made))

    def find(self, key: str, values: Mapping[str, Any]) -> Written | None:
        """Return what was made with a key, by one request; None: nothing was. Raises ConnectorError: nobody knows."""
        entity, mark = self._entity(values), forms.mark_of(key, self.records)
        where = f"WHERE {self.client.settings.mark_field} = {quoted(mark)} AND IsDeleted = false LIMIT 1"
        rows = self.client.query(soql("Id, SystemModstamp", entity, where)).rows
        if not rows:
            return None
        return Written(self._named(entity, str(rows[0]["Id"])), str(rows[0].get("SystemModstamp") or ""))

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change the given fields. What says so already, perhaps by a try whose answer was lost, is left.

        Raises:
            ConflictError: somebody changed it since `version`.
        """
        del key  # what was written once says the same, and is recognised by that
        entity, its_id = self._place(remote_id)
        present = self.client.row(entity, its_id) if version or entity == "Contact" else None
        if present is not None and present.get("IsDeleted") is True:
            raise GoneError("The record is deleted in Salesforce.")
        body = self._form(values, present or {}, entity)
        if present is not None:
            if all(_same(present.get(name), value) for name, value in body.items()):
                return Written(remote_id, str(present.get("SystemModstamp") or ""), present)
            if version and str(present.get("SystemModstamp") or "") != version:
                raise ConflictError("Somebody changed it in Salesforce meanwhile.")
        self.client.update(entity, its_id, body)
        return Written(remote_id)

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Take a record away; of one that is no more this is success. Contacts stay.

        Raises:
            ConflictError: somebody changed it since `version`.
        """
        del key
        entity, its_id = self._place(remote_id)
        if entity == "Contact":
            raise RejectedError("Contacts are never deleted in Salesforce.")
        try:
            if version and str(self.client.row(entity, its_id).get("SystemModstamp") or "") != version:
                raise ConflictError("Somebody changed it in Salesforce meanwhile.")
            self.client.delete(entity, its_id)
        except GoneError:
            return

    # --- inside ---------------------------------------------------------------------------------------------------

    def _entity(self, values: Mapping[str, Any]) -> str:
        """Return what is made of values: of what happened a meeting is an event, and all else a task."""
        return "Event" if self.records == INTERACTIONS and values.get("kind") == "meeting" else self.entities[0]

    def _form(self, values: Mapping[str, Any], present: Row | None, entity: str) -> Json:
        """Return the fields of a record. `present` is None for a new one, and empty where nobody looked."""
        settings = self.client.settings
        # Whom something was given to since, people say; of a task to be done the hub says it too.
        gives = present is None or self.records == TASKS
        owner = self.client.owner(str(values.get("owner_email") or "")) if gives else ""
        if entity == "Event":
            return forms.event(values, owner)
        if self.records == INTERACTIONS:
            return forms.logged(settings, values, owner, self.zone, is_new=present is None)
        if self.records == TASKS:
            found = forms.task(settings, values, owner, self.zone)
            # A task that somebody began stays begun; only done or not done is ours to say.
            if present and found.get("Status") == settings.open_status and present.get("IsClosed") is False:
                del found["Status"]
            return found
        if self.records == LEADS:
            found = forms.lead(settings, values, owner)
            return found if present is None else {k: v for k, v in found.items() if k not in _PEOPLE_SAY}
        found = forms.contact(present or {}, values)
        company = line(values.get("company"), 255)
        if company and (account := self.client.company(company)):
            found["AccountId"] = account
        elif company and present is None:
            found["Description"] = f"Company: {company}"
        return found

    def _named(self, entity: str, its_id: str) -> str:
        return f"{entity}/{its_id}" if self.is_named else its_id

    def _place(self, remote_id: str) -> tuple[str, str]:
        entity, slash, its_id = remote_id.partition("/")
        if not self.is_named:
            entity, its_id = self.entities[0], remote_id
        elif not slash or entity not in self.entities:
            raise GoneError("Salesforce has no such record.")
        if not is_id(its_id):
            raise GoneError("Salesforce has no such id.")
        return entity, its_id


def _same(there: Any, wanted: Any) -> bool:
    """Compare two values; of times, Salesforce writes `+0000` for `Z`."""
    if isinstance(there, str) and isinstance(wanted, str):
        return there.replace(".000+0000", "Z") == wanted
    return (there or None) == (wanted or None)


def writer(client: Client, records: str, zone: str) -> SalesforceWriter:
    """Return what writes records of a kind. Raises RejectedError: nothing is written of it."""
    kind = records.partition(":")[0]
    entities = {
        CONTACTS: ("Contact",), TASKS: ("Task",), LEADS: (client.settings.lead_as,), INTERACTIONS: _ACTIVITIES,
    }.get(kind)  # fmt: skip
    if entities is None:
        raise RejectedError(f"Nothing is written to Salesforce's {kind}.")
    return SalesforceWriter(client, kind, entities, zone)
