"""A mail as every provider's connector hands it over: who, when, about what, its text, what is attached."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# What the hub writes into every mail it sends, so that the copy a sync finds is known as our own.
MARKER_HEADER = "X-Hub-Delivery"


class Place(StrEnum):
    """Where a mailbox keeps a copy, in words that fit every provider; a copy may be in several places."""

    INBOX = "inbox"
    SENT = "sent"
    DRAFT = "draft"
    SPAM = "spam"
    TRASH = "trash"


class Defect(StrEnum):
    """What was wrong with a mail; it is shown, it never keeps a mail out."""

    NO_MESSAGE_ID = "no_message_id"
    NO_DATE = "no_date"
    ABSURD_DATE = "absurd_date"
    NO_SENDER = "no_sender"
    BROKEN_HEADER = "broken_header"
    DOUBLED_HEADER = "doubled_header"  # a second Date, From, Subject or Message-ID; the first one counts
    HEADER_CUT = "header_cut"
    RECIPIENTS_CUT = "recipients_cut"
    BROKEN_PARTS = "broken_parts"  # the boundary that was promised never came, or never ended
    TOO_DEEP = "too_deep"
    TOO_MANY_PARTS = "too_many_parts"
    WRONG_CHARSET = "wrong_charset"
    TEXT_CUT = "text_cut"
    MAIL_CUT = "mail_cut"
    WINMAIL = "winmail"  # the text or files hide in winmail.dat, which only Outlook opens


@dataclass(frozen=True, slots=True)
class Address:
    """Somebody named in a header. `address` is in normal form; empty where what was written is none."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail; its content stays with the provider until somebody wants it."""

    number: str  # part number as IMAP counts (RFC 3501 section 6.4.5), or the provider's id of the attachment
    name: str  # safe to show; never a path
    media_type: str
    size: int  # bytes, decoded
    content_id: str  # without angle brackets; empty where the text does not refer to it
    inline: bool  # part of the text, such as a logo, and not a file somebody sent


@dataclass(frozen=True, slots=True)
class Mail:
    """One copy of a message as one mailbox holds it. Nothing in it can be trusted: all was written by a stranger."""

    message_id: str  # normalised, without angle brackets; made up where there was none (Defect.NO_MESSAGE_ID)
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]  # oldest first
    subject: str
    sent_at: datetime | None  # UTC, from the Date header; None where that is absent or absurd
    received_at: datetime | None  # the provider's own time of it
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]  # who sent it in the name of `from_`
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]  # only in the sender's own copy
    reply_to: tuple[Address, ...]
    text: str  # of its text parts; empty where only `html` says everything
    html: str  # as written, dangerous: to be sanitised before anybody sees it
    snippet: str
    attachments: tuple[Attachment, ...]
    labels: tuple[str, ...]  # the provider's labels, folders, categories, by name
    places: frozenset[Place]
    thread_id: str  # the provider's, meaningful within one mailbox
    size: int  # bytes, as the provider counts, else as read
    bulk: frozenset[str]  # the headers that say it went to many: list-id, list-unsubscribe, precedence, auto-submitted
    list_id: str  # the mailing list's own name (RFC 2919), such as `info.levi.example`
    auto_submitted: str  # RFC 3834: auto-replied, auto-generated; empty where a person sent it
    private: bool  # the sender marked it private, personal or confidential
    calendar_method: str  # REQUEST, REPLY, CANCEL, ... of its calendar part; empty: none
    is_calendar_notice: bool  # a calendar program wrote it and no person added a word
    marker: str  # ours, where the hub itself sent it
    defects: frozenset[Defect]

    @property
    def at(self) -> datetime | None:
        """When it happened. A provider's clock is right more often than a sender's."""
        return self.received_at or self.sent_at

    @property
    def people(self) -> tuple[Address, ...]:
        """Everybody it is from or to, in the order of the headers."""
        return (*self.from_, *self.to, *self.cc, *self.reply_to, *self.bcc)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a provider says about a copy beside the message itself."""

    remote_id: str = ""
    thread_id: str = ""
    received_at: datetime | None = None
    labels: tuple[str, ...] = ()
    places: frozenset[Place] = frozenset()
    size: int = 0
    snippet: str = ""
