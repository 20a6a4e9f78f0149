"""A small EspoCRM to try the hub against: its REST API over TLS, with faults on command.

Written from EspoCRM's documentation and published metadata, knowing nothing of our client.
Sources: https://docs.espocrm.com/development/api/, https://docs.espocrm.com/development/api/crud/,
https://docs.espocrm.com/development/api-search-params/, https://github.com/espocrm/espocrm (entityDefs, SearchParamsFetcher)
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from email.utils import format_datetime
from typing import Any

from connectors.espocrm.simulated.search import WrongError, known, matches, nested
from connectors.espocrm.simulated.store import Row, Store
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Container, Fault, Faults, Harm

FAULTS = {
    "reorder_page": Fault("shows the records of a page in another order", Harm.NOISE),
    "endless_page": Fault("gives the first records again, whatever id they should be behind", Harm.CUT),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500", Harm.AWAY),
    "unavailable": Fault("answers 503: maintenance", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1, as a proxy does", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "commit_then_timeout": Fault("writes, and breaks the connection before it says so", Harm.CUT),
    "revoked": Fault("answers 401: the key is not known", Harm.REFUSED),
    "scope_missing": Fault("answers 403 to everything but who we are: the role does not allow it", Harm.LIMITED),
}
STREAMS = ()  # what was deleted is told by no look, which the common suite wants; tests/unit/espocrm reads the streams
KEPT = {  # what people call so
    "interactions": ("Call", "Meeting", "Note"), "leads": ("Lead", "Opportunity"), "tasks": ("Task",),
    "contacts": ("Contact",), "companies": ("Account",),
}  # fmt: skip
API = "/api/v1/"
MOST = 200  # records of a page, in EspoCRM's own configuration
_PLACE = re.compile(r"/api/v1/([A-Za-z]+)(?:/([A-Za-z0-9_-]+))?")
_MISFORTUNES = {"server_error": 500, "unavailable": 503, "rate_limited": 429}


class RefusedError(Exception):
    """What is not done, with EspoCRM's status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class EspoSimulator:
    """One EspoCRM with an API user. `store` is its database; what people do there are its methods."""

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.clock = Clock()
        self.store = Store(self.clock)
        self.api_key = "d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f"
        self.observers: list[Callable[[Request, Answer], None]] = []
        self._largest_page = MOST
        self._serving = Serving("espocrm", port, self._answer, self.faults, lambda path: path.startswith(API))

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
        return {"base_url": self._serving.url, "api_key": self.api_key, "ca": self._serving.ca}

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._serving.asked

    def kept(self, records: str) -> Sequence[str]:
        """Return each record of a kind that is there, as the text that a person sees of it."""
        found = [one for entity in KEPT[records] for one in self.store.all(entity)]
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
        headers = {"Date": format_datetime(self.clock.now().replace(microsecond=0), usegmt=True)}
        try:
            value, wrote = self._done(request)
            answer = json_answer(value, headers=headers)
            answer = Answer(200, answer.body, headers=headers, wrote=wrote)
        except RefusedError as error:
            more = {"X-Status-Reason": error.reason} | ({"Retry-After": "1"} if error.status == 429 else {})
            answer = Answer(error.status, b"", headers={**headers, **more})
        for observer in self.observers:
            observer(request, answer)
        return answer

    def _done(self, request: Request) -> tuple[Any, bool]:
        if request.headers.get("x-api-key") != self.api_key or self.faults.take("revoked"):
            raise RefusedError(401, "API key not valid")
        for fault, status in _MISFORTUNES.items():
            if self.faults.take(fault):
                raise RefusedError(status, fault)
        if request.path == f"{API}App/user":
            return self._user(), False
        if self.faults.take("scope_missing"):
            raise RefusedError(403, "No access")
        place = _PLACE.fullmatch(request.path)
        if place is None or place[1] not in self.store.kinds:
            raise RefusedError(404, "Not found")
        entity, record_id = place[1], place[2] or ""
        try:
            with self.store.lock:
                return self._crud(request, entity, record_id)
        except WrongError as error:
            raise RefusedError(400, str(error)) from None

    def _crud(self, request: Request, entity: str, record_id: str) -> tuple[Any, bool]:
        if request.http == "GET":
            return (self._one(entity, record_id) if record_id else self._list(request, entity)), False
        if entity == "User":
            raise RefusedError(403, "No access to create or edit users")
        if request.http == "DELETE":
            self.store.remove(entity, self._one(entity, record_id)["id"])
            return True, True
        try:
            body = json.loads(request.body)
        except ValueError:
            raise RefusedError(400, "Bad JSON") from None
        if not isinstance(body, dict):
            raise RefusedError(400, "No object")
        if request.http == "POST" and not record_id:
            self._may_be_double(request, entity, body)
            return self.store.add(entity, **body), True
        if request.http not in ("PUT", "PATCH"):
            raise RefusedError(405, "Method not allowed")
        there = self._one(entity, record_id)
        number = request.headers.get("x-version-number")
        if number is not None and "versionNumber" in there and str(there["versionNumber"]) != number:
            raise RefusedError(409, "modified")
        return self.store.change(entity, record_id, **body), True

    def _may_be_double(self, request: Request, entity: str, body: Row) -> None:
        if request.headers.get("x-skip-duplicate-check") == "true" or entity not in ("Contact", "Lead"):
            return
        same = ("firstName", "lastName")
        if any(all(one.get(name) == body.get(name) for name in same) for one in self.store.all(entity)):
            raise RefusedError(409, "duplicate")

    def _one(self, entity: str, record_id: str) -> Row:
        found = self.store.kinds[entity].get(record_id)
        if found is None or found["deleted"]:
            raise RefusedError(404, f"Record {record_id} does not exist")
        if record_id in self.store.hidden:
            raise RefusedError(403, "No 'read' access")
        return found

    def _list(self, request: Request, entity: str) -> Mapping[str, Any]:
        asked = dict(request.query)
        size = int(asked.get("maxSize") or MOST)
        if size > MOST:
            raise RefusedError(403, f"Max size should not exceed {MOST}. Use offset and limit.")
        where = nested(request.query, "where")
        if self.faults.take("endless_page"):
            where = [one for one in where if one.get("attribute") != "id"]
        for item in where:
            known(item, self.store.fields(entity))
        rows = [one for one in self.store.all(entity) if one["id"] not in self.store.hidden]
        rows = [one for one in rows if all(matches(one, item) for item in where)]
        order = asked.get("orderBy", "createdAt")
        if order not in self.store.fields(entity):
            raise RefusedError(400, f"Order by non-existing field '{order}'.")
        rows.sort(key=lambda one: (str(one.get(order) or ""), one["id"]), reverse=asked.get("order", "asc") != "asc")
        offset = int(asked.get("offset") or 0)
        rows = rows[offset : offset + min(size, self._largest_page)]
        if len(rows) > 1 and self.faults.take("reorder_page"):
            rows.reverse()
        wanted = [one for one in asked.get("select", "").split(",") if one]
        shown = [{key: one.get(key) for key in ("id", *wanted)} if wanted else one for one in rows]
        total = -2 if request.headers.get("x-no-total") == "true" else len(shown)
        return {"total": total, "list": shown}

    def _user(self) -> Mapping[str, Any]:
        every = dict.fromkeys(("create", "read", "edit", "delete"), "all")
        return {
            "user": {"id": "5f0000000000000aa", "userName": "hub", "type": "api"},
            "acl": {"table": dict.fromkeys(self.store.kinds, every)},
        }


def create(port: int, faults: Faults) -> EspoSimulator:
    """Make the simulator that `hub simulate espocrm` and the contract tests run."""
    return EspoSimulator(port, faults)
