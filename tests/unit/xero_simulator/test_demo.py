"""Life in the simulated Xero, as a newcomer sees it."""

import threading

from connectors.xero import demo
from connectors.xero.simulator import XeroSimulator
from hub.connector.simulator import Visitor
from tests.unit.xero_simulator.conftest import Open

VISITORS = [
    Visitor("1", "Anna Lis", "anna@x.example"),
    Visitor("2", "Nobody"),
    Visitor("3", "", "boris.katz@x.example"),  # whose telephone shows no name
]


class After(threading.Event):
    """Is set after so many pauses, without waiting."""

    def __init__(self, pauses: int) -> None:
        super().__init__()
        self.left = pauses

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout in (demo.FIRST_S, demo.EVERY_S)
        self.left -= 1
        return self.left < 0


def test_customers_get_quotes_and_invoices_and_pay_them(xero: XeroSimulator, reach: Open) -> None:
    demo.prepare(xero, "me@demo.example", "Me")
    demo.run(xero, VISITORS, ["101"], After(7))
    api = reach(xero)
    mine = [one for one in api.all("Invoices") if one["Contact"]["Name"] in ("Anna Lis", "Boris Katz")]
    assert [(one["Contact"]["Name"], one["Status"]) for one in mine] == [
        ("Anna Lis", "PAID"),
        ("Boris Katz", "AUTHORISED"),
    ]
    assert len(mine[0]["Payments"]) == 2
    assert len(api.all("Quotes")) == 2
    [boris] = [one for one in api.all("Contacts") if one["Name"] == "Boris Katz"]
    assert (boris["FirstName"], boris["LastName"]) == ("Boris", "Katz"), "a person, no company"
    owing = {one["Name"]: one["Balances"]["AccountsReceivable"]["Overdue"] for one in api.all("Contacts")}
    assert all(owing[one.name] > 0 for one in demo.STRANGERS[1:])
    assert owing["Piotr Nowak"] > owing["Daniel Cohen"]
