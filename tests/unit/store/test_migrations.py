"""The migrations make exactly the tables that the code knows, and nobody but us can read the file."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import hub.tables  # noqa: F401 - knows all tables
from hub.store.base import Base
from hub.store.migrate import is_current, upgrade
from hub.store.session import Database, open_engine

TEXTS = ("party_text", "interaction_text", "document_text")
EXPRESSIONS = {
    "ix_participant_page",
    "ix_participant_kind",
}  # SQLite does not tell which of their columns run backwards


def _known(_: object, name: str | None, kind: str, *__: object) -> bool:
    """Leave out the full-text tables, whose form is each database's own, and what cannot be compared."""
    return not (name or "").startswith(TEXTS) and name not in EXPRESSIONS


def test_a_migrated_database_is_what_the_code_expects(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _known})
        differences = compare_metadata(context, Base.metadata)
    assert differences == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    upgrade(database.engine)
    assert is_current(database.engine)


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'new.db'}")
    upgrade(engine)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    engine.dispose()
    assert set(modes.values()) == {0o600}, modes
