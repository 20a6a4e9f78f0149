"""Tables of meetings: each copy of one as a mailbox has it, what people want of one, and what must be looked at again."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class MeetingCopy(Base):
    """An event as one calendar has it. What the timeline shows is made of all copies of one uid."""

    __tablename__ = "meeting_copy"
    __table_args__ = (UniqueConstraint("raw_record_id"), Index(None, "uid"), Index(None, "user_id", "ends_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    raw_record_id: Mapped[int] = mapped_column(ForeignKey("raw_record.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))  # whose calendar it is
    address: Mapped[str] = mapped_column(default="")  # of the mailbox
    uid: Mapped[str]
    remote_id: Mapped[str]
    series_id: Mapped[str] = mapped_column(default="")
    begins_at: Mapped[datetime | None]  # as an instant, for free and busy; of a series its first time
    ends_at: Mapped[datetime | None]  # of a series None: asked anew
    fields: Mapped[dict[str, Any]]  # records.meeting.Meeting, see store.py


class MeetingSeries(Base):
    """One uid whose rows change with time alone: a next time passes."""

    __tablename__ = "meeting_series"
    uid: Mapped[str] = mapped_column(primary_key=True)
    again_at: Mapped[datetime | None] = mapped_column(index=True)


class MeetingRow(Base):
    """One time of a meeting as it stands on the timeline."""

    __tablename__ = "meeting_row"
    __table_args__ = (Index(None, "uid"),)
    interaction_id: Mapped[int] = mapped_column(ForeignKey("interaction.id", ondelete="CASCADE"), primary_key=True)
    uid: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)  # occurrences.key


class BookingState(StrEnum):
    WAITING = "waiting"  # in the outbox
    WRITTEN = "written"
    REFUSED = "refused"  # a person tries it again, or gives it up
    UNDONE = "undone"  # taken back before anybody was told
    DROPPED = "dropped"  # given up after it was refused


class Booking(PublicId, Base):
    """What a person wants of a meeting: to make it, to change it, to call it off.

    Until it is written it is laid over what the calendars say. That of a meeting made here tells for ever which customer
    it is with.
    """

    __tablename__ = "meeting_booking"
    __table_args__ = (Index(None, "uid"), Index(None, "account_id", "remote_id"), Index(None, "user_id", "state"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    mailbox: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))  # whose calendar it is
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id", ondelete="SET NULL"))  # whom it is with
    uid: Mapped[str]  # of one that no calendar has yet, a stand-in: wishes.stand_in
    remote_id: Mapped[str] = mapped_column(default="")  # of one made here: our own id
    wish: Mapped[dict[str, Any]]  # wishes.Wish
    key: Mapped[str] = mapped_column(unique=True)  # of the row in the outbox
    state: Mapped[str] = mapped_column(default=BookingState.WAITING)
    why: Mapped[str] = mapped_column(default="")  # it was refused
    asked_at: Mapped[datetime] = mapped_column(default=now)
    undo_until: Mapped[datetime]
