"""A small WhatsApp to try the hub against: customers, the Cloud API and webhooks over TLS, with faults on command.

Written from Meta's reference pages, knowing nothing of our client.
Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/overview
"""

import secrets
import threading
from collections.abc import Mapping
from typing import Any

from connectors.whatsapp.simulated.graph import FILES, Graph, Sent
from connectors.whatsapp.simulated.people import AD, File, Json, Line, Person, body_of
from connectors.whatsapp.simulated.postman import Postman
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.picture import square
from hub.connector.simulated.serving import Serving
from hub.connector.simulator import Fault, Faults, Harm, Option, Performance

FAULTS = {
    "token_expired": Fault("answers 190/463 to a token that should live", Harm.REFUSED),
    "revoked": Fault("answers 190/460: somebody took the token back", Harm.REFUSED),
    "scope_missing": Fault("answers 10: a permission was not granted", Harm.LIMITED),
    "api_disabled": Fault("answers 368: the account is blocked", Harm.LIMITED),
    "not_subscribed": Fault("says that the app is not subscribed to the account", Harm.LIMITED),
    "low_quality": Fault("says that customers reported the number", Harm.LIMITED),
    "server_error": Fault("answers 500 with code 131000", Harm.AWAY),
    "unavailable": Fault("answers 503 with code 131016", Harm.AWAY),
    "transient": Fault("answers 400 with code 2, which passes", Harm.AWAY),
    "rate_limited": Fault("answers 429 with code 80007", Harm.AWAY),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "commit_then_timeout": Fault("sends a message, and breaks the connection before it says so", Harm.CUT),
    "throttled": Fault("answers 130429 to a message: too many from this number", Harm.CUT),
    "pair_limited": Fault("answers 131056 to a message: too many to this person", Harm.CUT),
    "window_closed": Fault("answers 131047 to a message: 24 hours have passed", Harm.DENIED),
    "undeliverable": Fault("answers 131026 to a message", Harm.DENIED),
    "account_locked": Fault("answers 131031 to a message", Harm.DENIED),
    "media_gone": Fault("has a file no more", Harm.CUT),
    "media_huge": Fault("says that a file has 200 MB", Harm.CUT),
    "media_lies": Fault("sends 3 MB for a file that should be small", Harm.CUT),
    "media_elsewhere": Fault("names an address of a file at another host", Harm.CUT),
    "status_first": Fault("tells what became of a message before it says that it took it", Harm.NOISE),
    "undelivered": Fault("takes a message, and tells later that it failed", Harm.NOISE),
    "user_name": Fault("lets the next customer have a user name, and no number", Harm.NOISE),
    "from_ad": Fault("lets the next customer come from an ad", Harm.NOISE),
    "unknown_type": Fault("lets the next customer write something of a type that nobody knows", Harm.NOISE),
    "foreign_number": Fault("tells a message of a number that is none of ours", Harm.NOISE),
    "dropped_notification": Fault("loses a notification", Harm.CUT),
    "duplicated_notification": Fault("sends a notification twice", Harm.NOISE),
    "delayed_notification": Fault("sends a notification a minute late", Harm.NOISE),
    "reordered_notification": Fault("sends a notification after the next one", Harm.NOISE),
    "forged_notification": Fault("signs a notification with another secret", Harm.HOSTILE),
    "unsigned_notification": Fault("does not sign a notification", Harm.HOSTILE),
}
OPTIONS = (
    Option("to", "URL", "Let customers write to this address of the hub every few seconds."),
    Option("kinds", "LIST", "Types of their messages, one after the other.", "text,image,location,text"),
)
STREAMS = ()  # everything comes by webhooks
KINDS = (
    "text", "image", "video", "audio", "document", "sticker", "location", "contacts", "button", "interactive", "order",
    "system", "unsupported",
)  # fmt: skip
WORDS = (
    "שלום, כמה עולה משלוח?",
    "Dzień dobry, czy to jest dostępne?",
    "When do you open / close?",
    "مرحبا، أريد عرض سعر",
)
_NAMES = ("דנה לוי", "Żaneta Nowak", "Noa Cohen", "ليلى")
_FOREIGN = Line("999000111222", "15550001111", "Somebody else")
_FILES = {"image": "image/png", "video": "video/mp4", "audio": "audio/ogg; codecs=opus", "document": "application/pdf", "sticker": "image/webp"}  # fmt: skip
_EVERY_S = 5.0
_WINDOW_S = 86_400.0
_APP = "123456789012345"
_BUSINESS = "102290129340398"
_SECRET = "simulated-app-secret-7f3a"  # noqa: S105 - of a demo
_WORD = "simulated-verify-word"


class WhatsAppSimulator:
    """One business with two numbers. Set `hub_url` to the account's address, then let somebody `write`."""

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.clock = Clock()
        self.garden = Line("106540352242922", "97235551234", "Green Garden")
        self.service = Line("106540352242923", "97235551235", "Green Garden Service")
        lines = {one.id: one for one in (self.garden, self.service)}
        self.postman = Postman(self.faults, self.clock, _BUSINESS, _SECRET)
        self.people: list[Person] = []
        self.graph = Graph(
            self.faults, self.clock, _APP, _SECRET, f"EAAsim{secrets.token_hex(24)}", _BUSINESS, lines, self.people,
            self._taken,
        )  # fmt: skip
        self.verify_token = _WORD
        self.answers_by_itself = True  # what the business sends is delivered and read
        self._wrote_at: dict[str, float] = {}
        self._serving = Serving("whatsapp", port, self.graph.handle, self.faults, lambda path: path != FILES)

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections."""
        self._serving.start(self._begin)

    def _begin(self) -> None:
        self.port, self.graph.base_url = self._serving.port, self._serving.url
        self.postman.notifier.start()

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self._serving.stop()
        self.postman.notifier.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches this business."""
        return {
            "base_url": self._serving.url,
            "media_hosts": f"127.0.0.1:{self.port}",
            "ca": self._serving.ca,
            "app_id": _APP,
            "app_secret": _SECRET,
            "verify_token": self.verify_token,
            "token": self.graph.token,
            "business_id": _BUSINESS,
        }

    @property
    def asked(self) -> int:
        """How many HTTP requests came since the start."""
        return self._serving.asked

    @property
    def hub_url(self) -> str:
        """Where it posts to."""
        return self.postman.url

    @hub_url.setter
    def hub_url(self, url: str) -> None:
        self.postman.url = url

    # -- what people do -------------------------------------------------------------------------------------------------

    def add_person(self, name: str = "", *, phone: str = "", username: str = "", hides_number: bool = False) -> Person:
        """Let somebody have WhatsApp, with a number of his own or the next one."""
        number = len(self.people)
        wa_id, user_id = phone.lstrip("+") or f"97250234{5000 + number}", f"IL.{13491208655302741918 + number}"
        made = Person(wa_id, user_id, name or _NAMES[number % len(_NAMES)], username, hides_number)
        self.people.append(made)
        return made

    def submit(self, count: int = 1) -> list[str]:
        """Let so many new people write; returns the ids of their messages, when they were posted."""
        made = []
        for number in range(count):
            hides = self.faults.take("user_name")
            person = self.add_person(username="dana.garden" if hides else "", hides_number=hides)
            kind = "future_thing" if self.faults.take("unknown_type") else "text"
            made.append(
                self.write(person, WORDS[number % len(WORDS)], kind=kind, is_from_ad=self.faults.take("from_ad"))
            )
        self.flush()
        return made

    def write(
        self,
        person: Person,
        text: str,
        *,
        kind: str = "text",
        line: Line | None = None,
        reply_to: str = "",
        is_from_ad: bool = False,
        content: bytes = b"",
    ) -> str:
        """Let somebody write to the business; returns the id of the message."""
        message_id = f"wamid.{secrets.token_hex(20)}"
        file = self._file(kind, content)
        told: Json = {
            **person.sender,
            "id": message_id,
            "timestamp": str(int(self.clock.time())),
            **body_of(kind, text, file),
        }
        if reply_to:
            told["context"] = {"from": self.garden.display, "id": reply_to}
        if is_from_ad:
            told["referral"] = AD
        self._wrote_at[person.user_id] = self.clock.time()
        self._tell(line, {"contacts": [person.contact], "messages": [told]})
        return message_id

    def react(self, person: Person, message_id: str, emoji: str) -> str:
        """Let somebody react to a message; without a sign the reaction is taken back."""
        sign = {"message_id": message_id, **({"emoji": emoji} if emoji else {})}
        told: Json = {
            **person.sender, "id": f"wamid.{secrets.token_hex(20)}", "timestamp": str(int(self.clock.time())),
            "type": "reaction", "reaction": sign,
        }  # fmt: skip
        self._tell(None, {"contacts": [person.contact], "messages": [told]})
        return str(told["id"])

    def becomes(self, sent: Sent, state: str, error: Json | None = None) -> None:
        """Tell what became of a message of the business."""
        told: Json = {
            "id": sent.id, "status": state, "timestamp": str(int(self.clock.time())), **sent.person.recipient,
            "pricing": {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"},
        }  # fmt: skip
        if opaque := sent.body.get("biz_opaque_callback_data"):
            told["biz_opaque_callback_data"] = opaque
        if error:
            told["errors"] = [error]
        self._tell(sent.line, {"contacts": [sent.person.contact], "statuses": [told]})

    def shake_hands(self) -> bool:
        """Ask the callback whether it is ours, as Meta does when its address is entered."""
        return self.postman.shake_hands(self.verify_token)

    def redeliver(self, *, days: float = 6) -> None:
        """Let days pass, and post everything once more."""
        posted = list(self.postman.posted)
        self.clock.advance(days=days)
        self.postman.again(posted)
        self.flush()

    def flush(self) -> None:
        """Return when everything was posted that waits for nothing else."""
        self.postman.notifier.flush()

    # -- what follows ---------------------------------------------------------------------------------------------------

    def _tell(self, line: Line | None, what: Json) -> None:
        named = _FOREIGN if self.faults.take("foreign_number") else line or self.garden
        self.postman.tell({"messaging_product": "whatsapp", "metadata": named.metadata, **what})

    def _file(self, kind: str, content: bytes) -> File | None:
        if kind not in _FILES:
            return None
        file = File(str(secrets.randbelow(10**15)), content or square(kind), _FILES[kind])
        self.graph.files[file.id] = file
        return file

    def _taken(self, sent: Sent) -> None:
        if not self.answers_by_itself:
            return
        is_first = self.faults.take("status_first")
        is_late = self.clock.time() - self._wrote_at.get(sent.person.user_id, 0.0) > _WINDOW_S
        if is_late or self.faults.take("undelivered"):
            self.becomes(sent, "failed", _LATE if is_late else _FAILED)
        else:
            for state in ("sent", "delivered", "read"):
                self.becomes(sent, state)
        if is_first:
            self.flush()


_LATE: Json = {
    "code": 131047, "title": "Re-engagement message", "message": "Re-engagement message",
    "error_data": {"details": "Message failed to send because more than 24 hours have passed since the customer last replied to this number."},
}  # fmt: skip
_FAILED: Json = {
    "code": 131026, "title": "Message undeliverable", "message": "Message undeliverable",
    "error_data": {"details": "Message Undeliverable."},
}  # fmt: skip


def create(port: int, faults: Faults) -> WhatsAppSimulator:
    """Make the simulator that `hub simulate whatsapp` and the contract tests run."""
    return WhatsAppSimulator(port, faults)


def performance(given: Mapping[str, str]) -> Performance | None:
    """Write as its options say. Raises ValueError for a type that there is none of."""
    kinds = given["kinds"].split(",")
    if unknown := [one for one in kinds if one not in KINDS]:
        raise ValueError(f"there is no type {unknown[0]!r}; there are {', '.join(KINDS)}")
    if not given["to"]:
        return None

    def play(simulator: Any, stop: threading.Event) -> None:
        simulator.hub_url = given["to"]
        people, number = [simulator.add_person() for _ in _NAMES], 0
        while not stop.wait(_EVERY_S if number else 0.0):
            person, kind = people[number % len(people)], kinds[number % len(kinds)]
            simulator.write(person, WORDS[number % len(WORDS)], kind=kind)
            number += 1

    return play
