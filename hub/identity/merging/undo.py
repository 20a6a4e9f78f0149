"""Take a merge back: everything of the loser is the loser's again, and what was added since is with whom it belongs.

Right after the merge every row is as it was. Later, what sources said since goes with its record, what happened since
with the number it happened on, and what people wrote or decided on the page of both stays with the winner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity import link, told
from hub.identity import parties as store
from hub.identity.claims import is_said_here
from hub.identity.merging import history, journal, moves, pair, part
from hub.identity.merging.merge import AT_ONCE
from hub.identity.merging.part import Parting
from hub.identity.models import (
    Claim,
    Identifier,
    Link,
    Merge,
    MergeItem,
    MergeState,
    NotSame,
    Party,
    PartyStatus,
    Review,
    ReviewState,
)
from hub.identity.points import Key
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.public import by_public_id
from hub.store.turn import in_turn

SPLIT = "split"  # rule of a merge that never was: a party was taken apart
MOST_TOLD = 100  # of what stays with the winner
SHOWN = 200  # merges of a customer on its page


@dataclass(frozen=True, slots=True)
class Stayed:
    """Something that people wrote on the page of both; it is the winner's now."""

    kind: str  # name of the table
    id: UUID


def get(session: Session, public_id: UUID) -> Merge:
    """Return a merge by the id that pages and programs use.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, Merge, public_id, "There is no such merge.")


def of_party(session: Session, party: Party, *, before: int | None = None, limit: int = SHOWN) -> Sequence[Merge]:
    """Return the merges that made a party what it is, and those that were taken back; the newest first.

    Args:
        before: id of a merge behind which to go on.
    """
    ids = store.with_merged(session, party)
    query = select(Merge).where(or_(Merge.winner_id.in_(ids), Merge.loser_id.in_(ids)))
    if before is not None:
        query = query.where(Merge.id < before)
    return session.scalars(query.order_by(Merge.id.desc()).limit(limit)).all()


def on_top(session: Session, row: Merge) -> Sequence[Merge]:
    """Return the merges that must be taken back before this one, in this order."""
    found: dict[int, Merge] = {}
    open_ones = {(row.id, row.winner_id)}
    while open_ones:
        number, party_id = open_ones.pop()
        query = select(Merge).where(
            Merge.id > number, Merge.rule != SPLIT, Merge.state.in_({MergeState.MOVING, MergeState.DONE}),
            or_(Merge.winner_id == party_id, Merge.loser_id == party_id),
        )  # fmt: skip
        for later in session.scalars(query):
            if later.id not in found:
                found[later.id] = later
                open_ones.add((later.id, later.winner_id))
    return sorted(found.values(), key=lambda one: -one.id)


def undo(session: Session, person: Person | None, row: Merge) -> list[Stayed]:
    """Take a merge back; returns what people wrote since, which stays with the winner.

    Raises:
        UserError: it is undone already, still moving, or another merge is on top of it (`on_top`).
    """
    in_turn(session, Party.__tablename__)
    session.flush()
    session.refresh(row, with_for_update=True)
    keep, leave = pair.of(session, row)
    _check(session, row, keep, leave)
    leave.status, leave.merged_into, leave.version = PartyStatus.ACTIVE, None, leave.version + 1
    keep.version += 1
    followers = journal.ids(session, row, journal.MERGED)
    back = update(Party).where(Party.id.in_(followers), Party.merged_into == keep.id)
    session.execute(back.values(merged_into=leave.id))
    changed = _part(session, row, keep, leave)
    _columns(session, row, keep, changed)
    session.flush()
    here = set(session.scalars(select(Claim.field).where(Claim.party_id == keep.id, Claim.link_id.is_(None))))
    link.settle(session, {keep.id: changed[keep.id] - {"kind"} - here, leave.id: changed[leave.id] - {"kind", "owner"}})
    session.execute(_not_the_journal_of_history(row))
    stayed = _stayed(session, row)
    row.state, row.undone_at, row.due_at, row.moved_at = MergeState.UNDOING, now(), now(), None
    row.undone_by = person.id if person and person.id else None
    row.owner, row.lease_until, row.before = "", None, {}
    session.flush()
    history.advance(session, row, AT_ONCE)
    keep_apart(session, person, keep.id, leave.id)
    pair.told(session, [keep, leave])
    facts = {"merge": str(row.public_id), "other": str(leave.public_id)}
    told.merged(session, keep, leave, apart=True)
    audit.record(session, person, "party.unmerged", "party", keep.public_id, **facts)
    return stayed


def keep_apart(session: Session, person: Person | None, one: int, other: int) -> None:
    """Write down that two parties are not the same, so that no program merges them or asks whether they are."""
    a_id, b_id = sorted((one, other))
    by = person.id if person and person.id else None
    known = session.scalar(select(NotSame.id).where(NotSame.a_id == a_id, NotSame.b_id == b_id))
    if known is None:
        session.add(NotSame(a_id=a_id, b_id=b_id, by_id=by))
        session.flush()
    session.execute(
        update(Review)
        .where(Review.a_id == a_id, Review.b_id == b_id)
        .values(state=ReviewState.NOT_SAME, decided_by=by, decided_at=now())
    )


def _check(session: Session, row: Merge, keep: Party, leave: Party) -> None:
    if row.rule == SPLIT:
        raise UserError("These were taken apart; merge them to make one of them again.", error_id="conflict")
    if row.state in {MergeState.UNDOING, MergeState.UNDONE}:
        raise UserError("This merge was taken back already.", error_id="conflict")
    if later := on_top(session, row):
        names = dict(
            session.execute(select(Party.id, Party.name).where(Party.id.in_({one.loser_id for one in later}))).all()
        )
        told = "; ".join(f"{names[one.loser_id]} ({one.at:%Y-%m-%d %H:%M} UTC, {one.public_id})" for one in later)
        raise UserError(
            f"Take back what was merged on top of it first, in this order: {told}.", error_id="merged_on_top"
        )
    if PartyStatus.ERASED in (keep.status, leave.status):
        raise UserError("One of them was erased; this merge cannot be taken back any more.", error_id="erased")
    if keep.status != PartyStatus.ACTIVE or leave.merged_into != keep.id:
        raise UserError("They are not one customer of their own any more.", error_id="conflict")
    pair.check_still(session, keep.id, leave.id)


def _stayed(session: Session, row: Merge) -> list[Stayed]:
    found = []
    for of in moves.BY_PEOPLE:
        mark = row.marks.get(of.name, 0)
        query = select(of.c.public_id).where(of.c.party_id == row.winner_id, of.c.id > mark).order_by(of.c.id)
        found += [Stayed(of.name, one) for one in session.scalars(query.limit(MOST_TOLD))]
    return found


def _not_the_journal_of_history(row: Merge) -> Any:
    """Forget what is back already: it holds what people and sources said."""
    mine = delete(MergeItem).where(MergeItem.merge_id == row.id, MergeItem.what.not_in(list(moves.BY_NAME)))
    return mine.execution_options(synchronize_session=False)


# --- what was said --------------------------------------------------------------------------------------------------


def _part(session: Session, row: Merge, keep: Party, leave: Party) -> dict[int, set[str]]:
    """Give the loser back what was said of it; returns by party the fields of which something else is said since."""
    by_link = part.said_by(session, [keep.id])
    moved, own = journal.ids(session, row, journal.LINKS), journal.ids(session, row, journal.OWN_LINKS)
    leaving = _leaving(session, row, keep, moved, own, by_link)
    parting = Parting(keep, leave, leaving)
    said = {
        keep.id: _snapshot(session, row, "winner"),
        leave.id: _snapshot(session, row, "loser"),
    }
    part.move_links(session, parting)
    _words(session, row, keep, leave)
    _identifiers(session, row, keep, leave)
    changed: dict[int, set[str]] = {}
    for party, _ in parting.others:
        present = session.scalars(select(Claim).where(Claim.party_id == party.id)).all()
        changed[party.id] = _changed(said[party.id], present)
        news = [one for one in present if said[party.id].get(str(one.id), ("", ""))[0] != journal.fingerprint(one)]
        parting.brought[party.id] = part.keys_of(one for one in news if one.link_id is not None)
    _judge_shared(session, row, part.share_identifiers(session, parting), parting)
    return changed


def _judge_shared(session: Session, row: Merge, touched: set[Key], parting: Parting) -> None:
    """Say what is shared now; where the same hold a number as before the merge, it is as it was."""
    before = {key: flags for item in journal.lines(session, row, journal.SHARED) for key, flags in item.before.items()}
    held = select(Identifier.kind, Identifier.value).where(
        Identifier.party_id.in_([party.id for party, _ in parting.others])
    )
    touched |= {(kind, value) for kind, value in session.execute(held)}
    present = journal.flags(session, touched)
    again = set()
    for kind, value in touched:
        was = before.get(f"{kind} {value}", {})
        if was.keys() != present.get(f"{kind} {value}", {}).keys():
            again.add((kind, value))
            continue
        for shared in (True, False):
            ids = [int(number) for number, flag in was.items() if flag is shared]
            session.execute(update(Identifier).where(Identifier.id.in_(ids)).values(shared=shared))
    store.judge_shared(session, again)


def _leaving(
    session: Session, row: Merge, keep: Party, moved: set[int], own: set[int], by_link: dict[int, list[Claim]]
) -> set[int]:
    """Return the links that go: those that came, and of those made since the ones that only the loser's numbers speak for."""
    present = session.scalars(select(Link.id).where(Link.party_id == keep.id).order_by(Link.id)).all()
    leaving = moved.intersection(present)
    theirs, ours = (part.keys_of(one for number in side for one in by_link.get(number, ())) for side in (moved, own))
    kept = select(Identifier).where(Identifier.id.in_(journal.ids(session, row, journal.OWN_IDENTIFIERS)))
    ours |= {(one.kind, one.value) for one in session.scalars(kept) if one.party_id == keep.id}
    for item in journal.lines(session, row, journal.IDENTIFIERS):
        theirs |= {(kind, value) for kind, value in item.before.values()}
    for item in journal.lines(session, row, journal.JOINED):
        theirs.add((item.before["loser"]["kind"], item.before["loser"]["value"]))
    for number in present:
        keys = part.keys_of(by_link.get(number, ()))
        if number not in moved | own and keys & theirs and not keys & ours:
            leaving.add(number)
            theirs |= keys
    return leaving


def _snapshot(session: Session, row: Merge, whose: str) -> dict[str, tuple[str, str]]:
    """Return what claims said when the merge happened: fingerprint and field by their number."""
    found: dict[str, tuple[str, str]] = {}
    for item in journal.lines(session, row, journal.SAID):
        found |= {number: (mark, field) for number, (mark, field) in item.before.get(whose, {}).items()}
    return found


def _changed(before: dict[str, tuple[str, str]], present: Sequence[Claim]) -> set[str]:
    """Return the fields of which something else is said now."""
    now_said = {str(one.id): (journal.fingerprint(one), one.field) for one in present}
    return {field for number in before.keys() | now_said.keys()
            for field in _either(before.get(number), now_said.get(number))}  # fmt: skip


def _either(before: tuple[str, str] | None, after: tuple[str, str] | None) -> set[str]:
    return set() if before == after else {one[1] for one in (before, after) if one is not None}


def _words(session: Session, row: Merge, keep: Party, leave: Party) -> None:
    """Give back what people said of the loser. What they said since, of both, stays with the winner."""
    for item in journal.lines(session, row, journal.WORDS):
        claim = session.get(Claim, item.ids[0])
        if claim is None or claim.party_id != keep.id or claim.field != item.before["field"]:
            continue  # since then it was taken back
        if journal.dump(claim) == {**item.before, "party_id": keep.id}:
            claim.party_id = leave.id
        else:
            journal.restore(session, Claim, item.before, party_id=leave.id)
    session.flush()
    for item in journal.lines(session, row, journal.OUTVOTED):
        journal.restore(session, Claim, item.before, party_id=leave.id)


def _identifiers(session: Session, row: Merge, keep: Party, leave: Party) -> None:
    """Give back the numbers and addresses that the journal knows, as they are now or as they were."""
    for item in journal.lines(session, row, journal.IDENTIFIERS):
        for number, key in item.before.items():
            one = session.get(Identifier, int(number))
            if one is not None and one.party_id == keep.id and [one.kind, one.value] == key:
                one.party_id = leave.id
    for item in journal.lines(session, row, journal.JOINED):
        mine, theirs = item.before["winner"], item.before["loser"]
        one = session.get(Identifier, mine["id"])
        if one is not None and (one.party_id, one.kind, one.value) != (keep.id, mine["kind"], mine["value"]):
            one = None  # the number of a row that is no more
        if one is not None and journal.is_as(one, item.before["after"]) and _is_held(session, mine, keep):
            for name, value in journal.undump(Identifier, mine).items():
                setattr(one, name, value)
        elif one is not None and mine["link_id"] is None:
            one.link_id = None
        if _is_held(session, theirs, leave):
            journal.restore(session, Identifier, theirs, party_id=leave.id)
    session.flush()


def _is_held(session: Session, said: dict[str, Any], party: Party) -> bool:
    """Say whether whoever said it is still there: a person, or a record of this party."""
    link_row = session.get(Link, said["link_id"]) if said["link_id"] is not None else None
    return said["link_id"] is None or (link_row is not None and link_row.party_id == party.id)


def _columns(session: Session, row: Merge, keep: Party, changed: dict[int, set[str]]) -> None:
    """Make the winner's own columns what they were, but for what was said of it since."""
    news, before, after = changed[keep.id], row.before["winner"], row.before["after"]
    fields = {name: value for name, value in keep.fields.items() if name in news}
    keep.fields = {**{name: value for name, value in before["fields"].items() if name not in news}, **fields}
    if not news & {"name", "emails", "phones"}:
        keep.name = before["name"]
    said = part.as_said(session.scalars(select(Claim).where(Claim.party_id == keep.id, Claim.link_id.is_(None))))
    if "company" not in news or not is_said_here(said, "company"):
        keep.company_id = before["company_id"] if keep.company_id == after["company_id"] else keep.company_id
    for name in ("owner_id", "business_id"):
        if name.removesuffix("_id") not in news and getattr(keep, name) == after[name]:
            setattr(keep, name, before[name])
