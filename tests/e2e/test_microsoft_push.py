"""Notifications of a simulated Microsoft reach a wired hub over HTTP: hints, which make streams due and are never needed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, event, select, update

from connectors.microsoft import simulator as microsoft_simulator
from connectors.microsoft.simulated.subscriptions import Subscription
from connectors.microsoft.simulator import MicrosoftSimulator
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import accounts, channels, read
from hub.intake.models import Account, OauthGrant, PushChannel, StreamState
from hub.store.base import now
from hub.work.lease import claim, new_owner
from tests.e2e.reached import reached
from tests.fakes.shelf import Crash

NOA, DANA = "noa@acme.example", "dana@customer.example"
CALENDAR, CONTACTS = f"calendar:{NOA}:primary", f"contacts:{NOA}:contacts"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Office:
    """A hub that Microsoft reaches, with one account; workers' steps are taken by hand."""

    def __init__(self, hub: Hub, microsoft: MicrosoftSimulator) -> None:
        self.hub, self.microsoft = hub, microsoft
        with hub.db.write() as session:
            given = [parties.Given(parties.EMAIL, DANA)]
            parties.create(session, None, PartyKind.PERSON, "Dana", given, region="IL")
            values = {**microsoft.settings(), "timeout_s": 5}
            self.account = accounts.create(session, hub.connectors["microsoft"], hub.vault, "Microsoft", values).id
        self.inbox = f"mail:{NOA}:{microsoft.user(NOA).mail.folder('inbox').id}"

    @property
    def hook(self) -> str:
        with self.hub.db.read() as session:
            return channels.address(self.hub.settings.public_url, session.get_one(Account, self.account))

    def _claimed(self, stream: str) -> Any:
        which = (StreamState.account_id == self.account) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(which).values(lease_until=LONG_AGO))
            session.execute(update(OauthGrant).where(OauthGrant.lease_until.is_not(None)).values(lease_until=LONG_AGO))
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        return lease

    def read(self, *streams: str) -> None:
        """Read streams to their end, and let that be a while ago."""
        for stream in streams or (read.LISTING, *self.streams()):
            hub_app.reader(self.hub).read(self._claimed(stream))
        with self.hub.db.write() as session:
            mine = (StreamState.account_id == self.account) & (StreamState.records != "")
            session.execute(update(StreamState).where(mine).values(last_run_at=now() - timedelta(minutes=1)))

    def streams(self) -> list[str]:
        with self.hub.db.read() as session:
            return [state.stream for state in read.wanted(session, self.account)]

    def look(self) -> StreamState:
        """Look at the channels if anything is to be done, as workers do."""
        with self.hub.db.write() as session:
            channels.plan(session, channels.reached_at(self.hub.settings))
        mine = (StreamState.account_id == self.account) & (StreamState.stream == channels.PUSH)
        with self.hub.db.read() as session:
            is_due = session.scalar(select(StreamState.id).where(mine, channels.due()))
        if is_due:
            hub_app.push_channels(self.hub).keep(self._claimed(channels.PUSH))
        return self.state(channels.PUSH)

    def open(self) -> None:
        """Read everything and open the channels."""
        self.read()
        assert self.look().last_error == ""
        self.read()

    def state(self, stream: str) -> StreamState:
        with self.hub.db.read() as session:
            query = select(StreamState).where(StreamState.account_id == self.account, StreamState.stream == stream)
            return session.scalars(query).one()

    def due(self) -> set[str]:
        return {one for one in self.streams() if (at := self.state(one).due_at) is not None and at <= now()}

    def channels(self) -> dict[str, PushChannel]:
        with self.hub.db.read() as session:
            return {row.stream: row for row in session.scalars(select(PushChannel))}

    def subscription(self, stream: str) -> Subscription:
        return self.microsoft.subscriptions.open_ones[self.channels()[stream].facts["id"]]

    def write(self) -> None:
        self.microsoft.deliver(NOA, from_=DANA, subject="Offer")
        self.microsoft.notifier.flush()


@contextmanager
def dying_at(engine: Engine, statement: int) -> Iterator[None]:
    """Let a worker die before its n-th statement; who answers Graph meanwhile lives."""
    worker, count = threading.get_ident(), 0

    def look(*_: Any) -> None:
        nonlocal count
        count += threading.get_ident() == worker
        if count == statement and threading.get_ident() == worker:
            raise Crash

    event.listen(engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", look)


@pytest.fixture
def office(hub: Hub) -> Iterator[Office]:
    microsoft = microsoft_simulator.create(0, Faults())
    microsoft.start()
    microsoft.oauth.access_token_s = 90 * 86_400
    with reached(hub) as listening:
        yield Office(listening, microsoft)
        microsoft.stop()


def test_a_change_makes_its_own_folder_due(office: Office) -> None:
    office.open()
    assert {office.inbox, CALENDAR, CONTACTS} <= office.channels().keys()
    assert len(office.microsoft.subscriptions.living) == len(office.channels())
    assert all(one.immutable for one in office.microsoft.subscriptions.living)
    assert office.due() == set()
    office.write()
    assert office.due() == {office.inbox}
    assert {status for _, status in office.microsoft.notifier.sent} == {204}


def test_a_second_look_changes_nothing(office: Office) -> None:
    office.open()
    before, asked = office.channels(), office.microsoft.asked
    with office.hub.db.write() as session:
        session.execute(update(StreamState).where(StreamState.stream == channels.PUSH).values(due_at=now()))
    office.look()
    assert {key: row.facts for key, row in office.channels().items()} == {key: row.facts for key, row in before.items()}
    assert office.microsoft.asked == asked


def test_a_sign_of_life_that_graph_wants_is_given_at_once(office: Office) -> None:
    office.open()
    subscription = office.subscription(office.inbox)
    office.microsoft.subscriptions.ask_for_reauthorization(subscription.id)
    office.microsoft.notifier.flush()
    assert office.look().last_error == ""
    assert not office.subscription(office.inbox).needs_reauthorization
    assert office.subscription(office.inbox) is subscription
    office.read()
    office.write()
    assert office.due() == {office.inbox}


def test_a_subscription_that_was_taken_away_is_opened_anew_and_what_was_missed_is_looked_for(office: Office) -> None:
    office.open()
    old = office.subscription(office.inbox)
    office.microsoft.subscriptions.remove(old.id)
    office.microsoft.notifier.flush()
    assert office.due() == {office.inbox}
    office.read(office.inbox)
    office.write()  # nobody tells us
    assert office.look().last_error == ""
    assert office.subscription(office.inbox).id != old.id
    assert office.due() == {office.inbox}, "what came between the look and the opening"


def test_missed_notifications_mean_a_look(office: Office) -> None:
    office.open()
    office.microsoft.subscriptions.miss(office.subscription(CALENDAR).id)
    office.microsoft.notifier.flush()
    assert office.due() == {CALENDAR}


def test_a_subscription_is_renewed_before_it_ends(office: Office) -> None:
    office.open()
    before = office.subscription(office.inbox).expires_at
    with office.hub.db.write() as session:
        row = session.scalars(select(PushChannel).where(PushChannel.stream == office.inbox)).one()
        row.facts = {**row.facts, "renew_at": now().isoformat()}
        session.execute(update(StreamState).where(StreamState.stream == channels.PUSH).values(due_at=now()))
    assert office.look().last_error == ""
    assert office.subscription(office.inbox).expires_at >= before
    assert datetime.fromisoformat(office.channels()[office.inbox].facts["renew_at"]) > now() + timedelta(days=5)


def test_a_hub_that_does_not_answer_the_handshake_is_polled_and_says_so(office: Office) -> None:
    office.read()
    office.microsoft.faults.add("no_validation=always")
    state = office.look()
    assert "ValidationError" in state.last_error
    assert office.channels() == {}
    assert state.due_at is not None


def test_a_handshake_is_plain_text_whatever_the_token_says(office: Office) -> None:
    token = "<script>alert(1)</script> +&= שלום"
    answer = requests.post(office.hook, params={"validationToken": token}, timeout=5)
    assert (answer.status_code, answer.text) == (200, token)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert requests.post(office.hook, params={"validationToken": "a\nb"}, timeout=5).status_code == 401
    assert requests.get(office.hook, params={"validationToken": token}, timeout=5).status_code == 405


@pytest.mark.alike
@pytest.mark.parametrize("forged", [{"clientState": "wrong"}, {"clientState": None}, {"lifecycleEvent": "missed"}])
def test_who_does_not_know_the_secret_is_believed_nothing(office: Office, forged: dict[str, Any]) -> None:
    office.open()
    told = {"subscriptionId": office.subscription(office.inbox).id, "changeType": "created", **forged}
    answer = requests.post(office.hook, json={"value": [told]}, timeout=5)
    assert answer.status_code == 401
    assert office.due() == set()


def test_pausing_closes_all_subscriptions(office: Office) -> None:
    office.open()
    with office.hub.db.write() as session:
        session.get_one(Account, office.account).state = "paused"
    office.look()
    assert office.channels() == {}
    assert office.microsoft.subscriptions.living == []


def test_a_process_that_dies_anywhere_leaves_channels_that_the_next_one_completes(office: Office) -> None:
    office.read()
    with office.hub.db.write() as session:
        channels.plan(session, channels.reached_at(office.hub.settings))
    for statement in range(1, 200):
        try:
            with dying_at(office.hub.db.engine, statement):
                office.look()
        except Crash:
            continue
        break
    else:
        raise AssertionError("it never came through")
    assert office.look().last_error == ""
    kept = {row.facts["id"] for row in office.channels().values()}
    living = {one.id for one in office.microsoft.subscriptions.living}
    assert {office.inbox, CALENDAR, CONTACTS} <= office.channels().keys()
    assert kept <= living, "those that nobody saved end by themselves"
    office.read()
    office.write()
    assert office.due() == {office.inbox}
