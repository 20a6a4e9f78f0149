"""Requests to KSeF: through our limits, with a good access token, and its errors as ours. It reads, and orders packages; nothing more.

Source: https://github.com/CIRFMF/ksef-api/blob/main/open-api.json
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from connectors.ksef import auth
from connectors.ksef.answers import text_of, told_of
from connectors.ksef.errors import error_of
from connectors.ksef.limits import UNITS, limits
from connectors.ksef.settings import KsefSettings
from hub.connector.http import Session, blocks
from hub.connector.stream import Grant, Limit, Tools
from hub.errors import AuthError, LimitedError, RetryLaterError, ShapeError

LARGEST = 64 * 2**20  # bytes of one answer; a part of a package has 50 MB
_WHOSE = "KSeF's answer"
_PLACE = re.compile(r"(/[A-Za-z0-9._-]+)+")
_OK = 300

Json = dict[str, Any]


class Client:
    """One company at KSeF."""

    def __init__(self, settings: KsefSettings, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self.limits = limits(settings)
        self._session = Session(settings.ca)

    # --- what is asked ----------------------------------------------------------------------------------------------

    def metadata(self, asked: Json, *, offset: int = 0, size: int = 10) -> Json:
        """List invoices, without what is in them. Raises ConnectorError: as of `errors.error_of`."""
        query = {"sortOrder": "Asc", "pageOffset": str(offset), "pageSize": str(size)}
        return self._json("POST", "/invoices/query/metadata", self.limits.metadata, query=query, body=asked)

    def order(self, asked: Json) -> str:
        """Order a package of invoices; returns its number. Raises as `metadata`."""
        return text_of(self._json("POST", "/invoices/exports", self.limits.exports, body=asked), "referenceNumber")

    def package(self, number: str) -> Json:
        """Return how far a package is. Raises as `metadata`."""
        return self._json("GET", f"/invoices/exports/{number}", self.limits.state)

    def invoice(self, number: str) -> bytes:
        """Return one invoice. Raises GoneError: there is none; and as `metadata`."""
        return self._asked("GET", f"/invoices/ksef/{number}", self.limits.invoices)

    def allowed(self) -> Json:
        """Return how much we may ask. Raises as `metadata`."""
        return self._json("GET", "/rate-limits", self.limits.other)

    def keys(self) -> Any:
        """Return KSeF's public keys; everybody may ask. Raises as `metadata`."""
        return self.plain("GET", "/security/public-key-certificates")

    def part(self, url: str) -> bytes:
        """Download a part of a package from where KSeF says; no token goes there, and no limit counts it.

        Raises:
            RetryLaterError: not now.
        """
        if not url.startswith("https://"):
            raise RetryLaterError("KSeF names a place for its package that has no https://")
        answer = self._sent("GET", url, {})
        content = b"".join(blocks(answer, LARGEST + 1, "KSeF's package"))
        if answer.status_code != requests.codes.ok or len(content) > LARGEST:
            raise RetryLaterError(f"KSeF's package cannot be downloaded: {answer.status_code}")
        return content

    # --- one request ------------------------------------------------------------------------------------------------

    def plain(self, verb: str, path: str, *, body: Json | None = None, bearer: str = "") -> Any:
        """Ask with another token than the access token, or with none: for signing in.

        Raises:
            ConnectorError: as of `errors.error_of`.
        """
        told = told_of(self._checked(verb, f"{self.settings.base_url}{path}", bearer, body=body))
        if told is None:
            raise RetryLaterError(f"{_WHOSE} cannot be read: it is no JSON.")
        return told

    def _json(self, verb: str, path: str, spent: Sequence[Limit], **what: Any) -> Json:
        told = told_of(self._asked(verb, path, spent, **what))
        if not isinstance(told, dict):
            raise RetryLaterError(f"{_WHOSE} cannot be read: it is no JSON object.")
        return told

    def _asked(self, verb: str, path: str, spent: Sequence[Limit], **what: Any) -> bytes:
        """Ask; an access token that is refused is renewed once."""
        if not _PLACE.fullmatch(path):
            raise ShapeError(f"{path[:60]!r} is no place of KSeF")
        self.tools.spend(spent, UNITS)
        url, refused = f"{self.settings.base_url}{path}", ""
        while True:
            token = self._token(refused)
            try:
                return self._checked(verb, url, token, **what)
            except AuthError:
                if refused:
                    raise
                refused = token
            except LimitedError as error:
                self.tools.limited(self.limits.all, error.retry_after or UNITS)
                raise

    def _token(self, refused: str) -> str:
        first = Grant(self.settings.token.get_secret_value())
        return self.tools.access_token(lambda grant: auth.renewed(self, grant), refused=refused, first=first)

    def _checked(self, verb: str, url: str, bearer: str, **what: Any) -> bytes:
        headers = {
            "Accept": "application/json, application/xml, application/problem+json",
            "X-Error-Format": "problem-details",
        }
        answer = self._sent(verb, url, {**headers, "Authorization": f"Bearer {bearer}"} if bearer else headers, **what)
        content = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        if len(content) > LARGEST:
            raise RetryLaterError(f"{_WHOSE} is larger than {LARGEST} bytes")
        if not requests.codes.ok <= answer.status_code < _OK:
            raise error_of(answer.status_code, answer.headers, told_of(content))
        return content

    def _sent(
        self,
        verb: str,
        url: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> requests.Response:
        try:
            return self._session.request(
                verb, url, params=query, json=body, headers=dict(headers), timeout=self.settings.timeout_s, stream=True,
                allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of KSeF's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(f"KSeF cannot be reached: {type(error).__name__}") from None
