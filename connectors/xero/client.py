"""Requests to the Accounting API: reads only, through our limits, with a good token, and its refusals as ours.

Nothing but GET leaves this module, whatever anybody wants: a ledger is read and never written.
Sources: https://developer.xero.com/documentation/api/accounting/overview,
https://developer.xero.com/documentation/guides/oauth2/limits
"""

import logging
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from connectors.xero import auth
from connectors.xero.errors import CONNECT, MINUTE_S, MOMENT_S, ThrottledError, error_of, told_of
from connectors.xero.settings import XeroSettings
from hub.connector.http import Session, blocks
from hub.connector.stream import Lane, Limit, Tools
from hub.errors import AuthError, DisabledError, LimitedError, RejectedError, RetryLaterError, ShapeError

LARGEST = 30 * 2**20  # bytes of one answer
AT_ONCE = 4  # Xero allows 5 for each organisation; one is left for other programs
REST_S = 900.0  # of polling, when little is left of the day
KNOWN_S = 3_600.0  # how long it is believed which organisation is the only one
_WHOSE = "Xero's answer"
_PLACE = re.compile(r"(/[A-Za-z]+)(/[0-9a-fA-F-]{36})?")
_log = logging.getLogger(__name__)

Answer = dict[str, Any]

_gates: dict[str, threading.BoundedSemaphore] = defaultdict(lambda: threading.BoundedSemaphore(AT_ONCE))
_tenants: dict[tuple[str, int], tuple[str, float]] = {}  # by address and account: the only one, and when that was seen


@dataclass(frozen=True, slots=True)
class Told:
    """What came back, and when Xero's clock said so."""

    content: bytes
    at: datetime


class Client:
    """One organisation.

    Args:
        account: its number in the hub.
    """

    def __init__(self, settings: XeroSettings, tools: Tools, account: int) -> None:
        self.settings = settings
        self.tools = tools
        self._account = account
        self._session = Session(settings.ca)
        self._refused = ""

    @property
    def limits(self) -> Sequence[Limit]:
        """What may be asked of this organisation in a minute."""
        return (Limit(f"xero:{self._whose}", self.settings.requests_per_minute),)

    @property
    def polling(self) -> Limit:
        """What rests first, when little is left."""
        return Limit(f"xero:{self._whose}:polling", self.settings.requests_per_minute)

    @property
    def _whose(self) -> str:
        return self.settings.wanted_tenant or f"account {self._account}"

    # --- requests -------------------------------------------------------------------------------------------------

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, since: datetime | None = None
    ) -> tuple[Answer, datetime]:
        """Read something; returns it with the moment that Xero's clock shows.

        Args:
            path: below the version, such as `/Invoices`.
            since: only what changed since then.

        Raises:
            ConnectorError: one of them, see `errors.error_of`.
        """
        headers = {"Accept": "application/json"}
        if since is not None:
            headers["If-Modified-Since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = self._asked(path, params or {}, headers, LARGEST)
        if told is None:
            return {}, datetime.now(UTC)
        read = told_of(told.content)
        if not isinstance(read, dict):
            raise RetryLaterError(f"{_WHOSE} cannot be read: it is no JSON object.")
        return read, told.at

    def pdf(self, path: str, *, largest: int) -> bytes:
        """Read a document as its customer gets it.

        Raises:
            RejectedError: it is too large.
            ConnectorError: as of `get`.
        """
        told = self._asked(path, {}, {"Accept": "application/pdf"}, largest)
        if told is None:
            raise RejectedError("Xero has no PDF of this document.")
        return told.content

    # --- one request ----------------------------------------------------------------------------------------------

    def _asked(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], largest: int) -> Told | None:
        if not _PLACE.fullmatch(path):
            raise ShapeError(f"{path[:60]!r} is no place of the Accounting API")
        with_tenant = {**headers, "xero-tenant-id": self.tenant()}
        return self._limited(f"{self.settings.api}{path}", params, with_tenant, largest)

    def _limited(self, url: str, params: Mapping[str, str], headers: Mapping[str, str], largest: int) -> Told | None:
        waits = self.tools.lane is Lane.INTERACTIVE
        self.tools.spend(self.limits if waits else (*self.limits, self.polling), 1)
        try:
            with self._gate():
                return self._sent(url, params, headers, largest)
        except ThrottledError as error:
            # The day is over for everybody, and so is the minute; too many at once pass by themselves.
            self.tools.limited((*self.limits, self.polling), error.retry_after or MINUTE_S)
            raise

    @contextmanager
    def _gate(self) -> Iterator[None]:
        """Let few through at the same time.

        Raises:
            LimitedError: they take too long.
        """
        gate = _gates[self._whose]
        if not gate.acquire(timeout=self.settings.timeout_s):
            raise LimitedError("Other questions to this organisation take their time.", retry_after=MOMENT_S)
        try:
            yield
        finally:
            gate.release()

    def _sent(self, url: str, params: Mapping[str, str], headers: Mapping[str, str], largest: int) -> Told | None:
        """Ask; a token that is refused is refreshed once. None: nothing changed (304)."""
        for last in (False, True):
            token = self._token()
            answer, content = self._once(url, params, {**headers, "Authorization": f"Bearer {token}"}, largest)
            self._notice(answer.headers)
            if answer.status_code == requests.codes.ok:
                return Told(content, _moment(answer.headers.get("date", "")))
            if answer.status_code == requests.codes.not_modified:
                return None
            small = {name.lower(): value for name, value in answer.headers.items()}
            error = error_of(answer.status_code, small, told_of(content))
            _log.info("Xero refused %s: %s", url.partition("?")[0], error)
            if not isinstance(error, AuthError) or last:
                raise error
            self._refused = token
        raise AssertionError  # the loop returns or raises

    def _once(
        self, url: str, params: Mapping[str, str], headers: Mapping[str, str], largest: int
    ) -> tuple[requests.Response, bytes]:
        try:
            answer = self._session.get(
                url, params=params, headers=headers, timeout=self.settings.timeout_s, stream=True, allow_redirects=False
            )
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of Xero's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:  # OSError: the CA file is not there
            raise RetryLaterError(f"Xero cannot be reached: {type(error).__name__}") from None
        content = b"".join(blocks(answer, largest + 1, _WHOSE))
        if len(content) > largest:
            raise RejectedError(f"{_WHOSE} is larger than {largest} bytes.")
        return answer, content

    def _token(self) -> str:
        return self.tools.access_token(
            lambda grant: auth.refreshed(self.settings, grant), refused=self._refused, first=auth.first(self.settings)
        )

    def _notice(self, headers: Mapping[str, str]) -> None:
        """Heed how much is left of the day; the minute we count ourselves."""
        left = _number(headers.get("X-DayLimit-Remaining"))
        if left is not None and left <= self.settings.day_reserve:
            self.tools.limited((self.polling,), REST_S)

    # --- which organisation -----------------------------------------------------------------------------------------

    def tenant(self) -> str:
        """Return the organisation: as set, or the only one.

        Raises:
            DisabledError: there is none, or there are several.
            ConnectorError: as of `get`.
        """
        if self.settings.wanted_tenant:
            return self.settings.wanted_tenant
        place = self.settings.base_url, self._account
        known, at = _tenants.get(place, ("", 0.0))
        if not known or time.monotonic() - at > KNOWN_S:
            known = only(organisations(self._connections()))
            _tenants[place] = known, time.monotonic()
        return known

    def _connections(self) -> Any:
        told = self._limited(
            f"{self.settings.base_url.rstrip('/')}/connections", {}, {"Accept": "application/json"}, LARGEST
        )
        return told_of(told.content) if told else None


def connections(settings: XeroSettings, access_token: str) -> Mapping[str, str]:
    """Return the organisations that a new token opens, by tenant id with their names.

    Raises:
        ConnectorError: as of `Client.get`.
    """
    url = f"{settings.base_url.rstrip('/')}/connections"
    headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
    with Session(settings.ca) as session:
        try:
            answer = session.get(url, headers=headers, timeout=settings.timeout_s, stream=True, allow_redirects=False)
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(f"Xero cannot be reached: {type(error).__name__}") from None
        content = b"".join(blocks(answer, LARGEST, _WHOSE))
    if answer.status_code != requests.codes.ok:
        raise error_of(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, told_of(content))
    return organisations(told_of(content))


def organisations(told: Any) -> Mapping[str, str]:
    """Read a list of connections; practices and apps are none.

    Raises:
        RetryLaterError: it is no such list.
    """
    if not isinstance(told, list):
        raise RetryLaterError("Xero's list of connections cannot be read.")
    return {
        str(one["tenantId"]).lower(): str(one.get("tenantName") or "")
        for one in told
        if isinstance(one, dict) and one.get("tenantId") and one.get("tenantType", "ORGANISATION") == "ORGANISATION"
    }


def only(named: Mapping[str, str]) -> str:
    """Return the one organisation there is.

    Raises:
        DisabledError: there is none, or one must be chosen.
    """
    if not named:
        raise DisabledError(f"The app is not connected to any organisation. {CONNECT}")
    if len(named) > 1:
        listed = ", ".join(f"{name[:60]} ({tenant})" for tenant, name in sorted(named.items())[:10])
        raise DisabledError(f"The app is connected to several organisations; enter the tenant id of one: {listed}.")
    return next(iter(named))


def entries(answer: Answer, name: str) -> list[Answer]:
    """Return the objects of an answer.

    Raises:
        RetryLaterError: it has none.
    """
    listed = answer.get(name) if answer else []
    if not isinstance(listed, list):
        raise RetryLaterError(f"{_WHOSE} has no {name}.")
    return [one for one in listed if isinstance(one, dict)]


def _moment(text: str) -> datetime:
    """Read the header Date; without one it is our own clock's time."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and len(text) <= 12 and text.strip().isdecimal() else None
