"""Keep what a remote sent: each record once, its latest payload, and whether anything changed."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session, defer
from sqlalchemy.orm.attributes import set_committed_value

from hub.connector.contract import Delivered
from hub.intake.models import FilteredRecord, RawRecord, RawState
from hub.security import suppression
from hub.store import bulk
from hub.store.among import among
from hub.store.base import new_public_id, now
from hub.store.insert import insert


class Fate(StrEnum):
    """What a delivery was to the hub."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that was kept; `state` is what became of it so far, `payload` what was delivered."""

    id: int
    fate: Fate
    state: str
    payload: dict[str, Any]

    @property
    def waits(self) -> bool:
        """Whether it must be taken to the timeline now."""
        return self.fate is not Fate.UNCHANGED or self.state == RawState.KEPT


def keep_odd(session: Session, account_id: int, stream: str, payload: dict[str, Any], why: str) -> None:
    """Keep what somebody sent who may, and nobody understands: set aside, once however often it comes."""
    payload = storable(payload)
    digest = content_hash(payload)
    if _tombstones(session, account_id, stream, [digest]):
        return
    values = {"account_id": account_id, "stream": stream, "remote_id": digest, "payload": payload, "hash": digest}
    session.execute(
        insert(session, RawRecord)
        .values(public_id=new_public_id(), state=RawState.SET_ASIDE, error=why, **values)
        .on_conflict_do_nothing()
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """Where records were seen: the stream that showed them, in which of its passes from the beginning."""

    container: str = ""
    epoch: int = 0


NOWHERE = Shown()
TOMBSTONE = "erased:"  # begins the remote id of a record of which nothing may be kept
_RAW = cast("Table", RawRecord.__table__)


def of_source(table: Any) -> ColumnElement[bool]:
    """Say which rows are about some records of a source; the statement is given `account`, `stream` and `remote_ids`."""
    return and_(
        table.account_id == bindparam("account"),
        table.stream == bindparam("stream"),
        among(table.remote_id, "remote_ids"),
    )


# Without the payload: of most records only the hash is needed to see that nothing changed.
_KNOWN: Select[int, str, str, str, datetime | None] = (
    select(RawRecord.id, RawRecord.remote_id, RawRecord.hash, RawRecord.state, RawRecord.gone_at)
    .where(of_source(RawRecord))
    .with_for_update()
)
# Without the payload: it is in our hands already, and reading it again would cost as much as writing it did. The others
# nobody asks for on the way of a record.
_ROWS = (
    select(RawRecord)
    .where(among(RawRecord.id, "ids", numbers=True))
    .options(defer(RawRecord.payload), defer(RawRecord.public_id), defer(RawRecord.hash))
    .execution_options(populate_existing=True)
)
_IDS = select(RawRecord.id).where(among(RawRecord.id, "ids", numbers=True))
_SETTLE = (
    update(_RAW)
    .where(among(_RAW.c.id, "ids", numbers=True))
    .values(
        state=bindparam("new_state"),
        mapping_hash=bindparam("new_hash"),
        applied_at=bindparam("new_at"),
        attempts=_RAW.c.attempts + 1,
    )
)
_SEE = (
    update(_RAW)
    .where(among(_RAW.c.id, "ids", numbers=True))
    .values(container=bindparam("new_container"), epoch=bindparam("new_epoch"), gone_at=None)
)
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode


# JSON of PostgreSQL takes neither: a NUL, half of a character that is written as two.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """Return a payload as every database can keep it: what no text may hold stands there as U+FFFD."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value) if not value.isprintable() else value
    if isinstance(value, dict):
        return {storable(key): storable(one) for key, one in value.items()}
    return [storable(one) for one in value] if isinstance(value, list | tuple) else value


def content_hash(payload: dict[str, Any]) -> str:
    """Hash a payload, the same for the same content in another order of keys."""
    return hashlib.sha256(_canonical(payload).encode("utf-8", "surrogatepass")).hexdigest()


def _hashed(record: Delivered) -> tuple[Delivered, str]:
    """Return a record as every database can keep it, and the hash of its payload."""
    written = _canonical(record.payload)
    if "\\u0000" not in written:  # how JSON writes a NUL; nearly always there is none, and nothing to replace
        try:
            return _named(record), hashlib.sha256(written.encode()).hexdigest()
        except UnicodeEncodeError:  # half a character
            pass
    kept = replace(_named(record), payload=storable(record.payload))
    return kept, content_hash(kept.payload)


def _named(record: Delivered) -> Delivered:
    name = storable(record.remote_id)
    return record if name == record.remote_id else replace(record, remote_id=name)


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
    read = [_hashed(record) for record in records]
    names = list(dict.fromkeys(record.remote_id for record, _ in read))
    kept = _tombstones(session, account_id, stream, names)
    latest = {record.remote_id: record for record, _ in read if record.remote_id not in kept}
    digests = {record.remote_id: digest for record, digest in read}
    known = _known(session, account_id, stream, latest)
    new = [record for remote_id, record in latest.items() if remote_id not in known]
    made = _insert(session, account_id, new, digests, shown) if new else {}
    if len(made) < len(new):  # somebody else was faster with some of them
        known |= _known(session, account_id, stream, {one.remote_id for one in new} - made.keys())
    changed = {remote_id for remote_id, row in known.items() if row.hash != digests[remote_id]}
    _change(session, [(known[remote_id].id, latest[remote_id], digests[remote_id]) for remote_id in changed])
    if shown.container and known:
        _see(session, [row.id for row in known.values()], shown)
    payloads = {remote_id: record.payload for remote_id, record in latest.items()}
    kept |= {name: Kept(row_id, Fate.NEW, RawState.KEPT, payloads[name]) for name, row_id in made.items()}
    for remote_id, row in known.items():
        fate = Fate.CHANGED if remote_id in changed else Fate.UNCHANGED
        # What had gone and is back unchanged must be taken again too.
        waits = remote_id in changed or row.gone_at is not None
        kept[remote_id] = Kept(row.id, fate, RawState.KEPT if waits else row.state, payloads[remote_id])
    return [kept[remote_id] for remote_id in names]


def rows(session: Session, kept: Iterable[Kept]) -> list[RawRecord]:
    """Return the rows of kept records, in their order."""
    payloads = {one.id: one.payload for one in kept}
    if not payloads:
        return []
    found = {row.id: row for row in session.scalars(_ROWS, {"ids": list(payloads)})}
    for row_id, payload in payloads.items():
        set_committed_value(found[row_id], "payload", payload)
    return [found[row_id] for row_id in payloads]


def is_of(*kinds: str) -> ColumnElement[bool]:
    """Say which raw records are of some kinds of records, whichever of their containers they are in."""
    scoped = (RawRecord.stream.startswith(f"{kind}:", autoescape=True) for kind in kinds)
    return or_(RawRecord.stream.in_(kinds), *scoped)


def streams(session: Session, account_id: int) -> list[str]:
    """Return the streams that an account ever sent records of; by an index, however many records there are."""
    found: list[str] = []
    while True:
        query = select(func.min(RawRecord.stream)).where(RawRecord.account_id == account_id)
        following = session.scalar(query.where(RawRecord.stream > found[-1]) if found else query)
        if following is None:
            return found
        found.append(following)


def settle(session: Session, raws: Sequence[RawRecord], state: RawState, mapping_hash: str) -> None:
    """Write down what became of records that a mapping was applied to: one statement for all of them."""
    values = {"state": state, "mapping_hash": mapping_hash, "applied_at": now()}
    asked = {"new_state": state, "new_hash": mapping_hash, "new_at": values["applied_at"]}
    session.execute(_SETTLE, {"ids": [raw.id for raw in raws], **asked})
    for raw in raws:
        set_committed_value(raw, "attempts", raw.attempts + 1)
        for name, value in values.items():
            set_committed_value(raw, name, value)


def filter_out(
    session: Session, account_id: int, stream: str, filtered: Sequence[Mapping[str, Any]], shown: Shown
) -> None:
    """Remember that records were looked at and not kept: `filtered` has `remote_id`, `reason` and `day` of each."""
    if not filtered:
        return
    statement = insert(session, FilteredRecord)
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


def forget(session: Session, raws: Sequence[RawRecord], why: str) -> None:
    """Empty records of which nothing may be kept; what is left keeps the next reading from bringing them back."""
    raws = [raw for raw in raws if not raw.remote_id.startswith(TOMBSTONE)]
    if not raws:
        return  # nearly always: then nobody asks for the key
    things = {raw.id: _thing(raw.account_id, raw.stream, raw.remote_id) for raw in raws}
    suppression.suppress(session, list(things.values()))
    marks = suppression.marks(session, things.values())
    for raw in raws:
        told = {"remote_id": raw.remote_id, "reason": why, "day": None}
        filter_out(session, raw.account_id, raw.stream, [told], Shown(raw.container, raw.epoch))
        raw.remote_id, raw.payload, raw.hash, raw.etag = TOMBSTONE + marks[things[raw.id]], {}, "", ""
        raw.state, raw.error, raw.gone_at = RawState.FILTERED, why, raw.gone_at or now()
    session.flush()


def _tombstones(session: Session, account_id: int, stream: str, remote_ids: Iterable[str]) -> dict[str, Kept]:
    """Return what is left of records that were forgotten, by what the remote calls them."""
    things = {_thing(account_id, stream, remote_id): remote_id for remote_id in remote_ids}
    found = {TOMBSTONE + mark: things[thing] for thing, mark in suppression.suppressed(session, things).items()}
    rows = _known(session, account_id, stream, found) if found else {}
    return {found[name]: Kept(row.id, Fate.UNCHANGED, RawState.FILTERED, {}) for name, row in rows.items()}


def _thing(account_id: int, stream: str, remote_id: str) -> suppression.Thing:
    return ("record", str(account_id), stream, remote_id)


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
    ids = bulk.reserve(session, RawRecord, len(records))
    names = [one.remote_id for one in records]
    columns: dict[str, Sequence[Any]] = {
        "id": ids, "stream": [one.stream for one in records], "remote_id": names,
        "payload": [one.payload for one in records], "hash": [digests[name] for name in names],
        "etag": [one.version for one in records],
    }  # fmt: skip
    count = bulk.insert(
        session, RawRecord, columns, unless=("account_id", "stream", "remote_id"),
        account_id=account_id, received_at=now(), container=shown.container, epoch=shown.epoch,
    )  # fmt: skip
    made = dict(zip(names, ids, strict=True))
    if count == len(made):
        return made
    ours = set(session.scalars(_IDS, {"ids": ids}))
    return {remote_id: row_id for remote_id, row_id in made.items() if row_id in ours}


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
    session.execute(_SEE, {"ids": row_ids, "new_container": shown.container, "new_epoch": shown.epoch})
