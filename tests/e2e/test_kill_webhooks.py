"""kill -9 at every place between an event and what is kept of its delivery."""

import signal
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select, update

from hub.context import Hub
from hub.events import tell
from hub.events.models import Event
from hub.security.models import Role
from hub.security.policy import Person
from hub.settings import Settings
from hub.settings import load as load_settings
from hub.store.base import now
from hub.webhooks import endpoints
from hub.webhooks.models import DeliveryState, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tests.e2e import kill_sender, kill_worker
from tests.e2e.content import copied
from tests.e2e.mortals import MOST_PLACES, Mortals
from tests.fakes.receiver import Behaviour, Receiver
from tests.fakes.servers import Postgres

PERSON = Person(0, None, "", "a test", Role.ADMIN)
ALLOWED = {"HUB_WEBHOOKS__ALLOW_PRIVATE": "true"}


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return load_settings(environment | ALLOWED)


@pytest.fixture
def receivers() -> Iterator[list[Receiver]]:
    some = [Receiver(), Receiver()]
    yield some
    for one in some:
        one.close()


@pytest.fixture
def senders(tmp_path: Path) -> Iterator[Mortals]:
    program = Mortals(tmp_path, kill_sender)
    yield program
    program.close()


def die_everywhere(senders: Mortals) -> list[str]:
    """Let senders die until one has nothing left to do; returns where."""
    places: list[str] = []
    while (told := senders.tell(live=True))["place"]:
        assert told["code"] == -signal.SIGKILL, senders.said
        places.append(told["place"])
        assert len(places) < MOST_PLACES
    assert told["code"] == 0, senders.said
    return places


def test_senders_that_are_killed_at_every_place_lose_nothing_and_keep_the_order(
    hub: Hub,
    senders: Mortals,
    receivers: list[Receiver],
    environment: dict[str, str],
    database_url: str,
    postgres_server: Postgres,
    tmp_path: Path,
) -> None:
    with hub.db.write() as session:
        for one in receivers:
            _, secret = endpoints.add(
                session, hub.vault, hub.settings.webhooks, PERSON, url=one.url, allow_private=True
            )
            one.secrets.append(secret)
    with hub.db.write() as session:
        for number in range(9):
            tell.tell(session, "call.ended", f"p{number % 3}", {"party": f"p{number % 3}", "n": number})
    hub.db.close()  # what is copied, nobody has open
    clean = copied(database_url, tmp_path, postgres_server)
    named = "" if hub.db.is_sqlite else f"?application_name={kill_worker.NAME}"
    opened = {**environment, **ALLOWED, "HUB_DATABASE__URL": f"{database_url}{named}"}
    senders.tell(open=opened, remote="http://127.0.0.1:9")
    senders.tell(rehearse=clean)
    for one in receivers:
        assert len(one.got) == 9
        one.got.clear()

    # The second one refuses an event of the third customer until it is tried again; the others of that customer wait.
    receivers[1].behave = lambda got: Behaviour(status=400 if got.said["data"]["n"] == 2 else 200)
    places = die_everywhere(senders)
    assert {got.said["data"]["n"] for got in receivers[1].got if got.subject == "p2"} == {2}
    receivers[1].behave = lambda _: Behaviour()
    with hub.db.write() as session:
        session.execute(update(WebhookDelivery).where(WebhookDelivery.due_at.is_not(None)).values(due_at=now()))
        session.execute(update(WebhookEndpoint).where(WebhookEndpoint.due_at.is_not(None)).values(due_at=now()))
    places += die_everywhere(senders)

    for what in (
        "before INSERT INTO webhook_delivery", "before INSERT INTO webhook_attempt",
        "before UPDATE webhook_attempt", "before UPDATE webhook_delivery", "before UPDATE webhook_endpoint",
        "before POST", "after POST", "before COMMIT", "after COMMIT",
    ):  # fmt: skip
        assert any(one.startswith(what) for one in places), (what, places)
    with hub.db.read() as session:
        ids = {event.data["n"]: str(event.public_id) for event in session.scalars(select(Event))}
        rows = session.scalars(select(WebhookDelivery)).all()
        good = Counter(session.scalars(select(WebhookAttempt.delivery_id).where(WebhookAttempt.ok.is_(True))))
        refusals = session.scalars(select(WebhookAttempt).where(WebhookAttempt.ok.is_(False))).all()
        unseen = session.scalars(select(WebhookAttempt).where(WebhookAttempt.ok.is_(None))).all()
    assert Counter((row.endpoint_id, row.event_id) for row in rows).most_common(1)[0][1] == 1, "planned twice"
    assert [row.state for row in rows] == [DeliveryState.SENT] * 18
    assert good == Counter(row.id for row in rows), "each has one result"
    assert [sum(row.failures for row in rows), len(refusals)] == [1, 1], "one refusal is one, however often it was said"
    assert {one.error for one in unseen} == {"!broken_off"}
    for one in receivers:
        assert all(got.verified for got in one.got)
        assert {got.said["data"]["n"]: got.id for got in one.got} == ids
        for party in range(3):
            order = [got.said["data"]["n"] for got in one.got if got.subject == f"p{party}"]
            assert set(order) == {party, party + 3, party + 6}
            assert all(before <= after for before, after in pairwise(order)), order
    assert sum(len(one.got) for one in receivers) > 18 + 1, "nobody died behind a request"
    assert senders.said == ""
