"""AMI messages as they come off the wire: parse one, or throw it away after a look at its first line.

Source: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/AMI-v2-Specification/
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

_ALL = frozenset(
    {
        b"Newchannel",
        b"Newstate",
        b"NewCallerid",
        b"Rename",
        b"HangupRequest",
        b"Hangup",
        b"DialBegin",
        b"DialEnd",
        b"BridgeEnter",
        b"BridgeLeave",
        b"LocalBridge",
        b"BlindTransfer",
        b"AttendedTransfer",
        b"Pickup",
        b"QueueCallerJoin",
        b"QueueCallerLeave",
        b"QueueCallerAbandon",
        b"OriginateResponse",
        b"Cdr",
        b"FullyBooted",
        b"CoreShowChannel",
        b"CoreShowChannelsComplete",
    }
)
_FIRST_LINES = frozenset(b"Event: " + kind + b"\r" for kind in _ALL)
# A third of all events is VarSet; six variables matter. A leading __ marks a variable that new channels inherit.
_VARIABLES = frozenset(
    {
        b"MIXMONITOR_FILENAME",
        b"VM_MESSAGEFILE",
        b"VMSTATUS",
        b"HUB_PRES",
        b"HUB_CLICK_ID",
        b"CUSTOMER_ID",
        b"__HUB_PRES",
        b"__HUB_CLICK_ID",
        b"__CUSTOMER_ID",
    }
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "", "b": "", "f": "", "v": ""}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Message:
    """One AMI message: its headers in order, and the first value of each.

    Headers repeat (Variable, ChanVariable, Output), values contain ':' and may be empty, some lines have no ':'.
    """

    headers: Sequence[tuple[str, str]]
    first: dict[str, str]

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read one message; a line that is no header is left out. Never fails."""
        headers = []
        for line in _decode(raw).split("\n"):
            name, colon, value = line.partition(":")
            if colon:
                headers.append((name, value.strip(" \r")))
        return cls(headers, dict(reversed(headers)))

    def get(self, name: str) -> str:
        """Return the first value of a header, or an empty string."""
        return self.first.get(name, "")

    def text(self, name: str) -> str:
        """Return a value that AMI escapes as C does: names of people, and variables."""
        value = self.first.get(name, "")
        return unescape(value) if "\\" in value else value


def wanted(raw: bytes) -> bool:
    r"""Say whether the calls need this message, without parsing it.

    Four of five events are of no use here, so this decides by the first line alone where it can. A message may
    begin with an empty line: some events of a build with test framework leave one too many.
    """
    end = raw.find(b"\n")
    line = raw[:end] if end >= 0 else raw
    if line in _FIRST_LINES:
        return True
    if line == b"Event: VarSet\r":
        start = raw.find(b"\nVariable: ")
        return start > 0 and raw[start + 11 : raw.find(b"\n", start + 11)].rstrip() in _VARIABLES
    return _rarely_wanted(raw, line)


def _rarely_wanted(raw: bytes, line: bytes) -> bool:
    if not line or line == b"\r":
        rest = raw.lstrip(b"\r\n")
        return bool(rest) and wanted(rest)
    if line == b"Event: UserEvent\r":
        return b"\nUserEvent: CustomerIdentified" in raw
    if line[:9] == b"Response:":
        return b"CoreStartupDate:" in raw
    # A line end of another kind, or none.
    return line[-1:] != b"\r" and line.startswith(b"Event:") and wanted(line.rstrip() + b"\r\n" + raw[len(line) :])


def event_filters() -> list[str]:
    """Return lines for a user of manager.conf with which Asterisk 22 sends only what is kept here.

    Answers and the lists that we ask for pass every filter.
    Source: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/AMI-Event-Filtering/
    """
    kinds = sorted(kind.decode() for kind in _ALL | {b"UserEvent"} if not kind.startswith(b"CoreShowChannel"))
    variables = sorted(variable.decode() for variable in _VARIABLES)
    return [f"eventfilter(name({kind})) =" for kind in kinds] + [
        f"eventfilter(name(VarSet),header(Variable),method(exact)) = {variable}" for variable in variables
    ]


def unescape(value: str) -> str:
    r"""Undo AMI's C escapes: `O\'Neil` is O'Neil, `\\` is one backslash."""
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), value)


def _decode(raw: bytes) -> str:
    """Decode as UTF-8, and line by line as latin-1 where a driver passed on what it got. NUL goes: no database keeps it."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\n".join(_line(line) for line in raw.split(b"\n"))
    return text.replace("\0", "") if "\0" in text else text


def _line(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
