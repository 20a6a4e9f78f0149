"""Makes call events of messages, with channels that we invent: one for the outside party, one for each phone.

Ids are made of the call's id and the user's name alone, so the same messages give the same events in any life of the
hub. What this translator remembers, it remembers of messages only: one that is given the messages of the calls still
open (and whose events are then thrown away) goes on as if it had never stopped.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from connectors.phonehook.message import Cause, Event, HookMessage
from hub.errors import ShapeError
from hub.records.telephony import (
    BridgeJoined,
    BridgeLeft,
    CallEvent,
    Channel,
    ChannelChanged,
    ChannelEnded,
    ChannelSeen,
    ChannelStarted,
    ChannelState,
    ClickMarked,
    DialEnded,
    DialStarted,
    DialStatus,
    HangupAsked,
    NumberKeyed,
    QueueEntered,
    QueueLeft,
    RecordingStarted,
    TransferKind,
    TransferMade,
)

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

TECHNOLOGY = "HOOK"
TRUNK = f"{TECHNOLOGY}/trunk"

_MOST_CALLS = 20_000
_MOST_TOLD = 50_000
_MOST_PHONES = 200  # of one call

# ITU-T Q.850 causes: https://www.itu.int/rec/T-REC-Q.850
_NORMAL, _ELSEWHERE = 16, 26
_CAUSES = {
    Cause.NORMAL: _NORMAL,
    Cause.BUSY: 17,
    Cause.CANCEL: _NORMAL,
    Cause.NO_ANSWER: 19,
    Cause.CONGESTION: 34,
    Cause.NOT_FOUND: 1,
    Cause.FORWARDED: _NORMAL,
}
_STATUSES = {
    Cause.NORMAL: DialStatus.NO_ANSWER,
    Cause.BUSY: DialStatus.BUSY,
    Cause.CANCEL: DialStatus.CANCEL,
    Cause.NO_ANSWER: DialStatus.NO_ANSWER,
    Cause.CONGESTION: DialStatus.CONGESTION,
    Cause.NOT_FOUND: DialStatus.UNAVAILABLE,
    Cause.FORWARDED: DialStatus.FORWARDED,
}
# The network turned the call away. The contract says so, whatever rang.
_REFUSALS = frozenset({Cause.BUSY, Cause.CONGESTION, Cause.NOT_FOUND})


@dataclass(slots=True)
class _Phone:
    """One user's part in a call."""

    user: str
    channel: Channel
    rang_at: float
    offered: bool = False  # its DialStarted was given out
    up: bool = False
    over: bool = False


@dataclass(slots=True)
class _Line:
    """What is known of one call."""

    ref: str
    inbound: bool
    trunk: Channel
    to: str
    phones: dict[str, _Phone] = field(default_factory=dict)
    origin: _Phone | None = None  # outgoing: who calls
    talking: _Phone | None = None
    assumed: str = ""  # key of the phone that we ring because nobody said which ones do
    queue: str = ""
    answered: bool = False
    attended: bool = False  # a transfer is being prepared by asking
    recordings: set[str] = field(default_factory=set)
    count: int = 0

    @property
    def bridge(self) -> str:
        return f"{self.ref}/bridge"

    def waiting(self) -> list[_Phone]:
        return [phone for phone in self.phones.values() if not phone.up and not phone.over]


class PhoneHookTranslator:
    """One account's translator; implements `hub.connector.exchange.Translator`."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, _Line] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._told: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._steps: dict[Event, Callable[[float, HookMessage, _Line], Iterable[CallEvent]]] = {
            Event.NEW_CALL: self._new_call,
            Event.ANSWER: self._answer,
            Event.HANGUP: self._hangup,
            Event.RING: self._ring,
            Event.STOP: self._stop,
            Event.TRANSFER: self._transfer,
            Event.RECORDING: self._recording,
        }

    def translate(self, at: float, message: bytes) -> list[CallEvent]:
        """Return what one message says; nothing for one told before, of a call that is over, or not understood."""
        try:
            said = HookMessage.load(message)
        except ShapeError:
            return []  # it was checked when it came in: this is of another version of the hub
        if said.identity in self._told or said.call_id in self._ended:
            return []
        _remember(self._told, said.identity, None, _MOST_TOLD)
        events: list[CallEvent] = []
        line = self._lines.get(said.call_id)
        if line is None:
            if not _tells_parties(said):
                return []
            line = _line(said)
            _remember(self._lines, said.call_id, line, _MOST_CALLS)
            events += self._begin(at, said, line)
        self._lines.move_to_end(said.call_id)
        events += self._steps[said.event](at, said, line)
        return events

    # --- beginning ----------------------------------------------------------------------------------------------

    def _begin(self, at: float, said: HookMessage, line: _Line) -> Iterable[CallEvent]:
        if line.inbound:
            yield ChannelStarted(at, line.trunk, ChannelState.DIALLING)
            return
        user = next(iter(said.users), "") or said.caller
        line.origin = _phone(line, user, at, number=said.caller)
        line.origin.offered = True
        yield ChannelStarted(at, line.origin.channel, ChannelState.DIALLING)
        yield ChannelStarted(at, line.trunk, ChannelState.DOWN)
        yield DialStarted(at, line.origin.channel, line.trunk, line.to)

    def _new_call(self, at: float, said: HookMessage, line: _Line) -> Iterable[CallEvent]:
        yield from self._details(at, said, line)
        if not line.inbound or line.answered or said.rejected:
            return
        if said.queue and not line.queue:
            line.queue = said.queue
            yield QueueEntered(at, line.trunk, said.queue)
        if said.users:
            yield from self._ring_users(at, line, said.users)
        elif not line.queue and not line.phones and said.called:
            # Nobody says who is rung: then it is the number that was called, which may well be an extension.
            line.assumed = _key(said.called)
            yield from self._ring_user(at, line, said.called)

    def _details(self, at: float, said: HookMessage, line: _Line) -> Iterable[CallEvent]:
        """What any message may add: a name, a customer's number, the click it came from."""
        if said.name and line.inbound and said.name != line.trunk.person:
            line.trunk = Channel(
                line.trunk.uid, line.trunk.name, line.ref, line.trunk.number, said.name, line.trunk.dialled
            )
            yield ChannelSeen(at, line.trunk)
        if said.customer_id:
            yield NumberKeyed(at, line.ref, said.customer_id)
        if said.click_id and line.origin:
            yield ClickMarked(at, line.origin.channel, said.click_id)

    # --- ringing ------------------------------------------------------------------------------------------------

    def _ring(self, at: float, said: HookMessage, line: _Line) -> Iterable[CallEvent]:
        yield from self._details(at, said, line)
        if not line.answered:
            yield from self._ring_users(at, line, said.users)

    def _ring_users(self, at: float, line: _Line, users: Iterable[str]) -> Iterable[CallEvent]:
        assumed = line.phones.get(line.assumed)
        for user in users:
            yield from self._ring_user(at, line, user)
        if assumed and not assumed.up and line.assumed not in {_key(user) for user in users}:
            line.assumed = ""
            yield from _ended(at, assumed, _NORMAL)

    def _ring_user(self, at: float, line: _Line, user: str) -> Iterable[CallEvent]:
        known = line.phones.get(_key(user))
        if (known and not known.over) or len(line.phones) >= _MOST_PHONES or line.origin:
            return
        phone = _phone(line, user, at)
        yield ChannelStarted(at, phone.channel, ChannelState.DOWN)
        # The offer itself is told once it is known how it ended: see _refused().
        yield ChannelChanged(at, phone.channel, ChannelState.RINGING)

    def _stop(self, at: float, said: HookMessage, line: _Line) -> Iterable[CallEvent]:
        for user in said.users:
            phone = line.phones.get(_key(user))
            if phone and not phone.up and not phone.over:
                yield from _offered(line, phone)
                yield DialEnded(at, line.trunk, phone.channel, _STATUSES[said.cause or Cause.NO_ANSWER])
                yield from _ended(at, phone, _CAUSES[said.cause or Cause.NORMAL])

    # --- talking ------------------------------------------------------------------------------------------------

    def _answer(self, at: float, said: HookMessage, line: _Line) -> Iterable[CallEvent]:
        yield from self._details(at, said, line)
        if line.origin and not line.answered:
            yield from self._customer_answers(at, line, line.origin)
            return
        phone = self._who_answers(said, line)
        if phone is None:
            phone = _phone(line, next(_names(said), "") or said.called or line.to, at)
            yield ChannelStarted(at, phone.channel, ChannelState.DOWN)
        elif phone is line.talking:
            return
        yield from _offered(line, phone)
        if line.talking:
            yield from self._handed_over(at, line, line.talking, phone)
        yield from self._takes(at, line, phone)

    def _customer_answers(self, at: float, line: _Line, caller: _Phone) -> Iterable[CallEvent]:
        line.answered = caller.up = True
        line.talking = caller
        yield ChannelChanged(at, line.trunk, ChannelState.UP)
        yield DialEnded(at, caller.channel, line.trunk, DialStatus.ANSWER)
        yield ChannelChanged(at, caller.channel, ChannelState.UP)
        yield BridgeJoined(at, line.bridge, line.trunk)
        yield BridgeJoined(at, line.bridge, caller.channel)

    def _who_answers(self, said: HookMessage, line: _Line) -> _Phone | None:
        """Find the phone: by the user, by the answering number, as the only one that rings; None: a new one."""
        for name in _names(said):
            phone = line.phones.get(_key(name))
            if phone and not phone.over:
                return phone
        if any(_names(said)):
            return None
        waiting = line.waiting()
        return waiting[0] if len(waiting) == 1 else line.talking

    def _takes(self, at: float, line: _Line, phone: _Phone) -> Iterable[CallEvent]:
        first, line.answered = not line.answered, True
        line.talking, phone.up, line.attended = phone, True, False
        yield ChannelChanged(at, phone.channel, ChannelState.UP)
        yield DialEnded(at, line.trunk, phone.channel, DialStatus.ANSWER)
        if first:
            if line.queue:
                yield QueueLeft(at, line.trunk, line.queue, abandoned=False)
            yield ChannelChanged(at, line.trunk, ChannelState.UP)
            yield BridgeJoined(at, line.bridge, line.trunk)
        yield BridgeJoined(at, line.bridge, phone.channel)
        for loser in line.waiting():
            yield from _offered(line, loser)
            yield DialEnded(at, line.trunk, loser.channel, DialStatus.CANCEL)
            yield from _ended(at, loser, _ELSEWHERE)

    def _handed_over(self, at: float, line: _Line, giver: _Phone, taker: _Phone) -> Iterable[CallEvent]:
        kind = TransferKind.ATTENDED if line.attended else TransferKind.BLIND
        yield TransferMade(at, kind, giver.channel, None, line.trunk, taker.channel, taker.user, done=True)
        yield BridgeLeft(at, line.bridge, giver.channel)
        yield from _ended(at, giver, _NORMAL)

    def _transfer(self, at: float, said: HookMessage, line: _Line) -> Iterable[CallEvent]:
        giver = line.talking
        if giver is None or _key(said.called) == _key(giver.user):
            return
        line.attended = said.kind.lower().startswith("att")
        origin = giver.channel if line.attended else line.trunk
        if not line.attended:
            yield TransferMade(at, TransferKind.BLIND, giver.channel, None, line.trunk, None, said.called, done=True)
            yield BridgeLeft(at, line.bridge, giver.channel)
            yield from _ended(at, giver, _NORMAL)
            line.talking = None
        phone = line.phones.get(_key(said.called))
        if phone and not phone.over:
            return
        phone = _phone(line, said.called, at)
        phone.offered = True
        yield ChannelStarted(at, phone.channel, ChannelState.DOWN)
        yield DialStarted(at, origin, phone.channel, said.called)
        yield ChannelChanged(at, phone.channel, ChannelState.RINGING)

    def _recording(self, at: float, said: HookMessage, line: _Line) -> Iterable[CallEvent]:
        if said.recording not in line.recordings and len(line.recordings) < _MOST_PHONES:
            line.recordings.add(said.recording)
            yield RecordingStarted(at, line.trunk, said.recording)

    # --- ending -------------------------------------------------------------------------------------------------

    def _hangup(self, at: float, said: HookMessage, line: _Line) -> Iterable[CallEvent]:
        cause = said.cause or Cause.NORMAL
        del self._lines[line.ref]
        _remember(self._ended, line.ref, None, _MOST_CALLS)
        yield from self._details(at, said, line)
        if line.origin and not line.answered:
            yield from self._reached_nobody(at, line, line.origin, cause)
        elif not line.answered:
            yield from self._missed(at, said, line, cause)
        for phone in line.waiting():  # of a transfer that nobody took
            if phone is not line.origin:
                yield from _offered(line, phone)
                yield DialEnded(at, line.trunk, phone.channel, _STATUSES[cause])
        for phone in line.phones.values():
            yield from _ended(at, phone, _CAUSES[cause])
        yield ChannelEnded(at, line.trunk, _CAUSES[cause])

    def _reached_nobody(self, at: float, line: _Line, caller: _Phone, cause: Cause) -> Iterable[CallEvent]:
        if cause is Cause.CANCEL:
            yield HangupAsked(at, caller.channel)
        status = DialStatus.NO_ANSWER if cause is Cause.FORWARDED else _STATUSES[cause]
        yield DialEnded(at, caller.channel, line.trunk, status)

    def _missed(self, at: float, said: HookMessage, line: _Line, cause: Cause) -> Iterable[CallEvent]:
        if cause in _REFUSALS:
            yield from self._refused(at, said, line, cause)
            return
        if not line.phones and not line.queue:
            users = said.users or ((said.called or line.to),)
            yield from self._ring_users(at, line, [user for user in users if user])
        for phone in line.waiting():
            yield from _offered(line, phone)
        if cause is Cause.CANCEL:
            yield HangupAsked(at, line.trunk)
        if line.queue:
            yield QueueLeft(at, line.trunk, line.queue, abandoned=cause is Cause.CANCEL)

    def _refused(self, at: float, said: HookMessage, line: _Line, cause: Cause) -> Iterable[CallEvent]:
        """The system says that the call was turned away: busy or failed, though phones may have been told to ring.

        A phone that rang and then was busy means "declined" everywhere else, so the refusal is told as one more offer,
        and the phones that rang never become offers.
        """
        user = next(iter(said.users), "") or next(iter(p.user for p in line.waiting()), "") or said.called or line.to
        for phone in line.waiting():
            if not phone.offered:
                yield from _ended(at, phone, _NORMAL)
        refused = _phone(line, user or "?", at)
        refused.offered = refused.over = True
        yield ChannelStarted(at, refused.channel, ChannelState.DOWN)
        yield DialStarted(at, line.trunk, refused.channel, user)
        yield DialEnded(at, line.trunk, refused.channel, _STATUSES[cause])
        yield ChannelEnded(at, refused.channel, _CAUSES[cause])


def _tells_parties(said: HookMessage) -> bool:
    """True if a call can begin with this message: one may be late, or the first may have been lost."""
    if said.event in (Event.STOP, Event.RECORDING, Event.TRANSFER):
        return False
    return bool(said.direction) and bool(said.caller or said.called)


def _names(said: HookMessage) -> Iterator[str]:
    """Who answers, in the order in which the contract wants it tried."""
    return (name for name in (*said.users, said.answering_number) if name)


def _line(said: HookMessage) -> _Line:
    number = said.caller if said.inbound else said.called
    person = said.name if said.inbound else ""
    name = f"{TRUNK}-{_instance(said.call_id, 0)}"
    trunk = Channel(f"{said.call_id}/trunk", name, said.call_id, number, person, said.called)
    return _Line(said.call_id, said.inbound, trunk, said.called)


def _phone(line: _Line, user: str, at: float, number: str = "") -> _Phone:
    """Make a phone; one that rings again is another channel of the same name."""
    line.count += 1
    base = "trunk (user)" if user.lower() == "trunk" else user
    before = line.phones.get(_key(user))
    turn = line.count if before else 0
    uid = f"{line.ref}/user/{_key(user)}" + (f"/{turn}" if turn else "")
    channel = Channel(
        uid, f"{TECHNOLOGY}/{base}-{_instance(line.ref, turn)}", line.ref, number, "", line.to if number else ""
    )
    phone = _Phone(user, channel, at)
    line.phones[_key(user)] = phone
    return phone


def _offered(line: _Line, phone: _Phone) -> Iterable[CallEvent]:
    """Tell the offer of a phone that rings, as of when it began to."""
    if not phone.offered:
        phone.offered = True
        yield DialStarted(phone.rang_at, line.trunk, phone.channel, phone.user)


def _ended(at: float, phone: _Phone, cause: int) -> Iterable[CallEvent]:
    if not phone.over:
        phone.over = True
        yield ChannelEnded(at, phone.channel, cause)


def _key(user: str) -> str:
    return " ".join(user.casefold().split())


def _instance(ref: str, turn: int) -> str:
    """The last part of a channel's name, which tells one call's channel from the next one's."""
    return hashlib.sha256(f"{ref}\0{turn}".encode()).hexdigest()[:8]


def _remember(known: OrderedDict[KeyT, ValueT], key: KeyT, value: ValueT, most: int) -> None:
    known[key] = value
    while len(known) > most:
        known.popitem(last=False)
