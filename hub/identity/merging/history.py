"""The history of two parties that became one, or are two again: so many rows of it at a time.

What still points to the wrong party is the list of what is to be done, so there is no place to remember: a page that
is repeated finds less to do.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from hub.identity import in_step, search
from hub.identity.merging import gather, journal, moves, pair
from hub.identity.models import Merge, MergeItem, MergeState, Party
from hub.store.base import now
from hub.store.turn import in_turn

# Whoever wrote to the loser while it was merged is done by then; what he wrote follows.
LATE = timedelta(minutes=5)


def advance(session: Session, row: Merge, limit: int) -> bool:
    """Move up to `limit` rows of history; True: there may be more."""
    if row.state in {MergeState.MOVING, MergeState.DONE}:
        return _forward(session, row, limit)
    return _back(session, row, limit)


def _forward(session: Session, row: Merge, limit: int) -> bool:
    is_late = row.state == MergeState.DONE
    if is_late:
        _gather_late(session, row)

    def take(move: moves.Move, most: int) -> Sequence[int]:
        found = moves.take(session, move, row.loser_id, row.winner_id, most)
        for origin, ids in found.items():
            journal.write(session, row, move.name, ids, {"origin": origin})
        return [number for ids in found.values() for number in ids]

    if not _all(session, row, limit, take):
        return True
    row.state, row.due_at = MergeState.DONE, None if is_late else now() + LATE
    row.moved_at = row.moved_at or now()
    return False


def _gather_late(session: Session, row: Merge) -> None:
    in_turn(session, Party.__tablename__)
    keep, lose = pair.of(session, row)
    before = journal.columns(keep)
    gather.gather(session, row, keep, lose)
    if journal.columns(keep) != before:
        keep.version += 1
        pair.told(session, [keep])


def _back(session: Session, row: Merge, limit: int) -> bool:
    left = limit
    query = select(MergeItem).where(MergeItem.merge_id == row.id, MergeItem.what.in_(moves.BY_NAME))
    while left > 0:
        item = session.scalars(query.order_by(MergeItem.id.desc()).limit(1)).first()
        if item is None:
            break
        moves.give_back(session, moves.BY_NAME[item.what], row, item.ids, item.before.get("origin"))
        _told(session, moves.BY_NAME[item.what], item.ids)
        left -= len(item.ids)
        session.delete(item)
        session.flush()
    if left <= 0:
        return True
    side = moves.side(session, session.get_one(Party, row.loser_id), row.winner_id)
    if not _all(session, row, left, lambda move, most: moves.follow(session, move, row, side, most)):
        return True
    row.state, row.due_at, row.moved_at = MergeState.UNDONE, None, now()
    return False


def _all(session: Session, row: Merge, limit: int, go: Callable[[moves.Move, int], Sequence[int]]) -> bool:
    """Let everything go that is still to be moved, up to `limit` rows; False: there may be more."""
    left = limit
    for move in moves.MOVES:
        while left > 0 and (done := go(move, left)):
            left -= len(done)
            row.moved += len(done)
            _told(session, move, done)
        if left <= 0:
            return False
    return True


def _told(session: Session, move: moves.Move, ids: Sequence[int]) -> None:
    """Of people who work somewhere else now, write what a search finds."""
    if move.of.name == Party.__tablename__ and ids:
        session.flush()
        for number in ids:
            if (party := session.identity_map.get(identity_key(Party, number))) is not None:
                session.expire(party, ["company_id"])
        search.refresh_all(session, ids)
        in_step.tell(session, ids)
