"""The records of a simulated org: objects with the fields that are read and written, and what Salesforce makes of them.

Source: https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/
"""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked

Row = dict[str, Any]

_SYSTEM = ("Id", "IsDeleted", "CreatedDate", "SystemModstamp")
_PLACE = ("Street", "City", "State", "PostalCode", "Country")
_ACTIVITY = ("Subject", "WhoId", "WhatId", "Description", "OwnerId", "Hub_Mark__c")
FIELDS = {
    "Contact": (
        "Name", "FirstName", "LastName", "Title", "AccountId", "Account", "Email", "Phone", "MobilePhone", "HomePhone",
        "Description", "OwnerId", "Hub_Mark__c", *(f"Mailing{one}" for one in _PLACE),
    ),
    "Account": ("Name", "Phone", "Website", "Industry", "Description", "OwnerId", *(f"Billing{one}" for one in _PLACE)),
    "Lead": (
        "Name", "FirstName", "LastName", "Company", "Email", "Phone", "LeadSource", "Description", "OwnerId", "Hub_Mark__c",
    ),
    "Opportunity": (
        "Name", "StageName", "CloseDate", "AccountId", "ContactId", "LeadSource", "Description", "OwnerId", "Hub_Mark__c",
    ),
    "Task": (
        "Status", "IsClosed", "CompletedDateTime", "ActivityDate", "Priority", "TaskSubtype", "CallType",
        "CallDurationInSeconds", "CallDisposition", *_ACTIVITY,
    ),
    "Event": ("StartDateTime", "EndDateTime", *_ACTIVITY),
    "User": ("Email", "Username", "IsActive"),
    "Organization": ("Name",),
}  # fmt: skip
_PREFIX = {
    "Contact": "003", "Account": "001", "Lead": "00Q", "Opportunity": "006", "Task": "00T", "Event": "00U", "User": "005",
    "Organization": "00D",
}  # fmt: skip
_REQUIRED = {
    "Contact": ("LastName",), "Account": ("Name",), "Lead": ("LastName", "Company"),
    "Opportunity": ("Name", "StageName", "CloseDate"), "Event": ("StartDateTime", "EndDateTime"),
}  # fmt: skip
_LONGEST = {
    "Subject": 255,
    "Description": 32_000,
    "LastName": 80,
    "FirstName": 40,
    "Company": 255,
    "Email": 80,
    "Phone": 40,
}
_NOBODY_WRITES = frozenset({*_SYSTEM, "IsClosed", "CompletedDateTime"})
_MARK = "Hub_Mark__c"


class WrongError(ValueError):
    """What Salesforce does not let anybody do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Org:
    """All records by object and id. `hidden` are there, and the user of the app may not see them."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.lock = clock, threading.RLock()
        self.kinds: dict[str, dict[str, Row]] = {entity: {} for entity in FIELDS}
        self.hidden: set[str] = set()
        self.lacking: set[str] = set()  # fields that the user may not see: `Event.Hub_Mark__c`
        self._count = 0

    def fields(self, entity: str) -> frozenset[str]:
        """Return the fields of an object, as far as the user may see them."""
        return frozenset(one for one in (*_SYSTEM, *FIELDS[entity]) if f"{entity}.{one}" not in self.lacking)

    @locked
    def all(self, entity: str) -> list[Row]:
        """Return the records that are not deleted."""
        return [one for one in self.kinds[entity].values() if not one["IsDeleted"]]

    @locked
    def add(self, entity: str, *, at: datetime | None = None, **values: Any) -> Row:
        """Make a record.

        Args:
            at: when it was changed last, where that is not now: it was committed late. Raises WrongError.
        """
        lacking = [name for name in _REQUIRED.get(entity, ()) if values.get(name) in (None, "")]
        if lacking:
            raise WrongError("REQUIRED_FIELD_MISSING", f"Required fields are missing: {lacking}")
        self._count += 1
        made: Row = {"Id": f"{_PREFIX[entity]}5f00000{self._count:05}AAA", "IsDeleted": False, "IsClosed": False}
        made["CreatedDate"] = made["SystemModstamp"] = self._stamp(at)
        self._take(entity, made, {"TaskSubtype": "Task", **values} if entity == "Task" else values)
        self.kinds[entity][made["Id"]] = made
        return made

    @locked
    def change(self, entity: str, record_id: str, *, at: datetime | None = None, **values: Any) -> Row:
        """Change fields of a record."""
        if "TaskSubtype" in values:
            raise WrongError("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: TaskSubtype")
        changed = dict(self.kinds[entity][record_id])
        self._take(entity, changed, values)
        changed["SystemModstamp"] = self._stamp(at)
        self.kinds[entity][record_id] = changed
        return changed

    @locked
    def remove(self, entity: str, record_id: str) -> None:
        """Put a record into the recycle bin."""
        gone = {"IsDeleted": True, "SystemModstamp": self._stamp(None)}
        self.kinds[entity][record_id] = {**self.kinds[entity][record_id], **gone}

    @locked
    def marked(self, entity: str, mark: str) -> Row | None:
        """Return the record with an external id."""
        return next((one for one in self.all(entity) if one.get(_MARK) == mark), None)

    def _stamp(self, at: datetime | None) -> str:
        return (at or self.clock.now()).strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    def _take(self, entity: str, row: Row, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name not in self.fields(entity):
                raise WrongError("INVALID_FIELD", f"No such column '{name}' on sobject of type {entity}")
            if name in _NOBODY_WRITES or name == "Account":
                raise WrongError("INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {name}")
            if len(str(value or "")) > _LONGEST.get(name, 10**9):
                raise WrongError("STRING_TOO_LONG", f"{name}: data value too large")
            row[name] = value
        if row.get(_MARK) and (twin := self.marked(entity, row[_MARK])) and twin["Id"] != row["Id"]:
            raise WrongError("DUPLICATE_VALUE", f"duplicate value found: {_MARK}")
        if entity in ("Contact", "Lead"):
            row["Name"] = f"{row.get('FirstName') or ''} {row.get('LastName') or ''}".strip()
        if entity == "Contact":
            account = self.kinds["Account"].get(str(row.get("AccountId")))
            row["Account"] = {"Name": account["Name"]} if account else None
        if entity == "Event" and row["EndDateTime"] < row["StartDateTime"]:
            raise WrongError("FIELD_INTEGRITY_EXCEPTION", "End is before start")
        if entity == "Task":
            closed = row.get("Status") == "Completed"
            row["CompletedDateTime"] = (row.get("CompletedDateTime") or self._stamp(None)) if closed else None
            row["IsClosed"] = closed
