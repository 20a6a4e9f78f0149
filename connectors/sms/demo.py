"""Lets customers write text messages through the simulated gateway, one now and then."""

import threading
from collections.abc import Sequence

from connectors.sms.simulator import SmsSimulator
from hub.connector.simulator import Visitor

EVERY_S = 80.0  # between two messages
FIRST_S = 20.0
LETTERS = (
    "אני מאחר בעשר דקות",
    "Please call me back",
    "Czy mogę przełożyć wizytę na czwartek?",
    "Добрый день, адрес тот же?",
)
STRANGERS = ("+972502345612", "GardenShop")  # the second is a word: nobody can answer it


def run(simulator: SmsSimulator, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event) -> None:
    """Go on until `stop`: customers write, and in between strangers."""
    del extensions
    senders = [*(one.number for one in visitors if one.email), *STRANGERS]
    number = 0
    while not stop.wait(EVERY_S if number else FIRST_S):
        simulator.write(senders[number % len(senders)], LETTERS[number % len(LETTERS)])
        number += 1
