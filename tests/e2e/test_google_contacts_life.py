"""A life of contacts: any order of edits on both sides, replays, lost answers and killed workers ends with both equal."""

from pathlib import Path

import pytest
from hypothesis.stateful import initialize, rule

from connectors.google import simulator as google_simulator
from hub.connector.simulator import Faults
from tests.e2e.contact_life import NAMES, SOME_PHONES, TITLES, Life, hub_of_its_own, lived
from tests.e2e.test_google_contacts import NOA
from tests.e2e.test_google_contacts_out import Desk


class GoogleLife(Life):
    """A life of a contact at Google."""

    desk: Desk
    never = frozenset({"createContact", "deleteContact", "batchDeleteContacts"})

    @initialize()
    def begin(self) -> None:
        type(self).lives += 1
        people = self.desk.google.user(NOA).people
        mail = f"life{self.lives}@people.example"
        self.begun(people.add("Dana", "Levi", emails=[mail], phones=["+972502345678"]))

    @rule(name=NAMES)
    def google_renames(self, name: str) -> None:
        given, _, family = name.partition(" ")
        self.desk.at_google(self.name, names=[{"givenName": given, "familyName": family}])

    @rule(phones=SOME_PHONES)
    def google_has_other_numbers(self, phones: list[str]) -> None:
        self.desk.at_google(self.name, phoneNumbers=[{"value": one} for one in phones])

    @rule(title=TITLES)
    def google_gives_a_title(self, title: str) -> None:
        self.desk.at_google(self.name, organizations=[{"title": title}] if title else [])

    @rule()
    def google_notes_something_that_is_no_business_of_ours(self) -> None:
        self.desk.at_google(self.name, userDefined=[{"key": "Seen", "value": str(self.desk.google.clock.ms())}])


def test_both_sides_are_equal_after_any_life(
    sqlite_template: Path, compressed_assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    google = google_simulator.create(0, Faults())
    google.start()
    try:
        with hub_of_its_own(sqlite_template, compressed_assets, tmp_path) as hub:
            lived(GoogleLife, Desk(hub, google), google.faults, monkeypatch)
    finally:
        google.stop()
