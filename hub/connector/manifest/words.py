"""Errors in a remote's own words as ours: first what the manifest says, then what HTTP says."""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.connector.dotted import at, parse_path
from hub.connector.http import retry_after_of
from hub.connector.manifest.document import ErrorWord, Manifest
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)

_HTTP = {408, 425, 429}
LONGEST = 200  # characters of what a remote says
_USUAL = {
    401: "auth",
    402: "disabled",
    403: "scope",
    404: "gone",
    408: "retry",
    410: "gone",
    425: "retry",
    429: "limited",
}


def error_of(
    manifest: Manifest, status: int, headers: Mapping[str, str], told: Any, secrets: Iterable[str] = ()
) -> ConnectorError | None:
    """Return what an answer means; None: all is well.

    Args:
        told: the body as JSON; None where it is none.
        secrets: what must not be repeated, should the remote say it.
    """
    meaning = _meaning(manifest.error, status, told)
    if not meaning:
        return None
    words = _shown(manifest, told, secrets)
    said = f"{manifest.title} answers {status}{f': {words}' if words else '.'}"
    wait_s = retry_after_of(headers)
    match meaning:
        case "auth":
            return AuthError(f"{said} Enter the access of this account again: it has to be connected anew.")
        case "scope":
            return ScopeError(f"{said} Whoever the access belongs to may not read this; give that right there.")
        case "disabled":
            return DisabledError(f"{said} An administrator of {manifest.title} has to switch it on.")
        case "limited":
            return LimitedError(said, retry_after=float(manifest.limits.silence_s) if wait_s is None else wait_s)
        case "gone":
            return GoneError(said)
        case "retry":
            return RetryLaterError(said, retry_after=wait_s)
    return RejectedError(said)


def _meaning(rules: Iterable[ErrorWord], status: int, told: Any) -> str:
    is_http = status in _HTTP or status >= 500  # of these the words in the body say little
    for rule in rules:
        if (rule.status == status or (rule.status is None and not is_http)) and (not rule.at or _fits(rule, told)):
            return rule.means
    if status < 300:
        return ""
    return _USUAL.get(status) or ("retry" if status >= 500 else "rejected")


def _fits(rule: ErrorWord, told: Any) -> bool:
    value = at(told, parse_path(rule.at))
    if not rule.is_ and not rule.contains:
        return bool(value)
    text = _text(value)
    return text in rule.is_ or bool(rule.contains and value is not None and rule.contains.lower() in text.lower())


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _shown(manifest: Manifest, told: Any, secrets: Iterable[str]) -> str:
    """Return the remote's own words, on one line and without anything secret."""
    for path in manifest.message:
        value = at(told, parse_path(path))
        if value and not isinstance(value, dict | list):
            text = " ".join("".join(c if c.isprintable() else " " for c in str(value)[:2000]).split())
            for secret in secrets:
                text = text.replace(secret, "***")
            return text[:LONGEST].rstrip(".") + "."
    return ""
