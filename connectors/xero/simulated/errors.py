"""Refusals in the words and shapes of Xero.

Sources: https://developer.xero.com/documentation/api/accounting/responsecodes,
https://developer.xero.com/documentation/guides/oauth2/limits; bodies of 401 and 403 as XeroAPI/xero-node issues 320, 432
show them.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from hub.connector.simulated.wire import Answer

Json = dict[str, Any]
_TEXT = "text/plain; charset=utf-8"


class ApiError(Exception):
    """A refusal that Xero answers with."""

    def __init__(self, status: int, body: Json | str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.status, self.body, self.headers = status, body, dict(headers or {})

    def answer(self) -> Answer:
        """Put it on the wire."""
        if isinstance(self.body, str):
            return Answer(self.status, self.body.encode(), _TEXT, self.headers)
        return Answer(self.status, json.dumps(self.body).encode(), headers=self.headers)


def problem(status: int, title: str, detail: str) -> ApiError:
    """Refuse as the gate before all of Xero's APIs does."""
    told = {"Type": None, "Title": title, "Status": status, "Detail": detail}
    return ApiError(status, {**told, "Instance": str(uuid4()), "Extensions": {}})


def unknown_token() -> ApiError:
    return problem(401, "Unauthorized", "AuthenticationUnsuccessful")


def expired_token(until: str) -> ApiError:
    return problem(401, "Unauthorized", f"TokenExpired: token expired at {until}")


def missing_scope() -> ApiError:
    """The token is good, and was not given for this."""
    return problem(401, "Unauthorized", "AuthorizationUnsuccessful")


def not_connected() -> ApiError:
    """The organisation is not (or no more) connected to the app, or the header names none."""
    return problem(403, "Forbidden", "AuthenticationUnsuccessful")


def not_found() -> ApiError:
    return ApiError(404, "The resource you're looking for cannot be found")


def not_allowed() -> ApiError:
    return ApiError(405, "Method Not Allowed", {"Allow": "GET"})


def invalid(message: str) -> ApiError:
    """What was asked for cannot be understood."""
    return ApiError(400, {"ErrorNumber": 16, "Type": "QueryParseException", "Message": message})


def too_many(which: str, retry_after_s: int | None) -> ApiError:
    """One limit is reached.

    Args:
        which: minute, day, concurrent or appminute; how long to wait is told of all but concurrent.
    """
    headers = {"X-Rate-Limit-Problem": which}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    return ApiError(429, "Rate Limit Exceeded", headers)


def broken() -> ApiError:
    return ApiError(
        500,
        {"Title": "An error occurred", "Detail": "An error occurred in Xero.", "Status": 500, "Instance": str(uuid4())},
    )


def unavailable() -> ApiError:
    return ApiError(503, "The Organisation is currently offline")
