"""What payloads offer to a mapping, and which of it may be meant for which field. Pure; a guess is only ever offered.

A place of a payload is offered as a path. Lists of named entries (`[{"key": "budget", "values": ["500"]}, …]`, as forms
send their answers) are offered by name, as an expression: their order is nobody's promise.
"""

import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from hub.connector.dotted import at, parse_path
from hub.mapping import paths

MOST = 3_000  # of one stream
NAMES = ("key", "name", "field", "code", "id", "label", "title")  # what an entry of a list is called by
VALUES = ("values", "value", "answer", "answers", "text", "content")  # and where what it says stands
LONGEST_NAME = 200
SURE, LIKELY, LOOKS = 1.0, 0.8, 0.6  # the same name, a word for the same, only the value looks like it
_ALIKE = 0.86
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PHONE = re.compile(r"\+?[\d\s().-]{7,20}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{4}")
_AMOUNT = re.compile(r"[\d ,.']{1,15}\s?(?:₪|€|\$|zł|₽|[A-Z]{3})|(?:₪|€|\$)\s?[\d ,.']{1,15}")


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that payloads offer.

    Attributes:
        text: a path, or an expression.
        name: the last key on the way, or what an entry calls itself.
        label: what an entry is called for people; mostly empty.
        sample: a value that one record really had.
    """

    text: str
    is_expression: bool
    name: str
    sample: Any
    label: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """A field that nothing fills yet. `looks`: what its values look like: phone, email, date, money, or nothing."""

    name: str
    labels: tuple[str, ...] = ()
    looks: str = ""


@dataclass(frozen=True, slots=True)
class Guess:
    """What may be meant for a field, and how likely, from 0 to 1."""

    source: Source
    score: float


# --- what there is ------------------------------------------------------------------------------------------------


def offered(payloads: Sequence[Any]) -> list[Source]:
    """Return what records offer, in their order; samples are of the first record that has the value."""
    found: dict[str, Source] = {}
    for payload in payloads:
        there = paths.places(payload)
        entries = dict.fromkeys(
            place for place, kind in there.types.items() if kind == "object" and place.endswith("[]")
        )
        for place, kind in there.types.items():
            if kind == "object" or place.endswith("[]") or any(one in entries for one in paths.parents(place)):
                continue
            text = paths.to_path(place)
            if text not in found and len(found) < MOST:
                keys, sample = paths.sample(payload, place)
                if at(payload, parse_path(text)) is None:
                    continue  # the first entry of a list has nothing there, whatever the others have
                found[text] = Source(text, is_expression=False, name=keys[-1] if keys else "", sample=sample)
        for place in entries:
            for source in _entries(payload, place):
                if len(found) < MOST:
                    found.setdefault(source.text, source)
    return list(found.values())


def _entries(payload: Any, place: str) -> Iterator[Source]:
    """Yield what the entries of a list of objects say: by name where each has one, else what the first one has."""
    _, whole = paths.sample(payload, place.removesuffix("[]"))
    listed = [one for one in whole if isinstance(one, dict)][: paths.ENTRIES] if isinstance(whole, list) else []
    named = next((name for name in NAMES if _names(listed, name)), "")
    said = next((name for name in VALUES if any(one.get(name) not in (None, "", [], {}) for one in listed)), "")
    if not (named and said):
        way = paths.to_path(place)
        first = at(payload, parse_path(way))
        for key, value in first.items() if isinstance(first, dict) else ():
            written = paths.segment(key)
            if written is not None and not isinstance(value, dict | list) and value not in (None, ""):
                yield Source(f"{way}.{written}", is_expression=False, name=key, sample=value)
        return
    written_way = _way(place.removesuffix("[]"))
    if written_way is None:
        return
    for one in listed:
        value = one.get(said)
        if value in (None, "", [], {}):
            continue
        several = isinstance(value, list)
        text = f"{written_way}[{named}={json.dumps(one[named], ensure_ascii=False)}].{said}{'[0]' if several else ''}"
        label = next((str(one[key]) for key in ("label", "title", "name") if key != named and one.get(key)), "")
        yield Source(text, is_expression=True, name=str(one[named]), sample=value[0] if several else value, label=label)


def _names(entries: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Say whether a key names each entry: texts, all different."""
    names = [one.get(key) for one in entries]
    texts = [name for name in names if isinstance(name, str) and name and len(name) <= LONGEST_NAME]
    return bool(names) and len(texts) == len(names) == len(set(texts))


def _way(place: str) -> str | None:
    """Return a place as an expression writes it; None: it stands in another list."""
    parts = re.findall(r'"((?:[^"\\]|\\.)+)"|(\[\])|([^."\[\]]+)', place)
    if any(entry for _, entry, _ in parts) or any("`" in quoted or "\\" in quoted for quoted, _, _ in parts):
        return None
    keys = [quoted or bare for quoted, _, bare in parts]
    return ".".join(
        key if re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII) and key not in _WORDS else f"`{key}`" for key in keys
    )


_WORDS = frozenset({"and", "or", "in", "true", "false", "null", "function"})


# --- what may be meant --------------------------------------------------------------------------------------------

# Words for one thing, in the languages of the pages; the first is its name here.
_SYNONYMS: Mapping[str, str] = {
    folded: group.split()[0]
    for group in (
        "phone telephone tel mobile mobile_phone cell cellphone phone_number phones whatsapp טלפון נייד هاتف جوال telefon телефон",
        'email e_mail mail email_address emailaddress emails אימייל דוא"ל מייל بريد mejl почта',
        "name full_name fullname your_name contact_name display_name customer_name שם الاسم imię имя",
        "company company_name organization organisation business employer firm חברה شركة firma компания",
        "job_title jobtitle title position role תפקיד stanowisko должность",
        "addresses address street location כתובת عنوان adres адрес",
        "city town עיר مدينة miasto город",
        "country kraj מדינה دولة страна",
        "created_at created createdat created_time date_created created_on submitted_at timestamp",
        "updated_at updated modified modified_at last_modified changed_at",
        "remote_id id uuid guid record_id",
        "budget price amount sum total תקציב סכום ميزانية budżet kwota бюджет",
        "birthday birth_date date_of_birth dob",
        "language lang locale שפה język язык",
        "notes note comment comments message remarks הערות uwagi комментарий",
        "url link website web site homepage",
        "page_url page landing_page source_url",
        "status state stage",
        "number no num nr invoice_number document_number",
        "gross total_amount grand_total",
        "due_date due duedate payment_due",
        "issue_date date invoice_date document_date",
        "tax_id vat vat_number vatin nip tax_number",
    )
    for word in group.split()
    if (folded := re.sub(r"[\W_]", "", word.casefold()))
}


def guesses(wishes: Sequence[Wish], sources: Sequence[Source], taken: Collection[str] = ()) -> dict[str, Guess]:
    """Return the likeliest source of each field, for those that have any; no source for two fields.

    Args:
        taken: sources that a field is made of already.
    """
    free = [one for one in sources if one.text not in taken]
    found = [
        (score, place, -index, wish, source)
        for place, wish in enumerate(wishes)
        for index, source in enumerate(free)
        if (score := _score(wish, source)) > 0
    ]
    chosen: dict[str, Guess] = {}
    used: set[str] = set()
    for score, _, _, wish, source in sorted(found, key=lambda one: (-one[0], one[1], -one[2])):
        if wish.name not in chosen and source.text not in used:
            chosen[wish.name] = Guess(source, score)
            used.add(source.text)
    return chosen


def _score(wish: Wish, source: Source) -> float:
    ours = {_folded(one) for one in (wish.name, *wish.labels) if one} - {""}
    theirs = {_folded(one) for one in (source.name, source.label) if one} - {""}
    if ours & theirs:
        return SURE
    if {_SYNONYMS.get(one, one) for one in ours} & {_SYNONYMS.get(one, one) for one in theirs}:
        return LIKELY
    if any(_alike(one, other) for one in ours for other in theirs):
        return LIKELY
    return LOOKS if wish.looks and looks(source.sample) == wish.looks else 0.0


@lru_cache(maxsize=20_000)
def _alike(one: str, other: str) -> bool:
    if min(len(one), len(other)) < 4 or max(len(one), len(other)) > 60:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE


@lru_cache(maxsize=20_000)
def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name[:LONGEST_NAME]).casefold()
    return re.sub(r"[\W_]", "", plain)


def looks(value: Any) -> str:
    """Say what a value looks like: `email`, `date`, `money`, `phone`, or nothing of the kind."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > 100:
        return ""
    if _EMAIL.fullmatch(text):
        return "email"
    if _DATE.fullmatch(text):
        return "date"
    if _AMOUNT.fullmatch(text):
        return "money"
    if _PHONE.fullmatch(text) and 7 <= sum(c.isdigit() for c in text) <= 15 and (text[0] in "+0(" or "-" in text):
        return "phone"
    return ""
