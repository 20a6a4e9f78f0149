"""Pages of a listing, with a cursor before and after each, and odd ones on command.

Source: https://developers.facebook.com/docs/graph-api/results
"""

import base64
import binascii
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from connectors.facebook.simulated.call import Call
from connectors.facebook.simulated.errors import Json, invalid

T = TypeVar("T")
Place = tuple[str, ...]
_START: Place = ()
_serial = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Slice:
    """What stands on one page, and the cursors around it (empty: none)."""

    here: Sequence[Any]
    before: str
    after: str
    is_last: bool
    is_first: bool


def page(call: Call, things: Sequence[T], place: Callable[[T], Place], tell: Callable[[T], Json]) -> Json:
    """Tell one page of things, in the order of their places.

    Raises:
        ApiError: the cursor is none that was given out.
    """
    cut = _cut(call, sorted(things, key=place), place)
    told: Json = {"data": [tell(one) for one in cut.here]}
    if cut.before or cut.after:
        told["paging"] = {"cursors": {"before": cut.before, "after": cut.after}}
        if not cut.is_last:
            told["paging"]["next"] = _link(call, after=cut.after)
        if not cut.is_first:
            told["paging"]["previous"] = _link(call, before=cut.before)
    return told


def _cut(call: Call, things: Sequence[T], place: Callable[[T], Place]) -> Slice:
    take, limit = call.world.faults.take, call.limit
    after, before = call.text("after"), call.text("before")
    if after and take("expire_cursor"):
        raise invalid("Invalid cursors values", user=("Invalid cursor", "The cursor is no longer known."))
    since = _read(after) if after else _START
    if before:
        until = _read(before)
        found = [one for one in things if place(one) < until]
        here: Sequence[T] = found[-limit:]
        return _around(here, place, is_last=False, is_first=len(found) <= limit)
    left = [one for one in things if place(one) > since] if after else list(things)
    here = left[:limit]
    if here and take("empty_page"):
        again = _write(since, next(_serial))
        return Slice([], again, again, is_last=False, is_first=True)
    told = _around(here, place, is_last=len(left) <= limit, is_first=not after)
    if here and take("replay_page"):
        return Slice(here, told.before, _write(since, next(_serial)), is_last=False, is_first=told.is_first)
    if here and take("endless_page"):
        return Slice(here, told.before, _write(since, 0), is_last=False, is_first=told.is_first)
    if here and take("reorder_page"):
        return Slice(list(reversed(here)), told.before, told.after, told.is_last, told.is_first)
    if here and take("same_twice"):
        return Slice([*here, here[0]], told.before, told.after, told.is_last, told.is_first)
    return told


def _around(here: Sequence[T], place: Callable[[T], Place], *, is_last: bool, is_first: bool) -> Slice:
    if not here:
        return Slice([], "", "", is_last=True, is_first=True)
    return Slice(here, _write(place(here[0])), _write(place(here[-1])), is_last, is_first)


def _write(place: Place, serial: int = 0) -> str:
    return base64.urlsafe_b64encode(json.dumps([place, serial]).encode()).decode().rstrip("=")


def _read(cursor: str) -> Place:
    """Raises ApiError."""
    try:
        found, _ = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(str(one) for one in found)
    except (ValueError, TypeError, binascii.Error):
        raise invalid("Invalid cursors values") from None


def _link(call: Call, **cursor: str) -> str:
    """The address of another page: whole, with the token in it."""
    kept = {name: value for name, value in call.params.items() if name not in ("after", "before", "appsecret_proof")}
    kept |= {"access_token": call.token.text, **cursor}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in kept.items()}
    url = call.url
    if call.world.faults.take("foreign_next"):
        url = "https://graph.example/" + url.partition("://")[2].partition("/")[2]
    return f"{url}?{urlencode(texts)}"
