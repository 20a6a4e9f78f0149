"""Missed calls: a row in the day of everybody whose phone should have been picked up, until somebody calls back."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hub.cti.models import CallRow, Extension
from hub.records.call import Direction, Outcome
from hub.store.base import now
from hub.timeline.models import Note, Task, TaskKind, TaskMember

# FAILED: no phone could be reached. The customer heard nobody, whatever the reason.
CALL_BACK_FOR = frozenset({Outcome.MISSED, Outcome.BUSY, Outcome.ABANDONED, Outcome.VOICEMAIL, Outcome.FAILED})


def settle(session: Session, calls: Sequence[CallRow], members: Mapping[int, Sequence[int]]) -> None:
    """Open a row for each call nobody took, close rows of numbers that were spoken with; safe to repeat.

    A caller who withheld the number has a row too: nobody can call back, but whoever missed the call knows of it.

    Args:
        members: by id of the call: users whose phones rang or were offered it; where none was (a menu, a busy line),
            all who answer calls of this exchange.
    """
    missed = [call for call in calls if call.direction == Direction.INBOUND and call.outcome in CALL_BACK_FOR]
    if missed:
        _open(session, missed, members, besides={call.id for call in calls})
    spoken = sorted((call for call in calls if call.outcome == Outcome.ANSWERED), key=lambda call: call.started_at)
    numbers = {call.number for call in spoken if call.number}
    if numbers:
        open_rows = select(Task.number).where(Task.number.in_(numbers), Task.done_at.is_(None), _IS_MISSED)
        waiting = set(session.scalars(open_rows))
        for call in spoken:
            if call.number in waiting:
                _close(session, call, "called_back" if call.direction == Direction.OUTBOUND else "called_again")


_IS_MISSED = Task.kind == TaskKind.MISSED_CALL


def _open(
    session: Session, missed: Sequence[CallRow], members: Mapping[int, Sequence[int]], *, besides: AbstractSet[int]
) -> None:
    """Open rows; `besides` are the calls that are settled now, whose answers close rows afterwards."""
    query = select(Task).where(Task.call_id.in_([call.id for call in missed]))
    tasks = {task.call_id: task for task in session.scalars(query)}
    spoken = _spoken(session, missed, besides)
    fresh = []
    for call in missed:
        task = tasks.get(call.id)
        if task is None:
            number = "" if call.withheld else call.number
            if number and spoken.get(number, call.started_at) > call.started_at:
                continue  # a backfill brings it late
            task = Task(
                kind=TaskKind.MISSED_CALL, call_id=call.id, number=number, due_at=call.ended_at or call.started_at
            )
            session.add(task)
            fresh.append((task, call.id))
        task.party_id = call.party_id
    session.flush()
    for task, call_id in fresh:
        session.add_all(TaskMember(task_id=task.id, user_id=user_id) for user_id in sorted(set(members[call_id])))


def _spoken(session: Session, missed: Sequence[CallRow], besides: AbstractSet[int]) -> dict[str, datetime]:
    """Return when somebody last spoke with each of the numbers that called."""
    numbers = {call.number for call in missed if call.number and not call.withheld}
    query = (
        select(CallRow.number, func.max(CallRow.started_at))
        .where(
            CallRow.number.in_(numbers),
            CallRow.started_at > min(call.started_at for call in missed),
            CallRow.outcome == Outcome.ANSWERED,
            CallRow.id.not_in(besides),
        )
        .group_by(CallRow.number)
    )
    return {row[0]: row[1] for row in session.execute(query)} if numbers else {}


def _close(session: Session, call: CallRow, reason: str) -> None:
    earlier = select(CallRow.id).where(CallRow.id == Task.call_id, CallRow.started_at <= call.started_at)
    session.execute(
        update(Task)
        .where(_IS_MISSED, Task.number == call.number, Task.done_at.is_(None), earlier.exists())
        .values(done_at=call.ended_at or now(), done_by=call.user_id, done_reason=reason)
        .execution_options(synchronize_session=False)
    )


def everyone(session: Session, account_id: int) -> list[int]:
    """Return all who have a phone of an exchange: a call that rang nowhere is everybody's."""
    query = select(Extension.user_id).where(Extension.account_id == account_id, Extension.user_id.is_not(None))
    return sorted({user_id for user_id in session.scalars(query) if user_id is not None})


def has_note(session: Session, call_id: int) -> bool:
    """Say whether anybody wrote something about a call."""
    return session.scalar(select(Note.id).where(Note.call_id == call_id).limit(1)) is not None
