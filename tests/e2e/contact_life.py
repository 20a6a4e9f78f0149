"""A life of contacts, whatever the remote: what people do on both sides, what goes wrong, and what must be in the end."""

import shutil
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.identity import parties, write_back
from hub.identity.models import Link, Party
from hub.outbound.brakes import LoopBrake
from hub.outbound.models import Outbox, OutboxState
from hub.settings import load as load_settings
from tests.e2e.address_books import Killed, Writing, die

NAMES = st.sampled_from(["Dana Levi", "Dana Cohen", "Rut Nowak", "דנה לוי"])
PHONES = st.sampled_from(["+972502345678", "+972523334444", "+48221234567"])
SOME_PHONES = st.lists(PHONES, unique=True, max_size=3)
TITLES = st.sampled_from(["Buyer", "Boss", ""])


class Life(RuleBasedStateMachine):
    """One contact and its party. The hub is made once; each life has a customer of its own.

    A remote adds how a life begins, and what its own people do.
    """

    desk: Any  # a `Writing` that also has `there(name)` and `written()`
    patch: pytest.MonkeyPatch
    lives: ClassVar[int] = 0
    never: AbstractSet[str] = frozenset()  # writes that nothing here may lead to
    faults: Faults  # of the remote
    name: str  # of the contact, there

    def begun(self, name: str) -> None:
        """Let the hub learn of a contact."""
        self.name = name
        self.sync()
        [link] = [one for one in self.desk.rows(Link) if one.remote_id == name]
        self.party: int = link.party_id

    # --- what happens -----------------------------------------------------------------------------------------------

    @rule(name=NAMES)
    def a_person_renames(self, name: str) -> None:
        self.desk.edit(self.party, name=name)

    @rule(title=TITLES)
    def a_person_gives_a_title(self, title: str) -> None:
        self.desk.edit(self.party, job_title=title)

    @rule(phone=PHONES)
    def a_person_adds_a_number(self, phone: str) -> None:
        self.desk.say(phone, self.party)

    @rule(phone=PHONES)
    def a_person_takes_a_number_off(self, phone: str) -> None:
        if phone in self.here()["values"]:
            self.desk.take_off(phone, self.party)

    @rule()
    def everything_is_looked_at(self) -> None:
        self.desk.read()

    @rule()
    def the_outbox_is_sent(self) -> None:
        self.desk.send()

    @rule()
    def an_answer_is_lost(self) -> None:
        self.faults.add("commit_then_timeout")
        self.desk.send()
        self.faults.clear()
        self.desk.hurry()

    @rule()
    def a_worker_dies_after_its_write(self) -> None:
        with self.patch.context() as patch:
            patch.setattr(write_back.ContactKind, "sent", die)
            for lease in self.desk.leases():
                with suppress(Killed):  # it does not come that far where the remote is away
                    hub_app.deliverer(self.desk.hub).deliver(lease)
        self.desk.hurry()

    @rule()
    def everything_is_read_anew(self) -> None:
        self.desk.replay()
        self.desk.forget_cursors()

    # --- what must be -----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_doubled_or_gone(self) -> None:
        links = [one for one in self.desk.rows(Link) if one.remote_id == getattr(self, "name", "")]
        assert [one.gone_at for one in links] in ([], [None])
        assert self.never.isdisjoint(self.desk.written())

    def teardown(self) -> None:
        if not hasattr(self, "party"):
            return
        self.faults.clear()
        self.sync()
        assert self.here() == self.there()
        writes = len(self.desk.written())
        self.desk.forget_cursors()
        self.sync()
        assert len(self.desk.written()) == writes  # no echo goes out
        assert self.here() == self.there()
        assert {row.state for row in self.desk.rows(Outbox)} <= {OutboxState.SENT}
        assert len(self.desk.parties()) == self.lives

    def sync(self) -> None:
        for _ in range(3):
            self.desk.hurry()
            self.desk.thaw()
            self.desk.read()
            self.desk.send()

    def here(self) -> dict[str, Any]:
        with self.desk.hub.db.read() as session:
            party = session.get_one(Party, self.party)
            values = [row.value for row in parties.identifiers(session, party)]
            return {"name": party.name, "title": party.fields.get("job_title") or "", "values": sorted(values)}

    def there(self) -> dict[str, Any]:
        said = self.desk.there(self.name)
        values = sorted([*said["phones"], *said["emails"]])
        return {"name": said["name"], "title": said.get("job_title", ""), "values": values}


@contextmanager
def hub_of_its_own(template: Path, assets: Path, home: Path) -> Iterator[Hub]:
    """Wire a hub with an empty SQLite file."""
    shutil.copy(template, home / "hub.db")
    shutil.copytree(assets, home / "assets")
    values = {"HUB_HOME": str(home), "HUB_DATABASE__URL": f"sqlite:///{home / 'hub.db'}", "HUB_LOG__LEVEL": "error"}
    hub = hub_app.create_hub(load_settings(values))
    try:
        yield hub
    finally:
        hub_app.close_hub(hub)


def lived(life: type[Life], desk: Writing, faults: Faults, patch: pytest.MonkeyPatch) -> None:
    """Let some lives happen. They share a hub, so a life that failed is told as it was: no shorter one is looked for."""
    life.desk, life.faults, life.patch, life.lives = desk, faults, patch, 0
    patch.setattr(write_back, "_BRAKE", LoopBrake(most=1000))
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=12,
            stateful_step_count=12,
            suppress_health_check=checks,
            phases=[Phase.explicit, Phase.generate],
        ),
    )
