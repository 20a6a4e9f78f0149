"""What happened, for whoever listens."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = hub.store.base.UtcDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("data", hub.store.base.Json, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("taken_at", TIME, nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("public_id", name=op.f("uq_event_public_id")),
    )
    for columns in (("taken_at", "id"), ("subject",), ("created_at",)):
        op.create_index(op.f(f"ix_event_{'_'.join(columns)}"), "event", list(columns), unique=False)
    op.create_table(
        "listener",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ref_id", NUMBER, nullable=False),
        sa.Column("types", hub.store.base.Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listener")),
    )
    op.create_index(op.f("ix_listener_kind_ref_id"), "listener", ["kind", "ref_id"], unique=True)
