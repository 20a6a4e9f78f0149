"""The hub's words as EspoCRM's attributes: calls, meetings, posts, leads, tasks and contacts.

Sources: https://github.com/espocrm/espocrm/tree/master/application/Espo/Modules/Crm/Resources/metadata/entityDefs,
https://docs.espocrm.com/development/api/stream/
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.espocrm.client import read_iso, written
from connectors.espocrm.settings import EspoSettings
from hub.connector.rich_text import line, octets, plain
from hub.errors import RejectedError

Json = dict[str, Any]

LONGEST_NAME = 249  # letters of a varchar, which has 255 in the database
LONGEST_PERSON = 100
MISSED = frozenset({"missed", "busy", "failed", "voicemail"})
_NUMBER = re.compile(r"\+[1-9][0-9]{5,14}")
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_TYPES = {"mobile": "Mobile", "work": "Office", "office": "Office", "home": "Home", "fax": "Fax"}


def mark_of(key: str) -> str:
    """Return what a write is found by again: the same for the same key, fit for any field and for LIKE."""
    return f"hub-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def call(settings: EspoSettings, values: Mapping[str, Any], owner: str) -> Json:
    """Return a call. Raises RejectedError: it has no time."""
    missed = values.get("outcome") in MISSED
    return {
        **_happened(settings, values, owner),
        "status": "Not Held" if missed else "Held",
        "direction": "Outbound" if values.get("direction") == "outbound" else "Inbound",
    }


def meeting(settings: EspoSettings, values: Mapping[str, Any], owner: str) -> Json:
    """Return a meeting, planned where it is still to come. Raises RejectedError: it has no time."""
    planned = values.get("kind") == "meeting" and read_iso(values.get("started_at")) > datetime.now(UTC)
    return {**_happened(settings, values, owner), "status": "Planned" if planned else "Held"}


def post(settings: EspoSettings, values: Mapping[str, Any]) -> Json:
    """Return a post in the stream of a customer; whose it is says `whose`. Raises RejectedError: it has no time."""
    head = f"{written(read_iso(values.get('started_at')))} UTC · {_kind(values)}\n{line(values.get('title'), 500)}"
    return {"type": "Post", "post": f"{head}\n\n{_text(settings, values)}".strip()}


def whose(values: Mapping[str, Any]) -> Json:
    """Return in whose stream a post stands. Raises RejectedError: in nobody's."""
    party, company = values.get("party"), values.get("company")
    if not party and not company:
        raise RejectedError("A post in EspoCRM's stream needs a customer who is there.")
    return {"parentType": "Contact" if party else "Account", "parentId": party or company}


def lead(settings: EspoSettings, values: Mapping[str, Any], owner: str) -> Json:
    """Return a lead, or an opportunity."""
    if settings.lead_as == "Opportunity":
        return _deal(settings, values, owner)
    name = line(values.get("name"), 2 * LONGEST_PERSON)
    given, _, family = name.rpartition(" ")
    email, phone = _email(values.get("email")), _number(values.get("phone"))
    found: Json = {
        "firstName": given[:LONGEST_PERSON],
        "lastName": (family or email or phone or line(values.get("title"), LONGEST_PERSON) or "?")[:LONGEST_PERSON],
        "status": "New",
        "description": _text(settings, values, _of_lead(settings, values)),
    }
    if email:
        found["emailAddress"] = email
    if phone:
        found["phoneNumber"] = phone
    return {**found, **_source(settings, "source"), **_owned(owner)}


def task(settings: EspoSettings, values: Mapping[str, Any], owner: str) -> Json:
    """Return a task, with what is given of it. Raises RejectedError: a time that is none."""
    found: Json = {}
    if "title" in values:
        found["name"] = line(values["title"], LONGEST_NAME) or "Task"
    if "body" in values:
        found["description"] = _text(settings, values)
    if "due_at" in values:
        found["dateEnd"] = written(read_iso(values["due_at"])) if values["due_at"] else None
    if "done" in values:
        found["status"] = "Completed" if values["done"] else "Not Started"
    if values.get("party"):
        found |= {"parentType": "Contact", "parentId": values["party"]}
    return {**found, **_owned(owner)}


def contact(present: Mapping[str, Any], values: Mapping[str, Any]) -> Json:
    """Return the attributes that a contact gets; of its lists, entries that are there keep what EspoCRM knows of them.

    Args:
        present: as it is; empty for a new one.
    """
    found: Json = {}
    if {"name", "given", "family"} & values.keys():
        given, family = line(values.get("given"), LONGEST_PERSON), line(values.get("family"), LONGEST_PERSON)
        if not given and not family:
            given, _, family = line(values.get("name"), 2 * LONGEST_PERSON).rpartition(" ")
        if given or family or not present:
            found |= {"firstName": given[:LONGEST_PERSON], "lastName": (family or given or "?")[:LONGEST_PERSON]}
            if not family and given:
                found["firstName"] = ""
    if "emails" in values:
        wanted: list[tuple[str, Json]] = [
            (one, {}) for entry in values["emails"] or () if (one := _email(entry.get("value")))
        ]
        found["emailAddressData"] = _merged(present.get("emailAddressData"), "emailAddress", wanted)
    if "phones" in values:
        numbers = [(one, _typed(entry)) for entry in values["phones"] or () if (one := _phone(entry.get("value")))]
        found["phoneNumberData"] = _merged(present.get("phoneNumberData"), "phoneNumber", numbers)
    return found


def _happened(settings: EspoSettings, values: Mapping[str, Any], owner: str) -> Json:
    began = read_iso(values.get("started_at"))
    ended = read_iso(values["ended_at"]) if values.get("ended_at") else began
    found: Json = {
        "name": line(values.get("title"), LONGEST_NAME) or _kind(values),
        "dateStart": written(began),
        # EspoCRM wants the end behind the beginning.
        "dateEnd": written(max(ended, began + timedelta(seconds=1))),
        "description": _text(settings, values),
    }
    if values.get("party"):
        found["contactsIds"] = [values["party"]]
    if values.get("company"):
        found |= {"parentType": "Account", "parentId": values["company"]}
    return {**found, **_owned(owner)}


def _deal(settings: EspoSettings, values: Mapping[str, Any], owner: str) -> Json:
    closes = datetime.now(UTC) + timedelta(days=settings.deal_days)
    found: Json = {
        "name": line(values.get("title") or values.get("name"), LONGEST_NAME) or "Lead",
        "stage": settings.deal_stage,
        "amount": 0,
        "closeDate": closes.date().isoformat(),
        "description": _text(settings, values, _of_lead(settings, values)),
    }
    if values.get("party"):
        found["contactsIds"] = [values["party"]]
    if values.get("company"):
        found["accountId"] = values["company"]
    return {**found, **_source(settings, "leadSource"), **_owned(owner)}


def _of_lead(settings: EspoSettings, values: Mapping[str, Any]) -> list[str]:
    """Return what a lead has no attribute for, or not in this form."""
    said = [("", "title"), ("Source", "source"), ("Campaign", "campaign")]
    if settings.lead_as == "Opportunity":
        said += [("Name", "name"), ("E-mail", "email"), ("Phone", "phone")]
    else:
        said += [("E-mail", "email")] if not _email(values.get("email")) else []
        said += [("Phone", "phone")] if not _number(values.get("phone")) else []
    found = [(label, line(values.get(name), 500)) for label, name in said]
    return [f"{label}: {text}" if label else text for label, text in found if text]


def _text(settings: EspoSettings, values: Mapping[str, Any], before: Sequence[str] = ()) -> str:
    """Return a text with what has no attribute of its own; the link comes last, and is never cut off."""
    facts = [
        f"{label}: {text}"
        for label, name in (("Outcome", "outcome"), ("Number", "number"))
        if (text := line(values.get(name), 100))
    ]
    head, body = "\n".join([*before, *facts]), str(values.get("body") or "")
    text = f"{head}\n\n{body}" if head and body else head or body
    return plain(text, str(values.get("url") or ""), settings.longest_body, size=octets)


def _kind(values: Mapping[str, Any]) -> str:
    kind = str(values.get("kind") or "note").capitalize()
    direction = values.get("direction")
    return f"{kind} ({direction})" if direction in ("inbound", "outbound") else kind


def _owned(owner: str) -> Json:
    return {"assignedUserId": owner} if owner else {}


def _source(settings: EspoSettings, attribute: str) -> Json:
    return {attribute: settings.lead_source} if settings.lead_source else {}


def _email(value: Any) -> str:
    text = line(value, 255)
    return text if _EMAIL.fullmatch(text) else ""


def _number(value: Any) -> str:
    text = line(value, 36)
    return text if _NUMBER.fullmatch(text) else ""


def _phone(value: Any) -> str:
    return line(value, 36)


def _typed(entry: Mapping[str, Any]) -> Json:
    kind = _TYPES.get(str(entry.get("label") or "").strip().lower())
    return {"type": kind} if kind else {}


def _merged(present: Any, key: str, wanted: Sequence[tuple[str, Json]]) -> list[Json]:
    """Return a list as wanted; entries that are there stay as they are, and one of them is the first."""
    there = [one for one in present if isinstance(one, dict)] if isinstance(present, list) else []
    found: list[Json] = []
    for value, more in wanted:
        same = next((one for one in there if str(one.get(key, "")).lower() == value.lower()), None)
        if not any(str(one[key]).lower() == value.lower() for one in found):
            found.append(dict(same) if same else {key: value, "primary": False, **more})
    if found and not any(one.get("primary") for one in found):
        found[0]["primary"] = True
    return found
