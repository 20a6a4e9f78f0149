"""Bringing the data of the system that was used before: hub import."""

import csv
import json
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy.orm import Session

from hub.cli.here import REST, interruptible, work_at
from hub.cli.output import as_json, asked, opened, progress, show
from hub.context import Hub
from hub.errors import UserError
from hub.imports import archive, batches, clusters, refused, snapshot
from hub.imports.batches import Brought, Progress
from hub.imports.columns import Options
from hub.imports.models import BatchState, ImportBatch, What
from hub.imports.reading import look
from hub.imports.run import Importer
from hub.security.policy import Person
from hub.timeline import note_files

STEPS = 1_000  # of a bar: how much of a file was read is known, how many rows it has often is not


class FileOrVerb(click.Group):
    """Takes a file where no command is named, so that `hub import FILE` is enough."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the usual command before a file."""
        if args and args[0] not in self.commands and args[0] not in {"-h", "--help"}:
            args = ["file", *args]
        return super().parse_args(ctx, args)


@click.group(name="import", cls=FileOrVerb)
def import_() -> None:
    """Bring people, companies, history, tasks and files of another system: hub import FILE --as people.

    Also: hub import status, undo ID, errors ID, cancel ID.
    """


@import_.command(name="file")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--as", "what", type=click.Choice([one.value for one in What]), required=True, help="What the rows are.")
@click.option(
    "--source", default=batches.USUAL_SOURCE, show_default=True, help="The old system; its ids belong together."
)
@click.option("--region", default="", help="Country of telephone numbers without one, such as IL.")
@click.option(
    "--mapping",
    "mapping",
    type=click.Path(path_type=Path),
    help="TOML: [columns] heading = target, [rules], dates, link, kind.",
)
@click.option(
    "--sql", default="", help="Read a database instead of a file: its SQLAlchemy URL, or - to be asked for it."
)
@click.option("--query", default="", help="With --sql: the SELECT.")
@click.option("--encoding", default="", help="Of a text file, where the guess is wrong, such as cp1255.")
@click.option("--sheet", default="", help="Of a workbook; else the first one with rows.")
@click.option(
    "--files",
    type=click.Path(path_type=Path, exists=True),
    help="With --as files: the folder or ZIP that the rows name.",
)
@click.option("--dry-run", is_flag=True, help="Do everything and take it back; say what would come of it.")
@click.option(
    "--clusters", type=click.Path(path_type=Path), help="With --dry-run: write id,cluster of each record of people."
)
@click.option("--again", is_flag=True, help="Also where the same file came in before.")
@as_json
def file_(  # noqa: PLR0913 - the options of the command
    *, file: Path | None, what: str, source: str, region: str, mapping: Path | None, sql: str, query: str, encoding: str,
    sheet: str, files: Path | None, clusters: Path | None, dry_run: bool, again: bool, json_: bool,
) -> None:  # fmt: skip
    """Bring a file.

    Ctrl-C stops it; a worker of a running hub goes on, or: hub import resume ID. Exit status 1: rows were refused.
    """
    _check_options(file, sql, query, dry_run=dry_run, clusters=clusters)
    if files is not None and what != What.FILES:
        raise click.UsageError("--files goes with --as files.")
    if files is None and what == What.FILES and (file is None or not zipfile.is_zipfile(file)):
        raise click.UsageError("Give the files too: --files FOLDER or ZIP, or one ZIP with the table in it.")
    with opened() as hub:
        batch = _brought(
            hub,
            file,
            Brought(file.name if file else "query.csv", What(what), source, region, archive=_archive(hub, files)),
            sql,
            query,
            encoding,
            sheet,
        )
        with hub.db.write() as session:
            batch = session.merge(batch)
            _choose(hub, session, batch, mapping)
            before = None if dry_run or again else batches.same_before(session, batch)
            if before is not None:
                session.delete(batch)
            elif clusters is not None:
                pass  # the file is looked at, and nothing else
            elif dry_run:
                batches.check(session, hub.settings, None, batch)
            else:
                batches.start(session, hub.settings, hub.flow, None, batch)
        if before is not None:
            click.echo(
                f"This file came in before, as {before.public_id}: nothing to do. To look again: --again", err=True
            )
            return
        if clusters is None:
            _tell(_worked(hub, batch.public_id, quiet=json_), json_=json_)
            return
        try:
            count = _clusters(hub, batch, clusters)
        finally:
            with hub.db.write() as session:
                session.delete(session.get_one(ImportBatch, batch.id))
        said = {"records": count, "clusters": str(clusters)}
        click.echo(json.dumps(said) if json_ else f"{count} records in {clusters}")


def _archive(hub: Hub, files: Path | None) -> Iterable[bytes] | None:
    if files is None:
        return None
    if files.is_dir():
        return archive.packed(files, largest=note_files.shelf(hub.settings).largest)
    return batches.blocks_of(files)


def _check_options(file: Path | None, sql: str, query: str, *, dry_run: bool, clusters: Path | None) -> None:
    if bool(file) == bool(sql):
        raise click.UsageError("Give a file, or --sql with --query.")
    if bool(sql) != bool(query):
        raise click.UsageError("--sql and --query belong together.")
    if clusters is not None and not dry_run:
        raise click.UsageError("--clusters goes with --dry-run.")


def _brought(
    hub: Hub, file: Path | None, brought: Brought, sql: str, query: str, encoding: str, sheet: str
) -> ImportBatch:
    if file is None:
        url = asked("Database URL") if sql == "-" else sql
        blocks = snapshot.blocks(url, query)
        return batches.bring(hub.db, hub.settings, None, blocks, replace(brought, look=snapshot.LOOK))
    if not file.is_file():
        raise UserError(f"There is no file {file}. Give the path of a file.", error_id="no_file")
    if encoding or sheet:
        found = look(file, languages=(hub.settings.hub.language,), name=file.name)
        brought = replace(brought, look=replace(found, encoding=encoding or found.encoding, sheet=sheet or found.sheet))
    return batches.bring(hub.db, hub.settings, None, batches.blocks_of(file), brought)


def _choose(hub: Hub, session: Any, batch: ImportBatch, mapping: Path | None) -> None:
    if mapping is None:
        batches.choose(session, hub.settings, None, batch)
        return
    try:
        given = tomllib.loads(mapping.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{mapping}: it is no TOML that can be read: {error}", error_id="bad_mapping") from error
    columns = given.pop("columns", None)
    if columns is not None and not (
        isinstance(columns, dict) and all(isinstance(one, str) for one in columns.values())
    ):
        raise UserError(f'{mapping}: write [columns] and below it "Heading" = "target".', error_id="bad_mapping")
    options = Options.of_json({**batch.options, **given})
    batches.choose(session, hub.settings, None, batch, columns=columns, options=options)


@import_.command()
@click.argument("number", required=False, type=click.UUID)
@as_json
def status(number: UUID | None, *, json_: bool) -> None:
    """Show an import, or all of them."""
    with opened() as hub, hub.db.read() as session:
        if number is None:
            show([_line(one) for one in batches.listed(session)], json_=json_, empty="Nothing was imported.")
        else:
            _say(batches.progress(session, batches.one(session, number)), json_=json_)


@import_.command()
@click.argument("number", type=click.UUID)
@as_json
def undo(number: UUID, *, json_: bool) -> None:
    """Take an import back; what people did since stays and is told. For seven days."""
    _do(number, batches.undo, json_=json_)


@import_.command()
@click.argument("number", type=click.UUID)
@as_json
def resume(number: UUID, *, json_: bool) -> None:
    """Go on with an import that was paused, failed, or interrupted."""

    def begin(session: Session, person: Person | None, batch: ImportBatch) -> None:
        if batch.state not in batches.WORKING:
            batches.resume(session, person, batch)

    _do(number, begin, json_=json_)


@import_.command()
@click.argument("number", type=click.UUID)
def cancel(number: UUID) -> None:
    """Stop an import for good; what came in stays until it is undone."""
    _do(number, batches.cancel, f"Cancelled. To take back what came in: hub import undo {number}")


@import_.command()
@click.argument("number", type=click.UUID)
def pause(number: UUID) -> None:
    """Stop an import for now."""
    _do(number, batches.pause, f"Paused. To go on: hub import resume {number}")


@import_.command()
@click.argument("number", type=click.UUID)
def errors(number: UUID) -> None:
    """Print the refused rows as CSV, each with its reason; mended, the file can be imported again."""
    with opened() as hub, hub.db.read() as session:
        for piece in refused.write(session, hub.settings, batches.one(session, number)):
            sys.stdout.write(piece)


def _do(
    number: UUID,
    what: Callable[[Session, Person | None, ImportBatch], None],
    stopped: str = "",
    *,
    json_: bool = False,
) -> None:
    """Do something about an import; unless that stopped it, go on with it here and now."""
    with opened() as hub:
        with hub.db.write() as session:
            what(session, None, batches.one(session, number))
        if stopped:
            click.echo(stopped)
        else:
            _tell(_worked(hub, number, quiet=json_), json_=json_)


# --- here and now -------------------------------------------------------------------------------------------------


def _worked(hub: Hub, number: UUID, *, quiet: bool) -> Progress:
    """Work at an import here and now, or wait for whoever does, until it is over or has to wait for something else."""
    shown = 0

    def over() -> Progress | None:
        with hub.db.read() as session:
            batch = batches.one(session, number)
            told = batches.progress(session, batch)
        return told if not told.is_working or (batch.error and not batch.owner) else None

    stopped = f"Stopped. A worker goes on with it, or: hub import resume {number}; hub import cancel {number} ends it."
    with interruptible(stopped), progress("read", STEPS, quiet=quiet) as step:

        def watch(told: Progress) -> None:
            nonlocal shown
            at = round(told.share * STEPS)
            step(at - shown, 0)
            shown = at

        worker = Importer(hub.db, hub.flow, hub.settings, rest=REST if hub.db.is_sqlite else 0.0, watch=watch)
        which = (ImportBatch.public_id == number) & ImportBatch.state.in_(batches.WORKING)
        return work_at(hub, ImportBatch, which, worker.run, over)


def _clusters(hub: Hub, batch: ImportBatch, out: Path) -> int:
    """Write which records of a file are one, as far as the hub decides it by itself."""
    count = 0
    with ExitStack() as stack:
        try:
            writer = csv.writer(stack.enter_context(out.open("w", encoding="utf-8", newline="")))
        except OSError as error:
            raise UserError(f"{out}: {error.strerror}. Give a path that can be written.", error_id="no_file") from error
        writer.writerow(["id", "cluster"])
        for pair in clusters.of(hub.db, hub.flow, hub.settings, batch):
            writer.writerow(pair)
            count += 1
    return count


# --- said ---------------------------------------------------------------------------------------------------------


def _line(one: Progress) -> Mapping[str, Any]:
    counts = one.found if one.state in {BatchState.CHECKING, BatchState.CHECKED} else one.counts
    return {
        "id": one.id, "file": one.file_name, "as": one.what, "source": one.source, "state": one.state,
        "read": f"{one.share:.0%}", **{name: counts.get(name, 0) for name in ("new", "update", "same", "bad")},
    }  # fmt: skip


def _say(one: Progress, *, json_: bool) -> None:
    counts = one.found if one.state in {BatchState.CHECKING, BatchState.CHECKED} else one.counts
    if json_:
        click.echo(
            json.dumps({**_line(one), "error": one.error, "counts": dict(counts)}, default=str, ensure_ascii=False)
        )
        return
    is_check = one.state == BatchState.CHECKED
    click.echo(
        f"{one.id} {one.state}: {counts.get('new', 0)} {'would be ' if is_check else ''}new, {counts.get('update', 0)} update, "
        f"{counts.get('same', 0)} same, {counts.get('bad', 0)} refused"
    )
    for reason, count in counts.get("reasons", {}).items():
        click.echo(f"  refused, {reason}: {count}")
    if counts.get("doubles"):
        click.echo(f"  {counts['doubles']} rows have a number or an address of an earlier row")
    if counts.get("without_company"):
        click.echo(
            f"  {counts['without_company']} people without their company: import the companies, then this file again"
        )
    if strangers := counts.get("strangers"):
        click.echo(
            f"  users who are nobody of us: {', '.join(f'{name} ({count})' for name, count in strangers.items())}"
        )
    for why, kept in counts.get("kept", {}).items():
        click.echo(f"  not taken back, {why}: {kept['count']}")
    if counts.get("bad") and not is_check:
        click.echo(f"  the refused rows: hub import errors {one.id}")
    if one.error:
        click.echo(f"It stopped: {one.error}", err=True)


def _tell(one: Progress, *, json_: bool) -> None:
    _say(one, json_=json_)
    counts = one.found if one.state == BatchState.CHECKED else one.counts
    is_good = one.state in {BatchState.DONE, BatchState.CHECKED, BatchState.UNDONE} and not one.error
    if not is_good or (counts.get("bad") and one.state != BatchState.UNDONE):
        sys.exit(1)


COMMANDS = (import_,)
