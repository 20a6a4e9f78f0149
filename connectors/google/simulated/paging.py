"""Pages of a listing, their tokens, and what can go wrong with them on command.

A token says after which key the next page begins, so that nothing is skipped when the listing changes meanwhile.
"""

import base64
import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from connectors.google.simulated.errors import ApiError, Json, bad_request
from hub.connector.simulator import Faults

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where a page begins: behind this key, in the listing as it was opened."""

    after: Any = None
    opened: Json | None = None  # facts that were fixed on the first page
    stuck: bool = False  # the fault `endless_page`
    turn: int = 0  # how often a page was held back or repeated: no two pages have the same token

    def token(self) -> str:
        return pack("p", {"a": self.after, "o": self.opened, "s": self.stuck, "t": self.turn})

    def again(self) -> "Place":
        return replace(self, turn=self.turn + 1)


@dataclass(frozen=True)
class Page(Generic[T]):
    items: list[T]
    next_token: str  # empty on the last page


def pack(kind: str, facts: Any) -> str:
    """Write facts as an opaque token."""
    return base64.urlsafe_b64encode(f"{kind}{json.dumps(facts)}".encode()).decode().rstrip("=")


def unpack(kind: str, token: str) -> Any:
    """Read a token of this kind. Raises ValueError for anything else."""
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("utf-8")
    if raw[:1] != kind:
        raise ValueError("a token of another kind")
    return json.loads(raw[1:])


def place(token: str, error: ApiError | None = None) -> Place:
    """Read a page token. Raises `error`, or a plain 400, for one that was never given out."""
    if not token:
        return Place()
    try:
        facts = unpack("p", token)
        return Place(_key(facts["a"]), facts["o"], facts["s"], facts["t"])
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise error or bad_request("Invalid pageToken value") from None


def _key(value: Any) -> Any:
    return tuple(_key(one) for one in value) if isinstance(value, list) else value


def cut(items: Sequence[T], key: Callable[[T], Any], size: int, at: Place, faults: Faults) -> Page[T]:
    """Return the page that begins at a place. `items` are sorted by `key`; keys are JSON values."""
    try:
        start = bisect_right(items, at.after, key=key) if at.after is not None else 0
    except TypeError:
        raise bad_request("Invalid pageToken value") from None  # of another listing
    found = list(items[start : start + size])
    if at.stuck:
        return Page(found, at.token())
    if faults.take("empty_page"):
        return Page([], at.again().token())
    if faults.take("reorder_page"):
        found.reverse()
    if faults.take("replay_page"):
        return Page(found, at.again().token())
    if faults.take("endless_page"):
        return Page(found, replace(at, stuck=True).token())
    if start + size >= len(items):
        return Page(found, "")
    return Page(found, replace(at, after=key(items[start + size - 1])).token())


def fingerprint(parameters: Mapping[str, Any]) -> str:
    """A short mark of parameters that have to stay the same."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True, default=str).encode()).hexdigest()[:12]
