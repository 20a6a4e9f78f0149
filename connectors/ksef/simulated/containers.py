"""Invoices that a company sold, for a suite that knows nothing of them (`hub.connector.simulator.Container`)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from connectors.ksef.simulated.letters import Told
from connectors.ksef.simulated.world import OTHER, Kept, World
from hub.connector.simulator import Container

_PLENTY = "100000"


class InvoiceContainer:
    """The invoices of the company as seller; those as buyer are read beside.

    An invoice never changes and never goes.
    """

    shares_limits = True
    tells = False
    only_grows = True

    def __init__(self, world: World) -> None:
        self._world = world
        world.limits = dict.fromkeys(world.limits, int(_PLENTY))
        self._mine: list[Kept] = []
        self.stream = "invoices:Subject1"
        since = (world.clock.now() - timedelta(days=1)).date()
        self.settings: Mapping[str, str] = {
            "roles": "Subject1 Subject2", "since": since.isoformat(), "metadata_per_hour": _PLENTY, "exports_per_hour": _PLENTY,
            "invoices_per_hour": _PLENTY,
        }  # fmt: skip

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Let the company send so many invoices to somebody."""
        return [self._sent(customer).number for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Nobody changes an invoice."""

    def remove(self, remote_id: str) -> None:
        """Nobody takes an invoice back."""

    def spoil(self, customer: str) -> str:
        """Let an invoice come that is no FA."""
        kept = self._sent(customer)
        kept.odd = b"<?xml version='1.0'?><Faktura xmlns='http://crd.gov.pl/wzor/2026/03/06/14189/'/>"
        return kept.number

    def mend(self, remote_id: str) -> None:
        """Let it be what it should have been, stored once more."""
        next(one for one in self._mine if one.number == remote_id).odd = b""
        self._world.store_again(remote_id)

    def texts(self) -> Mapping[str, str]:
        """What was sold."""
        return {one.number: one.told.note for one in self._mine}

    def titles(self) -> Mapping[str, str]:
        """Nothing: an invoice belongs to a company by its NIP, which the customer of the suite has not."""
        return {}

    def tell(self, address: str) -> None:
        """KSeF tells nobody."""

    def expire(self) -> None:
        """Where to go on from is a moment, which KSeF cannot forget."""

    def _sent(self, customer: str) -> Kept:
        number = len(self._world.invoices) + 1
        told = Told(
            number=f"FV {number:04}/2026", seller_nip=self._world.nip, buyer_nip=OTHER, net=Decimal(100 + number),
            note=f"Garden wish {number:04}", buyer_email=customer, issued=f"{self._world.clock.now():%Y-%m-%d}",
            due=f"{self._world.clock.now() + timedelta(days=14):%Y-%m-%d}",
        )  # fmt: skip
        kept = self._world.issue(told)
        self._mine.append(kept)
        return kept


CONTAINERS: Mapping[str, Callable[[World], Container]] = {"invoices": InvoiceContainer}
