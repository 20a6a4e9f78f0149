"""Calendars of a simulated Google, read by a wired hub: meetings on the timelines of customers, once, whoever has them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.context import Hub
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import accounts, read
from hub.intake.models import Account, RawRecord, StreamState
from hub.intake.read import Reader
from hub.security import users
from hub.security.models import Role
from hub.timeline.models import Interaction, Kind, Participant
from hub.work.lease import claim, new_owner
from tests.e2e.calls import until

NOA, ADAM = "noa@acme.example", "adam@acme.example"
CUSTOMER = "dana@customer.example"


class Office:
    """A hub with one Google account, read on demand."""

    def __init__(self, hub: Hub, google: GoogleSimulator, **settings: Any) -> None:
        self.hub, self.google = hub, google
        connector = hub.connectors["google"]
        values = {**google.settings(), "mail": False, "contacts": False, "timeout_s": 5, **settings}
        with hub.db.write() as session:
            for address, name in ((NOA, "Noa"), (ADAM, "Adam")):
                users.add(session, address, name, Role.AGENT)
            given = [parties.Given(parties.EMAIL, CUSTOMER)]
            dana = parties.create(session, None, PartyKind.PERSON, "Dana", given, region="IL")
            self.dana, self.dana_public = dana.id, dana.public_id
            account = accounts.create(session, connector, hub.vault, "Google", values)
            self.account = account.id

    def read(self) -> dict[str, dict[str, int]]:
        """Read every stream once, as workers do."""
        counts = {}
        reader = hub_app.reader(self.hub)
        for stream in (read.LISTING, *self._streams()):
            counts[stream] = self.read_one(stream, reader)
        for stream in set(self._streams()) - counts.keys():
            counts[stream] = self.read_one(stream, reader)
        return counts

    def read_one(self, stream: str, reader: Reader | None = None) -> dict[str, int]:
        which = (StreamState.account_id == self.account) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        return dict((reader or hub_app.reader(self.hub)).read(lease))

    def _streams(self) -> list[str]:
        with self.hub.db.read() as session:
            return [state.stream for state in read.wanted(session, self.account)]

    def state(self, stream: str = f"calendar:{NOA}:primary") -> StreamState:
        with self.hub.db.read() as session:
            query = select(StreamState).where(StreamState.account_id == self.account, StreamState.stream == stream)
            return session.scalars(query).one()

    def interactions(self, party: int | None = None) -> list[Interaction]:
        """What stands on a customer's timeline, in order."""
        with self.hub.db.read() as session:
            query = select(Interaction).join(Participant, Participant.interaction_id == Interaction.id)
            query = query.where(Participant.party_id == (party or self.dana))
            return list(session.scalars(query.order_by(Interaction.started_at)))

    def meetings(self, party: int | None = None) -> list[Interaction]:
        return [row for row in self.interactions(party) if row.kind == Kind.MEETING]


@pytest.fixture
def office(hub: Hub, google: GoogleSimulator) -> Office:
    return Office(hub, google)


def event(google: GoogleSimulator, title: str, days: float = 1, **more: Any) -> dict[str, Any]:
    """An event with the customer, so many days from now."""
    begin = google.clock.now() + timedelta(days=days)
    return {
        "summary": title,
        "start": {"dateTime": begin.isoformat(), "timeZone": "Europe/Warsaw"},
        "end": {"dateTime": (begin + timedelta(hours=1)).isoformat(), "timeZone": "Europe/Warsaw"},
        "attendees": [{"email": CUSTOMER, "displayName": "Dana"}],
        **more,
    }


def test_meetings_with_customers_stand_on_their_timelines(office: Office, google: GoogleSimulator) -> None:
    calendar = google.user(NOA).calendar()
    calendar.insert(**event(google, "Offer"))
    calendar.insert(**event(google, "Dentist", attendees=[]))
    office.read()
    [offer] = office.meetings()
    assert (offer.summary, offer.visibility) == ("Offer", "all")
    assert offer.detail["attendees"][0]["address"] == CUSTOMER
    with office.hub.db.read() as session:
        assert len(session.scalars(select(RawRecord)).all()) == 2


def test_a_moved_and_a_cancelled_meeting_follow_and_nothing_is_doubled(office: Office, google: GoogleSimulator) -> None:
    calendar = google.user(NOA).calendar()
    made = calendar.insert(**event(google, "Offer"))
    office.read()
    before = office.meetings()[0]
    later = event(google, "Offer, later", days=2)
    calendar.patch(made["id"], summary="Offer, later", start=later["start"], end=later["end"])
    office.read()
    [moved] = office.meetings()
    assert moved.id == before.id
    assert moved.summary == "Offer, later"
    assert moved.started_at > before.started_at
    calendar.cancel(made["id"])
    office.read()
    [struck] = office.meetings()
    assert struck.detail["cancelled"]
    assert struck.summary == "Offer, later"


def test_one_meeting_in_two_calendars_is_one(hub: Hub, google: GoogleSimulator) -> None:
    office = Office(hub, google, service_account=google.service_account_json(), mailboxes=f"{NOA}\n{ADAM}")
    guests = [{"email": CUSTOMER}, {"email": ADAM}]
    google.user(NOA).calendar().insert(**event(google, "Together", attendees=guests))
    office.read()
    [meeting] = office.meetings()
    assert len(meeting.detail["users"]) == 2
    with hub.db.read() as session:
        assert len(session.scalars(select(RawRecord)).all()) == 2


def test_a_series_is_collapsed_and_its_exceptions_count(office: Office, google: GoogleSimulator) -> None:
    calendar = google.user(NOA).calendar()
    made = calendar.insert(**event(google, "Weekly", days=-20, recurrence=["RRULE:FREQ=WEEKLY"]))
    office.read()
    rows = office.meetings()
    assert [row.detail["place"] for row in rows] == ["past", "past", "past", "next"]
    assert rows[-1].detail["repeats"]["frequency"] == "weekly"
    calendar.cancel(f"{made['id']}_{rows[-1].started_at:%Y%m%dT%H%M%SZ}")
    office.read()
    again = office.meetings()
    assert [row.detail["cancelled"] for row in again] == [False, False, False, True, False]
    assert (again[-1].started_at - again[-2].started_at) == timedelta(days=7)


def test_a_private_meeting_shows_others_only_that_it_was(office: Office, google: GoogleSimulator) -> None:
    google.user(NOA).calendar().insert(**event(google, "Secret", visibility="private"))
    office.read()
    [meeting] = office.meetings()
    assert meeting.visibility == "metadata"
    assert meeting.owner_id is not None


def test_a_customer_who_is_added_later_gets_the_earlier_meetings(office: Office, google: GoogleSimulator) -> None:
    guest = "jan@newcomer.example"
    google.user(NOA).calendar().insert(**event(google, "First talk", attendees=[{"email": guest}]))
    office.read()
    with office.hub.db.write() as session:
        given = [parties.Given(parties.EMAIL, guest)]
        jan = parties.create(session, None, PartyKind.PERSON, "Jan", given, region="PL")
    assert [row.summary for row in office.meetings(jan.id)] == ["First talk"]


def test_an_expired_token_begins_anew_and_finds_what_was_missed(office: Office, google: GoogleSimulator) -> None:
    calendar = google.user(NOA).calendar()
    kept, dropped = calendar.insert(**event(google, "Kept")), calendar.insert(**event(google, "Dropped"))
    office.read()
    google.faults.add("expire_cursor")
    calendar.cancel(dropped["id"])
    calendar.patch(kept["id"], summary="Kept, new")
    office.read()
    assert office.state().epoch == 2
    assert {row.summary: row.detail["cancelled"] for row in office.meetings()} == {"Kept, new": False, "Dropped": True}


@pytest.mark.parametrize(
    "odd",
    [
        {"recurrence": ["RDATE;TZID=Europe/Warsaw:20261110T100000,20261117T100000"]},
        {"start": {"dateTime": "2026-11-10T10:00:00", "timeZone": "Mars/Olympus"},
         "end": {"dateTime": "2026-11-10T11:00:00", "timeZone": "Mars/Olympus"}},
        {"end": {}, "endTimeUnspecified": True},
        {"start": {}, "end": {}},
        {"summary": "\u202eמחר"},
        {"recurrence": ["RRULE:FREQ=SECONDLY", "nonsense"]},
        {"attendees": [{"email": CUSTOMER}, {"email": "not an address"}, {"displayName": "nobody"}]},
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_an_odd_event_is_kept_or_set_aside_and_the_next_one_comes(
    office: Office, google: GoogleSimulator, odd: dict[str, Any]
) -> None:
    calendar = google.user(NOA).calendar()
    made = calendar.insert(**event(google, "Odd"))
    calendar.put({**made, **odd})
    calendar.insert(**event(google, "The next one"))
    office.read()
    assert office.state().trouble == ""
    assert "The next one" in {row.summary for row in office.meetings()}
    with office.hub.db.read() as session:
        raws = {str(raw.payload["summary"]): raw for raw in session.scalars(select(RawRecord))}
    assert len(raws) == 2, "nothing is lost"
    assert {name for name, raw in raws.items() if not raw.error} == {row.summary for row in office.meetings()}


@pytest.mark.alike
@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("server_error", "away"), ("unavailable", "away"), ("html_instead_of_json", "away"), ("truncated_json", "away"),
        ("reset", "away"), ("rate_limited", "limited"), ("rate_limited_403", "limited"), ("quota_user", "limited"),
        ("scope_missing", "scope"), ("api_disabled", "disabled"), ("no_sync_token", "away"), ("endless_page=9", "away"),
        ("token_expired", ""), ("empty_page", ""), ("replay_page", ""), ("reorder_page", ""), ("slow", ""),
    ],
)  # fmt: skip
def test_what_google_does_wrong_is_told_apart_and_healed(
    office: Office, google: GoogleSimulator, fault: str, trouble: str
) -> None:
    calendar = google.user(NOA).calendar()
    for number in range(3):
        calendar.insert(**event(google, f"Meeting {number}"))
    office.read_one(read.LISTING)
    google.faults.add(fault)
    office.read()
    assert office.state().trouble == trouble
    google.faults.clear()
    until(lambda: office.read() and not office.state().trouble, every=0.2)  # as long as Google wanted silence
    assert office.state().trouble == ""
    assert len(office.meetings()) == 3


def test_a_revoked_grant_stops_the_account_and_keeps_its_place(office: Office, google: GoogleSimulator) -> None:
    google.user(NOA).calendar().insert(**event(google, "Offer"))
    office.read()
    cursor = office.state().cursor
    google.faults.add("revoked=always")
    google.clock.advance(hours=2)
    google.faults.add("token_expired")
    office.read()
    assert office.state().trouble == "auth"
    assert office.state().cursor == cursor
    with office.hub.db.read() as session:
        account = session.get_one(Account, office.account)
        assert account.health == "needs_you"
        assert "Connect" in account.health_text
