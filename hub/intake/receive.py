"""Keep what a remote sent: each record once, its latest payload, and whether anything changed."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Select, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from hub.connector.contract import Delivered
from hub.intake.models import FilteredRecord, RawRecord, RawState
from hub.store.base import new_public_id, now


class Fate(StrEnum):
    """What a delivery was to the hub."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that was kept; `state` is what became of it so far."""

    id: int
    fate: Fate
    state: str

    @property
    def waits(self) -> bool:
        """Whether it must be taken to the timeline now."""
        return self.fate is not Fate.UNCHANGED or self.state == RawState.KEPT


@dataclass(frozen=True, slots=True)
class Shown:
    """Where records were seen: the stream that showed them, in which of its passes from the beginning."""

    container: str = ""
    epoch: int = 0


NOWHERE = Shown()
_RAW = cast("Table", RawRecord.__table__)
# Without the payload: of most records only the hash is needed to see that nothing changed.
_KNOWN: Select[int, str, str, str, datetime | None] = (
    select(RawRecord.id, RawRecord.remote_id, RawRecord.hash, RawRecord.state, RawRecord.gone_at)
    .where(
        RawRecord.account_id == bindparam("account"),
        RawRecord.stream == bindparam("stream"),
        RawRecord.remote_id.in_(bindparam("remote_ids", expanding=True)),
    )
    .with_for_update()
)


# JSON of PostgreSQL takes neither: a NUL, half of a character that is written as two.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """Return a payload as every database can keep it: what no text may hold stands there as U+FFFD."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value) if not value.isprintable() else value
    if isinstance(value, dict):
        return {storable(key): storable(one) for key, one in value.items()}
    return [storable(one) for one in value] if isinstance(value, list | tuple) else value


def _storable(record: Delivered) -> Delivered:
    return replace(record, remote_id=storable(record.remote_id), payload=storable(record.payload))


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
    kept = keep_page(session, account_id, record.stream, [record])[0]
    return session.get_one(RawRecord, kept.id), kept.waits


def keep_page(
    session: Session, account_id: int, stream: str, records: Sequence[Delivered], shown: Shown = NOWHERE
) -> list[Kept]:
    """Store several records of one stream, each as `keep` does; a record that comes twice is stored as it came last."""
    latest = {record.remote_id: record for record in map(_storable, records)}
    digests = {remote_id: content_hash(record.payload) for remote_id, record in latest.items()}
    known = _known(session, account_id, stream, latest)
    new = [record for remote_id, record in latest.items() if remote_id not in known]
    made = _insert(session, account_id, new, digests, shown) if new else {}
    if len(made) < len(new):  # somebody else was faster with some of them
        known |= _known(session, account_id, stream, {one.remote_id for one in new} - made.keys())
    changed = {remote_id for remote_id, row in known.items() if row.hash != digests[remote_id]}
    _change(session, [(known[remote_id].id, latest[remote_id], digests[remote_id]) for remote_id in changed])
    if shown.container and known:
        _see(session, [row.id for row in known.values()], shown)
    kept = {remote_id: Kept(row_id, Fate.NEW, RawState.KEPT) for remote_id, row_id in made.items()}
    for remote_id, row in known.items():
        fate = Fate.CHANGED if remote_id in changed else Fate.UNCHANGED
        # What had gone and is back unchanged must be taken again too.
        waits = remote_id in changed or row.gone_at is not None
        kept[remote_id] = Kept(row.id, fate, RawState.KEPT if waits else row.state)
    return [kept[remote_id] for remote_id in latest]


def rows(session: Session, kept: Iterable[Kept]) -> list[RawRecord]:
    """Return the rows of kept records, in their order."""
    ids = [one.id for one in kept]
    if not ids:
        return []
    query = select(RawRecord).where(RawRecord.id.in_(ids)).execution_options(populate_existing=True)
    found = {row.id: row for row in session.scalars(query)}
    return [found[row_id] for row_id in ids]


def filter_out(
    session: Session, account_id: int, stream: str, filtered: Sequence[Mapping[str, Any]], shown: Shown
) -> None:
    """Remember that records were looked at and not kept: `filtered` has `remote_id`, `reason` and `day` of each."""
    if not filtered:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(FilteredRecord)
    statement = statement.on_conflict_do_update(
        index_elements=["account_id", "stream", "id_hash"],
        set_={name: statement.excluded[name] for name in ("container", "reason", "day", "epoch")},
    )
    latest = {id_hash(one["remote_id"]): one for one in filtered}
    session.execute(
        statement,
        [
            {
                "account_id": account_id,
                "stream": stream,
                "container": shown.container,
                "id_hash": digest,
                "reason": one["reason"],
                "day": one["day"],
                "epoch": shown.epoch,
            }
            for digest, one in latest.items()
        ],
    )


def id_hash(remote_id: str) -> str:
    """Hash the id of a record of which nothing may be kept."""
    return hashlib.sha256(remote_id.encode("utf-8", "surrogatepass")).hexdigest()


def _known(session: Session, account_id: int, stream: str, remote_ids: Iterable[str]) -> dict[str, Any]:
    values = {"account": account_id, "stream": stream, "remote_ids": list(remote_ids)}
    return {row.remote_id: row for row in session.execute(_KNOWN, values)}


def _insert(
    session: Session, account_id: int, records: Sequence[Delivered], digests: Mapping[str, str], shown: Shown
) -> dict[str, int]:
    """Insert what is not there yet, whoever else is about to; returns the ids of new rows by their remote ids."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    moment = now()
    values = [
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
            "container": shown.container,
            "epoch": shown.epoch,
            "etag": record.version,
        }
        for record in records
    ]
    statement = insert(RawRecord).on_conflict_do_nothing(index_elements=["account_id", "stream", "remote_id"])
    made = session.execute(statement.returning(RawRecord.remote_id, RawRecord.id), values)
    return {row.remote_id: row.id for row in made}


def _change(session: Session, changes: Sequence[tuple[int, Delivered, str]]) -> None:
    """Bring rows up to date; what became of the former payload no longer counts."""
    if not changes:
        return
    moment = now()
    session.execute(
        update(_RAW)
        .where(_RAW.c.id == bindparam("row"))
        .values(
            payload=bindparam("new_payload"),
            hash=bindparam("new_hash"),
            etag=bindparam("new_etag"),
            version=_RAW.c.version + 1,
            received_at=moment,
            state=RawState.KEPT,
            error="",
            attempts=0,
        ),
        [
            {"row": row_id, "new_payload": record.payload, "new_hash": digest, "new_etag": record.version}
            for row_id, record, digest in changes
        ],
    )


def _see(session: Session, row_ids: Sequence[int], shown: Shown) -> None:
    """Write down that records were shown; one that had gone is back."""
    session.execute(
        update(RawRecord)
        .where(RawRecord.id.in_(row_ids))
        .values(container=shown.container, epoch=shown.epoch, gone_at=None)
        .execution_options(synchronize_session=False)
    )
