"""The times that a booking page proposes: when everybody concerned works and is free, by day, on the reader's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from hub.errors import NotFoundError, UserError
from hub.intake.models import Account
from hub.meetings import book, busy
from hub.meetings.busy import Diary
from hub.meetings.free_busy import Hours, Person, Search, Slot, free_slots
from hub.security.models import User
from hub.store.base import now
from hub.timeline.models import Interaction
from hub.web.clock import Clock
from hub.web.clock import clock as page_clock
from hub.web.frame import current_hub

LENGTHS = (15, 30, 45, 60, 90, 120, 180)  # minutes
RANGES = (1, 3, 7, 14)  # days that are looked through
STEP = timedelta(minutes=30)
MOST_PEOPLE = 20
MOST_SLOTS = 200
LONGEST = 24 * 60
_USUAL_LENGTH, _USUAL_RANGE = 30, 7
_WORK = (time(9, 0), time(18, 0))


@dataclass(frozen=True, slots=True)
class Choice:
    """What a time is looked for: who is to be there, for how long, in which days.

    Attributes:
        host_id: whose calendar it goes to; 0: nobody's.
        moving: uid of the meeting that is moved; it is in nobody's way.
    """

    host_id: int
    also: tuple[int, ...]
    minutes: int
    day: date
    days: int
    moving: str = ""

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    @property
    def user_ids(self) -> tuple[int, ...]:
        return (self.host_id, *self.also)


@dataclass(frozen=True, slots=True)
class Shown:
    """A meeting as the timeline shows it."""

    title: str
    start: datetime
    end: datetime
    all_day: bool

    @property
    def minutes(self) -> int:
        return 60 if self.all_day else max(5, min(LONGEST, round((self.end - self.start).total_seconds() / 60)))


@dataclass(frozen=True, slots=True)
class Proposal:
    """One time to choose.

    Attributes:
        value: the moment, for programs.
        text: on the reader's clock.
        other: on the clock of whose calendar it is; empty where both show the same.
    """

    value: str
    text: str
    other: str


@dataclass(frozen=True, slots=True)
class Day:
    heading: str
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Whose times were looked at, and how old what is known of them is; None: nothing is known."""

    name: str
    as_of: datetime | None


@dataclass(frozen=True, slots=True)
class Times:
    days: tuple[Day, ...]
    sources: tuple[Source, ...]
    zone: str
    other_zone: str  # of whose calendar it is; empty where it is the reader's
    host: str


def choice(
    given: MultiDict[str, str],
    host_id: int,
    *,
    minutes: int = _USUAL_LENGTH,
    moving: str = "",
    around: datetime | None = None,
) -> Choice:
    """Read what is looked for out of an address or a form; what makes no sense is what is usual."""
    today = now().astimezone(page_clock().zone).date()
    near = around.astimezone(page_clock().zone).date() if around else today
    host = _number(given.get("host"), host_id)
    also = dict.fromkeys(_number(text, 0) for text in given.getlist("also"))
    days = _number(given.get("days"), _USUAL_RANGE)
    length = _number(given.get("length"), minutes)
    return Choice(
        host_id=host,
        also=tuple(one for one in also if one not in {0, host})[:MOST_PEOPLE],
        minutes=length if 0 < length <= LONGEST else minutes,
        day=max(today, _day(given.get("from"), near)),
        days=days if days in RANGES else _USUAL_RANGE,
        moving=moving,
    )


def find(wanted: Choice) -> Times:
    """Return when everybody is free; remotes are asked too, where they can be."""
    hub, page = current_hub(), page_clock()
    begin = datetime.combine(wanted.day, time(), tzinfo=page.zone).astimezone(UTC)
    since, until = max(begin, now()), begin + timedelta(days=wanted.days)
    with hub.db.read() as session:
        users = {
            user.id: user
            for user in session.scalars(select(User).where(User.id.in_(wanted.user_ids), User.disabled_at.is_(None)))
        }
        ids = [one for one in wanted.user_ids if one in users]
        diaries = busy.read(session, ids, since, until, without=wanted.moving)
        calendars = book.calendars_of(session, ids)
        askers = [(session.get_one(Account, one.account_id), one) for one in calendars.values()]
    if not wanted.moving:  # a remote would say that the meeting that is moved is in the way
        addresses = {user_id: users[user_id].email for user_id in ids}
        diaries = busy.ask(diaries, addresses, askers, hub.remotes.open, (since, until))
    people = [_person(users[user_id], diaries[user_id]) for user_id in ids]
    zone = str(page.zone)
    search = Search(wanted.length, since, until, zone, step=STEP, limit=MOST_SLOTS)
    slots = free_slots(people, search) if people and since < until else []
    host = users.get(wanted.host_id)
    host_zone = _zone(host) if host else zone
    return Times(
        days=_by_day(slots, page, host_zone if host_zone != zone else ""),
        sources=tuple(Source(users[user_id].name, diaries[user_id].as_of) for user_id in ids),
        zone=zone,
        other_zone=host_zone if host_zone != zone else "",
        host=host.name if host else "",
    )


def check(wanted: Choice, start: datetime) -> None:
    """Look once more whether a proposed time is still free, as far as the hub knows.

    Raises:
        UserError: somebody was faster.
    """
    end = start + wanted.length
    with current_hub().db.read() as session:
        diaries = busy.read(session, wanted.user_ids, start, end, without=wanted.moving)
    if not all(busy.is_free(diary, start, end) for diary in diaries.values()):
        raise UserError("This time was taken meanwhile. Choose another one.", error_id="slot_taken", field="slot")


def shown(session: Session, interaction: UUID) -> Shown:
    """Return what the timeline shows of a meeting.

    Raises:
        NotFoundError: there is no such row.
    """
    row = session.scalar(select(Interaction).where(Interaction.public_id == interaction))
    if row is None:
        raise NotFoundError("There is no such meeting.")
    return Shown(row.summary, row.started_at, row.ended_at or row.started_at, bool(row.detail.get("all_day")))


def zone_of(session: Session, user_id: int) -> str:
    """Return the zone in which a user lives."""
    user = session.get(User, user_id)
    return _zone(user) if user is not None else current_hub().settings.hub.time_zone


def instant(local: datetime) -> datetime:
    """Return the moment at which the reader's clock shows a time."""
    return local.replace(tzinfo=page_clock().zone).astimezone(UTC)


def written(at: datetime) -> str:
    """Return a moment as a date and time field takes it."""
    return at.astimezone(page_clock().zone).strftime("%Y-%m-%dT%H:%M")


def _person(user: User, diary: Diary) -> Person:
    return Person(user.name, _zone(user), _hours(current_hub().settings.hub.region), diary.busy)


def _zone(user: User) -> str:
    return user.time_zone or current_hub().settings.hub.time_zone


def _hours(region: str) -> Hours:
    """Return the usual working hours of a region: from nine to six, but at its weekend."""
    try:
        known = Locale.parse(f"und_{region}")
        first, last = known.weekend_start, known.weekend_end
    except (UnknownLocaleError, ValueError):
        first, last = 5, 6
    weekend = {(first + number) % 7 for number in range((last - first) % 7 + 1)}
    return MappingProxyType({day: [_WORK] for day in range(7) if day not in weekend})


def _by_day(slots: Sequence[Slot], page: Clock, other_zone: str) -> tuple[Day, ...]:
    def day_of(slot: Slot) -> date:
        return slot.start.local.date()

    def heading(day: date) -> str:
        return format_date(day, "EEEE, d MMMM", locale=page.language)

    return tuple(
        Day(heading(day), tuple(_proposal(slot, page, other_zone) for slot in some))
        for day, some in groupby(slots, key=day_of)
    )


def _proposal(slot: Slot, page: Clock, other_zone: str) -> Proposal:
    moment = slot.start.instant
    other = ""
    if other_zone:
        there = moment.astimezone(ZoneInfo(other_zone))
        if there.replace(tzinfo=None) != slot.start.local:
            other = format_time(there.time(), "short", locale=page.language)
            if there.date() != slot.start.local.date():
                other = f"{format_date(there, 'EEE', locale=page.language)} {other}"
    return Proposal(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        format_time(slot.start.local.time(), "short", locale=page.language),
        other,
    )


def _number(text: str | None, usual: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else usual


def _day(text: str | None, usual: date) -> date:
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return usual
    return found if found < usual + timedelta(days=3 * 366) else usual
