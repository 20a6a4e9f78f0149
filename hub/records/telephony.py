"""What a telephone exchange tells us, in words that fit any exchange.

A telephony connector translates its remote's own events into these; `hub.cti.call_state` makes calls of them.
Nothing here is tied to a vendor. Times (`at`) are unix seconds of the moment the hub received the event,
since exchanges seldom say more. Numbers are as the exchange wrote them, not yet normalised.

Words: a *channel* is one endpoint's part of a call, with an id (`uid`) that is unique in the life of the
exchange and a name that tells the device (`PJSIP/101-0000001a`). `call_ref` is what the exchange uses to
keep the channels of one conversation together (Asterisk: Linkedid); it may change during a call.
"""

from dataclasses import dataclass
from enum import StrEnum


class EndpointClass(StrEnum):
    """What stands at the far end of a channel; the administrator confirms it once per exchange."""

    TRUNK = "trunk"  # the outside world
    EXTENSION = "extension"  # one of our phones
    LOCAL = "local"  # the exchange's own glue between channels, nobody listens there
    IGNORE = "ignore"  # paging, parking, monitoring


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The answer to "what is behind this channel name?"."""

    kind: EndpointClass
    extension: str = ""  # the number of our phone, where kind is EXTENSION


class ChannelState(StrEnum):
    """State of a channel as far as a call cares."""

    DOWN = "down"
    DIALLING = "dialling"  # it makes a call (Asterisk: Ring, Dialing)
    RINGING = "ringing"  # the phone itself rings
    UP = "up"
    REFUSED = (
        "refused"  # the exchange itself answers busy or congested: what hangs up after that is no wish of the caller
    )


class DialStatus(StrEnum):
    """How the offer of a call to one destination ended."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "noanswer"
    CANCEL = "cancel"
    CONGESTION = "congestion"
    UNAVAILABLE = "unavailable"
    DECLINED = "declined"
    FORWARDED = "forwarded"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as one event showed it."""

    uid: str
    name: str
    call_ref: str
    number: str = ""  # the caller id that the channel carries
    person: str = ""  # the caller's name that the channel carries
    dialled: str = ""  # the extension of the dialplan it is in, or number it called


@dataclass(frozen=True, slots=True)
class ChannelStarted:
    at: float
    channel: Channel
    state: ChannelState


@dataclass(frozen=True, slots=True)
class ChannelChanged:
    """A new state: RINGING is the only proof that a phone rings; UP that somebody, or a menu, took the call."""

    at: float
    channel: Channel
    state: ChannelState


@dataclass(frozen=True, slots=True)
class ChannelSeen:
    """Nothing new but the channel itself: its caller id, or another `call_ref`."""

    at: float
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelRenamed:
    at: float
    uid: str
    name: str


@dataclass(frozen=True, slots=True)
class HangupAsked:
    """One side asked for the end, before the channels go: tells who hung up first."""

    at: float
    channel: Channel
    cause: int = 0  # as in ChannelEnded; 21 here is the only trace that a phone declined


@dataclass(frozen=True, slots=True)
class ChannelEnded:
    at: float
    channel: Channel
    cause: int  # ITU-T Q.850: 1 unallocated, 16 normal, 17 busy, 19 no answer, 21 declined, 26 elsewhere, 34 congestion


@dataclass(frozen=True, slots=True)
class DialStarted:
    """`target` is being offered a call. A busy phone gets this too: it is not ringing."""

    at: float
    origin: Channel | None  # None: nobody dialled, the exchange itself did (click-to-dial, consult)
    target: Channel
    text: str = ""  # what was dialled, as written in the dialplan


@dataclass(frozen=True, slots=True)
class DialEnded:
    at: float
    origin: Channel | None
    target: Channel
    status: DialStatus
    forward: str = ""


@dataclass(frozen=True, slots=True)
class BridgeJoined:
    """Channels that share a bridge hear each other."""

    at: float
    bridge: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class BridgeLeft:
    at: float
    bridge: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelsPaired:
    """Two halves of one local channel: what enters one leaves the other."""

    at: float
    one: Channel
    two: Channel


class TransferKind(StrEnum):
    BLIND = "blind"
    ATTENDED = "attended"
    REDIRECT = "redirect"  # moved by an operator's panel, without an event of its own
    PICKUP = "pickup"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True)
class TransferMade:
    at: float
    kind: TransferKind
    transferer: Channel
    second: Channel | None  # attended: the transferer's other channel, to the one consulted
    transferee: Channel | None
    target: Channel | None
    to: str  # the number transferred to, where the exchange says it
    done: bool


@dataclass(frozen=True, slots=True)
class PickedUp:
    """`channel` took the call that rang at `target`."""

    at: float
    channel: Channel
    target: Channel


@dataclass(frozen=True, slots=True)
class QueueEntered:
    at: float
    channel: Channel
    queue: str


@dataclass(frozen=True, slots=True)
class QueueLeft:
    at: float
    channel: Channel
    queue: str
    abandoned: bool  # the queue's own word; it comes also when the queue's time ran out


@dataclass(frozen=True, slots=True)
class MenuEntered:
    """The dialplan itself took the call: a menu, an announcement, a mailbox."""

    at: float
    channel: Channel
    name: str


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    at: float
    channel: Channel
    path: str
    voicemail: bool = False  # a message is being spoken; it counts only with VoicemailLeft


@dataclass(frozen=True, slots=True)
class VoicemailLeft:
    """A message was kept; without this the caller only heard the greeting."""

    at: float
    channel: Channel
    path: str  # without file ending where the exchange names none; may be empty


@dataclass(frozen=True, slots=True)
class NumberKeyed:
    """The caller keyed in a customer number: a claim, not a proof."""

    at: float
    call_ref: str
    number: str


@dataclass(frozen=True, slots=True)
class PresentationSeen:
    at: float
    channel: Channel
    withheld: bool


@dataclass(frozen=True, slots=True)
class ClickMarked:
    """The channel belongs to a click-to-dial of ours."""

    at: float
    channel: Channel
    click_id: str


@dataclass(frozen=True, slots=True)
class OriginateEnded:
    """What became of the agent's own leg of a click-to-dial; says nothing of the customer."""

    at: float
    click_id: str
    uid: str  # may be empty
    ok: bool
    reason: str = ""  # noanswer, busy, congestion, unavailable; empty: not said
    number: str = ""  # that the agent wanted


@dataclass(frozen=True, slots=True)
class CallRecordWritten:
    """The exchange's own record (CDR) of one channel pair; it only enriches."""

    at: float
    call_ref: str
    uid: str
    recording: str = ""


@dataclass(frozen=True, slots=True)
class Booted:
    """The exchange told when it started; another id, or another start, than before means that its former calls are gone."""

    at: float
    boot_id: str  # empty: not told
    started_at: float | None = None  # counted back from its uptime, so good to a second or two


@dataclass(frozen=True, slots=True)
class ListedChannel:
    """One line of the exchange's list of channels, asked for after each connect."""

    channel: Channel
    state: ChannelState
    bridge: str  # empty: in none
    age_s: float
    connected: str = ""  # number of the other side
    offered: bool = False  # the exchange called it; False: it called the exchange, or that is not known


@dataclass(frozen=True, slots=True)
class ChannelsListed:
    """The whole truth about channels at this moment: what is missing here has ended."""

    at: float
    channels: tuple[ListedChannel, ...]


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The connection to the exchange broke; calls go on there, unseen."""

    at: float


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed. The only way in which the call state learns about time without an event."""

    at: float


CallEvent = (
    ChannelStarted
    | ChannelChanged
    | ChannelSeen
    | ChannelRenamed
    | HangupAsked
    | ChannelEnded
    | DialStarted
    | DialEnded
    | BridgeJoined
    | BridgeLeft
    | ChannelsPaired
    | TransferMade
    | PickedUp
    | QueueEntered
    | QueueLeft
    | MenuEntered
    | RecordingStarted
    | VoicemailLeft
    | NumberKeyed
    | PresentationSeen
    | ClickMarked
    | OriginateEnded
    | CallRecordWritten
    | Booted
    | ChannelsListed
    | LinkLost
    | Ticked
)
