"""Take events of calendars to the timeline: one meeting once, however many calendars have it; a series collapsed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import log
from hub.errors import RecordError, ShapeError
from hub.identity.parties import EMAIL, holders_of
from hub.intake.models import Account, RawRecord
from hub.meetings import bookings, copies
from hub.meetings.identity import Copy, One, united
from hub.meetings.models import Booking, MeetingCopy, MeetingRow, MeetingSeries
from hub.meetings.plan import MARKER
from hub.meetings.series import PAST, STRICTNESS, Place, Row, shown
from hub.meetings.wishes import overlaid
from hub.records.interaction import Interaction as Record
from hub.records.meeting import Meeting, Status, WallTime, When
from hub.security.models import User
from hub.store.base import now
from hub.store.turn import in_turn
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Interaction, Kind, Note

MOST_AGAIN = 200  # series looked at in one transaction
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Given:
    """An event: its raw record, and what the mapping made of it."""

    raw: RawRecord
    values: Mapping[str, Any]


def take(session: Session, account: Account, given: Sequence[Given], *, zone: str) -> None:
    """Keep the copies that events are, and bring the timeline up to date.

    Args:
        zone: IANA name, in which days of all-day meetings begin.

    Raises:
        RecordError: one of them is no meeting.
    """
    in_turn(session, MeetingCopy.__tablename__)  # two calendars that have the same meeting would each make its rows
    users = _users(session)
    known = _by_raw(session, [one.raw.id for one in given])
    touched: set[str] = set()
    for one in given:
        meeting = _read(one)
        row = known.get(one.raw.id)
        if row is None:
            row = MeetingCopy(raw_record_id=one.raw.id, account_id=account.id, uid="", remote_id="", fields={})
            session.add(row)
        elif row.uid and not meeting.uid:
            meeting = _named(meeting, copies.of_json(row.fields))
        touched.add(row.uid)
        _write(row, meeting, address=_mailbox(one.raw), users=users, account=account)
        touched.add(row.uid)
        known[one.raw.id] = row
    session.flush()
    touched |= _adopt(session, account.id)
    touched |= bookings.recognise(session, account.id, list(known.values()))
    show(session, touched - {""}, users=users, zone=zone)


def lose(session: Session, raws: Sequence[RawRecord], *, zone: str) -> None:
    """Follow that calendars no longer have events: a meeting was called off, with all of its times; a time is as the others.

    Not every remote says of a meeting that was called off more than that it is no more.
    """
    in_turn(session, MeetingCopy.__tablename__)
    calendars = {raw.id: raw.stream for raw in raws}
    rows = list(_by_raw(session, [*calendars]).values())
    for row in rows:
        if row.series_id or not row.uid:
            session.delete(row)
            continue
        _call_off(row)
        for part, raw in _times(session, row, calendars[row.raw_record_id]):
            _call_off(part)
            raw.gone_at = raw.gone_at or now()  # else a replay would show it again
    uids = {row.uid for row in rows}
    session.flush()
    show_again(session, uids - {""}, zone)


def _times(session: Session, series: MeetingCopy, calendar: str) -> list[tuple[MeetingCopy, RawRecord]]:
    """Return the times of a series that differ from it, in the same calendar: another one may have the series too.

    Args:
        calendar: the stream of their records.
    """
    query = select(MeetingCopy, RawRecord).join(RawRecord, RawRecord.id == MeetingCopy.raw_record_id)
    query = query.where(
        MeetingCopy.account_id == series.account_id,
        MeetingCopy.uid == series.uid,
        MeetingCopy.series_id == series.remote_id,
        RawRecord.stream == calendar,
    )
    return [(part, raw) for part, raw in session.execute(query)]


def _call_off(row: MeetingCopy) -> None:
    row.fields = copies.as_json(replace(copies.of_json(row.fields), status=Status.CANCELLED))


def look_again(session: Session, *, zone: str) -> int:
    """Bring series up to date whose next time has passed; returns how many."""
    in_turn(session, MeetingCopy.__tablename__)
    due = session.scalars(
        select(MeetingSeries.uid)
        .where(MeetingSeries.again_at <= now())
        .order_by(MeetingSeries.again_at)
        .limit(MOST_AGAIN)
    ).all()
    show_again(session, due, zone)
    return len(due)


def show_again(session: Session, uids: Iterable[str], zone: str) -> None:
    """Show meetings where no record could be set aside: one that cannot be reckoned stays as it is shown.

    The caller has the turn (`MeetingCopy.__tablename__`).
    """
    users = _users(session)
    for uid in sorted(uids):
        try:
            with session.begin_nested():
                show(session, [uid], users=users, zone=zone)
        except RecordError as error:
            _log.warning("a meeting stays as it is shown", reason=str(error))
            if (series := session.get(MeetingSeries, uid)) is not None:
                series.again_at = None


def show(session: Session, uids: Iterable[str], *, users: Mapping[str, int], zone: str) -> None:
    """Make the rows of meetings anew out of all their copies."""
    moment = now().astimezone(ZoneInfo(zone))
    wanted = sorted(uids)
    if not wanted:
        return
    by_uid: dict[str, list[MeetingCopy]] = defaultdict(list)
    for row in session.scalars(select(MeetingCopy).where(MeetingCopy.uid.in_(wanted)).order_by(MeetingCopy.id)):
        by_uid[row.uid].append(row)
    booked = bookings.of_uids(session, wanted)
    for uid in wanted:
        _show_one(session, uid, Known(by_uid[uid], booked.get(uid, ())), users, moment)


# --- copies -------------------------------------------------------------------------------------------------------


def _read(given: Given) -> Meeting:
    try:
        return said(given.values, etag=given.raw.etag)
    except ShapeError as error:
        raise RecordError(f"record {given.raw.remote_id}: {error}") from error


def said(values: Mapping[str, Any], *, etag: str = "") -> Meeting:
    """Return the event that a record is.

    Raises:
        RecordError: the mapping made something else of it.
    """
    meeting = copies.read(values, etag=etag)
    if meeting.start is None and not meeting.is_cancelled:  # of what was called off, some say no more than that
        raise ShapeError("the event has no beginning")
    return meeting


def _named(meeting: Meeting, before: Meeting) -> Meeting:
    """Give a deleted event back what a remote no longer tells of it: what it was, now called off."""
    if not meeting.is_cancelled:
        return replace(meeting, uid=before.uid)
    return replace(before, status=meeting.status, sequence=max(before.sequence, meeting.sequence), etag=meeting.etag)


def _write(row: MeetingCopy, meeting: Meeting, *, address: str, users: Mapping[str, int], account: Account) -> None:
    row.address = address
    row.user_id = users.get(address, account.owner_id)
    row.uid, row.remote_id, row.series_id = meeting.uid, meeting.remote_id, meeting.series_id
    row.begins_at = _instant(meeting.start, UTC) if meeting.start else None
    row.ends_at = None if meeting.is_series or meeting.end is None else _instant(meeting.end, UTC)
    row.fields = copies.as_json(meeting)


def _adopt(session: Session, account_id: int) -> set[str]:
    """Name exceptions after their series: of a cancelled one the remote tells only whose exception it is."""
    nameless = session.scalars(
        select(MeetingCopy).where(
            MeetingCopy.account_id == account_id, MeetingCopy.uid == "", MeetingCopy.series_id != ""
        )
    ).all()
    if not nameless:
        return set()
    found = session.execute(
        select(MeetingCopy.remote_id, MeetingCopy.uid).where(
            MeetingCopy.account_id == account_id,
            MeetingCopy.remote_id.in_({row.series_id for row in nameless}),
            MeetingCopy.uid != "",
        )
    )
    masters = {row.remote_id: row.uid for row in found}
    for row in nameless:
        row.uid = masters.get(row.series_id, "")
        row.fields = {**row.fields, "uid": row.uid}
    session.flush()
    return {row.uid for row in nameless}


def _by_raw(session: Session, raw_ids: Sequence[int]) -> dict[int, MeetingCopy]:
    rows = session.scalars(select(MeetingCopy).where(MeetingCopy.raw_record_id.in_(raw_ids))) if raw_ids else ()
    return {row.raw_record_id: row for row in rows}


def _mailbox(raw: RawRecord) -> str:
    """Return whose calendar a record came from: the second part of its stream's key."""
    return raw.container.split(":")[1].lower() if raw.container.count(":") else ""


def _users(session: Session) -> dict[str, int]:
    return {email.lower(): user_id for email, user_id in session.execute(select(User.email, User.id))}


# --- rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one uid: what calendars have, and what people asked for here."""

    rows: Sequence[MeetingCopy]
    bookings: Sequence[Booking] = ()


def _show_one(session: Session, uid: str, known: Known, users: Mapping[str, int], moment: datetime) -> None:
    ones = _united(known, users)
    ours = frozenset(users) | {row.address for row in known.rows}
    master = next((one.authority.meeting for one in ones.values() if not one.authority.meeting.is_exception), None)
    exceptions = [one.authority.meeting for one in ones.values() if one.authority.meeting.is_exception]
    try:
        wanted = shown(master, exceptions, moment, ours=ours) if ones else []
    except ShapeError as error:
        raise RecordError(f"meeting {uid[:100]}: {error}") from error
    _keep(session, uid, [(row, _one_of(row, ones)) for row in wanted], Others(ours, known.bookings), moment)
    _remember(session, uid, wanted, moment)


def _united(known: Known, users: Mapping[str, int]) -> dict[str, One]:
    """Make one meeting of all its copies, with what is wanted of each and not written yet."""
    places: dict[tuple[int, str], tuple[int | None, list[Meeting]]] = {}
    for row in known.rows:
        place = places.setdefault((row.account_id, row.address), (row.user_id, []))
        place[1].append(copies.of_json(row.fields))
    for booking in known.bookings:
        if bookings.is_laid_over(booking):
            user_id, meetings = places.setdefault((booking.account_id, booking.mailbox), (booking.user_id, []))
            meetings[:] = overlaid(meetings, [bookings.wish_of(booking)], organiser=booking.mailbox)
    groups: dict[str, list[Copy]] = defaultdict(list)
    for (account_id, address), (user_id, meetings) in places.items():
        for meeting in meetings:
            groups[f"{meeting.original_start!r}"].append(Copy(account_id, user_id, address, meeting))
    made = (united(group, users) for group in groups.values())
    return {one.key: one for one in made}


def _one_of(row: Row, ones: Mapping[str, One]) -> One:
    """Return what is known of one time of a meeting: of the exception, else of the series, as strict as either."""
    own, whole = ones.get(row.key), ones.get(f"{row.occurrence.meeting.uid}|")
    found = own or whole
    assert found is not None, "a row is made of a copy"
    if own and whole and own.cancelled and not own.attendees:
        own = found = replace(whole, key=own.key, cancelled=True)  # remotes tell of it only that it is called off
    if own and whole:
        found = replace(own, visibility=max(own.visibility, whole.visibility, key=STRICTNESS.index))
    return found


@dataclass(frozen=True, slots=True)
class Others:
    """What says who from outside a meeting is with: our own addresses, and for whom it was booked here."""

    ours: frozenset[str]
    bookings: Sequence[Booking]


def _keep(session: Session, uid: str, rows: Sequence[tuple[Row, One]], others: Others, moment: datetime) -> None:
    """Write the rows; what was shown and is no more goes, but the past beyond the window stays."""
    before = {row.key: row for row in session.scalars(select(MeetingRow).where(MeetingRow.uid == uid))}
    by_account: dict[int, list[tuple[str, Entry]]] = defaultdict(list)
    parties = holders_of(session, EMAIL, {address for _, one in rows for address in _others(one, others.ours)})
    said = bookings.by_row(others.bookings, [(row.key, row.place) for row, _ in rows])
    for row, one in rows:
        known = before.pop(row.key, None)
        entry = Entry(
            record=_record(row, one, moment, said.get(row.key)),
            parts=_parts(one, others, parties),
            interaction_id=known.interaction_id if known else None,
            owner_id=one.authority.user_id,
        )
        by_account[one.authority.account_id].append((row.key, entry))
    for account_id, entries in by_account.items():
        made = add(session, [entry for _, entry in entries], account_id=account_id)
        for (key, entry), interaction in zip(entries, made, strict=True):
            if entry.interaction_id is None:
                session.add(MeetingRow(interaction_id=interaction.id, uid=uid, key=key))
    _forget(session, list(before.values()), since=moment - PAST)
    session.flush()


def _forget(session: Session, rows: Sequence[MeetingRow], *, since: datetime) -> None:
    """Take rows away that are no more, unless somebody wrote a note on one."""
    ids = [row.interaction_id for row in rows]
    if not ids:
        return
    noted = set(session.scalars(select(Note.interaction_id).where(Note.interaction_id.in_(ids))))
    for interaction in session.scalars(select(Interaction).where(Interaction.id.in_(ids))):
        if interaction.started_at >= since and interaction.id not in noted:
            session.delete(interaction)
            session.delete(next(row for row in rows if row.interaction_id == interaction.id))


def _remember(session: Session, uid: str, rows: Sequence[Row], moment: datetime) -> None:
    """Say when the rows of a series must be looked at again: when its next time is over."""
    following = [_instant(row.end, moment.tzinfo) for row in rows if row.place is Place.NEXT and row.repeats]
    known = session.get(MeetingSeries, uid)
    if known is None and following:
        known = MeetingSeries(uid=uid)
        session.add(known)
    if known is not None:
        known.again_at = max(following[0], moment + timedelta(minutes=1)) if following else None


def _record(row: Row, one: One, moment: datetime, booking: Mapping[str, Any] | None) -> Record:
    told = row.occurrence.meeting
    meeting = one.authority.meeting if row.struck and not told.title else told
    all_day = not isinstance(row.start, WallTime)
    repeats = asdict(row.repeats) if row.repeats else None
    if repeats and repeats["until"]:
        repeats["until"] = repeats["until"].isoformat()
    return Record(
        kind=Kind.MEETING,
        direction="",
        started_at=_instant(row.start, moment.tzinfo),
        ended_at=_instant(row.end, moment.tzinfo),
        summary=meeting.title,
        mentions=(),
        visibility=one.visibility,
        source_url=meeting.link if meeting.link.startswith("https://") else "",
        detail={
            "uid": meeting.uid,
            "cancelled": row.struck,
            "declined": row.declined,
            "place": str(row.place),
            "all_day": all_day,
            "day": row.start.isoformat() if isinstance(row.start, date) else "",
            "zone": row.start.zone if isinstance(row.start, WallTime) else "",
            "location": meeting.location,
            "join_url": meeting.join_url if meeting.join_url.startswith("https://") else "",
            "description": meeting.description,
            "organiser": meeting.organiser,
            "attendees": [
                {"address": person.address, "name": person.name, "response": str(person.response)}
                for person in one.attendees
            ],
            "repeats": repeats,
            "users": list(one.user_ids),
            "ours": _is_ours(one),
            "booking": booking,
        },
    )


def _others(one: One, ours: frozenset[str]) -> list[str]:
    """Return who is in it from outside, the organiser first."""
    everybody = [one.authority.meeting.organiser, *(person.address for person in one.attendees if not person.resource)]
    return list(dict.fromkeys(address for address in everybody if address and address.lower() not in ours))


def _is_ours(one: One) -> bool:
    """Say whether one of our calendars organises it, so that it can be moved here as far as the settings let us."""
    organiser, markers = one.authority.meeting.organiser.lower(), one.authority.meeting.markers
    return organiser == one.authority.address if organiser else MARKER in markers


def _parts(one: One, others: Others, parties: Mapping[str, int]) -> list[Part]:
    """Say who takes part: those in it by their addresses, and the customer for whom it was booked without being invited."""
    organiser = one.authority.meeting.organiser
    parts = [
        Part(parties.get(address), "organiser" if address == organiser else "attendee", EMAIL, address)
        for address in _others(one, others.ours)
    ]
    booked = bookings.party_of(others.bookings)
    if booked is not None and all(part.party_id != booked for part in parts):
        parts.append(Part(booked, "customer", "", ""))
    return parts


def _instant(when: When, zone: Any) -> datetime:
    """Return a moment; a day begins at midnight of the zone."""
    if isinstance(when, WallTime):
        return when.instant
    return datetime.combine(when, time(), tzinfo=zone).astimezone(UTC)
