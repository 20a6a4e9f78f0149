"""What is left of a call: the agent's note and promise, and the row of a call that nobody took; on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.cti import missed, wrap_up
from hub.cti.models import CallRow
from hub.live.memory import MemoryBus
from hub.records.call import Outcome
from hub.store.base import now
from hub.store.session import Database
from hub.timeline import tasks
from hub.timeline.models import Note, Task, TaskKind
from tests.e2e import story as stories
from tests.e2e.story import IVAN, Story


@pytest.fixture
def story(database: Database) -> Story:
    return stories.tell(database)


def row_of(session: Session, story: Story, name: str) -> CallRow:
    return session.scalars(select(CallRow).where(CallRow.public_id == story.calls[name])).one()


def save(database: Database, story: Story, name: str = "missed", who: str = "noa", **form: object) -> None:
    with database.write() as session:
        call = row_of(session, story, name)
        wrap_up.save(session, MemoryBus(), story.person(who), call, **form)  # type: ignore[arg-type]


def noted(database: Database, story: Story, name: str = "missed") -> list[str]:
    with database.read() as session:
        call = row_of(session, story, name)
        return list(session.scalars(select(Note.text).where(Note.call_id == call.id).order_by(Note.id)))


def promised(database: Database, owner_id: int, number: str) -> list[Task]:
    with database.read() as session:
        mine = select(Task).where(Task.kind == TaskKind.CALL_BACK, Task.owner_id == owner_id, Task.number == number)
        return list(session.scalars(mine))


# --- the agent's note ---------------------------------------------------------------------------------------------


def test_a_form_sent_twice_leaves_one_note_and_one_promise(database: Database, story: Story) -> None:
    for minute in (0, 1):  # "in one hour" of the second try is a minute later
        save(database, story, note="Wants a discount", call_back_at=now() + timedelta(minutes=60 + minute))
    assert noted(database, story) == ["Wants a discount"]
    [task] = promised(database, story.users["noa"].id, IVAN)
    assert task.title == "Wants a discount"


def test_two_forms_in_the_same_moment_leave_one_note_and_one_promise(database: Database, story: Story) -> None:
    together = Barrier(2)

    def send(_: int) -> None:
        together.wait(10)
        save(database, story, note="Wants a discount", call_back_at=now() + timedelta(hours=1))

    with ThreadPoolExecutor(2) as both:
        list(both.map(send, range(2)))
    assert noted(database, story) == ["Wants a discount"]
    assert len(promised(database, story.users["noa"].id, IVAN)) == 1


def test_another_note_loses_none_that_was_written_before(database: Database, story: Story) -> None:
    save(database, story, note="First")
    save(database, story, note="Second")
    save(database, story, note="First", who="amir")
    assert noted(database, story) == ["First", "Second", "First"]


def test_a_promise_moved_without_words_keeps_what_it_is_about(database: Database, story: Story) -> None:
    save(database, story, note="About the offer", call_back_at=now() + timedelta(hours=1))
    later = now() + timedelta(hours=5)
    save(database, story, call_back_at=later)
    [task] = promised(database, story.users["noa"].id, IVAN)
    assert (task.title, task.due_at) == ("About the offer", later)


def test_a_promise_to_a_caller_who_hid_the_number_names_none_and_is_not_doubled(
    database: Database, story: Story
) -> None:
    with database.write() as session:
        row_of(session, story, "withheld").number = "+972540000001"  # told by the exchange, hidden by the caller
    for _ in range(2):
        save(database, story, "withheld", note="The man with the dog", call_back_at=now() + timedelta(hours=1))
    save(database, story, "withheld", note="The woman with the cat", call_back_at=now() + timedelta(hours=1))
    assert promised(database, story.users["noa"].id, "+972540000001") == []
    titles = [task.title for task in promised(database, story.users["noa"].id, "")]
    assert titles == ["The man with the dog", "The woman with the cat"]


# --- calls that nobody took ---------------------------------------------------------------------------------------


def came_in(database: Database, story: Story, outcome: Outcome, **facts: object) -> int:
    """A call of today at Noa's and Amir's phones."""
    with database.write() as session:
        both = [story.users["noa"], story.users["amir"]]
        given: dict[str, object] = {"number": "", "rung": both, "outcome": outcome, **facts}
        row = stories.call(session, story.account_id, at=now() - timedelta(minutes=2), **given)  # type: ignore[arg-type]
        missed.settle(session, [row], {row.id: [user.id for user in both]})
        return row.id


def day_of(database: Database, story: Story, name: str = "noa") -> list[tasks.Due]:
    with database.read() as session:
        return [due for due in tasks.open_for(session, story.users[name].id) if due.kind == TaskKind.MISSED_CALL]


def test_a_missed_call_with_a_withheld_number_is_a_row_of_its_own_that_can_be_ticked_off(
    database: Database, story: Story
) -> None:
    before = len(day_of(database, story))
    came_in(database, story, Outcome.MISSED, withheld=True)
    came_in(database, story, Outcome.ABANDONED, withheld=True, number="+972540000001")
    rows = [due for due in day_of(database, story) if not due.number]
    assert len(day_of(database, story)) == before + 2
    assert [due.count for due in rows] == [1, 1], "two who hid the number need not be one"
    with database.write() as session:
        assert tasks.done(session, story.person("noa"), tasks.get(session, rows[0].id)) == 1
    assert len(day_of(database, story, "amir")) == before + 1


def test_a_caller_who_hid_the_number_closes_no_row_of_another(database: Database, story: Story) -> None:
    came_in(database, story, Outcome.MISSED, withheld=True)
    came_in(database, story, Outcome.ANSWERED, withheld=True)
    assert [due for due in day_of(database, story) if not due.number]


def test_a_late_withheld_call_is_not_taken_for_one_that_was_spoken_with(database: Database, story: Story) -> None:
    with database.write() as session:
        row = stories.call(session, story.account_id, at=now(), number="", withheld=True, user=story.users["noa"])
        row.outcome = Outcome.ANSWERED
    came_in(database, story, Outcome.MISSED, withheld=True)
    assert [due for due in day_of(database, story) if not due.number]


@pytest.mark.parametrize("reason", ["unreachable", "congestion", ""])
def test_an_incoming_call_that_reached_no_phone_waits_for_a_call_back(
    database: Database, story: Story, reason: str
) -> None:
    came_in(database, story, Outcome.FAILED, number="+972540000002", reason=reason)
    assert [due.count for due in day_of(database, story) if due.number == "+972540000002"] == [1]


def test_an_outgoing_call_that_failed_is_nobodys_work(database: Database, story: Story) -> None:
    came_in(database, story, Outcome.FAILED, number="+972540000002", direction="outbound")
    assert [due for due in day_of(database, story) if due.number == "+972540000002"] == []


def test_settling_a_call_again_makes_no_second_row(database: Database, story: Story) -> None:
    row_id = came_in(database, story, Outcome.MISSED, withheld=True)
    with database.write() as session:
        missed.settle(session, [session.get_one(CallRow, row_id)], {row_id: [story.users["noa"].id]})
    assert len([due for due in day_of(database, story) if not due.number]) == 1
