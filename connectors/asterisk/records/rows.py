"""One row of the exchange's call records, from a file or a table, in our types.

CDR columns: https://docs.asterisk.org/Configuration/Reporting/Call-Detail-Records-CDR/
CEL columns and events: https://docs.asterisk.org/Configuration/Reporting/Channel-Event-Logging-CEL/
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.errors import ShapeError

# cdr_csv writes these; then uniqueid (loguniqueid), userfield (loguserfield) and the last three (newcdrcolumns),
# each only where it is switched on. Source: cdr/cdr_csv.c, build_csv_record().
_CDR_CSV = (
    "accountcode",
    "src",
    "dst",
    "dcontext",
    "clid",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "calldate",
    "answer",
    "end",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
)
_CDR_CSV_NEW = ("peeraccount", "linkedid", "sequence")

# Source: include/asterisk/cel.h, enum ast_cel_event_type: what cel_pgsql writes into a column of an integer type.
_CEL_NUMBERS = {
    "1": "CHAN_START",
    "2": "CHAN_END",
    "3": "HANGUP",
    "4": "ANSWER",
    "5": "APP_START",
    "6": "APP_END",
    "7": "BRIDGE_ENTER",
    "8": "BRIDGE_EXIT",
    "9": "PARK_START",
    "10": "PARK_END",
    "11": "BLINDTRANSFER",
    "12": "ATTENDEDTRANSFER",
    "13": "USER_DEFINED",
    "14": "LINKEDID_END",
    "15": "PICKUP",
    "16": "FORWARD",
    "17": "LOCAL_OPTIMIZE",
    "18": "LOCAL_OPTIMIZE_BEGIN",
}
# cdr_odbc and others may write the number. Source: include/asterisk/cdr.h, enum ast_cdr_disposition.
_DISPOSITIONS = {
    "0": "NO ANSWER",
    "1": "NULL",
    "2": "FAILED",
    "4": "BUSY",
    "8": "ANSWERED",
    "16": "CONGESTION",
    "NOANSWER": "NO ANSWER",
}

UNIQUEID = re.compile(r"(?:(?P<system>.*)-)?(?P<epoch>\d{9,11})\.(?P<count>\d+)\Z")
_SOUND_FILE = re.compile(r"\.(wav|wav49|gsm|mp3|ogg|opus|ulaw|alaw|g722|sln\d*)\Z", re.IGNORECASE)
_CLID = re.compile(r'\s*(?:"(?P<quoted>.*)"|(?P<plain>[^<"]*?))\s*<(?P<number>[^>]*)>\s*\Z', re.DOTALL)
_EPOCH = re.compile(r"\d{9,11}(\.\d+)?\Z")
_MAX_EXTRA = 4000  # an attended transfer names five channels
_MAX_TEXT = 400  # longer than any column of these tables; a hostile caller name must not grow for ever


@dataclass(frozen=True, slots=True)
class CdrRow:
    """One call detail record: what one channel did with at most one other."""

    start: datetime
    answer: datetime | None
    end: datetime
    src: str
    dst: str
    did: str
    name: str
    context: str
    channel: str
    dstchannel: str
    app: str
    data: str
    billsec: float
    disposition: str
    uniqueid: str
    linkedid: str  # empty where the source does not keep it
    sequence: int
    recording: str


@dataclass(frozen=True, slots=True)
class CelRow:
    """One channel event."""

    at: datetime
    event: str
    cid_num: str
    cid_name: str
    exten: str
    channel: str
    app: str
    appdata: str
    uniqueid: str
    linkedid: str
    peer: str
    extra: Mapping[str, str] = field(default_factory=dict)


def cdr_fields(line: Sequence[str]) -> dict[str, str]:
    """Name the fields of one line of cdr-csv/Master.csv by how many there are.

    Raises:
        ShapeError: no arrangement of cdr.conf gives this number of fields.
    """
    base, rest = line[: len(_CDR_CSV)], list(line[len(_CDR_CSV) :])
    fields = dict(zip(_CDR_CSV, base, strict=False))
    if len(rest) >= len(_CDR_CSV_NEW):
        fields.update(zip(_CDR_CSV_NEW, rest[-3:], strict=True))
        rest = rest[:-3]
    match rest:
        case [uniqueid, userfield]:
            fields.update(uniqueid=uniqueid, userfield=userfield)
        case [one]:
            # Either of the two alone: they are told apart by their look. A uniqueid is never empty.
            fields["uniqueid" if UNIQUEID.match(one) else "userfield"] = one
        case []:
            pass
        case _:
            raise ShapeError(f"a line of {len(line)} fields is no CDR")
    return fields


def cdr_row(fields: Mapping[str, Any], zone: ZoneInfo) -> CdrRow:
    """Make a row of named columns.

    Raises:
        ShapeError: it lacks what every CDR has.
    """
    uniqueid = _text(fields, "uniqueid")
    channel = _text(fields, "channel")
    start_value = fields.get("calldate") or fields.get("start")
    if not channel or not start_value:
        raise ShapeError("a CDR without channel or time")
    start = moment(start_value, zone, uniqueid)
    duration, billsec = _seconds(fields, "duration"), _seconds(fields, "billsec")
    end = moment(fields["end"], zone, uniqueid) if fields.get("end") else start + timedelta(seconds=duration)
    disposition = _text(fields, "disposition").upper()
    disposition = _DISPOSITIONS.get(disposition, disposition)
    answer = None
    if fields.get("answer"):
        answer = moment(fields["answer"], zone, uniqueid)
    elif disposition == "ANSWERED":
        answer = end - timedelta(seconds=billsec)  # FreePBX keeps no time of the answer
    name = _text(fields, "cnam") or clid_name(_text(fields, "clid"))
    return CdrRow(
        start=start,
        answer=answer,
        end=max(end, start),
        src=_text(fields, "src"),
        dst=_text(fields, "dst"),
        did=_text(fields, "did"),
        name=name,
        context=_text(fields, "dcontext"),
        channel=channel,
        dstchannel=_text(fields, "dstchannel"),
        app=_text(fields, "lastapp"),
        data=_text(fields, "lastdata"),
        billsec=billsec,
        disposition=disposition,
        uniqueid=uniqueid,
        linkedid=_text(fields, "linkedid"),
        sequence=int(_seconds(fields, "sequence")),
        recording=_recording(fields, start.astimezone(zone)),
    )


def cel_row(fields: Mapping[str, Any], zone: ZoneInfo) -> CelRow:
    """Make a row of named columns; raises ShapeError as `cdr_row`."""
    event = _text(fields, "eventtype").upper()
    uniqueid, linkedid = _text(fields, "uniqueid"), _text(fields, "linkedid")
    if not (event and uniqueid and linkedid and fields.get("eventtime")):
        raise ShapeError("a CEL row without event, time, uniqueid or linkedid")
    return CelRow(
        at=moment(fields["eventtime"], zone, uniqueid),
        event=_CEL_NUMBERS.get(event, event),
        cid_num=_text(fields, "cid_num"),
        cid_name=_text(fields, "cid_name"),
        exten=_text(fields, "exten"),
        channel=_text(fields, "channame"),
        app=_text(fields, "appname"),
        appdata=_text(fields, "appdata"),
        uniqueid=uniqueid,
        linkedid=linkedid,
        peer=_text(fields, "peer"),
        extra=_extra(fields),
    )


def moment(value: object, zone: ZoneInfo, uniqueid: str = "") -> datetime:
    """Read a time as an aware UTC time.

    Exchanges write `2026-11-22 00:46:44` in the zone they were told, epoch seconds (CEL without `dateformat`), or a
    database gives a time. In the hour that happens twice in autumn, the epoch within the channel's uniqueid decides.

    Raises:
        ShapeError: it is none of these.
    """
    if isinstance(value, datetime):
        naive = value
    else:
        text = str(value).strip()
        if _EPOCH.match(text):
            return datetime.fromtimestamp(float(text), UTC)
        try:
            naive = datetime.fromisoformat(text)
        except ValueError:
            raise ShapeError(f"{text[:40]!r} is no time") from None
    try:
        if naive.tzinfo is not None:
            return naive.astimezone(UTC)
        first = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
        second = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    except OverflowError:
        raise ShapeError(f"{value!s:.40} is out of range") from None
    if first == second or first > second:  # the second case: an hour that never was
        return first
    epoch = epoch_of(uniqueid)
    # What a channel did is never earlier than its birth, so the later reading holds only if the first is too early.
    return second if epoch is not None and first.timestamp() < epoch - 2 else first


def epoch_of(uniqueid: str) -> int | None:
    """The second in which a channel was made, if its id tells (`1795308404.7`, `pbx1-1795308404.7`)."""
    match = UNIQUEID.match(uniqueid)
    return int(match["epoch"]) if match else None


def clid_name(clid: str) -> str:
    """The name in `"Ada Smith" <0612345678>`."""
    match = _CLID.match(clid)
    if not match:
        return ""
    name = (match["quoted"] if match["quoted"] is not None else match["plain"] or "").strip()
    return "" if name == match["number"] else name


def _text(fields: Mapping[str, Any], name: str, most: int = _MAX_TEXT) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.replace("\0", "")[:most].strip()


def _seconds(fields: Mapping[str, Any], name: str) -> float:
    try:
        number = float(fields.get(name) or 0)
    except (TypeError, ValueError):
        return 0.0
    return number if 0 <= number < 10**9 else 0.0


def _recording(fields: Mapping[str, Any], local: datetime) -> str:
    """The recording's path; FreePBX keeps only the name and files it by the day.

    Old FreePBX wrote `audio:<path>` into userfield, and dialplans of one's own often put the name there.
    """
    for column in ("recordingfile", "userfield"):
        path = _text(fields, column).removeprefix("audio:")
        if _SOUND_FILE.search(path):
            return path if "/" in path else f"{local:%Y/%m/%d}/{path}"
    return ""


def _extra(fields: Mapping[str, Any]) -> dict[str, str]:
    text = _text(fields, "extra", _MAX_EXTRA)
    if not text.startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return {str(name): str(item) for name, item in value.items() if isinstance(item, str | int | float)}
