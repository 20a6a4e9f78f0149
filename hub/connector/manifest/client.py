"""Requests of a manifest's account: only questions, only to where they may go, through its limits, with good access.

Nothing here can write: the verbs are GET, and POST where the manifest says of a path that it searches or logs in.
"""

import contextlib
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

import requests

from hub.connector.http import Session, blocks
from hub.connector.manifest.auth import Outgoing, Proof
from hub.connector.manifest.document import Probe
from hub.connector.manifest.guard import Guard
from hub.connector.manifest.settings import Access
from hub.connector.manifest.words import error_of
from hub.connector.stream import Grant, Limit, Tools
from hub.errors import AuthError, GoneError, LimitedError, RejectedError, RetryLaterError, ScopeError

LARGEST = 30 * 2**20  # bytes of one answer
REDIRECTS = 3
_MOVED = {301, 302, 303, 307, 308}
_COOKIE = re.compile(r"[!#$%&'()*+\-./:<=>?@\[\]^_`{|}~0-9A-Za-z]{1,4000}")
_SAFE = "/?&=:;,@!$'()*+~%"  # what a template encoded stays as it is
_Found = TypeVar("_Found")


class _Hidden(logging.Filter):
    """Takes keys out of the addresses that urllib3 writes down where somebody looks for a fault."""

    names: frozenset[str] = frozenset()

    def filter(self, record: logging.LogRecord) -> bool:
        if self.names and isinstance(record.args, tuple):
            pattern = rf"([?&](?:{'|'.join(map(re.escape, self.names))})=)[^&\s\"]*"
            record.args = tuple(re.sub(pattern, r"\1***", one) if isinstance(one, str) else one for one in record.args)
        return True


_HIDDEN = _Hidden()
logging.getLogger("urllib3.connectionpool").addFilter(_HIDDEN)


@dataclass(frozen=True, slots=True)
class Question:
    """What a listing or a single record is asked by."""

    path: str  # below the base address; or a whole address, of a next page
    verb: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """JSON that came back; amounts are the digits that were sent."""

    told: Any
    headers: Mapping[str, str]
    cookies: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Pace:
    """When an account was asked last; as many at a time as its manifest allows."""

    turns: threading.BoundedSemaphore
    lock: threading.Lock = field(default_factory=threading.Lock)
    next_at: float = 0.0


_PACES: dict[tuple[str, int, str], _Pace] = {}
_PACING = threading.Lock()


class Client:
    """One account of a manifest."""

    def __init__(self, access: Access, tools: Tools) -> None:
        self.access = access
        self._tools = tools
        self._guard = Guard(access)
        self._proof = Proof(access)
        self._session = _session(access)
        if self._proof.hidden:
            _HIDDEN.names |= {self._proof.hidden}

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What may be asked: by everybody who reads this account."""
        return (Limit(f"{self.access.connector}:{self.access.account_id}", self.access.per_minute),)

    def ask(self, question: Question) -> Answer:
        """Ask, with good access.

        Raises:
            ConnectorError: one of them, see `words.error_of`.
        """
        return self._with_access(lambda token: self._asked(question, token))

    def prove(self) -> None:
        """Ask whether we are let in. Raises ConnectorError: no, or not now."""
        self._tools.access_token(self._refreshed, first=self._proof.first)
        if self.access.manifest.check is not None:
            self._let_in(self.access.manifest.check)

    def next_of(self, link: str) -> str:
        """Return the address of a next page without our key in it. Raises RejectedError: it leads somewhere else."""
        address = self._guard.inside(link)
        if not self._proof.hidden:
            return address
        head, sign, query = address.partition("?")
        kept = [one for one in query.split("&") if one.partition("=")[0] != self._proof.hidden]
        return f"{head}{sign}{'&'.join(kept)}".rstrip("?")

    def content(self, path: str, *, largest: int) -> bytes:
        """Return what lies below the base address, as it is; raises as `ask`.

        Raises:
            RejectedError: it is larger.
        """
        return self._with_access(lambda token: self._downloaded(path, token, largest))

    def _downloaded(self, path: str, token: str, largest: int) -> bytes:
        out = self._proof.signed(self._outgoing(Question(path)), token)
        self._tools.spend(self.limits, 1)
        answer = self._sent(replace(out, headers={**out.headers, "Accept": "application/pdf, */*;q=0.5"}))
        found = b"".join(blocks(answer, largest + 1, self._whose))
        if answer.status_code != requests.codes.ok:
            raise self._error(answer, _json(found)) or RejectedError(
                f"{self._whose} has the status {answer.status_code}."
            )
        if len(found) > largest:
            raise RejectedError(f"{self._whose} is larger than {largest} bytes.")
        return found

    # --- access -------------------------------------------------------------------------------------------------------

    def _with_access(self, asked: Callable[[str], _Found]) -> _Found:
        """Ask with a token; if it is refused once more, with one that was proven or exchanged anew."""
        first = self._proof.first
        token = self._tools.access_token(self._refreshed, first=first)
        try:
            return asked(token)
        except AuthError:
            # A key that is dead is said to be so here.
            again = self._tools.access_token(self._refreshed, refused=token, first=first)
        try:
            return asked(again)
        except AuthError as error:
            if self._proof.is_exchanged or self.access.manifest.check is None:
                raise
            raise ScopeError(f"{error} The access itself is good.") from None

    def _refreshed(self, grant: Grant) -> Grant:
        """Prove a key, or exchange the credentials for a token."""
        if self._proof.is_exchanged:
            answer = self._told(self._proof.asking())
            return self._proof.granted(answer.told, answer.cookies, grant)
        key = self._proof.key()
        if self.access.manifest.check is not None:
            self._let_in(self.access.manifest.check, key)
        return Grant(grant.refresh_token, key)

    def _let_in(self, check: Probe, key: str | None = None) -> None:
        given = self.access.given
        body = given(dict(check.body)) if check.method == "POST" else None
        question = Question(given(check.path), check.method, texts(given(dict(check.query))), body=body)
        token = key or self._tools.access_token(self._refreshed, first=self._proof.first)
        with contextlib.suppress(ScopeError, GoneError, RejectedError):  # who is refused a thing was let in
            self._asked(question, token)

    # --- one request --------------------------------------------------------------------------------------------------

    @property
    def _whose(self) -> str:
        return f"The answer of {self.access.manifest.title}"

    def _outgoing(self, question: Question) -> Outgoing:
        is_whole = question.path.startswith(("http://", "https://"))
        url = question.path if is_whole else f"{self.access.base}{quote(question.path, safe=_SAFE)}"
        headers = {"Accept": "application/json", **self.access.manifest.headers, **question.headers}
        return Outgoing(question.verb, url, question.query, headers, question.body)

    def _asked(self, question: Question, token: str) -> Answer:
        return self._told(self._proof.signed(self._outgoing(question), token))

    def _told(self, out: Outgoing) -> Answer:
        self._tools.spend(self.limits, 1)
        answer = self._sent(out)
        content = b"".join(blocks(answer, LARGEST + 1, self._whose))
        if len(content) > LARGEST:
            raise RetryLaterError(f"{self._whose} is larger than {LARGEST} bytes.")
        told = _json(content)
        error = self._error(answer, told)
        if error is not None:
            raise error
        if told is None:
            raise RetryLaterError(f"{self._whose} cannot be read: it is no JSON.")
        return Answer(told, answer.headers, _cookies(answer))

    def _error(self, answer: requests.Response, told: Any) -> Exception | None:
        """Return what an answer means, as `error_of`; where it was too much, nobody asks for a while."""
        error = error_of(self.access.manifest, answer.status_code, answer.headers, told, self.access.secrets)
        if isinstance(error, LimitedError):
            self._tools.limited(self.limits, error.retry_after or 1.0)
        return error

    def _sent(self, out: Outgoing) -> requests.Response:
        """Send, and follow redirects of questions to where we may go."""
        for _ in range(REDIRECTS + 1):
            self._guard.check(out.url)
            answer = self._once(out)
            if answer.status_code not in _MOVED:
                return answer
            answer.close()
            if out.verb != "GET":
                raise RejectedError(f"{self.access.manifest.title} sends a search elsewhere; correct its address.")
            out = replace(
                out,
                url=self.next_of(urljoin(out.address, answer.headers.get("location", ""))),
                query=_key(self._proof, out),
            )
        raise RetryLaterError(f"{self.access.manifest.title} sends us round in a circle.")

    def _once(self, out: Outgoing) -> requests.Response:
        headers = dict(out.headers)
        if out.body is not None or out.form is not None:
            headers["Content-Type"] = "application/json" if out.form is None else "application/x-www-form-urlencoded"
        pace = self._pace()
        with pace.turns:
            self._wait(pace)
            try:
                return self._session.request(
                    out.verb, out.address, data=out.content or None, headers=headers,
                    timeout=self.access.timeout_s, stream=True, allow_redirects=False,
                )  # fmt: skip
            except requests.exceptions.SSLError:
                raise RetryLaterError(f"The certificate of {self.access.manifest.title} is not trusted.") from None
            except (
                requests.RequestException,
                OSError,
                ValueError,
            ) as error:  # their texts have the address, and so a key
                raise RetryLaterError(
                    f"{self.access.manifest.title} cannot be reached: {type(error).__name__}."
                ) from None

    def _pace(self) -> _Pace:
        limits = self.access.manifest.limits
        with _PACING:
            key = (self.access.connector, self.access.account_id, self.access.base)
            if key not in _PACES:
                _PACES[key] = _Pace(threading.BoundedSemaphore(limits.concurrent))
            return _PACES[key]

    def _wait(self, pace: _Pace) -> None:
        """Let some time pass between two requests where the remote counts by the second."""
        a_second = self.access.per_second
        if not a_second:
            return
        with pace.lock:
            wait_s = max(0.0, pace.next_at - time.monotonic())
            pace.next_at = time.monotonic() + wait_s + 1 / a_second
        if wait_s:
            threading.Event().wait(wait_s)


def _session(access: Access) -> Session:
    """Return what sends: with the machine's proxy and authorities, looked up once, and without its passwords (`.netrc`)."""
    made = Session(access.ca)
    usual = made.merge_environment_settings(access.base, {}, None, None, None)
    made.proxies, made.verify, made.trust_env = dict(usual["proxies"]), usual["verify"], False
    made.cookies.set_policy(_NoCookies())
    return made


class _NoCookies(DefaultCookiePolicy):
    """Keeps no cookie: a session is what the hub keeps, sealed."""

    def set_ok(self, cookie: Any, request: Any) -> bool:
        del cookie, request
        return False


def _key(proof: Proof, out: Outgoing) -> Mapping[str, str]:
    """Return the query of a redirected request: nothing but our key, where that stands in the query."""
    return {proof.hidden: out.query[proof.hidden]} if proof.hidden in out.query else {}


def _cookies(answer: requests.Response) -> Mapping[str, str]:
    """Return the cookies that an answer sets, without looking at whom they are for."""
    listed = answer.raw.headers.getlist("Set-Cookie") if answer.raw is not None else []
    pairs = (one.partition(";")[0].strip().partition("=") for one in listed)
    return {name: value for name, _, value in pairs if name and _COOKIE.fullmatch(value)}


def _json(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"), parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as a query has them; what is empty is left out."""
    return {name: str(one).lower() if isinstance(one, bool) else str(one) for name, one in values.items() if one != ""}


def entries(found: Any, most: int, whose: str) -> list[dict[str, Any]]:
    """Return the records of a listing; those that stand under their ids are taken from there.

    Raises:
        RetryLaterError: it is none, or has more than anybody asked for.
    """
    is_by_id = isinstance(found, dict) and all(isinstance(one, dict) for one in found.values())
    listed = list(found.values()) if is_by_id else found
    if not isinstance(listed, list):
        raise RetryLaterError(f"{whose} is no listing.")
    if len(listed) > most:
        raise RetryLaterError(f"{whose} has {len(listed)} records; at most {most} were expected.")
    return [one for one in listed if isinstance(one, dict)]
