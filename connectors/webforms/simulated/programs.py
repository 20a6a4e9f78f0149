"""What each program posts when somebody answered its form.

Sources: https://www.typeform.com/developers/webhooks/example-payload/, https://tally.so/help/webhooks,
https://developers.google.com/google-ads/webhook/docs/implementation,
https://elementor.com/help/actions-after-submit/ (webhook), https://contactform7.com/docs/ (a plugin posts the names of the tags)
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What somebody entered into a form."""

    name: str
    email: str
    phone: str
    message: str
    agrees: bool
    campaign: str
    id: str

    @property
    def number(self) -> int:
        """The same id as a number."""
        return uuid.UUID(self.id).int % 10**12


@dataclass(frozen=True, slots=True)
class Sent:
    """A body, and what it says it is."""

    kind: str
    body: bytes


Program = Callable[[Answered, str], Sent]  # with the key of the account, which one of them writes into the body


def own_fields(one: Answered, *, label: str = "message") -> Fields:
    """The fields of the form that the README shows."""
    agreed = {"marketing": "yes"} if one.agrees else {}
    return {
        "submission_id": one.id, "name": one.name, "email": one.email, "phone": one.phone, label: one.message,
        "topics": ["Price", "Delivery"], **agreed, "utm_source": "newsletter", "utm_campaign": one.campaign,
        "gclid": f"gclid-{one.number}", "page_url": "https://www.example.com/offer", "hub_homepage": "",
    }  # fmt: skip


def as_json(fields: Fields) -> Sent:
    return Sent(JSON, json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace"))


def as_form(fields: Fields) -> Sent:
    return Sent(FORM, urlencode(_pairs(fields), errors="replace").encode())


def as_parts(fields: Fields) -> Sent:
    """The same as a form in parts, as browsers send one with `enctype="multipart/form-data"`."""
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in _pairs(fields)
    ]
    return Sent(
        f"multipart/form-data; boundary={mark}", ("".join(parts) + f"--{mark}--\r\n").encode("utf-8", "replace")
    )


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    many = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
    return [(name, str(one)) for name, values in many.items() for one in values]


def _own(one: Answered, _: str) -> Sent:
    return as_json(own_fields(one))


def _zapier(one: Answered, _: str) -> Sent:
    """Whatever its user put together; objects in objects too."""
    contact = {"full_name": one.name, "email": one.email, "phone": one.phone}
    return as_json({"lead_id": one.id, "contact": contact, "notes": one.message, "utm_campaign": one.campaign})


def _elementor(one: Answered, _: str) -> Sent:
    """With `Advanced data`: PHP writes nested arrays with brackets."""
    asked: Sequence[tuple[str, str, str, str]] = (
        ("name", "text", "Name", one.name), ("email", "email", "Email", one.email), ("field_3c1f", "tel", "טלפון", one.phone),
        ("message", "textarea", "Message", one.message), ("field_9b2d", "acceptance", "Marketing", "on" if one.agrees else ""),
    )  # fmt: skip
    pairs = [("form[id]", "c0ffee1"), ("form[name]", "Offer")]
    for name, kind, title, value in asked:
        told = {"id": name, "type": kind, "title": title, "value": value, "raw_value": value, "required": "1"}
        pairs += [(f"fields[{name}][{key}]", text) for key, text in told.items()]
    meta = {"date": ("Date", "November 22, 2026"), "time": ("Time", "10:31 am"),
            "page_url": ("Page URL", "https://www.example.com/offer"), "user_agent": ("User Agent", "Mozilla/5.0"),
            "remote_ip": ("Remote IP", "192.0.2.10"), "credit": ("Powered by", "Elementor")}  # fmt: skip
    for name, (title, value) in meta.items():
        pairs += [(f"meta[{name}][title]", title), (f"meta[{name}][value]", value)]
    return Sent(FORM, urlencode(pairs, errors="replace").encode())


def _cf7(one: Answered, _: str) -> Sent:
    """The tags of the form that every new one begins with, and an acceptance."""
    return as_json({
        "_wpcf7": "171", "_wpcf7_version": "6.1.4", "_wpcf7_locale": "he_IL", "_wpcf7_unit_tag": f"wpcf7-f171-p{one.number}-o1",
        "your-name": one.name, "your-email": one.email, "your-phone": one.phone, "your-message": one.message,
        "topics": ["Price"], "marketing": "1" if one.agrees else "",
    })  # fmt: skip


def _typeform(one: Answered, _: str) -> Sent:
    asked: Sequence[tuple[str, str, str, str, Any]] = (
        ("JwWggjAKtOkA", "short_text", "Your name?", "text", one.name),
        ("SMEUb7VJz92Q", "email", "Your e-mail address?", "email", one.email),
        ("bJ3wqyFnQ7mL", "phone_number", "Your number?", "phone_number", one.phone),
        ("DlXFaesGBpoF", "long_text", "What can we do for you?", "text", one.message),
        ("PNe8ZKBK8C2Q", "multiple_choice", "What about?", "choices", {"labels": ["Price", "Delivery"], "refs": ["r1", "r2"]}),
        ("k6TP9oLGgHjl", "multiple_choice", "When?", "choice", {"label": "This week", "ref": "r3"}),
        ("gFFf3xAkJKsr", "legal", "May we write to you?", "boolean", one.agrees),
    )  # fmt: skip
    fields = [{"id": key, "ref": f"ref_{key}", "type": kind, "title": title} for key, kind, title, _, _ in asked]
    answers = [
        {"type": how, how: value, "field": {"id": key, "type": kind, "ref": f"ref_{key}"}}
        for key, kind, _, how, value in asked
    ]
    return as_json({
        "event_id": f"event-{one.number}", "event_type": "form_response",
        "form_response": {
            "form_id": "lT4Z3j", "token": one.id, "landed_at": _at(), "submitted_at": _at(),
            "hidden": {"utm_source": "newsletter", "utm_campaign": one.campaign},
            "definition": {"id": "lT4Z3j", "title": "Offer", "fields": fields}, "answers": answers,
        },
    })  # fmt: skip


def _tally(one: Answered, _: str) -> Sent:
    box = "0b5e6f6c-1c1f-4d0e-8f8f-0a4f6f0e2a11"
    fields: list[Fields] = [
        {"key": "question_3EKz4n", "label": "Name", "type": "INPUT_TEXT", "value": one.name},
        {"key": "question_nGEVMk", "label": "Email", "type": "INPUT_EMAIL", "value": one.email},
        {"key": "question_w2ZL0p", "label": "Phone", "type": "INPUT_PHONE_NUMBER", "value": one.phone},
        {"key": "question_mRPEDj", "label": "Message", "type": "TEXTAREA", "value": one.message},
        {"key": "question_wLP5VP", "label": "What about?", "type": "MULTIPLE_CHOICE", "value": ["f1"],
         "options": [{"id": "f1", "text": "Price"}, {"id": "f2", "text": "Delivery"}]},
        {"key": "question_marketing", "label": "Marketing", "type": "CHECKBOXES", "value": [box] if one.agrees else [],
         "options": [{"id": box, "text": "Write to me"}]},
        {"key": f"question_marketing_{box}", "label": "Marketing (Write to me)", "type": "CHECKBOXES", "value": one.agrees},
        {"key": "question_mO7Nqg_utm", "label": "utm_campaign", "type": "HIDDEN_FIELDS", "value": one.campaign},
    ]  # fmt: skip
    return as_json({
        "eventId": f"event-{one.number}", "eventType": "FORM_RESPONSE", "createdAt": _at(),
        "data": {
            "responseId": one.id, "submissionId": one.id, "respondentId": "dwQKYm", "formId": "VwbNEw", "formName": "Offer",
            "createdAt": _at(), "fields": fields,
        },
    })  # fmt: skip


def _google_ads(one: Answered, key: str) -> Sent:
    columns = [
        {"column_id": "FULL_NAME", "column_name": "Full Name", "string_value": one.name},
        {"column_id": "EMAIL", "column_name": "User Email", "string_value": one.email},
        {"column_id": "PHONE_NUMBER", "column_name": "User Phone", "string_value": one.phone},
        {"column_id": "what_can_we_do_for_you?", "string_value": one.message},
    ]
    return as_json({
        "lead_id": one.id, "user_column_data": columns, "api_version": "1.0", "form_id": 40000000000,
        "campaign_id": 15000000001, "adgroup_id": 20000000002, "creative_id": 30000000003, "gcl_id": f"gclid-{one.number}",
        "google_key": key, "is_test": False,
    })  # fmt: skip


def _at() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


PROGRAMS: Mapping[str, Program] = {
    "own": _own, "elementor": _elementor, "cf7": _cf7, "typeform": _typeform, "tally": _tally, "google_ads": _google_ads,
    "zapier": _zapier,
}  # fmt: skip
