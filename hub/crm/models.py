"""Tables of the CRMs that are written to, and of what was written there."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, now


class CrmTarget(Base):
    """What is written into one account; without a row nothing is."""

    __tablename__ = "crm_target"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), unique=True)
    kinds: Mapped[list[Any]] = mapped_column(default=list)  # of interactions (timeline.models.Kind), and `task`
    with_text: Mapped[bool] = mapped_column(default=False)  # the whole text; else one line
    makes_people: Mapped[bool] = mapped_column(default=False)  # who is not there yet is made
    since: Mapped[datetime]  # what happened before is not written
    # Numbers of interactions: what was before is planned up to the first of these, and is to be up to the second.
    planned_to: Mapped[int] = mapped_column(default=0)
    plan_to: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class CrmCopy(Base):
    """Something of ours as one account has it. One without a remote id waits until its customer is there."""

    __tablename__ = "crm_copy"
    __table_args__ = (UniqueConstraint("account_id", "thing"), Index(None, "account_id", "remote_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    thing: Mapped[str]  # such as `call:` and a public id; see things.py
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id", ondelete="CASCADE"), index=True)
    records: Mapped[str]  # as what it was written (connector.crm)
    remote_id: Mapped[str] = mapped_column(default="")
    version: Mapped[str] = mapped_column(default="")  # the remote's own mark of what we wrote last
    hash: Mapped[str] = mapped_column(default="")  # of what we wrote last
    gone_at: Mapped[datetime | None]  # somebody deleted it there, or we took it back: it is not written again
    written_at: Mapped[datetime | None]
