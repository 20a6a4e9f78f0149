"""A call as everybody but the exchange sees it: one conversation, its legs, who talked, how it ended."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub.records.telephony import TransferKind


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


class Outcome(StrEnum):
    """What the network says. What the agent chose is the disposition."""

    ANSWERED = "answered"
    MISSED = "missed"
    ABANDONED = "abandoned"  # left in a menu, nobody was rung
    BUSY = "busy"
    FAILED = "failed"
    VOICEMAIL = "voicemail"
    LOST = "lost"  # the exchange died: that it ended is known, when is not


class LegResult(StrEnum):
    ANSWERED = "answered"
    ELSEWHERE = "elsewhere"
    NO_ANSWER = "noanswer"
    BUSY = "busy"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Source(StrEnum):
    LIVE = "live"
    BACKFILL = "backfill"
    WEBHOOK = "webhook"


class HangupBy(StrEnum):
    CALLER = "caller"  # the outside party, also of an outbound call; internal: who dialled
    AGENT = "agent"
    PBX = "pbx"


@dataclass(frozen=True, slots=True)
class Leg:
    """One destination that was offered the call, or the phone that made it (`origin`)."""

    uid: str  # the channel's
    extension: str  # our phone; empty for an outside number
    number: str  # the outside number; empty for our phone
    origin: bool
    offered_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    result: LegResult | None  # None while open
    talking: bool  # with the customer, now
    consult_by: str = ""  # extension of the colleague who asks, while it is a question between two agents
    channel: str = ""  # the channel's name; what hang-up and transfer act on
    found_up: bool = False  # it talked already when the hub first saw it: nothing pops for the past


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which one leg talked: with the customer, or with a colleague (`consult`)."""

    leg: str
    extension: str
    started_at: datetime
    ended_at: datetime | None
    consult: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    at: datetime
    kind: TransferKind
    source: str  # extension that gave the call away
    target: str  # extension or number that got it
    result: str  # completed, busy, noanswer, failed; empty while open


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """Where the exchange says it writes the recording; read only through the connector's guarded driver."""

    path: str
    started_at: datetime
    voicemail: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One conversation. `key` is unique within an exchange; `aliases` are other keys it was known by."""

    key: str
    aliases: tuple[str, ...]
    version: int  # counts changes; a later version replaces an earlier one
    direction: Direction
    caller: str  # as the exchange knew it; empty: none
    caller_name: str
    withheld: bool
    did: str  # inbound: the number dialled
    callee: str  # outbound: the outside number; internal: the extension called
    queue: str
    keyed: str  # customer number keyed in by the caller
    click_id: str
    started_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    end_estimated: bool
    outcome: Outcome | None  # None while open
    reason: str
    hangup_by: HangupBy | None
    wait_s: float  # in a queue, in vain
    ring_s: float  # first ringing to answer, or to the end
    talk_s: float  # with the customer, all segments
    legs: tuple[Leg, ...]
    segments: tuple[Segment, ...]
    transfers: tuple[Transfer, ...]
    recordings: tuple[RecordingFile, ...]
    source: Source = Source.LIVE
    settled: bool = False  # no event can change it any more: it may go to the timeline
    trunk: str = ""  # name of the endpoint it came in or went out by
    merged_into: str = ""  # it turned out to be a part of the call with this key: drop it and take its cards away

    @property
    def open(self) -> bool:
        return self.outcome is None and not self.merged_into
