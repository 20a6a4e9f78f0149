"""What a pass asks for, when a newest-first listing is old enough, and where the next pass begins. Pure.

A record that changes while everything is listed may stand on a page that was read already. So a pass never moves the
cursor beyond the remote's own time at its beginning, and the next one reads a little again (`overlap_s`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.connector.dotted import at, parse_path
from hub.connector.manifest import moment
from hub.connector.manifest.document import Change, FilterCursor, NoCursor, ParamCursor, StopWhenOlder, Window
from hub.connector.manifest.paging import Going
from hub.connector.stream import Cursor, Phase

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def begun(change: Change, cursor: Cursor, days: int, now: datetime) -> Going:
    """Return a new pass.

    Args:
        days: that a window goes back.
    """
    most = int(cursor.rest.get("most", 0))
    if cursor.phase is Phase.FULL or isinstance(change, NoCursor):
        since = date.fromisoformat(change.first) if isinstance(change, Window) else None
        return Going(since=moment.midnight(since, UTC).isoformat() if since else "")
    if isinstance(change, Window):
        # Back from the newest document that is known: nothing is left out however long nobody looked.
        return Going(since=(min(now, _token(cursor.token)) - timedelta(days=days)).isoformat(), most=most)
    return Going(since=(_token(cursor.token) - timedelta(seconds=change.overlap_s)).isoformat(), most=most)


def timed(going: Going, headers: Mapping[str, str], now: datetime) -> Going:
    """Return a pass with the remote's own time of its first answer."""
    if going.began:
        return going
    try:
        began = parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError):
        began = now
    return replace(going, began=(began if began.tzinfo else began.replace(tzinfo=UTC)).isoformat())


def looked(change: Change, going: Going, records: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> Going:
    """Return a pass with the newest change that it saw."""
    moments = [found for one in records if (found := changed_at(change, one, zone))]
    before = datetime.fromisoformat(going.began)
    newest = max((one for one in moments if one <= before), default=None)
    if newest is None or (going.newest and newest <= datetime.fromisoformat(going.newest)):
        return going
    return replace(going, newest=newest.isoformat())


def is_older(change: Change, going: Going, records: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> bool:
    """Say whether a newest-first listing has come to what is known already."""
    if not isinstance(change, StopWhenOlder) or not going.since:
        return False
    since = datetime.fromisoformat(going.since)
    return any(found < since for one in records if (found := changed_at(change, one, zone)))


def finds_nothing(change: Change, cursor: Cursor, records: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> bool:
    """Say whether the first page of what changed, newest first, has nothing that is not known."""
    if cursor.phase is Phase.FULL or not (isinstance(change, FilterCursor | StopWhenOlder) and change.order):
        return False
    moments = [changed_at(change, one, zone) for one in records]
    return bool(moments) and all(one is not None and one <= _token(cursor.token) for one in moments)


def changed_at(change: Change, record: Mapping[str, Any], zone: ZoneInfo) -> datetime | None:
    """Return when a record changed, as it says itself; None: it does not."""
    if isinstance(change, ParamCursor):
        return moment.read(at(record, parse_path(change.field)), zone, change.form)
    if isinstance(change, FilterCursor | StopWhenOlder | Window):
        return moment.read(at(record, parse_path(change.field)), zone)
    return None


def token_of(change: Change, cursor: Cursor, going: Going) -> str:
    """Return where the next pass begins: never before the last one did."""
    if isinstance(change, NoCursor):
        return going.began or LONG_AGO.isoformat()
    newest = datetime.fromisoformat(going.newest) if going.newest else LONG_AGO
    before = LONG_AGO if cursor.phase is Phase.FULL else _token(cursor.token)
    return max(newest, before).isoformat()


def _token(token: str) -> datetime:
    try:
        return max(datetime.fromisoformat(token), LONG_AGO + timedelta(days=40))
    except ValueError:
        return LONG_AGO + timedelta(days=40)
