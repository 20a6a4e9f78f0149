"""Which copies are one message: the same key in the sender's Sent folder and in every recipient's mailbox."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime

from hub.records.address import match_key
from hub.records.mail import Address, Mail

# Marks that gateways and lists put before a subject on the way: [EXTERNAL], Re:, FW:, and their like.
_MARKS = re.compile(r"(?i)^(?:\[[^\]]{1,40}\]|[\w.]{1,4}(?:\[\d{1,3}\])?\s?[:\uff1a]|\*{2,}[\w ]{1,30}\*{2,})\s*")


def same_mail_key(mail: Mail) -> str:
    """Return what all copies of one message share and no other message has; 40 letters.

    The Message-ID alone does not do: programs repeat theirs for years. Of what could stand beside it, size, Received
    and delivery time differ between copies, a gateway marks the subject (`[EXTERNAL]`) and signs the text, and Bcc
    is only in the sender's own copy. From and Date travel unchanged, so the key is Message-ID, From and Date, which
    has whole seconds. Without a usable Date, a repeated id would hide a message; there the subject stands in for it.
    """
    when = str(int(mail.sent_at.timestamp())) if mail.sent_at else bare_subject(mail.subject)
    return _digest(mail.message_id, author(mail.from_), when)


def synthesised_id(
    *, from_: Sequence[Address], to: Sequence[Address], sent_at: datetime | None, subject: str, otherwise: str
) -> str:
    """Return a message id for a mail that has none: the same for every copy, from what all copies show.

    `otherwise` is unique to one copy, such as the provider's id: it is used where there is no Date, since without one two
    mails cannot be told from two copies, and a message shown twice does less harm than one never shown.
    """
    when = str(int(sent_at.timestamp())) if sent_at else otherwise
    named = ",".join(sorted({match_key(a.address) for a in to}))
    # `.invalid` is nobody's domain, for ever: RFC 2606 section 2.
    return f"{_digest(author(from_), named, when, bare_subject(subject))}@made-up.invalid"


def author(from_: Sequence[Address]) -> str:
    """Return who wrote it, in one spelling."""
    return next((match_key(a.address) or a.name.casefold() for a in from_), "")


def bare_subject(subject: str) -> str:
    """Return a subject without what is put before it on the way."""
    while shorter := _MARKS.match(subject):
        subject = subject[shorter.end() :]
    return " ".join(subject.split()).casefold()


def _digest(*facts: str) -> str:
    return hashlib.sha256("\n".join(facts).encode("utf-8", "replace")).hexdigest()[:40]
