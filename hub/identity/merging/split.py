"""Take source records out of a customer: they become a customer of their own, with what only they brought.

This is what a merge by a rule comes to when its reason falls away. It is written down beside the merges, and merging the two
again makes it undone.
"""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity import link, told
from hub.identity import parties as store
from hub.identity.merging import history, pair, part
from hub.identity.merging.merge import AT_ONCE, BY_HAND, Why
from hub.identity.merging.part import Parting
from hub.identity.merging.undo import SPLIT, keep_apart
from hub.identity.models import Claim, Link, Merge, MergeState, Party
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.turn import in_turn


def split(session: Session, person: Person | None, party: Party, links: Collection[int], why: Why = BY_HAND) -> Merge:
    """Make a new party of some source records of a party; the merge that is returned has it as its loser.

    Args:
        links: ids of links of the party; some must stay with it, or a person's word.
        why: what a program gives as its reasons.

    Raises:
        NotFoundError: a record is not this party's.
        UserError: nothing would be left of the party, or it is still moving.
    """
    in_turn(session, Party.__tablename__)
    keep, _ = pair.locked(session, party, party)
    pair.check_still(session, keep.id)
    leaving = set(session.scalars(select(Link.id).where(Link.id.in_(links), Link.party_id == keep.id)))
    if not links or leaving != set(links):
        raise NotFoundError("One of these source records is not this customer's any more.")
    rest = select(func.count()).select_from(Claim).where(Claim.party_id == keep.id)
    if not session.scalar(rest.where(Claim.link_id.is_(None) | Claim.link_id.not_in(leaving))):
        raise UserError("Nothing would be left of this customer; leave at least one record.", error_id="nothing_left")
    leave = Party(kind=keep.kind, name=keep.name, business_id=keep.business_id)
    session.add(leave)
    session.flush()
    row = Merge(
        winner_id=keep.id, loser_id=leave.id, actor_id=person.id if person and person.id else None, rule=SPLIT,
        score=why.score, reasons=[*([why.rule] if why.rule else []), *why.reasons], state=MergeState.UNDOING,
        undone_at=now(), undone_by=person.id if person and person.id else None, due_at=now(),
    )  # fmt: skip
    session.add(row)
    parting = Parting(keep, leave, leaving)
    part.move_links(session, parting)
    theirs = session.scalars(select(Claim).where(Claim.party_id == leave.id)).all()
    parting.brought[leave.id] = part.keys_of(theirs)
    store.judge_shared(session, part.share_identifiers(session, parting))
    fields = {one.field for one in theirs} - {"kind", "owner"}
    link.settle(session, {keep.id: fields, leave.id: fields})
    keep.version += 1
    session.flush()
    history.advance(session, row, AT_ONCE)
    if not why.rule:  # what a program parts may be one again when more is known
        keep_apart(session, person, keep.id, leave.id)
    pair.told(session, [keep, leave])
    facts = {"merge": str(row.public_id), "other": str(leave.public_id), "rule": why.rule}
    told.merged(session, keep, leave, apart=True)
    audit.record(session, person, "party.split", "party", keep.public_id, records=len(leaving), **facts)
    return row
