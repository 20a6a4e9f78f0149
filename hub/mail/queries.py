"""What a conversation says, as a page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.mail.models import MailMessage, MailThread
from hub.mail.quote import without_quote

MOST = 50  # messages of one conversation that are shown at once, the newest


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `text` is without what it quotes, where it quotes anything; `whole` is all of it."""

    id: UUID
    at: datetime
    outbound: bool
    people: Mapping[str, Sequence[Mapping[str, str]]]  # role -> name and address of each
    text: str
    whole: str
    files: Sequence[Mapping[str, Any]]  # name, type, size in bytes


def of_item(session: Session, interaction_id: int) -> list[Message]:
    """Return the messages of a row of the timeline, the oldest first; none where it is no conversation.

    Whoever asks has made sure that the person may read them (`timeline.queries.item`).
    """
    rows = session.scalars(
        select(MailMessage)
        .join(MailThread, MailThread.id == MailMessage.thread_id)
        .where(MailThread.interaction_id == interaction_id)
        .order_by(MailMessage.at.desc(), MailMessage.id.desc())
        .limit(MOST)
    )
    return [_shown(row) for row in reversed(rows.all())]


def _shown(row: MailMessage) -> Message:
    whole = row.text.strip()
    own = without_quote(whole).strip() or whole
    files = [one for one in row.attachments if not one["inline"]]
    return Message(row.public_id, row.at, row.outbound, row.people, own, whole, files)
