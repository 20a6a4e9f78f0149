"""Listings and rounds of Graph: their entries, their links, their pages.

Sources: https://learn.microsoft.com/graph/paging, https://learn.microsoft.com/graph/delta-query-overview
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.microsoft.client import Answer, Asked, Client
from hub.connector.stream import Cursor
from hub.errors import CursorExpired, GoneError, RetryLaterError, ShapeError

NEXT, DELTA = "@odata.nextLink", "@odata.deltaLink"


def page(
    client: Client, cursor: Cursor, path: str, params: Mapping[str, str] | None = None, *, prefer: Sequence[str]
) -> dict[str, Any]:
    """Return the page of a round at a cursor. A link goes as it came: it knows what was asked for at first.

    Args:
        path, params: with which a round begins.

    Raises:
        CursorExpired: the link leads nowhere any more.
        GoneError: nor does the beginning: the folder or calendar is no more.
    """
    following = cursor.page or cursor.token
    try:
        return client.get(following, prefer=prefer) if following else client.get(path, params, prefer=prefer)
    except GoneError as error:
        if following:
            raise CursorExpired(str(error)) from error
        raise


def several(client: Client, asked: Mapping[str, Asked]) -> dict[str, Answer | None]:
    """Ask for several records at once, each by a name; of one that is no more the answer is None.

    Raises:
        ConnectorError, ShapeError: as of `Client.all`, and what any of them was refused with otherwise.
    """
    found: dict[str, Answer | None] = {}
    for name, answer in (client.all(asked) if asked else {}).items():
        if isinstance(answer, Exception) and not isinstance(answer, GoneError):
            raise answer
        found[name] = None if isinstance(answer, GoneError) else answer
    return found


def items(answer: Mapping[str, Any], of: str) -> list[dict[str, Any]]:
    """Return the entries of a page.

    Raises:
        ShapeError: it has none, or some without an id.
    """
    listed = answer.get("value")
    if not isinstance(listed, list) or not all(isinstance(one, dict) and one.get("id") for one in listed):
        raise ShapeError(f"Microsoft's list of {of} is none")
    return listed


def link(answer: Mapping[str, Any], name: str) -> str:
    """Return where to go on; empty where the answer does not say."""
    return str(answer.get(name) or "")


def everything(
    client: Client, path: str, params: Mapping[str, str], of: str, *, prefer: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Yield the entries of all pages. Raises as `onwards`."""
    return onwards(client, client.get(path, params, prefer=prefer), of, prefer=prefer)


def onwards(
    client: Client, answer: Mapping[str, Any], of: str, *, prefer: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Yield the entries of a page and of all behind it; one that is empty is not the last.

    Raises:
        RetryLaterError: it goes round in a circle.
    """
    seen = set[str]()
    yield from items(answer, of)
    while following := link(answer, NEXT):
        if following in seen:
            raise RetryLaterError(f"Microsoft's list of {of} comes back to a page that was read")
        seen.add(following)
        answer = client.get(following, prefer=prefer)
        yield from items(answer, of)
