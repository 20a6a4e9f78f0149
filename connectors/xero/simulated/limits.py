"""How much an organisation, and the app as a whole, may be asked. Limits apply where they are switched on; they are always told.

Source: https://developer.xero.com/documentation/guides/oauth2/limits#api-rate-limits
"""

import contextlib
import threading
from collections import Counter, deque
from collections.abc import Iterator

from connectors.xero.simulated.errors import too_many
from hub.connector.simulated.clock import Clock

MINUTE_S, DAY_S = 60.0, 86_400.0
_LONGEST_WAIT_S = 30.0


class Limits:
    """Counts every request; `peak` is how many of one organisation were on their way at the same time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.enforced = False
        self.per_minute, self.per_day, self.at_once, self.app_per_minute = 60, 5_000, 5, 10_000
        self.peak = 0
        self.free = threading.Event()  # clear: requests wait, so that several meet
        self.free.set()
        self._minutes: dict[str, deque[float]] = {}
        self._days: dict[str, tuple[float, int]] = {}  # when the day began, and how many since
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def passing(self, tenant: str) -> Iterator[None]:
        """Count a request while it is answered.

        Raises:
            ApiError: 429
        """
        with self._lock:
            self._open[tenant] += 1
            self.peak = max(self.peak, self._open[tenant])
            too_many_at_once = self._open[tenant] > self.at_once
            wait = self._count(tenant)
        try:
            if self.enforced and too_many_at_once:
                raise too_many("concurrent", None)
            if self.enforced and wait:
                raise too_many(*wait)
            self.free.wait(_LONGEST_WAIT_S)
            yield
        finally:
            with self._lock:
                self._open[tenant] -= 1

    def _count(self, tenant: str) -> tuple[str, int] | None:
        """Count a request; returns which limit it breaks, and for how many seconds silence is wanted."""
        now = self._clock.time()
        began, count = self._days.get(tenant, (now, 0))
        if now - began >= DAY_S:
            began, count = now, 0
        self._days[tenant] = (began, count + 1)
        for name, most, which in (("", self.app_per_minute, "appminute"), (tenant, self.per_minute, "minute")):
            recent = self._recent(name, now)
            recent.append(now)
            if len(recent) > most:
                return which, int(recent[-most - 1] + MINUTE_S - now) + 1
        return ("day", int(began + DAY_S - now) + 1) if count + 1 > self.per_day else None

    def _recent(self, name: str, now: float) -> deque[float]:
        found = self._minutes.setdefault(name, deque())
        while found and found[0] <= now - MINUTE_S:
            found.popleft()
        return found

    def headers(self, tenant: str) -> dict[str, str]:
        """What every answer says of what is left."""
        with self._lock:
            now = self._clock.time()
            began, count = self._days.get(tenant, (now, 0))
            today = count if now - began < DAY_S else 0
            left = {
                "X-DayLimit-Remaining": self.per_day - today,
                "X-MinLimit-Remaining": self.per_minute - len(self._recent(tenant, now)),
                "X-AppMinLimit-Remaining": self.app_per_minute - len(self._recent("", now)),
            }
        return {name: str(max(0, many)) for name, many in left.items()}
