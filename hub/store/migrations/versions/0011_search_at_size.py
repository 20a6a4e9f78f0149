"""PostgreSQL finds the newest of very many texts: its index also says in which block of keys a text is.

The list of texts that wait for the index is kept short, for every question reads all of it. With a million texts this takes
a minute for each table.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = (("party_text", "party_id"), ("interaction_text", "interaction_id"), ("document_text", "document_id"))


def upgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        return
    op.execute("SET LOCAL maintenance_work_mem = '256MB'")
    for table, key in TABLES:
        op.execute(f"DROP INDEX ix_{table}_document")
        op.execute(
            f"CREATE INDEX ix_{table}_document ON {table} USING gin (document, (ARRAY[CAST({key} >> 12 AS integer)])) "
            "WITH (gin_pending_list_limit = 256)"
        )


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        return
    for table, _ in TABLES:
        op.execute(f"DROP INDEX ix_{table}_document")
        op.execute(f"CREATE INDEX ix_{table}_document ON {table} USING gin (document)")
