"""The database: its form, its copies, and whether everything is well."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from hub.cli.output import as_json, opened, read_settings, show
from hub.connector.contract import Level
from hub.context import Hub
from hub.errors import ConfigError, HubError
from hub.intake import accounts
from hub.intake.models import Health, RawRecord, RawState
from hub.security import users
from hub.settings import Settings
from hub.store import migrate
from hub.store.session import open_engine


@click.group()
def db() -> None:
    """The database: upgrade, backup, restore."""


@db.command()
def upgrade() -> None:
    """Bring the database to the form that this version expects."""
    settings = read_settings()
    engine = open_engine(settings.database_url)
    migrate.upgrade(engine)
    engine.dispose()
    click.echo("The database is up to date.")


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write a consistent copy to FILE while the hub runs. Keep the key file with it: without it secrets are lost."""
    settings = read_settings()
    if file.exists():
        raise ConfigError(f"{file} is there already; name another file.")
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        _backup_sqlite(str(url.database), part)
    else:
        _run_postgres("pg_dump", settings, ["--format=custom", f"--file={part}"])
    part.chmod(0o600)
    part.replace(file)
    click.echo(f"Wrote {file}. Keep {settings.key_file} with it.")


def _backup_sqlite(source: str, target: Path) -> None:
    with sqlite3.connect(source) as live, sqlite3.connect(target) as copy:
        size = 0

        def progress(_: int, left: int, total: int) -> None:
            nonlocal size
            size = total
            if sys.stderr.isatty():
                click.echo(f"\r{100 * (total - left) // max(total, 1)} %", nl=False, err=True)

        live.backup(copy, pages=5000, progress=progress)
    live.close()
    copy.close()


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.confirmation_option(prompt="The present data are replaced (SQLite: moved aside). Is every hub process stopped?")
def restore(file: Path) -> None:
    """Put a backup in the place of the present data, and bring it to this version's form."""
    settings = read_settings()
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        _restore_sqlite(file, Path(str(url.database)))
    else:
        _run_postgres("pg_restore", settings, ["--clean", "--if-exists", "--no-owner", str(file)])
    engine = open_engine(settings.database_url)
    migrate.upgrade(engine)
    engine.dispose()
    click.echo("Restored.")


def _restore_sqlite(file: Path, target: Path) -> None:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as copy:
        found = copy.execute("PRAGMA quick_check").fetchone()[0]
    copy.close()
    if found != "ok":
        raise ConfigError(f"{file} is damaged: {found}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".restored")
    shutil.copy(file, part)
    if target.exists():
        kept = target.with_name(target.name + ".before-restore")
        for ending in ("", "-wal", "-shm"):
            old = target.with_name(target.name + ending)
            if old.exists():
                old.replace(kept.with_name(kept.name + ending))
        click.echo(f"The former database is {kept}.")
    part.replace(target)


def _run_postgres(program: str, settings: Settings, arguments: list[str]) -> None:
    """Run PostgreSQL's own program; the password goes by the environment, not by the command line."""
    found = shutil.which(program)
    if found is None:
        raise ConfigError(f"{program} is not installed; install PostgreSQL's client programs of the server's version.")
    url = make_url(settings.database_url)
    environment = {"PGPASSWORD": url.password or "", "PATH": "/usr/bin:/bin"}
    place = [f"--host={url.host or ''}", f"--port={url.port or 5432}", f"--username={url.username or ''}"]
    done = subprocess.run(  # noqa: S603 - a fixed program with our own settings
        [found, *place, f"--dbname={url.database}", *arguments], env=environment, capture_output=True, check=False
    )
    if done.returncode:
        raise ConfigError(f"{program}: {done.stderr.decode('utf-8', 'replace').strip()[:500]}")


@click.command()
@as_json
def doctor(*, json_: bool) -> None:
    """Look at everything and say what to do; exit status 1 if something is red."""
    rows: list[dict[str, Any]] = []
    try:
        with opened() as hub:
            rows += _database(hub)
            rows += _people(hub)
            rows += _accounts(hub)
    except HubError as error:
        rows.append({"level": Level.RED, "topic": "start", "text": str(error), "action": "Correct the setting."})
    if json_:
        click.echo(json.dumps(rows, indent=1))
    else:
        show(rows, json_=False)
    if any(row["level"] == Level.RED for row in rows):
        sys.exit(1)


def _line(level: Level, topic: str, text_: str, action: str = "") -> dict[str, Any]:
    return {"level": str(level), "topic": topic, "text": text_, "action": action}


def _database(hub: Hub) -> list[dict[str, Any]]:
    with hub.db.read() as session:
        session.execute(text("SELECT 1"))
        aside = session.scalar(select(func.count()).select_from(RawRecord).where(RawRecord.state == RawState.SET_ASIDE))
    lines = [_line(Level.GREEN, "database", hub.db.engine.url.render_as_string(hide_password=True))]
    if not migrate.is_current(hub.db.engine):
        lines.append(_line(Level.RED, "database", "It has an older form.", "Run: hub db upgrade"))
    if aside:
        lines.append(_line(Level.AMBER, "records", f"{aside} are set aside.", "See Connections, Failures."))
    free_mb = shutil.disk_usage(hub.settings.home if hub.settings.home.exists() else Path()).free // 1_000_000
    if free_mb < 1000:  # a gigabyte
        lines.append(_line(Level.AMBER, "disk", f"{free_mb} MB are free.", "Make room."))
    return lines


def _people(hub: Hub) -> list[dict[str, Any]]:
    with hub.db.read() as session:
        if users.nobody_yet(session):
            return [_line(Level.RED, "users", "Nobody can sign in.", "Run: hub user add EMAIL --role admin")]
    return [_line(Level.GREEN, "users", "There are users.")]


def _accounts(hub: Hub) -> list[dict[str, Any]]:
    with hub.db.read() as session:
        found = accounts.listed(session)
    lines = []
    for row in found:
        bad = row.health == Health.NEEDS_YOU
        late = row.health in {Health.LATE, Health.WARNINGS}
        level = Level.RED if bad else Level.AMBER if late else Level.GREEN
        lines.append(_line(level, f"account {row.name}", f"{row.health} {row.health_text}".strip(),
                           f"Run: hub account check {row.name}" if bad or late else ""))  # fmt: skip
    return lines


COMMANDS = (db, doctor)
