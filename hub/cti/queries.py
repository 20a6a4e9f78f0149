"""Calls as programs see them: the shape that the API promises, in few queries whatever the number of calls."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.cti.models import CallRow, LegRow, Recording, SegmentRow, TransferRow
from hub.identity.models import Party
from hub.intake.models import Account
from hub.security.models import User

Row = TypeVar("Row", LegRow, SegmentRow, TransferRow, Recording)


def call_by_id(session: Session, public_id: UUID) -> CallRow | None:
    """Find a call by its outside id."""
    return session.scalar(select(CallRow).where(CallRow.public_id == public_id))


def open_calls(session: Session, user_id: int) -> Sequence[CallRow]:
    """Return the open calls in which a user's phone rings or talks, newest first."""
    query = (
        select(CallRow)
        .join(LegRow, LegRow.call_id == CallRow.id)
        .where(CallRow.open, LegRow.user_id == user_id, LegRow.ended_at.is_(None))
        .order_by(CallRow.started_at.desc())
        .distinct()
    )
    return session.scalars(query).all()


def recent(
    session: Session, user_id: int | None, *, before: tuple[datetime, int] | None = None, limit: int = 20
) -> Sequence[CallRow]:
    """Return calls, newest first: of one user (rang, talked or called) or of all."""
    query = select(CallRow).order_by(CallRow.started_at.desc(), CallRow.id.desc()).limit(limit)
    if user_id is not None:
        query = query.where(CallRow.id.in_(select(LegRow.call_id).where(LegRow.user_id == user_id)))
    if before is not None:
        moment, last = before
        query = query.where((CallRow.started_at < moment) | ((CallRow.started_at == moment) & (CallRow.id < last)))
    return session.scalars(query).all()


def view(session: Session, calls: Sequence[CallRow]) -> list[dict[str, Any]]:
    """Return calls in the shape of the API; ids are outside ids, times aware, seconds numbers."""
    ids = [call.id for call in calls]
    legs = _by_call(
        session.scalars(select(LegRow).where(LegRow.call_id.in_(ids)).order_by(LegRow.offered_at, LegRow.id))
    )
    transfers = _by_call(
        session.scalars(select(TransferRow).where(TransferRow.call_id.in_(ids)).order_by(TransferRow.id))
    )
    recordings = _by_call(session.scalars(select(Recording).where(Recording.call_id.in_(ids)).order_by(Recording.id)))
    segments = _by_call(session.scalars(select(SegmentRow).where(SegmentRow.call_id.in_(ids)).order_by(SegmentRow.id)))
    users = _users(session, {leg.user_id for mine in legs.values() for leg in mine} | {call.user_id for call in calls})
    parties = _ids(session, Party, {call.party_id for call in calls} | {i for call in calls for i in call.candidates})
    names = {row.id: row.name for row in session.execute(select(Account.id, Account.name))}
    return [
        {
            "id": str(call.public_id),
            "pbx": names.get(call.account_id, ""),
            "key": call.key,
            "direction": call.direction,
            "outcome": call.outcome or None,
            "reason": call.reason,
            "open": call.open,
            "caller": "" if call.withheld else call.caller,
            "caller_name": "" if call.withheld else call.caller_name,
            "withheld": call.withheld,
            "callee": call.callee,
            "number": "" if call.withheld else call.number,
            "did": call.did,
            "queue": call.queue or None,
            "customer_number": call.keyed,
            "click_id": call.click_id or None,
            "started_at": call.started_at,
            "ringing_at": call.ringing_at,
            "answered_at": call.answered_at,
            "ended_at": call.ended_at,
            "end_estimated": call.end_estimated,
            "hangup_by": call.hangup_by or None,
            "wait_s": round(call.wait_s, 1),
            "ring_s": round(call.ring_s, 1),
            "talk_s": round(call.talk_s, 1),
            "source": call.source,
            "party": parties.get(call.party_id or 0),
            "match_basis": call.match_basis or None,
            "candidates": [parties[i] for i in call.candidates if i in parties],
            "user": users.get(call.user_id or 0),
            "disposition": call.disposition or None,
            "legs": [_leg(leg, users, segments[call.id]) for leg in legs[call.id]],
            "transfers": [
                {"at": t.at, "kind": t.kind, "from": t.source, "to": t.target, "result": t.result or None}
                for t in transfers[call.id]
            ],
            "recordings": [
                {"id": str(r.public_id), "state": r.state, "voicemail": r.voicemail, "size": r.size}
                for r in recordings[call.id]
            ],
        }
        for call in calls
    ]


def _leg(leg: LegRow, users: dict[int, str], segments: Sequence[SegmentRow]) -> dict[str, Any]:
    talk = sum(
        (s.ended_at - s.started_at).total_seconds()
        for s in segments
        if s.leg == leg.uid and not s.consult and s.ended_at is not None
    )
    return {
        "extension": leg.extension or None,
        "number": leg.number or None,
        "user": users.get(leg.user_id or 0),
        "origin": leg.origin,
        "offered_at": leg.offered_at,
        "ringing_at": leg.ringing_at,
        "answered_at": leg.answered_at,
        "ended_at": leg.ended_at,
        "result": leg.result or None,
        "talk_s": round(talk, 1),
        "consult_by": leg.consult_by or None,
    }


def _by_call(rows: Iterable[Row]) -> defaultdict[int, list[Row]]:
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.call_id].append(row)
    return found


def _users(session: Session, ids: set[int | None]) -> dict[int, str]:
    query = select(User.id, User.email).where(User.id.in_([i for i in ids if i is not None]))
    return {row.id: row.email for row in session.execute(query)}


def _ids(session: Session, table: type[Party], ids: set[int | None]) -> dict[int, str]:
    query = select(table.id, table.public_id).where(table.id.in_([i for i in ids if i is not None]))
    return {row.id: str(row.public_id) for row in session.execute(query)}
