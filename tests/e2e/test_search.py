"""Search in the databases' own full text."""

import random
from collections.abc import Collection

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from hub.identity import parties, search
from hub.identity.models import Party, PartyKind, PartyStatus
from hub.identity.parties import Given
from hub.store import full_text
from hub.store.full_text import Question, Text, TextTable
from hub.store.session import Database
from hub.timeline.index import TEXTS as ENTRIES


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


def test_who_has_exactly_the_address_is_who_was_meant(database: Database) -> None:
    make(database, "Dana", Given("email", "dana@example.co"))
    make(database, "Noga", Given("email", "dana@example.com"))
    assert found(database, "dana@example.co") == ["Dana"]
    assert found(database, "dana@example") == ["Noga", "Dana"]


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


# So many texts that their keys are in many blocks; which words they have depends on how old they are.
BLOCKS, EACH, LIMIT = 70, 3, 4


def fill(session: Session) -> dict[int, tuple[str, ...]]:
    """Write texts of parties, and return the words of each by its key."""
    dice = random.Random(8)
    held: dict[int, tuple[str, ...]] = {}
    for block in range(BLOCKS):
        for place in range(EACH):
            words = ["everywhere", f"n{block}x{place}"]
            words += ["ancient", "ancestor"] if block < 20 else []
            words += ["middling"] if 25 <= block < 45 else []
            words += ["newest"] if block >= BLOCKS - 2 else []
            words += [one for one in ("often", "sometimes", "anna", "annabel") if dice.random() < 0.4]
            words += [one for one in ("seldom", "kowalska") if dice.random() < 0.05]
            held[(block << full_text.BLOCK) + 100 * place + 1] = tuple(words)
    session.add_all([Party(id=key, kind=PartyKind.PERSON, name="") for key in held])
    session.flush()
    search.TEXTS.write(session, {key: Text(" ".join(words)) for key, words in held.items()})
    return held


def expected(held: dict[int, tuple[str, ...]], asked: Question, *, exact: bool) -> list[int]:
    """Find the same by looking through all."""

    def has(words: Collection[str], word: str) -> bool:
        return word in words if exact or len(word) == 1 else any(one.startswith(word) for one in words)

    return [
        key
        for key, words in sorted(held.items(), reverse=True)
        if all(any(all(has(words, word) for word in words_) for words_ in group) for group in asked)
    ][:LIMIT]


def test_the_newest_are_found_however_many_there_are_and_wherever(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("NEAREST", 1), ("GUESS", 5), ("NEWEST", 6), ("RARE", 0), ("MOST", 9)):
        monkeypatch.setattr(full_text, name, value)
    words = [
        "everywhere",
        "ancient",
        "middling",
        "newest",
        "often",
        "sometimes",
        "seldom",
        "n3x1",
        "n5",
        "an",
        "anna",
        "zzz",
        "k",
        "a",
    ]
    questions: list[Question] = [[[[one]]] for one in words]
    questions += [[[[one]], [[other]]] for one, other in (("anna", "kowal"), ("anna", "k"), ("anc", "anna"), ("mid", "seld"), ("n3", "often"),
                                                        ("zzz", "everywhere"), ("often", "everywhere"))]  # fmt: skip
    questions += [[[["anna", "ancient"], ["middling"]]], [[["zzz"], ["n7x2"]], [["every"]]]]
    with database.write() as session:
        held = fill(session)
        for asked in questions:
            for exact in (True, False):
                found = search.TEXTS.match(session, asked, exact=exact, limit=LIMIT)
                assert found == expected(held, asked, exact=exact), (asked, exact)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("table", "marks"), [(search.TEXTS, ()), (ENTRIES, (["knote"], ["all", "u1"]))])
def test_postgres_looks_into_blocks_by_its_index(
    database: Database, table: TextTable, marks: tuple[list[str], ...]
) -> None:
    said: list[tuple[str, dict[str, object]]] = []

    def listen(_: object, __: object, sql: str, values: dict[str, object], *___: object) -> None:
        said.append((sql, values))

    with database.read() as session:
        event.listen(session.connection(), "before_cursor_execute", listen)
        table.match(session, [[["anna"]]], exact=True, limit=5, marks=marks)
        looks = [(sql, values) for sql, values in said if "&&ARRAY" in sql.replace(" ", "")]
        session.execute(text("SET LOCAL enable_seqscan = off"))  # the table is empty
        for sql, values in looks:
            plan = "\n".join(row[0] for row in session.connection().exec_driver_sql(f"EXPLAIN {sql}", values))
            [condition] = [line for line in plan.splitlines() if "Index Cond" in line and "@@" in line]
            assert "&&" in condition, plan
    assert len(looks) == 2
