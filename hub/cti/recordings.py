"""Recordings: found once their file has stopped growing, called missing when they never come, removed in time."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import log
from hub.connector.exchange import Exchange
from hub.cti.models import CallRow, Recording, RecordingState
from hub.errors import ConnectorError, GoneError, RejectedError
from hub.intake.models import Account
from hub.security import audit
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, release

WAV_HEADER = 44  # bytes of a WAV file in which nobody spoke
LOOK_AGAIN_S = 2.0  # until its size is looked at a second time
SLOWER_S = 60.0
A_NIGHT = 10_000  # recordings forgotten at once: more than a day brings, and few enough for one transaction
_log = log.get(__name__)


def look(db: Database, lease: Lease, exchange_of: Callable[[Account], Exchange], *, lost_h: float) -> None:
    """Look once at one recording's file and write down what was found.

    The file is ready when its size is the same in two looks. A hub that dies here looks again when the lease is over.
    """
    with db.read() as session:
        row = session.get_one(Recording, lease.id)
        call = session.get_one(CallRow, row.call_id)
        account = session.get_one(Account, call.account_id)
        path, size, ended_at, voicemail = row.path, row.size, call.ended_at or call.started_at, row.voicemail
    values = _looked(lambda: _facts(exchange_of(account), path, size), voicemail=voicemail)
    if values.get("state") == RecordingState.PENDING and values.get("size", 0) is None:
        late = now() - ended_at
        if late > timedelta(hours=lost_h):
            values = {"state": RecordingState.MISSING, "due_at": None, "last_error": values.get("last_error", "")}
        elif late > timedelta(minutes=1):
            values["due_at"] = now() + timedelta(seconds=SLOWER_S)
    with db.write() as session:
        if release(session, Recording, lease, **values) and values.get("state") == RecordingState.REFUSED:
            audit.record(session, None, "recording.refused", "recording", lease.id, path=path[:300])
            _log.warning("recording outside its root refused", account=account.name, recording=lease.id)


def _looked(act: Callable[[], dict[str, object]], *, voicemail: bool) -> dict[str, object]:
    again = now() + timedelta(seconds=LOOK_AGAIN_S)
    try:
        values = act()
    except GoneError as error:
        return {"state": RecordingState.PENDING, "size": None, "due_at": again, "last_error": str(error)[:300]}
    except RejectedError as error:
        return {"state": RecordingState.REFUSED, "due_at": None, "last_error": str(error)[:300]}
    except ConnectorError as error:
        slower = now() + timedelta(seconds=SLOWER_S)
        return {"state": RecordingState.PENDING, "due_at": slower, "last_error": str(error)[:300]}
    del voicemail
    return values


def _facts(exchange: Exchange, path: str, before: int | None) -> dict[str, object]:
    facts = exchange.recording_facts(path)
    if before != facts.size:
        again = now() + timedelta(seconds=LOOK_AGAIN_S)
        return {"state": RecordingState.PENDING, "size": facts.size, "due_at": again}
    if facts.size <= WAV_HEADER:
        return {"state": RecordingState.EMPTY, "size": facts.size, "due_at": None}
    digest = hashlib.sha256()
    with exchange.open_recording(path) as file:
        while block := file.read(1 << 18):
            digest.update(block)
    return {
        "state": RecordingState.READY,
        "size": facts.size,
        "sha256": digest.hexdigest(),
        "content_type": facts.content_type,
        "due_at": None,
        "last_error": "",
    }


def purge(session: Session, *, days: int, limit: int = A_NIGHT) -> int:
    """Forget recordings that are too old; their rows stay and say so. The file is the exchange's to delete."""
    if not days:
        return 0
    oldest = now() - timedelta(days=days)
    query = (
        select(Recording)
        .where(Recording.started_at < oldest, Recording.state == RecordingState.READY, ~Recording.legal_hold)
        .order_by(Recording.started_at)
        .limit(limit)
    )
    rows = session.scalars(query).all()
    for row in rows:
        row.state, row.due_at = RecordingState.PURGED, None
        audit.record(session, None, "recording.purged", "recording", row.public_id)
    return len(rows)
