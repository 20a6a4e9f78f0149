"""What stands on a contact's card: its fields, what may be written into them, and what Outlook makes of that.

Sources: https://learn.microsoft.com/graph/api/resources/contact, https://learn.microsoft.com/graph/api/contact-update
and, for how many values a field takes, https://github.com/microsoftgraph/microsoft-graph-docs/issues/15276
"""

import struct
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from connectors.microsoft.simulated import extended, stamps
from connectors.microsoft.simulated.errors import Json, bad_request

_TEXTS = (
    "fileAs", "displayName", "givenName", "initials", "middleName", "nickName", "surname", "title", "yomiGivenName",
    "yomiSurname", "yomiCompanyName", "generation", "jobTitle", "companyName", "department", "officeLocation",
    "profession", "businessHomePage", "assistantName", "manager", "mobilePhone", "spouseName", "personalNotes",
)  # fmt: skip
_LISTS = ("categories", "imAddresses", "homePhones", "businessPhones", "children")
_ADDRESSES = ("homeAddress", "businessAddress", "otherAddress")
_LINES = ("street", "city", "state", "countryOrRegion", "postalCode")
_READ_ONLY = ("id", "createdDateTime", "lastModifiedDateTime", "changeKey", "parentFolderId", "photo")
_AT_MOST = {"emailAddresses": 3, "imAddresses": 3, "businessPhones": 2, "homePhones": 2}
_OF_THE_NAME = ("givenName", "middleName", "surname", "generation")

EMPTY: Json = {
    "categories": [], "birthday": None, **dict.fromkeys(_TEXTS), "emailAddresses": [], "imAddresses": [],
    "homePhones": [], "businessPhones": [], "homeAddress": {}, "businessAddress": {}, "otherAddress": {}, "children": [],
}  # fmt: skip


def written(before: Json, given: Json) -> Json:
    """The fields of a contact after some were written; null removes. Raises ApiError (400)."""
    body = deepcopy(before)
    for name, value in given.items():
        if name == extended.NAME or name.startswith("@odata."):
            continue
        read = _reader(name)
        if value is None and name in (*_TEXTS, *_ADDRESSES, "birthday"):
            body.pop(name, None)
        elif name in _ADDRESSES:
            body[name] = body.get(name, {}) | _address(name, value)
        else:
            body[name] = read(name, value)
    return _named(body, given)


def measures(photo: bytes) -> tuple[int, int]:
    """Width and height of a PNG; of another picture, as much as Outlook shows."""
    if photo.startswith(b"\x89PNG") and len(photo) > 24:
        width, height = struct.unpack(">II", photo[16:24])
        return int(width), int(height)
    return 96, 96


def _named(body: Json, given: Json) -> Json:
    """Outlook makes the shown name anew where its parts change, unless it is written with them."""
    parts = [str(body[name]) for name in _OF_THE_NAME if body.get(name)]
    if any(name in given for name in (*_OF_THE_NAME, "companyName")):
        given_name, surname = body.get("givenName") or "", body.get("surname") or ""
        made = {
            "displayName": " ".join(parts) or body.get("companyName") or "",
            "fileAs": ", ".join(one for one in (surname, given_name) if one) or body.get("companyName") or "",
            "initials": "".join(f"{one[0]}." for one in (given_name, surname) if one),
        }
        body |= {name: value for name, value in made.items() if name not in given}
    body.setdefault("displayName", "")
    return body


def _reader(name: str) -> Callable[[str, Any], Any]:
    if name in _TEXTS:
        return _text
    if name in _LISTS:
        return _texts
    if name in _ADDRESSES:
        return _address
    if name == "emailAddresses":
        return _emails
    if name == "birthday":
        return _birthday
    if name in _READ_ONLY:
        raise bad_request(f"Set action is invalid for property '{name}'.", "ErrorInvalidPropertySet")
    raise bad_request(f"The property '{name}' does not exist on type 'microsoft.graph.contact'.", "RequestBodyRead")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _odd(name)
    return value


def _texts(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _odd(name)
    return [str(one) for one in _few(name, value)]


def _emails(name: str, value: Any) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise _odd(name)
    found = []
    for one in _few(name, value):
        address = _text(name, one.get("address"))
        found.append({"name": _text(name, one.get("name") or address), "address": address})
    return found


def _address(name: str, value: Any) -> Json:
    if not isinstance(value, dict) or not set(value) <= set(_LINES):
        raise _odd(name)
    return {line: None if text is None else _text(name, text) for line, text in value.items()}


def _birthday(name: str, value: Any) -> str:
    try:
        text = _text(name, value)
        return stamps.stamp(stamps.read(text if "T" in text else f"{text}T00:00:00Z"))
    except ValueError:
        raise _odd(name) from None


def _few(name: str, values: list[Any]) -> list[Any]:
    most = _AT_MOST.get(name, len(values))
    if len(values) > most:
        shown = name[0].upper() + name[1:]
        raise bad_request(
            f"The multi value property {shown} has {len(values)} entries, that exceeds the max allowed value of {most}"
        )
    return values


def _odd(name: str) -> Exception:
    return bad_request(f"Cannot convert a value of the property '{name}' to its type.", "RequestBodyRead")
