"""Who of us is busy when: what the hub knows from calendars that it reads, and what a remote says when it is asked.

Of a private meeting only its time is used, as of every other. What is booked here and not written yet takes its time
already.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from hub import log
from hub.connector.stream import Lane, Remote
from hub.errors import ConnectorError, HubError, ShapeError
from hub.intake.models import Account, StreamState
from hub.meetings import bookings, copies
from hub.meetings.book import STREAMS, Calendar
from hub.meetings.free_busy import Busy, busy_of
from hub.meetings.models import Booking, BookingState, MeetingCopy
from hub.meetings.occurrences import occurrences
from hub.meetings.wishes import overlaid
from hub.records.meeting import Meeting
from hub.security.models import User
from hub.store.base import now

MOST = 1_000  # times of one meeting that are looked at
_DAY = timedelta(days=1)  # a day is longer or earlier in another zone
_log = log.get(__name__)

Span = tuple[datetime, datetime]
Place = tuple[int, int, str, str]  # user, account, mailbox, uid


@runtime_checkable
class Askable(Protocol):
    """What a remote may offer: when people are busy, also those whose calendars the hub does not read."""

    def busy(
        self, mailbox: str, addresses: Sequence[str], since: datetime, until: datetime
    ) -> Mapping[str, Sequence[Span]]:
        """Return when people are busy, by their addresses, as far as a mailbox may ask; others are left out.

        Raises:
            ConnectorError: the remote does not answer.
        """


@dataclass(frozen=True, slots=True)
class Diary:
    """When somebody is busy.

    Attributes:
        as_of: how old what is known is at most; None: nothing is known of any calendar.
    """

    user_id: int
    busy: tuple[Busy, ...] = ()
    as_of: datetime | None = None


def read(
    session: Session, user_ids: Sequence[int], since: datetime, until: datetime, *, without: str = ""
) -> dict[int, Diary]:
    """Return what the hub itself knows of its users.

    Args:
        without: uid of a meeting that is to be moved: it takes no time.
    """
    fresh = _fresh(session, user_ids)
    found: dict[int, list[Busy]] = defaultdict(list)
    for (user_id, _, address, uid), meetings in _meetings(session, user_ids, since, until).items():
        if uid != without:
            found[user_id] += _times(meetings, address, since, until)
    return {user_id: Diary(user_id, tuple(found[user_id]), fresh.get(user_id)) for user_id in user_ids}


def ask(
    known: Mapping[int, Diary],
    addresses: Mapping[int, str],
    askers: Sequence[tuple[Account, Calendar]],
    open_remote: Callable[[Account, Lane], Remote],
    span: Span,
) -> dict[int, Diary]:
    """Add what remotes say, asked one after the other until everybody is known of; one that does not answer adds nothing.

    Args:
        addresses: of the users that are asked about.
        askers: mailboxes through which it can be asked.
    """
    found = dict(known)
    left = dict(addresses)
    for account, calendar in askers:
        if not left:
            break
        try:
            remote = open_remote(account, Lane.INTERACTIVE)
            if not isinstance(remote, Askable):
                continue
            told = remote.busy(calendar.mailbox, list(left.values()), *span)
        except (ConnectorError, ShapeError) as error:
            _log.info("nobody said who is busy", account=account.name, reason=str(error))
            continue
        moment = now()
        for user_id, address in addresses.items():
            if user_id in left and address in told:
                del left[user_id]
                busy = tuple(Busy(begin, end) for begin, end in told[address])
                diary = found.get(user_id, Diary(user_id))
                found[user_id] = replace(diary, busy=(*diary.busy, *busy), as_of=moment)
    return found


def instants(busy: Busy, zone: str) -> Span:
    """Return a busy time as instants; days are those of a zone."""
    begin, end = busy.start, busy.end
    return (
        begin
        if isinstance(begin, datetime)
        else datetime.combine(begin, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC),
        end if isinstance(end, datetime) else datetime.combine(end, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC),
    )


def is_free(diary: Diary, begin: datetime, end: datetime) -> bool:
    """Say whether nothing with a time of its own is in the way."""
    return all(
        not isinstance(one.start, datetime) or not isinstance(one.end, datetime) or one.end <= begin or one.start >= end
        for one in diary.busy
    )


def _times(meetings: Sequence[Meeting], address: str, since: datetime, until: datetime) -> list[Busy]:
    master = next((one for one in meetings if not one.is_exception), None)
    exceptions = [one for one in meetings if one.is_exception]
    try:
        found = occurrences(master, exceptions, since=since, until=until, limit=MOST)
    except HubError as error:
        _log.warning("a meeting takes no time because it cannot be reckoned", reason=str(error))
        return []
    return [busy for one in found if (busy := busy_of(one, address)) is not None]


def _meetings(
    session: Session, user_ids: Sequence[int], since: datetime, until: datetime
) -> dict[Place, list[Meeting]]:
    """Return the meetings that may be in a time, each as its calendar has it, whole series with all their exceptions."""
    begins, ends = MeetingCopy.begins_at, MeetingCopy.ends_at
    mine = MeetingCopy.user_id.in_(list(user_ids))
    around = or_(begins.is_(None), begins < until + _DAY) & or_(ends.is_(None), ends > since - _DAY)
    uids = select(MeetingCopy.uid).where(mine, around)
    found: dict[Place, list[Meeting]] = defaultdict(list)
    for row in session.scalars(select(MeetingCopy).where(mine, MeetingCopy.uid.in_(uids), MeetingCopy.uid != "")):
        assert row.user_id is not None, "asked for by user"
        found[row.user_id, row.account_id, row.address, row.uid].append(copies.of_json(row.fields))
    waiting = select(Booking).where(Booking.user_id.in_(list(user_ids)), Booking.state == BookingState.WAITING)
    for booking in session.scalars(waiting.order_by(Booking.id)):
        assert booking.user_id is not None, "asked for by user"
        place = (booking.user_id, booking.account_id, booking.mailbox, booking.uid)
        found[place] = overlaid(found.get(place, []), [bookings.wish_of(booking)], organiser=booking.mailbox)
    return found


def _fresh(session: Session, user_ids: Sequence[int]) -> dict[int, datetime]:
    """Return when the calendars of users were looked at last; of several the one longest ago."""
    oldest = func.min(StreamState.last_ok_at)
    query = (
        select(User.id, oldest)
        .join(Account, Account.id == StreamState.account_id)
        .join(User, or_(User.email == StreamState.mailbox, User.id == Account.owner_id))
        .where(StreamState.stream.startswith(f"{STREAMS}:"), StreamState.wanted, User.id.in_(list(user_ids)))
        .group_by(User.id)
    )
    return {user_id: at for user_id, at in session.execute(query) if at is not None}
