"""What is to be done: missed calls that nobody returned, promised call-backs, follow-ups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, UserError
from hub.events import types
from hub.events.tell import tell, wants
from hub.identity.models import Party
from hub.security.models import User
from hub.security.policy import Person, Right, may
from hub.store.base import now
from hub.store.public import by_public_id
from hub.timeline.models import Task, TaskKind, TaskMember

LONGEST_TITLE = 500
MOST = 200  # rows of one list; a longer one is not worked through in a day
BY_PERSON = "person"  # `done_reason` where somebody pressed the button


@dataclass(frozen=True, slots=True)
class Due:
    """One row of a list: one task, or all missed calls of one number."""

    id: UUID  # of the newest task in it
    kind: str
    title: str
    number: str
    party_id: int | None
    party: UUID | None
    party_name: str
    count: int
    due_at: datetime
    last_at: datetime  # of missed calls: when the last one was
    owner_id: int | None
    owner: str

    def is_due(self, at: datetime) -> bool:
        return self.due_at <= at


def add(  # noqa: PLR0913 - the facts of a task
    session: Session,
    person: Person | None,
    *,
    kind: str = TaskKind.FOLLOW_UP,
    title: str = "",
    due_at: datetime,
    party_id: int | None = None,
    number: str = "",
    owner_id: int | None = None,
) -> Task:
    """Write down something to be done; a second call-back of one person to one number moves the first.

    Of a caller who hid the number and is nobody we know, the same words are the same call-back.

    Raises:
        UserError: the title is too long.
    """
    if len(title) > LONGEST_TITLE:
        raise UserError(f"A title holds at most {LONGEST_TITLE} characters.", error_id="long_title", field="title")
    maker = person.id if person and person.id else None
    title = title.strip()
    task = _open_call_back(session, owner_id, number, party_id, title) if kind == TaskKind.CALL_BACK else None
    if task is None:
        task = Task(kind=kind, number=number, owner_id=owner_id, created_by=maker, title="", due_at=due_at)
        session.add(task)
    # What was said of it before stays where nothing new is said.
    task.title, task.due_at, task.party_id = title or task.title, due_at, party_id or task.party_id
    session.flush()
    _tell(session, types.TASK_CREATED, task)
    return task


def open_for(session: Session, user_id: int) -> list[Due]:
    """Return what one user has to do, missed calls first: the newest first; then the rest by their time."""
    member = exists().where(TaskMember.task_id == Task.id, TaskMember.user_id == user_id)
    return _list(session, _open(or_(Task.owner_id == user_id, member)))


def of_party(session: Session, party_ids: Sequence[int], numbers: Sequence[str] = ()) -> list[Due]:
    """Return what is open with a party, whoever has to do it; also missed calls of its numbers."""
    values = {"parties": list(party_ids), "numbers": list(numbers)}
    return _list(session, _open_of_numbers_too(), values) if numbers else _list(session, _open_of_parties(), values)


def of_number(session: Session, number: str) -> list[Due]:
    """Return what is open with a number that belongs to nobody yet."""
    return _list(session, _open(Task.number == number)) if number else []


def get(session: Session, public_id: UUID) -> Task:
    """Return a task.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, Task, public_id, "This task is no longer there.")


def done(session: Session, person: Person, task: Task) -> int:
    """Tick off a task; of a missed call, all missed calls of that number. Returns how many rows that were.

    Raises:
        ForbiddenError: it is somebody else's.
    """
    _must_see(session, person, task)
    changed = session.execute(
        update(Task)
        .where(_together(task), Task.done_at.is_(None))
        .values(done_at=now(), done_by=person.id or None, done_reason=BY_PERSON)
    )
    session.expire(task)
    _tell(session, types.TASK_DONE, task)
    return int(changed.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one


def undo(session: Session, person: Person, task: Task) -> int:
    """Take back one's own "done", with all rows that it closed. Returns how many rows that were.

    Raises:
        ForbiddenError: somebody else did it, or a call did.
    """
    if task.done_at is None:
        return 0
    if task.done_by != (person.id or None) or task.done_reason != BY_PERSON:
        raise ForbiddenError("Only who ticked this off can take it back.")
    changed = session.execute(
        update(Task)
        .where(_together(task), Task.done_at == task.done_at, Task.done_by == task.done_by)
        .values(done_at=None, done_by=None, done_reason="")
    )
    session.expire(task)
    _tell(session, types.TASK_REOPENED, task)
    return int(changed.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one


def _tell(session: Session, type_: str, task: Task) -> None:
    """Tell whoever listens of a task."""
    if not wants(session, (type_,)):
        return
    party = session.scalar(select(Party.public_id).where(Party.id == task.party_id)) if task.party_id else None
    owner = session.scalar(select(User.public_id).where(User.id == task.owner_id)) if task.owner_id else None
    data = {
        "id": str(task.public_id), "kind": task.kind, "title": task.title, "number": task.number,
        "due_at": task.due_at.isoformat(), "owner": str(owner) if owner else None, "parties": [str(party)] if party else [],
    }  # fmt: skip
    tell(session, type_, party or task.public_id, data)


def _together(task: Task) -> ColumnElement[bool]:
    """Missed calls of one number are one thing to do; a withheld number is nobody's, so each call stands alone."""
    if task.kind == TaskKind.MISSED_CALL and task.number:
        return (Task.kind == TaskKind.MISSED_CALL) & (Task.number == task.number)
    return Task.id == task.id


def _must_see(session: Session, person: Person, task: Task) -> None:
    if task.owner_id == person.id or may(person.role, Right.SEE_ALL_CALLS):
        return
    if task.owner_id is None:
        members = set(session.scalars(select(TaskMember.user_id).where(TaskMember.task_id == task.id)))
        if person.id in members or not members:
            return
    raise ForbiddenError("This is a colleague's task.")


def _open_call_back(
    session: Session, owner_id: int | None, number: str, party_id: int | None, title: str
) -> Task | None:
    if owner_id is None:
        return None
    same = Task.number == number
    if not number:
        same &= Task.party_id == party_id if party_id else Task.party_id.is_(None) & (Task.title == title)
    return session.scalars(
        select(Task).where(same, Task.owner_id == owner_id, Task.kind == TaskKind.CALL_BACK, Task.done_at.is_(None))
    ).first()


def _columns() -> Select[Task, UUID | None, str | None, str | None]:
    return (
        select(Task, Party.public_id, Party.name, User.name)
        .outerjoin(Party, Party.id == Task.party_id)
        .outerjoin(User, User.id == Task.owner_id)
    )


def _open(which: ColumnElement[bool]) -> Select[Task, UUID | None, str | None, str | None]:
    return _columns().where(which, Task.done_at.is_(None)).order_by(Task.due_at.desc(), Task.id.desc()).limit(MOST)


@lru_cache(maxsize=1)
def _open_of_parties() -> Select[Task, UUID | None, str | None, str | None]:
    return _open(Task.party_id.in_(bindparam("parties", expanding=True)))


@lru_cache(maxsize=1)
def _open_of_numbers_too() -> Select[Task, UUID | None, str | None, str | None]:
    nobodys = Task.number.in_(bindparam("numbers", expanding=True)) & Task.party_id.is_(None)
    return _open(or_(Task.party_id.in_(bindparam("parties", expanding=True)), nobodys))


def _list(
    session: Session, query: Select[Task, UUID | None, str | None, str | None], values: Mapping[str, Any] | None = None
) -> list[Due]:
    """Group the open tasks: newest first while reading, so that the first of a number is its last call."""
    groups: dict[tuple[str, str], Due] = {}
    for task, party, party_name, owner in session.execute(query, values):
        missed = task.kind == TaskKind.MISSED_CALL
        key = (task.kind, task.number) if missed and task.number else (task.kind, str(task.id))
        known = groups.get(key)
        groups[key] = Due(
            id=known.id if known else task.public_id,
            kind=task.kind,
            title=task.title,
            number=task.number,
            party_id=(known and known.party_id) or task.party_id,
            party=(known and known.party) or party,
            party_name=(known and known.party_name) or party_name or "",
            count=known.count + 1 if known else 1,
            due_at=task.due_at,
            last_at=known.last_at if known else task.due_at,
            owner_id=task.owner_id,
            owner=owner or "",
        )
    missed_calls = [due for due in groups.values() if due.kind == TaskKind.MISSED_CALL]
    others = sorted((due for due in groups.values() if due.kind != TaskKind.MISSED_CALL), key=lambda due: due.due_at)
    return [*missed_calls, *others]
