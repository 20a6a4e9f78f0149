"""A company without a network: what is asked is written down, and answered from a list."""

from collections.abc import Sequence
from typing import Any

from connectors.ksef.client import Client
from connectors.ksef.settings import KsefSettings
from hub.connector.checking import Alone
from hub.connector.stream import Limit

NIP = "1234563218"


def settings(**changes: Any) -> KsefSettings:
    return KsefSettings.model_validate({"nip": NIP, "token": "a-token-of-ksef", **changes})


class Spending(Alone):
    """Tools that remember what was spent, and are told when it is too much."""

    def __init__(self, spent: dict[str, int] | None = None) -> None:
        super().__init__()
        self.spent: list[tuple[str, int, int]] = []
        self.silent: list[tuple[str, float]] = []

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        self.spent += [(one.name, one.per_minute, units) for one in limits]

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        self.silent += [(one.name, retry_after) for one in limits]


class Scripted(Client):
    """Answers what stands in its lists."""

    def __init__(self, made: KsefSettings, *, lists: Sequence[Any] = (), packages: Sequence[Any] = ()) -> None:
        super().__init__(made, Spending())
        self.lists, self.packages = list(lists), list(packages)
        self.asked: list[dict[str, Any]] = []
        self.ordered: list[dict[str, Any]] = []

    def metadata(self, asked: dict[str, Any], *, offset: int = 0, size: int = 10) -> dict[str, Any]:
        self.asked.append({**asked, "offset": offset, "size": size})
        return self._next(self.lists)

    def order(self, asked: dict[str, Any]) -> str:
        self.ordered.append(asked["filters"])
        return f"package-{len(self.ordered)}"

    def package(self, number: str) -> dict[str, Any]:
        del number
        return self._next(self.packages)

    @staticmethod
    def _next(answers: list[Any]) -> dict[str, Any]:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        told: dict[str, Any] = found
        return told
