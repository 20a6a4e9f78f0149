"""An Odoo of a few rows, for tests of decisions: it filters by ids alone and answers whatever else it is told to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

from connectors.odoo.client import Client
from connectors.odoo.settings import OdooSettings
from connectors.odoo.wire import Answer
from hub.connector.checking import Alone

BEGAN = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
Row = dict[str, Any]


@dataclass
class Fake:
    """What a wire answers. `asked` keeps every question: model, method, parameters."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    says: dict[tuple[str, str], Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    name: str = "json2"
    at: datetime | None = BEGAN
    uid: int = 7
    asked: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def call(self, model: str, method: str, parameters: Mapping[str, Any]) -> Answer:
        self.asked.append((model, method, parameters))
        if self.at is not None:
            self.at += timedelta(seconds=1)
        said = self.says.get((model, method))
        return Answer(said(parameters) if said else self._usual(model, method, parameters), self.at)

    def _usual(self, model: str, method: str, parameters: Mapping[str, Any]) -> Any:
        match method:
            case "fields_get":
                return {name: {"type": "char"} for name in parameters["allfields"]}
            case "context_get":
                return {"uid": 7}
            case "search_count":
                return len(self.rows.get(model, []))
            case "read":
                return []
        found = [row for row in self.rows.get(model, []) if all(_fits(row, term) for term in parameters["domain"])]
        newest = parameters.get("order") == "id desc"
        found.sort(key=lambda row: row["id"], reverse=newest)
        found = found[: parameters.get("limit")]
        if method == "search":
            return [row["id"] for row in found]
        return [{"id": row["id"], **{one: row[one] for one in parameters["fields"] if one in row}} for row in found]

    def methods(self) -> list[tuple[str, str]]:
        return [(model, method) for model, method, _ in self.asked]


def _fits(row: Row, term: Any) -> bool:
    """Understand conditions on an id, and on what a row names; the others hold."""
    if not isinstance(term, list) or (term[0] not in row and term[0] != "id"):
        return True
    name, operator, wanted = term
    value = row[name][0] if isinstance(row[name], list) and row[name] else row[name]
    match operator:
        case "in":
            return value in wanted
        case ">":
            return bool(value > wanted)
        case _:
            return True


def settings(**values: Any) -> OdooSettings:
    return OdooSettings.model_validate(
        {"base_url": "https://erp.example.com", "database": "books", "api_key": "k" * 40, **values}
    )


def client(fake: Fake, **values: Any) -> Client:
    # What fields there are is remembered by the key, and each of these has its own Odoo.
    made = Client(settings(**{"api_key": token_hex(20), **values}), Alone())
    made._wire = fake
    return made
