"""A gateway of text messages: a small one that posts and takes JSON, or Twilio.

Written from what each of them says of itself (`simulated/`), not from this connector's reader.
"""

import secrets
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from connectors.sms.simulated.gateway import API, Gateway, Sent
from connectors.sms.simulated.posting import (
    FORM,
    JSON,
    Became,
    Headers,
    Letter,
    Wrote,
    generic,
    generic_form,
    signed_as_standard,
    signed_by_hmac,
    signed_by_twilio,
    twilio,
)
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notification, Notifier
from hub.connector.simulated.picture import square
from hub.connector.simulated.serving import Serving
from hub.connector.simulator import Fault, Faults, Harm, Option, Performance

FAULTS = {
    "token_expired": Fault("answers 401 to a password that should be good", Harm.REFUSED),
    "revoked": Fault("knows the password no more", Harm.REFUSED),
    "scope_missing": Fault("answers 403", Harm.LIMITED),
    "suspended": Fault("twilio: says that the account is suspended", Harm.NOISE),
    "server_error": Fault("answers 500", Harm.AWAY),
    "unavailable": Fault("answers 503", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1", Harm.AWAY),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "commit_then_timeout": Fault("sends a message, and breaks the connection before it says so", Harm.CUT),
    "media_gone": Fault("has a file no more", Harm.CUT),
    "media_huge": Fault("sends 3 MB for a file", Harm.CUT),
    "media_elsewhere": Fault("twilio: sends on to another host for a file", Harm.CUT),
    "status_first": Fault("tells what became of a message before it says that it took it", Harm.NOISE),
    "undelivered": Fault("takes a message, and tells later that it failed", Harm.NOISE),
    "form": Fault("generic: posts a form", Harm.NOISE),
    "word_sender": Fault("lets the next message come from a word", Harm.NOISE),
    "dropped_notification": Fault("loses a call", Harm.CUT),
    "duplicated_notification": Fault("posts a call twice", Harm.NOISE),
    "delayed_notification": Fault("posts a call a minute late", Harm.NOISE),
    "reordered_notification": Fault("posts a call after the next one", Harm.NOISE),
    "unsigned": Fault("does not sign", Harm.HOSTILE),
    "forged_notification": Fault("signs with the secret of somebody else", Harm.HOSTILE),
    "changed_body": Fault("changes a word of what it signed", Harm.HOSTILE),
    "not_json": Fault("generic: posts half of its JSON, signed", Harm.HOSTILE),
    "old_timestamp": Fault("generic: posts what it signed an hour ago", Harm.HOSTILE),
}
OPTIONS = (
    Option("to", "URL", "Let customers write to this address of the hub every few seconds."),
    Option("preset", "NAME", "generic or twilio.", "generic"),
)
STREAMS = ()  # everything comes by webhooks
WORDS = ("שלום, מתי תגיעו?", "Dzień dobry, czy paczka dotarła?", "When do you open?", "STOP")
_EVERY_S = 5.0
_OLD_S = 3600
_RETRIES_S = (0.0, 60.0, 600.0, 3_600.0)
_SECRET = "demo-signing-secret"  # noqa: S105 - of a demo
_ACCOUNT = "AC" + "5" * 32


class SmsSimulator:
    """One gateway with two numbers. Set `hub_url` to the account's address, then let somebody `write`."""

    def __init__(
        self, port: int = 0, faults: Faults | None = None, *, preset: str = "generic", proof: str = "hmac"
    ) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.clock = Clock()
        self.preset, self.proof = preset, proof
        self.numbers = ("+97235551234", "+97235551235")
        self.secret = _SECRET
        password = secrets.token_hex(16)
        self.gateway = Gateway(self.faults, _ACCOUNT, password, self.numbers, self._taken)
        self.notifier = Notifier(self.faults, self.clock)
        self.hub_url = ""
        self.posted: list[Letter] = []
        self.answers_by_itself = True  # what was sent is delivered
        self._people = 0
        self._serving = Serving(
            "sms", port, self.gateway.handle, self.faults, lambda path: not path.startswith("/cdn/")
        )

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections."""
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port, self.gateway.base_url = self._serving.port, self._serving.url
        self.notifier.start()

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._serving.stop()
        self.notifier.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches this gateway."""
        url, password = self._serving.url, self.gateway.password
        if self.preset == "twilio":
            own = {"preset": "twilio", "send_url": url, "account_sid": _ACCOUNT}
            return {
                **own,
                "password": password,
                "ca": self._serving.ca,
                **({"hook_url": self.hub_url} if self.hub_url else {}),
            }
        return {
            "send_url": f"{url}/v1/messages", "check_url": f"{url}/v1/account", "password": password,
            "signing_secret": self.secret, "ca": self._serving.ca,
            **({} if self.proof == "hmac" else {"proof": self.proof}),
        }  # fmt: skip

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._serving.asked

    # -- what people do -------------------------------------------------------------------------------------------------

    def submit(self, count: int = 1) -> list[str]:
        """Let so many new people write; returns the ids of their messages, when they were posted."""
        made = []
        for number in range(count):
            self._people += 1
            is_word = self.faults.take("word_sender")
            made.append(
                self.write("GardenShop" if is_word else f"+97250234{5000 + self._people}", WORDS[number % len(WORDS)])
            )
        self.flush()
        return made

    def write(self, sender: str, text: str, *, to: str = "", files: int = 0, wrote_id: str = "") -> str:
        """Let somebody write to one of the numbers; returns the id of the message."""
        one = Wrote(
            wrote_id or f"{'SM' if self.preset == 'twilio' else 'in-'}{secrets.token_hex(16)}", sender, to or self.numbers[0], text,
            self.clock.time(), [self._picture() for _ in range(files)],
        )  # fmt: skip
        if text.strip().upper() == "STOP":
            self.gateway.stopped.add(sender)
        self._tell(one)
        return one.id

    def becomes(self, sent: Sent, state: str, code: str = "") -> None:
        """Tell what became of a message."""
        if self.preset != "twilio" or sent.callback:
            self._tell(Became(sent.id, sent.sender, sent.to, state, self.clock.time(), code), sent.callback)

    def flush(self) -> None:
        """Return when everything was posted that waits for nothing else."""
        self.notifier.flush()

    def redeliver(self, *, days: float = 0) -> None:
        """Let days pass, and post everything once more."""
        posted = list(self.posted)
        self.clock.advance(days=days)
        for letter in posted:
            self._post(letter, self.hub_url)
        self.flush()

    # -- what follows ---------------------------------------------------------------------------------------------------

    def _picture(self) -> tuple[str, str]:
        name = f"ME{secrets.token_hex(16)}"
        self.gateway.files[name] = (square(name), "image/png")
        url = self.gateway.base_url
        if self.preset == "twilio":
            return f"{url}{API}{_ACCOUNT}/Messages/MM{secrets.token_hex(16)}/Media/{name}", "image/png"
        return f"{url}/v1/media/{name}", "image/png"

    def _taken(self, sent: Sent) -> None:
        if not self.answers_by_itself:
            return
        is_first = self.faults.take("status_first")
        if self.faults.take("undelivered"):
            self.becomes(sent, "undelivered", "30003")
        else:
            for state in ("sent", "delivered"):
                self.becomes(sent, state)
        if is_first:
            self.flush()

    def _tell(self, one: Wrote | Became, address: str = "") -> None:
        if self.preset == "twilio":
            letter = twilio(one, _ACCOUNT)
        else:
            letter = generic_form(one) if self.faults.take("form") else generic(one)
        self.posted.append(letter)
        self._post(letter, address or self.hub_url)

    def _post(self, letter: Letter, url: str) -> None:
        if not url:
            return
        is_ours = not any(self.faults.waits(name) for name, one in FAULTS.items() if one.harm is Harm.HOSTILE)
        body, headers = self.written(letter, url)
        tries = [0]

        def delivered(status: int) -> None:
            if 200 <= status < 300 or not is_ours or tries[0] >= len(_RETRIES_S):
                return
            tries[0] += 1
            self.notifier.later(notification, _RETRIES_S[tries[0] - 1])

        notification = Notification(url, {"Content-Type": letter.kind, **headers}, body, delivered)
        self.notifier.notify(notification)

    def written(self, letter: Letter, url: str) -> tuple[bytes, Headers]:
        """Return what would be posted, and how it is signed."""
        body, take = letter.body, self.faults.take
        if self.preset != "twilio" and letter.kind == JSON and take("not_json"):
            body = body[: len(body) // 2]
            letter = Letter(letter.kind, body, id=letter.id)
        secret = "of-somebody-else" if take("forged_notification") else self.secret
        now = int(self.clock.time()) - (_OLD_S if take("old_timestamp") else 0)
        if self.preset == "twilio":
            token = secret if secret != self.secret else self.gateway.password
            headers = signed_by_twilio(letter, token, url)
        elif self.proof == "standard":
            headers = signed_as_standard(letter, secret, now)
        else:
            headers = signed_by_hmac(letter, secret, now) if self.proof == "hmac" else {}
        if take("unsigned"):
            headers = {}
        if take("changed_body"):
            changed = {**letter.fields, "To": "+97235559999", "to": "+97235559999"}
            body = urlencode(changed).encode() if letter.kind == FORM else body.replace(b"+972", b"+973", 1)
        return body, headers


def create(port: int, faults: Faults) -> SmsSimulator:
    """Make the simulator that `hub simulate sms` and the contract tests run."""
    return SmsSimulator(port, faults)


def performance(given: Mapping[str, str]) -> Performance | None:
    """Write as its options say. Raises ValueError for a preset that there is none of."""
    if given["preset"] not in ("generic", "twilio"):
        raise ValueError(f"there is no preset {given['preset']}; there are generic and twilio")
    if not given["to"]:
        return None

    def play(simulator: Any, stop: threading.Event) -> None:
        simulator.hub_url, simulator.preset = given["to"], given["preset"]
        while not stop.is_set():
            simulator.submit()
            stop.wait(_EVERY_S)

    return play
