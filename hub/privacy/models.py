"""Tables of erasures, of parties that must be kept for a court, and of how long things are kept."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class ErasureStatus(StrEnum):
    WAITING = "waiting"  # also while it is being worked at, or was when its worker died
    DONE = "done"


class Erasure(PublicId, Base):
    """That somebody is erased. A row of work (see work/lease.py); it says who asked and what went, never who it was."""

    __tablename__ = "erasure"
    __table_args__ = (Index(None, "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), unique=True)
    status: Mapped[str] = mapped_column(default=ErasureStatus.WAITING)
    step: Mapped[int] = mapped_column(default=0)  # of erase.STEPS: those before it are done
    known: Mapped[str] = mapped_column(default="")  # sealed: what is still to be looked for; empty when it is done
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what went, by kind
    left: Mapped[str] = mapped_column(default="")  # sealed: what others have to erase, see erase.Left
    error: Mapped[str] = mapped_column(default="")  # why it waits
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(default=now)
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]


class LegalHold(PublicId, Base):
    """That a party must be kept as it is: nobody erases it, and no rule of retention touches it."""

    __tablename__ = "legal_hold"
    __table_args__ = (Index(None, "party_id", "ended_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    reason: Mapped[str]
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    since: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))


class RetentionRule(Base):
    """How long one kind of thing is kept. A row of work: each day it goes through what is too old."""

    __tablename__ = "retention_rule"
    __table_args__ = (Index(None, "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(unique=True)  # retention.Kind
    days: Mapped[int]
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    changed_at: Mapped[datetime] = mapped_column(default=now)
    ran_at: Mapped[datetime | None]
    gone: Mapped[int] = mapped_column(default=0)  # so many things, ever
    error: Mapped[str] = mapped_column(default="")
    due_at: Mapped[datetime | None] = mapped_column(default=now)
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
