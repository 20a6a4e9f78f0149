"""Tables of what happened and of who listens."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class Event(PublicId, Base):
    """One thing that happened, written in the transaction in which it did; only while somebody listens to its type."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "taken_at", "id"), Index(None, "subject"), Index(None, "created_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]  # such as `call.ended`; see events.types
    subject: Mapped[str]  # public id of the customer, else of the thing itself: events of one subject stay in order
    at: Mapped[datetime]  # when it happened
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    taken_at: Mapped[datetime | None]  # when every listener had planned what it does about it
    cause: Mapped[int | None]  # the firing of the rule that did this; None: no rule did


class Listener(Base):
    """Somebody who wants to know: an endpoint, a rule, a CRM. Who it is keeps its own row in step with this one."""

    __tablename__ = "listener"
    __table_args__ = (Index(None, "kind", "ref_id", unique=True),)
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]  # which kind of listener
    ref_id: Mapped[int]  # of its own table
    types: Mapped[list[Any]]  # names of types of events; empty: all
