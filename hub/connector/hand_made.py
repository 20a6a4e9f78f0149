"""Webhooks that a person makes in the remote: nothing is there to be opened, renewed, closed or fetched."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from hub.connector.stream import Channel, Fetched

_HERE = frozenset({"127.0.0.1", "localhost", "::1"})  # there tests and simulators live, which need no TLS


class HandMade:
    """What the `Push` of such an account has in common with others."""

    queue = ""  # there is none: the remote posts

    def stop(self, channel: Channel) -> None:
        """Leave everything as it is: who made it by hand takes it away, and other accounts may hear by it."""
        del channel

    def fetch(self) -> Fetched:
        """Return nothing: there is no queue."""
        return Fetched()

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge nothing: there is no queue."""
        del receipts


def reaches(address: str, base_url: str) -> bool:
    """Say whether a remote would post to an address of ours: not without TLS, but for one on this machine."""
    return address.startswith("https://") or (bool(address) and urlsplit(base_url).hostname in _HERE)
