"""Tables of rules: what they say, what waits to be looked at, when each fired and why, and what is told by it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class Fired(StrEnum):
    """What became of an occasion on which a rule fits."""

    DONE = "done"
    FAILED = "failed"  # something that it does could not be done; what could be is done
    HELD = "held"  # by a brake: nothing is done


class Brake(StrEnum):
    """Why a rule was held."""

    OWN_EFFECT = "own_effect"  # what it did itself would make it fire again
    CHAIN = "chain"  # rules set off rules too often in a row
    CUSTOMER = "customer"  # too often with one customer within an hour
    HOUR = "hour"  # too often within an hour


class Rule(PublicId, Base):
    """A rule. One that is removed stays, because what it did names it."""

    __tablename__ = "rule"
    __table_args__ = (Index(None, "is_on", "asks"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(default="")  # of a rule that is shipped
    name: Mapped[str]
    asks: Mapped[str]  # when it is looked at (grammar.When)
    after: Mapped[int] = mapped_column(default=0)  # hours or days, as the `when` counts
    conditions: Mapped[list[Any]] = mapped_column(default=list)  # [{field, operator, values}]
    actions: Mapped[list[Any]] = mapped_column(default=list)  # [{do, …}], see grammar.Action
    per_hour: Mapped[int] = mapped_column(default=100)  # so often it fires within an hour
    is_on: Mapped[bool] = mapped_column(default=False)
    on_since: Mapped[datetime | None]  # only what happens from then on counts
    looked_at: Mapped[datetime | None]  # of one that waits for a time: up to when it looked
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    removed_at: Mapped[datetime | None]


class RuleEvent(Base):
    """An event that rules have to look at; the row goes when they did."""

    __tablename__ = "rule_event"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("event.id", ondelete="CASCADE"), unique=True)


class RuleFiring(PublicId, Base):
    """That a rule fired: on which occasion, why, and what it did. One occasion is never used twice."""

    __tablename__ = "rule_firing"
    __table_args__ = (
        UniqueConstraint("rule_id", "occasion"),
        Index(None, "rule_id", "at"),
        Index(None, "at", "id"),
        Index(None, "party_id"),
        Index(None, "interaction_id"),
        Index(None, "cause_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("rule.id", ondelete="CASCADE"))
    occasion: Mapped[str]  # names it once, such as `call:0198…`
    at: Mapped[datetime] = mapped_column(default=now)
    happened_at: Mapped[datetime]  # what it is about
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="SET NULL"))
    state: Mapped[str]
    brake: Mapped[str] = mapped_column(default="")
    reason: Mapped[list[Any]] = mapped_column(default=list)  # [{field, operator, values, found}]
    done: Mapped[list[Any]] = mapped_column(default=list)  # [{do, …, error}], in the order of the actions
    cause_id: Mapped[int | None] = mapped_column(ForeignKey("rule_firing.id", ondelete="SET NULL"))  # that set it off


class RuleLetter(Base):
    """A mail to a colleague that a rule asked for; sent outside the transaction, under the same key each time."""

    __tablename__ = "rule_letter"
    __table_args__ = (Index(None, "sent_at", "given_up_at"), Index(None, "firing_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    firing_id: Mapped[int] = mapped_column(ForeignKey("rule_firing.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    tried_at: Mapped[datetime | None]  # last
    unanswered: Mapped[int] = mapped_column(default=0)  # tries of which nobody knows whether they brought it
    sent_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")


class RuleNotice(PublicId, Base):
    """A notice on a colleague's screen, until it is put away."""

    __tablename__ = "rule_notice"
    __table_args__ = (Index(None, "user_id", "seen_at"), Index(None, "told_at"), Index(None, "firing_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    firing_id: Mapped[int] = mapped_column(ForeignKey("rule_firing.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    told_at: Mapped[datetime | None]  # to the browsers that were open
    seen_at: Mapped[datetime | None]
