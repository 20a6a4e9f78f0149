"""What people write to customers: kept at once, sent by the outbox, once, and given back where it could not be sent.

The id of what is sent follows from who writes, and from what they saw when they wrote. So two clicks, two tabs and a page
that is sent again after a lost answer are one message; and who wrote something else in a second tab is told to look first.
"""

from datetime import UTC, datetime
from uuid import UUID, uuid5

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, UserError
from hub.identity import parties
from hub.identity.callers import PHONE
from hub.identity.models import Party
from hub.identity.phone import PhoneKind
from hub.intake.models import Account, AccountState
from hub.messages.models import Conversation, ConversationPeer, MessageRow, MessageState, PeerKind
from hub.messages.said import text_of
from hub.messages.take import KEY, is_stopped, refresh
from hub.messages.window import LONGEST, WHY, Box, box
from hub.outbound import outbox
from hub.outbound.models import Outbox, OutboxState
from hub.outbound.plan import Planned
from hub.records.call import Direction
from hub.records.message import Channel, Content
from hub.store.base import new_public_id, now
from hub.store.public import by_public_id

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # of a conversation that was only opened; databases sort nothing differently
KIND = "message"  # in the outbox; also the records that a remote writes


def get(session: Session, public_id: UUID, *, lock: bool = False) -> Conversation:
    """Return a conversation.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, Conversation, public_id, "There is no such conversation.", lock=lock)


def box_of(session: Session, conversation: Conversation, *, at: datetime | None = None) -> Box:
    """Say whether one may write in a conversation."""
    state = session.scalar(select(Account.state).where(Account.id == conversation.account_id))
    return box(
        conversation.channel,
        last_inbound_at=conversation.last_inbound_at,
        has_address=bool(conversation.peer_id) or has_number(conversation),
        is_stopped=is_stopped(session, conversation),
        is_connected=state == AccountState.ACTIVE,
        at=at or now(),
    )


def has_number(conversation: Conversation) -> bool:
    """Say whether there is a number to write to; short ones can be answered, words cannot."""
    written = conversation.peer_phone
    return any(c.isdigit() for c in written) and not any(c.isalpha() for c in written)


def next_id(session: Session, conversation: Conversation, user_id: int) -> UUID:
    """Return the id of what a person writes next: another one once something of his own stands there."""
    own = (MessageRow.conversation_id == conversation.id, MessageRow.user_id == user_id)
    count = session.scalar(select(func.count()).select_from(MessageRow).where(*own))
    return uuid5(conversation.public_id, f"{user_id}:{count}")


def send(
    session: Session,
    conversation: Conversation,
    *,
    user_id: int | None,
    text: str,
    public_id: UUID | None = None,
    reply_to: str = "",
) -> MessageRow:
    """Keep a message and hand it to the outbox; the same id again is the same message.

    Args:
        conversation: locked.
        public_id: as `next_id` said when the form was made; None: it is certainly a new one.
        reply_to: remote id of the message that is answered.

    Raises:
        UserError: it cannot be sent like this.
    """
    text = text_of(text)
    present = session.scalar(select(MessageRow).where(MessageRow.public_id == public_id)) if public_id else None
    if present is not None:
        return _same(present, conversation, user_id, text)
    _check(session, conversation, text)
    _settle_refused(session, conversation, user_id)
    row = MessageRow(
        public_id=public_id or new_public_id(),
        account_id=conversation.account_id,
        conversation_id=conversation.id,
        direction=Direction.OUTBOUND,
        content=Content.TEXT,
        text=text,
        at=max(now(), conversation.last_at or _NEVER),  # behind what it answers, whatever the remote's clock says
        written_here=True,
        reply_to=_answered(session, conversation, reply_to),
        peer_phone=conversation.peer_phone,
        peer_id=conversation.peer_id,
        state=MessageState.SENDING,
        user_id=user_id,
    )
    session.add(row)
    session.flush()
    if conversation.owner_id is None:
        conversation.owner_id = user_id
    refresh(session, conversation)
    planned = Planned(
        conversation.account_id,
        KIND,
        object_key(conversation),
        {"message": row.id},
        key_of(row),
        mailbox=conversation.line,
        user_id=user_id,
    )
    outbox.store(session, [planned])
    return row


def key_of(row: MessageRow) -> str:
    """Return the key of a sending: the same however often it is tried."""
    return f"{KEY}{row.public_id}"


def done(session: Session, conversation: Conversation) -> None:
    """Say that what came until now needs no answer."""
    conversation.done_at = max(now(), conversation.last_inbound_at or now())
    refresh(session, conversation)


def conversation_with(session: Session, party: Party) -> Conversation:
    """Return the conversation by which a customer is written to: the last one in which one may.

    Where there is none, an SMS to the customer's number, on the line that was used last.

    Raises:
        UserError: there is no way to write to this customer.
    """
    held = parties.with_merged(session, party)
    newest = (func.coalesce(Conversation.last_at, _NEVER).desc(), Conversation.id.desc())
    known = session.scalars(select(Conversation).where(Conversation.party_id.in_(held)).order_by(*newest)).all()
    open_ones = [one for one in known if box_of(session, one).no is None]
    if open_ones or known:
        return (open_ones or known)[0]
    return _begun(session, party)


def line_of_sms(session: Session) -> Conversation | None:
    """Return the conversation that was used last by SMS: on its line the next one begins. None: there is no line."""
    return session.scalars(
        select(Conversation)
        .join(Account, Account.id == Conversation.account_id)
        .where(Conversation.channel == Channel.SMS, Account.state == AccountState.ACTIVE)
        .order_by(func.coalesce(Conversation.last_at, _NEVER).desc(), Conversation.id.desc())
        .limit(1)
    ).first()


def _begun(session: Session, party: Party) -> Conversation:
    from_line = line_of_sms(session)
    phones = [one.value for one in parties.identifiers(session, party) if _is_mobile(one.kind, one.label)]
    if from_line is None or not phones:
        why = "There is no conversation with this customer, and no number to begin one by SMS."
        raise UserError(why, error_id="no_way", field="party")
    return _opened(session, from_line, phones[0], party)


def _is_mobile(kind: str, label: str) -> bool:
    return kind == PHONE and label == PhoneKind.MOBILE


def _opened(session: Session, like: Conversation, number: str, party: Party) -> Conversation:
    """Return the conversation with a number on the line of another one; begin it where there is none."""
    place = {"account_id": like.account_id, "channel": like.channel, "line": like.line}
    peer = {**place, "kind": PeerKind.PHONE, "value": number}
    known = session.scalars(select(ConversationPeer).filter_by(**peer)).first()
    if known is not None:
        return session.get_one(Conversation, known.conversation_id)
    row = Conversation(**place, line_number=like.line_number, peer_phone=number, party_id=party.id)
    session.add(row)
    session.flush()
    session.add(ConversationPeer(conversation_id=row.id, party_id=party.id, **peer))
    session.flush()
    return row


def _same(present: MessageRow, conversation: Conversation, user_id: int | None, text: str) -> MessageRow:
    """Return a message that is there under an id that was sent again."""
    if present.conversation_id != conversation.id or present.user_id != user_id:
        raise ForbiddenError("This id is taken.")
    if present.text != text:
        why = "You wrote something else here meanwhile, in another window. Look, and send it again."
        raise UserError(why, error_id="wrote_meanwhile", field="text")
    return present


def _settle_refused(session: Session, conversation: Conversation, user_id: int | None) -> None:
    """Take what was refused before off the list of what waits for this person: he decided, and writes again."""
    if user_id is None:
        return
    waits = (
        Outbox.account_id == conversation.account_id,
        Outbox.object_key == object_key(conversation),
        Outbox.state == OutboxState.REFUSED,
        Outbox.user_id == user_id,
    )
    dropped = {"state": OutboxState.DROPPED, "done_at": now()}
    session.execute(update(Outbox).where(*waits).values(**dropped).execution_options(synchronize_session=False))


def object_key(conversation: Conversation) -> str:
    """Return by what the outbox keeps the messages of a conversation in their order."""
    return f"conversation:{conversation.public_id}"


def _check(session: Session, conversation: Conversation, text: str) -> None:
    if not text:
        raise UserError("Write the message first.", error_id="empty_message", field="text")
    most = LONGEST[Channel(conversation.channel)]
    if len(text) > most:
        raise UserError(f"At most {most} characters.", error_id="long_message", field="text")
    must_be_open(box_of(session, conversation))


def must_be_open(found: Box) -> None:
    """Make sure that one may write.

    Raises:
        UserError: one may not; it says why.
    """
    if found.no is not None:
        raise UserError(WHY[found.no], error_id=str(found.no), field="text")


def _answered(session: Session, conversation: Conversation, remote_id: str) -> str:
    """Return the id of the message that is answered, where it is one of this conversation."""
    if not remote_id:
        return ""
    mine = (MessageRow.conversation_id == conversation.id, MessageRow.remote_id == remote_id)
    return remote_id if session.scalar(select(MessageRow.id).where(*mine)) is not None else ""
