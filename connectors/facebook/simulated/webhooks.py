"""Tells the app's callback what happens on pages: signed, in batches, again and again for 36 hours.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import contextlib
import hashlib
import hmac
import random
import secrets
import ssl
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from threading import RLock
from urllib.error import HTTPError
from urllib.parse import urlencode

from connectors.facebook.simulated.errors import ApiError, Json
from connectors.facebook.simulated.stamps import escaped
from connectors.facebook.simulated.things import Form, Lead, Page
from connectors.facebook.simulated.tokens import Tokens
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked
from hub.connector.simulated.notifier import Notification, Notifier
from hub.connector.simulator import Faults

MOST = 1000  # updates in one request
GIVE_UP_S = 36 * 3600.0
# "retry immediately, then try a few more times with decreasing frequency over the next 36 hours"
RETRIES_S = (0.0, 60.0, 300.0, 1_800.0, 3_600.0, 4 * 3_600.0, 8 * 3_600.0, 12 * 3_600.0)
_HANDSHAKE_S = 10.0
_LONGEST = 1 << 16  # bytes of a callback's answer


@dataclass
class Subscription:
    """What the app wants to hear of one kind of object, and where."""

    object: str
    callback_url: str
    fields: list[str]
    active: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """One update that waits to be told."""

    page_id: str
    at: float
    value: Json
    field: str = "leadgen"


@dataclass
class _Delivery:
    """A request on its way, with how often it was tried."""

    changes: int
    began_at: float
    tries: int = 0


@dataclass
class Webhooks:
    """Posts changes to the callback of the app. What tests may turn are the plain attributes."""

    faults: Faults
    clock: Clock
    lock: RLock
    notifier: Notifier
    tokens: Tokens
    is_live: bool = True  # an app in development hears of nobody but its own people
    has_numbers: bool = False  # ids as numbers, as the examples of the documentation have them
    tells_names: bool = True  # a name of the form, so that what is signed is never plain ASCII
    is_held: bool = False  # changes wait for `deliver`
    secret: str = ""  # signs with this instead of the app's secret
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    waiting: list[Change] = field(default_factory=list)
    dropped: int = 0  # changes that were given up

    # -- subscribing --------------------------------------------------------------------------------------------------

    def subscribe(self, wanted: Subscription, verify_token: str) -> None:
        """Ask an address whether it is ours, then send there; whoever was told before is not told any more.

        Raises:
            ApiError: it does not answer as it must.
        """
        if not wanted.callback_url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ApiError(2200, "(#2200) callback verification failed: The URL must be https")
        if self.faults.take("no_handshake"):
            raise _unverified("HTTP Status Code = 200; HTTP Message = Connection timed out")
        challenge = f"00{secrets.randbelow(10**17)}"  # a text, whatever it looks like
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        join = "&" if "?" in wanted.callback_url else "?"
        status, body = _fetch(f"{wanted.callback_url}{join}{urlencode(query)}")
        if status != HTTPStatus.OK:
            phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "nobody"
            raise _unverified(f"HTTP Status Code = {status}; HTTP Message = {phrase}")
        if body != challenge.encode():
            raise _unverified("The response does not match the challenge")
        self.set(wanted)

    @locked
    def set(self, wanted: Subscription) -> None:
        """Send there without asking, as somebody who did that in the app's dashboard long ago."""
        self.subscriptions[wanted.object] = wanted

    # -- telling ------------------------------------------------------------------------------------------------------

    @locked
    def came(self, page: Page, form: Form, lead: Lead) -> None:
        """Tell of a lead, if anybody subscribed."""
        if "leadgen" in page.subscribed and self._goes_to("leadgen"):
            self.waiting.append(self.change(page, form, lead))
            if not self.is_held:
                self.deliver()

    def change(self, page: Page, form: Form, lead: Lead) -> Change:
        """What is told of a lead: ids, and no answer of anybody."""

        def number(text: str) -> str | int:
            return int(text) if self.has_numbers else text

        value: Json = {
            "leadgen_id": number(lead.id), "page_id": number(page.id), "form_id": number(form.id),
            "created_time": int(lead.created_at),
        }  # fmt: skip
        if lead.ad_id:
            value |= {"ad_id": number(lead.ad_id), "adgroup_id": number(lead.ad_id)}
        if self.tells_names:
            value["form_name"] = form.name
        return Change(page.id, self.clock.time(), value)

    @locked
    def deliver(self, order: str = "sent", duplicates: int = 0, size: int = 1, seed: int = 1) -> int:
        """Post what waits.

        Args:
            order: sent, reversed or shuffled.
            duplicates: how many changes are told twice.
            size: changes in one request, at most 1000.
            seed: of what is shuffled and told twice.

        Returns:
            How many requests that were.
        """
        dice = random.Random(seed)  # noqa: S311 - the same in every run
        told, self.waiting = list(self.waiting), []
        told += [dice.choice(told) for _ in range(duplicates if told else 0)]
        if order == "reversed":
            told.reverse()
        elif order == "shuffled":
            dice.shuffle(told)
        size = min(size, MOST)
        parts = [told[at : at + size] for at in range(0, len(told), size)]
        for part in parts:
            self.post(escaped(self.payload(part)), changes=len(part))
        return len(parts)

    @locked
    def drop(self) -> int:
        """Lose what waits; returns how many changes that were."""
        lost, self.waiting = len(self.waiting), []
        self.dropped += lost
        return lost

    @staticmethod
    def payload(changes: Sequence[Change]) -> Json:
        """Several changes as one request tells them: an entry for each run of one page."""
        entries: list[Json] = []
        for one in changes:
            if not entries or entries[-1]["id"] != one.page_id:
                entries.append({"id": one.page_id, "time": int(one.at), "changes": []})
            entries[-1]["changes"].append({"field": one.field, "value": one.value})
        return {"object": "page", "entry": entries}

    @locked
    def post(self, body: bytes, changes: int = 1, secret: str = "") -> None:
        """Post some bytes with their signature, whatever they say; what is not answered with 200 comes again."""
        wanted = self._goes_to("")
        if wanted is None:
            return
        delivery = _Delivery(changes, self.clock.time())

        def delivered(status: int) -> None:
            if status != HTTPStatus.OK:
                self._again(notification, delivery)

        notification = Notification(wanted.callback_url, self.headers(body, secret), body, delivered)
        self.notifier.notify(notification)

    def headers(self, body: bytes, secret: str = "") -> dict[str, str]:
        """Headers of a request with this body."""
        key = (secret or self.secret or self.tokens.app_secret).encode()
        if self.faults.take("forged_notification"):
            key = secrets.token_bytes(16)
        return {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
            "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
        }

    def _again(self, notification: Notification, delivery: _Delivery) -> None:
        wait_s = RETRIES_S[min(delivery.tries, len(RETRIES_S) - 1)]
        delivery.tries += 1
        if self.clock.time() + wait_s - delivery.began_at > GIVE_UP_S:
            self.dropped += delivery.changes
            return
        self.notifier.later(notification, wait_s)

    def _goes_to(self, wanted: str) -> Subscription | None:
        found = self.subscriptions.get("page")
        if found is None or not found.active or not self.is_live or (wanted and wanted not in found.fields):
            return None
        return found


def _unverified(why: str) -> ApiError:
    return ApiError(2200, f"(#2200) Callback verification failed with the following errors: {why}")


def _fetch(url: str) -> tuple[int, bytes]:
    """Ask an address; status (0: nobody) and body."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # clients of a test have certificates that nobody signed
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with contextlib.suppress(OSError, ValueError, HTTPException):
        try:
            with opener.open(url, timeout=_HANDSHAKE_S) as answer:
                return int(answer.status), answer.read(_LONGEST)
        except HTTPError as refused:
            refused.close()
            return int(refused.code), b""
    return 0, b""
