"""How much may be asked about one company: 500 requests a minute, 200 for reports, 40 at the same time.

Source: https://developer.intuit.com/app/developer/qbo/docs/learn/rest-api-features#limits-and-throttles
"""

import contextlib
import threading
from collections import Counter, deque
from collections.abc import Iterator

from connectors.quickbooks.simulated.errors import throttled
from hub.connector.simulated.clock import Clock

WINDOW_S = 60.0
_LONGEST_WAIT_S = 30.0


class Limits:
    """Counts requests. What tests may turn are the plain attributes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.per_minute, self.reports_per_minute, self.at_once = 500, 200, 40
        self.peak = 0  # most requests that were on their way together
        self.free = threading.Event()  # clear: requests wait, so that several meet
        self.free.set()
        self._recent: dict[tuple[str, bool], deque[float]] = {}
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def passing(self, realm: str, *, is_report: bool) -> Iterator[None]:
        """Count a request while it is answered. Raises ApiError: 429, without a word when to come back."""
        with self._lock:
            self._open[realm] += 1
            self.peak = max(self.peak, self._open[realm])
            too_many = self._open[realm] > self.at_once or self._is_over(realm, is_report=is_report)
        try:
            if too_many:
                raise throttled()
            self.free.wait(_LONGEST_WAIT_S)
            yield
        finally:
            with self._lock:
                self._open[realm] -= 1

    def _is_over(self, realm: str, *, is_report: bool) -> bool:
        now = self._clock.time()
        recent = self._recent.setdefault((realm, is_report), deque())
        while recent and recent[0] <= now - WINDOW_S:
            recent.popleft()
        recent.append(now)
        return len(recent) > (self.reports_per_minute if is_report else self.per_minute)
