"""Fetches recordings that a telephone system named by address, from below the one address that the account allows."""

import io
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import BinaryIO, cast
from urllib.parse import quote, unquote, urlsplit

import requests

from connectors.phonehook.settings import PhoneHookSettings
from hub.connector.body import Body
from hub.connector.exchange import FileFacts
from hub.errors import AuthError, ConnectorError, GoneError, RejectedError, RetryLaterError

MAX_BYTES = 2 * 1024**3
_CHUNK = 256 * 1024
_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "gsm": "audio/x-gsm",
    "ulaw": "audio/basic",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/")


def facts(settings: PhoneHookSettings, place: str) -> FileFacts:
    """Say size and age.

    Raises:
        GoneError: there is no such file.
        RejectedError: the place is not below the account's address, or its server answers with something else.
        AuthError, RetryLaterError: the server refuses us, or cannot be reached.
    """
    with _ask(settings, "HEAD", place, {}) as response:
        size = response.headers.get("Content-Length", "")
        if not size.isdigit():
            raise RejectedError("the recordings server does not say the size of a recording")
        return FileFacts(int(size), _date(response.headers.get("Last-Modified")), _content_type(place))


def open_(settings: PhoneHookSettings, place: str, start: int = 0) -> BinaryIO:
    """Open for reading from byte `start`; raises as `facts`, also while reading. The caller closes it."""
    response = _ask(settings, "GET", place, {"Range": f"bytes={start}-"} if start else {})
    if response.status_code == 416:
        response.close()
        return io.BytesIO()
    given = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
    partial = response.status_code == 206
    if partial and not (given and int(given[1]) == start):
        response.close()
        raise RejectedError("the recordings server sent another part than asked for")
    reader = io.BufferedReader(Body(response, MAX_BYTES, what="recording"), _CHUNK)
    skip = 0 if partial else start
    while skip > 0 and (dropped := reader.read(min(skip, _CHUNK))):
        skip -= len(dropped)  # a server without Range sends everything
    return cast("BinaryIO", reader)


def address(settings: PhoneHookSettings, place: str) -> str:
    """The address of a recording: a full one below the account's, or a path below it; RejectedError for any other."""
    base = settings.recordings_url
    if not base:
        raise RejectedError("no place of recordings is set for this account")
    if _CONTROL.search(place):  # before it is taken apart: urlsplit drops line breaks without a word
        raise RejectedError("a recording path with control characters is refused")
    root = urlsplit(base)
    parts = urlsplit(place)
    path = unquote(parts.path)
    if parts.scheme or parts.netloc:
        # The place came by a webhook: an address of anywhere else would make us knock on doors inside the house.
        if (parts.scheme, parts.hostname, parts.port) != (root.scheme, root.hostname, root.port) or parts.username:
            raise RejectedError("a recording of another address than the account's is refused")
        if not path.startswith(unquote(root.path).rstrip("/") + "/"):
            raise RejectedError("a recording outside the account's address is refused")
        path = path[len(unquote(root.path).rstrip("/")) :]
    names = [name for name in path.split("/") if name not in ("", ".")]
    if not names or ".." in names or _CONTROL.search(path):
        raise RejectedError("a recording path that leads upwards, or nowhere, is refused")
    query = f"?{parts.query}" if parts.query else ""
    return base.rstrip("/") + "/" + "/".join(quote(name, safe="") for name in names) + query


def _ask(settings: PhoneHookSettings, method: str, place: str, headers: dict[str, str]) -> requests.Response:
    url = address(settings, place)
    session = requests.Session()
    session.trust_env = False  # no proxy and no .netrc: only what the account says
    secret = settings.recordings_secret.get_secret_value()
    try:
        response = session.request(
            method,
            url,
            headers={"Accept-Encoding": "identity", **headers},
            auth=(settings.recordings_user, secret) if settings.recordings_user else None,
            allow_redirects=False,
            stream=True,
            timeout=settings.timeout_s,
        )
    except requests.RequestException as error:
        raise RetryLaterError(f"the recordings server cannot be reached: {type(error).__name__}") from error
    if error_or_none := _judge(response):
        response.close()
        raise error_or_none
    return response


def _judge(response: requests.Response) -> ConnectorError | None:
    status = response.status_code
    length = response.headers.get("Content-Length", "")
    if status in (404, 410):
        return GoneError("the recording does not exist")
    if status in (401, 403):
        return AuthError(f"the recordings server answers {status}; check user and password")
    if status == 429 or status >= 500:
        return RetryLaterError(f"the recordings server answers {status}")
    if status not in (200, 206, 416):
        return RejectedError(f"the recordings server answers {status}; redirects are not followed")
    if length.isdigit() and int(length) > MAX_BYTES:
        return RejectedError(f"the recording is larger than {MAX_BYTES} bytes")
    return None


def _content_type(place: str) -> str:
    return _TYPES.get(urlsplit(place).path.rpartition(".")[2].lower(), "application/octet-stream")


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None
