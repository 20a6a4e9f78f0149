"""Tasks that a CRM has too: made there once, and what changes on either side changes on the other.

What comes back `timeline.history` takes in; of both sides is kept what they said last (`TaskCopy`), so that each change is
known as one side's. Where both changed the same, the CRM's word counts, and ours is not written over it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector import crm
from hub.connector.stream import Remote, Written
from hub.crm import people, targets
from hub.crm.models import CrmCopy
from hub.crm.people import Whom
from hub.crm.plan import key_of
from hub.crm.targets import TASK
from hub.crm.wish import Maker
from hub.errors import ConflictError, GoneError, RetryLaterError
from hub.intake import read
from hub.intake.models import RawRecord
from hub.outbound.deliver import Item
from hub.security.models import User
from hub.store.base import now
from hub.store.session import Database
from hub.timeline import shared_tasks
from hub.timeline.models import Task, TaskCopy, TaskSource


@dataclass(frozen=True, slots=True)
class Pushed(Written):
    """What a CRM has of a task now."""

    task_id: int = 0
    kept: Mapping[str, Any] | None = None  # as of `shared_tasks.Told.kept`; None: it is no more there
    waits_for: int | None = None  # the customer who is not there


@dataclass(frozen=True, slots=True)
class _Look:
    task: Task
    told: shared_tasks.Told
    copy: TaskCopy | None
    whom: Whom
    owner_email: str


@dataclass(frozen=True, slots=True)
class TaskPush:
    """One task on its way to a CRM."""

    db: Database
    remote: Remote
    item: Item
    maker: Maker

    def run(self, public_id: UUID) -> Pushed | None:
        """Write what the CRM lacks of a task; None: nothing."""
        look = self._look(public_id)
        if look is None:
            return None
        if look.copy is not None and look.copy.remote_id:
            return self._change(look, look.copy, look.copy.remote_id)
        if not look.whom:
            return Pushed("", task_id=look.task.id, waits_for=look.task.party_id)
        return self._make(look)

    def _look(self, public_id: UUID) -> _Look | None:
        with self.db.read() as session:
            target = targets.of_account(session, self.item.account_id)
            task = session.scalar(select(Task).where(Task.public_id == public_id))
            if target is None or task is None or TASK not in target.kinds:
                return None
            copy = self._copy(session, task)
            is_history = task.created_at < target.since or task.done_at is not None
            if (
                task.party_id is None
                or (copy is None and is_history)
                or (copy is not None and copy.gone_at is not None)
            ):
                return None
            whom = people.linked(session, self.item.account_id, [task.party_id])
            owner = session.scalar(select(User.email).where(User.id == task.owner_id)) if task.owner_id else None
            return _Look(task, shared_tasks.Told.of(task), copy, whom, owner or "")

    def _copy(self, session: Session, task: Task) -> TaskCopy | None:
        """Return what the CRM has of a task; also of one that came from there."""
        known = session.scalar(
            select(TaskCopy).where(TaskCopy.task_id == task.id, TaskCopy.account_id == self.item.account_id)
        )
        if known is not None:
            return known
        source = select(RawRecord).join(TaskSource, TaskSource.raw_record_id == RawRecord.id)
        raw = session.scalar(source.where(TaskSource.task_id == task.id, RawRecord.account_id == self.item.account_id))
        if raw is None:
            return None
        before = shared_tasks.Told(task.title, task.due_at, done=task.done_at is not None and task.done_by is None)
        return TaskCopy(
            task_id=task.id, account_id=self.item.account_id, remote_id=raw.remote_id, version=raw.etag,
            pushed=before.kept(),
        )  # fmt: skip

    def _make(self, look: _Look) -> Pushed:
        with self.db.write() as session:
            if is_new := look.copy is None:  # it may be read before its writer hears that it was made
                session.add(TaskCopy(
                    task_id=look.task.id, account_id=self.item.account_id, remote_id=None, pushed=look.told.kept()
                ))  # fmt: skip
        values = {**look.told.kept(), "body": "", "owner_email": look.owner_email, **look.whom.values()}
        writer, key = self.remote.writer(crm.TASKS), key_of(self.item.account_id, f"{TASK}:{look.task.public_id}")
        found = writer.find(key, values) if not is_new and isinstance(writer, crm.FindsWritten) else None
        written = found or writer.create(values, key=key)
        return Pushed(written.remote_id, written.version, task_id=look.task.id, kept=look.told.kept())

    def _change(self, look: _Look, copy: TaskCopy, remote_id: str) -> Pushed | None:
        told = look.told.kept()
        other = {name: value for name, value in told.items() if value != copy.pushed.get(name)}
        if not other:
            return None
        try:
            written = self.remote.writer(crm.TASKS).update(remote_id, other, version=copy.version, key=self.item.key)
        except ConflictError:
            with self.db.write() as session:  # what was changed there is taken first
                read.hint(session, self.item.account_id, [crm.TASKS])
            raise RetryLaterError("Somebody changed this task in the CRM; it is read again first.") from None
        except GoneError:
            return Pushed(remote_id, task_id=look.task.id, kept=None)
        return Pushed(remote_id, written.version, task_id=look.task.id, kept=told)

    @staticmethod
    def sent(session: Session, item: Item, written: Written | None) -> None:
        """Write down what the CRM has now."""
        if not isinstance(written, Pushed):
            return
        waiting = session.scalar(
            select(CrmCopy).where(CrmCopy.account_id == item.account_id, CrmCopy.thing == item.payload["thing"])
        )
        if written.waits_for is not None:
            if waiting is None:
                session.add(CrmCopy(
                    account_id=item.account_id, thing=item.payload["thing"], party_id=written.waits_for, records=crm.TASKS
                ))  # fmt: skip
            return
        if waiting is not None:
            session.delete(waiting)
        copy = session.scalar(
            select(TaskCopy).where(TaskCopy.task_id == written.task_id, TaskCopy.account_id == item.account_id)
        )
        if copy is None:
            copy = TaskCopy(task_id=written.task_id, account_id=item.account_id)
            session.add(copy)
        copy.remote_id = written.remote_id
        if written.kept is None:
            copy.gone_at = now()
        else:
            copy.version, copy.pushed, copy.theirs = written.version, dict(written.kept), None
