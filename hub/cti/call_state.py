"""The correlator: makes calls of what an exchange tells.

A pure fold over call events: no clock, no I/O, nothing random. The same events give the same calls, whatever
their grouping, and events told twice change nothing.

How it thinks, in four sentences. Channels belong together by `call_ref`; where a channel shows another one, two
conversations turn out to be one. Who talks with the customer is who shares a bridge with the customer's channel
(`call_graph`). A phone rings when its own channel says so. How it all ended is decided from what is remembered
(`outcome`), not from what any single event claims.
"""

from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush
from typing import Any, Final

from hub.cti import handover, joining, outcome
from hub.cti.call_view import HIDDEN_NUMBER, NO_NUMBER, number_in, view, visible
from hub.cti.conversation import LIMIT, Conversation, Handover, LiveChannel, Recorded
from hub.cti.talk import find_asker, listen
from hub.records.call import Call, HangupBy
from hub.records.telephony import (
    Booted,
    BridgeJoined,
    BridgeLeft,
    CallEvent,
    CallRecordWritten,
    Channel,
    ChannelChanged,
    ChannelEnded,
    ChannelRenamed,
    ChannelSeen,
    ChannelsListed,
    ChannelsPaired,
    ChannelStarted,
    ChannelState,
    ClickMarked,
    DialEnded,
    DialStarted,
    DialStatus,
    Endpoint,
    EndpointClass,
    HangupAsked,
    LinkLost,
    ListedChannel,
    MenuEntered,
    NumberKeyed,
    OriginateEnded,
    PickedUp,
    PresentationSeen,
    QueueEntered,
    QueueLeft,
    RecordingStarted,
    Ticked,
    TransferKind,
    TransferMade,
    VoicemailLeft,
)

SETTLE_S: Final = 2.0  # after the last channel: late merges and the exchange's own records
_BOOT_SLACK_S: Final = 5.0  # an uptime in whole seconds, a clock that was set
_BLINK_S: Final = 1.0  # what can happen to a call while the link is away for less shows in the list of channels
_LIST_RACE_S: Final = 5.0  # a channel may begin while the list of channels is on its way
_REMEMBER_S: Final = 600.0  # how long a finished call's keys keep late events from raising it again
_REMEMBER: Final = 20_000
_OPEN_LIMIT: Final = 20_000  # calls at once; beyond, the oldest is given up
_LEG_LIMIT: Final = 256  # channels of one call; a queue that rings for hours makes thousands
_KEYED_S: Final = 300.0  # how long a keyed number waits for its call: longer than an exchange is usually away
_KEYED: Final = 1_000
_TEXT: Final = 200  # characters of a name or number from outside


class CallState:
    """All conversations of one exchange.

    Args:
        classify: what stands behind a channel name.
        settle_s: seconds from the last channel's end until a call is final.
        silent_s: end a call, as lost, that told nothing for so long; for exchanges whose list of channels
            cannot be asked for. None: never.
        boot_id: of the exchange as it was when last heard, where it is known.
    """

    def __init__(
        self,
        classify: Callable[[str], Endpoint],
        *,
        settle_s: float = SETTLE_S,
        silent_s: float | None = None,
        boot_id: str = "",
    ) -> None:
        self._classify = classify
        self._settle_s = settle_s
        self._silent_s = silent_s
        self._boot_id = boot_id
        self._booted_at: float | None = None
        self._now = 0.0  # time of the event at hand
        self._seen_at = 0.0  # last event of the exchange
        self._lost_at: float | None = None  # the link broke; what was not heard of since may be over
        self._open: dict[str, Conversation] = {}  # by key
        self._refs: dict[str, Conversation] = {}
        self._homes: dict[str, Conversation] = {}  # by uid of a channel
        self._gone: dict[str, float] = {}  # keys of finished calls, oldest first
        self._keyed: dict[str, tuple[float, str]] = {}  # by ref of a call nobody heard of yet; oldest first
        self._settling: list[tuple[float, str]] = []
        self._changes: dict[str, None] = {}
        self._farewells: list[Call] = []
        self._handlers: Mapping[type, Callable[[Any], None]] = {
            ChannelStarted: self._channel_started,
            ChannelChanged: self._channel_changed,
            ChannelSeen: self._channel_seen,
            ChannelRenamed: self._channel_renamed,
            HangupAsked: self._hangup_asked,
            ChannelEnded: self._channel_ended,
            DialStarted: self._dial_started,
            DialEnded: self._dial_ended,
            BridgeJoined: self._bridge_joined,
            BridgeLeft: self._bridge_left,
            ChannelsPaired: self._channels_paired,
            TransferMade: self._transfer_made,
            PickedUp: self._picked_up,
            QueueEntered: self._queue_entered,
            QueueLeft: self._queue_left,
            MenuEntered: self._menu_entered,
            RecordingStarted: self._recording_started,
            VoicemailLeft: self._voicemail_left,
            NumberKeyed: self._number_keyed,
            PresentationSeen: self._presentation_seen,
            ClickMarked: self._click_marked,
            OriginateEnded: self._originate_ended,
            CallRecordWritten: self._record_written,
            Booted: self._booted,
            ChannelsListed: self._listed,
            LinkLost: self._link_lost,
            Ticked: self._ticked,
        }

    # What others ask and tell

    def feed(self, event: CallEvent) -> None:
        """Take one event; events of unknown channels and repeated events change nothing."""
        self._now = event.at
        if self._settling and self._settling[0][0] <= event.at:
            self._settle(event.at)
        self._handlers[type(event)](event)

    def changed(self) -> list[Call]:
        """Return every call that changed since last asked, as it stands now, each with a higher version."""
        calls, self._farewells = self._farewells, []
        for key in self._changes:
            conversation = self._open.get(key)
            if conversation is not None and visible(conversation):
                conversation.version += 1
                calls.append(view(conversation))
        self._changes.clear()
        return calls

    def next_wakeup(self) -> float | None:
        """Return when a `Ticked` is needed at the latest, as unix seconds; None: never, until an event comes."""
        due = self._settling[0][0] if self._settling else None
        if self._silent_s is not None:
            silent = [one.seen_at + self._silent_s for one in self._open.values() if one.ended_at is None]
            due = min(silent if due is None else [due, *silent], default=None)
        return due

    def keys(self) -> list[str]:
        """Return the keys of all calls that are not final yet, also of those nobody was told of."""
        return list(self._open)

    @property
    def boot_id(self) -> str:
        """Name the exchange's present life, as far as it told."""
        return self._boot_id

    def dump(self, key: str) -> dict[str, Any] | None:
        """Return one call's memory as JSON, to go on from after a crash; None where it is final or unknown."""
        conversation = self._open.get(key)
        return conversation.dump() if conversation is not None else None

    def load(self, dumped: dict[str, Any]) -> None:
        """Go on with a call from its `dump`, as if the hub had never stopped.

        What happened meanwhile is not known: feed `ChannelsListed` next, or its channels stay until they end.

        Raises:
            ShapeError: another version of the hub wrote it.
        """
        conversation = Conversation.load(dumped)
        if any(ref in self._refs for ref in conversation.refs) or conversation.key in self._open:
            return
        conversation.changes = self._changes
        self._open[conversation.key] = conversation
        for ref in conversation.refs:
            self._refs[ref] = conversation
        for uid in conversation.channels:
            self._homes[uid] = conversation
        self._seen_at = max(self._seen_at, conversation.seen_at)
        self._lost_at = self._seen_at
        self._boot_id = self._boot_id or conversation.boot_id
        if self._booted_at is None:
            self._booted_at = conversation.booted_at
        if conversation.settles_at is not None:
            heappush(self._settling, (conversation.settles_at, conversation.key))

    # Finding and making

    def _find(self, at: float, shown: Channel | None) -> tuple[Conversation, LiveChannel] | None:
        """Return the channel an event shows; joins conversations where it shows another `call_ref`."""
        if shown is None:
            return None
        conversation = self._homes.get(shown.uid)
        if conversation is None:
            return None
        channel = conversation.channels[shown.uid]
        if shown.call_ref and shown.call_ref != channel.call_ref:
            channel.call_ref = shown.call_ref
            conversation = self._refer(at, conversation, shown.call_ref)
        channel.seen_at = conversation.seen_at = self._seen_at = at
        return conversation, channel

    def _refer(self, at: float, conversation: Conversation, ref: str) -> Conversation:
        """Note that a conversation goes by `ref` too."""
        other = self._refs.get(ref)
        if other is conversation:
            return conversation
        if other is not None:
            return self._join(at, conversation, other)
        self._gone.pop(ref, None)
        self._refs[ref] = conversation
        conversation.refs.append(ref)
        conversation.keyed = conversation.keyed or self._keyed_before(ref)
        conversation.touch()
        return conversation

    def _begin(self, at: float, ref: str) -> Conversation:
        if len(self._open) >= _OPEN_LIMIT:
            oldest = next(iter(self._open.values()))
            if oldest.ended_at is None:
                self._give_up(oldest, "forgotten")
            self._finish(at, oldest)
        conversation = Conversation(ref, at, at, boot_id=self._boot_id, booted_at=self._booted_at)
        conversation.refs.append(ref)
        conversation.changes = self._changes
        conversation.keyed = self._keyed_before(ref)
        self._open[ref] = self._refs[ref] = conversation
        return conversation

    def _add(self, at: float, conversation: Conversation, shown: Channel, endpoint: Endpoint) -> LiveChannel:
        channel = LiveChannel(
            shown.uid,
            shown.name[:_TEXT],
            shown.call_ref,
            endpoint.kind,
            endpoint.extension,
            shown.number[:_TEXT],
            shown.dialled[:_TEXT],
            at,
            at,
        )
        if len(conversation.channels) >= _LEG_LIMIT:
            self._thin(conversation)
        conversation.channels[channel.uid] = channel
        self._homes[channel.uid] = conversation
        conversation.seen_at = self._seen_at = at
        if channel.real and not conversation.origin:
            conversation.origin = channel.uid
        if conversation.ended_at is not None:  # it goes on after all
            conversation.ended_at = conversation.settles_at = None
            conversation.end_estimated = False
        return channel

    def _thin(self, conversation: Conversation) -> None:
        """Forget the oldest channel that matters least: one that ended and never talked."""
        for channel in conversation.channels.values():
            dull = channel.ended_at is not None and not channel.talked and not channel.consulted
            if dull and channel.uid != conversation.origin:
                del conversation.channels[channel.uid]
                del self._homes[channel.uid]
                return

    # Channels

    def _channel_started(self, event: ChannelStarted) -> None:
        shown, at = event.channel, event.at
        if self._find(at, shown) is not None:
            return
        ref = shown.call_ref or shown.uid
        if not shown.uid or ref in self._gone:
            return
        endpoint = self._classify(shown.name)
        conversation = self._refs.get(ref)
        if endpoint.kind is EndpointClass.IGNORE:
            if conversation is None:  # whatever it calls is no call of ours either
                self._begin(at, ref).hidden = True
            return
        if conversation is None:
            conversation = self._begin(at, ref)
        channel = self._add(at, conversation, shown, endpoint)
        channel.state = event.state
        self._hear_of_caller(conversation, channel, shown)
        if event.state in (ChannelState.UP, ChannelState.RINGING):
            self._advance(at, conversation, channel, event.state)
        conversation.touch()

    def _channel_changed(self, event: ChannelChanged) -> None:
        found = self._find(event.at, event.channel)
        if found is not None:
            conversation, channel = found
            self._hear_of_caller(conversation, channel, event.channel)
            self._advance(event.at, conversation, channel, event.state)

    def _advance(self, at: float, conversation: Conversation, channel: LiveChannel, state: ChannelState) -> None:
        if channel.ended_at is not None:
            return
        if state is ChannelState.RINGING:
            if channel.up_at is not None or channel.ringing_at is not None:
                return
            channel.ringing_at = at
            find_asker(conversation, channel)
        elif state is ChannelState.UP:
            if channel.up_at is not None:
                return
            channel.up_at = at
            if channel.ringing_at is None and channel.offered_at is not None:
                find_asker(conversation, channel)
            if channel.kind is EndpointClass.TRUNK:
                listen(at, conversation)
        channel.state = state
        if channel.real:
            conversation.touch()

    def _channel_seen(self, event: ChannelSeen) -> None:
        found = self._find(event.at, event.channel)
        if found is not None:
            self._hear_of_caller(*found, event.channel)

    def _hear_of_caller(self, conversation: Conversation, channel: LiveChannel, shown: Channel) -> None:
        """Keep the first number and name that the caller's channel shows; the dialplan may change both later."""
        if channel.uid != conversation.origin or conversation.answered_at is not None:
            return
        word = shown.number.strip().lower()
        if not conversation.caller and word not in NO_NUMBER:
            if word in HIDDEN_NUMBER:
                conversation.withheld = True
            else:
                conversation.caller = shown.number[:_TEXT]
                conversation.touch()
        if not conversation.caller_name and shown.person and shown.person.lower() not in NO_NUMBER | HIDDEN_NUMBER:
            conversation.caller_name = shown.person[:_TEXT]
            conversation.touch()

    def _channel_renamed(self, event: ChannelRenamed) -> None:
        """Follow a new name. Where another device took the channel over, it is that device's from now on."""
        conversation = self._homes.get(event.uid)
        if conversation is None or not event.name or event.name.endswith(">"):
            return  # names of a take-over in progress end in <MASQ> or <ZOMBIE>: nobody's
        channel = conversation.channels[event.uid]
        endpoint = self._classify(event.name)
        channel.name = event.name[:_TEXT]
        if endpoint.kind in (EndpointClass.TRUNK, EndpointClass.EXTENSION) and channel.real:
            channel.kind, channel.extension = endpoint.kind, endpoint.extension
        conversation.touch()

    def _hangup_asked(self, event: HangupAsked) -> None:
        found = self._find(event.at, event.channel)
        if found is None:
            return
        conversation, channel = found
        if channel.ended_at is not None:
            return
        if channel.cause == 0 and channel.up_at is None:
            channel.cause = event.cause
        if channel.state is ChannelState.REFUSED or conversation.hung_by is not None or not channel.real:
            return
        if channel.by_exchange and channel.up_at is None:
            return
        customer = outcome.anchor(conversation)
        if channel is customer and (channel.uid == conversation.origin or channel.up_at is not None):
            conversation.hung_by = HangupBy.CALLER
        elif channel.uid == conversation.origin or channel.uid in conversation.talkers:
            conversation.hung_by = HangupBy.AGENT
        elif channel.talked and channel.up_at is not None and not conversation.talkers:
            conversation.hung_by = HangupBy.AGENT  # back from a question, or already out of the bridge
        else:
            return
        if channel.uid == conversation.origin:
            waits = any(
                one.real and one.offered_at and one.over_at is None
                for one in conversation.alive()
                if one is not channel
            )
            conversation.gave_up = conversation.answered_at is None and (waits or conversation.queued_at is not None)

    def _channel_ended(self, event: ChannelEnded) -> None:
        found = self._find(event.at, event.channel)
        if found is not None:
            conversation, channel = found
            if channel.cause == 0 or event.cause == 26:
                channel.cause = event.cause
            self._end_channel(event.at, conversation, channel)

    def _end_channel(self, at: float, conversation: Conversation, channel: LiveChannel) -> None:
        if channel.ended_at is not None:
            return
        channel.ended_at = at
        if channel.bridge or channel.partner or channel.uid == conversation.origin:
            channel.bridge = ""
            listen(at, conversation)
        handover.consult_failed(at, conversation, channel)
        conversation.touch()
        if not any(True for _ in conversation.alive()):
            self._end(at, conversation)

    # Dialling

    def _dial_started(self, event: DialStarted) -> None:
        found = self._find(event.at, event.target)
        origin = self._find(event.at, event.origin)
        if found is None:
            return
        conversation, channel = found
        conversation = self._homes[channel.uid]  # `origin` may have joined it to another
        if channel.offered_at is not None:
            return
        channel.offered_at = event.at
        channel.text = event.text[:_TEXT]
        channel.by_exchange = event.origin is None
        if event.origin is not None and origin is None:
            conversation.hidden = conversation.hidden or conversation.origin == channel.uid
        if origin is not None:
            channel.dialler = origin[1].uid
            if not number_in(origin[1].dialled) and event.origin is not None:
                origin[1].dialled = event.origin.dialled[:_TEXT]
        if channel.real:
            if channel.kind is EndpointClass.TRUNK:
                channel.number = event.target.number[:_TEXT]
            find_asker(conversation, channel)
            handover.moved_silently(event.at, conversation, channel)
            conversation.hung_by = None
            conversation.touch()

    def _dial_ended(self, event: DialEnded) -> None:
        found = self._find(event.at, event.target)
        if found is None:
            return
        conversation, channel = found
        if channel.status is not None or channel.talked:
            return
        channel.status = event.status
        if event.status is DialStatus.ANSWER:
            return
        if channel.ended_at is None:
            channel.released_at = event.at
        if event.forward and channel.real:
            handover.note(
                conversation, Handover(event.at, TransferKind.FORWARD, channel.extension, event.forward[:_TEXT], "")
            )
        handover.consult_failed(event.at, conversation, channel)
        if channel.real:
            conversation.touch()

    # Talk

    def _bridge_joined(self, event: BridgeJoined) -> None:
        found = self._find(event.at, event.channel)
        if found is not None:
            conversation, channel = found
            if channel.ended_at is None and channel.bridge != event.bridge:
                channel.bridge = event.bridge
                listen(event.at, conversation)

    def _bridge_left(self, event: BridgeLeft) -> None:
        found = self._find(event.at, event.channel)
        if found is not None:
            conversation, channel = found
            if channel.bridge and channel.bridge == event.bridge:
                channel.bridge = ""
                talked = channel.uid in conversation.talkers
                listen(event.at, conversation)
                if not conversation.talkers:
                    conversation.left_first = channel.extension if talked else conversation.left_first

    def _channels_paired(self, event: ChannelsPaired) -> None:
        one, two = self._find(event.at, event.one), self._find(event.at, event.two)
        if one is not None and two is not None:
            one[1].partner, two[1].partner = two[1].uid, one[1].uid
            listen(event.at, self._homes[one[1].uid])

    # Transfers

    def _transfer_made(self, event: TransferMade) -> None:
        found = self._find(event.at, event.transferer)
        second = self._find(event.at, event.second)
        target = self._find(event.at, event.target)
        transferee = self._find(event.at, event.transferee)
        if found is None:
            return
        channel = found[1]
        conversation = self._homes[channel.uid]
        if conversation.ended_at is not None:
            return
        for other in (second, transferee, target):
            if other is not None:
                conversation = self._join(event.at, conversation, self._homes[other[1].uid])
        source = channel.extension
        result = "" if event.done else "failed"
        conversation.hung_by = None
        if event.kind is not TransferKind.ATTENDED:
            handover.note(conversation, Handover(event.at, event.kind, source, event.to[:_TEXT], result))
            return
        to = target[1] if target is not None and target[1].real else handover.asked_by(conversation, source, channel)
        handover.note(
            conversation, Handover(event.at, event.kind, source, (to.extension or to.number) if to else "", result)
        )
        handover.complete(conversation, [conversation.channels[uid] for uid in conversation.talkers])

    def _picked_up(self, event: PickedUp) -> None:
        taker = self._find(event.at, event.channel)
        rung = self._find(event.at, event.target)
        if taker is None or rung is None or not taker[1].alive:
            return
        conversation = self._join(event.at, self._homes[rung[1].uid], self._homes[taker[1].uid])
        source, target = rung[1].extension, taker[1].extension or taker[1].number
        handover.note(conversation, Handover(event.at, TransferKind.PICKUP, source, target, ""))
        handover.complete(conversation, [conversation.channels[uid] for uid in conversation.talkers])

    def _join(self, at: float, one: Conversation, two: Conversation) -> Conversation:
        """Make one conversation of two; returns it."""
        if one is two:
            return one
        kept, gone = sorted((one, two), key=joining.rank)
        if gone.version:
            gone.version += 1
            self._farewells.append(view(gone, settled=True, merged_into=kept.key))
        del self._open[gone.key]
        self._changes.pop(gone.key, None)
        for ref in gone.refs:
            self._refs[ref] = kept
            if ref not in kept.refs:
                kept.refs.append(ref)
        for uid in gone.channels:
            self._homes[uid] = kept
        joining.absorb(kept, gone)
        listen(at, kept)
        kept.touch()
        return kept

    # Queues, menus, recordings, what the caller says

    def _queue_entered(self, event: QueueEntered) -> None:
        found = self._find(event.at, event.channel)
        if found is not None and found[0].queued_at is None and found[1].alive:
            conversation = found[0]
            conversation.queue = event.queue[:_TEXT]
            conversation.queued_at = event.at
            conversation.queued = True
            conversation.hung_by = None
            conversation.touch()

    def _queue_left(self, event: QueueLeft) -> None:
        found = self._find(event.at, event.channel)
        if found is None or found[0].queued_at is None:
            return
        conversation = found[0]
        if conversation.queued_at is not None:
            conversation.wait_s += max(0.0, event.at - conversation.queued_at)
        conversation.queued_at = None
        conversation.queue_abandoned = event.abandoned
        conversation.touch()

    def _menu_entered(self, event: MenuEntered) -> None:
        found = self._find(event.at, event.channel)
        if found is not None:
            found[0].menu = True
            found[0].touch()

    def _recording_started(self, event: RecordingStarted) -> None:
        found = self._find(event.at, event.channel)
        if found is not None:
            self._record(event.at, found[0], event.path, voicemail=event.voicemail)

    def _record(self, at: float, conversation: Conversation, path: str, *, voicemail: bool = False) -> None:
        known = any(one.path == path for one in conversation.recordings)
        if path and not known and len(conversation.recordings) < LIMIT:
            conversation.recordings.append(Recorded(path, at, voicemail))
            conversation.touch()

    def _voicemail_left(self, event: VoicemailLeft) -> None:
        found = self._find(event.at, event.channel)
        if found is not None:
            found[0].voicemail = True
            self._record(event.at, found[0], event.path, voicemail=True)
            found[0].touch()

    def _number_keyed(self, event: NumberKeyed) -> None:
        conversation, ref = self._refs.get(event.call_ref), event.call_ref[:_TEXT]
        if conversation is not None and conversation.ended_at is None and conversation.keyed != event.number[:_TEXT]:
            conversation.keyed = event.number[:_TEXT]
            conversation.touch()
        if conversation is None and ref not in self._gone:
            # The dialplan's question may come another way than the events, and sooner: right after a start of ours,
            # or while the link is broken. It waits in memory only: killed before the call is known, we ask nobody again.
            self._keyed.pop(ref, None)
            self._keyed[ref] = event.at, event.number[:_TEXT]
            while len(self._keyed) > _KEYED:
                del self._keyed[next(iter(self._keyed))]

    def _keyed_before(self, ref: str) -> str:
        """Return what the caller keyed in before anything else was heard of a call."""
        at, number = self._keyed.pop(ref, (0.0, ""))
        return number if self._now - at <= _KEYED_S else ""

    def _presentation_seen(self, event: PresentationSeen) -> None:
        found = self._find(event.at, event.channel)
        if found is not None and found[1].uid == found[0].origin and found[0].withheld is not event.withheld:
            found[0].withheld = event.withheld
            found[0].touch()

    def _click_marked(self, event: ClickMarked) -> None:
        found = self._find(event.at, event.channel)
        if found is not None and not found[0].click_id:
            found[0].click_id = event.click_id[:_TEXT]
            found[0].touch()

    def _originate_ended(self, event: OriginateEnded) -> None:
        conversation = self._homes.get(event.uid)
        if conversation is None or event.uid != conversation.origin:
            return
        # Only our own orders choose the channel's id by the click's; others' action ids mean nothing here.
        if not conversation.click_id and event.click_id and event.uid.startswith(event.click_id):
            conversation.click_id = event.click_id[:_TEXT]
        conversation.click_number = conversation.click_number or number_in(event.number)
        if not event.ok and conversation.channels[event.uid].up_at is None:
            conversation.click_failed = event.reason
        conversation.touch()

    def _record_written(self, event: CallRecordWritten) -> None:
        conversation = self._homes.get(event.uid) or self._refs.get(event.call_ref)
        if conversation is None:
            return
        if event.call_ref in self._refs:  # the exchange's last word on what belongs together
            conversation = self._refer(event.at, conversation, event.call_ref)
        if not event.recording:
            return
        if not any(one.path.endswith(event.recording) for one in conversation.recordings):
            self._record(conversation.started_at, conversation, event.recording)

    # The end

    def _end(self, at: float, conversation: Conversation) -> None:
        """Close the books on a call without channels; late events may still come until it settles."""
        conversation.ended_at = at
        if conversation.queued_at is not None:
            conversation.wait_s += max(0.0, at - conversation.queued_at)
            conversation.queued_at = None
        handover.close(conversation)
        conversation.settles_at = max(at, self._now) + self._settle_s  # an estimated end may lie far back
        heappush(self._settling, (conversation.settles_at, conversation.key))
        conversation.touch()

    def _settle(self, at: float) -> None:
        """Make final what ended long enough ago, and forget it but for its keys."""
        while self._settling and self._settling[0][0] <= at:
            due, key = heappop(self._settling)
            conversation = self._open.get(key)
            if conversation is not None and conversation.settles_at == due:  # else it went on
                self._finish(at, conversation)
        while self._gone:
            key, since = next(iter(self._gone.items()))
            if at - since < _REMEMBER_S and len(self._gone) <= _REMEMBER:
                break
            del self._gone[key]

    def _finish(self, at: float, conversation: Conversation) -> None:
        if visible(conversation):
            conversation.version += 1
            self._farewells.append(view(conversation, settled=True))
        del self._open[conversation.key]
        self._changes.pop(conversation.key, None)
        for ref in conversation.refs:
            if self._refs.pop(ref, None) is not None:
                self._gone[ref] = at
        for uid in conversation.channels:
            self._homes.pop(uid, None)

    def _give_up(self, conversation: Conversation, why: str, at: float | None = None) -> None:
        """End a call of which only this is known: that it is over."""
        conversation.lost = why
        conversation.touch()
        self._estimate(conversation, list(conversation.alive()), conversation.seen_at if at is None else at)

    def _estimate(self, conversation: Conversation, gone: Iterable[LiveChannel], at: float) -> None:
        """End channels whose end nobody saw."""
        for channel in gone:
            conversation.unseen = True
            self._end_channel(max(at, channel.started_at), conversation, channel)
        if conversation.ended_at is None and not any(True for _ in conversation.alive()):
            self._end(at, conversation)
        conversation.end_estimated = conversation.ended_at is not None

    # Losing and finding the exchange

    def _link_lost(self, event: LinkLost) -> None:
        self._lost_at = event.at

    def _booted(self, event: Booted) -> None:
        """Close what a restart of the exchange cut off: no hang-up will ever come for it."""
        for conversation in list(self._open.values()):
            if self._died(conversation, event):
                self._give_up(conversation, "pbx_died", max(conversation.seen_at, self._last_sign(event.at)))
        if event.boot_id:
            self._boot_id = event.boot_id
        if event.started_at is not None:
            self._booted_at = event.started_at
        for conversation in self._open.values():
            conversation.boot_id = conversation.boot_id or self._boot_id
            conversation.booted_at = self._booted_at if conversation.booted_at is None else conversation.booted_at

    def _died(self, conversation: Conversation, event: Booted) -> bool:
        if conversation.ended_at is not None and not conversation.end_estimated:
            return False
        if event.boot_id and conversation.boot_id and event.boot_id != conversation.boot_id:
            # A call heard of since the link came back belongs to the exchange's new life.
            return self._lost_at is None or conversation.seen_at <= self._lost_at
        if event.started_at is None:
            return False
        if conversation.booted_at is not None and abs(event.started_at - conversation.booted_at) <= _BOOT_SLACK_S:
            return False
        return conversation.seen_at < event.started_at

    def _last_sign(self, at: float) -> float:
        """Return when the exchange was last known to be alive."""
        return min(at, self._lost_at) if self._lost_at is not None else min(at, self._seen_at)

    def _listed(self, event: ChannelsListed) -> None:
        """Compare with the whole truth: end what is missing, take in what is new, follow what moved meanwhile."""
        present = {one.channel.uid for one in event.channels}
        lost_at, self._lost_at = self._lost_at, None
        long = lost_at is not None and event.at - lost_at > _BLINK_S
        for known in list(self._open.values()):
            known.unseen = known.unseen or (long and known.ended_at is None and known.seen_at <= (lost_at or 0.0))
            missing = [
                channel
                for channel in known.alive()
                if channel.uid not in present and self._unheard(channel, lost_at, event.at)
            ]
            if known.ended_at is None and (missing or not known.channels):
                self._estimate(known, missing, self._ended_about(missing, lost_at, event.at))
        changed = {}
        for one in sorted(event.channels, key=_origins_first):
            conversation = self._take_in(event.at, one, lost_at)
            if conversation is not None:
                changed[conversation.key] = conversation
        for conversation in changed.values():
            listen(event.at, conversation)
            conversation.touch()

    def _unheard(self, channel: LiveChannel, lost_at: float | None, at: float) -> bool:
        return channel.seen_at <= lost_at if lost_at is not None else channel.seen_at < at - _LIST_RACE_S

    def _ended_about(self, missing: Iterable[LiveChannel], lost_at: float | None, at: float) -> float:
        """Guess when unseen channels ended: the line was up, so they were, until it broke."""
        if lost_at is not None:
            return min(lost_at, at)
        return max((channel.seen_at for channel in missing), default=at)

    def _take_in(self, at: float, one: ListedChannel, lost_at: float | None) -> Conversation | None:
        shown = one.channel
        known = self._homes.get(shown.uid)
        if known is not None:
            channel = known.channels[shown.uid]
            heard_since = channel.ended_at is not None or (lost_at is None or channel.seen_at > lost_at)
            return None if heard_since else self._catch_up(at, known, channel, one)
        ref = shown.call_ref or shown.uid
        endpoint = self._classify(shown.name)
        if not shown.uid or ref in self._gone or endpoint.kind is EndpointClass.IGNORE:
            return None
        conversation = self._refs.get(ref)
        began = at - max(0.0, one.age_s)
        if conversation is None:
            conversation = self._begin(began, ref)
            conversation.unseen = True
        inside = joining.is_inside(conversation)
        channel = self._add(began, conversation, shown, endpoint)
        channel.seen_at = conversation.seen_at = self._seen_at = at
        came = channel.kind is EndpointClass.TRUNK and not one.offered and one.state is not ChannelState.DOWN
        if came and inside and channel.uid != conversation.origin:
            # Somebody from outside was brought into talk between colleagues: it is their call now.
            conversation.origin, conversation.caller, conversation.caller_name = channel.uid, "", ""
        if shown.uid == shown.call_ref and channel.real:
            # The channel that began it all; perhaps only those that it calls were heard of.
            conversation.origin, conversation.hidden = channel.uid, False
        self._hear_of_caller(conversation, channel, shown)
        channel.found_up = one.state is ChannelState.UP
        if one.offered or (channel.real and channel.uid != conversation.origin):
            channel.offered_at = began
            channel.by_exchange = channel.uid == conversation.origin
        return self._catch_up(at, conversation, channel, one)

    def _catch_up(
        self, at: float, conversation: Conversation, channel: LiveChannel, one: ListedChannel
    ) -> Conversation:
        """Bring a channel to the state the list shows, without guessing when it got there."""
        found = self._find(at, one.channel)
        if found is not None:
            conversation, channel = found
        if one.offered and channel.offered_at is None:
            channel.offered_at = at
            channel.by_exchange = channel.uid == conversation.origin
        before = channel.up_at, channel.bridge
        if one.state in (ChannelState.RINGING, ChannelState.UP):
            self._advance(at, conversation, channel, one.state)
        channel.bridge = one.bridge
        answered = channel.real and channel.up_at is not None and channel.uid != conversation.origin
        if answered or before != (channel.up_at, channel.bridge):
            conversation.unseen = True
        name, dash, half = channel.name.rpartition(";")
        if channel.kind is EndpointClass.LOCAL and dash and not channel.partner:
            other = f"{name};{'2' if half == '1' else '1'}"
            for mate in conversation.channels.values():
                if mate.name == other and mate.ended_at is None:
                    channel.partner, mate.partner = mate.uid, channel.uid
        return conversation

    def _ticked(self, event: Ticked) -> None:
        if self._silent_s is None:
            return
        for conversation in list(self._open.values()):
            if conversation.ended_at is None and event.at >= conversation.seen_at + self._silent_s:
                self._give_up(conversation, "no_hangup")


def _origins_first(one: ListedChannel) -> tuple[bool, bool, float]:
    """Put the channels that began a call before those that it led to, older ones first."""
    return one.channel.uid != one.channel.call_ref, one.offered, -one.age_s
