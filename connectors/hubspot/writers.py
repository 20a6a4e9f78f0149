"""What is written to HubSpot, each once.

Every object that the hub makes bears the key of its making in a property whose values are unique in the account. So the first
try writes at once; a second one that did not know of the first is refused, and then the object is read by that property, which
needs no search and so does not wait for HubSpot's index. The property is made when HubSpot says that it is not there.
Sources: https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide#create-unique-identifier-properties,
https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.hubspot import activities
from connectors.hubspot.client import Answer, Client
from connectors.hubspot.errors import TakenError, UnknownPropertyError
from connectors.hubspot.settings import DEAL
from hub.connector import crm
from hub.connector.crm import CONTACTS, INTERACTIONS, LEADS
from hub.connector.stream import Written
from hub.errors import ConflictError, GoneError, RejectedError

_GROUP = "hub"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,99}")  # a key that can stand in an address as it is
_BETWEEN = "/"  # in the id of an interaction, which says also which object it is: calls/4711


@dataclass(frozen=True, slots=True)
class ObjectWriter:
    """Writes objects of a kind (`hub.connector.crm.FindsWritten`)."""

    client: Client
    records: str

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make an object; one that was made with this key already is returned.

        Raises:
            RejectedError: HubSpot refused it.
            ConflictError: there is such a person already, with another key.
        """
        kind = self._kind(values)
        body: dict[str, Any] = {"properties": {**self._properties(values), self._key: _marked(key)}}
        if self.records != CONTACTS:
            body["associations"] = activities.associations(kind, values)
        if kind == "leads" and not values.get("party"):
            raise RejectedError(
                "A lead at HubSpot belongs to a contact: write the person first, or let leads become deals."
            )
        try:
            return self._made(kind, body)
        except UnknownPropertyError:
            self._prepare(kind)
            return self._made(kind, body)

    def find(self, key: str, values: Mapping[str, Any]) -> Written | None:
        """Return what was made with a key, by one request; None: nothing was."""
        return self._found(self._kind(values), key)

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change an object, if it is still what `version` was; an empty version stands for any.

        HubSpot has no condition for that: between the look and the change lies a moment.
        """
        del key  # the same change once more changes nothing
        kind, number = self._place(remote_id)
        place = f"/crm/v3/objects/{kind}/{number}"
        if version and str(self.client.get(place).get("updatedAt") or "") != version:
            raise ConflictError("Somebody changed it at HubSpot meanwhile.")
        if self.records == INTERACTIONS and values.get("kind") and self._kind(values) != kind:
            raise RejectedError(f"HubSpot cannot make one of its {kind} something else.")
        return self._written(kind, self.client.patch(place, {"properties": self._properties(values)}))

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Take an object away; HubSpot keeps it in its recycling bin for a while. People stay.

        Raises:
            RejectedError: it is a person.
        """
        del version, key
        if self.records == CONTACTS:
            raise RejectedError("Contacts are never deleted at HubSpot.")
        kind, number = self._place(remote_id)
        try:
            self.client.delete(f"/crm/v3/objects/{kind}/{number}")
        except GoneError:
            return

    # --- one object -----------------------------------------------------------------------------------------------

    def _made(self, kind: str, body: Mapping[str, Any]) -> Written:
        try:
            return self._written(kind, self.client.post(f"/crm/v3/objects/{kind}", body))
        except UnknownPropertyError:
            raise
        except (TakenError, ConflictError, RejectedError):
            # What was made by a try whose answer was lost is why; anything else is HubSpot's own reason.
            found = self._found(kind, str(body["properties"][self._key]))
            if found is None:
                raise
            return found

    def _found(self, kind: str, key: str) -> Written | None:
        try:
            return self._written(
                kind, self.client.get(f"/crm/v3/objects/{kind}/{_marked(key)}", {"idProperty": self._key})
            )
        except (GoneError, UnknownPropertyError):
            return None

    def _written(self, kind: str, answer: Answer) -> Written:
        if not str(answer.get("id") or "").isdecimal():
            raise RejectedError("HubSpot's answer to a write has no id.")
        remote_id = f"{kind}{_BETWEEN}{answer['id']}" if self._says_kind else str(answer["id"])
        return Written(remote_id, str(answer.get("updatedAt") or ""), answer)

    def _prepare(self, kind: str) -> None:
        """Make the property of our keys; that somebody else just made it is fine."""
        group = {"name": _GROUP, "label": "Hub", "displayOrder": -1}
        made = {
            "name": self._key, "label": "Key of the hub", "type": "string", "fieldType": "text", "groupName": _GROUP,
            "hasUniqueValue": True, "hidden": False, "formField": False,
        }  # fmt: skip
        for place, body in ((f"/crm/v3/properties/{kind}/groups", group), (f"/crm/v3/properties/{kind}", made)):
            try:
                self.client.post(place, body)
            except ConflictError:
                continue

    # --- which and what -----------------------------------------------------------------------------------------------

    @property
    def _key(self) -> str:
        return self.client.settings.key_property

    @property
    def _says_kind(self) -> bool:
        """Whether ids of these records say what they are at HubSpot."""
        return self.records in (INTERACTIONS, LEADS)

    def _kind(self, values: Mapping[str, Any]) -> str:
        if self.records == INTERACTIONS:
            return activities.kind_of(values)
        return "deals" if self.records == LEADS and self.client.settings.leads_as == DEAL else self.records

    def _place(self, remote_id: str) -> tuple[str, str]:
        kind, _, number = remote_id.rpartition(_BETWEEN)
        known = {INTERACTIONS: activities.INTERACTIONS, LEADS: ("leads", "deals")}.get(self.records, ("",))
        if not number.isdecimal() or kind not in known:
            raise RejectedError(f"{remote_id[:40]!r} is no id of HubSpot's {self.records}.")
        return kind or self.records, number

    def _properties(self, values: Mapping[str, Any]) -> dict[str, Any]:
        owner = self.client.owner(str(values.get("owner_email") or ""))
        match self.records:
            case crm.CONTACTS:
                return activities.contact(values)
            case crm.INTERACTIONS:
                return activities.interaction(self.client.settings, values, owner)
            case crm.TASKS:
                return activities.task(values, owner)
            case _:
                return activities.lead(self.client.settings, values, owner)


WRITABLE = (CONTACTS, INTERACTIONS, LEADS, crm.TASKS)


def _marked(key: str) -> str:
    """Return a key as it is kept at HubSpot: as it is, or its hash where it cannot stand in an address."""
    return key if _SAFE.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()
