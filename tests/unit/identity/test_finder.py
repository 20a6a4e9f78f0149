# ruff: noqa: RUF001 - names in several scripts are the subject
import random

import pytest

from hub.identity import finder
from hub.identity.finder import MOST_IN_BLOCK, Card, card_of, compare, propose, skeleton
from hub.identity.partition import Pair
from hub.identity.partition_pairs import Reason, Record, RecordKind, Why
from hub.identity.rules import POSSIBLE, Identifier, IdentifierKind
from tests.unit.identity.practice import made

PERSON, COMPANY, CALL = RecordKind.PERSON, RecordKind.COMPANY, RecordKind.CALL


def person(key: str, name: str, **more: object) -> Card:
    return Card(key, PERSON, name, **more)  # type: ignore[arg-type]  # fields of a card


DANA = person("a", "Dana Levi", company="Levi Optics Ltd", born="19800102", street="Herzl 5", postcode="61000")
# Beside Dana: is it found, and by what.
FOUND = {
    "same name, same company": (person("b", "Levi Dana", company='Levi Optics בע"מ'), Why.SAME_COMPANY),
    "other script, same company": (person("b", "Дана Леви", company="ООО Levi Optics"), Why.NAMES_AGREE),
    "a slip in the date": (person("b", "Dana Levi", born="19800120"), None),
    "same date, a slip in the name": (person("b", "Dana Levy", born="19800102"), Why.SAME_BIRTH_DATE),
    "same address": (person("b", "D. Levi", street="Herzl st. 5", postcode="61000", born="19800102"), Why.SAME_ADDRESS),
    "one house, slips in the name": (person("b", "Dama Leki", street="Herzl 5", postcode="61000"), Why.NAMES_NEAR),
    "same name, same town": (person("b", "Dana Levi", postcode="61000"), Why.NAMES_AGREE),
    "a name alone": (person("b", "Dana Levi"), None),
    "a company alone": (person("b", "Omar Saleh", company="Levi Optics"), None),
    "an address alone": (person("b", "Omar Saleh", street="Herzl 5", postcode="61000"), None),
    "a company": (Card("b", COMPANY, "Dana Levi", street="Herzl 5", postcode="61000"), None),
    "a call": (Card("b", CALL, "Dana Levi"), None),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_is_found(case: str) -> None:
    other, reason = FOUND[case]
    found = list(propose([DANA, other]))
    assert found == list(propose([other, DANA]))
    assert [(pair.a, pair.b) for pair in found] == ([("a", "b")] if reason else [])
    for pair in found:
        assert reason in {one.code for one in pair.reasons}
        assert POSSIBLE <= pair.score <= 1


def test_companies_are_found_by_their_names_and_told_apart_by_more() -> None:
    one = Card("a", COMPANY, "Arava Paper Trade Ltd", domains=("arava.example",))
    slip = Card("b", COMPANY, "ООО «Arava Papre Trade»")
    other = Card("c", COMPANY, "Arava Garden Ltd")
    near = Card("d", COMPANY, "Arava Paper", domains=("arava.example",))
    moved = (
        Card(key, COMPANY, "Etna Audio", street=street, postcode=key * 5)
        for key, street in (("1", "Herzl 5"), ("7", "Dizengoff 99"))
    )
    assert [(pair.a, pair.b) for pair in propose(moved)] == [("1", "7")]
    assert {(pair.a, pair.b) for pair in propose([one, slip, other, near])} == {("a", "b"), ("a", "d")}


def test_a_slip_in_a_number_is_found_and_shown() -> None:
    one, other = person("a", "Dana Levi", numbers=("034567891",)), person("b", "Dana Levi", numbers=("034567819",))
    assert compare(one, other) == Pair(
        "a", "b", 0.83, (Reason(Why.SAME_TAX_ID, ("034567891", "034567819")), Reason(Why.NAMES_AGREE, ("1.00",)))
    )


def test_what_a_provider_ignores_in_an_address() -> None:
    mails = ("dana.levi@gmail.com", "danalevi+shop@gmail.com")
    records = [
        Record(text, PERSON, "Dana Levi", identifiers=(Identifier(IdentifierKind.EMAIL, text),)) for text in mails
    ]
    (pair,) = propose(map(card_of, records))
    assert Why.SIMILAR_EMAIL in {reason.code for reason in pair.reasons}


def test_skeletons_are_one_in_most_scripts() -> None:
    for name in (("dana", "דנה", "дана", "دانا"), ("kowalski", "קובלסקי", "ковальски")):
        assert len({skeleton(word) for word in name}) == 1
    assert skeleton("יואי")  # vowels alone are something to look for, too


def test_a_crowd_behind_one_key_is_not_compared() -> None:
    crowd = [person(f"{i}", "Dana Levi", born="19000101") for i in range(MOST_IN_BLOCK + 1)]
    assert not list(propose(crowd))
    assert len(list(propose(crowd[:5]))) == 10


def test_the_pairs_are_the_same_in_every_order_and_from_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [card_of(record) for record in made(people=80, companies=20).records]
    expected = sorted(propose(cards))
    assert expected
    assert len({(pair.a, pair.b) for pair in expected}) == len(expected)
    assert all(pair.a < pair.b for pair in expected)
    random.Random(3).shuffle(cards)
    monkeypatch.setattr(finder, "CARDS_IN_MEMORY", 20)
    monkeypatch.setattr(finder, "CARDS_IN_A_PAGE", 10)
    assert sorted(propose(cards)) == expected


def test_whatever_a_card_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder, "CARDS_IN_MEMORY", 0)
    odd = ("", "\x00", "\u202e", "'; DROP TABLE card; --", "—" * 400, "а́" * 400, "0" * 400, "\ud800")
    cards = [
        Card(f"{kind}{i}{n}", kind, text, text, (text,), (text,), (text,), text, text, text, text)
        for kind in RecordKind
        for i, text in enumerate(odd)
        for n in range(2)
    ]
    for pair in propose(cards):
        assert POSSIBLE <= pair.score <= 1
