"""What the call state remembers of one conversation while it goes on: its channels, talk, transfers.

Mutable, private to `call_state` and its siblings; everybody else sees the frozen `hub.records.call.Call`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final, Self

from hub.errors import ShapeError
from hub.records.call import HangupBy
from hub.records.telephony import ChannelState, DialStatus, EndpointClass, TransferKind

LIMIT: Final = 200  # talks, transfers, recordings of one call
FORMAT: Final = 1  # of a dumped conversation; another number is not read


@dataclass(slots=True, eq=False)
class LiveChannel:
    """A channel, and how far it got. Times are unix seconds; None: not yet."""

    uid: str
    name: str
    call_ref: str
    kind: EndpointClass
    extension: str
    number: str
    dialled: str
    started_at: float
    seen_at: float  # last event of its own
    state: ChannelState = ChannelState.DOWN
    offered_at: float | None = None  # it is a destination that was dialled
    dialler: str = ""  # uid of the channel that dialled it
    by_exchange: bool = False  # dialled by nobody: click-to-dial, call-back
    text: str = ""  # what was dialled, as the dialplan wrote it
    ringing_at: float | None = None
    up_at: float | None = None
    released_at: float | None = None  # its offer ended, though the channel may linger
    ended_at: float | None = None
    status: DialStatus | None = None
    cause: int = 0
    bridge: str = ""
    partner: str = ""  # uid of the other half of a local channel
    asks: str = ""  # extension of the colleague who asks
    talked: bool = False  # with the customer
    consulted: bool = False  # with a colleague
    found_up: bool = False  # it was up already when first seen
    real: bool = field(init=False)  # somebody can listen at its end

    def __post_init__(self) -> None:
        self.real = self.kind in (EndpointClass.EXTENSION, EndpointClass.TRUNK)

    @property
    def alive(self) -> bool:
        return self.ended_at is None

    @property
    def over_at(self) -> float | None:
        """When it stopped to matter as a leg."""
        return self.released_at if self.released_at is not None else self.ended_at

    @property
    def rings(self) -> bool:
        return self.ringing_at is not None and self.up_at is None and self.over_at is None


@dataclass(slots=True)
class Talk:
    """A stretch of one channel's talk."""

    uid: str
    extension: str
    started_at: float
    ended_at: float | None
    consult: bool


@dataclass(slots=True)
class Handover:
    """A transfer, pick-up or forward; `result` is empty until it is known."""

    at: float
    kind: TransferKind
    source: str
    target: str
    result: str


@dataclass(slots=True)
class Recorded:
    path: str
    started_at: float
    voicemail: bool


@dataclass(slots=True, eq=False)
class Conversation:
    """One call as it grows."""

    key: str
    started_at: float
    seen_at: float
    hidden: bool = False  # begun by something we are told to ignore
    origin: str = ""  # uid of the channel that began it
    caller: str = ""
    caller_name: str = ""
    withheld: bool = False
    queue: str = ""
    queued_at: float | None = None
    queued: bool = False  # it has waited in a queue
    queue_abandoned: bool = False
    wait_s: float = 0.0
    menu: bool = False
    keyed: str = ""
    click_id: str = ""
    click_number: str = ""
    click_failed: str | None = None  # why the agent's own phone was not reached
    answered_at: float | None = None
    talk_since: float | None = None
    talk_s: float = 0.0
    hung_by: HangupBy | None = None
    gave_up: bool = False  # the caller left while something rang, or in the queue
    left_first: str = ""  # extension that left the customer last, unasked
    voicemail: bool = False
    ended_at: float | None = None
    settles_at: float | None = None  # when it becomes final
    end_estimated: bool = False
    unseen: bool = False  # a part of it happened while nobody looked
    lost: str = ""  # why nobody knows how it ended
    boot_id: str = ""
    booted_at: float | None = None
    version: int = 0
    refs: list[str] = field(default_factory=list)
    talkers: list[str] = field(default_factory=list)  # uids in talk with the customer, now
    channels: dict[str, LiveChannel] = field(default_factory=dict)
    talks: list[Talk] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)
    recordings: list[Recorded] = field(default_factory=list)
    changes: dict[str, None] = field(default_factory=dict)  # the call state's list of what changed, shared

    def touch(self) -> None:
        """Note that somebody may see a difference."""
        self.changes[self.key] = None

    def alive(self) -> Iterator[LiveChannel]:
        return (channel for channel in self.channels.values() if channel.ended_at is None)

    def dump(self) -> dict[str, Any]:
        """Return everything as JSON; `load` makes the same conversation of it."""
        dumped: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        dumped["format"] = FORMAT
        dumped["refs"] = list(self.refs)
        dumped["talkers"] = list(self.talkers)
        for name, row in _ROWS.items():
            values = getattr(self, name)
            items = values.values() if name == "channels" else values
            dumped[name] = [list(row(item)) for item in items]
        return dumped

    @classmethod
    def load(cls, dumped: dict[str, Any]) -> Self:
        """Make a conversation of what `dump` returned.

        Raises:
            ShapeError: another version of the hub wrote it; the exchange's list of channels must do.
        """
        if dumped.get("format") != FORMAT:
            raise ShapeError(f"state of an open call has format {dumped.get('format')!r}, this hub reads {FORMAT}")
        try:
            found = cls(**{name: dumped[name] for name in _PLAIN})
            found.hung_by = HangupBy(found.hung_by) if found.hung_by else None
            found.refs = list(dumped["refs"])
            found.talkers = list(dumped["talkers"])
            found.channels = {row[0]: _channel(row) for row in dumped["channels"]}
            found.talks = [Talk(*row) for row in dumped["talks"]]
            found.handovers = [Handover(at, TransferKind(kind), *rest) for at, kind, *rest in dumped["handovers"]]
            found.recordings = [Recorded(*row) for row in dumped["recordings"]]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ShapeError(f"state of an open call cannot be read: {error!r}") from error
        return found


def _channel(row: Sequence[Any]) -> LiveChannel:
    found = LiveChannel(*row)
    found.kind = EndpointClass(found.kind)
    found.state = ChannelState(found.state)
    found.status = DialStatus(found.status) if found.status else None
    return found


_LISTS: Final = ("changes", "refs", "talkers", "channels", "talks", "handovers", "recordings")
_PLAIN: Final = tuple(one.name for one in fields(Conversation) if one.name not in _LISTS)
_ROWS: Final = {
    "channels": attrgetter(*(one.name for one in fields(LiveChannel) if one.init)),
    "talks": attrgetter(*(one.name for one in fields(Talk))),
    "handovers": attrgetter(*(one.name for one in fields(Handover))),
    "recordings": attrgetter(*(one.name for one in fields(Recorded))),
}
