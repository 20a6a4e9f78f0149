"""Tables of people, their sessions and tokens, what they did, and the administrators' settings."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class Role(StrEnum):
    """What a person may do; each includes the ones before it, see policy.py."""

    AGENT = "agent"
    MANAGER = "manager"
    ADMIN = "admin"


class Business(Base):
    """A legal entity of the group."""

    __tablename__ = "business"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    tax_id: Mapped[str] = mapped_column(default="")
    currency: Mapped[str] = mapped_column(default="")
    region: Mapped[str] = mapped_column(default="")
    time_zone: Mapped[str] = mapped_column(default="", server_default="")  # empty: the hub's
    payment_terms_days: Mapped[int | None]


class User(PublicId, Base):
    """A person who works here."""

    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)  # lower case
    name: Mapped[str]
    role: Mapped[str] = mapped_column(default=Role.AGENT)
    language: Mapped[str] = mapped_column(default="")  # empty: the hub's
    time_zone: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str | None]
    preferences: Mapped[dict[str, Any]] = mapped_column(default=dict)  # shortcuts, sound, timeline filters
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]  # takes a break: no route-to-owner
    disabled_at: Mapped[datetime | None]


class UserBusiness(Base):
    """A person who sees the money of some legal entities only; who has no row sees all of them."""

    __tablename__ = "user_business"
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    business_id: Mapped[int] = mapped_column(ForeignKey("business.id", ondelete="CASCADE"), primary_key=True)


class UserSession(Base):
    """One sign-in of one browser. The cookie holds the token, the row only its hash."""

    __tablename__ = "user_session"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(default="")
    browser: Mapped[str] = mapped_column(default="")
    origin: Mapped[str] = mapped_column(default="", server_default="")  # of the page around ours; empty: none


class EmbedOrigin(Base):
    """Another product whose pages may show ours in a frame: `https://crm.example`."""

    __tablename__ = "embed_origin"
    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class EmbedTicket(Base):
    """What another product's server got for one of its pages: good for one load, within a minute.

    Whom it shows is emptied when it is used; the rest stays a day, so that a page loaded again can say where it was.
    """

    __tablename__ = "embed_ticket"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    origin: Mapped[str]
    page: Mapped[str]
    party: Mapped[str] = mapped_column(default="")  # public id of the customer to show
    number: Mapped[str] = mapped_column(default="")  # or whose number it is
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PasswordLink(Base):
    """A one-time link to set a password."""

    __tablename__ = "password_link"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiToken(Base):
    """A program that may call the API."""

    __tablename__ = "api_token"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    scopes: Mapped[str] = mapped_column(default="", server_default="")  # with blanks between; empty: all of the role
    rate: Mapped[str] = mapped_column(default="", server_default="")  # such as 100/minute; empty: the setting
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Idempotency(Base):
    """The answer that an `Idempotency-Key` already got."""

    __tablename__ = "idempotency"
    __table_args__ = (UniqueConstraint("token_id", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("api_token.id", ondelete="CASCADE"))
    key: Mapped[str]
    request_hash: Mapped[str]
    status: Mapped[int | None]  # None: still running
    body: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(default=now)


class Audit(Base):
    """Who did or saw what."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "subject", "subject_id"), Index(None, "at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    actor: Mapped[str]  # e-mail, `token NAME` or `command`
    action: Mapped[str]  # verb, such as `recording.heard`
    subject: Mapped[str] = mapped_column(default="")
    subject_id: Mapped[str] = mapped_column(default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    address: Mapped[str] = mapped_column(default="")


class Choice(Base):
    """An administrator's setting that is not in a file: outcomes of a call, own numbers, what the card shows."""

    __tablename__ = "choice"
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))


class Suppression(Base):
    """The mark of something that must not come back, because it speaks of somebody who was erased; see suppression.py."""

    __tablename__ = "suppression"
    mark: Mapped[str] = mapped_column(primary_key=True)  # an HMAC: says nothing without the key outside the database
    at: Mapped[datetime] = mapped_column(default=now)
