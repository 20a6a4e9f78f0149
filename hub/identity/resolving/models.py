"""The table of parties that must be looked at again."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, now


class SecondLook(Base):
    """A party of which something changed that it, or another one, was recognised by; it goes when it was looked at."""

    __tablename__ = "second_look"
    __table_args__ = (Index(None, "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), unique=True)
    due_at: Mapped[datetime] = mapped_column(default=now)
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    error: Mapped[str] = mapped_column(default="")  # of the last one
