"""The front door of the API: who asks, may he, what does he ask, is it too much. Only reads are answered.

Source: https://developer.intuit.com/app/developer/qbo/docs/learn/rest-api-features
"""

import contextlib
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from connectors.quickbooks.simulated import changes, query
from connectors.quickbooks.simulated.books import ENTITIES, Books, Record
from connectors.quickbooks.simulated.digits import written
from connectors.quickbooks.simulated.errors import (
    ApiError,
    Json,
    TokenRefusedError,
    broken,
    invalid_query,
    no_right,
    not_found,
    subscription_ended,
    throttled,
    too_old,
    unsupported,
    wrong_company,
)
from connectors.quickbooks.simulated.reports import aged_receivables
from connectors.quickbooks.simulated.views import part, view, with_noise, with_unknown_words
from connectors.quickbooks.simulated.world import World, company_info, preferences
from hub.connector.simulated.wire import Answer, Request

MINOR_VERSION = 75
_PATH = re.compile(r"/v3/company/([^/]+)/(.+)")
_JSON = "application/json;charset=UTF-8"
_BY_PATH = {entity.lower(): entity for entity in ENTITIES}
_PRINTABLE = ("Invoice", "SalesReceipt", "Estimate", "CreditMemo", "RefundReceipt", "PurchaseOrder", "Payment")
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_XML = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse xmlns="http://schema.intuit.com/finance/v3"/>'


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, for whoever checks them."""

    route: str  # such as `GET query`
    params: Mapping[str, str]
    status: int
    answer: Any


class Gateway:
    """Answers requests to the API. `observers` see each with its answer."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._last: dict[str, tuple[int, list[Record]]] = {}  # the last page of each entity, and where it begins
        self.observers: list[Callable[[Exchange], None]] = []

    def handle(self, request: Request) -> Answer:
        """Answer one HTTP request."""
        params = dict(request.query)
        found = _PATH.fullmatch(unquote(request.path))
        realm, rest = found.groups() if found else ("", request.path)
        headers = {"intuit_tid": f"1-{secrets.token_hex(12)}"}
        try:
            books = self._admitted(request, realm, rest)
            with self._world.limits.passing(realm, is_report=rest.startswith("reports/")):
                told = self._told(request, books, rest, params)
            answer = Answer(200, written(told).encode(), _JSON, headers) if isinstance(told, dict) else told
        except ApiError as error:
            time = self._world.clock.now().isoformat(timespec="milliseconds")
            answer = Answer(error.status, written(error.body(time)).encode(), _JSON, {**headers, **error.headers})
        if "json" not in request.headers.get("accept", "") and answer.content_type == _JSON:
            answer = Answer(answer.status, _XML, "application/xml;charset=UTF-8", headers)
        self._observed(Exchange(f"{request.http} {rest.partition('?')[0]}", params, answer.status, _read(answer)))
        return answer

    def _observed(self, exchange: Exchange) -> None:
        for observer in self.observers:
            observer(exchange)

    # -- who asks ---------------------------------------------------------------------------------------------------------

    def _admitted(self, request: Request, realm: str, rest: str) -> Books:
        """Return the books that are asked for. Raises ApiError."""
        take = self._world.faults.take
        if take("server_error"):
            raise broken(500)
        if take("unavailable"):
            raise broken(503)
        if take("rate_limited"):
            raise throttled({"Retry-After": "1"})
        allowed = self._world.oauth.realm_of(request.headers.get("authorization", ""))
        if take("token_expired") or take("disconnected"):
            raise TokenRefusedError("Token expired: AB0*******")
        if realm != allowed or realm not in self._world.companies:
            raise wrong_company()
        if take("api_disabled"):
            raise subscription_ended()
        if take("scope_missing"):
            raise no_right(rest)
        if request.http != "GET" and (request.http, rest) != ("POST", "query"):
            self._world.refused.append(f"{request.http} {request.path}")
            raise unsupported(request.http)
        return self._world.companies[realm].books

    # -- what is asked ------------------------------------------------------------------------------------------------------

    def _told(self, request: Request, books: Books, rest: str, params: Mapping[str, str]) -> Json | Answer:
        version = params.get("minorversion", str(MINOR_VERSION))
        if not version.isdecimal() or not 1 <= int(version) <= MINOR_VERSION:
            raise invalid_query(f"minorversion {version} is not supported")
        head, _, tail = rest.partition("/")
        with self._world.lock:
            if rest == "query":
                is_text = request.headers.get("content-type", "").startswith("application/text")
                text = request.body.decode("utf-8", "replace") if request.http == "POST" else params.get("query", "")
                if request.http == "POST" and not is_text:
                    raise unsupported("POST query without application/text")
                return self._queried(books, text)
            if rest == "cdc":
                return self._changed(books, params)
            if head == "reports":
                return self._report(books, tail, params)
            if head == "companyinfo":
                return self._timed(books, {"CompanyInfo": company_info(books)})
            if rest == "preferences":
                return self._timed(books, {"Preferences": preferences(books)})
            return self._one(books, head, tail)

    def _timed(self, books: Books, told: Json) -> Json:
        return {**told, "time": books.stamp(books.clock.now())}

    def _one(self, books: Books, name: str, tail: str) -> Json | Answer:
        entity = _BY_PATH.get(name.lower())
        remote_id, _, form = tail.partition("/")
        if entity is None or not remote_id or (form and (form != "pdf" or entity not in _PRINTABLE)):
            raise unsupported(f"{name}/{tail}")
        record = books.find(entity, remote_id)
        if record is None:
            raise not_found(entity, remote_id)
        if form:
            return Answer(200, _PDF, "application/pdf")
        return self._timed(books, {entity: self._shown([view(books, record)])[0]})

    def _report(self, books: Books, name: str, params: Mapping[str, str]) -> Json:
        if name != "AgedReceivables":
            raise unsupported(f"reports/{name}")
        return aged_receivables(books, params.get("report_date") or books.today())

    # -- queries ------------------------------------------------------------------------------------------------------------

    def _queried(self, books: Books, text: str) -> Json:
        asked = query.read(text)
        books.read.add(asked.entity)
        if asked.entity in ("CompanyInfo", "Preferences"):
            only = company_info(books) if asked.entity == "CompanyInfo" else preferences(books)
            return self._timed(books, {"QueryResponse": {asked.entity: [only], "maxResults": 1}})
        found = query.matching(books, asked)
        if asked.counts:
            return self._timed(books, {"QueryResponse": {"totalCount": len(found)}})
        most = min(asked.most, self._world.page_size or asked.most)
        start, page = self._page(asked, found[asked.start - 1 : asked.start - 1 + most])
        if not page:
            return self._timed(books, {"QueryResponse": {}})
        told = [part(books, one, asked.names) if asked.names else view(books, one) for one in page]
        shown = self._shown(told)
        return self._timed(
            books, {"QueryResponse": {asked.entity: shown, "startPosition": start, "maxResults": len(shown)}}
        )

    def _page(self, asked: query.Query, page: list[Record]) -> tuple[int, list[Record]]:
        """A page with what was ordered to be wrong with it, and the position that it begins at."""
        faults, before = self._world.faults, self._last.get(asked.entity)
        goes_on = asked.start > 1 or any(one.name == "Id" and one.operator in (">", ">=") for one in asked.where)
        if before and goes_on and (faults.take("replay_page") or faults.take("endless_page")):
            return before
        if not page:
            return asked.start, page
        if faults.take("empty_page"):
            return asked.start, []
        if faults.take("reorder_page"):
            page.reverse()
        if len(page) > 1 and faults.take("cut_page"):
            page = page[: len(page) // 2]
        self._last[asked.entity] = asked.start, page
        return asked.start, page

    def _changed(self, books: Books, params: Mapping[str, str]) -> Json:
        since = changes.since_of(params.get("changedSince", ""))
        named = query.entities(params.get("entities", ""))
        books.read.update(named)
        if self._world.faults.take("expire_cursor"):
            raise too_old()
        found = changes.changed(books, ",".join(named), since, self._world.most_changes)
        endless = any(found) and self._world.faults.take("endless_page")
        for one in found:
            for entity in [name for name in one if name in ENTITIES]:
                shown = self._shown(one[entity])
                if endless:  # there is more than can be told, however little is asked for
                    shown = (shown * self._world.most_changes)[: self._world.most_changes]
                one |= {entity: shown, "maxResults": len(shown)}
        return self._timed(books, {"CDCResponse": [{"QueryResponse": found}]})

    def _shown(self, told: Sequence[Json]) -> list[Json]:
        """Objects as they are written, with what was ordered to be odd about them."""
        shown = list(told)
        if shown and self._world.faults.take("float_noise"):
            shown = [with_noise(one) for one in shown]
        if shown and self._world.faults.take("unknown_enum"):
            shown = [with_unknown_words(one) for one in shown]
        return shown


def _read(answer: Answer) -> Any:
    with contextlib.suppress(ValueError):
        return json.loads(answer.body, parse_float=Decimal)
    return None
