"""The timeline of a party on both databases: paging, kinds, merged parties, who sees what, finding."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert
from sqlalchemy.orm import Session

from hub.cti import history
from hub.errors import ForbiddenError, UserError
from hub.identity.models import Party
from hub.security.policy import Person, Seen
from hub.store.base import new_public_id
from hub.store.session import Database
from hub.timeline import notes, queries, tasks
from hub.timeline.models import Interaction, Note, Participant, Task, TaskKind
from hub.timeline.queries import Cursor, Page, Wanted
from tests.e2e import story as stories
from tests.e2e.story import DANA, IVAN, NOBODY, Story

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def story(database: Database) -> Story:
    return stories.tell(database)


def party(session: Session, name: str = "Somebody") -> Party:
    row = Party(kind="person", name=name)
    session.add(row)
    session.flush()
    return row


def fill(session: Session, party_id: int, count: int, *, kind: str = "email", step_s: int = 60, **more: object) -> None:
    """Rows one step apart; two of them at each moment, so that the second key counts."""
    made = [
        {"public_id": new_public_id(), "kind": kind, "direction": "", "summary": f"{kind} {i}", "visibility": "all",
         "started_at": START + timedelta(seconds=step_s * (i // 2)), "source_url": "", "detail": {}, **more}
        for i in range(count)
    ]  # fmt: skip
    ids = session.scalars(insert(Interaction).returning(Interaction.id, sort_by_parameter_order=True), made).all()
    session.execute(
        insert(Participant),
        [
            {"interaction_id": number, "party_id": party_id, "origin_party_id": party_id, "kind": kind, "role": "",
             "started_at": one["started_at"], "identifier_kind": "", "value": ""}
            for number, one in zip(ids, made, strict=True)
        ],
    )  # fmt: skip


ME = Person(0, None, "", "program", "admin")


def walk(session: Session, ids: list[int], **asked: object) -> list[Page]:
    pages = [queries.page(session, ids, person=ME, **asked)]  # type: ignore[arg-type]
    while (following := pages[-1].next) is not None:
        pages.append(queries.page(session, ids, person=ME, before=Cursor.parse(str(following)), **asked))  # type: ignore[arg-type]
        assert len(pages) < 100
    return pages


@pytest.mark.parametrize("count", [0, 1, 29, 30, 31, 60, 95])
def test_pages_hold_every_row_once_and_the_newest_first(database: Database, count: int) -> None:
    with database.write() as session:
        one = party(session)
        if count:
            fill(session, one.id, count)
        pages = walk(session, [one.id])
        rows = [item for page in pages for item in page.items]
        assert len(rows) == len({item.number for item in rows}) == count
        assert rows == sorted(rows, key=lambda item: (item.started_at, item.number), reverse=True)
        assert [len(page.items) for page in pages[:-1]] == [30] * (len(pages) - 1)


def test_several_kinds_are_one_list(database: Database) -> None:
    with database.write() as session:
        one = party(session)
        fill(session, one.id, 50, kind="email")
        fill(session, one.id, 40, kind="note", step_s=45)
        fill(session, one.id, 10, kind="lead")
        rows = [i for page in walk(session, [one.id], wanted=Wanted(kinds=("email", "lead"))) for i in page.items]
        assert {item.kind for item in rows} == {"email", "lead"}
        assert len(rows) == 60
        assert rows == sorted(rows, key=lambda item: (item.started_at, item.number), reverse=True)


def test_merged_parties_are_one_list_and_what_both_took_part_in_is_one_row(database: Database) -> None:
    with database.write() as session:
        one, two, other = party(session), party(session), party(session)
        fill(session, one.id, 33)
        fill(session, two.id, 35, step_s=90)
        fill(session, other.id, 5)
        both = queries.page(session, [one.id], person=ME).items[0]
        session.add(
            Participant(
                interaction_id=both.number, party_id=two.id, started_at=both.started_at, kind=both.kind, role=""
            )
        )
        session.flush()
        rows = [item for page in walk(session, [one.id, two.id]) for item in page.items]
        assert len(rows) == 68
        assert len({item.number for item in rows}) == 68
        kinds = Wanted(kinds=("email", "note"))
        assert len([i for page in walk(session, [one.id, two.id], wanted=kinds) for i in page.items]) == 68


def test_times_limit_a_page(database: Database) -> None:
    with database.write() as session:
        one = party(session)
        fill(session, one.id, 20)
        wanted = Wanted(since=START + timedelta(minutes=2), until=START + timedelta(minutes=4))
        rows = queries.page(session, [one.id], person=ME, wanted=wanted).items
        assert [item.summary for item in rows] == ["email 7", "email 6", "email 5", "email 4"]


# Who reads, whose it is, how it is kept -> what is seen.
VISIBILITY = [
    ("noa", "all", "amir", Seen.FULL),
    ("noa", "all", None, Seen.FULL),
    ("noa", "metadata", "noa", Seen.FULL),
    ("noa", "metadata", "amir", Seen.METADATA),
    ("noa", "metadata", None, Seen.METADATA),
    ("noa", "owner", "noa", Seen.FULL),
    ("noa", "owner", "amir", None),
    ("noa", "owner", None, None),
    ("manager", "metadata", "amir", Seen.METADATA),
    ("manager", "owner", "amir", None),
    ("boss", "owner", "amir", None),
    ("noa", "unheard of", "amir", None),
]


@pytest.mark.parametrize(("reader", "visibility", "owner", "expected"), VISIBILITY)
def test_who_sees_what(
    database: Database, story: Story, reader: str, visibility: str, owner: str | None, expected: Seen | None
) -> None:
    with database.write() as session:
        one = party(session)
        owner_id = story.users[owner].id if owner else None
        fill(
            session,
            one.id,
            1,
            visibility=visibility,
            owner_id=owner_id,
            detail={"text": "secret"},
            source_url="https://x/1",
        )
        person = story.person(reader)
        rows = queries.page(session, [one.id], person=person).items
        assert [row.seen for row in rows] == ([expected] if expected else [])
        number = session.query(Participant.interaction_id).filter_by(party_id=one.id).scalar()
        alone = queries.item(session, [one.id], number, person=person)
        assert (alone.seen if alone else None) is expected
        for row in [*rows, *([alone] if alone else [])]:
            assert (row.summary == "email 0") is (expected is Seen.FULL)
            assert bool(row.detail) is bool(row.source_url) is (expected is Seen.FULL)
        found = queries.page(session, [one.id], person=person, wanted=Wanted(find="secret")).items
        assert bool(found) is (expected is Seen.FULL), "a search must not tell what may not be read"


def test_rows_nobody_may_see_leave_no_short_page(database: Database, story: Story) -> None:
    with database.write() as session:
        one = party(session)
        fill(session, one.id, 70, visibility="owner", owner_id=story.users["amir"].id, step_s=61)
        fill(session, one.id, 35)
        page = queries.page(session, [one.id], person=story.person("noa"))
        assert len(page.items) == 30
        assert page.next is not None
        rest = queries.page(session, [one.id], person=story.person("noa"), before=page.next)
        assert (len(rest.items), rest.next) == (5, None)


def test_find_goes_through_titles_details_notes_and_names(database: Database, story: Story) -> None:
    with database.read() as session:
        ids = [story.parties["dana"].id]
        noa = story.person("noa")

        def found(text: str) -> int:
            return len(queries.page(session, ids, person=noa, wanted=Wanted(find=text)).items)

        assert found("offer") == 1
        assert found("OFFER 44") == 1
        assert found("sunday") == 1, "in the detail"
        assert found("חשבונית") == 1, "in the note of a call"
        assert found("amir") == 1, "who wrote it"
        assert found("private") == found("secret") == 0
        assert found("nothing like this") == 0


def test_by_finds_calls_and_notes_of_one_colleague(database: Database, story: Story) -> None:
    with database.read() as session:
        ids = [story.parties["dana"].id]
        amir = story.users["amir"].id
        rows = queries.page(session, ids, person=story.person("noa"), wanted=Wanted(by=amir)).items
        assert {(row.kind, row.direction) for row in rows} == {("note", ""), ("call", "outbound"), ("email", "")}


def test_a_search_without_end_stops_and_says_how_far_it_looked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "LOOK", 10)
    monkeypatch.setattr(queries, "LOOK_MOST", 20)
    with database.write() as session:
        one = party(session)
        fill(session, one.id, 45)
        fill(session, one.id, 1, kind="lead")
        page = queries.page(session, [one.id], person=ME, wanted=Wanted(find="lead"))
        assert page.items == ()
        assert page.looked_to is not None
        rest = [i for p in walk(session, [one.id], wanted=Wanted(find="lead")) for i in p.items]
        assert [item.kind for item in rest] == ["lead"]


def test_a_page_is_few_queries_whatever_its_rows(database: Database, story: Story) -> None:
    asked: list[str] = []
    listener = lambda *args: asked.append(args[2])  # noqa: E731 - one expression
    with database.read() as session:
        session.connection()
        event.listen(database.engine, "before_cursor_execute", listener)
        try:
            page = queries.page(session, [story.parties["dana"].id], person=story.person("noa"))
            calls = history.of_items(session, story.person("noa"), page.items)
        finally:
            event.remove(database.engine, "before_cursor_execute", listener)
    assert len(page.items) == 6
    assert len(calls) == 2
    assert len(asked) <= 5


def test_a_call_carries_its_recordings_and_who_may_hear_them(database: Database, story: Story) -> None:
    with database.read() as session:
        for name, may_hear in [("noa", True), ("amir", False), ("manager", True), ("boss", True)]:
            fact = history.one(session, story.person(name), story.calls["talked"])
            assert [r.state for r in fact.recordings] == ["ready"]
            assert fact.recordings[0].seconds == 372
            assert fact.may_hear is may_hear, name


def test_last_contacts_are_three_and_no_notes(database: Database, story: Story) -> None:
    with database.read() as session:
        rows = queries.last_contacts(session, [story.parties["dana"].id], person=story.person("noa"))
        assert [row.kind for row in rows] == ["call", "email", "call"]


# --- notes --------------------------------------------------------------------------------------------------------


def test_a_note_is_a_row_of_the_timeline_until_its_author_removes_it(database: Database, story: Story) -> None:
    noa, ivan = story.person("noa"), story.parties["ivan"]
    with database.write() as session:
        note = notes.add(session, noa, party_id=ivan.id, text=" First line\r\nsecond \x00line ")
        [row] = queries.page(session, [ivan.id], person=noa, wanted=Wanted(kinds=("note",))).items
        assert (row.summary, row.who, row.notes[0].text) == ("First line", "Noa Bar", "First line\nsecond line")
        notes.edit(session, noa, note, "Changed")
        session.flush()
        assert (
            queries.page(session, [ivan.id], person=noa, wanted=Wanted(kinds=("note",))).items[0].summary == "Changed"
        )
        with pytest.raises(ForbiddenError):
            notes.edit(session, story.person("boss"), note, "Not mine")
        with pytest.raises(ForbiddenError):
            notes.remove(session, story.person("amir"), note)
        notes.remove(session, noa, note)
        assert queries.page(session, [ivan.id], person=noa, wanted=Wanted(kinds=("note",))).items == ()
        assert session.query(Note).filter_by(party_id=ivan.id).count() == 0


@pytest.mark.alike
@pytest.mark.parametrize("text", ["", "  \n ", "x" * 20_001])
def test_an_empty_or_endless_note_is_refused(database: Database, story: Story, text: str) -> None:
    with database.write() as session, pytest.raises(UserError) as refused:
        notes.add(session, story.person("noa"), party_id=story.parties["ivan"].id, text=text)
    assert refused.value.field == "note"


def test_pinned_notes_come_first_and_can_be_unpinned(database: Database, story: Story) -> None:
    dana = story.parties["dana"].id
    with database.write() as session:
        [pinned] = queries.pinned(session, [dana])
        assert (pinned.text, pinned.author) == ("VAT exempt till March", "Amir Katz")
        notes.pin(session, story.person("noa"), notes.get(session, pinned.id), pinned=False)
        assert queries.pinned(session, [dana]) == []


def test_a_note_on_a_call_sent_twice_is_one(database: Database, story: Story) -> None:
    with database.write() as session:
        call = history.one(session, story.person("noa"), story.calls["missed"])
        for text in ("Once", "Once"):
            notes.on_call(session, story.person("noa"), call_id=call.row_id, interaction_id=call.interaction_id,
                          party_id=call.party_id, text=text)  # fmt: skip
        assert session.query(Note).filter_by(call_id=call.row_id).count() == 1


# --- tasks --------------------------------------------------------------------------------------------------------


def test_three_missed_calls_of_one_caller_are_one_row(database: Database, story: Story) -> None:
    with database.read() as session:
        rows = tasks.open_for(session, story.users["noa"].id)
    assert [(row.kind, row.number, row.count) for row in rows] == [
        (TaskKind.MISSED_CALL, IVAN, 1),
        (TaskKind.MISSED_CALL, NOBODY, 3),
        (TaskKind.CALL_BACK, DANA, 1),
        (TaskKind.FOLLOW_UP, "", 1),
    ]
    assert rows[0].party_name == "Иван Петров"


def test_a_colleague_who_was_not_rung_sees_nothing(database: Database, story: Story) -> None:
    with database.read() as session:
        assert tasks.open_for(session, story.users["manager"].id) == []
        assert len(tasks.open_for(session, story.users["amir"].id)) == 2


def test_done_closes_all_calls_of_the_number_for_everybody_and_can_be_taken_back(
    database: Database, story: Story
) -> None:
    noa, amir = story.person("noa"), story.person("amir")
    with database.write() as session:
        due = next(row for row in tasks.open_for(session, noa.id) if row.number == NOBODY)
        assert tasks.done(session, noa, tasks.get(session, due.id)) == 3
        assert tasks.done(session, noa, tasks.get(session, due.id)) == 0, "a second click changes nothing"
        for person in (noa, amir):
            assert NOBODY not in {row.number for row in tasks.open_for(session, person.id)}
        with pytest.raises(ForbiddenError):
            tasks.undo(session, amir, tasks.get(session, due.id))
        assert tasks.undo(session, noa, tasks.get(session, due.id)) == 3
        assert next(row for row in tasks.open_for(session, amir.id) if row.number == NOBODY).count == 3


def test_a_task_of_a_colleague_is_his(database: Database, story: Story) -> None:
    with database.write() as session:
        mine = next(row for row in tasks.open_for(session, story.users["noa"].id) if row.kind == TaskKind.CALL_BACK)
        with pytest.raises(ForbiddenError):
            tasks.done(session, story.person("amir"), tasks.get(session, mine.id))
        assert tasks.done(session, story.person("manager"), tasks.get(session, mine.id)) == 1


def test_a_second_promise_to_the_same_number_moves_the_first(database: Database, story: Story) -> None:
    noa = story.person("noa")
    later = START + timedelta(days=400)
    with database.write() as session:
        tasks.add(session, noa, kind=TaskKind.CALL_BACK, number=DANA, owner_id=noa.id, due_at=later)
        rows = session.query(Task).filter_by(kind=TaskKind.CALL_BACK, owner_id=noa.id).all()
        assert [row.due_at for row in rows] == [later]


def test_what_is_due_first_comes_first(database: Database, story: Story) -> None:
    manager = story.person("manager")
    with database.write() as session:
        for days in (3, 1, 2):
            tasks.add(session, manager, title=str(days), owner_id=manager.id, due_at=START + timedelta(days=days))
        assert [row.title for row in tasks.open_for(session, manager.id)] == ["1", "2", "3"]
