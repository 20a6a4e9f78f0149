# ruff: noqa: RUF001 - letters of several scripts are the subject
"""Full text in five scripts: what goes into the index, and safe queries for both engines.

Neither SQLite's nor PostgreSQL's own dictionaries know Hebrew, Arabic, Polish and Russian together. So one folding
in Python feeds both, when indexing and when asking; the engines only split words (FTS5 `unicode61`, PostgreSQL
`simple`). Whatever changes here changes what is found: raise `VERSION` and index again.
"""

import re
from collections.abc import Iterator

from hub.identity.names import fold

VERSION = 1

# A query longer than this is a pasted text; its first words find it.
LONGEST_QUERY = 200
MOST_WORDS = 12
SHORTEST_PHONE = 8

_PHONE = re.compile(r"\+?\d[\d\-./ ()]{6,40}\d")
# Hebrew writes and, the, in, to, from, that, as onto the word. Up to two are taken off where four letters or more are.
_HEBREW_WORD = re.compile(r"[א-ת]{4,}")
_HEBREW_PREFIXES = frozenset("והבלמשכ")
_ARABIC_ARTICLE = re.compile(r"\bال(\w{3,})")
_WORD = re.compile(r"[^\W_]+")
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
    for word in _HEBREW_WORD.findall(folded):
        for glued in (1, 2):
            if _HEBREW_PREFIXES.issuperset(word[:glued]):
                yield word[glued:]
    yield from _ARABIC_ARTICLE.findall(folded)
    for address in _ADDRESS.findall(folded):
        yield re.sub(r"[\W_]+", " ", address)


def fts5_query(text: str) -> str:
    """Return a query for SQLite's MATCH: every word must be there, each may go on; empty where there is no word.

    Words are letters and digits in quotes, so nothing in them has a meaning in the query language.
    Do not run an empty query: it is an error there and should find nothing here.
    """
    return " AND ".join(_either(words, '"{}"*', " AND ", " OR ") for words in _wanted(text))


def postgres_query(text: str) -> str:
    """Return the same for PostgreSQL's `to_tsquery('simple', …)`."""
    return " & ".join(_either(words, "'{}':*", " & ", " | ") for words in _wanted(text))


def _wanted(text: str) -> Iterator[list[str]]:
    """Yield what must be found: single words, and the pieces of a number that may also stand in one piece."""
    left = MOST_WORDS
    for found in _NUMBER_OR_WORD.finditer(norm(text[:LONGEST_QUERY])):
        words = _WORD.findall(found[0])[:left]
        left -= len(words)
        if words:
            yield words


def _either(words: list[str], quoted: str, both: str, either: str) -> str:
    """Write one word, or a number as its pieces or in one piece."""
    pieces = both.join(quoted.format(word) for word in words)
    return f"(({pieces}){either}{quoted.format(''.join(words))})" if len(words) > 1 else pieces


def _digits(text: str) -> str:
    return "".join(_WORD.findall(text))
