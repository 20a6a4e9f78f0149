"""Tasks of ours that another system has too: what it says of them, taken field by field.

A side changed what it says otherwise than when both last agreed: the other system than what we wrote or it said last, we
than what we wrote last. What only it changed is taken; of what both changed, its word.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.intake.models import RawRecord
from hub.store.base import now
from hub.timeline.models import Task, TaskCopy

ELSEWHERE = "elsewhere"  # `Task.done_reason`: it was ticked off in the other system
A_DAY = timedelta(days=1)  # a system that knows days only says another hour than we wrote


class Shared(NamedTuple):
    """A task and its copy."""

    task: Task
    copy: TaskCopy


class Told(NamedTuple):
    """What a side says of a task."""

    title: str
    due_at: datetime | None
    done: bool

    @classmethod
    def of(cls, task: Task) -> "Told":
        return cls(task.title, task.due_at, task.done_at is not None)

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Told":
        due_at = kept.get("due_at")
        return cls(
            str(kept.get("title") or ""), datetime.fromisoformat(due_at) if due_at else None, bool(kept.get("done"))
        )

    def kept(self) -> dict[str, Any]:
        return {"title": self.title, "due_at": self.due_at.isoformat() if self.due_at else None, "done": self.done}


def of_records(session: Session, account_id: int, told: Mapping[str, str]) -> dict[str, Shared]:
    """Return the tasks of ours among records of another system; also one that is just being made there.

    Args:
        told: title of each record by its remote id.
    """
    query = select(Task, TaskCopy).join(TaskCopy, TaskCopy.task_id == Task.id).where(TaskCopy.account_id == account_id)
    found = {
        str(row[1].remote_id): Shared(*row) for row in session.execute(query.where(TaskCopy.remote_id.in_(list(told))))
    }
    made = {
        row[1].pushed.get("title"): Shared(*row) for row in session.execute(query.where(TaskCopy.remote_id.is_(None)))
    }
    for remote_id, title in told.items():
        if remote_id not in found and (one := made.pop(title, None)) is not None:
            one.copy.remote_id = remote_id  # it is there before its writer heard so
            found[remote_id] = one
    return found


def hear(one: Shared, told: Told, done_at: datetime | None, version: str) -> None:
    """Take what the other system changed of a task; what a person here ticked off stays so."""
    task, copy = one
    pushed = Told.read(copy.pushed)
    before = Told.read(copy.theirs) if copy.theirs is not None else pushed
    if told.title != before.title:
        task.title, pushed = told.title, pushed._replace(title=told.title)
    if told.due_at is not None and _is_other(told.due_at, before.due_at, exactly=copy.theirs is not None):
        task.due_at, pushed = told.due_at, pushed._replace(due_at=told.due_at)
    if told.done != before.done and task.done_by is None:
        task.done_at, task.done_reason = (done_at or now(), ELSEWHERE) if told.done else (None, "")
        pushed = pushed._replace(done=told.done)
    copy.pushed, copy.theirs, copy.version, copy.gone_at = pushed.kept(), told.kept(), version, None


def _is_other(told: datetime, before: datetime | None, *, exactly: bool) -> bool:
    if before is None:
        return True
    return told != before if exactly else abs(told - before) >= A_DAY


def lose(session: Session, raws: Sequence[RawRecord], tasks: Mapping[int, Task]) -> None:
    """Follow that another system has tasks no more: there they are over, or nobody wants them.

    Args:
        tasks: those that were made of these records, by their ids.
    """
    for raw in raws:
        query = select(Task, TaskCopy).join(TaskCopy, TaskCopy.task_id == Task.id).where(
            TaskCopy.account_id == raw.account_id, TaskCopy.remote_id == raw.remote_id
        )  # fmt: skip
        row = session.execute(query).first()
        task = row[0] if row is not None else tasks.get(raw.id)
        if row is not None:
            row[1].gone_at = now()
        if task is not None and task.done_at is None:
            task.done_at, task.done_reason = now(), ELSEWHERE
