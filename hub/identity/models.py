"""Tables of parties and of what points to them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, ForeignKey, Index, UniqueConstraint, event
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from hub.identity.rules import PartyKind
from hub.records.address import match_key
from hub.store.base import Base, PublicId, now

__all__ = ["Claim", "Identifier", "Link", "NumberRule", "Party", "PartyKind", "PartyStatus"]


class PartyStatus(StrEnum):
    ACTIVE = "active"
    MERGED = "merged"
    ERASED = "erased"


class Party(PublicId, Base):
    """A person or a company. Its fields are computed from claims, never the only copy."""

    __tablename__ = "party"
    __table_args__ = (Index(None, "kind", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(default=PartyKind.PERSON)
    status: Mapped[str] = mapped_column(default=PartyStatus.ACTIVE)
    merged_into: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    name: Mapped[str] = mapped_column(default="")
    company_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)  # works at
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    business_id: Mapped[int | None] = mapped_column(ForeignKey("business.id", ondelete="SET NULL"))
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)  # golden and custom fields
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Link(Base):
    """A party and one remote record that speaks of it."""

    __tablename__ = "link"
    __table_args__ = (UniqueConstraint("account_id", "stream", "remote_id"), Index(None, "raw_record_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    origin_party_id: Mapped[int] = mapped_column(ForeignKey("party.id"))  # before any merge; never changes
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    stream: Mapped[str]
    remote_id: Mapped[str]
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"))
    seen_at: Mapped[datetime] = mapped_column(default=now)
    gone_at: Mapped[datetime | None]  # the source has the record no more; what it said stays


class Identifier(Base):
    """A phone, e-mail or tax id that points to a party."""

    __tablename__ = "identifier"
    __table_args__ = (
        Index(None, "kind", "value"),
        Index(None, "kind", "tail"),
        UniqueConstraint("party_id", "kind", "value"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    link_id: Mapped[int | None] = mapped_column(ForeignKey("link.id", ondelete="SET NULL"))
    kind: Mapped[str]  # phone, email, tax_id
    value: Mapped[str]  # normal form: E.164 (fixed lines with ;ext=), casefolded e-mail, digits
    raw: Mapped[str] = mapped_column(default="")  # as typed
    label: Mapped[str] = mapped_column(default="")  # mobile, fixed, toll_free ...; work, home
    tail: Mapped[str] = mapped_column(default="")  # phones: the last 9 digits; e-mails: records.address.match_key
    possible: Mapped[bool] = mapped_column(default=False)  # not a valid number: found, never merges
    shared: Mapped[bool] = mapped_column(default=False)  # several parties hold it: points to nobody by itself
    blocked: Mapped[bool] = mapped_column(default=False)
    verified: Mapped[bool] = mapped_column(default=False)
    valid_from: Mapped[datetime] = mapped_column(default=now)
    valid_to: Mapped[datetime | None]


class Claim(Base):
    """One field value said by one source record, or by a person (`locked_by`)."""

    __tablename__ = "claim"
    __table_args__ = (Index(None, "party_id", "field"), UniqueConstraint("link_id", "field"))
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"))
    field: Mapped[str]
    value: Mapped[dict[str, Any]]  # {"value": ...}
    link_id: Mapped[int | None] = mapped_column(ForeignKey("link.id", ondelete="CASCADE"))
    observed_at: Mapped[datetime] = mapped_column(default=now)
    locked_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))


class NumberRule(Base):
    """What the company decided about one number: ours, shared by many, or not to be shown."""

    __tablename__ = "number_rule"
    value: Mapped[str] = mapped_column(primary_key=True)  # E.164, or as the exchange writes it
    rule: Mapped[str]  # own, ignore, shared
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(default=now)


@event.listens_for(Identifier, "before_insert")
def _add_match_key(_: Mapper[Any], __: Connection, row: Identifier) -> None:
    """Give every e-mail what mails are matched by, whoever writes it."""
    if row.kind == "email" and not row.tail:
        row.tail = match_key(row.value) or row.value
