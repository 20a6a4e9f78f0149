"""How a notice leaves the hub: a port. One way is SMTP (send.py); connected mailboxes are another (mailbox.py)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hub.errors import RetryLaterError
from hub.records.mail import Address

Said = Callable[[str, str], None]
"""Told each step, and what came of it."""


def unheard(_step: str, _answer: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Message:
    """A mail of the hub's own to one person; the carrier adds whom it is from."""

    key: str  # idempotency key: the same message has the same one however often it is carried
    to: Address
    subject: str
    text: str
    html: str
    at: datetime  # when it was made; also the same each time
    again: bool = False  # an earlier try may have brought it, but not before `at`


class UnansweredError(RetryLaterError):
    """The mail was handed over and no answer came: it may have arrived, and is sent once more under the same id."""


class Carrier(Protocol):
    """Takes a message to its receiver, or to something that will."""

    @property
    def remembers(self) -> bool:
        """Whether it finds what it carried before: a try whose answer was lost then makes no second mail."""

    def carry(self, message: Message) -> None:
        """Carry it; called outside any transaction. A key that was carried before must not make a second mail.

        Raises:
            RejectedError, UserError: never, for this reason.
            UnansweredError: nobody knows whether it went.
            RetryLaterError: it certainly did not go; later it may.
        """
