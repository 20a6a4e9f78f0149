"""The batch finder: pairs of parties that look like one although no exact identifier joins them.

It looks only where more than a name is common: a name with a company, a domain or an address, a birth date, a number
that differs by a slip. Everything that speaks for or against a pair adds its weight, and the sum becomes a score.
Nothing is joined here: what is found is asked (`partition`, its `proposals`).

Memory does not grow with the number of parties: keys and cards are kept in a private temporary database, a file without
a name that is gone when the run ends or dies.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from itertools import islice, permutations
from math import exp
from typing import NamedTuple

from anyascii import anyascii
from rapidfuzz.distance import OSA
from rapidfuzz.fuzz import ratio

from hub.identity.email import read_email
from hub.identity.names import companies_agree, company_key, comparable, fold, names_agree, person_key
from hub.identity.partition import Pair
from hub.identity.partition_pairs import Reason, Record, RecordKind, Why
from hub.identity.rules import COMPANIES_SAME, NAMES_NEAR, NAMES_SAME, POSSIBLE, TAX_IDS, IdentifierKind

_Steps = tuple[tuple[float, float], ...]  # from which agreement on, and what it weighs

# What more have in common than so many tells nothing about two of them.
MOST_IN_BLOCK = 60
CARDS_IN_MEMORY = 20_000
CARDS_IN_A_PAGE = 1_000
MOST_WORDS = 4  # of a name, for the keys
LONGEST_KEY = 80

# Weights of what agrees, is near and differs, about as logarithms of odds. A sum of ENOUGH scores one half.
ENOUGH = 6.5
STEEPNESS = 0.35
NAME_WEIGHTS: _Steps = ((0.92, 6.0), (NAMES_SAME, 5.0), (NAMES_NEAR, 2.0))
OTHER_NAME, OTHER_NAME_OTHER_SCRIPT = -4.0, -1.0
COMPANY_NAME_WEIGHTS: _Steps = ((COMPANIES_SAME, 9.5), (NAMES_NEAR, 4.0))
OTHER_COMPANY_NAME = -6.0
MOST_FOR_A_NAME = 9.5
SAME_EMPLOYER = 5.0
SAME_DOMAIN = 5.0
SAME_MAILBOX = 6.0  # but for what providers ignore
BORN = (7.0, 4.0, -3.5)
NUMBER = (9.0, 5.0, -4.0)
STREET = (5.0, 3.0, -1.5)
POSTCODE = (3.0, 1.0, -1.0)
CITY = (2.0, 1.0, -1.0)
NEAR_TEXT, SAME_TEXT = 70.0, 88.0  # of 100


class Card(NamedTuple):
    """What is compared of a party or record.

    Args:
        born: a date as digits, year first, however damaged.
        numbers: of the person or company itself, such as tax ids; a slip in one of them may be found.
        street: with the number of the house.
    """

    key: str
    kind: RecordKind
    name: str
    company: str = ""
    domains: tuple[str, ...] = ()
    mailboxes: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    born: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""


def card_of(record: Record) -> Card:
    """Return what the finder compares of a source record."""
    kinds: dict[IdentifierKind, list[str]] = {}
    for one in record.identifiers:
        kinds.setdefault(one.kind, []).append(one.value)
    emails = [email for text in kinds.get(IdentifierKind.EMAIL, ()) if (email := read_email(text))]
    return Card(
        record.key,
        record.kind,
        record.name,
        record.company,
        domains=tuple(sorted(kinds.get(IdentifierKind.DOMAIN, ()))),
        mailboxes=tuple(sorted({email.weak_key for email in emails})),
        numbers=tuple(sorted(value for kind in TAX_IDS for value in kinds.get(kind, ()))),
        born=f"{record.born:%Y%m%d}" if record.born else "",
    )


def propose(cards: Iterable[Card]) -> Iterator[Pair]:
    """Yield each pair that may be one party once, the smaller key first, with its score and reasons.

    Args:
        cards: each key once, in any order; the pairs are the same, though not in the same order.
    """
    with closing(sqlite3.connect("")) as store:
        store.execute("PRAGMA journal_mode = OFF")
        store.execute("CREATE TABLE card (id INTEGER PRIMARY KEY, content TEXT NOT NULL)")
        store.execute("CREATE TABLE key (key BLOB NOT NULL, card INTEGER NOT NULL)")
        first: dict[int, Card] = {}
        pages = enumerate(cards)
        while page := list(islice(pages, CARDS_IN_A_PAGE)):
            if len(first) < CARDS_IN_MEMORY:
                first.update(page)
            else:
                store.executemany("INSERT INTO card VALUES (?, ?)", [(i, json.dumps(card)) for i, card in page])
            looked_for = ((key.encode("utf-8", "surrogatepass"), i) for i, card in page for key in keys(card))
            store.executemany("INSERT INTO key VALUES (?, ?)", looked_for)
        yield from _compared(store, first)


def _compared(store: sqlite3.Connection, first: Mapping[int, Card]) -> Iterator[Pair]:
    @lru_cache(maxsize=CARDS_IN_MEMORY)
    def stored(number: int) -> Card:
        (content,) = store.execute("SELECT content FROM card WHERE id = ?", (number,)).fetchone()
        return _card(json.loads(content))

    store.execute("CREATE INDEX by_key ON key (key, card)")
    for a, b in store.execute(_PAIRS, (MOST_IN_BLOCK,)):
        one, other = first.get(a) or stored(a), first.get(b) or stored(b)
        if pair := compare(*((one, other) if one.key < other.key else (other, one))):
            yield pair


_PAIRS = """
    WITH block AS (SELECT key FROM key GROUP BY key HAVING count(*) BETWEEN 2 AND ?)
    SELECT DISTINCT a.card, b.card
    FROM block JOIN key a ON a.key = block.key JOIN key b ON b.key = a.key AND b.card > a.card
"""


def _card(content: list[str | list[str]]) -> Card:
    key, kind, *rest = content
    fields = (tuple(one) if isinstance(one, list) else one for one in rest)
    return Card(str(key), RecordKind(str(kind)), *fields)  # type: ignore[arg-type]  # as `json.dumps` found them


# --- Keys: where to look ------------------------------------------------------------------------------------------


def keys(card: Card) -> set[str]:
    """Return what a card is looked for by. Two cards with one key are compared; a name alone is no key of a person."""
    if card.kind is RecordKind.CALL:
        return set()
    found = {f"number {number}" for number in card.numbers} | {f"mail {mailbox}" for mailbox in card.mailboxes}
    if card.postcode and card.street:
        found.add(f"{card.kind} at {card.postcode} {_first(card.street)}")
    if card.kind is RecordKind.COMPANY:
        found.update(f"company {key}" for key in _company_keys(card.name))
        found.update(f"company at {domain}" for domain in card.domains)
        return found
    if card.born:
        found.add(f"born {card.born}")
    beside = [f"at {domain}" for domain in card.domains]
    if card.company and (company := _skeletons(company_key(card.company))):
        beside.append(f"with {' '.join(sorted(company))}")
    if card.postcode:
        beside.append(f"in {card.postcode}")
    found.update(f"{name} {one}" for name in _name_keys(card.name) for one in beside)
    return found


def _name_keys(name: str) -> set[str]:
    """Return each word of a name as it sounds, with the first letter of another: the surname may be any of them."""
    words = _skeletons(person_key(name))
    return {f"{word} {other[:1]}" for word, other in permutations(words, 2)} or set(words)


def _company_keys(name: str) -> set[str]:
    """Return a company's name as it sounds, and with each word left out, since any of them may have a slip."""
    words = sorted(_skeletons(company_key(name)))
    without = (words[:i] + words[i + 1 :] for i in range(len(words))) if len(words) > 1 else ()
    return {" ".join(some)[:LONGEST_KEY] for some in (words, *without) if some}


_DIGITS = re.compile(r"\d+")


def _first(street: str) -> str:
    """Return the number of a house, else the beginning of its street."""
    folded = fold(street)
    found = _DIGITS.search(folded)
    return found[0] if found else folded[:4]


def _skeletons(key: str) -> list[str]:
    return [skeleton(word) for word in key.split()[:MOST_WORDS]]


_LETTERS = {
    **dict.fromkeys(("shch", "tsch", "sch", "zh", "sh", "sz", "cz", "tz", "ts"), "s"),
    **dict.fromkeys(("kh", "ch", "ck"), "k"),
    "ph": "p",
    "th": "t",
}
_SPELLING = re.compile("|".join(_LETTERS))
_ONE_SOUND = str.maketrans("fvwbqcgzxd", "ppppkkksst", "aeiouyhj'`")
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=20_000)
def skeleton(word: str) -> str:
    """Return the consonants of a folded word as Latin letters; where that leaves nothing, its beginning.

    It is one for most spellings of a name in any script. It says where to look, never that two names are the same.
    """
    plain = word if word.isascii() else anyascii(word).lower()
    sounds = _SPELLING.sub(lambda found: _LETTERS[found[0]], plain).translate(_ONE_SOUND)
    return _DOUBLED.sub(r"\1", sounds) or plain[:2]


# --- Comparing ----------------------------------------------------------------------------------------------------


def compare(one: Card, other: Card) -> Pair | None:
    """Weigh two cards; None where nothing or too little speaks for one party."""
    if one.kind is not other.kind:
        return None
    reasons: list[Reason] = []
    total = _exact(one, other, reasons) + _texts(one, other, reasons)
    if total + MOST_FOR_A_NAME < ENOUGH:
        return None  # names take the longest
    total += _names(one, other, reasons)
    score = 1 / (1 + exp(STEEPNESS * (ENOUGH - total)))
    if score < POSSIBLE:
        return None
    a, b = sorted((one.key, other.key))
    return Pair(a, b, round(score, 2), tuple(reasons))


def _names(one: Card, other: Card, reasons: list[Reason]) -> float:
    if not one.name or not other.name:
        return 0.0
    if one.kind is RecordKind.COMPANY:
        agreement = companies_agree(one.name, other.name)
        weights, differ = COMPANY_NAME_WEIGHTS, OTHER_COMPANY_NAME
    else:
        agreement = names_agree(one.name, other.name)
        weights, differ = NAME_WEIGHTS, OTHER_NAME
    for least, weight in weights:
        if agreement >= least:
            reasons.append(_agree(one, other, agreement))
            return weight
    first, second = sorted((one.name, other.name))
    if not comparable(first, second):
        reasons.append(Reason(Why.OTHER_SCRIPT, (first, second)))
        return OTHER_NAME_OTHER_SCRIPT
    reasons.append(Reason(Why.NAMES_DIFFER, (first, second)))
    return differ


def _agree(one: Card, other: Card, agreement: float) -> Reason:
    if agreement >= NAMES_SAME:
        return Reason(Why.NAMES_AGREE, (f"{agreement:.2f}",))
    return Reason(Why.NAMES_NEAR, (f"{agreement:.2f}", *sorted((one.name, other.name))))


def _exact(one: Card, other: Card, reasons: list[Reason]) -> float:
    """Weigh what is the same or is not: employers, domains, mailboxes."""
    total = 0.0
    if one.company and other.company and companies_agree(one.company, other.company) >= COMPANIES_SAME:
        reasons.append(Reason(Why.SAME_COMPANY))
        total += SAME_EMPLOYER
    if not set(one.domains).isdisjoint(other.domains):
        reasons.append(Reason(Why.SAME_DOMAIN))
        total += SAME_DOMAIN
    if not set(one.mailboxes).isdisjoint(other.mailboxes):
        reasons.append(Reason(Why.SIMILAR_EMAIL))
        total += SAME_MAILBOX
    return total


def _texts(one: Card, other: Card, reasons: list[Reason]) -> float:
    """Weigh what people mistype: dates, numbers, addresses."""
    total = 0.0
    if one.born and other.born:
        total += _slip(one.born, other.born, BORN, Why.SAME_BIRTH_DATE, reasons)
    if one.numbers and other.numbers:
        pairs = sorted((a, b) for a in one.numbers for b in other.numbers)
        a, b = pairs[0] if len(pairs) == 1 else min(pairs, key=lambda two: OSA.distance(*two))
        total += _slip(a, b, NUMBER, Why.SAME_TAX_ID, reasons)
    if one.street and other.street:
        street = _text(one.street, other.street, STREET)
        if street > 0:
            reasons.append(Reason(Why.SAME_ADDRESS))
        total += street
    if one.postcode and other.postcode:
        same = one.postcode == other.postcode
        total += POSTCODE[0 if same else min(OSA.distance(one.postcode, other.postcode, score_cutoff=1), 2)]
    if one.city and other.city:
        total += _text(one.city, other.city, CITY)
    return total


def _slip(a: str, b: str, weights: tuple[float, float, float], code: Why, reasons: list[Reason]) -> float:
    """Weigh two numbers: the same, one slip apart (a digit, or two that changed places), different."""
    slips = 0 if a == b else OSA.distance(a, b, score_cutoff=1)
    if slips <= 1:
        reasons.append(Reason(code, (a, b) if slips else ()))
    return weights[min(slips, 2)]


def _text(a: str, b: str, weights: tuple[float, float, float]) -> float:
    alike = 100.0 if a == b else ratio(a, b)
    return weights[0 if alike >= SAME_TEXT else 1 if alike >= NEAR_TEXT else 2]
