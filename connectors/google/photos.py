"""Pictures of contacts, from Google's own hosts of pictures and nowhere else; they need no token, and get none.

Sources: https://developers.google.com/people/api/rest/v1/people#photo (`sz`), https://developers.google.com/people/image-sizing (`=s`)
"""

import re
import time
from collections.abc import Iterator
from urllib.parse import urljoin

import requests

from connectors.google.settings import GoogleSettings
from hub.connector.http import BLOCK, Session, retry_after_of
from hub.connector.stream import Limit, Tools
from hub.errors import ConnectorError, GoneError, LimitedError, RejectedError, RetryLaterError

SIDE = 192  # pixels: a list shows less, the head of a customer's page a third of it on a fine screen
MOST_REDIRECTS = 3
PATIENCE_S = 60.0  # for one picture as a whole
SILENCE_S = 10.0  # nobody waits for a picture, and others wait for its worker
PER_MINUTE = 600  # Google names no limit; more are not needed
_HOSTS = (".googleusercontent.com", ".ggpht.com")
_MACHINES = ".bc.googleusercontent.com"  # anybody's: the names of rented machines
_USUAL_PORTS = ("", ":443")
# Read by one strict form, not by a parser of URLs: two parsers do not agree on a hostile one.
_ADDRESS = re.compile(
    r"https://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?P<port>:[0-9]{1,5})?(?P<path>/[!-\"$->@-\[\]-~]*)?(?P<query>\?[!-\"$-\[\]-~]*)?",
    re.IGNORECASE,
)
_SIDE = re.compile(r"=s[0-9]{1,4}(?=(?:-[a-z0-9]+)*$)")
_MOVED = frozenset({301, 302, 303, 307, 308})
_AWAY = frozenset({408, 425})


def photo(settings: GoogleSettings, tools: Tools, url: str, *, largest: int) -> bytes:
    """Return what lies at a picture's address (`hub.connector.stream.HasPhotos`)."""
    limits = [Limit(f"google:photos:{settings.project}", PER_MINUTE)]
    address = sized(url)
    deadline = time.monotonic() + PATIENCE_S
    with Session(settings.ca) as session:
        for _ in range(1 + MOST_REDIRECTS):
            if not is_googles(address, settings):
                raise RejectedError("the picture is not at an address of Google's pictures")
            tools.spend(limits, 1)
            try:
                with _asked(session, address, min(settings.timeout_s, SILENCE_S)) as answer:
                    if answer.status_code not in _MOVED:
                        return _content(answer, largest, deadline)
                    address = urljoin(address, answer.headers.get("location", ""))
            except LimitedError as error:
                tools.limited(limits, error.retry_after or 0.0)
                raise
    raise RejectedError("the picture's address leads from one to the next without an end")


def is_googles(url: str, settings: GoogleSettings) -> bool:
    """Say whether an address is on one of Google's hosts of pictures, or on the test server that stands for Google."""
    found = _ADDRESS.fullmatch(url)
    if found is None:
        return False
    if _origin(found) in _own(settings):
        return True
    host, port = found["host"].lower(), found["port"] or ""
    return port in _USUAL_PORTS and host.endswith(_HOSTS) and not host.endswith(_MACHINES)


def sized(url: str) -> str:
    """Return the address of the picture in the size that is shown; one of another form stays as it is."""
    found = _ADDRESS.fullmatch(url)
    if found is None:
        return url
    path, query = found["path"] or "/", (found["query"] or "?")[1:]
    begin = url[: found.end("port") if found["port"] else found.end("host")]
    if not query and _SIDE.search(path):
        return begin + _SIDE.sub(f"=s{SIDE}", path)
    others = [one for one in query.split("&") if one and not one.startswith("sz=")]
    return f"{begin}{path}?{'&'.join([*others, f'sz={SIDE}'])}"


def _own(settings: GoogleSettings) -> set[str]:
    """Return where the settings say Google is, if they say so."""
    found = (_ADDRESS.fullmatch(one) for one in (settings.base_url, settings.people_url))
    return {_origin(one) for one in found if one is not None}


def _origin(found: re.Match[str]) -> str:
    port = found["port"] or ""
    return found["host"].lower() + ("" if port in _USUAL_PORTS else port)


def _asked(session: Session, address: str, timeout_s: float) -> requests.Response:
    sent = {"Accept": "image/*", "Accept-Encoding": "identity"}
    try:
        return session.get(address, headers=sent, timeout=timeout_s, stream=True, allow_redirects=False)
    except (requests.RequestException, OSError) as error:
        raise RetryLaterError(f"Google's pictures cannot be reached: {type(error).__name__}") from error


def _content(answer: requests.Response, largest: int, deadline: float) -> bytes:
    if answer.status_code != requests.codes.ok:
        raise _error(answer)
    content = b""
    for block in _blocks(answer):
        content += block
        if len(content) > largest:
            raise RejectedError(f"the picture is larger than {largest} bytes")
        if time.monotonic() > deadline:
            raise RetryLaterError("the picture comes too slowly")
    told = answer.headers.get("content-length", "")
    if told.isdecimal() and int(told) != len(content):
        raise RetryLaterError("the picture broke off")
    return content


def _blocks(answer: requests.Response) -> Iterator[bytes]:
    """Read a body as it arrives, also one that comes in drops."""
    try:
        while block := answer.raw.read1(BLOCK):
            yield block
    except Exception as error:  # urllib3 raises its own below requests while a body is read
        raise RetryLaterError(f"the picture broke off: {type(error).__name__}") from error


def _error(answer: requests.Response) -> ConnectorError:
    """Say what the caller does next. A refusal says nothing of the account's access: none was sent along."""
    status, retry_after = answer.status_code, retry_after_of(answer.headers)
    text = f"Google's pictures answered {status}"
    if status == requests.codes.too_many_requests:
        return LimitedError(text, retry_after=retry_after or 5.0)
    if status >= requests.codes.internal_server_error or status in _AWAY:
        return RetryLaterError(text, retry_after=retry_after)
    if status in {requests.codes.not_found, requests.codes.gone}:
        return GoneError(text)
    return RejectedError(text)
