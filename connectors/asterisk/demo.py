"""Lets people call the simulated exchange, one after the other, so that a newcomer sees calls ring in."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from connectors.asterisk.simulated_pbx import SimCall
from connectors.asterisk.simulator import AsteriskSimulator
from hub.connector.simulator import Visitor

# Numbers that nobody has: Ofcom's for drama and NANPA's 555-01xx.
# Source: https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama
VISITORS = (
    Visitor("+442079460123"),
    Visitor("+447700900456"),
    Visitor("+12025550143"),
    Visitor("+441632960234"),
    Visitor("anonymous"),
)


@dataclass(frozen=True, slots=True)
class Day:
    """How a demo day goes: who calls, whom they reach, and how fast it all is."""

    visitors: Sequence[Visitor] = VISITORS
    extensions: Sequence[str] = ("101", "102", "103")
    did: str = "5550100"
    queue: str = "support"
    queue_did: str = "5550200"
    every_s: float = 20.0  # between the beginnings of two calls
    ring_s: float = 6.0
    talk_s: float = 25.0
    consult_s: float = 5.0  # of talk before a transfer
    grace_s: float = 10.0  # before a call that somebody changed by the card is ended for good
    # What becomes of a call, and how often of a hundred.
    fates: dict[str, int] = field(
        default_factory=lambda: {
            "answered": 50,
            "transferred": 10,
            "queue": 15,
            "missed": 10,
            "abandoned": 10,
            "busy": 5,
        }
    )


def run(
    simulator: AsteriskSimulator, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event
) -> None:
    """Let the visitors, or numbers that nobody has, call these extensions until `stop`."""
    plain = Day()
    play(simulator, replace(plain, visitors=visitors or VISITORS, extensions=extensions or plain.extensions), stop)


def play(simulator: AsteriskSimulator, day: Day, stop: threading.Event, *, seed: int | None = None) -> None:
    """Let somebody call every `every_s` seconds until `stop`. What agents do meanwhile (hang up, transfer) is obeyed."""
    chance = random.Random(seed)  # noqa: S311 - who calls next is no secret
    simulator.pbx.extensions.update(day.extensions)
    simulator.pbx.queues[day.queue] = list(day.extensions)
    turn = chance.randrange(len(day.visitors))
    while not stop.is_set():
        caller = day.visitors[turn % len(day.visitors)]
        turn += 1
        fate = chance.choices(list(day.fates), list(day.fates.values()))[0]
        one_call(simulator, day, caller, fate, chance)
        stop.wait(day.every_s)


def one_call(simulator: AsteriskSimulator, day: Day, caller: Visitor, fate: str, chance: random.Random) -> SimCall:
    """Let one caller ring, and plan what becomes of it."""
    in_queue = fate in ("queue", "abandoned")
    agent, colleague = chance.sample(list(day.extensions), 2) if len(day.extensions) > 1 else (day.extensions[0],) * 2
    call = simulator.ring(
        caller=caller.number,
        name=caller.name,
        did=day.queue_did if in_queue else day.did,
        extensions=day.extensions,
        queue=day.queue if in_queue else "",
        busy=day.extensions if fate == "busy" else (),
    )
    picked_up = day.ring_s * chance.uniform(0.6, 1.2)
    over = picked_up + day.talk_s * chance.uniform(0.5, 1.5)
    ends = chance.choice(["caller", "agent"])
    match fate:
        case "busy":
            simulator.later(1.0, call.give_up)
        case "missed":
            simulator.later(day.ring_s * 2, lambda: None if call.talking else call.give_up())
        case "abandoned":
            simulator.later(picked_up, lambda: None if call.talking else call.hangup())
        case "transferred" if agent != colleague:
            simulator.later(picked_up, lambda: call.answer(agent))
            simulator.later(picked_up + day.consult_s, lambda: call.transfer(colleague))
            simulator.later(picked_up + day.consult_s + day.ring_s / 2, lambda: call.answer(colleague))
            simulator.later(over + day.grace_s, lambda: call.hangup(ends))
        case _:
            simulator.later(picked_up, lambda: call.answer(agent))
            simulator.later(over, lambda: call.hangup(ends))
    # An agent may have transferred the call by the card: somebody picks up there too, and it ends some day.
    simulator.later(over + day.ring_s, lambda: call.answer() if call.ringing and not call.talking else None)
    simulator.later(over + day.ring_s + day.talk_s + day.grace_s, lambda: None if call.ended else call.hangup())
    return call
