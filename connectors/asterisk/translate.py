"""AMI messages -> the hub's call events: what the exchange says, in words that fit any exchange.

Source: https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/AMI_Events/
"""

import re
from collections.abc import Callable
from typing import Final

from connectors.asterisk.message import Message, wanted
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
    HangupAsked,
    ListedChannel,
    NumberKeyed,
    OriginateEnded,
    PickedUp,
    PresentationSeen,
    QueueEntered,
    QueueLeft,
    RecordingStarted,
    TransferKind,
    TransferMade,
    VoicemailLeft,
)

# Source: https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/AMI_Events/Newstate/
_STATES: Final = {
    "Down": ChannelState.DOWN,
    "Rsrvd": ChannelState.DOWN,
    "OffHook": ChannelState.DIALLING,
    "Dialing": ChannelState.DIALLING,
    "Dialing Offhook": ChannelState.DIALLING,
    "Pre-ring": ChannelState.DIALLING,
    "Ring": ChannelState.DIALLING,
    "Ringing": ChannelState.RINGING,
    "Up": ChannelState.UP,
    "Busy": ChannelState.REFUSED,
}
_STATUSES: Final = {
    "ANSWER": DialStatus.ANSWER,
    "BUSY": DialStatus.BUSY,
    "NOANSWER": DialStatus.NO_ANSWER,
    "CANCEL": DialStatus.CANCEL,
    "ABORT": DialStatus.CANCEL,
    "CONGESTION": DialStatus.CONGESTION,
    "CHANUNAVAIL": DialStatus.UNAVAILABLE,
    "DONTCALL": DialStatus.DECLINED,
    "TORTURE": DialStatus.DECLINED,
}
# Frame of the last control the phone sent: 3 = it still rang when the time was over, 5 = busy, 8 = congestion.
# 0 says nothing: a busy phone gives it too, so its own hang-up cause decides.
_REASONS: Final = {"3": "noanswer", "5": "busy", "8": "congestion"}
_OFFERED_BY: Final = frozenset({"AppDial", "AppDial2", "AppQueue"})  # what a channel "runs" that the exchange called
_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_LIST_LIMIT: Final = 20_000  # channels; a list longer than this is no list


def translate(at: float, message: Message) -> list[CallEvent]:
    """Return what one message says of calls; an empty list where it says nothing.

    Args:
        at: unix seconds of its arrival.
        message: parsed; lists that come in parts are `AmiTranslator`'s.
    """
    read = _READERS.get(message.get("Event"))
    if read is not None:
        return read(at, message)
    return _core_status(at, message) if "CoreStartupDate" in message.first else []


class AmiTranslator:
    """Translates raw messages and puts the list of channels together, which comes as one event per channel."""

    def __init__(self) -> None:
        self._listed: list[ListedChannel] = []
        self._list_id = ""

    def translate(self, at: float, message: bytes) -> list[CallEvent]:
        """Return what one raw message says, oldest first."""
        if not wanted(message):
            return []
        parsed = Message.parse(message)
        match parsed.get("Event"):
            case "CoreShowChannel":
                self._collect(parsed)
                return []
            case "CoreShowChannelsComplete":
                return self._complete(at, parsed)
            case _:
                return translate(at, parsed)

    def _collect(self, message: Message) -> None:
        if message.get("ActionID") != self._list_id:
            self._list_id, self._listed = message.get("ActionID"), []
        if len(self._listed) <= _LIST_LIMIT:
            self._listed.append(listed(message))

    def _complete(self, at: float, message: Message) -> list[CallEvent]:
        """End the list, and believe it only when it is whole: half a list would end calls that live."""
        mine = message.get("ActionID") == self._list_id
        found = tuple(self._listed) if mine else ()
        self._listed, self._list_id = [], ""
        promised = message.get("ListItems")
        if message.get("EventList") == "cancelled" or (promised and _whole(promised) != len(found)):
            return []
        return [ChannelsListed(at, found)]


def listed(message: Message) -> ListedChannel:
    """Read one line of the list of channels (event CoreShowChannel)."""
    return ListedChannel(
        channel=_channel(message),
        state=_state(message),
        bridge=message.get("BridgeId"),
        age_s=_clock_s(message.get("Duration")),
        connected=_number(message.get("ConnectedLineNum")),
        offered=message.get("Application") in _OFFERED_BY,
    )


def _channel(message: Message, prefix: str = "") -> Channel:
    get = message.first.get
    person = get(prefix + "CallerIDName", "")
    if person == "<unknown>":
        person = ""
    elif "\\" in person:
        person = message.text(prefix + "CallerIDName")
    return Channel(
        get(prefix + "Uniqueid", ""),
        get(prefix + "Channel", ""),
        get(prefix + "Linkedid", ""),
        _number(get(prefix + "CallerIDNum", "")),
        person,
        get(prefix + "Exten", ""),
    )


def _maybe(message: Message, prefix: str) -> Channel | None:
    return _channel(message, prefix) if prefix + "Uniqueid" in message.first else None


def _number(value: str) -> str:
    return "" if value == "<unknown>" else value


def _state(message: Message, prefix: str = "") -> ChannelState:
    return _STATES.get(message.first.get(prefix + "ChannelStateDesc", ""), ChannelState.DOWN)


def _whole(value: str) -> int:
    return int(value) if _WHOLE.fullmatch(value) else 0


def _clock_s(value: str) -> float:
    """Read a duration as `01:02:03`; hours may have more than two digits."""
    found = re.fullmatch(r"(\d{1,6}):(\d\d):(\d\d)", value)
    return float(int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])) if found else 0.0


def _started(at: float, message: Message) -> list[CallEvent]:
    return [ChannelStarted(at, _channel(message), _state(message))]


def _changed(at: float, message: Message) -> list[CallEvent]:
    return [ChannelChanged(at, _channel(message), _state(message))]


def _seen(at: float, message: Message) -> list[CallEvent]:
    return [ChannelSeen(at, _channel(message))]


def _renamed(at: float, message: Message) -> list[CallEvent]:
    return [ChannelRenamed(at, message.get("Uniqueid"), message.get("Newname"))]


def _hangup_asked(at: float, message: Message) -> list[CallEvent]:
    return [HangupAsked(at, _channel(message), _whole(message.get("Cause")))]


def _ended(at: float, message: Message) -> list[CallEvent]:
    return [ChannelEnded(at, _channel(message), _whole(message.get("Cause")))]


def _dial_started(at: float, message: Message) -> list[CallEvent]:
    return [DialStarted(at, _maybe(message, ""), _channel(message, "Dest"), message.get("DialString"))]


def _dial_ended(at: float, message: Message) -> list[CallEvent]:
    forward = message.get("Forward")
    # A phone that forwards shows as cancelled, or congested where the exchange could not follow.
    status = DialStatus.FORWARDED if forward else _STATUSES.get(message.get("DialStatus"), DialStatus.UNAVAILABLE)
    return [DialEnded(at, _maybe(message, ""), _channel(message, "Dest"), status, forward)]


def _bridge_joined(at: float, message: Message) -> list[CallEvent]:
    if message.get("BridgeTechnology") == "holding_bridge":  # parked or waiting: nobody hears another there
        return [ChannelSeen(at, _channel(message))]
    return [BridgeJoined(at, message.get("BridgeUniqueid"), _channel(message))]


def _bridge_left(at: float, message: Message) -> list[CallEvent]:
    return [BridgeLeft(at, message.get("BridgeUniqueid"), _channel(message))]


def _paired(at: float, message: Message) -> list[CallEvent]:
    return [ChannelsPaired(at, _channel(message, "LocalOne"), _channel(message, "LocalTwo"))]


def _blind(at: float, message: Message) -> list[CallEvent]:
    return [
        TransferMade(
            at,
            TransferKind.BLIND,
            transferer=_channel(message, "Transferer"),
            second=None,
            transferee=_maybe(message, "Transferee"),
            target=None,
            to=message.get("Extension"),
            done=message.get("Result") in ("Success", ""),
        )
    ]


def _attended(at: float, message: Message) -> list[CallEvent]:
    return [
        TransferMade(
            at,
            TransferKind.ATTENDED,
            transferer=_channel(message, "OrigTransferer"),
            second=_maybe(message, "SecondTransferer"),
            transferee=_maybe(message, "Transferee"),
            target=_maybe(message, "TransferTarget"),
            to="",
            done=message.get("Result") in ("Success", ""),
        )
    ]


def _picked_up(at: float, message: Message) -> list[CallEvent]:
    return [PickedUp(at, _channel(message), _channel(message, "Target"))]


def _queue_entered(at: float, message: Message) -> list[CallEvent]:
    return [QueueEntered(at, _channel(message), message.get("Queue"))]


def _queue_left(at: float, message: Message) -> list[CallEvent]:
    return [QueueLeft(at, _channel(message), message.get("Queue"), message.get("Event") == "QueueCallerAbandon")]


def _variable(at: float, message: Message) -> list[CallEvent]:
    value = message.text("Value")
    channel = _channel(message)
    if message.get("Variable") == "VMSTATUS":
        return _voicemail_kept(at, message)
    read = _VARIABLES.get(message.get("Variable").removeprefix("__"))
    return [read(at, channel, value)] if read is not None and value and channel.uid else []


def _voicemail_kept(at: float, message: Message) -> list[CallEvent]:
    """VMSTATUS is set whatever became of the message; only SUCCESS means that there is one."""
    return [VoicemailLeft(at, _channel(message), "")] if message.get("Value") == "SUCCESS" else []


def _user_event(at: float, message: Message) -> list[CallEvent]:
    if message.get("UserEvent") != "CustomerIdentified" or not message.get("CustomerId"):
        return []
    return [NumberKeyed(at, message.get("CallLinkedid") or message.get("Linkedid"), message.text("CustomerId"))]


def _originated(at: float, message: Message) -> list[CallEvent]:
    return [
        OriginateEnded(
            at,
            click_id=message.get("ActionID"),
            uid=message.get("Uniqueid"),
            ok=message.get("Response") == "Success",
            reason=_REASONS.get(message.get("Reason"), ""),
            number=message.get("Exten"),
        )
    ]


def _record_written(at: float, message: Message) -> list[CallEvent]:
    # `linkedid` and `recordingfile` come only where cdr_manager.conf maps them.
    return [
        CallRecordWritten(
            at,
            call_ref=message.get("LinkedID") or message.get("linkedid"),
            uid=message.get("UniqueID"),
            recording=message.get("recordingfile") or message.get("RecordingFile"),
        )
    ]


def _booted(at: float, message: Message) -> list[CallEvent]:
    """Every log-in gets FullyBooted, not only those that wait for a start: the uptime tells the difference."""
    uptime = message.get("Uptime")
    return [Booted(at, "", at - int(uptime))] if _WHOLE.fullmatch(uptime) else []


def _core_status(at: float, message: Message) -> list[CallEvent]:
    # The exchange's own local time, without a zone: good to compare with itself only.
    return [Booted(at, f"{message.get('CoreStartupDate')} {message.get('CoreStartupTime')}")]


_VARIABLES: Final[dict[str, Callable[[float, Channel, str], CallEvent]]] = {
    "MIXMONITOR_FILENAME": RecordingStarted,
    "VM_MESSAGEFILE": lambda at, channel, value: RecordingStarted(at, channel, value, voicemail=True),
    "HUB_CLICK_ID": ClickMarked,
    "CUSTOMER_ID": lambda at, channel, value: NumberKeyed(at, channel.call_ref, value),
    # Text of CALLERID(pres): allowed_…, prohib_…, or unavailable.
    "HUB_PRES": lambda at, channel, value: PresentationSeen(at, channel, withheld=value.startswith("prohib")),
}
_READERS: Final[dict[str, Callable[[float, Message], list[CallEvent]]]] = {
    "Newchannel": _started,
    "Newstate": _changed,
    "NewCallerid": _seen,
    "Rename": _renamed,
    "HangupRequest": _hangup_asked,
    "Hangup": _ended,
    "DialBegin": _dial_started,
    "DialEnd": _dial_ended,
    "BridgeEnter": _bridge_joined,
    "BridgeLeave": _bridge_left,
    "LocalBridge": _paired,
    "BlindTransfer": _blind,
    "AttendedTransfer": _attended,
    "Pickup": _picked_up,
    "QueueCallerJoin": _queue_entered,
    "QueueCallerLeave": _queue_left,
    "QueueCallerAbandon": _queue_left,
    "VarSet": _variable,
    "UserEvent": _user_event,
    "OriginateResponse": _originated,
    "Cdr": _record_written,
    "FullyBooted": _booted,
}
