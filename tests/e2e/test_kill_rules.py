"""kill -9 while rules fire: everything is done once, and no event is lost."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub import app as hub_app
from hub.context import Hub
from hub.events.types import RULE_FIRED
from hub.rules.models import Fired
from hub.security.models import Role
from hub.store.base import now
from hub.store.session import Database, open_engine
from hub.webhooks import endpoints
from tests.e2e import kill_rules
from tests.e2e.content import copied
from tests.e2e.mortals import Mortals
from tests.e2e.rules_desk import TASK, Rules
from tests.fakes.servers import Postgres

PLACES = (
    "before INSERT INTO rule_event", "before INSERT INTO rule_firing", "before INSERT INTO task",
    "before INSERT INTO rule_letter", "before INSERT INTO rule_notice", "before INSERT INTO event",
    "before DELETE FROM rule_event", "before COMMIT", "after COMMIT",
)  # fmt: skip


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Mortals]:
    program = Mortals(tmp_path, kill_rules)
    yield program
    program.close()


@pytest.mark.timeout(300)
def test_killed_at_every_place_each_rule_fires_once(
    hub: Hub, program: Mortals, tmp_path: Path, database_url: str, postgres_server: Postgres
) -> None:
    rules = Rules(hub)
    noa, boss = rules.colleague(), rules.colleague("Ada", Role.ADMIN)
    with hub.db.write() as session:
        endpoints.add(session, hub.vault, hub.settings.webhooks, boss, url="https://there.example/", types=[RULE_FIRED])
    dana = rules.customer(owner=noa)
    hub.db.engine.dispose()  # PostgreSQL copies only what nobody looks at
    clean = copied(database_url, tmp_path, postgres_server)  # in which nothing happens
    text = {"to": ["owner"], "text": "{customer} called"}
    rules.rule("call_missed", TASK, {"do": "mail", **text}, {"do": "notice", **text}, {"do": "webhook", "endpoint": ""})
    rules.rule("invoice_overdue", {"do": "notice", **text}, after=1, since=now() - timedelta(days=2))
    rules.document(dana, open_due_date=now().date() - timedelta(days=2))
    calls = [rules.call(dana), rules.call(dana)]
    hub_app.close_hub(hub)
    places = program.die_everywhere(tmp_path, database_url, clean)
    for what in PLACES:
        assert any(one.startswith(what) for one in places), (what, places)

    database = Database(open_engine(database_url))
    rules.hub = replace(hub, db=database)
    assert sorted(one.occasion.partition(":")[0] for one in rules.fired()) == ["call", "call", "document"]
    assert {one.state for one in rules.fired()} == {Fired.DONE}
    assert {one.interaction_id for one in rules.fired() if one.interaction_id} == {one.id for one in calls}
    assert len(rules.tasks()) == 1  # a second call back of the same number moves the first
    assert len(rules.letters()) == 2
    assert len(rules.notices()) == 3
    assert len(rules.events(RULE_FIRED)) == 2
    database.close()
