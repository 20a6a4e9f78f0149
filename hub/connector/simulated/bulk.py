"""Years of mail for a simulated mailbox: thousands of messages that are only written when somebody reads them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parseaddr
from sys import intern

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
_THREAD = 3  # messages in a conversation with somebody who matters
_DAY_MS = 86_400_000


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


@dataclass(frozen=True, slots=True)
class Planned:
    """One message of a mailbox that is filled."""

    recipe: Recipe
    envelope: Envelope
    sent: bool  # by the owner
    matches: bool  # with somebody who matters


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fill a mailbox with: messages spread evenly over the days before a moment.

    `matching_count` of them are with the people of `matching` (as `Name <address>` or address), in turn, received and
    sent, in threads of three; the others come from shops that nobody knows.
    """

    owner: str  # as `Name <address>`
    count: int
    now_ms: int
    matching: Sequence[str] = ()
    matching_count: int = 0
    seed: int = 1
    days: int = 365

    def messages(self) -> Iterator[Planned]:
        """Yield the messages, oldest first; an answer after what it answers."""
        dice = random.Random(self.seed)  # noqa: S311 - demo data, the same in every run
        writer = _Writer(self.owner)
        chosen, turn = self.matching_count if self.matching else 0, 0
        for number in range(self.count):
            at_ms = self.now_ms - (self.count - number) * self.days * _DAY_MS // max(self.count, 1)
            if (number + 1) * chosen // self.count > number * chosen // self.count:
                other = self.matching[turn // _THREAD % len(self.matching)]
                yield writer.write(number, at_ms, other, sent=turn % _THREAD == 1, matches=True)
                turn += 1
            else:
                shop = dice.randrange(200)
                yield writer.write(number, at_ms, f"Shop {shop} <news@shop{shop}.example>", sent=False, matches=False)


class _Writer:
    """Writes to one owner; people who occur again are one object."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._people: dict[tuple[str, str], tuple[Participant, ...]] = {}
        self._last: dict[str, tuple[Recipe, int]] = {}

    def write(self, number: int, at_ms: int, other: str, *, sent: bool, matches: bool) -> Planned:
        sender, receiver = (self._owner, other) if sent else (other, self._owner)
        before, length = self._last.pop(other, (None, 0)) if matches else (None, 0)
        subject = (
            f"Re: {before.subject.removeprefix('Re: ')}" if before else f"{_SUBJECTS[number % len(_SUBJECTS)]} {number}"
        )
        answers = before.message_id if before else ""
        recipe = Recipe(
            number, at_ms, sender, receiver, intern(subject), f"<bulk-{number}.{at_ms}@mail.example>", answers
        )
        if matches and length + 1 < _THREAD:
            self._last[other] = (recipe, length + 1)
        refers_to = (answers,) if answers else ()
        envelope = Envelope(self._participants(sender, receiver), recipe.subject, recipe.message_id, refers_to)
        return Planned(recipe, envelope, sent, matches)

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
