"""Push channels of the Calendar API: bare requests that say "something changed".

Source: https://developers.google.com/workspace/calendar/api/guides/push
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from connectors.google.simulated.errors import ApiError
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notification, Notifier


@dataclass(slots=True)
class Channel:
    """Somebody who wants to hear of changes of one resource."""

    id: str
    address: str
    resource: str
    resource_id: str
    uri: str
    token: str
    expires_ms: int
    owner: str
    messages: int = 0


class Channels:
    """All open channels."""

    def __init__(self, clock: Clock, notifier: Notifier) -> None:
        self._clock, self._notifier = clock, notifier
        self.open_ones: dict[str, Channel] = {}

    def open(
        self, channel_id: str, address: str, resource: str, uri: str, *, token: str, expires_ms: int, owner: str
    ) -> Channel:
        """Open a channel and send its first message. Raises ApiError (400): the id is taken."""
        old = self.open_ones.get(channel_id)
        if old is not None and old.expires_ms > self._clock.ms():
            raise ApiError(400, "channelIdNotUnique", f"Channel id {channel_id} not unique")
        resource_id = hashlib.sha256(resource.encode()).hexdigest()[:27]
        channel = Channel(channel_id, address, resource, resource_id, uri, token, expires_ms, owner)
        self.open_ones[channel_id] = channel
        self._send(channel, "sync")
        return channel

    def close(self, channel_id: str, resource_id: str) -> bool:
        """False: there is none."""
        channel = self.open_ones.get(channel_id)
        if channel is None or channel.resource_id != resource_id:
            return False
        del self.open_ones[channel_id]
        return True

    def changed(self, resource: str) -> None:
        """Tell everybody who listens that a resource changed."""
        for channel in list(self.open_ones.values()):
            if channel.resource == resource and channel.expires_ms > self._clock.ms():
                self._send(channel, "exists")

    def _send(self, channel: Channel, state: str) -> None:
        # Numbers grow, but not by one: https://developers.google.com/workspace/calendar/api/guides/push#understanding-the-notification-message-format
        channel.messages = 1 if state == "sync" else channel.messages + 3
        headers: Mapping[str, str] = {
            "X-Goog-Channel-ID": channel.id,
            "X-Goog-Channel-Expiration": format_datetime(
                datetime.fromtimestamp(channel.expires_ms // 1000, UTC), usegmt=True
            ),
            "X-Goog-Message-Number": str(channel.messages),
            "X-Goog-Resource-ID": channel.resource_id,
            "X-Goog-Resource-State": state,
            "X-Goog-Resource-URI": channel.uri,
            "Content-Length": "0",
        }
        if channel.token:
            headers = {**headers, "X-Goog-Channel-Token": channel.token}
        self._notifier.notify(Notification(channel.address, headers))
