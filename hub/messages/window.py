"""Whether somebody may be written to now. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hub.records.message import Channel

# Source: https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-messages#customer-service-windows
WINDOW = timedelta(hours=24)
LONGEST = {Channel.WHATSAPP: 4096, Channel.SMS: 1600}  # characters of one message that remotes take


class No(StrEnum):
    """Why somebody may not be written to."""

    CLOSED = "window_closed"
    WORD = "sender_is_a_word"
    STOPPED = "stopped"
    AWAY = "not_connected"


WHY = {
    No.CLOSED: "WhatsApp lets one write freely only within 24 hours after the customer's last message.",
    No.WORD: "This sender is a name, which cannot be answered.",
    No.STOPPED: "This person asked not to get any more messages.",
    No.AWAY: "The connection is not active.",
}


@dataclass(frozen=True, slots=True)
class Box:
    """Whether one may write: until when (None: without an end), or why not."""

    until: datetime | None = None
    no: No | None = None


def box(
    channel: str,
    *,
    last_inbound_at: datetime | None,
    has_address: bool,
    is_stopped: bool,
    is_connected: bool,
    at: datetime,
) -> Box:
    """Say whether one may write to somebody at a moment."""
    if not is_connected:
        return Box(no=No.AWAY)
    if not has_address:
        return Box(no=No.WORD)
    if is_stopped:
        return Box(no=No.STOPPED)
    if channel != Channel.WHATSAPP:
        return Box()
    if last_inbound_at is None or at >= last_inbound_at + WINDOW:
        return Box(no=No.CLOSED)
    return Box(until=last_inbound_at + WINDOW)
