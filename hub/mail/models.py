"""Tables of mail: messages once, their copies in mailboxes, and the threads that they make."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId


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
    snippet: Mapped[str] = mapped_column(default="")
    text: Mapped[str] = mapped_column(default="")
    html: Mapped[str] = mapped_column(default="")  # as written; sanitised when it is shown
    people: Mapped[dict[str, Any]]  # role -> [{name, address}]
    attachments: Mapped[list[Any]]  # what came with it; the files stay with the provider until somebody wants them
    outbound: Mapped[bool] = mapped_column(default=False)
    defects: Mapped[list[Any]]


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
