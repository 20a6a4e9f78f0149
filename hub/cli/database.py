"""The database: its form, its copies, and whether everything is well."""

import json
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click
from sqlalchemy import func, select, text

from hub.cli.output import as_json, away, opened, read_settings, show
from hub.connector.contract import Level
from hub.context import Hub
from hub.errors import HubError
from hub.intake import accounts
from hub.intake.models import Health, RawRecord, RawState
from hub.notice import queries as notices
from hub.search import backfill
from hub.security import users
from hub.store import copies, migrate
from hub.store.session import DATABASE_AWAY, Database, open_engine


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
    with closing(Database(open_engine(settings.database_url))) as database:
        copies.backup(database.engine, file, _progress)
    click.echo(f"Wrote {file}. Keep {settings.key_file} with it.")


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.confirmation_option(prompt="The present data are replaced (SQLite: moved aside). Is every hub process stopped?")
def restore(file: Path) -> None:
    """Put a backup in the place of the present data, and bring it to this version's form."""
    settings = read_settings()
    with closing(Database(open_engine(settings.database_url))) as database:
        former = copies.restore(database.engine, file, _progress)
        if former is not None:
            click.echo(f"The former database is {former}.")
        migrate.upgrade(database.engine)
    click.echo("Restored.")


@db.command()
@click.option("--anew", is_flag=True, help="Make all of them again, not only those that are missing.")
def reindex(*, anew: bool) -> None:
    """Make what the search finds things by. The workers do it by themselves; this waits for the end."""
    with opened() as hub:
        if anew:
            with hub.db.write() as session:
                backfill.restart(session)
        while True:
            with hub.db.write() as session:
                backfill.page(session, wait=True)
                state = backfill.progress(session)
            _progress(state.of - state.left, state.of)
            if not state.left:
                break
    click.echo("The search finds everything.")


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{100 * done // max(of, 1)} %", nl=False, err=True)


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
            rows += _mail(hub)
    except HubError as error:
        rows.append(_line(Level.RED, "start", str(error), "Correct the setting."))
    except DATABASE_AWAY as error:
        rows.append(_line(Level.RED, "database", away(error), "Start it, or correct database.url."))
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


def _mail(hub: Hub) -> list[dict[str, Any]]:
    with hub.db.read() as session:
        post = notices.post(session)
        boxes = [notices.mailbox(session, address) for address in hub.settings.notices.through]
    if smtp := hub.settings.smtp.host:
        unused = "; notices.through is not used" if boxes else ""
        lines = [_line(Level.GREEN, "mail", f"goes through {smtp}:{hub.settings.smtp.port}{unused}")]
    elif boxes:
        lines = _mailboxes(boxes)
    else:
        text_ = "Nobody can be told by mail when a connection needs a person."
        action = "Set [smtp] or [notices], see config/default.toml; then: hub mail check"
        return [_line(Level.AMBER, "mail", text_, action)]
    if post.waiting or post.lost:
        text_ = f"{post.waiting} mails to people wait to be sent, {post.lost} did not go. {post.error}".strip()
        lines = [line for line in lines if line["level"] != Level.GREEN]
        lines.append(_line(Level.AMBER, "mail", text_, "Run: hub mail check --to ADDRESS"))
    return lines


def _mailboxes(boxes: list[notices.Mailbox]) -> list[dict[str, Any]]:
    """Say which mailbox the hub's own mail goes through, and what keeps it from the others."""
    lines = [_line(Level.AMBER, "mail", box.problem, box.action) for box in boxes if box.problem]
    for box in boxes:
        if box.account is not None and not box.problem:
            return [*lines, _line(Level.GREEN, "mail", f"goes through {box.address} of {box.account.name}")]
    text_ = "No mailbox can tell people when a connection needs a person; it waits."
    return [*lines, _line(Level.AMBER, "mail", text_, "Mend one of them, or name another one in notices.through.")]


COMMANDS = (db, doctor)
