"""Refusals in the words and shapes of Microsoft Graph.

Source: https://learn.microsoft.com/graph/errors
"""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """A refusal that Graph answers with."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        inner: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.inner, self.headers = inner, dict(headers or {})

    def body(self, date: str, ids: Mapping[str, str]) -> Json:
        """The error as JSON; `inner` is the more exact code, where there is one."""
        told = {**({"code": self.inner} if self.inner else {}), "date": date, **ids}
        return {"error": {"code": self.code, "message": self.message, "innerError": told}}


def bad_request(message: str, code: str = "ErrorInvalidRequest") -> ApiError:
    return ApiError(400, code, message)


def not_found(code: str = "ErrorItemNotFound") -> ApiError:
    return ApiError(404, code, "The specified object was not found in the store.")


def denied(message: str = "Access is denied. Check credentials and try again.") -> ApiError:
    return ApiError(403, "ErrorAccessDenied", message)


def bad_token(message: str = "Lifetime validation failed, the token is expired.") -> ApiError:
    return ApiError(
        401,
        "InvalidAuthenticationToken",
        message,
        headers={"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'},
    )


def conflict() -> ApiError:
    """The answer to If-Match with an etag of before."""
    return ApiError(
        412, "ErrorIrresolvableConflict", "The send or update operation could not be performed because the change key "
        "passed in the request does not match the current change key for the item.",
    )  # fmt: skip


def no_mailbox() -> ApiError:
    return ApiError(
        404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    )


def cursor_gone(location: str = "") -> ApiError:
    """The answer to a delta token of which Graph no longer knows; sometimes it says where to begin anew."""
    return ApiError(
        410,
        "syncStateNotFound",
        "The sync state generation is not found; resynchronization is required.",
        inner="resyncRequired",
        headers={"Location": location} if location else None,
    )


def throttled(retry_after_s: int = 1, code: str = "TooManyRequests", message: str = "") -> ApiError:
    return ApiError(429, code, message or "Too many requests.", headers={"Retry-After": str(retry_after_s)})


def mailbox_concurrency(retry_after_s: int = 1) -> ApiError:
    """More than four requests of one app at one mailbox at a time."""
    return throttled(retry_after_s, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
