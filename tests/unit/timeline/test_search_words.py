"""What a party is found by, and what a question asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.identity.search import body, terms
from hub.identity.words import words
from hub.timeline.text import indexed


def matches(query: str, document: str) -> bool:
    """Say whether the database would find these words: every group by the beginning of a word."""
    groups = terms(query)
    known = document.split()
    return bool(groups) and all(any(w.startswith(one) for w in known for one in group) for group in groups)


DANA = body("דנה לוי", "Łódź Sp. z o.o.", [("phone", "+972542345678"), ("email", "dana.levi@example.com")])


@pytest.mark.parametrize(
    "query",
    ["דנה", "לוי דנה", "lodz", "ŁÓDŹ", "dana", "levi", "example.com", "dana.levi@example.com", "054-234-5678", "+972 54-234-5678",
     "00972542345678", "2345", "5678", "234-56", "0542", "972", "דנה 5678", "(054) 2345678"],
)  # fmt: skip
def test_a_party_is_found_by_any_part(query: str) -> None:
    assert matches(query, DANA)


@pytest.mark.parametrize("query", ["", "  ", "יוסי", "9999", "dana yossi", "*", '"', "OR", "levin"])  # noqa: RUF001 - a Hebrew name
def test_a_party_is_not_found_by_what_it_is_not(query: str) -> None:
    assert not matches(query, DANA)


def test_words_are_found_without_their_prefix_letters() -> None:
    assert matches("משרד", body("המשרד הראשי", "", []))
    assert matches("شركه", body("الشركة", "", []))


def test_an_extension_is_a_word_of_its_own() -> None:
    assert matches("036123456 12", body("Desk", "", [("phone", "+97236123456;ext=12")])) is False
    assert matches("612345 desk", body("Desk", "", [("phone", "+97236123456;ext=12")]))


@given(st.text(max_size=60))
def test_a_question_holds_letters_and_digits_only(query: str) -> None:
    for group in terms(query):
        assert all(word and all(c.isalnum() for c in word) for word in group)


@given(st.text(max_size=300))
def test_a_question_is_bounded(query: str) -> None:
    assert len(terms(query)) <= 8


@given(st.text(alphabet="המשרדובכתלא الشركةab12 -", max_size=60))  # noqa: RUF001 - letters of two scripts
def test_a_name_is_found_by_whatever_its_words_are_found_by_in_a_note(name: str) -> None:
    known = set(body(name, "", []).split())
    assert {word for word in words(indexed(name)) if not word.isdigit()} <= known
