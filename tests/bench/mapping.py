"""A mapping of 30 fields, 20 paths and 10 expressions, as an administrator's version and an overlay: beside the same in Python.

Also what it costs to look which version counts, once for each page of records.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from hub.flow import Flow
from hub.intake.models import Account
from hub.mapping import versions
from hub.mapping.apply import apply
from hub.mapping.load import read_document
from hub.mapping.transforms import Context, Registry
from hub.mapping.versions import Scope
from hub.settings import load
from hub.store.migrate import upgrade
from hub.store.session import Database, open_engine
from tests.bench.table import Row

RECORDS, ROUNDS = 100, 60
PAGE = 100
LINES = [{"sku": f"A{at}", "quantity": at, "price": 10.5} for at in range(5)]
PATHS = {f"f{at}": f"a.b{at % 5}.c{at}" for at in range(15)} | {f"line{at}": f"lines.{at}.sku" for at in range(5)}
EXPRESSIONS = {
    "full_name": "first & ' ' & last",
    "greeting": "'Dear ' & first",
    "total": "$sum(lines.(quantity * price))",
    "count": "$count(lines)",
    "dear": "lines[price > 10].sku",
    "is_large": "$sum(lines.quantity) > 5",
    "size": "$sum(lines.quantity) > 5 ? 'large' : 'small'",
    "upper": "$uppercase(last)",
    "number": "$number(amount)",
    "joined": "$join(tags, '; ')",
}
SHIPPED = read_document(
    {"stream": "contacts", "record": "party", "fields": {**PATHS, "full_name": {"expr": EXPRESSIONS["full_name"]}}},
    name="acme/contacts.toml", registry=Registry(),
)  # fmt: skip


def record(number: int) -> dict[str, Any]:
    deep = {f"b{part}": {f"c{at}": f"value {number} {at}" for at in range(15) if at % 5 == part} for part in range(5)}
    return {
        "id": number,
        "first": "Dana",
        "last": f"Levi {number}",
        "amount": "12.5",
        "tags": ["a", "b"],
        "a": deep,
        "lines": LINES,
    }


def by_hand(payload: dict[str, Any]) -> dict[str, Any]:
    """The same in plain Python, as careful about what is missing or of another type."""
    made = {name: _walked(payload, keys) for name, keys in KEYS.items()}
    lines = [line for line in _listed(payload.get("lines")) if isinstance(line, dict)]
    first, last = _text(payload.get("first")), _text(payload.get("last"))
    quantity = sum(_number(line.get("quantity")) for line in lines)
    total = sum(_number(line.get("quantity")) * _number(line.get("price")) for line in lines)
    return made | {
        "full_name": f"{first} {last}", "greeting": f"Dear {first}", "total": int(total) if total == int(total) else total,
        "count": len(lines), "dear": [line.get("sku") for line in lines if _number(line.get("price")) > 10],
        "is_large": quantity > 5, "size": "large" if quantity > 5 else "small", "upper": last.upper(),
        "number": float(_text(payload.get("amount")) or 0), "joined": "; ".join(map(_text, _listed(payload.get("tags")))),
    }  # fmt: skip


KEYS = {name: path.split(".") for name, path in PATHS.items()}


def _walked(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return value


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(open_engine(f"sqlite:///{Path(folder) / 'hub.db'}"))
        upgrade(database.engine)
        flow = Flow(load({"HUB_HOME": folder}), {("acme", "contacts"): SHIPPED})
        account = _published(database)
        with database.read() as session:
            mapping = flow.present(session, account, "contacts")
            [look] = _seconds([lambda: flow.present(session, account, "contacts")], 200)
        database.close()
    payloads, context = [record(at) for at in range(RECORDS)], Context("IL", "Asia/Jerusalem")
    assert len(mapping.fields) == 30
    assert apply(mapping, payloads[7], context) == by_hand(payloads[7])
    works = [lambda: [apply(mapping, one, context) for one in payloads], lambda: [by_hand(one) for one in payloads]]
    mapped, plain = (round_s / RECORDS for round_s in _seconds(works, ROUNDS))
    ratio = mapped / plain
    return [
        Row(
            "a record through 30 fields", f"{mapped * 1e6:.0f} µs", "60 µs, 4 x", f"{plain * 1e6:.0f} µs", f"{ratio:.1f}",
            ok=mapped <= 60e-6 and ratio <= 4,
        ),
        Row("which version counts, a page", f"{look * 1e6:.0f} µs", "", f"{look / PAGE * 1e6:.1f} µs a record of {PAGE}"),
    ]  # fmt: skip


def _published(database: Database) -> Account:
    """Publish a version with the expressions, and an overlay of one field."""
    with database.write() as session:
        account = Account(name="Acme", connector="acme")
        session.add(account)
        session.flush()
        shipped = SHIPPED.as_json()
        rules = {name: {"expr": source} for name, source in EXPRESSIONS.items()}
        whole = {**shipped, "fields": {**shipped["fields"], **rules, "joined": {"expr": "$join(tags, ', ')"}}}
        mine = {"fields": {"joined": {"expr": EXPRESSIONS["joined"]}}}
        for scope, document in ((Scope("acme", "contacts"), whole), (Scope("acme", "contacts", account.id), mine)):
            draft = versions.save_draft(session, None, scope, document, base=shipped)
            versions.publish(session, None, scope, draft.sha256, shipped=SHIPPED)
    return account


def _seconds(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Return the shortest time of each, taken in turn: others use the machine too, and never make anything faster."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, found in zip(works, times, strict=True):
            began = perf_counter()
            work()
            found.append(perf_counter() - began)
    return [min(found) for found in times]
