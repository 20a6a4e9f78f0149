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
