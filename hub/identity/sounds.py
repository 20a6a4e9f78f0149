# ruff: noqa: RUF001 - letters of several scripts and their look-alikes are the subject
"""How far two words of different scripts sound alike: "Dana" and "דנה", "Щербаков" and "Shcherbakov".

Hebrew and Arabic leave most vowels out, and a letter may stand for several sounds, so that transliterations cannot
simply be compared. Each letter becomes the sounds that it may stand for, and the two rows are laid along each other at
the least cost: an unwritten vowel costs little, another consonant much. The outcome is a gate beside an identifier,
never one itself: "Dina" sounds much like "דנה", too.

The costs were fitted by hand on common names in Hebrew, Arabic, Russian, Polish and English spelling. Scripts without a
table of their own are read through their transliteration.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import accumulate, islice, product
from typing import NamedTuple

from anyascii import anyascii

# Only the beginning of a longer word is heard, since the time grows with the product of the two lengths.
MOST_UNITS = 12
LEAST_ALIKE = 0.6  # what sounds less alike than this is not looked at any longer
SAME_BEGINNING = 0.1


def _table(pairs: str) -> dict[str, str]:
    return {left: right for left, _, right in (pair.partition("=") for pair in pairs.split())}


# One character is one sound: S as in ship, Z as in vision, C as in chip, J as in jam, T as in tsar, x as in loch.
# Several beside each other: it may be any of them. A plus parts two units; a question mark: it may as well be missing.
_LATIN = _table("""
    a=a b=b d=d e=e f=f h=h i=i k=k l=l m=m n=n o=o p=p r=r s=s t=t u=u v=v z=z c=kTC g=gJ j=yJZ q=k w=wv x=k+s
    y=yi sh=S sch=Ss sz=Ss zh=Z kh=xkh ch=xkhCS cz=C tch=C tsch=C shch=SC szcz=SC ts=T tz=T dj=J dzh=J dz=JTz
    ph=f th=ts dh=dz gh=gx ck=k ou=uu oo=uu ee=ii rz=r?+zZT
""")
_CYRILLIC = _table("""
    а=a б=b в=v г=gh ґ=g д=d е=e ж=Z з=z и=iy к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=xh ц=T ч=C ш=S щ=SC
    ы=iy э=e ю=y?+u я=y?+a є=y?+e і=iy ј=y љ=l њ=n ђ=J ћ=C џ=J дж=J дз=JTz
""")
_HEBREW = _table("""
    א=ae ב=bv ג=gJ ד=d ה=h ו=vwou ז=zZ ח=xh ט=t י=yi כ=kx ל=l מ=m נ=n ס=s ע=aeiou פ=pf צ=TC ק=k ר=r ש=Ss ת=t
    שצ=SC טש=C לל=l?+l
""")
_ARABIC = _table("""
    ا=a ب=bp ت=t ث=ts ج=JgZ ح=hx خ=xkh د=d ذ=dz ر=r ز=z س=s ش=S ص=s ض=dz ط=t ظ=zd ع=aeiou غ=gx ف=fv ق=kg ك=k ل=l
    م=m ن=n ه=h و=wuov ي=yi پ=p چ=C ژ=Z گ=g ک=k ی=yi ہ=h ھ=h ٹ=t ڈ=d تس=T تز=T تش=C دج=J شتش=SC لل=l?+l
""")
_UNITS = {**_LATIN, **_CYRILLIC, **_HEBREW, **_ARABIC}
_GROUP = re.compile("|".join([*sorted(_UNITS, key=len, reverse=True), "."]))
_AT_THE_END = _table("ה=haeo ه=haeo ي=yiae ی=yiae")
_AT_THE_BEGINNING = _table("ا=aeiou е=y?+e")
# What sounds otherwise before one of these letters. Before a vowel, Polish writes an i only to soften.
_BEFORE = {"c": ("eiy", "sTC"), "i": ("aeou", "yi?")}

_ARTICLE = "ال"
_LIKE_AN_ARTICLE = re.compile("[aei]l|[аеэи]л|אל")  # "Elias" begins so, too
# Common names in which i, o or u is not written, as if it were.
_WRITTEN_OUT = _table("""
    אהרנ=אהרונ דב=דוב דוד=דויד הלל=הילל יעקב=יעקוב כהנ=כוהנ מרדכי=מורדכי מרימ=מירימ משה=מושה נח=נוח פנחס=פינחס
    רבקה=ריבקה שלמה=שלומה محمد=موحمد حسين=حوسين منير=مونير مراد=موراد هدي=هودي مني=موني
""")
# Doubled letters sound once. Not vowels, and not Hebrew and Arabic letters, which may have a vowel between them.
_DOUBLED = re.compile(r"([^\Wא-הז-טכ-ת\u0620-\u0647\u0649\u064b-\u06ffaeiouаеио])\1+")

_VOWELS = frozenset("aeiou")
_WEAK = frozenset("aeiouyhwv")  # what the letters sound like that are sometimes vowels, or not heard
# What a vowel costs that the other word leaves out, by how that is written. Hebrew writes most i, o and u.
_UNWRITTEN = {
    "hebrew": {"a": 0.05, "e": 0.05, "i": 0.35, "o": 0.3, "u": 0.4},
    "arabic": {"a": 0.05, "e": 0.1, "i": 0.41, "o": 0.2, "u": 0.5},
    "": {},
}
_VOWEL_LEFT_OUT = 0.5
UNHEARD = 0.1  # what it costs to leave out what may as well be missing

# What it costs to take one sound for another, the letters of a pair in order; all others cost 1.
_NEAR = {
    **dict.fromkeys(("iy", "uw", "vw", "hx"), 0.05),
    **dict.fromkeys(("ae", "ao", "ei", "ou", "fv", "kx"), 0.2),
    **dict.fromkeys(("ai", "au", "eo", "eu", "io", "iu"), 0.45),
    **dict.fromkeys(("Tz", "Zz"), 0.25),
    **dict.fromkeys(("bp", "bv", "fp", "sz", "CS", "CT", "JZ", "Jg", "Jy", "Ss", "SZ", "Ts", "gh"), 0.4),
    **dict.fromkeys(("CJ", "dt", "gk", "gx", "hk", "mn"), 0.6),
}


class _Unit(NamedTuple):
    """What a letter, or a few that belong together, may sound like."""

    sounds: str
    weight: float
    unwritten: float  # what it costs where the other word has nothing in this place


def sound_alike(x: str, y: str) -> float:
    """Return how far two folded words of different scripts sound alike: `LEAST_ALIKE` to 1, or 0; from both sides the same."""
    return max(_laid_along(*sorted(pair)) for pair in product(_readings(x, y), _readings(y, x)))


def begin_alike(x: str, y: str) -> bool:
    """Tell whether two folded words of different scripts may begin with the same sound."""
    beginnings = product(_beginnings(_units(x, _writing(y))), _beginnings(_units(y, _writing(x))))
    return any(_cost(one.sounds, other.sounds) < SAME_BEGINNING for one, other in beginnings)


def _beginnings(units: Sequence[_Unit]) -> Sequence[_Unit]:
    """Return the first unit; with what follows it where it may as well be missing."""
    return units[: 1 + next((i for i, unit in enumerate(units) if unit.unwritten > UNHEARD), len(units))]


def _readings(word: str, facing: str) -> set[str]:
    """Return how a word may be meant: without the Arabic article, or with the vowels that its old spelling leaves out."""
    if word.startswith(_ARTICLE) and not _LIKE_AN_ARTICLE.match(facing):
        return {word.removeprefix(_ARTICLE)}
    return {word, _WRITTEN_OUT.get(word, word)}


@lru_cache(maxsize=50_000)
def _laid_along(x: str, y: str) -> float:
    one, other = _units(x, _writing(y)), _units(y, _writing(x))
    weight = sum(unit.weight for unit in one + other) / 2
    distance = _distance(one, other, at_most=(1 - LEAST_ALIKE) * weight) if one and other else None
    return 0.0 if distance is None else 1 - distance / weight


def _distance(one: Sequence[_Unit], other: Sequence[_Unit], *, at_most: float) -> float | None:
    """Return the least cost of laying two rows along each other: Levenshtein's distance with costs of our own."""
    row = list(accumulate((unit.unwritten for unit in other), initial=0.0))
    for unit in one:
        sounds, unwritten = unit.sounds, unit.unwritten
        diagonal, row[0] = row[0], row[0] + unwritten
        for j, facing in enumerate(other, start=1):
            taken = diagonal + _cost(sounds, facing.sounds)
            diagonal = row[j]
            row[j] = min(taken, diagonal + unwritten, row[j - 1] + facing.unwritten)
        if min(row) > at_most:
            return None
    return row[-1] if row[-1] <= at_most else None


@cache  # there are only so many units
def _cost(these: str, those: str) -> float:
    """Return what it costs to take one unit for another: the least of any two of their sounds."""
    return min(0.0 if a == b else _NEAR.get(min(a, b) + max(a, b), 1.0) for a, b in product(these, those))


def _writing(word: str) -> str:
    """Name the way of writing that leaves vowels out, if the word is written so."""
    if not _HEBREW.keys().isdisjoint(word):
        return "hebrew"
    return "" if _ARABIC.keys().isdisjoint(word) else "arabic"


@lru_cache(maxsize=20_000)
def _units(word: str, facing: str) -> tuple[_Unit, ...]:
    heard = list(islice(_heard(_DOUBLED.sub(r"\1", word)), MOST_UNITS))
    return tuple(_unit(sounds, i, len(heard) - 1, facing) for i, sounds in enumerate(heard))


def _heard(word: str) -> Iterator[str]:
    """Yield the sounds of each letter or group of letters."""
    for group in _GROUP.finditer(word):
        letters, following = group[0], word[group.end() : group.end() + 1]
        if letters in _UNITS:
            yield from _sounds(letters, first=group.start() == 0, following=following).split("+")
        elif not letters.isascii():
            yield from _heard("".join(c for c in anyascii(letters).lower() if c in _LATIN))


def _sounds(letters: str, *, first: bool, following: str) -> str:
    sounds = _UNITS[letters]
    if not following:
        return _AT_THE_END.get(letters, sounds)
    before, then = _BEFORE.get(letters, ("", sounds))
    if following in before:
        return then
    return _AT_THE_BEGINNING.get(letters, sounds) if first else sounds


def _unit(heard: str, place: int, last: int, facing: str) -> _Unit:
    """Say how much a unit counts: a consonant 1, a vowel about half of it, what is often not heard less."""
    sounds = heard.removesuffix("?")
    if sounds != heard:
        return _Unit(sounds, 0.2, UNHEARD)
    if not _WEAK.issuperset(sounds) or sounds in {"v", "wv"}:
        return _Unit(sounds, 1.0, 1.0)
    if place == last:  # Hebrew and Arabic write these, and they part "Dan" from "Dana"; other languages have a silent e
        return _Unit(sounds, 0.5, {"e": 0.3, "h": 0.15, "aeiou": 0.3}.get(sounds, 1.0))
    if sounds in {"ae", "aeiou"}:
        return _Unit(sounds, 0.2, UNHEARD)
    if _VOWELS.issuperset(sounds):
        return _Unit(sounds, 0.4 if facing else 0.5, _UNWRITTEN[facing].get(sounds, _VOWEL_LEFT_OUT))
    if sounds == "h" and place == 0:
        return _Unit(sounds, 0.8, 0.6)
    return _Unit(sounds, 0.5, 0.25 if sounds == "h" else 0.6 if "v" in sounds else 0.45)
