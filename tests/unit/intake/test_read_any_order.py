"""Whatever happens in whatever order, in the end the hub knows what the remote has: nothing lost, nothing doubled."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hub.connector.stream import Cursor, Page, Phase
from hub.errors import RetryLaterError
from hub.store.session import Database, open_engine
from tests.fakes.shelf import Crash, Desk, Shelf, crash_at

NAMES = [f"thing-{number}" for number in range(8)]


class Reading(RuleBasedStateMachine):
    """A remote that lives, forgets and repeats itself, and a hub that reads it and dies at any statement."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hub-reading-"))
        shutil.copy(self.template, self.folder / "hub.db")
        self.db = Database(open_engine(f"sqlite:///{self.folder / 'hub.db'}"))
        self.shelf = Shelf()
        self.desk = Desk(self.db, self.shelf)

    @rule(name=st.sampled_from(NAMES), value=st.integers(0, 5))
    def put(self, name: str, value: int) -> None:
        self.shelf.put(name, value)

    @rule(name=st.sampled_from(NAMES))
    def take_away(self, name: str) -> None:
        self.shelf.take_away(name)

    @rule()
    def forget(self) -> None:
        self.shelf.forget()

    @rule()
    def ask_otherwise(self) -> None:
        self.shelf.asked += "!"

    @rule()
    def read(self) -> None:
        self.desk.read()

    @rule()
    def live_on_unseen(self) -> None:
        """Half of what there is goes and the marks are lost, so that only a whole pass can tell."""
        for name in list(self.shelf.things)[::2]:
            self.shelf.take_away(name)
        self.shelf.forget()

    @rule(statement=st.integers(1, 60))
    def die(self, statement: int) -> None:
        try:
            with crash_at(self.db.engine, statement):
                self.desk.read()
        except Crash:
            pass

    @rule(page=st.integers(1, 4))
    def fail(self, page: int) -> None:
        left = page

        def trip(_: Cursor, given: Page) -> Page:
            nonlocal left
            left -= 1
            if left == 0:
                raise RetryLaterError("just now not")
            return given

        self._read_with(trip)

    @rule(name=st.sampled_from(NAMES), value=st.integers(0, 5))
    def change_between_the_pages(self, name: str, value: int) -> None:
        def trip(_: Cursor, given: Page) -> Page:
            self.shelf.put(name, value)
            return given

        changed = False

        def once(cursor: Cursor, given: Page) -> Page:
            nonlocal changed
            if changed:
                return given
            changed = True
            return trip(cursor, given)

        self._read_with(once)

    @rule()
    def repeat(self) -> None:
        """A page comes with what the page before had, and an empty one goes first."""
        before: list[Page] = []

        def trip(cursor: Cursor, given: Page) -> Page:
            if cursor.phase is Phase.FULL and not cursor.page and not before:
                before.append(given)
                return Page((), replace(cursor, page=" "), more=True)
            earlier = before[-1].changes if before else ()
            before.append(given)
            # What is repeated is old: the remote says it first, and then what is so now.
            present = [self.shelf.now(one.remote_id) for one in earlier]
            return replace(given, changes=[*present, *given.changes, *given.changes])

        self._read_with(trip)

    def _read_with(self, trip: object) -> None:
        self.shelf.trip = trip  # type: ignore[assignment]  # each of them is such a function
        self.desk.read()
        self.shelf.trip = None

    @invariant()
    def nothing_is_doubled(self) -> None:
        assert len(self.desk.raws()) <= len(NAMES)

    def teardown(self) -> None:
        for _ in range(3):
            self.desk.read()
        assert self.desk.known() == self.shelf.things
        self.db.close()
        shutil.rmtree(self.folder)


@pytest.mark.timeout(600)
def test_any_order_of_life_faults_and_deaths_ends_with_equal_sets(sqlite_template: Path) -> None:
    Reading.template = sqlite_template
    run_state_machine_as_test(
        Reading,
        settings=settings(
            max_examples=20, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
