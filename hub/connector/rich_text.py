"""Texts that are written into other people's systems: as they are, without what could do harm there, and not too long."""

import html
import re
from collections.abc import Callable
from typing import Any

LONGEST_URL = 2_000
# Controls, signs that turn the direction of all that follows (marks of one letter's direction stay), halves of letters.
_HARMFUL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CUT = "\n[…]"


def line(value: Any, longest: int) -> str:
    """Return a text as one line."""
    return " ".join(_HARMFUL.sub("", str(value or "")).split())[:longest]


def rich(body: str, url: str, longest: int) -> str:
    """Return plain text as HTML that shows it as it is, with a link below; in all no longer than so many characters."""
    link = html.escape(url) if _is_link(url) else ""
    below = f'<br><a href="{link}">{link}</a>' if link else ""
    return _fitting(body, _escaped, longest - len(below), len) + below


def plain(body: str, url: str, longest: int, *, size: Callable[[str], int] = len) -> str:
    """Return plain text with a link below.

    Args:
        longest: of all of it, as `size` measures a text: characters, or `octets`.
    """
    below = f"\n\n{url}" if _is_link(url) else ""
    return (_fitting(body.strip(), str, longest - size(below), size) + below).strip()


def octets(text: str) -> int:
    """Return how many bytes a text has where it is kept as UTF-8."""
    return len(text.encode("utf-8", "replace"))


def _is_link(url: str) -> bool:
    return url.startswith(("https://", "http://")) and len(url) <= LONGEST_URL and not _HARMFUL.search(url)


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace("\n", "<br>")


def _fitting(body: str, as_written: Callable[[str], str], room: int, size: Callable[[str], int]) -> str:
    """Write a text; of one that is too long the beginning, with a mark that there is more."""
    kept = _HARMFUL.sub("", body.replace("\r\n", "\n").replace("\r", "\n"))
    found = as_written(kept)
    while (length := size(found)) > room and kept:
        kept = kept[: max(0, min(len(kept) - 100, len(kept) * room // length))]
        found = as_written(kept + _CUT)
    return found
