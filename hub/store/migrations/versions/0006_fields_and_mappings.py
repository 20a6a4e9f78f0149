"""What administrators define: fields, mappings over the shipped ones, running them again; and what sources send."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "field",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("labels", hub.store.base.Json, nullable=False),
        sa.Column("mask", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("default", hub.store.base.Json, nullable=False),
        sa.Column("roles", hub.store.base.Json, nullable=False),
        sa.Column("parent_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("archived_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("made_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["field.id"], name=op.f("fk_field_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field")),
        sa.UniqueConstraint("of", "name", name=op.f("uq_field_of_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_field_public_id")),
    )
    op.create_table(
        "fill_target",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("of", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("green", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amber", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fill_target")),
        sa.UniqueConstraint("of", "field", name=op.f("uq_fill_target_of_field")),
    )
    op.create_table(
        "option",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("field_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("labels", hub.store.base.Json, nullable=False),
        sa.Column("parents", hub.store.base.Json, nullable=False),
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("archived_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["field_id"], ["field.id"], name=op.f("fk_option_field_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_option")),
        sa.UniqueConstraint("field_id", "value", name=op.f("uq_option_field_id_value")),
    )
    op.create_table(
        "mapping_version",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("document", hub.store.base.Json, nullable=False),
        sa.Column("base", hub.store.base.Json, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("made_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("published_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_mapping_version_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["made_by"], ["user.id"], name=op.f("fk_mapping_version_made_by"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["published_by"], ["user.id"], name=op.f("fk_mapping_version_published_by"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_version")),
        sa.UniqueConstraint(
            "connector", "stream", "scope", "number", name=op.f("uq_mapping_version_connector_stream_scope_number")
        ),
        sa.UniqueConstraint("public_id", name=op.f("uq_mapping_version_public_id")),
    )
    op.create_index(
        op.f("ix_mapping_version_status_connector_stream"),
        "mapping_version",
        ["status", "connector", "stream"],
        unique=False,
    )
    op.create_table(
        "replay",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("since", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("after", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("total", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mapping_hash", sa.Text(), nullable=False),
        sa.Column("counts", hub.store.base.Json, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("asked_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("began_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("due_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lease_until", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_replay_account_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"], name=op.f("fk_replay_asked_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay")),
        sa.UniqueConstraint("public_id", name=op.f("uq_replay_public_id")),
    )
    op.create_index(op.f("ix_replay_account_id_stream"), "replay", ["account_id", "stream"], unique=False)
    op.create_index(op.f("ix_replay_due_at"), "replay", ["due_at"], unique=False)
    op.create_table(
        "source_field",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("types", hub.store.base.Json, nullable=False),
        sa.Column("records", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("looked", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("last_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("retyped_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("gone_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("seen_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_source_field_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_field")),
        sa.UniqueConstraint("account_id", "stream", "path", name=op.f("uq_source_field_account_id_stream_path")),
    )
    op.create_table(
        "source_look",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("received_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("raw_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("records", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("more", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("began_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("looked_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_source_look_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_look")),
        sa.UniqueConstraint("account_id", "stream", name=op.f("uq_source_look_account_id_stream")),
    )
    op.add_column("call", sa.Column("fields", hub.store.base.Json, server_default="{}", nullable=False))
    op.add_column("call", sa.Column("fields_here", hub.store.base.Json, server_default="[]", nullable=False))
    op.add_column("document", sa.Column("fields", hub.store.base.Json, server_default="{}", nullable=False))
    op.add_column("document", sa.Column("fields_here", hub.store.base.Json, server_default="[]", nullable=False))
    op.add_column("lead", sa.Column("fields", hub.store.base.Json, server_default="{}", nullable=False))
    op.add_column("lead", sa.Column("fields_here", hub.store.base.Json, server_default="[]", nullable=False))
    op.create_index(
        op.f("ix_raw_record_account_id_stream_received_at"),
        "raw_record",
        ["account_id", "stream", "received_at"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_raw_record_account_id_stream_received_at"), table_name="raw_record")
    op.drop_column("lead", "fields_here")
    op.drop_column("lead", "fields")
    op.drop_column("document", "fields_here")
    op.drop_column("document", "fields")
    op.drop_column("call", "fields_here")
    op.drop_column("call", "fields")
    op.drop_table("source_look")
    op.drop_table("source_field")
    op.drop_index(op.f("ix_replay_due_at"), table_name="replay")
    op.drop_index(op.f("ix_replay_account_id_stream"), table_name="replay")
    op.drop_table("replay")
    op.drop_index(op.f("ix_mapping_version_status_connector_stream"), table_name="mapping_version")
    op.drop_table("mapping_version")
    op.drop_table("option")
    op.drop_table("fill_target")
    op.drop_table("field")
