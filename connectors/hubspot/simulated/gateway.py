"""Requests to the simulated API, in the documented words."""

import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.hubspot.simulated.world import OWNERS, STANDARD, Refused, Thing, World
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

_OBJECTS = re.compile(r"/crm/v3/objects/([a-z]+)(?:/(.+))?")
_PROPERTIES = re.compile(r"/crm/v3/properties/([a-z]+)(?:/([a-z0-9_]+))?")
_JOINED = re.compile(r"/crm/v4/associations/([a-z]+)/([a-z]+)/batch/read")
_DIGITS = {
    "hs_searchable_calculated_phone_number": "phone",
    "hs_searchable_calculated_mobile_number": "mobilephone",
}
_MOST_GROUPS, _MOST_FILTERS, _MOST_FOUND, _MOST_LISTED = 5, 6, 200, 100
_MOST_PAGED = 10_000
_COUNTRIES = ("972", "49", "48", "44", "1")

Json = dict[str, Any]


class Gateway:
    """Answers what comes, and commits faults."""

    def __init__(self, world: World, faults: Faults, token: str, portal: str) -> None:
        self._world, self._faults, self._token, self._portal = world, faults, token, portal
        self.scopes = [
            "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read",
            "crm.schemas.contacts.write", "crm.objects.owners.read", "crm.objects.companies.read",
            "crm.objects.leads.read", "crm.objects.leads.write", "crm.objects.deals.read", "crm.objects.deals.write",
        ]  # fmt: skip

    def handle(self, request: Request) -> Answer:
        with self._world.lock:
            self._world.requests.append(f"{request.http} {request.path}")
            try:
                self._admit(request)
                return self._answered(request)
            except Refused as said:
                return _refusal(said)
            except (ValueError, KeyError, TypeError):
                return _refusal(Refused(400, "VALIDATION_ERROR", "Invalid input JSON"))

    def _admit(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise Refused(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        for name, status, category, text in (
            ("token_expired", 401, "EXPIRED_AUTHENTICATION", "The token has expired"),
            ("scope_missing", 403, "MISSING_SCOPES", "This app hasn't been granted all required scopes"),
            ("rate_limited", 429, "RATE_LIMITS", "You have reached your ten_secondly_rolling limit."),
            ("daily_limit", 429, "RATE_LIMITS", "You have reached your daily limit."),
            ("server_error", 500, "INTERNAL_ERROR", "internal error"),
            ("unavailable", 503, "INTERNAL_ERROR", "unavailable"),
        ):
            if self._faults.take(name):
                raise Refused(status, category, text, name)

    def _answered(self, request: Request) -> Answer:
        told = json.loads(request.body) if request.body else {}
        if found := _OBJECTS.fullmatch(request.path):
            kind, rest = found[1], found[2] or ""
            if kind not in STANDARD:
                raise Refused(404, "OBJECT_NOT_FOUND", "unknown object type")
            return self._objects(request, kind, rest, told)
        if found := _PROPERTIES.fullmatch(request.path):
            return self._properties(request, found[1], found[2] or "", told)
        if found := _JOINED.fullmatch(request.path):
            return json_answer({"status": "COMPLETE", "results": self._joined(found[1], found[2], told["inputs"])})
        fixed = {
            "/crm/v3/owners": {"results": [{"id": number, "email": email} for number, email in OWNERS]},
            "/account-info/v3/details": {"portalId": int(self._portal), "uiDomain": "app.hubspot.com"},
            "/account-info/v3/api-usage/daily/private-apps": {
                "results": [{"currentUsage": len(self._world.requests), "usageLimit": 250_000}]
            },
            "/oauth/v2/private-apps/get/access-token-info": {"hubId": int(self._portal), "scopes": self.scopes},
        }
        if request.path not in fixed:
            raise Refused(404, "OBJECT_NOT_FOUND", "no such address")
        return json_answer(fixed[request.path])

    # -- objects --------------------------------------------------------------------------------------------------------

    def _objects(self, request: Request, kind: str, rest: str, told: Json) -> Answer:
        world, query = self._world, dict(request.query)
        match request.http, rest:
            case "POST", "search":
                return json_answer(self._search(kind, told))
            case "POST", "batch/read":
                wanted = [int(one["id"]) for one in told["inputs"]]
                if len(wanted) > _MOST_LISTED:
                    raise Refused(400, "VALIDATION_ERROR", "too many inputs")
                there = {one.id: one for one in world.present(kind)}
                found = [_shown(kind, there[one], told.get("properties", ())) for one in wanted if one in there]
                missing = [{"status": "error", "category": "OBJECT_NOT_FOUND"}] if len(found) < len(wanted) else []
                return json_answer({"status": "COMPLETE", "results": found, "errors": missing}, 207 if missing else 200)
            case "POST", "":
                thing = world.make(kind, told["properties"], told.get("associations", ()))
                return _wrote(json_answer(_shown(kind, thing, world.known(kind)), 201))
            case "GET", "":
                return json_answer(self._list(kind, query))
            case "GET", _:
                return json_answer(_shown(kind, self._one(kind, rest, query), world.known(kind)))
            case "PATCH", _:
                return _wrote(
                    json_answer(_shown(kind, world.change(kind, int(rest), told["properties"]), world.known(kind)))
                )
            case "DELETE", _:
                world.archive(kind, int(rest))
                return _wrote(Answer(204))
        raise Refused(405, "VALIDATION_ERROR", "method not allowed")

    def _one(self, kind: str, rest: str, query: Mapping[str, str]) -> Thing:
        if "idProperty" in query:
            return self._world.named(kind, query["idProperty"], rest)
        return self._world.of(kind, int(rest))

    def _list(self, kind: str, query: Mapping[str, str]) -> Json:
        limit, after = int(query.get("limit", "10")), int(query.get("after", "0"))
        if limit > _MOST_LISTED:
            raise Refused(400, "VALIDATION_ERROR", "limit is too large")
        is_archived = query.get("archived") == "true"
        there = [one for one in self._world.things[kind].values() if bool(one.archived_at) is is_archived]
        rest = sorted((one for one in there if one.id > after), key=lambda one: one.id)
        page = [_shown(kind, one, query.get("properties", "").split(",")) for one in rest[:limit]]
        following = {"paging": {"next": {"after": str(rest[limit - 1].id)}}} if len(rest) > limit else {}
        if following and self._faults.take("endless_page"):
            following = {"paging": {"next": {"after": query.get("after", "")}}}
        return {"results": self._ordered(page), **following}

    def _search(self, kind: str, told: Json) -> Json:
        groups, limit = told.get("filterGroups", []), int(told.get("limit", 10))
        if (
            len(groups) > _MOST_GROUPS
            or any(len(one["filters"]) > _MOST_FILTERS for one in groups)
            or limit > _MOST_FOUND
        ):
            raise Refused(400, "VALIDATION_ERROR", "too many filters, or too large a page")
        now = self._world.clock.time()
        shown = [one for one in self._world.present(kind) if one.shown_at <= now]
        found = [one for one in shown if any(all(_fits(kind, one, f) for f in group["filters"]) for group in groups)]
        for sort in told.get("sorts", ()):
            found.sort(key=lambda one: one.id if sort["propertyName"] == "hs_object_id" else one.updated_at.timestamp())
        at = int(told.get("after") or 0)
        if at + limit > _MOST_PAGED:
            raise Refused(400, "VALIDATION_ERROR", "paging goes to 10,000 and no further")
        page = [_shown(kind, one, told.get("properties", ())) for one in found[at : at + limit]]
        following = {"paging": {"next": {"after": str(at + limit)}}} if len(found) > at + limit else {}
        return {"total": len(found), "results": self._ordered(page), **following}

    def _ordered(self, page: list[Json]) -> list[Json]:
        return page[::-1] if page and self._faults.take("reorder_page") else page

    def _joined(self, kind: str, other: str, inputs: Sequence[Json]) -> list[Json]:
        things = self._world.things[kind]
        found = [things[number] for one in inputs if (number := int(one["id"])) in things]
        return [
            {"from": {"id": str(one.id)}, "to": [{"toObjectId": to} for to in one.associations[other]]}
            for one in found
            if one.associations.get(other)
        ]

    # -- properties -----------------------------------------------------------------------------------------------------

    def _properties(self, request: Request, kind: str, name: str, told: Json) -> Answer:
        world = self._world
        if request.http == "GET":
            if name not in world.known(kind):
                raise Refused(404, "OBJECT_NOT_FOUND", "no such property")
            return json_answer({"name": name, "hasUniqueValue": name in world.unique[kind]})
        if name == "groups":
            if told["name"] in world.groups[kind]:
                raise Refused(409, "CONFLICT", "the group exists")
            world.groups[kind].add(told["name"])
        else:
            world.define(kind, told)
        return _wrote(json_answer(told, 201))


def _fits(kind: str, thing: Thing, told: Mapping[str, Any]) -> bool:
    name, operator = told["propertyName"], told["operator"]
    if name in ("lastmodifieddate", "hs_lastmodifieddate"):
        if (name == "lastmodifieddate") is not (kind == "contacts"):
            raise Refused(400, "VALIDATION_ERROR", f"unknown property {name}")
        return operator == "GTE" and thing.updated_at.timestamp() * 1000 >= int(told["value"])
    if name == "hs_object_id":
        return operator == "GT" and thing.id > int(told["value"])
    value = _value(thing, name).lower()
    match operator:
        case "EQ":
            return value == str(told["value"]).lower()
        case "IN":
            return bool(value) and value in told["values"]
        case "CONTAINS_TOKEN":
            return any(one in re.split(r"[;@\s]", value) for one in re.split(r"[;@\s]", str(told["value"]).lower()))
    raise Refused(400, "VALIDATION_ERROR", f"unknown operator {operator}")


def _value(thing: Thing, name: str) -> str:
    """Return a value; of a number that is searched for, its digits without the country."""
    if name not in _DIGITS:
        return thing.properties.get(name, "")
    written = thing.properties.get(_DIGITS[name], "")
    digits = "".join(filter(str.isdecimal, written))
    if written.startswith("+"):
        return next((digits.removeprefix(code) for code in _COUNTRIES if digits.startswith(code)), digits)
    return digits.lstrip("0")


def _shown(kind: str, thing: Thing, properties: Any) -> Json:
    changed = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
    updated_at = thing.updated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found = {name: _value(thing, name) or None for name in properties if name}
    shown: Json = {
        "id": str(thing.id),
        "properties": {**found, "hs_object_id": str(thing.id), changed: updated_at},
        "createdAt": thing.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "updatedAt": updated_at,
        "archived": thing.archived_at is not None,
    }
    if thing.archived_at:
        shown["archivedAt"] = thing.archived_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return shown


def _wrote(answer: Answer) -> Answer:
    return Answer(answer.status, answer.body, answer.content_type, answer.headers, wrote=True)


def _refusal(said: Refused) -> Answer:
    body: Json = {"status": "error", "message": str(said), "category": said.category, "correlationId": "simulated"}
    headers: dict[str, str] = {}
    if said.code == "rate_limited":
        body["policyName"], headers = "TEN_SECONDLY_ROLLING", {"Retry-After": "1"}
    elif said.code == "daily_limit":
        body["policyName"] = "DAILY"
    elif said.code:
        body["errors"] = [{"message": str(said), "code": said.code}]
    return json_answer(body, said.status, headers)
