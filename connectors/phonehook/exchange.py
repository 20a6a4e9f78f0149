"""A telephone system that posts its calls, as the hub sees it: heard by webhook, and told nothing unless it takes orders."""

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import MaxRetryError

from connectors.phonehook import recordings
from connectors.phonehook.settings import PhoneHookSettings
from connectors.phonehook.translate import TECHNOLOGY, TRUNK, PhoneHookTranslator
from connectors.phonehook.webhook import SIGNATURE
from hub.connector.contract import Account, Finding, Level
from hub.connector.exchange import Classify, DialOrder, FileFacts, Greeting, HistoryPage, Inquiry, Sink, Translator
from hub.errors import AuthError, ConnectorError, GoneError, RejectedError, RetryLaterError
from hub.records.telephony import Endpoint, EndpointClass

_INSTANCE = re.compile(r"-[0-9a-f]{8}\Z")


class PhoneHookExchange:
    """One account's exchange; implements `hub.connector.exchange.Exchange`."""

    def __init__(self, account: Account[PhoneHookSettings]) -> None:
        self._settings = account.settings

    @property
    def silent_s(self) -> float:
        """How long a call may tell nothing; a call that is silent longer is to be closed as lost."""
        return self._settings.close_after_s

    def listen(self, sink: Sink, stop: threading.Event) -> None:
        """Nothing is connected: webhooks come by the web server. Waits for `stop`."""
        sink.connected({"by": "webhook"})
        stop.wait()

    def translator(self) -> Translator:
        return PhoneHookTranslator()

    def dial(self, order: DialOrder) -> None:
        """Post the order to the configured address.

        The body is `{"extension", "number", "id"}`; a system that repeats the id as `clickId` in its newCall lets the
        hub know its own order again.
        """
        order.check()
        url = self._settings.dial_url
        if not url:
            raise RejectedError("this telephone system takes no orders; set its click-to-dial address")
        body = json.dumps({"extension": order.extension, "number": order.number, "id": order.click_id}).encode()
        headers = {"Content-Type": "application/json"}
        secret = self._settings.signing_secret.get_secret_value()
        if secret:
            headers[SIGNATURE] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        status = _ask(self._settings, "POST", url, data=body, headers=headers)
        if status in (401, 403):
            raise AuthError(f"the telephone system answers {status} to click-to-dial; check the signing secret")
        if status in (429, 503):
            raise RetryLaterError(f"the telephone system dials nobody now: it answers {status}")
        if not 200 <= status < 300:
            raise RejectedError(f"the telephone system refused to dial and answered {status}")

    def hang_up(self, channel: str) -> None:
        raise RejectedError(f"this telephone system offers no control of calls: {channel} cannot be hung up from here")

    def transfer(self, channel: str, extension: str) -> None:
        raise RejectedError(f"this telephone system offers no control of calls: {channel} cannot go to {extension}")

    def pause_recording(self, channel: str, *, paused: bool) -> None:
        word = "paused" if paused else "resumed"
        raise RejectedError(f"this telephone system offers no control of calls: {channel} cannot be {word}")

    def recording_facts(self, path: str) -> FileFacts:
        return recordings.facts(self._settings, path)

    def open_recording(self, path: str, *, start: int = 0) -> BinaryIO:
        return recordings.open_(self._settings, path, start)

    def history(self, position: dict[str, Any] | None, since: datetime, classify: Classify) -> Iterator[HistoryPage]:  # noqa: ARG002 - what was not posted is nowhere
        """Yield nothing: what was not posted is nowhere to be read."""
        return iter(())

    @property
    def attends(self) -> bool:
        """Say no: it asks nothing."""
        return False

    def attend(self, answer: Callable[[Inquiry], Greeting], stop: threading.Event) -> None:  # noqa: ARG002 - it never asks
        """Return at once: it asks nothing."""
        return

    def guess(self, channel: str) -> Endpoint:
        """`HOOK/trunk-...` is the outside; any other is a user's phone, known by a name, login, e-mail or extension."""
        name = _INSTANCE.sub("", channel)
        if name == TRUNK:
            return Endpoint(EndpointClass.TRUNK)
        technology, _, user = name.partition("/")
        if technology == TECHNOLOGY and user:
            return Endpoint(EndpointClass.EXTENSION, user)
        return Endpoint(EndpointClass.IGNORE)


def _ask(settings: PhoneHookSettings, method: str, url: str, **request: Any) -> int:
    """Send one request and return the status of its answer.

    Raises:
        RetryLaterError: nothing was sent.
        RejectedError: it may have been taken, and a second one would ring the agent twice.
    """
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.request(
                method, url, timeout=settings.timeout_s, allow_redirects=False, stream=True, **request
            )
        except requests.RequestException as error:
            # urllib3 gives up with this one where no connection was made. Source: requests/adapters.py, HTTPAdapter.send
            if isinstance(error, requests.ConnectTimeout) or isinstance(next(iter(error.args), None), MaxRetryError):
                raise RetryLaterError("the telephone system cannot be reached") from error
            raise RejectedError("the telephone system did not answer; look whether your phone rings") from error
        answer.close()
        return answer.status_code


def check(account: Account[PhoneHookSettings]) -> list[Finding]:
    """Look at the settings, and whether the addresses of dialling and recordings answer. Rings nobody."""
    settings = account.settings
    return [*_hook(settings), *_dial(settings), *_recordings(settings)]


def _hook(settings: PhoneHookSettings) -> Iterator[Finding]:
    yield Finding(
        "hook", Level.GREEN, "Ready to hear calls.", "Let the telephone system post to the account's address."
    )
    if not settings.signing_secret.get_secret_value():
        text = "Calls are not signed: whoever knows the account's address can report calls."
        yield Finding("signature", Level.AMBER, text, "Set a signing secret if your telephone system can sign.")


def _dial(settings: PhoneHookSettings) -> Iterator[Finding]:
    if not settings.dial_url:
        return
    place = urlsplit(settings.dial_url)
    if place.scheme == "http" and place.hostname not in ("localhost", "127.0.0.1", "::1"):
        text = "The click-to-dial address is not encrypted."
        yield Finding("dial encryption", Level.AMBER, text, "Use https:// unless both are on one machine.")
    try:
        # Asks what the address can do, and orders nothing; whatever it answers, somebody is there.
        status = _ask(settings, "OPTIONS", settings.dial_url)
    except ConnectorError:
        text = f"Nobody answers at the click-to-dial address ({place.hostname})."
        yield Finding("dial", Level.RED, text, "Correct the address, or let us through the firewall.")
        return
    if status >= 500 and status != 501:  # 501: it knows no OPTIONS
        text = f"The click-to-dial address answers {status}."
        yield Finding("dial", Level.AMBER, text, "Look into the telephone system's own log.")
    else:
        yield Finding("dial", Level.GREEN, "The click-to-dial address answers.")


def _recordings(settings: PhoneHookSettings) -> Iterator[Finding]:
    if not settings.recordings_url:
        yield Finding("recordings", Level.GREEN, "No recordings are fetched: no address is set.")
        return
    try:
        recordings.facts(settings, "hub-self-check.wav")
    except GoneError:
        pass  # the server lets us in, and has no such file: as it should be
    except AuthError as error:
        yield Finding("recordings", Level.RED, f"Recordings cannot be read: {error}.", "Correct user and password.")
        return
    except ConnectorError as error:
        text = f"Recordings cannot be read: {error}."
        yield Finding("recordings", Level.RED, text, "Correct the address, or let us through the firewall.")
        return
    yield Finding("recordings", Level.GREEN, "The address of recordings answers.")
