"""The hub's words as Salesforce's fields: tasks, events, leads and contacts.

Source: https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.salesforce.client import read_iso, written
from connectors.salesforce.settings import SalesforceSettings
from hub.connector.rich_text import line, plain

Json = dict[str, Any]

LONGEST_SUBJECT = 255
LONGEST_TEXT = 31_000  # letters of a description, which has 32,000
INTERACTION = "hub-i-"  # how marks of what happened begin; tasks to be done have others
_NUMBER = re.compile(r"\+[1-9][0-9]{5,14}")
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_SUBTYPES = {"call": "Call", "email": "Email"}


def mark_of(key: str, records: str) -> str:
    """Return what a write is found by again: the same for the same key."""
    return f"hub-{records[:1]}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def logged(settings: SalesforceSettings, values: Mapping[str, Any], owner: str, zone: str, *, is_new: bool) -> Json:
    """Return what happened as a task that is done. Raises RejectedError: it has no time."""
    began = read_iso(values.get("started_at"))
    ended = read_iso(values["ended_at"]) if values.get("ended_at") else began
    kind = str(values.get("kind") or "note")
    found: Json = {
        "Subject": line(values.get("title"), LONGEST_SUBJECT) or kind.capitalize(),
        "Status": settings.done_status,
        "ActivityDate": began.astimezone(ZoneInfo(zone)).date().isoformat(),
        "Description": _text(values, [f"{written(began)}"] if kind != "call" else []),
        **_of(values),
    }
    if kind in _SUBTYPES and is_new:  # nobody may change it
        found["TaskSubtype"] = _SUBTYPES[kind]
    if kind == "call":
        found |= {
            "CallType": "Outbound" if values.get("direction") == "outbound" else "Inbound",
            "CallDurationInSeconds": max(0, int((ended - began).total_seconds())),
            "CallDisposition": line(values.get("outcome"), LONGEST_SUBJECT) or None,
        }
    return {**found, **_owned(owner)}


def event(values: Mapping[str, Any], owner: str) -> Json:
    """Return a meeting. Raises RejectedError: it has no time."""
    began = read_iso(values.get("started_at"))
    ended = max(read_iso(values["ended_at"]) if values.get("ended_at") else began, began)
    return {
        "Subject": line(values.get("title"), LONGEST_SUBJECT) or "Meeting",
        "StartDateTime": written(began),
        "EndDateTime": written(ended),
        "Description": _text(values),
        **_of(values),
        **_owned(owner),
    }


def task(settings: SalesforceSettings, values: Mapping[str, Any], owner: str, zone: str) -> Json:
    """Return a task, with what is given of it; its due date has no time. Raises RejectedError: a time that is none."""
    found: Json = {}
    if "title" in values:
        found["Subject"] = line(values["title"], LONGEST_SUBJECT) or "Task"
    if "body" in values:
        found["Description"] = _text(values)
    if "due_at" in values:
        due = read_iso(values["due_at"]).astimezone(ZoneInfo(zone)) if values["due_at"] else None
        found["ActivityDate"] = due.date().isoformat() if due else None
    if "done" in values:
        found["Status"] = settings.done_status if values["done"] else settings.open_status
    return {**found, **_of(values), **_owned(owner)}


def lead(settings: SalesforceSettings, values: Mapping[str, Any], owner: str) -> Json:
    """Return a lead, or an opportunity."""
    source = {"LeadSource": settings.lead_source} if settings.lead_source else {}
    if settings.lead_as == "Opportunity":
        closes = datetime.now(UTC) + timedelta(days=settings.deal_days)
        found: Json = {
            "Name": line(values.get("title") or values.get("name"), 120) or "Lead",
            "StageName": settings.deal_stage,
            "CloseDate": closes.date().isoformat(),
            "Description": _text(values, _of_lead(values, ("name", "email", "phone"))),
        }
        found |= {"AccountId": values["company"]} if values.get("company") else {}
        found |= {"ContactId": values["party"]} if values.get("party") else {}
        return {**found, **source, **_owned(owner)}
    given, _, family = line(values.get("name"), 120).rpartition(" ")
    email, phone = email_of(values.get("email")), number_of(values.get("phone"))
    found = {
        "FirstName": given[:40] or None,
        "LastName": (family or email or phone or "?")[:80],
        "Company": settings.lead_company,
        "Description": _text(values, _of_lead(values, [n for n, v in (("email", email), ("phone", phone)) if not v])),
    }
    found |= {"Email": email} if email else {}
    found |= {"Phone": phone} if phone else {}
    return {**found, **source, **_owned(owner)}


def contact(present: Mapping[str, Any], values: Mapping[str, Any]) -> Json:
    """Return the fields that a contact gets. It has one address and a number of each kind; what is there stays.

    Args:
        present: as it is; empty for a new one.
    """
    found: Json = {}
    if {"name", "given", "family"} & values.keys():
        given, family = line(values.get("given"), 40), line(values.get("family"), 80)
        if not given and not family:
            given, _, family = line(values.get("name"), 120).rpartition(" ")
        if given or family or not present:
            found |= {"FirstName": given[:40] if family else None, "LastName": (family or given or "?")[:80]}
    if job := line(values.get("job_title"), 128):
        found["Title"] = job
    emails = [one for entry in values.get("emails") or () if (one := email_of(entry.get("value")))]
    if emails and str(present.get("Email") or "").lower() not in {one.lower() for one in emails}:
        found["Email"] = emails[0]
    there = {digits(str(present.get(name) or "")) for name in ("Phone", "MobilePhone", "HomePhone")}
    for entry in values.get("phones") or ():
        number = line(entry.get("value"), 40)
        label = str(entry.get("label") or "").strip().lower()
        field = {"mobile": "MobilePhone", "home": "HomePhone"}.get(label, "Phone")
        if number and digits(number) not in there and field not in found:
            found[field] = number
    return found


def digits(text: str) -> str:
    """Return the digits of a number."""
    return "".join(one for one in text if one in "0123456789")


def email_of(value: Any) -> str:
    """Return an address; empty: it is none that Salesforce would take."""
    text = line(value, 80)
    return text if _EMAIL.fullmatch(text) else ""


def number_of(value: Any) -> str:
    """Return a number; empty: it is none."""
    text = line(value, 40)
    return text if _NUMBER.fullmatch(text) else ""


def _text(values: Mapping[str, Any], before: Sequence[str] = ()) -> str:
    """Return a text with what has no field of its own; the link comes last, and is never cut off."""
    facts = [f"Number: {number}"] if (number := line(values.get("number"), 100)) else []
    head, body = "\n".join([*before, *facts]), str(values.get("body") or "")
    return plain(f"{head}\n\n{body}" if head and body else head or body, str(values.get("url") or ""), LONGEST_TEXT)


def _of(values: Mapping[str, Any]) -> Json:
    who = {"WhoId": values["party"]} if values.get("party") else {}
    return who | ({"WhatId": values["company"]} if values.get("company") else {})


def _of_lead(values: Mapping[str, Any], more: Sequence[str]) -> list[str]:
    said = ("title", "source", "campaign", *more)
    return [f"{name.capitalize()}: {text}" for name in said if (text := line(values.get(name), 500))]


def _owned(owner: str) -> Json:
    return {"OwnerId": owner} if owner else {}
