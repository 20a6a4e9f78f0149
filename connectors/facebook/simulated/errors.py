"""Refusals in the words and shapes of the Graph API: nearly all with HTTP 400, told apart by code and subcode.

Source: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
PERMISSIONS = "https://developers.facebook.com/docs/graph-api/reference"


@dataclass(eq=False)
class ApiError(Exception):
    """A refusal that Graph answers with."""

    code: int  # what to go by
    message: str  # for developers
    subcode: int = 0  # what happened more exactly; 0: not said
    kind: str = "OAuthException"
    status: int = 400  # of HTTP
    is_transient: bool = False  # the same may work later
    user: tuple[str, str] = ("", "")  # title and text for people
    headers: Mapping[str, str] = field(default_factory=dict)  # besides the usual ones
    regain_min: int = 0  # minutes after which calls may work again, as the usage header says

    def __str__(self) -> str:
        return self.message

    def body(self, trace_id: str) -> Json:
        """The error as JSON."""
        told: Json = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode:
            told["error_subcode"] = self.subcode
        if self.is_transient:
            told["is_transient"] = True
        if self.user[0]:
            told |= {"error_user_title": self.user[0], "error_user_msg": self.user[1]}
        return {"error": {**told, "fbtrace_id": trace_id}}


def invalid(message: str, **more: Any) -> ApiError:
    return ApiError(100, f"(#100) {message}", **more)


def not_there(what: str, verb: str = "get") -> ApiError:
    """The answer to an id that nobody has, or that may not be seen: Graph does not say which."""
    return ApiError(
        100,
        f"Unsupported {verb.lower()} request. Object with ID '{what}' does not exist, cannot be loaded due to missing "
        f"permissions, or does not support this operation. Please read the Graph API documentation at {PERMISSIONS}",
        subcode=33,
        kind="GraphMethodException",
    )


def aliases(missing: list[str]) -> ApiError:
    """The answer where several are asked for by `ids`, and not all are there."""
    return ApiError(803, f"(#803) Some of the aliases you requested do not exist: {','.join(missing)}")


def denied(permission: str) -> ApiError:
    return ApiError(200, f"(#200) Requires {permission} permission to manage the object.")


def no_ads() -> ApiError:
    return ApiError(200, "(#200) Ad account owner has NOT grant ads_management or ads_read permission")


def dead(subcode: int = 463) -> ApiError:
    """A token that no longer lives.

    Source: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/debugging
    """
    return ApiError(
        190,
        DEATHS.get(subcode, "Error validating access token."),
        subcode=subcode,
        headers={"WWW-Authenticate": 'OAuth "Facebook Platform" "invalid_token" "Error validating access token"'},
    )


DEATHS: Mapping[int, str] = {
    458: "Error validating access token: The user has not authorized application.",
    459: "Error validating access token: The user is enrolled in a blocking, logged-in checkpoint.",
    460: "Error validating access token: The session has been invalidated because the user changed their password or "
    "Facebook has changed the session for security reasons.",
    463: "Error validating access token: Session has expired.",
    464: "Error validating access token: Sessions for the user are not allowed because the user is not a confirmed user.",
    467: "Error validating access token: The session is invalid because the user logged out.",
    492: "Error validating access token: The user must be an administrator, editor, or moderator of the page in order "
    "to impersonate it. If the page business requires Two Factor Authentication, the user also needs to enable it.",
}


def no_lead_access(code: int) -> ApiError:
    """What Leads Access Manager makes of calls; seen with both codes."""
    return ApiError(code, f"(#{code}) CRM access has been revoked from Lead Access Manager.")


def blocked() -> ApiError:
    """Meta keeps the app out, until somebody has seen to it."""
    return ApiError(
        368,
        "The action attempted has been deemed abusive or is otherwise disallowed",
        user=("You're temporarily blocked", "See the app's dashboard for what to do."),
    )


def throttled(code: int = 80005, minutes: int = 1, subcode: int = 0) -> ApiError:
    """Too many calls. When to come back stands in the usage header alone.

    Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting
    """
    more = "For more info, please refer to https://developers.facebook.com/docs/graph-api/overview/rate-limiting."
    text = {
        4: "(#4) Application request limit reached",
        17: "(#17) User request limit reached",
        32: "(#32) Page request limit reached",
        613: "(#613) Calls to this api have exceeded the rate limit.",
        80005: f"(#80005) There have been too many leadgen api calls to this Page account. Wait a bit and try again. {more}",
    }.get(code, f"(#{code}) There have been too many calls to this account. Wait a bit and try again. {more}")
    return ApiError(code, text, subcode=subcode, is_transient=code in (4, 17), regain_min=minutes)


def old_version(asked: str, current: str) -> ApiError:
    return ApiError(
        2635,
        f"(#2635) You are calling a deprecated version of the Ads API. Please update to the latest version: {current}.",
        user=("Deprecated version", f"{asked} is no longer available."),
    )


def unknown(status: int = 500) -> ApiError:
    return ApiError(
        2, "An unexpected error has occurred. Please retry your request later.", status=status, is_transient=True
    )


def too_much() -> ApiError:
    """The answer to a page size that nothing can carry."""
    return ApiError(1, "Please reduce the amount of data you're asking for, then retry your request", status=500)
