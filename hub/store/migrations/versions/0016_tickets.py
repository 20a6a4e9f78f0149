"""Tickets of help desks, and notes that are open questions."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = hub.store.base.UtcDateTime(timezone=True)
TEXTS = (
    "key", "party_remote_id", "party_name", "party_email", "party_phone", "number", "title", "state", "priority",
    "desk_group", "desk_owner", "url",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "ticket",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("account_id", NUMBER, nullable=False),
        sa.Column("raw_record_id", NUMBER, nullable=True),
        sa.Column("interaction_id", NUMBER, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in TEXTS),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("gone_at", TIME, nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_ticket_account_id")),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name=op.f("fk_ticket_interaction_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_ticket_raw_record_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket")),
        sa.UniqueConstraint("account_id", "key", name=op.f("uq_ticket_account_id_key")),
        sa.UniqueConstraint("interaction_id", name=op.f("uq_ticket_interaction_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_ticket_public_id")),
    )
    op.create_index(op.f("ix_ticket_raw_record_id"), "ticket", ["raw_record_id"], unique=False)
    op.create_index(
        op.f("ix_ticket_account_id_party_remote_id"), "ticket", ["account_id", "party_remote_id"], unique=False
    )
    op.create_index(op.f("ix_ticket_opened_at_id"), "ticket", ["opened_at", "id"], unique=False)
    op.create_table(
        "question",
        sa.Column("note_id", NUMBER, nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("closed_by", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["closed_by"], ["user.id"], name=op.f("fk_question_closed_by"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["note_id"], ["note.id"], name=op.f("fk_question_note_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_question")),
    )
