"""Life in the simulated Microsoft 365, as a newcomer sees it."""

import threading

from connectors.microsoft import demo
from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulator import Visitor

ME = "me@demo.example"
VISITORS = [Visitor("1", "Anna", "anna@x.example"), Visitor("2", "Nobody"), Visitor("3", "Boris", "boris@x.example")]


class After(threading.Event):
    """Is set after so many pauses, without waiting."""

    def __init__(self, pauses: int) -> None:
        super().__init__()
        self.left, self.pauses = pauses, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout or 0)
        self.left -= 1
        return self.left < 0


def test_customers_write_are_answered_and_meet(microsoft: MicrosoftSimulator) -> None:
    settings = demo.prepare(microsoft, ME, "Me Myself")
    stop = After(3)
    demo.run(microsoft, VISITORS, ["101"], stop)
    user = microsoft.user(ME)
    inbox = user.mail.inside(user.mail.folder("inbox"))
    assert settings["address"] == ME
    assert stop.pauses == [demo.FIRST_S, demo.EVERY_S, demo.EVERY_S, demo.EVERY_S]
    customers = [one.sender for one in inbox if one.sender.endswith("@x.example")]
    assert customers == ["anna@x.example", "boris@x.example", "anna@x.example"]
    assert {one.sender for one in inbox} >= set(demo.STRANGERS)
    answers = [post.recipients for post in microsoft.sent if b"Subject: Re:" in post.raw or b"=?utf-8?" in post.raw]
    assert answers == [("anna@x.example",), ("boris@x.example",), ("anna@x.example",)]
    assert [one["type"] for one in user.calendars.events()] == ["singleInstance", "seriesMaster"]


def test_without_customers_nothing_happens(microsoft: MicrosoftSimulator) -> None:
    demo.prepare(microsoft, ME, "Me Myself")
    demo.run(microsoft, [Visitor("2", "Nobody")], [], After(3))
    assert microsoft.user(ME).mail.messages == {}
