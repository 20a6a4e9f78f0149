"""Tables of fields that an administrator defines, and of what a field should be filled to."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class Of(StrEnum):
    """What a field belongs to."""

    PERSON = "person"
    COMPANY = "company"
    LEAD = "lead"
    CALL = "call"
    DOCUMENT = "document"


class Type(StrEnum):
    """What a field holds; beside each, how its values stand in JSON."""

    TEXT = "text"  # "…"
    NUMBER = "number"  # "12.50", as `str(Decimal)` writes it
    MONEY = "money"  # {"amount": "12.50", "currency": "ILS"}
    DATE = "date"  # "2026-11-23"
    CHOICE = "choice"  # the option's `value`
    CHOICES = "choices"  # a list of them, in the order of the options
    BOOLEAN = "boolean"  # true, false
    PHONE = "phone"  # "+972501234567", with `;ext=` where there is one
    EMAIL = "email"  # the normal form
    LINK = "link"  # "https://…"


class FieldRow(PublicId, Base):
    """A field. Archived, it is shown and filled no more; its values stay where they are."""

    __tablename__ = "field"
    __table_args__ = (UniqueConstraint("of", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    of: Mapped[str]
    name: Mapped[str]  # as mappings, the API and files call it; never changes
    type: Mapped[str]  # never changes
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)  # language: text
    mask: Mapped[str] = mapped_column(default="")  # a word of fields.masks, or `pattern`
    pattern: Mapped[str] = mapped_column(default="")  # of the whole text
    required: Mapped[bool] = mapped_column(default=False)
    default: Mapped[dict[str, Any]] = mapped_column(default=dict)  # {"value": …}; empty: none
    roles: Mapped[list[Any]] = mapped_column(default=list)  # who sees it; empty: everybody
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("field.id"))  # the choice that its options depend on
    position: Mapped[int] = mapped_column(default=0)
    archived_at: Mapped[datetime | None]
    made_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class OptionRow(Base):
    """One entry of a field's list."""

    __tablename__ = "option"
    __table_args__ = (UniqueConstraint("field_id", "value"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    field_id: Mapped[int] = mapped_column(ForeignKey("field.id", ondelete="CASCADE"))
    value: Mapped[str]  # as it is kept; never changes
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    parents: Mapped[list[Any]] = mapped_column(
        default=list
    )  # values of the parent's choice that it is for; empty: of all
    position: Mapped[int] = mapped_column(default=0)
    archived_at: Mapped[datetime | None]  # kept where it is chosen, and chosen no more


class FillTarget(Base):
    """How many records of a kind should have a field, in percent."""

    __tablename__ = "fill_target"
    __table_args__ = (UniqueConstraint("of", "field"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    of: Mapped[str]
    field: Mapped[str]  # of the hub's own, or one that an administrator defined
    green: Mapped[int]  # from so many percent on it is good
    amber: Mapped[int]  # from so many on it is bearable, below it is bad
