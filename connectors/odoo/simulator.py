"""A small Odoo to try the hub against: JSON-2, JSON-RPC and XML-RPC over TLS, a ledger that adds up, faults on command.

Written from Odoo's documentation and from answers recorded from Odoo 19.0 (tests/fixtures/odoo), knowing nothing of our
client. Sources: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html and
https://github.com/odoo/odoo (branch 19.0).
"""

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from connectors.odoo.simulated.containers import container
from connectors.odoo.simulated.doings import Doings
from connectors.odoo.simulated.gateway import Gateway
from connectors.odoo.simulated.people import READER
from connectors.odoo.simulated.world import World
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notifier
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request
from hub.connector.simulator import Container, Fault, Faults, Harm

FAULTS = {
    "expire_cursor": Fault("says a time that is an hour behind", Harm.NOISE),
    "replay_page": Fault("sends the records of a page twice", Harm.NOISE),
    "reorder_page": Fault("sends the records of a page in another order", Harm.NOISE),
    "empty_page": Fault("gives one record where there are more", Harm.NOISE),
    "cut_list": Fault("ends a list of everything where there is more", Harm.CUT),
    "endless_page": Fault("gives the first records again, whatever id they should be above", Harm.CUT),
    "float_noise": Fault("tells amounts as 115.35000000000001", Harm.NOISE),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "server_error": Fault("answers 500: PostgreSQL is away", Harm.AWAY),
    "serialization": Fault("answers 500: two transactions were in each other's way", Harm.AWAY),
    "bad_gateway": Fault("answers 502: Odoo is being restarted", Harm.AWAY),
    "unavailable": Fault("answers 503", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1, as a proxy does", Harm.AWAY),
    "commit_then_timeout": Fault("writes, and breaks the connection before it says so", Harm.CUT),
    "token_expired": Fault("answers 401 to a key that lives, except where it only says whose it is", Harm.REFUSED),
    "revoked": Fault("answers 401 to every key: it was deleted", Harm.REFUSED),
    "scope_missing": Fault("answers 403: no right to read this model", Harm.LIMITED),
    "api_disabled": Fault("answers 403 with a page: whoever stands before Odoo lets no program in", Harm.LIMITED),
    "app_removed": Fault("answers 404: there is no such model, since its app was removed", Harm.LIMITED),
    "dropped_notification": Fault("loses a webhook", Harm.CUT),
    "duplicated_notification": Fault("posts a webhook twice", Harm.NOISE),
    "delayed_notification": Fault("posts a webhook a minute late", Harm.NOISE),
    "reordered_notification": Fault("posts a webhook after the next one", Harm.NOISE),
}
STREAMS = ("invoices",)  # the others are read in the same way; `container` knows them all
OVERLAP_MIN = "10"


class OdooSimulator(Doings):
    """One Odoo with one company; `hub-readonly` reads its accounting.

    What people do, `Doings` has as methods. `world` has the switches; `clock`, `notifier` are what their names say.
    """

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        super().__init__(World(self.faults))
        self.company = self.add_company("Green Garden Ltd", "ILS", "IL", vat="514000004")
        self.gateway = Gateway(self.world)
        self._key = self.new_key(READER)
        self._hook_secret = secrets.token_urlsafe(24)
        self._stopping = threading.Event()
        self._serving = Serving("odoo", port, self._answer, self.faults, lambda _path: True)

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections. What happened before a stop is still there."""
        self._stopping.clear()
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port, self.world.base_url = self._serving.port, self._serving.url
        self.notifier.start()

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._stopping.set()
        self._serving.stop()
        self.notifier.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reads everything, as the read-only user."""
        return {
            "base_url": self.world.base_url,
            "database": self.world.database_name,
            "username": READER,
            "api_key": self._key,
            "protocol": "json2" if self.world.version >= 19 else "jsonrpc",
            "ca": self._serving.ca,
            "overlap_min": OVERLAP_MIN,
            "hook_secret": self._hook_secret,
        }

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._serving.asked

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._serving.cut()

    def container(self, kind: str) -> Container:
        """A place with records of one kind, for a suite that knows nothing of them."""
        return container(Doings(self.world), kind)

    def page(self, size: int) -> None:
        """Give no more records at once than this, where a page of them is asked for."""
        self.world.page_size = size

    def _answer(self, request: Request) -> Answer:
        if self.world.answer_s:
            self._stopping.wait(self.world.answer_s)
        return self.gateway.handle(request)

    # -- for tests and the demo -----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def notifier(self) -> Notifier:
        return self.world.notifier

    def observe(self, observer: Callable[[str, str, Mapping[str, Any]], None]) -> None:
        """Show every call, as model, method and parameters, to somebody."""
        self.gateway.observers.append(observer)


def create(port: int, faults: Faults) -> OdooSimulator:
    """Make the simulator that `hub simulate odoo` and the contract tests run."""
    return OdooSimulator(port, faults)
