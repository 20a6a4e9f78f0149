"""Lets customers write and meet in the simulated Google, one after the other, so that a newcomer sees mail come in."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.google.simulator import GoogleSimulator
from hub.connector.simulator import Visitor

EVERY_S = 45.0  # between two events
FIRST_S = 5.0
ZONE = "Asia/Jerusalem"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a customer writes, and what is answered."""

    subject: str
    body: str
    answer: str


LETTERS = (
    Letter("Delivery date", "Hello,\n\nwhen will our order arrive?\n", "Hello,\n\non Thursday morning.\n"),
    Letter("הצעת מחיר", "שלום,\n\nאפשר לקבל הצעת מחיר לעשר יחידות?\n", "שלום,\n\nההצעה בדרך.\n"),
    Letter("Faktura", "Dzień dobry,\n\nproszę o duplikat faktury.\n", "Dzień dobry,\n\nprzesyłam.\n"),
)
STRANGERS = ("newsletter@shop.example", "friend@private.example")


def prepare(simulator: GoogleSimulator, address: str, name: str) -> dict[str, str]:
    """Open a mailbox for somebody; returns the settings with which it is read."""
    simulator.add_user(address, name, address.partition("@")[2])
    return {"address": address, "refresh_token": simulator.oauth.grant(address), "every_s": "15", "contacts": "false"}


def run(
    simulator: GoogleSimulator, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event
) -> None:
    """Go on until `stop`: customers write, are answered, and meet; strangers write too, and are left alone."""
    del extensions
    customers = [one.email for one in visitors if one.email]
    address = next(user.address for user in reversed(simulator.users))
    if not customers or stop.wait(FIRST_S):
        return
    _meet(simulator, address, customers)
    turn = 0
    while True:
        _write(simulator, address, customers[turn % len(customers)], LETTERS[turn % len(LETTERS)], turn)
        turn += 1
        if stop.wait(EVERY_S):
            return


def _write(simulator: GoogleSimulator, address: str, customer: str, letter: Letter, turn: int) -> None:
    message_id = f"<demo-{turn}@example.com>"
    simulator.deliver(address, from_=customer, subject=letter.subject, body=letter.body, message_id=message_id)
    simulator.deliver(address, from_=STRANGERS[turn % len(STRANGERS)], subject="News", body="Nothing for the hub.")
    simulator.user(address).mail.send(
        to=[customer],
        subject=f"Re: {letter.subject}",
        body=letter.answer,
        headers={"In-Reply-To": message_id, "References": message_id},
    )


def _meet(simulator: GoogleSimulator, address: str, customers: Sequence[str]) -> None:
    calendar = simulator.user(address).calendar()
    tomorrow = simulator.clock.now().astimezone(ZoneInfo(ZONE)) + timedelta(days=1)
    begin = tomorrow.replace(hour=10, minute=0, second=0, microsecond=0)
    for number, customer in enumerate(customers[:2]):
        at = begin + timedelta(hours=3 * number)
        series: dict[str, Any] = {"recurrence": ["RRULE:FREQ=WEEKLY"]} if number else {}
        calendar.insert(
            summary=("Offer", "Weekly call")[number],
            start={"dateTime": at.isoformat(), "timeZone": ZONE},
            end={"dateTime": (at + timedelta(minutes=45)).isoformat(), "timeZone": ZONE},
            attendees=[{"email": customer}],
            **series,
        )
