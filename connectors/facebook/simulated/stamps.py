"""How Graph writes moments and JSON."""

import json
from datetime import UTC, datetime
from typing import Any


def stamp(seconds: float) -> str:
    """A moment as in `2015-02-28T08:49:14+0000`: without a colon in the offset."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def escaped(value: Any) -> bytes:
    r"""JSON in ASCII, with `\u05e9` for other letters and `\/` for a slash, in answers and in what is signed.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads
    """
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()
