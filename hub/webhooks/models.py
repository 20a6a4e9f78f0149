"""Tables of who is told of events by a webhook, and of each time that somebody was told."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class Off(StrEnum):
    """Why an endpoint is off."""

    PERSON = "person"
    FAILING = "failing"  # nothing succeeded for days
    GONE = "gone"  # it answered 410


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"  # for good: after the last of all tries
    DROPPED = "dropped"  # its endpoint wants it no longer


class WebhookEndpoint(PublicId, Base):
    """An address that is told. The row is the unit of work: one worker at a time sends to it."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (Index(None, "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    url: Mapped[str]
    types: Mapped[list[Any]] = mapped_column(default=list)  # of events; empty: all
    allow_private: Mapped[bool] = mapped_column(default=False)  # counts only where the settings allow it too
    secrets: Mapped[str]  # sealed: the newest, and the one before
    old_until: Mapped[datetime | None]  # so long the one before signs too
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    disabled_at: Mapped[datetime | None]
    disabled_why: Mapped[str] = mapped_column(default="")  # see Off
    failing_since: Mapped[datetime | None]  # nothing succeeded since then
    missed_since: Mapped[datetime | None]  # offered to be sent again, since it was turned on again
    succeeded_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")
    troubles: Mapped[int] = mapped_column(default=0)  # in a row, for which the whole endpoint rests
    rest_until: Mapped[datetime | None]
    told: Mapped[list[Any]] = mapped_column(default=list)  # ids of the administrators who were told that it is off
    told_at: Mapped[datetime | None]  # when all of them were
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]


class WebhookDelivery(PublicId, Base):
    """One event for one endpoint. Of one subject only the first that waits is due: the others have no `due_at` yet."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        Index(None, "endpoint_id", "state", "due_at"),
        Index(None, "endpoint_id", "subject", "state"),
        Index(None, "created_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("webhook_endpoint.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id", ondelete="CASCADE"), index=True)
    subject: Mapped[str]
    state: Mapped[str] = mapped_column(default=DeliveryState.WAITING)
    failures: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    done_at: Mapped[datetime | None]
    replay_of: Mapped[int | None] = mapped_column(ForeignKey("webhook_delivery.id", ondelete="SET NULL"), index=True)


class WebhookAttempt(Base):
    """One request. Written before it leaves, so that one whose end nobody saw is in the log too."""

    __tablename__ = "webhook_attempt"
    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("webhook_delivery.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(default=now)
    ok: Mapped[bool | None]  # None: it runs, or nobody knows what became of it
    status: Mapped[int | None]  # of HTTP; None: there was no answer
    ms: Mapped[int | None]
    error: Mapped[str] = mapped_column(default="")
    answer: Mapped[str] = mapped_column(default="")  # its first 2 KB
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)  # as they were sent
