"""A mailbox with years in it: thousands of messages that are only written when somebody reads them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from sys import intern

from connectors.google.simulated.mailbox import Letter, Mailbox
from hub.connector.simulated.mime import Envelope, Participant

_SUBJECTS = (
    "Offer", "Order", "Delivery", "Invoice question", "Meeting notes", "Price list", "Contract", "Next steps",
    "Samples", "Support request",
)  # fmt: skip
_LINES = (
    "Thank you for the talk this morning.", "Please find our answers below.", "The delivery left the warehouse today.",
    "Could you send the updated price list?", "We would like to meet next week.", "The contract is ready to be signed.",
    "Our technician found the cause.", "Let us know if Tuesday suits you.",
)  # fmt: skip
_LABELS_IN = frozenset({"INBOX", "CATEGORY_PERSONAL"})
_LABELS_OUT = frozenset({"SENT"})
_THREAD = 3  # messages in a conversation with somebody who matters


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a message is written, always the same way."""

    number: int
    at_ms: int
    sender: str
    receiver: str
    subject: str
    message_id: str
    answers: str  # the Message-ID before it in the thread

    def raw(self) -> bytes:
        dice = random.Random(self.number)  # noqa: S311 - demo text, the same in every run
        lines = "\r\n".join(dice.choice(_LINES) for _ in range(dice.randrange(3, 12)))
        thread = f"In-Reply-To: {self.answers}\r\nReferences: {self.answers}\r\n" if self.answers else ""
        date = format_datetime(datetime.fromtimestamp(self.at_ms / 1000, UTC))
        return (
            f"From: {self.sender}\r\nTo: {self.receiver}\r\nSubject: {self.subject}\r\nDate: {date}\r\n"
            f"Message-ID: {self.message_id}\r\n{thread}MIME-Version: 1.0\r\n"
            f'Content-Type: text/plain; charset="utf-8"\r\n\r\n{lines}\r\n'
        ).encode()


class _Writer:
    """Writes letters into one mailbox; people who occur again are one object."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._people: dict[tuple[str, str], tuple[Participant, ...]] = {}
        self._last: dict[str, tuple[Letter, int]] = {}

    def write(self, number: int, at_ms: int, other: str, *, sent: bool, threaded: bool) -> Letter:
        own = f"{self._mailbox.name} <{self._mailbox.address}>"
        sender, receiver = (own, other) if sent else (other, own)
        before, length = self._last.get(other, (None, 0)) if threaded else (None, 0)
        subject = f"Re: {before.envelope.subject.removeprefix('Re: ')}" if before else self._subject(number)
        answers = before.envelope.message_id if before else ""
        recipe = Recipe(
            number, at_ms, sender, receiver, intern(subject), f"<bulk-{number}.{at_ms}@mail.example>", answers
        )
        letter = Letter(
            id=self._mailbox.new_id(),
            thread_id="",
            labels=_LABELS_OUT if sent else _LABELS_IN,
            at_ms=at_ms,
            size=len(recipe.raw()),
            envelope=Envelope(
                self._participants(sender, receiver), recipe.subject, recipe.message_id, (answers,) if answers else ()
            ),
            source=recipe,
        )
        letter.thread_id = before.thread_id if before else letter.id
        self._mailbox.keep(letter)
        if threaded:
            if length + 1 < _THREAD:
                self._last[other] = (letter, length + 1)
            else:
                self._last.pop(other, None)
        return letter

    def _subject(self, number: int) -> str:
        return f"{_SUBJECTS[number % len(_SUBJECTS)]} {number}"

    def _participants(self, sender: str, receiver: str) -> tuple[Participant, ...]:
        key = (sender, receiver)
        if key not in self._people:
            from_name, from_address = parseaddr(sender)
            to_name, to_address = parseaddr(receiver)
            self._people[key] = (
                Participant("from", from_address.lower(), from_name),
                Participant("to", to_address.lower(), to_name),
            )
        return self._people[key]


def fill(
    mailbox: Mailbox,
    count: int,
    *,
    matching: Sequence[str] = (),
    matching_count: int = 0,
    seed: int = 1,
    days: int = 365,
) -> list[str]:
    """Put `count` old messages into a mailbox, spread evenly over the last `days`, without a line in its history.

    `matching_count` of them are with the people of `matching` (as `Name <address>` or address), in turn, received and
    sent, in threads of three; the others come from shops that nobody knows.

    Returns:
        The ids of the matching messages, oldest first.
    """
    dice = random.Random(seed)  # noqa: S311 - demo data, the same in every run
    with mailbox.lock:
        writer, now_ms = _Writer(mailbox), mailbox.clock.ms()
        found: list[str] = []
        chosen = matching_count if matching else 0
        for number in range(count):
            at_ms = now_ms - (count - number) * days * 86_400_000 // max(count, 1)
            if (number + 1) * chosen // count > number * chosen // count:
                turn = len(found)
                other = matching[turn // _THREAD % len(matching)]
                letter = writer.write(number, at_ms, other, sent=turn % _THREAD == 1, threaded=True)
                found.append(letter.id)
            else:
                shop = dice.randrange(200)
                writer.write(number, at_ms, f"Shop {shop} <news@shop{shop}.example>", sent=False, threaded=False)
        mailbox.expire_history()
        return found
