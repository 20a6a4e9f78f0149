"""A contact of Google in the hub's words and back: which of its fields say what, and how they are changed.

Changing a field takes along what the hub does not know of it: labels, where an address is put together, who else somebody
works for. Only the fields that are given are touched.
Source: https://developers.google.com/people/api/rest/v1/people#resource
"""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

# Of each list: Google's field, and its key of the value itself.
LISTS = {
    "emails": ("emailAddresses", "value"),
    "phones": ("phoneNumbers", "value"),
    "addresses": ("addresses", "formattedValue"),
}
FIELDS = ("name", "company", "job_title", *LISTS)
# What Google puts together from the free form of a name; the phonetic parts it does not.
_PARTS = frozenset({
    "displayName", "displayNameLastFirst", "familyName", "givenName", "middleName", "honorificPrefix",
    "honorificSuffix", "unstructuredName",
})  # fmt: skip


# --- in the hub's words -------------------------------------------------------------------------------------------


def emails(value: Any) -> list[Json]:
    """Return the addresses of a contact."""
    return [{"value": one.get("value"), "label": one.get("type")} for one in _entries(value)]


def phones(value: Any) -> list[Json]:
    """Return the numbers of a contact, with Google's own normal form of each."""
    return [
        {"value": one.get("value"), "label": one.get("type"), "normal": one.get("canonicalForm")}
        for one in _entries(value)
    ]


def addresses(value: Any) -> list[Json]:
    """Return where a contact lives or works."""
    return [{"value": one.get("formattedValue"), "label": one.get("type")} for one in _entries(value)]


def employer(value: Any) -> Any:
    """Return where somebody works."""
    return _present(_entries(value)).get("name")


def job_title(value: Any) -> Any:
    """Return what somebody is there."""
    return _present(_entries(value)).get("title")


def _entries(value: Any) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("this is no list of a contact")
    return [one for one in value if isinstance(one, dict)]


def _present(organizations: Sequence[Json]) -> Json:
    """Return the present employer, where Google knows which one it is; else the first in the list."""
    current = [one for one in organizations if one.get("current") is True]
    some = current if any(one.get("name") for one in current) else organizations
    return some[0] if some else {}


# --- and back -----------------------------------------------------------------------------------------------------


def changed(person: Mapping[str, Any], values: Mapping[str, Any]) -> Json:
    """Return the fields of Google's that are to be written, whole, so that a contact says what the hub wants.

    Args:
        person: the contact as it is.
        values: by the hub's names; of lists, entries of `value` and `label`. Nothing empties a field.
    """
    found: Json = {}
    if "name" in values:
        found["names"] = _names(_listed(person, "names"), values["name"])
    if not values.keys().isdisjoint({"company", "job_title"}):
        found["organizations"] = _organizations(_listed(person, "organizations"), values)
    for field, (name, key) in LISTS.items():
        if field in values:
            found[name] = _list(_listed(person, name), values[field] or (), key)
    return found


def _listed(person: Mapping[str, Any], name: str) -> list[Json]:
    found = person.get(name)
    return _entries(found) if isinstance(found, list) else []


def _names(present: Sequence[Json], name: str | None) -> list[Json]:
    """Give the name in its free form; Google takes it apart by the customs of its language."""
    if not name:
        return []
    kept = {key: value for key, value in (present[0] if present else {}).items() if key not in _PARTS}
    return [{**kept, "unstructuredName": name}]


def _organizations(present: Sequence[Json], values: Mapping[str, Any]) -> list[Json]:
    """Change the employer that the hub reads, and leave the others."""
    wanted = {"company": "name", "job_title": "title"}
    old = _present(present)
    new = dict(old)
    for field, key in wanted.items():
        if field in values:
            new.pop(key, None)
            if values[field]:
                new[key] = values[field]
    says = [new] if new.keys() & {"name", "title", "department", "jobDescription"} else []
    if not old:
        return says
    at = next(number for number, one in enumerate(present) if one is old)
    return [*present[:at], *says, *present[at + 1 :]]


def _list(present: Sequence[Json], wanted: Sequence[Mapping[str, Any]], key: str) -> list[Json]:
    """Return a list as wanted; entries that are there already stay as they are, with all that Google knows of them."""
    waiting = list(present)
    found: list[Json] = []
    for entry in wanted:
        same = next((one for one in waiting if one.get(key) == entry["value"]), None)
        if same is not None:
            waiting.remove(same)
            found.append(same)
        else:
            label = {"type": entry["label"]} if entry.get("label") else {}
            found.append({key: entry["value"], **label})
    return found
