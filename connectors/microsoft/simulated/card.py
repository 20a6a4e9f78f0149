"""What stands on a contact's card: its fields, what may be written into them, and what Outlook makes of that.

Sources: https://learn.microsoft.com/graph/api/resources/contact, https://learn.microsoft.com/graph/api/contact-update
and, for how many values a field takes, https://github.com/microsoftgraph/microsoft-graph-docs/issues/15276
"""

import struct
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from connectors.microsoft.simulated import extended, stamps
from connectors.microsoft.simulated.errors import Json, bad_request
from connectors.microsoft.simulated.shapes import CONTACT, CONTACT_ADDRESSES, CONTACT_TEXTS, read

_READ_ONLY = ("id", "createdDateTime", "lastModifiedDateTime", "changeKey", "parentFolderId", "photo")
_AT_MOST = {"emailAddresses": 3, "imAddresses": 3, "businessPhones": 2, "homePhones": 2}
_OF_THE_NAME = ("givenName", "middleName", "surname", "generation")

EMPTY: Json = {
    "categories": [], "birthday": None, **dict.fromkeys(CONTACT_TEXTS), "emailAddresses": [], "imAddresses": [],
    "homePhones": [], "businessPhones": [], "homeAddress": {}, "businessAddress": {}, "otherAddress": {}, "children": [],
}  # fmt: skip


def written(before: Json, given: Json) -> Json:
    """The fields of a contact after some were written; null removes. Raises ApiError (400)."""
    body = deepcopy(before)
    for name, value in read(CONTACT, given).items():
        if name in _READ_ONLY:
            raise bad_request(f"Set action is invalid for property '{name}'.", "ErrorInvalidPropertySet")
        if value is None:
            body.pop(name, None)
        elif name in CONTACT_ADDRESSES:
            body[name] = body.get(name, {}) | value
        elif name not in (extended.NAME, "@odata.type"):
            body[name] = _SPECIAL.get(name, _few)(name, value)
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


def _emails(name: str, value: list[Json]) -> list[Json]:
    found = []
    for one in _few(name, value):
        if one.get("address") is None:
            raise bad_request(f"Cannot convert a value of the property '{name}' to its type.", "RequestBodyRead")
        found.append({"name": one.get("name") or one["address"], "address": one["address"]})
    return found


def _birthday(name: str, value: str) -> str:
    try:
        return stamps.stamp(stamps.read(value, alone="T" not in value))
    except ValueError:
        raise bad_request(f"Cannot convert a value of the property '{name}' to its type.", "RequestBodyRead") from None


def _few(name: str, value: Any) -> Any:
    most = _AT_MOST.get(name)
    if most is not None and len(value) > most:
        shown = name[0].upper() + name[1:]
        raise bad_request(
            f"The multi value property {shown} has {len(value)} entries, that exceeds the max allowed value of {most}"
        )
    return value


_SPECIAL: Mapping[str, Callable[[str, Any], Any]] = {"emailAddresses": _emails, "birthday": _birthday}
