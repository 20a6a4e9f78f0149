"""Tables of messages: each once, the conversations that they make, what became of them, and their files."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.records.message import Content
from hub.store.base import Base, PublicId, now


class MessageState(StrEnum):
    """What became of a message that we sent; empty for one that we received. Those of the remote have its words."""

    SENDING = "sending"  # in the outbox
    REFUSED = "refused"  # not sent; its text was given back
    UNSURE = "unsure"  # the answer was lost: nobody knows whether it went out, and it is not sent again by itself
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


NOT_SENT = (MessageState.REFUSED, MessageState.UNSURE, MessageState.FAILED)  # none of these answers anybody


class PeerKind(StrEnum):
    """By what the other end of a conversation is known."""

    PHONE = "phone"  # E.164
    REMOTE_ID = "remote_id"  # the remote's own id of the person
    SENDER = "sender"  # a word or a short number: no identity of anybody


class Conversation(PublicId, Base):
    """Everything that one person and one line of ours wrote to each other.

    But for `party_id`, `owner_id`, `done_at` and `told_to`, all is computed from the messages, whatever order they came in.
    """

    __tablename__ = "conversation"
    __table_args__ = (Index(None, "unanswered_since"), Index(None, "last_at", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    channel: Mapped[str]
    line: Mapped[str]  # the remote's id of our number
    line_number: Mapped[str] = mapped_column(default="")  # the same, as people see it
    peer_phone: Mapped[str] = mapped_column(default="")  # E.164, or as the remote writes it
    peer_id: Mapped[str] = mapped_column(default="")
    peer_name: Mapped[str] = mapped_column(default="")  # as the person calls themselves
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))  # who answered first
    last_at: Mapped[datetime | None]
    last_inbound_at: Mapped[datetime | None]
    last_outbound_at: Mapped[datetime | None]
    unanswered_since: Mapped[datetime | None]
    done_at: Mapped[datetime | None]  # a person said that what came until then needs no answer
    told_to: Mapped[datetime | None]  # of the newest message that people were told of


class ConversationPeer(Base):
    """One thing by which the other end of a conversation is known; what comes together makes one conversation."""

    __tablename__ = "conversation_peer"
    __table_args__ = (
        UniqueConstraint("account_id", "channel", "line", "kind", "value"),
        Index(None, "kind", "value"),
        Index(None, "conversation_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    channel: Mapped[str]
    line: Mapped[str]
    kind: Mapped[str]
    value: Mapped[str]
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)  # who got it as an identifier


class MessageRow(PublicId, Base):
    """One message. A stranger wrote it, or a person of ours, here or on a telephone."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("account_id", "remote_id"),
        Index(None, "conversation_id", "at", "id"),
        Index(None, "at", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    remote_id: Mapped[str | None]  # None: written here, and the remote has not named it yet
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"), unique=True)
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="SET NULL"), unique=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id"))
    direction: Mapped[str]
    content: Mapped[str] = mapped_column(default=Content.TEXT)
    text: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(default=now)
    reply_to: Mapped[str] = mapped_column(default="")  # remote id of what it answers
    peer_phone: Mapped[str] = mapped_column(default="")
    peer_id: Mapped[str] = mapped_column(default="")
    peer_name: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default="")
    state_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")  # why it was not sent or failed
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))  # who wrote it here
    written_here: Mapped[bool] = mapped_column(default=False)
    begun_at: Mapped[datetime | None]  # handed to the remote, whose answer is not known


class MessageStatus(Base):
    """What a remote said of a message that we sent; it may be there before the message."""

    __tablename__ = "message_status"
    __table_args__ = (UniqueConstraint("account_id", "message_id", "state"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    message_id: Mapped[str]  # the remote's
    state: Mapped[str]
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(default="")
    code: Mapped[str] = mapped_column(default="")


class MediaState(StrEnum):
    """What became of a file of a message."""

    PENDING = "pending"  # a worker fetches it
    KEPT = "kept"
    GONE = "gone"  # the remote has it no more
    REFUSED = "refused"  # too large, or the remote does not hand it out
    AWAY = "away"  # tried often enough for now


class MessageMedia(Base):
    """A file of a message. Its bytes are on a shelf, by their hash (store/shelf.py); what it is, they say."""

    __tablename__ = "message_media"
    __table_args__ = (
        UniqueConstraint("message_id", "place"),
        Index(None, "state", "due_at"),
        Index(None, "sha256"),
        Index(None, "lease_until"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    place: Mapped[int]
    remote_id: Mapped[str]
    name: Mapped[str] = mapped_column(default="")  # as its sender called it
    said_type: Mapped[str] = mapped_column(default="")  # as the remote says; nothing is decided by it
    said_sha256: Mapped[str] = mapped_column(default="")
    said_size: Mapped[int | None]
    state: Mapped[str] = mapped_column(default=MediaState.PENDING)
    trouble: Mapped[str] = mapped_column(default="")  # of the last try (intake.trouble)
    reason: Mapped[str] = mapped_column(default="")
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    sha256: Mapped[str] = mapped_column(default="")
    picture_type: Mapped[str] = mapped_column(default="")  # by its first bytes; empty: it is not shown, only saved
    size: Mapped[int | None]  # bytes
    fetched_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(default=now)
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    finished: Mapped[int] = mapped_column(default=0)  # the last attempt that came to an end: those after it died
    lease_until: Mapped[datetime | None]
