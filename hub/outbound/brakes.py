"""Stop what runs away: two systems that answer each other for ever, and a fault that looks like mass deletion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

A_FEW = 5  # deletions that nobody is asked about, in however small an address book
MOST_DELETIONS = 20  # in one run
LARGEST_SHARE = 20  # more than a twentieth, 5 %


@dataclass(frozen=True, slots=True)
class LoopBrake:
    """How often one object may go there and back. Beyond that two systems correct each other, and a person must look."""

    most: int = 6
    within: timedelta = timedelta(hours=1)

    def stops(self, round_trips: Sequence[datetime], now: datetime) -> bool:
        """Say whether an object goes round too often.

        Args:
            round_trips: when each of our writes of the object was followed by a change from the remote that made another.
        """
        return sum(now - self.within < trip <= now for trip in round_trips) > self.most


def mass_delete(count: int, total: int) -> bool:
    """Say whether so many of all objects of a stream are deleted in one run that a person must agree first."""
    return count > MOST_DELETIONS or (count > A_FEW and count * LARGEST_SHARE > total)
