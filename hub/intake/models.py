"""Tables of accounts, their streams, and what the remotes sent."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now

LISTING = "streams"  # the stream that tells which streams an account has


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
    record_url: Mapped[str] = mapped_column(default="", server_default="")  # of a record there; see record_link.py
    created_at: Mapped[datetime] = mapped_column(default=now)


WATCH = "watch"  # the stream of an account that is looked at all the time; see watch.py
NAMED = "named:"  # begins the stream of a place whose records are named by notifications; see named.py


class StreamState(Base):
    """One stream of an account: where to go on, when, and who is at it. The row is its own lock."""

    __tablename__ = "stream_state"
    __table_args__ = (UniqueConstraint("account_id", "stream"), Index(None, "due_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    stream: Mapped[str]
    title: Mapped[str] = mapped_column(default="", server_default="")
    records: Mapped[str] = mapped_column(
        default="", server_default=""
    )  # kind of record; empty: not read in pages (an exchange's)
    mailbox: Mapped[str] = mapped_column(default="", server_default="")
    wanted: Mapped[bool] = mapped_column(default=True, server_default=true())  # False: settings or remote dropped it
    every_s: Mapped[int] = mapped_column(default=0, server_default="0")
    full_every_s: Mapped[int] = mapped_column(default=0, server_default="0")  # 0: only when the cursor is lost
    asked: Mapped[str] = mapped_column(default="", server_default="")
    cursor: Mapped[dict[str, Any] | None]
    phase: Mapped[str] = mapped_column(default="")
    epoch: Mapped[int] = mapped_column(default=0)  # number of the present pass from the beginning
    lane: Mapped[int] = mapped_column(default=1, server_default="1")
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    trouble: Mapped[str] = mapped_column(default="", server_default="")  # see trouble.Trouble
    failures: Mapped[int] = mapped_column(default=0, server_default="0")  # in a row
    failing_since: Mapped[datetime | None]
    last_ok_at: Mapped[datetime | None]
    last_full_at: Mapped[datetime | None]  # when the last complete pass ended
    usual_gap_s: Mapped[int] = mapped_column(default=0, server_default="0")  # between good looks, as a rule
    expected: Mapped[int | None]  # records of the present pass, as far as the remote says
    begun_at: Mapped[datetime] = mapped_column(default=now, server_default="2026-01-01 00:00:00+00")
    audit_at: Mapped[datetime | None]  # when it is compared with the remote again
    audit: Mapped[dict[str, Any] | None]  # what the last comparison found: at, compared, missing
    may_lose_until: Mapped[datetime | None]  # a person agreed that many records go at once


class RawState(StrEnum):
    """Every record ends in one of these but KEPT."""

    KEPT = "kept"
    APPLIED = "applied"
    SET_ASIDE = "set_aside"
    FILTERED = "filtered"


class RawRecord(PublicId, Base):
    """The latest payload of one remote record, exactly as sent."""

    __tablename__ = "raw_record"
    __table_args__ = (
        UniqueConstraint("account_id", "stream", "remote_id"),
        Index(None, "state", "account_id", "id"),
        Index(None, "account_id", "container", "epoch"),
        Index(None, "account_id", "stream", "received_at"),
    )
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
    container: Mapped[str] = mapped_column(default="", server_default="")  # key of the stream that showed it last
    epoch: Mapped[int] = mapped_column(default=0, server_default="0")  # of that stream, when it was shown last
    etag: Mapped[str] = mapped_column(default="", server_default="")  # the remote's own version
    gone_at: Mapped[datetime | None]  # the remote has it no more


class FilteredRecord(Base):
    """That a record was looked at and is not for the hub: no content, no id, only what an audit needs."""

    __tablename__ = "filtered_record"
    __table_args__ = (
        UniqueConstraint("account_id", "stream", "id_hash"),
        Index(None, "account_id", "container", "epoch"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    stream: Mapped[str]
    container: Mapped[str] = mapped_column(default="")
    id_hash: Mapped[str]
    reason: Mapped[str]
    day: Mapped[date | None]
    epoch: Mapped[int] = mapped_column(default=0)


class Reading(Base):
    """One run of a stream that brought something, failed, or was a pass from the beginning: the log of runs."""

    __tablename__ = "reading"
    __table_args__ = (Index(None, "account_id", "began_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    stream: Mapped[str]
    phase: Mapped[str]
    epoch: Mapped[int]
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    trouble: Mapped[str] = mapped_column(default="")
    error: Mapped[str] = mapped_column(default="")


class PushChannel(Base):
    """A remote's promise to tell us of changes in a stream; a hint, see connector/stream.py."""

    __tablename__ = "push_channel"
    __table_args__ = (UniqueConstraint("account_id", "stream"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    stream: Mapped[str]
    expires_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sealed: Mapped[str] = mapped_column(default="")  # what a forger must not know


class OauthGrant(Base):
    """What a remote's OAuth gave to an account, or to one mailbox of it; sealed. The row is the lock of a refresh."""

    __tablename__ = "oauth_grant"
    __table_args__ = (UniqueConstraint("account_id", "mailbox"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    mailbox: Mapped[str] = mapped_column(default="")
    sealed: Mapped[str]
    expires_at: Mapped[datetime | None]  # of the access token in it
    version: Mapped[int] = mapped_column(default=1)  # counts refreshes
    dead: Mapped[str] = mapped_column(default="")  # why the remote refuses it; empty: it is good
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]


class NamedRecord(Base):
    """A record that a notification named; see intake/named.py."""

    __tablename__ = "named_record"
    __table_args__ = (
        UniqueConstraint("account_id", "records", "remote_id"),
        Index(None, "account_id", "mailbox", "due_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    records: Mapped[str]
    mailbox: Mapped[str]
    remote_id: Mapped[str]
    said: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the notification's own words
    happened_at: Mapped[datetime | None]  # as the notification says
    named_at: Mapped[datetime] = mapped_column(default=now)
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]  # None: it is there, or given up, visibly
    done_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(default="")  # the remote does not show it
