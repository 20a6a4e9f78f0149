"""What of ours becomes one record of a CRM: each call, each mail of a conversation, each meeting, note, lead and task.

A thing is named by its kind and its public id; this name is the key of everything that is known of its copies.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Self
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from hub.crm.targets import CHOICES, TASK
from hub.mail.models import MailMessage, MailThread
from hub.timeline.models import Interaction, Kind, Participant

PERSON = "person"  # somebody who was made there


class Thing(NamedTuple):
    """One of ours. Of a mail the id is the message's, not the conversation's."""

    kind: str
    id: UUID

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what `str` wrote."""
        kind, _, number = text.partition(":")
        return cls(kind, UUID(number))


def of_interactions(
    session: Session, which: Collection[int], kinds: Collection[str], since: datetime, *, but_of: int
) -> Sequence[Thing]:
    """Return what of some rows of the timeline is written, oldest first.

    Args:
        but_of: the account that is written to: what came from there is there.
    """
    wanted = [one for one in kinds if one in CHOICES and one not in {TASK, Kind.EMAIL}]
    found: list[tuple[datetime, Thing]] = []
    rows = select(Interaction.started_at, Interaction.kind, Interaction.public_id).where(
        Interaction.id.in_(which), Interaction.kind.in_(wanted), Interaction.started_at >= since,
        Interaction.account_id.is_(None) | (Interaction.account_id != but_of),
    )  # fmt: skip
    found += [(row.started_at, Thing(row.kind, row.public_id)) for row in session.execute(rows)]
    if Kind.EMAIL in kinds:
        mails = (
            select(MailMessage.at, MailMessage.public_id)
            .join(MailThread, MailThread.id == MailMessage.thread_id)
            .where(MailThread.interaction_id.in_(which), MailMessage.at >= since)
        )
        found += [(row.at, Thing(Kind.EMAIL, row.public_id)) for row in session.execute(mails)]
    return [thing for _, thing in sorted(found)]


def with_party(party_ids: Collection[int], since: datetime, most: int) -> Select[int]:
    """Return a query for rows of the timeline that somebody takes part in, the newest first."""
    of = (Participant.party_id.in_(party_ids), Participant.started_at >= since)
    return select(Participant.interaction_id).where(*of).order_by(Participant.started_at.desc()).limit(most)
