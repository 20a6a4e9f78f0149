"""Tables of accounts, their streams, and what the remotes sent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class AccountState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"  # kept because records point to it


class Health(StrEnum):
    """What the administrator sees; red (`NEEDS_YOU`) only for what a person must fix."""

    NEVER_RUN = "never_run"
    HEALTHY = "healthy"
    WORKING = "working"
    LATE = "late"
    WARNINGS = "warnings"
    NEEDS_YOU = "needs_you"
    PAUSED = "paused"


class Account(PublicId, Base):
    """One connection to a remote system."""

    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    connector: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))  # None: shared
    business_id: Mapped[int | None] = mapped_column(ForeignKey("business.id", ondelete="SET NULL"))
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    secrets: Mapped[str] = mapped_column(default="")  # sealed, see security/vault.py
    region: Mapped[str] = mapped_column(default="")  # empty: the hub's
    time_zone: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default=AccountState.ACTIVE)
    health: Mapped[str] = mapped_column(default=Health.NEVER_RUN)
    health_text: Mapped[str] = mapped_column(default="")  # what is wrong and what to do
    next_try_at: Mapped[datetime | None]
    last_event_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # version, counters, skew: for the health page
    hook_token_hash: Mapped[str] = mapped_column(default="", index=True)
    old_hook_token_hash: Mapped[str] = mapped_column(default="", index=True)  # good while a token is rotated
    created_at: Mapped[datetime] = mapped_column(default=now)


class StreamState(Base):
    """One stream of an account: where to go on, when, and who is at it. The row is its own lock."""

    __tablename__ = "stream_state"
    __table_args__ = (UniqueConstraint("account_id", "stream"), Index(None, "due_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    stream: Mapped[str]
    cursor: Mapped[dict[str, Any] | None]
    phase: Mapped[str] = mapped_column(default="")
    epoch: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class RawState(StrEnum):
    """Every record ends in one of these but KEPT."""

    KEPT = "kept"
    APPLIED = "applied"
    SET_ASIDE = "set_aside"
    FILTERED = "filtered"


class RawRecord(PublicId, Base):
    """The latest payload of one remote record, exactly as sent."""

    __tablename__ = "raw_record"
    __table_args__ = (UniqueConstraint("account_id", "stream", "remote_id"), Index(None, "state", "account_id", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    stream: Mapped[str]
    remote_id: Mapped[str]
    payload: Mapped[dict[str, Any]]
    hash: Mapped[str]
    version: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(default=RawState.KEPT)
    error: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    mapping_hash: Mapped[str] = mapped_column(default="")
    received_at: Mapped[datetime] = mapped_column(default=now)
    applied_at: Mapped[datetime | None]
