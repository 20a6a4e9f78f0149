"""Work of several threads done at once: whoever comes while some is being done goes with the next lot.

A burst of small requests costs a transaction for each lot and not for each request, and whoever comes alone waits for
nobody. What is done for a request begins after the request came, so nobody gets an answer from before.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Given = TypeVar("Given")


@dataclass(slots=True, eq=False)
class _Place(Generic[Asked, Given]):
    """One request, and what became of it. `sleeps` is held until it is done, or until it is its turn to do all that wait."""

    asked: Asked
    sleeps: threading.Lock = field(default_factory=threading.Lock)
    is_done: bool = False
    given: Given | None = None
    fault: BaseException | None = None


class Together(Generic[Asked, Given]):
    """Does what is asked of it, as much at once as there is.

    Args:
        run: does all of some requests; returns what each gets, in their order. Where it fails with several, each is done
            by itself, so that one holds up no other.
    """

    def __init__(self, run: Callable[[Sequence[Asked]], Sequence[Given]]) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._waiting: list[_Place[Asked, Given]] = []
        self._is_busy = False

    def do(self, asked: Asked) -> Given:
        """Do one thing, with whatever else waits.

        Raises:
            Exception: whatever `run` raises for this one.
        """
        place: _Place[Asked, Given] = _Place(asked)
        place.sleeps.acquire()
        with self._lock:
            self._waiting.append(place)
            is_first, self._is_busy = not self._is_busy, True
        if not is_first:
            place.sleeps.acquire()  # until somebody wakes exactly this one
        if not place.is_done:
            self._do()
        if place.fault is not None:
            raise place.fault
        return place.given  # type: ignore[return-value]  # it is done, and without a fault

    def _do(self) -> None:
        """Do all that wait, and wake them and whoever does the next ones."""
        with self._lock:
            lot, self._waiting = self._waiting, []
        try:
            self._all(lot)
        finally:
            with self._lock:
                self._is_busy = bool(self._waiting)
                following = self._waiting[:1]
            for place in lot:
                place.is_done = True
            for place in (*lot, *following):
                place.sleeps.release()

    def _all(self, lot: Sequence[_Place[Asked, Given]]) -> None:
        try:
            for place, given in zip(lot, self._run([one.asked for one in lot]), strict=True):
                place.given = given
        except BaseException as fault:  # noqa: BLE001 - it is for those who asked
            if len(lot) == 1 or not isinstance(fault, Exception):
                for place in lot:
                    place.fault = fault
                return
            for place in lot:
                self._all([place])
