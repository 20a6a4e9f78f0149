"""Tables of what happened with a party, what is to be done, and what was noted."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class Kind(StrEnum):
    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    DOCUMENT = "document"
    PAYMENT = "payment"
    LEAD = "lead"
    MESSAGE = "message"
    NOTE = "note"
    TASK = "task"
    TICKET = "ticket"


class Visibility(StrEnum):
    """Who sees the content; policy.py decides."""

    ALL = "all"
    METADATA = "metadata"
    OWNER = "owner"


class Interaction(PublicId, Base):
    """Anything on the timeline."""

    __tablename__ = "interaction"
    __table_args__ = (UniqueConstraint("raw_record_id"), Index(None, "started_at", "id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    direction: Mapped[str] = mapped_column(default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    summary: Mapped[str] = mapped_column(default="")
    visibility: Mapped[str] = mapped_column(default=Visibility.ALL)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    business_id: Mapped[int | None] = mapped_column(ForeignKey("business.id", ondelete="SET NULL"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"))
    source_url: Mapped[str] = mapped_column(default="")
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Participant(Base):
    """A party's part in an interaction. Carries time and kind, so that a page comes from one index.

    `party_id` is empty while nobody knows whose number it is; `value` keeps the number for the day somebody does.
    """

    __tablename__ = "participant"
    __table_args__ = (
        Index("ix_participant_page", "party_id", text("started_at DESC"), text("interaction_id DESC")),
        Index("ix_participant_kind", "party_id", "kind", text("started_at DESC"), text("interaction_id DESC")),
        Index("ix_participant_unknown", "identifier_kind", "value", sqlite_where=text("party_id IS NULL"),
              postgresql_where=text("party_id IS NULL")),
        Index(None, "interaction_id"),
    )  # fmt: skip
    id: Mapped[int] = mapped_column(primary_key=True)
    interaction_id: Mapped[int] = mapped_column(ForeignKey("interaction.id", ondelete="CASCADE"))
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))
    origin_party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))  # before any merge; never changes
    started_at: Mapped[datetime]
    kind: Mapped[str]
    role: Mapped[str] = mapped_column(default="")  # caller, callee, sender, recipient, customer
    identifier_kind: Mapped[str] = mapped_column(default="")
    value: Mapped[str] = mapped_column(default="")


class Note(PublicId, Base):
    """Free text of a person about a party or a call."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    call_id: Mapped[int | None] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"), index=True)
    interaction_id: Mapped[int | None] = mapped_column(ForeignKey("interaction.id", ondelete="CASCADE"), index=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    text: Mapped[str]
    pinned: Mapped[bool] = mapped_column(default=False)  # shown first, and as an alert on the card
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Question(Base):
    """That a note is a question which somebody has to answer: open until it is closed."""

    __tablename__ = "question"
    note_id: Mapped[int] = mapped_column(ForeignKey("note.id", ondelete="CASCADE"), primary_key=True)
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))


class NoteFile(PublicId, Base):
    """A file that belongs to a note; its bytes are on the shelf of note_files.py."""

    __tablename__ = "note_file"
    __table_args__ = (Index(None, "note_id"), Index(None, "sha256"))
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(ForeignKey("note.id", ondelete="CASCADE"))
    name: Mapped[str]  # without a path
    media_type: Mapped[str]  # by its first bytes
    size: Mapped[int]  # bytes
    sha256: Mapped[str]  # its name on the shelf
    created_at: Mapped[datetime] = mapped_column(default=now)


class TaskKind(StrEnum):
    MISSED_CALL = "missed_call"  # made by the hub: nobody spoke with this caller yet
    CALL_BACK = "call_back"
    FOLLOW_UP = "follow_up"


class Task(PublicId, Base):
    """Something to be done."""

    __tablename__ = "task"
    __table_args__ = (Index(None, "done_at", "due_at"), Index(None, "number", "done_at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(default=TaskKind.FOLLOW_UP)
    title: Mapped[str] = mapped_column(default="")
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), index=True)
    call_id: Mapped[int | None] = mapped_column(ForeignKey("call.id", ondelete="CASCADE"), unique=True)  # missed call
    number: Mapped[str] = mapped_column(default="")  # to call back: E.164, or as the exchange wrote it
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    due_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    done_at: Mapped[datetime | None]
    done_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    done_reason: Mapped[str] = mapped_column(default="")  # called_back, called_again, person


class TaskSource(Base):
    """The raw record that a task was made of, where another system knew it first."""

    __tablename__ = "task_source"
    raw_record_id: Mapped[int] = mapped_column(ForeignKey("raw_record.id", ondelete="CASCADE"), primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id", ondelete="CASCADE"), unique=True)


class TaskCopy(Base):
    """A task of ours as another system has it, both ways; one without a remote id is just being made there."""

    __tablename__ = "task_copy"
    __table_args__ = (UniqueConstraint("task_id", "account_id"), UniqueConstraint("account_id", "remote_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    remote_id: Mapped[str | None]
    version: Mapped[str] = mapped_column(default="")  # the remote's own mark of what we know
    pushed: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what we wrote last: title, due_at, done
    theirs: Mapped[dict[str, Any] | None]  # the same as the remote said it since; None: not yet
    gone_at: Mapped[datetime | None]  # it is no more there: nothing is written any more


class TaskMember(Base):
    """A person who sees a task that has no single owner: the members of a ring group."""

    __tablename__ = "task_member"
    __table_args__ = (Index(None, "user_id"),)
    task_id: Mapped[int] = mapped_column(ForeignKey("task.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
