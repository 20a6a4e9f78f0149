"""A small QuickBooks Online to try the hub against: sign-in, queries, change data capture, reports and webhooks over TLS.

Written from Intuit's published schema and documentation, knowing nothing of our client. Only reads are answered; whatever
else comes is refused, and listed in `world.refused`.
Sources: https://github.com/intuit/QuickBooks-V3-PHP-SDK/tree/master/src/XSD,
https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api
"""

from collections.abc import Callable, Mapping

from connectors.quickbooks.simulated.containers import CONTAINERS
from connectors.quickbooks.simulated.doings import Doings
from connectors.quickbooks.simulated.gateway import Exchange, Gateway
from connectors.quickbooks.simulated.oauth import AUTHORIZE, TOKEN, is_sign_in
from connectors.quickbooks.simulated.webhooks import Webhooks
from connectors.quickbooks.simulated.world import World
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notifier
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request
from hub.connector.simulator import Container, Fault, Faults, Harm

FAULTS = {
    "expire_cursor": Fault("finds a question for changes more than 30 days old", Harm.NOISE),
    "replay_page": Fault("answers a question for the next page with the page before", Harm.NOISE),
    "reorder_page": Fault("sends the objects of a page in another order", Harm.NOISE),
    "empty_page": Fault("answers a query with an empty page, although there is more", Harm.NOISE),
    "endless_page": Fault("sends the same page again and again, or says that there are too many changes", Harm.CUT),
    "cut_page": Fault("leaves out the second half of a page", Harm.NOISE),
    "float_noise": Fault("writes amounts as binary floats show them: 115.49999999999999", Harm.NOISE),
    "unknown_enum": Fault("uses words and members that the schema does not know", Harm.NOISE),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500 with code 10000", Harm.AWAY),
    "unavailable": Fault("answers 503", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "token_expired": Fault("answers 401 to an access token that should live", Harm.REFUSED),
    "revoked": Fault("answers invalid_grant to whoever asks for a new access token", Harm.REFUSED),
    "disconnected": Fault("the company took the app's permission away: 401, and no new token", Harm.REFUSED),
    "scope_missing": Fault("answers 5020: the person who connected may not read this", Harm.LIMITED),
    "api_disabled": Fault("answers 6190: the company's subscription ended", Harm.LIMITED),
    "dropped_notification": Fault("loses a notification", Harm.CUT),
    "duplicated_notification": Fault("sends a notification twice", Harm.NOISE),
    "delayed_notification": Fault("sends a notification a minute late", Harm.NOISE),
    "reordered_notification": Fault("sends a notification after the next one", Harm.NOISE),
    "forged_notification": Fault("signs a notification with another word", Harm.HOSTILE),
}
STREAMS = ("invoices",)  # the others are read in the same way; `container` knows them all
REALM, NAME = "9341453907654321", "Green Garden Ltd"


class QuickBooksSimulator:
    """One app and one company; what people do in its books, `people` has as methods.

    `world` has the switches; `clock`, `webhooks`, `notifier` are what their names say.
    """

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.world = World(self.faults)
        self.people: Doings = self.world.found(REALM, NAME)
        self._gateway = Gateway(self.world)
        self._refresh_token = ""
        self._serving = Serving("quickbooks", port, self._answer, self.faults, _is_api)

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections. What happened before a stop is still there."""
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port, self.world.base_url = self._serving.port, self._serving.url
        if not self._refresh_token:
            self._refresh_token = self.world.oauth.grant(REALM)
        self.notifier.start()

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._serving.stop()
        self.notifier.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches the first company."""
        return {
            "client_id": self.world.oauth.client_id,
            "client_secret": self.world.oauth.client_secret,
            "refresh_token": self._refresh_token,
            "realm": REALM,
            "base_url": self.world.base_url,
            "authorize_url": f"{self.world.base_url}{AUTHORIZE}",
            "identity_url": f"{self.world.base_url}{TOKEN}",
            "verifier_token": self.webhooks.verifier_token,
            "ca": self._serving.ca,
        }

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._serving.asked

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._serving.cut()

    def container(self, kind: str) -> Container:
        """The records of one kind, for a suite that knows nothing of them."""
        return CONTAINERS[kind](self.world)

    def page(self, size: int) -> None:
        """Answer no query with more objects than this, whatever is asked for."""
        self.world.page_size = size

    def _answer(self, request: Request) -> Answer:
        if is_sign_in(request.path):
            return self.world.oauth.answer(request)
        return self._gateway.handle(request)

    # -- for tests and the demo -----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def notifier(self) -> Notifier:
        return self.world.notifier

    @property
    def webhooks(self) -> Webhooks:
        return self.world.webhooks

    def consent(self, asked: Mapping[str, str], realm: str = REALM) -> str:
        """Let somebody say yes to the page with these parameters; returns where his browser is sent."""
        return self.world.oauth.allow(asked, realm)

    def observe(self, observer: Callable[[Exchange], None]) -> None:
        """Show every request to the API, and its answer, to somebody."""
        self._gateway.observers.append(observer)


def create(port: int, faults: Faults) -> QuickBooksSimulator:
    """Make the simulator that `hub simulate quickbooks` and the contract tests run."""
    return QuickBooksSimulator(port, faults)


def _is_api(path: str) -> bool:
    return not is_sign_in(path)
