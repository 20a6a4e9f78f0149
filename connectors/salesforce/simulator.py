"""A small Salesforce to try the hub against: its token service and REST API over TLS, with faults on command.

Written from Salesforce's documentation, knowing nothing of our client.
Sources: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/,
https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/,
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/
"""

import base64
import json
import re
from collections.abc import Sequence
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from connectors.salesforce.simulated.org import Org, Row, WrongError
from connectors.salesforce.simulated.soql import Parser, Query, WrongQueryError, value_of
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Container, Fault, Faults, Harm

FAULTS = {
    "reorder_page": Fault("shows the records of a page in another order", Harm.NOISE),
    "endless_page": Fault("says again and again that the rest is where we are", Harm.CUT),
    "expire_cursor": Fault("forgets the rest of a query", Harm.NOISE),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500", Harm.AWAY),
    "unavailable": Fault("answers 503", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1", Harm.AWAY),
    "day_limited": Fault("answers 403 REQUEST_LIMIT_EXCEEDED: the day's requests are used up", Harm.AWAY),
    "row_locked": Fault("answers 400 UNABLE_TO_LOCK_ROW", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "commit_then_timeout": Fault("writes, and breaks the connection before it says so", Harm.CUT),
    "token_expired": Fault("answers 401 INVALID_SESSION_ID to a token that should live", Harm.REFUSED),
    "revoked": Fault("gives no token: invalid_grant", Harm.REFUSED),
    "scope_missing": Fault("answers 403 INSUFFICIENT_ACCESS to everything but the org's name", Harm.LIMITED),
    "api_disabled": Fault("answers 403 API_DISABLED_FOR_ORG", Harm.REFUSED),
}
STREAMS = ()  # tests/unit/salesforce reads the streams; the common suite would ask for an object of each kind
KEPT = {  # what people call so
    "interactions": ("Task", "Event"), "leads": ("Lead", "Opportunity"), "tasks": ("Task",), "contacts": ("Contact",),
    "companies": ("Account",),
}  # fmt: skip
API, TOKEN = "/services/data/", "/services/oauth2/token"
ORGANISATION = "Acme Trading"
_PLACE = re.compile(r"/services/data/v\d\d\.0/sobjects/([A-Za-z]+)(?:/([A-Za-z0-9_]+)(?:/([A-Za-z0-9-]+))?)?")
_QUERY = re.compile(r"/services/data/v\d\d\.0/(query|queryAll)(?:/([A-Za-z0-9]+)-(\d+))?")
_MISFORTUNES = {
    "server_error": (500, "UNKNOWN_EXCEPTION"), "unavailable": (503, "SERVER_UNAVAILABLE"), "rate_limited": (429, "TOO_MANY"),
    "day_limited": (403, "REQUEST_LIMIT_EXCEEDED"), "row_locked": (400, "UNABLE_TO_LOCK_ROW"),
    "api_disabled": (403, "API_DISABLED_FOR_ORG"),
}  # fmt: skip
_LOST = b"<!DOCTYPE html><html lang=en><title>404</title><p>URL No Longer Exists</html>"


class RefusedError(Exception):
    """What is not done, with Salesforce's status and code."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.status, self.code = status, code


class SalesforceSimulator:
    """One org with an app. `org` has its records; what people do there are its methods."""

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.clock = Clock()
        self.org = Org(self.clock)
        self.org.add("Organization", Name=ORGANISATION)
        self.client_id, self.client_secret = "3MVG9simulatedConsumerKey", "5B21A8simulatedConsumerSecret"
        self.used, self.allowed = 0, 15_000  # requests of the day
        self._tokens: set[str] = set()
        self._rest: dict[str, tuple[Query, list[Row]]] = {}
        self._largest_page = 2_000
        self._serving = Serving("salesforce", port, self._answer, self.faults, lambda path: path.startswith(API))

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections. What happened before a stop is still there."""
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port = self._serving.port

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._serving.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches it."""
        return {
            "base_url": self._serving.url, "client_id": self.client_id, "client_secret": self.client_secret,
            "ca": self._serving.ca,
        }  # fmt: skip

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._serving.asked

    def kept(self, records: str) -> Sequence[str]:
        """Return each record of a kind that is there, as the text that a person sees of it."""
        found = [one for entity in KEPT[records] for one in self.org.all(entity)]
        if records == "tasks":
            found = [one for one in found if not one.get("IsClosed")]
        elif records == "interactions":  # a task that is done is what happened
            found = [one for one in found if one.get("IsClosed") or "StartDateTime" in one]
        return ["\n".join(str(value) for value in one.values()) for one in found]

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._serving.cut()

    def page(self, size: int) -> None:
        """Give no more records at once than this, whatever is asked for."""
        self._largest_page = size

    def container(self, kind: str) -> Container:
        """There is none for the common suite (`STREAMS`)."""
        raise KeyError(kind)

    # -- answers --------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Answer:
        if request.path == TOKEN:
            return self._token(request)
        if not request.path.startswith(API):
            return Answer(404, _LOST, "text/html; charset=utf-8")
        self.used += 1
        headers = {
            "Date": format_datetime(self.clock.now().replace(microsecond=0), usegmt=True),
            "Sforce-Limit-Info": f"api-usage={self.used}/{self.allowed}",
        }
        try:
            with self.org.lock:
                status, value, wrote = self._done(request)
        except RefusedError as error:
            more = {"Retry-After": "1"} if error.status == 429 else {}
            told = [{"message": str(error), "errorCode": error.code}]
            return json_answer(told, error.status, {**headers, **more})
        except WrongError as error:
            return json_answer([{"message": str(error), "errorCode": error.code, "fields": []}], 400, headers)
        except WrongQueryError as error:
            return json_answer([{"message": str(error), "errorCode": error.code}], 400, headers)
        body = b"" if value is None else json.dumps(value, ensure_ascii=False).encode()
        return Answer(status, body, headers=headers, wrote=wrote)

    def _token(self, request: Request) -> Answer:
        proof = f"{self.client_id}:{self.client_secret}".encode()
        if request.headers.get("authorization") != f"Basic {base64.b64encode(proof).decode()}":
            return json_answer({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
        form = parse_qs(request.body.decode("utf-8", "replace"))
        if form.get("grant_type") != ["client_credentials"] or self.faults.take("revoked"):
            return json_answer(
                {"error": "invalid_grant", "error_description": "no client credentials user enabled"}, 400
            )
        token = f"00D5f!simulated.{len(self._tokens) + 1}"
        self._tokens.add(token)
        return json_answer({"access_token": token, "instance_url": self._serving.url, "token_type": "Bearer"})

    def _done(self, request: Request) -> tuple[int, Any, bool]:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self._tokens or self.faults.take("token_expired"):
            raise RefusedError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        for fault, (status, code) in _MISFORTUNES.items():
            if self.faults.take(fault):
                raise RefusedError(status, code)
        if found := _QUERY.fullmatch(request.path):
            return 200, self._queried(request, found), False
        if self.faults.take("scope_missing"):
            raise RefusedError(403, "INSUFFICIENT_ACCESS", "insufficient access rights")
        place = _PLACE.fullmatch(request.path)
        if place is None or place[1] not in self.org.kinds:
            raise RefusedError(404, "NOT_FOUND", "The requested resource does not exist")
        return self._crud(request, place[1], place[2] or "", place[3] or "")

    def _crud(self, request: Request, entity: str, name: str, mark: str) -> tuple[int, Any, bool]:
        if request.http == "GET":
            return 200, self._shown(self._one(entity, name), entity, tuple(self.org.fields(entity))), False
        if request.http == "DELETE":
            self.org.remove(entity, self._one(entity, name)["Id"])
            return 204, None, True
        try:
            body = json.loads(request.body)
        except ValueError:
            raise RefusedError(400, "JSON_PARSER_ERROR") from None
        if not isinstance(body, dict):
            raise RefusedError(400, "JSON_PARSER_ERROR")
        if request.http == "POST" and not name:
            made = self.org.add(entity, **body)
            return 201, {"id": made["Id"], "success": True, "errors": []}, True
        if request.http != "PATCH" or not name:
            raise RefusedError(405, "METHOD_NOT_ALLOWED")
        if not mark:
            self.org.change(entity, self._one(entity, name)["Id"], **body)
            return 204, None, True
        if name != "Hub_Mark__c" or name not in self.org.fields(entity):
            raise RefusedError(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible")
        there = self.org.marked(entity, mark)
        row = self.org.change(entity, there["Id"], **body) if there else self.org.add(entity, **body, Hub_Mark__c=mark)
        return 200 if there else 201, {"id": row["Id"], "success": True, "errors": [], "created": there is None}, True

    def _one(self, entity: str, record_id: str) -> Row:
        found = self.org.kinds[entity].get(record_id)
        if found is None:
            raise RefusedError(404, "NOT_FOUND", "The requested resource does not exist")
        if found["IsDeleted"]:
            raise RefusedError(404, "ENTITY_IS_DELETED", "entity is deleted")
        if record_id in self.org.hidden:
            raise RefusedError(403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id")
        return found

    # -- queries ------------------------------------------------------------------------------------------------------

    def _queried(self, request: Request, found: re.Match[str]) -> Row:
        if found[2]:
            if self.faults.take("expire_cursor"):
                self._rest.clear()
            if found[2] not in self._rest:
                raise RefusedError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
            query, rows = self._rest[found[2]]
            return self._page(request, found[2], query, rows, int(found[3]))
        query = Parser(dict(request.query).get("q", "")).read()
        if query.entity not in self.org.kinds:
            raise WrongQueryError(f"sObject type '{query.entity}' is not supported.", "INVALID_TYPE")
        if query.entity != "Organization" and self.faults.take("scope_missing"):
            raise RefusedError(403, "INSUFFICIENT_ACCESS", "insufficient access rights")
        known = self.org.fields(query.entity)
        for name in query.named:
            if name.partition(".")[0] not in known:
                raise WrongQueryError(f"No such column '{name}' on entity '{query.entity}'", "INVALID_FIELD")
        rows = [one for one in self.org.kinds[query.entity].values() if one["Id"] not in self.org.hidden]
        rows = [one for one in rows if found[1] == "queryAll" or not one["IsDeleted"]]
        rows = [one for one in rows if query.test(one)]
        if query.order:
            rows.sort(key=lambda one: str(value_of(one, query.order) or ""))
        rows = rows[: query.limit]
        locator = f"01g5f{len(self._rest):013}"
        self._rest[locator] = query, rows
        return self._page(request, locator, query, rows, 0)

    def _page(self, request: Request, locator: str, query: Query, rows: list[Row], at: int) -> Row:
        size = re.search(r"batchSize=(\d+)", request.headers.get("sforce-query-options", ""))
        end = at + min(int(size[1]) if size else 2_000, self._largest_page)
        shown = [self._shown(one, query.entity, query.fields) for one in rows[at:end]]
        if len(shown) > 1 and self.faults.take("reorder_page"):
            shown.reverse()
        told: Row = {"totalSize": len(rows), "done": end >= len(rows), "records": shown}
        if at and self.faults.take("endless_page"):
            told["done"], end = False, at
        if not told["done"]:
            told["nextRecordsUrl"] = f"{request.path.rpartition('/query')[0]}/query/{locator}-{end}"
        return told

    def _shown(self, row: Row, entity: str, fields: tuple[str, ...]) -> Row:
        names = dict.fromkeys(one.partition(".")[0] for one in fields)
        return {"attributes": {"type": entity}, **{name: row.get(name) for name in names}}


def create(port: int, faults: Faults) -> SalesforceSimulator:
    """Make the simulator that `hub simulate salesforce` and the contract tests run."""
    return SalesforceSimulator(port, faults)
