"""Take an import back, page by page: what it made goes, what it changed is as it was, what people did since stays.

A record that came with it goes as a source's record goes that was not for the hub (`flow.Taker.withdraw`): what only it said
is forgotten, a customer of whom nobody else says anything is erased, one with a history stays as a name. A record that was
here before gets its former payload back. What a later import changed, or somebody went on with, is left and told.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from hub import flow as flows
from hub.connector.contract import Delivered
from hub.flow import Flow
from hub.identity.models import Link, Party, PartyStatus
from hub.imports.models import BatchState, Fate, ImportBatch, ImportRow, What
from hub.imports.page import put_back
from hub.intake import receive
from hub.intake.models import Account, RawRecord
from hub.store.turn import in_turn
from hub.timeline import history, note_files

PAGE = 500
MOST_TOLD = 200
LATER, TOUCHED, STAYS = "later", "touched", "stays"


def take_back(flow: Flow, session: Session, batch: ImportBatch) -> bool:
    """Take the next page back and count it; False: there was none left."""
    rows = session.scalars(
        select(ImportRow)
        .where(ImportRow.batch_id == batch.id, ImportRow.number > batch.position)
        .order_by(ImportRow.number)
        .limit(PAGE)
    ).all()
    if not rows:
        return False
    account = session.get_one(Account, batch.account_id)
    if batch.what == What.FILES:
        in_turn(session, note_files.LOCK)  # before anything else, as everybody does who takes files away
    mine = {row.raw_record_id: row for row in rows if row.raw_record_id is not None and row.fate != Fate.SAME}
    left: dict[str, set[int]] = {LATER: _later(session, batch, list(mine))}
    left[TOUCHED] = history.touched(session, list(mine)) - left[LATER]
    ours = [row for raw_id, row in mine.items() if raw_id not in left[LATER] | left[TOUCHED]]
    had = {file.sha256 for file in history.files_of(session, [row.raw_record_id or 0 for row in ours])}
    stays = _take_back(flow, session, account, ours)
    if had:
        note_files.forget(session, note_files.shelf(flow.settings), had)
    counts = dict(batch.counts)
    kept = dict(counts.get("kept", {}))
    for why, some in left.items():
        _tell(kept, why, [mine[raw_id].number for raw_id in sorted(some)])
    _tell(kept, STAYS, stays)
    counts["back"] = int(counts.get("back", 0)) + len(ours)
    counts["kept"] = kept
    batch.counts, batch.position = counts, rows[-1].number
    total = max(1, int(counts.get("rows", 0)))
    batch.progress = min(1.0, batch.progress + len(rows) / total)
    return True


def _take_back(flow: Flow, session: Session, account: Account, ours: Sequence[ImportRow]) -> list[int]:
    """Take records back; return the parties that stay although they came with it."""
    ids = [row.raw_record_id for row in ours]
    raws = {raw.id: raw for raw in session.scalars(select(RawRecord).where(RawRecord.id.in_(ids)))}
    links: dict[int | None, int] = {
        row.raw_record_id: row.party_id
        for row in session.execute(
            select(Link.raw_record_id, Link.party_id).where(Link.raw_record_id.in_(ids), Link.account_id == account.id)
        )
    }
    for row in ours:
        if row.raw_record_id in links:
            put_back(session, links[row.raw_record_id], row.before)
    changed = [row for row in ours if "payload" in row.before and row.raw_record_id in raws]
    made = [row for row in ours if "payload" not in row.before and row.raw_record_id in raws]
    if changed:
        history.drop_files(session, _later_files(changed, raws))
        again = [
            Delivered(raws[row.raw_record_id].stream, raws[row.raw_record_id].remote_id, row.before["payload"])
            for row in changed
            if row.raw_record_id is not None
        ]
        kept = receive.keep_page(session, account.id, again[0].stream, again)
        flows.process(flow, session, account, receive.rows(session, [one for one in kept if one.waits]))
    flows.Taker(flow).withdraw(
        session, account, [raws[row.raw_record_id] for row in made if row.raw_record_id is not None]
    )
    session.flush()
    came = sorted({links[row.raw_record_id] for row in made if row.fate == Fate.NEW and row.raw_record_id in links})
    query = select(Party.id).where(Party.id.in_(came), Party.status == PartyStatus.ACTIVE)
    return sorted(session.scalars(query))


def _later_files(changed: Sequence[ImportRow], raws: Mapping[int, RawRecord]) -> dict[int, str]:
    """Return the files that records have now and did not have before, by record."""
    now_at = {row.raw_record_id: raws[row.raw_record_id].payload.get("sha256") for row in changed if row.raw_record_id}
    before = {row.raw_record_id: row.before["payload"].get("sha256") for row in changed}
    return {raw_id: sha256 for raw_id, sha256 in now_at.items() if sha256 and sha256 != before[raw_id]}


def _later(session: Session, batch: ImportBatch, raw_ids: Sequence[int]) -> set[int]:
    """Return the records that a later import changed, which was not taken back itself."""
    other = aliased(ImportBatch)
    query = (
        select(ImportRow.raw_record_id)
        .join(other, other.id == ImportRow.batch_id)
        .where(
            ImportRow.raw_record_id.in_(raw_ids),
            ImportRow.batch_id > batch.id,
            ImportRow.fate == Fate.UPDATE,
            other.state != BatchState.UNDONE,
        )
    )
    return {one for one in session.scalars(query) if one is not None}


def _tell(kept: dict[str, Any], why: str, some: Sequence[int]) -> None:
    """Count what stays, with the first of them: numbers of rows; of `stays`, ids of parties."""
    if some:
        before = kept.get(why, {"count": 0, "first": []})
        kept[why] = {"count": before["count"] + len(some), "first": [*before["first"], *some][:MOST_TOLD]}
