"""A small Xero to try the hub against: sign-in, connections, the accounting API and webhooks over TLS, with faults on command.

Written from Xero's published specification and guides, knowing nothing of our client. It only answers reading; whatever
would change something is refused, and noted in `writes`.
Sources: https://github.com/XeroAPI/Xero-OpenAPI (xero_accounting.yaml, xero-identity.yaml, xero-webhooks.yaml),
https://developer.xero.com/documentation
"""

from collections.abc import Callable

from connectors.xero.simulated.books import Books
from connectors.xero.simulated.containers import CONTAINERS
from connectors.xero.simulated.gateway import Exchange, Gateway
from connectors.xero.simulated.limits import Limits
from connectors.xero.simulated.signin import AUTHORIZE, SignIn
from connectors.xero.simulated.tokens import Tokens
from connectors.xero.simulated.webhooks import Webhooks
from connectors.xero.simulated.world import World, Write
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request
from hub.connector.simulator import Container, Fault, Faults, Harm

FAULTS = {
    "expire_cursor": Fault("nothing: a cursor is a moment, which Xero cannot forget", Harm.NOISE),
    "replay_page": Fault("shows a page twice", Harm.NOISE),
    "reorder_page": Fault("shows the records of a page in another order", Harm.NOISE),
    "empty_page": Fault("shows an empty page in the middle, where pages are counted", Harm.NOISE),
    "endless_page": Fault("shows the last page again and again, and always says that there is one more", Harm.CUT),
    "cut_page": Fault("shows a page without its last record", Harm.CUT),
    "float_noise": Fault("shows amounts with the noise of a double: 115.4999999999999", Harm.NOISE),
    "many_decimals": Fault("shows an amount with half a cent", Harm.HOSTILE),
    "unknown_enum": Fault("shows a status that no specification has", Harm.NOISE),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500", Harm.AWAY),
    "unavailable": Fault("answers 503: the organisation is offline", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1, because of the minute", Harm.AWAY),
    "day_limited": Fault("answers 429 with Retry-After: 3600, because of the day", Harm.AWAY),
    "too_many_at_once": Fault("answers 429 without Retry-After, because of requests at the same time", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "token_expired": Fault("answers 401 to an access token that should live", Harm.REFUSED),
    "token_endpoint_unavailable": Fault("answers 503 where tokens are refreshed", Harm.AWAY),
    "revoked": Fault("answers invalid_grant when a token is refreshed: somebody took it back", Harm.REFUSED),
    "refresh_token_expired": Fault("answers invalid_grant: nobody refreshed for 60 days", Harm.REFUSED),
    "scope_missing": Fault("answers 401 AuthorizationUnsuccessful: the token was not given for this", Harm.LIMITED),
    "api_disabled": Fault("answers 403: the organisation is not connected to the app any more", Harm.LIMITED),
    "forged_notification": Fault("signs a notification with another key", Harm.HOSTILE),
    "dropped_notification": Fault("loses a notification", Harm.CUT),
    "duplicated_notification": Fault("sends a notification twice", Harm.NOISE),
    "delayed_notification": Fault("sends a notification a minute late", Harm.NOISE),
    "reordered_notification": Fault("sends a notification after the next one", Harm.NOISE),
}
STREAMS = ("invoices",)  # the others are read in the same way; `container` knows them all
ORGANISATION, CURRENCY = "Acme Trading", "EUR"
_LOST = b"<!DOCTYPE html><html lang=en><title>404</title><p>The page you're looking for cannot be found.</html>"


class XeroSimulator:
    """One app, with one organisation connected. `books` are those of the organisation; what people do there are its methods."""

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.world = World(self.faults)
        self.books = self.world.add_organisation(ORGANISATION, CURRENCY)
        self._refresh_token = ""
        self._gateway = Gateway(self.world)
        self.sign_in = SignIn(self.world)
        self._serving = Serving("xero", port, self._answer, self.faults, self._gateway.is_api)

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections. What happened before a stop is still there."""
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port = self._serving.port
        self.world.begin(self._serving.url)
        if not self._refresh_token:
            self._refresh_token = self.tokens.grant(self.world.people[0])
        self.world.notifier.start()

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._serving.stop()
        self.world.notifier.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches the organisation."""
        return {
            "base_url": self._serving.url,
            "identity_url": self._serving.url,
            "authorize_url": f"{self._serving.url}{AUTHORIZE}",
            "ca": self._serving.ca,
            "client_id": self.tokens.client_id,
            "client_secret": self.tokens.client_secret,
            "refresh_token": self._refresh_token,
            "tenant": self.books.id,
            "webhook_key": self.webhooks.key,
        }

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._serving.asked

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._serving.cut()

    def container(self, kind: str) -> Container:
        """Records of one kind in the organisation's books, for a suite that knows nothing of them."""
        return CONTAINERS[kind](self.world, self.books)

    def page(self, size: int) -> None:
        """Give no more records at once than this, whatever is asked for."""
        self.world.lists.page_size = size

    def _answer(self, request: Request) -> Answer:
        if self._gateway.is_api(request.path):
            return self._gateway.handle(request)
        return self.sign_in.answer(request) or Answer(404, _LOST, "text/html; charset=utf-8")

    # -- for tests and the demo -----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.world.clock

    @property
    def tokens(self) -> Tokens:
        return self.world.tokens

    @property
    def limits(self) -> Limits:
        return self.world.limits

    @property
    def webhooks(self) -> Webhooks:
        return self.world.webhooks

    @property
    def writes(self) -> list[Write]:
        """Requests that would have changed something: none, where the client keeps its word."""
        return self.world.writes

    def add_organisation(self, name: str, currency: str, *, connected: bool = True) -> Books:
        """Open the books of one more organisation."""
        return self.world.add_organisation(name, currency, connected=connected)

    def observe(self, observer: Callable[[Exchange], None]) -> None:
        """Show every call of the API, and its answer, to somebody."""
        self._gateway.observers.append(observer)


def create(port: int, faults: Faults) -> XeroSimulator:
    """Make the simulator that `hub simulate xero` and the contract tests run."""
    return XeroSimulator(port, faults)
