# ruff: noqa: RUF001 - letters of several scripts are the subject
"""The words of a text, for everything that is searched: names, notes, questions. Texts come folded (`names.fold`)."""

import re
from collections.abc import Iterator

SHORTEST_ENDING = 4  # of a number
LONGEST_QUERY = 200  # a longer question is a pasted text; its first words find it

_WORD = re.compile(r"[^\W_]+")
# Hebrew writes and, the, in, to, from, that, as onto the word. Up to two are taken off where four letters or more are.
_HEBREW_WORD = re.compile(r"[א-ת]{4,}")
_HEBREW_PREFIXES = frozenset("והבלמשכ")
_ARABIC_ARTICLE = re.compile(r"\bال(\w{3,})")


def words(folded: str) -> list[str]:
    """Return the words: letters and digits only, so nothing in one has a meaning in a query language."""
    return _WORD.findall(folded)


def unglued(folded: str) -> Iterator[str]:
    """Yield Hebrew words without the small words glued to their front, and Arabic words without their article."""
    for word in _HEBREW_WORD.findall(folded):
        for glued in (1, 2):
            if _HEBREW_PREFIXES.issuperset(word[:glued]):
                yield word[glued:]
    yield from _ARABIC_ARTICLE.findall(folded)


def endings(digits: str) -> list[str]:
    """Return a number's endings of four digits or more: the beginning of one of them is any part of the number."""
    return [digits[i:] for i in range(max(1, len(digits) - SHORTEST_ENDING + 1))] if digits else []
