"""The front door of Xero's API: who asks, may he, of which organisation, is it too much. Only reading is answered.

Sources: https://developer.xero.com/documentation/api/accounting/overview, .../requests-and-responses, .../responsecodes;
scopes: https://developer.xero.com/documentation/guides/oauth2/scopes
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

from connectors.xero.simulated import numbers, stamps
from connectors.xero.simulated.books import KINDS, Books
from connectors.xero.simulated.errors import (
    ApiError,
    Json,
    broken,
    expired_token,
    missing_scope,
    not_allowed,
    not_connected,
    not_found,
    too_many,
    unavailable,
    unknown_token,
)
from connectors.xero.simulated.shapes import Detail, organisation, shown
from connectors.xero.simulated.things import Contact, Paper
from connectors.xero.simulated.tokens import Access
from connectors.xero.simulated.world import World, Write
from hub.connector.simulated.wire import Answer, Request

API, CONNECTIONS = "/api.xro/2.0/", "/connections"
_BROAD, _INVOICES, _PAYMENTS = "accounting.transactions", "accounting.invoices", "accounting.payments"
# One of these is enough, with or without `.read`.
_SCOPES = {
    "Organisation": ("accounting.settings",), "Contacts": ("accounting.contacts",), "Invoices": (_BROAD, _INVOICES),
    "CreditNotes": (_BROAD, _INVOICES), "Quotes": (_BROAD, _INVOICES), "PurchaseOrders": (_BROAD, _INVOICES),
    "Payments": (_BROAD, _PAYMENTS), "Prepayments": (_BROAD, _PAYMENTS), "Overpayments": (_BROAD, _PAYMENTS),
}  # fmt: skip
_NUMBERS = {"Invoices": "number", "CreditNotes": "number", "PurchaseOrders": "number"}  # also found by their number
_UNKNOWN = "ONHOLD"  # a status that no specification has
_ODD = ("float_noise", "many_decimals", "unknown_enum")
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@dataclass(frozen=True)
class Exchange:
    """One call and its answer, for whoever checks them."""

    http: str
    path: str  # such as /Invoices or /Invoices/{id}
    query: Mapping[str, str]
    headers: Mapping[str, str]
    status: int
    answer: Any  # amounts are Decimal; None where it is no JSON


class Gateway:
    """Answers calls of the API. `observers` see each with its answer."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.observers: list[Callable[[Exchange], None]] = []

    def is_api(self, path: str) -> bool:
        return path.startswith(API) or path.lower().startswith(CONNECTIONS)

    def handle(self, request: Request) -> Answer:
        """Answer one call."""
        value: Any = None
        tenant = request.headers.get("xero-tenant-id", "")
        try:
            access = self._admit(request)
            if request.path.lower().startswith(CONNECTIONS):
                value = [one.facts() for one in self._world.tokens.connections.values()]
                answer = Answer(200, numbers.dumps(value))
            else:
                with self._world.limits.passing(tenant):
                    answer, value = self._read(request, access, self._books(tenant))
        except ApiError as error:
            answer, value = error.answer(), error.body if isinstance(error.body, dict) else None
        told = {**self._world.limits.headers(tenant), "Xero-Correlation-Id": str(uuid4()),
                "Date": stamps.http(self._world.clock.now())}  # fmt: skip
        answer = Answer(answer.status, answer.body, answer.content_type, {**told, **answer.headers})
        exchange = Exchange(
            request.http, _template(request.path), dict(request.query), request.headers, answer.status, value
        )
        for observer in self.observers:
            observer(exchange)
        return answer

    def _admit(self, request: Request) -> Access:
        """Return whose call it is. Raises ApiError: 401, or 405 for whoever wants to change something."""
        tokens = self._world.tokens
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        found = tokens.access.get(text.strip()) if kind.lower() == "bearer" else None
        if found is None or tokens.is_cut_off():
            raise unknown_token()
        if found.expires_at <= self._world.clock.time() or self._world.faults.take("token_expired"):
            raise expired_token(tokens.until(found))
        if request.http != "GET":
            self._world.writes.append(Write(request.http, request.path))
            raise not_allowed()
        return found

    def _books(self, tenant: str) -> Books:
        self._misfortune()
        connected = tenant.lower() in self._world.tokens.connections
        books = self._world.organisations.get(tenant.lower())
        if not connected or books is None:
            raise not_connected()
        return books

    def _misfortune(self) -> None:
        """Commit a fault that was ordered, if any."""
        refusals: Mapping[str, Callable[[], ApiError]] = {
            "api_disabled": not_connected, "scope_missing": missing_scope, "server_error": broken,
            "unavailable": unavailable, "rate_limited": lambda: too_many("minute", 1),
            "day_limited": lambda: too_many("day", 3_600), "too_many_at_once": lambda: too_many("concurrent", None),
        }  # fmt: skip
        for fault, refuse in refusals.items():
            if self._world.faults.take(fault):
                raise refuse()

    def _read(self, request: Request, access: Access, books: Books) -> tuple[Answer, Json | None]:
        kind, _, name = unquote(request.path.removeprefix(API)).strip("/").partition("/")
        if kind not in _SCOPES or (kind == "Organisation" and name):
            raise not_found()
        wanted = {one + end for one in _SCOPES[kind] for end in ("", ".read")}
        if not wanted & access.scopes:
            raise missing_scope()
        with self._world.lock:
            if name and "application/pdf" in request.headers.get("accept", ""):
                self._one(books, kind, name)
                return Answer(200, _PDF, "application/pdf"), None
            value = self._envelope(self._value(books, kind, name, request))
        value = self._odd(value, kind)
        return Answer(200, numbers.dumps(value)), value

    def _value(self, books: Books, kind: str, name: str, request: Request) -> Json:
        if kind == "Organisation":
            return {"Organisations": [organisation(books)]}
        if name:
            return {kind: [self._one(books, kind, name)]}
        since = request.headers.get("if-modified-since", "")
        return self._world.lists.answer(books, kind, dict(request.query), since)

    def _one(self, books: Books, kind: str, name: str) -> Json:
        """One thing by its id, or by its number. Raises ApiError (404)."""
        assert kind in KINDS
        found = books.things[kind].get(name.lower())
        if found is None and kind in _NUMBERS and not _is_id(name):
            papers = [one for one in books.things[kind].values() if isinstance(one, Paper)]
            found = next((one for one in papers if one.number == name), None)
        if found is None:
            raise not_found()
        return shown(books, found, Detail.SHORT if isinstance(found, Contact) and found.merged_to else Detail.WHOLE)

    def _envelope(self, value: Json) -> Json:
        return {
            "Id": str(uuid4()), "Status": "OK", "ProviderName": "Simulated hub app",
            "DateTimeUTC": stamps.moment(self._world.clock.now()).replace("+0000", ""), **value,
        }  # fmt: skip

    def _odd(self, value: Json, kind: str) -> Json:
        """Make an answer odd, where that was ordered and there is something to be odd."""
        things = [one for one in value.get(kind, ()) if "Status" in one]
        if not things:
            return value
        for fault in _ODD:
            if not self._world.faults.take(fault):
                continue
            if fault == "float_noise":
                value = numbers.noisy(value)
            elif fault == "unknown_enum":
                things[0]["Status"] = _UNKNOWN
            else:
                name = "Amount" if kind == "Payments" else "Total"
                things[0][name] += numbers.HALF_A_CENT
        return value


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _template(path: str) -> str:
    kind, _, name = path.removeprefix(API.rstrip("/")).strip("/").partition("/")
    return f"/{kind}/{{id}}" if name else f"/{kind}"
