"""Notifications of a simulated Google reach a wired hub over HTTP: hints, which make streams due and are never needed."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError

from connectors.google.push import GooglePush
from connectors.google.simulated.channels import Channel as Opened
from connectors.google.simulated.oauth import ROBOT
from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.connector.stream import Hinted, Lane
from hub.context import Hub
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import accounts, channels, read
from hub.intake.models import Account, OauthGrant, PushChannel, RawRecord, StreamState
from hub.store.base import now
from hub.work.lease import claim, new_owner
from hub.work.models import Bucket, Slot
from tests.e2e.calls import until
from tests.e2e.reached import reached
from tests.fakes.shelf import Crash, crash_at

NOA, ADAM = "noa@acme.example", "adam@acme.example"
DANA = "dana@customer.example"
MAIL, CALENDAR = f"mail:{NOA}", f"calendar:{NOA}:primary"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Office:
    """A hub that Google reaches, with one account that reads mail and a calendar; workers' steps are taken by hand."""

    def __init__(self, hub: Hub, google: GoogleSimulator) -> None:
        self.hub, self.google = hub, google
        self.url = hub.settings.public_url
        with hub.db.write() as session:
            given = [parties.Given(parties.EMAIL, DANA)]
            parties.create(session, None, PartyKind.PERSON, "Dana", given, region="IL")
        self.account = self.connect("Google")

    def connect(self, name: str, **changes: Any) -> int:
        settings = {
            **self.google.settings(), "contacts": False, "timeout_s": 5, "topic": self.google.topic,
            "subscription": self.google.subscription, "certs_url": f"{self.google.world.base_url}/oauth2/v1/certs",
            "pubsub_key": self.google.service_account_json(), "mail_units_per_minute": 1_000_000, **changes,
        }  # fmt: skip
        with self.hub.db.write() as session:
            return accounts.create(session, self.hub.connectors["google"], self.hub.vault, name, settings).id

    def set(self, account: int = 0, **changes: Any) -> None:
        with self.hub.db.write() as session:
            row = session.get_one(Account, account or self.account)
            accounts.update(row, self.hub.connectors["google"], self.hub.vault, {**row.settings, **changes})

    def row(self, account: int = 0) -> Account:
        with self.hub.db.read() as session:
            return session.get_one(Account, account or self.account)

    def hook(self, account: int = 0) -> str:
        return channels.address(self.url, self.row(account))

    # --- what workers do ----------------------------------------------------------------------------------------------

    def _claimed(self, stream: str, account: int) -> Any:
        which = (StreamState.account_id == account) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(which).values(lease_until=LONG_AGO))
            session.execute(update(OauthGrant).where(OauthGrant.lease_until.is_not(None)).values(lease_until=LONG_AGO))
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        return lease

    def read(self, *streams: str, account: int = 0) -> None:
        """Read streams to their end, and let that be a while ago."""
        account = account or self.account
        for stream in streams or (read.LISTING, *self.streams(account)):
            hub_app.reader(self.hub).read(self._claimed(stream, account))
        with self.hub.db.write() as session:
            mine = (StreamState.account_id == account) & (StreamState.records != "")
            session.execute(update(StreamState).where(mine).values(last_run_at=now() - timedelta(minutes=1)))

    def streams(self, account: int = 0) -> list[str]:
        with self.hub.db.read() as session:
            return [state.stream for state in read.wanted(session, account or self.account)]

    def look(self, account: int = 0) -> StreamState:
        """Look at the channels of an account if anything is to be done, as workers do."""
        account = account or self.account
        with self.hub.db.write() as session:
            channels.plan(session, channels.reached_at(self.hub.settings))
        mine = (StreamState.account_id == account) & (StreamState.stream == channels.PUSH)
        with self.hub.db.read() as session:
            is_due = session.scalar(select(StreamState.id).where(mine, channels.due()))
        if is_due:
            hub_app.push_channels(self.hub).keep(self._claimed(channels.PUSH, account))
        return self.state(channels.PUSH, account)

    def pull(self) -> None:
        """Ask the queues that are due, each once."""
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(StreamState.stream == channels.PULL).values(lease_until=LONG_AGO))
            leases = claim(session, StreamState, channels.to_pull(), owner=new_owner(), lease_s=60, limit=9)
        for lease in leases:
            hub_app.push_channels(self.hub).fetch(lease)

    def ask_again(self) -> None:
        """Let the queue be asked at once."""
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(StreamState.stream == channels.PULL).values(due_at=now()))

    def open(self) -> None:
        """Read everything, open the channels, and have heard what they say first."""
        self.read()
        assert self.look().last_error == ""
        self.pull()
        self.google.notifier.flush()
        self.read()

    # --- what is known ------------------------------------------------------------------------------------------------

    def state(self, stream: str, account: int = 0) -> StreamState:
        with self.hub.db.read() as session:
            query = select(StreamState).where(StreamState.account_id == (account or self.account))
            return session.scalars(query.where(StreamState.stream == stream)).one()

    def is_due(self, stream: str, account: int = 0) -> bool:
        due_at = self.state(stream, account).due_at
        return due_at is not None and due_at <= now()

    def channels(self) -> dict[str, PushChannel]:
        with self.hub.db.read() as session:
            return {row.stream: row for row in session.scalars(select(PushChannel))}

    def raws(self, stream: str) -> int:
        with self.hub.db.read() as session:
            return len(session.scalars(select(RawRecord.id).where(RawRecord.stream == stream)).all())

    # --- what people do, and Google -----------------------------------------------------------------------------------

    def meet(self) -> None:
        start = self.google.clock.now() + timedelta(days=1)
        self.google.user(NOA).calendar().insert(
            summary="Offer", start=start, end=start + timedelta(hours=1), attendees=[DANA]
        )
        self.google.notifier.flush()

    def write(self, to: str = NOA) -> None:
        self.google.deliver(to, from_=DANA, subject="Offer")
        self.google.notifier.flush()

    def opened(self) -> list[Opened]:
        """The calendar channels that Google has open now."""
        ms = self.google.clock.ms()
        return [one for one in self.google.channels.open_ones.values() if one.expires_ms > ms]

    def posts(self, **changes: Any) -> None:
        """Let Google post what is published, in place of letting us pull."""
        self.set(subscription="", push_sender=ROBOT, **changes)
        self.google.pubsub.subscriptions.clear()
        token = f"?token={changes['push_token']}" if "push_token" in changes else ""
        self.google.pubsub.subscribe("projects/demo/subscriptions/push", push_to=self.hook() + token)

    def answers(self) -> list[int]:
        return [status for _, status in self.google.notifier.sent]


@pytest.fixture
def office(hub: Hub, google: GoogleSimulator) -> Iterator[Office]:
    google.oauth.access_token_s = 90 * 86_400
    with reached(hub) as listening:
        yield Office(listening, google)


# --- a change is heard of -----------------------------------------------------------------------------------------------


def test_a_mail_makes_its_stream_due_by_pull(office: Office, google: GoogleSimulator) -> None:
    office.open()
    office.write()
    assert not office.is_due(MAIL)
    office.pull()
    assert office.is_due(MAIL)
    assert office.state(MAIL).lane == Lane.INCREMENTAL
    assert not office.is_due(CALENDAR)
    assert not google.pubsub.subscriptions[google.subscription].waiting, "it was acknowledged"
    office.read(MAIL)
    assert office.raws(MAIL) == 1


def test_a_mail_makes_its_stream_due_by_a_signed_post(office: Office) -> None:
    office.posts()
    office.open()
    office.write()
    assert set(office.answers()) == {204}
    assert office.is_due(MAIL)
    office.read(MAIL)
    assert office.raws(MAIL) == 1


def test_a_meeting_makes_its_calendar_due(office: Office) -> None:
    office.open()
    office.meet()
    assert office.answers() == [204, 204]
    assert office.is_due(CALENDAR)
    assert not office.is_due(MAIL)
    office.read(CALENDAR)
    assert office.raws(CALENDAR) == 1


def test_workers_open_hear_and_read_without_anybody(office: Office, google: GoogleSimulator) -> None:
    google.pubsub.wait_s = 1.0
    office.read(
        read.LISTING
    )  # channels are looked for once a minute: a look before there are streams costs that minute
    running = hub_app.start(office.hub, listen=False)
    try:
        until(lambda: len(office.channels()) == 2 and office.state(MAIL).phase == "incremental", 30)
        until(lambda: office.state(CALENDAR).phase == "incremental", 30)
        with office.hub.db.write() as session:  # no look by itself
            later = now() + timedelta(hours=1)
            session.execute(update(StreamState).where(StreamState.records != "").values(due_at=later))
        office.write()
        office.meet()
        until(lambda: office.raws(MAIL) == office.raws(CALENDAR) == 1, 30)
    finally:
        running.close()


def test_a_shared_queue_hints_at_whichever_account_it_is(office: Office, google: GoogleSimulator) -> None:
    adams = office.connect("Adam", address=ADAM, refresh_token=google.oauth.grant(ADAM), calendar=False)
    office.open()
    office.read(account=adams)
    office.look(adams)
    office.pull()
    office.read(account=adams)
    office.write(ADAM)
    office.pull()
    assert office.is_due(f"mail:{ADAM}", adams)
    assert not office.is_due(MAIL)
    with office.hub.db.read() as session:
        queues = session.scalars(select(StreamState).where(StreamState.stream == channels.PULL)).all()
    assert len([one for one in queues if one.last_run_at]) == 1, "one asks for both"


def test_a_queue_whose_reader_fails_is_asked_by_another(office: Office, google: GoogleSimulator) -> None:
    adams = office.connect("Adam", address=ADAM, refresh_token=google.oauth.grant(ADAM), calendar=False, pubsub_key="")
    office.open()
    office.read(account=adams)
    office.look(adams)
    office.set(pubsub_key=json.dumps({**json.loads(google.service_account_json()), "client_email": "nobody@x"}))
    office.pull()
    failed = office.state(channels.PULL)
    assert failed.failures == 1
    assert "permission" in failed.last_error
    office.write()
    office.pull()
    assert office.is_due(MAIL)
    assert office.state(channels.PULL, adams).failures == 0


# --- what goes wrong on the way -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["duplicated_notification", "delayed_notification", "reordered_notification"])
def test_notifications_that_come_twice_late_or_in_another_order_cost_a_look(
    office: Office, google: GoogleSimulator, fault: str
) -> None:
    office.open()
    google.faults.add(f"{fault}=2")
    office.meet()
    office.write()
    google.faults.clear()
    office.write()
    google.clock.advance(minutes=2)
    google.notifier.flush()
    office.pull()
    assert office.is_due(CALENDAR)
    assert office.is_due(MAIL)
    office.read(CALENDAR, MAIL)
    office.pull()
    assert (office.raws(CALENDAR), office.raws(MAIL)) == (1, 2)
    assert not office.is_due(MAIL)


def test_when_all_notifications_are_lost_polling_heals(office: Office, google: GoogleSimulator) -> None:
    office.open()
    google.faults.add("dropped_notification=always")
    office.meet()
    office.write()
    office.pull()
    for stream in (CALENDAR, MAIL):
        due_at = office.state(stream).due_at
        assert due_at is not None
        assert now() < due_at < now() + timedelta(minutes=6), "the usual look"
        office.read(stream)
        assert office.raws(stream) == 1


def test_a_puller_that_dies_anywhere_loses_no_hint(office: Office, google: GoogleSimulator) -> None:
    office.open()
    for statement in range(1, 60):
        office.write()
        try:
            with crash_at(office.hub.db.engine, statement):
                office.pull()
        except Crash:
            google.clock.advance(seconds=11)  # until somebody else may have the message
            office.ask_again()
            office.pull()
            assert office.is_due(MAIL), statement
            assert not google.pubsub.subscriptions[google.subscription].waiting
            office.read(MAIL)
            office.ask_again()
        else:
            break
    assert statement > 8


def test_what_google_says_while_the_database_is_away_comes_again(
    office: Office, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> int:
        raise OperationalError("UPDATE", None, Exception("disk is full"))

    office.posts()
    office.open()
    with monkeypatch.context() as patched:
        patched.setattr(channels, "hint", away)
        office.write()
        assert office.answers()[-1] == 503
    assert not office.is_due(MAIL)
    google.clock.advance(seconds=2)
    google.notifier.flush()
    assert office.answers()[-1] == 204
    assert office.is_due(MAIL)


def test_a_mail_that_is_hinted_at_while_its_stream_is_read_is_looked_for_again(office: Office) -> None:
    office.open()
    lease = office._claimed(MAIL, office.account)
    reader = hub_app.reader(office.hub)
    before = office.hub.remotes.open

    class Slow:
        """The remote, where a mail comes just after it was asked."""

        def __init__(self, *args: Any) -> None:
            self._remote = before(*args)

        def stream(self, key: str) -> Any:
            stream = self._remote.stream(key)

            class Late:
                def __getattr__(self, name: str) -> Any:
                    return getattr(stream, name)

                def pull(self, cursor: Any) -> Any:
                    page = stream.pull(cursor)
                    if not page.more:
                        office.write()
                        office.pull()
                    return page

            return Late()

    reader._open = Slow  # type: ignore[assignment]  # stands for the remote
    reader.read(lease)
    assert (office.state(MAIL).due_at or LONG_AGO) < now() + timedelta(seconds=10)
    office.read(MAIL)
    assert office.raws(MAIL) == 1


# --- who is refused -----------------------------------------------------------------------------------------------------


def _posted(address: str, headers: Mapping[str, str], body: bytes = b"") -> int:
    return requests.post(address, data=body, headers=dict(headers), timeout=10).status_code


def _message(address: str = NOA) -> bytes:
    data = base64.b64encode(json.dumps({"emailAddress": address, "historyId": 1}).encode()).decode()
    return json.dumps({"message": {"data": data, "messageId": "1"}, "subscription": "s"}).encode()


def test_a_forged_calendar_notification_is_refused(office: Office) -> None:
    office.open()
    [channel] = office.opened()
    good = {"X-Goog-Channel-ID": channel.id, "X-Goog-Channel-Token": channel.token, "X-Goog-Resource-State": "exists"}
    forged = [
        {**good, "X-Goog-Channel-ID": "another"},
        {**good, "X-Goog-Channel-Token": "guess"},
        {**good, "X-Goog-Channel-Token": channel.token[:-1]},
        {**good, "X-Goog-Channel-Token": ""},
        {**good, "X-Goog-Channel-Token": "é"},
        {**good, "X-Goog-Resource-State": "sync", "X-Goog-Channel-Token": "guess"},
        {},
    ]
    for headers in forged:
        assert _posted(office.hook(), headers) == 401, headers
        assert not office.is_due(CALENDAR)
    assert _posted(office.hook().rpartition("/")[0] + "/018f0000-0000-7000-8000-000000000000", good) == 404
    other = office.connect("Other")
    assert _posted(office.hook(other), good) == 401, "the channel of another account"
    assert not office.is_due(CALENDAR)
    assert [_posted(office.hook(), good) for _ in range(3)] == [204] * 3
    assert office.is_due(CALENDAR)


def test_what_is_refused_is_counted(office: Office) -> None:
    office.open()
    security = office.hub.settings.security.model_copy(update={"hook_limit": "3 per minute"})
    tight = replace(office.hub, settings=office.hub.settings.model_copy(update={"security": security}))
    client = hub_app.create_app(tight).test_client()
    other = office.connect("Other")
    statuses = [client.post(office.hook(one)).status_code for one in (office.account, other, office.account, other)]
    assert statuses == [401, 401, 401, 429], "whichever account is tried"


def _signed(google: GoogleSimulator, **claims: Any) -> str:
    made = int(datetime.now(UTC).timestamp())
    return google.oauth.signer.sign(
        {
            "iss": "https://accounts.google.com", "email": ROBOT, "email_verified": True, "sub": "1", "iat": made,
            "exp": made + 3600, **claims,
        }
    )  # fmt: skip


FORGERIES: dict[str, Callable[[Office], str]] = {
    "nothing": lambda _: "",
    "no token": lambda _: "Bearer x.y.z",
    "another audience": lambda office: f"Bearer {_signed(office.google, aud='https://other.example')}",
    "another sender": lambda office: f"Bearer {_signed(office.google, aud=office.hook(), email='x@evil.example')}",
    "a sender nobody verified": lambda office: (
        f"Bearer {_signed(office.google, aud=office.hook(), email_verified=False)}"
    ),
    "another issuer": lambda office: f"Bearer {_signed(office.google, aud=office.hook(), iss='https://evil.example')}",
    "too old": lambda office: f"Bearer {_signed(office.google, aud=office.hook(), iat=1, exp=3600)}",
    "not signed by google": lambda office: (
        f"Bearer {office.google.oauth.robot.sign({'iss': 'https://accounts.google.com', 'aud': office.hook(), 'email': ROBOT, 'email_verified': True, 'iat': 1, 'exp': 9999999999})}"
    ),
    "another signature": lambda office: f"Bearer {_signed(office.google, aud=office.hook())[:-8]}AAAAAAAA",
    "basic": lambda office: f"Basic {_signed(office.google, aud=office.hook())}",
}  # fmt: skip


def test_a_forged_post_is_refused(office: Office, google: GoogleSimulator) -> None:
    office.posts()
    office.open()
    for what, forgery in FORGERIES.items():
        assert _posted(office.hook(), {"Authorization": forgery(office)}, _message()) == 401, what
    assert not office.is_due(MAIL)
    good = {"Authorization": f"Bearer {_signed(google, aud=office.hook())}"}
    assert [_posted(office.hook(), good, _message()) for _ in range(3)] == [204] * 3
    assert office.is_due(MAIL)


def test_a_token_in_the_address_must_be_right_too(office: Office, google: GoogleSimulator) -> None:
    office.posts(push_token="a-long-token-of-ours")
    office.open()
    good = {"Authorization": f"Bearer {_signed(google, aud=office.hook())}"}
    for query in ("", "?token=", "?token=guess", "?token=a-long-token-of-our"):
        assert _posted(office.hook() + query, good, _message()) == 401
    assert not office.is_due(MAIL)
    office.write()
    assert office.is_due(MAIL)


def test_without_a_sender_in_the_settings_everybody_is_refused(office: Office, google: GoogleSimulator) -> None:
    office.open()
    good = {"Authorization": f"Bearer {_signed(google, aud=office.hook())}"}
    assert _posted(office.hook(), good, _message()) == 401


def test_what_the_right_sender_says_and_nobody_understands_is_thanked_for(
    office: Office, google: GoogleSimulator
) -> None:
    office.posts()
    office.open()
    good = {"Authorization": f"Bearer {_signed(google, aud=office.hook())}"}
    for body in (b"", b"{", b"[]", b"{}", b'{"message": {"data": "!"}}', b"[" * 100_000):
        assert _posted(office.hook(), good, body) == 204
    assert not office.is_due(MAIL)


def test_an_answer_that_a_remote_wants_is_given_as_plain_text(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GooglePush, "hinted", lambda *_: Hinted((), "<b>handshake</b>"))
    answer = requests.post(office.hook(), timeout=10)
    assert (answer.status_code, answer.text) == (200, "<b>handshake</b>")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_account_that_cannot_be_opened_asks_to_come_again(office: Office) -> None:
    with office.hub.db.write() as session:
        session.get_one(Account, office.account).settings = {"unknown": 1}
    answer = requests.post(office.hook(), timeout=10)
    assert (answer.status_code, answer.json()["error_id"]) == (503, "account_broken")


def test_certificates_are_asked_for_once(office: Office, google: GoogleSimulator) -> None:
    office.posts()
    office.open()
    before = google.asked
    for _ in range(5):
        office.write()
        _posted(office.hook(), {"Authorization": FORGERIES["not signed by google"](office)}, _message())
    assert google.asked == before


# --- channels -----------------------------------------------------------------------------------------------------------


def test_channels_are_opened_once_and_kept(office: Office, google: GoogleSimulator) -> None:
    office.open()
    assert set(office.channels()) == {MAIL, CALENDAR}
    [channel] = office.opened()
    assert channel.address == office.hook()
    sealed = office.channels()[CALENDAR].sealed
    assert channel.token not in f"{sealed} {office.channels()[CALENDAR].facts}"
    before = google.asked
    assert (office.state(channels.PUSH).due_at or LONG_AGO) > now() + timedelta(hours=5)
    for _ in range(3):
        office.look()
    assert google.asked == before


def test_channels_are_renewed_before_they_end(
    office: Office, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.open()
    moved = timedelta()
    for place in ("hub.intake.channels.now", "connectors.google.push._now"):
        monkeypatch.setattr(place, lambda: datetime.now(UTC) + moved)
    watches = [google.quota.spent(NOA).by_method["gmail.users.watch"][0]]
    for _ in range(10 * 4):
        google.clock.advance(hours=6)
        moved += timedelta(hours=6)
        office.look()
        assert len(office.opened()) == 1
        watch = google.user(NOA).mail.watching
        assert watch is not None
        assert watch.expires_ms - google.clock.ms() > 5 * 86_400_000
        watches.append(google.quota.spent(NOA).by_method["gmail.users.watch"][0])
    assert watches[-1] - watches[0] == 10, "daily"
    assert google.quota.spent(NOA).by_method["calendar.events.watch"][0] == 2
    monkeypatch.undo()
    google.clock.set(datetime.now(UTC))
    office.read()
    office.meet()
    assert office.is_due(CALENDAR)


def test_a_new_channel_is_open_before_the_old_one_is_closed(office: Office, google: GoogleSimulator) -> None:
    office.open()
    [old] = office.opened()
    calls: list[tuple[str, int]] = []
    google.observe(lambda one: calls.append((one.method.id, len(office.opened()))))
    office.hub.settings.server.__dict__["public_url"] += "/"  # another address
    office.set(every_s=301)
    with office.hub.db.write() as session:
        row = session.scalars(select(PushChannel).where(PushChannel.stream == CALENDAR)).one()
        row.facts = {**row.facts, "renew_at": LONG_AGO.isoformat()}
    office.look()
    assert [one for one in calls if one[0].startswith("calendar")] == [
        ("calendar.events.watch", 2),
        ("calendar.channels.stop", 1),
    ]
    [new] = office.opened()
    assert new.id != old.id
    assert new.id in str(office.channels()[CALENDAR].facts)


def test_a_calendar_that_tells_nothing_is_polled_and_no_error(office: Office, google: GoogleSimulator) -> None:
    google.user(NOA).calendar().pushes = False
    office.read()
    state = office.look()
    assert (state.trouble, state.last_error) == ("", "")
    assert set(office.channels()) == {MAIL}
    google.user(NOA).calendar().pushes = True
    with office.hub.db.write() as session:
        session.execute(update(StreamState).where(StreamState.id == state.id).values(due_at=now()))
    office.look()
    assert set(office.channels()) == {MAIL, CALENDAR}


def test_one_stream_without_a_channel_leaves_the_others_theirs(office: Office) -> None:
    office.set(topic="projects/demo/topics/nobody")
    office.read()
    state = office.look()
    assert set(office.channels()) == {CALENDAR}
    assert MAIL in state.last_error
    assert "Pub" in state.last_error
    assert (state.due_at or LONG_AGO) > now() + timedelta(hours=5)
    office.set(topic=office.google.topic)
    assert office.look().last_error == ""
    assert set(office.channels()) == {MAIL, CALENDAR}


def test_without_an_address_of_ours_only_the_queue_is_heard(hub: Hub, google: GoogleSimulator) -> None:
    office = Office(hub, google)
    office.open()
    assert set(office.channels()) == {MAIL}


@pytest.mark.alike
@pytest.mark.parametrize("fault", ["server_error", "reset", "html_instead_of_json", "rate_limited"])
def test_a_google_that_is_away_is_tried_again_soon(office: Office, google: GoogleSimulator, fault: str) -> None:
    office.read()
    google.faults.add(f"{fault}=always")
    state = office.look()
    assert office.channels() == {}
    assert state.failures == 1
    assert (state.due_at or LONG_AGO) < now() + timedelta(minutes=1)
    google.faults.clear()
    with office.hub.db.write() as session:  # the pause is over, and the silence that Google wants
        session.execute(update(StreamState).where(StreamState.stream == channels.PUSH).values(due_at=now()))
        session.execute(update(Bucket).values(frozen_until=None))
    assert office.look().last_error == ""
    assert len(office.channels()) == 2


def test_a_worker_that_dies_anywhere_leaves_one_channel_that_works(office: Office, google: GoogleSimulator) -> None:
    office.read()
    office.look()
    google.notifier.flush()
    google.faults.add("dropped_notification=always")  # a hook would die in place of the worker
    for statement in range(1, 60):
        with office.hub.db.write() as session:
            session.execute(delete(PushChannel))
            session.execute(delete(Bucket))  # the limit: so many looks are not those of a minute
            session.execute(update(StreamState).where(StreamState.stream == channels.PUSH).values(due_at=now()))
        try:
            with crash_at(office.hub.db.engine, statement):
                office.look()
        except Crash:
            with office.hub.db.write() as session:
                session.execute(update(StreamState).where(StreamState.stream == channels.PUSH).values(due_at=now()))
            office.look()
        else:
            break
        assert set(office.channels()) == {MAIL, CALENDAR}
        assert office.channels()[CALENDAR].facts["id"] in [one.id for one in office.opened()]
    assert statement > 10
    google.faults.clear()
    office.read()
    office.meet()
    assert office.is_due(CALENDAR)


# --- the end ------------------------------------------------------------------------------------------------------------


def _is_watched(google: GoogleSimulator) -> bool:
    return google.user(NOA).mail.watching is not None


def test_who_is_paused_hears_nothing_and_hears_again_afterwards(office: Office, google: GoogleSimulator) -> None:
    office.open()
    with office.hub.db.write() as session:
        accounts.pause(session.get_one(Account, office.account))
    office.look()
    assert not _is_watched(google)
    assert office.opened() == []
    assert office.channels() == {}
    office.pull()
    assert not office.state(channels.PULL).wanted
    with office.hub.db.write() as session:
        accounts.resume(session, session.get_one(Account, office.account), office.hub.connectors["google"])
    office.open()
    office.meet()
    office.write()
    office.pull()
    assert office.is_due(CALENDAR)
    assert office.is_due(MAIL)


def test_a_removed_account_is_closed_at_google_and_its_secrets_are_gone(
    office: Office, google: GoogleSimulator
) -> None:
    office.open()
    with office.hub.db.write() as session:
        accounts.remove(session, session.get_one(Account, office.account))
    assert _posted(office.hook(), {}) == 404
    office.look()
    assert not _is_watched(google)
    assert office.opened() == []
    assert office.channels() == {}
    assert office.row().secrets == ""
    with office.hub.db.read() as session:
        assert session.scalars(select(OauthGrant)).all() == []
    before = google.asked
    office.look()
    office.look()
    office.pull()
    assert google.asked == before
    assert office.state(channels.PUSH).due_at is None


@pytest.mark.parametrize("fault", ["server_error", "revoked", "hang"])
def test_secrets_are_gone_even_if_google_cannot_be_told(office: Office, google: GoogleSimulator, fault: str) -> None:
    office.set(timeout_s=0.3)
    office.open()
    google.faults.add(f"{fault}=always")
    if fault == "revoked":
        google.oauth.expire_access_tokens()
    with office.hub.db.write() as session:
        accounts.remove(session, session.get_one(Account, office.account))
    office.look()
    assert office.row().secrets == ""
    assert office.channels() == {}


def test_an_account_without_channels_loses_its_secrets_at_once(office: Office) -> None:
    with office.hub.db.write() as session:
        accounts.remove(session, session.get_one(Account, office.account))
    assert office.row().secrets == ""


def test_a_stream_that_is_not_wanted_any_more_loses_its_channel(office: Office, google: GoogleSimulator) -> None:
    office.open()
    office.set(calendar=False)
    office.read(read.LISTING)
    office.look()
    assert set(office.channels()) == {MAIL}
    assert office.opened() == []
    office.set(topic="")
    office.look()
    assert office.channels() == {}
    assert not _is_watched(google)
    assert not office.state(channels.PULL).wanted


def test_a_schedule_looks_for_what_changed(office: Office) -> None:
    """The turn is registered: without it nothing would ever be opened."""
    office.read()
    running = hub_app._workers(office.hub)
    running.run_once()
    with office.hub.db.read() as session:
        assert session.scalar(select(Slot).where(Slot.schedule == "push")) is not None
    assert office.state(channels.PUSH).due_at is not None
