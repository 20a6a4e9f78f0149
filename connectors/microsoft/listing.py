"""Listings of Graph: their entries, their links, all of their pages.

Source: https://learn.microsoft.com/graph/paging
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.microsoft.client import Client
from hub.errors import RetryLaterError, ShapeError

NEXT, DELTA = "@odata.nextLink", "@odata.deltaLink"


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
    """Yield the entries of all pages; one that is empty is not the last.

    Raises:
        RetryLaterError: it goes round in a circle.
    """
    answer, seen = client.get(path, params, prefer=prefer), set[str]()
    yield from items(answer, of)
    while following := link(answer, NEXT):
        if following in seen:
            raise RetryLaterError(f"Microsoft's list of {of} comes back to a page that was read")
        seen.add(following)
        answer = client.get(following, prefer=prefer)
        yield from items(answer, of)
