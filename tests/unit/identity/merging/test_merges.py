"""Merges: what follows, what counts, what is refused; taken back at once and later; records taken out of a customer."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import hub.tables  # noqa: F401 - knows all tables
from hub.errors import NotFoundError, UserError
from hub.identity import parties, search
from hub.identity.merging import history, moves
from hub.identity.merging.merge import MOST_RECORDS, Why, merge
from hub.identity.merging.pair import are_not_same
from hub.identity.merging.split import split
from hub.identity.merging.undo import of_party, on_top, undo
from hub.identity.models import (
    Claim,
    Identifier,
    Link,
    Merge,
    MergeItem,
    MergeState,
    Party,
    PartyStatus,
    Review,
    ReviewState,
)
from hub.identity.parties import Given
from hub.security.models import Audit, User
from hub.security.policy import Person
from hub.store.base import Base
from hub.store.session import Database
from hub.timeline.models import Participant
from tests.fakes.merging import STREAM, Desk, dump, opened, whole

DANA, LEVI = "050-234-5678", "054-765-4321"
MAIL = "dana@levi.example"


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    with opened(database) as made:
        yield made


def refused(session: Session, *, why: Why | None = None, one: Party, other: Party) -> str:
    with pytest.raises(UserError) as raised:
        merge(session, None, one, other, why=why or Why())
    return raised.value.error_id


def test_of_everything_that_points_to_a_party_somebody_said_what_becomes_of_it() -> None:
    columns = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table.name == "party"
    }
    assert columns == {move.name for move in moves.MOVES} | moves.AT_ONCE | moves.STAYS
    for move in moves.MOVES:
        known = Base.metadata.tables[move.of.name].columns
        assert {one.name for one in move.of.columns} <= set(known.keys()), move.name


def two(desk: Desk) -> tuple[Party, Party]:
    """Two parties that hold something alone, something both, with words of people and a history."""
    first = desk.take(0, "1", "Dana Levi", emails=MAIL, phones="03-612-3456", company="Levi Ltd", job_title="Buyer")
    other = desk.take(1, "2", "Noa Barak", phones=[DANA, "03-612-3456"], company="Nord Ltd", notes="Likes tea")
    assert first.id != other.id
    parties.edit(desk.session, None, other, name="Dana L.")
    parties.say(desk.session, None, first, {"colour": "red"})
    parties.say(desk.session, None, other, {"colour": "blue", "size": 4})
    for party, number in ((first, "+97236123456"), (other, "+972502345678"), (other, "+97236123456")):
        desk.talk(party, number)
        desk.call(party, number)
    desk.document(other, 1, "2")
    desk.task(other, "Call")
    desk.write(other, "Met at the fair")
    return first, other


def test_everything_follows_and_the_undo_restores_every_row(desk: Desk) -> None:
    first, other = two(desk)
    before = dump(desk.session)
    happened = desk.happened(first) | desk.happened(other)
    row = merge(desk.session, None, other, first)
    whole(desk.session)
    assert (row.state, row.winner_id, row.loser_id) == (MergeState.DONE, first.id, other.id), "the older one stays"
    assert (other.status, other.merged_into, first.version > 1) == (PartyStatus.MERGED, first.id, True)
    assert parties.get(desk.session, other.public_id) is first, "an old id leads to the customer of today"
    assert desk.happened(first) == happened
    assert desk.held(first) == {MAIL, "+97236123456", "+972502345678"}
    assert (first.name, first.fields["colour"], first.fields["size"]) == ("Dana L.", "red", 4), "a person's word counts"
    assert (first.fields["job_title"], first.fields["notes"]) == ("Buyer", "Likes tea")
    assert [hit.party_id for hit in search.search(desk.session, "502345678")] == [first.id]
    assert desk.session.scalar(select(func.count()).where(Identifier.shared, Identifier.party_id == first.id)) == 0
    undo(desk.session, None, row)
    assert dump(desk.session) == before
    assert row.state == MergeState.UNDONE
    assert desk.session.scalar(select(func.count()).select_from(MergeItem)) == 0, (
        "the journal of it says nothing any more"
    )
    assert are_not_same(desk.session, first, other)
    assert refused(desk.session, why=Why("resolver", 0.9), one=first, other=other) == "not_same"
    actions = set(desk.session.scalars(select(Audit.action)))
    assert {"party.merged", "party.unmerged"} <= actions
    merge(desk.session, None, first, other, winner=other)  # a person may, and choose
    assert (first.merged_into, are_not_same(desk.session, first, other)) == (other.id, False)
    whole(desk.session)


def test_what_was_added_since_is_with_whom_it_belongs(desk: Desk) -> None:
    first, other = two(desk)
    row = merge(desk.session, None, first, other)
    # Sources go on: one of the loser's says more, one of the winner's too, new ones are known by either's number.
    desk.take(1, "2", "Noa Barak", phones=[DANA, "03-612-3456", LEVI], company="Nord Ltd", notes="Likes coffee")
    desk.take(0, "1", "Dana Levi-Cohen", emails=[MAIL, "dc@levi.example"], phones="03-612-3456", company="Levi Ltd")
    parties.edit(desk.session, None, first, job_title="Director")
    parties.add_identifier(desk.session, None, first, Given("email", "boss@levi.example"), region="IL")
    desk.take(2, "3", "Dana L.", phones=DANA, birthday="1980-01-01")
    on_theirs, on_ours = desk.talk(first, "+972502345678"), desk.talk(first, "+97236123456")
    their_call, our_call = desk.call(first, "+972502345678"), desk.call(first, "+97236123456")
    bill, ours = desk.document(first, 1, "2"), desk.document(first, 0, "1")
    note, task = desk.write(first, "He pays late"), desk.task(first, "Ask for the address")
    assert desk.link(2, "3").party_id == first.id
    stayed = undo(desk.session, None, row)
    whole(desk.session)
    assert {(one.kind, one.id) for one in stayed} == {("note", note.public_id), ("task", task.public_id)}
    assert desk.link(2, "3").party_id == other.id, "a source that only the loser's number spoke for"
    assert desk.held(other) == {"+972502345678", "+97236123456", "+972547654321"}
    assert desk.held(first) == {MAIL, "dc@levi.example", "boss@levi.example", "+97236123456"}
    assert on_theirs in desk.happened(other)
    assert on_ours in desk.happened(first), "on a number that both have: it stays"
    assert [desk.whose(one) for one in (their_call, our_call, bill, ours)] == [other.id, first.id, other.id, first.id]
    assert [desk.whose(one) for one in (note, task)] == [first.id, first.id]
    assert (first.name, first.fields["job_title"], first.fields.get("notes")) == ("Dana Levi-Cohen", "Director", None)
    assert (other.name, other.fields["notes"], other.fields["birthday"]) == ("Dana L.", "Likes coffee", "1980-01-01")
    assert (first.fields["colour"], other.fields["colour"]) == ("red", "blue")


def test_merges_are_taken_back_in_the_order_in_which_they_lie_on_each_other(desk: Desk) -> None:
    people = [desk.take(0, str(n), f"Person {n}", emails=f"p{n}@example.com") for n in range(4)]
    for person in people:
        desk.talk(person, f"p{person.id}@example.com", "email")
    before = dump(desk.session)
    low = merge(desk.session, None, people[2], people[3])
    middle = merge(desk.session, None, people[1], people[2])
    top = merge(desk.session, None, people[0], people[1])
    whole(desk.session)
    assert {one.merged_into for one in people[1:]} == {people[0].id}
    assert set(parties.with_merged(desk.session, people[0])) == {one.id for one in people}
    assert [one.id for one in on_top(desk.session, low)] == [top.id, middle.id]
    with pytest.raises(UserError, match=rf"{top.public_id}.*{middle.public_id}") as raised:
        undo(desk.session, None, low)
    assert raised.value.error_id == "merged_on_top"
    assert len(of_party(desk.session, people[0])) == 3
    for row in (top, middle, low):
        undo(desk.session, None, row)
        whole(desk.session)
    assert dump(desk.session) == before
    with pytest.raises(UserError, match="already"):
        undo(desk.session, None, low)


def test_what_can_be_no_merge_is_refused_and_changes_nothing(desk: Desk) -> None:
    first, other = two(desk)
    firm = desk.take(0, "f", "", company="Nord Ltd", kind="company", emails="office@nord.example")
    crowd = desk.take(3, "c", "Crowd", emails="crowd@example.com")
    desk.session.add_all(
        Link(
            party_id=crowd.id,
            origin_party_id=crowd.id,
            account_id=desk.accounts[2].id,
            stream=STREAM,
            remote_id=f"x{n}",
        )
        for n in range(MOST_RECORDS - 1)
    )
    gone = desk.take(3, "g", "Gone", emails="gone@example.com")
    gone.status = PartyStatus.ERASED
    before = dump(desk.session)
    assert refused(desk.session, one=first, other=first) == "same_party"
    assert refused(desk.session, one=first, other=firm) == "different_kinds"
    assert refused(desk.session, one=first, other=crowd) == "too_many_records"
    assert refused(desk.session, one=first, other=gone) == "conflict"
    assert dump(desk.session) == before
    assert desk.session.scalar(select(func.count()).select_from(Merge)) == 0
    row = merge(desk.session, None, first, other)
    assert refused(desk.session, one=first, other=other) == "conflict", "it is merged by now: no ring can be made"
    other.status = PartyStatus.ERASED
    with pytest.raises(UserError, match="erased"):
        undo(desk.session, None, row)


def test_companies_take_their_people_along_and_old_names_lead_to_them(desk: Desk) -> None:
    dana = desk.take(0, "1", "Dana Levi", emails=MAIL, company="Acme")
    desk.take(1, "2", "Noa Cohen", emails="noa@cohen.example", company="Acme Ltd")
    acme, limited = (
        desk.session.scalars(select(Party).where(Party.name == name)).one() for name in ("Acme", "Acme Ltd")
    )
    before = dump(desk.session)
    row = merge(desk.session, None, limited, acme, winner=limited)
    assert dana.company_id == limited.id
    assert dana.id in {
        hit.party_id for hit in search.search(desk.session, "limited") or search.search(desk.session, "acme")
    }
    assert dict(desk.session.execute(select(Party.name, Party.id).where(Party.name == "Acme")).all()) == {
        "Acme": acme.id
    }
    adam = desk.take(2, "3", "Adam Bar", emails="adam@bar.example", company="Acme")
    assert adam.company_id == limited.id, "no third company is made of an old name"
    assert parties.company_named(desk.session, None, "Acme") is limited
    undo(desk.session, None, row)
    assert (dana.company_id, adam.company_id) == (acme.id, acme.id)
    desk.session.delete(desk.session.scalars(select(Claim).where(Claim.party_id == adam.id)).first())
    assert {row["name"] for row in dump(desk.session)["party"]} - {row["name"] for row in before["party"]} == {
        "Adam Bar"
    }


def test_a_long_history_follows_in_pages_and_is_read_through_both_meanwhile(desk: Desk) -> None:
    first, other = two(desk)
    desk.session.flush()
    spoken = [desk.talk(other, "+972502345678") for _ in range(30)]
    before = dump(desk.session)
    row = merge(desk.session, None, first, other)
    row.state = MergeState.MOVING
    # As a worker finds it that died after the first page: part has moved, part has not.
    rows = desk.session.scalars(select(Participant).where(Participant.interaction_id.in_(spoken[:20]))).all()
    late = [one.id for one in rows]
    for one in rows:
        one.party_id = other.id
    for item in desk.session.scalars(select(MergeItem).where(MergeItem.what == "participant.party_id")):
        item.ids = [number for number in item.ids if number not in late]
    desk.session.flush()
    assert refused(desk.session, one=first, other=desk.take(2, "9", "Noa", emails="n@o.example")) == "still_moving"
    ids = parties.with_merged(desk.session, first)
    seen = select(func.count()).where(Participant.party_id.in_(ids), Participant.interaction_id.in_(spoken))
    pages = 0
    while history.advance(desk.session, row, 7):
        pages += 1
        assert desk.session.scalar(seen) == 30
    assert (row.state, pages) == (MergeState.DONE, 2)
    whole(desk.session)
    strange = Identifier(party_id=other.id, kind="email", value="late@levi.example")  # by whoever was slower
    desk.session.add(strange)
    assert history.advance(desk.session, row, 7) is False
    assert (strange.party_id, row.due_at) == (first.id, None)
    undo(desk.session, None, row)
    whole(desk.session)
    assert desk.happened(other) >= set(spoken)
    assert len(before["participant"]) == desk.session.scalar(select(func.count()).select_from(Participant))


def test_records_are_taken_out_with_what_only_they_brought(desk: Desk) -> None:
    first = desk.take(0, "1", "Dana Levi", emails=MAIL, phones="03-612-3456")
    desk.take(1, "2", "Dana Levi", emails=MAIL, phones=[DANA, "03-612-3456"], notes="Likes tea")
    assert desk.link(1, "2").party_id == first.id
    both, theirs = desk.talk(first, MAIL, "email"), desk.talk(first, "+972502345678")
    bill, note = desk.document(first, 1, "2"), desk.write(first, "Met at the fair")
    before = dump(desk.session)
    with pytest.raises(UserError, match="left"):
        split(desk.session, None, first, [desk.link(0, "1").id, desk.link(1, "2").id])
    with pytest.raises(NotFoundError):
        split(desk.session, None, first, [desk.link(0, "1").id, 999_999])
    row = split(desk.session, None, first, [desk.link(1, "2").id])
    whole(desk.session)
    new = desk.session.get_one(Party, row.loser_id)
    assert (row.state, new.name, new.fields) == (MergeState.UNDONE, "Dana Levi", {"notes": "Likes tea"})
    assert desk.held(new) == {MAIL, "+972502345678", "+97236123456"}
    assert desk.held(first) == {MAIL, "+97236123456"}
    assert "notes" not in first.fields
    assert (desk.happened(new), desk.happened(first)) == ({theirs}, {both})
    assert (desk.whose(bill), desk.whose(note)) == (new.id, first.id)
    assert desk.take(1, "2", "Dana Levi", emails=MAIL, phones=DANA) is new, "the next sync leaves it there"
    assert refused(desk.session, why=Why("resolver"), one=first, other=new) == "not_same"
    with pytest.raises(UserError, match="taken apart"):
        undo(desk.session, None, row)
    merge(desk.session, None, first, new)
    assert (desk.happened(first), desk.whose(bill)) == ({both, theirs}, first.id)
    assert len(before["link"]) == 2
    whole(desk.session)


def test_a_pair_that_waits_for_a_person_follows_what_is_decided_of_it(desk: Desk) -> None:
    user = User(email="noa@example.com", name="Noa", role="agent", password_hash="")
    desk.session.add(user)
    desk.session.flush()
    noa = Person(user.id, user.public_id, user.email, user.name, user.role)
    first, other = two(desk)
    pair = Review(a_id=first.id, b_id=other.id, score=0.6, reasons=["same line"])
    desk.session.add(pair)
    row = merge(desk.session, noa, first, other)
    desk.session.refresh(pair)
    assert (row.actor_id, pair.state, pair.decided_by) == (user.id, ReviewState.SAME, user.id)
    told = desk.session.scalars(select(Audit).where(Audit.action == "party.merged")).one()
    assert (told.actor, told.detail["other"]) == ("noa@example.com", str(other.public_id))
    undo(desk.session, noa, row)
    desk.session.refresh(pair)
    assert (row.undone_by, pair.state) == (user.id, ReviewState.NOT_SAME)
