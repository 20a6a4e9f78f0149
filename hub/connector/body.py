"""The body of an HTTP answer as a file that is read while it arrives, for connectors that hand out what a server has."""

import io
from typing import Any

import requests
import urllib3

from hub.errors import RejectedError, RetryLaterError


class Body(io.RawIOBase):
    """Ends the answer when it is closed, and stops at `largest` bytes whatever the server promised.

    Raises, while it is read:
        RejectedError: there is more.
        RetryLaterError: it broke off.
    """

    def __init__(self, response: requests.Response, largest: int, *, what: str = "file") -> None:
        self._response = response
        self._left = largest
        self._what = what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            data: bytes = self._response.raw.read(len(buffer), decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise RetryLaterError(f"the {self._what} broke off: {type(error).__name__}") from error
        self._left -= len(data)
        if self._left < 0:
            raise RejectedError(f"the {self._what} is larger than allowed")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._response.close()
        super().close()
