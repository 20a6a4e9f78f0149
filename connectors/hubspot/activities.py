"""What happened with a customer, and what is to be done, as HubSpot's objects. Pure.

Sources: https://developers.hubspot.com/docs/api-reference/crm-calls-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-emails-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-meetings-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-communications-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-notes-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-tasks-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-leads-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide#association-type-id-values
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.hubspot.settings import DEAL, HubSpotSettings
from hub.connector.rich_text import line, plain, rich
from hub.errors import RejectedError

LONGEST, LONGEST_TITLE = 65_000, 500  # HubSpot takes 65,536 characters of a body
KINDS = {
    "call": "calls",
    "email": "emails",
    "meeting": "meetings",
    "message": "communications",
    "note": "notes",
    "document": "notes",
    "payment": "notes",
}
INTERACTIONS = ("calls", "emails", "meetings", "communications", "notes")
_CONTACT = {
    "calls": 194, "emails": 198, "meetings": 200, "communications": 81, "notes": 202, "tasks": 204, "leads": 578, "deals": 3,
}  # fmt: skip
_COMPANY = {
    "calls": 182, "emails": 186, "meetings": 188, "communications": 87, "notes": 190, "tasks": 192, "leads": 610, "deals": 341,
}  # fmt: skip
# HubSpot's own outcomes, the same in every account.
_OUTCOMES = {
    "answered": ("COMPLETED", "f240bbac-87c9-4f6e-bf70-924b57d47db7"),
    "missed": ("NO_ANSWER", "73a0d17f-1163-4015-bdd5-ec830791da20"),
    "busy": ("BUSY", "9d9162e7-6cf3-4944-bf63-4dff82258764"),
    "failed": ("FAILED", ""),
    "voicemail": ("COMPLETED", "b2cf5968-551e-4856-9783-52b3da59a7d0"),
}

Properties = dict[str, Any]


def kind_of(values: Mapping[str, Any]) -> str:
    """Return which of HubSpot's objects an interaction becomes.

    Raises:
        RejectedError: none.
    """
    found = KINDS.get(str(values.get("kind")))
    if found is None:
        raise RejectedError(f"HubSpot has nothing for an interaction of the kind {str(values.get('kind'))[:40]!r}.")
    return found


def interaction(settings: HubSpotSettings, values: Mapping[str, Any], owner: str) -> Properties:
    """Return the properties of what happened."""
    kind, title, url = kind_of(values), _line(values.get("title")), str(values.get("url") or "")
    since = _ms(values.get("started_at"))
    until = _ms(values["ended_at"]) if values.get("ended_at") else since
    inbound = values.get("direction") == "inbound"
    body = str(values.get("body") or "")
    found: Properties = {"hs_timestamp": since, **_owned(owner)}
    match kind:
        case "calls":
            status, disposition = _OUTCOMES.get(str(values.get("outcome") or ""), ("COMPLETED", ""))
            found |= {
                "hs_call_title": title, "hs_call_body": _rich(body, url), "hs_call_duration": max(0, until - since),
                "hs_call_status": status,
            }  # fmt: skip
            if disposition:
                found["hs_call_disposition"] = disposition
            if values.get("direction"):
                found["hs_call_direction"] = "INBOUND" if inbound else "OUTBOUND"
            if values.get("number"):
                found["hs_call_from_number" if inbound else "hs_call_to_number"] = _line(values["number"])
        case "emails":
            found |= {
                "hs_email_subject": title, "hs_email_text": _text(body, url), "hs_email_status": "SENT",
                "hs_email_direction": "INCOMING_EMAIL" if inbound else "EMAIL",
            }  # fmt: skip
        case "meetings":
            found |= {
                "hs_meeting_title": title, "hs_meeting_body": _rich(body, url), "hs_meeting_start_time": since,
                "hs_meeting_end_time": max(since, until),
            }  # fmt: skip
        case "communications":
            found |= {
                "hs_communication_channel_type": settings.message_channel, "hs_communication_logged_from": "CRM",
                "hs_communication_body": _rich(_headed(title, body), url),
            }  # fmt: skip
        case _:
            found["hs_note_body"] = _rich(_headed(title, body), url)
    return found


def task(values: Mapping[str, Any], owner: str) -> Properties:
    """Return the properties of something to be done; those that are not given are left alone."""
    found: Properties = _owned(owner)
    if "title" in values:
        found["hs_task_subject"] = _line(values["title"])
    if "body" in values:
        found["hs_task_body"] = _rich(str(values["body"] or ""), "")
    if values.get("due_at"):
        found["hs_timestamp"] = _ms(values["due_at"])
    if "done" in values:
        found["hs_task_status"] = "COMPLETED" if values["done"] else "NOT_STARTED"
    return found


def lead(settings: HubSpotSettings, values: Mapping[str, Any], owner: str) -> Properties:
    """Return the properties of a lead or of a deal; a lead has no text of its own, so only a deal has all of it."""
    title = _line(values.get("title") or values.get("name") or values.get("email") or values.get("phone") or "Lead")
    if settings.leads_as != DEAL:
        return {"hs_lead_name": title, **_owned(owner)}
    told = [
        f"{word}: {_line(values[name])}"
        for name, word in (
            ("name", "Name"), ("email", "E-mail"), ("phone", "Phone"), ("source", "Source"), ("campaign", "Campaign"),
        )
        if values.get(name)
    ]  # fmt: skip
    text = "\n".join([*told, str(values.get("body") or "")]).strip()
    return {
        "dealname": title, "pipeline": settings.deal_pipeline, "dealstage": settings.deal_stage,
        "description": _text(text, str(values.get("url") or "")), **_owned(owner),
    }  # fmt: skip


def associations(kind: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return whose it is.

    Raises:
        RejectedError: an id that is none of HubSpot's.
    """
    found = []
    for name, types in (("party", _CONTACT), ("company", _COMPANY)):
        remote_id = str(values.get(name) or "")
        if remote_id and not remote_id.isdecimal():
            raise RejectedError(f"{remote_id[:40]!r} is no id of HubSpot's.")
        if remote_id:
            types_of = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": types[kind]}]
            found.append({"to": {"id": remote_id}, "types": types_of})
    return found


def contact(values: Mapping[str, Any]) -> Properties:
    """Return the properties of a person; those that are not given are left alone."""
    found: Properties = {}
    if "given" in values or "family" in values:
        found |= {
            key: _line(values[name]) for name, key in (("given", "firstname"), ("family", "lastname")) if name in values
        }
    elif "name" in values:
        given, _, family = _line(values["name"]).partition(" ")
        found |= {"firstname": given, "lastname": family.strip()}
    for name, key in (("company", "company"), ("job_title", "jobtitle")):
        if name in values:
            found[key] = _line(values[name])
    if "emails" in values:
        addresses = _values(values["emails"])
        found["email"] = addresses[0] if addresses else ""
        if addresses[1:]:
            found["hs_additional_emails"] = ";".join(addresses[1:])
    if "phones" in values:
        found |= _numbers(values["phones"] or ())
    return found


def _numbers(entries: Sequence[Mapping[str, Any]]) -> Properties:
    """Return the first mobile number and the first other one: HubSpot has a place for one of each."""
    given = [one for one in entries if one.get("value")]
    mobile = [_line(one["value"]) for one in given if "mobile" in str(one.get("label") or "").lower()]
    other = [_line(one["value"]) for one in given if "mobile" not in str(one.get("label") or "").lower()]
    if not other and len(mobile) > 1:
        other = mobile[1:]
    elif not mobile and len(other) > 1:
        mobile = other[1:]
    return {"phone": other[0] if other else "", "mobilephone": mobile[0] if mobile else ""}


def _values(entries: Any) -> list[str]:
    return [_line(one["value"]) for one in entries or () if one.get("value") and ";" not in str(one["value"])]


def _owned(owner: str) -> Properties:
    return {"hubspot_owner_id": owner} if owner else {}


def _headed(title: str, body: str) -> str:
    return f"{title}\n\n{body}" if title and body else title or body


def _line(value: Any) -> str:
    return line(value, LONGEST_TITLE)


def _rich(body: str, url: str) -> str:
    return rich(body, url, LONGEST)


def _text(body: str, url: str) -> str:
    return plain(body, url, LONGEST)


def _ms(value: Any) -> int:
    """Return a moment as HubSpot takes it: milliseconds since 1970.

    Raises:
        RejectedError: it is none.
    """
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise RejectedError(f"{str(value)[:40]!r} is no moment.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
