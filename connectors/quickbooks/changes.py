"""What changed since a moment (CDC), and that nothing is told twice although the moment lies a little in the past.

QuickBooks looks back 30 days and shows at most 1,000 objects. A window has no end that could be asked for, so a full answer
cannot be halved: the newer half would be whole, and the deletions of the older one nowhere. Everything is read anew then,
which finds deletions too. Where even the last minute is full, somebody is just importing, and that is waited for.
Source: https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/change-data-capture
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.quickbooks.client import Client
from connectors.quickbooks.listing import objects_of
from connectors.quickbooks.payload import Object, id_of
from hub.errors import CursorExpired, RetryLaterError, ShapeError

LOOK_BACK = timedelta(days=30)
SPARE = timedelta(hours=6)  # before that: a window that is nearly too old is not risked
MOST = 1000  # objects of an answer
LAST = timedelta(minutes=1)
# Whether a change that is as old as the question is shown is told nowhere, nor how late one may come to light.
OVERLAP = timedelta(minutes=10)
MOST_REMEMBERED = 2000

Recent = dict[str, list[Any]]  # by entity and id: a hash of the object, and when it was changed (seconds since 1970)


@dataclass(frozen=True, slots=True)
class Answered:
    """What changed, by entity, and the server's clock when it answered."""

    objects: Mapping[str, Sequence[Object]]
    at: datetime


def since(client: Client, entities: Sequence[str], moment: datetime) -> Answered:
    """Ask what changed.

    Raises:
        CursorExpired: it is too long ago, or too much.
        RetryLaterError: so much changes just now that nobody can follow.
        ConnectorError, ShapeError: as of `Client.query`.
    """
    if datetime.now(UTC) - moment > LOOK_BACK - SPARE:
        raise CursorExpired("Nobody asked QuickBooks for changes for nearly 30 days, and it remembers no longer.")
    found = _asked(client, entities, moment)
    if _count(found) < MOST:
        return found
    if _count(_asked(client, entities, found.at - LAST)) >= MOST:
        raise RetryLaterError(
            "QuickBooks says again and again, as in a circle, that more changes than it shows; it is asked later.",
            retry_after=120.0,
        )
    raise CursorExpired(f"More than {MOST} objects changed since {moment:%Y-%m-%d %H:%M}.")


def moment_of(text: Any) -> datetime:
    """Read a moment of QuickBooks. Raises ShapeError: it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ShapeError("QuickBooks' answer does not say what time it is there") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def fresh(recent: Recent, entity: str, listed: Sequence[Object]) -> Iterator[Object]:
    """Yield what was not seen as it is now."""
    for one in listed:
        if (seen := recent.get(_name(entity, one))) is None or seen[0] != _hash(one):
            yield one


def remembered(recent: Recent, entity: str, listed: Sequence[Object], begin: datetime) -> Recent:
    """Return what must be known at the next question, which begins at a moment. Too much of it is forgotten: read twice."""
    found = {name: seen for name, seen in recent.items() if seen[1] >= begin.timestamp()}
    for one in listed:
        changed_at = _changed_at(one)
        if changed_at is not None and changed_at >= begin.timestamp():
            found[_name(entity, one)] = [_hash(one), changed_at]
    return found if len(found) <= MOST_REMEMBERED else {}


def _asked(client: Client, entities: Sequence[str], moment: datetime) -> Answered:
    answer = client.changes(entities, moment)
    found: dict[str, list[Object]] = {name: [] for name in entities}
    parts = answer.get("CDCResponse")
    if not isinstance(parts, list):
        raise ShapeError("QuickBooks' answer about changes has no response")
    for one in parts:
        responses = one.get("QueryResponse") if isinstance(one, dict) else None
        if not isinstance(responses, list):
            raise ShapeError("QuickBooks' answer about changes has no response")
        for response in responses:
            for name in found.keys() & (response.keys() if isinstance(response, dict) else set()):
                found[name] += objects_of(response, name)
    return Answered(found, moment_of(answer.get("time")))


def _count(answered: Answered) -> int:
    return sum(len(listed) for listed in answered.objects.values())


def _name(entity: str, one: Object) -> str:
    return f"{entity}:{id_of(one)}"


def _hash(one: Object) -> str:
    return hashlib.sha256(json.dumps(one, sort_keys=True).encode()).hexdigest()[:16]


def _changed_at(one: Object) -> float | None:
    told = one.get("MetaData")
    try:
        return datetime.fromisoformat(str(told.get("LastUpdatedTime"))).timestamp() if isinstance(told, dict) else None
    except (ValueError, OverflowError):
        return None
