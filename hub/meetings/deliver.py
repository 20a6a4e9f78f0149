"""How the outbox writes meetings: made once, changed only where nobody else changed the same, called off once.

What a calendar answers is taken in like anything that is read from it, so that the sync finds nothing new afterwards.
A write that is repeated after a lost answer finds that the calendar says already what is wanted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, runtime_checkable

from sqlalchemy.orm import Session

from hub.connector.stream import Findable, Lane, Remote, Upsert, Writer, Written
from hub.errors import ConflictError, GoneError, RejectedError, RetryLaterError, UserError
from hub.intake import read
from hub.intake.models import Account
from hub.meetings import copies, take
from hub.meetings.book import records_of
from hub.meetings.models import Booking, BookingState, MeetingCopy
from hub.meetings.wishes import Verb, Wish
from hub.outbound.canonical import same
from hub.outbound.deliver import Arrived, Item
from hub.records.meeting import Meeting, WallTime
from hub.store.session import Database
from hub.store.turn import in_turn

TRIES = 3  # somebody may change the meeting just while we do
CHANGED_MEANWHILE = "Somebody changed this meeting meanwhile. Look at it and try again."
CALLED_OFF = "The meeting was called off meanwhile."

Values = Callable[[Account, str, Mapping[str, Any], str], Mapping[str, Any]]  # account, stream, payload, remote id


@runtime_checkable
class CalendarWriter(Writer, Protocol):
    """What writes to a calendar offers besides."""

    def cancel(self, remote_id: str, *, version: str, key: str, notify: bool) -> None:
        """Call an event off; one that is called off already is fine.

        Raises:
            ConflictError: it changed since `version`.
        """

    def one_time(self, series_id: str, original_start: date | datetime) -> str:
        """Return the id of one time of a series, by where it stood at first.

        Raises:
            GoneError: the series does not take place then.
        """


@dataclass(frozen=True, slots=True)
class MeetingKind:
    """Meetings of bookings (`outbound.deliver.Kind`).

    Attributes:
        arrived: takes a record that we wrote ourselves in, as the reader of its stream would.
        values: what the mapping makes of a calendar's answer.
        zone: IANA name of the hub's time zone.
    """

    db: Database
    arrived: Arrived
    values: Values
    zone: str

    def send(self, remote: Remote, item: Item) -> Written | None:
        """Make, change or call off the event, and return it as the calendar has it then."""
        wish = Wish.of_json(item.payload["wish"])
        records = records_of(item.mailbox, wish.calendar)
        writer = remote.writer(records, item.mailbox)
        if not isinstance(writer, CalendarWriter):
            raise RejectedError("This connection writes no meetings.")
        if wish.verb is Verb.CREATE:
            values = {**wish.fields, "id": wish.remote_id, "markers": wish.markers, "notify": wish.notify}
            return writer.create(values, key=item.key)
        return _Rewrite(self, remote, writer, records, wish, item).run()

    def sent(self, session: Session, item: Item, written: Written | None) -> None:
        """Take the event in as it is now, and look whether anything else is new."""
        records = records_of(item.mailbox, item.payload["wish"]["calendar"])
        account = session.get_one(Account, item.account_id)
        if written is not None:
            self.arrived(session, account.id, records, written)
        self._settle(session, item, account, BookingState.WRITTEN)
        read.hint(session, item.account_id, [records], Lane.INTERACTIVE)

    def refused(self, session: Session, item: Item, why: str) -> None:
        """Show that it was refused, and why; the calendar says what it said."""
        account = session.get_one(Account, item.account_id)
        self._settle(session, item, account, BookingState.REFUSED, why)

    def _settle(self, session: Session, item: Item, account: Account, state: BookingState, why: str = "") -> None:
        # Everybody who shows meetings takes the turn before touching a booking.
        in_turn(session, MeetingCopy.__tablename__)
        booking = session.get(Booking, item.payload["booking"], populate_existing=True)
        if booking is None:
            return  # its account was removed
        booking.state, booking.why = state, why[:1000]
        session.flush()
        take.show_again(session, [booking.uid], account.time_zone or self.zone)


@dataclass(frozen=True, slots=True)
class _Rewrite:
    """One change of an event that is there, or its end."""

    kind: MeetingKind
    remote: Remote
    writer: CalendarWriter
    records: str
    wish: Wish
    item: Item

    def run(self) -> Written:
        """Write it over the version that was seen; where there is another one by now, over that, if nothing collides."""
        remote_id = self._meant()
        if remote_id is None:
            return Written("")  # what is to be called off does not take place anyway
        version = self.wish.etag
        for _ in range(TRIES):
            if not version:
                seen = self._seen(remote_id)
                if seen is None or self._is_done(seen):
                    return Written(remote_id, seen.version if seen else "", seen.payload if seen else None)
                version = seen.version
            try:
                return self._write(remote_id, version)
            except ConflictError:
                version = ""
        raise RetryLaterError("This meeting is being changed all the time.")

    def _meant(self) -> str | None:
        wish = self.wish
        if wish.remote_id:
            return wish.remote_id
        assert wish.original_start is not None, "an event without an id is one time of a series"
        try:
            return self.writer.one_time(wish.series_id, wish.original_start)
        except GoneError:
            if wish.verb is Verb.CANCEL:
                return None
            raise

    def _write(self, remote_id: str, version: str) -> Written:
        if self.wish.verb is Verb.CANCEL:
            self.writer.cancel(remote_id, version=version, key=self.item.key, notify=self.wish.notify)
            left = self._find(remote_id)
            return Written(remote_id, left.version if left else "", left.payload if left else None)
        values = {**self.wish.fields, "notify": self.wish.notify}
        return self.writer.update(remote_id, values, version=version, key=self.item.key)

    def _find(self, remote_id: str) -> Upsert | None:
        stream = self.remote.stream(self.records)
        found = stream.find([remote_id]) if isinstance(stream, Findable) else ()
        return next((one for one in found if isinstance(one, Upsert)), None)

    def _seen(self, remote_id: str) -> Upsert | None:
        """Return the event as it is now, if it may still be written; None: it is no more, as was wanted.

        Raises:
            GoneError: it is no more.
            UserError: somebody changed the same.
        """
        found = self._find(remote_id)
        if found is None:
            if self.wish.verb is Verb.CANCEL:
                return None
            raise GoneError(CALLED_OFF)
        if not self._is_done(found):
            self._compare(self._meeting(found))
        return found

    def _is_done(self, found: Upsert) -> bool:
        """Say whether the calendar says already what is wanted: a try whose answer was lost, or somebody else."""
        meeting = self._meeting(found)
        if self.wish.verb is Verb.CANCEL:
            return meeting.is_cancelled
        wanted = self.wish.fields.items()
        return not meeting.is_cancelled and all(_agree(getattr(meeting, name), value) for name, value in wanted)

    def _compare(self, meeting: Meeting) -> None:
        """Refuse to write over what somebody else changed; what they changed besides stays as they want it."""
        if meeting.is_cancelled:
            raise UserError(CALLED_OFF, error_id="cancelled")
        names = self.wish.fields or ("start", "end")
        for name in names:
            there = getattr(meeting, name)
            if not _agree(there, self.wish.base.get(name)) and not _agree(there, self.wish.fields.get(name)):
                raise UserError(CHANGED_MEANWHILE, error_id="changed_meanwhile", field=name)

    def _meeting(self, found: Upsert) -> Meeting:
        with self.kind.db.read() as session:
            account = session.get_one(Account, self.item.account_id)
        values = self.kind.values(account, self.records, found.payload, found.remote_id)
        return copies.read(values, etag=found.version)


def _agree(one: Any, other: Any) -> bool:
    """Say whether two values of a field mean the same."""
    if isinstance(one, WallTime) and isinstance(other, WallTime):
        return one.instant == other.instant
    if isinstance(one, tuple) and isinstance(other, tuple):
        return [_said(entry) for entry in one] == [_said(entry) for entry in other]
    return same(one, other) if not isinstance(one, WallTime) and not isinstance(other, WallTime) else False


def _said(entry: Any) -> Any:
    """Return of somebody who comes the address: what they answer is their own affair."""
    return getattr(entry, "address", entry)
