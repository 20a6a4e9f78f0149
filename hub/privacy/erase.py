"""Erase somebody: a row of work, done step by step and page by page.

    ask      one transaction: who they are goes, their records become tombstones, and what must not come back is marked
    run      their history, page by page; each page is one transaction under the fence of the lease
    clean    at the end the file itself, in which a database leaves what it deleted until the place is used again

From the moment of `ask` nobody finds them, and nothing that comes in is put with them. What is still to be looked for is
kept sealed in the row until the last step is done. A process that dies at any line repeats a page: a page takes away what
it was found by, so nothing is done twice and nothing is forgotten. A file goes before its row says so, and one that is gone
already is well.

What stays, and why, is said before (`preview`): what other customers have a part in, documents of ledgers, that there
was a call or a lead, consent as a proof that names nobody, and who of us did what (the audit, without its details).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.cti.models import CallRow, Recording
from hub.errors import RetryLaterError, UserError
from hub.events import types
from hub.events.tell import tell
from hub.identity import link, search
from hub.identity.callers import PHONE
from hub.identity.models import (
    Claim,
    Conflict,
    ContactPhoto,
    Identifier,
    Link,
    Merge,
    MergeItem,
    MergeState,
    NotSame,
    NumberRule,
    Party,
    PartyStatus,
    Review,
)
from hub.identity.parties import judge_shared
from hub.intake.models import Account
from hub.leads.models import LeadRow
from hub.privacy import clean, holds
from hub.privacy.columns import emptied
from hub.privacy.masks import forget_records, mask_leads, raws_of
from hub.privacy.models import Erasure, ErasureStatus
from hub.privacy.scope import Known, closure, known_of, look, with_others
from hub.privacy.shelves import Shelves, drop_photos, purge
from hub.privacy.steps import MONEY, STEPS, Eraser, NotYetError, Work, calls_of
from hub.security import audit, suppression
from hub.security.policy import Person
from hub.security.vault import Vault
from hub.store.base import Base, now
from hub.store.turn import in_turn
from hub.timeline.models import Interaction, Note, NoteFile, Participant, Task
from hub.work.lease import Lease, release
from hub.work.shift import Pace, shift

AGAIN = timedelta(minutes=5)  # before an erasure that cannot go on is tried again
TEXTS = (
    "party_text",
    "interaction_text",
    "document_text",
)  # begin the names of full-text tables, which no model declares
_log = log.get(__name__)


# --- asked for ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Preview:
    """What erasing somebody will do."""

    parties: int  # with those that were merged into it
    held_by: tuple[str, ...]  # reasons of legal hold: nothing can be erased
    counts: dict[str, int]  # what goes, by kind
    shared: int  # interactions in which other customers have a part: their words stay
    documents: int  # of ledgers, which keep the name
    others: tuple[tuple[str, str], ...]  # identifiers that other customers have too, as kind and value
    remote: tuple[tuple[str, str, str], ...]  # account, stream and id of what others hold and have to erase themselves


def preview(session: Session, party: Party) -> Preview:
    """Say what erasing a party will do; changes nothing."""
    ids = closure(session, party.id)
    known = look(session, ids)
    mine = select(Participant.interaction_id).where(Participant.party_id.in_(ids))
    others = with_others(ids, Interaction.id, Participant)
    kinds = select(Interaction.kind, func.count()).where(Interaction.id.in_(mine), ~others).group_by(Interaction.kind)
    counts = {str(kind): int(count) for kind, count in session.execute(kinds).all()}
    documents = sum(counts.pop(kind, 0) for kind in MONEY)
    counts |= {
        "notes": _count(session, Note, Note.party_id.in_(ids)),
        "note files": _count(session, NoteFile, NoteFile.note_id.in_(select(Note.id).where(Note.party_id.in_(ids)))),
        "tasks": _count(session, Task, Task.party_id.in_(ids)),
        "records": _count(session, Link, Link.party_id.in_(ids)),
        "identifiers": _count(session, Identifier, Identifier.party_id.in_(ids)),
        "recordings": _count(session, Recording, Recording.call_id.in_(select(CallRow.id).where(calls_of(known)))),
        "merges": _count(session, Merge, Merge.winner_id.in_(ids) | Merge.loser_id.in_(ids)),
    }
    shared = select(func.count()).select_from(Interaction).where(Interaction.id.in_(mine), others)
    held = session.execute(select(Identifier.kind, Identifier.value).where(Identifier.party_id.in_(ids)))
    return Preview(
        parties=len(ids),
        held_by=tuple(row.reason for row in holds.of_party(session, party.id)),
        counts={kind: count for kind, count in counts.items() if count},
        shared=session.scalar(shared) or 0,
        documents=documents,
        others=tuple(sorted({(row.kind, row.value) for row in held} - set(known.points))),
        remote=tuple(_remote(session, ids)),
    )


def ask(session: Session, vault: Vault, person: Person | None, party: Party, on: Shelves) -> Erasure:
    """Erase a party, with all that were merged into it: who they are at once, their history next.

    Asked again, what is under way is returned.

    Raises:
        UserError: it is under legal hold, is being taken apart, or somebody is talking with them right now.
    """
    in_turn(session, Party.__tablename__)
    ids = closure(session, party.id)
    query = select(Party).where(Party.id.in_(ids)).order_by(Party.id).with_for_update()
    parties = session.scalars(query.execution_options(populate_existing=True)).all()
    root = next(one for one in parties if one.id == ids[0])
    if root.status == PartyStatus.ERASED:
        row = session.scalar(select(Erasure).where(Erasure.party_id == root.id))
        if row is not None:
            return row
    if some := holds.of_party(session, root.id):
        raise UserError(f"This customer must be kept: {some[0].reason}", error_id="legal_hold")
    either = Merge.winner_id.in_(ids) | Merge.loser_id.in_(ids)
    if session.scalar(select(Merge.id).where(either, Merge.state == MergeState.UNDOING).limit(1)) is not None:
        raise UserError("This customer is being taken apart; erase them in a moment.", error_id="being_undone")
    known = look(session, ids)
    if session.scalar(select(CallRow.id).where(CallRow.open, CallRow.party_id.in_(ids)).limit(1)) is not None:
        raise UserError("Somebody is talking with this customer; erase them after the call.", error_id="in_a_call")
    left = [{"account": account, "stream": stream, "record": name} for account, stream, name in _remote(session, ids)]
    row = Erasure(
        party_id=root.id,
        asked_by=person.id if person and person.id else None,
        known=vault.seal({"known": json.dumps(known.as_json())}),
        left=vault.seal({"left": json.dumps(left)}) if left else "",
        counts={"parties": len(ids)},
    )
    session.add(row)
    audit.record(session, person, "party.erased", "party", root.public_id)
    _identity(session, known, on)
    session.refresh(row)
    return row


def left(vault: Vault, row: Erasure) -> list[dict[str, str]]:
    """Return what others hold of somebody who was erased here, and have to erase themselves."""
    found: list[dict[str, str]] = json.loads(vault.open(row.left).get("left", "[]"))
    return found


def _remote(session: Session, ids: Sequence[int]) -> list[tuple[str, str, str]]:
    query = (
        select(Account.name, Link.stream, Link.remote_id)
        .join(Account, Account.id == Link.account_id)
        .where(Link.party_id.in_(ids), Link.gone_at.is_(None))
        .order_by(Account.name, Link.stream, Link.id)
    )
    return [(name, stream, remote_id) for name, stream, remote_id in session.execute(query).all()]


def _count(session: Session, model: type[Base], where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(model).where(where)) or 0


# --- who they are -------------------------------------------------------------------------------------------------


def _identity(session: Session, known: Known, on: Shelves) -> None:
    """Take away who they are, and see that no source brings them back."""
    ids = known.parties
    links = session.scalars(select(Link).where(Link.party_id.in_(ids)).order_by(Link.id)).all()
    keys = [(row.account_id, row.stream, row.remote_id) for row in links]
    suppression.suppress(session, [*known.points, *(("record", str(a), s, r) for a, s, r in keys)])
    leads: list[int] = []
    for account_id, _, remote_id in keys:
        which = (LeadRow.account_id == account_id) & (LeadRow.remote_id == remote_id)
        leads += session.scalars(select(LeadRow.id).where(which)).all()
    mask_leads(session, leads)
    link_ids = [row.id for row in links]
    drop_photos(session, on, ContactPhoto.link_id.in_(link_ids))
    forget_records(session, {row.raw_record_id for row in links} | raws_of(session, keys))
    for model in (Conflict, Claim, Identifier):
        session.execute(delete(model).where(model.party_id.in_(ids)))
    session.execute(delete(Conflict).where(Conflict.link_id.in_(link_ids)))
    session.execute(delete(Link).where(Link.id.in_(link_ids)))
    _merges(session, ids)
    staff = session.scalars(select(Party.id).where(Party.company_id.in_(ids), Party.id.not_in(ids))).all()
    session.execute(update(Party).where(Party.company_id.in_(ids)).values(company_id=None))
    session.execute(delete(NumberRule).where(NumberRule.value.in_(known.values(PHONE))))
    link.erase(session, ids)
    for public_id in session.scalars(select(Party.public_id).where(Party.id.in_(ids))):
        tell(session, types.PARTY_ERASED, public_id, {"id": str(public_id)})
    session.execute(update(Party).where(Party.id.in_(ids)).values(owner_id=None, business_id=None, **emptied(Party)))
    search.refresh_all(session, staff)
    judge_shared(session, known.points)
    session.expire_all()


def _merges(session: Session, ids: Sequence[int]) -> None:
    """Empty the journal: what was merged can be taken apart no more."""
    which = Merge.winner_id.in_(ids) | Merge.loser_id.in_(ids)
    of_them = select(Merge.id).where(which)
    session.execute(delete(MergeItem).where(MergeItem.merge_id.in_(of_them)))
    session.execute(update(Merge).where(which).values(**emptied(Merge)))
    done = {
        "state": MergeState.DONE,
        "due_at": None,
        "owner": "",
        "lease_until": None,
    }  # what had not moved yet goes too
    session.execute(update(Merge).where(which, Merge.state == MergeState.MOVING).values(done))
    session.execute(delete(Review).where(Review.a_id.in_(ids) | Review.b_id.in_(ids)))
    session.execute(delete(NotSame).where(NotSame.a_id.in_(ids) | NotSame.b_id.in_(ids)))


# --- the work -----------------------------------------------------------------------------------------------------


def due() -> ColumnElement[bool]:
    """Return which erasures go on now."""
    return Erasure.due_at <= now()


def run(eraser: Eraser, lease: Lease) -> None:
    """Go on with an erasure, until it is done, cannot go on, or somebody took over."""
    with shift(eraser.db, Erasure, lease, Pace(eraser.lease_s, wait=AGAIN)) as at:
        with eraser.db.read() as session:
            row = session.get_one(Erasure, lease.id)
        known = json.loads(eraser.vault.open(row.known)["known"])
        work = Work(at, known_of(known), Counter(row.counts), left(eraser.vault, row))
        try:
            _go_on(eraser, work, row.step)
        except NotYetError as error:
            at.wait(str(error))
        except RetryLaterError:
            at.wait("An exchange whose recordings must go is away.")
        _log.info("an erasure", erasure=row.id, **{name.replace(" ", "_"): n for name, n in work.counts.items()})


def _go_on(eraser: Eraser, work: Work, first: int) -> None:
    mine = update(Erasure).where(Erasure.id == work.at.lease.id)
    for number, step in enumerate(STEPS):
        if number >= first:
            step(eraser, work)
            with eraser.page(work) as session:
                session.execute(mine.values(step=number + 1, error=""))
    _files(eraser, work)
    with eraser.page(work) as session:
        done = {"status": ErasureStatus.DONE, "known": "", "due_at": None, "ended_at": now(), "error": ""}
        release(session, Erasure, work.at.lease, **done)


def _files(eraser: Eraser, work: Work) -> None:
    """Remove files that no row points to any more, such as a picture that was replaced, and clean the file itself."""
    with eraser.page(work) as session:
        purge(session, eraser.shelves)
    try:
        clean.file(eraser.db)
    except clean.BusyError as error:
        raise NotYetError(str(error)) from None
