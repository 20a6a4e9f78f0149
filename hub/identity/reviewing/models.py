"""Table of the looks for duplicates over everything."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class Stage(StrEnum):
    """What a look does, in this order."""

    MERGED = "merged"  # questions about those that were merged since are asked of whom they are now
    VALUES = "values"  # those that hold a number, address or tax id together
    NAMES = "names"  # those that are alike and have nothing of that in common
    DONE = "done"


class DuplicateLook(PublicId, Base):
    """One look for duplicates among all parties; a row of work (`reviewing.look`)."""

    __tablename__ = "duplicate_look"
    __table_args__ = (Index(None, "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    stage: Mapped[str] = mapped_column(default=Stage.MERGED)
    after: Mapped[int] = mapped_column(default=0)  # the row of the present stage that was looked at last
    done: Mapped[int] = mapped_column(default=0)  # parties of the present stage
    total: Mapped[int] = mapped_column(default=0)
    found: Mapped[int] = mapped_column(default=0)  # questions that were new
    error: Mapped[str] = mapped_column(default="")
    due_at: Mapped[datetime | None] = mapped_column(default=now)
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
