"""Past calls as pages show them: of a timeline's rows, of one number, of one person. Few queries, whatever the page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, or_, select, tuple_
from sqlalchemy.orm import Session

from hub.cti.missed import CALL_BACK_FOR
from hub.cti.models import CallRow, LegRow, Pop, Recording, RecordingState
from hub.errors import NotFoundError
from hub.identity.models import Party
from hub.intake.models import Account
from hub.records.call import Direction
from hub.security import policy
from hub.security.models import User
from hub.security.policy import Person, Right, may, may_hear
from hub.timeline.models import Kind
from hub.timeline.queries import Cursor, Item

PAGE = 30
MOST = 200
# States of a recording that a page says something about; nobody spoke during an empty one.
_TOLD = (RecordingState.PENDING, RecordingState.READY, RecordingState.MISSING, RecordingState.REFUSED,
         RecordingState.PURGED)  # fmt: skip
# Plain tables and statements made once: reading through mapped classes would cost more than the queries.
CALL, LEG, RECORDING = CallRow.__table__.c, LegRow.__table__.c, Recording.__table__.c
ACCOUNT, USER, PARTY = Account.__table__.c, User.__table__.c, Party.__table__.c


@dataclass(frozen=True, slots=True)
class RecordingFact:
    """A recording as a page shows it. `seconds` is the talk that it holds, as far as is known."""

    id: UUID
    state: str
    voicemail: bool
    seconds: int


@dataclass(frozen=True, slots=True)
class CallFact:
    """A call as a page shows it."""

    row_id: int
    id: UUID
    direction: str
    open: bool
    outcome: str
    reason: str
    number: str
    caller_name: str
    withheld: bool
    queue: str
    started_at: datetime
    ended_at: datetime | None
    end_estimated: bool
    talk_s: float
    ring_s: float
    source: str
    exchange: str
    user_id: int | None
    user: str  # who spoke, or who called
    party_id: int | None
    party: UUID | None
    party_name: str
    match_basis: str
    candidates: tuple[int, ...]
    disposition: str
    interaction_id: int | None
    recordings: tuple[RecordingFact, ...] = ()
    may_hear: bool = False

    @property
    def unanswered(self) -> bool:
        """Whether a customer called and nobody spoke with them."""
        return self.direction == Direction.INBOUND and self.outcome in CALL_BACK_FOR


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls; empty means all."""

    outcome: str = ""
    direction: str = ""
    number: str = ""
    since: datetime | None = None
    until: datetime | None = None
    more: tuple[ColumnElement[bool], ...] = ()  # what else must hold


ALL = Filter()


def of_items(session: Session, person: Person, items: Iterable[Item]) -> dict[int, CallFact]:
    """Return the calls behind rows of a timeline, by the row's number."""
    numbers = {call: item.number for item in items if item.kind == Kind.CALL and (call := _call_of(item)) is not None}
    facts = _facts(session, person, _with_ids(), {"ids": list(numbers)}) if numbers else []
    return {numbers[fact.id]: fact for fact in facts}


def _call_of(item: Item) -> UUID | None:
    try:
        return UUID(str(item.detail["call"]))
    except (KeyError, ValueError):  # a call out of an import: there is only its row on the timeline
        return None


def one(session: Session, person: Person, public_id: UUID) -> CallFact:
    """Return one call that a person may see.

    Raises:
        NotFoundError: there is none, or this person has nothing to do with it.
    """
    facts = _facts(session, person, _with_ids(), {"ids": [public_id]})
    if not facts or not may_see(session, person, facts[0].row_id):
        raise NotFoundError("There is no such call, or you took no part in it.")
    return facts[0]


def may_see(session: Session, person: Person, call_id: int) -> bool:
    """Say whether a person may open a call: who was rung, took part or was shown its card; managers all."""
    if may(person.role, Right.SEE_ALL_CALLS):
        return True
    leg = exists().where(LegRow.call_id == call_id, LegRow.user_id == person.id)
    pop = exists().where(Pop.call_id == call_id, Pop.user_id == person.id)
    return bool(session.scalar(select(or_(leg, pop))))


def listed(
    session: Session,
    person: Person,
    user_id: int | None,
    *,
    which: Filter = ALL,
    before: Cursor | None = None,
    limit: int = PAGE,
) -> tuple[list[CallFact], Cursor | None]:
    """Return calls, newest first, and where to go on.

    `user_id` limits the list to calls that rang at this user or that they made; None is everybody's, which the
    caller must have allowed.
    """
    limit = max(1, min(limit, MOST))
    if user_id is None:
        ids, following = _of_all(session, which, before, limit)
    else:
        ids, following = _of_user(session, user_id, which, before, limit)
    facts = {fact.row_id: fact for fact in _facts(session, person, _with_row_ids(), {"ids": ids})} if ids else {}
    return [facts[call] for call in ids if call in facts], following


def _of_all(session: Session, which: Filter, before: Cursor | None, limit: int) -> tuple[list[int], Cursor | None]:
    query = select(CallRow.id, CallRow.started_at).where(_matches(which))
    if before is not None:
        query = query.where(tuple_(CallRow.started_at, CallRow.id) < tuple_(before.started_at, before.interaction_id))
    rows = session.execute(query.order_by(CallRow.started_at.desc(), CallRow.id.desc()).limit(limit + 1)).all()
    following = Cursor(rows[limit - 1].started_at, rows[limit - 1].id) if len(rows) > limit else None
    return [row.id for row in rows[:limit]], following


def _of_user(
    session: Session, user_id: int, which: Filter, before: Cursor | None, limit: int
) -> tuple[list[int], Cursor | None]:
    """Read the user's legs newest first; several phones of one user are one call."""
    ids: dict[int, None] = {}
    while True:
        query = (
            select(LegRow.id, LegRow.call_id, LegRow.offered_at)
            .join(CallRow, CallRow.id == LegRow.call_id)
            .where(LegRow.user_id == user_id, _matches(which))
        )
        if before is not None:
            query = query.where(tuple_(LegRow.offered_at, LegRow.id) < tuple_(before.started_at, before.interaction_id))
        asked = (limit + 1) * 2
        rows = session.execute(query.order_by(LegRow.offered_at.desc(), LegRow.id.desc()).limit(asked)).all()
        for row in rows:
            if row.call_id not in ids and len(ids) == limit:
                return list(ids), before
            ids[row.call_id] = None
            before = Cursor(row.offered_at, row.id)
        if len(rows) < asked:
            return list(ids), None


def _matches(which: Filter) -> ColumnElement[bool]:
    where: list[ColumnElement[bool]] = [CallRow.id.is_not(None)]
    if which.outcome:
        where.append(CallRow.outcome == which.outcome)
    if which.direction:
        where.append(CallRow.direction == which.direction)
    if which.number:
        where.append(CallRow.number == which.number)
    if which.since is not None:
        where.append(CallRow.started_at >= which.since)
    if which.until is not None:
        where.append(CallRow.started_at < which.until)
    return and_(*where, *which.more)


@lru_cache(maxsize=1)
def _columns() -> Select[*tuple[Any, ...]]:
    return (
        select(
            CALL.id.label("row_id"),
            CALL.public_id.label("id"),
            CALL.direction,
            CALL.open,
            CALL.outcome,
            CALL.reason,
            CALL.number,
            CALL.caller_name,
            CALL.withheld,
            CALL.queue,
            CALL.started_at,
            CALL.ended_at,
            CALL.end_estimated,
            CALL.talk_s,
            CALL.ring_s,
            CALL.source,
            ACCOUNT.name.label("exchange"),
            CALL.user_id,
            USER.name.label("user"),
            CALL.party_id,
            PARTY.public_id.label("party"),
            PARTY.name.label("party_name"),
            CALL.match_basis,
            CALL.candidates,
            CALL.disposition,
            CALL.interaction_id,
        )
        .select_from(CallRow.__table__)
        .join(Account.__table__, ACCOUNT.id == CALL.account_id)
        .outerjoin(User.__table__, USER.id == CALL.user_id)
        .outerjoin(Party.__table__, PARTY.id == CALL.party_id)
    )


@lru_cache(maxsize=1)
def _with_ids() -> Select[*tuple[Any, ...]]:
    return _columns().where(CALL.public_id.in_(bindparam("ids", expanding=True)))


@lru_cache(maxsize=1)
def _with_row_ids() -> Select[*tuple[Any, ...]]:
    return _columns().where(CALL.id.in_(bindparam("ids", expanding=True)))


def _facts(
    session: Session, person: Person, which: Select[*tuple[Any, ...]], values: Mapping[str, Any]
) -> list[CallFact]:
    rows = [row._asdict() for row in session.execute(which, values)]
    recordings = _recordings(session, {row["row_id"]: round(row["talk_s"]) for row in rows})
    heard = _took_part(session, person, list(recordings))
    return [
        _fact(row, recordings.get(row["row_id"], ()), may_hear(person, took_part=row["row_id"] in heard))
        for row in rows
    ]


def _fact(row: dict[str, Any], recordings: tuple[RecordingFact, ...], may: bool) -> CallFact:  # noqa: FBT001 - a column
    row["user"], row["party_name"] = row["user"] or "", row["party_name"] or ""
    row["candidates"] = tuple(row["candidates"])
    if row["withheld"]:
        row["number"] = row["caller_name"] = ""  # never shown, also where the exchange told it
    return CallFact(**row, recordings=recordings, may_hear=may)


@lru_cache(maxsize=1)
def _recordings_of() -> Select[*tuple[Any, ...]]:
    columns = select(RECORDING.call_id, RECORDING.public_id, RECORDING.state, RECORDING.voicemail)
    mine = columns.where(RECORDING.call_id.in_(bindparam("calls", expanding=True)))
    return mine.order_by(RECORDING.started_at, RECORDING.id)


def _recordings(session: Session, talk: Mapping[int, int]) -> dict[int, tuple[RecordingFact, ...]]:
    """Return the recordings of calls, given how many seconds were spoken in each.

    The state is looked at here: asked of the database, SQLite goes by its index and reads every recording there is.
    """
    found: dict[int, tuple[RecordingFact, ...]] = {}
    for row in session.execute(_recordings_of(), {"calls": list(talk)}) if talk else ():
        if row.state not in _TOLD:
            continue
        fact = RecordingFact(row.public_id, row.state, row.voicemail, 0 if row.voicemail else talk[row.call_id])
        found[row.call_id] = (*found.get(row.call_id, ()), fact)
    return found


@lru_cache(maxsize=1)
def _legs_of() -> Select[int, int | None, datetime | None, bool]:
    mine = LEG.call_id.in_(bindparam("calls", expanding=True))
    return select(LEG.call_id, LEG.user_id, LEG.answered_at, LEG.origin).where(mine)


def _took_part(session: Session, person: Person, call_ids: Sequence[int]) -> set[int]:
    """Return the calls in which a person took part; who, is looked at here, as with the state of recordings."""
    rows = session.execute(_legs_of(), {"calls": list(call_ids)}) if call_ids else ()
    return {
        call_id
        for call_id, user_id, answered_at, origin in rows
        if user_id == person.id and policy.took_part(answered=answered_at is not None, dialled=origin)
    }


def took_part(session: Session, person: Person, call_id: int) -> bool:
    """Say whether a person took part in a call; where the phone only rang, no."""
    return bool(_took_part(session, person, [call_id]))
