"""Tables of telephony: calls and their parts, who has which phone, what was shown to whom."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class Extension(Base):
    """A phone inside an exchange, and who uses it."""

    __tablename__ = "extension"
    __table_args__ = (UniqueConstraint("account_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    number: Mapped[str]
    device: Mapped[str] = mapped_column(default="")  # pattern of its channel names; empty: TECH/<number>
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)


class EndpointRule(Base):
    """What stands behind channel names of a pattern, as the administrator confirmed it."""

    __tablename__ = "endpoint"
    __table_args__ = (UniqueConstraint("account_id", "pattern"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    pattern: Mapped[str]  # shell pattern over the channel name without its last -part, such as PJSIP/trunk*
    kind: Mapped[str]  # trunk, extension, ignore
    region: Mapped[str] = mapped_column(default="")  # trunks: country of numbers without one
    dial_prefix: Mapped[str] = mapped_column(default="")  # trunks: digits that stand before an outside number
    match_withheld: Mapped[bool] = mapped_column(default=False)  # trunks: use a number its caller withheld for matching


class SeenEndpoint(Base):
    """A channel name the exchange used, for the list of what is not classified yet."""

    __tablename__ = "seen_endpoint"
    __table_args__ = (UniqueConstraint("account_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    name: Mapped[str]
    seen_at: Mapped[datetime] = mapped_column(default=now)
    rang_at: Mapped[datetime | None]


class MatchBasis(StrEnum):
    """How a call's party was found."""

    NUMBER = "number"
    KEYED = "keyed"
    CLICK = "click"
    MANUAL = "manual"
    AMBIGUOUS = "ambiguous"
    NONE = ""


class CallRow(PublicId, Base):
    """One conversation. `state` is the correlator's memory of an open call, so that a killed hub goes on with it."""

    __tablename__ = "call"
    __table_args__ = (
        UniqueConstraint("account_id", "key"),
        Index(None, "started_at", "id"),
        Index(None, "open", "account_id"),
        Index(None, "party_id", "started_at"),
        Index(None, "number", "started_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    key: Mapped[str]
    open: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=0)
    direction: Mapped[str]
    outcome: Mapped[str] = mapped_column(default="")
    reason: Mapped[str] = mapped_column(default="")
    caller: Mapped[str] = mapped_column(default="")  # as the exchange knew it
    caller_name: Mapped[str] = mapped_column(default="")
    withheld: Mapped[bool] = mapped_column(default=False)
    callee: Mapped[str] = mapped_column(default="")
    number: Mapped[str] = mapped_column(default="")  # the outside party's: E.164, else as the exchange wrote it
    did: Mapped[str] = mapped_column(default="")
    trunk: Mapped[str] = mapped_column(default="")
    queue: Mapped[str] = mapped_column(default="")
    keyed: Mapped[str] = mapped_column(default="")
    click_id: Mapped[str] = mapped_column(default="", index=True)
    started_at: Mapped[datetime]
    ringing_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_estimated: Mapped[bool] = mapped_column(default=False)
    hangup_by: Mapped[str] = mapped_column(default="")
    wait_s: Mapped[float] = mapped_column(default=0.0)
    ring_s: Mapped[float] = mapped_column(default=0.0)
    talk_s: Mapped[float] = mapped_column(default=0.0)
    source: Mapped[str]
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    match_basis: Mapped[str] = mapped_column(default="")
    candidates: Mapped[list[Any]] = mapped_column(default=list)  # party ids, where several fit
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))  # who spoke last, or called
    disposition: Mapped[str] = mapped_column(default="")  # what the agent chose
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="SET NULL"))
    state: Mapped[dict[str, Any] | None]
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")  # that an administrator defined
    fields_here: Mapped[list[Any]] = mapped_column(
        default=list, server_default="[]"
    )  # those of them that people filled
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class CallAlias(Base):
    """Another key that a call was known by; a record that comes late under it finds its call."""

    __tablename__ = "call_alias"
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"), index=True)


class LegRow(Base):
    """One endpoint's part of a call."""

    __tablename__ = "leg"
    __table_args__ = (UniqueConstraint("call_id", "uid"), Index(None, "user_id", "offered_at"), Index(None, "uid"))
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    uid: Mapped[str]
    extension: Mapped[str] = mapped_column(default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    number: Mapped[str] = mapped_column(default="")
    origin: Mapped[bool] = mapped_column(default=False)
    channel: Mapped[str] = mapped_column(default="")
    offered_at: Mapped[datetime]
    ringing_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    result: Mapped[str] = mapped_column(default="")
    consult_by: Mapped[str] = mapped_column(default="")


class SegmentRow(Base):
    """A stretch of talk."""

    __tablename__ = "segment"
    __table_args__ = (Index(None, "call_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    leg: Mapped[str]
    extension: Mapped[str] = mapped_column(default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    consult: Mapped[bool] = mapped_column(default=False)


class TransferRow(Base):
    """A call that was handed on."""

    __tablename__ = "transfer"
    __table_args__ = (Index(None, "call_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str]
    source: Mapped[str] = mapped_column(default="")
    target: Mapped[str] = mapped_column(default="")
    result: Mapped[str] = mapped_column(default="")


class RecordingState(StrEnum):
    PENDING = "pending"
    READY = "ready"
    EMPTY = "empty"
    MISSING = "missing"
    REFUSED = "refused"  # its path leads outside the recordings' root
    PURGED = "purged"


class Recording(PublicId, Base):
    """A recording of a call. The row stays when the file is purged."""

    __tablename__ = "recording"
    __table_args__ = (UniqueConstraint("call_id", "path"), Index(None, "state", "due_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    path: Mapped[str]  # as the exchange said it; never shown, never taken from outside
    voicemail: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default=RecordingState.PENDING)
    started_at: Mapped[datetime]
    size: Mapped[int | None]
    sha256: Mapped[str] = mapped_column(default="")
    content_type: Mapped[str] = mapped_column(default="")
    legal_hold: Mapped[bool] = mapped_column(default=False)
    paused_at: Mapped[datetime | None]  # writing stopped while something secret is said
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")


class Pop(Base):
    """A card shown to one user for one call: never a second one."""

    __tablename__ = "pop"
    __table_args__ = (UniqueConstraint("call_id", "user_id"), Index(None, "user_id", "call_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    card: Mapped[dict[str, Any]]  # as last told to the browser
    shown_at: Mapped[datetime] = mapped_column(default=now)
    retracted_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")
    dismissed_at: Mapped[datetime | None]
    draft: Mapped[dict[str, Any]] = mapped_column(default=dict)  # half-written note and outcome
    has_draft: Mapped[bool] = mapped_column(default=False, index=True)
    saved_at: Mapped[datetime | None]


class Click(Base):
    """A click-to-dial order: written before the exchange is told, so that it is never given twice."""

    __tablename__ = "click"
    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    extension: Mapped[str]
    number: Mapped[str]
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    state: Mapped[str] = mapped_column(default="ordered")  # ordered, taken, refused, unknown
    error: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=now)
