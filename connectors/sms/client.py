"""Requests to a gateway: through our limit, with its proof, and its errors as ours.

Sources: https://www.twilio.com/docs/api/errors, https://www.twilio.com/docs/usage/twilios-response
"""

import json
import logging
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3

from connectors.sms.message import REASONS
from connectors.sms.settings import Auth, Preset, SmsSettings
from hub.connector.http import Session, blocks, place_of, retry_after_of
from hub.connector.stream import Limit, Tools
from hub.errors import (
    AuthError,
    ConnectorError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
    UnknownFateError,
)

LARGEST = 1 << 20  # bytes of an answer that is no file
PAUSE_S = 30.0  # where a gateway wants silence and does not say how long
NOT_KNOWN = (
    "Nobody knows whether this message was sent: the gateway's answer did not come. Wait for its state, or look at the "
    "gateway's own list, before you send it again."
)
_WHOSE = "the gateway's answer"
_NOT_TAKEN = frozenset({requests.codes.too_many_requests, requests.codes.service_unavailable})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TWILIO_AUTH, _TWILIO_LIMITS, _TWILIO_PLACES = frozenset({20003, 20005}), frozenset({20429, 14107}), frozenset({21408})
_log = logging.getLogger(__name__)


class Client:
    """One gateway, as one account may use it."""

    def __init__(self, settings: SmsSettings, tools: Tools, account: int) -> None:
        self.settings = settings
        self.tools = tools
        self._limits = (Limit(f"sms:{account}", settings.messages_per_minute),)
        self._session = Session(settings.ca)

    def get(self, url: str) -> dict[str, Any]:
        """Read something.

        Raises:
            ConnectorError: one of them, see `_refused`.
        """
        return _object(self._asked("GET", url, {}, sends=False), sends=False)

    def send(self, url: str, given: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Send a message.

        Args:
            given: `json` or `data`, as requests takes it.

        Raises:
            UnknownFateError: it may have been sent, or not.
            ConnectorError: it was not sent.
        """
        self.tools.spend(self._limits, 1)
        is_safe = self.settings.knows_repeats
        given = {**given, "headers": {"Idempotency-Key": key}} if self.settings.preset is Preset.GENERIC else given
        try:
            return _object(self._asked("POST", url, given, sends=not is_safe), sends=not is_safe)
        except LimitedError as error:
            self.tools.limited(self._limits, error.retry_after or PAUSE_S)
            raise

    def file(self, url: str, largest: int) -> bytes:
        """Fetch a file from one of the hosts in the settings; where it sends us on, from there, without our proof.

        Raises:
            RejectedError: it is another host, or larger.
            GoneError: it is no more.
            RetryLaterError, AuthError: not now.
        """
        self._must_be_ours(url)
        is_of_gateway = place_of(url) == place_of(self.settings.base)
        answer = self._sent("GET", url, {}, proves=is_of_gateway)
        if answer.status_code in _REDIRECTS:
            answer.close()
            onward = urljoin(url, answer.headers.get("location", ""))
            self._must_be_ours(onward)
            answer = self._sent("GET", onward, {}, proves=False)
        if answer.status_code != requests.codes.ok:
            answer.close()
            if answer.status_code in (requests.codes.not_found, requests.codes.gone):
                raise GoneError("The file is no more at the gateway.")
            if answer.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
                raise AuthError("The gateway does not let us fetch a file.")
            raise RetryLaterError(f"The gateway answers {answer.status_code} instead of a file.")
        content = b"".join(blocks(answer, largest + 1, "the gateway's file"))
        if len(content) > largest:
            raise RejectedError(f"The file is larger than {largest} bytes.")
        return content

    def _must_be_ours(self, url: str) -> None:
        """Raise RejectedError where a stranger's message names a place that is none of the gateway's."""
        scheme, host = place_of(url)
        is_safe = scheme == "https" or (scheme == "http" and self.settings.base.startswith("http://"))
        if not is_safe or host not in self.settings.hosts:
            raise RejectedError("The file lies at a host that the settings do not name; it is not fetched.")

    # --- one request ------------------------------------------------------------------------------------------------

    def _asked(self, verb: str, url: str, given: Mapping[str, Any], *, sends: bool) -> Any:
        answer = self._sent(verb, url, given, sends=sends)
        try:
            content = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        except RetryLaterError as error:
            raise _lost(str(error), sends=sends) from error
        told = _told(content) if len(content) <= LARGEST else None
        if answer.status_code < requests.codes.multiple_choices:
            return told
        raise self._refused(answer, told, sends=sends)

    def _sent(
        self, verb: str, url: str, given: Mapping[str, Any], *, proves: bool = True, sends: bool = False
    ) -> requests.Response:
        headers = {**(self._proof() if proves else {}), **given.get("headers", {})}
        body = {name: one for name, one in given.items() if name != "headers"}
        try:
            return self._session.request(
                verb, url, headers=headers, auth=_as_it_is, timeout=self.settings.timeout_s, stream=True,
                allow_redirects=False, **body,
            )  # fmt: skip
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of the gateway's address is not trusted.") from error
        except (requests.RequestException, OSError, ValueError) as error:
            if _never_left(error):
                raise RetryLaterError(f"The gateway cannot be reached: {type(error).__name__}") from None
            raise _lost(f"The gateway does not answer: {type(error).__name__}", sends=sends) from None

    def _proof(self) -> dict[str, bytes]:
        """Return the header that proves who we are, in bytes: what was typed may have any letters."""
        settings, password = self.settings, self.settings.password.get_secret_value()
        how = Auth.BASIC if settings.preset is Preset.TWILIO else settings.auth
        if how is Auth.BASIC:
            both = f"{settings.user or settings.account_sid}:{password}"
            return {"Authorization": b"Basic " + b64encode(both.encode())}
        if how is Auth.NONE or not password:
            return {}
        given = password.encode()
        return {"Authorization": b"Bearer " + given} if how is Auth.BEARER else {settings.header_name: given}

    def _refused(self, answer: requests.Response, told: Any, *, sends: bool) -> ConnectorError:
        """Say what the caller does next."""
        status, facts = answer.status_code, told if isinstance(told, dict) else {}
        code = facts.get("code") if isinstance(facts.get("code"), int) else 0
        text = self._words(status, str(code or ""), facts)
        retry_after = retry_after_of({name.lower(): value for name, value in answer.headers.items()})
        _log.info("the gateway refused: %s", text)
        if status == requests.codes.too_many_requests or code in _TWILIO_LIMITS:
            return LimitedError(text, retry_after=retry_after or PAUSE_S)
        if status == requests.codes.unauthorized or code in _TWILIO_AUTH:
            return AuthError(f"{text} Enter user and password of the gateway again.")
        if status >= requests.codes.internal_server_error:
            later = RetryLaterError(text, retry_after=retry_after)
            return later if status in _NOT_TAKEN else _lost(text, sends=sends, instead=later)
        if code in _TWILIO_PLACES:
            return RejectedError(text)
        if status == requests.codes.forbidden:
            return ScopeError(text)
        if status == requests.codes.request_timeout:
            return _lost(text, sends=sends)
        return GoneError(text) if status == requests.codes.not_found and not sends else RejectedError(text)

    def _words(self, status: int, code: str, facts: Mapping[str, Any]) -> str:
        said = next((facts[name] for name in ("message", "error", "detail") if isinstance(facts.get(name), str)), "")
        password = self.settings.password.get_secret_value()
        said = said.replace(password, "(password)") if password else said
        said = re.sub(r"[\x00-\x1f\x7f]+", " ", said)[:300]
        known = REASONS.get(code, "")
        number = f"{status}, code {code}" if code else str(status)
        return " ".join(one for one in (known, f"The gateway: {said or 'no words'} ({number}).") if one)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request alone: else a .netrc of the machine stands in for what the settings say."""
    return request


def _never_left(error: Exception) -> bool:
    """Say whether a request surely did not leave: there was no connection to send it by."""
    if isinstance(error, requests.exceptions.ConnectTimeout | ValueError):  # ValueError: it could not even be written
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    is_new = isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
    return is_new or not isinstance(error, requests.RequestException)


def _lost(why: str, *, sends: bool, instead: ConnectorError | None = None) -> ConnectorError:
    if sends:
        return UnknownFateError(f"{NOT_KNOWN} ({why})")
    return instead or RetryLaterError(why)


def _told(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _object(told: Any, *, sends: bool) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise _lost(f"{_WHOSE} cannot be read: it is no JSON object.", sends=sends)
    return told
