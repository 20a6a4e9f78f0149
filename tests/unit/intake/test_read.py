"""Reading streams: a page and its cursor together, nothing wiped, nothing called gone without proof."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.connector.stream import Cursor, Filtered, Lane, Left, Page, Phase, Upsert
from hub.errors import AuthError, DisabledError, LimitedError, RetryLaterError, ScopeError, ShapeError
from hub.intake import read, vanishing
from hub.intake.models import Account, FilteredRecord, Health, RawRecord, RawState, Reading, StreamState
from hub.intake.trouble import Trouble
from hub.store.base import now
from hub.store.session import Database
from tests.fakes.shelf import Crash, Desk, FindableShelf, Shelf, crash_at

ELEVEN = {f"thing-{number:02}": number for number in range(11)}


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    for name, value in ELEVEN.items():
        shelf.put(name, value)
    return shelf


@pytest.fixture
def desk(database: Database, shelf: Shelf) -> Desk:
    return Desk(database, shelf)


def test_a_first_pass_reads_everything_and_the_next_one_only_what_changed(desk: Desk, shelf: Shelf) -> None:
    assert desk.read()["new"] == 11
    assert desk.known() == ELEVEN
    shelf.put("thing-03", 33)
    shelf.put("thing-99", 99)
    shelf.take_away("thing-05")
    shelf.pulled = 0
    assert desk.read() == {"changed": 1, "new": 1, "gone": 1, "set aside": 0}
    assert shelf.pulled == 1
    assert desk.known() == shelf.things
    assert desk.state.phase == Phase.INCREMENTAL


def test_nothing_new_is_one_request_and_no_line_in_the_log_of_runs(
    desk: Desk, shelf: Shelf, database: Database
) -> None:
    desk.read()
    shelf.pulled = 0
    desk.read()
    assert shelf.pulled == 1
    with database.read() as session:
        assert len(session.scalars(select(Reading)).all()) == 1


def test_a_lost_cursor_begins_anew_wipes_nothing_and_finds_what_is_gone(desk: Desk, shelf: Shelf) -> None:
    desk.read()
    shelf.take_away("thing-05")
    shelf.put("thing-98", 98)
    shelf.forget()
    counts = desk.read()
    assert desk.known() == shelf.things
    assert counts["new"] == 1
    assert counts["unchanged"] == 10
    assert counts["gone"] == 1
    assert desk.notebook.lost == ["thing-05"]
    assert desk.state.epoch == 2


def test_where_care_is_wanted_so_much_that_a_pass_did_not_show_waits_for_a_person(desk: Desk, shelf: Shelf) -> None:
    desk.notebook.careful = True
    desk.read()
    for number in range(6):
        shelf.take_away(f"thing-{number:02}")
    shelf.forget()
    desk.read()
    assert (desk.notebook.lost, desk.state.trouble, desk.state.due_at) == ([], "brake", None)
    assert "6 of 11" in desk.state.last_error
    with desk.db.write() as session:
        row = session.get_one(StreamState, desk.state_id)
        assert vanishing.let_go(session, session.get_one(Account, desk.account_id), row.stream)
    desk.read()
    assert (len(desk.notebook.lost), desk.state.trouble, desk.known()) == (6, "", shelf.things)


def test_where_care_is_wanted_a_few_may_go(desk: Desk, shelf: Shelf) -> None:
    desk.notebook.careful = True
    desk.read()
    for number in range(5):
        shelf.take_away(f"thing-{number:02}")
    shelf.forget()
    assert desk.read()["gone"] == 5


def test_a_pass_that_is_not_complete_calls_nothing_gone(desk: Desk, shelf: Shelf) -> None:
    desk.read()
    shelf.take_away("thing-05")
    shelf.forget()
    shelf.trip = lambda _, page: replace(page, complete=False)
    desk.read()
    assert "thing-05" in desk.known()


def test_another_question_begins_a_new_epoch(desk: Desk, shelf: Shelf) -> None:
    desk.read()
    shelf.asked = "less"
    assert desk.read()["unchanged"] == 11
    assert desk.state.epoch == 2


def test_a_pass_that_has_grown_old_is_made_anew_before_its_token_dies(
    desk: Desk, shelf: Shelf, database: Database
) -> None:
    desk.read()
    with database.write() as session:
        six_days = timedelta(days=6)
        session.execute(
            update(StreamState).values(full_every_s=six_days.total_seconds(), last_full_at=now() - six_days)
        )
    desk.read()
    assert desk.state.epoch == 2


@pytest.mark.parametrize("complete", [True, False], ids=["sweeps", "proves"])
def test_a_pass_from_the_beginning_is_one_whether_it_sweeps_or_proves(database: Database, complete: bool) -> None:
    shelf = FindableShelf(dict(ELEVEN), full_every=timedelta(days=6))
    shelf.trip = lambda _, page: replace(page, complete=complete)
    desk = Desk(database, shelf)
    for epoch in (1, 2):
        desk.read()
        began_at = now()
        with database.write() as session:  # six days pass
            assert session.execute(select(StreamState.last_full_at)).scalar_one() is not None
            session.execute(update(StreamState).values(last_full_at=began_at - timedelta(days=6, seconds=1)))
        assert (desk.state.phase, desk.state.epoch) == (Phase.INCREMENTAL, epoch)
    shelf.things.pop("thing-05")  # and nobody tells of it
    assert desk.read()["gone"] == 1
    assert desk.state.epoch == 3
    last_full_at = desk.state.last_full_at
    assert last_full_at is not None
    assert last_full_at >= began_at
    desk.read()
    assert desk.state.epoch == 3


def test_an_empty_page_in_the_middle_is_not_the_end(desk: Desk, shelf: Shelf) -> None:
    def empty_first(cursor: Cursor, page: Page) -> Page:
        return page if cursor.page else Page((), replace(cursor, page=" "), more=True)

    shelf.trip = empty_first
    desk.read()
    assert desk.known() == shelf.things


def test_a_page_that_comes_twice_changes_nothing(desk: Desk, shelf: Shelf) -> None:
    desk.read()
    before = {name: row.version for name, row in desk.raws().items()}
    shelf.forget()
    desk.read()
    assert {name: row.version for name, row in desk.raws().items()} == before
    assert len(desk.notebook.taken) == 11


def test_a_remote_that_sends_us_in_a_circle_is_left_alone_and_seen(desk: Desk, shelf: Shelf) -> None:
    def circle(cursor: Cursor, page: Page) -> Page:
        return Page(page.changes, replace(cursor, page="a" if cursor.page != "a" else "b"), more=True)

    shelf.trip = circle
    desk.read()
    assert shelf.pulled < 6
    assert desk.state.trouble == Trouble.AWAY
    assert "circle" in desk.state.last_error
    shelf.trip = None
    desk.read()
    assert desk.known() == shelf.things


def test_a_listing_that_ends_without_saying_where_to_go_on_is_no_success(desk: Desk, shelf: Shelf) -> None:
    shelf.trip = lambda _, page: page if page.more else replace(page, next=replace(page.next, token=""))
    desk.read()
    assert desk.state.trouble == Trouble.AWAY
    assert desk.state.last_ok_at is None


def test_a_bad_record_is_set_aside_and_the_others_go_on(desk: Desk, shelf: Shelf) -> None:
    shelf.put("thing-04", 666)
    assert desk.read()["set aside"] == 1
    assert desk.raws()["thing-04"].state == RawState.SET_ASIDE
    assert desk.known() == shelf.things


def test_what_left_its_container_is_not_gone_unless_the_remote_says_so(database: Database) -> None:
    shelf = FindableShelf()
    shelf.put("moved", 1)
    shelf.put("deleted", 2)
    desk = Desk(database, shelf)
    desk.read()
    del shelf.things["deleted"]
    shelf.log += ["moved", "deleted"]
    shelf.trip = lambda _, page: replace(page, changes=[Left(one.remote_id) for one in page.changes])
    assert desk.read()["gone"] == 1
    assert desk.known() == {"moved": 1}


def test_what_left_without_proof_is_not_swept_either(desk: Desk, shelf: Shelf) -> None:
    desk.read()
    shelf.log.append("thing-01")
    shelf.trip = lambda _, page: replace(page, changes=[Left(one.remote_id) for one in page.changes])
    desk.read()
    shelf.trip = None
    shelf.things.pop("thing-01")
    shelf.forget()
    desk.read()
    assert "thing-01" in desk.known()


def test_a_filtered_record_leaves_a_hash_a_reason_and_nothing_else(
    desk: Desk, shelf: Shelf, database: Database
) -> None:
    def private(_: Cursor, page: Page) -> Page:
        return replace(page, changes=[Filtered(one.remote_id, "private") for one in page.changes])

    shelf.trip = private
    assert desk.read()["filtered: private"] == 11
    assert desk.raws() == {}
    with database.read() as session:
        rows = session.scalars(select(FilteredRecord)).all()
        assert {row.reason for row in rows} == {"private"}
        assert not any("thing" in row.id_hash for row in rows)
    shelf.trip = None
    shelf.put("thing-02", 22)
    desk.read()
    assert desk.known() == {"thing-02": 22}
    with database.read() as session:
        assert len(session.scalars(select(FilteredRecord)).all()) == 10


def test_what_is_filtered_later_is_taken_back_with_its_content(desk: Desk, shelf: Shelf) -> None:
    desk.read()
    shelf.put("thing-02", 22)
    shelf.trip = lambda _, page: replace(page, changes=[Filtered(one.remote_id, "label") for one in page.changes])
    desk.read()
    assert "thing-02" not in desk.raws()


@pytest.mark.alike
@pytest.mark.parametrize(
    ("error", "trouble", "again", "health"),
    [
        (LimitedError("slowly", retry_after=7200), Trouble.LIMITED, 7200, Health.HEALTHY),
        (RetryLaterError("away"), Trouble.AWAY, 15, Health.WARNINGS),
        (RetryLaterError("away", retry_after=500), Trouble.AWAY, 500, Health.WARNINGS),
        (ShapeError("this is HTML"), Trouble.AWAY, 15, Health.WARNINGS),
        (AuthError("connect again"), Trouble.AUTH, None, Health.NEEDS_YOU),
        (ScopeError("calendar was not granted"), Trouble.SCOPE, 6 * 3600, Health.WARNINGS),
        (DisabledError("switch the API on"), Trouble.DISABLED, 6 * 3600, Health.NEEDS_YOU),
        (ZeroDivisionError("oh"), Trouble.DEFECT, None, Health.NEEDS_YOU),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_errors_are_told_apart_by_what_happens_next(
    desk: Desk, shelf: Shelf, error: Exception, trouble: Trouble, again: float | None, health: Health
) -> None:
    desk.read()
    cursor = desk.state.cursor
    shelf.fail = [error]
    desk.read()
    state = desk.state
    assert state.trouble == trouble
    assert (type(error).__name__ if trouble is Trouble.DEFECT else str(error)) in state.last_error
    assert state.cursor == cursor
    if again is None:
        assert state.due_at is None
    else:
        assert state.due_at is not None
        assert again / 2 - 5 <= (state.due_at - now()).total_seconds() <= again + 1
    assert state.failures == (0 if trouble == Trouble.LIMITED else 1)
    assert desk.health == health
    desk.read()
    assert (desk.state.trouble, desk.state.failures, desk.state.last_error) == ("", 0, "")
    assert desk.health == Health.HEALTHY


def test_failures_in_a_row_wait_longer_each_time_but_never_more_than_an_hour(desk: Desk, shelf: Shelf) -> None:
    waits = []
    for _ in range(12):
        shelf.fail = [RetryLaterError("away")]
        desk.read()
        due_at = desk.state.due_at
        assert due_at is not None
        waits.append((due_at - now()).total_seconds())
    assert waits[0] < 16
    assert 1700 < waits[-1] <= 3600


def test_a_remote_that_forgets_at_once_is_not_asked_for_ever(desk: Desk, shelf: Shelf) -> None:
    desk.read()
    shelf.forget()

    def forgets() -> Cursor:
        return Cursor(anchor="0")

    shelf.begin = forgets  # type: ignore[method-assign]  # what goes wrong here is the remote's anchor
    shelf.pulled = 0
    desk.read()
    assert shelf.pulled == 2
    assert desk.state.trouble == Trouble.AWAY


def test_a_long_listing_lets_others_go_first_and_goes_on_where_it_was(database: Database, shelf: Shelf) -> None:
    desk = Desk(database, shelf, slice_s=0)
    desk.read()
    assert shelf.pulled == 1
    assert desk.state.lane == Lane.BACKFILL
    due_at = desk.state.due_at
    assert due_at is not None
    assert due_at <= now()
    while desk.state.phase != Phase.INCREMENTAL:
        desk.read()
    assert shelf.pulled == 4
    assert desk.known() == ELEVEN


def test_who_lost_the_lease_changes_nothing(desk: Desk, shelf: Shelf, database: Database) -> None:
    def stolen(_: Cursor, page: Page) -> Page:
        with database.write() as session:
            session.execute(update(StreamState).values(owner="somebody else", attempt=99))
        return page

    shelf.trip = stolen
    desk.read()
    assert desk.raws() == {}
    assert desk.state.owner == "somebody else"


def test_text_that_no_database_can_hold_is_kept_readable(desk: Desk, shelf: Shelf, database: Database) -> None:
    odd = Upsert("odd\x00", {"value": 7, "te\ud800xt": ["a\x00b", "\ud83d"]})
    shelf.trip = lambda _, page: replace(page, changes=[odd])
    desk.read()
    [row] = desk.raws().values()
    assert row.payload == {"value": 7, "te\ufffdxt": ["a\ufffdb", "\ufffd"]}
    desk.read()
    assert len(desk.notebook.taken) == 1


@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_process_that_dies_at_any_statement_loses_and_doubles_nothing(database: Database, every: int) -> None:
    for statement in range(every, 200, 3):
        shelf = Shelf()
        for name, value in ELEVEN.items():
            shelf.put(name, value)
        desk = Desk(database, shelf, name=f"shelf {statement}")
        try:
            with crash_at(database.engine, statement):
                desk.read()
        except Crash:
            kept = set(desk.known())
            cursor = Cursor.of_json(desk.state.cursor or {})
            assert kept == {name for name in ELEVEN if name <= cursor.page} or cursor.phase is not Phase.FULL
        else:
            assert statement > 20, "the crash never came"
            return
        desk.read()
        assert desk.known() == shelf.things
        assert len(desk.raws()) == 11
        assert sorted(set(desk.notebook.taken)) == sorted(ELEVEN)
    pytest.fail("the pass never ended without a crash")


def test_what_had_gone_and_is_back_unchanged_is_taken_again(desk: Desk, shelf: Shelf) -> None:
    desk.read()
    shelf.take_away("thing-05")
    desk.read()
    assert "thing-05" not in desk.known()
    taken = len(desk.notebook.taken)
    shelf.put("thing-05", 5)
    desk.read()
    assert desk.known() == shelf.things
    assert len(desk.notebook.taken) == taken + 1


def test_a_large_page_is_kept_in_chunks_and_the_cursor_stands_behind_the_last(
    desk: Desk, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "CHUNK", 2)
    cursors = []

    class Watching(type(desk.notebook)):  # type: ignore[misc]  # the class of a fake
        def take(self, session: Session, account: Account, raws: Sequence[RawRecord]) -> None:
            cursors.append(session.scalar(select(StreamState.cursor["page"].as_string())))
            super().take(session, account, raws)

    desk.reader._taker = Watching()
    desk.read()
    assert desk.known() == shelf.things
    assert cursors[:3] == ["", "", "thing-02"]
