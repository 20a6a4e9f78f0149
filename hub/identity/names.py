# ruff: noqa: RUF001 - letters of several scripts and their look-alikes are the subject
"""Names of people and companies: one spelling to compare, and how far two names agree.

A name never identifies by itself; it agrees or objects where an exact identifier already matched.
"""

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

LONGEST_NAME = 400
# Of longer names only the first words are compared.
MOST_WORDS = 8
MOST_CHARACTERS_REMEMBERED = 20_000


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Letters that Unicode does not decompose, variants that readers take for the same letter, and quotes.
_SAME_LETTERS = str.maketrans(
    {
        **dict(zip("łøđħŧıæœðþ", ("l", "o", "d", "h", "t", "i", "ae", "oe", "d", "th"), strict=True)),
        **dict(zip("أإآٱىةؤئ", "اااايهوي", strict=True)),
        **dict(zip("ךםןףץ", "כמנפצ", strict=True)),
        **dict.fromkeys("ـ״׳\"'`´‘’‚“”„«»", ""),
    }
)

# Forms of address before a name, as `fold` leaves them.
_HONORIFICS = _listed("""
    mr mrs ms miss dr prof sir madam herr frau mgr inz pan pani
    מר גברת גב דר פרופ עוד гн гжа господин госпожа др السيد السيده الاستاذ الدكتور دكتور
""")
_HYPHENATED_HONORIFIC = re.compile(r"^(г|д)-(н|жа|р)\b")
_PLACEHOLDERS = _listed("unknown anonymous none null nil na test testing tbd xxx undefined noname неизвестно nieznany")

# Legal forms of companies, written as people write them and folded below; dots never count.
_FORMS_AT_THE_END = """
    ltd, limited, plc, llc, llp, lp, inc, incorporated, corp, corporation, co, company, co ltd, pty ltd, pte ltd,
    gmbh, gmbh & co kg, mbh, ag, kg, ohg, ug, e.v., se, s.a., sas, sarl, s.l., slu, srl, s.p.a., snc, bv, b.v., nv, n.v.,
    ab, as, asa, aps, oy, oyj, oü, sia, uab, s.r.o., spol. s r.o., spol. s.r.o., d.o.o., kft, zrt, nyrt, ood, ead,
    a.ş., şti, ltd şti, sp. z o.o., sp z oo, sp. zoo, spzoo, spółka z o.o., spółka z ograniczoną odpowiedzialnością,
    spółka akcyjna, spółka komandytowa, spółka jawna, spółka cywilna, sp. k., sp.k., sp. j., sp.j., s.c., s.k.,
    בע״מ, חברה בע״מ, חל״צ, ע״ר, ش.م.م, ش.ذ.م.م, ذ.م.م, المحدودة, محدودة, ذات مسؤولية محدودة,
    ооо, оао, зао, пао, ао, ип, тов, чп, фоп, тоо
"""
# Russian, Ukrainian and Arabic put the form first. Latin ones there would eat the first word of a name (SE, AB, Co).
_FORMS_AT_THE_START = """
    ооо, оао, зао, пао, ао, ип, тов, чп, фоп, тоо, общество с ограниченной ответственностью,
    شركة, مؤسسة, חברת
"""


class _Folding(dict[int, str | int | None]):
    """A table for `str.translate`, filled as characters are met: marks go, variants and digits become the plain one."""

    def __missing__(self, point: int) -> str | int | None:
        c = chr(point)
        folded: str | int | None = point
        if unicodedata.category(c) in {"Mn", "Cf"}:
            folded = None
        elif c.isdigit():
            folded = str(unicodedata.digit(c))
        if len(self) < MOST_CHARACTERS_REMEMBERED:  # a text of every character there is must not fill the memory
            self[point] = folded
        return folded


_FOLDING = _Folding(_SAME_LETTERS)


def spoken_name(name: str) -> str:
    """Return a party's name; nothing where it stands for one: its address or number."""
    return name if "@" not in name and any(c.isalpha() for c in name) else ""


def fold(text: str) -> str:
    """Fold case, marks, direction signs, letter variants, quotes and digits, so that equal words compare equal."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    text = text.casefold()
    # Folding case may bring compounds back, hence again.
    return (text if text.isascii() else unicodedata.normalize("NFKD", text)).translate(_FOLDING)


def clean_name(raw: str) -> str:
    """Return a name fit to be shown: no control or direction characters, single spaces; empty for a placeholder."""
    if not raw:
        return ""
    text = unicodedata.normalize("NFC", raw[:LONGEST_NAME])
    if not text.isprintable():  # nearly every one is, and then has none of these
        text = "".join(" " if unicodedata.category(c) in {"Cc", "Zs", "Zl", "Zp"} else c for c in text)
        text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cs"})
    text = " ".join(text.split())
    words = _words(text)
    if not any(c.isalpha() for word in words for c in word) or "".join(words) in _PLACEHOLDERS:
        return ""
    return text


@lru_cache(maxsize=20_000)
def person_key(name: str) -> str:
    """Return a person's name to compare: folded, first name first, without forms of address."""
    last, comma, first = clean_name(name).partition(",")
    words = _words(f"{first} {last}" if comma and first.strip() else last)
    while len(words) > 1 and words[0] in _HONORIFICS:
        words = words[1:]
    return " ".join(words)


@lru_cache(maxsize=20_000)
def company_key(name: str) -> str:
    """Return a company's name to compare: folded, without its legal forms at either end."""
    words = _company_words(clean_name(name))
    while (shorter := _without_legal_form(words)) != words:
        words = shorter
    return " ".join(words)


def _company_words(text: str) -> tuple[str, ...]:
    return tuple(re.sub(r"[^\w&]+", " ", fold(text).replace(".", "")).split())


def _forms(listed: str) -> tuple[tuple[str, ...], ...]:
    """Return legal forms as folded words, longest first."""
    return tuple(sorted({_company_words(form) for form in listed.split(",")} - {()}, key=lambda f: (-len(f), f)))


_ENDS = _forms(_FORMS_AT_THE_END)
_STARTS = _forms(_FORMS_AT_THE_START)


def _without_legal_form(words: tuple[str, ...]) -> tuple[str, ...]:
    """Take one legal form off; a name that is nothing but a form stays."""
    for form in _ENDS:
        if len(form) < len(words) and words[-len(form) :] == form:
            return words[: -len(form)]
    for form in _STARTS:
        if len(form) < len(words) and words[: len(form)] == form:
            return words[len(form) :]
    return words


def name_line(raw: str) -> str:
    """Return the normal form of a name in a line, or an empty line."""
    return person_key(raw)


def comparable(a: str, b: str) -> bool:
    """Tell whether two names share a script. Names in different scripts neither agree nor disagree."""
    return not _scripts(a).isdisjoint(_scripts(b))


def _scripts(name: str) -> set[str]:
    # The first word of a letter's Unicode name is its script: LATIN SMALL LETTER A, HEBREW LETTER ALEF.
    return {unicodedata.name(c, "?").split(" ")[0] for c in person_key(name) if c.isalpha()}


def companies_agree(a: str, b: str) -> float:
    """Return how far two companies' names agree, 0 to 1, whatever their legal forms."""
    return _agreement(company_key(a), company_key(b))


def names_agree(a: str, b: str) -> float:
    """Return how far two persons' names agree, 0 to 1; order of words and forms of address do not matter.

    The worst pair of words decides, since "Dana Levi" and "Dana Cohen" are two people. One word alone proves
    less than two.
    """
    return _agreement(person_key(a), person_key(b))


SINGLE_WORD_FACTOR = 0.9
INITIAL_FITS = 0.85
NEARLY_EQUAL = 0.92


@lru_cache(maxsize=20_000)
def _agreement(a: str, b: str) -> float:
    if not a or not b:
        return 0.0
    if a == b:
        return 1.0
    one, two = sorted((a.split()[:MOST_WORDS], b.split()[:MOST_WORDS]), key=lambda words: (len(words), words))
    whole = _ratio(" ".join(sorted(one)), " ".join(sorted(two)))
    if whole > NEARLY_EQUAL:
        return whole
    worst = _worst_pair(one, two)
    return worst * SINGLE_WORD_FACTOR if len(one) == 1 else worst


def _worst_pair(short: Sequence[str], long: Sequence[str]) -> float:
    """Give each word of the shorter name its best free partner; return the worst pair."""
    pairs = sorted(
        ((_word_agreement(x, y), i, j) for i, x in enumerate(short) for j, y in enumerate(long)),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    scores: dict[int, float] = {}
    taken: set[int] = set()
    for score, i, j in pairs:
        if i not in scores and j not in taken:
            scores[i] = score
            taken.add(j)
    return min(scores.values())


def _word_agreement(x: str, y: str) -> float:
    if x == y:
        return 1.0
    if 1 in {len(x), len(y)}:  # an initial
        return INITIAL_FITS if x[0] == y[0] else 0.0
    return _ratio(x, y)


def _ratio(a: str, b: str) -> float:
    # In a fixed order, because the matcher's answer depends on which text comes first.
    return SequenceMatcher(None, min(a, b), max(a, b), autojunk=False).ratio()


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", _HYPHENATED_HONORIFIC.sub(r"\1\2", fold(text)))
