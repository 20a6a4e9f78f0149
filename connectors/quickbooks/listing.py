"""Everything of one kind, page after page, so that nothing is left out although it changes meanwhile.

Pages are asked for by position (`STARTPOSITION`), in the order of ids, and not by "ids above the last one": ids are texts, and
no page says how QuickBooks compares them. Positions shift when something is deleted before them. Therefore each page begins a
little before the end of the one before, and must show something that was there already: then nothing lies between. The end is
where nothing new comes and QuickBooks counts as many as there are positions; an empty or a short page alone proves nothing.
Source: https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/data-queries#pagination
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.quickbooks.client import MOST, Client
from connectors.quickbooks.payload import id_of
from hub.errors import CursorExpired, RetryLaterError, ShapeError

SIZE = 500  # objects of a page: QuickBooks allows 1,000, and invoices may be long
OVERLAP = 10  # objects that a page shows again
KNOWN = 1000  # ids of what was shown last that are remembered
SAME = 3  # how often a page that cannot be is asked for at the same place
ASKS = SAME + 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing goes on. `known` are the last ids that were shown, `shown` by one page; `again` come once more."""

    start: int = 1
    known: tuple[str, ...] = ()
    again: int = 0
    shown: int = 0

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Place":
        """Read what `as_json` wrote."""
        return cls(kept.get("start", 1), tuple(kept.get("known", ())), kept.get("again", 0), kept.get("shown", 0))

    def as_json(self) -> dict[str, Any]:
        """Return it as a cursor keeps it."""
        return {"start": self.start, "known": list(self.known), "again": self.again, "shown": self.shown}


@dataclass(frozen=True, slots=True)
class Part:
    """One page: what is new in it, and where to go on; None: that was all."""

    objects: Sequence[Mapping[str, Any]]
    following: Place | None
    time: str = ""  # the server's clock when it answered


def part(client: Client, entity: str, place: Place, *, what: str = "*", where: str = "", size: int = SIZE) -> Part:
    """Ask for the page at a place; `where` as of `Client.select`.

    Raises:
        CursorExpired: more was deleted meanwhile than two pages have in common.
        RetryLaterError: the same wrong page came again and again.
        ConnectorError, ShapeError: as of `Client.query`.
    """
    known, start, is_lost = frozenset(place.known), place.start, False
    for attempt in range(1, ASKS + 1):
        answer = client.select(entity, what, where=where, start=start, most=size)
        found = objects_of(answer["QueryResponse"], entity)
        ids = [id_of(one) for one in found]
        if answer["QueryResponse"].get("startPosition", start) != start:
            continue
        is_lost = bool(known) and start > 1 and known.isdisjoint(ids)
        if is_lost:
            start = _before(client.count(entity, where), place, start) if attempt >= SAME else start
            continue
        new = [one for one, remote_id in zip(found, ids, strict=True) if remote_id not in known]
        time = str(answer.get("time", ""))
        if new:
            again = max(1, min(OVERLAP, len(ids) // 4))
            seen = tuple(dict.fromkeys((*place.known, *ids)))[-KNOWN:]
            return Part(new, Place(start + len(ids) - again, seen, again, len(ids)), time)
        # More that is known than two pages share is an older page; else it is the end, if there are no more than so many.
        is_old = len(ids) > place.again + place.start - start
        if not is_old and client.count(entity, where) == start - 1 + len(ids):
            return Part((), None, time)
        start += len(ids) - 1 if start < place.start else 0
    if is_lost:
        raise CursorExpired(f"So much was deleted while {entity} was listed that our place in the list is lost.")
    raise RetryLaterError(
        f"QuickBooks sends us round in a circle: of {entity} from position {place.start} nothing new comes, and that is not all."
    )


def _before(total: int, place: Place, start: int) -> int:
    """Return where what is known may stand now: at the end of a list that became shorter, or further up."""
    return max(1, total - place.again + 1 if total < start else start - max(1, place.shown - place.again))


def ids(client: Client, entity: str) -> frozenset[str]:
    """Return the ids of all there are. Raises as `part`."""
    return frozenset(id_of(one) for one in every(client, entity, what="Id"))


def every(client: Client, entity: str, *, what: str = "*", where: str = "") -> Iterator[Mapping[str, Any]]:
    """Yield all there are. Raises as `part`."""
    place: Place | None = Place()
    while place is not None:
        page = part(client, entity, place, what=what, where=where, size=MOST)
        yield from page.objects
        place = page.following


def objects_of(response: Mapping[str, Any], entity: str) -> list[Mapping[str, Any]]:
    """Return the objects of a response. Raises ShapeError: they are none."""
    listed = response.get(entity, [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise ShapeError(f"QuickBooks' answer has no list of {entity}")
    return listed
