"""Tables of what waits to go out and of each try."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, now


class OutboxState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"  # for good; a person tries it again as it is, or drops it
    DROPPED = "dropped"


class Outbox(Base):
    """One thing to be sent, written in the transaction that made it necessary."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(None, "state", "due_at"),
        Index("ix_outbox_object", "account_id", "object_key", "state"),
        Index("ix_outbox_mailbox", "account_id", "mailbox", "state", "lease_until"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    mailbox: Mapped[str] = mapped_column(default="", server_default="")  # one thing at a time; empty: the whole account
    kind: Mapped[str]  # what is to be written, such as `mail`; who knows how, hub.app wires
    object_key: Mapped[str]  # things of one object go in order
    payload: Mapped[dict[str, Any]]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int | None]  # who wanted it
    state: Mapped[str] = mapped_column(default=OutboxState.WAITING, server_default=OutboxState.WAITING)
    created_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime | None] = mapped_column(default=now)
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    trouble: Mapped[str] = mapped_column(default="", server_default="")  # see intake.trouble.Trouble
    last_error: Mapped[str] = mapped_column(default="")
    done_at: Mapped[datetime | None]
    remote_id: Mapped[str] = mapped_column(default="", server_default="")  # of what was written


class Delivery(Base):
    """One try to send."""

    __tablename__ = "delivery"
    __table_args__ = (Index(None, "outbox_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    outbox_id: Mapped[int] = mapped_column(ForeignKey("outbox.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(default=now)
    ok: Mapped[bool]
    answer: Mapped[str] = mapped_column(default="")
