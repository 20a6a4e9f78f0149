"""Pages in frames of other products, and addresses of records in the systems that they came from."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "embed_origin",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("created_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embed_origin")),
        sa.UniqueConstraint("origin", name=op.f("uq_embed_origin_origin")),
    )
    op.create_table(
        "embed_ticket",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("user_id", NUMBER, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("expires_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_embed_ticket_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embed_ticket")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_embed_ticket_token_hash")),
    )
    op.create_index(op.f("ix_embed_ticket_user_id"), "embed_ticket", ["user_id"], unique=False)
    op.add_column("user_session", sa.Column("origin", sa.Text(), server_default="", nullable=False))
    op.add_column("account", sa.Column("record_url", sa.Text(), server_default="", nullable=False))
