"""Full text in five scripts: what goes into the index, and what is asked for.

Neither SQLite's nor PostgreSQL's own dictionaries know Hebrew, Arabic, Polish and Russian together. So one folding
in Python feeds both, when indexing and when asking; the engines only split words (FTS5 `unicode61`, PostgreSQL
`simple`). Whatever changes here changes what is found: raise `VERSION` and index again.
"""

import re
from collections.abc import Iterator

from hub.identity.names import fold
from hub.identity.words import LONGEST_QUERY, unglued, words

VERSION = 1

MOST_WORDS = 12
SHORTEST_PHONE = 8

_PHONE = re.compile(r"\+?\d[\d\-./ ()]{6,40}\d")
# A number in pieces (050-234 5678) belongs together; anything else is one word after the other.
_NUMBER_OR_WORD = re.compile(r"(?<!\w)\+?\d+(?:[\-./ ()]{1,3}\d+)+(?!\w)|[^\W_]+")
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# Possessive and only from its first character, or a long word would be read again from each of its letters.
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")


def norm(text: str) -> str:
    """Fold a text so that what a reader takes for the same is the same, in the index and in the query.

    Case, accents and vowel points, direction signs, final letters and hamza forms, quotes inside words (בע״מ),
    digits of other scripts. Control characters become spaces.
    """
    return fold(_NO_TEXT.sub(" ", text))


def indexed(text: str) -> str:
    """Return what to index of a text: its folded form and other forms in which it will be looked for.

    Added are telephone numbers in one piece, Hebrew words without the small words glued to their front, Arabic words
    without their article, and the parts of e-mail addresses.
    """
    folded = norm(text)
    return " ".join([folded, *_other_forms(folded)])


def _other_forms(folded: str) -> Iterator[str]:
    for number in _PHONE.findall(folded):
        if len(digits := _digits(number)) >= SHORTEST_PHONE:
            yield digits
    yield from unglued(folded)
    for address in _ADDRESS.findall(folded):
        yield re.sub(r"[\W_]+", " ", address)


def asked(text: str) -> list[tuple[tuple[str, ...], ...]]:
    """Return what to ask a full-text table for (store.full_text.Question): every word, and of a number its pieces or all.

    Empty where there is no word: that finds nothing.
    """
    return [
        ((*pieces,), ("".join(pieces),)) if len(pieces) > 1 else ((pieces[0],),) for pieces in _wanted(text)
    ]  # fmt: skip


def _wanted(text: str) -> Iterator[list[str]]:
    """Yield what must be found: single words, and the pieces of a number that may also stand in one piece."""
    left = MOST_WORDS
    for found in _NUMBER_OR_WORD.finditer(norm(text[:LONGEST_QUERY])):
        pieces = words(found[0])[:left]
        left -= len(pieces)
        if pieces:
            yield pieces


def _digits(text: str) -> str:
    return "".join(words(text))
