"""Files of notes, and files that an import brings beside its rows."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "note_file",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("note_id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["note_id"], ["note.id"], name=op.f("fk_note_file_note_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note_file")),
        sa.UniqueConstraint("public_id", name=op.f("uq_note_file_public_id")),
    )
    op.create_index(op.f("ix_note_file_note_id"), "note_file", ["note_id"], unique=False)
    op.create_index(op.f("ix_note_file_sha256"), "note_file", ["sha256"], unique=False)
    op.add_column("import_batch", sa.Column("archive", sa.Text(), server_default="", nullable=False))
