"""One simulated account: its records, and requests to them in the documented words."""

import base64
import hmac
import json
import re
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from hub.connector.simulated.clock import Clock
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

USERS = ((71, "noa@example.com", True), (72, "adam@example.com", True), (73, "gone@example.com", False))
_V2 = re.compile(r"/api/v2/(persons|organizations|activities|deals)(?:/(\d+))?")
_V1 = re.compile(r"/v1/(notes|leads)(?:/([0-9a-f-]+))?")
_FIELDS = re.compile(r"/api/v2/(person|deal)Fields")
_TEXTS = ("note", "content")
_LONGEST = 65_000
# What may be written, beside custom fields; the rest is refused, as version 2 does.
_KNOWN = {
    "persons": {"name", "owner_id", "org_id", "emails", "phones", "custom_fields"},
    "organizations": {"name", "owner_id", "address", "custom_fields"},
    "activities": {
        "subject", "type", "owner_id", "deal_id", "lead_id", "org_id", "due_date", "due_time", "duration", "done",
        "participants", "note", "public_description",
    },
    "deals": {"title", "owner_id", "person_id", "org_id", "stage_id", "custom_fields"},
    "notes": {"content", "user_id", "person_id", "org_id", "add_time"},
    "leads": {"title", "owner_id", "person_id", "organization_id", "origin_id"},
}  # fmt: skip

Json = dict[str, Any]


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The API says no."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}


class AccountOfUsers:
    """Everything in the account."""

    def __init__(self, faults: Faults, token: str) -> None:
        self.clock = Clock()
        self.lock = threading.RLock()
        self.records: dict[str, dict[str, Json]] = {kind: {} for kind in _KNOWN}
        self.fields: dict[str, dict[str, str]] = {"person": {}, "deal": {}}  # codes by name
        self.requests: list[str] = []
        self._faults, self._token, self._last = faults, token, 0

    # -- what people do ------------------------------------------------------------------------------------------------

    def make(self, kind: str, given: Mapping[str, Any]) -> Json:
        """Make a record. Raises Refused."""
        self._check(kind, given)
        self._last += 1
        number: Any = str(uuid.uuid5(uuid.NAMESPACE_OID, str(self._last))) if kind == "leads" else self._last
        now = self._now()
        made = {"id": number, "add_time": now, "update_time": now, "is_deleted": False, **given, "order": self._last}
        if kind == "activities":
            first = next((one["person_id"] for one in given.get("participants", ()) if one.get("primary")), None)
            made["person_id"] = first
            if made.get("done"):
                made["marked_as_done_time"] = now
        self.records[kind][str(number)] = made
        return made

    def change(self, kind: str, number: str, given: Mapping[str, Any]) -> Json:
        """Change a record. Raises Refused."""
        self._check(kind, given, is_new=False)
        found = self.of(kind, number)
        found |= {**given, "update_time": self._now()}
        return found

    def of(self, kind: str, number: str) -> Json:
        found = self.records[kind].get(number)
        if found is None or found["is_deleted"]:
            raise Refused(404, "not found")
        return found

    def remove(self, kind: str, number: str) -> None:
        self.of(kind, number)["is_deleted"] = True

    def present(self, kind: str) -> list[Json]:
        return [one for one in self.records[kind].values() if not one["is_deleted"]]

    def _now(self) -> str:
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _check(self, kind: str, given: Mapping[str, Any], *, is_new: bool = True) -> None:
        codes = set(self.fields["person" if kind == "persons" else "deal"].values())
        known = _KNOWN[kind] | (codes if kind == "leads" else set())
        if unknown := given.keys() - known:
            raise Refused(400, f"unknown fields: {sorted(unknown)}")
        if given.get("custom_fields", {}).keys() - codes:
            raise Refused(400, "unknown custom fields")
        if any(len(str(given.get(name) or "")) > _LONGEST for name in _TEXTS):
            raise Refused(400, "the text is too long")
        for name, of in (("person_id", "persons"), ("org_id", "organizations"), ("organization_id", "organizations")):
            if given.get(name):
                self.of(of, str(given[name]))
        if "owner_id" in given and given["owner_id"] not in {number for number, _, _ in USERS}:
            raise Refused(400, "no such user")
        whose = {"person_id", "org_id", "organization_id"} & given.keys()
        needed = {"persons": "name", "deals": "title", "leads": "title", "notes": "content", "activities": "type"}.get(
            kind
        )
        if is_new and ((needed and not given.get(needed)) or (kind in ("notes", "leads") and not whose)):
            raise Refused(400, f"{needed} and whose it is are required")

    # -- requests --------------------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Answer:
        with self.lock:
            self.requests.append(f"{request.http} {request.path}")
            try:
                self._admit(request)
                return self._answered(request)
            except Refused as said:
                return json_answer({"success": False, "error": str(said)}, said.status, said.headers)
            except (ValueError, KeyError, TypeError):
                return json_answer({"success": False, "error": "bad request"}, 400)

    def _admit(self, request: Request) -> None:
        if not hmac.compare_digest(request.headers.get("x-api-token", "").encode(), self._token.encode()):
            raise Refused(401, "unauthorized access")
        for name, refused in (
            ("token_expired", Refused(401, "unauthorized access")),
            ("scope_missing", Refused(403, "forbidden")),
            ("api_disabled", Refused(402, "Payment required")),
            ("rate_limited", Refused(429, "Rate limit exceeded", {"Retry-After": "1"})),
            ("daily_limit", Refused(429, "Daily API token budget exceeded")),
            ("server_error", Refused(500, "internal error")),
            ("unavailable", Refused(503, "unavailable")),
        ):
            if self._faults.take(name):
                raise refused

    def _answered(self, request: Request) -> Answer:
        told = json.loads(request.body) if request.body else {}
        query = dict(request.query)
        if request.path == "/api/v2/persons/search":
            return _good({"items": [{"item": one} for one in self._search(query)]})
        if request.path == "/v1/users":
            return _good([{"id": number, "email": email, "active_flag": there} for number, email, there in USERS])
        if request.path == "/v1/users/me":
            return _good({"id": 71, "name": "Noa", "is_admin": 1})
        if found := _FIELDS.fullmatch(request.path):
            return self._custom(request.http, found[1], told)
        found = _V2.fullmatch(request.path) or _V1.fullmatch(request.path)
        if not found:
            raise Refused(404, "no such address")
        return self._record(request, found[1], found[2] or "", told, query)

    def _record(self, request: Request, kind: str, number: str, told: Json, query: Mapping[str, str]) -> Answer:
        match request.http, bool(number):
            case "GET", False:
                return self._listed(kind, query) if request.path.startswith("/api/") else self._listed_v1(kind, query)
            case "GET", True:
                return _good(self.of(kind, number))
            case "POST", False:
                return _wrote(_good(self.make(kind, told), 201))
            case ("PATCH" | "PUT") as http, True if (http == "PUT") is (kind == "notes"):
                return _wrote(_good(self.change(kind, number, told)))
            case "DELETE", True:
                self.remove(kind, number)
                return _wrote(_good({"id": number}))
        raise Refused(405, "method not allowed")

    def _listed(self, kind: str, query: Mapping[str, str]) -> Answer:
        limit = int(query.get("limit", "100"))
        if limit > 500 or len(query.get("ids", "").split(",")) > 100:
            raise Refused(400, "limit is too large")
        found = self._whose(kind, query)
        if since := query.get("updated_since"):
            moment = datetime.fromisoformat(since)
            found = [one for one in found if datetime.fromisoformat(one["update_time"]) >= moment]
        if ids := query.get("ids"):
            found = [one for one in found if str(one["id"]) in ids.split(",")]
        descending = query.get("sort_direction") == "desc"
        found.sort(key=lambda one: one["order"], reverse=descending)
        if query.get("cursor"):
            after = int(base64.b64decode(query["cursor"]))
            found = [one for one in found if (one["order"] < after if descending else one["order"] > after)]
        page = found[:limit]
        following = base64.b64encode(str(page[-1]["order"]).encode()).decode() if len(found) > limit else None
        if following and self._faults.take("endless_page"):
            following = query.get("cursor")
        shown = page[::-1] if self._faults.take("reorder_page") else page
        return _good(shown, more={"next_cursor": following})

    def _listed_v1(self, kind: str, query: Mapping[str, str]) -> Answer:
        found = sorted(self._whose(kind, query), key=lambda one: one["order"], reverse="DESC" in query.get("sort", ""))
        start, limit = int(query.get("start", "0")), int(query.get("limit", "100"))
        more = len(found) > start + limit
        pages = {"more_items_in_collection": more, **({"next_start": start + limit} if more else {})}
        return _good(found[start : start + limit] or None, more={"pagination": pages})

    def _whose(self, kind: str, query: Mapping[str, str]) -> list[Json]:
        wanted = {name: query[name] for name in ("person_id", "org_id", "organization_id") if name in query}
        return [one for one in self.present(kind) if all(str(one.get(name)) == value for name, value in wanted.items())]

    def _search(self, query: Mapping[str, str]) -> list[Json]:
        term, name = query["term"].lower(), {"email": "emails", "phone": "phones"}[query["fields"]]
        if len(term) < 2:
            raise Refused(400, "term must be at least 2 characters long")
        found = []
        for one in self.present("persons"):
            values = [entry["value"] for entry in one.get(name, ())]
            plain = [re.sub(r"[^\w@.+]", "", value).lower() for value in values]
            if any(term == value if query["exact_match"] == "true" else term in value for value in plain):
                found.append(
                    {
                        "id": one["id"],
                        **{key: [entry["value"] for entry in one.get(key, ())] for key in ("emails", "phones")},
                    }
                )
        return found

    def _custom(self, http: str, kind: str, told: Mapping[str, Any]) -> Answer:
        if http == "GET":
            return _good([{"field_name": name, "field_code": code} for name, code in self.fields[kind].items()])
        code = uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}{told['field_name']}").hex + "00000000"
        self.fields[kind][told["field_name"]] = code
        return _wrote(_good({"field_name": told["field_name"], "field_code": code}, 201))


def _good(data: Any, status: int = 200, more: Mapping[str, Any] | None = None) -> Answer:
    return json_answer({"success": True, "data": data, "additional_data": more or {}}, status)


def _wrote(answer: Answer) -> Answer:
    return Answer(answer.status, answer.body, answer.content_type, answer.headers, wrote=True)
