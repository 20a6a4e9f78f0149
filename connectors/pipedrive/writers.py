"""What is written to Pipedrive, each once.

Pipedrive has no unique fields. A person or a deal bears the key of its making in a custom field that the hub makes, a lead as the
id of its origin; an activity or a note has no such fields, so the key stands as the last line of its text. The first try writes at once. Before a second
one `find` reads the newest records of that person (or of all), newest first, and looks for the key: a list, not the search, which lags.
Sources: https://developers.pipedrive.com/docs/api/v1/Activities#addActivity,
https://developers.pipedrive.com/docs/api/v1/Notes#addNote, https://developers.pipedrive.com/docs/api/v1/Leads#addLead,
https://developers.pipedrive.com/docs/api/v1/Deals#addDeal, https://developers.pipedrive.com/docs/api/v1/Persons#addPerson
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.pipedrive.client import KEY_FIELD, TEXT_FIELD, Answer, Client, next_of, row, rows
from connectors.pipedrive.settings import DEAL
from hub.connector.crm import CONTACTS, INTERACTIONS, LEADS, TASKS
from hub.connector.rich_text import line, plain, rich
from hub.connector.stream import Written
from hub.errors import ConflictError, GoneError, RejectedError

LONGEST, LONGEST_TITLE = 60_000, 255
ACTIVITIES = {"call": "call", "email": "email", "meeting": "meeting"}
NOTES = ("message", "note", "document", "payment")
WRITABLE = (CONTACTS, INTERACTIONS, LEADS, TASKS)
_BETWEEN = "/"  # in the id of an interaction or a lead, which says also what it is: activities/4711
_PAGES = 20  # of the newest records, that are looked through for a key
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,99}")
_MARK = re.compile(r"\[hub:([A-Za-z0-9_.~-]{1,100})\]\s*$")
_ID = re.compile(r"[0-9]{1,18}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # of leads it is a UUID


@dataclass(frozen=True, slots=True)
class Place:
    """Where one kind of record is written."""

    name: str
    path: str
    change: str  # the method of a change
    org: str = "org_id"
    paged: bool = True  # by a cursor, as of version 2


_PLACES = {
    "persons": Place("persons", "/api/v2/persons", "PATCH"),
    "activities": Place("activities", "/api/v2/activities", "PATCH"),
    "deals": Place("deals", "/api/v2/deals", "PATCH"),
    "leads": Place("leads", "/v1/leads", "PATCH", org="organization_id", paged=False),
    "notes": Place("notes", "/v1/notes", "PUT", paged=False),
}


@dataclass(frozen=True, slots=True)
class RecordWriter:
    """Writes records of a kind (`hub.connector.crm.FindsWritten`)."""

    client: Client
    records: str

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make a record; whether it is there already, `find` says."""
        place = self._place(values)
        body = {**self._body(place, values, _marked(key)), **self._whose(place, values)}
        return self._written(place, row(self.client.ask("POST", place.path, body=body)))

    def find(self, key: str, values: Mapping[str, Any]) -> Written | None:
        """Return what was made with a key; None: nothing was."""
        place = self._place(values)
        found = self._found(place, _marked(key), values)
        return self._written(place, found) if found is not None else None

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change a record, if it is still what `version` was; an empty version stands for any.

        Pipedrive has no condition for that: between the look and the change lies a moment. The key of its making stays.
        """
        del key  # the same change once more changes nothing
        place, number = self._known(remote_id)
        at = f"{place.path}/{number}"
        has_text = place.name in ("activities", "notes")
        now = row(self.client.ask("GET", at)) if version or has_text else {}
        if version and str(now.get("update_time") or "") != version:
            raise ConflictError("Somebody changed it at Pipedrive meanwhile.")
        if self.records == INTERACTIONS and values.get("kind") and self._place(values) is not place:
            raise RejectedError(f"Pipedrive cannot make one of its {place.name} something else.")
        body = self._body(place, values, _mark_in(now.get("content" if place.name == "notes" else "note")))
        return self._written(place, row(self.client.ask(place.change, at, body=body)))

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Take a record away; Pipedrive keeps it for 30 days. People stay.

        Raises:
            RejectedError: it is a person.
        """
        del version, key
        if self.records == CONTACTS:
            raise RejectedError("People are never deleted at Pipedrive.")
        place, number = self._known(remote_id)
        try:
            self.client.ask("DELETE", f"{place.path}/{number}")
        except GoneError:
            return

    # --- what is written ----------------------------------------------------------------------------------------------

    def _body(self, place: Place, values: Mapping[str, Any], mark: str) -> dict[str, Any]:
        """Return the fields of a record, without whose it is; those that are not given are left alone."""
        owner = self.client.owner(str(values.get("owner_email") or ""))
        match place.name:
            case "persons":
                return self._person(values, mark)
            case "notes":
                title, body = line(values.get("title"), LONGEST_TITLE), str(values.get("body") or "")
                text = f"{title}\n\n{body}" if title and body else title or body
                found = {"content": _signed(text, str(values.get("url") or ""), mark)}
                return {**found, **({"user_id": owner} if owner else {})}
            case "activities":
                found = self._task(values, mark) if self.records == TASKS else _activity(values, mark)
            case _:
                found = self._lead(place, values, mark)
        return {**found, **({"owner_id": owner} if owner else {})}

    def _task(self, values: Mapping[str, Any], mark: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "title" in values:
            found["subject"] = line(values["title"], LONGEST_TITLE) or "-"
        if "body" in values:
            found["note"] = _signed(str(values["body"] or ""), "", mark)
        if values.get("due_at"):
            due = _moment(values["due_at"])
            found |= {"due_date": due.strftime("%Y-%m-%d"), "due_time": due.strftime("%H:%M")}
        if "done" in values:
            found["done"] = bool(values["done"])
        return found

    def _lead(self, place: Place, values: Mapping[str, Any], mark: str) -> dict[str, Any]:
        names = ("title", "name", "email", "phone")
        title = next((found for name in names if (found := line(values.get(name), LONGEST_TITLE))), "Lead")
        told = [
            f"{name}: {line(values[name], LONGEST_TITLE)}"
            for name in ("name", "email", "phone", "source", "campaign")
            if values.get(name)
        ]
        text = plain("\n".join([*told, str(values.get("body") or "")]).strip(), str(values.get("url") or ""), LONGEST)
        own = {self.client.field("deal", TEXT_FIELD): text}
        if place.name == "leads":  # of version 1, where custom fields stand beside the others
            return {"title": title, **own, **({"origin_id": mark} if mark else {})}
        if mark:
            own[self.client.field("deal", KEY_FIELD)] = mark
        stage = self.client.settings.deal_stage
        return {"title": title, "custom_fields": own, **({"stage_id": int(stage)} if stage else {})}

    def _person(self, values: Mapping[str, Any], mark: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "name" in values:
            found["name"] = line(values["name"], LONGEST_TITLE)
        for name in ("emails", "phones"):
            if name in values:
                entries = [one for one in values[name] or () if one.get("value")]
                found[name] = [
                    {
                        "value": line(one["value"], LONGEST_TITLE),
                        "label": line(one.get("label"), 40) or "work",
                        "primary": not at,
                    }
                    for at, one in enumerate(entries)
                ]
        return {**found, **({"custom_fields": {self.client.field("person", KEY_FIELD): mark}} if mark else {})}

    def _whose(self, place: Place, values: Mapping[str, Any]) -> dict[str, Any]:
        """Say whose a new record is.

        Raises:
            RejectedError: an id that is none of Pipedrive's, or nobody's where it must be somebody's.
        """
        if place.name == "persons":
            return {}
        party, company = (_number(values.get(name)) for name in ("party", "company"))
        if place.name in ("leads", "notes") and not (party or company):
            raise RejectedError(
                f"One of Pipedrive's {place.name} belongs to a person or an organisation: write that first."
            )
        found: dict[str, Any] = {place.org: company} if company else {}
        if party and place.name == "activities":
            found["participants"] = [{"person_id": party, "primary": True}]
        elif party:
            found["person_id"] = party
        if place.name == "activities" and self.records == TASKS:
            types = self.client.settings.wanted_types
            found["type"] = "task" if "task" in types or not types else min(types)
        return found

    # --- what was written -----------------------------------------------------------------------------------------------

    def _found(self, place: Place, mark: str, values: Mapping[str, Any]) -> Answer | None:
        params = {"limit": "500" if place.paged else "100"}
        if party := _number(values.get("party")):
            params["person_id"] = str(party)
        elif company := _number(values.get("company")):
            params[place.org] = str(company)
        params |= {"sort_by": "add_time", "sort_direction": "desc"} if place.paged else {"sort": "add_time DESC"}
        for _ in range(_PAGES):
            answer = self.client.ask("GET", place.path, params=params)
            found = next((one for one in rows(answer) if self._mark_of(place, one) == mark), None)
            following = _following(place, answer)
            if found is not None or not following:
                return found
            params |= following
        return None

    def _mark_of(self, place: Place, one: Answer) -> str:
        if place.name in ("activities", "notes"):
            return _mark_in(one.get("content" if place.name == "notes" else "note"))
        if place.name == "leads":
            return str(one.get("origin_id") or "")
        code = self.client.field("person" if place.name == "persons" else "deal", KEY_FIELD)
        own = one.get("custom_fields")
        return str(own.get(code) or "") if isinstance(own, dict) else ""

    def _written(self, place: Place, one: Answer) -> Written:
        number = str(one.get("id") or "")
        if not _ID.fullmatch(number):
            raise RejectedError("Pipedrive's answer to a write has no id.")
        remote_id = f"{place.name}{_BETWEEN}{number}" if self.records in (INTERACTIONS, LEADS) else number
        return Written(remote_id, str(one.get("update_time") or ""), one)

    # --- which -----------------------------------------------------------------------------------------------------------

    def _place(self, values: Mapping[str, Any]) -> Place:
        kind = str(values.get("kind") or "")
        if self.records != INTERACTIONS:
            lead = "deals" if self.client.settings.leads_as == DEAL else "leads"
            return _PLACES[{CONTACTS: "persons", TASKS: "activities"}.get(self.records, lead)]
        if kind not in ACTIVITIES and kind not in NOTES:
            raise RejectedError(f"Pipedrive has nothing for an interaction of the kind {kind[:40]!r}.")
        return _PLACES["activities" if kind in ACTIVITIES else "notes"]

    def _known(self, remote_id: str) -> tuple[Place, str]:
        name, _, number = remote_id.rpartition(_BETWEEN)
        known = {INTERACTIONS: ("activities", "notes"), LEADS: ("leads", "deals")}.get(self.records, ("",))
        if not _ID.fullmatch(number) or name not in known:
            raise RejectedError(f"{remote_id[:40]!r} is no id of Pipedrive's {self.records}.")
        return _PLACES[name] if name else self._place({}), number


def _activity(values: Mapping[str, Any], mark: str) -> dict[str, Any]:
    since = _moment(values.get("started_at"))
    until = _moment(values["ended_at"]) if values.get("ended_at") else since
    minutes = max(0, -(-int((until - since).total_seconds()) // 60))
    words = [str(values.get(name) or "") for name in ("direction", "outcome", "number")]
    head = ", ".join(line(one, 60) for one in words if one)
    text = "\n".join(one for one in (head, str(values.get("body") or "")) if one)
    return {
        "type": ACTIVITIES[str(values["kind"])],
        "subject": line(values.get("title"), LONGEST_TITLE) or "-",
        "due_date": since.strftime("%Y-%m-%d"),
        "due_time": since.strftime("%H:%M"),
        "duration": f"{minutes // 60:02d}:{minutes % 60:02d}",
        "done": True,
        "note": _signed(text, str(values.get("url") or ""), mark),
    }


def _following(place: Place, answer: Answer) -> dict[str, str]:
    if place.paged:
        return {"cursor": after} if (after := next_of(answer)) else {}
    told = answer.get("additional_data")
    pages = told.get("pagination") if isinstance(told, dict) else None
    if not isinstance(pages, dict) or pages.get("more_items_in_collection") is not True:
        return {}
    return {"start": str(pages.get("next_start") or 0)}


def _signed(text: str, url: str, mark: str) -> str:
    """Return a text as HTML, with the key of its making in its last line."""
    below = f"<br>[hub:{mark}]" if mark else ""
    return rich(text, url, LONGEST - len(below)) + below


def _mark_in(text: Any) -> str:
    found = _MARK.search(re.sub(r"<[^>]{0,50}>", "", str(text or "")[-400:]))
    return found[1] if found else ""


def _marked(key: str) -> str:
    """Return a key as it is kept at Pipedrive: as it is, or its hash where a text would change it."""
    return key if _SAFE.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()


def _number(value: Any) -> int:
    text = str(value or "")
    if text and not (text.isascii() and text.isdecimal()):
        raise RejectedError(f"{text[:40]!r} is no id of Pipedrive's.")
    return int(text or 0)


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise RejectedError(f"{str(value)[:40]!r} is no moment.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
