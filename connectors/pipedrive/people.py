"""Whether somebody is at Pipedrive already, by e-mail address or number: one search for each, for it takes one term.

Source: https://developers.pipedrive.com/docs/api/v1/Persons#searchPersons
"""

from collections.abc import Sequence
from typing import Any

from connectors.pipedrive.client import Answer, Client, row
from hub.errors import RetryLaterError

MOST = 10  # searches
_END = 7  # digits at the end of a number, by which it is searched for
_SAME = 8  # that two numbers must share, where both have so many


def people(client: Client, emails: Sequence[str], phones: Sequence[str]) -> Sequence[str]:
    """Return the ids of people with one of these, the oldest first.

    Args:
        phones: E.164.
    """
    addresses = list(dict.fromkeys(one.strip().lower() for one in emails if "@" in one))
    numbers = [digits for one in phones if len(digits := "".join(filter(str.isdecimal, one))) >= _END]
    terms = [*((one, "email", "true") for one in addresses), *((one[-_END:], "phone", "false") for one in numbers)]
    found: dict[str, None] = {}
    for term, field, exact in terms[:MOST]:
        params = {"term": term, "fields": field, "exact_match": exact, "limit": "100"}
        listed = row(client.ask("GET", "/api/v2/persons/search", params=params)).get("items")
        if not isinstance(listed, list):
            raise RetryLaterError("Pipedrive's answer to a search has no items.")
        items = [one["item"] for one in listed if isinstance(one, dict) and isinstance(one.get("item"), dict)]
        found |= dict.fromkeys(str(one["id"]) for one in items if one.get("id") and _is_one(one, addresses, numbers))
    return sorted(found, key=int)


def _is_one(item: Answer, addresses: Sequence[str], numbers: Sequence[str]) -> bool:
    """Look again: a search for a part of a number finds more."""
    if any(str(one).lower() in addresses for one in _listed(item.get("emails"))):
        return True
    digits = ["".join(filter(str.isdecimal, str(one))).lstrip("0") for one in _listed(item.get("phones"))]
    return any(
        number.endswith(one[-_SAME:]) and (number.endswith(one) or one.endswith(number))
        for one in digits
        for number in numbers
        if len(one) >= _END
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
