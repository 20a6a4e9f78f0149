"""A lead as the hub keeps it, made of whatever a program posts. Nothing that was answered is left out."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.connector.fields import Fields

LONGEST_ID = 200
TEST = "hub_test"  # a field by which whoever tries a form says so
_LONGEST_KEY = 200

# Where people came from; in what a landing page adds by itself.
_UTM = re.compile(r"utm_(source|medium|campaign|term|content)", re.IGNORECASE)
_CLICKS = frozenset({"gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "_fbp", "_fbc", "fbp", "fbc"})
_PAGES = {
    "page_url": "page_url",
    "page": "page_url",
    "page url": "page_url",
    "landing_page": "page_url",
    "referrer": "referrer",
    "referer": "referrer",
    "form_id": "form_id",
    "form_name": "form_name",
}
# What programs call an object that says who answered.
_PERSONS = frozenset(
    {"answers", "body", "client", "contact", "customer", "data", "fields", "lead", "payload", "person", "user"}
)
# Not `id`, which may ask for a number of a passport, nor `event_id`, which may be the evening somebody registers for.
_NAMES = frozenset({"submission_id", "submissionid", "lead_id", "leadid", "response_id", "entry_id"})
_YES = frozenset({"1", "on", "yes", "true", "y", "checked", "כן", "نعم", "tak", "да"})
_NO = frozenset({"", "0", "off", "no", "false", "n", "לא", "لا", "nie", "нет"})


@dataclass
class Lead:
    """What came, taken apart."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    utm: dict[str, str] = field(default_factory=dict)
    click_ids: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)  # form, campaign, page, platform, created_at, is_test
    remote_id: str = ""  # by which its program knows it
    page_id: str = (
        ""  # that a page or a person's own program gave it: perhaps to many, so it counts with the answers alone
    )

    def answer(self, key: str, values: Sequence[str], **more: Any) -> None:
        """Add an answer with what is known of its question."""
        rest = {name: one for name, one in more.items() if one}
        self.answers.append({"key": key, "values": list(values), **rest})

    def add(
        self, fields: Fields, *, agreements: frozenset[str] = frozenset(), hidden: Mapping[str, str] | None = None
    ) -> None:
        """Add the fields of a form: answers, boxes of consent, and what a landing page tells of where people came from."""
        for name, values in fields.items():
            if name in agreements:
                self.agree(name, values)
            elif not self.origin(name, values):
                self.answer(name, values, label=_within_person(name))
        for name, value in (hidden or {}).items():
            if not self.origin(name, [value]):
                self.answer(name, [value])

    def agree(self, name: str, values: Sequence[str], text: str = "") -> None:
        """Add a box of consent; an answer that is neither yes nor no agrees to nothing."""
        words = {value.strip().casefold() for value in values}
        checked = True if words & _YES else False if words <= _NO else None
        shown = text or (", ".join(values) if checked is None else "")
        self.consents.append({"key": name[:_LONGEST_KEY], "checked": checked, "text": shown, "required": False})

    def origin(self, name: str, values: Sequence[str]) -> bool:
        """Keep what says where somebody came from; False: it says nothing of that, or something else was said before."""
        small, value = name.casefold(), next((one for one in values if one.strip()), "")
        if small == TEST:
            self.facts["is_test"] = True
            return True
        kept: dict[str, Any]
        if match := _UTM.fullmatch(small):
            kept, key = self.utm, match[1].lower()
        elif small in _CLICKS:
            kept, key = self.click_ids, small.lstrip("_")
        elif small in _PAGES:
            kept, key = self.facts, _PAGES[small]
        else:
            return False
        return not value or kept.setdefault(key, value) == value

    def payload(self) -> dict[str, Any]:
        """Return it as the raw record keeps it."""
        return {
            "answers": self.answers, "consents": self.consents, "utm": self.utm, "click_ids": self.click_ids, **self.facts,
        }  # fmt: skip


def _within_person(name: str) -> str:
    """Return the last part of `contact.full_name`; empty for `product.name`, which is nobody's, and for whole names."""
    way = name.split(".")
    return way[-1] if way[1:] and {one.casefold() for one in way[:-1]} <= _PERSONS else ""


def take_id(fields: Fields, wanted: str) -> str:
    """Return the id that a page gave to an answer; empty where it gave none.

    Args:
        wanted: the field that an administrator named, which stays an answer; else one of the usual names, which is none.
    """
    for name, values in list(fields.items()):
        if values and values[0] and (name == wanted if wanted else name.casefold() in _NAMES):
            return values[0] if wanted else fields.pop(name)[0]
    return ""


def name_of(lead: Lead, minute: int) -> str:
    """Return the name by which a lead is known when it is sent again.

    What its program calls it; else a page's id together with the answers, because a page that was kept with its id in it
    would make all its people one lead; else the answers of the same ten minutes.
    """
    if lead.remote_id:
        return lead.remote_id if len(lead.remote_id) <= LONGEST_ID else _hash(lead.remote_id)
    return _hash([lead.answers, lead.page_id or minute // 10])


def _hash(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:40]
