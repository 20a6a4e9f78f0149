"""What commands share: opening the hub, and printing data as a table or as JSON."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from hub import log
from hub.app import close_hub, create_hub
from hub.context import Hub
from hub.settings import Settings, load

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON.")


@contextmanager
def opened(overrides: Mapping[str, Any] | None = None, *, quiet: bool = True) -> Iterator[Hub]:
    """Open the hub for one command."""
    settings = load(overrides=overrides)
    log.setup("warning" if quiet else settings.log.level, "text" if sys.stderr.isatty() else settings.log.format)
    hub = create_hub(settings)
    try:
        yield hub
    finally:
        close_hub(hub)


def read_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings and set up the log."""
    settings = load(overrides=overrides)
    log.setup(settings.log.level, settings.log.format)
    return settings


@contextmanager
def progress(label: str, length: int = 0, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far something is; elsewhere nothing, so that a log has only what matters.

    What is given takes how much was done just now, and how much more there turned out to be than was known.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _more: None
        return
    with click.progressbar(length=length, label=label, show_eta=bool(length), show_pos=True, file=sys.stderr) as bar:

        def step(done: int, more: int) -> None:
            bar.length = (bar.length or 0) + more
            bar.update(done)

        yield step


def asked(label: str) -> str:
    """Return a secret: asked for twice at a terminal, else one line of standard input, so that it is in no history."""
    if sys.stdin.isatty():
        return str(click.prompt(label, hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def away(error: Exception) -> str:
    """Say that the database is away, in one line and with the server's own first words."""
    words = str(getattr(error, "orig", error)).strip().partition("\n")[0]
    return f"The database cannot be used: {words}. Look at database.url and at its server."


def show(rows: Sequence[Mapping[str, Any]], *, json_: bool, empty: str = "Nothing.") -> None:
    """Print rows."""
    if json_:
        click.echo(json.dumps(list(rows), ensure_ascii=False, indent=1, default=str))
        return
    if not rows:
        click.echo(empty)
        return
    names = list(rows[0])
    table = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(names))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
