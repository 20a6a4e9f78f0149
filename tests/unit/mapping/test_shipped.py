"""Every shipped mapping on records as their sources send them, field by field; and what a mapping that is shipped must keep to."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hub import flow, trials
from hub.app import load_connectors
from hub.mapping.apply import FieldError, apply
from hub.mapping.load import Mapping as RecordMapping
from hub.mapping.load import read_document, read_toml
from hub.mapping.transforms import Context
from hub.mapping.written import document_text
from hub.settings import load as load_settings

GOLDEN = Path(__file__).parents[2] / "fixtures/golden"
NAMES = sorted(f"{file.parent.name}/{file.stem}" for file in flow.MAPPINGS.glob("*/*.toml"))
Record = Mapping[str, Any]


@cache
def shipped() -> Mapping[tuple[str, str], RecordMapping]:
    """All of them, as a start of the hub reads them: an unknown transform, a wrong path or expression stops it."""
    settings = load_settings({})
    own = {name: one.transforms for name, one in load_connectors(settings).items() if one.transforms}
    return flow.open_flow(settings, flow.MAPPINGS, own).mappings


def mapping(name: str) -> RecordMapping:
    connector, _, stream = name.partition("/")
    return shipped()[connector, stream]


@cache
def golden(name: str) -> tuple[Record, ...]:
    found: list[Record] = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    return tuple(found)


def made(used: RecordMapping, record: Record) -> dict[str, Any]:
    return apply(used, record["payload"], Context(region=record["region"], time_zone=record["time_zone"]))


def plain(value: Any) -> Any:
    """Return a value as JSON that says of which type it is: `{"$date": "2026-11-01"}`."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Enum):
        return {f"${type(value).__name__}": value.value}
    if isinstance(value, date):  # a time is one, too
        return {f"${type(value).__name__}": value.isoformat()}
    if isinstance(value, Decimal):
        return {"$Decimal": str(value)}
    if isinstance(value, bytes):
        return {"$bytes": value.decode("latin-1")}
    if is_dataclass(value):
        told = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return {f"${type(value).__name__}": told}
    if type(value) is dict:
        return {key: plain(one) for key, one in value.items()}
    listed = [plain(one) for one in value]
    if type(value) is list:
        return listed
    return {f"${type(value).__name__}": sorted(listed, key=str) if isinstance(value, set | frozenset) else listed}


def exact(value: Any) -> str:
    """Return JSON as text: unlike values, texts differ where one is true and the other 1, or 2 and 2.0."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)


def is_nothing(value: Any) -> bool:
    """Say whether there is nothing; zero and false are values."""
    return value is None or value == "" or (isinstance(value, list | dict | tuple) and not value)


# --- golden records -----------------------------------------------------------------------------------------------------


def test_every_mapping_has_golden_records_and_none_is_left_over() -> None:
    assert sorted(f"{file.parent.name}/{file.stem}" for file in GOLDEN.glob("*/*.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_records_become_what_is_written_beside_them(name: str) -> None:
    """All fields, each of its type; and the next step takes them."""
    used, records = mapping(name), golden(name)
    assert records
    assert len({record["title"] for record in records}) == len(records)
    for record in records:
        values = made(used, record)
        assert exact(plain(values)) == exact(record["expect"]), record["title"]
        assert set(values) == set(used.incoming)
        assert trials.refusal(used.record, values) == "", record["title"]


# --- nothing untried ----------------------------------------------------------------------------------------------------

# What no source tells, or no record that is taken can have: mapping, field, why.
NEVER = {
    ("einvoice/invoices", "unreadable"): "a file that cannot be read makes no document",
    ("ksef/invoices", "unreadable"): "an invoice that cannot be read makes no document",
    ("ksef/invoices", "instalments"): "FA(3) has days of payment, and no amounts for them",
    ("quickbooks/bills", "contact"): "of suppliers nobody below them is named",
    ("quickbooks/purchases", "contact"): "of suppliers nobody below them is named",
    ("quickbooks/vendor_credits", "contact"): "of suppliers nobody below them is named",
    ("quickbooks/bills", "gross_base"): "documented of sales only",
    ("quickbooks/purchases", "gross_base"): "documented of sales only",
    ("quickbooks/vendor_credits", "gross_base"): "documented of sales only",
    ("quickbooks/vendor_credits", "due_date"): "documented of bills and orders only",
    ("quickbooks/vendor_credits", "terms_text"): "documented of bills and orders only",
    ("sms/message", "reply_to"): "an SMS answers none",
    ("sms/message", "peer_id"): "an SMS has a number and no person",
    ("sms/message", "peer_name"): "an SMS has a number and no person",
    ("sms/message", "referral"): "an SMS comes by no advertisement",
}  # fmt: skip


def untried(name: str) -> list[str]:
    """Return the fields of a mapping that no golden record fills, or at whose path none has anything."""
    used, records = mapping(name), golden(name)
    found = []
    for field in used.incoming:
        path = used.fields[field].from_
        is_read = path is None or any(not is_nothing(at(record["payload"], path)) for record in records)
        is_filled = any(not is_nothing(record["expect"][field]) for record in records)
        if not (is_read and is_filled):
            found.append(field)
    return found


def at(payload: Any, path: str) -> Any:
    """Return what stands at a path, as `apply` finds it: a mapping of this one path."""
    document = {"stream": "s", "record": "r", "fields": {"x": {"from": path}}}
    return apply(reading(json.dumps(document)), payload, Context())["x"]


@cache
def reading(document: str) -> RecordMapping:
    return read_document(json.loads(document), name="one.toml", registry=shipped()["google", "mail"].registry)


@pytest.mark.parametrize("name", NAMES)
def test_every_field_and_path_is_filled_by_a_golden_record(name: str) -> None:
    assert untried(name) == [field for field in mapping(name).incoming if (name, field) in NEVER]


def test_what_is_said_to_be_never_told_is_a_field() -> None:
    assert all(field in mapping(name).incoming for name, field in NEVER)


# --- the golden records notice ------------------------------------------------------------------------------------------

TRIED = "odoo/invoices"  # paths, expressions, lists of values, transforms with arguments and types
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "another path": {"from": "there.is.nothing", "expr": None},
    "no transform": {"transform": None},
    "no list of values": {"values": None, "unmapped": None},
    "another type": {"type": "text"},
}


def changed() -> Iterator[Any]:
    fields = shipped()["odoo", "invoices"].as_json()["fields"]
    for field, rule in fields.items():
        for what, change in CHANGES.items():
            if what == "another path" or any(rule.get(key) for key in change):  # what it has
                yield pytest.param(field, change, id=f"{field}-{what}")


@pytest.mark.parametrize(("field", "change"), list(changed()))
def test_a_changed_field_fails(field: str, change: Mapping[str, Any]) -> None:
    used = mapping(TRIED)
    document = used.as_json()
    rule = {key: value for key, value in {**document["fields"][field], **change}.items() if value is not None}
    document["fields"][field] = rule
    other = read_document(document, name="changed.toml", registry=used.registry)
    assert other.sha256 != used.sha256
    assert not all(is_as_written(other, record) for record in golden(TRIED))


def is_as_written(used: RecordMapping, record: Record) -> bool:
    try:
        return exact(plain(made(used, record))) == exact(record["expect"])
    except FieldError:
        return False


# --- what all of them keep to -------------------------------------------------------------------------------------------

# Beside the hub's own fields: what later steps look for by name, and what a page shows of a record under its own name.
EXTRAS: Mapping[str, frozenset[str]] = {
    # What a ledger says of a debtor `hub/accounting/panel.py` looks for, and `made_by` `hub/identity/link.py`.
    "party": frozenset({
        "blocked", "blocked_reason", "credit_limit", "credit_currency", "payment_terms", "payment_terms_days", "made_by",
    }),
    # `hub/accounting/sides.py` reads both parties from our side; `payable` is shown; what cannot be read is set aside.
    "document": frozenset({
        "seller_name", "seller_country", "seller_email", "seller_phone", "buyer_tax_id", "buyer_name", "buyer_country",
        "buyer_email", "buyer_phone", "payable", "unreadable",
    }),
    "lead": frozenset({"page_id", "page_name"}),
    "call": frozenset({"remote_id"}),  # the raw record knows it, too
    "message_status": frozenset({"remote_id"}),
}  # fmt: skip
# Lists without `unmapped`: a word that is not in them sets the record aside, for it would be counted wrongly.
CLOSED = {
    ("google/calendar", "transparent"): "two words by its reference",
    ("ksef/invoices", "side"): "the connector's own words",
    ("odoo/contacts", "kind"): "yes or no",
    ("quickbooks/invoices", "kind"): "the connector's own words",
    ("quickbooks/payments", "side"): "the connector's own words",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_field_has_a_target(name: str) -> None:
    used = mapping(name)
    known = {target.name: target for target in trials.targets(used.record)}
    assert known, f"no kind of record is called {used.record!r}"
    assert set(used.fields) - set(known) - EXTRAS.get(used.record, frozenset()) == set()
    assert {target.name for target in known.values() if target.required} - set(used.fields) == set()


def test_every_extra_field_is_made_by_some_mapping() -> None:
    fields = {(used.record, field) for used in shipped().values() for field in used.fields}
    assert {(record, field) for record, extras in EXTRAS.items() for field in extras} - fields == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_list_of_values_says_what_becomes_of_others(name: str) -> None:
    for field, rule in mapping(name).fields.items():
        if rule.values is None:
            continue
        says = "unmapped" in rule.model_fields_set or rule.required
        assert says != ((name, field) in CLOSED), field
        # Nothing counts as missing, so a word for nothing would become the default.
        assert is_nothing(rule.default) or not any(is_nothing(ours) for ours in rule.values.values()), field


@pytest.mark.parametrize("name", NAMES)
def test_it_is_written_and_read_back_as_the_same(name: str) -> None:
    used = mapping(name)
    again = read_toml(document_text(used.as_json()), name=used.file, registry=used.registry)
    assert again.sha256 == used.sha256
    for record in golden(name):
        assert exact(plain(made(again, record))) == exact(record["expect"])
