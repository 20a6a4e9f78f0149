"""Connections to remote systems and how they are. Their settings and secrets stay inside."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.intake.models import Account, AccountState, StreamState
from hub.security.policy import Right
from hub.web.api import paging, shapes
from hub.web.api.operation import Operation, serve


class AccountShape(BaseModel):
    """One connection."""

    id: UUID
    name: str
    connector: str
    state: str = Field(description="active or paused")
    health: str = Field(description="never_run, healthy, working, late, warnings, needs_you or paused")
    health_text: str = Field(description="What is wrong and what to do")
    last_event_at: datetime | None
    next_try_at: datetime | None
    created_at: datetime


class AccountPage(paging.Page[AccountShape]):
    """A page of connections."""


class StreamShape(BaseModel):
    """One kind of record that a connection reads."""

    stream: str
    title: str = Field(description="What people call it; empty where it has no name of its own")
    records: str = Field(description="Kind of record; its raw records are listed under this stream")
    phase: str = Field(
        description="full: from the beginning; sweep: looking for what is gone; incremental: changes; leave: its place is no more"
    )
    due_at: datetime | None = Field(description="The next look; null: not before a person did something")
    last_run_at: datetime | None
    last_ok_at: datetime | None = Field(description="The last look that nothing was in the way of")
    trouble: str = Field(
        description="Why it stands still: limited, away, auth, scope, disabled or defect; empty: it does not"
    )
    last_error: str
    attempt: int
    counts: dict[str, Any]


class StreamPage(paging.Page[StreamShape]):
    """A page of streams."""


@serve(
    Operation(
        "GET", "/accounts", "Connections and their health", Right.MANAGE_CONNECTIONS, AccountPage, query=paging.Paging
    )
)
def accounts(session: Session, query: paging.Paging) -> AccountPage:
    """List connections in the order in which they were made."""
    wanted = select(Account).where(Account.state != AccountState.REMOVED)
    rows = session.scalars(shapes.by_key(wanted, Account.id, query)).all()
    page, following = paging.cut(rows, query.limit, lambda row: [row.id])
    return AccountPage(items=[_account(row) for row in page], next=following)


@serve(
    Operation(
        "GET",
        "/accounts/<uuid:account_id>/streams",
        "What a connection reads, and how far it is",
        Right.MANAGE_CONNECTIONS,
        StreamPage,
        query=paging.Paging,
    )
)
def account_streams(session: Session, account_id: UUID, query: paging.Paging) -> StreamPage:
    """List the streams of one connection."""
    wanted = select(StreamState).where(StreamState.account_id == shapes.account_id(session, account_id))
    rows = session.scalars(shapes.by_key(wanted, StreamState.id, query)).all()
    page, following = paging.cut(rows, query.limit, lambda row: [row.id])
    return StreamPage(items=[_stream(row) for row in page], next=following)


def _account(row: Account) -> AccountShape:
    return AccountShape(
        id=row.public_id,
        name=row.name,
        connector=row.connector,
        state=row.state,
        health=row.health,
        health_text=row.health_text,
        last_event_at=row.last_event_at,
        next_try_at=row.next_try_at,
        created_at=row.created_at,
    )


def _stream(row: StreamState) -> StreamShape:
    return StreamShape(
        stream=row.stream,
        title=row.title,
        records=row.records,
        phase=row.phase,
        due_at=row.due_at,
        last_run_at=row.last_run_at,
        last_ok_at=row.last_ok_at,
        trouble=row.trouble,
        last_error=row.last_error,
        attempt=row.attempt,
        counts=row.counts,
    )
