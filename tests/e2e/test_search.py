"""Search in the databases' own full text."""

import pytest
from sqlalchemy import text

from hub.identity import parties, search
from hub.identity.models import Party, PartyKind, PartyStatus
from hub.identity.parties import Given
from hub.store.session import Database


def make(database: Database, name: str, *given: Given, company: str = "") -> int:
    with database.write() as session:
        works_at = parties.company_named(session, None, company)
        return parties.create(session, None, PartyKind.PERSON, name, given, region="IL", company=works_at).id


def found(database: Database, query: str, limit: int = 20) -> list[str]:
    with database.read() as session:
        return [hit.name for hit in search.search(session, query, limit)]


@pytest.fixture
def people(database: Database) -> Database:
    make(
        database,
        "דנה לוי",
        Given("phone", "054-234-5678"),
        Given("email", "dana.levi@example.com"),
        company="Łódź Sp. z o.o.",
    )
    make(database, "Иван Ёлкин", Given("phone", "+48 601 234 567"))
    make(database, "أحمد الشركة", Given("phone", "+97236123456;ext=12"))
    make(database, 'O\'Neil "Bob" *')
    make(database, "Zażółć Gęślą")
    return database


DANA, IVAN, AHMED, BOB, ZOSIA = "דנה לוי", "Иван Ёлкин", "أحمد الشركة", 'O\'Neil "Bob" *', "Zażółć Gęślą"
QUESTIONS = {
    "דנה": DANA, "לוי": DANA, "dana": DANA, "dana.levi@example.com": DANA, "example": DANA, "lodz": DANA, "ŁÓDŹ": DANA,
    "054-234-5678": DANA, "+972 54 234 5678": DANA, "2345678": DANA, "5678": DANA, "дана": None, "елкин": IVAN, "ЁЛК": IVAN,
    "601234567": IVAN, "احمد": AHMED, "شركه": AHMED, "612345": AHMED, "oneil": BOB, "bob": BOB, "zazolc": ZOSIA,
    "gęślą": ZOSIA, "nobody": None, "99999": None,
}  # fmt: skip


def test_customers_are_found_by_any_part(people: Database) -> None:
    answers = {query: next(iter(found(people, query)), None) for query in QUESTIONS}
    assert answers == QUESTIONS


def test_no_question_breaks_the_search(people: Database) -> None:
    hostile = [
        "",
        " ",
        "*",
        '"',
        "'",
        "AND",
        "OR NOT",
        "a:b",
        "NEAR(a b)",
        "\\",
        "& | !",
        "(:*",
        "x" * 5000,
        "\x00",
        "<->",
        "-- ;",
    ]
    assert {query: found(people, query) for query in hostile} == {query: [] for query in hostile}


def test_whole_words_come_before_beginnings(database: Database) -> None:
    make(database, "Dan")
    for i in range(30):
        make(database, f"Daniela {i}")
    assert found(database, "dan", 5)[0] == "Dan"
    assert len(found(database, "dan", 5)) == 5


def test_the_text_follows_every_change(database: Database) -> None:
    number = make(database, "Dana", Given("phone", "054-234-5678"), company="Old Firm")
    with database.write() as session:
        party = session.get_one(Party, number)
        company = session.get_one(Party, party.company_id)
        parties.edit(session, None, party, name="Noga")
        parties.edit(session, None, company, name="New Firm")
        parties.add_identifier(session, None, party, Given("email", "noga@example.com"), region="IL")
        parties.remove_identifier(session, None, party, parties.identifiers(session, party)[0].id)
    assert found(database, "dana") == found(database, "2345678") == []
    assert found(database, "noga") == found(database, "noga@example.com") == ["Noga"]
    assert set(found(database, "new firm")) == {"Noga", "New Firm"}
    assert found(database, "old") == []


def test_who_was_merged_or_erased_is_not_found(database: Database) -> None:
    number = make(database, "Dana")
    with database.write() as session:
        session.get_one(Party, number).status = PartyStatus.MERGED
        search.refresh(session, number)
        assert session.scalar(text("SELECT count(*) FROM party_text")) == 0
    assert found(database, "dana") == []


def test_a_hit_says_what_a_list_shows(people: Database) -> None:
    with people.read() as session:
        hit = search.search(session, "dana")[0]
    assert (hit.company, hit.phones, hit.emails) == ("Łódź Sp. z o.o.", ("+972542345678",), ("dana.levi@example.com",))
