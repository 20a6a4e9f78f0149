"""A small HubSpot to try the hub against: objects, search, properties, associations and owners over TLS.

Written from HubSpot's documentation, knowing nothing of our client.
Sources: https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide,
https://developers.hubspot.com/docs/api-reference/search/guide,
https://developers.hubspot.com/docs/api-reference/error-handling
"""

from collections.abc import Sequence

from connectors.hubspot.simulated.gateway import Gateway
from connectors.hubspot.simulated.world import World
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
    "daily_limit": Fault("answers 429 of the policy DAILY", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "commit_then_timeout": Fault("does what it was told, and breaks the connection before it says so", Harm.CUT),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "token_expired": Fault("answers 401", Harm.REFUSED),
    "scope_missing": Fault("answers 403 of the category MISSING_SCOPES", Harm.LIMITED),
}
STREAMS: tuple[str, ...] = ()  # tests/unit/hubspot reads the streams, as the common suite would
# What people call so, and the texts of it that are HTML.
KEPT = {"interactions": ("calls", "emails", "meetings", "communications", "notes"), "leads": ("leads", "deals")}
SHOWN = frozenset({"hs_call_body", "hs_meeting_body", "hs_communication_body", "hs_note_body", "hs_task_body"})
PORTAL, TOKEN = "62515", "pat-na1-simulated"


class HubSpotSimulator:
    """One account; `world` is what is in it."""

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.world = World()
        self._gateway = Gateway(self.world, self.faults, TOKEN, PORTAL)
        self._serving = Serving("hubspot", port, self._answer, self.faults, lambda _: True)

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
        return {"access_token": TOKEN, "portal": PORTAL, "base_url": self._serving.url, "ca": self._serving.ca}

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
            things = [one for kind in KEPT.get(records, (records,)) for one in self.world.present(kind)]
            return [
                "\n".join(seen(value) if name in SHOWN else value for name, value in one.properties.items())
                for one in things
            ]

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._serving.cut()

    def _answer(self, request: Request) -> Answer:
        return self._gateway.handle(request)


def create(port: int, faults: Faults) -> HubSpotSimulator:
    """Make the simulator that `hub simulate hubspot` and the contract tests run."""
    return HubSpotSimulator(port, faults)
