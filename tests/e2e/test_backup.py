"""`hub db backup` and `hub db restore`: a copy brings everything back, a file that is none harms nothing; on both databases."""

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from hub.cli import cli
from hub.errors import HubError, UserError
from hub.identity import parties, search
from hub.identity.callers import PHONE
from hub.identity.models import Party, PartyKind
from hub.security import users
from hub.security.models import Role, User
from hub.security.policy import Person
from hub.settings import Settings
from hub.store.session import Database
from hub.timeline import notes
from hub.timeline.models import Note

ODD = 'דנה, "Levi"\t\\N\n<b>\'; --'  # what a format of columns and lines could stumble over


@pytest.fixture
def person(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Somebody with a customer and a note, and an environment in which commands find the database."""
    monkeypatch.setenv("HUB_HOME", str(settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", settings.database_url)
    monkeypatch.setenv("PATH", "")  # no program of PostgreSQL's own is there to help
    with database.write() as session:
        user = users.add(session, "noa@example.com", "Noa", Role.ADMIN)
        users.prefer(session, user, sound=None, words=[ODD])
        found = users.person(user)
        given = [parties.Given(PHONE, "+972542345678")]
        row = parties.create(session, found, PartyKind.PERSON, "Dana Levi", given, region="IL", owner_id=user.id)
        notes.add(session, found, party_id=row.id, text=ODD)
    return found


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def restore(file: Path) -> Result:
    return run("db", "restore", str(file), "--yes")


def names(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(select(Party.name)))


def change(database: Database, person: Person) -> None:
    """Do what a restore must take back."""
    with database.write() as session:
        parties.create(session, person, PartyKind.PERSON, "Too Late", [], region="IL")
    database.close()


def test_a_backup_brings_everything_back(database: Database, person: Person, tmp_path: Path) -> None:
    file = tmp_path / "copy"
    assert run("db", "backup", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600, "it holds numbers and names"
    change(database, person)
    assert restore(file).exit_code == 0
    assert names(database) == ["Dana Levi"]
    with database.read() as session:
        assert session.scalar(select(User.preferences)) == {"sound": None, "words": [ODD]}
        assert session.scalar(select(Note.text)) == ODD.strip()
        assert [hit.name for hit in search.search(session, "dana")] == ["Dana Levi"]


def test_after_a_restore_new_rows_get_new_keys(database: Database, person: Person, tmp_path: Path) -> None:
    run("db", "backup", str(tmp_path / "copy"))
    database.close()
    restore(tmp_path / "copy")
    change(database, person)
    assert names(database) == ["Dana Levi", "Too Late"]


def test_a_backup_is_restored_into_an_empty_place(database: Database, person: Person, tmp_path: Path) -> None:
    run("db", "backup", str(tmp_path / "copy"))
    if database.is_sqlite:
        database.close()
        Path(str(database.engine.url.database)).unlink()
    else:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
    assert restore(tmp_path / "copy").exit_code == 0
    assert names(database) == ["Dana Levi"]


def test_two_restores_keep_what_each_of_them_replaced(database: Database, person: Person, tmp_path: Path) -> None:
    run("db", "backup", str(tmp_path / "copy"))
    change(database, person)
    for _ in range(2):
        restore(tmp_path / "copy")
    kept = sorted(tmp_path.glob("hub.db.before-*[0-9]"))
    assert len(kept) == (2 if database.is_sqlite else 0), "PostgreSQL replaces within one transaction"
    for file, parties_in_it in zip(kept, (2, 1), strict=False):
        with closing(sqlite3.connect(file)) as former:
            assert former.execute("SELECT count(*) FROM party").fetchone() == (parties_in_it,)


def test_a_file_that_is_no_backup_changes_nothing(database: Database, person: Person, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("neither a database nor an archive")
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr("form.json", '{"revision": "none of ours", "tables": []}')
    with sqlite3.connect(tmp_path / "foreign") as foreign:
        foreign.execute("CREATE TABLE party (name TEXT)")
    foreign.close()
    for name in ("empty", "text", "archive", "foreign"):
        answer = restore(tmp_path / name)
        assert isinstance(answer.exception, UserError), name
        assert name in str(answer.exception)
        assert names(database) == ["Dana Levi"], name


def test_half_a_backup_changes_nothing(database: Database, person: Person, tmp_path: Path) -> None:
    file = tmp_path / "copy"
    run("db", "backup", str(file))
    whole = file.read_bytes()
    for size in (100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        assert isinstance(restore(file).exception, HubError), size
        assert names(database) == ["Dana Levi"], size


def test_a_backup_goes_over_no_file_and_into_no_folder_that_is_not_there(
    database: Database, person: Person, tmp_path: Path
) -> None:
    (tmp_path / "copy").write_text("precious")
    assert isinstance(run("db", "backup", str(tmp_path / "copy")).exception, HubError)
    assert (tmp_path / "copy").read_text() == "precious"
    assert isinstance(run("db", "backup", str(tmp_path / "nowhere/copy")).exception, HubError)
