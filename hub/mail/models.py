"""Tables of mail: messages once, their copies in mailboxes, and the threads that they make."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class MailThread(Base):
    """A conversation across mailboxes: one row of the timeline."""

    __tablename__ = "mail_thread"
    id: Mapped[int] = mapped_column(primary_key=True)
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="SET NULL"), unique=True)
    visibility: Mapped[str] = mapped_column(default="")  # what a person chose for this thread; empty: its accounts'


class MailThreadKey(Base):
    """What leads to a thread: a message id, or a provider's own thread in one mailbox (threads.keys_of)."""

    __tablename__ = "mail_thread_key"
    __table_args__ = (Index(None, "thread_id"),)
    key: Mapped[str] = mapped_column(primary_key=True)
    thread_id: Mapped[int] = mapped_column(ForeignKey("mail_thread.id", ondelete="CASCADE"))


class MailMessage(PublicId, Base):
    """A message, whoever of us has it."""

    __tablename__ = "mail_message"
    __table_args__ = (Index(None, "thread_id", "at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)  # connector.mail.same_mail_key
    thread_id: Mapped[int] = mapped_column(ForeignKey("mail_thread.id"))
    message_id: Mapped[str]
    at: Mapped[datetime]
    subject: Mapped[str] = mapped_column(default="")
    refers_to: Mapped[list[Any]]  # ids of the mails that it answers, the oldest first
    snippet: Mapped[str] = mapped_column(default="")
    text: Mapped[str] = mapped_column(default="")
    html: Mapped[str] = mapped_column(default="")  # as written; sanitised when it is shown
    people: Mapped[dict[str, Any]]  # role -> [{name, address}]
    attachments: Mapped[list[Any]]  # what came with it; the files stay with the provider until somebody wants them
    outbound: Mapped[bool] = mapped_column(default=False)
    defects: Mapped[list[Any]]


class DraftState(StrEnum):
    DRAFT = "draft"
    SENDING = "sending"  # in the outbox
    SENT = "sent"
    REFUSED = "refused"  # the provider did not take it; it can be changed and sent again


class MailDraft(PublicId, Base):
    """A mail that somebody writes in the hub, until it is sent; afterwards the message itself is kept like any other."""

    __tablename__ = "mail_draft"
    __table_args__ = (Index(None, "user_id", "state"), Index(None, "thread_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))  # through which it goes
    mailbox: Mapped[str]
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id", ondelete="SET NULL"))  # from whose page
    thread_id: Mapped[int | None] = mapped_column(ForeignKey("mail_thread.id", ondelete="SET NULL"))
    answers_id: Mapped[int | None] = mapped_column(ForeignKey("mail_message.id", ondelete="SET NULL"))
    to: Mapped[str] = mapped_column(default="")  # as typed
    cc: Mapped[str] = mapped_column(default="")
    bcc: Mapped[str] = mapped_column(default="")
    subject: Mapped[str] = mapped_column(default="")
    text: Mapped[str] = mapped_column(default="")
    signature: Mapped[str] = mapped_column(default="")
    quotes: Mapped[bool] = mapped_column(default=True)  # what it answers stands below
    state: Mapped[str] = mapped_column(default=DraftState.DRAFT)
    sendings: Mapped[int] = mapped_column(default=0)  # each is a mail of its own
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    sent_at: Mapped[datetime | None]


class MailDraftFile(Base):
    """A file that goes with a draft; in the database, so that what is to be sent is kept as one."""

    __tablename__ = "mail_draft_file"
    __table_args__ = (Index(None, "draft_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    draft_id: Mapped[int] = mapped_column(ForeignKey("mail_draft.id", ondelete="CASCADE"))
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    content: Mapped[bytes] = mapped_column(deferred=True)


class MailCopy(Base):
    """A message as one mailbox has it."""

    __tablename__ = "mail_copy"
    __table_args__ = (UniqueConstraint("raw_record_id"), Index(None, "message_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("mail_message.id", ondelete="CASCADE"))
    raw_record_id: Mapped[int] = mapped_column(ForeignKey("raw_record.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))  # whose mailbox it is
    mailbox: Mapped[str] = mapped_column(default="")
    labels: Mapped[list[Any]]
    visibility: Mapped[str] = mapped_column(default="all")  # what the account gives to its mail


class FileState(StrEnum):
    """What became of a file that somebody asked for."""

    PENDING = "pending"  # a worker fetches it
    READY = "ready"
    GONE = "gone"  # no mailbox that we read has it any more
    NEEDS_YOU = "needs_you"  # the mailbox that has it needs a person first
    AWAY = "away"  # its provider could not be reached for a while
    TOO_LARGE = "too_large"
    REFUSED = "refused"  # of a kind that is never fetched, or the provider refuses it
    INFECTED = "infected"
    UNCHECKED = "unchecked"  # the program that looks for viruses could not say


class MailFile(Base):
    """A file of a message that somebody asked for. Its bytes are on the shelf, by their hash (store/shelf.py)."""

    __tablename__ = "mail_file"
    __table_args__ = (UniqueConstraint("message_id", "place"), Index(None, "state", "due_at"), Index(None, "sha256"))
    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("mail_message.id", ondelete="CASCADE"))
    place: Mapped[int]  # in the message's `attachments`
    content_id: Mapped[str] = mapped_column(default="")  # how the message's HTML calls it
    state: Mapped[str] = mapped_column(default=FileState.PENDING)
    reason: Mapped[str] = mapped_column(default="")  # what the provider or the scanner said, for an administrator
    size: Mapped[int | None]
    sha256: Mapped[str] = mapped_column(default="")  # only of one that is ready
    asked_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]


class MailBlock(Base):
    """An address or a domain whose mail a person never keeps, and how far stored mail of it has been taken back."""

    __tablename__ = "mail_block"
    __table_args__ = (UniqueConstraint("user_id", "block"), Index(None, "due_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    block: Mapped[str]  # a match key (records.address), or a domain, which covers those below it
    created_at: Mapped[datetime] = mapped_column(default=now)
    after: Mapped[int] = mapped_column(default=0)  # id of the last copy that was looked at
    looked: Mapped[int] = mapped_column(default=0)
    taken: Mapped[int] = mapped_column(default=0)
    again: Mapped[bool] = mapped_column(default=False)  # the second look, at what was being read meanwhile
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
