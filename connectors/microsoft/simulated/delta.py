"""Rounds of changes: what a container's records went through, its tokens, and what can go wrong with them on command.

Source: https://learn.microsoft.com/graph/delta-query-overview
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from connectors.microsoft.simulated.call import Call, Reply
from connectors.microsoft.simulated.errors import Json, bad_request, cursor_gone
from hub.connector.simulator import Faults


class Feed:
    """What happened to the records of one container, in order."""

    def __init__(self, tick: Callable[[], int]) -> None:
        self._tick = tick
        self._at: dict[str, int] = {}  # by record: when something last happened to it
        self._left: dict[str, str] = {}  # why a record is not here: `deleted`, or `changed` where it no longer fits
        self._quiet: dict[str, tuple[int, str]] = {}  # until when tokens are told this of a record, or nothing
        self._floor = 0  # tokens of before are unknown

    def changed(self, record_id: str) -> None:
        """A record came or changed."""
        self._left.pop(record_id, None)
        self._quiet.pop(record_id, None)
        self._at[record_id] = self._tick()

    def left(self, record_id: str, reason: str = "deleted") -> None:
        """A record is here no more."""
        self._left[record_id] = reason
        self._quiet.pop(record_id, None)
        self._at[record_id] = self._tick()

    def knew(self, record_id: str) -> bool:
        """Whether a record was here once, and is not any more."""
        return record_id in self._left

    def came_back(self, record_id: str) -> None:
        """A record returned; whoever was not told that it left is now told of that, and never that it is here again.

        So does Outlook with immutable ids: https://github.com/microsoftgraph/microsoft-graph-docs/issues/21752
        """
        left_at, reason = self._at.get(record_id, 0), self._left.get(record_id, "")
        self.changed(record_id)
        if reason:
            self._quiet[record_id] = (left_at, reason)

    def came_unseen(self, record_id: str) -> None:
        """A record came, and only who begins anew is told: https://github.com/wisecom-oy/atlas/issues/48."""
        self.changed(record_id)
        self._quiet[record_id] = (self._at[record_id], "")

    def moved_here(self, record_id: str, faults: Faults) -> None:
        """A record came from another place, as far as that is told."""
        if faults.take("moved_unseen"):
            self.came_unseen(record_id)
        elif self.knew(record_id) and faults.take("moved_back_lost"):
            self.came_back(record_id)
        else:
            self.changed(record_id)

    def expire(self) -> None:
        """Forget every token, and everything that is here no more."""
        self._floor = self._tick()
        for record_id in self._left:
            del self._at[record_id]
        self._left.clear()

    @property
    def now(self) -> int:
        return self._tick()

    def knows(self, since: int) -> bool:
        return since >= self._floor

    def entries(self, since: int, until: int, *, left_too: bool = False) -> list[tuple[int, str, str]]:
        """What happened in a time, oldest first: when, to which record, and why it is not here (empty: it is).

        In the first round only what is here, unless `left_too`.
        """
        found = []
        for record_id, at in self._at.items():
            left = self._left.get(record_id, "")
            quiet_until, told = self._quiet.get(record_id, (0, ""))
            if since and since < quiet_until:
                left = told
                if not told:
                    continue
            if since < at <= until and (since or not left or left_too):
                found.append((at, record_id, left))
        return sorted(found)


@dataclass(frozen=True)
class Place:
    """Where in which round a page begins."""

    opened: int  # the round tells of everything until then
    since: int = 0  # and after then; 0: it is the first
    after: int = 0  # behind this entry
    asked: Mapping[str, str] | None = None  # query of the first page: it holds for all
    stuck: bool = False  # the fault `endless_page`
    turn: int = 0  # how often a page was held back or repeated: no two pages have the same token

    def token(self) -> str:
        facts = [self.opened, self.since, self.after, dict(self.asked or {}), self.stuck, self.turn]
        return base64.urlsafe_b64encode(json.dumps(facts).encode()).decode().rstrip("=")

    def again(self) -> "Place":
        return replace(self, turn=self.turn + 1)


def _read(token: str) -> Place:
    try:
        opened, since, after, asked, stuck, turn = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        query = {str(name): str(value) for name, value in dict(asked).items()}
        return Place(int(opened), int(since), int(after), query, bool(stuck), int(turn))
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise bad_request("Badly formed token.", "ErrorInvalidUrlQuery") from None


Show = Callable[[str, Mapping[str, str]], Json | list[Json] | None]
"""Returns a record as it is now, given the query of the round's first page; None: it is not told of at all.

A series comes as several items, which no page divides. What is told of as `@removed` is left out of a first round.
"""


def round_of(
    call: Call, feed: Feed, show: Show, *, default: int, highest: int, named: Callable[[str], str] = str
) -> Reply:
    """Answer a call of a `delta` function: one page of a round.

    Args:
        named: returns the id that the caller knows a record by, for those that are here no more.
    """
    place = _place(call, feed)
    size, faults = call.limit(default, highest), call.world.faults
    left_too = not place.since and faults.take("removed_at_first")
    entries = [one for one in feed.entries(place.since, place.opened, left_too=left_too) if one[0] > place.after]
    some = entries[:size]
    last = len(entries) <= size
    following = replace(place, after=some[-1][0]) if some else place
    if place.stuck:
        following, last = place, False
    elif faults.take("empty_page"):
        return _page(call, [], place.again(), last=False)
    elif faults.take("replay_page"):
        following, last = place.again(), False
    elif faults.take("endless_page"):
        following, last = replace(place, stuck=True), False
    items = [found for one in some for found in _shown(one, show, named, place)]
    if faults.take("reorder_page"):
        items.reverse()
    if items and faults.take("same_twice"):
        items.append(items[0])
    return _page(call, items, following, last=last)


def peek(call: Call) -> Place:
    """The place that a call asks for, whatever will be answered: what was asked at first, and since when. Raises ApiError."""
    going_on, from_before = call.query.get("$skiptoken", ""), call.query.get("$deltatoken", "")
    if not going_on and not from_before:
        return Place(0, asked=dict(call.query))
    place = _read(going_on or from_before)
    return place if going_on else replace(place, since=place.opened)


def _place(call: Call, feed: Feed) -> Place:
    going_on, from_before = call.query.get("$skiptoken", ""), call.query.get("$deltatoken", "")
    if not going_on and not from_before:
        return Place(feed.now, asked=dict(call.query))
    place = _read(going_on or from_before)
    faults = call.world.faults
    if faults.take("expire_cursor") or not feed.knows(place.since or place.opened):
        raise cursor_gone()
    if faults.take("expire_cursor_location"):
        raise cursor_gone(_anew(call, place))
    if going_on:
        return place
    return Place(feed.now, since=place.opened, asked=place.asked)


def _anew(call: Call, place: Place) -> str:
    """Where a round begins that asks for the same, by an empty token.

    Source: https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset
    """
    asked = {name: value for name, value in (place.asked or {}).items() if name != "$deltatoken"}
    return f"{call.url.partition('?')[0]}?{urlencode(asked | {'$deltatoken': ''})}"


def _shown(entry: tuple[int, str, str], show: Show, named: Callable[[str], str], place: Place) -> list[Json]:
    _, record_id, left = entry
    if left:
        return [{"id": named(record_id), "@removed": {"reason": left}}]
    found = show(record_id, place.asked or {})
    several = found if isinstance(found, list) else [found] if found is not None else []
    return [one for one in several if place.since or "@removed" not in one]


def _page(call: Call, items: list[Any], following: Place, *, last: bool) -> Reply:
    parts = urlsplit(call.url)
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    context = f"{parts.scheme}://{parts.netloc}/v1.0/$metadata#Collection({parts.path.rsplit('/', 2)[-2]})"
    if last:
        link = {
            "@odata.deltaLink": f"{base}?$deltatoken={quote(Place(following.opened, asked=following.asked).token())}"
        }
    else:
        link = {"@odata.nextLink": f"{base}?$skiptoken={quote(following.token())}"}
    return Reply({"@odata.context": context, "value": items, **link})
