# ruff: noqa: RUF001 - quotes of several scripts are the subject
"""Show where a text has what was asked for: a short piece of it, with the words that matched marked. Pure."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from hub.identity.names import fold
from hub.identity.words import LONGEST_QUERY, endings, unglued, words

LONGEST = 160  # characters of a piece
BEFORE = 40  # of them before the first word that matched
LOOKED_AT = 20_000  # characters of a text
_NUMBER = re.compile(r"\+?\d(?:[\d\-./ ()]{0,30}\d)?")
# A word as it is written: with its accents, vowel points and the quotes inside it (בע״מ, O'Neil).
_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0640'’\"״׳`])*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text; `hit`: it is what was asked for."""

    text: str
    hit: bool = False


def terms(query: str) -> frozenset[str]:
    """Return the words of a question, and its numbers in one piece."""
    folded = fold(query[:LONGEST_QUERY])
    numbers = ("".join(c for c in one if c.isdigit()) for one in _NUMBER.findall(folded))
    pieces = words(folded)
    found = {*pieces, *(n.lstrip("0") for n in numbers if len(n) > 1)}
    if len(pieces) > 1 and any(c.isdigit() for c in folded):
        found.add("".join(pieces))  # FV 123/2026, FV123
    return frozenset(found - {""})


def fragment(text: str, asked: Collection[str]) -> tuple[Piece, ...]:
    """Return a piece of a text around the first word that was asked for; empty where it has none of them."""
    text = text[:LOOKED_AT]
    hits = list(_hits(text, asked))
    if not hits:
        return ()
    begin = max(0, hits[0][0] - BEFORE) if len(text) > LONGEST else 0
    if begin:  # at a word's beginning
        space = text.find(" ", begin, hits[0][0])
        begin = space + 1 if space >= 0 else hits[0][0]
    end = min(len(text), begin + LONGEST)
    if end < len(text) and (space := text.rfind(" ", hits[0][1], end)) > 0:
        end = space
    return tuple(_pieces(text, begin, end, hits))


def whole(text: str, asked: Collection[str]) -> tuple[Piece, ...]:
    """Return a short text with all of what was asked for marked."""
    return tuple(_pieces(text, 0, len(text), list(_hits(text[:LOOKED_AT], asked))))


def has(text: str, asked: Collection[str]) -> bool:
    """Say whether a text has any of what was asked for."""
    return next(iter(_hits(text[:LOOKED_AT], asked)), None) is not None


def _pieces(text: str, begin: int, end: int, hits: Iterable[tuple[int, int]]) -> Iterable[Piece]:
    at = begin
    if begin:
        yield Piece("… ")
    for first, last in hits:
        if first < at or first >= end:
            continue
        if first > at:
            yield Piece(_line(text[at:first]))
        yield Piece(_line(text[first : min(last, end)]), hit=True)
        at = min(last, end)
    if at < end:
        yield Piece(_line(text[at:end]))
    if end < len(text):
        yield Piece(" …")


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _hits(text: str, asked: Collection[str]) -> Iterable[tuple[int, int]]:
    """Yield where words stand that begin with what was asked for, and numbers that have it in them."""
    numbers = [one for one in asked if one.isdigit()]
    taken = 0
    for found in re.finditer(f"(?P<number>{_NUMBER.pattern})(?![^\\W_])|(?P<word>{_WORD.pattern})", text):
        if found.start() < taken:
            continue
        is_hit = _number_has(found[0], numbers) if found["number"] else _word_begins(found[0], asked)
        if not is_hit and found["number"]:
            is_hit = any(_word_begins(one, asked) for one in words(fold(found[0])))
        if is_hit:
            taken = found.end()
            yield found.start(), found.end()


def _number_has(written: str, numbers: Collection[str]) -> bool:
    digits = "".join(str(unicodedata.digit(c)) for c in written if c.isdigit())
    return any(ending.startswith(one) for one in numbers for ending in endings(digits))


def _word_begins(written: str, asked: Collection[str]) -> bool:
    folded = fold(written)
    forms = [*words(folded), *unglued(folded)]
    return any(form.startswith(one) for form in forms for one in asked)
