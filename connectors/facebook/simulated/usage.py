"""How much was asked about each page, and (when asked to) who asked too much.

Sources: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving#rate-limits and
https://developers.facebook.com/docs/graph-api/overview/rate-limiting#buc-rate-limits
"""

import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from math import ceil

from connectors.facebook.simulated.errors import ApiError, throttled
from hub.connector.simulated.clock import Clock

WINDOW_S = 86_400.0
PER_LEAD = 200 * 24  # calls in that time, for each lead of the last 90 days
_LEAST_LEADS = 1  # what a page without leads may ask is said nowhere
OF_ADS = 600  # calls about an ad account in that time
_PENALTY_S = 60.0  # who calls all the same waits longer


class Usage:
    """Counts every call about a page. Limits apply where they are switched on."""

    def __init__(self, clock: Clock, leads: Callable[[str], int]) -> None:
        self._clock, self._leads = clock, leads
        self._lock = threading.Lock()
        self.enforced = False
        self.overrun = 0  # calls that came while silence was wanted
        self.pretended: int | None = None  # percent that is told, whatever was asked
        self._recent: dict[str, deque[float]] = {}
        self._blocked: dict[str, float] = {}  # until when
        self._by_route: dict[str, Counter[str]] = {}

    def most(self, page_id: str) -> int:
        """How many calls about a page, or an ad account, are allowed in 24 hours."""
        return OF_ADS if _is_of_ads(page_id) else PER_LEAD * max(_LEAST_LEADS, self._leads(page_id))

    def count(self, page_id: str, route: str) -> None:
        """Count a call. Raises ApiError: it is one too many; what is refused counts as well."""
        now = self._clock.time()
        with self._lock:
            self._by_route.setdefault(page_id, Counter())[route] += 1
            recent = self._recent.setdefault(page_id, deque())
            recent.append(now)
            self._forget(recent, now)
            if self._blocked.get(page_id, 0.0) > now:
                self.overrun += 1
                self._blocked[page_id] += _PENALTY_S
                raise self._refusal(page_id, now)
            if self.enforced and len(recent) > self.most(page_id):
                self._blocked[page_id] = recent[0] + WINDOW_S
                raise self._refusal(page_id, now)

    def block(self, page_id: str, minutes: float) -> None:
        """Want silence about a page for so long."""
        with self._lock:
            self._blocked[page_id] = self._clock.time() + minutes * 60

    def header(self, page_id: str, regain_min: int = 0) -> dict[str, str]:
        """What an answer tells of it."""
        now = self._clock.time()
        with self._lock:
            recent = self._recent.get(page_id, deque())
            self._forget(recent, now)
            share = min(100, len(recent) * 100 // self.most(page_id)) if self.pretended is None else self.pretended
            minutes = regain_min or self._minutes(page_id, now)
        told = {
            "type": "ads_insights" if _is_of_ads(page_id) else "leadgen", "call_count": 100 if minutes else share, "total_cputime": share // 4,
            "total_time": share // 3, "estimated_time_to_regain_access": minutes,
        }  # fmt: skip
        return {"X-Business-Use-Case-Usage": json.dumps({page_id: [told]})}

    def spent(self, page_id: str) -> Counter[str]:
        """What was asked about a page since `forget()`, by verb and kind; inside a batch each call counts."""
        with self._lock:
            return Counter(self._by_route.get(page_id, Counter()))

    def forget(self) -> None:
        """Start counting anew, and let all blocks be over."""
        with self._lock:
            self._by_route.clear()
            self._recent.clear()
            self._blocked.clear()
            self.overrun = 0

    @staticmethod
    def _forget(recent: deque[float], now: float) -> None:
        while recent and recent[0] <= now - WINDOW_S:
            recent.popleft()

    def _minutes(self, page_id: str, now: float) -> int:
        return max(0, ceil((self._blocked.get(page_id, 0.0) - now) / 60))

    def _refusal(self, page_id: str, now: float) -> ApiError:
        return throttled(80000 if _is_of_ads(page_id) else 80005, self._minutes(page_id, now))


def _is_of_ads(of: str) -> bool:
    return of.startswith("act_")
