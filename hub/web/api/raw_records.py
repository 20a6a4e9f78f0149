"""What the remotes sent, as they sent it: what waits for a person, and trying it again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.intake.models import RawRecord, RawState
from hub.security import audit
from hub.security.policy import Right
from hub.store.public import by_public_id
from hub.web.api import paging, shapes
from hub.web.api.operation import Operation, Way, serve
from hub.web.frame import current_person


class RawRecordShape(BaseModel):
    """One record of a remote, exactly as sent."""

    id: UUID
    account: shapes.Ref
    stream: str
    remote_id: str
    state: RawState
    error: str = Field(description="Why it was set aside")
    attempts: int
    version: int = Field(description="How often the remote changed it, and 1")
    received_at: datetime
    applied_at: datetime | None
    payload: dict[str, Any]


class RawRecordPage(paging.Page[RawRecordShape]):
    """A page of raw records."""


class RawRecordQuery(paging.Paging):
    """Which raw records."""

    state: RawState | None = None
    account: UUID | None = None
    stream: str | None = Field(None, min_length=1, max_length=200)


@serve(
    Operation(
        "GET",
        "/raw-records",
        "What the remotes sent, oldest first",
        Right.SEE_RAW,
        RawRecordPage,
        query=RawRecordQuery,
        errors=(404,),
    )
)
def raw_records(session: Session, query: RawRecordQuery) -> RawRecordPage:
    """List raw records; `state=set_aside` are those that wait for a person."""
    wanted = select(RawRecord)
    if query.state is not None:
        wanted = wanted.where(RawRecord.state == query.state)
    if query.account is not None:
        wanted = wanted.where(RawRecord.account_id == shapes.account_id(session, query.account))
    if query.stream is not None:
        wanted = wanted.where(RawRecord.stream == query.stream)
    rows = session.scalars(shapes.by_key(wanted, RawRecord.id, query)).all()
    page, following = paging.cut(rows, query.limit, lambda row: [row.id])
    accounts = shapes.accounts(session, (row.account_id for row in page))
    return RawRecordPage(items=[_shape(row, accounts[row.account_id]) for row in page], next=following)


@serve(
    Operation(
        "POST",
        "/raw-records/<uuid:record_id>/retry",
        "Take a record that was set aside through the hub once more",
        Right.MANAGE_CONNECTIONS,
        RawRecordShape,
        status=202,
        way=Way.WRITE,
        description="The work is done soon after the answer; read the record's `state` again.",
    )
)
def retry_raw_record(session: Session, record_id: UUID) -> RawRecordShape:
    """Put a record back among those that wait to be applied; one that waits already stays as it is."""
    row = by_public_id(session, RawRecord, record_id, f"There is no raw record {record_id}", lock=True)
    if row.state not in (RawState.SET_ASIDE, RawState.KEPT):
        raise UserError(f"Only what was set aside can be tried again; this record is {row.state}", error_id="conflict")
    if row.state == RawState.SET_ASIDE:
        row.state, row.attempts = RawState.KEPT, 0
        audit.record(session, current_person(), "raw_record.retried", "raw_record", record_id)
    account = shapes.accounts(session, [row.account_id])[row.account_id]
    return _shape(row, account)


def _shape(row: RawRecord, account: shapes.Ref) -> RawRecordShape:
    return RawRecordShape(
        id=row.public_id,
        account=account,
        stream=row.stream,
        remote_id=row.remote_id,
        state=RawState(row.state),
        error=row.error,
        attempts=row.attempts,
        version=row.version,
        received_at=row.received_at,
        applied_at=row.applied_at,
        payload=row.payload,
    )
