"""Bring a database to the present form, and say which form it has."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 4_201_133  # any number; the same in all processes that might migrate one PostgreSQL database at once


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing; safe when several processes start at once."""
    with engine.connect() as connection:
        upgrade_on(connection, "head")
        connection.commit()


def upgrade_on(connection: Connection, revision: str) -> None:
    """Run the migrations up to a revision, as a part of the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def is_current(engine: Engine) -> bool:
    """Say whether the database has the form that this code expects."""
    with engine.connect() as connection:
        found = revision(connection)
        connection.rollback()
    return found == ScriptDirectory.from_config(_config()).get_current_head()


def revision(connection: Connection) -> str | None:
    """Return the form that a database has; None where it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def knows(revision: str) -> bool:
    """Say whether this version has the migration that leads to a form."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config
