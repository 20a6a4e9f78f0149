"""Tables of parties and of what points to them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, ForeignKey, Index, UniqueConstraint, event
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from hub.identity.rules import PartyKind
from hub.records.address import match_key
from hub.store.base import Base, PublicId, now

__all__ = [
    "Claim", "Conflict", "ContactPhoto", "Identifier", "Link", "Merge", "MergeItem", "MergeState", "NotSame", "NumberRule", "Party",
    "PartyKind", "PartyStatus", "PhotoState", "Review", "ReviewState", "SharedRecord",
]  # fmt: skip


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
    apart: Mapped[bool] = mapped_column(
        default=True
    )  # two records of this stream are two people; else one leaves several
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
    value: Mapped[str]  # normal form: E.164 (fixed lines with ;ext=), casefolded e-mail, tax_id.TaxId.key
    raw: Mapped[str] = mapped_column(default="")  # as typed
    label: Mapped[str] = mapped_column(default="")  # mobile, fixed, toll_free ...; work, home
    tail: Mapped[str] = mapped_column(default="")  # phones: the last 9 digits; e-mails: match_key; tax ids: the number
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


class PhotoState(StrEnum):
    """What became of the picture that a record names."""

    PENDING = "pending"  # a worker fetches it
    READY = "ready"
    GONE = "gone"  # the source has it no more
    REFUSED = "refused"  # it is no picture, too large, or not where pictures of the source are
    AWAY = "away"  # tried often enough for now


class ContactPhoto(Base):
    """The picture of a party in one source record. Its bytes are on a shelf, by their hash (store/shelf.py).

    While another one is fetched, the one before stays: it is shown as long as there is a hash.
    """

    __tablename__ = "contact_photo"
    __table_args__ = (Index(None, "state", "due_at"), Index(None, "sha256"), Index(None, "lease_until"))
    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("link.id", ondelete="CASCADE"), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    url: Mapped[str]  # as the record says it now
    state: Mapped[str] = mapped_column(default=PhotoState.PENDING)
    trouble: Mapped[str] = mapped_column(default="")  # of the last try (intake.trouble)
    reason: Mapped[str] = mapped_column(default="")  # in words, for an administrator
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    sha256: Mapped[str] = mapped_column(default="")
    media_type: Mapped[str] = mapped_column(default="")  # by its first bytes
    fetched_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    finished: Mapped[int] = mapped_column(default=0)  # the last attempt that came to an end: those after it died
    lease_until: Mapped[datetime | None]


class SharedRecord(Base):
    """A remote record that is kept in step with its party, both ways: what each side was when they last agreed.

    What a side changed since is what it says now against this; see `in_step`.
    """

    __tablename__ = "shared_record"
    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("link.id", ondelete="CASCADE"), unique=True)
    base: Mapped[dict[str, Any]]  # the remote's fields
    ours: Mapped[dict[str, Any]]  # the hub's
    version: Mapped[str] = mapped_column(default="")  # the remote's own mark of what we wrote last
    pushed_hash: Mapped[str] = mapped_column(default="")  # of the fields as our last write left them
    earlier: Mapped[list[Any]] = mapped_column(default=list)  # the same of writes before it
    pushed_at: Mapped[datetime | None]  # our last write, by the remote's clock
    answered: Mapped[bool] = mapped_column(default=False)  # since then somebody changed it there
    round_trips: Mapped[list[Any]] = mapped_column(default=list)  # when a write of ours followed such an answer
    frozen_at: Mapped[datetime | None]  # it went round too often; a person lets it go on
    created_at: Mapped[datetime] = mapped_column(default=now)


class Conflict(PublicId, Base):
    """Both sides of a shared record changed the same: what was chosen, and what was given up for it."""

    __tablename__ = "conflict"
    __table_args__ = (
        Index(None, "settled_at", "id"),
        Index(None, "account_id", "settled_at"),
        UniqueConstraint("link_id", "fingerprint"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    link_id: Mapped[int] = mapped_column(ForeignKey("link.id", ondelete="CASCADE"))
    party_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    field: Mapped[str]
    entry: Mapped[str] = mapped_column(default="")  # of a list
    base: Mapped[dict[str, Any]]  # each {"value": ...}
    ours: Mapped[dict[str, Any]]
    theirs: Mapped[dict[str, Any]]
    winner: Mapped[str]  # by the mapping's policy: hub, remote; empty: a person decides
    fingerprint: Mapped[str]  # so that a write that is tried again tells of it once
    at: Mapped[datetime] = mapped_column(default=now)
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    choice: Mapped[str] = mapped_column(default="")  # hub, remote: what the person chose


class NumberRule(Base):
    """What the company decided about one number: ours, shared by many, or not to be shown."""

    __tablename__ = "number_rule"
    value: Mapped[str] = mapped_column(primary_key=True)  # E.164, or as the exchange writes it
    rule: Mapped[str]  # own, ignore, shared
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(default=now)


class MergeState(StrEnum):
    MOVING = "moving"  # the loser's history follows, page by page
    DONE = "done"
    UNDOING = "undoing"  # what belongs to the loser goes back, page by page
    UNDONE = "undone"


class Merge(PublicId, Base):
    """Two parties that became one, or were taken apart again. A row of work while history moves (`merging.background`)."""

    __tablename__ = "merge"
    __table_args__ = (Index(None, "due_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    winner_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    loser_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=now)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    rule: Mapped[str] = mapped_column(default="")  # by which a program decided; empty: a person did; split: taken apart
    score: Mapped[float | None]
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(default=MergeState.MOVING)
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the winner's own columns, before and after
    marks: Mapped[dict[str, Any]] = mapped_column(default=dict)  # table: its last row; what comes later was made since
    moved: Mapped[int] = mapped_column(default=0)  # rows of history, so far
    moved_at: Mapped[datetime | None]  # all of them had moved
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")


class MergeItem(Base):
    """One line of the journal of a merge; it goes when it is taken back. `before` holds what a person or source said."""

    __tablename__ = "merge_item"
    id: Mapped[int] = mapped_column(primary_key=True)
    merge_id: Mapped[int] = mapped_column(ForeignKey("merge.id", ondelete="CASCADE"), index=True)
    what: Mapped[str]  # table.column whose rows moved, or what was written down (merging.journal)
    ids: Mapped[list[Any]] = mapped_column(default=list)
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)


class NotSame(Base):
    """Two parties that are not one, as somebody said: no program merges them, nor what they become."""

    __tablename__ = "not_same"
    __table_args__ = (UniqueConstraint("a_id", "b_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    a_id: Mapped[int] = mapped_column(ForeignKey("party.id"))  # the smaller number
    b_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(default=now)


class ReviewState(StrEnum):
    OPEN = "open"
    SAME = "same"
    NOT_SAME = "not_same"
    LATER = "later"


class Review(PublicId, Base):
    """Two parties that may be one; a person decides."""

    __tablename__ = "review"
    __table_args__ = (UniqueConstraint("a_id", "b_id"), Index(None, "state", "score"))
    id: Mapped[int] = mapped_column(primary_key=True)
    a_id: Mapped[int] = mapped_column(ForeignKey("party.id"))  # the smaller number
    b_id: Mapped[int] = mapped_column(ForeignKey("party.id"), index=True)
    score: Mapped[float]
    reasons: Mapped[list[Any]] = mapped_column(default=list)  # codes with what they are about
    fingerprint: Mapped[str] = mapped_column(
        default=""
    )  # of what it was judged by: when that changes, it is asked anew
    state: Mapped[str] = mapped_column(default=ReviewState.OPEN)
    at: Mapped[datetime] = mapped_column(default=now)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    decided_at: Mapped[datetime | None]


@event.listens_for(Identifier, "before_insert")
def _add_match_key(_: Mapper[Any], __: Connection, row: Identifier) -> None:
    """Give every e-mail what mails are matched by, whoever writes it."""
    if row.kind == "email" and not row.tail:
        row.tail = match_key(row.value) or row.value
