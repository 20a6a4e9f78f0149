"""The database of a simulated EspoCRM: entities with the fields that are read and written, and what EspoCRM makes of them.

Source: https://github.com/espocrm/espocrm/tree/master/application/Espo/Modules/Crm/Resources/metadata/entityDefs
"""

import random
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.espocrm.simulated.search import WrongError
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked

Row = dict[str, Any]

_SYSTEM = ("id", "deleted", "createdAt", "modifiedAt", "createdById", "modifiedById", "versionNumber")
_OWNED = ("assignedUserId", "assignedUserName", "description")
_REACHED = ("emailAddress", "emailAddressData", "phoneNumber", "phoneNumberData")
_PLACE = ("Street", "City", "State", "Country", "PostalCode")
_EVENT = ("name", "status", "dateStart", "dateEnd", "contactsIds", "accountId", "parentType", "parentId", *_OWNED)
_FIELDS = {
    "Contact": (
        "name", "firstName", "lastName", "title", "accountId", "accountName", "doNotCall", *_REACHED, *_OWNED,
        *(f"address{one}" for one in _PLACE),
    ),
    "Account": (
        "name", "website", "type", "industry", *_REACHED, *_OWNED, *(f"billingAddress{one}" for one in _PLACE),
    ),
    "Lead": ("name", "firstName", "lastName", "status", "source", "accountName", *_REACHED, *_OWNED),
    "Opportunity": ("name", "stage", "amount", "closeDate", "leadSource", "contactsIds", "accountId", *_OWNED),
    "Call": ("direction", *_EVENT),
    "Meeting": _EVENT,
    "Task": ("priority", "dateEndDate", "dateCompleted", "contactId", "parentName", *_EVENT),
    "Note": ("type", "post", "parentType", "parentId"),
    "User": ("userName", "emailAddress", "emailAddressData", "isActive", "type"),
}  # fmt: skip
_REQUIRED = {
    "Contact": ("lastName",), "Account": ("name",), "Lead": ("lastName",), "Call": ("name", "dateStart", "dateEnd"),
    "Opportunity": ("name", "closeDate", "amount"), "Meeting": ("name", "dateStart", "dateEnd"), "Task": ("name",),
    "Note": ("post", "parentId"),
}  # fmt: skip
_OPTIONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("Call", "status"): ("Planned", "Held", "Not Held"),
    ("Call", "direction"): ("Outbound", "Inbound"),
    ("Meeting", "status"): ("Planned", "Held", "Not Held"),
    ("Task", "status"): ("Not Started", "Started", "Completed", "Canceled", "Deferred"),
    ("Lead", "status"): ("New", "Assigned", "In Process", "Converted", "Recycled", "Dead"),
    ("Lead", "source"): ("", "Call", "Email", "Existing Customer", "Partner", "Web Site", "Campaign", "Other"),
}
_LONGEST = {"name": 255, "firstName": 100, "lastName": 100}
_MAY_NOT = frozenset(_SYSTEM)


class Store:
    """All records by entity and id. `hidden` are there, and the API user may not see them."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.lock = clock, threading.RLock()
        self.kinds: dict[str, dict[str, Row]] = {entity: {} for entity in _FIELDS}
        self.hidden: set[str] = set()
        self.own_fields: set[str] = set()  # that an administrator made, of every entity but Note and User
        self._dice = random.Random(17)  # noqa: S311 - ids that are the same in every run

    def fields(self, entity: str) -> frozenset[str]:
        """Return the attributes of an entity."""
        own = frozenset() if entity in ("Note", "User") else self.own_fields
        return frozenset((*_SYSTEM, *_FIELDS[entity], *own))

    @locked
    def all(self, entity: str) -> list[Row]:
        """Return the records that are not deleted."""
        return [one for one in self.kinds[entity].values() if not one["deleted"]]

    @locked
    def add(self, entity: str, *, at: datetime | None = None, **values: Any) -> Row:
        """Make a record.

        Args:
            at: when it was changed last, where that is not now: it was committed late. Raises WrongError.
        """
        lacking = [name for name in _REQUIRED.get(entity, ()) if values.get(name) in (None, "")]
        if lacking:
            raise WrongError(f"Field validation failure; entityType: {entity}, field: {lacking[0]}, type: required")
        made: Row = {"id": f"{self._dice.getrandbits(68):017x}", "deleted": False, "createdById": "hub"}
        moment = self._stamp(at)
        made |= {"createdAt": moment, "modifiedAt": moment}
        if entity == "Account":
            made["versionNumber"] = 1
        if entity == "Note":
            self._must_be(str(values.get("parentType")), str(values.get("parentId")))
        self._take(entity, made, values)
        self.kinds[entity][made["id"]] = made
        return made

    @locked
    def change(self, entity: str, record_id: str, *, at: datetime | None = None, **values: Any) -> Row:
        """Change fields of a record."""
        row = self.kinds[entity][record_id]
        changed = dict(row)
        self._take(entity, changed, values)
        changed["modifiedAt"] = self._stamp(at)
        if "versionNumber" in changed:
            changed["versionNumber"] += 1
        self.kinds[entity][record_id] = changed
        return changed

    @locked
    def remove(self, entity: str, record_id: str) -> None:
        """Delete a record: it stays in the database, and nobody is shown it."""
        self.kinds[entity][record_id] = {**self.kinds[entity][record_id], "deleted": True}

    def _stamp(self, at: datetime | None) -> str:
        return (at or self.clock.now()).strftime("%Y-%m-%d %H:%M:%S")

    def _take(self, entity: str, row: Row, values: Mapping[str, Any]) -> None:
        known = self.fields(entity) - _MAY_NOT
        for name, value in values.items():
            if name not in known:
                continue  # EspoCRM ignores what it does not know
            options = _OPTIONS.get((entity, name))
            if options and value not in options:
                raise WrongError(f"Field validation failure; entityType: {entity}, field: {name}, type: valid")
            if len(str(value or "")) > _LONGEST.get(name, 10**9):
                raise WrongError(f"Field validation failure; entityType: {entity}, field: {name}, type: maxLength")
            row[name] = value
        if row.get("dateStart") and row.get("dateEnd") and row["dateEnd"] <= row["dateStart"]:
            raise WrongError(f"Field validation failure; entityType: {entity}, field: dateEnd, type: after")
        self._join(entity, row, values)

    def _join(self, entity: str, row: Row, values: Mapping[str, Any]) -> None:
        """Put in what EspoCRM makes of the given: names, and first addresses with their lists."""
        if entity in ("Contact", "Lead"):
            row["name"] = f"{row.get('firstName') or ''} {row.get('lastName') or ''}".strip()
        account = self.kinds["Account"].get(str(row.get("accountId")))
        if entity == "Contact":
            row["accountName"] = account["name"] if account else None
        for alone, data in (("emailAddress", "emailAddressData"), ("phoneNumber", "phoneNumberData")):
            if alone not in _FIELDS[entity]:
                continue
            if data in values:
                listed = [one for one in values[data] or () if isinstance(one, dict) and one.get(alone)]
                first = next((one for one in listed if one.get("primary")), listed[0] if listed else None)
                more: Row = {"optOut": False, "invalid": False}
                row[data] = [{**more, **one, "primary": one is first} for one in listed]
                row[alone] = first[alone] if first else None
            elif values.get(alone):
                row[data] = [{alone: values[alone], "primary": True, "optOut": False, "invalid": False}]

    def _must_be(self, entity: str, record_id: str) -> None:
        found = self.kinds.get(entity, {}).get(record_id)
        if found is None or found["deleted"]:
            raise WrongError("No parent of the post")
