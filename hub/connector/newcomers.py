"""Customers who became known since a mailbox was last asked about customers: their older mail is to be brought in.

A customer is dated when a transaction writes him down and seen when it commits, so one may come to light who is dated
before those that were asked for already. Therefore two moments are kept: everybody dated up to `known` who was seen
was asked for, and everybody dated up to `settled` was seen. What lies between is asked once more when it has settled.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

WRITING = timedelta(minutes=1)  # the longest that a transaction takes that writes customers down

Rest = Mapping[str, Any]
Exists = Callable[[datetime | None, datetime], bool]


def everybody(moment: datetime) -> dict[str, Any]:
    """Return what a cursor keeps to ask for everybody who is known now: `since` (or nothing), `until`, `settled`."""
    return {"until": moment.isoformat(), "settled": (moment - WRITING).isoformat()}


def asked(rest: Rest) -> dict[str, Any]:
    """Return what a cursor keeps when everybody between `since` and `until` was asked for."""
    return {"known": rest["until"], "settled": rest["settled"]}


def to_ask(rest: Rest, exists: Exists, moment: datetime) -> dict[str, Any] | None:
    """Return whom to ask for now, as `everybody` does; None where there is nobody new.

    Args:
        exists: says whether anybody was dated after the first moment, up to the second.
    """
    known, settled = datetime.fromisoformat(rest["known"]), datetime.fromisoformat(rest["settled"])
    if exists(known, moment):
        return {"since": rest["known"], "until": moment.isoformat(), "settled": rest["settled"]}
    if settled < known < moment - WRITING and exists(settled, known):
        return {"since": rest["settled"], "until": rest["known"], "settled": rest["known"]}
    return None
