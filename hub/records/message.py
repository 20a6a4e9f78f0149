"""A message of a conversation (WhatsApp, SMS) as every connector hands it over, and what became of one that we sent."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Channel(StrEnum):
    """By what people write to each other."""

    WHATSAPP = "whatsapp"
    SMS = "sms"


class Content(StrEnum):
    """What a message is; whatever a connector does not know is `OTHER`, and its `text` says as much as there is."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"
    STICKER = "sticker"
    PLACE = "place"
    CONTACTS = "contacts"
    REACTION = "reaction"  # `text` is the sign, empty where it was taken back; `reply_to` is what it is about
    CHOICE = "choice"  # a button or an entry of a list that we had shown
    TEMPLATE = "template"  # a text that the remote approved before
    OTHER = "other"


class Delivery(StrEnum):
    """What became of a message that we sent, in their order; `FAILED` stands beside."""

    ACCEPTED = "accepted"  # the remote took it
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end. One of `phone` and `remote_id` is there."""

    phone: str = ""  # as the remote writes it; empty where the remote does not tell (WhatsApp user names)
    remote_id: str = ""  # the remote's own id of the person, such as a business-scoped user id
    name: str = ""  # as the person calls themselves


@dataclass(frozen=True, slots=True)
class Media:
    """A file of a message; its content is with the remote until the hub fetched it."""

    id: str  # the remote's
    media_type: str = ""
    name: str = ""
    sha256: str = ""  # as the remote says, hexadecimal
    size: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class Referral:
    """The ad that somebody came from with this message."""

    ad_id: str = ""
    url: str = ""
    headline: str = ""
    text: str = ""
    click_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Nothing in it can be trusted: a stranger wrote it."""

    remote_id: str  # unique in the account
    channel: Channel
    direction: str  # inbound, outbound
    line: str  # the remote's id of our number
    peer: Peer
    at: datetime
    content: Content = Content.TEXT
    text: str = ""  # also the caption of a file
    reply_to: str = ""  # remote id of the message that is answered
    media: tuple[Media, ...] = ()
    referral: Referral | None = None
    line_number: str = ""  # our number as people see it


@dataclass(frozen=True, slots=True)
class Status:
    """What became of a message that we sent; may come before we know that it was sent, twice, and in any order."""

    message_id: str  # remote id of the message
    state: Delivery
    at: datetime
    reason: str = ""  # of `FAILED`, in the remote's words
    code: str = ""  # the same, as a program reads it
