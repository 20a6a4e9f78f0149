"""Workers are killed with -9 at every place between two things that last; in the end the hub has what Google has, once.

What they do is also done by workers of another hub, where nobody dies; in the end both tell the same.
"""

import hashlib
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from connectors.google.simulated.mailbox import Letter
from connectors.google.simulated.world import Exchange
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.connector.simulated.mime import Attachment
from hub.context import Hub
from hub.identity import parties, write_back
from hub.identity.models import Conflict, Identifier, Party, PartyStatus
from hub.identity.parties import Given
from hub.intake import channels
from hub.intake.models import Account, Health, PushChannel, RawRecord, StreamState
from hub.mail import files
from hub.mail.models import DraftState, FileState, MailCopy, MailDraft, MailFile, MailMessage
from hub.meetings.models import Booking, BookingState, MeetingRow
from hub.outbound.models import Delivery, Outbox, OutboxState
from hub.settings import load as load_settings
from hub.store.base import now
from hub.timeline.models import Interaction, Kind, Participant
from hub.work.models import Slot
from tests.e2e import kill_worker
from tests.e2e.mortals import Mortals
from tests.e2e.test_google_calendar import CUSTOMER, NOA, event
from tests.e2e.test_google_calendar_out import Bookings
from tests.e2e.test_google_contacts import CONTACTS
from tests.e2e.test_google_mail import ask
from tests.e2e.test_google_mail_out import Writing
from tests.fakes.servers import Postgres

pytestmark = pytest.mark.timeout(600)
CALENDAR, MAIL = f"calendar:{NOA}:primary", f"mail:{NOA}"
PDF = Attachment("offer.pdf", b"%PDF-1.7 " + bytes(range(256)) * 100)
OURS, THEIRS = "Written by the hub", "Written by the other hub"
PHONES = {OURS: "+972523334444", THEIRS: "+972523334445"}
MOST = 600  # workers of one chapter
HINT_EVERY = 5  # deaths
WRITES = ("messages.send", "events.insert", "people.updateContact", "people.createContact")
# What a place is called that must be among those where workers died, and the end of its name in the code.
AMONG = (
    ("after COMMIT", "Workers._run_job"), ("before COMMIT", "Workers._run_turn"),
    ("before COMMIT", "Reader._page"), ("after COMMIT", "Reader._page"), ("after COMMIT", "Reader._begin"),
    ("after COMMIT", "Reader._end"), ("before POST", "auth.py:refreshed"), ("after POST", "auth.py:refreshed"),
    ("before COMMIT", "Grants._save"), ("after COMMIT", "Grants._save"), ("after GET", "MailStream._list"),
    ("after GET", "CalendarStream.pull"), ("after GET", "ContactStream.pull"), ("before a file", "Shelf.place"),
    ("after a file", "Shelf.place"), ("before COMMIT", "Fetcher._settle"), ("after POST", "GooglePush._mailbox"),
    ("after COMMIT", "Channels._open"), ("after POST", "GooglePush.acknowledge"), ("before POST", "MailWriter._send"),
    ("after POST", "MailWriter._send"), ("before POST", "CalendarWriter.create"), ("after POST", "CalendarWriter.create"),
    ("before PATCH", "ContactWriter.update"), ("after PATCH", "ContactWriter.update"),
    ("before POST", "ContactWriter.create"), ("after POST", "ContactWriter.create"),
    ("before COMMIT", "Deliverer._sent"), ("after COMMIT", "Deliverer._sent"), ("after COMMIT", "audit.py:audit"),
)  # fmt: skip


class Company(Writing, Bookings):
    """A hub with everything of one Google account, and what people do in it."""

    def __init__(self, hub: Hub, google: GoogleSimulator, queue: str) -> None:
        google.pubsub.subscribe(queue)
        limits = ("mail_units_per_minute", "calendar_requests_per_minute", "contact_requests_per_minute")
        settings: dict[str, Any] = {
            "calendar": True, "contacts": True, "contacts_back": True, "topic": google.topic,
            "subscription": queue, "pubsub_key": google.service_account_json(),
            **dict.fromkeys(limits, 1_000_000),
        }  # fmt: skip
        super().__init__(hub, google, **settings)

        self.is_compared = False  # with Google, from now on

    # --- time passes --------------------------------------------------------------------------------------------------

    def look(self, *, audit: bool = False) -> None:
        """Let it be time to look at everything."""
        values = {"due_at": now(), **({"audit_at": now()} if audit else {})}
        self.is_compared |= audit
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(StreamState.records != "").values(values))
            session.execute(delete(Slot))

    def hint(self) -> None:
        """Let somebody say that there may be news of everything."""
        with self.hub.db.write() as session:
            read = StreamState.stream.in_([CALENDAR, MAIL, CONTACTS])
            session.execute(update(StreamState).where(read).values(due_at=now()))

    def waits(self) -> bool:
        """Say whether anything waits to be sent or compared; a long time passes, so that it may be tried."""
        with self.hub.db.write() as session:
            unsent = session.scalars(select(Outbox).where(Outbox.state == OutboxState.WAITING)).all()
            for row in unsent:
                row.due_at = now()
                if "tried_at" in row.payload:
                    row.payload = {**row.payload, "tried_at": kill_worker.LONG_AGO.isoformat()}
            # An audit that broke off is tried again in an hour; until then nobody wants what its worker held.
            held = session.scalars(select(StreamState).where(StreamState.lease_until.is_not(None))).all()
            # One that came while everything was being read found nothing to compare, and is tried again in a day.
            empty = select(StreamState).where(StreamState.stream.in_([CALENDAR, MAIL, CONTACTS]))
            idle = session.scalars(empty.where(StreamState.audit.is_(None))).all() if self.is_compared else []
            for state in [*held, *idle]:
                state.audit_at = now()
            return bool(unsent or held or idle)

    # --- people -------------------------------------------------------------------------------------------------------

    def want_file(self) -> None:
        with self.hub.db.write() as session:
            message = session.scalars(select(MailMessage).where(MailMessage.subject == "With a file")).one()
            files.ask(session, message, [0], files.limits(self.hub.settings))

    def write(self, what: str, contact: str) -> None:
        """Answer a mail, book a meeting, give a contact another title, and make a new one."""
        draft = self.begin()
        self.type(draft, "Four hundred.", subject=what)
        self.send(draft)
        self.make(what)
        with self.hub.db.write() as session:
            party = session.scalars(select(Party).where(Party.name == contact)).one()
            parties.edit(session, None, party, job_title=what)
            new = parties.create(session, None, "person", what, [Given("phone", PHONES[what])], region="IL")
            write_back.add(session, new, self.account, CONTACTS, mailbox=NOA, user_id=None)

    # --- what the hub tells -------------------------------------------------------------------------------------------

    def timeline(self) -> Counter[tuple[Any, ...]]:
        with self.hub.db.read() as session:
            who: dict[int, list[tuple[str, str]]] = {}
            query = select(Participant, Party.name).outerjoin(Party, Party.id == Participant.party_id)
            for row, name in session.execute(query):
                who.setdefault(row.interaction_id, []).append((row.role, name or row.value))
            return Counter(
                (row.kind, row.summary, row.started_at, row.ended_at, row.direction, *sorted(who.get(row.id, [])))
                for row in session.scalars(select(Interaction))
                if row.kind != Kind.MEETING or row.summary not in PHONES  # with whom, only the hub knows that made it
            )

    def mails(self) -> Counter[tuple[Any, ...]]:
        query = select(MailMessage, MailCopy.labels).join(MailCopy, MailCopy.message_id == MailMessage.id)
        with self.hub.db.read() as session:
            return Counter(
                (mail.message_id, mail.subject, mail.text, mail.outbound, *sorted(labels))
                for mail, labels in session.execute(query)
            )

    def people(self) -> Counter[tuple[Any, ...]]:
        there = (Party.status == PartyStatus.ACTIVE, Party.merged_into.is_(None))
        query = select(Party, Identifier.value).outerjoin(Identifier, Identifier.party_id == Party.id).where(*there)
        with self.hub.db.read() as session:
            return Counter((party.kind, party.name, value) for party, value in session.execute(query))

    def kept(self, records: str) -> set[str]:
        with self.hub.db.read() as session:
            query = select(RawRecord).where(RawRecord.stream == records, RawRecord.gone_at.is_(None))
            return {raw.remote_id for raw in session.scalars(query) if raw.payload.get("status") != "cancelled"}


class Story:
    """What happens at Google and in the hub, chapter by chapter, and where workers died meanwhile."""

    def __init__(self, workers: Mortals, company: Company, undisturbed: Company, google: GoogleSimulator) -> None:
        self.workers, self.company, self.undisturbed, self.google = workers, company, undisturbed, google
        self.noa = google.user(NOA)
        self.deaths: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.tokens = 0
        google.observe(self._see)
        give = google.oauth._access

        def given(*asked: Any) -> Any:
            self.tokens += 1
            return give(*asked)

        google.oauth._access = given  # type: ignore[method-assign,assignment]  # it shows observers no tokens

    def _see(self, call: Exchange) -> None:
        if call.status < 300:
            self.written.update(one for one in WRITES if call.method.id.endswith(one))

    # --- work -----------------------------------------------------------------------------------------------------

    def work(self, *, hints: bool = False) -> None:
        """Let one worker live after another, until one finds nothing new to die of and nothing to do."""
        for _ in range(MOST):
            told = self.workers.tell(live=True)
            if told["code"] == 0:
                if not self.company.waits() and not self.is_queued():
                    break
                continue
            assert told["code"] == -signal.SIGKILL, f"{told} {self.workers.said}"
            assert told["place"]
            self.deaths[told["place"]] += 1
            self.nothing_was_written_twice()
            if hints and self.deaths.total() % HINT_EVERY == 0:
                self.company.hint()
        else:
            pytest.fail("they never come to an end")
        self.nothing_is_told_twice()

    def is_queued(self) -> bool:
        """Say whether notifications wait; those of who died with them are given to others after a while."""
        if not self.google.pubsub.subscriptions[self.google.subscription].waiting:
            return False
        self.google.clock.advance(seconds=11)
        with self.company.hub.db.write() as session:
            session.execute(update(StreamState).where(StreamState.stream == channels.PULL).values(due_at=now()))
        return True

    def rehearse(self) -> None:
        """Let workers of the other hub do the same, undisturbed."""
        told = self.workers.tell(rehearse=self.undisturbed.hub.settings.database_url)
        assert told == {"threads": 1}, "a program that forks must have one thread"

    def look(self, **more: bool) -> None:
        for one in (self.undisturbed, self.company):
            one.look(**more)
        self.rehearse()
        self.work()

    # --- chapters -----------------------------------------------------------------------------------------------------

    def everything_is_new(self) -> None:
        ask(self.google, "First")
        ask(self.google, "With a file", attachments=[PDF])
        self.google.deliver(NOA, from_="shop@elsewhere.example", subject="Sale")
        self.noa.mail.send(to=[CUSTOMER], subject="Our offer", body="100")
        self.meeting = self.noa.calendar().insert(**event(self.google, "Offer"))["id"]
        self.noa.calendar().insert(**event(self.google, "Weekly", days=-20, recurrence=["RRULE:FREQ=WEEKLY"]))
        self.noa.people.add("Dana", "Levi", emails=[CUSTOMER])
        self.noa.people.add("Ben", "Nowak", emails=["ben@nowak.example"])
        self.jan = self.noa.people.add("Jan", "Nowak", emails=["jan@nowak.example"])
        self.rehearse()
        self.work()

    def somebody_wants_a_file(self) -> None:
        for one in (self.undisturbed, self.company):
            one.want_file()
        self.rehearse()
        self.work()

    def something_changes_and_the_token_is_dead(self) -> None:
        self.google.oauth.tokens.clear()
        ask(self.google, "News")
        self.noa.mail.trash(next(one.id for one in self.noa.mail.letters.values() if b"Subject: First" in one.raw))
        self.noa.calendar().patch(self.meeting, summary="Offer, new")
        self.noa.people.update(self.jan, phoneNumbers=[{"value": "050-234-5678"}])
        self.look()

    def the_hub_writes(self) -> None:
        self.undisturbed.write(THEIRS, "Ben Nowak")
        self.rehearse()
        assert self.written == dict.fromkeys(WRITES, 1)
        self.written.clear()
        self.company.write(OURS, "Jan Nowak")
        self.work(hints=True)

    def google_forgets_where_we_were(self) -> None:
        self.noa.mail.expire_history()
        self.noa.calendar().expire_tokens()
        self.noa.people.expire_tokens()
        ask(self.google, "Meanwhile")
        self.look(audit=True)

    # --- what must be so ----------------------------------------------------------------------------------------------

    def nothing_was_written_twice(self) -> None:
        assert not [one for one, times in self.written.items() if times > 1], self.deaths

    def nothing_is_told_twice(self) -> None:
        for told in (self.company.timeline(), self.company.mails(), self.company.people()):
            assert not [one for one, times in told.items() if times > 1]
        with self.company.hub.db.read() as session:
            meetings = session.scalars(select(Interaction.id).where(Interaction.kind == Kind.MEETING)).all()
            assert sorted(meetings) == sorted(session.scalars(select(MeetingRow.interaction_id)))


def concerns(letter: Letter) -> bool:
    return "TRASH" not in letter.labels and CUSTOMER.encode() in letter.raw


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mortals]:
    started = Mortals(tmp_path_factory.mktemp("workers"), kill_worker)
    yield started
    started.close()


@pytest.fixture
def other_database(request: pytest.FixtureRequest, tmp_path: Path, database_url: str) -> Iterator[str]:
    """Another empty database of the same kind."""
    if database_url.startswith("sqlite"):
        file = tmp_path / "undisturbed.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        yield f"sqlite:///{file}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    yield from server.lent(request.getfixturevalue("postgres_template"))


@pytest.fixture
def undisturbed(tmp_path: Path, other_database: str, google: GoogleSimulator) -> Iterator[Company]:
    hub = hub_app.create_hub(load_settings({"HUB_HOME": str(tmp_path), "HUB_DATABASE__URL": other_database}))
    yield Company(hub, google, "projects/demo/subscriptions/undisturbed")
    hub_app.close_hub(hub)


@pytest.fixture
def story(
    program: Mortals, tmp_path: Path, database_url: str, hub: Hub, undisturbed: Company, google: GoogleSimulator
) -> Story:
    named = "" if hub.db.is_sqlite else f"?application_name={kill_worker.NAME}"
    environment = {"HUB_HOME": str(tmp_path), "HUB_DATABASE__URL": f"{database_url}{named}"}
    program.tell(open=environment, remote=google.world.base_url)
    return Story(program, Company(hub, google, google.subscription), undisturbed, google)


def test_workers_that_are_killed_at_every_place_lose_nothing_and_do_nothing_twice(story: Story) -> None:
    story.everything_is_new()
    story.somebody_wants_a_file()
    story.something_changes_and_the_token_is_dead()
    story.the_hub_writes()
    story.google_forgets_where_we_were()

    assert_died_everywhere(story)
    assert_equal_to_google(story)
    assert_written_once(story)
    assert_nothing_left(story)
    for told in ("timeline", "mails", "people"):
        assert getattr(story.company, told)() == getattr(story.undisturbed, told)(), told
    assert story.workers.said == ""


def assert_died_everywhere(story: Story) -> None:
    died = list(story.deaths)
    assert len(died) > 250
    missing = [(what, call) for what, call in AMONG if not any(one.startswith(what) and call in one for one in died)]
    assert missing == []
    # A token that came and was not kept is asked for again; every other refresh would be one too many.
    lost = sum(
        times
        for one, times in story.deaths.items()
        if ("Grants._save" in one and not one.startswith("after COMMIT"))
        or (one.startswith("after POST") and "auth.py:refreshed" in one)
    )
    assert lost > 1
    hubs, whose, dead = (
        2,
        2,
        2,
    )  # whose: Noa's and that of the robot who reads the queue; dead: before they were cleared
    assert story.tokens == hubs * whose * dead + lost


def assert_equal_to_google(story: Story) -> None:
    there = {one.id for one in story.noa.mail.letters.values() if concerns(one)}
    assert story.company.kept(MAIL) == there
    assert len(there) == len(story.company.mails()) == 6
    entries = {one.id for one in story.noa.calendar().entries.values()}
    assert story.company.kept(CALENDAR) == entries
    assert len(entries) == 4
    cards = {f"people/{one.id}" for one in story.noa.people.contacts.present()}
    assert story.company.kept(CONTACTS) == cards
    assert len(cards) == 5


def assert_written_once(story: Story) -> None:
    assert story.written == dict.fromkeys(WRITES, 1)
    assert len([one for one in story.google.sent if f"Subject: {OURS}".encode() in one.raw]) == 1
    assert [one.body["summary"] for one in story.noa.calendar().entries.values()].count(OURS) == 1
    assert story.google.invitations == []
    cards = [one.body for one in story.noa.people.contacts.present()]
    assert [one["names"][0]["displayName"] for one in cards].count(OURS) == 1
    titles = {
        one["names"][0]["displayName"]: one["organizations"][0]["title"] for one in cards if "organizations" in one
    }
    assert titles == {"Jan Nowak": OURS, "Ben Nowak": THEIRS}
    assert len([row for row in story.company.meetings() if row.summary == OURS]) == 1
    with story.company.hub.db.read() as session:
        rows = session.scalars(select(Outbox)).all()
        assert {row.state for row in rows} == {OutboxState.SENT}
        # What the sync saw before its writer said so was looked at once more, and nothing was to be written.
        assert len([row for row in rows if row.remote_id]) == len(WRITES)
        good = select(func.count()).where(Delivery.ok).group_by(Delivery.outbox_id)
        assert session.scalars(good).all() == [1] * len(rows)
        assert session.scalars(select(MailDraft.state)).all() == [DraftState.SENT]
        assert session.scalars(select(Booking.state)).all() == [BookingState.WRITTEN]
        assert session.scalars(select(Conflict)).all() == []


def assert_nothing_left(story: Story) -> None:
    sha256 = hashlib.sha256(PDF.content).hexdigest()
    with story.company.hub.db.read() as session:
        [file] = session.scalars(select(MailFile))
        assert (file.state, file.sha256) == (FileState.READY, sha256)
        for state in session.scalars(select(StreamState)):
            assert (state.trouble, state.failures, state.last_error) == ("", 0, ""), state.stream
            if state.stream in {CALENDAR, MAIL, CONTACTS}:
                assert state.audit is not None
                assert state.audit["missing"] == []
        tables: tuple[Any, ...] = (StreamState, Outbox, MailFile)
        for table in tables:  # what a dead worker held was finished by another
            assert session.scalars(select(table).where(table.lease_until.is_not(None))).all() == []
        assert session.scalars(select(PushChannel.stream)).all() == [MAIL]
        assert session.scalars(select(Account.health)).all() == [Health.HEALTHY]
    shelf = files.shelf(story.company.hub.settings)
    assert list(shelf.names()) == [sha256]
    with shelf.open(sha256) as kept:
        assert kept.read() == PDF.content
