"""What a conversation says, as a page shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from hub.errors import NotFoundError
from hub.mail.models import MailFile, MailMessage, MailThread
from hub.mail.quote import without_quote
from hub.security.policy import Person, Seen, sees
from hub.timeline.models import Interaction

MOST = 50  # messages of one conversation that are shown at once, the newest


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message. `state` is empty while nobody asked for it (models.FileState otherwise)."""

    message_id: UUID
    place: int  # in the message's `attachments`
    name: str
    media_type: str
    size: int  # bytes, as its mail says
    state: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `text` is without what it quotes, where it quotes anything; `whole` is all of it."""

    id: UUID
    at: datetime
    outbound: bool
    people: Mapping[str, Sequence[Mapping[str, str]]]  # role -> name and address of each
    text: str
    whole: str
    files: Sequence[File]
    has_page: bool  # it was sent as HTML too


@dataclass(frozen=True, slots=True)
class Readable:
    """A message that somebody may read, and the row of the timeline it belongs to."""

    row: MailMessage
    interaction_id: UUID


def of_item(session: Session, interaction_id: int) -> list[Message]:
    """Return the messages of a row of the timeline, the oldest first; none where it is no conversation.

    Whoever asks has made sure that the person may read them (`timeline.queries.item`).
    """
    found = session.execute(
        select(MailMessage, MailMessage.html != "")
        .options(defer(MailMessage.html))
        .join(MailThread, MailThread.id == MailMessage.thread_id)
        .where(MailThread.interaction_id == interaction_id)
        .order_by(MailMessage.at.desc(), MailMessage.id.desc())
        .limit(MOST)
    ).all()
    states = _states(session, [row.id for row, _ in found])
    return [_shown(row, has_page, states) for row, has_page in reversed(found)]


def readable(session: Session, person: Person, public_id: UUID) -> Readable:
    """Return a message for somebody who may read all of its conversation.

    Raises:
        NotFoundError: there is none, or it is not for this person.
    """
    found = session.execute(
        select(MailMessage, Interaction)
        .join(MailThread, MailThread.id == MailMessage.thread_id)
        .join(Interaction, Interaction.id == MailThread.interaction_id)
        .where(MailMessage.public_id == public_id)
    ).first()
    if found is not None:
        row, item = found
        among = item.detail.get("users", ())
        if sees(person, visibility=item.visibility, owner_id=item.owner_id, among=among) is Seen.FULL:
            return Readable(row, item.public_id)
    raise NotFoundError("There is no such mail, or it is not for you.")


def file(session: Session, found: MailMessage, place: int) -> File:
    """Return one file of a message.

    Raises:
        NotFoundError: it has none there.
    """
    if not 0 <= place < len(found.attachments):
        raise NotFoundError("The mail has no such file.")
    return _file(found, place, _states(session, [found.id]))


def _shown(row: MailMessage, has_page: bool, states: Mapping[tuple[int, int], str]) -> Message:  # noqa: FBT001 - a fact
    whole = row.text.strip()
    own = without_quote(whole).strip() or whole
    # A logo is part of the page; where there is none, nobody would ever see it otherwise.
    listed = [place for place, one in enumerate(row.attachments) if not (one["inline"] and has_page)]
    files = [_file(row, place, states) for place in listed]
    return Message(row.public_id, row.at, row.outbound, row.people, own, whole, files, has_page)


def _file(row: MailMessage, place: int, states: Mapping[tuple[int, int], str]) -> File:
    told: Any = row.attachments[place]
    return File(row.public_id, place, told["name"], told["type"], int(told["size"]), states.get((row.id, place), ""))


def _states(session: Session, message_ids: Sequence[int]) -> dict[tuple[int, int], str]:
    query = select(MailFile.message_id, MailFile.place, MailFile.state).where(MailFile.message_id.in_(message_ids))
    return {(row.message_id, row.place): row.state for row in session.execute(query)}
