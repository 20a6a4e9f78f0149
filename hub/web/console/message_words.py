"""What the pages of messages call things, and how a timeline folds them. Whole words, so that they can be translated."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from flask_babel import LazyString, lazy_gettext, ngettext

from hub.errors import UserError
from hub.messages.models import MediaState, MessageState
from hub.messages.window import No
from hub.records.message import Channel, Content
from hub.timeline.models import Kind
from hub.timeline.queries import Item
from hub.web.console import moments, wording

CHANNELS: Mapping[str, LazyString] = MappingProxyType(
    {Channel.WHATSAPP: lazy_gettext("WhatsApp"), Channel.SMS: lazy_gettext("SMS")}
)
CONTENTS: Mapping[str, LazyString] = MappingProxyType(
    {
        Content.IMAGE: lazy_gettext("Picture"),
        Content.AUDIO: lazy_gettext("Voice message"),
        Content.VIDEO: lazy_gettext("Video"),
        Content.FILE: lazy_gettext("File"),
        Content.STICKER: lazy_gettext("Sticker"),
        Content.PLACE: lazy_gettext("Place"),
        Content.CONTACTS: lazy_gettext("Contact"),
        Content.REACTION: lazy_gettext("Reaction"),
        Content.CHOICE: lazy_gettext("Choice"),
        Content.TEMPLATE: lazy_gettext("Template"),
        Content.OTHER: lazy_gettext("Message of another kind"),
    }
)
STATES: Mapping[str, LazyString] = MappingProxyType(
    {
        MessageState.SENDING: lazy_gettext("is being sent"),
        MessageState.ACCEPTED: lazy_gettext("on its way"),
        MessageState.SENT: lazy_gettext("sent"),
        MessageState.DELIVERED: lazy_gettext("arrived"),
        MessageState.READ: lazy_gettext("read"),
        MessageState.REFUSED: lazy_gettext("not sent"),
        MessageState.UNSURE: lazy_gettext("nobody knows whether it was sent"),
        MessageState.FAILED: lazy_gettext("did not arrive"),
    }
)
BAD = frozenset({MessageState.REFUSED, MessageState.UNSURE, MessageState.FAILED})
FILES: Mapping[str, LazyString] = MappingProxyType(
    {
        MediaState.PENDING: lazy_gettext("Being fetched…"),
        MediaState.GONE: lazy_gettext("The file is no longer there."),
        MediaState.REFUSED: lazy_gettext("The file was not fetched."),
        MediaState.AWAY: lazy_gettext("The file could not be fetched. Try again later."),
    }
)
WHY: Mapping[str, LazyString] = MappingProxyType(
    {
        No.CLOSED: lazy_gettext(
            "WhatsApp lets one write freely only within 24 hours after the customer's last message."
        ),
        No.WORD: lazy_gettext("This sender is a name, which cannot be answered."),
        No.STOPPED: lazy_gettext("This person asked not to get any more messages."),
        No.AWAY: lazy_gettext("The connection is not active."),
    }
)
_FAULTS: Mapping[str, LazyString] = MappingProxyType(
    {
        **WHY,
        "empty_message": lazy_gettext("Write the message first."),
        "long_message": lazy_gettext("The message is too long."),
        "wrote_meanwhile": lazy_gettext(
            "You wrote something else here meanwhile, in another window. Look, and send it again."
        ),
        "no_way": lazy_gettext("There is no number to begin a conversation with."),
    }
)


def sentence(error: UserError) -> str:
    """Return what is wrong, in the person's language as far as we have words for it."""
    known = _FAULTS.get(error.error_id)
    return wording.sentence(error) if known is None else str(known)


def channel(name: str) -> str:
    """Return what a channel is called."""
    return str(CHANNELS.get(name, name))


def content(kind: str) -> str:
    """Return what a message is, where it is no text; empty where its words say it."""
    return str(CONTENTS[kind]) if kind in CONTENTS else ""


def folded(items: Iterable[Item]) -> Iterator[tuple[Item, Sequence[Item]]]:
    """Fold the messages of one conversation and day that follow each other into one row, the newest first as they came.

    Returns:
        Each row, and the messages that it stands for, the oldest first; none for other rows.
    """
    group: list[Item] = []
    for item in items:
        if group and not _belongs(item, group[-1]):
            yield group[0], group[::-1]
            group = []
        if item.kind == Kind.MESSAGE and not item.hidden:
            group.append(item)
        else:
            yield item, ()
    if group:
        yield group[0], group[::-1]


def _belongs(item: Item, other: Item) -> bool:
    is_same = item.kind == Kind.MESSAGE and item.detail.get("conversation") == other.detail.get("conversation")
    return is_same and moments.start_of_day(item.started_at) == moments.start_of_day(other.started_at)


def title(group: Sequence[Item]) -> str:
    """Return what a row of messages is called."""
    name = channel(str(group[0].detail.get("channel", "")))
    count = ngettext("%(num)d message", "%(num)d messages", len(group))
    return f"{name} · {count}"
