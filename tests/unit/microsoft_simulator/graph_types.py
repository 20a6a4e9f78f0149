"""The yardstick that is not ours: Graph's published types, asked what a request and an answer may hold."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[2] / "fixtures" / "microsoft" / "graph_types.json"
_PLAIN: dict[str, Any] = {"string": str, "boolean": bool, "number": (int, float), "any": object}
_OPEN = ("ResourceData", "Extension", "OpenTypeExtension")  # may hold fields of their own
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z$")
# Source: https://docs.oasis-open.org/odata/odata-json-format/v4.01 and https://learn.microsoft.com/graph/delta-query-overview
_ANNOTATIONS = {
    "@odata.context": str, "@odata.etag": str, "@odata.type": str, "@odata.id": str, "@odata.count": int,
    "@odata.nextLink": str, "@odata.deltaLink": str, "@odata.navigationLink": str, "@odata.associationLink": str,
    "@odata.mediaContentType": str, "@odata.mediaEtag": str, "@odata.mediaReadLink": str,
}  # fmt: skip
# What the last plain part of a path answers with.
_OF_PATHS = {
    "messages": "Message", "createreply": "Message", "createreplyall": "Message", "createforward": "Message",
    "mailfolders": "MailFolder", "childfolders": "MailFolder", "attachments": "Attachment", "events": "Event",
    "calendarview": "Event", "instances": "Event", "exceptionoccurrences": "Event", "calendars": "Calendar",
    "calendar": "Calendar", "calendargroups": "CalendarGroup", "getschedule": "ScheduleInformation",
    "calendarpermissions": "CalendarPermission", "contacts": "Contact", "contactfolders": "ContactFolder",
    "subscriptions": "Subscription", "users": "User", "organization": "Organization", "photo": "ProfilePhoto",
    "photos": "ProfilePhoto", "mailboxsettings": "MailboxSettings", "mastercategories": "OutlookCategory",
    "extensions": "OpenTypeExtension",
}  # fmt: skip
_SAME = ("delta", "move", "copy")  # answer with what they are of


@cache
def _known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
    return found


def _is_a(name: str, base: str) -> bool:
    while name and name != base:
        name = _known()["interfaces"].get(name, {}).get("extends", "")
    return name == base


@cache
def fields(name: str) -> Mapping[str, str]:
    """Every field of a type, with those of its bases."""
    told = _known()["interfaces"][name]
    return {**(fields(told["extends"]) if told["extends"] else {}), **told["fields"]}


def problems(type_name: str, value: Any, path: str = "$") -> list[str]:
    """Say where a value is not what a published type says."""
    return list(_problems(type_name, value, path))


def _problems(text: str, value: Any, path: str) -> Iterator[str]:
    kind, nullable = text.removesuffix("?"), text.endswith("?")
    if value is None:
        if not nullable:
            yield f"{path}: null"
    elif kind.endswith("[]"):
        if not isinstance(value, list):
            yield f"{path}: no list"
            return
        for number, one in enumerate(value):
            yield from _problems(kind[:-2], one, f"{path}[{number}]")
    elif kind in _PLAIN:
        yield from _plain(kind, value, path)
    elif kind in _known()["enums"]:
        if value not in _known()["enums"][kind]:
            yield f"{path}: {value!r} is no {kind}"
    else:
        yield from _object(kind, value, path)


def _plain(kind: str, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, _PLAIN[kind]) or (kind == "number" and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {kind}"
    elif path.endswith("DateTime") and not _MOMENT.match(str(value)):
        yield f"{path}: {value!r} is no moment"


def _object(kind: str, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: no object"
        return
    own = str(value.get("@odata.type", "")).removeprefix("#").removeprefix("microsoft.graph.")
    name = own[:1].upper() + own[1:] if own else kind
    if not _is_a(name, kind) and kind not in _OPEN:
        yield f"{path}: {own} is no {kind}"
        return
    known = fields(name if name in _known()["interfaces"] else kind)
    for field, one in value.items():
        if "@" in field:
            yield from _annotation(field, one, path)
        elif field in known:
            yield from _problems(known[field], one, f"{path}.{field}")
        elif kind not in _OPEN:
            yield f"{path}.{field}: unknown to {name}"
    if "@removed" in value and "id" not in value:
        yield f"{path}: removed, and no id"


def _annotation(field: str, value: Any, path: str) -> Iterator[str]:
    if field == "@removed":
        if value not in ({"reason": "changed"}, {"reason": "deleted"}):
            yield f"{path}.{field}: {value!r}"
    elif not isinstance(value, _ANNOTATIONS.get(field[field.index("@") :], ())):
        yield f"{path}.{field}: {value!r}"


def type_of(path: str) -> tuple[str, bool]:
    """Return what a path template answers with (empty: nothing with a type), and whether a list of them.

    `/users/{user}/messages/{id}` is one Message, `/users/{user}/messages/delta` are several.
    """
    parts = [part for part in path.split("/") if part]
    parts = [part.removeprefix("microsoft.graph.").removesuffix("()") for part in parts]
    function = parts[-1].lower() if parts[-1].lower() in _SAME else ""
    if function:
        parts.pop()
    one = parts[-1].startswith("{")
    name = _OF_PATHS.get(parts[-2 if one else -1].lower(), "")
    single = one or parts[-1].lower() in ("calendar", "photo", "mailboxsettings")
    single = single or parts[-1].lower().startswith("create")
    return name, (not single or function == "delta")


def wrong_exchange(exchange: Any) -> list[str]:
    """Say what in a call or its answer Graph's types do not know."""
    route, answer = exchange.route, exchange.answer
    whose = f"{route.verb} {route.path}: "
    name, several = type_of(route.path)
    if exchange.status >= 400:
        return [whose + wrong for wrong in _error(answer)]
    found: list[str] = []
    plain = not route.path.rstrip("/").endswith("$value") and route.path.rpartition("/")[2].lower() not in _SAME
    if exchange.body and name and plain and (route.verb == "PATCH" or (route.verb == "POST" and several)):
        body = exchange.body
        found += problems(name, body, "asked") if name != "ScheduleInformation" else []
    if answer is None or not name:
        return [whose + wrong for wrong in found]
    if "value" in answer and isinstance(answer["value"], list):
        found += [wrong for key in answer if key != "value" for wrong in _annotation_or(key, answer[key])]
        found += problems(f"{name}[]", answer["value"])
    else:
        found += problems(name, answer)
    return [whose + wrong for wrong in found]


def _annotation_or(key: str, value: Any) -> list[str]:
    return list(_annotation(key, value, "$")) if "@" in key else [f"$.{key}: unknown beside a list"]


def _error(answer: Any) -> list[str]:
    """Source: https://learn.microsoft.com/graph/errors"""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return ["an error without `error`"]
    wrong = [f"error.{name}: no text" for name in ("code", "message") if not isinstance(error.get(name), str)]
    inner = error.get("innerError")
    if not isinstance(inner, dict) or not {"date", "request-id", "client-request-id"} <= set(inner):
        wrong.append("error.innerError: not whole")
    return wrong
