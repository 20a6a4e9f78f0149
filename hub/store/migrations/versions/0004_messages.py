"""Messages: conversations, what was written in them, what became of it, and its files."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("line_number", sa.Text(), nullable=False),
        sa.Column("peer_phone", sa.Text(), nullable=False),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("peer_name", sa.Text(), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("last_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_inbound_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_outbound_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("unanswered_since", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("told_to", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_conversation_account_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name=op.f("fk_conversation_owner_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_conversation_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint("public_id", name=op.f("uq_conversation_public_id")),
    )
    op.create_index(op.f("ix_conversation_account_id"), "conversation", ["account_id"], unique=False)
    op.create_index(op.f("ix_conversation_last_at_id"), "conversation", ["last_at", "id"], unique=False)
    op.create_index(op.f("ix_conversation_party_id"), "conversation", ["party_id"], unique=False)
    op.create_index(op.f("ix_conversation_unanswered_since"), "conversation", ["unanswered_since"], unique=False)
    op.create_table(
        "message_status",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_message_status_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_status")),
        sa.UniqueConstraint(
            "account_id", "message_id", "state", name=op.f("uq_message_status_account_id_message_id_state")
        ),
    )
    op.create_table(
        "conversation_peer",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("conversation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_conversation_peer_account_id")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_conversation_peer_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_conversation_peer_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_peer")),
        sa.UniqueConstraint(
            "account_id",
            "channel",
            "line",
            "kind",
            "value",
            name=op.f("uq_conversation_peer_account_id_channel_line_kind_value"),
        ),
    )
    op.create_index(
        op.f("ix_conversation_peer_conversation_id"), "conversation_peer", ["conversation_id"], unique=False
    )
    op.create_index(op.f("ix_conversation_peer_kind_value"), "conversation_peer", ["kind", "value"], unique=False)
    op.create_index(op.f("ix_conversation_peer_party_id"), "conversation_peer", ["party_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("raw_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("conversation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("received_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=False),
        sa.Column("peer_phone", sa.Text(), nullable=False),
        sa.Column("peer_id", sa.Text(), nullable=False),
        sa.Column("peer_name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("written_here", sa.Boolean(), nullable=False),
        sa.Column("begun_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_message_account_id")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=op.f("fk_message_conversation_id")),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name=op.f("fk_message_interaction_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_message_raw_record_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_message_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("account_id", "remote_id", name=op.f("uq_message_account_id_remote_id")),
        sa.UniqueConstraint("interaction_id", name=op.f("uq_message_interaction_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_message_public_id")),
        sa.UniqueConstraint("raw_record_id", name=op.f("uq_message_raw_record_id")),
    )
    op.create_index(op.f("ix_message_at_id"), "message", ["at", "id"], unique=False)
    op.create_index(op.f("ix_message_conversation_id_at_id"), "message", ["conversation_id", "at", "id"], unique=False)
    op.create_table(
        "message_media",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("said_type", sa.Text(), nullable=False),
        sa.Column("said_sha256", sa.Text(), nullable=False),
        sa.Column("said_size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("picture_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("fetched_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("due_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("finished", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_message_media_account_id")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_message_media_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_media")),
        sa.UniqueConstraint("message_id", "place", name=op.f("uq_message_media_message_id_place")),
    )
    op.create_index(op.f("ix_message_media_lease_until"), "message_media", ["lease_until"], unique=False)
    op.create_index(op.f("ix_message_media_sha256"), "message_media", ["sha256"], unique=False)
    op.create_index(op.f("ix_message_media_state_due_at"), "message_media", ["state", "due_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_message_media_state_due_at"), table_name="message_media")
    op.drop_index(op.f("ix_message_media_sha256"), table_name="message_media")
    op.drop_index(op.f("ix_message_media_lease_until"), table_name="message_media")
    op.drop_table("message_media")
    op.drop_index(op.f("ix_message_conversation_id_at_id"), table_name="message")
    op.drop_index(op.f("ix_message_at_id"), table_name="message")
    op.drop_table("message")
    op.drop_index(op.f("ix_conversation_peer_party_id"), table_name="conversation_peer")
    op.drop_index(op.f("ix_conversation_peer_kind_value"), table_name="conversation_peer")
    op.drop_index(op.f("ix_conversation_peer_conversation_id"), table_name="conversation_peer")
    op.drop_table("conversation_peer")
    op.drop_table("message_status")
    op.drop_index(op.f("ix_conversation_unanswered_since"), table_name="conversation")
    op.drop_index(op.f("ix_conversation_party_id"), table_name="conversation")
    op.drop_index(op.f("ix_conversation_last_at_id"), table_name="conversation")
    op.drop_index(op.f("ix_conversation_account_id"), table_name="conversation")
    op.drop_table("conversation")
