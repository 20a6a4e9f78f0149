"""Two conversations that turn out to be one: by pick-up, or because a transfer brought their channels together."""

from hub.cti import outcome
from hub.cti.conversation import Conversation
from hub.cti.talk import as_question
from hub.records.call import Direction


def is_inside(conversation: Conversation) -> bool:
    """Say whether no customer is part of it, as far as is known."""
    return outcome.direction(conversation) in (None, Direction.INTERNAL)


def rank(conversation: Conversation) -> tuple[bool, float, str]:
    """Order conversations by what stays when two become one: the lower.

    The one with a customer stays, of two alike the older: a question between colleagues is a part of the customer's
    call, whichever began first.
    """
    return is_inside(conversation), conversation.started_at, conversation.key


def absorb(kept: Conversation, gone: Conversation) -> None:
    """Move everything of `gone` to `kept`; talk of colleagues becomes a question asked during the customer's call."""
    if is_inside(gone) and not is_inside(kept):
        _absorb_question(kept, gone)
    else:
        kept.talks += gone.talks
        kept.answered_at = min((at for at in (kept.answered_at, gone.answered_at) if at is not None), default=None)
        kept.talk_s += gone.talk_s
    kept.channels.update(gone.channels)
    kept.origin = kept.origin or gone.origin
    kept.handovers = sorted(kept.handovers + gone.handovers, key=lambda one: one.at)
    paths = {one.path for one in kept.recordings}
    kept.recordings += [one for one in gone.recordings if one.path not in paths]
    _absorb_facts(kept, gone)
    kept.hung_by = None
    if any(True for _ in gone.alive()):
        kept.ended_at = kept.settles_at = None
        kept.end_estimated = False


def _absorb_question(kept: Conversation, gone: Conversation) -> None:
    begun_by = gone.channels.get(gone.origin)
    colleague = begun_by.extension if begun_by is not None else ""
    for channel in gone.channels.values():
        if channel.real:
            channel.consulted = channel.consulted or channel.talked or (channel is begun_by and bool(gone.talks))
            channel.talked = False
            if channel is not begun_by and channel.over_at is None:
                channel.asks = colleague
    kept.talks += as_question(gone.talks, gone.origin, colleague)


def _absorb_facts(kept: Conversation, gone: Conversation) -> None:
    kept.keyed = kept.keyed or gone.keyed
    kept.click_id = kept.click_id or gone.click_id
    kept.click_number = kept.click_number or gone.click_number
    kept.queue = kept.queue or gone.queue
    kept.queued = kept.queued or gone.queued
    kept.wait_s += gone.wait_s
    kept.voicemail = kept.voicemail or gone.voicemail
    kept.unseen = kept.unseen or gone.unseen
    kept.hidden = kept.hidden and gone.hidden
    kept.seen_at = max(kept.seen_at, gone.seen_at)
