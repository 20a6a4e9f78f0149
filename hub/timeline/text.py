# ruff: noqa: RUF001 - letters of several scripts are the subject
"""Full text in five scripts: what goes into the index, and safe queries for both engines.

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
_WORD = re.compile(r"[א-ת]{4,}")
_HEBREW_PREFIXES = frozenset("והבלמשכ")
_ARABIC_ARTICLE = re.compile(r"\bال(\w{3,})")
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


def fts5_query(text: str) -> str:
    """Return a query for SQLite's MATCH: every word must be there, each may go on; empty where there is no word.

    Words are letters and digits in quotes, so nothing in them has a meaning in the query language.
    Do not run an empty query: it is an error there and should find nothing here.
    """
    return " AND ".join(_either(one, '"{}"*', " AND ", " OR ") for one in _wanted(text))


def postgres_query(text: str) -> str:
    """Return the same for PostgreSQL's `to_tsquery('simple', …)`."""
    return " & ".join(_either(one, "'{}':*", " & ", " | ") for one in _wanted(text))


def _wanted(text: str) -> Iterator[list[str]]:
    """Yield what must be found: single words, and the pieces of a number that may also stand in one piece."""
    left = MOST_WORDS
    for found in _NUMBER_OR_WORD.finditer(norm(text[:LONGEST_QUERY])):
        pieces = words(found[0])[:left]
        left -= len(pieces)
        if pieces:
            yield pieces


def _either(pieces: list[str], quoted: str, both: str, either: str) -> str:
    """Write one word, or a number as its pieces or in one piece."""
    written = both.join(quoted.format(piece) for piece in pieces)
    return f"(({written}){either}{quoted.format(''.join(pieces))})" if len(pieces) > 1 else written


def _digits(text: str) -> str:
    return "".join(words(text))
