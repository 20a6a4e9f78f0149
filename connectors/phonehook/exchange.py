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

from connectors.phonehook import recordings
from connectors.phonehook.settings import PhoneHookSettings
from connectors.phonehook.translate import TECHNOLOGY, TRUNK, PhoneHookTranslator
from connectors.phonehook.webhook import SIGNATURE
from hub.connector.contract import Account, Finding, Level
from hub.connector.exchange import Classify, DialOrder, FileFacts, Greeting, HistoryPage, Inquiry, Sink, Translator
from hub.errors import AuthError, RejectedError, RetryLaterError
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
        url = self._settings.dial_url
        if not url:
            raise RejectedError("this telephone system takes no orders; set its click-to-dial address")
        body = json.dumps({"extension": order.extension, "number": order.number, "id": order.click_id}).encode()
        headers = {"Content-Type": "application/json"}
        secret = self._settings.signing_secret.get_secret_value()
        if secret:
            headers[SIGNATURE] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        with requests.Session() as session:
            session.trust_env = False
            try:
                answer = session.post(
                    url, data=body, headers=headers, timeout=self._settings.timeout_s, allow_redirects=False
                )
            except requests.ConnectTimeout as error:
                raise RetryLaterError("the telephone system cannot be reached") from error
            except requests.Timeout as error:
                # It may have taken the order: a second one would ring the agent twice.
                raise RejectedError(
                    "the telephone system did not answer in time; look whether your phone rings"
                ) from error
            except requests.RequestException as error:
                raise RetryLaterError(f"the telephone system cannot be reached: {type(error).__name__}") from error
        if answer.status_code in (401, 403):
            raise AuthError(
                f"the telephone system answers {answer.status_code} to click-to-dial; check the signing secret"
            )
        if not 200 <= answer.status_code < 300:
            raise RejectedError(f"the telephone system refused to dial and answered {answer.status_code}")

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


def check(account: Account[PhoneHookSettings]) -> list[Finding]:
    """Look at the settings; there is nothing to connect to."""
    settings = account.settings
    findings = [
        Finding("hook", Level.GREEN, "Ready to hear calls.", "Let the telephone system post to the account's address.")
    ]
    if not settings.signing_secret.get_secret_value():
        text = "Calls are not signed: whoever knows the account's address can report calls."
        findings.append(
            Finding("signature", Level.AMBER, text, "Set a signing secret if your telephone system can sign.")
        )
    if settings.dial_url and urlsplit(settings.dial_url).scheme == "http":
        text = "The click-to-dial address is not encrypted."
        findings.append(Finding("dial", Level.AMBER, text, "Use https:// unless both are on one machine."))
    if not settings.recordings_url:
        findings.append(Finding("recordings", Level.GREEN, "No recordings are fetched: no address is set."))
    return findings
