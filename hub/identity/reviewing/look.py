"""Look for duplicates among everybody: a row of work, done in stages and pages, at night or when a person asks.

What a page found and how far the look came are one transaction, under the fence of the lease. A process that dies repeats
the page it was at, which asks nothing twice (`reviews.propose`). The last stage compares names by keys that only the
process that made them has (`finder`): it begins that stage anew, with what was asked already standing.

Memory does not grow with the number of parties.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, islice
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from hub.identity import finder, reviews
from hub.identity.finder import Card
from hub.identity.models import Identifier, Party, PartyStatus, Review
from hub.identity.partition import Pair, partition
from hub.identity.partition_pairs import CROWD, Record
from hub.identity.reviewing import cards
from hub.identity.reviewing.models import DuplicateLook, Stage
from hub.identity.reviews import Proposal
from hub.identity.rules import TAX_IDS
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.session import Database
from hub.store.turn import in_turn
from hub.work.lease import Lease, LeaseLostError
from hub.work.shift import SLICE_S, Pace, Shift, shift

PAGE = 200  # parties, or pairs, in one transaction
KEPT = timedelta(days=30)
VALUES = 500  # in one statement
TOLD_EVERY = 20  # pages that are read, before it is said how many
_Key = tuple[str, str]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a look is; `done` and `total` are parties of the present stage."""

    id: UUID
    stage: str
    is_over: bool
    done: int
    total: int
    found: int
    error: str
    asked_at: datetime
    ended_at: datetime | None


def ask(session: Session, person: Person | None) -> DuplicateLook:
    """Ask for a look over everybody; one that is not over is returned instead."""
    in_turn(session, DuplicateLook.__tablename__)
    row = session.scalars(select(DuplicateLook).where(DuplicateLook.due_at.is_not(None)).limit(1)).first()
    if row is None:
        row = DuplicateLook(asked_by=person.id if person and person.id else None)
        session.add(row)
        session.flush()
        if person is not None:
            audit.record(session, person, "duplicates.look_asked", "duplicate_look", row.public_id)
    return row


def plan(session: Session) -> None:
    """Ask for the look of a night, and forget those that are long over."""
    session.execute(delete(DuplicateLook).where(DuplicateLook.due_at.is_(None), DuplicateLook.asked_at < now() - KEPT))
    ask(session, None)


def progress(session: Session) -> Progress | None:
    """Return how far the last look is; None: nobody ever looked."""
    row = session.scalars(select(DuplicateLook).order_by(DuplicateLook.id.desc()).limit(1)).first()
    if row is None:
        return None
    return Progress(
        row.public_id, row.stage, row.stage == Stage.DONE, row.done, max(row.total, row.done), row.found, row.error,
        row.asked_at, row.ended_at,
    )  # fmt: skip


def due() -> ColumnElement[bool]:
    """Return what is to be worked at now."""
    return DuplicateLook.due_at <= now()


class Looker:
    """Works at looks."""

    def __init__(
        self, db: Database, *, lease_s: float, slice_s: float = SLICE_S, rest: float = 0.25, page: int = PAGE
    ) -> None:
        """Take the parts.

        Args:
            lease_s, slice_s, rest: as of `Pace`; the last stage is done in one go.
            page: parties, or pairs, in one transaction.
        """
        self._db, self._pace, self._page = db, Pace(lease_s, slice_s, rest), page

    def run(self, lease: Lease) -> None:
        """Work at a look until it is over or its time is; nothing is raised but a lost database."""
        with shift(self._db, DuplicateLook, lease, self._pace) as at:
            while (stage := self._stage(at)) != Stage.NAMES:
                if stage == Stage.DONE or not at.goes_on():
                    return
            self._names(at)

    def _stage(self, at: Shift) -> Stage:
        """Take one page of the stage that the look is at; returns the stage it is at then."""
        began = time.monotonic()
        with self._db.read() as session:  # what takes long keeps nobody from writing
            row = session.get(DuplicateLook, at.lease.id)
            if row is None:
                raise LeaseLostError
            is_by_value, total = row.stage == Stage.VALUES, row.total
            if row.began_at is None:
                total = _count(session)
            some = cards.page(session, after=row.after, limit=self._page) if is_by_value else []
            found = list(together(session, some))
        with at.page() as session:
            row = session.get_one(DuplicateLook, at.lease.id)
            row.began_at, row.total = row.began_at or now(), total
            if row.stage == Stage.MERGED:
                self._merged(session, row)
            elif is_by_value:
                row.found += reviews.propose(session, found)
                _on(row, some[-1].id if some else None, len(some), Stage.NAMES)
            row.error = ""
            stage = Stage(row.stage)
        at.rest(began)
        return stage

    def _merged(self, session: Session, row: DuplicateLook) -> None:
        one, other = aliased(Party), aliased(Party)
        query = (
            select(Review)
            .join(one, one.id == Review.a_id)
            .join(other, other.id == Review.b_id)
            .where(Review.id > row.after, Review.state.in_(reviews.WAITING))
            .where(or_(one.status == PartyStatus.MERGED, other.status == PartyStatus.MERGED))
        )
        rows = session.scalars(query.order_by(Review.id).limit(self._page)).all()
        row.found += reviews.follow(session, rows)
        _on(row, rows[-1].id if rows else None, 0, Stage.VALUES)

    def _names(self, at: Shift) -> None:
        """Compare everybody by name, place of work, address and birth date: one pass, whatever it takes."""
        with at.page() as session:
            _say(session, at, done=0)
        for some in _batched(finder.propose(self._cards(at)), self._page):
            began = time.monotonic()
            with self._db.read() as session:
                possible = list(alike(session, some))
            with at.page() as session:
                found = reviews.propose(session, possible)
                _say(session, at, found=DuplicateLook.found + found)
            at.rest(began)
        at.end(stage=Stage.DONE, ended_at=now(), due_at=None, error="")

    def _cards(self, at: Shift) -> Iterator[Card]:
        after, pages, done = 0, 0, 0
        while True:
            began = time.monotonic()
            with self._db.read() as session:
                some = cards.page(session, after=after, limit=self._page)
            if not some:
                return
            yield from (one.card for one in some)
            after, pages, done = some[-1].id, pages + 1, done + len(some)
            if pages % TOLD_EVERY == 1:
                with at.page() as session:
                    _say(session, at, done=done)
            at.rest(began)


def _say(session: Session, at: Shift, **values: Any) -> None:
    """Write down how far the last stage is."""
    session.execute(
        update(DuplicateLook)
        .where(DuplicateLook.id == at.lease.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _batched(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    several = iter(items)
    while some := list(islice(several, size)):
        yield some


def _count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Party).where(Party.status == PartyStatus.ACTIVE)) or 0


def _on(row: DuplicateLook, last: int | None, done: int, following: Stage) -> None:
    """Say how far a stage came; where nothing was left, the next one begins."""
    if last is None:
        row.stage, row.after, row.done = following, 0, 0
    else:
        row.after, row.done = last, row.done + done


# --- what is found ------------------------------------------------------------------------------------------------


def together(session: Session, some: Sequence[cards.Seen]) -> Iterator[Proposal]:
    """Yield the pairs of these parties and later ones that hold something together and may be one, as the rules see it."""
    holders = _holders(session, {one.id for one in some})
    known = {one.id: one for one in some}
    known |= cards.load(session, {number for several in holders.values() for number in several} - known.keys())
    by_pair: dict[tuple[int, int], list[_Key]] = defaultdict(list)
    here = {one.id for one in some}
    for value, several in holders.items():
        for a, b in combinations(sorted(several & known.keys()), 2):
            if a in here:
                by_pair[a, b].append(value)
    for (a, b), values in sorted(by_pair.items()):
        one, other = known[a].record, known[b].record
        crowds = _shared(one, other) - {value for _, value in values}
        others = {n for value in values for n in holders[value] & known.keys()} - {a, b}
        yield from _judged(_without(one, crowds), _without(other, crowds), [known[n].record for n in sorted(others)])


def alike(session: Session, pairs: Iterable[Pair]) -> Iterator[Proposal]:
    """Yield what a finder proposed, as far as nothing speaks against it."""
    given = list(pairs)
    known = cards.load(session, {int(number) for pair in given for number in (pair.a, pair.b)})
    for pair in given:
        one, other = known.get(int(pair.a)), known.get(int(pair.b))
        if one is not None and other is not None:  # nobody merged or erased them since
            # What both hold was judged before, beside everybody else who holds it.
            both = _shared(one.record, other.record)
            yield from _judged(_without(one.record, both), _without(other.record, both), (), (pair,))


def _shared(one: Record, other: Record) -> set[str]:
    """Return the values that two records have in common, but tax ids, which no crowd has."""
    return {value.value for value in {*one.identifiers} & {*other.identifiers} if value.kind not in TAX_IDS}


def _without(record: Record, values: Collection[str]) -> Record:
    return record._replace(identifiers=tuple(one for one in record.identifiers if one.value not in values))


def _judged(one: Record, other: Record, others: Sequence[Record], proposals: Sequence[Pair] = ()) -> Iterator[Proposal]:
    """Yield what the rules make of two parties: joined by them, which nobody did so far, or to be asked."""
    answer = partition([one, other], others=others, proposals=proposals)
    for pair in (*answer.joins, *answer.reviews)[:1]:
        yield Proposal(int(pair.a), int(pair.b), pair.score, pair.reasons)


def _holders(session: Session, ids: Collection[int]) -> Mapping[_Key, set[int]]:
    """Return who holds what these parties hold, where several do; what a crowd holds identifies nobody."""
    held = (Identifier.valid_to.is_(None), Identifier.blocked.is_(False))
    mine = select(Identifier.kind, Identifier.value).where(Identifier.party_id.in_(ids), *held).distinct()
    values: dict[str, list[str]] = defaultdict(list)
    for kind, value in session.execute(mine):
        values[kind].append(value)
    found: dict[_Key, set[int]] = {}
    for kind, wanted in values.items():
        for some in _batched(sorted(wanted), VALUES):
            here = (Identifier.kind == kind, *held)
            several = (
                select(Identifier.value)
                .where(Identifier.value.in_(some), *here)
                .group_by(Identifier.value)
                .having(func.count().between(2, CROWD))
            )
            chosen = list(session.scalars(several))
            if not chosen:
                continue
            rows = session.execute(
                select(Identifier.value, Identifier.party_id).where(Identifier.value.in_(chosen), *here)
            )
            for value, number in rows:
                found.setdefault((kind, value), set()).add(number)
    return found
