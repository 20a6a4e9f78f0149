"""Conversations as people see them: what waits for an answer, all of them, and one of them whole."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from hub.errors import NotFoundError
from hub.identity.models import Party
from hub.intake.models import Account
from hub.messages.models import Conversation, MediaState, MessageMedia, MessageRow
from hub.records.call import Direction
from hub.records.message import Content
from hub.security.models import User
from hub.store.base import now

PAGE = 50
MOST = 200  # messages of one conversation on its page


@dataclass(frozen=True, slots=True)
class Shown:
    """One conversation in a list."""

    id: UUID
    number: int  # its row
    channel: str
    line: str
    account: str
    peer_name: str
    peer_phone: str
    party: UUID | None
    party_name: str
    owner: str
    owner_id: int | None
    last_at: datetime | None
    unanswered_since: datetime | None
    text: str = ""  # of the newest message that was received, else of the newest
    content: str = ""

    @property
    def name(self) -> str:
        """Who is at the other end, as well as it is known."""
        return self.party_name or self.peer_name or self.peer_phone


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message."""

    message: UUID
    place: int
    name: str
    said_type: str
    state: str
    reason: str
    size: int | None
    is_picture: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One message on a page."""

    id: UUID
    remote_id: str
    direction: str
    content: str
    text: str
    at: datetime
    state: str
    state_at: datetime | None
    reason: str
    who: str  # of us who wrote it here
    user_id: int | None
    answers: str  # the beginning of the message that it answers or is about
    files: tuple[File, ...]

    @property
    def outbound(self) -> bool:
        return self.direction == Direction.OUTBOUND


_OWNER = aliased(User)


def waiting_for(session: Session, user_id: int, *, late: timedelta, limit: int = PAGE) -> list[Shown]:
    """Return the conversations that one person should answer: own ones, nobody's, and those that others left too long.

    Args:
        late: after how long without an answer a conversation is everybody's.
    """
    owner = func.coalesce(Party.owner_id, Conversation.owner_id)
    mine = or_(owner == user_id, owner.is_(None), Conversation.unanswered_since < now() - late)
    query = _shown().where(Conversation.unanswered_since.is_not(None), mine)
    rows = session.execute(query.order_by(Conversation.unanswered_since, Conversation.id).limit(limit))
    return _with_texts(session, [_line(row) for row in rows])


def listed(
    session: Session,
    *,
    waits: bool = False,
    before: tuple[datetime, int] | None = None,
    limit: int = PAGE,
) -> list[Shown]:
    """Return conversations, the one that was used last first; `before` is time and number of the last one of a page."""
    query = _shown().where(Conversation.last_at.is_not(None))
    if waits:
        query = query.where(Conversation.unanswered_since.is_not(None))
    if before is not None:
        at, number = before
        query = query.where(or_(Conversation.last_at < at, and_(Conversation.last_at == at, Conversation.id < number)))
    rows = session.execute(query.order_by(Conversation.last_at.desc(), Conversation.id.desc()).limit(limit))
    return _with_texts(session, [_line(row) for row in rows])


def one(session: Session, public_id: UUID) -> Shown:
    """Return one conversation.

    Raises:
        NotFoundError: there is none.
    """
    row = session.execute(_shown().where(Conversation.public_id == public_id)).first()
    if row is None:
        raise NotFoundError("There is no such conversation.")
    return _line(row)


def of_party(session: Session, party_ids: Collection[int]) -> list[Shown]:
    """Return the conversations with a customer, the newest first."""
    rows = session.execute(_shown().where(Conversation.party_id.in_(party_ids)).order_by(Conversation.id.desc()))
    return [_line(row) for row in rows]


def messages(session: Session, conversation_id: int, *, limit: int = MOST) -> list[Line]:
    """Return the newest messages of a conversation, the oldest of them first."""
    rows = session.execute(
        select(MessageRow, User.name)
        .outerjoin(User, User.id == MessageRow.user_id)
        .where(MessageRow.conversation_id == conversation_id)
        .order_by(MessageRow.at.desc(), MessageRow.id.desc())
        .limit(limit)
    ).all()
    files = files_of(session, [row.id for row, _ in rows])
    answered = _beginnings(session, conversation_id, {row.reply_to for row, _ in rows} - {""})
    found = [
        Line(
            id=row.public_id,
            remote_id=row.remote_id or "",
            direction=row.direction,
            content=row.content,
            text=row.text,
            at=row.at,
            state=row.state,
            state_at=row.state_at,
            reason=row.reason,
            who=who or "",
            user_id=row.user_id,
            answers=answered.get(row.reply_to, ""),
            files=tuple(files.get(row.id, ())),
        )
        for row, who in rows
    ]
    return found[::-1]


def files_of(session: Session, numbers: Collection[int]) -> Mapping[int, Sequence[File]]:
    """Return the files of messages, by the rows of these."""
    rows = session.execute(
        select(MessageMedia, MessageRow.public_id)
        .join(MessageRow, MessageRow.id == MessageMedia.message_id)
        .where(MessageMedia.message_id.in_(numbers))
        .order_by(MessageMedia.message_id, MessageMedia.place)
    )
    found: dict[int, list[File]] = {}
    for row, public_id in rows:
        found.setdefault(row.message_id, []).append(file_shown(row, public_id))
    return found


def file(session: Session, public_id: UUID, place: int, *, lock: bool = False) -> MessageMedia:
    """Return the row of one file.

    Raises:
        NotFoundError: there is none.
    """
    query = (
        select(MessageMedia)
        .join(MessageRow, MessageRow.id == MessageMedia.message_id)
        .where(MessageRow.public_id == public_id, MessageMedia.place == place)
    )
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError("There is no such file.")
    return row


def file_shown(row: MessageMedia, public_id: UUID) -> File:
    """Return a file as a page shows it; `public_id` is its message's."""
    is_picture = row.state == MediaState.KEPT and bool(row.picture_type)
    size = row.size if row.size is not None else row.said_size
    return File(public_id, row.place, row.name, row.said_type, row.state, row.reason, size, is_picture)


def _beginnings(session: Session, conversation_id: int, remote_ids: Collection[str]) -> Mapping[str, str]:
    if not remote_ids:
        return {}
    rows = session.execute(
        select(MessageRow.remote_id, MessageRow.text).where(
            MessageRow.conversation_id == conversation_id, MessageRow.remote_id.in_(remote_ids)
        )
    )
    return {str(remote_id): text[:100] for remote_id, text in rows}


def _shown() -> Any:
    return (
        select(Conversation, Account.name, Party.public_id, Party.name, Party.owner_id, User.name, _OWNER.name)
        .join(Account, Account.id == Conversation.account_id)
        .outerjoin(Party, Party.id == Conversation.party_id)
        .outerjoin(User, User.id == Party.owner_id)
        .outerjoin(_OWNER, _OWNER.id == Conversation.owner_id)
    )


def _line(found: Any) -> Shown:
    row, account, party, party_name, party_owner_id, party_owner, owner = found
    return Shown(
        id=row.public_id,
        number=row.id,
        channel=row.channel,
        line=row.line_number or row.line,
        account=account,
        peer_name=row.peer_name,
        peer_phone=row.peer_phone,
        party=party,
        party_name=party_name or "",
        owner=party_owner or owner or "",
        owner_id=party_owner_id or row.owner_id,
        last_at=row.last_at,
        unanswered_since=row.unanswered_since,
    )


def _with_texts(session: Session, shown: Sequence[Shown]) -> list[Shown]:
    """Add the words by which one knows what a conversation is about: one query for all of them."""
    is_first: ColumnElement[int] = func.row_number().over(
        partition_by=MessageRow.conversation_id,
        order_by=(MessageRow.direction, MessageRow.at.desc(), MessageRow.id.desc()),  # inbound before outbound
    )
    ranked = (
        select(MessageRow.conversation_id, MessageRow.text, MessageRow.content, is_first.label("place"))
        .where(MessageRow.conversation_id.in_([one.number for one in shown]), MessageRow.content != Content.REACTION)
        .subquery()
    )
    rows = session.execute(select(ranked).where(ranked.c.place == 1)) if shown else ()
    words = {row.conversation_id: (row.text, row.content) for row in rows}
    return [_said(one, *words.get(one.number, ("", ""))) for one in shown]


def _said(one: Shown, text: str, content: str) -> Shown:
    return replace(one, text=" ".join(text[:200].split()), content=content)
