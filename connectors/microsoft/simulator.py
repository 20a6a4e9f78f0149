"""A small Microsoft 365 to try the hub against: sign-in, Graph's mail, calendars, contacts and subscriptions over TLS, with faults on command.

Written from Graph's reference pages, knowing nothing of our client.
Sources: https://learn.microsoft.com/graph/api/overview, https://learn.microsoft.com/entra/identity-platform
"""

from collections.abc import Callable
from typing import Any

from connectors.microsoft.simulated import batch
from connectors.microsoft.simulated.containers import CONTAINERS
from connectors.microsoft.simulated.gateway import VERSION, Exchange, Gateway
from connectors.microsoft.simulated.signin import SignIn
from connectors.microsoft.simulated.throttle import Spent
from connectors.microsoft.simulated.world import Post, User, World
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.mime import compose
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request
from hub.connector.simulator import Container, Fault, Faults, Harm

FAULTS = {
    "expire_cursor": Fault("forgets the delta token of the next call: 410 syncStateNotFound", Harm.NOISE),
    "expire_cursor_location": Fault("forgets a delta token, and says by Location where to begin anew: 410", Harm.NOISE),
    "replay_page": Fault("sends a page twice", Harm.NOISE),
    "reorder_page": Fault("sends the items of a page in another order", Harm.NOISE),
    "empty_page": Fault("puts an empty page, with a next one, before a page", Harm.NOISE),
    "same_twice": Fault("sends one item twice in a page", Harm.NOISE),
    "endless_page": Fault("gives the same next page again and again", Harm.CUT),
    "stripped_occurrences": Fault("tells of exceptions of a series no more than of plain occurrences", Harm.NOISE),
    "missing_master": Fault("tells of the occurrences of a series without its master", Harm.NOISE),
    "removed_at_first": Fault("tells in a first round also of what was removed before", Harm.NOISE),
    "moved_back_lost": Fault("tells of what left a folder and came back only that it left", Harm.NOISE),
    "moved_unseen": Fault("tells of a message that moved only where it was", Harm.NOISE),
    "sent_new_id": Fault("gives a draft another immutable id when it is sent", Harm.NOISE),
    "item_gone": Fault("deletes a message for good just before it is asked for: 404", Harm.NOISE),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500", Harm.AWAY),
    "unavailable": Fault("answers 503", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1", Harm.AWAY),
    "mailbox_concurrency": Fault("answers 429 ApplicationThrottled: too many requests at a time", Harm.AWAY),
    "throttled_batch_item": Fault("answers 429 to one request inside a batch", Harm.CUT),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "commit_then_timeout": Fault("writes, and breaks the connection before it says so", Harm.CUT),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "token_expired": Fault("answers 401 to an access token that should live", Harm.REFUSED),
    "token_endpoint_unavailable": Fault("answers 503 where tokens are refreshed", Harm.AWAY),
    "revoked": Fault("answers AADSTS50173 when a token is refreshed", Harm.REFUSED),
    "refresh_token_expired": Fault("answers AADSTS700082 when a token is refreshed", Harm.REFUSED),
    "mfa_required": Fault("answers AADSTS50076 when a token is refreshed", Harm.REFUSED),
    "mfa_enrolment": Fault("answers AADSTS50079 when a token is refreshed", Harm.REFUSED),
    "conditional_access": Fault("answers AADSTS53003 at sign-in, or when a token is asked for", Harm.REFUSED),
    "consent_withdrawn": Fault("answers AADSTS65001 when a token is refreshed", Harm.REFUSED),
    "no_refresh_token": Fault("answers a code or a refresh without a refresh token", Harm.CUT),
    "scope_missing": Fault("answers 403 ErrorAccessDenied", Harm.LIMITED),
    "api_disabled": Fault("answers 404 MailboxNotEnabledForRESTAPI", Harm.LIMITED),
    "no_validation": Fault("finds that the address of a subscription does not answer", Harm.CUT),
    "dropped_notification": Fault("loses a notification", Harm.CUT),
    "duplicated_notification": Fault("sends a notification twice", Harm.NOISE),
    "delayed_notification": Fault("sends a notification a minute late", Harm.NOISE),
    "reordered_notification": Fault("sends a notification after the next one", Harm.NOISE),
    "missed_lifecycle": Fault("loses a notification, and says that one was missed", Harm.CUT),
}
PEOPLE = (
    ("noa@acme.example", "Noa Levi"),
    ("adam@acme.example", "Adam Nowak"),
    ("maya@acme.example", "Maya Cohen"),
)
STREAMS = tuple(CONTAINERS)
_LOST = b"<!DOCTYPE html><html lang=en><title>404</title><p>The resource you are looking for has been removed.</html>"


class MicrosoftSimulator:
    """One organisation. `user(address)` gives an account; `clock`, `oauth`, `throttle` are what their names say."""

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.world = World(self.faults)
        self.oauth, self.throttle, self.quota = self.world.oauth, self.world.throttle, self.world.throttle
        self.notifier, self.subscriptions = self.world.notifier, self.world.subscriptions
        for address, name in PEOPLE:
            self.world.add_user(address, name)
        self._refresh_token = ""
        self._gateway = Gateway(self.world)
        self.sign_in = SignIn(self.world)
        self._serving = Serving("microsoft", port, self._answer, self.faults, _is_api)

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections. What happened before a stop is still there."""
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port, self.world.base_url = self._serving.port, self._serving.url
        if not self._refresh_token:
            self._refresh_token = self.oauth.grant(PEOPLE[0][0])
        self.notifier.start()

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._serving.stop()
        self.notifier.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches the first user."""
        return {
            "graph_url": self.world.base_url,
            "authority_url": self.world.base_url,
            "ca": self._serving.ca,
            "tenant": self.oauth.tenant_id,
            "client_id": self.oauth.client_id,
            "client_secret": self.oauth.client_secret,
            "refresh_token": self._refresh_token,
            "address": PEOPLE[0][0],
        }

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start; a batch is one."""
        return self._serving.asked

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._serving.cut()

    def container(self, kind: str) -> Container:
        """The first user's calendar, mail or contacts, for a suite that knows nothing of either."""
        return CONTAINERS[kind](self.world, PEOPLE[0][0])

    def page(self, size: int) -> None:
        """Give no more records at once than this, whatever is asked for."""
        self.world.page_size = size

    def _answer(self, request: Request) -> Answer:
        if request.path.startswith(f"{VERSION}/"):
            if request.http == "POST" and batch.is_batch(request.path):
                return batch.answer(self._gateway, request, self.faults)
            return self._gateway.handle(request)
        return self.sign_in.answer(request) or Answer(404, _LOST, "text/html; charset=utf-8")

    # -- for tests and the demo -----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def user(self, address: str) -> User:
        """An account by its address."""
        return self.world.users[address]

    @property
    def users(self) -> list[User]:
        """All accounts of the organisation."""
        return list(self.world.users.values())

    def add_user(self, address: str, name: str, *, licensed: bool = True) -> User:
        """Open another account; without a licence it has no mailbox."""
        return self.world.add_user(address, name, licensed=licensed)

    @property
    def sent(self) -> list[Post]:
        """Every mail that left a mailbox, in order."""
        return self.world.sent

    def deliver(self, *recipients: str, **mail: Any) -> None:
        """Let somebody outside write one mail to several users, in the words of `mime.compose`."""
        raw = compose(**{"at": self.clock.now(), "to": recipients, **mail})
        for address in recipients:
            self.user(address).mail.receive(raw)

    def spent(self, mailbox: str = "") -> Spent:
        """What was asked of one mailbox (or of all) since the start or `throttle.forget()`; inside a batch each counts."""
        return self.throttle.spent(mailbox)

    def observe(self, observer: Callable[[Exchange], None]) -> None:
        """Show every call of Graph, and its answer, to somebody."""
        self._gateway.observers.append(observer)


def create(port: int, faults: Faults) -> MicrosoftSimulator:
    """Make the simulator that `hub simulate microsoft` and the contract tests run."""
    return MicrosoftSimulator(port, faults)


def _is_api(path: str) -> bool:
    return path.startswith(f"{VERSION}/")
