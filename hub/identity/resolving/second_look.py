"""Look again at who is who: the records that somebody's evidence touches are decided anew, as if all had come at once.

A look and what it does are one transaction, and nobody takes records in or merges meanwhile. A process that dies at any
line leaves the question, and whoever asks it again finds the rest. What programs merge and part is in the journal of merges
like what people do, and can be taken back; what people said stands.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from hub import log
from hub.errors import UserError
from hub.identity import reviews
from hub.identity.merging.merge import Why, merge
from hub.identity.merging.split import split
from hub.identity.models import Party
from hub.identity.partition import Surroundings, affected, partition
from hub.identity.resolving.models import SecondLook
from hub.identity.resolving.plan import Plan, plan
from hub.identity.resolving.sources import HAND, Sources, link_of
from hub.identity.reviews import Proposal
from hub.store.base import now
from hub.store.session import DATABASE_AWAY
from hub.store.turn import in_turn

EVIDENCE = "evidence"  # the rule that merges and splits of looks go by
PAGE = 10  # parties looked at in one transaction: others wait for it
SOON = timedelta(seconds=10)  # until a history has moved
AGAIN = timedelta(minutes=5)  # after a fault, doubled with each
LONGEST = timedelta(days=1)
_log = log.get(__name__)


def waits(session: Session) -> bool:
    """Say whether somebody is to be looked at now."""
    return bool(session.scalar(select(exists().where(SecondLook.due_at <= now()))))


def page(session: Session, limit: int = PAGE) -> None:
    """Look at some of those who wait."""
    in_turn(session, Party.__tablename__)
    query = select(SecondLook).where(SecondLook.due_at <= now()).order_by(SecondLook.due_at, SecondLook.id).limit(limit)
    rows = {row.party_id: row for row in session.scalars(query)}
    while rows:
        _, row = rows.popitem()
        for number in _take(session, row):
            rows.pop(number, None)


def _take(session: Session, row: SecondLook) -> Collection[int]:
    """Look at one; returns the parties that need no look of their own any more."""
    try:
        with session.begin_nested():
            seen = look(session, row.party_id)
    except DATABASE_AWAY:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever it is, it stops this look alone, visibly
        _log.exception("somebody cannot be looked at again", party=row.party_id)
        row.failures, row.error = row.failures + 1, type(fault).__name__
        row.due_at = now() + min(AGAIN * 2 ** min(row.failures - 1, 10), LONGEST)
        return ()
    if not seen:
        row.due_at = now() + SOON
    session.execute(delete(SecondLook).where(SecondLook.party_id.in_(seen)))
    return seen


def look(session: Session, party_id: int) -> Collection[int]:
    """Decide anew whose the records of a party, and of all whom its evidence touches, are.

    Returns:
        The parties about which all was said that there is to say, this one among them; none: not all could be done yet.
    """
    party = session.get_one(Party, party_id)
    sources = Sources(session)
    near = affected(sources.neighbours(party.merged_into or party.id), sources.holding, sources.beside)
    if not near.whole:
        _log.warning("too much hangs together with a customer; nothing is decided by itself", party=party_id)
        return {party_id}
    decisions = sources.decisions(near.records)
    wanted = partition(near.records, decisions, others=near.others, crowded=near.crowded)
    values = {one.key: set(one.identifiers) for one in near.records}
    todo = plan(
        wanted,
        sources.party,
        lambda one, other: not values[one].isdisjoint(values[other]),
        fixed={one.key for one in near.records if one.key.startswith(HAND)},
        named={one.key for one in near.records if one.name},
    )
    today = {key: sources.party[key] for key in values}
    if not _do(session, todo, today):
        return ()
    pairs = [Proposal(today[pair.a], today[pair.b], pair.score, pair.reasons) for pair in wanted.reviews]
    reviews.propose(session, [one for one in pairs if one.one != one.other])
    return {party_id, *_wholly_seen(near, sources.party)}


def _wholly_seen(near: Surroundings, party_of: Mapping[str, int]) -> set[int]:
    """Return the parties that have nothing in common with anybody outside: whoever looks at them sees the same."""
    outside = {value for one in near.others for value in one.identifiers} - near.crowded
    open_ones = {party_of[one.key] for one in near.records if not outside.isdisjoint(one.identifiers)}
    return {party_of[one.key] for one in near.records} - open_ones


def _do(session: Session, todo: Plan, today: dict[str, int]) -> bool:
    """Carry out a plan; `today` is kept true. False: a history still moves, and the rest must wait."""
    try:
        for lot in todo.leaving:
            party, leaving = session.get_one(Party, lot.party), [link_of(key) for key in lot.records]
            row = split(session, None, party, leaving, Why(EVIDENCE, None, reviews.as_json(lot.reasons)))
            today |= dict.fromkeys(lot.records, row.loser_id)
        for pair in todo.joining:
            one, other = session.get_one(Party, today[pair.a]), session.get_one(Party, today[pair.b])
            row = merge(session, None, one, other, why=Why(EVIDENCE, pair.score, reviews.as_json(pair.reasons)))
            today |= {key: row.winner_id for key, number in today.items() if number == row.loser_id}
    except UserError as refused:
        if refused.error_id != "still_moving":
            raise
        return False
    return True
