"""A life of contacts: any order of edits on both sides, replays, lost answers and killed workers ends with both equal."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from connectors.google import simulator as google_simulator
from hub import app as hub_app
from hub import flow
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.identity import write_back
from hub.identity.models import Party
from hub.intake import read
from hub.intake.models import Account
from hub.outbound.brakes import LoopBrake
from hub.outbound.models import OutboxState
from hub.settings import load as load_settings
from tests.e2e.test_google_contacts import CONTACTS, NOA
from tests.e2e.test_google_contacts_out import Desk, Killed, die

NAMES = st.sampled_from(["Dana Levi", "Dana Cohen", "Rut Nowak", "דנה לוי"])
PHONES = st.sampled_from(["+972502345678", "+972523334444", "+48221234567"])
TITLES = st.sampled_from(["Buyer", "Boss", ""])


class Life(RuleBasedStateMachine):
    """One contact and its party. The hub is made once; each life has a customer of its own."""

    desk: Desk
    patch: pytest.MonkeyPatch
    lives = 0

    @initialize()
    def begin(self) -> None:
        type(self).lives += 1
        self.mail = f"life{self.lives}@people.example"
        people = self.desk.google.user(NOA).people
        self.name = people.add("Dana", "Levi", emails=[self.mail], phones=["+972502345678"])
        self.desk.google.faults.clear()
        self.sync()
        with self.desk.hub.db.read() as session:
            [link] = [one for one in self.desk.links() if one.remote_id == self.name]
            self.party = session.get_one(Party, link.party_id).id
        self.writes = len(self.desk.written())

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
        if phone in self.desk.values(self.here()):
            self.desk.take_off(phone, self.party)

    @rule(name=NAMES)
    def google_renames(self, name: str) -> None:
        given, _, family = name.partition(" ")
        self.desk.at_google(self.name, names=[{"givenName": given, "familyName": family}])

    @rule(phones=st.lists(PHONES, unique=True, max_size=3))
    def google_has_other_numbers(self, phones: list[str]) -> None:
        self.desk.at_google(self.name, phoneNumbers=[{"value": one} for one in phones])

    @rule(title=TITLES)
    def google_gives_a_title(self, title: str) -> None:
        self.desk.at_google(self.name, organizations=[{"title": title}] if title else [])

    @rule()
    def google_notes_something_that_is_no_business_of_ours(self) -> None:
        self.desk.at_google(self.name, userDefined=[{"key": "Seen", "value": str(self.desk.google.clock.ms())}])

    @rule()
    def the_stream_is_read(self) -> None:
        self.desk.read()

    @rule()
    def the_outbox_is_sent(self) -> None:
        self.desk.send()

    @rule()
    def an_answer_is_lost(self) -> None:
        self.desk.google.faults.add("commit_then_timeout")
        self.desk.send()
        self.desk.google.faults.clear()
        self.desk.hurry()

    @rule()
    def a_worker_dies_after_its_write(self) -> None:
        with self.patch.context() as patch:
            patch.setattr(write_back.ContactKind, "sent", die)
            for lease in self.desk.take():
                with pytest.raises(Killed):
                    hub_app.deliverer(self.desk.hub).deliver(lease)
        self.desk.hurry()

    @rule()
    def everything_is_read_anew(self) -> None:
        with self.desk.hub.db.write() as session:
            flow.replay(self.desk.hub.flow, session, session.get_one(Account, self.desk.account), None, after=0)
            read.forget_cursor(session, self.desk.account, CONTACTS)

    # --- what must be -----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_doubled_or_deleted(self) -> None:
        links = [one for one in self.desk.links() if one.remote_id == self.name]
        assert len(links) <= 1
        assert not {"createContact", "deleteContact", "batchDeleteContacts"} & set(self.desk.written())

    def teardown(self) -> None:
        if not hasattr(self, "party"):
            return
        self.sync()
        assert self.sides()[0] == self.sides()[1]
        writes = len(self.desk.written())
        self.sync()
        assert len(self.desk.written()) == writes  # no echo goes out
        assert {row.state for row in self.desk.rows()} <= {OutboxState.SENT}
        assert len(self.desk.parties()) == self.lives
        self.desk.google.user(NOA).people.contact(self.name)  # still there

    def sync(self) -> None:
        for _ in range(3):
            self.desk.hurry()
            self.desk.read()
            self.desk.send()

    def here(self) -> Party:
        with self.desk.hub.db.read() as session:
            return session.get_one(Party, self.party)

    def sides(self) -> tuple[dict[str, Any], dict[str, Any]]:
        there = self.desk.there(self.name)
        party = self.here()
        phones = sorted(one for one in self.desk.values(party) if one != self.mail)
        return (
            {"name": party.name, "title": party.fields.get("job_title", ""), "phones": phones},
            {"name": there["name"], "title": there["job_title"], "phones": sorted(there["phones"])},
        )


def test_both_sides_are_equal_after_any_life(
    sqlite_template: Path, compressed_assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(sqlite_template, tmp_path / "hub.db")
    shutil.copytree(compressed_assets, tmp_path / "assets")
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    hub: Hub = hub_app.create_hub(
        load_settings({"HUB_HOME": str(tmp_path), "HUB_DATABASE__URL": url, "HUB_LOG__LEVEL": "error"})
    )
    google = google_simulator.create(0, Faults())
    google.start()
    try:
        Life.desk, Life.patch, Life.lives = Desk(hub, google), monkeypatch, 0
        monkeypatch.setattr(write_back, "_BRAKE", LoopBrake(most=1000))
        checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
        run_state_machine_as_test(
            Life,
            settings=settings(max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=checks),
        )
    finally:
        google.stop()
        hub_app.close_hub(hub)
