"""What is written to a calendar of Outlook, and what must not be."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connectors.microsoft import calendar_busy, calendar_writer
from connectors.microsoft.calendar_writer import CalendarWriter
from connectors.microsoft.client import Client
from connectors.microsoft.settings import MicrosoftSettings
from connectors.microsoft.simulated.books import Calendars
from connectors.microsoft.simulator import MicrosoftSimulator, create
from hub.connector.simulator import Faults
from hub.errors import ConflictError, GoneError, ReadOnlyError, RejectedError, RetryLaterError, ScopeError, ShapeError
from hub.records.meeting import Attendee, Privacy, WallTime
from tests.unit.microsoft.mailroom import NOA, Hub

OWN = "6a0a3f5e6d0b5c3b9a3e2f6c1d0a7b54"
DANA = Attendee("dana@customer.example", "Dana")
START = WallTime.at(datetime(2027, 3, 2, 8, tzinfo=UTC), "Asia/Jerusalem")
END = WallTime.at(datetime(2027, 3, 2, 9, tzinfo=UTC), "Asia/Jerusalem")
NEW = {
    "id": OWN, "markers": {"hub": OWN}, "title": "Offer", "start": START, "end": END, "description": "Text", "location": "",
    "recurrence": (), "attendees": (DANA,), "privacy": Privacy.CONFIDENTIAL, "transparent": True, "notify": False,
}  # fmt: skip


class Desk:
    """One mailbox, and what writes to its main calendar."""

    def __init__(self, simulator: MicrosoftSimulator) -> None:
        self.simulator = simulator
        self.book: Calendars = simulator.user(NOA).calendars

    def writer(self, **more: Any) -> CalendarWriter:
        settings = MicrosoftSettings.model_validate({**self.simulator.settings(), "timeout_s": 5, **more})
        return calendar_writer.writer(Client(settings, Hub(), NOA), f"calendar:{NOA}:primary")

    def told(self) -> list[str]:
        return [one.kind for one in self.book.invitations]


@pytest.fixture
def desk() -> Iterator[Desk]:
    simulator = create(0, Faults())
    simulator.start()
    yield Desk(simulator)
    simulator.stop()


def test_an_event_is_made_with_our_mark_and_nobody_in_it(desk: Desk) -> None:
    written = desk.writer().create(NEW, key="k")
    [made] = desk.book.events()
    assert written.remote_id == desk.book.immutable(made["id"])
    assert (written.version, made["attendees"], desk.told()) == (made["@odata.etag"], [], [])
    assert (made["sensitivity"], made["showAs"], made["transactionId"]) == ("confidential", "free", OWN)
    assert made["start"] == {"dateTime": "2027-03-02T08:00:00.0000000", "timeZone": "UTC"}
    assert made["originalStartTimeZone"] == "Israel Standard Time"


def test_an_event_that_a_lost_answer_left_behind_is_found_and_not_made_again(desk: Desk) -> None:
    desk.simulator.faults.add("commit_then_timeout")
    with pytest.raises(RetryLaterError):
        desk.writer().create({**NEW, "notify": True}, key="k")
    written = desk.writer().create({**NEW, "notify": True}, key="k")
    [made] = desk.book.events()
    assert written.remote_id == desk.book.immutable(made["id"])
    assert desk.told() == ["invited"]
    desk.book.patch(made["id"], subject="Changed since")
    assert desk.writer().create({**NEW, "notify": True}, key="k").remote_id == written.remote_id
    assert len(desk.book.events()) == 1


def test_a_transaction_of_somebody_else_is_refused_for_good(desk: Desk) -> None:
    desk.book.insert(subject="Theirs", start=datetime(2027, 1, 1, 9, tzinfo=UTC), transactionId=OWN)
    with pytest.raises(RejectedError, match="TransactionId"):
        desk.writer().create(NEW, key="k")


def test_a_change_writes_what_it_names_over_the_version_that_was_seen(desk: Desk) -> None:
    writer = desk.writer()
    made = writer.create(NEW, key="k")
    changed = writer.update(made.remote_id, {"title": "New", "start": date(2027, 3, 3), "end": date(2027, 3, 4)},
                            version=made.version, key="k")  # fmt: skip
    [event] = desk.book.events()
    assert (event["subject"], event["isAllDay"], event["body"]["content"] != "") == ("New", True, True)
    assert changed.payload is not None
    assert changed.version == event["@odata.etag"] != made.version
    with pytest.raises(ConflictError):
        writer.update(made.remote_id, {"title": "Older"}, version=made.version, key="k")
    with pytest.raises(ConflictError):
        writer.cancel(made.remote_id, version=made.version, key="k", notify=False)
    assert writer.update(made.remote_id, {"notify": False}, version="", key="k").version == changed.version


def test_nobody_hears_of_anything_unless_somebody_said_so(desk: Desk) -> None:
    writer = desk.writer()
    made = writer.create({**NEW, "notify": True}, key="k")
    for refused in (
        lambda: writer.update(made.remote_id, {"title": "New"}, version="", key="k"),
        lambda: writer.delete(made.remote_id, version="", key="k"),
    ):
        with pytest.raises(RejectedError, match="tells everybody"):
            refused()
    assert desk.told() == ["invited"]
    writer.update(made.remote_id, {"transparent": False}, version="", key="k")  # what each has for itself
    assert desk.told() == ["invited"]
    writer.update(made.remote_id, {"attendees": (), "title": "New", "notify": True}, version="", key="k")
    assert desk.told() == ["invited", "cancelled"]


def test_a_meeting_with_guests_is_called_off_with_a_word(desk: Desk) -> None:
    writer = desk.writer()
    made = writer.create({**NEW, "notify": True}, key="k")
    for _ in range(2):  # of what is called off already nothing is said
        writer.cancel(made.remote_id, version=made.version, key="k", notify=True)
    assert (desk.told(), desk.book.events()) == (["invited", "cancelled"], [])
    with pytest.raises(GoneError):
        writer.update(made.remote_id, {"title": "New"}, version="", key="k")


def test_what_somebody_else_organises_is_not_touched(desk: Desk) -> None:
    theirs = desk.book.invite("boss@elsewhere.example", subject="Theirs", start=datetime(2027, 1, 1, 9, tzinfo=UTC))
    own = desk.book.immutable(theirs["id"])
    with pytest.raises(ReadOnlyError):
        desk.writer().update(own, {"title": "Mine"}, version="", key="k")
    with pytest.raises(ReadOnlyError):
        desk.writer().cancel(own, version="", key="k", notify=True)
    assert desk.book.get(theirs["id"])["subject"] == "Theirs"


def test_the_link_of_a_call_is_not_written_over(desk: Desk) -> None:
    made = desk.book.insert(subject="Call", start=datetime(2027, 1, 1, 9, tzinfo=UTC), isOnlineMeeting=True)
    own = desk.book.immutable(made["id"])
    with pytest.raises(RejectedError, match="Teams"):
        desk.writer().update(own, {"description": "New"}, version="", key="k")
    desk.writer().update(own, {"title": "Call, later"}, version="", key="k")
    assert desk.book.get(made["id"])["onlineMeeting"]["joinUrl"]


def test_one_time_of_a_series_is_changed_and_another_called_off(desk: Desk) -> None:
    writer = desk.writer()
    series = writer.create({**NEW, "recurrence": ("RRULE:FREQ=DAILY;COUNT=5",)}, key="k")
    day = timedelta(days=1)
    name = writer.one_time(series.remote_id, START.instant + day)
    assert name == f"OID.{series.remote_id}.2027-03-03"
    changed = writer.update(name, {"title": "Other"}, version="", key="k")
    assert (changed.remote_id, (changed.payload or {})["subject"]) == (name, "Other")
    writer.cancel(name, version=changed.version, key="k", notify=False)
    writer.cancel(name, version=changed.version, key="k", notify=False)
    for gone in (START.instant + day, START.instant + 9 * day):
        with pytest.raises(GoneError):
            writer.one_time(series.remote_id, gone)
    with pytest.raises(GoneError):
        writer.one_time("AAMknothing=", START.instant)
    [event] = desk.book.events()
    assert event["recurrence"]["range"]["numberOfOccurrences"] == 5
    again = writer.update(series.remote_id, {"recurrence": ("RRULE:FREQ=DAILY;COUNT=3",)}, version="", key="k")
    assert (again.payload or {})["recurrence"]["range"]["numberOfOccurrences"] == 3


@pytest.mark.parametrize(
    "settings",
    [{"writable_calendars": ""}, {"calendar": False}, {"calendars": "AQMkteam="}, {"address": "x@y.example"}],
)
def test_the_settings_say_where_is_written(desk: Desk, settings: dict[str, Any]) -> None:
    with pytest.raises(RejectedError):
        desk.writer(**settings)


def test_who_is_busy_is_asked_in_parts_and_what_is_odd_is_said_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    since = datetime(2027, 1, 1, tzinfo=UTC)
    desk.book.insert(subject="Late", start=since + timedelta(days=100))
    desk.book.insert(subject="Free", start=since + timedelta(days=1), showAs="free")
    client = desk.writer().client
    asked = ([NOA.upper(), "x@y.example"], since, since + timedelta(days=120))
    begin = since + timedelta(days=100)
    assert calendar_busy.busy(client, *asked) == {NOA.upper(): [(begin, begin + timedelta(hours=1))]}
    for odd in ({}, {"value": [{"scheduleId": NOA, "scheduleItems": [{"status": "busy"}]}]}, {"value": 7}):
        monkeypatch.setattr(Client, "send", lambda *_, odd=odd, **__: odd)
        with pytest.raises(ShapeError):
            calendar_busy.busy(client, *asked)
    closed = Client(client.settings.model_copy(update={"calendar": False}), Hub(), NOA)
    with pytest.raises(ScopeError):
        calendar_busy.busy(closed, *asked)
