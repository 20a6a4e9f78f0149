"""CRMs that are written to: what, and what was written; tasks that two systems have."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = hub.store.base.UtcDateTime(timezone=True)
JSON = hub.store.base.Json


def upgrade() -> None:
    op.create_table(
        "crm_target",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("kinds", JSON, nullable=False),
        sa.Column("with_text", sa.Boolean(), nullable=False),
        sa.Column("makes_people", sa.Boolean(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("planned_to", NUMBER, nullable=False),
        sa.Column("plan_to", NUMBER, nullable=False),
        sa.Column("created_by", NUMBER, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_crm_target_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["user.id"], name=op.f("fk_crm_target_created_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_target")),
        sa.UniqueConstraint("account_id", name=op.f("uq_crm_target_account_id")),
    )
    op.create_table(
        "crm_copy",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("thing", sa.Text(), nullable=False),
        sa.Column("party_id", NUMBER, nullable=True),
        sa.Column("records", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("gone_at", TIME, nullable=True),
        sa.Column("written_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_crm_copy_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_crm_copy_party_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_copy")),
        sa.UniqueConstraint("account_id", "thing", name=op.f("uq_crm_copy_account_id_thing")),
    )
    op.create_index(op.f("ix_crm_copy_account_id_remote_id"), "crm_copy", ["account_id", "remote_id"])
    op.create_index(op.f("ix_crm_copy_party_id"), "crm_copy", ["party_id"])
    op.create_table(
        "task_copy",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("task_id", NUMBER, nullable=False),
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("pushed", JSON, nullable=False),
        sa.Column("theirs", JSON, nullable=True),
        sa.Column("gone_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_copy_task_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_task_copy_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_copy")),
        sa.UniqueConstraint("task_id", "account_id", name=op.f("uq_task_copy_task_id_account_id")),
        sa.UniqueConstraint("account_id", "remote_id", name=op.f("uq_task_copy_account_id_remote_id")),
    )
    # Whether somebody sends to a mailbox is asked for each row that waits: with thousands, only an index answers in time.
    op.drop_index("ix_outbox_mailbox", "outbox")
    op.create_index("ix_outbox_mailbox", "outbox", ["account_id", "mailbox", "state", "lease_until"])
