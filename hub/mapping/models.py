"""Tables of mappings that administrators write, of running one again over history, and of what sources send."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class Status(StrEnum):
    DRAFT = "draft"  # being written: the only one that changes; at most one of a scope
    LIVE = "live"  # records are mapped by it; at most one of a scope
    RETIRED = "retired"  # it was live


class MappingVersion(PublicId, Base):
    """A mapping as administrators wrote it over the shipped one, for one stream of a connector.

    Of an account (`account_id`) it is an overlay: its document has only the fields that are another way there.
    """

    __tablename__ = "mapping_version"
    __table_args__ = (
        UniqueConstraint("connector", "stream", "scope", "number"),
        Index(None, "status", "connector", "stream"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    connector: Mapped[str]
    stream: Mapped[str]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(default="")  # the account's id as text; empty: every account of the connector
    number: Mapped[int]  # counts from 1 in its scope; 0: the draft
    status: Mapped[str] = mapped_column(default=Status.DRAFT)
    document: Mapped[
        dict[str, Any]
    ]  # mapping.load.content; of an overlay {"fields": {name: rule, or null: without it}}
    base: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the document it was written over: see versions.under
    sha256: Mapped[str] = mapped_column(default="")  # of the document
    note: Mapped[str] = mapped_column(default="")  # what it is good for
    made_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    made_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    published_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    published_at: Mapped[datetime | None]


class ReplayStatus(StrEnum):
    WAITING = "waiting"  # also one that is being worked at, or was when its worker died
    DONE = "done"
    CANCELLED = "cancelled"


class Replay(PublicId, Base):
    """The present mapping run again over what one account sent. A row of work (see work/lease.py)."""

    __tablename__ = "replay"
    __table_args__ = (Index(None, "due_at"), Index(None, "account_id", "stream"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    stream: Mapped[str] = mapped_column(default="")  # empty: all of them
    since: Mapped[datetime | None]  # what was received from then on; none: everything
    status: Mapped[str] = mapped_column(default=ReplayStatus.WAITING)
    after: Mapped[int] = mapped_column(default=0)  # the last raw record that was taken again
    last: Mapped[int] = mapped_column(default=0)  # the last there was when it was asked for
    total: Mapped[int] = mapped_column(default=0)  # so many records were there then
    mapping_hash: Mapped[str] = mapped_column(default="")  # of what it began with; with anything else it begins anew
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # applied, set_aside; seconds of work
    error: Mapped[str] = mapped_column(default="")  # why it waits
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(default=now)
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]


class SourceField(Base):
    """A place in the payloads of one stream that ever had a value."""

    __tablename__ = "source_field"
    __table_args__ = (UniqueConstraint("account_id", "stream", "path"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    stream: Mapped[str]  # kind of records, without a container
    path: Mapped[str]  # as a mapping writes it; entries of a list are one place, `[]`
    types: Mapped[list[Any]] = mapped_column(default=list)  # of JSON, in the order they came: the last is the newest
    records: Mapped[int] = mapped_column(default=0)  # so many had it
    looked: Mapped[int] = mapped_column(default=0)  # so many of its stream had been looked at when it came last
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    retyped_at: Mapped[datetime | None]  # when its newest type came
    gone_at: Mapped[datetime | None]  # when it was noticed that it comes no more
    seen_at: Mapped[datetime | None]  # when a person was shown that it is new, retyped or gone


class SourceLook(Base):
    """How far the payloads of one stream were looked through; a container (`calendar:…`) is a stream of its own here."""

    __tablename__ = "source_look"
    __table_args__ = (UniqueConstraint("account_id", "stream"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    stream: Mapped[str]
    received_at: Mapped[datetime | None]  # of the last record
    raw_record_id: Mapped[int] = mapped_column(default=0)
    records: Mapped[int] = mapped_column(default=0)  # so many were looked at
    more: Mapped[int] = mapped_column(default=0)  # so many had places beyond those that are kept
    began_at: Mapped[datetime] = mapped_column(default=now)
    looked_at: Mapped[datetime] = mapped_column(default=now)
