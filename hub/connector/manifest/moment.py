"""Moments as remotes write them, read and written back the same way: inside they are UTC."""

import json
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(value: Any, zone: ZoneInfo, form: str = "iso") -> datetime | None:
    """Return a moment; one without a zone is the account's. None: it is no moment."""
    try:
        if form in {"unix", "unix_ms"}:
            return _EPOCH + timedelta(seconds=float(value) / (1000 if form == "unix_ms" else 1))
        found = datetime.fromisoformat(str(value).strip())
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def written(moment: datetime, form: str, zone: ZoneInfo) -> str:
    """Write a moment as the remote writes it; what says no zone is the account's."""
    here = moment.astimezone(zone)
    match form:
        case "local":
            return f"{here:%Y-%m-%d %H:%M:%S}"
        case "date":
            return here.date().isoformat()
        case "compact":
            return f"{here:%Y%m%d}"
        case "unix":
            return str(int(moment.timestamp()))
        case "unix_ms":
            return str(int(moment.timestamp() * 1000))
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def literal(moment: datetime, form: str, zone: ZoneInfo) -> str:
    """Write a moment as a filter wants it.

    Source: https://www.odata.org/documentation/odata-version-3-0/url-conventions/ and
    https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html, Literals
    """
    here = moment.astimezone(zone)
    match form:
        case "datetime3":
            return f"datetime'{here:%Y-%m-%dT%H:%M:%S}'"
        case "quoted":
            return f"'{here:%Y-%m-%d %H:%M:%S}'"
        case "date":
            return here.date().isoformat()
        case "quoted_date":
            return f"'{here.date().isoformat()}'"
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def text_literal(value: Any) -> str:
    """Write a value of a record as a filter wants it: numbers as they are, anything else as a text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def condition(dialect: str, field: str, sign: str, value: str) -> str:
    """Return one condition in a dialect; `value` is a literal of OData, and for Frappe the bare text.

    Args:
        sign: `ge`, `gt` or `eq`.
    """
    if dialect == "frappe":
        return json.dumps([field, {"ge": ">=", "gt": ">", "eq": "="}[sign], value.strip("'")])
    return f"{field.replace('.', '/')} {sign} {value}"


def together(dialect: str, conditions: list[str]) -> str:
    """Return conditions that must all hold, as one parameter; those of Frappe are lists in JSON."""
    if dialect == "frappe":
        return f"[{', '.join(conditions)}]"
    return conditions[0] if len(conditions) == 1 else " and ".join(f"({one})" for one in conditions)
