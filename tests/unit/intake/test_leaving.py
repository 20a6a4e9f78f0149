"""A folder or calendar that is no more: what it showed is asked for by id, and then nobody reads it any more."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hub.connector.stream import Change, Phase, Upsert
from hub.errors import GoneError, ScopeError
from hub.intake import read
from hub.intake.models import StreamState
from hub.store.session import Database
from tests.fakes.shelf import Crash, Desk, FindableShelf, crash_at

THINGS = {f"thing-{number}": number for number in range(4)}
LOST = {"thing-1": 1, "thing-2": 2}  # what went with the shelf; the others lie elsewhere


def fall(shelf: FindableShelf) -> None:
    """Take the shelf away, with some of what was on it."""
    for name in LOST:
        del shelf.things[name]
    shelf.fail = [GoneError("there is no such shelf")]


def stay() -> dict[str, int]:
    return {name: value for name, value in THINGS.items() if name not in LOST}


@pytest.fixture
def shelf() -> FindableShelf:
    return FindableShelf(dict(THINGS), list(THINGS))


@pytest.fixture
def desk(database: Database, shelf: FindableShelf) -> Desk:
    desk = Desk(database, shelf)
    desk.read()
    return desk


def unlisted(desk: Desk, *, wanted: bool = True) -> None:
    """Let the remote list other places than this one."""
    with desk.db.write() as session:
        read.enrol(session, desk.account_id, [], opens=lambda _key: wanted)


def test_what_was_in_a_place_that_is_no_more_is_asked_for_one_by_one(desk: Desk, shelf: FindableShelf) -> None:
    fall(shelf)
    desk.read()
    assert desk.known() == stay()
    assert sorted(desk.notebook.lost) == sorted(LOST)
    assert (desk.state.wanted, desk.state.due_at, desk.state.cursor) == (False, None, None)


def test_a_place_that_is_no_longer_listed_is_left_in_the_same_way(desk: Desk, shelf: FindableShelf) -> None:
    fall(shelf)
    shelf.pulled = 0
    unlisted(desk)
    unlisted(desk)  # another look before anybody worked on it
    assert (desk.state.wanted, desk.state.phase) == (True, Phase.LEAVE)
    desk.read()
    assert desk.known() == stay()
    assert (desk.state.wanted, shelf.pulled) == (False, 0)


def test_a_place_that_the_settings_no_longer_want_stands_still_and_goes_on_where_it_was(
    desk: Desk, shelf: FindableShelf
) -> None:
    unlisted(desk, wanted=False)
    assert (desk.state.wanted, desk.state.phase, desk.known()) == (False, Phase.INCREMENTAL, THINGS)
    with desk.db.write() as session:
        read.enrol(session, desk.account_id, [shelf])
    desk.read()
    assert (desk.state.wanted, desk.state.epoch) == (True, 1)


def test_where_nobody_may_ask_nothing_is_called_gone_and_it_goes_on_later(
    desk: Desk, shelf: FindableShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Sequence[str]) -> Sequence[Change]:
        raise ScopeError("a permission is missing")

    with monkeypatch.context() as patch:
        patch.setattr(shelf, "find", refuse)
        unlisted(desk)
        desk.read()
    assert (desk.state.wanted, desk.state.phase, desk.known()) == (False, Phase.INCREMENTAL, THINGS)
    shelf.put("thing-9", 9)
    with desk.db.write() as session:
        read.enrol(session, desk.account_id, [shelf])
    desk.read()
    assert desk.known() == shelf.things


@pytest.mark.parametrize("worked", [False, True], ids=["at once", "after it was left"])
def test_a_place_that_is_back_is_read_from_the_beginning(desk: Desk, shelf: FindableShelf, *, worked: bool) -> None:
    unlisted(desk)
    if worked:
        desk.read()
    shelf.put("thing-9", 9)
    with desk.db.write() as session:
        read.enrol(session, desk.account_id, [shelf])
    desk.read()
    assert desk.known() == shelf.things
    assert (desk.state.wanted, desk.state.phase) == (True, Phase.INCREMENTAL)


def test_a_worker_that_dies_anywhere_while_a_place_is_left_loses_nothing(desk: Desk, shelf: FindableShelf) -> None:
    fall(shelf)
    for statement in range(1, 200):
        try:
            shelf.fail = [GoneError("there is no such shelf")]
            with crash_at(desk.db.engine, statement):
                desk.read()
        except Crash:
            continue
        break
    assert desk.known() == stay()
    assert set(desk.notebook.lost) == LOST.keys()
    assert not desk.state.wanted


def test_what_one_place_finds_in_another_that_one_notices_when_it_goes(database: Database) -> None:
    other = FindableShelf(key="things:other")
    shelf = FindableShelf(dict(THINGS), list(THINGS))
    desk = Desk(database, shelf)
    with database.write() as session:
        session.add(StreamState(account_id=desk.account_id, stream=other.key, records="things", epoch=7))
    shelf.trip = lambda _, page: replace(page, changes=[_lying(one, other.key) for one in page.changes])
    desk.read()
    assert {(raw.container, raw.epoch) for raw in desk.raws().values()} == {(other.key, 7)}
    shelf.trip = lambda _, page: replace(page, changes=[_lying(one, "things:unknown") for one in page.changes])
    shelf.put("thing-0", 10)
    desk.read()
    assert desk.raws()["thing-0"].container == shelf.key


def _lying(change: Change, key: str) -> Change:
    return replace(change, container=key) if isinstance(change, Upsert) else change
