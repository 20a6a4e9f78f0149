"""Webhooks: Intuit posts which objects changed, signed over the bytes as they came; in one of two forms, old and new.

The address and what it hears of are entered by hand on the app's page, for all companies that connected the app: there is
nothing to be opened or renewed here. A post for another company is as welcome: another account of this hub may read it.
Sources: https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks,
https://blogs.intuit.com/2025/11/12/upcoming-change-to-webhooks-payload-structure (CloudEvents)
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.quickbooks.entities import KINDS
from connectors.quickbooks.settings import QuickBooksSettings
from hub.connector import proof
from hub.connector.hand_made import HandMade, reaches
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Hinted, Stream
from hub.errors import HookError

SIGNATURE = "intuit-signature"
LARGEST = 2 << 20  # bytes of one post
RECEIVED = "OK"  # Intuit wants 200, and the hub says 204 where there is no text
_TYPE = re.compile(r"qbo\.([A-Za-z_-]+)\.[A-Za-z_-]+(?:\.v\d+)?")
_STREAMS: Mapping[str, str] = {entity.name.lower(): kind.records for kind in KINDS.values() for entity in kind.entities}


class QuickBooksPush(HandMade):
    """Webhooks of one account (`hub.connector.stream.Push`)."""

    def __init__(self, settings: QuickBooksSettings) -> None:
        self._settings = settings

    def ensure(self, stream: Stream, channel: Channel | None, address: str) -> Channel | None:
        """Return what says that a stream is hinted at, where there is a word to check posts with and an address."""
        settings = self._settings
        if not settings.verifier_token.get_secret_value() or not reaches(address, settings.base_url):
            return None
        if stream.key not in KINDS:
            return None
        if channel is not None and channel.facts.get("address") == address:
            return channel
        return Channel(stream.key, "webhook", None, None, facts={"address": address})

    def hinted(self, hook: Hook, channels: Sequence[Channel], address: str) -> Hinted:
        """Return the streams of what a post says changed."""
        del channels, address
        if not proof.of_body(self._settings.verifier_token.get_secret_value(), hook, SIGNATURE):
            raise HookError("The post is not signed with the verifier token of the settings.")
        named, odd = _read(hook.body)
        return Hinted(tuple(dict.fromkeys(named)), answer=RECEIVED, odd=odd)


def _read(body: bytes) -> tuple[list[str], tuple[Mapping[str, Any], ...]]:
    """Return the streams that a signed post hints at, and what of it nobody understands."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return [], ({"body": body.decode("utf-8", "replace")},)
    found: list[str] = []
    odd: list[Mapping[str, Any]] = []
    for one in _events(told):
        if (name := _entity(one)) is None:
            odd.append(one if isinstance(one, dict) else {"event": one})
        elif name in _STREAMS:  # of other things it is told as well, such as items
            found.append(_STREAMS[name])
    return found, tuple(odd)


def _events(told: Any) -> Iterator[Any]:
    """Yield the events of a post: a list of CloudEvents or one of them, or the changes of companies (the old form)."""
    listed = told.get("eventNotifications") if isinstance(told, dict) else None
    if not isinstance(listed, list):
        yield from told if isinstance(told, list) else [told]
        return
    for company in listed:
        change = company.get("dataChangeEvent") if isinstance(company, dict) else None
        entities = change.get("entities") if isinstance(change, dict) else None
        yield from entities if isinstance(entities, list) else [company]


def _entity(event: Any) -> str | None:
    """Return what kind of object an event is about, in small letters; None: it does not say."""
    if not isinstance(event, dict):
        return None
    if isinstance(kind := event.get("type"), str) and (found := _TYPE.fullmatch(kind)):
        return re.sub(r"[^a-z]", "", found[1].lower())
    name = event.get("name")
    return name.lower() if isinstance(name, str) and name.isalpha() else None
