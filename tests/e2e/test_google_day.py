"""A day of simulated life: three users, shared meetings, moved mails, dead tokens and one percent of faults.

In the evening the hub has what Google has, no more and no less, nothing twice, and the audit is green.
"""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.google import simulator as google_simulator
from connectors.google.simulated.mailbox import Letter
from connectors.google.simulator import GoogleSimulator
from hub.context import Hub
from hub.intake.models import RawRecord, StreamState
from hub.mail.models import MailMessage
from hub.security import users
from hub.security.models import Role
from tests.e2e.calls import until
from tests.e2e.life import Weather, Workers
from tests.e2e.test_google_calendar import ADAM, CUSTOMER, NOA
from tests.e2e.test_google_mail_out import Writing

RUT = "rut@acme.example"
STAFF = (NOA, ADAM, RUT)
STEPS = 150
HIDDEN = {"SPAM", "TRASH", "DRAFT"}
KINDS = (
    "replay_page", "reorder_page", "empty_page", "html_instead_of_json", "truncated_json", "server_error",
    "unavailable", "rate_limited", "reset", "commit_then_timeout", "slow", "token_expired", "expire_cursor",
)  # fmt: skip
# How likely each is to come when it could: about one request in a hundred has one.
CHANCES = dict.fromkeys(KINDS, 0.01 / len(KINDS) * 4)


class Day(Writing):
    """What the three, their customer and strangers do."""

    def __init__(self, hub: Hub, google: GoogleSimulator, seed: int) -> None:
        with hub.db.write() as session:
            users.add(session, RUT, "Rut", Role.AGENT)
        settings = {
            "service_account": google.service_account_json(),
            "mailboxes": "\n".join(STAFF),
            "calendar": True,
            "contacts": True,
            "mail_units_per_minute": 1_000_000,  # a day is a minute here
            "calendar_requests_per_minute": 1_000_000,
            "contact_requests_per_minute": 1_000_000,
        }
        super().__init__(hub, google, **settings)
        self.workers = Workers(hub, self.account)
        self.dice = random.Random(seed)
        self.written = 0
        self.events: list[tuple[str, str]] = []  # whose, id
        self.cards: list[tuple[str, str]] = []

    def step(self, number: int) -> None:
        happenings: list[Callable[[int], None]] = [
            self.a_customer_writes, self.a_customer_writes, self.a_stranger_writes, self.a_mail_is_moved,
            self.one_of_us_writes, self.a_meeting_is_made, self.a_meeting_changes, self.a_contact_is_noted,
            self.a_contact_changes, self.tokens_die, self.the_hub_writes,
        ]  # fmt: skip
        self.dice.choice(happenings)(number)

    def a_customer_writes(self, number: int) -> None:
        to = self.dice.sample(STAFF, self.dice.randint(1, 3))
        name = f"<in-{number}@customer.example>"
        self.google.deliver(*to, from_=f"Dana <{CUSTOMER}>", subject=f"Question {number}", message_id=name)

    def a_stranger_writes(self, number: int) -> None:
        to = self.dice.choice(STAFF)
        self.google.deliver(
            to, from_="news@shop.example", subject=f"Sale {number}", message_id=f"<s{number}@shop.example>"
        )

    def a_mail_is_moved(self, number: int) -> None:
        del number
        box = self.google.user(self.dice.choice(STAFF)).mail
        letters = [one.id for one in box.letters.values() if not HIDDEN & set(one.labels)]
        if letters:
            one = self.dice.choice(letters)
            moves: list[Callable[[], Any]] = [
                lambda: box.label(one, remove=["INBOX"]), lambda: box.label(one, add=["STARRED"]),
                lambda: box.trash(one), lambda: (box.trash(one), box.untrash(one)), lambda: box.delete_forever(one),
            ]  # fmt: skip
            self.dice.choice(moves)()

    def one_of_us_writes(self, number: int) -> None:
        box = self.google.user(self.dice.choice(STAFF)).mail
        box.send(to=CUSTOMER, subject=f"From the mailbox {number}", body="Hello")

    def the_hub_writes(self, number: int) -> None:
        with self.hub.db.read() as session:
            ready = session.scalar(
                select(func.count()).select_from(StreamState).where(StreamState.stream == f"mail:{NOA}")
            )
        if ready:
            draft = self.begin(answer=False)
            self.type(draft, "Hello", subject=f"From the hub {number}")
            self.send(draft)
            self.written += 1

    def a_meeting_is_made(self, number: int) -> None:
        owner, *guests = self.dice.sample(STAFF, self.dice.randint(1, 3))
        begin = self.google.clock.now() + timedelta(days=self.dice.randint(1, 20))
        made = self.google.user(owner).calendar().insert(
            summary=f"Meeting {number}",
            start={"dateTime": begin.isoformat(), "timeZone": "Europe/Warsaw"},
            end={"dateTime": (begin + timedelta(hours=1)).isoformat(), "timeZone": "Europe/Warsaw"},
            attendees=[{"email": CUSTOMER}, *({"email": one} for one in guests)],
        )  # fmt: skip
        self.events.append((owner, str(made["id"])))

    def a_meeting_changes(self, number: int) -> None:
        if not self.events:
            return
        owner, event = self.dice.choice(self.events)
        calendar = self.google.user(owner).calendar()
        if self.dice.random() < 0.3:
            calendar.cancel(event)
            self.events.remove((owner, event))
        else:
            calendar.patch(event, summary=f"Meeting, moved {number}")

    def a_contact_is_noted(self, number: int) -> None:
        owner = self.dice.choice(STAFF)
        mail = f"person{self.dice.randint(1, 10)}@people.example"
        self.cards.append((owner, self.google.user(owner).people.add("Person", f"{number}", emails=[mail])))

    def a_contact_changes(self, number: int) -> None:
        if not self.cards:
            return
        owner, card = self.dice.choice(self.cards)
        people = self.google.user(owner).people
        if self.dice.random() < 0.3:
            people.delete(card)
            self.cards.remove((owner, card))
        else:
            people.update(card, names=[{"givenName": "Renamed", "familyName": f"{number}"}])

    def tokens_die(self, number: int) -> None:
        del number
        user = self.google.user(self.dice.choice(STAFF))
        self.dice.choice([user.mail.expire_history, user.calendar().expire_tokens, user.people.expire_tokens])()


def concerns(letter: Letter) -> bool:
    return not HIDDEN & set(letter.labels) and CUSTOMER.encode() in letter.raw


@pytest.fixture
def google() -> Iterator[GoogleSimulator]:
    simulator = google_simulator.create(0, Weather(7, CHANCES))
    simulator.start()
    simulator.add_user(RUT, "Rut", "acme.example")
    yield simulator
    simulator.stop()


def test_in_the_evening_the_hub_has_what_google_has(hub: Hub, google: GoogleSimulator) -> None:
    weather = google.faults
    assert isinstance(weather, Weather)
    day = Day(hub, google, seed=11)
    weather.is_bad = True
    for number in range(STEPS):
        day.step(number)
        if number % 10 == 9:
            day.workers.work()
    weather.is_bad = False
    until(day.workers.is_quiet, why=lambda: [vars(day.state(one)) for one in day.workers.streams()], every=0.2)
    assert weather.came.total() > 5, "the weather was too good"
    day.workers.work()
    assert_equal_sets(day)
    assert_nothing_twice(day)
    day.workers.assert_green()


def assert_equal_sets(day: Day) -> None:
    for address in STAFF:
        user = day.google.user(address)
        there = {one.id for one in user.mail.letters.values() if concerns(one)}
        assert kept(day, f"mail:{address}") == there, address
        alive = {one.id for one in user.calendar().entries.values() if not one.gone and not one.dropped}
        with day.hub.db.read() as session:
            rows = session.scalars(select(RawRecord).where(RawRecord.stream == f"calendar:{address}:primary")).all()
        assert {row.remote_id for row in rows if row.payload.get("status") != "cancelled"} == alive, address
        cards = {f"people/{one.id}" for one in user.people.contacts.present()}
        assert kept(day, f"contacts:{address}:connections") == cards, address


def kept(day: Day, records: str) -> set[str]:
    return {raw.remote_id for raw in day.workers.kept(records)}


def assert_nothing_twice(day: Day) -> None:
    day.workers.assert_nothing_twice()
    with day.hub.db.read() as session:
        hub_mails = session.scalars(
            select(MailMessage.subject).where(MailMessage.subject.startswith("From the hub"))
        ).all()
    assert len(hub_mails) == len(set(hub_mails)) <= day.written
    assert sum(b"Subject: From the hub" in one.raw for one in day.google.sent) == day.written
