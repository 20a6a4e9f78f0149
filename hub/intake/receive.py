"""Keep what a remote sent: each record once, its latest payload, and whether anything changed."""

import hashlib
import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from hub.connector.contract import Delivered
from hub.intake.models import RawRecord, RawState
from hub.store.base import new_public_id, now


def content_hash(payload: dict[str, Any]) -> str:
    """Hash a payload, the same for the same content in another order of keys."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def keep(session: Session, account_id: int, record: Delivered) -> tuple[RawRecord, bool]:
    """Store a record under (account, stream, remote id).

    Returns:
        The row, and whether it is new or changed; unchanged means that nothing is left to do, unless it was
        never applied.
    """
    digest = content_hash(record.payload)
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    made = session.execute(
        insert(RawRecord)
        .values(
            public_id=new_public_id(),
            account_id=account_id,
            stream=record.stream,
            remote_id=record.remote_id,
            payload=record.payload,
            hash=digest,
            version=1,
            state=RawState.KEPT,
            error="",
            attempts=0,
            mapping_hash="",
            received_at=now(),
        )
        .on_conflict_do_nothing(index_elements=["account_id", "stream", "remote_id"])
        .returning(RawRecord.id)
    ).scalar()
    where = (
        RawRecord.id == made
        if made is not None
        else (RawRecord.account_id == account_id)
        & (RawRecord.stream == record.stream)
        & (RawRecord.remote_id == record.remote_id)
    )
    row = session.scalars(select(RawRecord).where(where).with_for_update()).one()
    if made is not None:
        return row, True
    if row.hash == digest:
        return row, row.state == RawState.KEPT
    row.payload, row.hash, row.version, row.received_at = record.payload, digest, row.version + 1, now()
    row.state, row.error, row.attempts = RawState.KEPT, "", 0
    return row, True
