"""Records as systems send them, and what the hub makes of them: documents, payments, allocations, contacts, companies."""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hub.accounting import said
from hub.connector.manifest.document import Stream
from hub.connector.manifest.load import read_file, read_toml
from hub.identity.said import said as party
from hub.identity.transforms import TRANSFORMS
from hub.mapping.apply import apply
from hub.mapping.load import Mapping
from hub.mapping.load import read_file as read_mapping
from hub.mapping.transforms import Context, Registry

ROOT = Path(__file__).parents[3]
NAMES = ("fakturownia", "morning", "icount", "priority", "onec", "sapb1", "erpnext", "manifest")
READS: dict[str, Any] = {
    "document": said.document, "payment": said.payment, "allocation": said.allocation, "business": said.business, "party": party,
}  # fmt: skip
CONTEXT = Context(region="IL", time_zone="Asia/Jerusalem")


@cache
def mapping(name: str, stream: str) -> Mapping:
    return read_mapping(ROOT / "mappings" / name / f"{stream}.toml", registry=Registry(TRANSFORMS))


def cases() -> Iterator[Any]:
    for name in NAMES:
        for stream, records in json.loads((ROOT / "tests/fixtures" / name / "records.json").read_text("utf-8")).items():
            for number, record in enumerate(records):
                yield pytest.param(name, stream, record, id=f"{name}-{stream}-{number}")


def shown(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return [[one.document, str(one.amount)] for one in value]
    return value if value is None or isinstance(value, bool) else str(value)


@pytest.mark.parametrize(("name", "stream", "record"), list(cases()))
def test_a_record_becomes_what_is_written_beside_it(name: str, stream: str, record: dict[str, Any]) -> None:
    used = mapping(name, stream)
    made = READS[used.record](apply(used, record["payload"], CONTEXT))
    found = {key: _field(made, key) for key in record["expect"]}
    assert {key: shown(value) for key, value in found.items()} == record["expect"]


def _field(made: Any, key: str) -> Any:
    if key == "party":
        return made.party.remote_id
    return getattr(made, key) if hasattr(made, key) else made.more.get(key)  # of a contact: what only its mapping knows


def listings(name: str) -> list[Stream]:
    if name == "manifest":
        from connectors.manifest.simulator import MANIFEST  # noqa: PLC0415 - the manifest of nobody else

        return list(read_toml(MANIFEST, name="manifest").stream)
    return list(read_file(ROOT / "connectors" / name / "manifest.toml").stream)


@pytest.mark.parametrize("name", NAMES)
def test_every_listing_has_a_mapping_and_a_record_that_tries_it(name: str) -> None:
    tried = json.loads((ROOT / "tests/fixtures" / name / "records.json").read_text("utf-8"))
    for one in listings(name):
        assert mapping(name, one.kind).stream == one.kind
        assert tried[one.kind]


@pytest.mark.parametrize("name", NAMES[:-1])
def test_what_a_mapping_reads_a_listing_keeps(name: str) -> None:
    """`keep` and `$select` leave out what nobody asks for; a mapping that asks for it would find nothing, without a word."""
    for one in listings(name):
        if one.keep:
            names = {rule.from_.partition(".")[0] for rule in mapping(name, one.kind).fields.values() if rule.from_}
            assert names <= {*one.keep, "hub", *(it.name for it in one.beside)}, f"{name} {one.name}"
