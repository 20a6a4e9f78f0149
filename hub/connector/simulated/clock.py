"""The time that a simulator believes in."""

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The computer's clock, moved: tests jump over days to let tokens expire."""

    def __init__(self) -> None:
        self._moved_s = 0.0
        self._stands_at: float | None = None
        self._lock = threading.Lock()

    def time(self) -> float:
        """Seconds since 1970."""
        with self._lock:
            return (time.time() if self._stands_at is None else self._stands_at) + self._moved_s

    def ms(self) -> int:
        """Milliseconds since 1970."""
        return int(self.time() * 1000)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Jump forward."""
        jump = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
        with self._lock:
            self._moved_s += jump

    def set(self, moment: datetime) -> None:
        """Say what time it is now; it goes on from there, unless it stands still."""
        with self._lock:
            running = time.time() if self._stands_at is None else self._stands_at
            self._moved_s = moment.timestamp() - running

    def freeze(self) -> None:
        """Stand still, until moved by `advance` or `set`."""
        with self._lock:
            if self._stands_at is None:
                self._stands_at = time.time()
