"""A small KSeF to try the hub against: signing in, lists, packages and single invoices over TLS, with faults on command.

Written from the published description (open-api.json) and pages of KSeF, knowing nothing of our client.
Source: https://github.com/CIRFMF/ksef-api
"""

from collections.abc import Callable
from decimal import Decimal

from connectors.ksef.simulated.containers import CONTAINERS
from connectors.ksef.simulated.gateway import BASE, Exchange, Gateway
from connectors.ksef.simulated.letters import Told
from connectors.ksef.simulated.world import OTHER, Kept, World
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.serving import Serving
from hub.connector.simulator import Container, Fault, Faults, Harm

FAULTS = {
    "expire_cursor": Fault("forgets a package that was ordered: 410", Harm.NOISE),
    "replay_page": Fault("puts the invoices of the package before into a package too", Harm.NOISE),
    "reorder_page": Fault("packs invoices in another order", Harm.NOISE),
    "empty_page": Fault("makes a package that is cut before its first invoice", Harm.NOISE),
    "endless_page": Fault("makes packages that never come further", Harm.CUT),
    "slow_package": Fault("says once more that a package is being made", Harm.CUT),
    "failed_package": Fault("gives a package up: 550", Harm.NOISE),
    "broken_part": Fault("hands out a part with a changed byte", Harm.CUT),
    "slow_sign_in": Fault("says once more that it looks at the token", Harm.CUT),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500", Harm.AWAY),
    "unavailable": Fault("answers 503", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "token_expired": Fault("answers 401 to an access token that should live", Harm.REFUSED),
    "revoked": Fault("took the token back: 401 to whoever renews, status 450 to whoever signs in", Harm.REFUSED),
    "scope_missing": Fault("answers 403: the token has not the right InvoiceRead", Harm.LIMITED),
    "api_disabled": Fault("answers 403: blocked for security", Harm.LIMITED),
}
STREAMS = tuple(CONTAINERS)


class KsefSimulator:
    """One company at KSeF. `world` has the switches."""

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.world = World(self.faults)
        self._gateway = Gateway(self.world)
        self._serving = Serving("ksef", port, self._gateway.handle, self.faults, _is_api)

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections. What happened before a stop is still there."""
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port, self.world.base_url = self._serving.port, self._serving.url

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._serving.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches the company."""
        return {
            "base_url": f"{self._serving.url}{BASE}", "ca": self._serving.ca, "nip": self.world.nip, "token": self.world.token,
        }  # fmt: skip

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._serving.asked

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._serving.cut()

    def container(self, kind: str) -> Container:
        """The invoices of the company, for a suite that knows nothing of them."""
        return CONTAINERS[kind](self.world)

    def page(self, size: int) -> None:
        """Put no more invoices into a package than this."""
        self.world.page_size = size

    # -- for tests and the demo -----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def sell(self, number: str, net: Decimal, *, note: str = "Care of a garden", email: str = "") -> Kept:
        """Let the company send an invoice."""
        return self.world.issue(Told(number, self.world.nip, OTHER, net, note, buyer_email=email))

    def buy(self, number: str, net: Decimal, *, note: str = "Soil", of: str = OTHER) -> Kept:
        """Let the company get an invoice."""
        return self.world.issue(
            Told(number, of, self.world.nip, net, note, seller="Dostawca S.A.", buyer="Zielony Ogród Sp. z o.o.")
        )

    def observe(self, observer: Callable[[Exchange], None]) -> None:
        """Show every request, and its answer, to somebody."""
        self._gateway.observers.append(observer)


def create(port: int, faults: Faults) -> KsefSimulator:
    """Make the simulator that `hub simulate ksef` and the contract tests run."""
    return KsefSimulator(port, faults)


def _is_api(path: str) -> bool:
    return path.startswith(f"{BASE}/invoices/")
