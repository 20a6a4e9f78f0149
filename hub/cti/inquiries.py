"""How often an exchange asked about callers in the last day, and how soon it was answered; for the self-test.

Counted by the hour and by classes of time, so that a day of any number of questions has the same size. A hub that
is killed forgets the questions of the last seconds: they are figures for people, nothing depends on them.
"""

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 300)  # within 300 ms the exchange hears us; what comes later is lost
DAY_H = 24
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Day:
    """The questions of one day."""

    asked: int
    late: int  # answered after the exchange went on without us, or not at all
    p95_ms: int | None  # 95 of 100 answers took at most this; None: longer than the exchange waits


class Inquiries:
    """Counts questions; several threads may answer at once."""

    def __init__(self) -> None:
        self._hours: dict[int, list[int]] = {}
        self._lock = threading.Lock()
        self.at = 0.0  # of the newest question

    def add(self, at: float, seconds: float) -> None:
        """Count a question that was answered at a moment, after so many seconds."""
        with self._lock:
            self.at = max(self.at, at)
            hour = int(at) // HOUR_S
            counts = self._hours.setdefault(hour, [0] * (len(BOUNDS_MS) + 1))
            counts[bisect_left(BOUNDS_MS, seconds * 1000)] += 1
            for old in [one for one in self._hours if one <= hour - DAY_H]:
                del self._hours[old]

    def dump(self) -> dict[str, list[int]]:
        """Return the counts as JSON."""
        with self._lock:
            return {str(hour): list(counts) for hour, counts in self._hours.items()}

    def load(self, dumped: object) -> None:
        """Go on with the counts of an earlier process; what is none is passed over."""
        with self._lock:
            self._hours.update(_read(dumped))


def day(dumped: object, at: float) -> Day:
    """Sum up the last day of a `dump`."""
    hour = int(at) // HOUR_S
    hours = [counts for one, counts in _read(dumped).items() if hour - DAY_H < one]
    sums = [sum(column) for column in zip(*hours, strict=True)] or [0] * (len(BOUNDS_MS) + 1)
    asked, within = sum(sums), 0
    for bound, amount in zip(BOUNDS_MS, sums, strict=False):
        within += amount
        if within * 100 >= asked * 95:
            return Day(asked, sums[-1], bound)
    return Day(asked, sums[-1], None)


def _read(dumped: object) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    items: Mapping[str, Any] = dumped if isinstance(dumped, Mapping) else {}
    for hour, counts in items.items():
        if hour.isdigit() and isinstance(counts, list) and len(counts) == len(BOUNDS_MS) + 1:
            found[int(hour)] = [int(one) for one in counts]
    return found
