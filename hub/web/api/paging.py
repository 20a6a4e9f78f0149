"""Cursors: where a list goes on. Opaque and signed, and good only for the question they came from."""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field

from hub.web.api.problem import FaultError
from hub.web.frame import current_hub

FIELD = "field."  # how filters by fields of administrators begin
DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_MAC_BYTES = 12

ItemT = TypeVar("ItemT", bound=BaseModel)
RowT = TypeVar("RowT")


class Query(BaseModel):
    """Base of all query parameters: an unknown one is refused, so that a misspelt filter never means "all"."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Paging(Query):
    """Query parameters of every list."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items at most")
    after: str | None = Field(None, min_length=1, max_length=1000, description="`next` of the page before")


class FieldPaging(Paging):
    """Query parameters of lists whose records have fields of administrators (`fields.where` reads these filters)."""

    field: dict[str, str | list[str]] = Field(
        default={},
        description="Filters by fields that administrators defined, named `field.<name>`: a choice (several: any of them), "
        "true or false, a part of a text; of numbers, money and days also `field.<name>.from` and `field.<name>.to`, of money "
        "`field.<name>.currency`",
    )


class Page(BaseModel, Generic[ItemT]):
    """One page of a list."""

    items: list[ItemT]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last one")


def position(query: Paging) -> list[Any] | None:
    """Return where the page is to begin; None: at the beginning.

    Raises:
        FaultError: the cursor was changed, or belongs to another question.
    """
    if query.after is None:
        return None
    try:
        body, mac = (_decode(part) for part in query.after.split("."))
        values = json.loads(body) if hmac.compare_digest(mac, _mac(body)) else None
    except (ValueError, binascii.Error):
        values = None
    if not isinstance(values, list):
        raise FaultError(400, "after: not a cursor of this list with these filters", "bad_cursor", "after")
    return values


def cut(rows: Sequence[RowT], limit: int, place: Callable[[RowT], Sequence[Any]]) -> tuple[Sequence[RowT], str | None]:
    """Split what `limit + 1` brought: the page, and the cursor if there is more.

    `place` gives the values that the order of the list is made of, as JSON can hold them.
    """
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor(place(rows[limit - 1]))


def part(rows: Iterable[RowT], query: Paging, place: Callable[[RowT], list[Any]]) -> tuple[Sequence[RowT], str | None]:
    """Take a page of rows that are all at hand, in the order of their places: no two have the same."""
    begin = position(query)
    rest = sorted((row for row in rows if begin is None or place(row) > begin), key=place)
    return cut(rest, query.limit, place)


def cursor(values: Sequence[Any]) -> str:
    """Return the cursor behind these values, for the question being answered."""
    body = json.dumps(list(values), separators=(",", ":")).encode()
    return f"{_encode(body)}.{_encode(_mac(body))}"


def micros(at: datetime) -> int:
    """A time as a cursor holds it: exact to the microsecond, as the database has it."""
    delta = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(value: int) -> datetime:
    seconds, rest = divmod(value, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def _mac(body: bytes) -> bytes:
    filters = sorted((k, v) for k, v in request.args.items(multi=True) if k not in ("limit", "after"))
    question = json.dumps([request.path, filters]).encode()
    return hmac.digest(current_hub().vault.derive("cursor"), question + b"\n" + body, "sha256")[:_MAC_BYTES]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
