"""A running simulator, and Odoo as somebody with a key reaches it."""

import json
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.odoo.simulated.money import Item
from connectors.odoo.simulator import OdooSimulator, create
from hub.connector.simulator import Faults

FIXTURES = Path(__file__).parents[2] / "fixtures" / "odoo"
CUSTOMER = "Recorded Sp. z o.o."


@dataclass
class Odoo:
    """Odoo for whom a key stands for."""

    simulator: OdooSimulator
    key: str
    wire: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.wire.trust_env = False
        self.wire.verify = self.simulator.settings()["ca"]

    @property
    def url(self) -> str:
        return self.simulator.world.base_url

    def send(self, verb: str, path: str, body: str | bytes | None = None, **headers: str) -> requests.Response:
        return self.wire.request(verb, self.url + path, data=body, headers=headers, timeout=20, allow_redirects=False)

    def ask(self, model: str, method: str, **parameters: Any) -> requests.Response:
        headers = {"Authorization": f"bearer {self.key}"} if self.key else {}
        return self.wire.post(f"{self.url}/json/2/{model}/{method}", json=parameters, headers=headers, timeout=20)

    def __call__(self, model: str, method: str, **parameters: Any) -> Any:
        """Call a method, which must succeed."""
        answer = self.ask(model, method, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def one(self, model: str, number: int, *fields: str) -> dict[str, Any]:
        [found] = self(model, "read", ids=[number], fields=list(fields))
        return dict(found)

    def count(self, model: str, *domain: Any) -> int:
        return int(self(model, "search_count", domain=list(domain)))

    def rpc(self, service: str, method: str, *args: Any) -> Any:
        """JSON-RPC, as it answers."""
        asked = {
            "jsonrpc": "2.0",
            "method": "call",
            "id": 1,
            "params": {"service": service, "method": method, "args": args},
        }
        return self.wire.post(f"{self.url}/jsonrpc", json=asked, timeout=20).json()

    def xml(self, service: str, method: str, *args: Any) -> Any:
        """XML-RPC, as it answers. Raises xmlrpc.client.Fault."""
        body = xmlrpc.client.dumps(args, method)
        answer = self.send("POST", f"/xmlrpc/2/{service}", body.encode(), **{"Content-Type": "text/xml"})
        [value], _ = xmlrpc.client.loads(answer.text)
        return value


def recorded(name: str) -> list[dict[str, Any]]:
    """What Odoo 19.0 answered."""
    found: list[dict[str, Any]] = json.loads((FIXTURES / name).read_text("utf-8"))
    return found


@pytest.fixture
def simulator() -> Iterator[OdooSimulator]:
    made = create(0, Faults())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def odoo(simulator: OdooSimulator) -> Odoo:
    """As the read-only user."""
    return Odoo(simulator, simulator.settings()["api_key"])


@pytest.fixture
def admin(simulator: OdooSimulator) -> Odoo:
    return Odoo(simulator, simulator.new_key("admin"))


def tell_the_recorded_story(made: OdooSimulator) -> None:
    """What stood in the Odoo that was recorded (see the README of the fixtures)."""
    made.change("res.company", made.company, vat=None, email="info@yourcompany.example")
    made.set_rate("EUR", "1.2834", company=made.company)
    term = made.add_term("30% Now, Balance 60 Days", ("30", 0), ("70", 60))
    firm = made.add_partner(CUSTOMER, email="office@recorded.example", phone="+48 22 625 01 01", country="PL",
                            vat="PL5252445767", is_company=True)  # fmt: skip
    person = made.add_partner("Anna Nowak", email="anna@recorded.example", parent=firm)
    begin = date(2026, 9, 1)
    first = made.invoice(
        person, [Item("Service", Decimal("57.675"), Decimal(2)), Item("A note", Decimal(0), note=True)],
        day=begin, due=date(2026, 9, 15),
    )  # fmt: skip
    made.pay(first, "40", day=date(2026, 9, 20))
    rest = made.pay(first, day=date(2026, 10, 5))
    made.cancel_payment(rest)
    made.credit(first, day=date(2026, 10, 10), reason="test")
    parts = made.invoice(
        firm, [Item("Usługa", Decimal("33.33"), Decimal(3))], currency="EUR", term=term, day=begin, ref="PO-7"
    )
    made.pay(parts, "50", day=date(2026, 9, 20))
    made.invoice(firm, "10", kind="out_receipt", day=begin)
    made.invoice(firm, "20", kind="in_invoice", day=begin, ref="B-1")
    made.invoice(firm, "7", kind="in_refund", day=begin)
    made.cancel(first)
    draft = made.invoice(firm, [], post=False)
    made.cancel(draft)
    made.change("account.move", draft, invoice_date=None)
    order = made.quote(person, [Item("Chair", Decimal("12.5"), Decimal(2))])
    made.confirm(order)
    made.cancel_order(order)
    supplier = made.add_partner("Azure Interior", is_company=True, country="US")
    bought = made.purchase(supplier, [Item("Office Chair Black", Decimal("250.5"), Decimal(10))])
    made.confirm_purchase(bought)
    made.change("res.company", made.company, account_use_credit_limit=True)
    made.add_partner("Terms Ltd", is_company=True, credit_limit=Decimal("5000.5"),
                     property_payment_term_id=made.add_term("30 Days", ("100", 30)))  # fmt: skip
    made.add_partner("No Terms Ltd", is_company=True)


@pytest.fixture
def story(simulator: OdooSimulator) -> OdooSimulator:
    tell_the_recorded_story(simulator)
    return simulator
