"""Webhooks: Zammad's triggers post a ticket that changed, signed over the bytes as they came. They are hints and no more.

What they hear of is made by hand in Zammad (README.md): there is nothing to be opened or renewed here. What a post says of
the ticket is not believed: the listing is asked, at once.
Source: https://admin-docs.zammad.org/en/latest/manage/webhook.html, `lib/user_agent.rb` of its source (the signature)
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from hub.connector import proof
from hub.connector.hand_made import HandMade, reaches
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Hinted, Stream
from hub.errors import HookError

SIGNATURE = "x-hub-signature"  # sha1=, and the HMAC-SHA1 of the body in hex
TICKETS = "tickets"


class ZammadPush(HandMade):
    """Webhooks of one account (`hub.connector.stream.Push`)."""

    def __init__(self, token: str, base_url: str) -> None:
        self._token, self._base_url = token, base_url

    def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
        """Return what says that tickets are hinted at, where there is a token to check posts with and an address."""
        if not self._token or not reaches(address, self._base_url):
            return None
        if channel is not None and channel.facts.get("address") == address:
            return channel
        return Channel(stream.key, "webhook", None, None, facts={"address": address})

    def hinted(self, hook: Hook, channels: Sequence[Channel], address: str) -> Hinted:
        """Return that tickets changed."""
        del channels, address
        signed = hmac.new(self._token.encode(), hook.body, hashlib.sha1).hexdigest()
        if not self._token or not proof.same(f"sha1={signed}", [hook.headers.get(SIGNATURE, "")]):
            raise HookError("The post is not signed with the signature token of the settings.")
        return Hinted((TICKETS,), odd=_odd(hook.body))


def _odd(body: bytes) -> tuple[Mapping[str, Any], ...]:
    """Return what nobody understands of a signed post: one without a ticket, such as of a payload of somebody's own.

    It is looked for tickets all the same.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ({"body": body[:2000].decode("utf-8", "replace")},)
    if isinstance(told, dict) and isinstance(told.get("ticket"), dict):
        return ()
    return (
        {"keys": sorted(str(name)[:100] for name in told)[:50]} if isinstance(told, dict) else {"body": "no object"},
    )
