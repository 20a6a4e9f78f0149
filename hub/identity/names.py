# ruff: noqa: RUF001 - letters of several scripts and their look-alikes are the subject
"""Names of people and companies: one spelling to compare, and how far two names agree.

A name never identifies by itself; it agrees or objects where an exact identifier already matched. Words of one script
are compared as they are written, words of two scripts by their sound (`sounds.py`): "Dan" and "Dana" are two people,
"Dana" and "דנה" may be one.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import dropwhile

from rapidfuzz.distance import Indel

from hub.identity.sounds import begin_alike, sound_alike

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
    mr mrs ms miss mister dr doctor prof professor sir madam herr frau mgr inz hab pan pani
    מר גברת גב הגב אדונ דר פרופ הרב עוד
    гн гжа господин госпожа др доктор проф профессор инж пан пані
    السيد السيده الانسه الاستاذ الاستاذه استاذ الدكتور الدكتوره دكتور دكتوره د المهندس المهندسه
""")
_HYPHENATED_HONORIFIC = re.compile(r"^(г|д)-(н|жа|р)\b")
_PLACEHOLDERS = _listed("unknown anonymous none null nil na test testing tbd xxx undefined noname неизвестно nieznany")

# Legal forms of companies, written as people write them and folded below; dots never count.
_FORMS_AT_THE_END = """
    ltd, limited, plc, llc, llp, lp, inc, incorporated, corp, corporation, co, company, co ltd, pty ltd, pte ltd,
    gmbh, gmbh & co kg, gmbh & co kgaa, kgaa, mbh, ag, kg, ohg, ug, e.v., se, s.a., sas, sarl, s.l., slu, srl, s.p.a.,
    snc, bv, b.v., nv, n.v.,
    ab, as, asa, aps, oy, oyj, oü, sia, uab, s.r.o., spol. s r.o., spol. s.r.o., d.o.o., kft, zrt, nyrt, ood, ead,
    a.ş., şti, ltd şti, sp. z o.o., sp z oo, sp. zoo, spzoo, spółka z o.o., spółka z ograniczoną odpowiedzialnością,
    spółka akcyjna, spółka komandytowa, spółka jawna, spółka cywilna, sp. k., sp.k., sp. j., sp.j., s.c., s.k.,
    בע״מ, חברה בע״מ, חל״צ, ע״ר, ش.م.م, ش.ذ.م.م, ذ.م.م, المحدودة, محدودة, ذات مسؤولية محدودة,
    ооо, оао, зао, пао, ао, ип, тов, чп, фоп, тоо, jsc, ojsc, cjsc, pjsc
"""
# Russian, Ukrainian and Arabic put the form first. Latin ones there would eat the first word of a name (SE, AB, Co).
_FORMS_AT_THE_START = """
    ооо, оао, зао, пао, ао, ип, тов, чп, фоп, тоо, общество с ограниченной ответственностью,
    товариство з обмеженою відповідальністю, акционерное общество, публичное акционерное общество,
    закрытое акционерное общество, ooo, oao, zao, jsc, ojsc, cjsc, pjsc, uab, شركة, مؤسسة, חברת
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
    return _cleaned(raw[:LONGEST_NAME]) if raw else ""


@lru_cache(maxsize=20_000)
def _cleaned(raw: str) -> str:
    if raw.isascii() and (letters := raw.replace(" ", "")).isalpha():  # as most are: nothing to fold but case
        return "" if letters.casefold() in _PLACEHOLDERS else " ".join(raw.split())
    text = unicodedata.normalize("NFC", raw)
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
    last, _, first = clean_name(name).replace("،", ",").partition(",")
    parts = (_words(first), _words(last))
    words = [word for part in parts for word in dropwhile(_HONORIFICS.__contains__, part)]
    return " ".join(words or (*parts[0], *parts[1])[-1:])  # a name that is nothing but a form of address stays


@lru_cache(maxsize=20_000)
def company_key(name: str) -> str:
    """Return a company's name to compare: folded, without its legal forms at either end."""
    words = _company_words(clean_name(name))
    while (shorter := _without_legal_form(words)) != words:
        words = shorter
    return " ".join(words)


def _company_words(text: str) -> tuple[str, ...]:
    return tuple(re.sub(r"[^\w&]+", " ", fold(text)[:LONGEST_NAME].replace(".", "")).split())


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
    """Tell whether each word of the shorter name, a person's or a company's, has one of its own script to be compared with.

    Of other names a high agreement counts, but a low one does not object: sounds are heard in too many ways.
    """
    return any(_share_scripts(key(a).split(), key(b).split()) for key in (person_key, company_key))


def _share_scripts(one: Sequence[str], two: Sequence[str]) -> bool:
    if not one or not two:
        return False
    if len(one) == len(two):
        return _has_partners(one, two) and _has_partners(two, one)
    return _has_partners(*sorted((one, two), key=len))


def _has_partners(words: Sequence[str], others: Sequence[str]) -> bool:
    return all(any(_one_script(word, other) for other in others) for word in words)


def _one_script(x: str, y: str) -> bool:
    if x.isascii() and y.isascii():
        return True
    one, other = _scripts(x), _scripts(y)
    return not one or not other or not one.isdisjoint(other)  # digits belong to every script


@lru_cache(maxsize=20_000)
def _scripts(word: str) -> frozenset[str]:
    # The first word of a letter's Unicode name is its script: LATIN SMALL LETTER A, HEBREW LETTER ALEF.
    return frozenset(unicodedata.name(c, "?").partition(" ")[0] for c in word if c.isalpha())


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
OTHER_NUMBER = 0.6  # "Factory 12" and "Factory 13"
# Words of two scripts never agree fully. Those that sound the same agree by this much, all others by their part of it.
SAME_SOUND = 0.93
SOUND_IS_SAME = 0.9
# Longer names are not tried with two of their words as one.
MOST_WORDS_TO_GLUE = 4
# The article of Arabic names, as a word of its own. Arabic glues it to the next.
_ARABIC_ARTICLE = "ال"
_ARTICLES = _listed("al el אל аль эль")


@lru_cache(maxsize=20_000)
def _agreement(a: str, b: str) -> float:
    if not a or not b:
        return 0.0
    if a == b:
        return 1.0
    one, two = sorted((a.split()[:MOST_WORDS], b.split()[:MOST_WORDS]), key=lambda words: (len(words), words))
    whole = _ratio(" ".join(sorted(one)), " ".join(sorted(two)))
    agreement = whole if whole > NEARLY_EQUAL else _agreement_of_words(one, two)
    return min(agreement, OTHER_NUMBER) if _numbers_differ(a, b) else agreement


def _agreement_of_words(short: Sequence[str], long: Sequence[str]) -> float:
    if _has_partners(short, long):
        return _worst_pair(short, long) * (SINGLE_WORD_FACTOR if len(short) == 1 else 1)
    both = (_without_articles(short, long), _without_articles(long, short))
    short, long = sorted(both, key=lambda words: (len(words), words))
    ways = [long]
    if len(long) == len(short) + 1 <= MOST_WORDS_TO_GLUE:  # "Abdullah" and "عبد الله"
        ways += ([*long[:i], long[i] + long[i + 1], *long[i + 2 :]] for i in range(len(short)))
    return max(_agreement_across_scripts(short, way) for way in ways)


def _agreement_across_scripts(short: Sequence[str], long: Sequence[str]) -> float:
    worst = _worst_pair(short, long)
    same = len(short) == len(long) and worst >= SAME_SOUND  # as with equal names, one word is then enough
    return worst * SINGLE_WORD_FACTOR if len(short) == 1 and not same else worst


def _without_articles(words: Sequence[str], facing: Sequence[str]) -> list[str]:
    glued = any(word.startswith(_ARABIC_ARTICLE) for word in facing)
    return [word for word in words if not (glued and word in _ARTICLES)] or list(words)


def _numbers_differ(a: str, b: str) -> bool:
    """Tell whether each name has a number that the other one has not."""
    one, other = ({number.lstrip("0") for number in re.findall(r"\d+", name)} for name in (a, b))
    return not one <= other and not other <= one


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
    one_script = _one_script(x, y)
    if 1 in {len(x), len(y)}:  # an initial
        return INITIAL_FITS if (x[0] == y[0] if one_script else begin_alike(x, y)) else 0.0
    if one_script:
        return _ratio(x, y)
    sound = sound_alike(x, y)
    return SAME_SOUND if sound >= SOUND_IS_SAME else SAME_SOUND * sound


def _ratio(a: str, b: str) -> float:
    return Indel.normalized_similarity(a, b)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", _HYPHENATED_HONORIFIC.sub(r"\1\2", fold(text)[:LONGEST_NAME]))
