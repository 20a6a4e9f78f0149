"""Refusals in the shapes of QuickBooks Online.

Source: https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/error-codes,
https://developer.intuit.com/app/developer/qbo/docs/learn/rest-api-features#limits-and-throttles
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

VALIDATION, AUTHORIZATION, SYSTEM = "ValidationFault", "AuthorizationFault", "SystemFault"


@dataclass(eq=False)
class ApiError(Exception):
    """A refusal of the API: `Fault.Error[]` with one error."""

    status: int  # of HTTP
    kind: str  # Fault.type
    code: str
    message: str
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message

    def body(self, time: str) -> Json:
        """The answer as JSON."""
        error = {"Message": self.message, "Detail": self.detail, "code": self.code}
        return {"Fault": {"Error": [error], "type": self.kind}, "time": time}


class TokenRefusedError(ApiError):
    """401: the gateway before the API refuses, and writes small letters where the API writes capital ones."""

    def __init__(self, detail: str) -> None:
        message = "message=AuthenticationFailed; errorCode=003200; statusCode=401"
        super().__init__(401, "AUTHENTICATION", "3200", message, detail, {"WWW-Authenticate": "Bearer realm=intuit"})

    def body(self, time: str) -> Json:
        error = {"message": self.message, "detail": self.detail, "code": self.code, "element": None}
        return {
            "warnings": None, "intuitObject": None, "fault": {"error": [error], "type": self.kind}, "report": None,
            "queryResponse": None, "batchItemResponse": [], "attachableResponse": [], "syncErrorResponse": None,
            "requestId": None, "time": time, "status": None, "cdcresponse": [],
        }  # fmt: skip


def not_found(entity: str, remote_id: str) -> ApiError:
    text = f"Object Not Found : Something you're trying to use has been made inactive. {entity} {remote_id}"
    return ApiError(400, VALIDATION, "610", "Object Not Found", text)


def parser(detail: str) -> ApiError:
    return ApiError(400, VALIDATION, "4000", "Error parsing query", f"QueryParserError: {detail}")


def invalid_query(detail: str) -> ApiError:
    return ApiError(400, VALIDATION, "4001", "Invalid query", f"QueryValidationError: {detail}")


def too_old() -> ApiError:
    """Change data capture looks back 30 days; the words are not published."""
    text = "changedSince is more than 30 days ago. Read the entities with a query instead."
    return ApiError(400, VALIDATION, "4001", "Invalid changedSince", text)


def unsupported(what: str) -> ApiError:
    return ApiError(400, VALIDATION, "500", "Unsupported Operation", f"Operation {what} is not supported.")


def wrong_company() -> ApiError:
    text = "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403"
    return ApiError(403, AUTHORIZATION, "3100", text, "The app is not authorized for this company.")


def no_right(what: str) -> ApiError:
    return ApiError(403, AUTHORIZATION, "5020", "Permission Denied Error", f"You have no permission to read {what}.")


def subscription_ended() -> ApiError:
    text = "Subscription period has ended or canceled or there was a billing problem"
    return ApiError(403, VALIDATION, "6190", "Invalid Company Status", text)


def throttled(headers: Mapping[str, str] | None = None) -> ApiError:
    text = "message=ThrottleExceeded; errorCode=003001; statusCode=429"
    return ApiError(429, "SERVICE", "3001", text, "The request limit was reached.  Try again later", headers or {})


def broken(status: int) -> ApiError:
    return ApiError(
        status, SYSTEM, "10000", "An application error has occurred while processing your request", "System Failure"
    )
