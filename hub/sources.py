"""Look through what sources send, outside of the way of the records: a turn every few minutes, page by page.

A page is read without a lock; what it has and the mark behind it are one transaction, which is given up where somebody
else moved the mark meanwhile (`drift.keep`). A process that dies reads a page again of which nothing was written.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from hub import log
from hub.flow import Flow
from hub.intake import accounts, receive
from hub.intake.models import Account, RawRecord
from hub.mapping import drift, paths
from hub.mapping.drift import Looked
from hub.mapping.models import SourceLook
from hub.store.base import now
from hub.store.session import Database

PAGE = 200
SLICE_S = 5.0  # of a turn; a stream with much that is new goes on at the next
SETTLED = timedelta(minutes=1)  # what was received later may stand beside something that is not committed yet
SAMPLES = 50  # records looked at for samples
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Looks through the streams of all accounts."""

    db: Database
    flow: Flow
    slice_s: float = SLICE_S

    def turn(self) -> None:
        """Look through what came since the last time, as far as the time reaches; every stream gets its share."""
        with self.db.read() as session:
            streams = [(account.id, stream) for account, stream in self._streams(session)]
        deadline = time.monotonic() + self.slice_s
        fresh = list(streams)
        while fresh and time.monotonic() < deadline:
            fresh = [one for one in fresh if self._page(*one)]
        for account_id, kind in dict.fromkeys((account_id, drift.kind_of(one)) for account_id, one in streams):
            if not any((account_id, kind) == (other, drift.kind_of(one)) for other, one in fresh):
                self._look_for_gone(account_id, kind)

    def _streams(self, session: Session) -> Iterator[tuple[Account, str]]:
        """Yield what remotes send of which the connector has a mapping; what the hub writes itself is not theirs."""
        for account in accounts.listed(session):
            for stream in receive.streams(session, account.id):
                if (account.connector, drift.kind_of(stream)) in self.flow.mappings:
                    yield account, stream

    def _page(self, account_id: int, stream: str) -> bool:
        """Look through one page; True: there may be more."""
        with self.db.read() as session:
            look = drift.look_of(session, account_id, stream)
            rows = _rows(session, account_id, stream, look)
        if not rows:
            return False
        if look is None:
            with self.db.write() as session:
                drift.begin(session, account_id, stream)
            return True
        records = [one for one in map(_looked, rows) if one is not None]
        last = (rows[-1].received_at, rows[-1].id)
        with self.db.write() as session:
            is_kept = drift.keep(session, look, records, last, len(rows))
        return is_kept and len(rows) == PAGE

    def _look_for_gone(self, account_id: int, kind: str) -> None:
        with self.db.read() as session:  # mostly there is nothing, and looking costs no write
            if not drift.gone(session, account_id, kind):
                return
        with self.db.write() as session:
            if count := drift.keep_gone(session, account_id, kind):
                _log.info("fields of a source come no more", account=account_id, stream=kind, count=count)


def _rows(session: Session, account_id: int, stream: str, look: SourceLook | None) -> Sequence[Row[Any]]:
    mine = (RawRecord.account_id == account_id, RawRecord.stream == stream)
    query = select(RawRecord.id, RawRecord.received_at, RawRecord.payload)
    query = query.where(*mine, RawRecord.received_at <= now() - SETTLED)
    if look is not None and look.received_at is not None:
        same = (RawRecord.received_at == look.received_at) & (RawRecord.id > look.raw_record_id)
        # Said twice, so that the databases find the place in the index.
        query = query.where(
            RawRecord.received_at >= look.received_at, (RawRecord.received_at > look.received_at) | same
        )
    return session.execute(query.order_by(RawRecord.received_at, RawRecord.id).limit(PAGE)).all()


def _looked(row: Row[Any]) -> Looked | None:
    try:
        return Looked(row.received_at, paths.places(row.payload))
    except Exception:  # noqa: BLE001 - a payload is hostile: whatever it does, it is passed over once and stops nothing
        _log.exception("a record could not be looked through", raw_record=row.id)
        return None


def samples(
    session: Session, account_id: int, stream: str, items: Sequence[drift.Item]
) -> dict[int, tuple[tuple[str, ...], Any]]:
    """Return what stands in places, each out of the newest record that had it: (keys on the way, value) by item."""
    found: dict[int, tuple[tuple[str, ...], Any]] = {}
    for moment in sorted({one.last_at for one in items}, reverse=True)[:SAMPLES]:
        at = (RawRecord.account_id == account_id, receive.is_of(stream), RawRecord.received_at == moment)
        payloads = session.scalars(select(RawRecord.payload).where(*at).order_by(RawRecord.id.desc()).limit(PAGE)).all()
        for item in items:
            if item.last_at == moment:
                there = (paths.sample(payload, item.path) for payload in payloads)
                value = next((one for one in there if one[1] is not None), None)
                if value is not None:
                    found[item.id] = value
    return found
