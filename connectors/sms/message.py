"""A text message, and what became of one, as flat records; whatever the gateway calls their parts.

Sources: https://www.twilio.com/docs/messaging/guides/webhook-request,
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.sms.settings import Preset, SmsSettings
from hub.connector.contract import Delivered
from hub.connector.fields import Fields
from hub.records.message import Channel, Content, Delivery

MESSAGES, STATUSES = "message", "message_status"
CAME_IN = frozenset({"received", "receiving", "inbound", "mo"})
EARLIEST = 2000  # a year; whatever tells an earlier one has no clock
MOST_FILES = 10
LONGEST_ID = 300
NO_LINE = "sms"  # where a gateway has one number and does not tell it
_TWILIO: Mapping[str, tuple[str, ...]] = {
    "id": ("MessageSid", "SmsMessageSid", "SmsSid"), "from": ("From",), "to": ("To",), "text": ("Body",),
    "name": ("ProfileName",), "at": ("Timestamp",), "code": ("ErrorCode",), "reason": ("ErrorMessage",),
    "status": ("MessageStatus", "SmsStatus"), "media": (), "list": (),
}  # fmt: skip
_PHONE = re.compile(r"\+?[0-9]{3,20}")
# What Twilio's numbers mean, for people; it does not always send words.
# Source: https://www.twilio.com/docs/api/errors
REASONS: Mapping[str, str] = {
    "21211": "That is no number that messages can be sent to.",
    "21408": "Twilio is not allowed to send to that country: see Geo permissions in its console.",
    "21606": "The sender is none of the account's numbers.",
    "21608": "A trial account sends only to numbers that were verified.",
    "21610": "The customer wrote STOP, so the gateway sends him nothing until he writes START.",
    "21612": "The gateway cannot send to that number from this sender.",
    "21614": "That is no mobile number.",
    "21617": "The text is too long.",
    "30001": "The gateway's queue is full.",
    "30002": "Twilio closed the account.",
    "30003": "The phone is switched off or out of reach.",
    "30004": "The customer or his operator blocks messages.",
    "30005": "There is no such number, or it cannot be reached any more.",
    "30006": "It is a landline, or its operator takes no messages.",
    "30007": "The operator filtered the message as spam.",
    "30008": "It was not delivered, and the operator does not say why.",
    "30034": "The sender is not registered for messages to the United States.",
}


@dataclass(frozen=True)
class Part:
    """One message or state of a call, by its fields."""

    settings: SmsSettings
    fields: Fields
    zone: str

    @property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """What its parts are called."""
        return _TWILIO if self.settings.preset is Preset.TWILIO else self.settings.names

    def one(self, what: str) -> str:
        """Return a part; empty: it is not there."""
        for name in self.names[what]:
            values = self.fields.get(name, ())
            if values and values[0].strip():
                return values[0] if what == "text" else values[0].strip()
        return ""

    @cached_property
    def id(self) -> str:
        """The gateway's id of the message; empty: it gives none that could be kept."""
        given = self.one("id")
        return given if len(given) <= LONGEST_ID else ""

    @property
    def word(self) -> str:
        """The word of a state, in small letters."""
        return self.one("status").casefold()

    @property
    def at(self) -> str:
        """When it happened, in UTC; empty where the gateway does not say: then it is when it came first."""
        moment = _moment(self.one("at"), self.zone)
        return moment.isoformat() if moment else ""

    @property
    def media(self) -> list[dict[str, str]]:
        """The files of a message, by their addresses."""
        if self.settings.preset is Preset.TWILIO:
            found = [(f"MediaUrl{number}", f"MediaContentType{number}") for number in range(MOST_FILES)]
            listed = [(self._first(url), self._first(kind)) for url, kind in found]
        else:
            listed = [(url, "") for name in self.names["media"] for url in self._addresses(name)]
        return [
            {"id": url, **({"media_type": kind} if kind else {})}
            for url, kind in listed[:MOST_FILES]
            if url and len(url) <= LONGEST_ID
        ]

    def _addresses(self, name: str) -> list[str]:
        """Return addresses in a list, or in a list of objects, each with its `url`."""
        below = [f"{name}.{number}.{what}" for number in range(MOST_FILES) for what in ("url", "href", "link")]
        return [one for field in (name, *below) for one in self.fields.get(field, ()) if one.startswith("http")]

    def _first(self, name: str) -> str:
        return next(iter(self.fields.get(name, ())), "").strip()


def inbound(part: Part, remote_id: str) -> Delivered | None:
    """Return a message that came in; None: it comes from nobody, or is empty."""
    sender, said, media = part.one("from"), part.one("text"), part.media
    if not sender or len(sender) > LONGEST_ID or ":" in sender or not (said or media):
        return None  # what has a colon is another channel of Twilio's, such as whatsapp:+972...
    line = part.one("to") or part.settings.sender or NO_LINE
    payload: dict[str, Any] = {
        "id": remote_id,
        "channel": str(Channel.SMS),
        "direction": "inbound",
        "line": line[:LONGEST_ID],
        "line_number": line if phone(line) else "",
        "at": part.at,
        "content": str(_content(media)),
        "text": said,
        "peer_phone": phone(sender) or sender,  # a word or a short number too: it is no identity of anybody
        "peer_name": part.one("name"),
        "media": media,
        "original": dict(part.fields),
    }
    return Delivered(MESSAGES, remote_id, {name: one for name, one in payload.items() if one not in ("", [])})


def status(part: Part, state: Delivery) -> Delivered:
    """Return what became of a message that we sent."""
    code = part.one("code")
    reason = part.one("reason") or REASONS.get(code, "")
    payload = {
        "id": f"{part.id}:{state}",
        "message_id": part.id,
        "state": str(state),
        "at": part.at,
        "reason": reason if state is Delivery.FAILED else "",
        "code": code if state is Delivery.FAILED else "",
    }
    return Delivered(STATUSES, f"{part.id}:{state}", {name: one for name, one in payload.items() if one})


def phone(given: str) -> str:
    """Return a number as the gateway writes it, without spaces; empty: it is a word."""
    bare = re.sub(r"[\s().-]", "", given)
    return bare if _PHONE.fullmatch(bare) and bare.isascii() else ""


def _content(media: list[dict[str, str]]) -> Content:
    if not media:
        return Content.TEXT
    return Content.IMAGE if media[0].get("media_type", "").startswith("image/") else Content.FILE


def _moment(text: str, zone: str) -> datetime | None:
    """Read seconds or milliseconds since 1970, or an ISO time; without a zone it is the account's."""
    try:
        if text.isascii() and text.isdigit() and 9 <= len(text) <= 13:
            seconds = int(text) / (1000 if len(text) == 13 else 1)
            told = datetime.fromtimestamp(seconds, UTC)
        else:
            told = datetime.fromisoformat(text)
            told = told if told.tzinfo else told.replace(tzinfo=ZoneInfo(zone))
        return told.astimezone(UTC) if told.year >= EARLIEST else None
    except (ValueError, OverflowError, OSError, ZoneInfoNotFoundError):
        return None
