"""What becomes of meetings whose events calendars no longer have."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hub.connector.contract import Delivered
from hub.intake import receive
from hub.intake.models import Account, RawRecord
from hub.intake.receive import Shown
from hub.meetings import copies, take
from hub.meetings.models import MeetingCopy
from hub.records.meeting import Attendee, WallTime
from hub.store.base import now
from hub.store.session import Database
from hub.timeline.models import Interaction

ZONE = "Asia/Jerusalem"
NOA, DANA = "noa@acme.example", "dana@customer.example"
PRIMARY, TEAM = (f"calendar:{NOA}:{name}" for name in ("primary", "team"))
FIRST = now().replace(minute=0, second=0, microsecond=0) - timedelta(days=13)
SECOND = FIRST + timedelta(days=7)


def event(name: str, title: str, at: datetime, **more: Any) -> dict[str, Any]:
    times = {"start": WallTime.at(at, ZONE), "end": WallTime.at(at + timedelta(hours=1), ZONE)}
    people = {"organiser": NOA, "attendees": [Attendee(DANA)]}
    return {"remote_id": name, "uid": "u@acme.example", "title": title, **times, **people, **more}


SERIES = event("s", "Weekly", FIRST, recurrence=["RRULE:FREQ=WEEKLY;COUNT=2"])
OTHER = event("t", "In the garden", SECOND, series_id="s", original_start=SECOND.astimezone(UTC))


class Book:
    """One account whose calendars are filled and emptied by hand."""

    def __init__(self, database: Database) -> None:
        self.db = database
        with database.write() as session:
            account = Account(name="acme", connector="microsoft")
            session.add(account)
            session.flush()
            self.account_id = account.id

    def has(self, calendar: str, *events: Mapping[str, Any]) -> None:
        """Let a calendar show events."""
        with self.db.write() as session:
            account = session.get_one(Account, self.account_id)
            told = [Delivered(calendar, str(one["remote_id"]), {"title": one["title"]}) for one in events]
            kept = receive.keep_page(session, account.id, calendar, told, Shown(calendar, 1))
            raws = {raw.remote_id: raw for raw in receive.rows(session, kept)}
            take.take(session, account, [take.Given(raws[one["remote_id"]], one) for one in events], zone=ZONE)

    def loses(self, calendar: str, name: str) -> None:
        """Let a calendar have an event no more."""
        with self.db.write() as session:
            which = (RawRecord.stream == calendar, RawRecord.remote_id == name)
            [raw] = session.scalars(select(RawRecord).where(*which))
            raw.gone_at = now()
            take.lose(session, [raw], zone=ZONE)

    def shown(self) -> list[tuple[str, bool]]:
        with self.db.read() as session:
            rows = session.scalars(select(Interaction).order_by(Interaction.started_at))
            return [(row.summary, row.detail["cancelled"]) for row in rows]

    def living(self) -> set[tuple[str, str]]:
        with self.db.read() as session:
            rows = session.scalars(select(RawRecord).where(RawRecord.gone_at.is_(None)))
            return {(raw.stream, raw.remote_id) for raw in rows}

    def cancelled(self) -> set[str]:
        with self.db.read() as session:
            rows = session.scalars(select(MeetingCopy)).all()
        return {row.remote_id for row in rows if copies.of_json(row.fields).is_cancelled}


@pytest.fixture
def book(database: Database) -> Book:
    return Book(database)


def test_a_series_that_is_no_more_is_called_off_with_the_times_that_differ(book: Book) -> None:
    book.has(PRIMARY, SERIES, OTHER)
    assert book.shown() == [("Weekly", False), ("In the garden", False)]
    book.loses(PRIMARY, "s")
    assert book.shown() == [("Weekly", True), ("In the garden", True)]
    assert (book.cancelled(), book.living()) == ({"s", "t"}, set())  # a replay takes what lives, and nothing else


def test_a_time_that_is_no_more_by_itself_is_as_the_series_says(book: Book) -> None:
    book.has(PRIMARY, SERIES, OTHER)
    book.loses(PRIMARY, "t")
    assert book.shown() == [("Weekly", False), ("Weekly", False)]
    assert book.living() == {(PRIMARY, "s")}


def test_what_another_calendar_of_the_mailbox_has_as_well_goes_on_there(book: Book) -> None:
    for calendar in (PRIMARY, TEAM):
        book.has(calendar, SERIES, OTHER)
    book.loses(PRIMARY, "s")
    assert book.shown() == [("Weekly", False), ("In the garden", False)]
    assert book.living() == {(TEAM, "s"), (TEAM, "t")}
    book.loses(TEAM, "s")
    assert book.shown() == [("Weekly", True), ("In the garden", True)]
