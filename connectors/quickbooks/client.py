"""Requests to QuickBooks Online, all of which only read: through our limits, with a good token, and its errors as ours.

The one scope that there is may write as well, so it is ours to see that nothing is: `Reads` sends GET to what is listed
there, and nothing else. Queries are short enough for GET; POST to `/query`, which would be allowed, is not needed.
Sources: https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/data-queries,
.../change-data-capture, .../minor-versions
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from connectors.quickbooks import auth
from connectors.quickbooks.errors import error_of, told_of
from connectors.quickbooks.settings import QuickBooksSettings
from hub.connector.http import Session, blocks
from hub.connector.stream import Limit, Tools
from hub.errors import AuthError, ConnectorError, LimitedError, RejectedError, RetryLaterError, ShapeError

MINOR_VERSION = "75"  # older ones are gone since August 2025
LARGEST = 60 * 2**20  # bytes of one answer: a page of long invoices
LARGEST_REFUSAL = 1 << 20
_WHOSE = "QuickBooks' answer"
_READS = re.compile(
    r"/v3/company/\d+/(?:query|cdc|(?:invoice|salesreceipt|creditmemo|refundreceipt|estimate|bill|vendorcredit|purchaseorder"
    r"|payment|billpayment|customer|vendor)/\d+(?:/pdf)?)"
)

MOST = 1000  # objects of one answer

Answer = dict[str, Any]


class Reads(Session):
    """Sends what reads, and nothing else.

    Raises:
        RejectedError: whatever else it is asked to send; nothing is sent then.
    """

    def __init__(self, ca: str, base_url: str) -> None:
        super().__init__(ca)
        self._base = urlsplit(base_url.rstrip("/"))

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        asked = urlsplit(str(url))
        is_ours = (asked.scheme, asked.netloc) == (self._base.scheme, self._base.netloc)
        path = asked.path.removeprefix(self._base.path)
        if str(method).upper() != "GET" or not is_ours or not _READS.fullmatch(path):
            raise RejectedError(f"QuickBooks is only read: {str(method)[:20]} {asked.path[:200]} is not sent.")
        return super().request(method, url, *args, **kwargs)


class Client:
    """One company, at QuickBooks."""

    def __init__(self, settings: QuickBooksSettings, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self._session = Reads(settings.ca, settings.base_url)
        self._base = f"{settings.base_url.rstrip('/')}/v3/company/{settings.company}"
        self._refused = ""
        self._home_currency = ""

    @property
    def limits(self) -> Sequence[Limit]:
        """What Intuit allows this app for this company."""
        name = f"quickbooks:{self.settings.client_id}:{self.settings.company}"
        return (Limit(name, self.settings.requests_per_minute),)

    def login(self) -> None:
        """Get an access token. Raises AuthError, RetryLaterError."""
        self._token()

    # --- what is asked --------------------------------------------------------------------------------------------

    def query(self, statement: str) -> Answer:
        """Ask a query; returns the whole answer, with `QueryResponse` and `time`.

        Raises:
            ConnectorError: see `errors.error_of`.
            ShapeError: the answer is no JSON object, or has no response.
        """
        told = self._get("query", {"query": statement})
        if not isinstance(told.get("QueryResponse"), dict):
            raise ShapeError(f"{_WHOSE} to a query has no response")
        return told

    def select(
        self, entity: str, what: str = "*", *, where: str = "", start: int | None = None, most: int = MOST
    ) -> Answer:
        """Ask for a part of all objects of a kind.

        Args:
            where: a condition; ids in it are digits (`ids_in`).
            start: position of the first, counted from 1 in the order of ids; None: in whatever order.

        Raises:
            ConnectorError, ShapeError: as of `query`.
        """
        condition = f" where {where}" if where else ""
        place = f" orderby Id startposition {start}" if start is not None else ""
        # Names of our own, and digits; the language of these queries can only read.
        return self.query(f"select {what} from {entity}{condition}{place} maxresults {most}")  # noqa: S608 - see above

    def count(self, entity: str, where: str = "") -> int:
        """Ask how many there are, `where` as of `select`. Raises as `query`."""
        condition = f" where {where}" if where else ""
        total = self.query(f"select count(*) from {entity}{condition}")["QueryResponse"].get("totalCount", 0)  # noqa: S608 - see above
        if not isinstance(total, int) or isinstance(total, bool):
            raise ShapeError(f"{_WHOSE} has no count")
        return total

    def changes(self, entities: Sequence[str], since: datetime) -> Answer:
        """Ask what changed since a moment (CDC). Raises as `query`; CursorExpired: it is too long ago."""
        moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return self._get("cdc", {"entities": ",".join(entities), "changedSince": moment})

    def read(self, entity: str, remote_id: str) -> Answer:
        """Ask for one by its id.

        Raises:
            GoneError: it is no more.
            ConnectorError, ShapeError: as of `query`.
        """
        found = self._get(f"{entity.lower()}/{remote_id}").get(entity)
        if not isinstance(found, dict):
            raise ShapeError(f"{_WHOSE} has no {entity}")
        return found

    def pdf(self, entity: str, remote_id: str, *, largest: int) -> bytes:
        """Ask for one as its customer gets it. Raises as `hub.connector.ledger.HasPdf.pdf`."""
        self._spend()
        answer = self._sent(f"{entity.lower()}/{remote_id}/pdf", {}, "application/pdf")
        content = b"".join(blocks(answer, largest + 1, _WHOSE))
        if len(content) > largest:
            raise RejectedError(f"The PDF is larger than {largest} bytes.")
        return content

    def home_currency(self) -> str:
        """Return the currency of the company's books; empty where QuickBooks does not say. Raises as `query`."""
        if not self._home_currency:
            listed = self.query("select * from Preferences")["QueryResponse"].get("Preferences")
            first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
            prefs = first.get("CurrencyPrefs")
            home = prefs.get("HomeCurrency") if isinstance(prefs, dict) else None
            value = home.get("value") if isinstance(home, dict) else None
            self._home_currency = value if isinstance(value, str) else ""
        return self._home_currency

    # --- one request ----------------------------------------------------------------------------------------------

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        self._spend()
        answer = self._sent(path, params or {}, "application/json")
        told = _decoded(b"".join(blocks(answer, LARGEST + 1, _WHOSE)))
        if told_of(told) is not None:
            raise self._heard(error_of(answer.status_code, answer.headers, told))
        return told

    def _spend(self) -> None:
        self.tools.spend(self.limits, 1)

    def _sent(self, path: str, params: Mapping[str, str], accept: str) -> requests.Response:
        """Send; a token that is refused although it should be good is refreshed once. Return what is no refusal."""
        for last in (False, True):
            token = self._token()
            answer = self._once(path, params, accept, token)
            if answer.status_code == requests.codes.ok:
                return answer
            said = b"".join(blocks(answer, LARGEST_REFUSAL, _WHOSE))
            error = self._heard(error_of(answer.status_code, answer.headers, _perhaps(said)))
            if not isinstance(error, AuthError) or last:
                raise error
            self._refused = token  # the one that was sent: meanwhile another worker may have got a new one
        raise AssertionError  # the loop returns or raises

    def _once(self, path: str, params: Mapping[str, str], accept: str, token: str) -> requests.Response:
        headers = {"Accept": accept, "Authorization": f"Bearer {token}"}
        asked = {**params, "minorversion": MINOR_VERSION}
        try:
            return self._session.get(
                f"{self._base}/{path}", params=asked, headers=headers, timeout=self.settings.timeout_s, stream=True,
                allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of QuickBooks' address is not trusted.") from error
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(f"QuickBooks cannot be reached: {type(error).__name__}") from error

    def _heard(self, error: ConnectorError) -> ConnectorError:
        """Let nobody spend for a while where QuickBooks wants that."""
        if isinstance(error, LimitedError):
            self.tools.limited(self.limits, error.retry_after or 0.0)
        return error

    def _token(self) -> str:
        if not self.settings.company:
            raise AuthError("Nobody connected this account yet. Open it under Connections and press Connect.")
        return self.tools.access_token(
            lambda grant: auth.refreshed(self.settings, grant), refused=self._refused, first=auth.first(self.settings)
        )


def ids_in(ids: Sequence[str]) -> str:
    """Return the condition that an id is one of these. Raises ShapeError: one is none."""
    if not all(one.isascii() and one.isdecimal() for one in ids):
        raise ShapeError("an id of QuickBooks is made of digits")
    named = "', '".join(ids)
    return f"Id in ('{named}')"


def _decoded(content: bytes) -> Answer:
    """Read an answer. Amounts stay the digits that were sent."""
    if len(content) > LARGEST:
        raise ShapeError(f"{_WHOSE} is larger than {LARGEST} bytes")
    try:
        told = json.loads(content, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise ShapeError(f"{_WHOSE} is no JSON: {type(error).__name__}") from error
    if not isinstance(told, dict):
        raise ShapeError(f"{_WHOSE} is no JSON object")
    return told


def _perhaps(content: bytes) -> Any:
    """Read a refusal, which may be anything."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
