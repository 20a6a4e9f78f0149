"""Requests to the Cloud API: through our limits, with the token, and its errors as ours.

The token travels in the header `Authorization`, never in an address: addresses are written into logs.
Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/reference
"""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import requests
import urllib3

from connectors.whatsapp.errors import ThrottledError, error_of, refusal_of, told_of
from connectors.whatsapp.settings import WhatsAppSettings
from hub.connector.http import Session, blocks, place_of
from hub.connector.stream import Limit, Tools
from hub.errors import (
    AuthError,
    ConnectorError,
    GoneError,
    RejectedError,
    RetryLaterError,
    ShapeError,
    UnknownFateError,
)

LARGEST = 1 << 20  # bytes of an answer that is no file
NOT_KNOWN = (
    "Nobody knows whether this message was sent: Meta's answer did not come. Look at the customer's WhatsApp, or wait for its "
    "state, before you send it again."
)
_WHOSE = "Meta's answer"
_PLACE = re.compile(r"(/[A-Za-z0-9_]+)*/?")
_log = logging.getLogger(__name__)

Answer = dict[str, Any]


class Client:
    """One WhatsApp Business account at Meta."""

    def __init__(self, settings: WhatsAppSettings, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self._session = Session(settings.ca)

    def limits(self, line: str) -> Sequence[Limit]:
        """What one of our numbers may send."""
        return (Limit(f"whatsapp:{line}", self.settings.messages_per_minute),)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Read something.

        Raises:
            ConnectorError: one of them, see `errors.error_of`.
        """
        return _json(self._asked("GET", path, {"params": dict(params or {})}, self._token()))

    def hidden(self, path: str) -> Answer:
        """Read something with a query that must not stand in an address: as a batch of one, whose parts travel in the body.

        It is the app itself that asks, where its id is known.
        Source: https://developers.facebook.com/docs/graph-api/batch-requests

        Raises:
            ConnectorError: as of `get`.
        """
        secret, app = self.settings.app_secret.get_secret_value(), self.settings.app_id
        form = {"batch": f'[{{"method":"GET","relative_url":"{path}"}}]', "include_headers": "false"}
        told = self._asked("POST", "/", {"data": form}, f"{app}|{secret}" if app and secret else self._token())
        [one] = told if isinstance(told, list) and len(told) == 1 else [None]
        body = told_of(str(one.get("body")).encode()) if isinstance(one, dict) else None
        if isinstance(one, dict) and refusal_of(body) is not None:
            raise error_of(int(one.get("code") or 0), {}, body)
        return _json(body)

    def send(self, line: str, message: Mapping[str, Any]) -> Answer:
        """Send a message from one of our numbers.

        Raises:
            UnknownFateError: it may have been sent, or not.
            ConnectorError: it was not sent; as of `get`.
        """
        self.tools.spend(self.limits(line), 1)
        try:
            told = self._asked("POST", f"/{line}/messages", {"json": dict(message)}, self._token(), sends=True)
        except ThrottledError as error:
            if error.is_of_number:
                self.tools.limited(self.limits(line), error.retry_after or 60.0)
            raise
        return _json(told, sends=True)

    def file(self, address: str, largest: int) -> bytes:
        """Fetch a file from one of the hosts that Meta's files lie at.

        Raises:
            RejectedError: it is another host, or larger.
            GoneError: it is no more.
            RetryLaterError, AuthError: not now.
        """
        scheme, host = place_of(address)
        is_safe = scheme == "https" or (scheme == "http" and self.settings.base_url.startswith("http://"))
        if not is_safe or host not in self.settings.hosts:
            raise RejectedError("The file lies at an address that is none of Meta's; the token is not shown there.")
        answer = self._sent("GET", address, {}, self._token())
        if answer.status_code in (requests.codes.not_found, requests.codes.gone):
            answer.close()
            raise GoneError("The file is no more at Meta.")
        if answer.status_code == requests.codes.unauthorized:
            answer.close()
            raise AuthError("Meta does not let the token fetch a file.")
        if answer.status_code != requests.codes.ok:
            answer.close()
            raise RetryLaterError(f"Meta answers {answer.status_code} instead of a file.")
        content = b"".join(blocks(answer, largest + 1, "Meta's file"))
        if len(content) > largest:
            raise RejectedError(f"The file is larger than {largest} bytes.")
        said = answer.headers.get("content-length", "")
        if "content-encoding" not in answer.headers and said.isdecimal() and int(said) != len(content):
            raise RetryLaterError("Meta's file broke off.")
        return content

    # --- one request ------------------------------------------------------------------------------------------------

    def _token(self) -> str:
        given = self.settings.token.get_secret_value().strip()
        if not given:
            raise AuthError("Enter a system user token in the settings.")
        return given

    def _asked(self, verb: str, path: str, given: Mapping[str, Any], token: str, *, sends: bool = False) -> Any:
        """Ask, and return what is told.

        Args:
            sends: an answer that is lost, or from somebody between, leaves it unknown whether a message was sent.
        """
        if not _PLACE.fullmatch(path):
            raise ShapeError(f"{path[:60]!r} is no place of the Graph API")
        answer = self._sent(verb, f"{self.settings.base}{path}", given, token, sends=sends)
        try:
            content = b"".join(blocks(answer, LARGEST + 1, _WHOSE))
        except RetryLaterError as error:
            raise _lost(sends, str(error)) from error
        told = told_of(content) if len(content) <= LARGEST else None
        if refusal_of(told) is None and answer.status_code < requests.codes.multiple_choices:
            return told
        refused = error_of(answer.status_code, answer.headers, told)
        _log.info("Meta refused %s %s: %s", verb, path, refused)
        if refusal_of(told) is None and answer.status_code not in _NOT_TAKEN:
            raise _lost(sends, str(refused))
        raise refused

    def _sent(
        self, verb: str, url: str, given: Mapping[str, Any], token: str, *, sends: bool = False
    ) -> requests.Response:
        try:
            return self._session.request(
                verb,
                url,
                headers={"Authorization": f"Bearer {token}".encode()},  # bytes: what was typed may have any letters
                timeout=self.settings.timeout_s,
                stream=True,
                allow_redirects=False,
                **given,
            )
        except requests.exceptions.SSLError as error:
            raise RetryLaterError("The certificate of Meta's address is not trusted.") from error
        except (requests.RequestException, OSError) as error:
            if _never_left(error):
                raise RetryLaterError(f"Meta cannot be reached: {type(error).__name__}") from None
            raise _lost(sends, f"Meta does not answer: {type(error).__name__}") from None


_NOT_TAKEN = frozenset({requests.codes.too_many_requests, requests.codes.service_unavailable})


def _never_left(error: Exception) -> bool:
    """Say whether a request surely did not leave: there was no connection to send it by."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    is_new = isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
    return is_new or (isinstance(error, OSError) and not isinstance(error, requests.RequestException))


def _lost(sends: bool, why: str) -> ConnectorError:  # noqa: FBT001 - the one thing that makes the difference
    return UnknownFateError(f"{NOT_KNOWN} ({why})") if sends else RetryLaterError(why)


def _json(told: Any, *, sends: bool = False) -> Answer:
    if not isinstance(told, dict):
        raise _lost(sends, f"{_WHOSE} cannot be read: it is no JSON object.")
    return told
