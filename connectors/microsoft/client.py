"""Requests to Microsoft Graph: through our limits, with a good token, and its errors as ours.

Sources: https://learn.microsoft.com/graph/use-the-api, https://learn.microsoft.com/graph/json-batching,
https://learn.microsoft.com/graph/outlook-immutable-id, https://learn.microsoft.com/graph/throttling
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests

from connectors.microsoft import auth
from connectors.microsoft.errors import USUAL_PAUSE_S, error_of, told_of
from connectors.microsoft.settings import MicrosoftSettings
from hub.connector.http import Session, blocks
from hub.connector.stream import Limit, Tools
from hub.errors import AuthError, ConnectorError, LimitedError, RetryLaterError, ShapeError

VERSION = "/v1.0"
BATCH = 20  # requests of one batch: https://learn.microsoft.com/graph/json-batching#batch-size-limitations
PATIENCE_S = 30.0  # of silence within a batch; a longer one ends what is being read, and it is read again later
LARGEST = 60 * 2**20  # bytes of one answer
LARGEST_REFUSAL = 1 << 20  # bytes of an answer that says why not
JSON = "application/json"
# Ids that stay when an item moves, asked for each time: https://learn.microsoft.com/graph/outlook-immutable-id
IMMUTABLE = 'IdType="ImmutableId"'
_WHOSE = "Microsoft's answer"
_READABLE = "$,:()'/"  # in a query these mean themselves

Answer = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request of a batch."""

    path: str  # below the mailbox, such as `/messages/AAMk…`
    verb: str = "GET"
    body: Mapping[str, Any] | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    version: str = ""  # the etag that the record must still have
    prefer: tuple[str, ...] = ()


class Client:
    """One mailbox, at Microsoft."""

    def __init__(self, settings: MicrosoftSettings, tools: Tools, mailbox: str) -> None:
        self.settings = settings
        self.tools = tools
        self.mailbox = mailbox
        self._session = Session(settings.ca)
        self._base = settings.graph_url.rstrip("/")
        self._refused = ""

    @property
    def limits(self) -> Sequence[Limit]:
        """What Microsoft allows this app in this mailbox."""
        name = f"microsoft:{self.settings.client_id}:{self.mailbox}"
        return (Limit(name, self.settings.requests_per_minute),)

    def login(self) -> None:
        """Get an access token.

        Raises:
            AuthError: nobody let us in, or no more.
            RetryLaterError: Microsoft cannot be asked just now.
        """
        self._token()

    # --- requests -------------------------------------------------------------------------------------------------

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, prefer: Sequence[str] = (), root: bool = False
    ) -> Answer:
        """Read something.

        Args:
            path: below the mailbox, or a whole link that Graph gave us; ids in it are `quoted`.
            prefer: what else is wished for, such as `outlook.timezone="UTC"`.
            root: the path is not below the mailbox.

        Raises:
            ConnectorError: one of them, see `errors.error_of`.
            ShapeError: the answer is no JSON object, or the link leads elsewhere.
        """
        return self._read("GET", self._url(path, params, root=root), _headers(prefer))

    def send(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        version: str = "",
        prefer: Sequence[str] = (),
        root: bool = False,
    ) -> Answer:
        """Write something; what has no answer returns nothing in it.

        Args:
            version: the etag that the record must still have.

        Raises:
            ConnectorError, ShapeError: as of `get`.
        """
        content = json.dumps(body).encode() if body is not None else None
        headers = _headers(prefer, version=version, content_type=JSON if body is not None else "")
        return self._read(verb, self._url(path, root=root), headers, content)

    def put(self, path: str, content: bytes, content_type: str, *, version: str = "") -> Answer:
        """Write bytes, such as a photo. Raises as `get`."""
        return self._read("PUT", self._url(path), _headers(version=version, content_type=content_type), content)

    def post_raw(self, path: str, content: bytes, content_type: str) -> Answer:
        """Write what is no JSON, such as a whole mail. Raises as `get`."""
        return self._read("POST", self._url(path), _headers(content_type=content_type), content)

    def blocks(self, path: str) -> Iterator[bytes]:
        """Read bytes as they arrive, such as the `$value` of an attachment.

        Raises:
            ConnectorError: as of `get`, before the first block; RetryLaterError also in the middle.
        """
        self.tools.spend(self.limits, 1)
        with self._silence():
            answer = self._sent("GET", self._url(path), _headers(accept="*/*"))
        yield from blocks(answer, LARGEST, _WHOSE)

    def all(self, asked: Mapping[str, Asked]) -> dict[str, Answer | ConnectorError | ShapeError]:
        """Make several requests in batches; each has its own answer or error, by its name.

        One batch after the other: of each, Graph itself asks four at a time, which is all that a mailbox allows. What is
        too much for it is asked again by itself when the silence is over, so that each round comes further.
        Source: https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits

        Raises:
            LimitedError: Graph wants a long silence, or answered nothing; what was answered before is asked again, so only
                reading and what may be repeated belongs in here.
            ConnectorError: the batch itself was refused.
        """
        found: dict[str, Answer | ConnectorError | ShapeError] = {}
        left = dict(asked)
        while left:
            some = dict(islice(left.items(), BATCH))
            with self._silence():
                answers = self._answers(some)
                limited = [error for error in answers.values() if isinstance(error, LimitedError)]
                if limited:
                    self._be_patient(limited, came_further=len(limited) < len(some))
            for name, answer in answers.items():
                if not isinstance(answer, LimitedError):
                    found[name] = answer
                    del left[name]
        return found

    def _be_patient(self, limited: Sequence[LimitedError], *, came_further: bool) -> None:
        """Wait as long as the longest silence of a batch's parts; raise it where it is too long or nothing was answered."""
        longest = max(limited, key=lambda error: error.retry_after or 0.0)
        pause_s = longest.retry_after or USUAL_PAUSE_S
        if not came_further or pause_s > PATIENCE_S:
            raise longest
        self.tools.limited(self.limits, pause_s)
        threading.Event().wait(pause_s)

    # --- batches --------------------------------------------------------------------------------------------------

    def _answers(self, asked: Mapping[str, Asked]) -> dict[str, Answer | ConnectorError | ShapeError]:
        """Make one batch; parts whose token is refused although it should be good are asked once more with another."""
        found, token = self._batch(asked)
        refused = {name: asked[name] for name, answer in found.items() if isinstance(answer, AuthError)}
        if refused:
            self._refused = token
            found |= self._batch(refused)[0]
        return found

    def _batch(self, asked: Mapping[str, Asked]) -> tuple[dict[str, Answer | ConnectorError | ShapeError], str]:
        """Return what each part was answered with, and the token that all were asked with."""
        # Numbers, because Graph does not tell ids apart that differ only in case.
        names = {str(number): name for number, name in enumerate(asked)}
        body = {"requests": [self._part(number, asked[name]) for number, name in names.items()]}
        self.tools.spend(self.limits, len(names))
        content = json.dumps(body).encode()
        answer = self._sent("POST", f"{self._base}{VERSION}/$batch", _headers(content_type=JSON), content)
        token, parts = _token_of(answer), self._decoded(answer).get("responses")
        if not isinstance(parts, list):
            raise ShapeError("Microsoft's answer to a batch has no parts")
        found: dict[str, Answer | ConnectorError | ShapeError] = {
            name: ShapeError("Microsoft's answer to a batch leaves this one out") for name in names.values()
        }
        for part in parts:
            if isinstance(part, dict) and (name := names.get(str(part.get("id")))) is not None:
                found[name] = _of_part(part)
        return found, token

    def _part(self, number: str, one: Asked) -> Answer:
        url = self._url(one.path, one.params).removeprefix(f"{self._base}{VERSION}")
        headers = _headers(one.prefer, version=one.version, content_type=JSON if one.body is not None else "")
        part: Answer = {"id": number, "method": one.verb, "url": url, "headers": headers}
        return part if one.body is None else {**part, "body": one.body}

    # --- one request ----------------------------------------------------------------------------------------------

    def _url(self, path: str, params: Mapping[str, str] | None = None, *, root: bool = False) -> str:
        if not path.startswith("/"):
            return self._link(path)
        me = "" if root else f"/users/{quoted(self.mailbox)}" if self.settings.app_only else "/me"
        query = f"?{urlencode(params, quote_via=quote, safe=_READABLE)}" if params else ""
        return f"{self._base}{VERSION}{me}{path}{query}"

    def _link(self, link: str) -> str:
        """Let a link pass that Graph gave us: our token goes to no other place. Raises ShapeError."""
        try:
            given, own = urlsplit(link), urlsplit(self._base)
            is_own = (given.scheme, given.hostname, given.port, given.username) == (
                own.scheme, own.hostname, own.port, None
            )  # fmt: skip
        except ValueError:
            is_own = False
        if not is_own or not given.path.startswith(f"{own.path}{VERSION}/"):
            raise ShapeError("A link that Microsoft gave leads to another place than Graph")
        return link

    def _read(self, verb: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
        self.tools.spend(self.limits, 1)
        with self._silence():
            return self._decoded(self._sent(verb, url, headers, content))

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Let nobody spend for a while where Graph wants that."""
        try:
            yield
        except LimitedError as error:
            self.tools.limited(self.limits, error.retry_after or USUAL_PAUSE_S)
            raise

    def _sent(self, verb: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> requests.Response:
        """Send; a token that is refused although it should be good is refreshed once. Return what is no refusal."""
        for last in (False, True):
            answer = self._once(verb, url, headers, content)
            if answer.status_code < requests.codes.multiple_choices:
                return answer
            said = b"".join(blocks(answer, LARGEST_REFUSAL, _WHOSE))
            if answer.status_code != requests.codes.unauthorized or last:
                raise error_of(answer.status_code, answer.headers, told_of(said))
            self._refused = _token_of(answer)  # the one that was sent: meanwhile another worker may have got a new one
        raise AssertionError  # the loop returns or raises

    def _once(self, verb: str, url: str, headers: Mapping[str, str], content: bytes | None) -> requests.Response:
        sent = {**headers, "Authorization": f"Bearer {self._token()}"}
        try:
            return self._session.request(
                verb, url, data=content, headers=sent, timeout=self.settings.timeout_s, stream=True,
                allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of Microsoft's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(f"Microsoft cannot be reached: {type(error).__name__}") from error

    def _decoded(self, answer: requests.Response) -> Answer:
        content = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        if len(content) > LARGEST:
            raise ShapeError(f"{_WHOSE} is larger than {LARGEST} bytes")
        if not content.strip():
            return {}
        try:
            told = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ShapeError(f"{_WHOSE} is no JSON: {type(error).__name__}") from error
        if not isinstance(told, dict):
            raise ShapeError(f"{_WHOSE} is no JSON object")
        return told

    def _token(self) -> str:
        return self.tools.access_token(
            lambda grant: auth.refreshed(self.settings, grant),
            refused=self._refused,
            first=auth.first(self.settings),
        )


def quoted(name: str) -> str:
    """Return an id or an address as one place of a path: ids may have slashes."""
    return quote(name, safe="=@")


def _headers(
    prefer: Sequence[str] = (), *, version: str = "", content_type: str = "", accept: str = JSON
) -> dict[str, str]:
    headers = {"Accept": accept, "Prefer": ", ".join((IMMUTABLE, *prefer))}
    if version:
        headers["If-Match"] = version
    if content_type:
        headers["Content-Type"] = content_type
    return headers


def _token_of(answer: requests.Response) -> str:
    """Return the token that an answer was asked for with."""
    return str(answer.request.headers["Authorization"]).removeprefix("Bearer ")


def _of_part(part: Mapping[str, Any]) -> Answer | ConnectorError | ShapeError:
    """Return what one part of a batch was answered with."""
    status, body, headers = part.get("status"), part.get("body"), part.get("headers")
    if not isinstance(status, int):
        return ShapeError("a part of Microsoft's answer has no status")
    if not requests.codes.ok <= status < requests.codes.multiple_choices:
        names = headers.items() if isinstance(headers, dict) else ()
        return error_of(status, {str(name): str(value) for name, value in names}, body)
    if body is None or body == "":
        return {}
    return body if isinstance(body, dict) else ShapeError("a part of Microsoft's answer is no JSON object")
