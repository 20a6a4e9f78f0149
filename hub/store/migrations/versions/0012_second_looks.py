"""Who is who is looked at again when something changes that it was decided by."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "second_look",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("party_id", NUMBER, nullable=False),
        sa.Column("due_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("failures", NUMBER, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_second_look_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_look")),
        sa.UniqueConstraint("party_id", name=op.f("uq_second_look_party_id")),
    )
    op.create_index(op.f("ix_second_look_due_at"), "second_look", ["due_at"], unique=False)
    op.add_column("link", sa.Column("apart", sa.Boolean(), server_default=sa.true(), nullable=False))
    # One person may have left several leads, written from several addresses, stand in several rows of a file without ids.
    op.execute(
        "UPDATE link SET apart = false WHERE stream = 'message_peer' OR EXISTS"
        " (SELECT 1 FROM lead WHERE lead.account_id = link.account_id AND lead.remote_id = link.remote_id) OR (remote_id LIKE"
        " '~%' AND EXISTS (SELECT 1 FROM account WHERE account.id = link.account_id AND account.connector = 'imports'))"
    )
