"""How a process tells workers to look: its own threads, or with a broker those of any process."""

from typing import Protocol

from hub.settings import Settings
from hub.work.worker import Trigger


class Carrier(Trigger, Protocol):
    """A trigger that may be opened before there are workers, and in processes that never have any."""

    def deliver_to(self, workers: Trigger) -> None:
        """Pass what is announced on to the workers of this process."""

    def close(self) -> None:
        """Stop passing on."""


class OwnWorkers:
    """Reaches the workers of this process alone; those of others find the row when they next look."""

    def __init__(self) -> None:
        self._workers: Trigger | None = None

    def notify(self, kind: str) -> None:
        if self._workers is not None:
            self._workers.notify(kind)

    def deliver_to(self, workers: Trigger) -> None:
        self._workers = workers

    def close(self) -> None:
        self._workers = None


def open_trigger(settings: Settings) -> Carrier:
    """Return the trigger that `work.broker` names."""
    if not settings.work.broker:
        return OwnWorkers()
    from hub.work.celery_trigger import CeleryTrigger  # noqa: PLC0415 - slow to import, and most hubs have no broker

    return CeleryTrigger(settings.work.broker)
