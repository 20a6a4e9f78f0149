"""How often something may be tried: counters in memory, or in Redis where several processes share them."""

import ipaddress
import time

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from limits.util import WindowStats

from hub import log
from hub.settings import Settings

_log = log.get(__name__)


class Limiter(FixedWindowRateLimiter):
    """Counts in Redis; while that is away it counts for this process alone, since guessing must never be free."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._own = FixedWindowRateLimiter(MemoryStorage())

    def hit(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        try:
            return super().hit(item, *identifiers, cost=cost)
        except StorageError as error:
            _log.warning("rate limits count in this process alone", error=str(error.storage_error))
            return self._own.hit(item, *identifiers, cost=cost)

    def test(self, item: RateLimitItem, *identifiers: str, cost: int = 1) -> bool:
        try:
            return super().test(item, *identifiers, cost=cost)
        except StorageError:
            return self._own.test(item, *identifiers, cost=cost)

    def get_window_stats(self, item: RateLimitItem, *identifiers: str) -> WindowStats:
        try:
            return super().get_window_stats(item, *identifiers)
        except StorageError:
            return self._own.get_window_stats(item, *identifiers)

    def clear(self, item: RateLimitItem, *identifiers: str) -> None:
        self._own.clear(item, *identifiers)
        try:
            super().clear(item, *identifiers)
        except StorageError as error:
            _log.warning("rate limits count in this process alone", error=str(error.storage_error))


def open_limiter(settings: Settings) -> Limiter:
    """Open the counters where `live.bus` says: a hub of several processes has its Redis there."""
    if settings.live.bus == "memory":
        return Limiter(MemoryStorage())
    address = settings.live.bus.replace("unix://", "redis+unix://", 1)  # what `limits` calls a socket file
    return Limiter(RedisStorage(address, wrap_exceptions=True))


class SignInLimit:
    """Guessing passwords: failures count per address and per e-mail.

    Only failures count for an address, since a whole office may share one.
    """

    def __init__(self, limiter: FixedWindowRateLimiter, limit: str) -> None:
        self._limiter = limiter
        self._item = parse(limit)

    def take(self, address: str, email: str) -> float:
        """Count a try for the e-mail; returns 0, or the seconds to wait where there were too many."""
        if not self._limiter.test(self._item, "sign-in address", address_key(address)):
            return self._wait("sign-in address", address_key(address))
        if not self._limiter.hit(self._item, "sign-in email", email):
            return self._wait("sign-in email", email)
        return 0.0

    def failed(self, address: str) -> None:
        """Count a failure for the address."""
        self._limiter.hit(self._item, "sign-in address", address_key(address))

    def succeeded(self, email: str) -> None:
        """Forget the tries for an e-mail after the right password."""
        self._limiter.clear(self._item, "sign-in email", email)

    def _wait(self, *identifiers: str) -> float:
        return max(1.0, self._limiter.get_window_stats(self._item, *identifiers).reset_time - time.time())


def address_key(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 network that one IPv6 customer gets."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)
