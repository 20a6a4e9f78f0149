"""Meetings made, moved and called off in the hub, written to a simulated Google: once, telling nobody unless told to."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from connectors.google import calendar_writer
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.context import Hub
from hub.errors import ForbiddenError, NotFoundError, UserError
from hub.identity.models import Party
from hub.intake.models import Account, RawRecord
from hub.meetings import book, plan
from hub.meetings.models import Booking, BookingState, MeetingRow
from hub.meetings.plan import Ask, Draft, Scope
from hub.outbound.models import Outbox
from hub.records.meeting import Attendee, WallTime
from hub.security.models import Audit, User
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline.models import Note
from hub.work.lease import claim, new_owner
from tests.e2e import sending
from tests.e2e.test_google_calendar import ADAM, CUSTOMER, NOA, Office, event

ZONE = "Asia/Jerusalem"
STREAM = f"calendar:{NOA}:primary"
GUEST = Attendee(CUSTOMER, "Dana")


class Bookings(Office):
    """An office in which Adam books for Noa."""

    def person(self, email: str = ADAM) -> Person:
        with self.hub.db.read() as session:
            user = session.scalars(select(User).where(User.email == email)).one()
        return Person(user.id, user.public_id, user.email, user.name, user.role)

    def make(
        self, title: str = "Offer", *, notify: bool = False, key: str = "", wait: timedelta = timedelta(0), **more: Any
    ) -> Booking:
        start = WallTime.at((now() + timedelta(days=1)).replace(microsecond=0), ZONE)
        end = WallTime.at(start.instant + timedelta(hours=1), ZONE)
        draft = Draft(title, start, end, attendees=(GUEST,), **more)
        with self.hub.db.write() as session:
            new = book.New(self.person(NOA).id, session.get_one(Party, self.dana), draft)
            ask = Ask(key or str(uuid4()), now(), notify)
            return book.make(session, self.person(), new, ask, zone=ZONE, undo=wait)

    def change(self, number: int = 0, *, email: str = ADAM, notify: bool = False, **fields: Any) -> Booking | None:
        scope = fields.pop("scope", Scope.ALL)
        with self.hub.db.write() as session:
            ask = Ask(str(uuid4()), now(), notify)
            row = self.meetings()[number].public_id
            wait = fields.pop("wait", timedelta(0))
            return book.change(session, self.person(email), row, fields, ask, scope=scope, zone=ZONE, undo=wait)

    def move(self, number: int = 0, hours: float = 3, **more: Any) -> Booking | None:
        start = WallTime.at(self.meetings()[number].started_at + timedelta(hours=hours), ZONE)
        return self.change(number, start=start, **more)

    def call_off(self, number: int = 0, *, scope: Scope = Scope.ALL, notify: bool = False) -> Booking:
        with self.hub.db.write() as session:
            ask = Ask(str(uuid4()), now(), notify)
            row = self.meetings()[number].public_id
            return book.call_off(session, self.person(), row, ask, scope=scope, zone=ZONE, undo=timedelta(0))

    def deliver(self) -> int:
        """Do what the worker does until nothing is due."""
        return sending.deliver(self.hub)

    def again(self) -> None:
        """Let time pass until what failed is due."""
        sending.let_time_pass(self.hub)

    def booking(self, booking: Booking | None) -> Booking:
        assert booking is not None
        with self.hub.db.read() as session:
            return session.get_one(Booking, booking.id)

    def settled(self, booking: Booking | None) -> str:
        return self.booking(booking).state

    def entries(self, address: str = NOA) -> list[dict[str, Any]]:
        """What stands in the calendar at the provider."""
        return [one.body for one in self.google.user(address).calendar().entries.values()]

    def visible(self) -> list[tuple[Any, ...]]:
        """What a page would show of the meetings."""
        return [
            (row.id, row.summary, row.started_at, row.ended_at, row.visibility, row.owner_id,
             {name: value for name, value in row.detail.items() if name != "uid"})
            for row in self.meetings()
        ]  # fmt: skip


@pytest.fixture
def office(hub: Hub, google: GoogleSimulator) -> Bookings:
    office = Bookings(hub, google)
    office.read()
    return office


def test_a_colleague_books_and_the_customer_sees_nothing_of_it(office: Bookings, google: GoogleSimulator) -> None:
    booking = office.make(description="Bring the contract.", location="Haifa")
    [waiting] = office.meetings()
    assert (waiting.summary, waiting.detail["booking"]["state"]) == ("Offer", BookingState.WAITING)
    assert waiting.owner_id == office.person(NOA).id
    assert office.entries() == []
    assert office.deliver() == 1
    [made] = office.entries()
    assert (made["summary"], made["location"]) == ("Offer", "Haifa")
    assert made["extendedProperties"]["private"][plan.MARKER] == made["id"]
    assert "attendees" not in made
    assert google.invitations == []
    [written] = office.meetings()
    assert (written.id, written.detail["booking"], written.detail["ours"]) == (waiting.id, None, True)
    assert office.settled(booking) == BookingState.WRITTEN
    with office.hub.db.read() as session:
        [line] = session.scalars(select(Audit).where(Audit.action == "meeting.booked")).all()
    assert (line.actor, line.detail["calendar"], line.detail["notify"]) == (ADAM, NOA, False)


def test_what_was_written_comes_back_and_nothing_changes(office: Bookings, google: GoogleSimulator) -> None:
    office.make()
    office.deliver()
    before, asked = office.visible(), google.asked
    assert len(before) == 1
    for _ in range(2):
        assert office.read()[STREAM].get("changed", 0) == 0
        assert office.visible() == before
        assert office.deliver() == 0
    assert len(office.entries()) == 1
    assert google.asked > asked
    with office.hub.db.read() as session:
        assert len(session.scalars(select(RawRecord)).all()) == 1
        assert len(session.scalars(select(MeetingRow)).all()) == 1


def test_the_sync_may_be_faster_than_our_own_transaction(
    office: Bookings, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.make()
    [waiting] = office.meetings()
    create = calendar_writer.CalendarWriter.create

    def slow(self: Any, values: Any, *, key: str) -> Any:
        written = create(self, values, key=key)
        office.read()
        assert [row.id for row in office.meetings()] == [waiting.id]
        return written

    monkeypatch.setattr(calendar_writer.CalendarWriter, "create", slow)
    office.deliver()
    [row] = office.meetings()
    assert (row.id, row.detail["booking"]) == (waiting.id, None)
    assert google.invitations == []


def test_a_form_that_is_sent_twice_books_once(office: Bookings) -> None:
    first, second = office.make(key="form"), office.make(key="form")
    assert first.id == second.id
    assert office.deliver() == 1
    assert len(office.entries()) == 1


def test_an_event_whose_answer_was_lost_is_made_once(office: Bookings, google: GoogleSimulator) -> None:
    booking = office.make()
    google.faults.add("commit_then_timeout")
    office.deliver()
    assert office.settled(booking) == BookingState.WAITING
    assert len(office.entries()) == 1
    office.again()
    office.deliver()
    assert office.settled(booking) == BookingState.WRITTEN
    assert len(office.entries()) == len(office.meetings()) == 1


@pytest.mark.parametrize("what", ["move", "call_off"])
def test_a_change_whose_answer_was_lost_is_made_once(office: Bookings, google: GoogleSimulator, what: str) -> None:
    office.make()
    office.deliver()
    booking = getattr(office, what)()
    google.faults.add("commit_then_timeout")
    office.deliver()
    assert office.settled(booking) == BookingState.WAITING
    after = office.entries()
    office.again()
    office.deliver()
    assert office.settled(booking) == BookingState.WRITTEN
    assert office.entries() == after


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_is_killed_leaves_one_event(office: Bookings, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    class Killed(BaseException):
        pass

    booking = office.make()
    deliverer = hub_app.deliverer(office.hub)
    create = calendar_writer.CalendarWriter.create

    def dying(self: Any, values: Any, *, key: str) -> Any:
        if when == "after":
            create(self, values, key=key)
        raise Killed

    with office.hub.db.write() as session:
        [lease] = claim(session, Outbox, deliverer.due(), owner=new_owner(), lease_s=60)
    with monkeypatch.context() as patched:
        patched.setattr(calendar_writer.CalendarWriter, "create", dying)
        with pytest.raises(Killed):
            deliverer.deliver(lease)
    office.again()
    office.deliver()
    assert office.settled(booking) == BookingState.WRITTEN
    assert len(office.entries()) == len(office.meetings()) == 1


def test_a_booking_can_be_taken_back_until_somebody_writes_it(office: Bookings) -> None:
    early, late = office.make("Early", wait=timedelta(hours=1)), office.make("Late")
    with office.hub.db.write() as session:
        book.undo(session, office.person(), early.public_id, zone=ZONE)
    assert [row.summary for row in office.meetings()] == ["Late"]
    office.deliver()
    assert [one["summary"] for one in office.entries()] == ["Late"]
    with office.hub.db.write() as session, pytest.raises(UserError) as refused:
        book.undo(session, office.person(), late.public_id, zone=ZONE)
    assert refused.value.error_id == "too_late"
    assert office.settled(early) == BookingState.UNDONE


def test_what_was_asked_of_a_meeting_before_it_was_written_goes_with_it(office: Bookings) -> None:
    made = office.make(wait=timedelta(hours=1))
    moved = office.move(wait=timedelta(hours=2))
    assert len(office.meetings()) == 1
    with office.hub.db.write() as session:
        book.undo(session, office.person(), made.public_id, zone=ZONE)
    assert office.meetings() == []
    office.again()
    assert office.deliver() == 0
    assert office.settled(moved) == BookingState.UNDONE


def test_a_meeting_is_moved_before_and_after_it_was_written(office: Bookings, google: GoogleSimulator) -> None:
    office.make()
    first = office.meetings()[0]
    office.move(hours=2)
    assert office.meetings()[0].started_at == first.started_at + timedelta(hours=2)
    assert office.deliver() == 2
    office.move(hours=1)
    office.change(title="Contract")
    assert [row.summary for row in office.meetings()] == ["Contract"]
    assert office.deliver() == 2
    [event_] = office.entries()
    assert datetime.fromisoformat(event_["start"]["dateTime"]) == first.started_at + timedelta(hours=3)
    assert datetime.fromisoformat(event_["end"]["dateTime"]) == first.started_at + timedelta(hours=4)
    assert event_["summary"] == "Contract"
    before = office.visible()
    office.read()
    assert office.visible() == before
    assert [(row.id, row.detail["booking"]) for row in office.meetings()] == [(first.id, None)]
    assert google.invitations == []


def test_a_meeting_is_called_off_and_stays_struck(office: Bookings, google: GoogleSimulator) -> None:
    office.make()
    office.deliver()
    off = office.call_off()
    assert office.meetings()[0].detail["cancelled"]
    assert office.entries()[0]["status"] == "confirmed"
    office.deliver()
    assert office.entries()[0]["status"] == "cancelled"
    assert office.settled(off) == BookingState.WRITTEN
    before = office.visible()
    assert [(row[1], row[-1]["cancelled"]) for row in before] == [("Offer", True)]
    office.read()
    assert office.visible() == before
    with pytest.raises(UserError) as refused:
        office.move()
    assert refused.value.error_id == "cancelled"
    assert google.invitations == []


def test_one_time_of_a_series_is_moved_and_another_called_off(office: Bookings, google: GoogleSimulator) -> None:
    calendar = google.user(NOA).calendar()
    made = calendar.insert(**event(google, "Weekly", days=1, recurrence=["RRULE:FREQ=WEEKLY"]))
    office.read()
    [first] = office.meetings()
    office.move(hours=1, scope=Scope.THIS)
    [moved] = office.meetings()
    assert (moved.id, moved.started_at) == (first.id, first.started_at + timedelta(hours=1))
    office.deliver()
    [exception] = [one for one in office.entries() if one.get("recurringEventId") == made["id"]]
    assert datetime.fromisoformat(exception["start"]["dateTime"]) == moved.started_at
    assert calendar.entries[made["id"]].body["start"] == made["start"]
    before = office.visible()
    office.read()
    assert office.visible() == before
    office.call_off(scope=Scope.THIS)
    struck, following = office.meetings()
    assert (struck.detail["cancelled"], following.detail["cancelled"]) == (True, False)
    assert following.started_at == first.started_at + timedelta(days=7)
    office.deliver()
    assert [row.detail["cancelled"] for row in office.meetings()] == [True, False]
    office.call_off(1, scope=Scope.THIS)
    office.deliver()
    office.read()
    assert [row.detail["cancelled"] for row in office.meetings()] == [True, True, False]
    assert sum(one.get("status") == "cancelled" for one in office.entries()) == 2
    assert google.invitations == []


def test_the_event_of_another_organiser_is_never_touched(office: Bookings, google: GoogleSimulator) -> None:
    google.invite("boss@elsewhere.example", [NOA], **event(google, "Theirs", attendees=[CUSTOMER]))
    office.read()
    before = office.entries()
    for what in (office.move, office.call_off):
        with pytest.raises(UserError) as refused:
            what()
        assert refused.value.error_id == "not_organiser"
    assert office.deliver() == 0
    assert office.entries() == before


def test_what_google_refuses_is_shown_and_tried_again_or_given_up(office: Bookings, google: GoogleSimulator) -> None:
    office.make()
    office.deliver()
    at = office.meetings()[0].started_at
    moved = office.move()
    google.faults.add("forbidden_for_non_organizer")
    office.deliver()
    [row] = office.meetings()
    assert row.started_at == at
    assert (row.detail["booking"]["state"], row.detail["booking"]["id"]) == (
        "refused",
        str(office.booking(moved).public_id),
    )
    assert "organizer" in row.detail["booking"]["why"]
    with office.hub.db.write() as session:
        book.retry(session, office.person(), office.booking(moved).public_id, zone=ZONE)
    assert office.meetings()[0].started_at == at + timedelta(hours=3)
    office.deliver()
    assert office.settled(moved) == BookingState.WRITTEN
    again = office.move()
    google.faults.add("forbidden_for_non_organizer")
    office.deliver()
    with office.hub.db.write() as session:
        book.discard(session, office.person(), office.booking(again).public_id, zone=ZONE)
    assert office.settled(again) == BookingState.DROPPED
    assert [(one.started_at, one.detail["booking"]) for one in office.meetings()] == [(at + timedelta(hours=3), None)]


def test_a_new_meeting_that_is_refused_waits_for_a_person(office: Bookings) -> None:
    booking = office.make()
    with office.hub.db.write() as session:
        row = session.get_one(Account, office.account)
        row.settings = {**row.settings, book.WRITABLE: ""}
    office.deliver()
    assert office.meetings()[0].detail["booking"]["state"] == "refused"
    with pytest.raises(UserError) as refused:
        office.move()
    assert refused.value.error_id == "not_written"
    with office.hub.db.write() as session:
        book.discard(session, office.person(), booking.public_id, zone=ZONE)
    assert office.meetings() == []


def test_a_change_goes_over_what_others_changed_besides(office: Bookings, google: GoogleSimulator) -> None:
    office.make()
    office.deliver()
    [made] = office.entries()
    moved = office.move()
    google.user(NOA).calendar().patch(made["id"], location="Jaffa", summary="Offer and more")
    office.deliver()
    assert office.settled(moved) == BookingState.WRITTEN
    [row] = office.meetings()
    assert (row.summary, row.detail["location"]) == ("Offer and more", "Jaffa")
    assert office.entries()[0]["location"] == "Jaffa"


def test_a_change_of_what_somebody_else_changed_is_left_to_a_person(office: Bookings, google: GoogleSimulator) -> None:
    office.make()
    office.deliver()
    [made] = office.entries()
    theirs = event(google, "", days=5)
    moved, off = office.move(), None
    google.user(NOA).calendar().patch(made["id"], start=theirs["start"], end=theirs["end"])
    office.deliver()
    assert office.booking(moved).state == BookingState.REFUSED
    assert "meanwhile" in office.booking(moved).why
    office.read()
    [row] = office.meetings()
    assert row.started_at == datetime.fromisoformat(theirs["start"]["dateTime"]).replace(microsecond=0)
    with office.hub.db.write() as session:  # the person has seen it, and wants it all the same
        book.retry(session, office.person(), office.booking(moved).public_id, zone=ZONE)
    office.deliver()
    assert office.settled(moved) == BookingState.WRITTEN
    google.user(NOA).calendar().patch(made["id"], start=theirs["start"], end=theirs["end"])
    off = office.call_off()
    office.deliver()
    assert office.settled(off) == BookingState.REFUSED
    assert office.entries()[0]["status"] == "confirmed"


def test_guests_are_told_only_by_who_says_so(office: Bookings, google: GoogleSimulator) -> None:
    office.make(notify=True)
    office.deliver()
    assert [(one.kind, one.to) for one in google.invitations] == [("invited", CUSTOMER)]
    [row] = office.meetings()
    assert row.detail["attendees"][0]["address"] == CUSTOMER
    office.move()
    office.deliver()
    assert len(google.invitations) == 1
    assert [one["email"] for one in office.entries()[0]["attendees"]] == [CUSTOMER]
    office.move(notify=True)
    office.deliver()
    office.call_off(notify=True)
    office.deliver()
    assert [one.kind for one in google.invitations] == ["invited", "updated", "cancelled"]


def test_who_may_not_is_refused(office: Bookings, google: GoogleSimulator) -> None:
    google.user(NOA).calendar().insert(**event(google, "Secret", visibility="private"))
    office.read()
    with pytest.raises(ForbiddenError):
        office.change(title="Mine")
    with pytest.raises(UserError):
        office.change(title="x" * 2000, email=NOA)
    nobody = Person(0, None, "", "nobody", "guest")
    draft = Draft("x", WallTime.at(now(), ZONE), WallTime.at(now() + timedelta(hours=1), ZONE))
    with office.hub.db.write() as session, pytest.raises(ForbiddenError):
        book.make(session, nobody, book.New(1, None, draft), Ask("k", now()), zone=ZONE)
    with office.hub.db.write() as session, pytest.raises(NotFoundError):
        book.stand(session, office.person(), UUID(int=1))


def test_a_meeting_without_an_account_to_write_it_is_refused(office: Bookings) -> None:
    draft = Draft("x", WallTime.at(now(), ZONE), WallTime.at(now() + timedelta(hours=1), ZONE))
    new = book.New(office.person(ADAM).id, None, draft)
    with office.hub.db.write() as session, pytest.raises(UserError) as refused:
        book.make(session, office.person(), new, Ask("k", now()), zone=ZONE)
    assert refused.value.error_id == "no_calendar"


def test_a_note_on_a_meeting_that_waits_stays_with_it(office: Bookings) -> None:
    office.make()
    [waiting] = office.meetings()
    with office.hub.db.write() as session:
        session.add(Note(party_id=office.dana, interaction_id=waiting.id, text="Bring cake"))
    office.deliver()
    office.read()
    [written] = office.meetings()
    assert written.detail["uid"].endswith("@google.com")
    with office.hub.db.read() as session:
        assert session.scalars(select(Note.interaction_id)).all() == [written.id]


def test_a_guests_calendar_may_be_faster_than_the_hosts(
    hub: Hub, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Bookings(hub, google, service_account=google.service_account_json(), mailboxes=f"{NOA}\n{ADAM}")
    office.read()
    start = WallTime.at((now() + timedelta(days=1)).replace(microsecond=0), ZONE)
    draft = Draft("Together", start, WallTime.at(start.instant + timedelta(hours=1), ZONE), attendees=(Attendee(ADAM),))
    with hub.db.write() as session:
        new = book.New(office.person(NOA).id, session.get_one(Party, office.dana), draft)
        book.make(session, office.person(), new, Ask("k", now(), notify=True), zone=ZONE, undo=timedelta(0))
    [waiting] = office.meetings()
    with hub.db.write() as session:
        session.add(Note(party_id=office.dana, interaction_id=waiting.id, text="Bring cake"))
    create = calendar_writer.CalendarWriter.create

    def slow(self: Any, values: Any, *, key: str) -> Any:
        written = create(self, values, key=key)
        office.read_one(f"calendar:{ADAM}:primary")
        return written

    monkeypatch.setattr(calendar_writer.CalendarWriter, "create", slow)
    office.deliver()
    for _ in range(2):
        [row] = office.meetings()
        assert (row.summary, len(row.detail["users"]), row.detail["booking"]) == ("Together", 2, None)
        with hub.db.read() as session:
            assert session.scalars(select(Note.interaction_id)).all() == [row.id]
            assert len(session.scalars(select(MeetingRow)).all()) == 1
        office.read()
    assert [one.to for one in google.invitations] == [ADAM]
