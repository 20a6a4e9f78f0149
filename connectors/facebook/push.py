r"""Webhooks: Meta posts that there is a new lead, with ids and nothing else; and what must be switched on for that.

One address serves the whole app; each page must have the app installed besides. Both are looked at every ten minutes,
since either may be taken away without a word, and then nothing comes and nothing fails.
Meta signs the bytes that it sends, in which letters are written as `\u05e9` and slashes as `\/`: the bytes are compared,
never what was made of them.
Sources: https://developers.facebook.com/docs/graph-api/webhooks/getting-started,
https://developers.facebook.com/docs/graph-api/webhooks/getting-started/webhooks-for-leadgen,
https://developers.facebook.com/docs/graph-api/reference/app/subscriptions,
https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
"""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from connectors.facebook import auth, leads
from connectors.facebook.client import Client, entries, place
from connectors.facebook.settings import FacebookSettings
from hub.connector import websub
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Fetched, Hinted, Named, Stream
from hub.errors import ConnectorError, DisabledError, RejectedError, ShapeError

LOOK_EVERY = timedelta(minutes=10)
OBJECT, FIELD = "page", "leadgen"
# Whatever is not answered by 200 Meta posts again for a day and a half, and without a text the hub answers 204.
RECEIVED = "EVENT_RECEIVED"
LARGEST = 5 << 20  # bytes of one post: up to 1,000 changes
# What Meta asks with is a number; whatever else a browser could take for more than text is not given back.
_ID = re.compile(r"[0-9]{1,32}")
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})  # there tests and the simulator live, which need no TLS
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Told:
    """What a post tells, as far as it was read."""

    named: dict[str, Named] = field(default_factory=dict)
    odd: list[Mapping[str, Any]] = field(default_factory=list)
    forms: set[tuple[str, str]] = field(default_factory=set)  # page and form


class FacebookPush:
    """Webhooks of one account (`hub.connector.stream.Push`)."""

    queue = ""  # there is none: Meta posts

    def __init__(self, settings: FacebookSettings, client: Callable[[str], Client]) -> None:
        self._settings = settings
        self._client = client
        self._looked: dict[str, ConnectorError | ShapeError | None] = {}  # once for all forms of a page

    # --- what must be switched on ---------------------------------------------------------------------------------

    def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
        """Return the channel of a form: its page has our app installed, and the app posts to us.

        When the process dies behind a repair, it is found repaired.
        """
        form = stream.key.rpartition(":")[2]
        if not form.isdecimal() or not self._reaches(address):
            return None
        facts = {"page": stream.mailbox, "form": form, "address": address}
        if channel is not None and dict(channel.facts) == facts and channel.renew_at and channel.renew_at > _now():
            return channel
        self._once(stream.mailbox, lambda: self._install(stream.mailbox))
        self._once("", lambda: self._subscribe(address))
        return Channel(stream.key, stream.mailbox, None, _now() + LOOK_EVERY, facts=facts)

    def stop(self, channel: Channel) -> None:
        """Leave everything as it is: other forms, and perhaps other accounts, hear by the same page and app."""
        del channel

    def _reaches(self, address: str) -> bool:
        """Say whether Meta would post there: not without TLS, but for tests on this machine."""
        is_here = bool(address) and urlsplit(self._settings.graph_url).hostname in _HERE
        return address.startswith("https://") or is_here

    def _once(self, name: str, look: Callable[[], None]) -> None:
        """Look at something once, however many forms depend on it; what is wrong is said for each."""
        if name not in self._looked:
            try:
                look()
                self._looked[name] = None
            except (ConnectorError, ShapeError) as error:
                self._looked[name] = error
        wrong = self._looked[name]
        if wrong is not None:
            raise wrong

    def _install(self, page: str) -> None:
        """Install the app on a page where it is not, and keep what it hears besides."""
        install(self._client(page))

    def _subscribe(self, address: str) -> None:
        """Let the app post to us where it posts to nobody; where it posts to somebody else, only say so."""
        client = self._client(auth.APP)
        told = subscription(client)
        fields = [] if told is None else fields_of(told)
        if told is not None and told.get("callback_url") != address:
            raise RejectedError(
                f"The app posts to {str(told.get('callback_url'))[:200]}, not to {address}: leads are only polled. An app has "
                "one address; change it on the app's page at Meta (Webhooks, Page), or use an app of its own for this hub."
            )
        if told is not None and told.get("active") is not False and FIELD in fields:
            return
        word = self._settings.verify_token.get_secret_value()
        if not word:
            raise DisabledError(
                "Enter a verify token in the settings: Meta shows it when it asks whether the address is ours."
            )
        form = {
            "object": OBJECT, "callback_url": address, "fields": ",".join(dict.fromkeys([*fields, FIELD])),
            "verify_token": word, "include_values": "true",
        }  # fmt: skip
        client.post(f"/{place(self._settings.app_id)}/subscriptions", form)
        _log.warning("the app did not post new leads to %s; it does now", address)

    # --- what is posted to us -------------------------------------------------------------------------------------

    def hinted(self, hook: Hook, channels: Sequence[Channel], address: str) -> Hinted:
        """Return the leads that a post names, or the answer of a handshake.

        Nothing is asked of Meta here: what is signed is kept and thanked for, whatever it is.
        """
        del address
        if hook.method == "GET":
            return Hinted(answer=websub.handshake(hook, self._settings.verify_token.get_secret_value()))
        websub.check_signature(hook, self._settings.secrets)
        told = _read(hook.body)
        known: dict[str, set[str]] = {}
        for channel in channels:
            _, page, form = (*channel.key.split(":"), "", "")[:3]
            known.setdefault(page, set()).add(form)
        # Of a page without any channel nobody knows which forms it has; the hourly listing finds them.
        is_new = any(page in known and form not in known[page] for page, form in told.forms)
        return Hinted(answer=RECEIVED, named=tuple(told.named.values()), odd=tuple(told.odd), lists=is_new)

    def fetch(self) -> Fetched:
        """Return nothing: there is no queue."""
        return Fetched()

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge nothing: there is no queue."""
        del receipts


def installed(client: Client) -> list[str]:
    """Return what our app hears of a page; nothing where it is not installed."""
    ours = client.settings.app_id
    listed = client.all(f"/{place(client.mailbox)}/subscribed_apps", {"fields": "id,name,subscribed_fields"})
    for one in listed:
        if str(one.get("id")) == ours:
            fields = one.get("subscribed_fields")
            return [str(name) for name in fields] if isinstance(fields, list) else []
    return []


def install(client: Client) -> bool:
    """Install the app on a page where it is not for new leads, and keep what it hears besides; says whether it was not."""
    heard = installed(client)
    if FIELD in heard:
        return False
    client.post(f"/{place(client.mailbox)}/subscribed_apps", {"subscribed_fields": ",".join([*heard, FIELD])})
    _log.warning("the app was not installed on page %s for new leads; it is again", client.mailbox)
    return True


def subscription(client: Client) -> Mapping[str, Any] | None:
    """Return what the app posts about pages, and where to; None: nothing."""
    listed = entries(client.get(f"/{place(client.settings.app_id)}/subscriptions"))
    return next((one for one in listed if one.get("object") == OBJECT), None)


def fields_of(told: Mapping[str, Any]) -> list[str]:
    """Return what a subscription is of: names, or objects with a name."""
    listed = told.get("fields")
    found = [one.get("name") if isinstance(one, dict) else one for one in listed] if isinstance(listed, list) else []
    return [name for name in found if isinstance(name, str)]


def _read(body: bytes) -> _Told:
    """Take everything out of a signed post that can be understood, and keep the rest as it came."""
    told = _Told()
    try:
        post = json.loads(body)
    except (ValueError, RecursionError):
        told.odd.append({"body": body.decode("utf-8", "replace")})
        return told
    listed = post.get("entry") if isinstance(post, dict) else None
    if not isinstance(post, dict) or post.get("object") != OBJECT or not isinstance(listed, list):
        told.odd.append(post if isinstance(post, dict) else {"body": body.decode("utf-8", "replace")})
        return told
    for entry in listed:
        for around, change in _changes(entry):
            _take(told, around, change)
    return told


def _changes(entry: Any) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Yield the changes of an entry, each with what is around it."""
    changes = entry.get("changes") if isinstance(entry, dict) else None
    if not isinstance(changes, list):
        yield {"entry": entry}, None
        return
    around = {name: value for name, value in entry.items() if name != "changes"}
    for change in changes:
        yield {"entry": around}, change


def _take(told: _Told, around: Mapping[str, Any], change: Any) -> None:
    value = change.get("value") if isinstance(change, dict) else None
    is_lead = isinstance(change, dict) and change.get("field") == FIELD and isinstance(value, dict)
    lead = _id(value.get("leadgen_id")) if is_lead and isinstance(value, dict) else ""
    page = (
        (_id(value.get("page_id")) if isinstance(value, dict) else "") or _id(around["entry"].get("id")) if lead else ""
    )
    if not lead or not page or not isinstance(value, dict):
        told.odd.append({**around, "change": change})
        return
    told.named[lead] = Named(leads.RECORDS, page, lead, _moment(value.get("created_time")), dict(value))
    if form := _id(value.get("form_id")):
        told.forms.add((page, form))


def _id(value: Any) -> str:
    """Return an id, which comes as a number or as text; empty: it is none."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if _ID.fullmatch(text) else ""


def _moment(value: Any) -> datetime | None:
    """Read seconds since 1970; nothing where they are none."""
    try:
        seconds = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else 0
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _now() -> datetime:
    return datetime.now(UTC)
