"""Whether somebody is at HubSpot already, by e-mail address or number, in one search.

HubSpot keeps of every number its digits without the country, which is what a search finds; a number is the same where those
are the end of ours. At most five groups of conditions are allowed, so further addresses of one contact are looked for by the
first two that are asked for.
Source: https://developers.hubspot.com/docs/api-reference/search/guide#search-through-associations-and-phone-numbers
"""

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.hubspot.client import Answer, Client, results

MOST = 100  # values in one condition
_SHORTEST, _COUNTRY = 7, 3  # digits of a number that says somebody; most of a country's code
_NUMBERS = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number")
_PROPERTIES = ("email", "hs_additional_emails", *_NUMBERS)


def people(client: Client, emails: Sequence[str], phones: Sequence[str]) -> Sequence[str]:
    """Return the ids of contacts with one of these, the oldest first.

    Args:
        phones: E.164.
    """
    addresses = sorted({one.strip().lower() for one in emails if "@" in one})[:MOST]
    numbers = [digits for one in phones if len(digits := "".join(filter(str.isdecimal, one))) >= _SHORTEST]
    groups = [*_groups(addresses, numbers)]
    if not groups:
        return ()
    asked = {
        "filterGroups": groups, "properties": [*_PROPERTIES], "limit": MOST,
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
    }  # fmt: skip
    found = results(client.search("contacts", asked))
    return [str(one["id"]) for one in found if _is_one(one, frozenset(addresses), numbers)]


def _groups(addresses: Sequence[str], numbers: Sequence[str]) -> Iterator[dict[str, Any]]:
    if addresses:
        yield _group("email", "IN", addresses)
    if numbers:
        ends = sorted({one[cut:] for one in numbers for cut in range(_COUNTRY + 1) if len(one) - cut >= _SHORTEST})
        for name in _NUMBERS:
            yield _group(name, "IN", ends[:MOST])
    for address in addresses[:2]:
        yield {"filters": [{"propertyName": "hs_additional_emails", "operator": "CONTAINS_TOKEN", "value": address}]}


def _group(name: str, operator: str, values: Sequence[str]) -> dict[str, Any]:
    return {"filters": [{"propertyName": name, "operator": operator, "values": [*values]}]}


def _is_one(row: Answer, addresses: frozenset[str], numbers: Sequence[str]) -> bool:
    """Look again: a token of an address may be another address's too."""
    told = row.get("properties")
    properties = told if isinstance(told, dict) else {}
    has = {
        str(properties.get("email") or "").lower(),
        *str(properties.get("hs_additional_emails") or "").lower().split(";"),
    }
    digits = [str(properties.get(name) or "") for name in _NUMBERS]
    return bool(has & addresses) or any(
        len(one) >= _SHORTEST and number.endswith(one) and len(number) - len(one) <= _COUNTRY
        for one in digits
        for number in numbers
    )
