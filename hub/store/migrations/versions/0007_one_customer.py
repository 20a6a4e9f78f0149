"""Merges that can be undone, pairs for a person to judge."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "merge",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("winner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("loser_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("reasons", hub.store.base.Json, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("before", hub.store.base.Json, nullable=False),
        sa.Column("marks", hub.store.base.Json, nullable=False),
        sa.Column("moved", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("moved_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("undone_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("due_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_merge_actor_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["loser_id"], ["party.id"], name=op.f("fk_merge_loser_id")),
        sa.ForeignKeyConstraint(["undone_by"], ["user.id"], name=op.f("fk_merge_undone_by"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["winner_id"], ["party.id"], name=op.f("fk_merge_winner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge")),
        sa.UniqueConstraint("public_id", name=op.f("uq_merge_public_id")),
    )
    op.create_index(op.f("ix_merge_due_at"), "merge", ["due_at"], unique=False)
    op.create_index(op.f("ix_merge_loser_id"), "merge", ["loser_id"], unique=False)
    op.create_index(op.f("ix_merge_winner_id"), "merge", ["winner_id"], unique=False)
    op.create_table(
        "not_same",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("a_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("b_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["a_id"], ["party.id"], name=op.f("fk_not_same_a_id")),
        sa.ForeignKeyConstraint(["b_id"], ["party.id"], name=op.f("fk_not_same_b_id")),
        sa.ForeignKeyConstraint(["by_id"], ["user.id"], name=op.f("fk_not_same_by_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_not_same")),
        sa.UniqueConstraint("a_id", "b_id", name=op.f("uq_not_same_a_id_b_id")),
    )
    op.create_index(op.f("ix_not_same_b_id"), "not_same", ["b_id"], unique=False)
    op.create_table(
        "review",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("a_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("b_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("reasons", hub.store.base.Json, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["a_id"], ["party.id"], name=op.f("fk_review_a_id")),
        sa.ForeignKeyConstraint(["b_id"], ["party.id"], name=op.f("fk_review_b_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["user.id"], name=op.f("fk_review_decided_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("a_id", "b_id", name=op.f("uq_review_a_id_b_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_review_public_id")),
    )
    op.create_index(op.f("ix_review_b_id"), "review", ["b_id"], unique=False)
    op.create_index(op.f("ix_review_state_score"), "review", ["state", "score"], unique=False)
    op.create_table(
        "merge_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("merge_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("ids", hub.store.base.Json, nullable=False),
        sa.Column("before", hub.store.base.Json, nullable=False),
        sa.ForeignKeyConstraint(["merge_id"], ["merge.id"], name=op.f("fk_merge_item_merge_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge_item")),
    )
    op.create_index(op.f("ix_merge_item_merge_id"), "merge_item", ["merge_id"], unique=False)
    op.create_table(
        "duplicate_look",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("asked_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("began_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("after", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("done", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("total", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("found", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("due_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["user.id"], name=op.f("fk_duplicate_look_asked_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_look")),
        sa.UniqueConstraint("public_id", name=op.f("uq_duplicate_look_public_id")),
    )
    op.create_index(op.f("ix_duplicate_look_due_at"), "duplicate_look", ["due_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_duplicate_look_due_at"), table_name="duplicate_look")
    op.drop_table("duplicate_look")
    op.drop_index(op.f("ix_merge_item_merge_id"), table_name="merge_item")
    op.drop_table("merge_item")
    op.drop_index(op.f("ix_review_state_score"), table_name="review")
    op.drop_index(op.f("ix_review_b_id"), table_name="review")
    op.drop_table("review")
    op.drop_index(op.f("ix_not_same_b_id"), table_name="not_same")
    op.drop_table("not_same")
    op.drop_index(op.f("ix_merge_winner_id"), table_name="merge")
    op.drop_index(op.f("ix_merge_loser_id"), table_name="merge")
    op.drop_index(op.f("ix_merge_due_at"), table_name="merge")
    op.drop_table("merge")
