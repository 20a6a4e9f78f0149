"""Pairs that may be one customer: asked once, answered by a person, taken back.

`propose` writes questions down, whoever found them. A pair is asked again only if nobody said that the two are not the
same, and what it was judged by changed since somebody put it off. Where a merge was taken back, or "not the same" was
removed, the former answer stands no more, and the pair may be asked anew.

    open ──> same        they were merged; `merging.undo` takes that back
         ├─> not_same    no program merges them, and nobody is asked, until a person removes it
         └─> later       the end of the queue
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity.merging import pair
from hub.identity.merging import undo as undoing
from hub.identity.merging.merge import merge
from hub.identity.models import (
    Identifier,
    Merge,
    MergeState,
    NotSame,
    Party,
    PartyStatus,
    Review,
    ReviewState,
)
from hub.identity.partition_pairs import Reason
from hub.identity.reviewing.taught import Taught, taught, weighed
from hub.identity.rules import POSSIBLE
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import new_public_id, now
from hub.store.insert import insert
from hub.store.public import by_public_id
from hub.store.turn import in_turn

ANSWERS = (ReviewState.SAME, ReviewState.NOT_SAME, ReviewState.LATER)
WAITING = (ReviewState.OPEN, ReviewState.LATER)
_Two = tuple[int, int]
_STANDS = (Merge.rule != undoing.SPLIT, Merge.state.in_({MergeState.MOVING, MergeState.DONE}))
_MERGES = 50  # steps from a merged party to the one it is now
_MANY = 500  # ids in one statement


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two parties, in any order, that may be one; `score` from 0 to 1."""

    one: int
    other: int
    score: float
    reasons: tuple[Reason, ...]


# --- asked --------------------------------------------------------------------------------------------------------


def propose(session: Session, pairs: Iterable[Proposal], answers: Taught | None = None) -> int:
    """Ask about pairs, unless that is answered, settled or too unlikely; returns how many questions are new.

    Doing it twice changes nothing. Of parties that were merged, what they are now is asked about.

    Args:
        answers: what people taught (`taught`), where the caller has it.
    """
    given = list(pairs)
    if not given:
        return 0
    answers = taught(session) if answers is None else answers
    parties = _parties(session, {number for one in given for number in (one.one, one.other)})
    wanted: dict[_Two, Proposal] = {}
    for one in given:
        two = _two(parties, one)
        score = weighed(one.score, one.reasons, answers)
        if two is not None and score >= POSSIBLE and (two not in wanted or score > wanted[two].score):
            wanted[two] = Proposal(*two, round(score, 4), one.reasons)
    for two in _told_apart(session, wanted):
        del wanted[two]
    if not wanted:
        return 0
    prints = _fingerprints(session, parties, wanted)
    known = _known(session, wanted)
    new = [
        {
            "public_id": new_public_id(), "a_id": two[0], "b_id": two[1], "score": one.score,
            "reasons": as_json(one.reasons), "fingerprint": prints[two], "state": ReviewState.OPEN, "at": now(),
        }
        for two, one in sorted(wanted.items())
        if two not in known
    ]  # fmt: skip
    made = 0
    if new:
        statement = insert(session, Review).on_conflict_do_nothing().returning(Review.id)
        made = len(session.execute(statement, new).all())
    return made + sum(_ask_again(session, row, wanted[two], prints[two]) for two, row in known.items())


def _ask_again(session: Session, row: Review, one: Proposal, fingerprint: str) -> int:
    """Bring a question up to date; 1: it is asked again."""
    is_as_before = row.fingerprint == fingerprint
    if row.state == ReviewState.LATER and is_as_before:
        return 0
    if row.state == ReviewState.OPEN and is_as_before and row.score == one.score:
        return 0
    values: dict[str, object] = {
        "score": one.score, "reasons": as_json(one.reasons), "fingerprint": fingerprint, "state": ReviewState.OPEN,
    }  # fmt: skip
    if row.state != ReviewState.OPEN:
        values |= {"at": now(), "decided_by": None, "decided_at": None}
    done = session.execute(
        # Whoever answers at this moment goes first.
        update(Review)
        .where(Review.id == row.id, Review.state == row.state)
        .values(**values)
        .returning(Review.id)
        .execution_options(synchronize_session=False)
    ).scalar()
    return int(done is not None and row.state != ReviewState.OPEN)


def follow(session: Session, rows: Sequence[Review]) -> int:
    """Ask about parties of today what was asked about some that were merged since; the former rows stay, for an undo."""
    return propose(
        session,
        [
            Proposal(row.a_id, row.b_id, row.score, tuple(Reason(code, tuple(values)) for code, values in row.reasons))
            for row in rows
        ],
        {},  # the score has what was taught already
    )


def _parties(session: Session, ids: Collection[int]) -> dict[int, Party]:
    """Return by each id the party that it is today; erased ones are left out."""
    found: dict[int, Party] = {}
    wanted = set(ids)
    for _ in range(_MERGES):
        rows = _by_id(session, wanted)
        found |= rows
        wanted = {row.merged_into for row in rows.values() if row.merged_into is not None} - found.keys()
        if not wanted:
            break
    today = {number: _today(found, number) for number in ids}
    return {number: party for number, party in today.items() if party is not None}


def _by_id(session: Session, ids: Collection[int]) -> dict[int, Party]:
    numbers = sorted(ids)
    found: dict[int, Party] = {}
    for start in range(0, len(numbers), _MANY):
        some = select(Party).where(Party.id.in_(numbers[start : start + _MANY]))
        found |= {row.id: row for row in session.scalars(some.execution_options(populate_existing=True))}
    return found


def _today(parties: Mapping[int, Party], number: int) -> Party | None:
    party = parties.get(number)
    for _ in range(_MERGES):
        if party is None or party.merged_into is None:
            break
        party = parties.get(party.merged_into)
    return party if party is not None and party.status == PartyStatus.ACTIVE else None


def _two(parties: Mapping[int, Party], one: Proposal) -> _Two | None:
    """Return whom a question is about today; None: it is settled, or cannot be asked."""
    first, second = parties.get(one.one), parties.get(one.other)
    if first is None or second is None or first.id == second.id or first.kind != second.kind:
        return None
    return min(first.id, second.id), max(first.id, second.id)


def _told_apart(session: Session, pairs: Collection[_Two]) -> set[_Two]:
    """Return those pairs of which somebody said that they, or any that became them, are not the same."""
    of: dict[int, int] = {}
    numbers = sorted({number for two in pairs for number in two})
    for start in range(0, len(numbers), _MANY):
        some = numbers[start : start + _MANY]
        of |= {number: number for number in some}
        last = some
        while last:
            merged = session.execute(select(Party.id, Party.merged_into).where(Party.merged_into.in_(last))).all()
            last = [row.id for row in merged if row.id not in of]
            of |= {row.id: of[row.merged_into] for row in merged if row.id in last}
    found: set[_Two] = set()
    everybody = sorted(of)
    for start in range(0, len(everybody), _MANY):
        query = select(NotSame.a_id, NotSame.b_id).where(NotSame.a_id.in_(everybody[start : start + _MANY]))
        for a, b in session.execute(query):
            if b in of:
                found.add((min(of[a], of[b]), max(of[a], of[b])))
    return found & set(pairs)


def _known(session: Session, pairs: Collection[_Two]) -> dict[_Two, Review]:
    found: dict[_Two, Review] = {}
    firsts = sorted({a for a, _ in pairs})
    for start in range(0, len(firsts), _MANY):
        query = select(Review).where(Review.a_id.in_(firsts[start : start + _MANY]))
        for row in session.scalars(query.execution_options(populate_existing=True)):
            if (row.a_id, row.b_id) in pairs:
                found[row.a_id, row.b_id] = row
    return found


def _fingerprints(session: Session, parties: Mapping[int, Party], pairs: Mapping[_Two, Proposal]) -> dict[_Two, str]:
    """Return what each pair is judged by now, as one word: names, places of work, identifiers, reasons."""
    by_id = {party.id: party for party in parties.values()}
    numbers = sorted({number for two in pairs for number in two})
    held: dict[int, list[list[str]]] = defaultdict(list)
    for start in range(0, len(numbers), _MANY):
        query = select(Identifier.party_id, Identifier.kind, Identifier.value).where(
            Identifier.party_id.in_(numbers[start : start + _MANY]), Identifier.valid_to.is_(None)
        )
        for number, kind, value in session.execute(query):
            held[number].append([kind, value])

    def content(number: int) -> list[object]:
        party = by_id[number]
        return [party.name, party.company_id, sorted(held[number])]

    return {two: _hash([content(two[0]), content(two[1]), as_json(one.reasons)]) for two, one in pairs.items()}


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def as_json(reasons: Iterable[Reason]) -> list[list[object]]:
    """Return reasons as rows keep them."""
    return [[str(reason.code), list(reason.values)] for reason in reasons]


# --- answered -----------------------------------------------------------------------------------------------------


def get(session: Session, public_id: UUID) -> Review:
    """Return a question by the id that pages and programs use.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, Review, public_id, "There is no such pair.")


def decide(
    session: Session, person: Person | None, row: Review, answer: str, *, winner: Party | None = None
) -> Merge | None:
    """Keep what a person answers; "same" merges the two, the older one wins unless `winner` is given.

    Raises:
        UserError: somebody else answered meanwhile, one of the two is no more, or they cannot be merged; `field` says
            what was wrong with the answer.
    """
    if answer not in ANSWERS:
        raise UserError("Answer same, not_same or later.", error_id="bad_answer", field="answer")
    in_turn(session, Party.__tablename__)
    session.refresh(row, with_for_update=True)
    one, other = session.get_one(Party, row.a_id), session.get_one(Party, row.b_id)
    session.refresh(one)
    session.refresh(other)
    if row.state not in WAITING or {one.status, other.status} != {PartyStatus.ACTIVE}:
        raise UserError(
            "Somebody else answered this pair, or changed one of the two; look at the next.", error_id="answered"
        )
    if winner is not None and winner.id not in {one.id, other.id}:
        raise UserError("winner: it is one of the two", error_id="unknown_winner", field="winner")
    made = None
    if answer == ReviewState.SAME:
        made = merge(session, person, one, other, winner=winner)
        session.refresh(row)
        _follow(session, one if made.loser_id == one.id else other)
    elif answer == ReviewState.NOT_SAME:
        undoing.keep_apart(session, person, one.id, other.id)
    row.state, row.decided_at = answer, now()
    row.decided_by = person.id if person and person.id else None
    session.flush()
    facts = {"answer": answer, "one": str(one.public_id), "other": str(other.public_id)}
    audit.record(session, person, "review.answered", "review", row.public_id, **facts)
    return made


def take_back(session: Session, person: Person | None, row: Review) -> None:
    """Take an answer back: a merge is undone, "not the same" is removed, and the pair is open again.

    Raises:
        UserError: there is no answer, or the merge cannot be undone any more (`merging.undo`).
    """
    in_turn(session, Party.__tablename__)
    session.refresh(row, with_for_update=True)
    if row.state == ReviewState.OPEN:
        raise UserError("This pair is open already.", error_id="answered")
    was = row.state
    one, other = session.get_one(Party, row.a_id), session.get_one(Party, row.b_id)
    if was == ReviewState.SAME:
        undoing.undo(session, person, _merge_of(session, row))
    asked = Review.id == row.id
    if was != ReviewState.LATER:
        # A merge that is undone leaves "not the same" behind, and this is not what is said now.
        apart = delete(NotSame).where(pair.between(session, NotSame, one, other))
        session.execute(apart.execution_options(synchronize_session=False))
        asked |= pair.between(session, Review, one, other) & (Review.state == was)
    again = update(Review).where(asked).values(state=ReviewState.OPEN, decided_by=None, decided_at=None)
    session.execute(again.execution_options(synchronize_session=False))
    session.refresh(row)
    facts = {"answer": was, "one": str(one.public_id), "other": str(other.public_id)}
    audit.record(session, person, "review.taken_back", "review", row.public_id, **facts)


def last_answer(session: Session, person: Person) -> Review | None:
    """Return the pair that a person answered last and can take back; None: none, or all was taken back."""
    # What was answered by merging others, or was undone on another page, has no merge of its own.
    theirs = or_(
        (Merge.winner_id == Review.a_id) & (Merge.loser_id == Review.b_id),
        (Merge.winner_id == Review.b_id) & (Merge.loser_id == Review.a_id),
    )
    query = select(Review).where(
        Review.decided_by == person.id,
        Review.state.in_(ANSWERS),
        or_(Review.state != ReviewState.SAME, exists().where(theirs, *_STANDS)),
    )
    return session.scalars(query.order_by(Review.decided_at.desc(), Review.id.desc()).limit(1)).first()


def _merge_of(session: Session, row: Review) -> Merge:
    """Return the merge that an answer made.

    Raises:
        UserError: it was undone, or they became one in another way.
    """
    two = {row.a_id, row.b_id}
    query = select(Merge).where(Merge.winner_id.in_(two), Merge.loser_id.in_(two), *_STANDS)
    found = session.scalars(query.order_by(Merge.id.desc()).limit(1)).first()
    if found is None:
        raise UserError("This merge was taken back already.", error_id="answered")
    return found


def _follow(session: Session, loser: Party) -> None:
    """Ask about the winner at once what was still asked about the loser."""
    either = or_(Review.a_id == loser.id, Review.b_id == loser.id)
    follow(session, session.scalars(select(Review).where(either, Review.state.in_(WAITING))).all())
