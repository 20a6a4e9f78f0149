"""Differences between contacts and parties that a person settles: what was chosen, and the other word instead of it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity import in_step, parties
from hub.identity.models import Conflict, Link, Party, PartyKind, PartyStatus, SharedRecord
from hub.outbound.merge import Side
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.public import by_public_id
from hub.store.turn import in_turn

MOST = 200  # of one page
CHOICES = (Side.HUB, Side.REMOTE)


def get(session: Session, public_id: UUID) -> Conflict:
    """Return a conflict.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, Conflict, public_id, "There is no such difference.", lock=True)


def waiting(session: Session, account_id: int | None = None, *, limit: int = MOST) -> Sequence[Conflict]:
    """Return conflicts that nobody looked at yet: first those that only a person can decide, then the newest."""
    query = select(Conflict).where(Conflict.settled_at.is_(None))
    if account_id is not None:
        query = query.where(Conflict.account_id == account_id)
    return session.scalars(query.order_by(Conflict.winner != "", Conflict.id.desc()).limit(limit)).all()


def count(session: Session) -> dict[int, int]:
    """Return how many conflicts wait, by account."""
    query = select(Conflict.account_id, func.count()).where(Conflict.settled_at.is_(None))
    return dict(session.execute(query.group_by(Conflict.account_id)).all())


def settle(session: Session, person: Person | None, row: Conflict, choice: str) -> None:
    """Let one side's word count on both; it is this person's word from now on.

    Raises:
        UserError: it is settled already, or the word can no longer be said.
    """
    if choice not in CHOICES:
        raise UserError("Choose one of the two.", error_id="bad_choice", field="choice")
    if row.settled_at is not None:
        raise UserError("Somebody settled this meanwhile.", error_id="settled")
    in_turn(session, Party.__tablename__)
    link, party = session.get_one(Link, row.link_id), session.get_one(Party, row.party_id)
    shared = session.scalar(select(SharedRecord).where(SharedRecord.link_id == link.id).with_for_update())
    if party.status == PartyStatus.ACTIVE:
        value = (row.ours if choice == Side.HUB else row.theirs).get("value")
        _say(session, person, party, row.field, value)
        if shared is not None:  # what the hub says now is to be there, unless it is
            shared.ours = {**shared.ours, row.field: shared.base.get(row.field)}
            session.flush()
            in_step.tell(session, [party.id])
    row.settled_at, row.settled_by, row.choice = now(), person.id if person and person.id else None, choice
    audit.record(session, person, "conflict.settled", "party", party.public_id, field=row.field, choice=choice)


def accept(session: Session, person: Person | None, row: Conflict) -> None:
    """Leave it as the policy chose.

    Raises:
        UserError: there nobody chose yet.
    """
    if not row.winner:
        raise UserError("Choose one of the two.", error_id="bad_choice", field="choice")
    if row.settled_at is None:
        row.settled_at, row.settled_by, row.choice = now(), person.id if person and person.id else None, row.winner
        audit.record(session, person, "conflict.accepted", "party", row.party_id, field=row.field)


def _say(session: Session, person: Person | None, party: Party, field: str, value: Any) -> None:
    """Let a person say it."""
    text = str(value or "")
    if field == "name" or (field == "company" and party.kind == PartyKind.COMPANY):
        parties.edit(session, person, party, name=text)
    elif field == "company":
        parties.edit(session, person, party, company=parties.company_named(session, person, text))
    elif field == "job_title":
        parties.edit(session, person, party, job_title=text)


# --- what stands still --------------------------------------------------------------------------------------------


def frozen(session: Session, account_id: int | None = None) -> Sequence[tuple[SharedRecord, Link, Party]]:
    """Return contacts that went round too often, the oldest first."""
    query = (
        select(SharedRecord, Link, Party)
        .join(Link, Link.id == SharedRecord.link_id)
        .join(Party, Party.id == Link.party_id)
        .where(SharedRecord.frozen_at.is_not(None))
        .order_by(SharedRecord.frozen_at)
        .limit(MOST)
    )
    if account_id is not None:
        query = query.where(Link.account_id == account_id)
    return [(shared, link, party) for shared, link, party in session.execute(query)]


def go_on(session: Session, person: Person | None, number: int) -> None:
    """Let a contact that went round too often be kept in step again.

    Raises:
        NotFoundError: it does not stand still.
    """
    query = select(SharedRecord).where(SharedRecord.id == number, SharedRecord.frozen_at.is_not(None))
    shared = session.scalar(query.with_for_update())
    if shared is None:
        raise NotFoundError("This contact does not stand still any more.")
    shared.frozen_at, shared.round_trips, shared.answered = None, [], False
    link = session.get_one(Link, shared.link_id)
    session.flush()
    in_step.plan(session, [link])
    audit.record(session, person, "contact.goes_on", "party", link.party_id)
