"""Requests to Google's APIs: through our limits, with a good token, and their errors as ours.

googleapiclient knows the methods and their parameters from the discovery documents of its package; the bytes go through
requests, so that proxies, certificates and time-outs are those of everything else.
Source: https://developers.google.com/workspace/gmail/api/guides/handle-errors,
https://developers.google.com/workspace/calendar/api/guides/errors
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from importlib import resources
from typing import Any

import httplib2
import requests
from googleapiclient.discovery import Resource, build_from_document
from googleapiclient.errors import HttpError
from googleapiclient.http import BatchHttpRequest, HttpRequest

from connectors.google import auth
from connectors.google.settings import GoogleSettings
from hub.connector.http import Session, blocks, retry_after_of
from hub.connector.stream import Limit, Tools
from hub.errors import (
    AuthError,
    ConflictError,
    ConnectorError,
    CursorExpired,
    DisabledError,
    GoneError,
    LimitedError,
    ReadOnlyError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    ShapeError,
)

BATCH = 50  # requests of one batch; more are allowed and not recommended: developers.google.com/workspace/gmail/api/guides/batch
LARGEST_REFUSAL = 1 << 20  # bytes of an answer that says why not
LARGEST = 60 * 2**20  # bytes of one answer: a mail of 30 MB grows by a third in base64
_OF_MAILBOX = {"userRateLimitExceeded"}
_LIMITS = {"rateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"}
_DAILY = {"dailyLimitExceeded"}
_SWITCHED_OFF = {"accessNotConfigured", "SERVICE_DISABLED", "mailServiceNotEnabled", "domainPolicy"}
_SCOPES = {"insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientScopes"}
_UNSUPPORTED = {"pushNotSupportedForRequestedResource"}
_NOT_OURS = {"forbiddenForNonOrganizer", "requiredAccessLevel", "calendarIsReadOnly"}
_USUAL_PAUSE_S = 5.0  # where Google says "too much" and not for how long


class UnsupportedError(RejectedError):
    """Google has this, and not for what was asked."""


class Transport:
    """What googleapiclient sends with: requests, with a token (the part of httplib2.Http that it uses)."""

    def __init__(self, session: requests.Session, token: str, timeout_s: float) -> None:
        self._session = session
        self.token = token
        self._timeout_s = timeout_s

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> tuple[httplib2.Response, bytes]:
        """Send one request.

        Raises:
            RetryLaterError: no answer, or half of one.
        """
        sent = {**(headers or {}), "authorization": f"Bearer {self.token}"}
        try:
            with self._session.request(
                method, uri, data=body, headers=sent, timeout=self._timeout_s, stream=True, allow_redirects=False
            ) as answer:
                content = answer.raw.read(LARGEST + 1, decode_content=True)
                whole = len(content) <= LARGEST
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(f"Google cannot be reached: {type(error).__name__}") from error
        except Exception as error:  # urllib3 raises its own below requests while a body is read
            raise RetryLaterError(f"Google's answer broke off: {type(error).__name__}") from error
        if not whole:
            raise ShapeError(f"Google's answer is larger than {LARGEST} bytes")
        values = {name.lower(): value for name, value in answer.headers.items()}
        return httplib2.Response({**values, "status": str(answer.status_code)}), content

    def blocks(self, uri: str) -> Iterator[bytes]:
        """Send one request for a body that is read block by block; a refusal is raised here, before the first of them.

        Raises:
            HttpError: Google refused.
            RetryLaterError: no answer; while the blocks are read, half of one.
        """
        sent = {"authorization": f"Bearer {self.token}"}
        try:
            answer = self._session.get(uri, headers=sent, timeout=self._timeout_s, stream=True, allow_redirects=False)
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(f"Google cannot be reached: {type(error).__name__}") from error
        if answer.status_code != requests.codes.ok:
            with answer:
                content = b"".join(blocks(answer, LARGEST_REFUSAL, "Google's answer"))
            values = {name.lower(): value for name, value in answer.headers.items()}
            raise HttpError(httplib2.Response({**values, "status": str(answer.status_code)}), content, uri=uri)
        return blocks(answer, LARGEST, "Google's answer")


class Client:
    """One mailbox of one account, at Google."""

    def __init__(self, settings: GoogleSettings, tools: Tools, mailbox: str) -> None:
        self.settings = settings
        self.tools = tools
        self.mailbox = mailbox
        self._session = Session(settings.ca)
        self._refused = ""

    # --- the APIs -------------------------------------------------------------------------------------------------

    @property
    def gmail(self) -> Any:
        return _api("gmail", "v1", self.settings.gmail_url or self.settings.base_url)

    @property
    def calendar(self) -> Any:
        return _api("calendar", "v3", self.settings.calendar_url or self.settings.base_url)

    @property
    def people(self) -> Any:
        return _api("people", "v1", self.settings.people_url or self.settings.base_url)

    @property
    def pubsub(self) -> Any:
        return _api("pubsub", "v1", self.settings.pubsub_url or self.settings.base_url)

    def login(self) -> None:
        """Get an access token.

        Raises:
            AuthError: nobody let us in, or no more.
            RetryLaterError: Google cannot be asked just now.
        """
        self._token()

    # --- requests -------------------------------------------------------------------------------------------------

    def call(self, request: HttpRequest, limits: Sequence[Limit], units: int = 1) -> dict[str, Any]:
        """Make one request, or raise what the caller does next.

        Raises:
            ConnectorError: one of them, see `_error`.
            ShapeError: the answer is not JSON.
        """
        self.tools.spend(limits, units)
        try:
            answer = self._execute(lambda transport: request.execute(http=transport, num_retries=0))
        except LimitedError as error:
            self._be_silent(limits, error)
            raise
        if not isinstance(answer, dict):
            raise ShapeError("Google answered with something that is no JSON object")
        return answer

    def call_all(
        self, asked: Mapping[str, HttpRequest], limits: Sequence[Limit], units: int
    ) -> dict[str, dict[str, Any] | ConnectorError | ShapeError]:
        """Make several requests in batches; each has its own answer or error, by its name.

        Raises:
            LimitedError: Google wants silence; what was answered before is asked again, which changes nothing.
        """
        found: dict[str, dict[str, Any] | ConnectorError | ShapeError] = {}
        names = list(asked)
        for begin in range(0, len(names), BATCH):
            some = names[begin : begin + BATCH]
            self.tools.spend(limits, units * len(some))
            try:
                found |= self._answers({name: asked[name] for name in some})
                for name in some:
                    if isinstance(error := found[name], LimitedError):
                        raise error
            except LimitedError as error:
                self._be_silent(limits, error)
                raise
        return found

    def _answers(self, asked: Mapping[str, HttpRequest]) -> dict[str, dict[str, Any] | ConnectorError | ShapeError]:
        """Make one batch; parts whose token is refused although it should be good are asked once more with another."""
        found, token = self._batch(asked)
        refused = {name: asked[name] for name, answer in found.items() if isinstance(answer, AuthError)}
        if refused:
            self._refused = token
            found |= self._batch(refused)[0]
        return found

    def _batch(
        self, asked: Mapping[str, HttpRequest]
    ) -> tuple[dict[str, dict[str, Any] | ConnectorError | ShapeError], str]:
        """Return what each part was answered with, and the token that all were asked with."""
        names = list(asked)
        found: dict[str, dict[str, Any] | ConnectorError | ShapeError] = {}

        def take(number: str, answer: Any, error: Exception | None) -> None:
            name = names[int(number)]
            if isinstance(error, HttpError):
                found[name] = _error(error)
            elif error is not None or not isinstance(answer, dict):
                found[name] = ShapeError(f"a part of Google's answer cannot be read: {type(error).__name__}")
            else:
                found[name] = answer

        batch = BatchHttpRequest(callback=take, batch_uri=_batch_uri(asked[names[0]]))
        for number, name in enumerate(names):
            # Numbers, because the library folds a longer Content-ID over two lines and cannot read its answer then.
            batch.add(asked[name], request_id=str(number))
        token = self._execute(partial(_send_batch, batch))
        return found, token

    def blocks(self, request: HttpRequest, limits: Sequence[Limit], units: int = 1) -> Iterator[bytes]:
        """Make one request and return its answer's body as it arrives, for what is too large to hold twice.

        Raises:
            ConnectorError: as of `call`, before the first block; RetryLaterError also in the middle.
        """
        self.tools.spend(limits, units)
        try:
            yield from self._execute(lambda transport: transport.blocks(request.uri))
        except LimitedError as error:
            self._be_silent(limits, error)
            raise

    def _be_silent(self, limits: Sequence[Limit], error: LimitedError) -> None:
        """Spend nothing for a while: of the mailbox alone where that is what Google says, else of all that share a limit."""
        meant = [one for one in limits if not one.is_shared] if isinstance(error, MailboxLimitedError) else limits
        self.tools.limited(meant, error.retry_after or _USUAL_PAUSE_S)

    def _execute(self, send: Callable[[Transport], Any]) -> Any:
        """Send; a token that is refused although it should be good is refreshed once."""
        for last in (False, True):
            transport = Transport(self._session, self._token(), self.settings.timeout_s)
            try:
                return send(transport)
            except HttpError as error:
                if error.resp.status != requests.codes.unauthorized or last:
                    raise _error(error) from None
                self._refused = transport.token  # the one that was sent: another worker may have got a new one
            except (ValueError, UnicodeError) as error:
                raise ShapeError(f"Google's answer is no JSON: {type(error).__name__}") from error
        raise AssertionError  # the loop returns or raises

    def _token(self) -> str:
        return self.tools.access_token(
            lambda grant: auth.refreshed(self.settings, self._session, grant, self.mailbox),
            refused=self._refused,
            mailbox=self.mailbox if self.settings.key else "",
            first=auth.first(self.settings),
        )


class MailboxLimitedError(LimitedError):
    """The limit of one mailbox; the others of the project go on."""


def _send_batch(batch: BatchHttpRequest, transport: Transport) -> str:
    """Send a batch, and return the token that it was sent with."""
    batch.execute(http=transport)
    return transport.token


class Named:
    """The methods of an API. googleapiclient makes those of a collection anew whenever it is named; this keeps them."""

    def __init__(self, made: Resource) -> None:
        self._made = made
        self._inner: dict[str, Named] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._made, name)
        if not getattr(found, "__is_resource__", False):
            return found
        if name not in self._inner:  # two threads at once make two that are the same
            self._inner[name] = Named(found())
        return lambda: self._inner[name]


@lru_cache(maxsize=50)
def _api(name: str, version: str, base_url: str) -> Named:
    """Return an API's methods; made once, since a document has hundreds of them."""
    folder = resources.files("googleapiclient") / "discovery_cache" / "documents"
    document = json.loads((folder / f"{name}.{version}.json").read_text("utf-8"))
    if base_url:
        document["rootUrl"] = f"{base_url.rstrip('/')}/"
        document.pop("mtlsRootUrl", None)
    return Named(build_from_document(document, http=httplib2.Http()))


def _batch_uri(request: HttpRequest) -> str:
    """Return where batches of an API go: /batch/gmail/v1 beside /gmail/v1."""
    root, _, rest = request.uri.partition("//")
    host, _, path = rest.partition("/")
    api, version = path.split("/")[:2]
    return f"{root}//{host}/batch/{api}/{version}"


# --- errors -------------------------------------------------------------------------------------------------------


def _error(error: HttpError) -> ConnectorError:
    """Say what the caller does next. Source: fact of 5.2 of the specification, one row each, with tests."""
    status = int(error.resp.status)
    reasons, said = _reasons(error.content)
    text = f"Google: {said or error.reason or status}"[:500]
    retry_after = retry_after_of(error.resp)
    if reasons & _OF_MAILBOX:
        return MailboxLimitedError(text, retry_after=retry_after or _USUAL_PAUSE_S)
    if reasons & _LIMITS or status == requests.codes.too_many_requests:
        return LimitedError(text, retry_after=retry_after or _USUAL_PAUSE_S)
    if reasons & _DAILY:
        return LimitedError(text, retry_after=retry_after or 3600.0)
    if reasons & _SWITCHED_OFF:
        return DisabledError(f"{text} Switch the API on in the Google Cloud console of your project.")
    if reasons & _SCOPES:
        return ScopeError(f"{text} Connect again and grant this permission.")
    if reasons & _UNSUPPORTED:
        return UnsupportedError(text)
    if reasons & _NOT_OURS:
        return ReadOnlyError(text)
    if "EXPIRED_SYNC_TOKEN" in reasons or "fullSyncRequired" in reasons:
        return CursorExpired(text)
    if "failedPrecondition" in reasons and status == requests.codes.bad_request:
        return ConflictError(text)
    return _by_status(status, text, retry_after)


def _by_status(status: int, text: str, retry_after: float | None) -> ConnectorError:
    if status == requests.codes.unauthorized:
        return AuthError(f"{text} Press Connect again.")
    if status in {requests.codes.not_found, requests.codes.gone}:
        return GoneError(text)
    if status in {requests.codes.precondition_failed, requests.codes.conflict}:
        return ConflictError(text)
    if (
        status in {requests.codes.request_timeout, requests.codes.locked}
        or status >= requests.codes.internal_server_error
    ):
        return RetryLaterError(text, retry_after=retry_after)
    if status == requests.codes.forbidden:
        return ScopeError(text)
    return RejectedError(text)


def _reasons(content: bytes) -> tuple[set[str], str]:
    """Return Google's words for what is wrong, old form and new, and its sentence."""
    try:
        told = json.loads(content)["error"]
        if not isinstance(told, dict):
            return {str(told)}, str(told)
        reasons = {str(one.get("reason", "")) for one in told.get("errors", []) if isinstance(one, dict)}
        reasons |= {str(one.get("reason", "")) for one in told.get("details", []) if isinstance(one, dict)}
        reasons.add(str(told.get("status", "")))
        if told.get("status") == "FAILED_PRECONDITION":
            reasons.add("failedPrecondition")
        return reasons - {""}, str(told.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return set(), ""
