"""Erasure and what must not come back, legal hold, retention."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = hub.store.base.UtcDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "suppression",
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_suppression")),
    )
    op.create_table(
        "erasure",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("party_id", _KEY, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("step", _KEY, nullable=False),
        sa.Column("known", sa.Text(), nullable=False),
        sa.Column("counts", hub.store.base.Json, nullable=False),
        sa.Column("left", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("asked_by", _KEY, nullable=True),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("due_at", _TIME, nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", _KEY, nullable=False),
        sa.Column("lease_until", _TIME, nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"], name=op.f("fk_erasure_asked_by"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_erasure_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("party_id", name=op.f("uq_erasure_party_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_erasure_public_id")),
    )
    op.create_index(op.f("ix_erasure_due_at"), "erasure", ["due_at"])
    op.create_table(
        "legal_hold",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("party_id", _KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_id", _KEY, nullable=True),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("ended_by", _KEY, nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["user.id"], name=op.f("fk_legal_hold_by_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["ended_by"], ["user.id"], name=op.f("fk_legal_hold_ended_by"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_legal_hold_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
        sa.UniqueConstraint("public_id", name=op.f("uq_legal_hold_public_id")),
    )
    op.create_index(op.f("ix_legal_hold_party_id_ended_at"), "legal_hold", ["party_id", "ended_at"])
    op.create_table(
        "retention_rule",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("days", _KEY, nullable=False),
        sa.Column("changed_by", _KEY, nullable=True),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("ran_at", _TIME, nullable=True),
        sa.Column("gone", _KEY, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("due_at", _TIME, nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", _KEY, nullable=False),
        sa.Column("lease_until", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["changed_by"], ["user.id"], name=op.f("fk_retention_rule_changed_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_rule")),
        sa.UniqueConstraint("kind", name=op.f("uq_retention_rule_kind")),
    )
    op.create_index(op.f("ix_retention_rule_due_at"), "retention_rule", ["due_at"])


def downgrade() -> None:
    op.drop_table("retention_rule")
    op.drop_table("legal_hold")
    op.drop_table("erasure")
    op.drop_table("suppression")
