"""Imports of files."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _key() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _time() -> hub.store.base.UtcDateTime:
    return hub.store.base.UtcDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "import_batch",
        sa.Column("id", _key(), nullable=False),
        sa.Column("account_id", _key(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", _key(), nullable=False),
        sa.Column("look", hub.store.base.Json, nullable=False),
        sa.Column("columns", hub.store.base.Json, nullable=False),
        sa.Column("options", hub.store.base.Json, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("position", _key(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("total", _key(), nullable=True),
        sa.Column("counts", hub.store.base.Json, nullable=False),
        sa.Column("found", hub.store.base.Json, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("asked_by", _key(), nullable=True),
        sa.Column("asked_at", _time(), nullable=False),
        sa.Column("began_at", _time(), nullable=True),
        sa.Column("ended_at", _time(), nullable=True),
        sa.Column("undo_until", _time(), nullable=True),
        sa.Column("due_at", _time(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", _key(), nullable=False),
        sa.Column("lease_until", _time(), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_import_batch_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"], name=op.f("fk_import_batch_asked_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_batch")),
        sa.UniqueConstraint("public_id", name=op.f("uq_import_batch_public_id")),
    )
    op.create_index(op.f("ix_import_batch_account_id_what"), "import_batch", ["account_id", "what"], unique=False)
    op.create_index(op.f("ix_import_batch_due_at"), "import_batch", ["due_at"], unique=False)
    op.create_index(op.f("ix_import_batch_sha256"), "import_batch", ["sha256"], unique=False)
    op.create_table(
        "import_row",
        sa.Column("batch_id", _key(), nullable=False),
        sa.Column("number", _key(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("raw_record_id", _key(), nullable=True),
        sa.Column("party_id", _key(), nullable=True),
        sa.Column("cells", hub.store.base.Json, nullable=False),
        sa.Column("before", hub.store.base.Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["import_batch.id"], name=op.f("fk_import_row_batch_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_import_row_party_id")),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_import_row_raw_record_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("batch_id", "number", name=op.f("pk_import_row")),
    )
    op.create_index(
        op.f("ix_import_row_batch_id_fate_number"), "import_row", ["batch_id", "fate", "number"], unique=False
    )
    op.create_index(op.f("ix_import_row_party_id"), "import_row", ["party_id"], unique=False)
    op.create_index(op.f("ix_import_row_raw_record_id"), "import_row", ["raw_record_id"], unique=False)
    op.create_table(
        "task_source",
        sa.Column("raw_record_id", _key(), nullable=False),
        sa.Column("task_id", _key(), nullable=False),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_task_source_raw_record_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_source_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("raw_record_id", name=op.f("pk_task_source")),
        sa.UniqueConstraint("task_id", name=op.f("uq_task_source_task_id")),
    )


def downgrade() -> None:
    op.drop_table("task_source")
    op.drop_table("import_row")
    op.drop_table("import_batch")
