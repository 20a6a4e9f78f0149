"""Conversions that were reported to a dataset, and what became of each.

Source: https://developers.facebook.com/docs/marketing-api/conversions-api/conversion-leads-integration/payload-specification
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.facebook.simulated.errors import Json
from connectors.facebook.simulated.things import Lead
from hub.connector.simulated.clock import Clock

COUNTED = "counted"
REPEATED = "repeated"  # same name and id within 48 hours
UNKNOWN_LEAD = "unknown lead"
TOO_EARLY = "before the lead"
_SAME_S = 48 * 3600


@dataclass(frozen=True, slots=True)
class Conversion:
    """One event of a request that was accepted, and what is made of it; the sender is not told."""

    dataset_id: str
    event: Json
    test_code: str
    came_at: float
    fate: str


class Ledger:
    """Everything that datasets were told. `datasets` are ids that exist."""

    def __init__(self, clock: Clock, leads: Mapping[str, Lead]) -> None:
        self._clock, self._leads = clock, leads
        self.datasets: set[str] = set()
        self.conversions: list[Conversion] = []

    def add(self, dataset_id: str, event: Json, test_code: str) -> None:
        """Take an event whose shape is right."""
        told = Conversion(dataset_id, event, test_code, self._clock.time(), self._fate(dataset_id, event))
        self.conversions.append(told)

    def _fate(self, dataset_id: str, event: Json) -> str:
        name, event_id = event["event_name"], event.get("event_id")
        since = self._clock.time() - _SAME_S
        for before in self.conversions if event_id else ():
            same = (before.event["event_name"], before.event.get("event_id"), before.dataset_id)
            if same == (name, event_id, dataset_id) and before.came_at >= since:
                return REPEATED
        lead_id = event["user_data"].get("lead_id")
        if lead_id is None:
            return COUNTED
        lead = self._leads.get(str(lead_id))
        if lead is None:
            return UNKNOWN_LEAD
        return COUNTED if event["event_time"] > int(lead.created_at) else TOO_EARLY

    @property
    def counted(self) -> list[Conversion]:
        """What counts."""
        return [one for one in self.conversions if one.fate == COUNTED]
