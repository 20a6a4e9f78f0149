"""Pages of a listing that is no round of changes: `$top`, `$skip`, `$count`, `$select`, and what can go wrong with them.

Sources: https://learn.microsoft.com/graph/paging and https://learn.microsoft.com/graph/query-parameters
"""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from connectors.microsoft.simulated.call import Call, Reply
from connectors.microsoft.simulated.errors import Json

T = TypeVar("T")
_COMMA = re.compile(r",(?![^(]*\))")
_DIGITS = 9  # of a number in a token
_MARK = "again"  # in `$skiptoken`: which page was held back or repeated, so that no two pages have the same link


def listed(call: Call, items: Sequence[T], show: Callable[[T], Json], default: int = 10, highest: int = 1000) -> Reply:
    """Answer one page of what is already filtered and sorted; the next link repeats all that was asked for."""
    size, skip, turn = call.limit(default, highest), call.skipped(), _turn(call)
    faults = call.world.faults
    some = items[skip : skip + size]
    following: Json | None = {"$skip": skip + size} if skip + size < len(items) else None
    again = {"$skip": skip, "$skiptoken": f"{_MARK}{turn + 1}"}
    if call.query.get("$skiptoken") == "endless":
        following = {"$skip": skip, "$skiptoken": "endless"}
    elif faults.take("empty_page"):
        some, following = items[:0], again
    elif faults.take("replay_page"):
        following = again
    elif faults.take("endless_page"):
        following = {"$skip": skip, "$skiptoken": "endless"}
    found = [show(one) for one in some]
    if faults.take("reorder_page"):
        found.reverse()
    if found and faults.take("same_twice"):
        found.append(found[0])
    return Reply(_page(call, found, len(items), following))


def selected(call: Call, found: Json, select: str | None = None) -> Json:
    """What `$select` leaves of a record: its id and its annotations always stay."""
    wanted = {one.strip() for one in (call.query.get("$select", "") if select is None else select).split(",")} - {""}
    if not wanted or "*" in wanted:
        return found
    return {name: value for name, value in found.items() if name == "id" or name in wanted or "@odata." in name}


def expanded(expand: str) -> list[str]:
    """The terms of an `$expand`."""
    return [one.strip() for one in _COMMA.split(expand) if one.strip()]


def context(call: Call) -> str:
    """What `@odata.context` says of the path that was asked for."""
    parts = urlsplit(call.url)
    return f"{parts.scheme}://{parts.netloc}/v1.0/$metadata#{parts.path.removeprefix('/v1.0/')}"


def _turn(call: Call) -> int:
    text = call.query.get("$skiptoken", "").removeprefix(_MARK)
    return int(text) if text.isdecimal() and len(text) < _DIGITS else 0


def _page(call: Call, found: list[Json], count: int, following: Json | None) -> Json:
    page: Json = {"@odata.context": context(call)}
    if call.query.get("$count", "").lower() == "true":
        page["@odata.count"] = count
    page["value"] = found
    if following is not None:
        kept = {name: value for name, value in call.query.items() if name not in ("$skip", "$skiptoken")}
        page["@odata.nextLink"] = f"{call.url.partition('?')[0]}?{urlencode({**kept, **following})}"
    return page
