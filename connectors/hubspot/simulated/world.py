"""Objects, properties and associations of one simulated account."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.connector.simulated.clock import Clock

STANDARD = {
    "contacts": (
        "firstname lastname email hs_additional_emails phone mobilephone company jobtitle address city state zip country website "
        "associatedcompanyid hs_merged_object_ids hubspot_owner_id"
    ),
    "companies": "name domain website phone address address2 city state zip country description hs_merged_object_ids",
    "tasks": (
        "hs_task_subject hs_task_body hs_timestamp hs_task_status hs_task_completion_date hs_task_type hubspot_owner_id"
    ),
    "calls": (
        "hs_timestamp hs_call_title hs_call_body hs_call_duration hs_call_status hs_call_disposition hs_call_direction "
        "hs_call_from_number hs_call_to_number hubspot_owner_id"
    ),
    "emails": "hs_timestamp hs_email_subject hs_email_text hs_email_status hs_email_direction hubspot_owner_id",
    "meetings": (
        "hs_timestamp hs_meeting_title hs_meeting_body hs_meeting_start_time hs_meeting_end_time hubspot_owner_id"
    ),
    "communications": (
        "hs_timestamp hs_communication_channel_type hs_communication_logged_from hs_communication_body hubspot_owner_id"
    ),
    "notes": "hs_timestamp hs_note_body hubspot_owner_id",
    "leads": "hs_lead_name hubspot_owner_id",
    "deals": "dealname pipeline dealstage description hubspot_owner_id",
}
REQUIRED = {
    **dict.fromkeys(("calls", "emails", "meetings", "communications", "notes", "tasks"), "hs_timestamp"),
    "leads": "hs_lead_name",
    "deals": "dealname",
}
BODIES = frozenset({
    "hs_call_body", "hs_email_text", "hs_meeting_body", "hs_communication_body", "hs_note_body", "hs_task_body",
    "description",
})  # fmt: skip
LONGEST = 65_536
# Association types, by the object that they begin at and the number: the kind at the other end.
TYPES = {
    "calls": {194: "contacts", 182: "companies"},
    "emails": {198: "contacts", 186: "companies"},
    "meetings": {200: "contacts", 188: "companies"},
    "communications": {81: "contacts", 87: "companies"},
    "notes": {202: "contacts", 190: "companies"},
    "tasks": {204: "contacts", 192: "companies"},
    "leads": {578: "contacts", 610: "companies"},
    "deals": {3: "contacts", 341: "companies"},
}
OWNERS = (("71", "noa@example.com"), ("72", "adam@example.com"))


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The API says no."""

    def __init__(self, status: int, category: str, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.category, self.code = status, category, code


@dataclass
class Thing:
    """One object."""

    id: int
    properties: dict[str, str]
    created_at: datetime
    updated_at: datetime
    shown_at: float  # seconds since 1970: from when a search finds it as it is
    archived_at: datetime | None = None
    associations: dict[str, list[int]] = field(default_factory=dict)


class World:
    """Everything in the account. Methods are called under the lock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lock = threading.RLock()
        self.lag_s = 0.0  # until a search knows a change
        self.things: dict[str, dict[int, Thing]] = {kind: {} for kind in STANDARD}
        self.unique: dict[str, set[str]] = {kind: set() for kind in STANDARD}
        self.custom: dict[str, set[str]] = {kind: set() for kind in STANDARD}
        self.groups: dict[str, set[str]] = {kind: set() for kind in STANDARD}
        self.requests: list[str] = []  # method and path of each
        self._last = 100

    def known(self, kind: str) -> set[str]:
        return {*STANDARD[kind].split(), *self.custom[kind]}

    def make(self, kind: str, properties: Mapping[str, Any], to: Sequence[Mapping[str, Any]] = ()) -> Thing:
        """Make an object. Raises Refused."""
        given = self._checked(kind, properties, None)
        if kind in REQUIRED and not given.get(REQUIRED[kind]):
            raise Refused(400, "VALIDATION_ERROR", f"{REQUIRED[kind]} is required")
        linked = self._linked(kind, to)
        if kind == "leads" and not linked.get("contacts"):
            raise Refused(400, "VALIDATION_ERROR", "A lead must have a primary contact")
        self._last += 1
        now = self.clock.now()
        thing = Thing(self._last, given, now, now, self.clock.time() + self.lag_s, None, linked)
        self.things[kind][thing.id] = thing
        return thing

    def change(self, kind: str, number: int, properties: Mapping[str, Any]) -> Thing:
        """Change an object. Raises Refused."""
        thing = self.of(kind, number)
        thing.properties |= self._checked(kind, properties, number)
        thing.updated_at, thing.shown_at = self.clock.now(), self.clock.time() + self.lag_s
        return thing

    def archive(self, kind: str, number: int) -> None:
        """Delete an object; of one that is no more this is nothing."""
        thing = self.things[kind].get(number)
        if thing and thing.archived_at is None:
            thing.archived_at = self.clock.now()

    def of(self, kind: str, number: int) -> Thing:
        """Return an object that is there. Raises Refused."""
        thing = self.things[kind].get(number)
        if thing is None or thing.archived_at:
            raise Refused(404, "OBJECT_NOT_FOUND", "resource not found")
        return thing

    def named(self, kind: str, name: str, value: str) -> Thing:
        """Return the object with a unique value. Raises Refused."""
        if name not in self.unique[kind] and (kind, name) != ("contacts", "email"):
            raise Refused(400, "VALIDATION_ERROR", f"Property {name} is not a unique property", "PROPERTY_DOESNT_EXIST")
        found = next((one for one in self.present(kind) if one.properties.get(name) == value), None)
        if found is None:
            raise Refused(404, "OBJECT_NOT_FOUND", "resource not found")
        return found

    def present(self, kind: str) -> list[Thing]:
        return [one for one in sorted(self.things[kind].values(), key=lambda one: one.id) if one.archived_at is None]

    def define(self, kind: str, told: Mapping[str, Any]) -> None:
        """Make a property. Raises Refused."""
        name = str(told["name"])
        if name in self.known(kind):
            raise Refused(409, "CONFLICT", f"A property named '{name}' already exists.")
        if told.get("groupName") not in self.groups[kind]:
            raise Refused(400, "VALIDATION_ERROR", "property group doesn't exist")
        self.custom[kind].add(name)
        if told.get("hasUniqueValue") is True:
            self.unique[kind].add(name)

    def _checked(self, kind: str, properties: Mapping[str, Any], own: int | None) -> dict[str, str]:
        for name in properties:
            if name not in self.known(kind):
                text = f'Property values were not valid: [{{"name":"{name}","error":"PROPERTY_DOESNT_EXIST"}}]'
                raise Refused(400, "VALIDATION_ERROR", text, "PROPERTY_DOESNT_EXIST")
        given = {name: "" if value is None else str(value) for name, value in properties.items()}
        for name in BODIES & given.keys():
            if len(given[name]) > LONGEST:
                raise Refused(400, "VALIDATION_ERROR", f"{name} is too long")
        for name in ("hs_timestamp", "hs_meeting_start_time", "hs_meeting_end_time"):
            if name in given:
                given[name] = datetime.fromtimestamp(int(given[name]) / 1000, UTC).isoformat().replace("+00:00", "Z")
        if (owner := given.get("hubspot_owner_id")) and owner not in {number for number, _ in OWNERS}:
            raise Refused(400, "VALIDATION_ERROR", "owner does not exist")
        self._distinct(kind, given, own)
        return given

    def _distinct(self, kind: str, given: Mapping[str, str], own: int | None) -> None:
        for one in self.present(kind):
            if one.id == own:
                continue
            for name in self.unique[kind] & given.keys():
                if given[name] and one.properties.get(name) == given[name]:
                    raise Refused(
                        400, "VALIDATION_ERROR", f"{name}: {one.id} already has that value", "CONFLICTING_UNIQUE_VALUE"
                    )
            address = given.get("email", "").lower() if kind == "contacts" else ""
            if address and one.properties.get("email", "").lower() == address:
                raise Refused(409, "CONFLICT", f"Contact already exists. Existing ID: {one.id}")

    def _linked(self, kind: str, to: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for one in to:
            number = int(one["to"]["id"])
            for of_type in one["types"]:
                other = TYPES.get(kind, {}).get(of_type["associationTypeId"])
                if of_type["associationCategory"] != "HUBSPOT_DEFINED" or other is None:
                    raise Refused(400, "VALIDATION_ERROR", "invalid association type")
                if number not in {thing.id for thing in self.present(other)}:
                    raise Refused(404, "OBJECT_NOT_FOUND", f"No {other} with id {number} exists")
                found.setdefault(other, []).append(number)
        return found
