"""Lets customers write and meet in the simulated Google, one after the other, so that a newcomer sees mail come in."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.google.simulator import GoogleSimulator
from hub.connector.simulated.letters import Letter, Turn, turns
from hub.connector.simulator import Visitor

EVERY_S = 45.0  # between two events
FIRST_S = 5.0
ZONE = "Asia/Jerusalem"

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
    address = simulator.users[-1].address
    for turn in turns(visitors, LETTERS, stop, first_s=FIRST_S, every_s=EVERY_S):
        if not turn.number:
            _meet(simulator, address, [one.email for one in visitors if one.email])
        _write(simulator, address, turn)


def _write(simulator: GoogleSimulator, address: str, turn: Turn) -> None:
    message_id, letter = f"<demo-{turn.number}@example.com>", turn.letter
    simulator.deliver(address, from_=turn.customer, subject=letter.subject, body=letter.body, message_id=message_id)
    stranger = STRANGERS[turn.number % len(STRANGERS)]
    simulator.deliver(address, from_=stranger, subject="News", body="Nothing for the hub.")
    simulator.user(address).mail.send(
        to=[turn.customer],
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
