"""Whatever people do with their mail, and whenever it is looked at: what is kept is what is there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.microsoft import mail
from connectors.microsoft.client import Client
from connectors.microsoft.settings import MicrosoftSettings
from connectors.microsoft.simulated.mailbox import Mailbox
from connectors.microsoft.simulator import MicrosoftSimulator, create
from hub.connector.simulator import Faults
from hub.connector.stream import Change, Cursor, Filtered, Findable, Gone, Left, Phase, Upsert
from hub.errors import CursorExpired
from tests.unit.microsoft.mailroom import CUSTOMER, Hub

READ = ("inbox", "archive", "sentitems")
FOLDERS = (*READ, "deleteditems", "junkemail")
FAULTS = ("replay_page", "reorder_page", "empty_page", "same_twice", "expire_cursor", "moved_back_lost")
# What the inbox found in the archive lies there: when it goes, it is the archive that misses it.
FOUND_ELSEWHERE: list[tuple[Any, ...]] = [
    ("receive", "inbox", True), ("delete", 0), ("move unseen", 0, "archive"), ("mark", 2, "Private"),
    ("move unseen", 1, "sentitems"), ("look", "inbox"), ("move unseen", 1, "sentitems"), ("forget",), ("mark", 2, "Private"),
    ("delete", 6), ("fault", "moved_back_lost"), ("look", "inbox"), ("move", 5, "archive"), ("look", "inbox"),
    ("move unseen", 0, "archive"), ("move unseen", 6, "sentitems"), ("delete", 6), ("delete", 2),
]  # fmt: skip
_numbers = count()

letters = st.integers(0, 7)
doings = st.one_of(
    st.tuples(st.just("receive"), st.sampled_from(FOLDERS), st.booleans()),
    st.tuples(st.just("move"), letters, st.sampled_from(FOLDERS)),
    st.tuples(st.just("move unseen"), letters, st.sampled_from(READ)),
    st.tuples(st.just("mark"), letters, st.sampled_from(["Private", "Blue"])),
    st.tuples(st.just("open"), letters),
    st.tuples(st.just("delete"), letters),
    st.tuples(st.just("look"), st.sampled_from(READ)),
    st.tuples(st.just("forget")),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
)


@pytest.fixture(scope="module")
def microsoft() -> Iterator[MicrosoftSimulator]:
    simulator = create(0, Faults())
    simulator.start()
    simulator.page(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mail, "BATCH", 2)  # a page may fill a batch or not
        patch.setattr(mail, "FETCHED", 4)
        yield simulator
    simulator.stop()


@dataclass
class Reader:
    """What the hub's reader does, without a database."""

    client: Client
    box: Mailbox
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)
    cursors: dict[str, Cursor] = field(default_factory=dict)
    shown: dict[str, set[str]] = field(default_factory=dict)

    def look(self, folder: str) -> None:
        """Read a folder to its end; from its beginning where its place is lost."""
        stream = mail.stream(self.client, self.box.folder(folder).id)
        assert isinstance(stream, Findable)
        for _ in range(300):
            if folder not in self.cursors:
                self.cursors[folder], self.shown[folder] = stream.begin(), set()
            try:
                page = stream.pull(self.cursors[folder])
            except CursorExpired:
                del self.cursors[folder]
                continue
            left = [one.remote_id for one in page.changes if isinstance(one, Left)]
            self.take(folder, [one for one in page.changes if not isinstance(one, Left)])
            self.take(folder, stream.find(left) if left else ())
            was, self.cursors[folder] = self.cursors[folder].phase, page.next
            if page.more:
                continue
            if was is Phase.FULL:
                unseen = [one for one, at in self.container.items() if at == folder and one not in self.shown[folder]]
                self.take(folder, stream.find(unseen) if unseen else ())
            return
        raise AssertionError("no end of pages")

    def place(self, key: str) -> str:
        """Return the folder whose stream has a key; one that is not read has none."""
        return next((one for one in READ if mail.stream(self.client, self.box.folder(one).id).key == key), "")

    def take(self, folder: str, changes: Any) -> None:
        one: Change
        for one in changes:
            self.shown[folder].add(one.remote_id)
            match one:
                case Upsert():
                    self.kept[one.remote_id] = one.payload
                    self.container[one.remote_id] = self.place(one.container) if one.container else folder
                case Filtered() | Gone():
                    self.kept.pop(one.remote_id, None)
                    self.container.pop(one.remote_id, None)


def do(reader: Reader, microsoft: MicrosoftSimulator, doing: tuple[Any, ...]) -> None:
    """Let something happen in the mailbox, or look at a folder."""
    match doing:
        case "receive", folder, concerns_us:
            receive(reader.box, folder, CUSTOMER if concerns_us else "stranger@elsewhere.example")
        case "look", folder:
            reader.look(folder)
        case ("forget",):
            reader.box.expire()
        case "fault", name:
            microsoft.faults.add(name)
        case kind, number, *words if reader.box.messages:
            letters = list(reader.box.messages)
            change(reader, microsoft, kind, letters[number % len(letters)], *words)


def receive(box: Mailbox, folder: str, sender: str) -> None:
    box.receive(from_=sender, subject=f"Mail {len(box.messages)}", folder=folder)


def change(reader: Reader, microsoft: MicrosoftSimulator, kind: str, key: str, word: str = "") -> None:
    box = reader.box
    letter = box.messages[key]
    match kind:
        case "delete":
            box.delete_forever(key)
        case "mark":
            box.categorise(key, word)
        case "open":
            box.read(key)
        case "move unseen" if key not in reader.kept or letter.folder.well_known == word:
            pass  # only an audit finds what nobody saw before, where it comes unseen too
        case "move unseen":
            microsoft.faults.add("moved_unseen")
            box.move(key, word)
        case _:
            box.move(key, word)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(plan=st.lists(doings, min_size=10, max_size=30))
@example(plan=FOUND_ELSEWHERE)
def test_what_is_kept_is_what_is_there(microsoft: MicrosoftSimulator, plan: list[tuple[Any, ...]]) -> None:
    address = f"somebody{next(_numbers)}@acme.example"
    box = microsoft.add_user(address, "Somebody").mail
    values = {**microsoft.settings(), "app_only": True, "mailboxes": address, "refresh_token": "", "timeout_s": 5}
    reader = Reader(Client(MicrosoftSettings.model_validate(values), Hub(), address), box)
    microsoft.faults.clear()
    for folder in ("inbox", "inbox", "archive", "junkemail"):
        receive(box, folder, CUSTOMER)
    for folder in READ:
        reader.look(folder)
    for doing in plan:
        do(reader, microsoft, doing)
    microsoft.faults.clear()
    for folder in (*READ, *READ):
        reader.look(folder)
    there = {
        one.key: [one.folder.name, *one.categories]
        for one in box.messages.values()
        if one.folder.well_known in READ and one.sender == CUSTOMER and "Private" not in one.categories
    }
    assert {remote_id: payload["labels"] for remote_id, payload in reader.kept.items()} == there
