"""Tables of work that is not some other table's row."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, now


class Slot(Base):
    """One turn of a schedule: who inserts it runs it, however many schedulers there are."""

    __tablename__ = "slot"
    schedule: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    begun_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]


class Bucket(Base):
    """What may still be asked of a remote under one of its limits: units that refill with time."""

    __tablename__ = "bucket"
    name: Mapped[str] = mapped_column(primary_key=True)
    units: Mapped[float]  # at `at`; may be below zero where one request cost more than there was
    per_minute: Mapped[int]
    at: Mapped[datetime]
    frozen_until: Mapped[datetime | None]  # the remote wants silence until then
