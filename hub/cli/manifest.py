"""Manifests of accounting systems: what is wrong with one, and what would come of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from hub.cli.accounts import pairs
from hub.cli.output import as_json, opened, show
from hub.connector.checking import Alone
from hub.connector.manifest.document import Manifest
from hub.connector.manifest.load import read_file
from hub.connector.manifest.remote import ManifestRemote
from hub.connector.manifest.settings import Access, ManifestSettings, model_of
from hub.connector.manifest.streams import ManifestStream
from hub.connector.stream import Upsert
from hub.context import Hub
from hub.errors import ConnectorError, MappingError, RecordError, ShapeError, UserError
from hub.intake import accounts
from hub.mapping.apply import apply
from hub.mapping.load import Mapping as RecordMapping
from hub.mapping.load import content, read_document
from hub.mapping.transforms import Context

OWN = "manifest"  # the connector of manifests that do not ship with the hub
SHOWN = 5  # records of a stream
_FIELDS = (
    "kind",
    "status",
    "number",
    "name",
    "issue_date",
    "date",
    "party_name",
    "currency",
    "gross",
    "amount",
    "balance",
    "url",
)


@click.group()
def manifest() -> None:
    """Manifests of accounting systems."""


@manifest.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--account", "name", default="", help="Ask with the access of this connection.")
@click.option("--set", "set_", multiple=True, metavar="KEY=VALUE", help="A setting; may be repeated. Ask with these.")
@click.option("--secret", multiple=True, metavar="KEY=-", help="A secret; `-` asks for it.")
@click.option("--most", default=500, show_default=True, help="Records of each stream that are looked at.")
@as_json
def check(file: Path, name: str, set_: tuple[str, ...], secret: tuple[str, ...], most: int, *, json_: bool) -> None:
    """Say what is wrong with a manifest; with access, what would come of it.

    With access nothing is kept: the first records of each stream are mapped and shown, with every type and status that
    their mapping does not know.
    """
    found = read_file(file)
    if not name and not set_ and not secret:
        click.echo(f"{file}: a whole manifest of {found.title} with {len(found.stream)} streams.")
        click.echo("To see what would come of it, give access: --account NAME, or --set and --secret.")
        return
    with opened() as hub:
        remote, region, time_zone = _opened(hub, found, name, {**pairs(set_), **pairs(secret)})
        connector = found.name if found.name in hub.connectors else OWN
        looks = [
            _looked(hub, connector, one, Context(region=region, time_zone=time_zone), most) for one in remote.listings()
        ]
    _show(looks, json_=json_)
    if any(look.error for look in looks):
        raise click.exceptions.Exit(1)


@dataclass
class Look:
    """What came of one stream."""

    stream: str
    records: int = 0
    mapped: list[dict[str, Any]] = field(default_factory=list)
    unmapped: Counter[tuple[str, str]] = field(default_factory=Counter)  # field and the remote's own value
    failed: Counter[str] = field(default_factory=Counter)  # why records cannot be mapped
    error: str = ""  # why the stream cannot be read


def _opened(hub: Hub, found: Manifest, name: str, given: Mapping[str, Any]) -> tuple[ManifestRemote, str, str]:
    """Open an account by the manifest in hand, with the settings of a connection or those that were typed."""
    if name:
        with hub.db.read() as session:
            row = accounts.by_name(session, name)
        opened_ = accounts.open_account(row, hub.connectors[row.connector], hub.vault, hub.settings)
        settings: Any = opened_.settings
        if not isinstance(settings, ManifestSettings):
            raise UserError(f"{name} is no connection of a manifest.")
        access = Access.of(found, OWN, 0, settings)
        return ManifestRemote(access, Alone(), opened_.time_zone), opened_.region, opened_.time_zone
    try:
        typed = model_of(found).model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UserError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
    access = Access.of(found, OWN, 0, typed)
    zone, region = hub.settings.hub.time_zone, hub.settings.hub.region
    return ManifestRemote(access, Alone(), zone), region, zone


def _looked(hub: Hub, connector: str, stream: ManifestStream, context: Context, most: int) -> Look:
    look = Look(stream.key)
    try:
        mapping = hub.flow.mapping(connector, stream.records)
    except MappingError as error:
        look.error = str(error)
        return look
    knows = _passing(mapping)
    try:
        for change in _first(stream, most):
            look.records += 1
            _map(look, mapping, knows, change, context)
    except (ConnectorError, ShapeError) as error:
        look.error = str(error)
    return look


def _first(stream: ManifestStream, most: int) -> Iterator[Upsert]:
    """Yield the first records of a stream."""
    cursor, count, pages = stream.begin(), 0, 0
    while count < most and pages < most:
        page = stream.pull(cursor)
        for change in page.changes:
            if isinstance(change, Upsert) and count < most:
                count += 1
                yield change
        if not page.more or page.next == cursor:
            return
        cursor, pages = page.next, pages + 1


def _passing(mapping: RecordMapping) -> RecordMapping:
    """Return a mapping that lets values through which it does not know, so that they can be seen."""
    document = content(mapping.document)
    for rule in document["fields"].values():
        if "values" in rule:
            rule["unmapped"] = "pass"
    return read_document(document, name=mapping.file, registry=mapping.registry, engine=mapping.engine)


def _map(look: Look, mapping: RecordMapping, knows: RecordMapping, change: Upsert, context: Context) -> None:
    try:
        made = apply(mapping, change.payload, context, record_id=change.remote_id)
        if len(look.mapped) < SHOWN:
            look.mapped.append({"remote_id": change.remote_id, **_short(made)})
    except RecordError as error:
        look.failed[str(error).partition(": record ")[0] + ": " + str(error).rpartition(": ")[2]] += 1
        return
    passed = apply(knows, change.payload, context, record_id=change.remote_id)
    for name, rule in mapping.fields.items():
        if rule.values is None or passed[name] is None:
            continue
        theirs, ours = {str(one) for one in rule.values}, {str(one) for one in rule.values.values()}
        if str(passed[name]) not in ours and str(passed[name]) not in theirs:
            look.unmapped[name, str(passed[name])[:80]] += 1


def _short(made: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(made[name]) for name in _FIELDS if made.get(name) not in (None, "")}


def _show(looks: Sequence[Look], *, json_: bool) -> None:
    if json_:
        rows: list[dict[str, Any]] = [
            {
                "stream": look.stream,
                "records": look.records,
                "error": look.error,
                "mapped": look.mapped,
                "unmapped": [
                    {"field": name, "value": value, "records": n} for (name, value), n in look.unmapped.items()
                ],
                "failed": [{"why": why, "records": n} for why, n in look.failed.items()],
            }
            for look in looks
        ]
        show(rows, json_=True)
        return
    for look in looks:
        click.echo(f"\n{look.stream}: {look.records} records looked at{f'; {look.error}' if look.error else ''}")
        for one in look.mapped:
            click.echo("  " + "  ".join(f"{name}={value}" for name, value in one.items()))
        for (name, value), count in sorted(look.unmapped.items()):
            click.echo(f"  not in the mapping: {name} {value!r} ({count})")
        for why, count in look.failed.most_common(20):
            click.echo(f"  cannot be mapped: {why} ({count})")


COMMANDS = (manifest,)
