"""A life of contacts in Outlook: any order of edits and moves, dead tokens, lost answers and killed workers ends with both equal."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulator import Faults
from hub.intake.models import RawRecord
from tests.e2e.contact_life import NAMES, SOME_PHONES, TITLES, Life, hub_of_its_own, lived
from tests.e2e.test_microsoft_contacts import Desk

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


class OutlookLife(Life):
    """A life of a contact in Outlook, in one folder or another."""

    desk: Desk
    never = frozenset({"POST", "DELETE"})
    places: dict[str, str]

    @initialize(place=PLACES)
    def begin(self, place: str) -> None:
        type(self).lives += 1
        mail, folder = f"life{self.lives}@people.example", self.places[place]
        number = "+972502345678"
        self.begun(
            self.desk.book.add("Dana", "Levi", emails=[mail], mobilePhone=number, spouseName="Max", folder=folder)
        )

    @rule(name=NAMES)
    def outlook_renames(self, name: str) -> None:
        given, _, family = name.partition(" ")
        self.desk.in_outlook(self.name, givenName=given, surname=family)

    @rule(phones=SOME_PHONES)
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

    @rule(fault=st.sampled_from(ODD))
    def something_is_odd(self, fault: str) -> None:
        self.faults.add(fault)

    def there(self) -> dict[str, Any]:
        return {**super().there(), "title": self.desk.book.find(self.name).body.get("jobTitle") or ""}

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "party"):
            assert len(self.desk.rows(RawRecord)) == self.lives
            assert all(self.desk.present().values())
            assert self.desk.book.find(self.name).body["spouseName"] == "Max"


def test_both_sides_are_equal_after_any_life(
    sqlite_template: Path, compressed_assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    microsoft = MicrosoftSimulator(0, Faults())
    microsoft.start()
    try:
        with hub_of_its_own(sqlite_template, compressed_assets, tmp_path) as hub:
            desk = Desk(hub, microsoft)
            work = desk.book.add_folder("Work")
            suppliers = desk.book.add_folder("Suppliers", work)
            OutlookLife.places = {"contacts": desk.book.default, "Work": work, "Suppliers": suppliers}
            lived(OutlookLife, desk, microsoft.faults, monkeypatch)
    finally:
        microsoft.stop()
