"""Where requests may go: the address that was entered and the hosts that the manifest lists.

Into our own network only where the account allows it.
The name is looked up before a host is first asked. Between that and the connection it could be given another address; since
outside our own network only https counts, with a certificate for that very name, nothing there would answer.
"""

from urllib.parse import urljoin, urlsplit

from hub.connector.http import place_of
from hub.connector.manifest.settings import Access
from hub.connector.network import PORTS, UnknownNameError, addresses_of, is_outside
from hub.errors import DisabledError, RejectedError, RetryLaterError


class Guard:
    """Knows what one account may ask; remembers hosts that it looked at."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._base = place_of(access.base)
        self._good: set[tuple[str, str]] = set()

    def inside(self, link: str) -> str:
        """Return a link of an answer as a whole address.

        Raises:
            RejectedError: it leads somewhere else.
        """
        address = urljoin(f"{self._access.base}/", link)
        place = place_of(address)
        if place != self._base and not (place[0] == "https" and self._is_listed(place[1])):
            raise RejectedError(
                f"{self._access.manifest.title} sends us to {place[1][:80] or 'an address that is none'}, which its manifest does not list."
            )
        return address

    def check(self, address: str) -> None:
        """Look whether a host may be asked.

        Raises:
            DisabledError: it is one of our own network, or not of those that the manifest lists.
            RejectedError: as of `inside`.
            RetryLaterError: its name cannot be looked up now.
        """
        self.inside(address)
        place = place_of(address)
        if place in self._good:
            return
        scheme, host = place
        url = urlsplit(address)
        private = self._is_private(url.hostname or "", url.port or PORTS.get(scheme, 0))
        if private and not self._access.allow_private:
            raise DisabledError(f"{host} is an address of our own network: allow it in the settings of this account.")
        if scheme != "https" and not private:
            raise DisabledError(f"{host} is asked with secrets, so its address needs https://.")
        if self._access.manifest.hosts and not private and not self._is_listed(host):
            raise DisabledError(f"{host} is none of the hosts that the manifest lists.")
        self._good.add(place)

    def _is_listed(self, host: str) -> bool:
        for one in self._access.manifest.hosts:
            if host == one or (one.startswith("*.") and host.endswith(one[1:]) and len(host) >= len(one)):
                return True
        return False

    def _is_private(self, host: str, port: int) -> bool:
        """Say whether a name leads into a network of our own: by one of its addresses is enough."""
        try:
            found = addresses_of(host, port)
        except UnknownNameError:
            raise RetryLaterError(
                f"{self._access.manifest.title} cannot be reached: nobody knows the name {host[:80]}."
            ) from None
        return not all(is_outside(address) for _, address in found)
