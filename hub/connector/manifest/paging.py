"""Where a listing goes on, and when it is over. Pure.

Two families. Pages that we count ourselves (by number, offset or key) have no mark of an end, and a server may give fewer
records than were asked for: a page that is shorter than those before it is the last, an empty one only when it stays empty,
and one that repeats the page before is asked for again. Pages that the remote names (token, link) end where it names none.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hub.connector.dotted import at, parse_path
from hub.connector.manifest.document import (
    KeysetPages,
    LinkHeaderPages,
    NextLinkPages,
    NumberedPages,
    OffsetPages,
    Paging,
    SinglePage,
    TokenPages,
)
from hub.errors import RetryLaterError

FIRST = "-"  # the first page, where pages have no number
EMPTY = 3  # empty answers in a row that are an end
AGAIN = 3  # answers in a row that repeat the page before: then it may be that all records moved by a page
CIRCLE = 5  # so many in a row are a circle
KEPT = 64  # marks of places that are remembered; of longer circles one more, moved further and further
_LINK = re.compile(r"<([^<>]*)>\s*((?:;\s*[^;,]+)*)")


@dataclass(frozen=True, slots=True)
class Going:
    """One pass over a listing: what it asks for, and what it saw so far."""

    since: str = ""  # changes since this moment; empty: everything
    began: str = ""  # the remote's own time; what changed later belongs to the next pass
    newest: str = ""  # change that was seen
    shown: int = 0
    pages: int = 0
    most: int = 0  # records of the largest page
    empty: int = 0
    again: int = 0
    restarts: int = 0  # how often the remote forgot where we were
    mark: str = ""  # of the page before
    seen: tuple[str, ...] = ()  # marks of places that the remote named
    anchor: str = ""
    steps: int = 0

    def as_rest(self) -> dict[str, Any]:
        """Return it as a cursor keeps it; what is usual is left out."""
        usual = asdict(Going())
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != usual[name]
        }

    @classmethod
    def of_rest(cls, rest: Mapping[str, Any]) -> "Going":
        """Read what `as_rest` wrote."""
        return cls(**{**rest, "seen": tuple(rest.get("seen", ()))})


@dataclass(frozen=True, slots=True)
class Shown:
    """What one answer showed."""

    told: Any
    headers: Mapping[str, str]
    records: Sequence[Mapping[str, Any]]
    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Step:
    """What follows an answer."""

    going: Going
    next: str = ""  # empty: it is over
    is_circle: bool = False
    is_cut: bool = False  # it is over, and less was shown than the remote announced
    is_sure: bool = False  # the remote itself says that there is no more
    expected: int | None = None


def first_place(paging: Paging) -> str:
    """Return the place of the first page."""
    if isinstance(paging, NumberedPages):
        return str(paging.start)
    return "0" if isinstance(paging, OffsetPages) else FIRST


def follow(paging: Paging, place: str, shown: Shown, going: Going, *, short_is_end: bool) -> Step:
    """Return where it goes on behind a page.

    Args:
        short_is_end: a page that is shorter than others is the last; False where nobody could notice that it was not.

    Raises:
        RetryLaterError: the remote says that there is more, and shows nothing.
    """
    expected = _whole(at(shown.told, parse_path(paging.total))) if paging.total else None
    if isinstance(paging, SinglePage):
        return _over(_counted(going, shown), expected)
    if isinstance(paging, TokenPages | LinkHeaderPages | NextLinkPages):
        return _named(paging, place, shown, going, expected)
    return _reckoned(paging, place, shown, going, expected, short_is_end=short_is_end)


# --- pages that the remote names ------------------------------------------------------------------------------------


def _named(
    paging: TokenPages | LinkHeaderPages | NextLinkPages, place: str, shown: Shown, going: Going, expected: int | None
) -> Step:
    following = (
        _linked(shown.headers) if isinstance(paging, LinkHeaderPages) else at(shown.told, parse_path(paging.next))
    )
    made = _counted(going, shown)
    if following in (None, "", False):
        return _over(made, expected)
    mark = _mark(str(following))
    if mark in (*going.seen, going.anchor, _mark(place)):
        return Step(going, next=place, is_circle=True)
    # A circle that is longer than what is remembered comes past the anchor, which moves at each power of two (Brent).
    steps = going.steps + 1
    anchor = mark if steps & (steps - 1) == 0 else going.anchor
    seen = (*going.seen, _mark(place))[-KEPT:]
    return Step(replace(made, seen=seen, anchor=anchor, steps=steps), next=str(following), expected=expected)


def _linked(headers: Mapping[str, str]) -> str:
    """Return the address of the next page in a header `Link` (RFC 8288)."""
    for address, parameters in _LINK.findall(headers.get("link", "")[:8000]):
        if re.search(r";\s*rel\s*=\s*\"?(?:[^\";]*\s)?next(?:\s[^\";]*)?\"?\s*(?:;|$)", parameters, re.IGNORECASE):
            return str(address)
    return ""


# --- pages that we count ------------------------------------------------------------------------------------------


def _reckoned(
    paging: NumberedPages | OffsetPages | KeysetPages,
    place: str,
    shown: Shown,
    going: Going,
    expected: int | None,
    *,
    short_is_end: bool,
) -> Step:
    pages = (
        _whole(at(shown.told, parse_path(paging.pages))) if isinstance(paging, NumberedPages) and paging.pages else None
    )
    if not shown.records:
        return _nothing(place, going, expected, pages)
    mark = _mark(*sorted(shown.ids))
    if mark == going.mark:
        going = replace(going, again=going.again + 1)
        if going.again >= CIRCLE:
            return Step(going, next=place, is_circle=True)
        following = place if going.again % AGAIN else _behind(paging, place, shown)
        return Step(going, next=following, expected=expected)
    made = replace(_counted(going, shown), mark=mark, again=0, empty=0)
    following = _behind(paging, place, shown)
    if following == place:
        return Step(going, next=place, is_circle=True)
    if _reached(paging, place, len(shown.records), made, expected, pages):
        return _over(made, expected)
    is_short = expected is None and pages is None and 0 < len(shown.records) < going.most
    if is_short and short_is_end:
        return Step(made, expected=expected)
    return Step(made, next=following, expected=expected)


def _nothing(place: str, going: Going, expected: int | None, pages: int | None) -> Step:
    if expected == 0 or pages == 0:
        return Step(going, is_sure=True, expected=expected)
    if going.empty + 1 < EMPTY:
        return Step(replace(going, empty=going.empty + 1), next=place, expected=expected)
    if expected is None:
        return Step(going, is_cut=pages is not None, is_sure=pages is None)
    return _over(going, expected)


def _over(going: Going, expected: int | None) -> Step:
    """Return the end. Records that moved are shown twice, so more may be shown than there are, but never less."""
    is_cut = expected is not None and going.shown < expected
    return Step(going, is_cut=is_cut, is_sure=not is_cut, expected=expected)


def _reached(paging: Paging, place: str, count: int, going: Going, expected: int | None, pages: int | None) -> bool:
    """Say whether what the remote announced was shown; by the place, since records that moved are shown twice."""
    if isinstance(paging, NumberedPages):
        number = int(place) - paging.start + 1
        return (pages is not None and number >= pages) or (expected is not None and number * going.most >= expected > 0)
    if isinstance(paging, OffsetPages):
        return expected is not None and int(place) + count >= expected
    return expected is not None and going.shown >= expected


def _behind(paging: NumberedPages | OffsetPages | KeysetPages, place: str, shown: Shown) -> str:
    if isinstance(paging, NumberedPages):
        return str(int(place) + 1)
    if isinstance(paging, OffsetPages):
        return str(int(place) + len(shown.records))
    path = parse_path(paging.field)
    keys = [one for record in shown.records if isinstance(one := at(record, path), int | str) and one != ""]
    if not keys:
        raise RetryLaterError(f"no record has the key {paging.field}")
    numbers = [one for one in keys if isinstance(one, int)]
    return f"n{max(numbers)}" if len(numbers) == len(keys) else f"t{max(map(str, keys))}"


def key_of(place: str) -> int | str:
    """Return the key that a place of keyset pages stands behind."""
    return int(place[1:]) if place.startswith("n") else place[1:]


# --- small things -------------------------------------------------------------------------------------------------


def _counted(going: Going, shown: Shown) -> Going:
    count = len(shown.records)
    most = count if not going.pages else max(going.most, count)
    return replace(going, shown=going.shown + count, pages=going.pages + 1, most=max(most, count))


def _mark(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _whole(value: Any) -> int | None:
    try:
        found = int(value)
    except (TypeError, ValueError):
        return None
    return found if found >= 0 else None
