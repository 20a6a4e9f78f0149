"""Notifications: Graph posts to us that something changed in a folder of mail, in the calendars or in the contacts.

Each folder of mail and each folder of contacts has a subscription of its own, so that a change costs one look. Of
calendars Graph tells only for all of a mailbox together: the first of them has the subscription and hints at all.
Sources: https://learn.microsoft.com/graph/outlook-change-notifications-overview,
https://learn.microsoft.com/graph/change-notifications-delivery-webhooks,
https://learn.microsoft.com/graph/change-notifications-lifecycle-events,
https://learn.microsoft.com/graph/api/resources/subscription
"""

import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.microsoft import calendar, contacts, mail
from connectors.microsoft.client import Client
from connectors.microsoft.settings import MicrosoftSettings
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Fetched, Hinted, Stream
from hub.errors import GoneError, HookError, RejectedError, ScopeError, ShapeError

SPARE = timedelta(hours=24)  # before its end a subscription is renewed; of a short life, the last third
CHANGES = "created,updated,deleted"
LONGEST_TOKEN = 4096  # characters of a handshake
# What a mailbox's own address cannot be: there tests and the simulator live, which need no TLS.
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
# What Graph wraps what it could not do for a subscription in, such as one more than a mailbox may have.
_WRAPPED = "extensionerror"
Facts = Mapping[str, Any]


class MicrosoftPush:
    """Subscriptions of one account (`hub.connector.stream.Push`)."""

    queue = ""  # there is none: Graph posts

    def __init__(self, settings: MicrosoftSettings, client: Callable[[str], Client]) -> None:
        self._settings = settings
        self._client = client

    # --- channels -------------------------------------------------------------------------------------------------

    def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
        """Return the channel of a folder or of a mailbox's calendars: the present one, renewed in time, or a new one.

        When the process dies behind a renewal, the old moment stays, and it is renewed again; behind an opening, nobody
        knows the subscription: what it tells is not heeded, and it ends by itself.
        """
        resource = self._resource(stream)
        if not resource or not self._reaches(address):
            return None
        facts = {"mailbox": stream.mailbox, "resource": resource, "address": address}
        if channel is None or dict(channel.facts) != facts:
            return self._opened(stream.key, facts)
        if channel.renew_at is not None and channel.renew_at > _now():
            return channel
        try:
            return self._renewed(channel)
        except GoneError:  # it ended, or Microsoft took it away
            return self._opened(stream.key, facts)

    def stop(self, channel: Channel) -> None:
        """Close a subscription."""
        try:
            self._client(str(channel.facts["mailbox"])).send("DELETE", f"/subscriptions/{channel.id}", root=True)
        except GoneError:
            return  # it ended by itself

    def _resource(self, stream: Stream) -> str:
        """Return what to subscribe to for a stream; empty: nothing tells of it."""
        kind, _, rest = stream.key.partition(":")
        _, _, container = rest.partition(":")
        whose = f"/users/{stream.mailbox}" if self._settings.app_only else "/me"
        if kind == mail.RECORDS and container:
            return f"{whose}/mailFolders/{container}/messages"
        if kind == calendar.RECORDS and container == self._settings.wanted_calendars[0]:
            return f"{whose}/events"
        if kind == contacts.RECORDS and container:
            return f"{whose}/contacts" if container == contacts.HOME else f"{whose}/contactFolders/{container}/contacts"
        return ""

    def _reaches(self, address: str) -> bool:
        """Say whether Graph would post there: not without TLS, but for tests on this machine."""
        return address.startswith("https://") or (
            bool(address) and urlsplit(self._settings.graph_url).hostname in _HERE
        )

    def _opened(self, key: str, facts: Facts) -> Channel:
        """Make a subscription; before Graph answers, it asks at our address whether we want it."""
        secret = secrets.token_urlsafe(32)  # at most 128 characters are allowed
        body = {
            "changeType": CHANGES,
            "resource": facts["resource"],
            "notificationUrl": facts["address"],
            "lifecycleNotificationUrl": facts["address"],
            "expirationDateTime": self._until(),
            "clientState": secret,
        }
        try:
            answer = self._client(str(facts["mailbox"])).send("POST", "/subscriptions", body, root=True)
        except ScopeError as error:
            if _WRAPPED not in str(error).lower():
                raise
            raise RejectedError(f"Only polled, because Graph opens no subscription. {error}") from error
        if not isinstance(answer.get("id"), str) or not answer["id"]:
            raise ShapeError("Microsoft opened a subscription without saying its id")
        ends_at = _moment(answer)
        return Channel(key, answer["id"], ends_at, _renew_at(ends_at), secret=secret, facts=dict(facts))

    def _renewed(self, channel: Channel) -> Channel:
        """Let a subscription live longer, which is also the sign of life that Graph may ask for."""
        client = self._client(str(channel.facts["mailbox"]))
        body = {"expirationDateTime": self._until()}
        ends_at = _moment(client.send("PATCH", f"/subscriptions/{channel.id}", body, root=True))
        return Channel(channel.key, channel.id, ends_at, _renew_at(ends_at), channel.secret, channel.facts)

    def _until(self) -> str:
        until = _now() + timedelta(minutes=self._settings.subscription_minutes)
        return until.strftime("%Y-%m-%dT%H:%M:%SZ")

    # --- what is posted to us -------------------------------------------------------------------------------------

    def hinted(self, hook: Hook, channels: Sequence[Channel], address: str) -> Hinted:
        """Return what a notification speaks of, or the answer of a handshake."""
        del address
        if (token := _handshake(hook)) is not None:
            return Hinted(answer=token)
        by_id = {channel.id: channel for channel in channels if channel.secret}
        keys: dict[str, None] = {}
        renew: dict[str, None] = {}
        for told in _notifications(hook):
            channel = by_id.get(str(told.get("subscriptionId")))
            # One that was just opened, and whose id the answer did not tell us yet; or whose opener died before it could
            # be kept. To refuse it would let Graph think that nobody is here, and slow down the others.
            if channel is None:
                continue
            if not _same(str(told.get("clientState")), channel.secret):
                raise HookError("The client state of a notification is missing or wrong.")
            keys |= dict.fromkeys(self._spoken_of(channel))
            # `missed` wants only a look; the others, that the subscription is renewed, or made anew where it is gone.
            if told.get("lifecycleEvent") in ("reauthorizationRequired", "subscriptionRemoved"):
                renew[channel.key] = None
        return Hinted(tuple(keys), renew=tuple(renew))

    def _spoken_of(self, channel: Channel) -> Iterator[str]:
        yield channel.key
        if channel.key.startswith(f"{calendar.RECORDS}:"):
            for container in self._settings.wanted_calendars:
                yield f"{calendar.RECORDS}:{channel.facts['mailbox']}:{container}"

    def fetch(self) -> Fetched:
        """Return nothing: there is no queue."""
        return Fetched()

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge nothing: there is no queue."""
        del receipts


def _handshake(hook: Hook) -> str | None:
    """Return the token that Graph wants back as plain text; None: it is no handshake.

    Anybody may ask for it, so it is only what a handshake can be: a word in the address, of what can be read, without a
    body.

    Raises:
        HookError: it is no such word.
    """
    tokens = hook.query.get("validationToken", ())
    if not tokens or hook.body.strip():
        return None
    [token] = tokens if len(tokens) == 1 else [""]
    if not token or len(token) > LONGEST_TOKEN or not token.isprintable():
        raise HookError("This is no token of a handshake.")
    return token


def _notifications(hook: Hook) -> list[Mapping[str, Any]]:
    """Read what came. Raises HookError: it is nothing that Graph sends."""
    try:
        told = json.loads(hook.body)
    except (ValueError, RecursionError):
        told = None
    listed = told.get("value") if isinstance(told, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise HookError("This is no notification of Microsoft Graph.")
    return listed


def _renew_at(ends_at: datetime) -> datetime:
    return ends_at - min(SPARE, (ends_at - _now()) / 3)


def _moment(answer: Mapping[str, Any]) -> datetime:
    """Read until when a subscription lives."""
    try:
        moment = datetime.fromisoformat(str(answer["expirationDateTime"]))
    except (KeyError, ValueError) as error:
        raise ShapeError("Microsoft opened a subscription without saying until when") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _same(given: str, wanted: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _now() -> datetime:
    return datetime.now(UTC)
