"""Notifications: mail's through Pub/Sub, pulled or posted to us, and those of calendars as bare requests. People has none.

Sources: https://developers.google.com/workspace/gmail/api/guides/push,
https://developers.google.com/workspace/calendar/api/guides/push,
https://cloud.google.com/pubsub/docs/pull, https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

import base64
import hmac
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests
from pydantic import SecretStr

from connectors.google import auth, mail
from connectors.google.calendar import CalendarStream
from connectors.google.client import Client, UnsupportedError
from connectors.google.mail import MailStream
from connectors.google.sender import check_token
from connectors.google.settings import PUBSUB, GoogleSettings
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Fetched, Grant, Hinted, Stream, Tools
from hub.errors import GoneError, HookError, RejectedError, RetryLaterError, ShapeError

DAY = timedelta(days=1)
LIVES = timedelta(days=7)  # of a calendar's channel: what Google gives to those who say nothing
COST = {"watch": 100, "stop": 50}  # units: https://developers.google.com/workspace/gmail/api/reference/quota
MOST = 100  # messages of one pull
# A draft is written anew every few seconds while somebody types, and neither is ever kept.
UNHEARD = ["DRAFT", "SPAM"]
ROBOT = "pubsub"  # whose token it is that reads the subscription, beside those of mailboxes


class GooglePush:
    """Channels of one account, and the queue that its mailboxes share with others of the same topic."""

    def __init__(self, settings: GoogleSettings, tools: Tools, client: Callable[[str], Client]) -> None:
        self._settings = settings
        self._tools = tools
        self._client = client

    @property
    def queue(self) -> str:
        """The subscription, where mail is heard of by asking."""
        return self._settings.subscription.strip() if self._settings.mail and self._settings.topic else ""

    # --- channels -------------------------------------------------------------------------------------------------

    def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
        """Return the channel of a mailbox or a calendar; contacts have none."""
        match stream:
            case MailStream():
                return self._mailbox(stream, channel)
            case CalendarStream():
                return self._calendar(stream, channel, address)
        return None

    def stop(self, channel: Channel) -> None:
        """Close a channel."""
        client = self._client(str(channel.facts["mailbox"]))
        try:
            if channel.key.startswith(f"{mail.RECORDS}:"):
                client.call(client.gmail.users().stop(userId="me"), mail.stream(client).limits, COST["stop"])
            else:
                body = {"id": channel.id, "resourceId": channel.facts["resource"]}
                client.call(client.calendar.channels().stop(body=body), ())
        except (GoneError, ShapeError):
            return  # it ended by itself; or the answer was empty, and so no JSON

    def _mailbox(self, stream: MailStream, channel: Channel | None) -> Channel | None:
        """Let Gmail publish changes; asked again every day, as Google advises, the same watch lives on."""
        topic = self._settings.topic.strip()
        if not topic:
            return None
        if not (self.queue or self._settings.push_sender or self._settings.push_token.get_secret_value()):
            raise RejectedError(
                "Nobody would hear what Gmail publishes: set the subscription that we pull from, "
                "or the service account that posts to us."
            )
        facts = {"mailbox": stream.mailbox, "topic": topic}
        if _is_good(channel, facts):
            return channel
        asked = {"topicName": topic, "labelIds": UNHEARD, "labelFilterBehavior": "exclude"}
        request = stream.client.gmail.users().watch(userId="me", body=asked)
        answer = stream.client.call(request, stream.limits, COST["watch"])
        expires_at = _moment(answer)
        renew_at = _now() + min(DAY, (expires_at - _now()) / 2)
        return Channel(stream.key, "watch", expires_at, renew_at, facts=facts)

    def _calendar(self, stream: CalendarStream, channel: Channel | None, address: str) -> Channel | None:
        """Let Google post to us when a calendar changes; a channel cannot be renewed, so another takes its place."""
        tests = self._settings.calendar_url or self._settings.base_url
        if not address.startswith("https://") and not (address and tests):
            return None  # Google posts to nobody without TLS
        facts = {"mailbox": stream.mailbox, "address": address}
        if _is_good(channel, facts):
            return channel
        asked = {
            "id": str(uuid4()),
            "type": "web_hook",
            "address": address,
            "token": secrets.token_urlsafe(32),
            "params": {"ttl": str(int(LIVES.total_seconds()))},
        }
        request = stream.client.calendar.events().watch(calendarId=stream.calendar, body=asked)
        try:
            answer = stream.client.call(request, stream.limits)
        except UnsupportedError:
            return None  # such as a calendar of holidays: it is polled
        expires_at = _moment(answer)
        return Channel(
            stream.key,
            str(asked["id"]),
            expires_at,
            renew_at=expires_at - min(DAY, (expires_at - _now()) / 2),
            secret=str(asked["token"]),
            facts={**facts, "resource": str(answer.get("resourceId", ""))},
        )

    # --- what is posted to us -------------------------------------------------------------------------------------

    def hinted(self, hook: Hook, channels: Sequence[Channel], address: str) -> Hinted:
        """Return what a calendar's notification or a posted message of Pub/Sub speaks of."""
        name = hook.headers.get("x-goog-channel-id")
        if name is not None:
            return Hinted(_of_channel(hook, name, channels))
        self._check_sender(hook, address)
        try:
            envelope = json.loads(hook.body)
        except (ValueError, RecursionError):
            envelope = None
        message = envelope.get("message") if isinstance(envelope, dict) else None
        return Hinted(_mailboxes([message]))  # one that cannot be read is thanked for, or it would come for a week

    def _check_sender(self, hook: Hook, address: str) -> None:
        """Let only Pub/Sub through: by the token in the address, by the signature of its service account, or by both.

        Raises:
            HookError: it is somebody else.
        """
        settings = self._settings
        wanted = settings.push_token.get_secret_value()
        if not wanted and not settings.push_sender:
            raise HookError("The settings of this account do not say who may post to it.")
        if wanted and not _same(next(iter(hook.query.get("token", ())), ""), wanted):
            raise HookError("The token in the address is missing or wrong.")
        if settings.push_sender:
            kind, _, token = hook.headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not token:
                raise HookError("The signed token of Pub/Sub is missing.")
            check_token(token.strip(), settings, settings.push_audience.strip() or address)

    # --- what we ask for ------------------------------------------------------------------------------------------

    def fetch(self) -> Fetched:
        """Pull from the subscription; Google answers as soon as there is something, and after a while without."""
        client = self._reader()
        subscriptions = client.pubsub.projects().subscriptions()
        request = subscriptions.pull(subscription=self.queue, body={"maxMessages": MOST})
        try:
            answer = client.call(request, ())
        except RetryLaterError as error:
            if isinstance(error.__cause__, requests.ReadTimeout):
                return Fetched()  # we were more impatient than Google; what it was about to say comes again
            raise
        received = answer.get("receivedMessages", [])
        if not isinstance(received, list) or not all(isinstance(one, dict) and one.get("ackId") for one in received):
            raise ShapeError("Pub/Sub's list of messages has entries that are none")
        # What cannot be read is acknowledged as well, or it would come again and again.
        return Fetched(_mailboxes([one.get("message") for one in received]), [str(one["ackId"]) for one in received])

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """Let Pub/Sub forget messages."""
        client = self._reader()
        subscriptions = client.pubsub.projects().subscriptions()
        client.call(subscriptions.acknowledge(subscription=self.queue, body={"ackIds": list(receipts)}), ())

    def _reader(self) -> Client:
        """Return who reads the subscription: a service account, or with consent alone the person."""
        key = self._settings.pubsub_key.get_secret_value() or self._settings.service_account.get_secret_value()
        return Robot(self._settings, self._tools, key) if key else self._client(self._settings.wanted_mailboxes[0])


class RobotSettings(GoogleSettings):
    """The settings of an account as the service account sees them that acts for nobody but itself."""

    @property
    def scopes(self) -> tuple[str, ...]:
        return (PUBSUB,)


class Robot(Client):
    """A service account that acts for nobody but itself."""

    def __init__(self, settings: GoogleSettings, tools: Tools, key: str) -> None:
        own = RobotSettings.model_construct(**{**settings.__dict__, "service_account": SecretStr(key)})
        super().__init__(own, tools, "")

    def _token(self) -> str:
        key = self.settings.key or {}
        return self.tools.access_token(
            lambda grant: auth.refreshed(self.settings, self._session, grant, ""),
            refused=self._refused,
            mailbox=ROBOT,
            first=Grant(f"{key.get('client_email')} {key.get('private_key_id')}"),  # another key begins anew
        )


def _is_good(channel: Channel | None, facts: Mapping[str, Any]) -> bool:
    """Say whether a channel may stay as it is: not near its end, and opened for the same."""
    if channel is None or channel.renew_at is None or channel.renew_at <= _now():
        return False
    return all(channel.facts.get(name) == value for name, value in facts.items())


def _moment(answer: Mapping[str, Any]) -> datetime:
    """Read milliseconds since 1970."""
    try:
        return datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)
    except (KeyError, ValueError, TypeError, OverflowError, OSError) as error:
        raise ShapeError("Google opened a channel without saying until when") from error


def _of_channel(hook: Hook, name: str, channels: Sequence[Channel]) -> tuple[str, ...]:
    channel = next((one for one in channels if one.secret and one.id == name), None)
    is_first = hook.headers.get("x-goog-resource-state") == "sync"
    if channel is None and is_first:
        return ()  # it says nothing, and may be faster than the answer that tells us the channel is open
    if channel is None:
        raise HookError("There is no such channel.")
    if not _same(hook.headers.get("x-goog-channel-token", ""), channel.secret):
        raise HookError("The channel's token is missing or wrong.")
    return () if is_first else (channel.key,)


def _mailboxes(messages: Sequence[Any]) -> tuple[str, ...]:
    """Return the streams of the mailboxes that Gmail's messages name."""
    keys: dict[str, None] = {}
    for message in messages:
        try:
            told = json.loads(base64.urlsafe_b64decode(str(message["data"]).replace("+", "-").replace("/", "_")))
            keys[f"{mail.RECORDS}:{str(told['emailAddress']).strip().lower()}"] = None
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return tuple(keys)


def _same(given: str, wanted: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _now() -> datetime:
    return datetime.now(UTC)
