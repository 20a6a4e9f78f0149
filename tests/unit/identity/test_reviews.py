"""Pairs that are asked: once, again when what they are judged by changed, answered, taken back; and who finds them."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity import parties, reviews
from hub.identity.merging.merge import merge
from hub.identity.merging.undo import undo
from hub.identity.models import Merge, NotSame, Party, PartyKind, PartyStatus, Review, ReviewState
from hub.identity.partition_pairs import Reason, Why
from hub.identity.reviewing import look, queue
from hub.identity.reviewing.models import DuplicateLook, Stage
from hub.identity.reviewing.taught import alike, taught, weighed
from hub.identity.reviews import Proposal
from hub.security import users
from hub.security.models import Audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import claim, new_owner, release
from hub.work.shift import Pace, Shift
from tests.fakes.merging import Desk, opened

MOBILE = (Reason(Why.SAME_MOBILE), Reason(Why.NAMES_NEAR, ("0.75", "D. Levi", "Dana Levi")))


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    with opened(database) as desk:
        yield desk


def somebody(session: Session, name: str = "noa") -> Person:
    user = users.add(session, f"{name}@example.com", name, "agent", "a sentence is good")
    return Person(user.id, user.public_id, user.email, user.name, user.role)


def made(session: Session, name: str, *held: tuple[str, str], kind: str = PartyKind.PERSON) -> Party:
    return parties.create(session, None, kind, name, [parties.Given(*one) for one in held], region="IL")


def asked(session: Session, *pair: Party, score: float = 0.75) -> int:
    return reviews.propose(session, [Proposal(pair[0].id, pair[1].id, score, MOBILE)])


def the_one(session: Session) -> Review:
    session.expire_all()
    return session.scalars(select(Review)).one()


def waiting(session: Session) -> list[tuple[int, int]]:
    return [(one.a_id, one.b_id) for one in queue.waiting(session, lambda review: review.score)]


def test_a_pair_is_asked_once_and_again_only_when_what_it_is_judged_by_changed(desk: Desk) -> None:
    session = desk.session
    person = somebody(session)
    dana, other = made(session, "Dana Levi"), made(session, "D. Levi")
    company = made(session, "Levi Ltd", kind=PartyKind.COMPANY)
    assert asked(session, other, dana) == 1, "in any order"
    assert (asked(session, dana, other), asked(session, other, dana)) == (0, 0)
    row = the_one(session)
    assert (row.a_id, row.b_id, row.score, row.state) == (dana.id, other.id, 0.75, "open")
    assert row.reasons == [["same_mobile", []], ["names_near", ["0.75", "D. Levi", "Dana Levi"]]]
    assert asked(session, dana, dana) == asked(session, dana, company) == asked(session, dana, other, score=0.49) == 0
    assert asked(session, dana, other, score=0.8) == 0, "brought up to date is not asked anew"
    assert the_one(session).score == 0.8

    reviews.decide(session, person, row, "later")
    assert asked(session, dana, other) == 0
    assert the_one(session).state == "later"
    parties.add_identifier(session, None, other, parties.Given("email", "dana@levi.example"), region="IL")
    assert asked(session, dana, other) == 1, "there is more to judge by"
    assert (the_one(session).state, the_one(session).decided_by) == ("open", None)

    reviews.decide(session, person, row, "not_same")
    parties.add_identifier(session, None, dana, parties.Given("email", "dana@levi.example"), region="IL")
    assert asked(session, dana, other, score=0.99) == 0, "what a person said stands"
    session.execute(NotSame.__table__.delete())  # type: ignore[attr-defined]  # a table has one
    assert asked(session, dana, other) == 1, "until a person removes it"


def test_answers_are_kept_and_taken_back_and_the_second_is_told(desk: Desk) -> None:
    session = desk.session
    person, second = somebody(session), somebody(session, "amir")
    dana, other, third = (made(session, name) for name in ("Dana Levi", "D. Levi", "Dana L."))
    for pair in ((dana, other), (other, third), (dana, third)):
        asked(session, *pair)
    rows = {(row.a_id, row.b_id): row for row in session.scalars(select(Review))}
    first = rows[dana.id, other.id]

    reviews.decide(session, person, first, "not_same")
    with pytest.raises(UserError) as told:
        reviews.decide(session, second, first, "same")
    assert told.value.error_id == "answered"
    assert dana.status == PartyStatus.ACTIVE
    assert session.scalars(select(NotSame)).one().by_id == person.id
    assert reviews.last_answer(session, second) is None
    assert reviews.last_answer(session, person) is first
    reviews.take_back(session, person, first)
    assert (first.state, first.decided_by, session.scalar(select(func.count(NotSame.id)))) == ("open", None, 0)

    with pytest.raises(UserError, match="winner"):
        reviews.decide(session, person, first, "same", winner=third)
    made_one = reviews.decide(session, person, first, "same")
    assert made_one is not None
    undo(session, None, made_one)
    assert reviews.last_answer(session, person) is None, "it was taken back on another page"
    session.execute(NotSame.__table__.delete())  # type: ignore[attr-defined]  # a table has one
    assert asked(session, dana, other, score=0.8) == 1
    session.refresh(first)
    made_one = reviews.decide(session, person, first, "same", winner=other)
    assert made_one is not None
    session.refresh(dana)
    assert (dana.status, dana.merged_into) == (PartyStatus.MERGED, other.id), "the person chose who wins"
    assert waiting(session) == [(other.id, third.id)], "what was asked about who is no more is asked about the winner"
    assert list(session.scalars(select(Audit.action).order_by(Audit.id)))[-1] == "review.answered"
    reviews.take_back(session, person, first)
    session.refresh(dana)
    assert (dana.status, first.state) == (PartyStatus.ACTIVE, "open")
    assert sorted(waiting(session)) == [(dana.id, other.id), (dana.id, third.id), (other.id, third.id)]
    assert session.scalar(select(func.count(NotSame.id))) == 0, "taking an answer back says nothing of its own"
    with pytest.raises(UserError):
        reviews.take_back(session, person, first)
    with pytest.raises(UserError) as odd:
        reviews.decide(session, person, first, "perhaps")
    assert odd.value.field == "answer"


def test_a_merge_by_another_way_answers_and_moves_the_questions_and_its_undo_brings_them_back(desk: Desk) -> None:
    session = desk.session
    dana, other, third, fourth = (made(session, name) for name in ("Dana Levi", "D. Levi", "Dana L.", "Dan Levi"))
    asked(session, dana, other)
    asked(session, other, third)
    asked(session, other, fourth)
    reviews.decide(session, somebody(session), session.scalars(select(Review).order_by(Review.id)).all()[2], "not_same")
    row = merge(session, None, dana, other)
    assert waiting(session) == []
    assert look_around(desk, stages=2) == Stage.VALUES
    assert waiting(session) == [(dana.id, third.id)], (
        "of the fourth somebody said that it is not the one who was merged"
    )
    assert asked(session, dana, fourth) == 0
    undo(session, None, row)
    assert (other.id, third.id) in waiting(session)


def test_the_later_end_and_what_is_worth_most_first(desk: Desk) -> None:
    session = desk.session
    several = [made(session, f"Dana {number}") for number in range(4)]
    for number, score in ((1, 0.6), (2, 0.8), (3, 0.7)):
        asked(session, several[0], several[number], score=score)
    assert [b - several[0].id for _, b in waiting(session)] == [2, 3, 1]
    best = session.scalars(select(Review).order_by(Review.score.desc())).all()
    for row in best[:2]:
        reviews.decide(session, None, row, "later")
    assert [b - several[0].id for _, b in waiting(session)] == [1, 2, 3]
    assert queue.counts(session) == queue.Counts(waiting=3, later=2)
    of = queue.of_party(session, several[0])
    assert of is not None
    assert of.b_id == several[2].id


def test_answers_teach_what_is_not_worth_asking() -> None:
    reasons = [["same_line", []], ["names_near", ["0.8"]]]
    name = alike(reasons)
    assert name == "names_near+same_line"
    assert weighed(0.7, reasons, {}) == pytest.approx(0.7)
    assert weighed(0.7, reasons, {name: (0, 12)}) < 0.5 < weighed(0.7, reasons, {name: (0, 5)}) < 0.7
    assert weighed(0.7, reasons, {name: (50, 0)}) > 0.85
    assert weighed(0.7, reasons, {"same_line": (0, 99)}) == pytest.approx(0.7)


def test_many_pairs_that_were_not_the_same_end_the_question(desk: Desk) -> None:
    session = desk.session
    person = somebody(session)
    several = [made(session, f"Dana {number}") for number in range(20)]
    for one, other in zip(several[:14:2], several[1:14:2], strict=True):
        assert asked(session, one, other, score=0.55) == (1 if one.id - several[0].id <= 4 else 0)
        for row in session.scalars(select(Review).where(Review.state == ReviewState.OPEN)):
            reviews.decide(session, person, row, "not_same")
    assert taught(session) == {alike([[one.code, ()] for one in MOBILE]): (0, 3)}


def look_around(desk: Desk, *, stages: int = 0) -> str:
    """Look until it is over, or only so many pages; each is a process of its own that dies behind it."""
    desk.session.commit()
    db = Database(desk.session.get_bind().engine)
    with db.write() as session:
        row = look.ask(session, None).id
    looker = look.Looker(db, lease_s=60, rest=0, page=3)
    pages = 0
    while not stages or pages < stages:
        with db.write() as session:
            leases = claim(session, DuplicateLook, look.due(), owner=new_owner(), lease_s=60)
        if not leases:
            break
        if stages:
            looker._stage(Shift(db, DuplicateLook, leases[0], Pace(60)))
            with db.write() as session:
                release(session, DuplicateLook, leases[0], due_at=now())
        else:
            looker.run(leases[0])
        pages += 1
    desk.session.expire_all()
    with db.read() as session:
        return session.get_one(DuplicateLook, row).stage


def test_a_look_finds_who_holds_something_together_and_who_is_only_alike(desk: Desk) -> None:
    session = desk.session
    mail, number = ("email", "dana@levi.example"), ("phone", "+972502345678")
    dana = made(session, "Dana Levi", number)
    again = made(session, "D. Levi", number)  # no rule joined them when they came
    works = made(session, "Acme Metal Ltd", ("email", "info@acme.example"), kind=PartyKind.COMPANY)
    same = made(session, "Acme Metal Limited", kind=PartyKind.COMPANY)
    noa, noa_too = (
        made(session, name, ("email", f"{mail}@home.example"))
        for name, mail in (("Noa Bar Ilan", "n"), ("נועה בר אילן", "b"))
    )
    noa.company_id = noa_too.company_id = works.id
    mum, dad = (
        made(session, "Rivka Katz", ("phone", "+972503333333")),
        made(session, "Amir Stone", ("phone", "+972503333333")),
    )
    crowd = [made(session, f"Person {name}", ("phone", "+97231234567")) for name in range(55)]
    other_id = [
        made(session, "Metal Works", ("tax_id", tax), kind=PartyKind.COMPANY) for tax in ("516179157", "513026484")
    ]
    gone = made(session, "Dana Levi", mail)
    gone.status = PartyStatus.ERASED
    assert look_around(desk, stages=4) == Stage.VALUES
    assert look_around(desk) == Stage.DONE, "it goes on where it was"
    found = {(row.a_id, row.b_id): row for row in session.scalars(select(Review))}
    assert set(found) == {(dana.id, again.id), (works.id, same.id), (noa.id, noa_too.id)}, [
        (session.get_one(Party, a).name, session.get_one(Party, b).name, found[a, b].reasons) for a, b in found
    ]
    assert all(row.score >= 0.5 for row in found.values())
    codes = {code for code, _ in found[noa.id, noa_too.id].reasons}
    assert {"same_company", "names_agree"} <= codes
    assert (mum.id, dad.id) not in found, "a family's number: related, no question"
    assert len(crowd) == 55
    assert len(other_id) == 2
    row = session.scalars(select(DuplicateLook)).one()
    assert (row.found, row.error, row.due_at) == (3, "", None)
    assert look_around(desk) == Stage.DONE
    assert session.scalar(select(func.count(Review.id))) == 3, "another look asks nothing twice"


def test_what_a_preview_says_is_what_a_merge_makes(desk: Desk) -> None:
    session = desk.session
    cases: tuple[tuple[tuple[str, dict[str, Any]], ...], ...] = (
        (("Dana Levi", {"company": "Acme", "job_title": "Owner"}), ("Dana Levi-Stone", {"company": "Zed"})),
        (("Amir", {}), ("Amir Katz", {"company": "Acme", "emails": [{"value": "amir@acme.example", "label": ""}]})),
    )
    for number, (one, other) in enumerate(cases):
        for winner in (0, 1):
            first = desk.take(0, f"{number}-{winner}-a", one[0], **one[1])
            second = desk.take(1, f"{number}-{winner}-b", other[0], **other[1])
            if number == 1:
                parties.edit(session, None, first, name="Amir K.", job_title="Clerk")
            keep, lose = (first, second) if winner == 0 else (second, first)
            said = queue.preview(session, keep, lose)
            merge(session, None, first, second, winner=keep)
            session.refresh(keep)
            company = session.get_one(Party, keep.company_id).name if keep.company_id else ""
            held = len(parties.identifiers(session, keep))
            got = queue.Preview(keep.name, company, keep.fields.get("job_title", ""), 2, held)
            assert said == got, (number, winner)
    assert session.scalar(select(func.count(Merge.id))) == 4
