"""Whoever wants to hear of changes: subscriptions, the handshake with their addresses, notifications and what becomes of them.

Sources: https://learn.microsoft.com/graph/change-notifications-delivery-webhooks,
https://learn.microsoft.com/graph/change-notifications-lifecycle-events,
https://learn.microsoft.com/graph/api/subscription-post-subscriptions
"""

import json
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from threading import RLock
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

from connectors.microsoft.simulated.call import Call, Reply, Route
from connectors.microsoft.simulated.errors import ApiError, Json, bad_request, denied, no_mailbox
from connectors.microsoft.simulated.shapes import NEW_SUBSCRIPTION, SUBSCRIPTION
from connectors.microsoft.simulated.stamps import read, stamp
from hub.connector.simulated.locking import locked
from hub.connector.simulated.notifier import Notification, ask

if TYPE_CHECKING:
    from connectors.microsoft.simulated.world import World

LONGEST_MIN = 10_080  # https://learn.microsoft.com/graph/api/resources/subscription#subscription-lifetime
SHORTEST_MIN = 45  # less is raised to that
MOST_OF_MAILBOX = 1_000
HANDSHAKE_S = 10.0
_GIVE_UP_S = 4 * 3600.0  # after that a notification is discarded
_FIRST_RETRY_S = 15.0
_CHANGES = ("created", "updated", "deleted")
_KINDS = {"messages": ("Message", "Mail"), "events": ("Event", "Calendars"), "contacts": ("Contact", "Contacts")}
# Single calendars are in no list of the reference, and work: https://github.com/microsoftgraph/microsoft-graph-docs/issues/21978
_RESOURCE = re.compile(
    r"(mailFolders(/[^/]+/|\('[^/]+'\)/))?messages|(calendar/|calendars(/[^/]+/|\('[^/]+'\)/))?events"
    r"|(contactFolders(/[^/]+/|\('[^/]+'\)/))?contacts",
    re.IGNORECASE,
)
_OF_ALL_FOLDERS = (("messages",), ("contacts",))
_ANY = frozenset(
    f"{area}.{right}" for _, area in _KINDS.values() for right in ("ReadBasic", "ReadBasic.All", "Read", "ReadWrite")
)


@dataclass(slots=True)
class Subscription:
    """Somebody who wants to hear of changes in one place of a mailbox."""

    id: str
    app: str
    creator: str  # id of whoever made it
    resource: str  # as it was written
    mailbox: str  # address
    place: tuple[str, ...]  # parts of the path below the user
    changes: frozenset[str]
    url: str
    lifecycle_url: str
    client_state: str
    expires_at: float
    immutable: bool
    needs_reauthorization: bool = False

    @property
    def kind(self) -> str:
        return self.place[-1]

    def hears(self, mailbox: str, place: tuple[str, ...], change: str) -> bool:
        """Whether it is about this place; all messages or contacts are those of every folder."""
        if mailbox != self.mailbox or change not in self.changes:
            return False
        return place == self.place or (self.place in _OF_ALL_FOLDERS and place[-1] == self.kind)


class Subscriptions:
    """All subscriptions. What a person or Microsoft does to them, its methods do."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.lock: RLock = world.lock
        self.open_ones: dict[str, Subscription] = {}

    @property
    def living(self) -> list[Subscription]:
        """Those that have not run out; the others are forgotten."""
        now = self._world.clock.time()
        for one in list(self.open_ones.values()):
            if one.expires_at <= now:
                del self.open_ones[one.id]
        return list(self.open_ones.values())

    @locked
    def happened(self, mailbox: str, resource: str, change: str, record_id: str, immutable_id: str) -> None:
        """Tell everybody who listens that a record changed."""
        place = self.place(mailbox, resource)
        for one in self.living:
            if not one.hears(mailbox, place, change) or one.needs_reauthorization:
                continue
            if self._world.faults.take("missed_lifecycle"):
                self._lifecycle(one, "missed")
            else:
                self._send(one, change, immutable_id if one.immutable else record_id)

    def place(self, mailbox: str, resource: str) -> tuple[str, ...]:
        """Return the parts of a path below the user; folders by their id, events of the main calendar as `events`."""
        parts = [part for part in resource.replace("('", "/").replace("')", "").split("/") if part]
        parts = [part if number % 2 else part.lower() for number, part in enumerate(parts)]
        if parts[:1] == ["calendar"]:
            return tuple(part.lower() for part in parts[1:])
        if parts[:1] == ["mailfolders"] and len(parts) > 1:
            parts[1] = self._world.users[mailbox].mail.folder(parts[1]).id
        return tuple(parts)

    def _send(self, one: Subscription, change: str, record_id: str) -> None:
        user = self._world.users[one.mailbox]
        kind = _KINDS[one.kind][0]
        path = f"{user.id}/{kind}s/{record_id}"
        data = {"@odata.type": f"#Microsoft.Graph.{kind}", "@odata.id": f"Users/{path}", "id": record_id}
        if change != "deleted":
            data["@odata.etag"] = f'W/"{secrets.token_urlsafe(12)}"'
        told = self._head(one) | {"changeType": change, "resource": f"Users/{path}", "resourceData": data}
        self._post(one.url, told)

    def _lifecycle(self, one: Subscription, event: str) -> None:
        if one.lifecycle_url:
            self._post(one.lifecycle_url, self._head(one) | {"lifecycleEvent": event})

    def _head(self, one: Subscription) -> Json:
        return {
            "subscriptionId": one.id, "subscriptionExpirationDateTime": stamp(one.expires_at),
            "clientState": one.client_state or None, "tenantId": self._world.oauth.tenant_id,
        }  # fmt: skip

    def _post(self, url: str, told: Json) -> None:
        began, wait_s = self._world.clock.time(), _FIRST_RETRY_S
        body = json.dumps({"value": [told]}).encode()

        def delivered(status: int) -> None:
            nonlocal wait_s
            if 200 <= status < 300 or self._world.clock.time() + wait_s - began > _GIVE_UP_S:
                return
            self._world.notifier.later(notification, wait_s)
            wait_s *= 2

        notification = Notification(url, {"Content-Type": "application/json; charset=utf-8"}, body, delivered)
        self._world.notifier.notify(notification)

    # -- what tests do ------------------------------------------------------------------------------------------------

    @locked
    def ask_for_reauthorization(self, subscription_id: str) -> None:
        """Let Graph want a sign of life: nothing is told until it comes."""
        one = self.open_ones[subscription_id]
        one.needs_reauthorization = True
        self._lifecycle(one, "reauthorizationRequired")

    @locked
    def remove(self, subscription_id: str) -> None:
        """Let Graph drop a subscription, and say so."""
        self._lifecycle(self.open_ones.pop(subscription_id), "subscriptionRemoved")

    @locked
    def miss(self, subscription_id: str) -> None:
        """Let Graph say that notifications got lost."""
        self._lifecycle(self.open_ones[subscription_id], "missed")


# -- the API ----------------------------------------------------------------------------------------------------------


def create(call: Call) -> Reply:
    """Make a subscription, once its addresses answered the handshake.

    Raises:
        ApiError: nothing was made.
    """
    given = call.given(NEW_SUBSCRIPTION)
    changes, resource, state = _changes(given["changeType"]), given["resource"], given.get("clientState") or ""
    url, lifecycle_url = given["notificationUrl"], given.get("lifecycleNotificationUrl") or ""
    until = _expires(call, given["expirationDateTime"])
    if len(state) > 128:
        raise bad_request("ClientState property has a length limit of 128 characters.", "InvalidRequest")
    with call.world.lock:
        mailbox, place = _place(call, resource)
        if sum(one.mailbox == mailbox for one in call.world.subscriptions.living) >= MOST_OF_MAILBOX:
            raise denied("Operation: Create; Exception: The mailbox has reached its limit of subscriptions.")
    for address in dict.fromkeys(filter(None, (url, lifecycle_url))):
        _shake_hands(call, address)
    creator = call.world.users[call.principal].id if call.principal else call.app
    one = Subscription(
        str(uuid4()), call.app, creator, resource, mailbox, place, changes, url, lifecycle_url, state, until,
        immutable=call.immutable,
    )  # fmt: skip
    with call.world.lock:
        call.world.subscriptions.open_ones[one.id] = one
    return Reply(_shown(call, one, state), 201)


def _changes(text: str) -> frozenset[str]:
    found = frozenset(text.lower().split(","))
    if not found <= set(_CHANGES):
        raise bad_request(f"Invalid 'changeType' attribute: '{text}'.", "InvalidRequest")
    return found


def _expires(call: Call, text: str) -> float:
    """When it is to end, in seconds since 1970; too early is raised. Raises ApiError (400)."""
    now = call.world.clock.now()
    try:
        until = read(text)
    except ValueError:
        raise bad_request("Invalid 'expirationDateTime'.", "InvalidRequest") from None
    if until > now + timedelta(minutes=LONGEST_MIN, seconds=60):
        raise bad_request("Subscription expiration can only be 10080 minutes in the future.", "ExtensionError")
    if until < now:
        raise bad_request("Subscription expiration must be in the future.", "InvalidRequest")
    return max(until, now + timedelta(minutes=SHORTEST_MIN)).timestamp()


def _place(call: Call, resource: str) -> tuple[str, tuple[str, ...]]:
    """Return whose mailbox it is about and the parts of the path below. Raises ApiError."""
    first, _, rest = resource.strip("/").partition("/")
    name = call.principal if first.lower() == "me" else ""
    if first.lower() == "users":
        name, _, rest = rest.partition("/")
    user = call.world.named(name)
    if user is None or not _RESOURCE.fullmatch(rest):
        raise bad_request(f"Resource '{resource}' is not supported.", "InvalidRequest")
    if not user.licensed:
        raise no_mailbox()
    limited = call.world.oauth.app_mailboxes
    if (call.principal or user.address) != user.address or (
        limited and not call.principal and user.address not in limited
    ):
        raise denied()
    area = _KINDS[rest.rpartition("/")[2].lower()][1]
    if not {one for one in call.permissions if one.startswith(f"{area}.Read")}:
        raise denied()
    return user.address, call.world.subscriptions.place(user.address, rest)


def _shake_hands(call: Call, url: str) -> None:
    """Ask an address whether it wants to hear from us. Raises ApiError (400)."""
    # In real life it must be https; on this machine plain addresses are taken as well.
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise bad_request("The 'notificationUrl' must be an https address.", "InvalidRequest")
    if call.world.faults.take("no_validation"):
        raise _invalid("The operation has timed out.")
    token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid4()}"
    join = "&" if "?" in url else "?"
    status, kind, text = ask(f"{url}{join}validationToken={quote(token)}", HANDSHAKE_S)
    if status != 200:
        raise _invalid("Notification endpoint must respond with 200 OK to validation request.")
    if not kind.startswith("text/plain") or text != token.encode():
        raise _invalid("Notification endpoint must return the validation token as text/plain.")


def _invalid(why: str) -> ApiError:
    return bad_request(f"Subscription validation request failed. {why}", "ValidationError")


def _mine(call: Call) -> list[Subscription]:
    """Those of the app; of a person's app, those of his mailbox."""
    living = [one for one in call.world.subscriptions.living if one.app == call.app]
    return [one for one in living if call.principal in ("", one.mailbox)]


def _known(call: Call) -> Subscription:
    """The subscription that the path names. Raises ApiError (404): the caller has none of this id, or it ran out."""
    for one in _mine(call):
        if one.id == call.path["id"]:
            return one
    raise ApiError(404, "ResourceNotFound", "The object was not found.")


def _shown(call: Call, one: Subscription, state: str = "") -> Json:
    return {
        "@odata.context": f"{call.world.base_url}/v1.0/$metadata#subscriptions/$entity", **_facts(one),
        "clientState": state or None,
    }  # fmt: skip


def _facts(one: Subscription) -> Json:
    return {
        "id": one.id, "resource": one.resource, "applicationId": one.app,
        "changeType": ",".join(change for change in _CHANGES if change in one.changes),
        "clientState": None,  # said to its maker alone, once
        "notificationUrl": one.url, "notificationQueryOptions": None,
        "lifecycleNotificationUrl": one.lifecycle_url or None, "expirationDateTime": stamp(one.expires_at),
        "creatorId": one.creator, "includeResourceData": None, "latestSupportedTlsVersion": "v1_2",
        "encryptionCertificate": None, "encryptionCertificateId": None, "notificationUrlAppId": None,
    }  # fmt: skip


def list_all(call: Call) -> Reply:
    context = f"{call.world.base_url}/v1.0/$metadata#subscriptions"
    return Reply({"@odata.context": context, "value": [_facts(one) for one in _mine(call)]})


def get(call: Call) -> Reply:
    return Reply(_shown(call, _known(call)))


def renew(call: Call) -> Reply:
    """Let it live longer, or send elsewhere; a sign of life as well. The lifecycle address stays as it was."""
    given = call.given(SUBSCRIPTION)
    with call.world.lock:
        one = _known(call)
    until = _expires(call, given["expirationDateTime"]) if given.get("expirationDateTime") else one.expires_at
    url = given.get("notificationUrl") or one.url
    if url != one.url:
        _shake_hands(call, url)
    with call.world.lock:
        one.expires_at, one.url, one.needs_reauthorization = until, url, False
    return Reply(_shown(call, one))


def reauthorize(call: Call) -> Reply:
    _known(call).needs_reauthorization = False
    return Reply(status=204)


def delete(call: Call) -> Reply:
    del call.world.subscriptions.open_ones[_known(call).id]
    return Reply(status=204)


ROUTES: tuple[Route, ...] = (
    Route("POST", "/subscriptions", create, _ANY, writes=True, unlocked=True),
    Route("GET", "/subscriptions", list_all),
    Route("GET", "/subscriptions/{id}", get),
    Route("PATCH", "/subscriptions/{id}", renew, writes=True, unlocked=True),
    Route("DELETE", "/subscriptions/{id}", delete, writes=True),
    Route("POST", "/subscriptions/{id}/reauthorize", reauthorize, writes=True),
)
