"""What happened with a customer, what is to be done, leads and people, as columns of an import into Odoo. Pure.

Sources: https://github.com/odoo/odoo/blob/19.0/addons/mail/models/mail_message.py, `mail_activity.py`,
https://github.com/odoo/odoo/blob/19.0/addons/crm/models/crm_lead.py
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.connector.rich_text import line, rich
from hub.errors import RejectedError

MESSAGE, ACTIVITY, LEAD, PARTNER = "mail.message", "mail.activity", "crm.lead", "res.partner"
NOTE, TODO, PARTNERS = "mail.mt_note", "mail.mail_activity_data_todo", "base.model_res_partner"
LONGEST, LONGEST_TITLE = 100_000, 300

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Colleague:
    """A user of Odoo."""

    user: int
    partner: int


def note(values: Mapping[str, Any], whose: int, owner: Colleague | None) -> Columns:
    """Return a note in the chatter of a partner, dated when it happened; nobody is told of it."""
    return {
        "model": PARTNER,
        "res_id": str(whose),
        "message_type": "comment",
        "subtype_id/id": NOTE,
        "subject": _title(values),
        "body": _body(values),
        "date": _moment(values.get("started_at")),
        **({"author_id/.id": str(owner.partner)} if owner else {}),
    }


def activity(values: Mapping[str, Any], whose: int, owner: Colleague | None, zone: str) -> Columns:
    """Return an activity of a partner, for what happened: somebody is to look at it on that day."""
    return {
        "res_model_id/id": PARTNERS,
        "res_id": str(whose),
        "activity_type_id/id": TODO,
        "summary": _title(values),
        "note": _body(values),
        "date_deadline": _day(values.get("started_at"), zone),
        "automated": "1",  # so that it is no task
        **({"user_id/.id": str(owner.user)} if owner else {}),
    }


def task(values: Mapping[str, Any], whose: int, owner: Colleague | None, zone: str) -> Columns:
    """Return an activity of a partner, for what is to be done; Odoo knows its day only."""
    found: Columns = {"res_model_id/id": PARTNERS, "res_id": str(whose), "activity_type_id/id": TODO}
    return found | {name: str(value) for name, value in task_changes(values, owner, zone).items()}


def task_changes(values: Mapping[str, Any], owner: Colleague | None, zone: str) -> dict[str, Any]:
    """Return the fields of an activity that are given, but whether it is done."""
    found: dict[str, Any] = {}
    if "title" in values:
        found["summary"] = line(values["title"], LONGEST_TITLE)
    if values.get("body"):
        found["note"] = rich(str(values["body"]), "", LONGEST)
    if values.get("due_at"):
        found["date_deadline"] = _day(values["due_at"], zone)
    if owner is not None:
        found["user_id/.id"] = owner.user
    return found


def lead(values: Mapping[str, Any], whose: int | None, owner: Colleague | None, kind: str) -> Columns:
    """Return a lead or an opportunity.

    What a lead says of its partner Odoo writes into the partner, over what stands there; so of one who is known, what the
    lead answered is only text. Without an owner Odoo would take ourselves.
    """
    kept = ("email", "phone") if whose else ()
    told = [(name, line(values.get(name), LONGEST_TITLE)) for name in ("source", "campaign", *kept)]
    above = "".join(f"<p>{html.escape(name.capitalize())}: {html.escape(text)}</p>" for name, text in told if text)
    title = line(values.get("title") or values.get("name") or values.get("email") or values.get("phone"), LONGEST_TITLE)
    return {
        "name": title or "Lead",
        "type": kind,
        "contact_name": line(values.get("name"), LONGEST_TITLE),
        **(
            {}
            if whose
            else {
                "email_from": line(values.get("email"), LONGEST_TITLE),
                "phone": line(values.get("phone"), LONGEST_TITLE),
            }
        ),
        "description": above + rich(str(values.get("body") or ""), str(values.get("url") or ""), LONGEST),
        **({"partner_id/.id": str(whose)} if whose else {}),
        "user_id/.id": str(owner.user) if owner else False,
    }


def partner(values: Mapping[str, Any]) -> Columns:
    """Return a person; Odoo has one address and one number of each."""
    emails, phones = _values(values.get("emails")), _values(values.get("phones"))
    found = {
        "name": line(values.get("name"), LONGEST_TITLE) or (emails or phones or ["?"])[0],
        "email": emails[0] if emails else "",
        "phone": phones[0] if phones else "",
        "function": line(values.get("job_title"), LONGEST_TITLE),
        "company_name": line(values.get("company"), LONGEST_TITLE),
    }
    return {name: text for name, text in found.items() if text}


def rewritten(columns: Mapping[str, str], names: Sequence[str]) -> dict[str, Any]:
    """Return what of columns is changed in a record that is there."""
    return {name: columns[name] for name in names if name in columns}


def _title(values: Mapping[str, Any]) -> str:
    return line(values.get("title"), LONGEST_TITLE)


def _body(values: Mapping[str, Any]) -> str:
    """Return the text as HTML, with what it is above: a chatter shows no subjects."""
    title = html.escape(_title(values))
    number = html.escape(line(values.get("number"), LONGEST_TITLE))
    above = " · ".join(one for one in (f"<b>{title}</b>" if title else "", number) if one)
    below = rich(str(values.get("body") or ""), str(values.get("url") or ""), LONGEST)
    return (f"<p>{above}</p>" if above else "") + (f"<p>{below}</p>" if below else "")


def _values(entries: Any) -> list[str]:
    return [line(one["value"], LONGEST_TITLE) for one in entries or () if one.get("value")]


def _moment(value: Any) -> str:
    return _read(value).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _day(value: Any, zone: str) -> str:
    return _read(value).astimezone(ZoneInfo(zone or "UTC")).date().isoformat()


def _read(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise RejectedError(f"{str(value)[:40]!r} is no moment.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
