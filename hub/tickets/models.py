"""The table of tickets."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId


class TicketRow(PublicId, Base):
    """A ticket as its help desk has it now. Whose it is says its row on the timeline, which takes it along when it goes."""

    __tablename__ = "ticket"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        UniqueConstraint("interaction_id"),
        Index(None, "account_id", "party_remote_id"),
        Index(None, "opened_at", "id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    key: Mapped[str]  # kind of records and remote id, such as tickets:17
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"), index=True)
    interaction_id: Mapped[int] = mapped_column(ForeignKey("interaction.id", ondelete="CASCADE"))
    party_remote_id: Mapped[str] = mapped_column(default="")  # of the customer there; empty: it names none
    party_name: Mapped[str] = mapped_column(default="")  # as the help desk says it, and so are the next two
    party_email: Mapped[str] = mapped_column(default="")
    party_phone: Mapped[str] = mapped_column(default="")
    number: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(default="")
    state: Mapped[str]
    priority: Mapped[str] = mapped_column(default="")
    desk_group: Mapped[str] = mapped_column(default="")
    desk_owner: Mapped[str] = mapped_column(default="")  # who looks after it there
    url: Mapped[str] = mapped_column(default="")
    opened_at: Mapped[datetime]
    changed_at: Mapped[datetime]  # as the help desk says
    closed_at: Mapped[datetime | None]  # None while it is open
    gone_at: Mapped[datetime | None]  # the help desk has it no more
