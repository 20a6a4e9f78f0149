"""Requests to the Graph API: through our limits, with a good token, and its errors as ours.

A token travels in the header `Authorization` or in a body, never in an address: addresses are written into logs.
Links that an answer gives are not followed, since they carry tokens and may lead anywhere; pages go by their cursors.
Sources: https://developers.facebook.com/docs/graph-api/overview, https://developers.facebook.com/docs/graph-api/results,
https://developers.facebook.com/docs/graph-api/guides/secure-requests
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import requests

from connectors.facebook import auth
from connectors.facebook.errors import NotShownError, error_of, refusal_of, told_of
from connectors.facebook.settings import FacebookSettings
from connectors.facebook.usage import Usage, ads_usage_of, usage_of
from hub.connector.http import Session, blocks
from hub.connector.stream import Limit, Tools
from hub.errors import AuthError, LimitedError, RetryLaterError, ScopeError, ShapeError

LARGEST = 30 * 2**20  # bytes of one answer
PAGE = 100  # entries of one page; of many more Graph answers with an error
PATIENCE = 10  # pages in a row that show nothing new
MOST_IDS = 50  # objects of one question
STOP = 80  # percent used of a limit: polling rests, what webhooks named is still fetched
REST_S = 900.0
_WHOSE = "Meta's answer"
_PLACE = re.compile(r"/|(/[A-Za-z0-9_]+)+")
_log = logging.getLogger(__name__)

Answer = dict[str, Any]


class Client:
    """One page at Meta; or who connected (`auth.PERSON`), the app itself (`auth.APP`), an ad account (`auth.ADS`)."""

    def __init__(self, settings: FacebookSettings, tools: Tools, mailbox: str) -> None:
        self.settings = settings
        self.tools = tools
        self.mailbox = mailbox
        self.usage = Usage()  # as the last answer told it
        self.warning = ""  # what Meta says of the version, where it will end
        self._session = Session(settings.ca)
        self._refused = self._why = ""

    @property
    def limits(self) -> Sequence[Limit]:
        """What may be asked about this page, and of the app as a whole."""
        most = self.settings.calls_per_minute
        whole = Limit(f"facebook:{self.settings.app_id}", most, is_shared=True)
        return (
            (whole,)
            if self.mailbox in (auth.PERSON, auth.APP)
            else (whole, Limit(f"{whole.name}:{self.mailbox}", most))
        )

    @property
    def _is_of_ads(self) -> bool:
        return self.mailbox.startswith(auth.ADS)

    @property
    def polling(self) -> Limit:
        """What rests first, when much of Meta's limit is used."""
        return Limit(f"facebook:{self.settings.app_id}:{self.mailbox}:polling", self.settings.calls_per_minute)

    @property
    def token(self) -> str:
        """The token that requests are made with.

        Raises:
            ConnectorError: there is none.
        """
        if self.mailbox == auth.APP:
            return auth.app_token(self.settings)
        if self.mailbox == auth.PERSON or self._is_of_ads:
            return auth.person_token(self.settings, self.tools, refused=self._refused, why=self._why)
        return auth.page_token(
            self.settings, self.tools, self.mailbox, self._of_page, refused=self._refused, why=self._why
        )

    # --- requests -------------------------------------------------------------------------------------------------

    def get(self, path: str, params: Mapping[str, str] | None = None, *, units: int = 1, polls: bool = False) -> Answer:
        """Read something.

        Args:
            path: below the version, such as `/1234/leads`.
            units: how many calls Meta counts for it.
            polls: nobody waits for it, so it rests when much of the limit is used.

        Raises:
            ConnectorError: one of them, see `errors.error_of`.
        """
        return self._read("GET", path, params or {}, units=units, polls=polls)

    def post(self, path: str, form: Mapping[str, str], params: Mapping[str, str] | None = None) -> Answer:
        """Write something. Raises as `get`."""
        return self._read("POST", path, params or {}, form=form)

    def delete(self, path: str) -> Answer:
        """Delete something. Raises as `get`."""
        return self._read("DELETE", path, {})

    def hidden(self, path: str, params: Mapping[str, str]) -> Answer:
        """Read something with what must not stand in an address: as a batch of one, whose parts travel in the body.

        Source: https://developers.facebook.com/docs/graph-api/batch-requests

        Raises:
            ConnectorError: as of `get`.
        """
        part = {"method": "GET", "relative_url": f"{path}?{urlencode(params)}"}
        told = self._asked("POST", "/", {}, form={"batch": json.dumps([part]), "include_headers": "false"})
        [one] = told if isinstance(told, list) and len(told) == 1 else [None]
        body = told_of(str(one.get("body")).encode()) if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(body, dict):
            raise RetryLaterError(f"{_WHOSE} to a batch leaves a part out.")
        if refusal_of(body) is not None:
            raise error_of(int(one.get("code") or 0), {}, body)
        return body

    def all(self, path: str, params: Mapping[str, str], *, polls: bool = False) -> Iterator[Answer]:
        """Read a whole listing, page after page. Raises as `get`."""
        asked = {**params, "limit": str(PAGE)}
        seen: set[str] = set()
        patience = PATIENCE
        while patience:
            answer = self.get(path, asked, polls=polls)
            new = [one for one in entries(answer) if str(one.get("id")) not in seen]
            seen.update(str(one.get("id")) for one in new)
            yield from new
            after = after_of(answer)
            if not after:
                return
            asked = {**asked, "after": after}
            patience = PATIENCE if new else patience - 1
        raise RetryLaterError("Meta sends us round in a circle: page after page shows nothing new")

    def many(self, ids: Sequence[str], fields: str, *, tries: int = 200) -> dict[str, Answer]:
        """Read several objects by their ids; those that are not shown are left out.

        One that is not shown lets Meta refuse all that were asked for with it, so they are asked for again without it.

        Args:
            tries: questions at most; what was not answered by then is left out.

        Raises:
            ConnectorError: as of `get`, for all.
        """
        found: dict[str, Answer] = {}
        waiting = [list(ids[begin : begin + MOST_IDS]) for begin in range(0, len(ids), MOST_IDS)]
        while waiting and tries > 0:
            some = waiting.pop()
            tries -= 1
            try:
                told = self.get("/", {"ids": ",".join(some), "fields": fields}, units=len(some))
            except NotShownError as error:
                named = set(re.findall(r"\d+", str(error).partition("(code")[0]))
                rest = [one for one in some if one not in named]
                half = (len(rest) + 1) // 2
                # Where Meta does not say which one it is, it is in one half or the other.
                waiting += [rest] if len(rest) < len(some) else [rest[:half], rest[half:]] if len(rest) > 1 else []
                waiting = [one for one in waiting if one]
                continue
            found |= {one: told[one] for one in some if isinstance(told.get(one), dict)}
        return found

    # --- one request ----------------------------------------------------------------------------------------------

    def _read(self, verb: str, path: str, params: Mapping[str, str], **how: Any) -> Answer:
        told = self._asked(verb, path, params, **how)
        if not isinstance(told, dict):
            raise RetryLaterError(f"{_WHOSE} cannot be read: it is no JSON object.")
        return told

    def _asked(
        self,
        verb: str,
        path: str,
        params: Mapping[str, str],
        *,
        form: Mapping[str, str] | None = None,
        units: int = 1,
        polls: bool = False,
    ) -> Any:
        if not _PLACE.fullmatch(path):
            raise ShapeError(f"{path[:60]!r} is no place of the Graph API")
        self.tools.spend((*self.limits, self.polling) if polls else self.limits, units)
        try:
            return self._sent(verb, path, params, form)
        except LimitedError as error:
            is_of_app = getattr(error, "is_of_app", True) and not (
                self._is_of_ads and getattr(error, "is_of_ads", False)
            )
            self.tools.limited(self.limits[:1] if is_of_app else self.limits[-1:], error.retry_after or REST_S)
            raise

    def _sent(self, verb: str, path: str, params: Mapping[str, str], form: Mapping[str, str] | None) -> Any:
        """Send; a page's token that is refused is asked for once more."""
        for last in (False, True):
            token = self.token
            answer, told = self._once(verb, path, params, form, token)
            if refusal_of(told) is None and answer.status_code < requests.codes.multiple_choices:
                return told
            error = error_of(answer.status_code, answer.headers, told)
            _log.info("Meta refused %s %s: %s", verb, path, error)
            if not isinstance(error, AuthError) or last or self.mailbox == auth.APP:
                raise error
            self._refused, self._why = token, str(error)
        raise AssertionError  # the loop returns or raises

    def _once(
        self, verb: str, path: str, params: Mapping[str, str], form: Mapping[str, str] | None, token: str
    ) -> tuple[requests.Response, Any]:
        proven = {"appsecret_proof": auth.proof(self.settings, token)}
        try:
            answer = self._session.request(
                verb,
                f"{self.settings.base}{path}",
                params={**params, **proven} if form is None else params,
                data=None if form is None else {**form, **proven},
                headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                timeout=self.settings.timeout_s,
                stream=True,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of Meta's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:
            raise RetryLaterError(f"Meta cannot be reached: {type(error).__name__}") from None
        content = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        self._notice(answer.headers)
        if len(content) > LARGEST:
            raise RetryLaterError(f"{_WHOSE} is larger than {LARGEST} bytes")
        return answer, told_of(content)

    def _notice(self, headers: Mapping[str, str]) -> None:
        """Heed what an answer says besides: how much of the limits is used, and that the version will end."""
        self.usage = ads_usage_of(headers) if self._is_of_ads else usage_of(headers)
        if self.usage.percent > STOP:
            self.tools.limited((self.polling,), max(REST_S, self.usage.regain_s))
        warning = headers.get("X-Ad-Api-Version-Warning", "")[:300]
        if warning and warning != self.warning:
            _log.warning("Meta will end version %s of its API: %s", self.settings.version, warning)
        self.warning = warning or self.warning

    def _of_page(self) -> str:
        """Ask for the page's own token. Raises ScopeError: there is none for us."""
        person = Client(self.settings, self.tools, auth.PERSON)
        given = person.get(f"/{place(self.mailbox)}", {"fields": "access_token"}).get("access_token")
        if not isinstance(given, str) or not given:
            raise ScopeError(
                f"Meta gives no access to the page {self.mailbox}: its administrator gives whoever connected full control of "
                "it, or at least the tasks Ads and Leads."
            )
        return given


def place(remote_id: str) -> str:
    """Return an id as one place of a path."""
    return quote(remote_id, safe="")


def entries(answer: Answer) -> list[Answer]:
    """Return the entries of a listing's page.

    Raises:
        RetryLaterError: it is none.
    """
    listed = answer.get("data")
    if not isinstance(listed, list):
        raise RetryLaterError(f"{_WHOSE} is no listing.")
    return [one for one in listed if isinstance(one, dict)]


def after_of(answer: Answer) -> str:
    """Return the cursor of the page behind this one; empty: this is the last.

    The link `next` says that there is one; where it leads does not matter.
    """
    paging = answer.get("paging")
    cursors = paging.get("cursors") if isinstance(paging, dict) else None
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(paging, dict) and paging.get("next") and isinstance(after, str) else ""
