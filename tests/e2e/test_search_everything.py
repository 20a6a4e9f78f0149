"""One box for everything, on both databases: what is found, by whom, and that the texts follow the things."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from hub.accounting import panel
from hub.accounting.models import DocumentRow
from hub.cli import cli
from hub.context import Hub
from hub.identity import search as parties
from hub.identity.models import Party, PartyStatus
from hub.records.interaction import Interaction as Record
from hub.search import backfill, everything
from hub.search.everything import Answer, Group
from hub.security import businesses
from hub.security.models import Business, Role, User
from hub.security.policy import Person
from hub.security.users import person as as_person
from hub.store.base import now
from hub.store.full_text import TextIndex
from hub.store.session import Database
from hub.timeline import add, index, notes
from hub.timeline.add import Entry, Part, Placed
from hub.timeline.models import Interaction, Kind, Note
from tests.e2e import story as stories
from tests.e2e.story import Story
from tests.fakes.api import office
from tests.fakes.browser import Browser, signed_in, someone
from tests.fakes.exchange import FakeExchange
from tests.fakes.ledger import ABROAD, HOME, Ledger, one
from tests.unit.accounting.books import COMPANIES, INVOICES


@pytest.fixture
def story(database: Database) -> Story:
    return stories.tell(database)


def ask(database: Database, person: Person, query: str, limit: int = 5) -> Answer:
    with database.read() as session:
        eye = panel.eyes(session, person, at=now(), zone="Asia/Jerusalem")
        return everything.search(session, eye, query, groups=tuple(Group), limit=limit)


def titles(database: Database, person: Person, query: str) -> list[str]:
    """The entries of timelines that a question finds, with what matched in brackets."""
    found = ask(database, person, query)
    return ["".join(f"[{one.text}]" if one.hit else one.text for one in entry.title) for entry in found.timeline]


def numbers(database: Database, person: Person, query: str) -> list[str]:
    return [one.line.number for one in ask(database, person, query, 20).documents]


def put(session: Session, kind: str, party: Party, summary: str = "", **more: Any) -> Placed:
    """Put something on a timeline, as whoever takes records in does."""
    known = more.pop("known", None)
    values = {"direction": "", "ended_at": None, "mentions": (), "detail": {}, **more}
    owner = values.pop("owner_id", None)
    record = Record(kind=kind, started_at=values.pop("at", now()), summary=summary, **values)
    [row] = add.add(
        session, [Entry(record, [Part(party.id, "customer", "", "")], interaction_id=known, owner_id=owner)], account_id=None
    )  # fmt: skip
    return row


def texts(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """Everything that is kept to be found by."""
    found = {}
    for made in backfill.ALL:
        key = "rowid" if session.get_bind().dialect.name == "sqlite" else made.texts.key
        marks = ", marks" if made.texts.has_marks else ""
        rows = session.execute(text(f"SELECT {key}, body{marks} FROM {made.texts.name} ORDER BY {key}"))
        found[made.texts.name] = [tuple(row) for row in rows]
    return found


def make_all(database: Database) -> int:
    """Make what is missing, as the workers do; returns how many pages that took."""
    for pages in range(1000):
        with database.read() as session:
            if not backfill.waits(session):
                return pages
        with database.write() as session:
            backfill.page(session)
    raise AssertionError("the pages have no end")


def dies(database: Database, work: Callable[[Session], object]) -> None:
    """Do something in a transaction whose process is gone before it ends."""
    with database.write() as session:
        work(session)
        raise ProcessLookupError


def test_what_happened_is_found_in_any_script_by_whoever_may_read_it(story: Story, database: Database) -> None:
    noa, amir, boss = (story.person(name) for name in ("noa", "amir", "boss"))
    dana, ivan = story.parties["dana"], story.parties["ivan"]
    program = Person(0, None, "", "reports", "agent")
    with database.write() as session:
        notes.add(session, noa, party_id=dana.id, text="שיחה עם הלקוח לוי בע״מ על ההצעה\nחזר אליי מהמשרד, 054-987-6543")
        put(session, Kind.EMAIL, ivan, "Rozmowa z Łukaszem o fakturze w Łodzi", owner_id=noa.id, visibility="owner",
            detail={"users": [noa.id], "snippet": "zamówienie"})  # fmt: skip
        put(
            session,
            Kind.EMAIL,
            ivan,
            "Счёт до пятницы",
            owner_id=amir.id,
            visibility="metadata",
            detail={"users": [amir.id, noa.id]},
        )
        put(
            session,
            Kind.MEETING,
            dana,
            "اجتماع بخصوص الفاتورة",
            detail={"location": "Room 5", "description": "Bring the contract"},
        )
        put(session, Kind.MESSAGE, ivan, "Is the quixotic router…", detail={"text": "Is the quixotic router in stock?"})
        put(session, Kind.CALL, ivan, "Inbound call, answered", detail={"outcome": "quixotic"})
        put(session, Kind.LEAD, dana, "Lead · Spring form", detail={"form": "Spring form", "campaign": "Google",
            "answers": [{"question": "What do you need?", "answer": "A quixotic balcony"}]})  # fmt: skip
    for person, question, found in (
        (boss, "הצעה", ["שיחה עם הלקוח לוי בע״מ על [ההצעה] חזר אליי מהמשרד, 054-987-6543"]),
        (boss, "משרד", ["שיחה עם הלקוח לוי בע״מ על ההצעה חזר אליי [מהמשרד], 054-987-6543"]),
        (boss, "9876543", ["שיחה עם הלקוח לוי בע״מ על ההצעה חזר אליי מהמשרד, [054-987-6543]"]),
        (noa, "lukaszem lodzi", ["Rozmowa z [Łukaszem] o fakturze w [Łodzi]"]),
        (noa, "zamow", ["Rozmowa z Łukaszem o fakturze w Łodzi"]),
        (amir, "lodzi", []), (boss, "lodzi", []), (program, "lodzi", []), (boss, "zamowienie", []),
        (amir, "счет", ["[Счёт] до пятницы"]), (noa, "пятниц", ["Счёт до [пятницы]"]), (boss, "счет", []), (program, "счет", []),
        (program, "فاتوره", ["اجتماع بخصوص [الفاتورة]"]), (boss, "contract bring", ["اجتماع بخصوص الفاتورة"]),
        (boss, "quixotic", ["Is the [quixotic] router in stock?"]), (boss, "quix rout", ["Is the [quixotic] [router] in stock?"]),
        (boss, "answered", []), (boss, "quixotic nothing", []),
    ):  # fmt: skip
        assert titles(database, person, question) == found, (person.name, question)
    lead = ask(database, boss, "quixotic").leads
    assert [(one.entry.title, [one.name for one in one.entry.parties]) for one in lead] == [
        ("Spring form · Google", [dana.name])
    ]
    assert [piece.text for piece in lead[0].reasons[0].pieces if piece.hit] == ["quixotic"]


def test_what_is_not_for_somebody_is_not_counted_and_hides_nothing(story: Story, database: Database) -> None:
    noa, amir = story.person("noa"), story.person("amir")
    with database.write() as session:
        put(session, Kind.EMAIL, story.parties["dana"], "Plan zebra, for all")
        for i in range(index.LOOK + 5):  # newer ones, so many that only those would be looked at
            put(session, Kind.EMAIL, story.parties["dana"], f"Plan zebra {i}", owner_id=noa.id, visibility="owner")
    mine, theirs = ask(database, noa, "zebra"), ask(database, amir, "zebra")
    assert (len(mine.timeline), mine.more) == (5, frozenset({Group.TIMELINE}))
    assert (["".join(one.text for one in entry.title) for entry in theirs.timeline], theirs.more) == (
        ["Plan zebra, for all"],
        frozenset(),
    )


def test_the_text_follows_the_thing_in_the_same_transaction(story: Story, database: Database) -> None:
    noa, boss = story.person("noa"), story.person("boss")
    dana, ivan = story.parties["dana"], story.parties["ivan"]
    with database.write() as session:
        mail = put(session, Kind.EMAIL, dana, "First subject")
        note = notes.add(session, noa, party_id=dana.id, text="Written wrongly")
        call = session.scalars(select(Interaction).where(Interaction.kind == Kind.CALL)).first()
        assert call is not None
        said = notes.on_call(
            session,
            noa,
            call_id=_call_of(session, call.id),
            interaction_id=call.id,
            party_id=dana.id,
            text="Likes tulips",
        )
    assert [titles(database, boss, one) for one in ("subject", "wrongly", "tulips")] == [
        ["First [subject]"], ["Written [wrongly]"], ["Likes [tulips]"],
    ]  # fmt: skip
    with database.write() as session:
        put(session, Kind.EMAIL, dana, "Second topic", known=mail.id)
        notes.edit(session, noa, session.get_one(Note, note.id), "Written rightly")
        notes.remove(session, noa, session.get_one(Note, said.id))
    assert [titles(database, boss, one) for one in ("subject", "topic", "wrongly", "rightly", "tulips")] == [
        [], ["Second [topic]"], [], ["Written [rightly]"], [],
    ]  # fmt: skip
    with database.write() as session:
        put(session, Kind.EMAIL, dana, "Second topic", known=mail.id, owner_id=noa.id, visibility="owner")
        notes.remove(session, noa, session.get_one(Note, note.id))
    assert titles(database, boss, "topic") == titles(database, boss, "rightly") == []
    with database.write() as session:
        before = texts(session)["interaction_text"]
        session.execute(delete(Interaction).where(Interaction.id == mail.id))
        assert len(texts(session)["interaction_text"]) == len(before) - 1, "a deleted row takes its text along"
    with database.write() as session:  # written while the call went on, which gets its row when it is over
        live = notes.on_call(
            session, noa, call_id=_call_of(session, call.id), interaction_id=None, party_id=dana.id, text="Wants lilies"
        )
    assert titles(database, boss, "lilies") == []
    with database.write() as session:
        notes.place(session, {live.call_id or 0: call.id})
    assert titles(database, boss, "lilies") == ["Wants [lilies]"]
    with pytest.raises(ProcessLookupError):
        dies(database, lambda session: put(session, Kind.EMAIL, ivan, "Never committed"))
    assert titles(database, boss, "committed") == []


def _call_of(session: Session, interaction_id: int) -> int:
    found = session.scalar(text("SELECT id FROM call WHERE interaction_id = :row"), {"row": interaction_id})
    assert found is not None
    return int(found)


def test_merged_parties_are_found_under_their_old_names_and_erased_ones_never(story: Story, database: Database) -> None:
    boss = story.person("boss")
    with database.write() as session:
        first, second, third = (Party(kind="person", name=name) for name in ("Ruth Alon", "Ruthie Barak", "R. Gonen"))
        session.add_all([first, second, third])
        session.flush()
        put(session, Kind.EMAIL, third, "About the pergola")
        parties.refresh_all(session, [first.id, second.id, third.id])
    with database.write() as session:
        session.execute(
            update(Party).where(Party.id == third.id).values(status=PartyStatus.MERGED, merged_into=second.id)
        )
        session.execute(
            update(Party).where(Party.id == second.id).values(status=PartyStatus.MERGED, merged_into=first.id)
        )
        parties.refresh_all(session, [first.id, second.id, third.id])
    for question in ("alon", "barak", "gonen"):
        [found] = ask(database, boss, question).parties
        assert found.hit.name == "Ruth Alon"
    assert [(one.of, "".join(piece.text for piece in one.pieces)) for one in found.reasons] == [("former", "R. Gonen")]
    [mail] = ask(database, boss, "pergola").timeline
    assert [one.name for one in mail.entry.parties] == ["Ruth Alon"]
    with database.write() as session:
        session.execute(
            update(Party)
            .where(Party.id.in_([second.id, third.id]))
            .values(status=PartyStatus.ERASED, name="", merged_into=None)
        )
        parties.refresh_all(session, [first.id, second.id, third.id])
    assert [len(ask(database, boss, one).parties) for one in ("alon", "barak", "gonen")] == [1, 0, 0]


QUESTIONS: Sequence[tuple[str, list[str]]] = (
    ("FV 1/2026", ["FV 1/2026"]), ("fv1", ["FV 1/2026"]), ("1/2026", ["FV 1/2026"]), ("FV1/2026", ["FV 1/2026"]), ("12026", ["FV 1/2026"]),
    ("inv/2026/0004", ["INV/2026/0004"]), ("0004", ["INV/2026/0004"]), ("2026/0004", ["INV/2026/0004"]), ("INV20260004", ["INV/2026/0004"]),
    ("0004 cedar", ["INV/2026/0004"]), ("123456789", ["INV/2026/0004"]), ("56789", ["INV/2026/0004"]), ("B-77", ["B-77"]), ("b77", ["B-77"]),
    ("0004 oak", []), ("INV/2025", []), ("", []), ("/", []),
)  # fmt: skip


def test_documents_are_found_by_any_part_of_their_numbers_by_whoever_sees_their_money(hub: Hub, tmp_path: Path) -> None:
    ledger = Ledger(hub, tmp_path / "mappings")
    ledger.tell()
    agent, limited = (as_person(someone(hub, Role.AGENT, f"{name}@example.com", None)) for name in ("agent", "limited"))
    with hub.db.write() as session:
        businesses.allow(session, limited.id, [ledger.business(HOME)])
    for question, found in QUESTIONS:
        assert numbers(hub.db, agent, question) == found, question
    assert numbers(hub.db, limited, "fv 1/2026") == []
    assert numbers(hub.db, limited, "0004") == ["INV/2026/0004"]
    assert len(numbers(hub.db, agent, "cedar")) > len(numbers(hub.db, limited, "cedar")) > 5
    assert [one.entry.detail["number"] for one in ask(hub.db, agent, "P-4").timeline] == ["P-4"]
    with hub.db.read() as session:
        assert {row[0] for row in texts(session)["document_text"]} == set(session.scalars(select(DocumentRow.id)))
    # A legal entity turns out to be another one: what was found by those who see the former is found by those of the latter.
    with hub.db.write() as session:
        session.execute(update(Business).where(Business.name == ABROAD).values(tax_id="PL7010002395"))
    ledger.say(INVOICES, one("30", number="ZX 900", business="9"))
    assert numbers(hub.db, limited, "zx 900") == []
    ledger.say(COMPANIES, {"remote_id": "9", "name": HOME, "country": "IL"})
    assert numbers(hub.db, limited, "zx 900") == ["ZX 900"]


def test_no_question_breaks_or_finds_by_accident(story: Story, database: Database) -> None:
    boss = story.person("boss")
    make_all(database)
    for question in ("*", '"', "'", "AND NOT", "OR NOT", "a:b", "body : x", "{marks} : all", "marks : u1", "=all", "'=all'", "NEAR(a b)", "\\",
                     "& | !", "(:*", "x" * 5000, "\x00", "<->", "-- ;", "\ud800", "😀", "u1", "b0 kemail", "\u202e", "1-" * 200):  # fmt: skip
        found = ask(database, boss, question)
        assert not [*found.documents, *found.leads, *found.timeline], question


def test_older_rows_are_found_when_their_page_was_made(
    story: Story, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The story is written straight into the tables, as rows are that were there before the search knew them."""
    monkeypatch.setattr(backfill, "PAGE", 2)
    boss, dana = story.person("boss"), story.parties["dana"]
    with database.write() as session:
        rows = [
            stories.mail(session, dana, at=now() - timedelta(days=i), summary=f"Older platypus {i}") for i in range(6)
        ]
        newest = max(row.id for row in rows)
    assert titles(database, boss, "platypus") == []
    with database.read() as session:
        begun = backfill.progress(session)
        assert begun.left
        assert begun.percent < 100
    while not titles(database, boss, "platypus"):
        with database.write() as session:
            backfill.page(session)
    assert len(titles(database, boss, "platypus")) == 2, "the newest first"
    with database.write() as session:  # what changes meanwhile is neither lost nor doubled
        session.get_one(Interaction, newest - 3).summary = "Meanwhile platypus"
        index.refresh(session, [newest - 3])
    with pytest.raises(ProcessLookupError):  # a process that dies makes its page again
        dies(database, backfill.page)
    make_all(database)
    assert len(ask(database, boss, "platypus", 50).timeline) == 6
    with database.read() as session:
        assert (backfill.progress(session).percent, backfill.waits(session)) == (100, False)
        made = texts(session)
    with database.write() as session:
        backfill.restart(session)
        session.execute(text("DELETE FROM party_text"))
    assert make_all(database) > len(rows) / 2
    with database.read() as session:
        assert texts(session) == made, "made anew they are the same, each once"
        assert {row.upto for row in session.scalars(select(TextIndex))} == {0}


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.fixture
def noa(hub: Hub) -> Browser:
    told = stories.tell(hub.db)
    with hub.db.write() as session:
        notes.add(session, told.person("noa"), party_id=told.parties["dana"].id,
                  text='Wants <script>alert("xylophone")</script> & a \u202e xylophone')  # fmt: skip
        session.get_one(User, told.users["noa"].id).language = "en"
    return signed_in(hub, "noa@example.com")


def test_the_page_says_why_and_shows_nothing_raw(noa: Browser, hub: Hub) -> None:
    page = noa.get("/search?q=xylophone").text
    assert "are being prepared" in page, "the story's rows have no texts yet"
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "<mark>xylophone</mark>" in page
    assert "/customers/" in page
    make_all(hub.db)
    assert "are being prepared" not in noa.get("/search?q=xylophone").text
    only = noa.get("/search?q=dana&in=timeline").text
    assert "h-hits" not in only
    assert "Search everything" in only
    assert noa.get("/search?q=dana&in=nothing").status_code == 200
    assert noa.get("/search", HX_Request="true").text.count("<html") == 0
    by_number = noa.get("/search?q=2345678").text
    assert "<mark><a" in by_number


# --- programs and commands ------------------------------------------------------------------------------------------


def test_a_program_asks_for_everything_at_once(hub: Hub, tmp_path: Path) -> None:
    ledger = Ledger(hub, tmp_path / "mappings")
    ledger.tell()
    made = office(ledger.hub, FakeExchange())
    found = made.as_agent.get("/search?q=inv 0004").get_json()
    assert ([one["number"] for one in found["documents"]], found["parties"], found["more"]) == (
        ["INV/2026/0004"],
        [],
        [],
    )
    assert [one["text"] for one in found["documents"][0]["reasons"][0]["pieces"] if one["hit"]] == ["INV", "2026/0004"]
    found = made.as_program.get("/search?q=cedar&limit=2&groups=parties,documents").get_json()
    assert [one["name"] for one in found["parties"]] == ["Cedar Ltd"]
    assert (len(found["documents"]), found["more"], found["timeline"]) == (2, ["documents"], [])
    for wrong in (
        "/search",
        "/search?q=",
        "/search?q=a&groups=people",
        "/search?q=a&limit=51",
        f"/search?q={'x' * 201}",
        "/search?q=a&x=1",
    ):
        assert made.as_agent.get(wrong).status_code == 400, wrong


def test_a_command_makes_all_texts_and_says_so(
    hub: Hub, story: Story, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for words in (("db", "reindex"), ("db", "reindex", "--anew")):
        result = CliRunner().invoke(cli, words)
        assert (result.exit_code, result.output) == (0, "The search finds everything.\n"), result.output
        with hub.db.read() as session:
            assert backfill.progress(session).percent == 100
            assert len(texts(session)["party_text"]) == session.scalar(
                select(func.count()).where(Party.status == PartyStatus.ACTIVE)
            )
