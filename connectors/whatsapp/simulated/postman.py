"""Posts to the app's callback: signed, in batches, again and again for seven days.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint
"""

import contextlib
import hashlib
import hmac
import secrets
import ssl
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode

from connectors.whatsapp.simulated.people import Json, escaped, post
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notification, Notifier
from hub.connector.simulator import Faults

MOST = 1000  # updates in one request
GIVE_UP_S = 7 * 86_400.0
RETRIES_S = (0.0, 60.0, 600.0, 3_600.0, 6 * 3_600.0, 24 * 3_600.0)
_PATIENCE_S = 10.0


class Postman:
    """Knows one callback. `held`: what happens waits for `deliver`."""

    def __init__(self, faults: Faults, clock: Clock, business: str, secret: str) -> None:
        self.faults, self.clock, self.business, self.secret = faults, clock, business, secret
        self.notifier = Notifier(faults, clock)
        self.url = ""
        self.held = False
        self.waiting: list[tuple[float, str, Json]] = []
        self.posted: list[bytes] = []
        self.given_up = 0

    def tell(self, value: Json, field: str = "messages") -> None:
        """Tell a change, soon."""
        self.waiting.append((self.clock.time(), field, value))
        if not self.held:
            self.deliver()

    def deliver(self, size: int = 1, *, backwards: bool = False, twice: bool = False) -> None:
        """Post what waits, so many changes in one request."""
        told, self.waiting = list(self.waiting), []
        if backwards:
            told.reverse()
        if twice:
            told += told
        size = min(size, MOST)
        for at in range(0, len(told), size):
            self.post(escaped(post(self.business, told[at : at + size])))

    def post(self, body: bytes) -> None:
        """Post some bytes, whatever they say; what is not answered with 200 comes again."""
        self.posted.append(body)
        if not self.url:
            return
        began, tries = self.clock.time(), [0]
        headers, is_ours = self.headers(body)

        def delivered(status: int) -> None:
            if status == HTTPStatus.OK or not is_ours:
                return
            wait_s = RETRIES_S[min(tries[0], len(RETRIES_S) - 1)]
            tries[0] += 1
            if self.clock.time() + wait_s - began > GIVE_UP_S:
                self.given_up += 1
            else:
                self.notifier.later(notification, wait_s)

        notification = Notification(self.url, headers, body, delivered)
        self.notifier.notify(notification)

    def headers(self, body: bytes) -> tuple[dict[str, str], bool]:
        """Headers of a request with this body, and whether they are Meta's and not somebody else's."""
        usual = {"Content-Type": "application/json", "User-Agent": "facebookexternalua"}
        if self.faults.take("unsigned_notification"):
            return usual, False
        is_forged = self.faults.take("forged_notification")
        key = secrets.token_bytes(16) if is_forged else self.secret.encode()
        signed = {
            "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
            "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
        }
        return {**usual, **signed}, not is_forged

    def again(self, bodies: Sequence[bytes]) -> None:
        """Post what was posted once more, as after an answer that was lost."""
        for body in bodies:
            self.post(body)

    def shake_hands(self, verify_token: str) -> bool:
        """Ask the callback whether it is ours."""
        challenge = f"00{secrets.randbelow(10**17)}"  # a text, whatever it looks like
        asked = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        join = "&" if "?" in self.url else "?"
        return (
            self.url.startswith(("http://", "https://"))
            and _fetched(f"{self.url}{join}{urlencode(asked)}") == challenge
        )


def _fetched(url: str) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # clients of a test have certificates that nobody signed
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with contextlib.suppress(OSError, ValueError, HTTPException):
        try:
            with opener.open(url, timeout=_PATIENCE_S) as answer:
                return str(answer.read(1 << 16).decode()) if answer.status == HTTPStatus.OK else ""
        except HTTPError as refused:
            refused.close()
    return ""
