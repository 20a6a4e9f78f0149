"""A firm with a mailbox at Google and one at Microsoft: each mail, meeting and contact is there once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from connectors.google.simulator import GoogleSimulator
from connectors.microsoft import simulator as microsoft_simulator
from connectors.microsoft.simulator import MicrosoftSimulator
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.identity.models import Link, Party, PartyStatus
from hub.intake import accounts, read
from hub.intake.models import Account, StreamState
from hub.mail.models import MailCopy, MailMessage
from hub.security import users
from hub.security.models import Role
from hub.timeline.models import Interaction, Kind
from hub.work.lease import claim, new_owner

NOA, ADAM = "noa@acme.example", "adam@acme.example"
CUSTOMER = "dana@customer.example"
HERE = ZoneInfo("Asia/Jerusalem")


@pytest.fixture
def microsoft() -> Iterator[MicrosoftSimulator]:
    simulator = microsoft_simulator.create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


class Firm:
    """Noa is at Google, Adam at Microsoft."""

    def __init__(self, hub: Hub, google: GoogleSimulator, microsoft: MicrosoftSimulator) -> None:
        self.hub, self.google, self.microsoft = hub, google, microsoft
        at_microsoft = {**microsoft.settings(), "address": ADAM, "refresh_token": microsoft.oauth.grant(ADAM)}
        with hub.db.write() as session:
            users.add(session, NOA, "Noa", Role.AGENT)
            users.add(session, ADAM, "Adam", Role.AGENT)
            for name, values in (("google", google.settings()), ("microsoft", at_microsoft)):
                row = accounts.create(
                    session, hub.connectors[name], hub.vault, name.title(), {**values, "timeout_s": 5}
                )
                row.region = "IL"

    def read(self) -> None:
        """Read every stream of both once, contacts first: whose mail it is must be known."""
        with self.hub.db.read() as session:
            numbers = session.scalars(select(Account.id).order_by(Account.id)).all()
        for account in numbers:
            self._read_one(account, read.LISTING)
        with self.hub.db.read() as session:
            streams = [
                (state.account_id, state.stream) for account in numbers for state in read.wanted(session, account)
            ]
        for account, stream in sorted(streams, key=lambda one: not one[1].startswith("contacts")):
            self._read_one(account, stream)

    def _read_one(self, account: int, stream: str) -> None:
        which = (StreamState.account_id == account) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        hub_app.reader(self.hub).read(lease)
        with self.hub.db.read() as session:
            state = session.scalars(select(StreamState).where(which)).one()
        assert state.trouble == "", (stream, state.reason)

    def on_timeline(self, kind: str) -> list[Interaction]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(Interaction).where(Interaction.kind == kind)))


@pytest.fixture
def firm(hub: Hub, google: GoogleSimulator, microsoft: MicrosoftSimulator) -> Firm:
    made = Firm(hub, google, microsoft)
    google.user(NOA).people.add("Dana", "Levi", emails=[CUSTOMER], phones=["+972502345678"])
    microsoft.user(ADAM).contacts.add("Dana", "Levi", emails=[CUSTOMER], phones=["+972502345678"])
    return made


def test_a_contact_of_both_is_one_customer(firm: Firm) -> None:
    firm.read()
    with firm.hub.db.read() as session:
        [dana] = session.scalars(select(Party).where(Party.status == PartyStatus.ACTIVE)).all()
        links = session.scalars(select(Link).where(Link.party_id == dana.id)).all()
    assert dana.name == "Dana Levi"
    assert len({link.account_id for link in links}) == 2


def test_a_mail_to_both_and_its_answer_are_one_conversation(firm: Firm) -> None:
    letter = {
        "from_": f"Dana Levi <{CUSTOMER}>",
        "to": [NOA, ADAM],
        "subject": "Offer?",
        "body": "How much is it?",
        "message_id": "<question@customer.example>",
        "at": firm.google.clock.now(),
    }
    firm.google.user(NOA).mail.receive(**letter)
    firm.microsoft.user(ADAM).mail.receive(**letter)
    answer = {"In-Reply-To": "<question@customer.example>", "References": "<question@customer.example>"}
    firm.microsoft.user(ADAM).mail.send(to=CUSTOMER, subject="Re: Offer?", body="Ten.", headers=answer)
    firm.read()
    with firm.hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(MailMessage)) == 2
        copies = select(func.count()).select_from(MailCopy).join(MailMessage, MailMessage.id == MailCopy.message_id)
        assert session.scalar(copies.where(MailMessage.message_id.contains("question@customer.example"))) == 2
    assert len(firm.on_timeline(Kind.EMAIL)) == 1


def test_an_invitation_to_both_is_one_meeting_also_when_it_is_moved(firm: Firm) -> None:
    begin = (firm.google.clock.now() + timedelta(days=2)).replace(microsecond=0)
    uid = "meeting-1@customer.example"

    def invite(title: str, hours: int) -> None:
        start = begin + timedelta(hours=hours)
        times = {
            name: {"dateTime": (start + timedelta(hours=more)).isoformat(), "timeZone": "UTC"}
            for name, more in (("start", 0), ("end", 1))
        }
        firm.google.invite(CUSTOMER, [NOA], id="meeting1", iCalUID=uid, summary=title, attendees=[ADAM], **times)
        firm.microsoft.user(ADAM).calendars.invite(CUSTOMER, [NOA], uid=uid, subject=title, **times)

    invite("Offer", 0)
    firm.read()
    [meeting] = firm.on_timeline(Kind.MEETING)
    assert (meeting.summary, meeting.started_at) == ("Offer", begin)
    assert len(meeting.detail["users"]) == 2


def test_a_time_that_differs_from_its_series_is_one_meeting_too(firm: Firm) -> None:
    uid, first = "series-1@customer.example", _begun()
    moved, later, off = (first + timedelta(days=7 * week, hours=hours) for week, hours in ((1, 0), (1, 2), (2, 0)))
    weekly = {"type": "weekly", "interval": 1, "daysOfWeek": [f"{first:%A}".lower()]}
    book, calendars = firm.google.user(NOA).calendar(), firm.microsoft.user(ADAM).calendars
    at_google = {"summary": "Weekly", "attendees": [ADAM], "recurrence": ["RRULE:FREQ=WEEKLY"]}
    firm.google.invite(CUSTOMER, [NOA], id="series1", iCalUID=uid, **at_google, **_at_google(first))
    at_microsoft = {"subject": "Weekly", "recurrence": {"pattern": weekly, "range": {"type": "noEnd"}}}
    theirs = calendars.invite(CUSTOMER, [NOA], uid=uid, **at_microsoft, **_times(first))
    for at, more in ((moved, {"summary": "Later", **_at_google(later)}), (off, {"status": "cancelled"})):
        book.put({
            "id": f"series1_{at.astimezone(UTC):%Y%m%dT%H%M%SZ}", "iCalUID": uid, "recurringEventId": "series1",
            "originalStartTime": _at_google(at)["start"], "organizer": {"email": CUSTOMER},
            "attendees": [{"email": NOA}, {"email": ADAM}], **_at_google(at), **more,
        })  # fmt: skip
    calendars.patch(theirs["id"], on=moved.date(), subject="Later", **_times(later))
    calendars.withdraw(theirs["id"], on=off.date())
    for _ in range(2):
        firm.read()
        rows = sorted(firm.on_timeline(Kind.MEETING), key=lambda row: row.started_at)
        assert [(row.started_at, row.detail["cancelled"]) for row in rows] == [
            (first, False), (later, False), (off, True), (off + timedelta(days=7), False),
        ]  # fmt: skip
        assert [row.summary for row in rows[:2]] == ["Weekly", "Later"]
        assert [len(row.detail["users"]) for row in rows] == [2] * 4


def _begun() -> datetime:
    """When a weekly series began whose third time is the next one."""
    return (datetime.now(HERE) - timedelta(days=13)).replace(minute=0, second=0, microsecond=0)


def _times(at: datetime) -> dict[str, datetime]:
    return {"start": at, "end": at + timedelta(hours=1)}


def _at_google(at: datetime) -> dict[str, dict[str, str]]:
    return {name: {"dateTime": one.isoformat(), "timeZone": HERE.key} for name, one in _times(at).items()}
