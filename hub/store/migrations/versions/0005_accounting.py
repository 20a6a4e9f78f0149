"""Accounting documents: what ledgers say, payments, what settled what, legal entities, and checks against the ledgers."""

import sqlalchemy as sa
from alembic import op

import hub.store.base

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_business",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("business_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_id"], ["business.id"], name=op.f("fk_user_business_business_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_user_business_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "business_id", name=op.f("pk_user_business")),
    )
    op.create_table(
        "ledger_check",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("records", sa.Text(), nullable=False),
        sa.Column("at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("compared", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("differences", hub.store.base.Json, nullable=False),
        sa.Column("repaired", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_ledger_check_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_check")),
    )
    op.create_index(
        op.f("ix_ledger_check_account_id_records_at"), "ledger_check", ["account_id", "records", "at"], unique=False
    )
    op.create_table(
        "allocation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("raw_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("document_key", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("is_payment", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_allocation_account_id")),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_allocation_raw_record_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
        sa.UniqueConstraint("account_id", "remote_id", name=op.f("uq_allocation_account_id_remote_id")),
    )
    op.create_index(
        op.f("ix_allocation_account_id_document_key"), "allocation", ["account_id", "document_key"], unique=False
    )
    op.create_index(
        op.f("ix_allocation_account_id_source_key"), "allocation", ["account_id", "source_key"], unique=False
    )
    op.create_index(op.f("ix_allocation_raw_record_id"), "allocation", ["raw_record_id"], unique=False)
    op.create_table(
        "business_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=False),
        sa.Column("business_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("raw_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.Column("gone_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_business_record_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_business_record_business_id")),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_business_record_raw_record_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_business_record")),
        sa.UniqueConstraint("account_id", "remote_id", name=op.f("uq_business_record_account_id_remote_id")),
    )
    op.create_index(op.f("ix_business_record_business_id"), "business_record", ["business_id"], unique=False)
    op.create_table(
        "document",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("raw_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("business_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("business_remote_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("party_remote_id", sa.Text(), nullable=False),
        sa.Column("contact_remote_id", sa.Text(), nullable=False),
        sa.Column("party_name", sa.Text(), nullable=False),
        sa.Column("party_tax_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("source_status", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("service_date", sa.Date(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("net", sa.BigInteger(), nullable=True),
        sa.Column("tax", sa.BigInteger(), nullable=True),
        sa.Column("gross", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.Column("balance_source", sa.Text(), nullable=False),
        sa.Column("base_currency", sa.Text(), nullable=False),
        sa.Column("fx_rate", sa.Text(), nullable=False),
        sa.Column("gross_base", sa.BigInteger(), nullable=True),
        sa.Column("balance_base", sa.BigInteger(), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("open_due_date", sa.Date(), nullable=True),
        sa.Column("terms_days", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("allocation_no", sa.Text(), nullable=False),
        sa.Column("ksef_no", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("detail", hub.store.base.Json, nullable=False),
        sa.Column("twin_key", sa.Text(), nullable=False),
        sa.Column("twin_of_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ext_updated_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("gone_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_document_account_id")),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_document_business_id")),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name=op.f("fk_document_interaction_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_document_party_id")),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_document_raw_record_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["twin_of_id"], ["document.id"], name=op.f("fk_document_twin_of_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("account_id", "key", name=op.f("uq_document_account_id_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_document_public_id")),
    )
    op.create_index(
        op.f("ix_document_account_id_party_remote_id"), "document", ["account_id", "party_remote_id"], unique=False
    )
    op.create_index(
        op.f("ix_document_business_id_kind_issue_date"), "document", ["business_id", "kind", "issue_date"], unique=False
    )
    op.create_index(op.f("ix_document_issue_date_id"), "document", ["issue_date", "id"], unique=False)
    op.create_index(op.f("ix_document_open_due_date_id"), "document", ["open_due_date", "id"], unique=False)
    op.create_index(
        op.f("ix_document_party_id_side_issue_date"), "document", ["party_id", "side", "issue_date"], unique=False
    )
    op.create_index(op.f("ix_document_raw_record_id"), "document", ["raw_record_id"], unique=False)
    op.create_index(op.f("ix_document_twin_key"), "document", ["twin_key"], unique=False)
    op.create_index(
        op.f("ix_document_twin_of_id"),
        "document",
        ["twin_of_id"],
        unique=False,
        sqlite_where=sa.text("twin_of_id IS NOT NULL"),
        postgresql_where=sa.text("twin_of_id IS NOT NULL"),
    )
    op.create_table(
        "payment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("raw_record_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("interaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("business_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("business_remote_id", sa.Text(), nullable=False),
        sa.Column("party_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("party_remote_id", sa.Text(), nullable=False),
        sa.Column("party_name", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("is_refund", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("source_status", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("unapplied", sa.BigInteger(), nullable=True),
        sa.Column("base_currency", sa.Text(), nullable=False),
        sa.Column("amount_base", sa.BigInteger(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("ext_updated_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("changed_at", hub.store.base.UtcDateTime(timezone=True), nullable=False),
        sa.Column("gone_at", hub.store.base.UtcDateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_payment_account_id")),
        sa.ForeignKeyConstraint(["business_id"], ["business.id"], name=op.f("fk_payment_business_id")),
        sa.ForeignKeyConstraint(
            ["interaction_id"], ["interaction.id"], name=op.f("fk_payment_interaction_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_payment_party_id")),
        sa.ForeignKeyConstraint(
            ["raw_record_id"], ["raw_record.id"], name=op.f("fk_payment_raw_record_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
        sa.UniqueConstraint("account_id", "key", name=op.f("uq_payment_account_id_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_payment_public_id")),
    )
    op.create_index(
        op.f("ix_payment_account_id_party_remote_id"), "payment", ["account_id", "party_remote_id"], unique=False
    )
    op.create_index(op.f("ix_payment_business_id"), "payment", ["business_id"], unique=False)
    op.create_index(op.f("ix_payment_day_id"), "payment", ["day", "id"], unique=False)
    op.create_index(op.f("ix_payment_party_id_side_day"), "payment", ["party_id", "side", "day"], unique=False)
    op.create_index(op.f("ix_payment_raw_record_id"), "payment", ["raw_record_id"], unique=False)
    op.create_table(
        "instalment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("document_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"], ["document.id"], name=op.f("fk_instalment_document_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instalment")),
        sa.UniqueConstraint("document_id", "place", name=op.f("uq_instalment_document_id_place")),
    )
    op.add_column("business", sa.Column("time_zone", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("business", "time_zone")
    op.drop_table("instalment")
    op.drop_index(op.f("ix_payment_raw_record_id"), table_name="payment")
    op.drop_index(op.f("ix_payment_party_id_side_day"), table_name="payment")
    op.drop_index(op.f("ix_payment_day_id"), table_name="payment")
    op.drop_index(op.f("ix_payment_business_id"), table_name="payment")
    op.drop_index(op.f("ix_payment_account_id_party_remote_id"), table_name="payment")
    op.drop_table("payment")
    op.drop_index(
        op.f("ix_document_twin_of_id"),
        table_name="document",
        sqlite_where=sa.text("twin_of_id IS NOT NULL"),
        postgresql_where=sa.text("twin_of_id IS NOT NULL"),
    )
    op.drop_index(op.f("ix_document_twin_key"), table_name="document")
    op.drop_index(op.f("ix_document_raw_record_id"), table_name="document")
    op.drop_index(op.f("ix_document_party_id_side_issue_date"), table_name="document")
    op.drop_index(op.f("ix_document_open_due_date_id"), table_name="document")
    op.drop_index(op.f("ix_document_issue_date_id"), table_name="document")
    op.drop_index(op.f("ix_document_business_id_kind_issue_date"), table_name="document")
    op.drop_index(op.f("ix_document_account_id_party_remote_id"), table_name="document")
    op.drop_table("document")
    op.drop_index(op.f("ix_business_record_business_id"), table_name="business_record")
    op.drop_table("business_record")
    op.drop_index(op.f("ix_allocation_raw_record_id"), table_name="allocation")
    op.drop_index(op.f("ix_allocation_account_id_source_key"), table_name="allocation")
    op.drop_index(op.f("ix_allocation_account_id_document_key"), table_name="allocation")
    op.drop_table("allocation")
    op.drop_index(op.f("ix_ledger_check_account_id_records_at"), table_name="ledger_check")
    op.drop_table("ledger_check")
    op.drop_table("user_business")
