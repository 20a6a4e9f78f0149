"""Lets customers write and meet in the simulated Microsoft 365, one after the other, so that a newcomer sees mail come in."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulated.letters import Letter, Turn, turns
from hub.connector.simulator import Visitor

EVERY_S = 50.0  # between two events
FIRST_S = 8.0
ZONE = "Asia/Jerusalem"  # in which his mailbox keeps time

LETTERS = (
    Letter("Spare parts", "Hello,\n\ndo you have the parts of last year?\n", "Hello,\n\nyes, twelve of them.\n"),
    Letter("تأكيد الطلب", "مرحبا،\n\nمتى يصل طلبنا؟\n", "مرحبا،\n\nيوم الخميس.\n"),
    Letter("Reklamacja", "Dzień dobry,\n\njedna sztuka jest uszkodzona.\n", "Dzień dobry,\n\nwyślemy nową.\n"),
)
STRANGERS = ("offers@travel.example", "club@sport.example")


def prepare(simulator: MicrosoftSimulator, address: str, name: str) -> dict[str, str]:
    """Open a mailbox for somebody; returns the settings with which it is read."""
    simulator.add_user(address, name)
    return {"address": address, "refresh_token": simulator.oauth.grant(address), "every_s": "15", "contacts": "false"}


def run(
    simulator: MicrosoftSimulator, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event
) -> None:
    """Go on until `stop`: customers write, are answered, and meet; strangers write too, and are left alone."""
    del extensions
    address = simulator.users[-1].address
    for turn in turns(visitors, LETTERS, stop, first_s=FIRST_S, every_s=EVERY_S):
        if not turn.number:
            _meet(simulator, address, [one.email for one in visitors if one.email])
        _write(simulator, address, turn)


def _write(simulator: MicrosoftSimulator, address: str, turn: Turn) -> None:
    box, letter = simulator.user(address).mail, turn.letter
    came = box.receive(from_=turn.customer, subject=letter.subject, body=letter.body)
    box.receive(from_=STRANGERS[turn.number % len(STRANGERS)], subject="News", body="Nothing for the hub.")
    message_id = came.envelope.message_id
    box.send(
        to=[turn.customer],
        subject=f"Re: {letter.subject}",
        body=letter.answer,
        headers={"In-Reply-To": message_id, "References": message_id},
    )
    box.read(came.key)


def _meet(simulator: MicrosoftSimulator, address: str, customers: Sequence[str]) -> None:
    calendars = simulator.user(address).calendars
    tomorrow = simulator.clock.now().astimezone(ZoneInfo(ZONE)) + timedelta(days=1)
    begin = tomorrow.replace(hour=12, minute=0, second=0, microsecond=0)
    for number, customer in enumerate(customers[:2]):
        at = begin + timedelta(hours=3 * number)
        series: dict[str, Any] = {"recurrence": _weekly(at.strftime("%A").lower(), f"{at:%Y-%m-%d}")} if number else {}
        calendars.insert(
            subject=("Presentation", "Weekly review")[number],
            start=at,
            end=at + timedelta(minutes=45),
            attendees=[customer],
            **series,
        )


def _weekly(day: str, begin: str) -> dict[str, Any]:
    """Once a week without end, as Graph says it."""
    return {
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [day], "firstDayOfWeek": "sunday"},
        "range": {"type": "noEnd", "startDate": begin},
    }
