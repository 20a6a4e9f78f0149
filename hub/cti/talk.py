"""Stretches of talk: opened and closed as channels come together and part."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from hub.cti import handover, outcome
from hub.cti.call_graph import asker, voices
from hub.cti.conversation import LIMIT, Conversation, LiveChannel, Talk

_STITCH_S: Final = 0.3  # a local channel that optimises itself away breaks the talk for some ms


def listen(at: float, conversation: Conversation) -> None:
    """Open and close the stretches of talk after any change of who hears whom."""
    customer = outcome.anchor(conversation)
    now = voices(conversation, customer)
    talking = {channel.uid: False for channel in now.customer}
    for group in now.consults:
        _consult(group)
        talking.update((channel.uid, True) for channel in group)
    for channel in now.customer:
        channel.talked = True
        channel.asks = ""
        channel.released_at = None
    _stretch(at, conversation, talking)
    _count(at, conversation, now.customer)
    handover.complete(conversation, now.customer)
    for channel in conversation.channels.values():
        if channel.asks and channel.rings:
            find_asker(conversation, channel)


def find_asker(conversation: Conversation, channel: LiveChannel) -> None:
    """Find out whether a colleague calls this phone; while bridges change nobody may be seen there."""
    by = asker(conversation, outcome.anchor(conversation), channel)
    if by is not None and by != channel.asks:
        channel.asks = by
        conversation.touch()


def as_question(talks: Iterable[Talk], uid: str, extension: str) -> list[Talk]:
    """Return talk of colleagues as it looks from a customer's call: a question, asked by `extension`."""
    asked = [replace(talk, consult=True) for talk in talks]
    return asked + [replace(talk, uid=uid, extension=extension) for talk in asked if talk.uid != uid]


def _consult(group: Iterable[LiveChannel]) -> None:
    """Mark colleagues who talk without the customer: who spoke with the customer before is the one who asks."""
    people = sorted(group, key=lambda one: (not one.talked, one.started_at))
    leader = people[0]
    for one in people:
        one.consulted = True
        one.released_at = None
        if one is not leader and not one.talked:
            one.asks = leader.extension


def _stretch(at: float, conversation: Conversation, talking: Mapping[str, bool]) -> None:
    going_on = set()
    for talk in conversation.talks:
        if talk.ended_at is None:
            if talking.get(talk.uid) is talk.consult:
                going_on.add(talk.uid)
            else:
                talk.ended_at = max(at, talk.started_at)
                conversation.touch()
    for channel in conversation.channels.values():
        if channel.uid in talking and channel.uid not in going_on:
            _resume(at, conversation, channel, consult=talking[channel.uid])
            conversation.touch()


def _resume(at: float, conversation: Conversation, channel: LiveChannel, *, consult: bool) -> None:
    """Begin a stretch of talk, or go on with one that a change of bridges cut for a moment."""
    last = next((talk for talk in reversed(conversation.talks) if talk.uid == channel.uid), None)
    cut = last is not None and last.ended_at is not None and at - last.ended_at <= _STITCH_S
    if last is not None and cut and last.consult is consult:
        last.ended_at = None
    elif len(conversation.talks) < LIMIT:
        conversation.talks.append(Talk(channel.uid, channel.extension, at, None, consult))


def _count(at: float, conversation: Conversation, customer: Iterable[LiveChannel]) -> None:
    """Keep the time in which the customer talked with anybody, counted once however many listen."""
    talkers = [channel.uid for channel in customer]
    if talkers and not conversation.talkers:
        conversation.talk_since = at
        conversation.left_first = ""
        if conversation.answered_at is None:
            conversation.answered_at = at
    elif conversation.talkers and not talkers and conversation.talk_since is not None:
        conversation.talk_s += max(0.0, at - conversation.talk_since)
        conversation.talk_since = None
    if talkers != conversation.talkers:
        if any(uid not in conversation.talkers for uid in talkers):
            conversation.hung_by = None  # whoever asked for the end before, it was not the end
        conversation.talkers = talkers
        conversation.touch()
