"""Outgoing webhooks from an event to a receiver on a real socket, which checks with the library of the standard."""

import datetime as dt
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook

from hub import app as hub_app
from hub.context import Hub
from hub.errors import UserError
from hub.events import tell
from hub.events.models import Event
from hub.notice.carrier import Message
from hub.notice.endpoints import Letters
from hub.security.models import Role
from hub.security.policy import Person
from hub.settings import Settings
from hub.settings import load as load_settings
from hub.store.base import now
from hub.web.webhook_words import in_english
from hub.webhooks import endpoints, plan, sign
from hub.webhooks.models import DeliveryState, Off, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from hub.webhooks.send import Batch, Sender, Step, judge_silent
from hub.work.lease import claim
from tests.e2e.certificates import self_signed
from tests.fakes.api import office
from tests.fakes.browser import someone
from tests.fakes.exchange import FakeExchange
from tests.fakes.receiver import Behaviour, Receiver

PERSON = Person(0, None, "", "a test", Role.ADMIN)
CALL = "call.ended"


class Desk:
    """A hub whose clock the test turns, and one endpoint."""

    def __init__(self, hub: Hub, receiver: Receiver) -> None:
        self.hub, self.receiver = hub, receiver
        self.later = dt.timedelta(0)
        self.endpoint = self.add(receiver)

    def clock(self) -> dt.datetime:
        return now() + self.later

    def add(self, receiver: Receiver, **facts: Any) -> int:
        with self.hub.db.write() as session:
            row, secret = endpoints.add(
                session, self.hub.vault, self.hub.settings.webhooks, PERSON,
                **{"url": receiver.url, "allow_private": True, **facts},
            )  # fmt: skip
            receiver.secrets.append(secret)
            return row.id

    def tell(self, *parties: str, type_: str = CALL, **data: Any) -> None:
        with self.hub.db.write() as session:
            for number, party in enumerate(parties):
                tell.tell(session, type_, party, {"party": party, "n": number, **data})
        self.hand_on()

    def hand_on(self) -> None:
        with self.hub.db.write() as session:
            hub_app.hand_on_events(session)

    def work(self, rounds: int = 1) -> None:
        """Let a worker look, as often as it finds something; the clock says when what failed is due."""
        sender = Sender(self.hub.db, self.hub.vault, self.hub.settings.webhooks, self.clock)
        for _ in range(rounds):
            with self.hub.db.write() as session:
                leases = claim(session, WebhookEndpoint, sender.due(), owner="test", lease_s=30, limit=9)
            for lease in leases:
                sender.run(lease)

    def row(self) -> WebhookEndpoint:
        with self.hub.db.read() as session:
            return session.get_one(WebhookEndpoint, self.endpoint)

    def deliveries(self) -> list[WebhookDelivery]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.id)))

    def attempts(self) -> list[WebhookAttempt]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(WebhookAttempt).order_by(WebhookAttempt.id)))

    def states(self) -> list[str]:
        return [one.state for one in self.deliveries()]

    def change(self, do: Callable[..., Any], *given: Any, **named: Any) -> Any:
        with self.hub.db.write() as session:
            return do(
                session, PERSON, session.get_one(WebhookEndpoint, self.endpoint, with_for_update=True), *given, **named
            )


@pytest.fixture
def settings(environment: dict[str, str], compressed_assets: Path) -> Settings:
    (Path(environment["HUB_HOME"]) / "assets").symlink_to(compressed_assets)
    return load_settings(environment | {"HUB_WEBHOOKS__ALLOW_PRIVATE": "true", "HUB_WEBHOOKS__TIMEOUT_S": "0.6"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def desk(hub: Hub, receiver: Receiver) -> Desk:
    return Desk(hub, receiver)


def test_an_event_is_sent_at_once_signed_in_order_and_once(desk: Desk) -> None:
    running = hub_app.start(desk.hub, listen=False)
    try:
        with desk.hub.db.write() as session:
            for number in range(30):
                tell.tell(session, CALL, f"p{number % 3}", {"party": f"p{number % 3}", "n": number, "שם": "דנה\u2028"})
            tell.tell(session, "task.done", "p9", {"id": "p9"})
        got = desk.receiver.wait(31)
    finally:
        running.close()
    assert all(one.verified for one in got)
    assert len({one.id for one in got}) == 31
    for party in ("p0", "p1", "p2"):
        assert [one.said["data"]["n"] for one in got if one.subject == party] == list(range(int(party[1]), 30, 3))
    first = got[0].said
    assert (first["type"], first["data"]["שם"]) == (CALL, "דנה\u2028")
    assert dt.datetime.fromisoformat(first["timestamp"]).tzinfo is not None
    assert got[0].headers["content-type"] == "application/json"
    assert desk.receiver.connections < 31, "each had a connection of its own"
    assert set(desk.states()) == {DeliveryState.SENT}


def test_only_what_an_endpoint_wants_and_what_happened_since_it_is_there(desk: Desk) -> None:
    with desk.hub.db.write() as session:
        row = session.get_one(WebhookEndpoint, desk.endpoint)
        endpoints.change(session, desk.hub.settings.webhooks, PERSON, row, types=["task.done"])
    desk.tell("p1")  # nobody listens to it
    desk.tell("p2", type_="task.done")
    other = Receiver()
    try:
        desk.add(other)
        desk.work(2)
        assert [one.said["type"] for one in desk.receiver.got] == ["task.done"]
        assert other.got == []
    finally:
        other.close()
    desk.tell("p3", type_="task.done")
    with desk.hub.db.write() as session:
        endpoints.change(
            session, desk.hub.settings.webhooks, PERSON, session.get_one(WebhookEndpoint, desk.endpoint), types=[CALL]
        )
    desk.work()
    assert DeliveryState.DROPPED in desk.states()
    assert len(desk.receiver.got) == 1


def test_what_fails_holds_up_its_own_customer_only_and_ends_by_the_schedule(desk: Desk) -> None:
    desk.receiver.behave = lambda got: Behaviour(status=400 if got.subject == "bad" else 200)
    desk.tell("bad", "good", "bad", "good")
    desk.work()
    assert [(one.subject, one.said["data"]["n"]) for one in desk.receiver.got] == [("bad", 0), ("good", 1), ("good", 3)]
    for pause in plan.PAUSES:
        before = len(desk.receiver.got)
        desk.later += pause * 0.85
        desk.work()
        assert len(desk.receiver.got) == before, "too early"
        desk.later += pause * 0.3
        desk.receiver.behave = lambda got: Behaviour(status=400 if got.said["data"]["n"] == 0 else 200)
        desk.work()
    assert len({one.id for one in desk.receiver.got if one.said["data"]["n"] == 0}) == 1
    assert [one.state for one in desk.deliveries()] == ["failed", "sent", "sent", "sent"]
    assert len([one for one in desk.attempts() if one.status == 400]) == len(plan.PAUSES) + 1
    assert desk.receiver.got[-1].said["data"]["n"] == 2


def test_each_way_to_misbehave_is_a_failure_that_the_log_explains(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    private = {"location": "http://169.254.169.254/latest/meta-data"}
    table: tuple[tuple[Behaviour, bool | None, str], ...] = (
        (Behaviour(body=b"<html>Welcome</html>", headers={"content-type": "text/html"}), True, ""),
        (Behaviour(status=302, headers=private), False, "!redirect 302"),
        (Behaviour(status=500, body=b"x" * 300_000), False, "!status 500"),
        (Behaviour(status=429, headers={"retry-after": "120"}), False, "!status 429"),
        (Behaviour(status=503, headers={"retry-after": "120"}), False, "!status 503"),
        (Behaviour(drop=True), False, "!closed"),
        (Behaviour(hang=hang), False, "!late 0.6"),
        (Behaviour(drip=True), False, "!late 0.6"),
    )
    for number, (behaviour, ok, error) in enumerate(table):
        desk.receiver.behaviour = behaviour
        desk.tell(f"p{number}")
        desk.work()
        last = desk.attempts()[-1]
        assert last.ok is ok, behaviour
        assert last.error == error, behaviour
        assert len(last.answer) <= 2048
        if behaviour.headers.get("retry-after"):
            rests = desk.row().rest_until
            assert rests is not None
            assert rests >= desk.clock() + dt.timedelta(seconds=110)
        desk.later += dt.timedelta(minutes=3)
        with desk.hub.db.write() as session:  # only the newest counts here
            session.execute(update(WebhookDelivery).values(state=DeliveryState.DROPPED, due_at=None))
    hang.set()
    assert desk.attempts()[0].answer == "<html>Welcome</html>"
    desk.receiver.close()
    desk.tell("q")
    desk.work()
    assert desk.attempts()[-1].error == "!nobody"
    assert desk.row().failing_since is not None


def test_gone_turns_an_endpoint_off_and_days_of_failing_too_and_it_gets_what_it_missed(
    desk: Desk, settings: Settings
) -> None:
    someone(desk.hub, Role.ADMIN)
    desk.receiver.behaviour = Behaviour(status=410)
    desk.tell("p1", "p2")
    desk.work()
    assert (desk.row().disabled_why, desk.states()) == (Off.GONE, ["failed", "waiting"])
    desk.tell("p3")
    desk.work()
    assert len(desk.receiver.got) == 1
    mails: list[Message] = []
    letters = Letters(
        desk.hub.db, Post(mails), settings, hub_app._catalog, lambda one: f"https://hub.example/admin/webhooks/{one}"
    )
    letters.turn()
    letters.turn()
    assert [(one.to.address, "410" in one.text) for one in mails] == [("admin@example.com", True)]
    desk.receiver.behaviour = Behaviour()
    with pytest.raises(UserError, match="off"):
        desk.change(endpoints.test)
    desk.change(endpoints.enable)
    since = desk.row().missed_since
    assert since is not None
    assert desk.change(endpoints.send_range, since, now()) == 2
    assert desk.row().missed_since is None
    desk.work(2)
    assert sorted(one.subject for one in desk.receiver.got[1:]) == ["p1", "p2", "p3"]
    assert all(one.verified for one in desk.receiver.got)

    desk.receiver.behaviour = Behaviour(status=500)
    for number in range(3):
        desk.tell(f"q{number}")
        desk.work()
        desk.later += dt.timedelta(days=2, hours=13)
    assert (desk.row().disabled_why, desk.row().told_at) == (Off.FAILING, None)
    letters.turn()
    assert len(mails) == 2
    assert mails[0].key != mails[1].key


def test_who_failed_for_days_is_turned_off_though_nothing_is_left_to_be_sent(desk: Desk, settings: Settings) -> None:
    someone(desk.hub, Role.ADMIN)
    other = Receiver()
    waiting = desk.add(other)
    desk.receiver.behaviour = other.behaviour = Behaviour(status=400)
    desk.tell("p1")
    desk.work()
    with desk.hub.db.write() as session:  # the next one is the last for the one, the other has tries left
        given_up = update(WebhookDelivery).where(WebhookDelivery.endpoint_id == desk.endpoint)
        session.execute(given_up.values(failures=len(plan.PAUSES), due_at=now()))
        session.execute(update(WebhookEndpoint).where(WebhookEndpoint.id == desk.endpoint).values(due_at=now()))
    desk.work()
    assert (desk.states(), desk.row().due_at) == (["failed", "waiting"], None)
    mails: list[Message] = []
    letters = Letters(desk.hub.db, Post(mails), settings, hub_app._catalog, lambda one: f"https://hub.example/{one}")
    for days, off in ((4.9, ""), (0.2, Off.FAILING), (1, Off.FAILING)):
        desk.later += dt.timedelta(days=days)
        with desk.hub.db.write() as session:
            judge_silent(session, desk.clock())
        letters.turn()
        assert (desk.row().disabled_why, len(mails)) == (off, 1 if off else 0)
    assert "five days" in mails[0].text
    with desk.hub.db.read() as session:
        assert session.get_one(WebhookEndpoint, waiting).disabled_at is None, "its next try judges it"
    other.close()


class Post:
    """Keeps what it carries."""

    remembers = True

    def __init__(self, mails: list[Message]) -> None:
        self.mails = mails

    def carry(self, message: Message) -> None:
        self.mails.append(message)


def test_one_and_a_range_are_sent_again_under_their_own_ids(desk: Desk) -> None:
    began = now()
    desk.tell("p1", "p2", "p1")
    desk.work()
    ids = [one.id for one in desk.receiver.got]
    first = desk.deliveries()[0]
    desk.change(endpoints.send_again, first)
    desk.work()
    assert desk.receiver.got[-1].id == next(one.id for one in desk.receiver.got if one.said["data"]["n"] == 0)
    assert desk.deliveries()[-1].replay_of == first.id
    assert desk.change(endpoints.send_range, began, now()) == 0
    assert desk.change(endpoints.send_range, began, now(), only_failed=False) == 3
    assert desk.change(endpoints.send_range, began, now(), only_failed=False) == 0, "they wait already"
    desk.work()
    assert sorted(one.id for one in desk.receiver.got[4:]) == sorted(ids)
    again = [one.said["data"]["n"] for one in desk.receiver.got[4:] if one.subject == "p1"]
    assert again == [0, 2]


def test_while_a_secret_rotates_both_sign_and_then_the_new_one_alone(desk: Desk) -> None:
    [old] = desk.receiver.secrets
    with desk.hub.db.write() as session:
        new = endpoints.rotate(session, desk.hub.vault, PERSON, session.get_one(WebhookEndpoint, desk.endpoint))
    desk.tell("p1")
    desk.work()
    got = desk.receiver.got[0]
    for secret in (old, new):
        Webhook(secret).verify(got.body, got.headers)
    assert len(got.headers["webhook-signature"].split()) == 2
    with desk.hub.db.read() as session:
        row = session.get_one(WebhookEndpoint, desk.endpoint)
        assert sign.in_force(desk.hub.vault, row, now() + sign.ROTATES_FOR) == [new]
        assert new not in row.secrets


def test_a_worker_that_dies_between_a_request_and_its_result_loses_nothing(desk: Desk) -> None:
    desk.tell("p1", "p1", "p2")

    class DiesError(Exception):
        pass

    class Dying(Sender):
        def _write(self, steps: Sequence[Step]) -> Sequence[Batch | Exception | None]:
            if any(step.results for step in steps):
                raise DiesError  # the answers are known, and nothing of them is kept
            return super()._write(steps)

    dying = Dying(desk.hub.db, desk.hub.vault, desk.hub.settings.webhooks, desk.clock)
    with desk.hub.db.write() as session:
        [lease] = claim(session, WebhookEndpoint, dying.due(), owner="dead", lease_s=30)
    with pytest.raises(DiesError):
        dying.run(lease)
    desk.work()
    assert len(desk.receiver.got) == 2, "somebody took what another one holds"
    with desk.hub.db.write() as session:  # its lease runs out
        session.execute(update(WebhookEndpoint).values(lease_until=now() - dt.timedelta(seconds=1)))
    desk.work()
    assert desk.states() == ["sent", "sent", "sent"]
    ids = [one.id for one in desk.receiver.got]
    assert sorted(ids.count(one) for one in set(ids)) == [1, 2, 2]
    assert [in_english(one.error)[:13] for one in desk.attempts() if one.ok is None] == ["The hub ended"] * 2
    with desk.hub.db.read() as session:
        assert session.get_one(WebhookEndpoint, desk.endpoint).attempt == lease.attempt + 1


def test_no_address_of_our_own_network_is_asked_unless_allowed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = desk.hub.settings.webhooks.model_copy(update={"allow_private": False})
    for url in (
        "https://127.0.0.1/x", "https://10.0.0.1/", "https://[::1]/", "https://169.254.169.254/", "https://[::ffff:8.8.8.8]/",
        "https://[64:ff9b::7f00:1]/", "https://0.0.0.0/", "https://224.0.0.1/", "http://example.com/", "ftp://example.com",
        "https://user:word@example.com/", "https://example.com/#x", "https://", "https://exa mple.com/", "https://a:99999/",
    ):  # fmt: skip
        with desk.hub.db.write() as session, pytest.raises(UserError):
            endpoints.add(session, desk.hub.vault, closed, PERSON, url=url)
    with desk.hub.db.write() as session, pytest.raises(UserError, match="allow_private"):
        endpoints.add(session, desk.hub.vault, closed, PERSON, url=desk.receiver.url, allow_private=True)
    # A name that means another address by the time that it is asked; and one of two is enough.
    other = desk.add(desk.receiver, url="https://hooks.example.com/", allow_private=False)
    real = socket.getaddrinfo

    def found(host: str, *given: Any, **named: Any) -> Any:
        return (
            [*real("8.8.8.8", *given, **named), *real("10.1.2.3", *given, **named)]
            if "example" in host
            else real(host, *given, **named)
        )

    monkeypatch.setattr(socket, "getaddrinfo", found)
    desk.tell("p1")
    desk.work()
    with desk.hub.db.read() as session:
        assert session.get_one(WebhookEndpoint, other).last_error == "!private hooks.example.com (10.1.2.3)"
    # What the settings allowed once counts no more when they do not.
    desk.hub = replace(desk.hub, settings=desk.hub.settings.model_copy(update={"webhooks": closed}))
    desk.tell("p2")
    desk.work()
    assert desk.row().last_error == "!private 127.0.0.1 (127.0.0.1)"
    assert len(desk.receiver.got) == 1


def test_a_certificate_must_be_of_the_name_and_in_force(desk: Desk, tmp_path: Path) -> None:
    good, late = self_signed(tmp_path / "good.pem"), self_signed(tmp_path / "late.pem", days=(-9, -2))
    for file, error in ((good, ""), (late, "!expired")):
        settings = desk.hub.settings.webhooks.model_copy(update={"ca_file": str(file), "timeout_s": 5})
        desk.hub = replace(desk.hub, settings=desk.hub.settings.model_copy(update={"webhooks": settings}))
        secure = Receiver(file)
        try:
            number = desk.add(secure)
            desk.tell("p1")
            desk.work()
            with desk.hub.db.read() as session:
                row = session.get_one(WebhookEndpoint, number)
                assert row.last_error == error
            assert len(secure.got) == (0 if error else 1)
        finally:
            secure.close()


def test_data_that_is_too_large_is_cut_to_what_identifies_it(desk: Desk) -> None:
    desk.tell("p1", id="c1", kind="call", text="x" * 1_100_000)
    desk.work()
    [got] = desk.receiver.got
    assert got.verified
    assert got.said["data"] == {"id": "c1", "kind": "call", "truncated": True}


def test_what_was_erased_holds_nobody_up_and_what_is_old_is_forgotten(desk: Desk) -> None:
    desk.receiver.behaviour = Behaviour(status=400)
    desk.tell("p1", "p1")
    desk.work()
    first = desk.deliveries()[0]
    with desk.hub.db.write() as session:
        session.delete(session.get_one(Event, first.event_id))
    assert [one.due_at for one in desk.deliveries()] == [None]
    assert desk.attempts() == []
    with desk.hub.db.write() as session:
        endpoints.forget(session)
    desk.receiver.behaviour = Behaviour()
    desk.work()
    assert desk.states() == ["sent"]
    with desk.hub.db.write() as session:
        session.execute(update(WebhookDelivery).values(created_at=now() - dt.timedelta(days=31)))
        endpoints.forget(session)
    assert (desk.deliveries(), desk.attempts()) == ([], [])
    with desk.hub.db.write() as session:
        endpoints.remove(session, PERSON, session.get_one(WebhookEndpoint, desk.endpoint))
    desk.tell("p1")
    with desk.hub.db.read() as session:
        assert len(session.scalars(select(Event)).all()) == 1, "nobody listens any more"


def test_a_program_keeps_endpoints_through_the_api(desk: Desk) -> None:
    client = office(desk.hub, FakeExchange())
    api, path = client.as_admin, "/webhook-endpoints"
    assert client.as_manager.get(path).status_code == 403
    assert api.post(path, {"url": "https://10.0.0.1/"}).get_json()["error_id"] == "private_address"
    assert api.post(path, {"url": "https://example.com/", "types": ["no.type"]}).get_json()["field"] == "types"
    made = api.post(path, {"url": "https://example.com/hook", "types": [CALL]}).get_json()
    assert (made["name"], made["secret"][:6]) == ("example.com", "whsec_")
    own = f"{path}/{made['id']}"
    assert "secret" not in api.get(own).get_json()
    changed = api.patch(own, {"url": desk.receiver.url, "allow_private": True, "name": "CRM"}).get_json()
    assert (changed["name"], changed["types"]) == ("CRM", [CALL])
    desk.receiver.secrets = [api.post(f"{own}/rotate-secret").get_json()["secret"]]
    assert api.post(f"{own}/test").status_code == 201
    desk.work()
    assert [one.verified for one in desk.receiver.got] == [True]
    [sent] = api.get(f"{own}/deliveries?state=sent").get_json()["items"]
    assert (sent["type"], sent["attempts"][0]["status"], sent["event"]) == (
        "webhook.test",
        200,
        desk.receiver.got[0].id,
    )
    assert api.post(f"{own}/deliveries/{sent['id']}/replay").status_code == 201
    assert len([one for page in api.pages(f"{own}/deliveries", 1) for one in page]) == 2
    desk.receiver.behaviour = Behaviour(status=500)
    desk.work()
    newest = api.get(f"{own}/deliveries").get_json()["items"][0]
    assert newest["attempts"][0]["error"] == api.get(own).get_json()["last_error"] == "It answered 500."
    again = {"since": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z", "only_failed": False}
    assert api.post(f"{own}/replay", again).get_json() == {"events": 0}, "a test is none"
    assert api.patch(own, {"enabled": False}).get_json()["disabled_why"] == "person"
    assert api.post(f"{own}/test").get_json()["error_id"] == "webhook_off"
    assert api.patch(own, {"enabled": True}).get_json()["disabled_at"] is None
    assert api.ask("DELETE", own).status_code == 204
    assert api.get(own).status_code == 404
