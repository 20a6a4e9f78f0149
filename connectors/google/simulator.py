"""A small Google to try the hub against: OAuth, Gmail, Calendar, People and Pub/Sub over TLS, with faults on command.

Written from the discovery documents and the reference pages, knowing nothing of our client.
Sources: https://developers.google.com/workspace/gmail/api/reference/rest,
https://developers.google.com/workspace/calendar/api/v3/reference, https://developers.google.com/people/api/rest,
https://developers.google.com/identity/protocols/oauth2, https://cloud.google.com/pubsub/docs/reference/rest
"""

from collections.abc import Callable

from connectors.google.simulated import batch
from connectors.google.simulated.containers import CONTAINERS
from connectors.google.simulated.gateway import Gateway
from connectors.google.simulated.mailbox import Post
from connectors.google.simulated.meetings import Invitation
from connectors.google.simulated.pubsub import SUBSCRIPTION, TOPIC
from connectors.google.simulated.quota import Spent
from connectors.google.simulated.upload import Uploads
from connectors.google.simulated.web import Web
from connectors.google.simulated.world import Exchange, User, World
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.mime import compose
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request
from hub.connector.simulator import Container, Fault, Faults, Harm

FAULTS = {
    "expire_cursor": Fault("lets the cursor of the next incremental call expire: 404, 410 or 400", Harm.NOISE),
    "replay_page": Fault("sends a page twice", Harm.NOISE),
    "reorder_page": Fault("sends the items of a page in another order", Harm.NOISE),
    "empty_page": Fault("puts an empty page, with a next one, before a page", Harm.NOISE),
    "endless_page": Fault("gives the same next page again and again", Harm.CUT),
    "no_sync_token": Fault("ends a listing without a token for the next one", Harm.CUT),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500", Harm.AWAY),
    "unavailable": Fault("answers 503", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1", Harm.AWAY),
    "rate_limited_403": Fault("answers 403 rateLimitExceeded with Retry-After: 1", Harm.AWAY),
    "quota_user": Fault("answers 403 userRateLimitExceeded with Retry-After: 1", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "commit_then_timeout": Fault("writes, and breaks the connection before it says so", Harm.CUT),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "token_expired": Fault("answers 401 to an access token that should live", Harm.REFUSED),
    "token_endpoint_unavailable": Fault("answers 503 where tokens are refreshed", Harm.AWAY),
    "revoked": Fault("answers invalid_grant when a token is refreshed", Harm.REFUSED),
    "no_refresh_token": Fault("answers a code without a refresh token", Harm.CUT),
    "scope_missing": Fault("answers 403 insufficientPermissions", Harm.LIMITED),
    "api_disabled": Fault("answers 403 accessNotConfigured", Harm.LIMITED),
    "item_gone": Fault("deletes a message for good just before it is asked for: 404", Harm.NOISE),
    "forbidden_for_non_organizer": Fault("lets nobody change an event", Harm.DENIED),
    "dropped_notification": Fault("loses a push notification", Harm.CUT),
    "duplicated_notification": Fault("sends a push notification twice", Harm.NOISE),
    "delayed_notification": Fault("sends a push notification a minute late", Harm.NOISE),
    "reordered_notification": Fault("sends a push notification after the next one", Harm.NOISE),
}
STREAMS = tuple(CONTAINERS)
WORKSPACE = "acme.example"
PEOPLE = (
    ("noa@acme.example", "Noa Levi", WORKSPACE),
    ("adam@acme.example", "Adam Nowak", WORKSPACE),
    ("maya@acme.example", "Maya Cohen", WORKSPACE),
    ("dana.example@gmail.com", "Dana Private", ""),
)
_API = ("/gmail/", "/calendar/", "/v1/", "/people/", "/upload/", "/resumable/", "/oauth2/v2/userinfo", "/admin/",
        "/photos/")  # fmt: skip
_NOT_API = ("/v1/projects/", "/v1/userinfo")


class GoogleSimulator:
    """One Google. `user(address)` gives an account; `clock`, `oauth`, `pubsub`, `quota` are what their names say."""

    topic = TOPIC
    subscription = SUBSCRIPTION

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.world = World(self.faults)
        self.oauth, self.pubsub, self.quota = self.world.oauth, self.world.pubsub, self.world.quota
        self.notifier, self.channels = self.world.notifier, self.world.channels
        for address, name, workspace in PEOPLE:
            self.world.add_user(address, name, workspace)
        self.user(PEOPLE[0][0]).admin = True
        self._refresh_token = ""
        self._gateway = Gateway(self.world)
        self._uploads = Uploads(self._gateway, "")
        self._web = Web(self.world)
        self._serving = Serving("google", port, self._answer, self.faults, _is_api)

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections. What happened before a stop is still there."""
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port, self.world.base_url = self._serving.port, self._serving.url
        self._uploads = Uploads(self._gateway, self.world.base_url)
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
            "base_url": self.world.base_url,
            "ca": self._serving.ca,
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
        found = self._web.answer(request)
        if found is not None:
            return found
        if batch.is_batch(request.path):
            return batch.answer(self._gateway, request)
        if request.path.startswith(("/upload/", "/resumable/upload/")):
            return self._uploads.answer(request)
        return self._gateway.handle(request)

    # -- for tests and the demo -----------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.world.clock

    def user(self, address: str) -> User:
        """An account by its address."""
        return self.world.users[address]

    @property
    def users(self) -> list[User]:
        """All accounts: three of a Workspace, one private."""
        return list(self.world.users.values())

    def add_user(self, address: str, name: str, workspace: str = "") -> User:
        """Open another account."""
        return self.world.add_user(address, name, workspace)

    @property
    def sent(self) -> list[Post]:
        """Every mail that left a mailbox, in order."""
        return self.world.sent

    @property
    def invitations(self) -> list[Invitation]:
        """Every mail that Google sent to guests of an event."""
        return self.world.meetings.invitations

    def deliver(self, *recipients: str, **mail: object) -> None:
        """Let somebody outside write one mail to several users, in the words of `mime.compose`."""
        raw = compose(**{"at": self.clock.now(), "to": recipients, **mail})  # type: ignore[arg-type]  # named as there
        for address in recipients:
            self.user(address).mail.receive(raw)

    def invite(self, organizer: str, guests: list[str], **event: object) -> str:
        """Let somebody outside invite users. Returns the event's id, the same in every calendar."""
        with self.world.lock:
            books = [self.user(address).calendar() for address in guests]
            return self.world.meetings.invite(books, organizer, event)

    @property
    def photo_requests(self) -> list[Request]:
        """Every request for a photo, in order."""
        return self._web.photo_requests

    def answer_photo(self, resource_name: str, *answers: Answer) -> None:
        """Let the next requests for a contact's photo be answered so, instead of with the photo."""
        self._web.photo_answers.setdefault(resource_name.rpartition("/")[2], []).extend(answers)

    def spent(self, user: str = "") -> Spent:
        """What one user spent (or all of them) since the start or `quota.forget()`."""
        return self.quota.spent(user)

    def service_account_json(self) -> str:
        """The key file of a service account that may act for every user of the Workspace."""
        return self.oauth.service_account()

    @property
    def people_delay_s(self) -> float:
        """After how long a change of a contact shows in listings."""
        return self.world.people_delay_s

    @people_delay_s.setter
    def people_delay_s(self, seconds: float) -> None:
        self.world.people_delay_s = seconds

    def observe(self, observer: Callable[[Exchange], None]) -> None:
        """Show every call of an API, and its answer, to somebody."""
        self._gateway.observers.append(observer)


def create(port: int, faults: Faults) -> GoogleSimulator:
    """Make the simulator that `hub simulate google` and the contract tests run."""
    return GoogleSimulator(port, faults)


def _is_api(path: str) -> bool:
    return (path.startswith(_API) or batch.is_batch(path)) and not path.startswith(_NOT_API)
