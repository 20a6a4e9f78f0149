"""Wait for Ctrl-C or the word of whoever runs us."""

import queue
import signal
from collections.abc import Callable


def until_told() -> Callable[[], None]:
    """Take over SIGINT and SIGTERM; returns what waits for one of them.

    An event would not do: a signal that comes while it is being waited for finds its lock taken, by the same thread.
    """
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda caught, _: told.put(caught))

    def wait() -> None:
        told.get()

    return wait
