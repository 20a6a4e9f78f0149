"""Meetings as people make, move and call them off here: one transaction with what is to be written and what is shown.

The calendar that is written to is that of the person concerned, through any connected account that has it and may
write there. Until the outbox begins, everything can be taken back. What the calendar refuses is shown with the reason,
and a person tries it again or gives it up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, NotFoundError, UserError
from hub.identity.models import Party
from hub.intake.models import Account, AccountState, RawRecord, StreamState
from hub.meetings import bookings, copies, plan, take
from hub.meetings.models import Booking, BookingState, MeetingCopy, MeetingRow
from hub.meetings.plan import Ask, Draft, Held, Scope, Target
from hub.meetings.wishes import Verb, Wish, is_stand_in, overlaid, stand_in
from hub.outbound import outbox
from hub.outbound.models import Outbox, OutboxState
from hub.outbound.plan import Planned
from hub.records.meeting import Meeting, WallTime
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Person, Right, Seen, may, may_change_meeting, sees
from hub.store.base import now
from hub.store.turn import in_turn
from hub.timeline.models import Interaction

KIND = "meeting"  # in the outbox
STREAMS = "calendar"  # what streams of calendars are called before their mailbox
UNDO = timedelta(seconds=10)
WRITABLE = "writable_calendars"  # setting of an account: names of calendars, one in each line
USUAL = "primary"


@dataclass(frozen=True, slots=True)
class Calendar:
    """A calendar of one mailbox of an account."""

    account_id: int
    mailbox: str
    name: str
    target: Target

    @property
    def records(self) -> str:
        """What its stream and its records are called."""
        return records_of(self.mailbox, self.name)


@dataclass(frozen=True, slots=True)
class New:
    """A meeting that is to be made.

    Attributes:
        host_id: the user whose calendar it goes to.
        party: the customer whom it is with, invited or not.
    """

    host_id: int
    party: Party | None
    draft: Draft


@dataclass(frozen=True, slots=True)
class Stand:
    """How far a booking is."""

    booking: Booking
    wish: Wish
    can_undo: bool
    trouble: str  # why it waits, see intake.trouble.Trouble
    error: str


@dataclass(frozen=True, slots=True)
class Row:
    """A meeting of the timeline that is to be changed: the calendar that organises it, and what it says there."""

    uid: str
    original_start: date | datetime | None
    calendar: Calendar
    held: Held
    is_series: bool
    user_id: int | None
    laid_over: bool

    @property
    def current(self) -> Meeting:
        """What the meant time says; of one that is no exception yet, the series with the time of its first."""
        meant = [one for one in self.held.exceptions if _same_place(one.original_start, self.original_start)]
        return meant[0] if meant else self.held.master


def records_of(mailbox: str, calendar: str) -> str:
    """Return what a calendar's stream and its records are called."""
    return f"{STREAMS}:{mailbox}:{calendar}"


def calendars_of(session: Session, user_ids: Sequence[int]) -> Mapping[int, Calendar]:
    """Return the calendar that each of these users is booked in; who has none is left out."""
    users = session.scalars(select(User).where(User.id.in_(user_ids), User.disabled_at.is_(None))).all()
    by_address = {user.email.lower(): user.id for user in users}
    query = (
        select(StreamState, Account)
        .join(Account, Account.id == StreamState.account_id)
        .where(
            StreamState.stream.startswith(f"{STREAMS}:"),
            StreamState.wanted,
            Account.state == AccountState.ACTIVE,
            or_(StreamState.mailbox.in_(by_address), Account.owner_id.in_(by_address.values())),
        )
        .order_by(Account.id)
    )
    found: dict[int, tuple[tuple[int, int], Calendar]] = {}
    for state, account in session.execute(query):
        user_id = by_address.get(state.mailbox.lower(), account.owner_id)
        name = _name(state.stream)
        writable = _writable(account)
        if user_id is None or name not in writable:
            continue
        rank = (int(state.mailbox.lower() not in by_address), writable.index(name))
        if user_id not in found or rank < found[user_id][0]:
            found[user_id] = rank, _calendar(account, state.mailbox, name)
    return {user_id: calendar for user_id, (_, calendar) in found.items()}


# --- make, move, call off -----------------------------------------------------------------------------------------


def make(session: Session, person: Person, new: New, ask: Ask, *, zone: str, undo: timedelta = UNDO) -> Booking:
    """Make a meeting in somebody's calendar; asked again with the same key, it is the same one.

    Args:
        zone: IANA name of the hub's time zone.

    Raises:
        ForbiddenError: the person may not.
        UserError: there is no calendar to write to, or the meeting may not be made so; `error_id` says why.
    """
    if not may(person.role, Right.BOOK_MEETINGS):
        raise ForbiddenError("Your role does not allow to book meetings. An administrator can give you another role.")
    in_turn(session, MeetingCopy.__tablename__)
    calendar = calendars_of(session, [new.host_id]).get(new.host_id)
    if calendar is None:
        raise UserError("No calendar of this person can be written to.", error_id="no_calendar", field="host")
    write = plan.create(new.draft, calendar.target, _own(ask, person))
    known = _by_key(session, write.idempotency_key)
    if known is not None:
        return known
    wish = Wish.of(write, stand_in(write.event_id))
    party_id = new.party.id if new.party is not None else None
    booking = _begin(session, person, calendar, wish, write.idempotency_key, new.host_id, undo)
    booking.party_id = party_id
    _audit(session, person, "meeting.booked", booking)
    _show(session, booking, zone)
    return booking


def change(  # noqa: PLR0913 - the facts of a change
    session: Session,
    person: Person,
    interaction: UUID,
    fields: Mapping[str, Any],
    ask: Ask,
    *,
    scope: Scope = Scope.ALL,
    zone: str,
    undo: timedelta = UNDO,
) -> Booking | None:
    """Change fields of a meeting on the timeline; None: nothing would change.

    Raises:
        NotFoundError: there is no such meeting, or not for this person.
        UserError: it may not be changed; `error_id` says why.
    """
    in_turn(session, MeetingCopy.__tablename__)
    row = to_change(session, person, interaction, ask.at)
    original = row.original_start if scope is Scope.THIS else None
    write = plan.change(row.held, fields, row.calendar.target, _own(ask, person), scope=scope, original_start=original)
    return None if write is None else _write(session, person, row, write, zone, undo)


def call_off(
    session: Session,
    person: Person,
    interaction: UUID,
    ask: Ask,
    *,
    scope: Scope = Scope.ALL,
    zone: str,
    undo: timedelta = UNDO,
) -> Booking:
    """Call a meeting off, or one time of a series.

    Raises:
        NotFoundError, UserError: as of `change`.
    """
    in_turn(session, MeetingCopy.__tablename__)
    row = to_change(session, person, interaction, ask.at)
    original = row.original_start if scope is Scope.THIS else None
    write = plan.cancel(row.held, row.calendar.target, _own(ask, person), scope=scope, original_start=original)
    return _write(session, person, row, write, zone, undo)


def to_change(session: Session, person: Person, interaction: UUID, at: datetime) -> Row:
    """Return a meeting of the timeline as the calendar that may be written to has it.

    Raises:
        NotFoundError: there is no such meeting, or not for this person.
        UserError: none of our calendars may write it; `error_id` says why.
    """
    query = select(Interaction, MeetingRow).join(MeetingRow, MeetingRow.interaction_id == Interaction.id)
    found = session.execute(query.where(Interaction.public_id == interaction)).one_or_none()
    if found is None:
        raise NotFoundError("There is no such meeting.")
    shown, row = found
    seen = sees(person, visibility=shown.visibility, owner_id=shown.owner_id, among=shown.detail.get("users", ()))
    if seen is Seen.NOTHING:
        raise NotFoundError("There is no such meeting.")
    if not may_change_meeting(person, seen):
        raise ForbiddenError("This meeting is private. Ask its owner.")
    return _row(session, row.uid, _original(row.key.removeprefix(f"{row.uid}|")), at)


def times(row: Row, scope: Scope, stands: datetime, start: datetime, length: timedelta, *, zone: str) -> dict[str, Any]:
    """Return the fields of a meeting that is moved, in the zone that it has.

    Args:
        stands: when the meant time of it begins now.
        start: when it is to begin.
        zone: for a meeting of whole days, which becomes one of hours.

    Raises:
        UserError: a whole series can be moved within its days only; else its past would be moved with it.
    """
    began = row.held.master.start
    own = began.zone if isinstance(began, WallTime) else zone
    wanted = WallTime.at(start, own)
    if scope is Scope.ALL and row.is_series:
        now_at = WallTime.at(stands, own).local
        if not isinstance(began, WallTime) or now_at.date() != wanted.local.date():
            raise UserError(
                "Of a whole series only the hour can be changed here. Move this time alone, or make a new series.",
                error_id="series_day",
                field="at",
            )
        wanted = WallTime(began.local + (wanted.local - now_at), own)
    return {"start": wanted, "end": WallTime.at(wanted.instant + length, own)}


# --- what people do about it --------------------------------------------------------------------------------------


def stand(session: Session, person: Person, public_id: UUID) -> Stand:
    """Return how far a booking is.

    Raises:
        NotFoundError: there is none, or not for this person.
    """
    booking = _mine(session, person, public_id)
    row = session.scalar(select(Outbox).where(Outbox.idempotency_key == booking.key))
    waits = row is not None and row.state == OutboxState.WAITING
    return Stand(
        booking,
        bookings.wish_of(booking),
        can_undo=bool(row and waits and row.attempt == 0),
        trouble=row.trouble if row and waits else "",
        error=row.last_error if row and waits else "",
    )


def undo(session: Session, person: Person, public_id: UUID, *, zone: str) -> Booking:
    """Take back what nobody was told of yet; with a new meeting also what was asked of it since.

    Raises:
        UserError: too late: it is being written.
    """
    booking = _mine(session, person, public_id)
    if booking.state == BookingState.UNDONE:
        return booking
    # Rows of the outbox first: who writes them holds them while it waits for the turn.
    if not outbox.take_back(session, booking.key):
        raise UserError("It is being written already. Call the meeting off instead.", error_id="too_late")
    undone = [booking, *_since(session, booking)]
    for one in undone[1:]:
        outbox.take_back(session, one.key)
    in_turn(session, MeetingCopy.__tablename__)
    for one in undone:
        one.state = BookingState.UNDONE
    _audit(session, person, "meeting.undone", booking)
    _show(session, booking, zone)
    return booking


def retry(session: Session, person: Person, public_id: UUID, *, zone: str) -> Booking:
    """Try again what was refused, over what the calendar says now: the person has seen it.

    Raises:
        UserError: it waits for nobody, or can no longer be done.
    """
    booking = _mine(session, person, public_id)
    row = outbox.retry(session, _refused(session, booking))
    in_turn(session, MeetingCopy.__tablename__)
    wish = _rebased(session, booking)
    booking.wish = wish.as_json()
    row.payload = {**row.payload, "wish": booking.wish}
    booking.state, booking.why = BookingState.WAITING, ""
    _audit(session, person, "meeting.retried", booking)
    _show(session, booking, zone)
    return booking


def discard(session: Session, person: Person, public_id: UUID, *, zone: str) -> Booking:
    """Give up what was refused.

    Raises:
        UserError: it waits for nobody.
    """
    booking = _mine(session, person, public_id)
    outbox.drop(session, _refused(session, booking))
    in_turn(session, MeetingCopy.__tablename__)
    booking.state = BookingState.DROPPED
    _audit(session, person, "meeting.discarded", booking)
    _show(session, booking, zone)
    return booking


# --- inside -------------------------------------------------------------------------------------------------------


def _own(ask: Ask, person: Person) -> Ask:
    """Return what was asked under a key that nobody else can use."""
    return replace(ask, key=f"{person.id}:{ask.key}")


def _write(
    session: Session, person: Person, row: Row, write: plan.Change | plan.Cancel, zone: str, undo: timedelta
) -> Booking:
    known = _by_key(session, write.idempotency_key)
    if known is not None:
        return known
    if row.laid_over:  # the event will have another version by then
        write = replace(write, etag="")
    wish = Wish.of(write, row.uid)
    booking = _begin(session, person, row.calendar, wish, write.idempotency_key, row.user_id, undo)
    _audit(session, person, "meeting.called_off" if wish.verb is Verb.CANCEL else "meeting.changed", booking)
    _show(session, booking, zone)
    return booking


def _begin(
    session: Session,
    person: Person,
    calendar: Calendar,
    wish: Wish,
    key: str,
    user_id: int | None,
    undo: timedelta,
) -> Booking:
    """Write down what is wanted, and what is to be sent for it."""
    moment = now()
    booking = Booking(
        account_id=calendar.account_id,
        mailbox=calendar.mailbox,
        user_id=user_id,
        asked_by=person.id or None,
        uid=wish.uid,
        remote_id=wish.remote_id if wish.verb is Verb.CREATE else "",
        wish=wish.as_json(),
        key=key,
        asked_at=moment,
        undo_until=moment + undo,
    )
    session.add(booking)
    session.flush()
    planned = Planned(
        calendar.account_id,
        KIND,
        f"meeting:{wish.series_id or wish.remote_id}",
        {"booking": booking.id, "wish": booking.wish},
        key,
        mailbox=calendar.mailbox,
        user_id=person.id or None,
        not_before=booking.undo_until,
    )
    outbox.store(session, [planned])
    return booking


def _audit(session: Session, person: Person, action: str, booking: Booking) -> None:
    wish = bookings.wish_of(booking)
    audit.record(
        session,
        person,
        action,
        "booking",
        booking.public_id,
        calendar=booking.mailbox,
        fields=sorted(wish.fields),
        notify=wish.notify,
    )


def _show(session: Session, booking: Booking, zone: str) -> None:
    session.flush()
    account = session.get_one(Account, booking.account_id)
    take.show_again(session, [booking.uid], account.time_zone or zone)


def _row(session: Session, uid: str, original: date | datetime | None, at: datetime) -> Row:
    """Return the calendar of ours that may write a meeting, with what it says and what is wanted of it."""
    booked = [one for one in bookings.of_uids(session, [uid]).get(uid, ()) if bookings.is_laid_over(one)]
    if any(one.state == BookingState.REFUSED for one in booked):
        raise UserError("This meeting is in no calendar yet. Try it again or discard it first.", error_id="not_written")
    word = "not_organiser"
    for calendar, user_id, read in _places(session, uid, booked):
        mine = [one for one in booked if (one.account_id, one.mailbox) == (calendar.account_id, calendar.mailbox)]
        meetings = overlaid(read, [bookings.wish_of(one) for one in mine], organiser=calendar.mailbox)
        master = next((one for one in meetings if not one.is_exception), None)
        if master is None:
            continue
        word = plan.refusal(master, calendar.target, at)
        if not word:
            held = Held(master, [one for one in meetings if one.is_exception])
            return Row(uid, original, calendar, held, master.is_series, user_id, bool(mine))
    raise plan.refused(word)


def _places(session: Session, uid: str, booked: Sequence[Booking]) -> list[tuple[Calendar, int | None, list[Meeting]]]:
    """Return the calendars that have a meeting, or will have it, and what each says."""
    query = (
        select(MeetingCopy, RawRecord.container, Account)
        .join(RawRecord, RawRecord.id == MeetingCopy.raw_record_id)
        .join(Account, Account.id == MeetingCopy.account_id)
        .where(MeetingCopy.uid == uid)
        .order_by(MeetingCopy.id)
    )
    found: dict[tuple[int, str], tuple[Calendar, int | None, list[Meeting]]] = {}
    for copy, container, account in session.execute(query):
        calendar = _calendar(account, copy.address, _name(container))
        place = found.setdefault((account.id, container), (calendar, copy.user_id, []))
        place[2].append(copies.of_json(copy.fields))
    if not found:
        for one in booked[:1]:
            account = session.get_one(Account, one.account_id)
            calendar = _calendar(account, one.mailbox, bookings.wish_of(one).calendar)
            found[account.id, calendar.records] = (calendar, one.user_id, [])
    return list(found.values())


def _calendar(account: Account, mailbox: str, name: str) -> Calendar:
    addresses = {mailbox.lower()} if name == USUAL else {mailbox.lower(), name.lower()}
    is_writable = name in _writable(account) and account.state != AccountState.REMOVED
    target = Target(account.id, name, addresses, account.created_at, is_writable)
    return Calendar(account.id, mailbox.lower(), name, target)


def _writable(account: Account) -> list[str]:
    """Return the names of the calendars that may be written to, in the order of the setting."""
    lines = str(account.settings.get(WRITABLE, USUAL)).splitlines()
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _name(stream: str) -> str:
    return stream.partition(":")[2].partition(":")[2]


def _original(text: str) -> date | datetime | None:
    """Read the second half of an occurrence's key."""
    if not text:
        return None
    if "T" in text:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _same_place(one: date | datetime | None, other: date | datetime | None) -> bool:
    return one is not None and type(one) is type(other) and one == other


def _by_key(session: Session, key: str) -> Booking | None:
    return session.scalar(select(Booking).where(Booking.key == key))


def _mine(session: Session, person: Person, public_id: UUID) -> Booking:
    """Return a booking that a person may look after: one's own, or one of a meeting that one sees.

    Raises:
        NotFoundError: there is none, or not for this person.
    """
    booking = session.scalar(select(Booking).where(Booking.public_id == public_id))
    if booking is None or not (person.id in {booking.asked_by, booking.user_id} or _is_seen(session, person, booking)):
        raise NotFoundError("There is no such booking.")
    if not may(person.role, Right.BOOK_MEETINGS):
        raise ForbiddenError("Your role does not allow to book meetings. An administrator can give you another role.")
    return booking


def _is_seen(session: Session, person: Person, booking: Booking) -> bool:
    query = select(Interaction).join(MeetingRow, MeetingRow.interaction_id == Interaction.id)
    return any(
        sees(person, visibility=row.visibility, owner_id=row.owner_id, among=row.detail.get("users", ())) is Seen.FULL
        for row in session.scalars(query.where(MeetingRow.uid == booking.uid))
    )


def _since(session: Session, booking: Booking) -> Sequence[Booking]:
    """Return what was asked of a meeting that nobody has made yet, since it was asked for."""
    if not is_stand_in(booking.uid):
        return []
    query = select(Booking).where(
        Booking.uid == booking.uid, Booking.id > booking.id, Booking.state == BookingState.WAITING
    )
    return session.scalars(query).all() if booking.wish["verb"] == Verb.CREATE else []


def _refused(session: Session, booking: Booking) -> int:
    number = session.scalar(select(Outbox.id).where(Outbox.idempotency_key == booking.key))
    if number is None:
        raise NotFoundError("This does not wait for anybody any more.")
    return number


def _rebased(session: Session, booking: Booking) -> Wish:
    """Return what is wanted, compared with what the calendar says now."""
    wish = bookings.wish_of(booking)
    if wish.verb is Verb.CREATE:
        return wish
    moment = now()
    row = _row(session, booking.uid, wish.original_start, moment)
    scope = Scope.THIS if wish.original_start is not None and row.is_series else Scope.ALL
    ask = Ask(booking.key, moment, wish.notify)
    named: dict[str, Any] = {"scope": scope, "original_start": wish.original_start}
    write: plan.Change | plan.Cancel | None
    if wish.verb is Verb.CANCEL:
        write = plan.cancel(row.held, row.calendar.target, ask, **named)
    else:
        write = plan.change(row.held, wish.fields, row.calendar.target, ask, **named)
    return wish if write is None else Wish.of(write, booking.uid)
