"""Tables of leads: what was answered and agreed to, where it came from, who looks after it, what became of it."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, ForeignKey, Index, UniqueConstraint, event
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from hub.store.base import Base, PublicId, now


class Bucket(StrEnum):
    """How a lead was won, as reports count it."""

    PAID = "paid"  # by an ad
    ORGANIC = "organic"  # by a form that no ad led to
    WEB = "web"  # by a page of ours
    TEST = "test"  # nobody; in no report
    PENDING = "pending"  # the source did not tell yet
    UNATTRIBUTED = "unattributed"  # the source cannot tell; never counted as organic


class Stage(StrEnum):
    """How far a lead came, in their order; each is written down once per occurrence, with what proves it."""

    RECEIVED = "received"
    CONTACTED = "contacted"  # we called or wrote
    REACHED = "reached"  # they answered
    QUALIFIED = "qualified"
    OPPORTUNITY = "opportunity"
    CUSTOMER = "customer"
    LOST = "lost"  # beside the way; so are the next two
    INVALID = "invalid"
    SPAM = "spam"


class Feedback(StrEnum):
    """Whether the source of a lead was told that it came to a stage."""

    NONE = ""  # nobody decided: the source wants to know nothing so far
    WAITING = "waiting"
    TOLD = "told"
    LATE = "late"  # older than a source counts
    NO_CONSENT = "no_consent"
    REFUSED = "refused"  # by the source; why, the outbox knows


class LeadRow(PublicId, Base):
    """A lead as its source sent it, and how it stands."""

    __tablename__ = "lead"
    __table_args__ = (
        UniqueConstraint("account_id", "remote_id"),
        Index(None, "closed_at", "contacted_at", "created_at"),
        Index(None, "created_at", "id"),
        Index(None, "owner_id", "closed_at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    remote_id: Mapped[str]
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"), unique=True)
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="SET NULL"), unique=True)
    created_at: Mapped[datetime]  # when it was answered, as the source says
    received_at: Mapped[datetime] = mapped_column(default=now)
    language: Mapped[str] = mapped_column(default="")
    is_test: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str] = mapped_column(default="")  # as answered, fit to be shown
    phone: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    needs_mapping: Mapped[bool] = mapped_column(default=False)  # nobody said which answer is the name or the number
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    assigned_at: Mapped[datetime | None]
    rule_id: Mapped[int | None] = mapped_column(ForeignKey("lead_rule.id", ondelete="SET NULL"))
    told_at: Mapped[datetime | None]  # on whose screens it is, knows the live channel
    escalated_at: Mapped[datetime | None]
    stage: Mapped[str] = mapped_column(default=Stage.RECEIVED)
    contacted_at: Mapped[datetime | None]
    reached_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]  # nothing more is to be done
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")  # that an administrator defined
    fields_here: Mapped[list[Any]] = mapped_column(
        default=list, server_default="[]"
    )  # those of them that people filled


class LeadAnswer(Base):
    """One answer of a lead; all are kept, also those that no field is for."""

    __tablename__ = "lead_answer"
    __table_args__ = (UniqueConstraint("lead_id", "place"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))
    place: Mapped[int]  # in the form
    key: Mapped[str]
    type: Mapped[str] = mapped_column(default="")
    label: Mapped[str] = mapped_column(default="")
    sent: Mapped[list[Any]]
    shown: Mapped[list[Any]]
    options: Mapped[list[Any]]
    field: Mapped[str] = mapped_column(default="")  # of the party; empty: it is only an answer
    by: Mapped[str] = mapped_column(default="")  # how that was found: type, admin, word, value


class QuestionField(Base):
    """What an administrator says a question is for; it counts before whatever the hub would guess."""

    __tablename__ = "question_field"
    __table_args__ = (UniqueConstraint("account_id", "form_id", "key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    form_id: Mapped[str] = mapped_column(default="")  # empty: of every form
    key: Mapped[str]
    field: Mapped[str]  # `none`: it is only an answer


class Consent(Base):
    """What somebody agreed to, or not: written once and never changed. A withdrawal is another row."""

    __tablename__ = "consent"
    __table_args__ = (
        UniqueConstraint("account_id", "remote_id", "key"),
        Index(None, "lead_id"),
        Index(None, "whose", "key"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    remote_id: Mapped[str]  # of the lead, or of the message
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id", ondelete="SET NULL"))
    whose: Mapped[str] = mapped_column(default="")  # number in E.164 of who said it in a message
    form_id: Mapped[str] = mapped_column(default="")
    version: Mapped[str] = mapped_column(default="")  # of the form's definition
    key: Mapped[str]
    text: Mapped[str] = mapped_column(default="")  # as shown
    url: Mapped[str] = mapped_column(default="")
    required: Mapped[bool] = mapped_column(default=False)
    checked: Mapped[bool | None]  # None: the source does not say, which is no consent
    given_at: Mapped[datetime]
    kept_at: Mapped[datetime] = mapped_column(default=now)


@event.listens_for(Consent, "before_update")
def _never(_: Mapper[Consent], __: Connection, row: Consent) -> None:
    raise AssertionError(f"consent {row.id} is not to be changed")


class Touchpoint(Base):
    """A moment in which somebody came to us by a campaign, a form or a page; the one that made a lead has its id."""

    __tablename__ = "touchpoint"
    __table_args__ = (Index(None, "account_id", "campaign_id", "at"), Index(None, "bucket", "at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    lead_id: Mapped[int | None] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"), unique=True)
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="SET NULL"), index=True)
    at: Mapped[datetime]
    bucket: Mapped[str]
    platform: Mapped[str] = mapped_column(default="")
    form_id: Mapped[str] = mapped_column(default="")
    form_name: Mapped[str] = mapped_column(default="")
    campaign_id: Mapped[str] = mapped_column(default="")
    adset_id: Mapped[str] = mapped_column(default="")
    ad_id: Mapped[str] = mapped_column(default="")
    is_organic: Mapped[bool | None]
    page_url: Mapped[str] = mapped_column(default="")
    referrer: Mapped[str] = mapped_column(default="")
    utm: Mapped[dict[str, Any]] = mapped_column(default=dict)
    clicks: Mapped[dict[str, Any]] = mapped_column(default=dict)


class AdName(Base):
    """What a campaign, ad set or ad is called now, and was called before."""

    __tablename__ = "ad_name"
    __table_args__ = (UniqueConstraint("account_id", "level", "remote_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    level: Mapped[str]  # campaign, adset, ad
    remote_id: Mapped[str]
    name: Mapped[str]
    earlier: Mapped[list[Any]] = mapped_column(default=list)  # [{name, until}]
    since: Mapped[datetime]  # of the lead that told this name last


class AdSpend(Base):
    """What a campaign cost on one day, in the ad account's own days."""

    __tablename__ = "ad_spend"
    __table_args__ = (UniqueConstraint("account_id", "campaign_id", "day"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    campaign_id: Mapped[str]
    day: Mapped[date]
    amount: Mapped[Decimal]
    currency: Mapped[str]
    impressions: Mapped[int] = mapped_column(default=0)
    clicks: Mapped[int] = mapped_column(default=0)


class LeadRule(PublicId, Base):
    """Who gets which leads: the first that fits counts, and its people take turns."""

    __tablename__ = "lead_rule"
    id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(default=0)
    name: Mapped[str]
    wants: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # account, campaign, form, language, region; all must fit
    users: Mapped[list[Any]] = mapped_column(default=list)  # ids, in turn
    turn: Mapped[int] = mapped_column(default=0)  # how many it gave out


class LeadStage(Base):
    """That a lead came to a stage, when, and what proves it; nothing is ever taken back, only followed by another."""

    __tablename__ = "lead_stage"
    __table_args__ = (UniqueConstraint("lead_id", "stage", "occurrence"), Index(None, "feedback", "at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("lead.id", ondelete="CASCADE"))
    stage: Mapped[str]
    occurrence: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime]
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="SET NULL"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(default="")
    feedback: Mapped[str] = mapped_column(default=Feedback.NONE)
