"""Keep what a remote sent: each record once, its latest payload, and whether anything changed."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
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
    return keep_page(session, account_id, record.stream, [record])[0]


def keep_page(
    session: Session, account_id: int, stream: str, records: Sequence[Delivered]
) -> list[tuple[RawRecord, bool]]:
    """Store several records of one stream, each as `keep` does; a record that comes twice is stored as it came last."""
    latest = {record.remote_id: record for record in records}
    digests = {remote_id: content_hash(record.payload) for remote_id, record in latest.items()}
    made = _insert(session, account_id, latest.values(), digests)
    query = select(RawRecord).where(
        RawRecord.account_id == account_id, RawRecord.stream == stream, RawRecord.remote_id.in_(latest)
    )
    rows = {row.remote_id: row for row in session.scalars(query.with_for_update())}
    kept = {
        remote_id: (rows[remote_id], rows[remote_id].id in made or _update(rows[remote_id], record, digests[remote_id]))
        for remote_id, record in latest.items()
    }
    return [kept[record.remote_id] for record in records]


def _insert(
    session: Session, account_id: int, records: Iterable[Delivered], digests: Mapping[str, str]
) -> AbstractSet[int]:
    """Insert what is not there yet, whoever else is about to; returns the ids of new rows."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    moment = now()
    rows = [
        {
            "public_id": new_public_id(),
            "account_id": account_id,
            "stream": record.stream,
            "remote_id": record.remote_id,
            "payload": record.payload,
            "hash": digests[record.remote_id],
            "version": 1,
            "state": RawState.KEPT,
            "error": "",
            "attempts": 0,
            "mapping_hash": "",
            "received_at": moment,
        }
        for record in records
    ]
    statement = insert(RawRecord).on_conflict_do_nothing(index_elements=["account_id", "stream", "remote_id"])
    return set(session.scalars(statement.returning(RawRecord.id), rows))


def _update(row: RawRecord, record: Delivered, digest: str) -> bool:
    """Bring a row up to date; says whether there is anything left to do."""
    if row.hash == digest:
        return row.state == RawState.KEPT
    row.payload, row.hash, row.version, row.received_at = record.payload, digest, row.version + 1, now()
    row.state, row.error, row.attempts = RawState.KEPT, "", 0
    return True
