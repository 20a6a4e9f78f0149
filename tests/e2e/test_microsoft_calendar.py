"""Calendars of a simulated Microsoft 365, read and written by a wired hub: meetings once, whoever has them."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from connectors.google.simulator import GoogleSimulator
from connectors.microsoft.simulated.books import Calendars
from connectors.microsoft.simulator import MicrosoftSimulator
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.errors import UserError
from hub.identity import parties
from hub.identity.models import Party, PartyKind
from hub.intake import accounts, read
from hub.intake.models import Account, RawRecord, StreamState
from hub.meetings import book
from hub.meetings.models import Booking, BookingState, MeetingRow
from hub.meetings.plan import Ask, Draft, Scope
from hub.records.meeting import Attendee, WallTime
from hub.security import users
from hub.security.models import Role, User
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline.models import Interaction, Kind, Participant
from hub.work.lease import claim, new_owner
from hub.work.models import Bucket
from tests.e2e import sending

NOA, ADAM = "noa@acme.example", "adam@acme.example"
CUSTOMER = "dana@customer.example"
BOSS = "boss@elsewhere.example"
ZONE = "Asia/Jerusalem"
HERE = ZoneInfo(ZONE)
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@pytest.fixture
def microsoft() -> Iterator[MicrosoftSimulator]:
    simulator = MicrosoftSimulator(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


class Office:
    """A hub with an account at Microsoft, read and written on demand."""

    def __init__(self, hub: Hub, microsoft: MicrosoftSimulator, **settings: Any) -> None:
        self.hub, self.microsoft, self.hub_accounts = hub, microsoft, list[int]()
        with hub.db.write() as session:
            for address, name in ((NOA, "Noa"), (ADAM, "Adam")):
                users.add(session, address, name, Role.AGENT)
            given = [parties.Given(parties.EMAIL, CUSTOMER)]
            self.dana = parties.create(session, None, PartyKind.PERSON, "Dana", given, region="IL").id
        self.account = self.connect("microsoft", {**microsoft.settings(), **settings})

    def connect(self, connector: str, values: dict[str, Any]) -> int:
        only = {"mail": False, "contacts": False, "timeout_s": 5}
        with self.hub.db.write() as session:
            made = accounts.create(
                session, self.hub.connectors[connector], self.hub.vault, connector, {**values, **only}
            )
            self.hub_accounts.append(made.id)
            return made.id

    @property
    def book(self) -> Calendars:
        found: Calendars = self.microsoft.user(NOA).calendars
        return found

    def read(self) -> dict[str, int]:
        """Read every stream once, as workers do."""
        counts: dict[str, int] = {}
        for account in self.hub_accounts:
            self._read_one(account, read.LISTING)
            with self.hub.db.read() as session:
                keys = [state.stream for state in read.wanted(session, account)]
            for key in keys:
                for name, count in self._read_one(account, key).items():
                    counts[name] = counts.get(name, 0) + count
        return counts

    def _read_one(self, account: int, key: str) -> dict[str, int]:
        which = (StreamState.account_id == account) & (StreamState.stream == key)
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        return dict(hub_app.reader(self.hub).read(lease))

    @property
    def state(self) -> StreamState:
        with self.hub.db.read() as session:
            which = (StreamState.account_id == self.account, StreamState.stream == f"calendar:{NOA}:primary")
            return session.scalars(select(StreamState).where(*which)).one()

    def meetings(self) -> list[Interaction]:
        """What stands on the customer's timeline, in order."""
        with self.hub.db.read() as session:
            query = select(Interaction).join(Participant, Participant.interaction_id == Interaction.id)
            query = query.where(Participant.party_id == self.dana, Interaction.kind == Kind.MEETING)
            return list(session.scalars(query.order_by(Interaction.started_at)))

    def raws(self) -> dict[str, RawRecord]:
        with self.hub.db.read() as session:
            return {raw.remote_id: raw for raw in session.scalars(select(RawRecord))}

    def living(self) -> dict[str, int]:
        """How many records of each calendar are there still."""
        with self.hub.db.read() as session:
            streams = session.scalars(select(RawRecord.stream).where(RawRecord.gone_at.is_(None)))
            return dict(Counter(streams))

    # --- what people do here ------------------------------------------------------------------------------------------

    def person(self, email: str = ADAM) -> Person:
        with self.hub.db.read() as session:
            user = session.scalars(select(User).where(User.email == email)).one()
        return Person(user.id, user.public_id, user.email, user.name, user.role)

    def make(self, title: str = "Offer", *, notify: bool = False, **more: Any) -> Booking:
        start = WallTime.at(tomorrow(), ZONE)
        end = WallTime.at(tomorrow() + timedelta(hours=1), ZONE)
        draft = Draft(title, start, end, attendees=(Attendee(CUSTOMER, "Dana"),), **more)
        with self.hub.db.write() as session:
            new = book.New(self.person(NOA).id, session.get_one(Party, self.dana), draft)
            ask = Ask(str(uuid4()), now(), notify)
            return book.make(session, self.person(), new, ask, zone=ZONE, undo=timedelta(0))

    def change(self, number: int = 0, *, notify: bool = False, scope: Scope = Scope.ALL, **fields: Any) -> Booking:
        ask, row = Ask(str(uuid4()), now(), notify), self.meetings()[number].public_id
        with self.hub.db.write() as session:
            made = book.change(session, self.person(), row, fields, ask, scope=scope, zone=ZONE, undo=timedelta(0))
        assert made is not None
        return made

    def move(self, number: int = 0, hours: float = 3, **more: Any) -> Booking:
        at = self.meetings()[number].started_at + timedelta(hours=hours)
        return self.change(number, start=WallTime.at(at, ZONE), **more)

    def call_off(self, number: int = 0, *, scope: Scope = Scope.ALL, notify: bool = False) -> Booking:
        with self.hub.db.write() as session:
            ask, row = Ask(str(uuid4()), now(), notify), self.meetings()[number].public_id
            return book.call_off(session, self.person(), row, ask, scope=scope, zone=ZONE, undo=timedelta(0))

    def deliver(self) -> int:
        return sending.deliver(self.hub)

    def stands(self, booking: Booking) -> tuple[str, str]:
        with self.hub.db.read() as session:
            found = session.get_one(Booking, booking.id)
            return found.state, found.why

    def entries(self) -> list[dict[str, Any]]:
        return self.book.events()

    def visible(self) -> list[tuple[Any, ...]]:
        """What a page would show of the meetings."""
        return [
            (row.id, row.summary, row.started_at, row.ended_at, row.visibility,
             {name: value for name, value in row.detail.items() if name != "uid"})
            for row in self.meetings()
        ]  # fmt: skip


@pytest.fixture
def office(hub: Hub, microsoft: MicrosoftSimulator) -> Office:
    office = Office(hub, microsoft)
    office.read()
    return office


def tomorrow(days: float = 1) -> datetime:
    return (now() + timedelta(days=days)).replace(minute=0, second=0, microsecond=0)


def event(title: str, days: float = 1, **more: Any) -> dict[str, Any]:
    """An event with the customer, so many days from now."""
    return {"subject": title, "start": tomorrow(days).astimezone(HERE), "attendees": [CUSTOMER], **more}


def weekly(days: float) -> dict[str, Any]:
    on = DAY_NAMES[tomorrow(days).astimezone(HERE).weekday()]
    return {"pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [on]}, "range": {"type": "noEnd"}}


def day_of(row: Interaction) -> date:
    return row.started_at.astimezone(HERE).date()


# --- in -----------------------------------------------------------------------------------------------------------------


def test_a_meeting_is_shown_moved_and_struck(office: Office) -> None:
    made = office.book.insert(
        **event("Offer", body="Bring the <b>contract</b>.", location="Haifa", isOnlineMeeting=True)
    )
    office.book.insert(**event("Dentist", attendees=[]))
    office.read()
    [offer] = office.meetings()
    assert (offer.summary, offer.visibility, offer.detail["location"]) == ("Offer", "all", "Haifa")
    assert offer.started_at == tomorrow()
    assert offer.detail["join_url"].startswith("https://")
    assert len(office.raws()) == 2
    office.book.patch(
        made["id"], subject="Offer, later", start=tomorrow(2).astimezone(HERE), end=tomorrow(2.5).astimezone(HERE)
    )
    office.read()
    [moved] = office.meetings()
    assert (moved.id, moved.summary, moved.started_at) == (offer.id, "Offer, later", tomorrow(2))
    office.book.remove(made["id"])
    office.read()
    [struck] = office.meetings()
    assert (struck.id, struck.summary, struck.detail["cancelled"]) == (offer.id, "Offer, later", True)
    assert office.state.trouble == ""


def test_whole_days_stay_days_wherever_they_were_made(office: Office) -> None:
    day = tomorrow(3).date()
    office.book.insert(**{**event("Fair"), "start": day, "end": day + timedelta(days=2)})
    office.read()
    [row] = office.meetings()
    assert row.detail["all_day"]
    assert row.started_at == datetime(day.year, day.month, day.day, tzinfo=HERE).astimezone(UTC)


def test_a_series_is_collapsed_and_what_differs_counts(office: Office) -> None:
    made = office.book.insert(**event("Weekly", days=-20, recurrence=weekly(-20)))
    office.read()
    rows = office.meetings()
    assert [row.detail["place"] for row in rows] == ["past", "past", "past", "next"]
    assert rows[-1].detail["repeats"]["frequency"] == "weekly"
    assert len(office.raws()) == 1
    office.book.patch(made["id"], on=day_of(rows[1]), subject="Weekly, in the garden")
    office.book.cancel(made["id"], on=day_of(rows[-1]))
    office.read()
    again = office.meetings()
    assert [row.detail["cancelled"] for row in again] == [False, False, False, True, False]
    assert [row.summary for row in again[:2]] == ["Weekly", "Weekly, in the garden"]
    assert [row.id for row in again[:4]] == [row.id for row in rows]
    assert office.read().get("changed", 0) == 0
    office.book.remove(made["id"])
    office.read()
    assert all(row.detail["cancelled"] for row in office.meetings())


def test_a_time_that_differed_is_again_as_the_series_says(office: Office) -> None:
    made = office.book.insert(**event("Weekly", days=1, recurrence=weekly(1)))
    office.book.patch(made["id"], on=day_of_series(1), subject="Another title")
    office.read()
    assert [row.summary for row in office.meetings()] == ["Another title"]
    [item] = office.book.main.items
    with office.microsoft.world.lock:
        item.exceptions.clear()
        office.book.touched(item)
    office.read()
    assert [row.summary for row in office.meetings()] == ["Weekly"]


def day_of_series(days: float) -> date:
    return tomorrow(days).astimezone(HERE).date()


@pytest.mark.parametrize("zone", ["tzone://Microsoft/Custom", "Mars Standard Time"])
def test_a_series_in_a_zone_that_is_no_place_is_shown_time_by_time(office: Office, zone: str) -> None:
    made = office.book.insert(**event("Odd", days=-20, recurrence=weekly(-20)))
    [item] = office.book.main.items
    with office.microsoft.world.lock:
        item.body["originalStartTimeZone"] = zone
        item.body["recurrence"]["range"]["recurrenceTimeZone"] = zone
        office.book.touched(item)
    office.read()
    starts = [row.started_at for row in office.meetings()]
    assert starts == [tomorrow(days) for days in (-20, -13, -6, 1)]
    office.book.cancel(made["id"], on=day_of_series(1))
    office.read()
    assert [row.detail["cancelled"] for row in office.meetings()] == [False, False, False, True, False]


def test_what_lies_outside_of_the_time_that_is_asked_about_is_not_gone(office: Office) -> None:
    made = office.book.insert(**event("Old friends", days=-30))
    office.read()
    office.book.patch(made["id"], start=tomorrow(-800).astimezone(HERE), end=tomorrow(-799).astimezone(HERE))
    office.read()  # Graph says `@removed` of it
    [raw] = office.raws().values()
    assert raw.gone_at is None
    with office.hub.db.write() as session:  # a month passes: everything is asked for anew
        session.execute(update(StreamState).values(last_full_at=now() - timedelta(days=31)))
    office.read()
    assert office.state.epoch == 2
    [raw] = office.raws().values()
    assert (raw.gone_at, raw.epoch) == (None, 2)


def test_an_event_that_is_laid_into_another_calendar_is_the_same_meeting(
    hub: Hub, microsoft: MicrosoftSimulator
) -> None:
    theirs = microsoft.user(NOA).calendars
    team, closed = theirs.add("Team"), theirs.add("Nobody reads this")
    office = Office(hub, microsoft, calendars=f"primary\n{team.id}")
    series = office.book.insert(**event("Weekly", days=-13, recurrence=weekly(-13)))
    office.book.patch(series["id"], on=day_of_series(-6), subject="In the garden")
    names = [theirs.immutable(one["id"]) for one in (series, office.book.insert(**event("Offer", days=2)))]
    office.read()
    before = office.visible()
    assert len(before) == 4
    for path in ([team], [theirs.main], [team, theirs.main], [team]):
        for place in path:
            for name in names:
                theirs.move(name, place)
        for _ in range(2):
            office.read()
            assert office.visible() == before, [one.name for one in path]
        assert office.living() == {f"calendar:{NOA}:{team.id if path[-1] is team else 'primary'}": 3}
    assert office.read().get("changed", 0) == 0
    theirs.patch(names[0], on=day_of_series(-6), subject="In the kitchen")
    office.read()
    assert [row.summary for row in office.meetings()] == ["Weekly", "In the kitchen", "Weekly", "Offer"]
    for name in names:
        theirs.move(name, closed)
    office.read()
    assert all(row.detail["cancelled"] for row in office.meetings())
    assert office.living() == {}


def test_a_time_of_a_series_that_takes_place_on_other_days_by_now_is_no_more(office: Office) -> None:
    made = office.book.insert(**event("Weekly", days=-13, recurrence=weekly(-13)))
    office.book.patch(made["id"], on=day_of_series(-6), subject="In the garden")
    office.read()
    assert [row.summary for row in office.meetings()] == ["Weekly", "In the garden", "Weekly"]
    at = tomorrow(-12).astimezone(HERE)
    office.book.patch(
        made["id"], start=at, end=at + timedelta(hours=1), recurrence=weekly(-12)
    )  # what differed is given up
    office.read()
    assert [(row.summary, row.started_at) for row in office.meetings()] == [
        ("Weekly", tomorrow(days)) for days in (-12, -5, 2)
    ]


@pytest.mark.parametrize(
    ("said", "visibility"),
    [
        ({"sensitivity": "private"}, "metadata"), ({"sensitivity": "personal"}, "metadata"),
        ({"sensitivity": "confidential"}, "metadata"), ({"categories": ["privat"]}, "metadata"), ({}, "all"),
    ],
)  # fmt: skip
def test_a_private_meeting_shows_others_only_that_it_was(office: Office, said: dict[str, Any], visibility: str) -> None:
    office.book.insert(**event("Secret", **said))
    office.read()
    [meeting] = office.meetings()
    assert meeting.visibility == visibility


@pytest.mark.alike
@pytest.mark.parametrize("fault", [
    "expire_cursor", "expire_cursor_location", "empty_page", "replay_page", "reorder_page", "same_twice", "stripped_occurrences",
    "missing_master", "throttled_batch_item", "slow", "removed_at_first",
])  # fmt: skip
def test_what_graph_does_oddly_loses_and_doubles_nothing(office: Office, fault: str) -> None:
    series = office.book.insert(**event("Weekly", days=-13, recurrence=weekly(-13)))
    office.book.insert(**event("Offer"))
    office.read()
    office.microsoft.faults.add(fault)
    office.book.patch(series["id"], on=day_of_series(-13), subject="First time")
    office.book.insert(**event("Another"))
    office.read()
    office.microsoft.faults.clear()
    with office.hub.db.write() as session:  # let the silence be over that Graph wanted
        session.execute(update(Bucket).values(frozen_until=None))
    office.read()
    assert sorted(row.summary for row in office.meetings()) == ["Another", "First time", "Offer", "Weekly", "Weekly"]
    with office.hub.db.read() as session:
        keys = session.scalars(select(MeetingRow.key)).all()
    assert len(set(keys)) == len(keys) == 5


# --- once, whoever has it ------------------------------------------------------------------------------------------------


def test_a_meeting_in_mailboxes_of_google_and_microsoft_is_one(
    hub: Hub, microsoft: MicrosoftSimulator, google: GoogleSimulator
) -> None:
    office = Office(hub, microsoft)
    values = {**google.settings(), "service_account": google.service_account_json(), "mailboxes": ADAM}
    office.connect("google", values)
    uid = "7m5i6v8r2d@google.com"
    begin = tomorrow()
    theirs = {
        "summary": "Together",
        "start": {"dateTime": begin.isoformat(), "timeZone": ZONE},
        "end": {"dateTime": (begin + timedelta(hours=1)).isoformat(), "timeZone": ZONE},
        "attendees": [CUSTOMER],
        "iCalUID": uid,
    }
    google.invite(BOSS, [ADAM], **theirs)
    office.book.invite(BOSS, [CUSTOMER], uid=uid, **event("Together"))
    office.read()
    [meeting] = office.meetings()
    assert (meeting.summary, meeting.started_at, len(meeting.detail["users"])) == ("Together", begin, 2)
    assert len(office.raws()) == 2


def test_a_series_of_outlook_is_one_with_its_copy_at_google(
    hub: Hub, microsoft: MicrosoftSimulator, google: GoogleSimulator
) -> None:
    office = Office(hub, microsoft)
    values = {**google.settings(), "service_account": google.service_account_json(), "mailboxes": ADAM}
    office.connect("google", values)
    made = office.book.insert(**event("Weekly", days=-13, recurrence=weekly(-13)))
    office.book.patch(made["id"], on=day_of_series(-6), subject="In the garden")
    begin = tomorrow(-13).astimezone(HERE).replace(tzinfo=None)
    theirs = {
        "summary": "Weekly",
        "start": {"dateTime": begin.isoformat(), "timeZone": ZONE},
        "end": {"dateTime": (begin + timedelta(hours=1)).isoformat(), "timeZone": ZONE},
        "attendees": [CUSTOMER],
        "recurrence": ["RRULE:FREQ=WEEKLY"],
        "iCalUID": made["iCalUId"],
    }
    google.invite(NOA, [ADAM], **theirs)
    office.read()
    rows = office.meetings()
    assert [row.summary for row in rows] == ["Weekly", "In the garden", "Weekly"]
    assert [len(row.detail["users"]) for row in (rows[0], rows[2])] == [2, 2]
    assert len({row.detail["uid"] for row in rows}) == 1


# --- out ----------------------------------------------------------------------------------------------------------------


def test_a_colleague_books_and_what_was_written_comes_back_unchanged(office: Office) -> None:
    booking = office.make(description="Bring the contract.\nAnd a pen.", location="Haifa")
    [waiting] = office.meetings()
    assert office.deliver() == 1
    [made] = office.entries()
    assert (made["subject"], made["location"]["displayName"], made["attendees"]) == ("Offer", "Haifa", [])
    assert office.stands(booking) == (BookingState.WRITTEN, "")
    before = office.visible()
    [written] = office.meetings()
    assert (written.id, written.detail["booking"], written.detail["ours"]) == (waiting.id, None, True)
    for _ in range(2):
        assert office.read().get("changed", 0) == 0
        assert office.visible() == before
    assert office.book.invitations == []
    assert len(office.raws()) == 1


@pytest.mark.parametrize("what", ["make", "move", "call_off"])
def test_a_write_whose_answer_was_lost_is_made_once(office: Office, what: str) -> None:
    if what != "make":
        office.make()
        office.deliver()
    booking = getattr(office, what)()
    office.microsoft.faults.add("commit_then_timeout")
    office.deliver()
    assert office.stands(booking)[0] == BookingState.WAITING
    after = office.entries()
    sending.let_time_pass(office.hub)
    office.deliver()
    assert office.stands(booking) == (BookingState.WRITTEN, "")
    assert office.entries() == after
    office.read()
    assert len(office.meetings()) == 1


def test_a_meeting_is_moved_and_called_off(office: Office) -> None:
    office.make()
    office.deliver()
    first = office.meetings()[0]
    office.move(hours=2)
    office.change(title="Contract")
    assert office.deliver() == 2
    [row] = office.meetings()
    assert (row.id, row.summary, row.started_at) == (first.id, "Contract", first.started_at + timedelta(hours=2))
    before = office.visible()
    office.read()
    assert office.visible() == before
    off = office.call_off()
    office.deliver()
    assert office.entries() == []
    assert office.stands(off) == (BookingState.WRITTEN, "")
    struck = office.visible()
    assert [(one[1], one[-1]["cancelled"]) for one in struck] == [("Contract", True)]
    office.read()
    assert office.visible() == struck
    assert office.book.invitations == []


def test_a_series_that_the_hub_makes_is_changed_time_by_time(office: Office) -> None:
    office.make("Weekly", recurrence=("RRULE:FREQ=WEEKLY",))
    office.deliver()
    office.read()
    [first] = office.meetings()
    moved = office.move(hours=1, scope=Scope.THIS)
    office.deliver()
    assert office.stands(moved) == (BookingState.WRITTEN, "")
    [row] = office.meetings()
    assert (row.id, row.started_at) == (first.id, first.started_at + timedelta(hours=1))
    before = office.visible()
    office.read()
    assert office.visible() == before
    off = office.call_off(scope=Scope.THIS)
    office.deliver()
    assert office.stands(off) == (BookingState.WRITTEN, "")
    struck, following = office.meetings()
    assert (struck.detail["cancelled"], following.detail["cancelled"]) == (True, False)
    assert following.started_at.astimezone(HERE).date() == day_of(first) + timedelta(days=7)
    office.read()
    assert [row.detail["cancelled"] for row in office.meetings()] == [True, False]
    assert office.book.invitations == []


def test_guests_are_told_only_by_who_says_so_and_else_it_is_refused(office: Office) -> None:
    office.make(notify=True)
    office.deliver()
    assert [(one.kind, one.to) for one in office.book.invitations] == [("invited", CUSTOMER)]
    at = office.meetings()[0].started_at
    quiet = office.move()
    office.deliver()
    state, why = office.stands(quiet)
    assert state == BookingState.REFUSED
    assert "tells everybody" in why
    assert office.meetings()[0].started_at == at
    with office.hub.db.write() as session:
        book.discard(session, office.person(), quiet.public_id, zone=ZONE)
    office.move(notify=True)
    office.deliver()
    office.call_off(notify=True)
    office.deliver()
    assert [one.kind for one in office.book.invitations] == ["invited", "updated", "cancelled"]


def test_the_event_of_another_organiser_is_never_touched(office: Office) -> None:
    office.book.invite(BOSS, [CUSTOMER], **event("Theirs"))
    office.read()
    before = office.entries()
    for what in (office.move, office.call_off):
        with pytest.raises(UserError) as refused:
            what()
        assert refused.value.error_id == "not_organiser"
    assert office.deliver() == 0
    assert office.entries() == before


def test_a_change_of_what_somebody_else_changed_is_left_to_a_person(office: Office) -> None:
    office.make()
    office.deliver()
    [made] = office.entries()
    moved = office.move()
    office.book.patch(made["id"], location="Jaffa")
    office.deliver()
    assert office.stands(moved)[0] == BookingState.WRITTEN
    again = office.move()
    office.book.patch(made["id"], start=tomorrow(5).astimezone(HERE), end=tomorrow(5.1).astimezone(HERE))
    office.deliver()
    assert office.stands(again)[0] == BookingState.REFUSED
    assert "meanwhile" in office.stands(again)[1]
    office.read()
    assert (office.meetings()[0].started_at, office.meetings()[0].detail["location"]) == (tomorrow(5), "Jaffa")


def test_who_is_busy_is_asked_of_microsoft(office: Office, hub: Hub) -> None:
    office.microsoft.user(ADAM).calendars.insert(**event("Dentist", attendees=[]))
    with hub.db.read() as session:
        account = session.get_one(Account, office.account)
    remote: Any = hub.remotes.open(account)
    asked = ([NOA, ADAM, "nobody@elsewhere.example"], tomorrow(0), tomorrow(70))
    assert remote.busy(NOA, *asked) == {NOA: [], ADAM: [(tomorrow(), tomorrow() + timedelta(hours=1))]}
