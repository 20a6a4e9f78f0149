"""Take messages and statuses to the timeline: each once, in whatever order they come, however often.

A message is a row of its conversation and a row of the timeline. What a conversation is (who is at its other end, since when
it waits for an answer) is computed anew from its messages, so that the last one to come makes the same of it as the first.
A status that comes before its message waits for it in a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from hub.identity.models import Party
from hub.intake.models import Account, RawRecord
from hub.leads import consents
from hub.leads.models import Bucket, Consent, Touchpoint
from hub.messages import identity
from hub.messages.identity import Known
from hub.messages.models import NOT_SENT, Conversation, MessageMedia, MessageRow, MessageStatus, PeerKind
from hub.messages.said import said, said_status
from hub.messages.states import standing
from hub.messages.stop_words import Wish, wish_of
from hub.records.call import Direction
from hub.records.interaction import Interaction as Record
from hub.records.message import Channel, Content, Message, Status
from hub.store.base import now
from hub.store.insert import insert
from hub.store.turn import in_turn
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Kind

KEY = "message:"  # begins the key of a sending; behind it stands the message's public id
SKEW = timedelta(minutes=5)  # so far a remote's clock may be ahead; else one could write to somebody for years
LONGEST_SUMMARY = 200
LONGEST_DETAIL = 2_000  # characters of a text that the timeline finds by


@dataclass(frozen=True, slots=True)
class Given:
    """A message or a status: its raw record, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]


@dataclass(slots=True)
class _Work:
    """A message on its way."""

    raw: RawRecord
    message: Message
    known: list[Known]
    row: MessageRow | None = field(default=None)


def take(session: Session, account: Account, given: Sequence[Given], *, region: str) -> None:
    """Keep messages, say whose they are and bring the timeline up to date; safe to repeat.

    Raises:
        RecordError: one of them is no message.
    """
    in_turn(session, Party.__tablename__)  # as `link.take`, and before any row is locked
    works = [_work(one, region) for one in given]
    rows, touched = _rows(session, account, works), set[int]()
    for one in works:
        row = rows.get(one.message.remote_id)
        present = row.conversation_id if row is not None else None
        conversation = identity.conversation_of(session, account, one.message, one.known, present)
        one.row = rows[one.message.remote_id] = _write(session, account, one, row, conversation)
        touched.add(conversation.id)
    session.flush()
    for conversation in _still(session, touched):
        refresh(session, conversation)
        identity.identify(session, account, conversation, region)
    for one in works:
        _keep_media(session, account, one)
    show(session, account, list(rows.values()), region)
    for one in works:
        _keep_rest(session, account, one)
    session.flush()


def take_statuses(session: Session, account: Account, given: Sequence[Given], *, region: str) -> None:
    """Keep what remotes say of messages that we sent; safe to repeat.

    Raises:
        RecordError: one of them is no status.
    """
    told = [said_status(one.values, received_at=one.raw.received_at) for one in given]
    in_turn(session, Party.__tablename__)
    for one in told:
        _keep_status(session, account, one.status)
        if one.key:
            _prove(session, account, one.key, one.status.message_id)
    ids = sorted({one.status.message_id for one in told})
    query = select(MessageRow).where(MessageRow.account_id == account.id, MessageRow.remote_id.in_(ids))
    rows = session.scalars(query.order_by(MessageRow.id).with_for_update()).all()
    for row in rows:
        stand(session, row)
    after(session, account, rows, region)


def withdraw(session: Session, raws: Iterable[RawRecord]) -> None:
    """Forget messages that are not for the hub after all; their rows of the timeline go with their raw records."""
    numbers = [raw.id for raw in raws]
    rows = session.scalars(select(MessageRow).where(MessageRow.raw_record_id.in_(numbers))).all()
    conversations = {row.conversation_id for row in rows}
    for row in rows:
        session.execute(delete(MessageMedia).where(MessageMedia.message_id == row.id))
        session.delete(row)
    session.flush()
    for number in conversations:
        refresh(session, session.get_one(Conversation, number))


# --- one message --------------------------------------------------------------------------------------------------


def _work(given: Given, region: str) -> _Work:
    message = said(given.values, received_at=given.raw.received_at)
    return _Work(given.raw, message, identity.known_by(message.peer, region))


def _rows(session: Session, account: Account, works: Sequence[_Work]) -> dict[str, MessageRow]:
    """Return those messages that are there already, by what the remote calls them."""
    wanted = {one.message.remote_id for one in works}
    query = select(MessageRow).where(MessageRow.account_id == account.id, MessageRow.remote_id.in_(wanted))
    return {str(row.remote_id): row for row in session.scalars(query.order_by(MessageRow.id).with_for_update())}


def _write(
    session: Session, account: Account, work: _Work, row: MessageRow | None, conversation: Conversation
) -> MessageRow:
    message = work.message
    if row is None:
        row = MessageRow(account_id=account.id, remote_id=message.remote_id, received_at=work.raw.received_at)
        session.add(row)
    row.raw_record_id, row.conversation_id = work.raw.id, conversation.id
    row.direction, row.content, row.text = message.direction, message.content, message.text
    row.reply_to = message.reply_to
    if not row.written_here:  # else it would go before what it answers, where clocks disagree
        row.at = min(message.at, row.received_at + SKEW)
    phone = next((one.value for one in work.known if one.kind is PeerKind.PHONE), message.peer.phone)
    row.peer_phone, row.peer_id, row.peer_name = phone, message.peer.remote_id, message.peer.name
    if message.line_number:
        conversation.line_number = message.line_number
    if message.direction == Direction.OUTBOUND:
        stand(session, row)
    return row


def _still(session: Session, numbers: Iterable[int]) -> Sequence[Conversation]:
    """Return those conversations that did not become a part of another one on the way."""
    query = select(Conversation).where(Conversation.id.in_(sorted(numbers))).order_by(Conversation.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


# --- how a message stands -------------------------------------------------------------------------------------------


def _keep_status(session: Session, account: Account, told: Status) -> None:
    """Keep a status once; of two that say the same the earlier one counts, whichever came first."""
    values = {"at": told.at, "reason": told.reason, "code": told.code}
    where = {"account_id": account.id, "message_id": told.message_id, "state": str(told.state)}
    made = session.execute(
        insert(session, MessageStatus).values(**where, **values).on_conflict_do_nothing().returning(MessageStatus.id)
    ).first()
    if made is not None:
        return
    row = session.scalars(select(MessageStatus).filter_by(**where).with_for_update()).one()
    if (told.at, told.reason, told.code) < (row.at, row.reason, row.code):
        row.at, row.reason, row.code = told.at, told.reason, told.code
        session.flush()


def _prove(session: Session, account: Account, key: str, remote_id: str) -> None:
    """Follow that a message went out whose answer was lost: the remote brings our own key back."""
    try:
        public_id = UUID(key.removeprefix(KEY))
    except ValueError:
        return  # somebody else's key
    own = (MessageRow.account_id == account.id, MessageRow.public_id == public_id, MessageRow.remote_id.is_(None))
    row = session.scalars(select(MessageRow).where(*own).with_for_update()).one_or_none()
    if row is not None and key.startswith(KEY):
        name(session, row, remote_id)


def name(session: Session, row: MessageRow, remote_id: str) -> None:
    """Write down what the remote calls a message that was written here.

    Where its webhook was faster than its answer, the message is there already: it goes up in ours.
    """
    same = (MessageRow.account_id == row.account_id, MessageRow.remote_id == remote_id, MessageRow.id != row.id)
    other = session.scalars(select(MessageRow).where(*same).with_for_update()).one_or_none()
    if other is not None:
        taken = other.raw_record_id, other.interaction_id
        session.execute(delete(MessageMedia).where(MessageMedia.message_id == other.id))
        session.delete(other)
        session.flush()
        row.raw_record_id, row.interaction_id = taken
    row.remote_id = remote_id
    session.flush()
    stand(session, row)


def stand(session: Session, row: MessageRow) -> None:
    """Say how a message that has the remote's name stands, from everything that was said of it."""
    if row.remote_id is None or row.direction != Direction.OUTBOUND:
        return
    told = select(MessageStatus.state, MessageStatus.at, MessageStatus.reason).where(
        MessageStatus.account_id == row.account_id, MessageStatus.message_id == row.remote_id
    )
    found = standing([(state, at, reason) for state, at, reason in session.execute(told)])
    row.state, row.state_at, row.reason, row.begun_at = found.state, found.at, found.reason, None


def after(session: Session, account: Account, rows: Sequence[MessageRow], region: str) -> None:
    """Follow that messages stand otherwise: on the timeline, and in what their conversations wait for."""
    show(session, account, rows, region)
    numbers = sorted({row.conversation_id for row in rows})
    for conversation in session.scalars(select(Conversation).where(Conversation.id.in_(numbers))):
        refresh(session, conversation)


# --- the conversation -----------------------------------------------------------------------------------------------


def refresh(session: Session, conversation: Conversation) -> None:
    """Compute anew what a conversation is from its messages. A reaction asks for no answer and opens nothing."""
    session.flush()
    mine = MessageRow.conversation_id == conversation.id
    said_something = (mine, MessageRow.direction == Direction.INBOUND, MessageRow.content != Content.REACTION)
    answered = (mine, MessageRow.direction == Direction.OUTBOUND, MessageRow.state.not_in(NOT_SENT))
    conversation.last_at = _edge(session, func.max, mine)
    conversation.last_inbound_at = _edge(session, func.max, *said_something)
    conversation.last_outbound_at = _edge(session, func.max, *answered)
    settled = max((at for at in (conversation.last_outbound_at, conversation.done_at) if at is not None), default=None)
    open_since = said_something if settled is None else (*said_something, MessageRow.at > settled)
    conversation.unanswered_since = _edge(session, func.min, *open_since)
    for column in (MessageRow.peer_phone, MessageRow.peer_id, MessageRow.peer_name):
        newest = select(column).where(mine, column != "").order_by(MessageRow.at.desc(), MessageRow.remote_id.desc())
        if (latest := session.scalar(newest.limit(1))) is not None:
            setattr(conversation, column.key, latest)
    session.flush()


def _edge(session: Session, which: Any, *where: ColumnElement[bool]) -> datetime | None:
    found: datetime | None = session.scalar(select(which(MessageRow.at)).where(*where))
    return found


# --- the timeline ---------------------------------------------------------------------------------------------------


def show(session: Session, account: Account, rows: Sequence[MessageRow], region: str) -> None:
    """Put messages on the timelines of whoever they are with; what was not sent (yet) is on none."""
    shown = [row for row in rows if row.remote_id is not None]
    numbers = sorted({row.conversation_id for row in shown})
    query = select(Conversation).where(Conversation.id.in_(numbers))
    conversations = {one.id: one for one in session.scalars(query)} if numbers else {}
    session.flush()
    counts = _files(session, shown)
    entries = []
    for row in shown:
        conversation = conversations[row.conversation_id]
        part = _part(row, conversation, region)
        record = _record(row, conversation, counts.get(row.id, 0))
        entries.append(Entry(record, [part], row.raw_record_id, row.interaction_id, owner_id=row.user_id))
    for row, interaction in zip(shown, add(session, entries, account_id=account.id), strict=True):
        row.interaction_id = interaction.id
    session.flush()


def _files(session: Session, rows: Sequence[MessageRow]) -> dict[int, int]:
    query = select(MessageMedia.message_id, func.count()).where(MessageMedia.message_id.in_([row.id for row in rows]))
    return {row[0]: row[1] for row in session.execute(query.group_by(MessageMedia.message_id))}


def _part(row: MessageRow, conversation: Conversation, region: str) -> Part:
    role = "sender" if row.direction == Direction.INBOUND else "recipient"
    known = [identity.phone_of(row.peer_phone, region)] if row.peer_phone else []
    if row.peer_id:
        known.append(Known(PeerKind.REMOTE_ID, row.peer_id))
    return Part(conversation.party_id, role, *identity.part_of(conversation.channel, known))


def _record(row: MessageRow, conversation: Conversation, files: int) -> Record:
    detail = {
        "message": str(row.public_id),
        "conversation": str(conversation.public_id),
        "channel": conversation.channel,
        "content": row.content,
        "text": row.text[:LONGEST_DETAIL],
        "state": row.state,
        "number": row.peer_phone,
        "line": conversation.line_number or conversation.line,
        "files": files,
    }
    return Record(
        kind=Kind.MESSAGE,
        direction=row.direction,
        started_at=row.at,
        ended_at=None,
        summary=" ".join(row.text[:LONGEST_SUMMARY].split()),
        mentions=(),
        detail=detail,
    )


# --- what else a message says ---------------------------------------------------------------------------------------


def _keep_media(session: Session, account: Account, work: _Work) -> None:
    message, row = work.message, work.row
    assert row is not None, "it was written before"
    for place, one in enumerate(message.media):
        values = {
            "message_id": row.id, "account_id": account.id, "place": place, "remote_id": one.id, "name": one.name,
            "said_type": one.media_type, "said_sha256": one.sha256, "said_size": one.size,
        }  # fmt: skip
        session.execute(insert(session, MessageMedia).values(**values).on_conflict_do_nothing())


def _keep_rest(session: Session, account: Account, work: _Work) -> None:
    message, row = work.message, work.row
    assert row is not None, "it was written before"
    if message.direction == Direction.INBOUND:
        _keep_touchpoint(session, account, row, message)
        _keep_wish(session, account, message, row.peer_phone)


def _keep_touchpoint(session: Session, account: Account, row: MessageRow, message: Message) -> None:
    """Write down by which ad somebody came to write, once for each message; the id of the click may be missing.

    Source: https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages#referral
    """
    told = message.referral
    if told is None:
        return
    query = select(Touchpoint).where(Touchpoint.interaction_id == row.interaction_id, Touchpoint.lead_id.is_(None))
    touch = session.scalars(query).first()
    if touch is None:
        touch = Touchpoint(account_id=account.id, interaction_id=row.interaction_id)
        session.add(touch)
    touch.at, touch.platform = message.at, str(message.channel)
    touch.bucket = Bucket.PAID if told.ad_id or told.click_id else Bucket.UNATTRIBUTED
    touch.ad_id, touch.page_url, touch.form_name = told.ad_id, told.url, told.headline
    touch.clicks = {"ctwa_clid": told.click_id} if told.click_id else {}
    session.flush()


def _keep_wish(session: Session, account: Account, message: Message, whose: str) -> None:
    """Write down that somebody does not want to be written to any more, or does again: a row that never changes."""
    wish = wish_of(message.text) if message.channel == Channel.SMS and message.content == Content.TEXT else None
    if wish not in {Wish.STOP, Wish.START}:
        return
    session.execute(
        insert(session, Consent)
        .values(
            account_id=account.id, remote_id=message.remote_id, key=consents.WRITING, text=message.text,
            checked=wish is Wish.START, whose=whose,
            given_at=message.at, kept_at=now(), form_id="", version="", url="", required=False,
        )
        .on_conflict_do_nothing()
    )  # fmt: skip


def is_stopped(session: Session, conversation: Conversation) -> bool:
    """Say whether the person asked by SMS not to be written to, on whatever line of ours, and did not take it back."""
    return conversation.channel == Channel.SMS and consents.is_stopped(session, conversation.peer_phone)
