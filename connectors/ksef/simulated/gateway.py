"""The requests that the simulated KSeF answers, as its published description says.

Source: https://github.com/CIRFMF/ksef-api/blob/main/open-api.json
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.ksef.simulated.world import Package, World, digest, metadata, moment
from hub.connector.simulated.locking import locked
from hub.connector.simulated.wire import Answer, Request, json_answer

BASE, STORE = "/v2", "/storage/"
_MONTHS = timedelta(days=92)  # three of the longest
_ROLES = frozenset({"Subject1", "Subject2", "Subject3", "SubjectAuthorized"})
_WARSAW = ZoneInfo("Europe/Warsaw")
_VECTOR, _KEY = 16, 32

Json = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, for whoever watches."""

    request: Request
    answer: Answer


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: int, text: str, detail: str = "", **more: Any) -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.detail, self.more = status, code, text, detail, more


class Gateway:
    """Finds out what is asked, and answers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = world.lock
        self.observers: list[Callable[[Exchange], None]] = []
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Answer], str]] = [
            ("POST", re.compile("/auth/challenge"), self._challenge, ""),
            ("GET", re.compile("/security/public-key-certificates"), self._keys, ""),
            ("POST", re.compile("/auth/ksef-token"), self._sign_in, ""),
            ("POST", re.compile("/auth/token/redeem"), self._redeem, "operation"),
            ("POST", re.compile("/auth/token/refresh"), self._refresh, "refresh"),
            ("GET", re.compile("/auth/([0-9A-Z-]+)"), self._signing_in, "operation"),
            ("POST", re.compile("/invoices/query/metadata"), self._metadata, "access"),
            ("POST", re.compile("/invoices/exports"), self._order, "access"),
            ("GET", re.compile("/invoices/exports/([0-9A-Z-]+)"), self._package, "access"),
            ("GET", re.compile("/invoices/ksef/([0-9A-Z-]+)"), self._invoice, "access"),
            ("GET", re.compile("/rate-limits"), self._limits, "access"),
        ]

    def handle(self, request: Request) -> Answer:
        if request.path.startswith(STORE):
            return self._stored(request)
        answer = self._answered(request)
        for observer in self.observers:
            observer(Exchange(request, answer))
        return answer

    @locked
    def _answered(self, request: Request) -> Answer:
        try:
            return self._routed(request)
        except RefusedError as refusal:
            return _refused(refusal, request)

    def _routed(self, request: Request) -> Answer:
        path = request.path.removeprefix(BASE)
        for verb, pattern, handler, kind in self._routes:
            found = pattern.fullmatch(path)
            if found and verb == request.http and request.path.startswith(BASE):
                self._let_in(request, kind)
                return handler(request, *found.groups())
        raise RefusedError(404, 0, "Not Found")

    def _let_in(self, request: Request, kind: str) -> None:
        """Look at the token and at what is ordered to go wrong."""
        take = self.world.faults.take
        if kind == "access":
            if take("unavailable"):
                raise RefusedError(503, 0, "Service Unavailable")
            if take("server_error"):
                raise RefusedError(500, 0, "Internal Server Error")
            if take("rate_limited"):
                raise RefusedError(
                    429,
                    0,
                    "Too Many Requests",
                    "Przekroczono limit 20 żądań na godzinę. Spróbuj ponownie po 1 sekundach.",
                    retry_after="1",
                )
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if kind and (self.world.holder(bearer, kind) is None or (kind == "access" and take("token_expired"))):
            raise RefusedError(401, 0, "Unauthorized", "Wymagane jest uwierzytelnienie.")
        if kind == "access" and take("scope_missing"):
            raise RefusedError(403, 0, "Forbidden", "Brak wymaganych uprawnień do wykonania operacji w bieżącym kontekście.",
                          reasonCode="missing-permissions", security={"requiredAnyOfPermissions": ["InvoiceRead"], "presentPermissions": []})  # fmt: skip
        if kind == "access" and take("api_disabled"):
            raise RefusedError(403, 0, "Forbidden", "Żądanie zostało zablokowane przez mechanizmy bezpieczeństwa.",
                          reasonCode="security-service-blocked", security={"incidentId": "1", "clientIp": "127.0.0.1"})  # fmt: skip

    # -- signing in -----------------------------------------------------------------------------------------------------

    def _challenge(self, _request: Request) -> Answer:
        name, at_ms = self.world.challenge()
        at = datetime.fromtimestamp(at_ms / 1000, tz=_WARSAW)
        return json_answer(
            {"challenge": name, "timestamp": at.isoformat(), "timestampMs": at_ms, "clientIp": "127.0.0.1"}
        )

    def _keys(self, _request: Request) -> Answer:
        world = self.world
        pairs = ((world.for_tokens, "KsefTokenEncryption"), (world.for_keys, "SymmetricKeyEncryption"))
        return json_answer([
            {
                "certificate": base64.b64encode(one.certificate).decode(), "certificateId": digest(one.certificate), "publicKeyId": one.id,
                "validFrom": one.valid_from.isoformat(), "validTo": one.valid_to.isoformat(), "usage": [use],
            }
            for one, use in pairs
        ])  # fmt: skip

    def _sign_in(self, request: Request) -> Answer:
        asked = _body(request)
        name = _text(asked, "challenge")
        if not self.world.is_challenge(name):
            raise RefusedError(400, 21111, "Nieprawidłowe wyzwanie autoryzacyjne.")
        if asked.get("publicKeyId") not in (None, self.world.for_tokens.id):
            raise RefusedError(
                400, 21470, "Przesłany identyfikator klucza jest nieznany lub wskazuje na wycofany klucz."
            )
        number = name.replace("-CR-", "-AU-")
        self.world.signing_in[number] = self._judged(asked, name)
        token = self.world.give("operation")
        told = {"referenceNumber": number, "authenticationToken": _token(token.text, token.until)}
        return json_answer(told, 202)

    def _judged(self, asked: Json, name: str) -> Json:
        """Say what becomes of somebody who signs in."""
        context = asked.get("contextIdentifier")
        failed = "Uwierzytelnianie zakończone niepowodzeniem z powodu błędnego tokenu"
        try:
            text, _, at_ms = self.world.for_tokens.opened(_text(asked, "encryptedToken")).decode().rpartition("|")
        except ValueError:
            return {"code": 450, "description": failed, "details": ["Nieprawidłowe szyfrowanie tokena"]}
        if at_ms != str(self.world.challenges.pop(name)):
            return {"code": 450, "description": failed, "details": ["Nieprawidłowy czas tokena"]}
        if text != self.world.token:
            return {"code": 450, "description": failed, "details": ["Nieprawidłowy token"]}
        if self.world.faults.take("revoked"):
            return {"code": 450, "description": failed, "details": ["Token unieważniony"]}
        if context != {"type": "Nip", "value": self.world.nip}:
            return {"code": 450, "description": failed, "details": ["Token nie może być użyty w kontekście"]}
        return {"code": 200, "description": "Uwierzytelnianie zakończone sukcesem"}

    def _signing_in(self, _request: Request, number: str) -> Answer:
        status = self.world.signing_in.get(number)
        if status is None:
            raise RefusedError(400, 21304, "Brak uwierzytelnienia o wskazanym numerze.")
        if self.world.faults.take("slow_sign_in"):
            status = {"code": 100, "description": "Uwierzytelnianie w toku"}
        return json_answer({
            "startDate": moment(self.world.clock.now()), "authenticationMethod": "Token",
            "authenticationMethodInfo": {"category": "Token", "code": "token.ksef", "displayName": "Token KSeF"}, "status": status,
        })  # fmt: skip

    def _redeem(self, request: Request) -> Answer:
        operation = self.world.access[request.headers["authorization"].removeprefix("Bearer ")]
        if operation.spent or not any(one["code"] == 200 for one in self.world.signing_in.values()):
            raise RefusedError(
                400, 21301, "Brak autoryzacji.", "Tokeny dla operacji uwierzytelniania zostały już pobrane."
            )
        operation.spent = True
        access, refresh = self.world.give("access"), self.world.give("refresh")
        return json_answer(
            {"accessToken": _token(access.text, access.until), "refreshToken": _token(refresh.text, refresh.until)}
        )

    def _refresh(self, _request: Request) -> Answer:
        if self.world.faults.waits("revoked"):
            raise RefusedError(401, 0, "Unauthorized", "Token unieważniony.")
        access = self.world.give("access")
        return json_answer({"accessToken": _token(access.text, access.until)})

    # -- invoices -------------------------------------------------------------------------------------------------------

    def _metadata(self, request: Request) -> Answer:
        role, since, until = self._filters(_body(request))
        query = dict(request.query)
        size, offset = _number(query, "pageSize", 10, 10, 250), _number(query, "pageOffset", 0, 0, 10_000)
        if query.get("sortOrder", "Asc") not in {"Asc", "Desc"}:
            raise _invalid("sortOrder")
        found = self.world.of_role(role, since, until)
        some = found[offset * size : (offset + 1) * size]
        has_more = len(found) > (offset + 1) * size
        return json_answer({
            "hasMore": has_more, "isTruncated": False, "permanentStorageHwmDate": moment(until), "invoices": [metadata(one) for one in some],
        })  # fmt: skip

    def _order(self, request: Request) -> Answer:
        asked = _body(request)
        role, since, until = self._filters(_object(asked, "filters"))
        sealed = _object(asked, "encryption")
        if sealed.get("publicKeyId") not in (None, self.world.for_keys.id):
            raise RefusedError(
                400, 21470, "Przesłany identyfikator klucza jest nieznany lub wskazuje na wycofany klucz."
            )
        try:
            key = self.world.for_keys.opened(_text(sealed, "encryptedSymmetricKey"))
            vector = base64.b64decode(_text(sealed, "initializationVector"), validate=True)
        except ValueError:
            raise _invalid("encryption") from None
        if len(key) != _KEY or len(vector) != _VECTOR:
            raise _invalid("encryption")
        chosen = self.world.of_role(role, since, until)
        if self.world.faults.take("endless_page"):
            made = self.world.pack(chosen[:1], until, key, vector)
            made.last = since
        elif chosen and self.world.faults.take("empty_page"):
            made = self.world.pack([], until, key, vector)
            made.last = since + timedelta(microseconds=1)
        else:
            made = self.world.pack(chosen, until, key, vector)
        return json_answer({"referenceNumber": made.number}, 201)

    def _package(self, _request: Request, number: str) -> Answer:
        made = self.world.packages.get(number)
        if made is None or self.world.faults.take("expire_cursor"):
            self.world.packages.pop(number, None)
            raise RefusedError(410, 0, "Gone", "Operacja wygasła i nie jest już dostępna.")
        if self.world.faults.take("failed_package"):
            return json_answer({"status": {"code": 550, "description": "Operacja została anulowana przez system"}})
        if self.world.faults.take("slow_package"):
            return json_answer({"status": {"code": 100, "description": "Eksport faktur w toku"}})
        told = {
            "status": {"code": 200, "description": "Eksport faktur zakończony sukcesem"}, "completedDate": moment(self.world.clock.now()),
            "packageExpirationDate": moment(self.world.clock.now() + timedelta(days=7)), "package": self._told(made),
        }  # fmt: skip
        return json_answer(told)

    def _told(self, made: Package) -> Json:
        parts = [
            {
                "ordinalNumber": place, "partName": name, "method": "GET", "url": f"{self.world.base_url}{STORE}{name}",
                "partSize": len(plain), "partHash": digest(plain), "encryptedPartSize": len(sealed), "encryptedPartHash": digest(sealed),
                "expirationDate": moment(self.world.clock.now() + timedelta(hours=1)),
            }
            for place, (name, plain, sealed) in enumerate(made.parts, 1)
        ]  # fmt: skip
        told: Json = {
            "invoiceCount": len(made.chosen), "size": sum(len(plain) for _, plain, _ in made.parts), "parts": parts,
            "isTruncated": made.last is not None, "permanentStorageHwmDate": moment(made.mark),
        }  # fmt: skip
        if made.last is not None:
            told["lastPermanentStorageDate"] = moment(made.last)
        return told

    def _stored(self, request: Request) -> Answer:
        """Hand a part out: to everybody who knows its address, and to nobody who sends a token along."""
        name = request.path.removeprefix(STORE)
        for made in list(self.world.packages.values()):
            for part, _, sealed in made.parts:
                if part == name and "authorization" not in request.headers:
                    data = sealed[:-1] + bytes([sealed[-1] ^ 1]) if self.world.faults.take("broken_part") else sealed
                    return Answer(200, data, "application/octet-stream", {"x-ms-meta-hash": digest(sealed)})
        return Answer(400, b"<Error/>", "application/xml")

    def _invoice(self, _request: Request, number: str) -> Answer:
        found = next((one for one in self.world.invoices if one.number == number), None)
        if found is None:
            raise RefusedError(
                400,
                21164,
                "Faktura o podanym identyfikatorze nie istnieje.",
                f"Faktura o numerze KSeF {number} nie została znaleziona.",
            )
        return Answer(200, found.xml, "application/xml", {"x-ms-meta-hash": digest(found.xml)})

    def _limits(self, _request: Request) -> Answer:
        groups = (
            "onlineSession", "onlineSessionClose", "batchSession", "batchSessionClose", "invoiceSend", "invoiceStatus", "sessionList",
            "sessionInvoiceList", "sessionMisc", "invoiceMetadata", "invoiceExport", "invoiceExportStatus", "invoiceDownload",
            "collectiveIdentifier", "anonymous", "global", "other",
        )  # fmt: skip
        return json_answer(
            {one: {"perSecond": 8, "perMinute": 16, "perHour": self.world.limits.get(one, 600)} for one in groups}
        )

    def _filters(self, asked: Json) -> tuple[str, datetime, datetime]:
        role, span = _text(asked, "subjectType"), _object(asked, "dateRange")
        if role not in _ROLES or span.get("dateType") not in {"Issue", "Invoicing", "PermanentStorage"}:
            raise _invalid("subjectType")
        now = self.world.clock.now()
        since = _moment(_text(span, "from"))
        until = _moment(span["to"]) if span.get("to") else now
        if until - since > _MONTHS or (until < since and span.get("to")):
            raise _invalid("dateRange")
        if span.get("restrictToPermanentStorageHwmDate"):
            if since > now:
                raise RefusedError(400, 21183, "Zakres filtrowania wykracza poza dostępny zakres danych.",
                              "Parametr dateRange.from jest późniejszy niż PermanentStorageHwmDate przy włączonym restrictToPermanentStorageHwmDate.")  # fmt: skip
            until = min(until, now)
        return role, since, until


def _refused(refusal: RefusedError, request: Request) -> Answer:
    headers = {"Retry-After": str(refusal.more.pop("retry_after"))} if "retry_after" in refusal.more else {}
    at = "2026-03-01T12:00:00.0000000+00:00"
    same = {"status": refusal.status, "instance": request.path, "timestamp": at, "traceId": "0" * 32}
    if refusal.status == 400 and request.headers.get("x-error-format") != "problem-details":
        detail = {"exceptionCode": refusal.code, "exceptionDescription": refusal.text, "details": [refusal.detail]}
        return json_answer({"exception": {"exceptionDetailList": [detail], "timestamp": at}}, 400)
    if refusal.status == 400:
        errors = [
            {"code": refusal.code, "description": refusal.text, "details": [refusal.detail] if refusal.detail else []}
        ]
        return _problem(
            {"title": "Bad Request", "detail": "Żądanie jest nieprawidłowe.", "errors": errors, **same}, headers
        )
    if refusal.status >= 500 or refusal.status == 404:
        return Answer(refusal.status, refusal.text.encode(), "text/plain; charset=utf-8")
    return _problem({"title": refusal.text, "detail": refusal.detail or refusal.text, **same, **refusal.more}, headers)


def _problem(told: Json, headers: Mapping[str, str]) -> Answer:
    return Answer(
        told["status"],
        json.dumps(told, ensure_ascii=False).encode(),
        "application/problem+json; charset=utf-8",
        headers,
    )


def _invalid(what: str) -> RefusedError:
    return RefusedError(400, 21405, "Błąd walidacji danych wejściowych.", what)


def _body(request: Request) -> Json:
    try:
        told = json.loads(request.body)
    except ValueError:
        raise _invalid("body") from None
    if not isinstance(told, dict):
        raise _invalid("body")
    return told


def _object(told: Json, name: str) -> Json:
    found = told.get(name)
    if not isinstance(found, dict):
        raise _invalid(name)
    return found


def _text(told: Json, name: str) -> str:
    found = told.get(name)
    if not isinstance(found, str) or not found:
        raise _invalid(name)
    return found


def _number(query: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = query.get(name, str(usual))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise _invalid(name)
    return int(text)


def _moment(text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise _invalid("dateRange") from None
    return found if found.tzinfo else found.replace(tzinfo=_WARSAW)


def _token(text: str, until: float) -> Json:
    return {"token": text, "validUntil": datetime.fromtimestamp(until, tz=_WARSAW).isoformat()}
