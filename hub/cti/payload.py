"""A call as JSON, and back: what is kept as its raw record, so that a mapping can be run again over history."""

from datetime import datetime
from typing import Any

from hub.records.call import Call, Leg, RecordingFile, Segment, Transfer

CALLS = "calls"  # stream of finished calls


def to_payload(call: Call) -> dict[str, Any]:
    """Return a finished call as JSON; times as ISO 8601 in UTC, seconds as numbers."""
    return {
        "key": call.key,
        "aliases": list(call.aliases),
        "direction": call.direction,
        "outcome": call.outcome,
        "reason": call.reason,
        "caller": clean(call.caller),
        "caller_name": clean(call.caller_name),
        "withheld": call.withheld,
        "did": call.did,
        "callee": clean(call.callee),
        "queue": call.queue,
        "keyed": call.keyed,
        "click_id": call.click_id,
        "trunk": call.trunk,
        "started_at": _iso(call.started_at),
        "ringing_at": _iso(call.ringing_at),
        "answered_at": _iso(call.answered_at),
        "ended_at": _iso(call.ended_at),
        "end_estimated": call.end_estimated,
        "hangup_by": call.hangup_by,
        "wait_s": round(call.wait_s, 3),
        "ring_s": round(call.ring_s, 3),
        "talk_s": round(call.talk_s, 3),
        "source": call.source,
        "extensions": list(dict.fromkeys(leg.extension for leg in call.legs if leg.extension)),
        "legs": [_leg(leg) for leg in call.legs],
        "segments": [_segment(segment) for segment in call.segments],
        "transfers": [_transfer(transfer) for transfer in call.transfers],
        "recordings": [_recording(file) for file in call.recordings],
    }


def clean(text: str) -> str:
    """Return text that every database can keep: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode() if not text.isascii() or "\0" in text else text


def _leg(leg: Leg) -> dict[str, Any]:
    return {
        "uid": leg.uid,
        "extension": leg.extension,
        "number": clean(leg.number),
        "origin": leg.origin,
        "offered_at": _iso(leg.offered_at),
        "ringing_at": _iso(leg.ringing_at),
        "answered_at": _iso(leg.answered_at),
        "ended_at": _iso(leg.ended_at),
        "result": leg.result,
        "consult_by": leg.consult_by,
    }


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        "leg": segment.leg,
        "extension": segment.extension,
        "started_at": _iso(segment.started_at),
        "ended_at": _iso(segment.ended_at),
        "consult": segment.consult,
    }


def _transfer(transfer: Transfer) -> dict[str, Any]:
    return {
        "at": _iso(transfer.at),
        "kind": transfer.kind,
        "source": transfer.source,
        "target": transfer.target,
        "result": transfer.result,
    }


def _recording(file: RecordingFile) -> dict[str, Any]:
    return {"path": file.path, "started_at": _iso(file.started_at), "voicemail": file.voicemail}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
