"""What is said of two parties becomes what is said of one: links, claims, identifiers, and what counts of all that."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.identity import link
from hub.identity import parties as store
from hub.identity.claims import Said, golden, is_said_here
from hub.identity.merging import journal
from hub.identity.models import Claim, Identifier, Link, Merge, Party, PartyKind


def gather(session: Session, row: Merge, keep: Party, lose: Party) -> None:
    """Move links, what is said and what points to a party; also what was written to the loser while it was merged."""
    links = session.scalars(select(Link.id).where(Link.party_id == lose.id)).all()
    said = session.scalars(select(Claim).where(Claim.party_id == lose.id).order_by(Claim.id)).all()
    held = session.scalars(select(Identifier).where(Identifier.party_id == lose.id).order_by(Identifier.id)).all()
    if not (links or said or held):
        return
    keys = {(one.kind, one.value) for one in held}
    journal.write(session, row, journal.LINKS, links)
    session.execute(update(Link).where(Link.id.in_(links)).values(party_id=keep.id))
    _gather_identifiers(session, row, keep, held)
    _gather_claims(session, row, keep, lose, said)
    store.judge_shared(session, keys)


def _gather_identifiers(session: Session, row: Merge, keep: Party, held: Sequence[Identifier]) -> None:
    own = {
        (one.kind, one.value): one for one in session.scalars(select(Identifier).where(Identifier.party_id == keep.id))
    }
    moved = [one for one in held if (one.kind, one.value) not in own]
    for one in moved:
        one.party_id = keep.id
    keys = {str(one.id): [one.kind, one.value] for one in moved}
    journal.write(session, row, journal.IDENTIFIERS, [one.id for one in moved], keys)
    for one in held:
        both = own.get((one.kind, one.value))
        if both is None:
            continue
        before = {"winner": journal.dump(both), "loser": journal.dump(one)}
        _join(both, one)
        journal.write(session, row, journal.JOINED, before={**before, "after": journal.dump(both)})
        session.delete(one)
    session.flush()


def _join(mine: Identifier, other: Identifier) -> None:
    """Let one row say what two said of the same number or address."""
    ended = mine.valid_to is not None
    if ended and other.valid_to is None:  # who still holds it says what it is
        for name in ("link_id", "raw", "label", "possible"):
            setattr(mine, name, getattr(other, name))
        mine.valid_to = None
    elif other.link_id is None and (other.valid_to is None or ended):
        mine.link_id = None  # a person says so too, and no source takes it back
    mine.valid_from = min(mine.valid_from, other.valid_from)
    mine.verified = mine.verified or other.verified
    mine.blocked = mine.blocked or other.blocked


def _gather_claims(session: Session, row: Merge, keep: Party, lose: Party, said: Sequence[Claim]) -> None:
    mine = session.scalars(select(Claim).where(Claim.party_id == keep.id)).all()
    words = {one.field for one in mine if one.link_id is None}
    outvoted = [one for one in said if one.link_id is None and one.field in words]
    moved = [one for one in said if one not in outvoted]
    journal.write(session, row, journal.SAID, before={"loser": journal.fingerprints(said)})
    for one in moved:
        if one.link_id is None:
            journal.write(session, row, journal.WORDS, [one.id], journal.dump(one))
    for one in outvoted:
        journal.write(session, row, journal.OUTVOTED, before=journal.dump(one))
    before = [_as_said(one) for one in mine]
    added = [_as_said(one) for one in moved]
    for one in outvoted:
        session.delete(one)
    for one in moved:
        one.party_id = keep.id
    session.flush()
    _settle(session, keep, lose, before, added)


def _settle(session: Session, keep: Party, lose: Party, before: Sequence[Said], added: Sequence[Said]) -> None:
    """Make what counts of everything that is now said of the winner."""
    changed = {one.field for one in added if not is_said_here(before, one.field)}
    link.settle(session, {keep.id: changed - {"kind", "company", "owner"}})
    own = {one.field for one in before if one.link_id is None}
    more = {name: value for name, value in lose.fields.items() if name not in keep.fields and name not in own | changed}
    if more:  # what nobody said, such as what a field begins with
        keep.fields = {**keep.fields, **more}
    if keep.kind == PartyKind.PERSON and not is_said_here(before, "company"):
        counts = golden([*before, *added], "company")
        is_theirs = is_said_here(added, "company") or (counts is not None and counts != golden(before, "company"))
        if (is_theirs and golden(added, "company") == counts) or (keep.company_id is None and counts is None):
            keep.company_id = lose.company_id
    if is_said_here(added, "owner") and not is_said_here(before, "owner"):
        keep.owner_id = lose.owner_id


def _as_said(one: Claim) -> Said:
    return Said(one.field, one.value, one.link_id, one.observed_at, one.id)
