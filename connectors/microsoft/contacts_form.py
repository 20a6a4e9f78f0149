"""A contact of Outlook in the hub's words and back: which of its properties say what, and how they are changed.

Outlook has a fixed number of places for each kind of value, and Graph replaces a list as a whole. So whoever adds to one
sends what is there along, in its order; what the hub does not read is kept as it is.
Source: https://learn.microsoft.com/graph/api/resources/contact
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.errors import RejectedError

Json = dict[str, Any]

FIELDS = ("name", "company", "job_title", "emails", "phones", "addresses")
# The reference names no limits; Graph refuses more with "exceeds the max allowed value".
# Source: https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/560
MOST_EMAILS = 3
PHONES = {"mobilePhone": 1, "businessPhones": 2, "homePhones": 2}
ADDRESSES = {"businessAddress": "work", "homeAddress": "home", "otherAddress": "other"}
# Of an address all properties are passed. Source: https://learn.microsoft.com/graph/api/contact-update
_PLACE = ("street", "city", "state", "postalCode", "countryOrRegion")
# Where a new number goes, by what it is called; others go to the first line.
_BUSINESS_FIRST = ("businessPhones", "homePhones", "mobilePhone")
_FIRST = {
    "mobile": ("mobilePhone", "businessPhones", "homePhones"),
    "home": ("homePhones", "businessPhones", "mobilePhone"),
}
_FULL = {
    "emails": "Outlook keeps at most three e-mail addresses of a contact",
    "phones": "Outlook keeps at most two business numbers, two home numbers and one mobile number of a contact",
    "addresses": "Outlook keeps at most three postal addresses of a contact",
}


# --- in the hub's words -------------------------------------------------------------------------------------------


def emails(value: Any) -> list[Json]:
    """Return the addresses of a contact; names of the own directory, which are no addresses, are left out."""
    return [{"value": one["address"]} for one in _entries(value) if _is_address(one)]


def phones(value: Any) -> list[Json]:
    """Return the numbers of a contact: of an object with `mobile`, `business` and `home`."""
    found: list[Json] = []
    for label, name in (("mobile", "mobile"), ("work", "business"), ("home", "home")):
        listed = value.get(name)
        some = listed if isinstance(listed, list) else [listed]
        found += [{"value": one, "label": label} for one in some if isinstance(one, str) and one.strip()]
    return found


def addresses(value: Any) -> list[Json]:
    """Return where a contact works or lives: of an object with `work`, `home` and `other`."""
    texts = ((label, written(value.get(label))) for label in ADDRESSES.values())
    return [{"value": text, "label": label} for label, text in texts if text]


def written(place: Any) -> str:
    """Return an address as one line; empty: there is none."""
    if not isinstance(place, dict):
        return ""
    town = _spaced(f"{_text(place.get('postalCode'))} {_text(place.get('city'))}")
    parts = (_text(place.get("street")), town, _text(place.get("state")), _text(place.get("countryOrRegion")))
    return ", ".join(one for one in parts if one)


def _entries(value: Any) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("this is no list of a contact")
    return [one for one in value if isinstance(one, dict)]


def _is_address(entry: Mapping[str, Any]) -> bool:
    return isinstance(entry.get("address"), str) and "@" in entry["address"]


def _text(value: Any) -> str:
    return _spaced(value) if isinstance(value, str) else ""


def _spaced(text: str) -> str:
    return " ".join(text.split())


# --- and back -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Change:
    """Properties of Graph's that are to be written, and of which lists not everything had a place."""

    body: Json = field(default_factory=dict)
    full: list[str] = field(default_factory=list)


def changed(contact: Mapping[str, Any], values: Mapping[str, Any]) -> Json:
    """Return the properties that are to be written so that a contact says what the hub wants; what is so already is none.

    Args:
        contact: as it is.
        values: by the hub's names; of lists, entries of `value` and `label`. Nothing empties a field.

    Raises:
        RejectedError: there is no place for all of it; then nothing of it may be written.
    """
    change = _change(contact, values)
    if change.full:
        told = "; ".join(_FULL[name] for name in change.full)
        raise RejectedError(f"{told}. Take one off here or in Outlook, then try again.")
    return {name: value for name, value in change.body.items() if (contact.get(name) or None) != (value or None)}


def made(values: Mapping[str, Any]) -> Json:
    """Return the properties of a new contact; of lists, as much as Outlook has places for."""
    body = {name: value for name, value in _change({}, values).body.items() if value}
    if body.get("companyName"):  # what it is filed under, where there is nobody's name
        body.setdefault("displayName", body["companyName"])
    return body


def is_company(contact: Mapping[str, Any]) -> bool:
    """Say whether a contact is filed under the name of a company, and is no person."""
    company = contact.get("companyName")
    is_nobody = not (contact.get("givenName") or contact.get("surname"))
    return bool(company) and is_nobody and (contact.get("displayName") or company) == company


def _change(contact: Mapping[str, Any], values: Mapping[str, Any]) -> _Change:
    change = _Change()
    if "name" in values:
        change.body |= _name(contact, values["name"] or "")
    if "company" in values:
        change.body["companyName"] = values["company"] or None
        if contact.get("displayName") and is_company(contact) and "name" not in values:
            change.body["displayName"] = values["company"] or None
    if "job_title" in values:
        change.body["jobTitle"] = values["job_title"] or None
    lists: Mapping[str, Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], tuple[Json, bool]]] = {
        "emails": _emails,
        "phones": _phones,
        "addresses": _addresses,
    }
    for name, put in lists.items():
        if name in values:
            body, is_full = put(contact, values[name] or ())
            change.body |= body
            change.full += [name] if is_full else []
    return change


def _name(contact: Mapping[str, Any], name: str) -> Json:
    """Give the name as a whole and in parts: Outlook sorts by these, and takes nothing apart itself."""
    given, middle, family = _parts(name, contact)
    body: Json = {"displayName": name or None, "givenName": given or None, "surname": family or None}
    return body if middle == _text(contact.get("middleName")) else {**body, "middleName": None}


def _parts(name: str, contact: Mapping[str, Any]) -> tuple[str, str, str]:
    """Take a name apart: at a part that it still has, else the last word is the family's."""
    given, middle, family = (_text(contact.get(key)) for key in ("givenName", "middleName", "surname"))
    if ", " in name and contact.get("displayName") == f"{family}, {given}":
        last, _, first = name.partition(", ")
        return first, "", last
    if family and name.endswith(f" {family}"):
        first, last = name.removesuffix(f" {family}"), family
    elif given and middle and name.startswith(f"{given} {middle} "):
        first, last = f"{given} {middle}", name.removeprefix(f"{given} {middle} ")
    elif given and name.startswith(f"{given} "):
        first, last = given, name.removeprefix(f"{given} ")
    else:
        first, _, last = name.rpartition(" ")
        first, last = (first, last) if first else (name, "")
    if middle and first.endswith(f" {middle}"):
        return first.removesuffix(f" {middle}"), middle, last
    return first, "", last


def _emails(contact: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> tuple[Json, bool]:
    present = _entries(contact.get("emailAddresses") or [])
    known = {_folded(one["value"]) for one in wanted}
    kept = [one for one in present if not _is_address(one) or _folded(one["address"]) in known]
    have = {_folded(one["address"]) for one in kept if _is_address(one)}
    new = [one for one in _once(wanted) if _folded(one["value"]) not in have]
    if len(kept) + len(new) > MOST_EMAILS:  # the same address may be there several times
        kept = _without_doubles(kept)
    found = [*kept, *({"address": one["value"], "name": one["value"]} for one in new)]
    return {"emailAddresses": found[:MOST_EMAILS]}, len(found) > MOST_EMAILS


def _once(wanted: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({_folded(one["value"]): one for one in reversed(wanted)}.values())[::-1]


def _without_doubles(entries: Sequence[Json]) -> list[Json]:
    seen: set[str] = set()
    found: list[Json] = []
    for one in entries:
        key = _folded(one["address"]) if _is_address(one) else ""
        if not key or key not in seen:
            found.append(one)
        seen.add(key)
    return found


def _phones(contact: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> tuple[Json, bool]:
    known = {_text(one["value"]) for one in wanted}
    places = {name: [one for one in _numbers(contact.get(name)) if _text(one) in known] for name in PHONES}
    have = {_text(one) for numbers in places.values() for one in numbers}
    is_full = False
    for one in wanted:
        if _text(one["value"]) in have:
            continue
        have.add(_text(one["value"]))
        order = _FIRST.get(str(one.get("label", "")), _BUSINESS_FIRST)
        free = next((name for name in order if len(places[name]) < PHONES[name]), None)
        if free is None:
            is_full = True
        else:
            places[free].append(one["value"])
    mobile = places["mobilePhone"][0] if places["mobilePhone"] else None
    return {**places, "mobilePhone": mobile}, is_full


def _numbers(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, str) and one.strip()]


def _addresses(contact: Mapping[str, Any], wanted: Sequence[Mapping[str, Any]]) -> tuple[Json, bool]:
    """Put addresses into their places; of a new one Graph gets the whole line as its street."""
    known = {_folded(one["value"]) for one in wanted}
    texts = {name: _folded(written(contact.get(name))) for name in ADDRESSES}
    body: Json = {name: dict.fromkeys(_PLACE) for name, text in texts.items() if text and text not in known}
    have = {text for text in texts.values() if text in known}
    is_full = False
    for one in wanted:
        if _folded(one["value"]) in have:
            continue
        have.add(_folded(one["value"]))
        names = sorted(ADDRESSES, key=lambda name: ADDRESSES[name] != one.get("label"))
        free = next((name for name in names if not texts[name] or texts[name] not in known), None)
        if free is None:
            is_full = True
        else:
            body[free] = {**dict.fromkeys(_PLACE), "street": one["value"]}
            texts[free] = _folded(one["value"])
    return body, is_full


def _folded(text: str) -> str:
    return _spaced(text).casefold()
