"""Write a call as the correlator sees it now to its rows; the same call again changes nothing."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Insert, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from hub.cti.models import (
    CallAlias,
    CallRow,
    Click,
    LegRow,
    MatchBasis,
    Pop,
    Recording,
    RecordingState,
    SegmentRow,
    TransferRow,
)
from hub.cti.payload import clean
from hub.identity.callers import Found
from hub.records.call import Call, Direction, Segment, Source, Transfer
from hub.store.base import now
from hub.timeline.models import Note, Task


@dataclass(frozen=True, slots=True)
class Seen:
    """A call with what the hub made of it."""

    call: Call
    state: dict[str, Any] | None  # the correlator's memory while the call is open
    found: Found
    extensions: Callable[[str], int | None]  # extension -> user


def call_public_id(account: UUID, key: str) -> UUID:
    """Return the id that pages and programs use for a call.

    It follows from the exchange's own key, so that a hub that was killed before it could write anything, or
    another machine that takes over, gives the same call the same id: never a second card.
    """
    return uuid5(account, key)


def outside_number(call: Call) -> str:
    """Return the number of the other side as the exchange wrote it; of an internal call, of nobody."""
    match call.direction:
        case Direction.INBOUND:
            return call.caller
        case Direction.OUTBOUND:
            return call.callee
        case Direction.INTERNAL:
            return ""


def keep(session: Session, account_id: int, account_public_id: UUID, seen: Sequence[Seen]) -> list[CallRow]:
    """Insert or update calls with their legs, segments, transfers and recordings; returns their rows in order.

    An older version than the stored one is ignored. A person's choice of party is never overwritten.
    """
    known = _rows(session, account_id, [one.call for one in seen])
    rows, changed = [], []
    for one in seen:
        call = one.call
        row = _one_row(session, known, call)
        if row is None:
            row = CallRow(
                public_id=call_public_id(account_public_id, call.key),
                account_id=account_id,
                key=call.key,
                direction=call.direction,
                started_at=call.started_at,
                source=call.source,
            )
            session.add(row)
        elif row.version >= call.version and (_is_final(row) or _is_known(row, call)):
            rows.append(row)
            continue
        known.update(dict.fromkeys((call.key, *call.aliases), row))
        _fill(row, one)
        rows.append(row)
        changed.append((row, one))
    session.flush()
    _aliases(session, account_id, changed)
    _legs(session, changed)
    _segments(session, changed)
    _transfers(session, changed)
    _recordings(session, changed)
    _clicks(session, changed)
    return rows


def _is_final(row: CallRow) -> bool:
    """True of a call that was heard to its end: whoever tells of it again knows less."""
    return not row.open and row.state is None and not row.end_estimated


def _is_known(row: CallRow, call: Call) -> bool:
    return row.open == call.open and call.source is Source.LIVE and not call.settled


def _rows(session: Session, account_id: int, calls: Sequence[Call]) -> dict[str, CallRow]:
    """Find the rows of calls under any of their keys."""
    keys = {key for call in calls for key in (call.key, *call.aliases)}
    query = select(CallRow).where(CallRow.account_id == account_id, CallRow.key.in_(keys))
    found = {row.key: row for row in session.scalars(query)}
    unknown = {
        key for call in calls if not found.keys() & {call.key, *call.aliases} for key in (call.key, *call.aliases)
    }
    if unknown:
        aliases = select(CallAlias.key, CallRow).join(CallRow, CallRow.id == CallAlias.call_id)
        aliases = aliases.where(CallAlias.account_id == account_id, CallAlias.key.in_(unknown))
        found.update((key, row) for key, row in session.execute(aliases))
    return found


def _one_row(session: Session, known: dict[str, CallRow], call: Call) -> CallRow | None:
    """Return the row of a call; rows that turn out to be one call become one."""
    rows = list(dict.fromkeys(known[key] for key in (call.key, *call.aliases) if key in known))
    rows.sort(key=lambda row: (row.key != call.key, row.started_at, row.id or 0))
    for other in rows[1:]:
        _absorb(session, rows[0], other)
    return rows[0] if rows else None


def _absorb(session: Session, row: CallRow, other: CallRow) -> None:
    """Two calls were one: move what people made of the second to the first, then drop it."""
    shown = set(session.scalars(select(Pop.user_id).where(Pop.call_id == row.id)))
    session.execute(update(Pop).where(Pop.call_id == other.id, Pop.user_id.not_in(shown)).values(call_id=row.id))
    session.execute(update(Note).where(Note.call_id == other.id).values(call_id=row.id))
    session.execute(delete(Task).where(Task.call_id == other.id))
    if row.match_basis != MatchBasis.MANUAL and other.match_basis == MatchBasis.MANUAL:
        row.party_id, row.match_basis = other.party_id, other.match_basis
    row.disposition = row.disposition or other.disposition
    row.version = min(row.version, other.version)
    session.delete(other)
    session.flush()


def _fill(row: CallRow, seen: Seen) -> None:
    call, found = seen.call, seen.found
    row.open, row.version, row.state = call.open, call.version, seen.state
    row.direction, row.outcome, row.reason = call.direction, call.outcome or "", call.reason
    row.caller, row.caller_name, row.withheld = clean(call.caller), clean(call.caller_name)[:500], call.withheld
    row.callee, row.did, row.trunk, row.queue = call.callee, call.did, call.trunk, call.queue
    row.keyed, row.click_id = call.keyed, call.click_id
    row.number = clean(found.number)
    row.started_at, row.ringing_at, row.answered_at = call.started_at, call.ringing_at, call.answered_at
    row.ended_at, row.end_estimated = call.ended_at, call.end_estimated
    row.hangup_by = call.hangup_by or ""
    row.wait_s, row.ring_s, row.talk_s = call.wait_s, call.ring_s, call.talk_s
    row.source = call.source
    row.user_id = user_of(seen)
    if row.match_basis not in {MatchBasis.MANUAL, MatchBasis.CLICK}:
        row.party_id = found.sure
        row.candidates = list(found.parties) if len(found.parties) > 1 else []
        row.match_basis = _basis(found)


def _basis(found: Found) -> MatchBasis:
    if found.keyed and found.sure is not None:
        return MatchBasis.KEYED
    if found.sure is not None:
        return MatchBasis.NUMBER
    return MatchBasis.AMBIGUOUS if found.parties else MatchBasis.NONE


def user_of(seen: Seen) -> int | None:
    """Whose call it was: who spoke last with the customer, else who made it."""
    call = seen.call
    for segment in reversed(call.segments):
        if not segment.consult and segment.extension and (user := seen.extensions(segment.extension)) is not None:
            return user
    if call.direction is Direction.INBOUND:
        return None
    return next((seen.extensions(leg.extension) for leg in call.legs if leg.origin and leg.extension), None)


def _upsert(session: Session, table: Table, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    if not rows:
        return
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    session.execute(_insert_or_update(table, tuple(rows[0]), tuple(keys), on_sqlite=on_sqlite), list(rows))


@lru_cache
def _insert_or_update(table: Table, columns: tuple[str, ...], keys: tuple[str, ...], *, on_sqlite: bool) -> Insert:
    """Build the statement once: building costs more than running it."""
    statement = sqlite.insert(table) if on_sqlite else postgresql.insert(table)
    changed = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=changed)


Changed = Sequence[tuple[CallRow, Seen]]


def _aliases(session: Session, account_id: int, changed: Changed) -> None:
    rows = [
        {"account_id": account_id, "key": key, "call_id": row.id}
        for row, seen in changed
        for key in seen.call.aliases
        if key != seen.call.key
    ]
    _upsert(session, CallAlias.__table__, rows, ["account_id", "key"])  # type: ignore[arg-type]  # it is a Table


def _legs(session: Session, changed: Changed) -> None:
    rows = [
        {
            "call_id": row.id,
            "uid": leg.uid,
            "extension": leg.extension,
            "user_id": seen.extensions(leg.extension) if leg.extension else None,
            "number": leg.number,
            "origin": leg.origin,
            "channel": leg.channel,
            "offered_at": leg.offered_at,
            "ringing_at": leg.ringing_at,
            "answered_at": leg.answered_at,
            "ended_at": leg.ended_at,
            "result": leg.result or "",
            "consult_by": leg.consult_by,
        }
        for row, seen in changed
        for leg in seen.call.legs
    ]
    _upsert(session, LegRow.__table__, rows, ["call_id", "uid"])  # type: ignore[arg-type]  # it is a Table


# Segments and transfers have no key of their own: they are few, and written anew.


def _segments(session: Session, changed: Changed) -> None:
    facts = ("leg", "extension", "started_at", "ended_at", "consult")
    _write_anew(session, SegmentRow, ((row, one) for row, seen in changed for one in seen.call.segments), facts)


def _transfers(session: Session, changed: Changed) -> None:
    facts = ("at", "kind", "source", "target", "result")
    _write_anew(session, TransferRow, ((row, one) for row, seen in changed for one in seen.call.transfers), facts)


def _write_anew(
    session: Session,
    table: type[SegmentRow | TransferRow],
    parts: Iterable[tuple[CallRow, Segment | Transfer]],
    facts: Sequence[str],
) -> None:
    """Write parts of calls in place of those that the same calls had; `facts` are called alike in part and row."""
    rows = [{"call_id": row.id, **{fact: getattr(part, fact) for fact in facts}} for row, part in parts]
    if rows:
        session.execute(
            delete(table).where(table.call_id.in_({row["call_id"] for row in rows})),
            execution_options={"synchronize_session": False},  # nobody holds these as objects
        )
        session.execute(insert(table.__table__), rows)  # type: ignore[arg-type]  # it is a Table


def _clicks(session: Session, changed: Changed) -> None:
    """A call that somebody clicked belongs to the party it was clicked for."""
    clicked = {row.click_id: row for row, _ in changed if row.click_id}
    for click in session.scalars(select(Click).where(Click.id.in_(clicked))) if clicked else ():
        click.state = "taken"
        row = clicked[click.id]
        if click.party_id is not None and row.match_basis != MatchBasis.MANUAL:
            row.party_id, row.match_basis, row.candidates = click.party_id, MatchBasis.CLICK, []


def _recordings(session: Session, changed: Changed) -> None:
    """A recording is looked for once the call has ended; before, its file still grows."""
    recorded = [(row.id, seen.call) for row, seen in changed if seen.call.recordings]
    if not recorded:
        return
    query = select(Recording).where(Recording.call_id.in_([call_id for call_id, _ in recorded]))
    known = {(row.call_id, row.path): row for row in session.scalars(query)}
    for call_id, call in recorded:
        due: datetime | None = now() if not call.open else None
        for file in call.recordings:
            row = known.get((call_id, file.path))
            if row is None:
                row = Recording(call_id=call_id, path=file.path, voicemail=file.voicemail, started_at=file.started_at)
                known[call_id, file.path] = row
                session.add(row)
            if row.state in (None, RecordingState.PENDING) and row.due_at is None:
                row.due_at = due
    session.flush()
