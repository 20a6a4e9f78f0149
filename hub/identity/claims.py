"""What sources say of a party, field by field, and which of it counts. Pure: rows come in, rows and values go out.

Per field: what was said here in the hub, else what somebody wrote down over what a program collected, else what was said
last; the longest, then the alphabet, so that the order in which sources came in never matters. Lists are unions.

A record may say of a field how it counts beside what others say: `fill` where nobody else says anything, `keep` only of
somebody who is new by it, `overwrite` as if it were said at this moment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.identity.callers import PHONE
from hub.identity.parties import EMAIL
from hub.identity.points import Key, Point
from hub.identity.tax_id import KIND as TAX_ID
from hub.records.party import Labelled, Party

LISTS = frozenset({"emails", "phones", "addresses", "urls", "groups"})
PHOTO = "photo_url"
KEEP, FILL, OVERWRITE = "keep", "fill", "overwrite"
POINTING = {"emails": EMAIL, "phones": PHONE, "tax_id": TAX_ID}  # fields whose values are identifiers too
FOUND_BY = frozenset({"name", "company", *POINTING})  # fields whose words a search finds a party by
_ELSEWHERE = frozenset({"kind", "name", "company", *POINTING})  # kept in columns and identifiers, not in `party.fields`


@dataclass(slots=True)
class Said:
    """One claim. `link_id` None: a person or a program said it here; `id` None: it is not kept yet."""

    field: str
    value: dict[str, Any]
    link_id: int | None
    observed_at: datetime
    id: int | None = None


def claims(record: Party, points: Iterable[Point]) -> dict[str, dict[str, Any]]:
    """Return the claims of a record by field; what it does not say is no claim."""
    pointing = list(points)
    values: dict[str, Any] = {
        **record.more,
        "kind": "company" if record.is_company else "person",
        "name": record.name,
        "given": record.given,
        "family": record.family,
        "company": record.company,
        "job_title": record.job_title,
        "birthday": record.birthday,
        "notes": record.notes,
        PHOTO: record.photo_url,
        "groups": list(record.groups),
        "emails": _listed(record.emails),
        "phones": _listed(record.phones),
        "addresses": _listed(record.addresses),
        "urls": _listed(record.urls),
        "tax_id": record.tax_id,
    }
    found: dict[str, dict[str, Any]] = {
        field: {"value": value} for field, value in values.items() if value not in ("", [])
    }
    for field, kind in POINTING.items():
        if field in found:
            found[field]["keys"] = sorted(point.value for point in pointing if point.kind == kind)
    if record.tax_id and record.tax_country:
        found["tax_id"]["country"] = record.tax_country
    for field, value in found.items():
        if record.collected or record.rule.get(field) == FILL:
            value["collected"] = True
    return found


def _listed(several: Iterable[Labelled]) -> list[dict[str, str]]:
    return [{"value": one.value, "label": one.label} for one in several]


def keys(said: Iterable[Said]) -> set[Key]:
    """Return the identifiers that claims speak of."""
    return {
        (POINTING[one.field], value) for one in said if one.field in POINTING for value in one.value.get("keys", ())
    }


def speakers(said: Iterable[Said]) -> dict[Key, int]:
    """Return for each identifier that records speak of one link that does, the oldest."""
    found: dict[Key, int] = {}
    for one in said:
        if one.link_id is not None:
            for key in keys([one]):
                found[key] = min(one.link_id, found.get(key, one.link_id))
    return found


def golden(said: Iterable[Said], field: str) -> Any:
    """Return what counts of everything that is said of a field; None where nothing is."""
    first = ranked(said, field)
    if not first:
        return None
    return first[0].value.get("value") if field not in LISTS else _union(first)


def ranked(said: Iterable[Said], field: str) -> list[Said]:
    """Return what is said of a field, what counts first; of lists all counts."""
    return sorted((one for one in said if one.field == field), key=_rank, reverse=True)


def fields(before: Mapping[str, Any], said: Sequence[Said], changed: Iterable[str]) -> dict[str, Any]:
    """Return `party.fields` with the changed fields as they count now; what no source ever said stays as it is."""
    after = dict(before)
    for field in set(changed) - _ELSEWHERE:
        value = golden(said, field)
        if value is None:
            after.pop(field, None)
        else:
            after[field] = value
    return after


def display(said: Sequence[Said]) -> str:
    """Return what a party is called: by its name, else by what it is reached at."""
    return _called(golden(said, "name"), golden(said, "emails"), golden(said, "phones"))


def display_alone(says: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what `display` does where these claims are all that is said."""
    return _called(*(says[field]["value"] if field in says else None for field in ("name", "emails", "phones")))


def _called(name: Any, emails: Sequence[Any] | None, phones: Sequence[Any] | None) -> str:
    if name:
        return str(name)
    reached = [*(emails or ()), *(phones or ())]
    return str(reached[0]["value"])[:400] if reached else ""


def fields_alone(before: Mapping[str, Any], says: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what `fields` does where these claims are all that is said."""
    after = dict(before)
    for field, value in says.items():
        if field not in _ELSEWHERE:
            after[field] = _once(value["value"]) if field in LISTS else value["value"]
    return after


def is_said_here(said: Iterable[Said], field: str) -> bool:
    """Say whether a person or a program said it in the hub itself; then no source changes it."""
    return any(one.link_id is None and one.field == field for one in said)


def _rank(said: Said) -> tuple[bool, bool, datetime, int, str]:
    text = str(said.value.get("value"))
    return said.link_id is None, not said.value.get("collected"), said.observed_at, len(text), text


def _union(ranked: Iterable[Said]) -> list[Any]:
    lists = (one.value.get("value") for one in ranked)
    return _once(item for value in lists if isinstance(value, list) for item in value)


def _once(items: Iterable[Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for item in items:
        found.setdefault(item["value"] if isinstance(item, dict) and "value" in item else str(item), item)
    return list(found.values())
