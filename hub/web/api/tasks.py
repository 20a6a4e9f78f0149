"""What is to be done: missed calls, call-backs, follow-ups."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from sqlalchemy import ColumnElement, Select, exists, or_, select, true
from sqlalchemy.orm import Session

from hub.cti.models import CallRow
from hub.errors import NotFoundError
from hub.identity.phone import PhoneContext, read
from hub.security.policy import Person, Right, may
from hub.timeline import tasks as store
from hub.timeline.models import Task, TaskKind, TaskMember
from hub.web.api import paging, shapes
from hub.web.api.operation import Body, Moment, Operation, Way, serve
from hub.web.frame import current_hub, current_person


class TaskShape(BaseModel):
    """Something to be done."""

    id: UUID
    kind: str = Field(description="missed_call, call_back or follow_up")
    title: str
    party: shapes.Match | None
    call: UUID | None = Field(description="The missed call")
    number: str = Field(description="To call back: E.164, or as the exchange wrote it")
    owner: shapes.Ref | None = Field(description="null: everybody whom it concerns")
    due_at: datetime
    created_at: datetime
    done_at: datetime | None
    done_by: shapes.Ref | None
    done_reason: str = Field(description="called_back, called_again or person")


class TaskPage(paging.Page[TaskShape]):
    """A page of tasks."""


class TaskQuery(paging.Paging):
    """Which tasks."""

    since: Moment | None = Field(None, description="Due then or later")
    until: Moment | None = Field(None, description="Due before then")
    state: Literal["open", "done", "all"] = "open"
    kind: TaskKind | None = None
    party: UUID | None = None
    owner: UUID | None = Field(None, description="A user's id")


class NewTask(Body):
    """A task to be written down."""

    title: str = Field("", max_length=store.LONGEST_TITLE)
    kind: Literal["call_back", "follow_up"] = "follow_up"
    due_at: Moment
    party: UUID | None = None
    number: str = Field("", max_length=100)
    owner: UUID | None = Field(None, description="A user's id; without it, the token's own user")

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if not (self.title or self.party or self.number):
            raise ValueError("a task needs a title, a party or a number")
        return self


class Done(BaseModel):
    """What was ticked off."""

    task: TaskShape
    closed: int = Field(description="How many rows: all missed calls of one number are one thing to do")


@serve(
    Operation(
        "GET",
        "/tasks",
        "What is to be done, the most urgent first",
        Right.USE,
        TaskPage,
        query=TaskQuery,
        errors=(404,),
    )
)
def tasks(session: Session, query: TaskQuery) -> TaskPage:
    """List tasks: for agents those that concern them."""
    wanted = shapes.by_time(_wanted(session, query), Task.due_at, Task.id, query, newest_first=False)
    page, following = paging.cut(
        session.scalars(wanted).all(), query.limit, lambda row: [paging.micros(row.due_at), row.id]
    )
    return TaskPage(items=shaped(session, page), next=following)


@serve(Operation("POST", "/tasks", "Write a task down", Right.USE, TaskShape, body=NewTask, status=201, way=Way.WRITE))
def add_task(session: Session, body: NewTask) -> TaskShape:
    """Write a task down."""
    person = current_person()
    with shapes.within("party"):
        party_id = shapes.party_ids(session, body.party)[0] if body.party else None
    with shapes.within("owner"):
        owner_id = shapes.user_id(session, body.owner) if body.owner else (person.id or None)
    task = store.add(
        session,
        person,
        kind=body.kind,
        title=body.title,
        due_at=body.due_at,
        party_id=party_id,
        number=_number(body.number),
        owner_id=owner_id,
    )
    return shaped(session, [task])[0]


@serve(Operation("POST", "/tasks/<uuid:task_id>/done", "Tick a task off", Right.USE, Done, way=Way.WRITE))
def task_done(session: Session, task_id: UUID) -> Done:
    """Tick a task off; again changes nothing."""
    task = session.scalar(_visible(current_person()).where(Task.public_id == task_id))
    if task is None:
        raise NotFoundError(f"There is no task {task_id}")
    closed = store.done(session, current_person(), task)
    return Done(task=shaped(session, [task])[0], closed=closed)


def shaped(session: Session, rows: Sequence[Task]) -> list[TaskShape]:
    """Return tasks as the API shows them."""
    parties = shapes.parties(session, (row.party_id for row in rows))
    users = shapes.users(session, (number for row in rows for number in (row.owner_id, row.done_by)))
    ids = {row.call_id for row in rows if row.call_id is not None}
    calls: dict[int, UUID] = {
        row.id: row.public_id
        for row in session.execute(select(CallRow.id, CallRow.public_id).where(CallRow.id.in_(ids)))
    }
    return [
        TaskShape(
            id=row.public_id,
            kind=row.kind,
            title=row.title,
            party=parties.get(row.party_id or 0),
            call=calls.get(row.call_id or 0),
            number=row.number,
            owner=users.get(row.owner_id or 0),
            due_at=row.due_at,
            created_at=row.created_at,
            done_at=row.done_at,
            done_by=users.get(row.done_by or 0),
            done_reason=row.done_reason,
        )
        for row in rows
    ]


def _wanted(session: Session, query: TaskQuery) -> Select[Any]:
    wanted = _visible(current_person())
    if query.state != "all":
        wanted = wanted.where(Task.done_at.is_(None) if query.state == "open" else Task.done_at.is_not(None))
    if query.since is not None:
        wanted = wanted.where(Task.due_at >= query.since)
    if query.until is not None:
        wanted = wanted.where(Task.due_at < query.until)
    if query.kind is not None:
        wanted = wanted.where(Task.kind == query.kind)
    if query.party is not None:
        wanted = wanted.where(Task.party_id.in_(shapes.party_ids(session, query.party)))
    if query.owner is not None:
        wanted = wanted.where(Task.owner_id == shapes.user_id(session, query.owner))
    return wanted


def _visible(person: Person) -> Select[Any]:
    """One's own, those of one's ring groups, and follow-ups that are nobody's; all for who sees all calls."""
    allowed: ColumnElement[bool] = true()
    if not may(person.role, Right.SEE_ALL_CALLS):
        member = exists().where(TaskMember.task_id == Task.id, TaskMember.user_id == person.id)
        nobodys = Task.owner_id.is_(None) & (Task.kind != TaskKind.MISSED_CALL)
        allowed = or_(Task.owner_id == person.id, member, nobodys)
    return select(Task).where(allowed)


def _number(raw: str) -> str:
    """Return a number in its normal form where it has one, so that a call to it settles the task."""
    phones = read(raw, PhoneContext(region=current_hub().settings.hub.region)).phones
    return phones[0].key if phones else raw
