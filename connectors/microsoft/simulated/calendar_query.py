"""What listings of events understand: a time, `$filter` and `$orderby`.

Sources: https://learn.microsoft.com/graph/api/user-list-calendarview and https://learn.microsoft.com/graph/filter-query-parameter
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.microsoft.simulated import extended
from connectors.microsoft.simulated.call import Call
from connectors.microsoft.simulated.errors import bad_request
from connectors.microsoft.simulated.event_view import PLAIN, Manner, shown
from connectors.microsoft.simulated.expansion import Instance
from connectors.microsoft.simulated.odata_filter import Filterable
from connectors.microsoft.simulated.stamps import read
from connectors.microsoft.simulated.zones import zone

_NO_WINDOW = (
    "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime."
)
_LONGEST_DAYS = 1825  # that a calendar view spans
_NOT_TRACKED = ("$orderby", "$filter", "$select", "$expand", "$search")


def _shown(*path: str) -> Callable[[Instance], Any]:
    """Reads what an event shows; texts in lower case."""

    def get(one: Instance) -> Any:
        found: Any = shown(one.item, one.day, PLAIN)
        for name in path:
            found = found[name]
        return found.lower() if isinstance(found, str) and path[-1] != "seriesMasterId" else found or ""

    return get


FILTERABLE = Filterable[Instance](
    values={
        "start/dateTime": lambda one: one.start,
        "end/dateTime": lambda one: one.end,
        "isAllDay": lambda one: one.item.on(one.day)["isAllDay"],
        "isCancelled": lambda one: one.item.on(one.day)["isCancelled"],
        "isOrganizer": lambda one: one.item.organized,
        "seriesMasterId": _shown("seriesMasterId"),
        "organizer/emailAddress/address": _shown("organizer", "emailAddress", "address"),
        **{name: _shown(name) for name in ("subject", "iCalUId", "type", "showAs", "importance", "sensitivity")},
        "createdDateTime": lambda one: datetime.fromtimestamp(one.item.created_s, UTC),
        "lastModifiedDateTime": lambda one: datetime.fromtimestamp(one.item.modified_s, UTC),
    },
    properties=lambda one: one.item.body[extended.NAME],
    lists={"categories": lambda one: [name.lower() for name in one.item.on(one.day)["categories"]]},
    exact=frozenset({"seriesMasterId"}),
    quoted_moments=frozenset({"start/dateTime", "end/dateTime"}),
)


def window(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    """The time that is asked for; without an offset it is UTC. Raises ApiError (400).

    Source of the refusal: https://github.com/microsoftgraph/microsoft-graph-docs/issues/10474
    """
    given = {name.lower(): value for name, value in query.items()}
    try:
        since, until = (read(given[name], alone=True) for name in ("startdatetime", "enddatetime"))
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
    kept = FILTERABLE.found(found, call.query.get("$filter", "").strip())
    return FILTERABLE.ordered(kept, call.query.get("$orderby", ""))
