"""Missed calls: a row in the day of everybody whose phone should have been picked up, until somebody calls back."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.cti.models import CallRow, Extension
from hub.records.call import Direction, Outcome
from hub.store.base import now
from hub.timeline.models import Note, Task, TaskKind, TaskMember

CALL_BACK_FOR = frozenset({Outcome.MISSED, Outcome.BUSY, Outcome.ABANDONED, Outcome.VOICEMAIL})


def settle(session: Session, call: CallRow, members: Sequence[int]) -> None:
    """Open a row for a call nobody took, close rows of a number that was spoken with; safe to repeat.

    Args:
        members: users whose phones rang or were offered the call; where none was (a menu, a busy line), all who
            answer calls of this exchange.
    """
    if call.direction == Direction.INBOUND and call.outcome in CALL_BACK_FOR and call.number and not call.withheld:
        _open(session, call, members)
    elif call.outcome == Outcome.ANSWERED and call.number:
        called = call.direction == Direction.OUTBOUND
        _close(session, call, "called_back" if called else "called_again")


def _open(session: Session, call: CallRow, members: Sequence[int]) -> None:
    task = session.scalar(select(Task).where(Task.call_id == call.id))
    if task is None:
        if _spoken_since(session, call):
            return
        task = Task(
            kind=TaskKind.MISSED_CALL,
            call_id=call.id,
            number=call.number,
            due_at=call.ended_at or call.started_at,
        )
        session.add(task)
        session.flush()
        session.add_all(TaskMember(task_id=task.id, user_id=user_id) for user_id in sorted(set(members)))
    task.party_id = call.party_id


def _spoken_since(session: Session, call: CallRow) -> bool:
    """Say whether somebody spoke with this number after the call; true of calls that a backfill brings late."""
    query = select(CallRow.id).where(
        CallRow.number == call.number,
        CallRow.started_at > call.started_at,
        CallRow.outcome == Outcome.ANSWERED,
    )
    return session.scalar(query.limit(1)) is not None


def _close(session: Session, call: CallRow, reason: str) -> None:
    earlier = select(CallRow.id).where(CallRow.number == call.number, CallRow.started_at <= call.started_at)
    session.execute(
        update(Task)
        .where(
            Task.kind == TaskKind.MISSED_CALL,
            Task.number == call.number,
            Task.done_at.is_(None),
            Task.call_id.in_(earlier),
        )
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
