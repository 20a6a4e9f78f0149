"""What people asked of meetings, as `take` needs it: which of it is laid over the calendars, and whom it concerns."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.meetings.models import Booking, BookingState, MeetingCopy, MeetingRow
from hub.meetings.plan import MARKER
from hub.meetings.series import Place
from hub.meetings.wishes import Verb, Wish, is_stand_in
from hub.timeline import index
from hub.timeline.models import Interaction, Note

GIVEN_UP = (BookingState.UNDONE, BookingState.DROPPED)


def of_uids(session: Session, uids: Sequence[str]) -> Mapping[str, Sequence[Booking]]:
    """Return what was asked of meetings and not given up, by uid and in order."""
    query = select(Booking).where(Booking.uid.in_(uids), Booking.state.not_in(GIVEN_UP)).order_by(Booking.id)
    found: dict[str, list[Booking]] = defaultdict(list)
    for booking in session.scalars(query):
        found[booking.uid].append(booking)
    return found


def wish_of(booking: Booking) -> Wish:
    """Return what is wanted; the calendar may have said the uid since."""
    return replace(Wish.of_json(booking.wish), uid=booking.uid)


def is_laid_over(booking: Booking) -> bool:
    """Say whether what is wanted is shown although no calendar says it: it waits, or nothing else would show it."""
    if booking.state == BookingState.WAITING:
        return True
    is_new = booking.wish["verb"] == Verb.CREATE and is_stand_in(booking.uid)
    return is_new and booking.state not in GIVEN_UP


def party_of(bookings: Sequence[Booking]) -> int | None:
    """Return the customer for whom a meeting was made here."""
    return next((one.party_id for one in bookings if one.party_id is not None), None)


def by_row(bookings: Sequence[Booking], rows: Sequence[tuple[str, Place]]) -> dict[str, dict[str, Any]]:
    """Return what stands beside each row: the last thing that is not written yet; of a series beside what is to come."""
    said: dict[str, dict[str, Any]] = {}
    open_ones = [one for one in bookings if one.state in {BookingState.WAITING, BookingState.REFUSED}]
    for booking in open_ones:
        wish, keys = wish_of(booking), [key for key, _ in rows]
        if wish.occurrence in keys:
            where = [wish.occurrence]
        else:
            where = [key for key, place in rows if place is not Place.PAST] or keys[-1:]
        for key in where:
            said[key] = {
                "id": str(booking.public_id),
                "verb": str(wish.verb),
                "state": booking.state,
                "why": booking.why,
            }
    return said


def recognise(session: Session, account_id: int, rows: Sequence[MeetingCopy]) -> set[str]:
    """Know in events of a calendar what was made here: give it the uid that the calendar gave, and keep its rows.

    Returns:
        The uids whose rows must be made anew.
    """
    made = {row.fields.get("markers", {}).get(MARKER, ""): row for row in rows if row.uid and not row.series_id}
    made |= {row.remote_id: row for row in rows if row.uid and not row.series_id}
    query = select(Booking).where(Booking.account_id == account_id, Booking.remote_id.in_(made.keys() - {""}))
    waiting = [one for one in session.scalars(query) if is_stand_in(one.uid)] if made else []
    found = {one.uid: made[one.remote_id].uid for one in waiting}
    for old, uid in found.items():
        session.execute(update(Booking).where(Booking.uid == old).values(uid=uid))
        _rename(session, old, uid)
    session.flush()
    return set(found.values())


def _rename(session: Session, old: str, uid: str) -> None:
    rows = session.scalars(select(MeetingRow).where(MeetingRow.uid == old)).all()
    there = _there(session, [uid + row.key.removeprefix(old) for row in rows])
    for row in rows:
        key = uid + row.key.removeprefix(old)
        if key not in there:
            row.uid, row.key = uid, key
            continue
        # Another calendar brought it before: one row stays, with what was written on either.
        session.execute(update(Note).where(Note.interaction_id == row.interaction_id).values(interaction_id=there[key]))
        index.refresh(session, [there[key]])
        session.delete(session.get_one(Interaction, row.interaction_id))
        session.delete(row)


def _there(session: Session, keys: Collection[str]) -> dict[str, int]:
    query = select(MeetingRow.key, MeetingRow.interaction_id).where(MeetingRow.key.in_(keys))
    return {row.key: row.interaction_id for row in session.execute(query)}
