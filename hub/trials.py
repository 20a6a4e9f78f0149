"""Trying a mapping on records that are kept, beside the one that counts. Nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub import flow as flows
from hub.errors import MappingError, RecordError
from hub.fields import incoming
from hub.fields.incoming import Incoming
from hub.flow import Flow
from hub.identity import link
from hub.intake.models import Account, RawRecord, RawState
from hub.mapping import preview, versions
from hub.mapping.load import Mapping as RecordMapping
from hub.mapping.targets import Target
from hub.mapping.targets import targets as targets_of
from hub.mapping.transforms import Context
from hub.mapping.trial import State, Stored, Tried, tried

SOME = 50  # records that a mapping is tried on before it is said how they fared


def targets(record: str) -> tuple[Target, ...]:
    """Return the hub's own fields of a kind of record; none where there is no such kind."""
    return targets_of(flows.KINDS[record].model) if record in flows.KINDS else ()


def candidate(
    flow: Flow, session: Session, scope: versions.Scope, document: Any, account: Account | None = None
) -> RecordMapping:
    """Return the mapping that would count if a document were published.

    Args:
        account: for whose records; of a version of the whole connector, its overlay stands on top. None: without one.

    Raises:
        versions.UnfitError: it does not fit.
        MappingError: nothing is shipped for the stream.
    """
    shipped = flow.mapping(scope.connector, scope.stream)
    return versions.fitting(session, scope, document, shipped=shipped, account_id=account.id if account else None)


def try_out(
    flow: Flow,
    session: Session,
    account: Account,
    stream: str,
    candidate: RecordMapping,
    *,
    limit: int,
    after: int = 0,
) -> Iterator[list[Tried]]:
    """Try a mapping on stored records of an account, newest first, beside the one that counts; nothing is written.

    Whoever asks goes on from page to page for as long as somebody waits for it.

    Args:
        stream: kind of records, all its containers with it, or one container's.
        limit: so many records at most.
        after: id of the last raw record of an earlier try, to go on behind it.

    Raises:
        MappingError: there is no mapping of such records.
    """
    steps = flows.KINDS.get(candidate.record)
    if steps is None:
        raise MappingError(f"no kind of record is called {candidate.record!r}")
    live, context = flow.present_ones(session, account, [stream])[stream], flows.context_of(flow, account)
    read = _reader(incoming.load(session), candidate, context, steps.read)
    which, left = flows.again(flow, account, stream), limit
    while left > 0:
        ids = _newest(session, which, after, min(SOME, left))
        if not ids:
            return
        rows = {raw.id: raw for raw in session.scalars(select(RawRecord).where(RawRecord.id.in_(ids)))}
        yield [tried(_stored_record(rows[one]), live, candidate, context, read) for one in ids if one in rows]
        for raw in rows.values():
            session.expunge(raw)  # a payload may be large, and nobody needs it twice
        after, left = ids[-1], left - len(ids)


def _reader(defined: Incoming | None, mapping: RecordMapping, context: Context, read: flows.Reader) -> flows.Reader:
    """Return what reads a record as `process` does: the fields that administrators defined, then the rest."""
    if defined is None:
        return read
    return lambda values: read(flows.split(defined, mapping, values, context, str(values.get("remote_id") or ""))[0])


def look(flow: Flow, account: Account, mapping: RecordMapping, payload: Any) -> dict[str, preview.Shown]:
    """Show what a mapping makes of one record of an account, field by field, however many of them fail."""
    return preview.look(mapping, payload, flows.context_of(flow, account))


def refusal(record: str, values: Mapping[str, Any]) -> str:
    """Return why the next step would not take what a mapping made; empty: it takes it."""
    steps = flows.KINDS.get(record)
    if steps is None:
        return f"no kind of record is called {record!r}"
    try:
        steps.read(values)
    except RecordError as error:
        return str(error)
    return ""


def _newest(session: Session, which: ColumnElement[bool], after: int, limit: int) -> Sequence[int]:
    """Return the ids of a page of records, those that came last first."""
    query = select(RawRecord.id).where(which)
    behind = session.execute(select(RawRecord.received_at).where(RawRecord.id == after)).scalar() if after else None
    if behind is not None:
        is_older = (RawRecord.received_at == behind) & (RawRecord.id < after)
        query = query.where(is_older | (RawRecord.received_at < behind))
    return session.scalars(query.order_by(RawRecord.received_at.desc(), RawRecord.id.desc()).limit(limit)).all()


def _stored_record(raw: RawRecord) -> Stored:
    state = {RawState.APPLIED: State.APPLIED, RawState.FILTERED: State.FILTERED}.get(RawState(raw.state), State.WAITING)
    if state is State.FILTERED and raw.error == link.EMPTY:
        state = State.EMPTY
    return Stored(raw.id, str(raw.public_id), raw.remote_id, raw.payload, state)
