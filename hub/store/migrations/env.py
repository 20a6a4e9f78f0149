"""Alembic's entry: runs on the connection it is handed, or on HUB's database for `alembic revision`."""

from alembic import context
from sqlalchemy import create_engine

import hub.tables  # noqa: F401 - knows all tables
from hub.store.base import Base

TEXTS = ("party_text", "interaction_text", "document_text")  # full text: each database has its own form of it

connection = context.config.attributes.get("connection")
if connection is None:
    connection = create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://").connect()
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=connection.dialect.name == "sqlite",
                  include_name=lambda name, kind, _: not (kind == "table" and (name or "").startswith(TEXTS)))  # fmt: skip
with context.begin_transaction():
    context.run_migrations()
