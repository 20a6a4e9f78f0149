"""One AMI message off the wire: read tolerantly, or thrown away by its first line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors.asterisk
from connectors.asterisk import CONNECTOR
from connectors.asterisk.message import Message, event_filters, unescape, wanted
from connectors.asterisk.translate import AmiTranslator, translate

FIXTURES = Path(__file__).parents[2] / "fixtures" / "asterisk"


def test_a_line_without_a_colon_does_not_cut_the_rest_off() -> None:
    found = Message.parse(b"Event: Newstate\r\nno colon here\r\nUniqueid: 1.2\r\n\r\n")
    assert (found.get("Event"), found.get("Uniqueid")) == ("Newstate", "1.2")


def test_repeated_headers_are_all_kept_and_the_first_is_the_value() -> None:
    found = Message.parse(b"Variable: a=1\r\nVariable: b=2\r\n")
    assert found.headers == [("Variable", "a=1"), ("Variable", "b=2")]
    assert found.get("Variable") == "a=1"


@pytest.mark.parametrize(
    ("line", "value"),
    [(b"AppData: sip:a@b:5060", "sip:a@b:5060"), (b"AppData:", ""), (b"AppData: ", ""), (b"AppData:x", "x")],
)
def test_values_may_hold_colons_or_nothing(line: bytes, value: str) -> None:
    found = Message.parse(b"Event: Newexten\r\n" + line)
    assert found.get("AppData") == value
    assert found.get("Missing") == ""


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("José Müller".encode(), "José Müller"),
        ("José Müller".encode("latin-1"), "José Müller"),
        ("דנה לוי".encode(), "דנה לוי"),
        (b"O\\'Neil", "O'Neil"),
        (b'\\"The\\" Shop', '"The" Shop'),
        (b"back\\\\slash", "back\\slash"),
        (b"status will follow", "status will follow"),
        (b"nul\x00here", "nulhere"),
    ],
)
def test_names_survive_as_people_wrote_them(raw: bytes, name: str) -> None:
    found = Message.parse(b"Event: Newchannel\r\nCallerIDName: " + raw + b"\r\nUniqueid: 1.2\r\n")
    assert found.text("CallerIDName") == name


def test_one_name_in_latin_1_does_not_spoil_another_in_utf_8() -> None:
    found = Message.parse(b"CallerIDName: Jos\xe9\r\nConnectedLineName: " + "Łódź".encode() + b"\r\n")
    assert (found.get("CallerIDName"), found.get("ConnectedLineName")) == ("José", "Łódź")


@pytest.mark.parametrize(
    ("raw", "needed"),
    [
        (b"Event: Newchannel\r\nChannel: x\r\n", True),
        (b"\r\nEvent: Hangup\r\n", True),
        (b"\r\n\r\nEvent: Hangup", True),
        (b"Event: Newchannelish\r\n", False),
        (b"Event: Newexten\r\nAppData: Event: Hangup\r\n", False),
        (b"Event: RTCPSent\r\n", False),
        (b"Event: VarSet\r\nChannel: x\r\nVariable: MIXMONITOR_FILENAME\r\nValue: /a\r\n", True),
        (b"Event: VarSet\r\nChannel: x\r\nVariable: __HUB_CLICK_ID\r\nValue: 1\r\n", True),
        (b"Event: VarSet\r\nVariable: MIXMONITOR_FILENAME_OTHER\r\nValue: VMSTATUS\r\n", False),
        (b"Event: VarSet\r\nVariable: X\r\nValue: Variable: VMSTATUS\r\n", False),
        (b"Event: VarSet\r\n", False),
        (b"Event: UserEvent\r\nUserEvent: CustomerIdentified\r\n", True),
        (b"Event: UserEvent\r\nUserEvent: Other\r\n", False),
        (b"Response: Success\r\nCoreStartupDate: 2026-11-22\r\n", True),
        (b"Response: Success\r\nMessage: Authentication accepted\r\n", False),
        (b"Event: Hangup", True),
        (b"Event: ", False),
        (b"", False),
        (b"\r\n", False),
        (b"garbage \xff\x00", False),
    ],
)
def test_the_filter_keeps_what_the_calls_need(raw: bytes, needed: bool) -> None:
    assert wanted(raw) is needed


def test_the_filter_throws_nothing_away_that_says_anything_of_calls() -> None:
    for path in sorted(FIXTURES.glob("*.ami")):
        for raw in path.read_bytes().split(b"\r\n\r\n"):
            says = translate(0.0, Message.parse(raw))
            assert not says or wanted(raw), raw


def test_most_of_a_real_stream_is_never_parsed() -> None:
    parts = [part for path in FIXTURES.glob("??_*_*.ami") for part in path.read_bytes().split(b"\r\n\r\n")]
    assert sum(map(wanted, parts)) / len(parts) < 0.3


def test_the_recommended_filter_lets_everything_through_that_the_reader_keeps() -> None:
    lines = event_filters()
    assert "eventfilter(name(Hangup)) =" in lines
    assert "eventfilter(name(VarSet),header(Variable),method(exact)) = CUSTOMER_ID" in lines
    needed = set()
    for path in sorted(FIXTURES.glob("*.ami")):
        for message in filter(wanted, path.read_bytes().split(b"\r\n\r\n")):
            parsed = Message.parse(message.lstrip(b"\r\n"))
            kind, variable = parsed.get("Event"), parsed.get("Variable")
            if kind == "VarSet":
                needed.add(f"eventfilter(name(VarSet),header(Variable),method(exact)) = {variable}")
            elif kind and not kind.startswith("CoreShowChannel"):  # answers pass every filter
                needed.add(f"eventfilter(name({kind})) =")
    assert len(needed) > 20
    assert needed <= set(lines)


@pytest.mark.parametrize("place", ["README", "wizard"])
def test_the_lines_of_the_filter_are_given_to_copy(place: str) -> None:
    readme = Path(connectors.asterisk.__file__).with_name("README.md").read_text("utf-8")
    text = readme if place == "README" else CONNECTOR.help
    assert [line for line in text.splitlines() if line.startswith("eventfilter")] == event_filters()


@given(st.binary(max_size=400))
def test_no_bytes_raise_an_error(raw: bytes) -> None:
    Message.parse(raw)
    wanted(raw)
    AmiTranslator().translate(0.0, raw)


@given(
    st.sampled_from(["Newchannel", "Hangup", "DialBegin", "FullyBooted", "CoreShowChannelsComplete", "VarSet", "Cdr"]),
    st.lists(
        st.tuples(
            st.sampled_from(["Uniqueid", "Uptime", "Cause", "ListItems", "Variable", "Value", "Duration", "Linkedid"]),
            st.text(max_size=40),
        )
    ),
)
def test_no_values_raise_an_error(event: str, headers: list[tuple[str, str]]) -> None:
    text = f"Event: {event}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    AmiTranslator().translate(0.0, text.encode("utf-8", "surrogatepass"))


@given(st.text())
def test_unescaping_undoes_what_the_exchange_escapes(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\'").replace("\n", "\\n")
    assert unescape(escaped) == text
