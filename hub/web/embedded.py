"""Requests of a page that stands in another product's frame: they prove themselves by a header, and cookies say nothing.

No other site can make a browser send this header to us, so such a request cannot be forged the way a form can be.
"""

from flask import request
from flask.wrappers import Request

HEADER = "Hub-Embed"
PLACE = "/embed/"
# All that a session of a frame may ask for; a page that is not named here does not exist for it.
ENDPOINTS = frozenset(
    {
        "calls.assign_to", "calls.card", "calls.dismiss", "calls.draft", "calls.hangup", "calls.ignore", "calls.note",
        "calls.note_form", "calls.recording", "calls.transfer", "customers.choose", "dial.dial", "embed.customer",
        "embed.customer_of_number", "my_day.recent",
    }
)  # fmt: skip


def asks() -> bool:
    """Say whether the request is one of a frame's page."""
    return HEADER in request.headers


def token() -> str:
    """Return the token that such a request has."""
    return request.headers.get(HEADER, "")


def has_no_cookie(asked: Request) -> bool:
    """Say whether cookies do not count, and none is to be written: of what a frame's page asks, and of that page."""
    return HEADER in asked.headers or asked.path.startswith(PLACE)
