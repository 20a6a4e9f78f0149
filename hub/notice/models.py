"""Tables of troubles that need a person, and of whom the hub told of them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class NoticeKind(StrEnum):
    NEEDS_YOU = "needs_you"
    WELL_AGAIN = "well_again"


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    REFUSED = "refused"  # the mail server will never take it
    DROPPED = "dropped"  # no longer true, or nobody's business any more, before it went
    GIVEN_UP = "given_up"  # the mail server was away for too long


class Incident(Base):
    """One time that an account needed a person, from its beginning until it worked again."""

    __tablename__ = "incident"
    __table_args__ = (
        Index("uq_incident_open", "account_id", unique=True, sqlite_where=text("ended_at IS NULL"),
              postgresql_where=text("ended_at IS NULL")),
    )  # fmt: skip
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    why: Mapped[str]  # see plan.Why
    began_at: Mapped[datetime] = mapped_column(default=now)
    told_at: Mapped[datetime | None]  # when it was decided whom to tell; nobody who comes later is told
    well_since: Mapped[datetime | None]  # it seems to be over; is it for good?
    ended_at: Mapped[datetime | None]


class Notice(PublicId, Base):
    """One mail to one person; the public id is its idempotency key."""

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("incident_id", "kind", "user_id"), Index(None, "state", "due_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default=NoticeState.WAITING)
    made_at: Mapped[datetime] = mapped_column(default=now)
    due_at: Mapped[datetime] = mapped_column(default=now)
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)  # tries that certainly brought nothing to anybody
    last_error: Mapped[str] = mapped_column(default="")
    done_at: Mapped[datetime | None]
