"""One search for everything: texts of the timeline and of documents, and how far older rows have theirs.

The texts of rows that are there already are written by the workers, the newest first: a million of them would keep the hub
from starting for minutes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = (("interaction_text", "interaction"), ("document_text", "document"))


def upgrade() -> None:
    op.create_table(
        "text_index",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("upto", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("of", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_text_index")),
    )
    for texts, rows in TABLES:
        if op.get_context().dialect.name == "sqlite":
            op.execute(
                f"CREATE VIRTUAL TABLE {texts} USING fts5(body, marks, tokenize='unicode61 remove_diacritics 0', "
                "prefix='2 3')"
            )
            # Rows go by more ways than one, also by the rows that they hang on: their texts go with them by every way.
            gone = f"DELETE FROM {texts} WHERE rowid = old.id"  # noqa: S608 - our own words
            op.execute(f"CREATE TRIGGER {texts}_gone AFTER DELETE ON {rows} BEGIN {gone}; END")
        else:
            op.execute(
                f"CREATE TABLE {texts} ({rows}_id bigint PRIMARY KEY REFERENCES {rows}(id) ON DELETE CASCADE, "
                "body text NOT NULL, marks text NOT NULL, "
                "document tsvector GENERATED ALWAYS AS (to_tsvector('simple', body) || "
                "array_to_tsvector(string_to_array('=' || replace(marks, ' ', ' ='), ' '))) STORED)"
            )
            op.execute(f"CREATE INDEX ix_{texts}_document ON {texts} USING gin (document)")


def downgrade() -> None:
    for texts, _ in TABLES:
        if op.get_context().dialect.name == "sqlite":
            op.execute(f"DROP TRIGGER {texts}_gone")
        op.execute(f"DROP TABLE {texts}")
    op.drop_table("text_index")
