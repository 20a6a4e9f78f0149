"""A small Facebook to try the hub against: sign-in, pages, lead forms, leads, ads and webhooks over TLS, with faults on command.

Written from Meta's reference pages and published field lists, knowing nothing of our client.
Sources: https://developers.facebook.com/docs/graph-api and https://developers.facebook.com/docs/marketing-api/guides/lead-ads
"""

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping

from connectors.facebook.simulated.containers import CONTAINERS
from connectors.facebook.simulated.dialog import PATH as DIALOG
from connectors.facebook.simulated.doings import Doings
from connectors.facebook.simulated.gateway import Exchange, Gateway
from connectors.facebook.simulated.ledger import Conversion
from connectors.facebook.simulated.samples import ENGLISH, HEBREW, HEBREW_BOXES, MARKETING, TERMS
from connectors.facebook.simulated.world import World
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notifier
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request
from hub.connector.simulator import Container, Fault, Faults, Harm

FAULTS = {
    "expire_cursor": Fault("forgets where a listing goes on: 100 Invalid cursors values", Harm.NOISE),
    "replay_page": Fault("sends a page twice", Harm.NOISE),
    "reorder_page": Fault("sends the leads of a page in another order", Harm.NOISE),
    "empty_page": Fault("puts an empty page, with a next one, before a page", Harm.NOISE),
    "same_twice": Fault("sends one lead twice in a page", Harm.NOISE),
    "endless_page": Fault("gives the same next page again and again", Harm.CUT),
    "foreign_next": Fault("gives a next page at another host", Harm.CUT),
    "ad_fields_refused": Fault("answers 200 to whoever asks for a lead's ad", Harm.NOISE),
    "ad_fields_withheld": Fault("tells a lead without its ad", Harm.NOISE),
    "option_labels": Fault("tells the labels of what was chosen, and not the keys", Harm.NOISE),
    "late_lead": Fault("answers 100/33 to a lead that is asked for by id", Harm.CUT),
    "batch_unanswered": Fault("leaves a call of a batch without an answer", Harm.CUT),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500 with code 1", Harm.AWAY),
    "unavailable": Fault("answers 503 with code 2", Harm.AWAY),
    "transient": Fault("answers 400 with code 2, which passes", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1", Harm.AWAY),
    "leadgen_throttled": Fault("answers 400 with code 80005: come back in a minute", Harm.AWAY),
    "user_throttled": Fault("answers 400 with code 17/2446079: come back in a minute", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "commit_then_timeout": Fault("writes, and breaks the connection before it says so", Harm.CUT),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "token_expired": Fault(
        "answers 190/463 to a token that should live, except where another is asked for", Harm.REFUSED
    ),
    "revoked": Fault("answers 190/460 to every token of a person: the password was changed", Harm.REFUSED),
    "role_lost": Fault("answers 190/492 to a page's token: its owner has no role there any more", Harm.LIMITED),
    "scope_missing": Fault("answers 200: leads_retrieval was not granted", Harm.LIMITED),
    "api_disabled": Fault("answers 368: the app is blocked", Harm.LIMITED),
    "lead_access_revoked": Fault("answers 103: Leads Access Manager shuts the app out", Harm.LIMITED),
    "lead_access_revoked_200": Fault("answers 200: Leads Access Manager shuts the app out", Harm.LIMITED),
    "version_warning": Fault("warns that the version ends", Harm.NOISE),
    "version_ended": Fault("answers 2635: the version ended", Harm.DENIED),
    "no_handshake": Fault("finds that the callback does not answer", Harm.CUT),
    "dropped_notification": Fault("loses a notification", Harm.CUT),
    "duplicated_notification": Fault("sends a notification twice", Harm.NOISE),
    "delayed_notification": Fault("sends a notification a minute late", Harm.NOISE),
    "reordered_notification": Fault("sends a notification after the next one", Harm.NOISE),
    "forged_notification": Fault("signs a notification with another secret", Harm.HOSTILE),
}
STREAMS = tuple(CONTAINERS)
PERSON = "Noa Levi"


class FacebookSimulator(Doings):
    """One business with a page, and the app that reads its leads.

    What people do, `Doings` has as methods. `world` has the switches; `clock`, `notifier` are what their names say.
    """

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        super().__init__(World(self.faults))
        self.person = self.add_person(PERSON)
        self.system_user = self.add_person("Hub system user", is_system=True)
        self.account = self.add_ad_account("Green Garden")
        self.garden = self.add_page("Green Garden")
        self.hebrew = self.add_form(self.garden, "גינה חדשה", "HE_IL", HEBREW, HEBREW_BOXES)
        self.english = self.add_form(self.garden, "Garden offer", "EN_US", ENGLISH, [TERMS, MARKETING])
        self.dataset = self.add_dataset()
        self.verify_token = secrets.token_urlsafe(24)
        self._gateway = Gateway(self.world)
        self._token = ""
        self._stopping = threading.Event()
        self._serving = Serving("facebook", port, self._answer, self.faults, _is_graph)

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections. What happened before a stop is still there."""
        self._stopping.clear()
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port, self.world.base_url = self._serving.port, self._serving.url
        if not self._token:
            self._token = self.new_token(self.system_user)
        self.notifier.start()

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._stopping.set()
        self._serving.stop()
        self.notifier.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches all pages, as a system user."""
        return {
            "graph_url": self.world.base_url,
            "dialog_url": self.world.base_url,
            "version": f"v{self.world.current_version}.0",
            "ca": self._serving.ca,
            "app_id": self.world.tokens.app_id,
            "app_secret": self.world.tokens.app_secret,
            "verify_token": self.verify_token,
            "token": self._token,
        }

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start; a batch is one."""
        return self._serving.asked

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._serving.cut()

    def container(self, kind: str) -> Container:
        """A form with its leads, for a suite that knows nothing of either."""
        return CONTAINERS[kind](self)

    def page(self, size: int) -> None:
        """Give no more records at once than this, whatever is asked for."""
        self.world.page_size = size

    def _answer(self, request: Request) -> Answer:
        if DIALOG.match(request.path):
            return self.world.dialog.answer(request)
        if self.world.answer_s:
            self._stopping.wait(self.world.answer_s)
        return self._gateway.handle(request)

    # -- for tests and the demo -----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def notifier(self) -> Notifier:
        return self.world.notifier

    @property
    def conversions(self) -> list[Conversion]:
        """What datasets were told, in order."""
        return self.world.ledger.conversions

    def consent(self, asked: Mapping[str, str], *, scopes: tuple[str, ...] | None = None) -> str:
        """Let the first person say yes to the dialog with these parameters; returns where his browser is sent."""
        return self.world.dialog.allow(asked, self.person.id, scopes)

    def spent(self, page_id: str) -> Counter[str]:
        """What was asked about a page since the start or `world.usage.forget()`; inside a batch each call counts."""
        return self.world.usage.spent(page_id)

    def observe(self, observer: Callable[[Exchange], None]) -> None:
        """Show every call of Graph, and its answer, to somebody."""
        self._gateway.observers.append(observer)


def create(port: int, faults: Faults) -> FacebookSimulator:
    """Make the simulator that `hub simulate facebook` and the contract tests run."""
    return FacebookSimulator(port, faults)


def _is_graph(path: str) -> bool:
    return not DIALOG.match(path) and not path.endswith("/oauth/access_token")
