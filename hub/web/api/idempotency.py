"""A POST that is repeated with the same `Idempotency-Key` has its effect once and gets the same answer.

Where the effect is rows, key and effect commit together: a crash keeps both or neither. Where it happens outside
(a telephone rings), the key is committed first with an id for the effect; a crash leaves it running, and the next
try after `STALE` goes on under the same id, by which the effect recognises itself.

Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hub.security.models import Idempotency
from hub.store.base import new_public_id, now
from hub.web.api.problem import FaultError

STALE = timedelta(seconds=60)  # longer than any request takes: its process is dead
KEPT = timedelta(days=2)
LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer that was given before."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Claim:
    """This request does the work. `effect_id` stays the same when another process takes the work over."""

    id: int
    effect_id: str


def check_key(key: str) -> None:
    """Raise FaultError for a key that cannot be one."""
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        text = f"Idempotency-Key: 1 to {LONGEST_KEY} visible ASCII characters, such as a UUID"
        raise FaultError(400, text, "bad_idempotency_key", "Idempotency-Key")


def fingerprint(method: str, path: str, body: Any) -> str:
    """Return what must be equal for two requests to be the same one; blanks and order within JSON do not count."""
    text = json.dumps([method, path, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def claim(session: Session, token_id: int, key: str, request_hash: str) -> Claim | Stored:
    """Take the key, or return what it got before.

    On PostgreSQL the insert waits for another transaction that holds the same key; on SQLite writers are alone.

    Raises:
        FaultError: the key was used for another request (422), or that request still runs (409).
    """
    mine = Idempotency(
        token_id=token_id, key=key, request_hash=request_hash, status=None, body=new_public_id().hex, at=now()
    )
    try:
        with session.begin_nested():
            session.add(mine)
    except IntegrityError:
        return _known(session, token_id, key, request_hash)
    return Claim(mine.id, mine.body or "")


def finish(session: Session, taken: Claim, answer: Stored) -> None:
    """Keep the answer."""
    session.execute(
        update(Idempotency).where(Idempotency.id == taken.id).values(status=answer.status, body=answer.body)
    )


def release(session: Session, taken: Claim) -> None:
    """Forget the key: nothing was done, so the same request may be tried afresh."""
    session.execute(delete(Idempotency).where(Idempotency.id == taken.id))


def forget(session: Session, *, before: datetime | None = None) -> int:
    """Remove keys that are older than `KEPT`; return how many. Called by the nightly clean-up."""
    limit = before or now() - KEPT
    gone = session.scalars(delete(Idempotency).where(Idempotency.at < limit).returning(Idempotency.id)).all()
    return len(gone)


def _known(session: Session, token_id: int, key: str, request_hash: str) -> Claim | Stored:
    row = session.scalars(
        select(Idempotency).where(Idempotency.token_id == token_id, Idempotency.key == key).with_for_update()
    ).one_or_none()
    if row is None:  # released in this moment
        raise _still_running()
    if row.request_hash != request_hash:
        text = "Idempotency-Key: was used for another request; take a new one for a new request"
        raise FaultError(422, text, "idempotency_key_reused", "Idempotency-Key")
    if row.status is not None:
        return Stored(row.status, row.body or "")
    if now() - row.at < STALE:
        raise _still_running()
    row.at = now()
    return Claim(row.id, row.body or "")


def _still_running() -> FaultError:
    text = "The first request with this Idempotency-Key is still running; ask again in a moment"
    return FaultError(409, text, "still_running", "Idempotency-Key", Retry_After="2")
