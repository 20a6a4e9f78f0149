"""Streams that are read in pages, with their records, limits and grants."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import hub.store.base

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bucket",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("units", sa.Double(), nullable=False),
        sa.Column("per_minute", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("frozen_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bucket")),
    )
    op.create_table(
        "meeting_series",
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("again_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_meeting_series")),
    )
    op.create_index(op.f("ix_meeting_series_again_at"), "meeting_series", ["again_at"], unique=False)
    op.create_table(
        "mail_block",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("block", sa.Text(), nullable=False),
        sa.Column("created_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("after", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("looked", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("taken", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("due_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_mail_block_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_block")),
        sa.UniqueConstraint("user_id", "block", name=op.f("uq_mail_block_user_id_block")),
    )
    op.create_index(op.f("ix_mail_block_due_at"), "mail_block", ["due_at"], unique=False)
    op.create_table(
        "filtered_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("id_hash", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_filtered_record_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filtered_record")),
        sa.UniqueConstraint(
            "account_id", "stream", "id_hash", name=op.f("uq_filtered_record_account_id_stream_id_hash")
        ),
    )
    op.create_index(
        op.f("ix_filtered_record_account_id_container_epoch"),
        "filtered_record",
        ["account_id", "container", "epoch"],
        unique=False,
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("began_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("told_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("well_since", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_incident_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_index(op.f("ix_incident_account_id"), "incident", ["account_id"], unique=False)
    op.create_index(
        "uq_incident_open",
        "incident",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "meeting_booking",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("asked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column(
            "wish", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("undo_until", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_meeting_booking_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["user.id"], name=op.f("fk_meeting_booking_asked_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["party_id"], ["party.id"], name=op.f("fk_meeting_booking_party_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_meeting_booking_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting_booking")),
        sa.UniqueConstraint("key", name=op.f("uq_meeting_booking_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_meeting_booking_public_id")),
    )
    op.create_index(
        op.f("ix_meeting_booking_account_id_remote_id"), "meeting_booking", ["account_id", "remote_id"], unique=False
    )
    op.create_index(op.f("ix_meeting_booking_uid"), "meeting_booking", ["uid"], unique=False)
    op.create_index(op.f("ix_meeting_booking_user_id_state"), "meeting_booking", ["user_id", "state"], unique=False)
    op.create_table(
        "oauth_grant",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dead", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_oauth_grant_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_grant")),
        sa.UniqueConstraint("account_id", "mailbox", name=op.f("uq_oauth_grant_account_id_mailbox")),
    )
    op.create_table(
        "push_channel",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("expires_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column(
            "facts", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_push_channel_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_channel")),
        sa.UniqueConstraint("account_id", "stream", name=op.f("uq_push_channel_account_id_stream")),
    )
    op.create_table(
        "reading",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("began_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column(
            "counts", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_reading_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reading")),
    )
    op.create_index(op.f("ix_reading_account_id_began_at"), "reading", ["account_id", "began_at"], unique=False)
    op.create_table(
        "meeting_copy",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("raw_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("series_id", sa.Text(), nullable=False),
        sa.Column("begins_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ends_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column(
            "fields", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_meeting_copy_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_meeting_copy_raw_record_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_meeting_copy_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting_copy")),
        sa.UniqueConstraint("raw_record_id", name=op.f("uq_meeting_copy_raw_record_id")),
    )
    op.create_index(op.f("ix_meeting_copy_uid"), "meeting_copy", ["uid"], unique=False)
    op.create_index(op.f("ix_meeting_copy_user_id_ends_at"), "meeting_copy", ["user_id", "ends_at"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("incident_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("done_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incident.id"], name=op.f("fk_notice_incident_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_notice_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("incident_id", "kind", "user_id", name=op.f("uq_notice_incident_id_kind_user_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_notice_public_id")),
    )
    op.create_index(op.f("ix_notice_state_due_at"), "notice", ["state", "due_at"], unique=False)
    op.create_table(
        "conflict",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("link_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column(
            "base", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column(
            "ours", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column(
            "theirs", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("winner", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("settled_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_conflict_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_conflict_link_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_conflict_party_id")),
        sa.ForeignKeyConstraint(["settled_by"], ["user.id"], name=op.f("fk_conflict_settled_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict")),
        sa.UniqueConstraint("link_id", "fingerprint", name=op.f("uq_conflict_link_id_fingerprint")),
        sa.UniqueConstraint("public_id", name=op.f("uq_conflict_public_id")),
    )
    op.create_index(op.f("ix_conflict_account_id_settled_at"), "conflict", ["account_id", "settled_at"], unique=False)
    op.create_index(op.f("ix_conflict_party_id"), "conflict", ["party_id"], unique=False)
    op.create_index(op.f("ix_conflict_settled_at_id"), "conflict", ["settled_at", "id"], unique=False)
    op.create_table(
        "contact_photo",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("link_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("fetched_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("due_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("finished", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_contact_photo_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_contact_photo_link_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_photo")),
        sa.UniqueConstraint("link_id", name=op.f("uq_contact_photo_link_id")),
    )
    op.create_index(op.f("ix_contact_photo_lease_until"), "contact_photo", ["lease_until"], unique=False)
    op.create_index(op.f("ix_contact_photo_sha256"), "contact_photo", ["sha256"], unique=False)
    op.create_index(op.f("ix_contact_photo_state_due_at"), "contact_photo", ["state", "due_at"], unique=False)
    op.create_table(
        "mail_thread",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name=op.f("fk_mail_thread_interaction_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_thread")),
        sa.UniqueConstraint("interaction_id", name=op.f("uq_mail_thread_interaction_id")),
    )
    op.create_table(
        "meeting_row",
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name=op.f("fk_meeting_row_interaction_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("interaction_id", name=op.f("pk_meeting_row")),
        sa.UniqueConstraint("key", name=op.f("uq_meeting_row_key")),
    )
    op.create_index(op.f("ix_meeting_row_uid"), "meeting_row", ["uid"], unique=False)
    op.create_table(
        "shared_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("link_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "base", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column(
            "ours", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("pushed_hash", sa.Text(), nullable=False),
        sa.Column(
            "earlier", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("pushed_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("answered", sa.Boolean(), nullable=False),
        sa.Column(
            "round_trips", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("frozen_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("created_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name=op.f("fk_shared_record_link_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_record")),
        sa.UniqueConstraint("link_id", name=op.f("uq_shared_record_link_id")),
    )
    op.create_table(
        "mail_message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column(
            "refers_to", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("snippet", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column(
            "people", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column(
            "attachments", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("outbound", sa.Boolean(), nullable=False),
        sa.Column(
            "defects", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["mail_thread.id"], name=op.f("fk_mail_message_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_message")),
        sa.UniqueConstraint("key", name=op.f("uq_mail_message_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_mail_message_public_id")),
    )
    op.create_index(op.f("ix_mail_message_thread_id_at"), "mail_message", ["thread_id", "at"], unique=False)
    op.create_table(
        "mail_thread_key",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["mail_thread.id"], name=op.f("fk_mail_thread_key_thread_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mail_thread_key")),
    )
    op.create_index(op.f("ix_mail_thread_key_thread_id"), "mail_thread_key", ["thread_id"], unique=False)
    op.create_table(
        "mail_copy",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("raw_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column(
            "labels", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=False
        ),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_mail_copy_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["mail_message.id"], name=op.f("fk_mail_copy_message_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_mail_copy_raw_record_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_mail_copy_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_copy")),
        sa.UniqueConstraint("raw_record_id", name=op.f("uq_mail_copy_raw_record_id")),
    )
    op.create_index(op.f("ix_mail_copy_message_id"), "mail_copy", ["message_id"], unique=False)
    op.create_table(
        "mail_draft",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("thread_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("answers_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("cc", sa.Text(), nullable=False),
        sa.Column("bcc", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("quotes", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sendings", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_mail_draft_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["answers_id"], ["mail_message.id"], name=op.f("fk_mail_draft_answers_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_mail_draft_party_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["mail_thread.id"], name=op.f("fk_mail_draft_thread_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_mail_draft_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_draft")),
        sa.UniqueConstraint("public_id", name=op.f("uq_mail_draft_public_id")),
    )
    op.create_index(op.f("ix_mail_draft_thread_id"), "mail_draft", ["thread_id"], unique=False)
    op.create_index(op.f("ix_mail_draft_user_id_state"), "mail_draft", ["user_id", "state"], unique=False)
    op.create_table(
        "mail_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("asked_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["mail_message.id"], name=op.f("fk_mail_file_message_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_file")),
        sa.UniqueConstraint("message_id", "place", name=op.f("uq_mail_file_message_id_place")),
    )
    op.create_index(op.f("ix_mail_file_sha256"), "mail_file", ["sha256"], unique=False)
    op.create_index(op.f("ix_mail_file_state_due_at"), "mail_file", ["state", "due_at"], unique=False)
    op.create_table(
        "mail_draft_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("draft_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["mail_draft.id"], name=op.f("fk_mail_draft_file_draft_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_draft_file")),
    )
    op.create_index(op.f("ix_mail_draft_file_draft_id"), "mail_draft_file", ["draft_id"], unique=False)
    op.add_column("link", sa.Column("gone_at", hub.store.base.UtcDateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_link_raw_record_id"), "link", ["raw_record_id"], unique=False)
    op.add_column("outbox", sa.Column("mailbox", sa.Text(), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
    op.add_column("outbox", sa.Column("state", sa.Text(), server_default="waiting", nullable=False))
    op.add_column(
        "outbox",
        sa.Column("failures", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False),
    )
    op.add_column("outbox", sa.Column("trouble", sa.Text(), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("remote_id", sa.Text(), server_default="", nullable=False))
    op.drop_index(op.f("ix_outbox_done_at_due_at"), table_name="outbox")
    op.create_index("ix_outbox_mailbox", "outbox", ["account_id", "mailbox", "state"], unique=False)
    op.create_index("ix_outbox_object", "outbox", ["account_id", "object_key", "state"], unique=False)
    op.create_index(op.f("ix_outbox_state_due_at"), "outbox", ["state", "due_at"], unique=False)
    op.create_index(op.f("ix_party_kind_name"), "party", ["kind", "name"], unique=False)
    op.add_column("raw_record", sa.Column("container", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "raw_record",
        sa.Column("epoch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False),
    )
    op.add_column("raw_record", sa.Column("etag", sa.Text(), server_default="", nullable=False))
    op.add_column("raw_record", sa.Column("gone_at", hub.store.base.UtcDateTime(timezone=True), nullable=True))
    op.create_index(
        op.f("ix_raw_record_account_id_container_epoch"),
        "raw_record",
        ["account_id", "container", "epoch"],
        unique=False,
    )
    op.add_column("stream_state", sa.Column("title", sa.Text(), server_default="", nullable=False))
    op.add_column("stream_state", sa.Column("records", sa.Text(), server_default="", nullable=False))
    op.add_column("stream_state", sa.Column("mailbox", sa.Text(), server_default="", nullable=False))
    op.add_column("stream_state", sa.Column("wanted", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column(
        "stream_state",
        sa.Column("every_s", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False),
    )
    op.add_column(
        "stream_state",
        sa.Column(
            "full_every_s", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False
        ),
    )
    op.add_column("stream_state", sa.Column("asked", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "stream_state",
        sa.Column("lane", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="1", nullable=False),
    )
    op.add_column("stream_state", sa.Column("trouble", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "stream_state",
        sa.Column("failures", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False),
    )
    op.add_column("stream_state", sa.Column("failing_since", hub.store.base.UtcDateTime(timezone=True), nullable=True))
    op.add_column("stream_state", sa.Column("last_ok_at", hub.store.base.UtcDateTime(timezone=True), nullable=True))
    op.add_column("stream_state", sa.Column("last_full_at", hub.store.base.UtcDateTime(timezone=True), nullable=True))
    op.add_column(
        "stream_state",
        sa.Column(
            "usual_gap_s", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False
        ),
    )
    op.add_column(
        "stream_state", sa.Column("expected", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
    )
    op.add_column(
        "stream_state",
        sa.Column(
            "begun_at",
            hub.store.base.UtcDateTime(timezone=True),
            server_default="2026-01-01 00:00:00+00",
            nullable=False,
        ),
    )
    op.add_column("stream_state", sa.Column("audit_at", hub.store.base.UtcDateTime(timezone=True), nullable=True))
    op.add_column(
        "stream_state",
        sa.Column(
            "audit", sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql"), nullable=True
        ),
    )
    op.add_column("stream_state", sa.Column("may_lose_until", hub.store.base.UtcDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("stream_state", "may_lose_until")
    op.drop_column("stream_state", "audit")
    op.drop_column("stream_state", "audit_at")
    op.drop_column("stream_state", "begun_at")
    op.drop_column("stream_state", "expected")
    op.drop_column("stream_state", "usual_gap_s")
    op.drop_column("stream_state", "last_full_at")
    op.drop_column("stream_state", "last_ok_at")
    op.drop_column("stream_state", "failing_since")
    op.drop_column("stream_state", "failures")
    op.drop_column("stream_state", "trouble")
    op.drop_column("stream_state", "lane")
    op.drop_column("stream_state", "asked")
    op.drop_column("stream_state", "full_every_s")
    op.drop_column("stream_state", "every_s")
    op.drop_column("stream_state", "wanted")
    op.drop_column("stream_state", "mailbox")
    op.drop_column("stream_state", "records")
    op.drop_column("stream_state", "title")
    op.drop_index(op.f("ix_raw_record_account_id_container_epoch"), table_name="raw_record")
    op.drop_column("raw_record", "gone_at")
    op.drop_column("raw_record", "etag")
    op.drop_column("raw_record", "epoch")
    op.drop_column("raw_record", "container")
    op.drop_index(op.f("ix_party_kind_name"), table_name="party")
    op.drop_index(op.f("ix_outbox_state_due_at"), table_name="outbox")
    op.drop_index("ix_outbox_object", table_name="outbox")
    op.drop_index("ix_outbox_mailbox", table_name="outbox")
    op.create_index(op.f("ix_outbox_done_at_due_at"), "outbox", ["done_at", "due_at"], unique=False)
    op.drop_column("outbox", "remote_id")
    op.drop_column("outbox", "trouble")
    op.drop_column("outbox", "failures")
    op.drop_column("outbox", "state")
    op.drop_column("outbox", "user_id")
    op.drop_column("outbox", "mailbox")
    op.drop_index(op.f("ix_link_raw_record_id"), table_name="link")
    op.drop_column("link", "gone_at")
    op.drop_index(op.f("ix_mail_draft_file_draft_id"), table_name="mail_draft_file")
    op.drop_table("mail_draft_file")
    op.drop_index(op.f("ix_mail_file_state_due_at"), table_name="mail_file")
    op.drop_index(op.f("ix_mail_file_sha256"), table_name="mail_file")
    op.drop_table("mail_file")
    op.drop_index(op.f("ix_mail_draft_user_id_state"), table_name="mail_draft")
    op.drop_index(op.f("ix_mail_draft_thread_id"), table_name="mail_draft")
    op.drop_table("mail_draft")
    op.drop_index(op.f("ix_mail_copy_message_id"), table_name="mail_copy")
    op.drop_table("mail_copy")
    op.drop_index(op.f("ix_mail_thread_key_thread_id"), table_name="mail_thread_key")
    op.drop_table("mail_thread_key")
    op.drop_index(op.f("ix_mail_message_thread_id_at"), table_name="mail_message")
    op.drop_table("mail_message")
    op.drop_table("shared_record")
    op.drop_index(op.f("ix_meeting_row_uid"), table_name="meeting_row")
    op.drop_table("meeting_row")
    op.drop_table("mail_thread")
    op.drop_index(op.f("ix_contact_photo_state_due_at"), table_name="contact_photo")
    op.drop_index(op.f("ix_contact_photo_sha256"), table_name="contact_photo")
    op.drop_index(op.f("ix_contact_photo_lease_until"), table_name="contact_photo")
    op.drop_table("contact_photo")
    op.drop_index(op.f("ix_conflict_settled_at_id"), table_name="conflict")
    op.drop_index(op.f("ix_conflict_party_id"), table_name="conflict")
    op.drop_index(op.f("ix_conflict_account_id_settled_at"), table_name="conflict")
    op.drop_table("conflict")
    op.drop_index(op.f("ix_notice_state_due_at"), table_name="notice")
    op.drop_table("notice")
    op.drop_index(op.f("ix_meeting_copy_user_id_ends_at"), table_name="meeting_copy")
    op.drop_index(op.f("ix_meeting_copy_uid"), table_name="meeting_copy")
    op.drop_table("meeting_copy")
    op.drop_index(op.f("ix_reading_account_id_began_at"), table_name="reading")
    op.drop_table("reading")
    op.drop_table("push_channel")
    op.drop_table("oauth_grant")
    op.drop_index(op.f("ix_meeting_booking_user_id_state"), table_name="meeting_booking")
    op.drop_index(op.f("ix_meeting_booking_uid"), table_name="meeting_booking")
    op.drop_index(op.f("ix_meeting_booking_account_id_remote_id"), table_name="meeting_booking")
    op.drop_table("meeting_booking")
    op.drop_index(
        "uq_incident_open",
        table_name="incident",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_incident_account_id"), table_name="incident")
    op.drop_table("incident")
    op.drop_index(op.f("ix_filtered_record_account_id_container_epoch"), table_name="filtered_record")
    op.drop_table("filtered_record")
    op.drop_index(op.f("ix_mail_block_due_at"), table_name="mail_block")
    op.drop_table("mail_block")
    op.drop_index(op.f("ix_meeting_series_again_at"), table_name="meeting_series")
    op.drop_table("meeting_series")
    op.drop_table("bucket")
