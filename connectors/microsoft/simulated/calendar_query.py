"""What listings of events understand: a time, `$filter`, `$orderby` and `$expand`.

Sources: https://learn.microsoft.com/graph/api/user-list-calendarview and https://learn.microsoft.com/graph/filter-query-parameter
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.microsoft.simulated import extended
from connectors.microsoft.simulated.call import Call
from connectors.microsoft.simulated.errors import Json, bad_request
from connectors.microsoft.simulated.event_view import PLAIN, Manner, shown
from connectors.microsoft.simulated.expansion import Instance
from connectors.microsoft.simulated.zones import zone

_NO_WINDOW = (
    "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime."
)
_LONGEST_DAYS = 1825  # that a calendar view spans
_NOT_TRACKED = ("$orderby", "$filter", "$select", "$expand", "$search")
_CONDITION = re.compile(r"([A-Za-z/]+)\s+(eq|ne|gt|ge|lt|le)\s+('(?:[^']|'')*'|[^\s']+)")
_STARTS = re.compile(r"startswith\(\s*([A-Za-z/]+)\s*,\s*'((?:[^']|'')*)'\s*\)", re.IGNORECASE)
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda have, want: have == want,
    "ne": lambda have, want: have != want,
    "gt": lambda have, want: have > want,
    "ge": lambda have, want: have >= want,
    "lt": lambda have, want: have < want,
    "le": lambda have, want: have <= want,
}  # fmt: skip
_AND = re.compile(r"\s+and\s+(?![^(]*\))", re.IGNORECASE)  # not inside any(...)
_COMMA = re.compile(r",(?![^(]*\))")


def window(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    """The time that is asked for; without an offset it is UTC. Raises ApiError (400).

    Source of the refusal: https://github.com/microsoftgraph/microsoft-graph-docs/issues/10474
    """
    given = {name.lower(): value for name, value in query.items()}
    try:
        since, until = (_moment(given[name]) for name in ("startdatetime", "enddatetime"))
    except (KeyError, ValueError):
        raise bad_request(_NO_WINDOW, "ErrorInvalidParameter") from None
    if until <= since or (until - since).days > _LONGEST_DAYS:
        raise bad_request("The range between the start and end dates is not allowed.", "ErrorInvalidParameter")
    return since, until


def tracked_whole(query: Mapping[str, str]) -> None:
    """Refuse what a round of changes of a calendar view cannot do. Raises ApiError (400).

    Source: https://learn.microsoft.com/graph/api/event-delta#odata-query-parameters
    """
    if any(name.lower() in _NOT_TRACKED for name in query):
        raise bad_request(
            "The following parameters are not supported with change tracking over the 'CalendarView' resource: "
            f"'{', '.join(_NOT_TRACKED)}'.", "ErrorInvalidUrlQuery",
        )  # fmt: skip


def manner(call: Call, *, private: bool = True) -> Manner:
    """How events are to be shown, by `Prefer`. Raises ApiError (400) for a zone that does not exist."""
    wanted = call.prefers.get("outlook.timezone", "UTC")
    zone(wanted)
    return Manner(call.immutable, wanted, call.prefers.get("outlook.body-content-type", "").lower() == "text", private)


def filtered(call: Call, found: Sequence[Instance]) -> list[Instance]:
    """What `$filter` leaves, as `$orderby` sorts it. Raises ApiError (400)."""
    text, order = call.query.get("$filter", ""), call.query.get("$orderby", "")
    kept = [one for one in found if not text or all(_holds(one, term) for term in _AND.split(text.strip()))]
    for part in reversed([one for one in order.split(",") if one.strip()]):
        name, _, direction = part.strip().partition(" ")
        kept.sort(key=lambda one, by=name: str(_value(one, by)), reverse=direction.strip().lower() == "desc")  # type: ignore[misc]  # mypy does not see the default of `by`
    return kept


def expanded(call: Call) -> list[str]:
    """The terms of `$expand`."""
    return [one.strip() for one in _COMMA.split(call.query.get("$expand", "")) if one.strip()]


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _holds(one: Instance, term: str) -> bool:
    if wanted := extended.asked(term):
        return extended.holds(one.item.body[extended.NAME], wanted)
    if starts := _STARTS.fullmatch(term.strip()):
        return str(_value(one, starts[1]) or "").lower().startswith(starts[2].replace("''", "'").lower())
    found = _CONDITION.fullmatch(term.strip())
    if found is None:
        raise bad_request("Invalid filter clause.", "BadRequest")
    have, want = _value(one, found[1]), found[3]
    if want in ("true", "false"):
        return _OPERATORS[found[2]](have, want == "true")
    text = want.strip("'").replace("''", "'")
    if found[1] in ("start/dateTime", "end/dateTime"):
        return _OPERATORS[found[2]](_moment(str(have)), _moment(text))
    return _OPERATORS[found[2]](str(have or ""), text)


def _value(one: Instance, path: str) -> Any:
    found: Json | Any = shown(one.item, one.day, PLAIN)
    for name in path.split("/"):
        if not isinstance(found, dict) or name not in found:
            raise bad_request(
                f"Could not find a property named '{path}' on type 'microsoft.graph.event'.", "BadRequest"
            )
        found = found[name]
    return found
