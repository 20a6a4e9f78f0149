"""Requests to a remote: whose certificates are trusted, how much of an answer is read, and how long it wants silence."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from hub.errors import RetryLaterError

BLOCK = 1 << 16  # bytes of a body read at once
LONGEST_SILENCE_S = 86_400.0  # whoever wants more, or for ever (`inf`), is asked again after a day
_PLAIN = re.compile(r"[!-\[\]-~]*")  # ASCII without spaces, line breaks and backslashes


class Session(requests.Session):
    """requests, which by itself prefers a certificate file of the environment to the account's own."""

    def __init__(self, ca: str) -> None:
        super().__init__()
        self.verify = ca or True

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        own = self.verify if verify is None and self.verify is not True else verify
        return super().merge_environment_settings(url, proxies, stream, own, cert)


def blocks(answer: requests.Response, largest: int, whose: str) -> Iterator[bytes]:
    """Read a body as it arrives, and close the answer; what is more than the largest is left.

    Args:
        answer: of a request with `stream=True`.
        largest: bytes.
        whose: such as "Google's answer".

    Raises:
        RetryLaterError: it broke off.
    """
    try:
        with answer:
            while largest > 0 and (block := answer.raw.read(min(BLOCK, largest), decode_content=True)):
                largest -= len(block)
                yield block
    except Exception as error:  # urllib3 raises its own below requests while a body is read
        raise RetryLaterError(f"{whose} broke off: {type(error).__name__}") from error


def place_of(address: str) -> tuple[str, str]:
    """Return scheme and host (with its port, where one is written) of an address that anybody may have written.

    Both are empty where it is none, or one that two readers might understand in two ways.
    """
    try:
        url = urlsplit(address)
    except ValueError:
        return "", ""
    return (url.scheme, url.netloc.lower()) if _PLAIN.fullmatch(address) else ("", "")


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of `retry-after`, at most a day; None where none are said."""
    try:
        return min(max(0.0, float(headers.get("retry-after", ""))), LONGEST_SILENCE_S)
    except ValueError:
        return None
