"""Mappings that administrators write over the shipped ones: look at them, take them along, publish them."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from pydantic_core import to_jsonable_python
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import trials
from hub.cli.output import as_json, opened, progress, show
from hub.context import Hub
from hub.errors import NotFoundError, UserError
from hub.intake import accounts
from hub.intake.models import Account
from hub.mapping import overlay, versions
from hub.mapping.load import LARGEST_FILE, Mapping
from hub.mapping.models import MappingVersion, Status
from hub.mapping.trial import Fate, Kind, Summary
from hub.mapping.versions import Scope
from hub.mapping.written import document_text, overlay_text
from hub.security.models import User

SHIPPED = "shipped"
USUAL_RECORDS = 500  # that a version is tried on
SHOWN = 20  # failing records, and differences of one field

_of_account = click.option("--account", "name", default=None, help="The overlay of this account instead.")
_records = click.option(
    "--records",
    default=USUAL_RECORDS,
    show_default=True,
    type=click.IntRange(0),
    help="Try it on so many of each account.",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Show what would be another way, and change nothing.")


@click.group()
def mapping() -> None:
    """How the fields of other systems become the hub's own.

    CONNECTOR and STREAM are as in the folder `mappings`. Where records that can be mapped now could not be mapped any more,
    `diff` and `--dry-run` end with status 1.
    """


# --- looking ------------------------------------------------------------------------------------------------------


@mapping.command("list")
@as_json
def list_mappings(*, json_: bool) -> None:
    """List all mappings, and which version of each counts."""
    with opened() as hub, hub.db.read() as session:
        written = list(versions.everything(session))
        behind = {one.version.id for one in versions.behind(session, hub.flow.mapping)}
        names = {row.id: row.name for row in accounts.listed(session)}
        keys = sorted({*hub.flow.mappings, *((row.connector, row.stream) for row in written)})
        rows = [
            _line(hub, key, [row for row in written if (row.connector, row.stream) == key], names, behind)
            for key in keys
        ]
    show(rows, json_=json_, empty="No mappings.")


def _line(
    hub: Hub, key: tuple[str, str], rows: Sequence[MappingVersion], names: dict[int, str], behind: set[int]
) -> dict[str, Any]:
    live = next((row.number for row in rows if row.status == Status.LIVE and not row.scope), None)
    whose = {row.id: names.get(row.account_id or 0, "") if row.scope else "all" for row in rows}
    return {
        "connector": key[0],
        "stream": key[1],
        "record": hub.flow.kind(*key),
        "counts": SHIPPED if live is None else f"version {live}",
        "overlays": ", ".join(whose[row.id] for row in rows if row.status == Status.LIVE and row.scope),
        "drafts": ", ".join(whose[row.id] for row in rows if row.status == Status.DRAFT),
        "behind": ", ".join(dict.fromkeys(whose[row.id] for row in rows if row.id in behind)),
    }


@mapping.command("show")
@click.argument("connector")
@click.argument("stream")
@_of_account
@as_json
def show_versions(connector: str, stream: str, name: str | None, *, json_: bool) -> None:
    """List the versions of a mapping: who made and published them, and when."""
    with opened() as hub, hub.db.read() as session:
        scope = _scope(hub, session, connector, stream, name)
        people = dict(session.execute(select(User.id, User.email)).all())
        rows = [
            {
                "number": row.number or "",
                "status": row.status,
                "made by": people.get(row.made_by or 0, ""),
                "made": row.made_at,
                "published by": people.get(row.published_by or 0, ""),
                "published": row.published_at,
                "note": row.note,
                "sha256": row.sha256[:12],
            }
            for row in versions.all_of(session, scope)
        ]
    show(
        rows,
        json_=json_,
        empty="Nobody wrote one; the shipped mapping counts." if name is None else "It has no overlay.",
    )


@mapping.command("export")
@click.argument("connector")
@click.argument("stream")
@_of_account
@click.option("--number", type=click.IntRange(1), default=None, help="This version.")
@click.option("--draft", is_flag=True, help="What is being written.")
@click.option("--shipped", is_flag=True, help="What is shipped, whatever counts.")
def export(connector: str, stream: str, name: str | None, number: int | None, *, draft: bool, shipped: bool) -> None:
    """Print a mapping as TOML: the one that counts, or another. Comments are not kept."""
    if (number is not None) + draft + shipped > 1:
        raise UserError("Give one of --number, --draft and --shipped.")
    with opened() as hub, hub.db.read() as session:
        scope = _scope(hub, session, connector, stream, name)
        base = hub.flow.mapping(connector, stream)
        document = _chosen(session, scope, base, number, draft=draft, shipped=shipped)
    click.echo(_text(scope, base, document), nl=False)


def _chosen(
    session: Session, scope: Scope, base: Mapping, number: int | None, *, draft: bool = False, shipped: bool = False
) -> dict[str, Any]:
    if shipped:
        return versions.under(session, scope, shipped=base) if scope.is_overlay else base.as_json()
    if number is not None:
        return versions.numbered(session, scope, number).document
    if draft:
        return _draft(session, scope).document
    live = versions.live(session, scope)
    if live is None and scope.is_overlay:
        raise NotFoundError("This account has no overlay.")
    return base.as_json() if live is None else live.document


def _text(scope: Scope, base: Mapping, document: dict[str, Any]) -> str:
    try:
        if scope.is_overlay and "record" not in document:
            return overlay_text(document, stream=base.stream, record=base.record)
        return document_text(overlay.in_order(document, base.as_json()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # a draft may be anything
        raise UserError(f"This draft is not finished, so there is no text of it: {error}") from error


# --- changing -----------------------------------------------------------------------------------------------------


@mapping.command("import")
@click.argument("connector")
@click.argument("stream")
@click.argument("file", type=click.File("rb"))
@_of_account
@click.option("--note", default="", help="What it is good for.")
@click.option("--replace", is_flag=True, help="Also where somebody has a draft already.")
@_dry_run
@_records
@as_json
def import_(  # noqa: PLR0913 - one option each
    connector: str, stream: str, file: Any, name: str | None, note: str, *, replace: bool, dry_run: bool, records: int, json_: bool
) -> None:  # fmt: skip
    """Read a mapping from a TOML FILE (`-`: standard input) as a draft; `hub mapping publish` makes it count.

    What is wrong is told with line and column. An overlay is a file with only some fields, and `without = [...]`.
    """
    called = Path(str(getattr(file, "name", "standard input"))).name
    text = _read(file, called)
    with opened() as hub:
        with hub.db.read() as session:
            scope = _scope(hub, session, connector, stream, name)
            base = hub.flow.mapping(connector, stream)
            document = _parsed(session, scope, base, text, called)
        if dry_run:
            _told(hub, scope, document, records, json_=json_)
            return
        with hub.db.write() as session:
            if versions.draft(session, scope) is not None and not replace:
                raise UserError("Somebody has a draft of this mapping; --replace it, or publish it first.")
            under = versions.under(session, scope, shipped=base)
            seen = versions.seen(session, scope)
            versions.save_draft(session, None, scope, document, base=under, note=note, expected_sha=seen)
    click.echo(json.dumps({"draft": True}) if json_ else "Kept as a draft; look at it with `hub mapping diff`.")


def _read(file: Any, called: str) -> str:
    given: bytes = file.read(LARGEST_FILE + 1)
    if len(given) > LARGEST_FILE:  # what is cut off could be read as a mapping of its own
        raise UserError(f"{called} is larger than {LARGEST_FILE} bytes.")
    try:
        return given.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{called} is no UTF-8 text.") from error


def _parsed(session: Session, scope: Scope, base: Mapping, text: str, file: str) -> dict[str, Any]:
    if not scope.is_overlay:
        return overlay.read_whole_toml(base, text, name=file).as_json()
    return overlay.read_overlay_toml(overlay.effective(base, versions.whole_of(session, scope)), text, name=file)


@mapping.command("diff")
@click.argument("connector")
@click.argument("stream")
@_of_account
@click.option("--number", type=click.IntRange(1), default=None, help="This version instead of the draft.")
@_records
@as_json
def diff(connector: str, stream: str, name: str | None, number: int | None, records: int, *, json_: bool) -> None:
    """Show what a draft would make another way: its settings, and the records that it is tried on."""
    with opened() as hub:
        with hub.db.read() as session:
            scope = _scope(hub, session, connector, stream, name)
            base = hub.flow.mapping(connector, stream)
            document = _chosen(session, scope, base, number, draft=number is None)
        _told(hub, scope, document, records, json_=json_)


@mapping.command("publish")
@click.argument("connector")
@click.argument("stream")
@_of_account
@_dry_run
@_records
@as_json
def publish(connector: str, stream: str, name: str | None, *, dry_run: bool, records: int, json_: bool) -> None:
    """Make the draft count from now on. `hub replay` runs it over what came before."""
    with opened() as hub:
        with hub.db.read() as session:
            scope = _scope(hub, session, connector, stream, name)
            draft = _draft(session, scope)
        if dry_run:
            _told(hub, scope, draft.document, records, json_=json_)
            return
        base = hub.flow.mapping(connector, stream)
        with hub.db.write() as session:
            row = versions.publish(session, None, scope, draft.sha256, shipped=base)
        _say(row, json_=json_)


@mapping.command("restore")
@click.argument("connector")
@click.argument("stream")
@click.argument("number", metavar="NUMBER|shipped")
@_of_account
@_dry_run
@_records
@as_json
def restore(
    connector: str, stream: str, number: str, name: str | None, *, dry_run: bool, records: int, json_: bool
) -> None:
    """Let an older version count again, or the shipped one (of an account: no overlay)."""
    if number != SHIPPED and not (number.isdecimal() and number.isascii()):
        raise UserError(f"{number!r} is no number of a version; `{SHIPPED}` is the shipped mapping.")
    with opened() as hub:
        with hub.db.read() as session:
            scope = _scope(hub, session, connector, stream, name)
            base = hub.flow.mapping(connector, stream)
            document = base.as_json() if number == SHIPPED else versions.numbered(session, scope, int(number)).document
        if dry_run:
            _told(
                hub, scope, {"fields": {}} if number == SHIPPED and scope.is_overlay else document, records, json_=json_
            )
            return
        with hub.db.write() as session:
            if number == SHIPPED:
                versions.use_shipped(session, None, scope, shipped=base)
                row = None
            else:
                row = versions.restore(session, None, scope, int(number), shipped=base)
        _say(row, json_=json_)


# --- small change -------------------------------------------------------------------------------------------------


def _scope(hub: Hub, session: Session, connector: str, stream: str, name: str | None) -> Scope:
    hub.flow.mapping(connector, stream)  # a MappingError names the file that is not there
    if name is None:
        return Scope(connector, stream)
    account = accounts.by_name(session, name)
    if account.connector != connector:
        raise UserError(f"{name} is a connection to {account.connector}, not to {connector}.")
    return Scope(connector, stream, account.id)


def _draft(session: Session, scope: Scope) -> MappingVersion:
    found = versions.draft(session, scope)
    if found is None:
        raise NotFoundError("There is no draft of this mapping; `hub mapping import` makes one.")
    return found


def _say(row: MappingVersion | None, *, json_: bool) -> None:
    if json_:
        click.echo(json.dumps({"number": None if row is None else row.number}))
    else:
        click.echo("The shipped mapping counts." if row is None else f"Version {row.number} counts from now on.")


def _told(hub: Hub, scope: Scope, document: dict[str, Any], records: int, *, json_: bool) -> None:
    """Print what a document makes another way than what counts; status 1 where records would fail that do not now."""
    with hub.db.read() as session:
        base = hub.flow.mapping(scope.connector, scope.stream)
        before = _counts_now(session, scope, base)
        lines = overlay.differences(before, document)
        summary = Summary()
        for account in _accounts(session, scope):
            _try(hub, session, scope, document, account, records, summary, quiet=json_)
    if json_:
        click.echo(json.dumps(_as_json(lines, summary), ensure_ascii=False, indent=1))
    else:
        for line in [*_settings(lines), *_fates(summary)]:
            click.echo(line)
    if summary.newly_failing:
        sys.exit(1)


def _counts_now(session: Session, scope: Scope, base: Mapping) -> dict[str, Any]:
    live = versions.live(session, scope)
    if live is not None:
        return live.document
    return {"fields": {}} if scope.is_overlay else base.as_json()


def _accounts(session: Session, scope: Scope) -> Sequence[Account]:
    if scope.account_id is not None:
        return [session.get_one(Account, scope.account_id)]
    return accounts.of_connector(session, scope.connector)


def _try(  # noqa: PLR0913 - what is tried, and on what
    hub: Hub, session: Session, scope: Scope, document: dict[str, Any], account: Account, records: int, summary: Summary, *,
    quiet: bool,
) -> None:  # fmt: skip
    if scope.is_overlay and not document["fields"]:  # without an overlay
        base = hub.flow.mapping(scope.connector, scope.stream)
        wanted = overlay.effective(base, versions.whole_of(session, scope))
    else:
        wanted = trials.candidate(hub.flow, session, scope, document, account)
    with progress(account.name, records, quiet=quiet) as step:
        for page in trials.try_out(hub.flow, session, account, scope.stream, wanted, limit=records):
            for one in page:
                summary.add(one)
            step(len(page), 0)


def _settings(lines: Sequence[overlay.Difference]) -> Iterator[str]:
    if not lines:
        yield "No setting is another."
    for one in lines:
        where = f"{one.field}.{one.setting}" if one.setting else one.field
        if one.before is None:
            yield f"+ {where}: {_short(one.after)}"
        elif one.after is None:
            yield f"- {where}: {_short(one.before)}"
        else:
            yield f"~ {where}: {_short(one.before)} -> {_short(one.after)}"


def _fates(summary: Summary) -> Iterator[str]:
    counts = ", ".join(f"{summary.counts[fate]} {fate}" for fate in Fate)
    yield f"{summary.total} records: {counts}"
    for name, change in sorted(summary.fields.items()):
        yield f"{name}: {', '.join(f'{change.counts[kind]} {kind}' for kind in Kind if change.counts[kind])}"
        samples = [sample for kind in Kind for sample in change.samples[kind]]
        for sample in samples[:SHOWN]:
            yield f"  {sample.remote_id}: {_short(sample.before)} -> {_short(sample.after)}"
    for failing in summary.failing[:SHOWN]:
        where = f"field {failing.field}: " if failing.field else ""
        yield f"fails: {failing.remote_id}: {where}{failing.problem}"


def _as_json(lines: Sequence[overlay.Difference], summary: Summary) -> Any:
    made = {
        "settings": [asdict(one) for one in lines],
        "records": {fate: summary.counts[fate] for fate in Fate},
        "newly_failing": summary.newly_failing,
        "fields": {
            name: {kind: {"count": change.counts[kind], "samples": change.samples[kind]} for kind in Kind}
            for name, change in sorted(summary.fields.items())
        },
        "failing": [
            {"record": one.public_id, "remote_id": one.remote_id, "field": one.field, "problem": one.problem}
            for one in summary.failing
        ],
    }
    return to_jsonable_python(made, fallback=str)


def _short(value: Any) -> str:
    text = json.dumps(to_jsonable_python(value, fallback=str), ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"


COMMANDS = (mapping,)
