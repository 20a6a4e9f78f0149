"""Refusals in the words and shapes of Google.

Sources: https://developers.google.com/workspace/gmail/api/guides/handle-errors
https://developers.google.com/workspace/calendar/api/guides/errors
https://cloud.google.com/apis/design/errors#error_model
"""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "ALREADY_EXISTS", 412: "FAILED_PRECONDITION", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL",
    501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
}  # fmt: skip
UNKNOWN_CREDENTIALS = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


class ApiError(Exception):
    """A refusal that an API answers with."""

    def __init__(  # noqa: PLR0913 - the fields of Google's error body
        self,
        code: int,
        reason: str,
        message: str,
        *,
        domain: str = "global",
        status: str = "",
        location: Mapping[str, str] | None = None,
        details: Sequence[Json] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.domain = code, reason, message, domain
        self.status = status or _STATUS.get(code, "")
        self.location, self.details, self.headers = dict(location or {}), list(details), dict(headers or {})

    def body(self) -> Json:
        """The error as JSON, in the shape that both families of APIs share."""
        one = {"message": self.message, "domain": self.domain, "reason": self.reason, **self.location}
        error: Json = {"code": self.code, "message": self.message, "errors": [one]}
        if self.status:
            error["status"] = self.status
        if self.details:
            error["details"] = self.details
        return {"error": error}


def error_info(reason: str, domain: str = "googleapis.com", **metadata: str) -> Json:
    """A `google.rpc.ErrorInfo`."""
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason, "domain": domain, "metadata": metadata,
    }  # fmt: skip


def bad_request(message: str, reason: str = "badRequest") -> ApiError:
    return ApiError(400, reason, message)


def invalid_parameter(name: str, message: str = "") -> ApiError:
    where = {"location": name, "locationType": "parameter"}
    return ApiError(400, "invalidParameter", message or f"Invalid value for parameter '{name}'.", location=where)


def not_found(message: str = "Requested entity was not found.") -> ApiError:
    return ApiError(404, "notFound", message)


def bad_token() -> ApiError:
    return ApiError(
        401,
        "authError",
        UNKNOWN_CREDENTIALS,
        location={"location": "Authorization", "locationType": "header"},
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'},
    )


def scope_missing(api: str, method: str) -> ApiError:
    details = [error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", method=method, service=f"{api}.googleapis.com")]
    return ApiError(
        403,
        "insufficientPermissions",
        "Request had insufficient authentication scopes.",
        details=details,
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="insufficient_scope"'},
    )


def api_disabled(api: str) -> ApiError:
    return ApiError(
        403,
        "accessNotConfigured",
        f"{api} API has not been used in project 100200300400 before or it is disabled. Enable it by visiting the "
        "console then retry. If you enabled this API recently, wait a few minutes and retry.",
        domain="usageLimits",
        details=[error_info("SERVICE_DISABLED", consumer="projects/100200300400", service=f"{api}.googleapis.com")],
    )


def rate_limited(code: int = 429, reason: str = "rateLimitExceeded", retry_after_s: int = 1) -> ApiError:
    return ApiError(
        code,
        reason,
        "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user'.",
        domain="usageLimits",
        status="RESOURCE_EXHAUSTED" if code == 429 else "PERMISSION_DENIED",
        headers={"Retry-After": str(retry_after_s)},
    )


def cursor_gone() -> ApiError:
    """Calendar's answer to a sync token of which it no longer knows."""
    return ApiError(
        410, "fullSyncRequired", "Sync token is no longer valid, a full sync is required.", domain="calendar"
    )


def sync_token_expired() -> ApiError:
    """People's answer to an old sync token: 400, seen at https://github.com/freed-project/freed/issues/1976."""
    return ApiError(
        400,
        "failedPrecondition",
        "Sync token is expired. Clear local cache and retry call without the sync token.",
        status="FAILED_PRECONDITION",
        details=[error_info("EXPIRED_SYNC_TOKEN", domain="people.googleapis.com")],
    )
