"""A life of contacts in Outlook: any order of edits and moves, dead tokens, lost answers and killed workers ends with both equal."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from connectors.microsoft.simulator import MicrosoftSimulator
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.identity import parties, write_back
from hub.identity.models import Link, Party
from hub.intake.models import RawRecord
from hub.outbound.brakes import LoopBrake
from hub.outbound.models import Outbox, OutboxState
from hub.settings import load as load_settings
from tests.e2e.test_microsoft_contacts import Desk, Killed

NAMES = st.sampled_from(["Dana Levi", "Dana Cohen", "Rut Nowak", "דנה לוי"])
PHONES = st.sampled_from(["+972502345678", "+972523334444", "+48221234567"])
TITLES = st.sampled_from(["Buyer", "Boss", ""])
PLACES = st.sampled_from(["contacts", "Work", "Suppliers"])
ODD = (
    "expire_cursor",
    "empty_page",
    "replay_page",
    "same_twice",
    "reorder_page",
    "throttled_batch_item",
    "unavailable",
)


def die(*_: object, **__: object) -> None:
    raise Killed


class Life(RuleBasedStateMachine):
    """One contact and its party. The hub is made once; each life has a customer of its own."""

    desk: Desk
    patch: pytest.MonkeyPatch
    places: dict[str, str]
    lives = 0

    @initialize(place=PLACES)
    def begin(self, place: str) -> None:
        type(self).lives += 1
        self.mail = f"life{self.lives}@people.example"
        number = "+972502345678"
        self.name = self.desk.book.add(
            "Dana", "Levi", emails=[self.mail], mobilePhone=number, spouseName="Max", folder=self.places[place]
        )
        self.sync()
        [link] = [one for one in self.desk.rows(Link) if one.remote_id == self.name]
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
        with self.desk.hub.db.write() as session:
            party = session.get_one(Party, self.party)
            for row in [one for one in parties.identifiers(session, party) if one.value == phone]:
                parties.remove_identifier(session, None, party, row.id)

    @rule(name=NAMES)
    def outlook_renames(self, name: str) -> None:
        given, _, family = name.partition(" ")
        self.desk.in_outlook(self.name, givenName=given, surname=family)

    @rule(phones=st.lists(PHONES, unique=True, max_size=3))
    def outlook_has_other_numbers(self, phones: list[str]) -> None:
        first = phones[0] if phones else None
        self.desk.in_outlook(self.name, mobilePhone=first, businessPhones=phones[1:], homePhones=[])

    @rule(title=TITLES)
    def outlook_gives_a_title(self, title: str) -> None:
        self.desk.in_outlook(self.name, jobTitle=title or None)

    @rule(place=PLACES, back=st.booleans())
    def outlook_moves_it(self, place: str, back: bool) -> None:
        before = self.desk.book.find(self.name).folder
        self.desk.microsoft.clock.advance(minutes=1)
        self.desk.book.move(self.name, self.places[place])
        if back:
            self.desk.book.move(self.name, before)

    @rule()
    def the_streams_are_read(self) -> None:
        self.desk.read()

    @rule()
    def the_outbox_is_sent(self) -> None:
        self.desk.send()

    @rule(fault=st.sampled_from(ODD))
    def something_is_odd(self, fault: str) -> None:
        self.desk.microsoft.faults.add(fault)

    @rule()
    def an_answer_is_lost(self) -> None:
        self.desk.microsoft.faults.add("commit_then_timeout")
        self.desk.send()
        self.desk.microsoft.faults.clear()
        self.desk.hurry()

    @rule()
    def a_worker_dies_after_its_write(self) -> None:
        with self.patch.context() as patch:
            patch.setattr(write_back.ContactKind, "sent", die)
            for lease in self.desk.leases():
                with pytest.raises(Killed):
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
        assert not {"POST", "DELETE"} & set(self.desk.written())

    def teardown(self) -> None:
        if not hasattr(self, "party"):
            return
        self.desk.microsoft.faults.clear()
        self.sync()
        assert self.here() == self.there()
        writes = len(self.desk.written())
        self.desk.forget_cursors()
        self.sync()
        assert len(self.desk.written()) == writes  # no echo goes out
        assert self.here() == self.there()
        assert {row.state for row in self.desk.rows(Outbox)} <= {OutboxState.SENT}
        assert len(self.desk.parties()) == len(self.desk.rows(RawRecord)) == self.lives
        assert all(self.desk.present().values())
        assert self.desk.book.find(self.name).body["spouseName"] == "Max"

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
        said, body = self.desk.there(self.name), self.desk.book.find(self.name).body
        values = sorted([*said["phones"], *said["emails"]])
        return {"name": said["name"], "title": body.get("jobTitle") or "", "values": values}


def test_both_sides_are_equal_after_any_life(
    sqlite_template: Path, compressed_assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(sqlite_template, tmp_path / "hub.db")
    shutil.copytree(compressed_assets, tmp_path / "assets")
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    hub = hub_app.create_hub(
        load_settings({"HUB_HOME": str(tmp_path), "HUB_DATABASE__URL": url, "HUB_LOG__LEVEL": "error"})
    )
    microsoft = MicrosoftSimulator(0, Faults())
    microsoft.start()
    try:
        desk = Desk(hub, microsoft)
        work = desk.book.add_folder("Work")
        places = {"contacts": desk.book.default, "Work": work, "Suppliers": desk.book.add_folder("Suppliers", work)}
        Life.desk, Life.patch, Life.lives, Life.places = desk, monkeypatch, 0, places
        monkeypatch.setattr(write_back, "_BRAKE", LoopBrake(most=1000))
        checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
        run_state_machine_as_test(
            Life,
            settings=settings(max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=checks),
        )
    finally:
        microsoft.stop()
        hub_app.close_hub(hub)
