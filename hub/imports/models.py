"""Tables of imports: one row for each file that somebody brings, one for each row of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base, PublicId, now


class What(StrEnum):
    """What the rows of a file are; also the stream that their records are kept under."""

    PEOPLE = "people"
    COMPANIES = "companies"
    INTERACTIONS = "interactions"
    TASKS = "tasks"
    USERS = "users"  # of the old system, matched to ours
    FILES = "files"  # each row names one, which is in the archive that was brought with it


class BatchState(StrEnum):
    LOOKED = "looked"  # the file is there, its columns are being chosen
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"  # what it did stays until it is undone
    FAILED = "failed"  # the file cannot be read to its end; what it did stays
    UNDOING = "undoing"
    UNDONE = "undone"


class ImportBatch(PublicId, Base):
    """A file and what became of it. A row of work (see work/lease.py)."""

    __tablename__ = "import_batch"
    __table_args__ = (Index(None, "due_at"), Index(None, "account_id", "what"), Index(None, "sha256"))
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    what: Mapped[str]
    file_name: Mapped[str]
    sha256: Mapped[str]  # its name on the shelf
    size: Mapped[int]  # bytes
    archive: Mapped[str] = mapped_column(
        default="", server_default=""
    )  # the ZIP beside it, on the same shelf, until it is done
    look: Mapped[dict[str, Any]]  # how it is read: reading.Look
    columns: Mapped[dict[str, Any]]  # heading: target (targets.py); what is not there is kept beside
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)  # see columns.Options
    state: Mapped[str] = mapped_column(default=BatchState.LOOKED)
    position: Mapped[int] = mapped_column(default=0)  # number of the last row that was taken, checked or taken back
    progress: Mapped[float] = mapped_column(default=0.0)  # of the file, 0 to 1
    total: Mapped[int | None]  # rows, where it is known
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # see run.Counts
    found: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what the check found; the same shape
    error: Mapped[str] = mapped_column(default="")  # why it failed or waits
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime] = mapped_column(default=now)
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    undo_until: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(default="")
    attempt: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]


class Fate(StrEnum):
    """What a row was to the hub."""

    NEW = "new"
    UPDATE = "update"  # of a customer who was here, or of a record that came before
    SAME = "same"
    BAD = "bad"  # refused, with a reason


class ImportRow(Base):
    """What became of one row. Of a refused one it is the only copy."""

    __tablename__ = "import_row"
    __table_args__ = (
        Index(None, "batch_id", "fate", "number"),
        Index(None, "raw_record_id"),
        Index(None, "party_id"),
    )
    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)  # as the person sees it in the file
    fate: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")  # a code (rows.Reason), or what a reader calls it
    said: Mapped[str] = mapped_column(default="")  # what is wrong with which value, in words
    raw_record_id: Mapped[int | None] = mapped_column(ForeignKey("raw_record.id", ondelete="SET NULL"))
    party_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"))  # of a refused row: beside whom it is shown
    cells: Mapped[dict[str, Any]] = mapped_column(default=dict)  # of a refused row: as it stood in the file
    before: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # for undoing: the record's former payload, what was set beside claims
