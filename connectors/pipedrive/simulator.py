"""A small Pipedrive to try the hub against: people, organisations, activities, notes, leads, deals and users over TLS.

Written from Pipedrive's documentation and published schema, knowing nothing of our client.
Sources: https://developers.pipedrive.com/docs/api/v1, https://github.com/pipedrive/client-nodejs/tree/master/src/versions
"""

from collections.abc import Sequence

from connectors.pipedrive.simulated.account import AccountOfUsers
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.seen import seen
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request
from hub.connector.simulator import Fault, Faults, Harm

FAULTS = {
    "reorder_page": Fault("sends the objects of a page in another order", Harm.NOISE),
    "endless_page": Fault("sends the same next page again and again", Harm.CUT),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500", Harm.AWAY),
    "unavailable": Fault("answers 503", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1", Harm.AWAY),
    "daily_limit": Fault("answers 429: the day's budget is spent", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "commit_then_timeout": Fault("does what it was told, and breaks the connection before it says so", Harm.CUT),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "token_expired": Fault("answers 401", Harm.REFUSED),
    "scope_missing": Fault("answers 403", Harm.LIMITED),
    "api_disabled": Fault("answers 402: the subscription ended", Harm.LIMITED),
}
STREAMS: tuple[str, ...] = ()  # tests/unit/pipedrive reads the streams, as the common suite would
# What people call so, which of them are to be done, and the texts that are HTML.
KEPT = {
    "interactions": ("activities", "notes"), "leads": ("leads", "deals"), "tasks": ("activities",), "contacts": ("persons",),
    "companies": ("organizations",),
}  # fmt: skip
TASKS, SHOWN = frozenset({"task", "deadline"}), frozenset({"note", "content"})
TOKEN = "simulated-token"  # noqa: S105 - of a simulator


class PipedriveSimulator:
    """One account; `world` is what is in it."""

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.world = AccountOfUsers(self.faults, TOKEN)
        self._serving = Serving("pipedrive", port, self._answer, self.faults, lambda _: True)

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections. What was before a stop is still there."""
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port = self._serving.port

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._serving.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches this simulator."""
        return {"api_token": TOKEN, "base_url": self._serving.url, "ca": self._serving.ca}

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._serving.asked

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def kept(self, records: str) -> Sequence[str]:
        """Return each record of a kind that is there, as the text that a person sees of it."""
        with self.world.lock:
            found = [one for kind in KEPT[records] for one in self.world.present(kind)]
            if records in ("interactions", "tasks"):
                found = [one for one in found if (one.get("type") in TASKS) is (records == "tasks")]
            shown = [{name: seen(value) if name in SHOWN else value for name, value in one.items()} for one in found]
            return ["\n".join(str(value) for value in one.values()) for one in shown]

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._serving.cut()

    def _answer(self, request: Request) -> Answer:
        return self.world.handle(request)


def create(port: int, faults: Faults) -> PipedriveSimulator:
    """Make the simulator that `hub simulate pipedrive` and the contract tests run."""
    return PipedriveSimulator(port, faults)
