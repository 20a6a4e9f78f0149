"""What an answer of KSeF says; amounts are never looked at here, and numbers with a point stay as they were written."""

import json
from typing import Any

from hub.errors import RetryLaterError


def told_of(body: bytes) -> Any:
    """Return a body's JSON, numbers with a point as they are written; None: it is none."""
    try:
        return json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        return None


def text_of(told: Any, *path: str) -> str:
    """Return a text of an answer. Raises RetryLaterError: it is not there."""
    found = told
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, str) or not found:
        raise RetryLaterError(f"KSeF's answer leaves out {'.'.join(path)}.")
    return found
