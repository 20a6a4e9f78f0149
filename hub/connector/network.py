"""Which addresses are of the open internet, and what a name means now: for whoever asks addresses that people typed."""

import ipaddress
import socket
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
PORTS = {"https": 443, "http": 80}
# IPv6 addresses that carry an IPv4 one, which is then what is reached. Sources: RFC 6052, RFC 8215, RFC 3056.
_CARRIERS = tuple(ipaddress.ip_network(one) for one in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"))


class UnknownNameError(Exception):
    """Nobody knows the name now."""


def is_outside(address: Address) -> bool:
    """Say whether an address is one of the open internet, also where it carries or maps another."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return False
        if any(address in one for one in _CARRIERS):
            return False
        if int(address) >> 32 == 0:  # IPv4-compatible, long out of use
            return False
    return address.is_global and not address.is_multicast


def addresses_of(host: str, port: int) -> Sequence[tuple[str, Address]]:
    """Look a name up; returns what to connect to, each with what it is.

    Raises:
        UnknownNameError: nobody knows it now.
    """
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = [str(row[4][0]) for row in rows]
        return [(one, ipaddress.ip_address(one.partition("%")[0])) for one in found]
    except (OSError, UnicodeError, ValueError):
        raise UnknownNameError from None
