"""What was settled by what. Either side may come later: an allocation names both by their keys and waits for nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from hub.accounting import said
from hub.accounting.models import AllocationRow
from hub.intake.models import Account, RawRecord, RawState
from hub.records.document import Allocation
from hub.store.insert import insert


@dataclass(frozen=True, slots=True)
class Given:
    """An allocation: its raw record, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]


def take(session: Session, account: Account, given: Sequence[Given]) -> list[RawState]:
    """Keep allocations that are records of their own; safe to repeat.

    Raises:
        RecordError: one of them is none.
    """
    told = [(one.raw, said.allocation(one.values)) for one in given]
    _write(session, [_row(account, raw, one, f"{raw.stream}:{raw.remote_id}", one.source) for raw, one in told])
    return [RawState.APPLIED] * len(given)


def lose(session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
    """Forget allocations that were undone."""
    ids = [f"{raw.stream}:{raw.remote_id}" for raw in raws]
    session.execute(
        delete(AllocationRow).where(AllocationRow.account_id == account.id, AllocationRow.remote_id.in_(ids))
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """What a payment or a credit note lists itself."""

    raw: RawRecord
    key: str
    allocations: Sequence[Allocation]
    is_payment: bool


def replace(session: Session, account: Account, listed: Sequence[Listed]) -> None:
    """Keep what payments or credits list, and forget what they listed before."""
    rows = [
        {
            **_row(account, one.raw, part, f"{one.key}/{place}", one.key),
            "said_by": one.key, "is_payment": one.is_payment,
        }
        for one in listed
        for place, part in enumerate(one.allocations)
    ]  # fmt: skip
    mine = _listed_by(account, [one.key for one in listed])
    before = set(session.scalars(select(AllocationRow.remote_id).where(*mine))) if listed else set[str]()
    if gone := before - {row["remote_id"] for row in rows}:
        session.execute(delete(AllocationRow).where(*mine, AllocationRow.remote_id.in_(sorted(gone))))
    _write(session, rows)


def drop(session: Session, account: Account, keys: Sequence[str]) -> None:
    """Forget what payments or credits listed that are no more."""
    session.execute(delete(AllocationRow).where(*_listed_by(account, keys)))


def _listed_by(account: Account, keys: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """Return what says that these payments or credits list an allocation; there is an index by the source alone."""
    by_source = AllocationRow.source_key.in_(list(keys))
    return AllocationRow.account_id == account.id, by_source, AllocationRow.said_by == AllocationRow.source_key


def _row(account: Account, raw: RawRecord, one: Allocation, remote_id: str, source: str) -> dict[str, Any]:
    return {
        "account_id": account.id, "remote_id": remote_id, "raw_record_id": raw.id, "said_by": "",
        "document_key": one.document, "source_key": source, "amount": one.amount, "day": one.day,
        "is_payment": one.is_payment,
    }  # fmt: skip


def _write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = insert(session, AllocationRow)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in ("account_id", "remote_id")}
    session.execute(
        statement.on_conflict_do_update(index_elements=["account_id", "remote_id"], set_=changed), list(rows)
    )
