"""Who hears whom: the graph of channels that share a bridge or are two halves of one local channel.

Bridge membership is the only signal that survives every kind of transfer; dial and queue events all mislead somewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.cti.conversation import Conversation, LiveChannel
from hub.records.telephony import EndpointClass


@dataclass(frozen=True, slots=True)
class Voices:
    """Who talks at this moment."""

    customer: tuple[LiveChannel, ...]  # with the customer, the customer's own channel left out
    consults: tuple[tuple[LiveChannel, ...], ...]  # groups of real channels that talk without the customer


_SILENCE = Voices((), ())


def voices(conversation: Conversation, anchor: LiveChannel | None) -> Voices:
    """Return who talks with the customer, and who talks without them.

    Args:
        conversation: any.
        anchor: the customer's channel; None while there is none.
    """
    bridges = _bridges(conversation)
    if not bridges:
        return _SILENCE
    seen: set[str] = set()
    talkers: tuple[LiveChannel, ...] = ()
    if anchor is not None and anchor.ended_at is None and anchor.bridge:
        group = _connected(conversation.channels, bridges, anchor)
        seen.update(channel.uid for channel in group)
        talkers = tuple(channel for channel in group if channel.real and channel is not anchor)
    consults = []
    for channels in bridges.values():
        for channel in channels:
            if channel.real and channel.uid not in seen:
                group = _connected(conversation.channels, bridges, channel)
                seen.update(one.uid for one in group)
                people = tuple(one for one in group if one.real)
                if len(people) > 1:
                    consults.append(people)
    return Voices(talkers, tuple(consults))


def asker(conversation: Conversation, anchor: LiveChannel | None, channel: LiveChannel) -> str | None:
    """Return the extension of the colleague who calls `channel`; empty: the customer does; None: cannot be seen now.

    Follows who dialled it, through local channels and bridges, until the customer or a colleague is met. Until the
    first word with the customer whoever began the call speaks for them.
    """
    channels = conversation.channels
    customers = {anchor.uid} if anchor is not None else set()
    if conversation.answered_at is None:
        customers.add(conversation.origin)
    colleague: str | None = None
    seen = {channel.uid}
    todo = [channel.dialler]
    bridges: Mapping[str, Sequence[LiveChannel]] | None = None
    while todo:
        uid = todo.pop()
        found = channels.get(uid)
        if found is None or uid in seen:
            continue
        seen.add(uid)
        if uid in customers:
            return ""
        if found.kind is EndpointClass.EXTENSION:
            colleague = colleague or found.extension
            continue
        todo += [found.partner, found.dialler]
        if found.bridge and found.ended_at is None:
            bridges = _bridges(conversation) if bridges is None else bridges
            todo += [mate.uid for mate in bridges[found.bridge]]
    return colleague


def _bridges(conversation: Conversation) -> dict[str, list[LiveChannel]]:
    found: dict[str, list[LiveChannel]] = {}
    for channel in conversation.channels.values():
        if channel.bridge:
            found.setdefault(channel.bridge, []).append(channel)
    return found


def _connected(
    channels: Mapping[str, LiveChannel], bridges: Mapping[str, Sequence[LiveChannel]], start: LiveChannel
) -> list[LiveChannel]:
    group, seen, todo = [], {start.uid}, [start]
    while todo:
        channel = todo.pop()
        group.append(channel)
        near = list(bridges[channel.bridge]) if channel.bridge else []
        partner = channels.get(channel.partner)
        if partner is not None and partner.ended_at is None:
            near.append(partner)
        for other in near:
            if other.uid not in seen:
                seen.add(other.uid)
                todo.append(other)
    return group
