"""What each mailbox was asked, and (when asked to) who asked too much.

Source: https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits
"""

import contextlib
import threading
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.microsoft.simulated.errors import mailbox_concurrency, throttled
from hub.connector.simulated.clock import Clock

WINDOW_S = 600.0
MOST = 10_000  # requests of one app to one mailbox in that time
AT_ONCE = 4
_LONGEST_WAIT_S = 30.0


@dataclass
class Spent:
    """Requests, those inside a batch too; `by_route` has them by verb and path template."""

    requests: int = 0
    by_route: Counter[str] = field(default_factory=Counter)


class Throttle:
    """Counts every request of an app to a mailbox. Limits apply where they are switched on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.enforced = False
        self.most, self.at_once = MOST, AT_ONCE
        self.peak = 0  # most requests to one mailbox that were on their way at the same time
        self.free = threading.Event()  # clear: requests wait, so that several meet
        self.free.set()
        self._spent: dict[str, Spent] = {}
        self._recent: dict[tuple[str, str], deque[float]] = {}
        self._open: Counter[tuple[str, str]] = Counter()

    @contextlib.contextmanager
    def passing(self, app: str, mailbox: str, route: str, at_once: int = 1) -> Iterator[None]:
        """Count a request while it is answered; what is refused counts as well.

        Args:
            at_once: of a batch, how many of its requests are on their way together with this one.

        Raises:
            ApiError: 429
        """
        key = (app, mailbox)
        with self._lock:
            self._open[key] += at_once
            self.peak = max(self.peak, self._open[key])
            too_many = self._open[key] > self.at_once
            wait_s = self._count(key, route)
        try:
            if self.enforced and wait_s:
                raise throttled(wait_s, "ApplicationThrottled", "Application is over its MailboxRequests limit.")
            if self.enforced and too_many:
                raise mailbox_concurrency()
            self.free.wait(_LONGEST_WAIT_S)
            yield
        finally:
            with self._lock:
                self._open[key] -= at_once

    def _count(self, key: tuple[str, str], route: str) -> int:
        """Count a request; returns for how many seconds silence is wanted."""
        now = self._clock.time()
        spent = self._spent.setdefault(key[1], Spent())
        spent.requests += 1
        spent.by_route[route] += 1
        recent = self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - WINDOW_S:
            recent.popleft()
        recent.append(now)
        if len(recent) <= self.most:
            return 0
        # With the next request there may be no more than `most`, and those that were refused count as well.
        return int(recent[len(recent) - self.most] + WINDOW_S - now) + 1

    def spent(self, mailbox: str = "") -> Spent:
        """What was asked of one mailbox, by its address, or of all."""
        total = Spent()
        with self._lock:
            for name, one in self._spent.items():
                if mailbox in ("", name):
                    total.requests += one.requests
                    total.by_route.update(one.by_route)
        return total

    def forget(self) -> None:
        """Start counting anew."""
        with self._lock:
            self._spent.clear()
            self._recent.clear()
            self.peak = 0
