"""A week of simulated life: three users, shared meetings, mail that moves, dead tokens and one percent of faults.

On its last evening the hub has what Microsoft has, no more and no less, nothing twice, and the audit is green.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.microsoft import mail_writer
from connectors.microsoft.simulated import patterns
from connectors.microsoft.simulated.items import Item
from connectors.microsoft.simulated.mailbox import Folder, Mailbox, Message
from connectors.microsoft.simulator import MicrosoftSimulator, create
from hub.context import Hub
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake.models import RawRecord, StreamState
from hub.mail.models import MailMessage
from hub.meetings.models import MeetingRow
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from tests.e2e.calls import until
from tests.e2e.life import Weather, Workers
from tests.e2e.reached import reached
from tests.e2e.test_microsoft_mail_out import Writing

NOA, ADAM, RUT = STAFF = ("noa@acme.example", "adam@acme.example", "rut@acme.example")
CUSTOMER, NEWCOMER = "dana@customer.example", "jan@newcomer.example"
DAYS, STEPS = 7, 20  # steps of a day
UNREAD = {"deleteditems", "junkemail", "drafts", "outbox", "conversationhistory"}
PRIVATE = "Private"
# How likely it is each time it could come.
OF_REQUESTS = (
    "server_error", "unavailable", "rate_limited", "mailbox_concurrency", "token_expired", "html_instead_of_json",
    "truncated_json", "reset", "slow",
)  # fmt: skip
OF_PAGES = (
    "replay_page", "reorder_page", "empty_page", "same_twice", "removed_at_first", "expire_cursor",
    "expire_cursor_location", "stripped_occurrences", "missing_master",
)  # fmt: skip
CHANCES = {
    **dict.fromkeys(OF_REQUESTS, 0.01 / len(OF_REQUESTS)),
    **dict.fromkeys(OF_PAGES, 0.03),
    "throttled_batch_item": 0.001,
    "token_endpoint_unavailable": 0.02,
    "commit_then_timeout": 0.05,
    "sent_new_id": 0.1,
    "moved_unseen": 0.3,
    "moved_back_lost": 0.5,
    "dropped_notification": 0.05,
    "duplicated_notification": 0.05,
    "reordered_notification": 0.05,
    "missed_lifecycle": 0.02,
}


class Week(Writing):
    """What the three, their customers and strangers do."""

    def __init__(self, hub: Hub, microsoft: MicrosoftSimulator, seed: int) -> None:
        with hub.db.write() as session:
            users.add(session, RUT, "Rut", Role.AGENT)
        settings = {
            "app_only": True, "mailboxes": "\n".join(STAFF), "refresh_token": "", "address": "", "calendar": True,
            "contacts": True, "requests_per_minute": 1_000_000,  # a week is a minute here
        }  # fmt: skip
        super().__init__(hub, microsoft, **settings)
        self.workers = Workers(hub, self.account)
        self.dice = random.Random(seed)
        self.customers = [CUSTOMER]
        self.written: list[str] = []  # subjects of mails of the hub

    def step(self, number: int) -> None:
        """Let something happen, a while after what happened before."""
        self.microsoft.clock.advance(hours=(24 * DAYS - 1) / (STEPS * DAYS))
        happenings: dict[Callable[[int], None], int] = {
            self.a_customer_writes: 4, self.a_newcomer_writes: 1, self.a_stranger_writes: 2, self.a_mail_is_moved: 6,
            self.a_mail_is_marked: 2, self.a_folder_changes: 1, self.one_of_us_writes: 2, self.the_hub_writes: 2,
            self.a_meeting_is_made: 2, self.a_customer_invites: 1, self.a_series_is_made: 1, self.a_meeting_changes: 4,
            self.a_meeting_is_called_off: 1, self.an_invitation_is_answered: 2, self.a_contact_is_noted: 2,
            self.a_contact_changes: 3, self.tokens_die: 1, self.subscriptions_are_lost: 1,
        }  # fmt: skip
        self.dice.choices(list(happenings), list(happenings.values()))[0](number)

    # --- mail -------------------------------------------------------------------------------------------------------

    def a_customer_writes(self, number: int) -> None:
        to = self.dice.sample(STAFF, self.dice.randint(1, 3))
        name = f"<in-{number}@customer.example>"
        self.microsoft.deliver(*to, from_=f"Dana <{CUSTOMER}>", subject=f"Question {number}", message_id=name)

    def a_newcomer_writes(self, number: int) -> None:
        to, name = self.dice.choice(STAFF), f"<n{number}@newcomer.example>"
        self.microsoft.deliver(to, from_=NEWCOMER, subject=f"Interested {number}", message_id=name)

    def a_stranger_writes(self, number: int) -> None:
        to, name = self.dice.choice(STAFF), f"<s{number}@shop.example>"
        self.microsoft.deliver(to, from_="news@shop.example", subject=f"Sale {number}", message_id=name)

    def a_mail_is_moved(self, number: int) -> None:
        del number
        box = self.anybody.mail
        letters = [one for one in box.messages.values() if not one.is_draft]
        if not letters:
            return
        one = self.dice.choice(letters)
        before, folder = one.folder.id, self.dice.choice([*self.folders(box), box.folder("inbox")])
        moves: list[Callable[[], Any]] = [
            lambda: box.move(one.key, folder.id), lambda: box.move(one.key, folder.id),
            lambda: (box.move(one.key, folder.id), box.move(one.key, before)),
            lambda: box.trash(one.key), lambda: (box.trash(one.key), box.move(one.key, before)),
            lambda: box.move(one.key, "junkemail"), lambda: box.delete(one.key), lambda: box.delete_forever(one.key),
        ]  # fmt: skip
        # What Graph told nobody of, neither where it was nor where it is, only an audit finds.
        is_known = self.is_read(box, one.folder) and one.key in {raw.remote_id for raw in self.kept(box)}
        with nullcontext() if is_known else self.weather.without("moved_unseen"):
            self.dice.choice(moves)()

    def a_mail_is_marked(self, number: int) -> None:
        box = self.anybody.mail
        if box.messages:
            one = self.dice.choice(list(box.messages))
            marks: list[Callable[[], Any]] = [
                lambda: box.read(one), lambda: box.read(one, is_read=False), lambda: box.categorise(one, f"Pile {number}"),
                lambda: box.categorise(one, PRIVATE), lambda: box.categorise(one),
            ]  # fmt: skip
            self.dice.choice(marks)()

    def a_folder_changes(self, number: int) -> None:
        box = self.anybody.mail
        own = [one for one in self.folders(box) if not one.well_known]
        if len(own) < 2:
            box.new_folder(f"Folder {number}", self.dice.choice(self.folders(box)).id)
        elif self.dice.random() < 0.5:
            box.rename_folder(self.dice.choice(own).id, f"Renamed {number}")
        else:
            box.delete_folder(self.dice.choice(own).id)

    def one_of_us_writes(self, number: int) -> None:
        box = self.anybody.mail
        asked = [one for one in box.messages.values() if one.sender == CUSTOMER]
        name = self.dice.choice(asked).envelope.message_id if asked else ""
        headers = {"In-Reply-To": name} if name else {}
        box.send(to=CUSTOMER, subject=f"From the mailbox {number}", body="Hello", headers=headers)

    def the_hub_writes(self, number: int) -> None:
        with self.hub.db.read() as session:
            of_mail = StreamState.records == f"mail:{NOA}"
            ready = session.scalar(select(func.count()).select_from(StreamState).where(of_mail, StreamState.wanted))
        if ready:
            self.written.append(f"From the hub {number}")
            self.send(self.begin("Hello", answer=False, subject=self.written[-1]))

    # --- meetings ---------------------------------------------------------------------------------------------------

    def a_meeting_is_made(self, number: int) -> None:
        self._meet(f"Meeting {number}")

    def a_series_is_made(self, number: int) -> None:
        kind = self.dice.choice(("daily", "weekly"))
        days = self.dice.sample(patterns.DAYS, 2)
        pattern = {"type": kind, "interval": 1, **({"daysOfWeek": days} if kind == "weekly" else {})}
        span = {"type": "numbered", "numberOfOccurrences": self.dice.randint(3, 8)}
        self._meet(f"Series {number}", recurrence={"pattern": pattern, "range": span})

    def _meet(self, title: str, **more: Any) -> None:
        owner, *guests = self.dice.sample(STAFF, self.dice.randint(1, 3))
        if more:
            more["recurrence"]["range"]["startDate"] = f"{self.tomorrow:%Y-%m-%d}"
        calendars = self.microsoft.user(owner).calendars
        calendars.insert(subject=title, start=self.tomorrow, attendees=[CUSTOMER, *guests], **more)

    def a_customer_invites(self, number: int) -> None:
        first, *guests = self.dice.sample(STAFF, self.dice.randint(1, 3))
        calendars = self.microsoft.user(first).calendars
        calendars.invite(CUSTOMER, guests, subject=f"Invitation {number}", start=self.tomorrow)

    def a_meeting_changes(self, number: int) -> None:
        if (found := self._one_event(lambda one: one.organized and not one.body["isCancelled"])) is None:
            return
        item, on = found
        calendars = item.owner.calendars
        if on is None and self.dice.random() < 0.5:
            begin = self.tomorrow
            calendars.patch(item.key, start=begin, end=begin + timedelta(hours=2))
        else:
            calendars.patch(item.key, on=on, subject=f"Changed {number}", location=f"Room {number}")

    def a_meeting_is_called_off(self, number: int) -> None:
        del number
        if (found := self._one_event(lambda _: True)) is None:
            return
        item, on = found
        calendars = item.owner.calendars
        if item.organizer["address"] == CUSTOMER:
            calendars.withdraw(item.key, on=on)
        elif self.dice.random() < 0.5 and item.organized:
            calendars.cancel(item.key, on=on)
        else:
            calendars.remove(item.key, on=on)

    def an_invitation_is_answered(self, number: int) -> None:
        del number
        if (found := self._one_event(lambda one: not one.organized)) is not None:
            item, on = found
            answer = self.dice.choice(("accepted", "tentativelyAccepted", "declined"))
            item.owner.calendars.respond(item.key, answer, on=on)

    def _one_event(self, which: Callable[[Item], bool]) -> tuple[Item, date | None] | None:
        """Choose an event, or one time of a series."""
        items = [one for one in self.anybody.calendars.items.values() if which(one)]
        if not items:
            return None
        item = self.dice.choice(items)
        if not item.repeats or self.dice.random() < 0.4:
            return item, None
        days = [one for one in islice(patterns.days(item.body["recurrence"]), 8) if one not in item.cancelled]
        return (item, self.dice.choice(days)) if days else None

    @property
    def tomorrow(self) -> datetime:
        """A moment in the next days."""
        moment = self.microsoft.clock.now() + timedelta(days=self.dice.randint(1, 20), hours=self.dice.randint(0, 8))
        return moment.replace(minute=0, second=0, microsecond=0)

    # --- contacts ---------------------------------------------------------------------------------------------------

    def a_contact_is_noted(self, number: int) -> None:
        book = self.anybody.contacts
        mail = f"person{self.dice.randint(1, 10)}@people.example"
        book.add("Person", f"{number}", emails=[mail], folder=self.dice.choice(list(book.folders)))

    def a_contact_changes(self, number: int) -> None:
        book = self.anybody.contacts
        here = [one.immutable_id for one in book.contacts.values() if one.folder in book.folders]
        changes: list[Callable[[], Any]] = [lambda: book.add_folder(f"People {number}")]
        if here:
            one, folder = self.dice.choice(here), self.dice.choice(list(book.folders))
            changes += [
                lambda: book.update(one, givenName="Renamed", surname=f"{number}"), lambda: book.move(one, folder),
                lambda: book.update(one, emailAddresses=[{"address": f"person{number}@people.example"}]),
                lambda: book.move(one, folder), lambda: book.delete(one), lambda: book.throw_away(one),
                lambda: folder == book.default or book.delete_folder(folder),
            ]  # fmt: skip
        self.dice.choice(changes)()

    # --- what goes wrong --------------------------------------------------------------------------------------------

    def tokens_die(self, number: int) -> None:
        del number
        user = self.anybody
        self.dice.choice([user.mail.expire, user.calendars.expire_tokens, user.contacts.expire_tokens])()

    def subscriptions_are_lost(self, number: int) -> None:
        del number
        subscriptions = self.microsoft.subscriptions
        if living := subscriptions.living:
            one = self.dice.choice(living).id
            losses = [
                subscriptions.remove,
                subscriptions.miss,
                subscriptions.ask_for_reauthorization,
                subscriptions.open_ones.pop,
            ]
            self.dice.choice(losses)(one)  # type: ignore[operator]  # each takes the id

    # --- the hub's side ---------------------------------------------------------------------------------------------

    def hour(self) -> None:
        """Read something that is due because Microsoft told us."""
        self.microsoft.notifier.flush()
        with self.hub.db.read() as session:
            soon = now() + timedelta(seconds=10)  # which pass here at once
            mine = (StreamState.account_id == self.account, StreamState.wanted, StreamState.records.like("%:%"))
            due = session.scalars(
                select(StreamState.stream).where(*mine, StreamState.due_at <= soon).order_by(StreamState.stream)
            ).all()
        for stream in self.dice.sample(due, min(len(due), 2)):
            self.workers.read_one(stream)
        self.deliver()

    def evening(self) -> None:
        """Look at everything."""
        self.workers.silence_is_over()
        self.workers.work()
        self.workers.look_at_channels()

    def is_quiet(self) -> bool:
        self.workers.look_at_channels()
        return self.workers.is_quiet()

    def a_newcomer_becomes_a_customer(self) -> None:
        with self.hub.db.write() as session:
            given = [parties.Given(parties.EMAIL, NEWCOMER)]
            parties.create(session, None, PartyKind.PERSON, "Jan", given, region="PL")
        self.customers.append(NEWCOMER)

    @property
    def weather(self) -> Weather:
        found = self.microsoft.faults
        assert isinstance(found, Weather)
        return found

    def kept(self, box: Mailbox) -> list[RawRecord]:
        return self.workers.kept(f"mail:{box.user.address}")

    @property
    def anybody(self) -> Any:
        return self.microsoft.user(self.dice.choice(STAFF))

    def folders(self, box: Mailbox) -> list[Folder]:
        """The folders whose mail is read."""
        return [one for one in box.folders.values() if not one.hidden and self.is_read(box, one)]

    def is_read(self, box: Mailbox, folder: Folder) -> bool:
        around = [folder]
        while around[-1].parent:
            around.append(box.folders[around[-1].parent])
        names = {one.well_known for one in around}
        return "msgfolderroot" in names and folder.well_known != "msgfolderroot" and not names & UNREAD

    # --- what must be -----------------------------------------------------------------------------------------------

    def mails(self, address: str) -> dict[str, Any]:
        """Return the mail that concerns customers: where it is, and its categories."""
        box = self.microsoft.user(address).mail
        return {
            one.key: (one.folder.id, list(one.categories))
            for one in box.messages.values()
            if self.is_read(box, one.folder) and PRIVATE not in one.categories and self.concerns(one)
        }

    def concerns(self, one: Message) -> bool:
        return any(address.encode() in one.raw for address in self.customers)

    def events(self, address: str) -> dict[str, Any]:
        """Return events, series, and the times of these that are not as the others: their titles."""
        found = {}
        for item in self.microsoft.user(address).calendars.items.values():
            found[item.key] = item.body["subject"]
            found |= {_named(item, day): item.on(day)["subject"] for day in item.exceptions}
            found |= {_named(item, day): None for day in item.cancelled}
        return found

    def people(self, address: str) -> dict[str, Any]:
        """Return the contacts: their names and addresses."""
        book = self.microsoft.user(address).contacts
        here = [one for one in book.contacts.values() if one.folder in book.folders]
        return {one.immutable_id: (one.body["displayName"], _addresses(one.body)) for one in here}


def _named(item: Item, day: date) -> str:
    return f"OID.{item.key}.{day.isoformat()}"


def _addresses(contact: dict[str, Any]) -> list[str]:
    return [one["address"] for one in contact["emailAddresses"]]


@pytest.fixture
def microsoft() -> Iterator[MicrosoftSimulator]:
    simulator = create(0, Weather(SEED, CHANCES))
    simulator.add_user(RUT, "Rut")
    simulator.start()
    yield simulator
    simulator.stop()


SEED = 11


def test_at_the_end_of_the_week_the_hub_has_what_microsoft_has(
    hub: Hub, microsoft: MicrosoftSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_writer, "ON_ITS_WAY", timedelta(0))  # the simulated Outlook sends at once
    with reached(hub) as listening:
        week = Week(listening, microsoft, SEED)
        weather = week.weather
        weather.is_bad = True
        for number in range(DAYS * STEPS):
            week.step(number)
            if number == DAYS * STEPS // 2:
                week.a_newcomer_becomes_a_customer()
            if number % STEPS == STEPS - 1:
                week.evening()
            elif number % 3 == 2:
                week.hour()
        weather.is_bad = False
        week.workers.silence_is_over()
        until(week.is_quiet, why=lambda: [vars(week.state(one)) for one in week.workers.streams()], every=0.2)
        week.workers.assert_green()
        assert_equal(week)
        assert_nothing_twice(week)
    assert weather.came.total() > 40, weather.came
    assert len(weather.came) > 12, weather.came


def assert_equal(week: Week) -> None:
    for address in STAFF:
        mails = {one.remote_id: _place(one) for one in week.workers.kept(f"mail:{address}")}
        assert mails == week.mails(address), address
        events = {one.remote_id: one.payload.get("subject") for one in week.workers.kept(f"calendar:{address}:primary")}
        assert events == week.events(address), address
        people = {one.remote_id: _person(one) for one in week.workers.kept(f"contacts:{address}")}
        assert people == week.people(address), address


def _place(mail: RawRecord) -> tuple[str, list[str]]:
    return mail.payload["message"]["parentFolderId"], mail.payload["message"]["categories"]


def _person(contact: RawRecord) -> tuple[str, list[str]]:
    return contact.payload["displayName"], _addresses(contact.payload)


def assert_nothing_twice(week: Week) -> None:
    week.workers.assert_nothing_twice()
    microsoft = week.microsoft
    sent = Counter(one.raw.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode() for one in microsoft.sent)
    assert {name: sent[name] for name in week.written} == dict.fromkeys(week.written, 1)
    drafts = microsoft.user(NOA).mail.folder("drafts")
    assert microsoft.user(NOA).mail.inside(drafts) == []
    uids = {
        item.uid for address in STAFF for item in microsoft.user(address).calendars.items.values() if not item.repeats
    }
    with week.hub.db.read() as session:
        hub_mails = session.scalars(select(MailMessage.subject).where(MailMessage.subject.startswith("From the hub")))
        assert max(Counter(hub_mails).values(), default=1) == 1
        rows = session.scalars(select(MeetingRow.uid).where(MeetingRow.uid.in_(uids)))
        assert Counter(rows) == dict.fromkeys(uids, 1)
