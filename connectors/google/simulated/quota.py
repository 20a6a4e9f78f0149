"""What each call costs, who spent how much, and (when asked to) who spent too much.

Sources: https://developers.google.com/workspace/gmail/api/reference/quota (units since 2026-05-01),
https://developers.google.com/workspace/calendar/api/guides/quota
"""

from collections import deque
from dataclasses import dataclass, field

from connectors.google.simulated.errors import rate_limited
from hub.connector.simulated.clock import Clock

UNITS = {
    "gmail.users.getProfile": 1,
    "gmail.users.watch": 100,
    "gmail.users.stop": 50,
    "gmail.users.history.list": 2,
    "gmail.users.labels.list": 1,
    "gmail.users.labels.get": 1,
    "gmail.users.labels.create": 5,
    "gmail.users.labels.update": 5,
    "gmail.users.labels.patch": 5,
    "gmail.users.labels.delete": 5,
    "gmail.users.messages.list": 5,
    "gmail.users.messages.get": 20,
    "gmail.users.messages.attachments.get": 20,
    "gmail.users.messages.send": 100,
    "gmail.users.messages.insert": 25,
    "gmail.users.messages.import": 25,
    "gmail.users.messages.modify": 5,
    "gmail.users.messages.trash": 5,
    "gmail.users.messages.untrash": 5,
    "gmail.users.messages.delete": 10,
    "gmail.users.messages.batchModify": 50,
    "gmail.users.messages.batchDelete": 50,
    "gmail.users.threads.list": 10,
    "gmail.users.threads.get": 40,
    "gmail.users.threads.modify": 10,
    "gmail.users.threads.trash": 10,
    "gmail.users.threads.untrash": 10,
    "gmail.users.threads.delete": 20,
    "gmail.users.drafts.create": 10,
    "gmail.users.drafts.update": 15,
    "gmail.users.drafts.get": 5,
    "gmail.users.drafts.list": 5,
    "gmail.users.drafts.delete": 10,
    "gmail.users.drafts.send": 100,
}  # fmt: skip
_MINUTE_S = 60.0


@dataclass
class Spent:
    """Calls and units; `by_method` has both for each method."""

    requests: int = 0
    units: int = 0
    by_method: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, method: str, units: int, calls: int = 1) -> None:
        before = self.by_method.get(method, (0, 0))
        self.by_method[method] = (before[0] + calls, before[1] + units)
        self.requests += calls
        self.units += units


class Quota:
    """Counts every call. Limits apply where they are set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.units = dict(UNITS)  # may be changed: older projects pay 5 for messages.get
        self.per_user = {"gmail": 6_000, "calendar": 600, "people": 600}  # units a minute
        self.enforced = False
        self.refusal_code = 429
        self._users: dict[str, Spent] = {}
        self._recent: dict[tuple[str, str], deque[tuple[float, int]]] = {}

    def cost(self, method: str) -> int:
        return self.units.get(method, 1)

    def charge(self, api: str, method: str, user: str) -> None:
        """Count a call. Raises ApiError (403 or 429) where the user has nothing left for this minute."""
        units, now = self.cost(method), self._clock.time()
        recent = self._recent.setdefault((api, user), deque())
        while recent and recent[0][0] <= now - _MINUTE_S:
            recent.popleft()
        if self.enforced and sum(one for _, one in recent) + units > self.per_user.get(api, 1_000_000):
            wait_s = int(recent[0][0] + _MINUTE_S - now) + 1 if recent else 1
            raise rate_limited(self.refusal_code, "rateLimitExceeded", wait_s)
        if self.enforced:
            recent.append((now, units))
        self._users.setdefault(user, Spent()).add(method, units)

    def spent(self, user: str = "") -> Spent:
        """What one user spent, or all of them."""
        total = Spent()
        for name, one in self._users.items():
            if user in ("", name):
                for method, (calls, units) in one.by_method.items():
                    total.add(method, units, calls)
        return total

    def forget(self) -> None:
        """Start counting anew."""
        self._users.clear()
        self._recent.clear()
