"""Which fields a model has: asked for once an hour for all that read a database, and anew when one turns out to be gone."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

GOOD_FOR_S = 3600.0
MOST = 500  # models of databases that are remembered
_Ask = Callable[[list[str]], Mapping[str, Any]]


@dataclass(slots=True)
class _Model:
    known_until: float
    fields: dict[str, bool] = field(default_factory=dict)  # by name, whether there is one


class Schema:
    """What is remembered of all models; nothing is lost with it."""

    def __init__(self) -> None:
        self._models: dict[tuple[str, str], _Model] = {}
        self._lock = threading.Lock()

    def there(self, place: str, model: str, names: Iterable[str], ask: _Ask) -> tuple[str, ...]:
        """Return those of some fields that a model has.

        Args:
            place: server, database and user, in one word.
            ask: says which of some fields there are.
        """
        wanted = tuple(names)
        known = self._model(place, model)
        if unknown := [name for name in wanted if name not in known.fields]:
            found = ask(unknown)
            known.fields.update({name: name in found for name in unknown})
        return tuple(name for name in wanted if known.fields[name])

    def forget(self, place: str, model: str) -> None:
        """Ask anew: the model turned out to be another one."""
        with self._lock:
            self._models.pop((place, model), None)

    def _model(self, place: str, model: str) -> _Model:
        with self._lock:
            known = self._models.get((place, model))
            if known is None or known.known_until < time.monotonic():
                if len(self._models) >= MOST:
                    self._models.clear()
                known = self._models[place, model] = _Model(time.monotonic() + GOOD_FOR_S)
            return known


SCHEMA = Schema()
