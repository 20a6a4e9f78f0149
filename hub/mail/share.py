"""Who sees what a conversation says: its mailboxes' rule, or what a person chose for this one conversation."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, NotFoundError, UserError
from hub.mail.models import MailCopy, MailMessage, MailThread
from hub.mail.take import STRICTNESS
from hub.security import audit
from hub.security.policy import Person, may_share_mail
from hub.store.turn import in_turn
from hub.timeline import index
from hub.timeline.models import Interaction

USUAL = ""  # nobody chose: the strictest of its mailboxes


@dataclass(frozen=True, slots=True)
class Sharing:
    """Who sees a conversation, for somebody who may change it."""

    chosen: str  # one of `STRICTNESS`, or USUAL
    usual: str  # what USUAL comes to


def of_item(session: Session, person: Person, interaction_id: int) -> Sharing | None:
    """Return who sees a row of the timeline; None where it is no conversation, or not this person's to change."""
    thread = _thread(session, interaction_id)
    if thread is None:
        return None
    copies = _copies(session, thread)
    return Sharing(thread.visibility, _usual(copies)) if may_share_mail(person, _owners(copies)) else None


def choose(session: Session, person: Person, interaction_id: int, visibility: str, *, address: str = "") -> Sharing:
    """Choose who sees a conversation from now on.

    Raises:
        NotFoundError: the row is no conversation.
        ForbiddenError: it is in none of the person's mailboxes, nor is the person an administrator.
    """
    if visibility not in {USUAL, *STRICTNESS}:
        raise UserError("Choose from the list.", error_id="bad_choice", field="visibility")
    in_turn(session, MailMessage.__tablename__)  # else a mail that comes in now would bring the old rule back
    thread = _thread(session, interaction_id)
    if thread is None:
        raise NotFoundError("There is no such conversation.")
    copies = _copies(session, thread)
    if not may_share_mail(person, _owners(copies)):
        raise ForbiddenError("Only whose mailbox it is in, or an administrator, can choose who sees it.")
    row = session.get_one(Interaction, interaction_id)
    was, usual = row.visibility, _usual(copies)
    thread.visibility = visibility
    row.visibility = visibility or usual
    index.refresh(session, [interaction_id])
    audit.record(
        session, person, "mail.visibility", "interaction", row.public_id, address=address, was=was, now=row.visibility
    )
    return Sharing(visibility, usual)


def _thread(session: Session, interaction_id: int) -> MailThread | None:
    return session.scalar(select(MailThread).where(MailThread.interaction_id == interaction_id))


def _copies(session: Session, thread: MailThread) -> Sequence[tuple[int | None, str]]:
    query = select(MailCopy.user_id, MailCopy.visibility).join(MailMessage, MailMessage.id == MailCopy.message_id)
    found = session.execute(query.where(MailMessage.thread_id == thread.id).distinct())
    return [(row.user_id, row.visibility) for row in found]


def _owners(copies: Collection[tuple[int | None, str]]) -> set[int]:
    return {user_id for user_id, _ in copies if user_id is not None}


def _usual(copies: Collection[tuple[int | None, str]]) -> str:
    return max((visibility for _, visibility in copies), key=STRICTNESS.index, default="owner")
