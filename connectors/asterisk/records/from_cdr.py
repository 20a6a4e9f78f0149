"""Makes one call of its call detail records, where there are no channel events.

Rows are not calls: a ring group writes three, two of them NO ANSWER. What detail records alone cannot tell, and this
module does not pretend to know:

- how long an attended transfer's consultation was, against the talk with the customer (the rows overlap);
- when the talk began after a menu or a queue with one member (the billed time begins at the menu), or after a transfer;
- when the customer answered a click-to-dial (the billed time begins when the agent picks up);
- the dialled number after a blind transfer, where there is no `did` column (`dst` is overwritten);
- who hung up, whether the caller gave up, and that a transfer took place.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.asterisk.records.group import half_less
from connectors.asterisk.records.measure import (
    BUSY_BY_ITSELF_S,
    LOCAL,
    MAILBOX_S,
    MAILBOXES,
    NUMBER,
    WITHHELD,
    aliases_of,
    click_of,
    first_ringing,
    joined_segments,
    key_of,
    recordings_of,
    ring_seconds,
    shown_number,
    talk_seconds,
    trunk_of,
)
from connectors.asterisk.records.rows import CdrRow
from hub.connector.exchange import Classify
from hub.records.call import Call, Direction, Leg, LegResult, Outcome, Segment, Source
from hub.records.telephony import Endpoint, EndpointClass


@dataclass(frozen=True, slots=True)
class _Offer:
    """One destination as a CDR shows it."""

    row: CdrRow
    channel: str
    endpoint: Endpoint
    answered: datetime | None
    consult: bool


def from_cdr(rows: Sequence[CdrRow], classify: Classify) -> Call | None:
    """Collapse the call detail records of one conversation, without channel events.

    Returns None where no trunk or extension took part, or the row of who began it is missing.
    """
    rows = sorted(rows, key=lambda row: (row.start, row.sequence))
    first = next((row for row in rows if begins(row) and _is_real(classify(row.channel))), None)
    if first is None:
        return None
    origin = classify(first.channel)
    offers = _offers(rows, first.channel, classify)
    direction = _direction_of_offers(first, origin, offers)
    ids = [(row.linkedid or row.uniqueid, row.start) for row in rows if row.linkedid or not rows[0].linkedid]
    started, ended = min(row.start for row in rows), max(row.end for row in rows)
    legs, segments = _legs_of_offers(first, origin, offers, direction)
    talk = [segment for segment in segments if not segment.consult]
    answered = min((segment.started_at for segment in talk), default=None)
    queue_row = next((row for row in rows if row.app.lower() == "queue"), None)
    outcome, reason = _outcome_of_rows(rows, first, offers, direction, talked=bool(talk))
    number = first.src if direction is Direction.INBOUND or not origin.extension else origin.extension
    ringing = first_ringing(legs, direction)
    return Call(
        key=key_of(ids),
        aliases=aliases_of(ids),
        version=len(rows),
        direction=direction,
        caller=shown_number(number),
        caller_name=first.name if direction is not Direction.OUTBOUND else "",
        withheld=number.lower() in WITHHELD,
        did=_did_of_rows(rows, first.channel, legs) if direction is Direction.INBOUND else "",
        callee=_callee_of_rows(first, offers, direction),
        queue=queue_row.data.split(",")[0] if queue_row else "",
        keyed="",
        click_id=click_of(key_of(ids)),
        started_at=started,
        ringing_at=ringing,
        answered_at=answered,
        ended_at=ended,
        end_estimated=False,
        outcome=outcome,
        reason=reason,
        hangup_by=None,
        wait_s=(ended - queue_row.start).total_seconds() if queue_row and answered is None else 0.0,
        ring_s=ring_seconds(ringing, answered, legs, ended),
        talk_s=talk_seconds(talk),
        legs=tuple(legs),
        segments=tuple(segments),
        transfers=(),
        recordings=recordings_of(rows),
        source=Source.BACKFILL,
        settled=True,
        trunk=trunk_of([first.channel] if origin.kind is EndpointClass.TRUNK else _trunks(offers)),
    )


def begins(row: CdrRow) -> bool:
    """True for a row of the channel that began a call; the others belong to one that has its own row."""
    if row.linkedid and row.linkedid == row.uniqueid:
        return True
    return row.app != "AppDial" and not row.channel.startswith("Local/")


def _is_real(endpoint: Endpoint) -> bool:
    return endpoint.kind in (EndpointClass.TRUNK, EndpointClass.EXTENSION)


def _offers(rows: Sequence[CdrRow], origin: str, classify: Classify) -> list[_Offer]:
    inner = {half_less(row.channel) for row in rows if row.channel.startswith("Local/") and row.dstchannel}
    # A local channel that a phone, not the caller, was put together with: the question of an attended transfer.
    asked = {half_less(row.dstchannel) for row in rows if row.app == "AppDial" and row.dstchannel.startswith("Local/")}
    offers = []
    for row in rows:
        if not row.dstchannel or row.dstchannel == origin:
            continue
        endpoint = classify(row.dstchannel)
        if endpoint.kind is EndpointClass.LOCAL or row.dstchannel.startswith("Local/"):
            match = LOCAL.match(row.dstchannel)
            if half_less(row.dstchannel) in inner or not match:
                continue  # the row of its other half tells the phone
            endpoint = Endpoint(EndpointClass.EXTENSION, match["exten"])
        if not _is_real(endpoint):
            continue
        consult = half_less(row.channel) in asked or row.app == "AppDial"
        offers.append(_Offer(row, row.dstchannel, endpoint, _answered(row, rows), consult))
    return offers


def _answered(row: CdrRow, rows: Sequence[CdrRow]) -> datetime | None:
    if row.disposition != "ANSWERED" or row.answer is None:
        return None
    if row.app.lower() != "queue":
        return row.answer
    # A queue answers the caller at once; the phones that lost tell when the winner really picked up.
    lost = [
        other.end
        for other in rows
        if other.uniqueid == row.uniqueid and other.disposition != "ANSWERED" and other.dstchannel
        if row.start <= other.end < row.end
    ]
    return max([row.answer, *lost])


def _direction_of_offers(first: CdrRow, origin: Endpoint, offers: Sequence[_Offer]) -> Direction:
    if origin.kind is EndpointClass.TRUNK:
        return Direction.INBOUND
    if offers:
        trunk = offers[0].endpoint.kind is EndpointClass.TRUNK
        return Direction.OUTBOUND if trunk else Direction.INTERNAL
    return Direction.OUTBOUND if first.app == "AppDial2" else Direction.INTERNAL


def _legs_of_offers(
    first: CdrRow, origin: Endpoint, offers: Sequence[_Offer], direction: Direction
) -> tuple[list[Leg], list[Segment]]:
    legs: dict[str, Leg] = {}
    segments: list[Segment] = []
    if origin.kind is EndpointClass.EXTENSION:
        answered = first.app != "AppDial2" or first.disposition == "ANSWERED"
        result = LegResult.ANSWERED if answered else LegResult.NO_ANSWER
        legs[first.channel] = _leg(first.uniqueid, first.channel, origin, first, result, origin=True)
    for offer in offers:
        row = offer.row
        known = legs.get(offer.channel)
        result = LegResult.ANSWERED if offer.answered else _result_of_row(row, somebody=_taken(row, offers))
        leg = _leg(known.uid if known else offer.channel, offer.channel, offer.endpoint, row, result, offer.answered)
        if known is None or known.result is not LegResult.ANSWERED:
            legs[offer.channel] = leg
        else:
            legs[offer.channel] = replace(known, ended_at=max(known.ended_at or row.end, row.end))
        if offer.answered and row.billsec > 0:
            ours = legs[first.channel] if direction is Direction.OUTBOUND and row.channel == first.channel else leg
            segments.append(Segment(ours.uid, ours.extension, offer.answered, row.end, offer.consult))
    return list(legs.values()), joined_segments(segments)


def _taken(row: CdrRow, offers: Sequence[_Offer]) -> bool:
    """True if another phone took the call while this one was being offered it."""
    times = [offer.answered for offer in offers if offer.answered and offer.row is not row]
    return any(row.start <= at <= row.end + timedelta(seconds=1) for at in times)


def _leg(
    uid: str,
    channel: str,
    endpoint: Endpoint,
    row: CdrRow,
    result: LegResult,
    answered: datetime | None = None,
    *,
    origin: bool = False,
) -> Leg:
    rang = not origin and result not in (LegResult.BUSY, LegResult.FAILED)
    trunk = endpoint.kind is EndpointClass.TRUNK
    return Leg(
        uid=uid,
        extension=endpoint.extension,
        number=shown_number(row.dst) if trunk and not origin else "",
        origin=origin,
        offered_at=row.start,
        ringing_at=row.start if rang else None,
        answered_at=row.answer if origin else answered,
        ended_at=row.end,
        result=result,
        talking=False,
        channel=channel,
    )


def _result_of_row(row: CdrRow, *, somebody: bool) -> LegResult:
    if row.disposition == "BUSY":
        rang = (row.end - row.start).total_seconds() >= BUSY_BY_ITSELF_S
        return LegResult.DECLINED if rang else LegResult.BUSY
    if row.disposition in ("FAILED", "CONGESTION"):
        return LegResult.FAILED
    return LegResult.ELSEWHERE if somebody else LegResult.NO_ANSWER


def _outcome_of_rows(
    rows: Sequence[CdrRow], first: CdrRow, offers: Sequence[_Offer], direction: Direction, *, talked: bool
) -> tuple[Outcome, str]:
    if talked:
        return Outcome.ANSWERED, ""
    mailbox = sum(row.billsec for row in rows if row.app.lower() in MAILBOXES and row.disposition == "ANSWERED")
    if mailbox >= MAILBOX_S:
        return Outcome.VOICEMAIL, ""
    if not offers:
        return _outcome_of_no_offer(rows, first, direction)
    results = {_result_of_row(offer.row, somebody=False) for offer in offers}
    if results <= {LegResult.BUSY, LegResult.FAILED}:
        return (Outcome.BUSY, "") if LegResult.BUSY in results else (Outcome.FAILED, "unreachable")
    return Outcome.MISSED, "declined" if results == {LegResult.DECLINED} else ""


def _outcome_of_no_offer(rows: Sequence[CdrRow], first: CdrRow, direction: Direction) -> tuple[Outcome, str]:
    if first.app == "AppDial2":
        return Outcome.FAILED, "agent_noanswer"
    if any(row.app.lower() == "queue" for row in rows):
        return Outcome.MISSED, ""
    dispositions = {row.disposition for row in rows}
    if "BUSY" in dispositions:
        return Outcome.BUSY, ""
    menu = direction is Direction.INBOUND and dispositions <= {"ANSWERED", "NO ANSWER"}
    return (Outcome.ABANDONED, "in_menu") if menu else (Outcome.FAILED, "unreachable")


def _did_of_rows(rows: Sequence[CdrRow], channel: str, legs: Sequence[Leg]) -> str:
    """The number dialled. A blind transfer overwrites `dst` with the extension transferred to: then nothing is known."""
    extensions = {leg.extension for leg in legs}
    for row in rows:
        if row.did:
            return row.did
    own = [row.dst for row in rows if row.channel == channel]
    return next((dst for dst in own if NUMBER.match(dst) and dst not in extensions), "")


def _callee_of_rows(first: CdrRow, offers: Sequence[_Offer], direction: Direction) -> str:
    if direction is Direction.INBOUND:
        return ""
    if direction is Direction.INTERNAL and offers:
        return offers[0].endpoint.extension
    return first.dst if NUMBER.match(first.dst) else ""


def _trunks(offers: Sequence[_Offer]) -> list[str]:
    return [offer.channel for offer in offers if offer.endpoint.kind is EndpointClass.TRUNK]
