"""AMI messages become call events, in the words of any exchange."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.asterisk.message import Message
from connectors.asterisk.translate import AmiTranslator, translate
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

AT = 1_800_000_000.5
TRUNK = Channel("9.1", "PJSIP/north-01", "9.1", "0612345678", "Jan", "555")
PHONE = Channel("9.2", "PJSIP/101-02", "9.1", "101", "", "555")


def lines(channel: Channel, prefix: str = "") -> dict[str, str]:
    return {
        f"{prefix}Channel": channel.name,
        f"{prefix}CallerIDNum": channel.number or "<unknown>",
        f"{prefix}CallerIDName": channel.person or "<unknown>",
        f"{prefix}Exten": channel.dialled,
        f"{prefix}Uniqueid": channel.uid,
        f"{prefix}Linkedid": channel.call_ref,
    }


def said(event: str, *facts: dict[str, str], **more: str) -> list[CallEvent]:
    headers: dict[str, str] = {"Event": event}
    for fact in facts:
        headers |= fact
    headers |= more
    return translate(AT, Message(list(headers.items()), headers))


CASES: list[tuple[str, list[dict[str, str]], dict[str, str], CallEvent]] = [
    ("Newchannel", [lines(TRUNK)], {"ChannelStateDesc": "Ring"}, ChannelStarted(AT, TRUNK, ChannelState.DIALLING)),
    ("Newchannel", [lines(PHONE)], {"ChannelStateDesc": "Down"}, ChannelStarted(AT, PHONE, ChannelState.DOWN)),
    ("Newstate", [lines(PHONE)], {"ChannelStateDesc": "Ringing"}, ChannelChanged(AT, PHONE, ChannelState.RINGING)),
    ("Newstate", [lines(PHONE)], {"ChannelStateDesc": "Up"}, ChannelChanged(AT, PHONE, ChannelState.UP)),
    ("Newstate", [lines(TRUNK)], {"ChannelStateDesc": "Busy"}, ChannelChanged(AT, TRUNK, ChannelState.REFUSED)),
    ("Newstate", [lines(TRUNK)], {"ChannelStateDesc": "Odd"}, ChannelChanged(AT, TRUNK, ChannelState.DOWN)),
    ("NewCallerid", [lines(TRUNK)], {}, ChannelSeen(AT, TRUNK)),
    ("Rename", [{"Uniqueid": "9.2", "Newname": "PJSIP/103-05"}], {}, ChannelRenamed(AT, "9.2", "PJSIP/103-05")),
    ("HangupRequest", [lines(PHONE)], {"Cause": "21"}, HangupAsked(AT, PHONE, 21)),
    ("HangupRequest", [lines(PHONE)], {}, HangupAsked(AT, PHONE, 0)),
    ("Hangup", [lines(PHONE)], {"Cause": "26"}, ChannelEnded(AT, PHONE, 26)),
    ("Hangup", [lines(PHONE)], {"Cause": "9" * 9000}, ChannelEnded(AT, PHONE, 0)),
    (
        "DialBegin",
        [lines(TRUNK), lines(PHONE, "Dest")],
        {"DialString": "101"},
        DialStarted(AT, TRUNK, PHONE, "101"),
    ),
    ("DialBegin", [lines(PHONE, "Dest")], {"DialString": "101"}, DialStarted(AT, None, PHONE, "101")),
    (
        "DialEnd",
        [lines(TRUNK), lines(PHONE, "Dest")],
        {"DialStatus": "NOANSWER"},
        DialEnded(AT, TRUNK, PHONE, DialStatus.NO_ANSWER),
    ),
    (
        "DialEnd",
        [lines(PHONE, "Dest")],
        {"DialStatus": "CANCEL", "Forward": "103"},
        DialEnded(AT, None, PHONE, DialStatus.FORWARDED, "103"),
    ),
    (
        "DialEnd",
        [lines(PHONE, "Dest")],
        {"DialStatus": "CHANUNAVAIL"},
        DialEnded(AT, None, PHONE, DialStatus.UNAVAILABLE),
    ),
    ("BridgeEnter", [lines(PHONE)], {"BridgeUniqueid": "b1"}, BridgeJoined(AT, "b1", PHONE)),
    (
        "BridgeEnter",
        [lines(PHONE)],
        {"BridgeUniqueid": "park", "BridgeTechnology": "holding_bridge"},
        ChannelSeen(AT, PHONE),
    ),
    ("BridgeLeave", [lines(PHONE)], {"BridgeUniqueid": "b1"}, BridgeLeft(AT, "b1", PHONE)),
    ("LocalBridge", [lines(TRUNK, "LocalOne"), lines(PHONE, "LocalTwo")], {}, ChannelsPaired(AT, TRUNK, PHONE)),
    (
        "BlindTransfer",
        [lines(PHONE, "Transferer"), lines(TRUNK, "Transferee")],
        {"Extension": "103", "Result": "Success"},
        TransferMade(AT, TransferKind.BLIND, PHONE, None, TRUNK, None, to="103", done=True),
    ),
    (
        "AttendedTransfer",
        [lines(PHONE, "OrigTransferer"), lines(PHONE, "SecondTransferer"), lines(TRUNK, "TransferTarget")],
        {"Result": "Fail"},
        TransferMade(AT, TransferKind.ATTENDED, PHONE, PHONE, None, TRUNK, to="", done=False),
    ),
    ("Pickup", [lines(PHONE), lines(TRUNK, "Target")], {}, PickedUp(AT, PHONE, TRUNK)),
    ("QueueCallerJoin", [lines(TRUNK)], {"Queue": "sales"}, QueueEntered(AT, TRUNK, "sales")),
    ("QueueCallerLeave", [lines(TRUNK)], {"Queue": "sales"}, QueueLeft(AT, TRUNK, "sales", abandoned=False)),
    ("QueueCallerAbandon", [lines(TRUNK)], {"Queue": "sales"}, QueueLeft(AT, TRUNK, "sales", abandoned=True)),
    (
        "VarSet",
        [lines(TRUNK)],
        {"Variable": "MIXMONITOR_FILENAME", "Value": "/rec/O\\'Neil.wav"},
        RecordingStarted(AT, TRUNK, "/rec/O'Neil.wav"),
    ),
    (
        "VarSet",
        [lines(TRUNK)],
        {"Variable": "VM_MESSAGEFILE", "Value": "/vm/msg0"},
        RecordingStarted(AT, TRUNK, "/vm/msg0", voicemail=True),
    ),
    ("VarSet", [lines(TRUNK)], {"Variable": "VMSTATUS", "Value": "SUCCESS"}, VoicemailLeft(AT, TRUNK, "")),
    ("VarSet", [lines(TRUNK)], {"Variable": "__HUB_CLICK_ID", "Value": "c1"}, ClickMarked(AT, TRUNK, "c1")),
    ("VarSet", [lines(TRUNK)], {"Variable": "CUSTOMER_ID", "Value": "12"}, NumberKeyed(AT, "9.1", "12")),
    (
        "VarSet",
        [lines(TRUNK)],
        {"Variable": "__HUB_PRES", "Value": "prohib_passed_screen"},
        PresentationSeen(AT, TRUNK, withheld=True),
    ),
    (
        "VarSet",
        [lines(TRUNK)],
        {"Variable": "HUB_PRES", "Value": "allowed_not_screened"},
        PresentationSeen(AT, TRUNK, withheld=False),
    ),
    (
        "UserEvent",
        [lines(TRUNK)],
        {"UserEvent": "CustomerIdentified", "CustomerId": "12", "CallLinkedid": "9.7"},
        NumberKeyed(AT, "9.7", "12"),
    ),
    (
        "OriginateResponse",
        [],
        {"ActionID": "c1", "Uniqueid": "c1", "Response": "Failure", "Reason": "3", "Exten": "0201"},
        OriginateEnded(AT, "c1", "c1", ok=False, reason="noanswer", number="0201"),
    ),
    (
        "Cdr",
        [],
        {"UniqueID": "9.1", "LinkedID": "9.1", "recordingfile": "in.wav"},
        CallRecordWritten(AT, "9.1", "9.1", "in.wav"),
    ),
    ("FullyBooted", [], {"Uptime": "60"}, Booted(AT, "", AT - 60)),
]


@pytest.mark.parametrize(("event", "facts", "more", "wanted"), CASES)
def test_each_event_says_one_thing(
    event: str, facts: list[dict[str, str]], more: dict[str, str], wanted: CallEvent
) -> None:
    assert said(event, *facts, **more) == [wanted]


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("VarSet", {"Variable": "VMSTATUS", "Value": "FAILED"}),
        ("VarSet", {"Variable": "MIXMONITOR_FILENAME", "Value": ""}),
        ("VarSet", {"Variable": "PIN", "Value": "1234"}),
        ("UserEvent", {"UserEvent": "CustomerIdentified", "CustomerId": ""}),
        ("UserEvent", {"UserEvent": "Other", "CustomerId": "12"}),
        ("FullyBooted", {}),
        ("SoftHangupRequest", {}),
        ("DTMFEnd", {"Digit": "4"}),
        ("", {}),
    ],
)
def test_what_says_nothing_of_calls_is_nothing(event: str, more: dict[str, str]) -> None:
    assert said(event, lines(TRUNK), **more) == []


def test_a_channel_that_is_none_is_no_recording() -> None:
    assert said("VarSet", Variable="MIXMONITOR_FILENAME", Value="/x", Channel="none") == []


def test_the_start_of_the_exchange_is_its_name() -> None:
    answer = {"Response": "Success", "CoreStartupDate": "2026-11-22", "CoreStartupTime": "03:01:11"}
    assert translate(AT, Message(list(answer.items()), answer)) == [Booted(AT, "2026-11-22 03:01:11")]


def listed(channel: Channel, **more: str) -> bytes:
    headers = {"Event": "CoreShowChannel", "ActionID": "list-1", **lines(channel), **more}
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


def complete(**more: Any) -> bytes:
    headers = {"Event": "CoreShowChannelsComplete", "ActionID": "list-1", "EventList": "Complete", **more}
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


def test_the_list_of_channels_is_put_together() -> None:
    translator = AmiTranslator()
    trunk = listed(
        TRUNK, ChannelStateDesc="Up", Application="Dial", Duration="00:01:02", BridgeId="b1", ConnectedLineNum="101"
    )
    phone = listed(PHONE, ChannelStateDesc="Ringing", Application="AppDial", Duration="100:00:00", BridgeId="")
    assert translator.translate(AT, trunk) == []
    assert translator.translate(AT, phone) == []
    assert translator.translate(AT, complete(ListItems="2")) == [
        ChannelsListed(
            AT,
            (
                ListedChannel(TRUNK, ChannelState.UP, "b1", 62.0, "101", offered=False),
                ListedChannel(PHONE, ChannelState.RINGING, "", 360_000.0, "", offered=True),
            ),
        )
    ]


def test_an_empty_list_says_that_no_channel_lives() -> None:
    assert AmiTranslator().translate(AT, complete(ListItems="0")) == [ChannelsListed(AT, ())]


@pytest.mark.parametrize("end", [complete(ListItems="3"), complete(EventList="cancelled", ListItems="1")])
def test_half_a_list_is_not_believed(end: bytes) -> None:
    translator = AmiTranslator()
    translator.translate(AT, listed(TRUNK))
    assert translator.translate(AT, end) == []


def test_a_list_that_broke_off_does_not_mix_with_the_next() -> None:
    translator = AmiTranslator()
    translator.translate(AT, listed(TRUNK))
    other = listed(PHONE).replace(b"list-1", b"list-2")
    translator.translate(AT, other)
    (event,) = translator.translate(AT, complete(ListItems="1").replace(b"list-1", b"list-2"))
    assert isinstance(event, ChannelsListed)
    assert [one.channel for one in event.channels] == [PHONE]


def test_an_apostrophe_in_a_name_is_one() -> None:
    neil = replace(TRUNK, person="O\\'Neil")
    (event,) = said("Newchannel", lines(neil), ChannelStateDesc="Ring")
    assert isinstance(event, ChannelStarted)
    assert event.channel.person == "O'Neil"
