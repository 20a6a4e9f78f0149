"""Correspondence of a demo: what customers write and what they are answered, one letter after the other."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hub.connector.simulator import Visitor


@dataclass(frozen=True, slots=True)
class Letter:
    """What a customer writes, and what is answered."""

    subject: str
    body: str
    answer: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is to write, and what."""

    number: int
    customer: str
    letter: Letter


def turns(
    visitors: Sequence[Visitor], letters: Sequence[Letter], stop: threading.Event, *, first_s: float, every_s: float
) -> Iterator[Turn]:
    """Yield turns with pauses before each, until `stop`; none where no visitor has an address."""
    customers = [one.email for one in visitors if one.email]
    number = 0
    while customers and not stop.wait(every_s if number else first_s):
        yield Turn(number, customers[number % len(customers)], letters[number % len(letters)])
        number += 1
