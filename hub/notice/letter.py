"""A notice as the bytes that travel, marked as what a machine wrote, whichever way it goes."""

from hub.mail.compose import Composed, Letter, compose
from hub.notice.carrier import Message
from hub.records.mail import Address
from hub.settings import Settings

# Tell programs that answer by themselves (vacation) not to. Sources: RFC 3834 section 5.1 and, for Exchange,
# https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmail/ced68690-498a-4567-9d14-5c01f974d8b1
_AUTOMATIC = b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\n"
LONGEST_NAME = 100


def composed(message: Message, sender: Address) -> Composed:
    """Return the mail of a message: the same each time, so that it has one Message-ID.

    Raises:
        UserError: it cannot be sent to such an address.
    """
    letter = Letter(sender, (message.to,), message.subject, message.text, message.html)
    made = compose(letter, key=message.key, domain=sender.address.rpartition("@")[2], at=message.at)
    return Composed(_AUTOMATIC + made.raw, made.message_id)


def own_name(settings: Settings) -> str:
    """Return whom mails of the hub are from."""
    return "".join(c for c in settings.hub.name if c.isprintable())[:LONGEST_NAME]
