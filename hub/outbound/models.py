"""Tables of what waits to go out and of each try."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, now


class Outbox(Base):
    """One thing to be sent, written in the transaction that made it necessary."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "done_at", "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    kind: Mapped[str]  # what is to be written, such as `call.log`
    object_key: Mapped[str]  # things of one object go one at a time, in order
    payload: Mapped[dict[str, Any]]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime | None] = mapped_column(default=now)
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")


class Delivery(Base):
    """One try to send."""

    __tablename__ = "delivery"
    __table_args__ = (Index(None, "outbox_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    outbox_id: Mapped[int] = mapped_column(ForeignKey("outbox.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(default=now)
    ok: Mapped[bool]
    answer: Mapped[str] = mapped_column(default="")
