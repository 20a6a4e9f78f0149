"""Lets customers write by the simulated WhatsApp, one now and then, so that a newcomer sees messages come in and answers them."""

import threading
from collections.abc import Sequence

from connectors.whatsapp.simulator import WhatsAppSimulator
from hub.connector.simulator import Visitor

EVERY_S = 60.0  # between two messages
FIRST_S = 10.0
# What is written, and of which type; the picture is one that the simulator paints.
LETTERS = (
    ("שלום, מתי אפשר לבוא למדוד את הגינה?", "text"),
    ("This is the corner I mean.", "image"),
    ("Dzień dobry, ile kosztuje 20 metrów trawnika?", "text"),
    ("", "location"),
    ("مرحبا، هل التوصيل مجاني؟", "text"),
    ("Thank you, that is clear now.", "text"),
)


def run(
    simulator: WhatsAppSimulator, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event
) -> None:
    """Go on until `stop`: customers write, and besides somebody from an ad, and somebody who shows no number."""
    del extensions
    known = [one for one in visitors if one.email]
    people = [simulator.add_person(one.known_as, phone=one.number) for one in known]
    people.append(simulator.add_person("Yael Ben David", phone="+972502345611"))
    people.append(simulator.add_person("Omer", username="omer.garden", hides_number=True))
    number = 0
    while not stop.wait(EVERY_S if number else FIRST_S):
        text, kind = LETTERS[number % len(LETTERS)]
        person = people[number % len(people)]
        is_from_ad = person is people[-2] and number < len(people)  # only the first message after the click names it
        simulator.write(person, text, kind=kind, is_from_ad=is_from_ad)
        number += 1
