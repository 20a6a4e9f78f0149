"""Schedules: each turn once, whoever asks; a turn that nobody took is not caught up twice."""

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from hub.store.session import Database
from hub.work import schedule
from hub.work.models import Slot

DAY = timedelta(days=1)
NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)


def take(database: Database, moment: datetime, every: timedelta = DAY, name: str = "nightly") -> bool:
    with database.write() as session:
        return schedule.take(session, name, moment, every, "me")


def test_a_turn_is_taken_once(database: Database) -> None:
    assert take(database, NOON)
    assert not take(database, NOON)
    assert not take(database, NOON + timedelta(hours=11, minutes=59))
    assert take(database, NOON + timedelta(hours=12))


def test_schedules_do_not_take_each_others_turns(database: Database) -> None:
    assert take(database, NOON, name="nightly")
    assert take(database, NOON, name="hourly")


def test_looking_says_what_taking_would(database: Database) -> None:
    with database.read() as session:
        assert not schedule.is_taken(session, "nightly", NOON, DAY)
    take(database, NOON)
    with database.read() as session:
        assert schedule.is_taken(session, "nightly", NOON, DAY)
        assert not schedule.is_taken(session, "nightly", NOON + DAY, DAY)


def test_turns_missed_while_nothing_ran_are_made_up_for_once(database: Database) -> None:
    assert take(database, NOON)
    later = NOON + 10 * DAY

    assert [take(database, later + timedelta(minutes=n)) for n in range(3)] == [True, False, False]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Slot)) == 2


def test_of_many_schedulers_one_takes_the_turn(database: Database) -> None:
    start, won = threading.Barrier(5), list[bool]()

    def race() -> None:
        start.wait(20)
        won.append(take(database, NOON))

    threads = [threading.Thread(target=race) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(won) == [False] * 4 + [True]


def test_a_turn_whose_work_failed_is_given_back(database: Database) -> None:
    def crash() -> None:
        with database.write() as session:
            assert schedule.take(session, "nightly", NOON, DAY, "me")
            raise RuntimeError("the work failed")

    with pytest.raises(RuntimeError):
        crash()
    assert take(database, NOON)


ZONES = ["UTC", "Asia/Jerusalem", "Europe/Warsaw", "America/St_Johns", "Asia/Kathmandu"]


@given(
    seconds=st.integers(1_577_836_800, 2_208_988_800),  # 2020 to 2040
    zone=st.sampled_from(ZONES),
    every=st.sampled_from([timedelta(minutes=5), timedelta(hours=1), DAY]),
)
def test_the_same_moment_is_the_same_turn_in_every_time_zone(seconds: int, zone: str, every: timedelta) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    assert schedule.slot_of(moment.astimezone(ZoneInfo(zone)), every) == schedule.slot_of(moment, every)


@pytest.mark.parametrize("zone", ZONES)
def test_the_night_in_which_clocks_change_has_no_turn_twice_and_leaves_none_out(zone: str) -> None:
    """Europe set its clocks back on 25 October 2026: local hours come twice, turns do not."""
    hours = [NOON.astimezone(ZoneInfo(zone)) + timedelta(hours=n) for n in range(48)]
    moments = [NOON + timedelta(hours=n) for n in range(48)]

    assert len({schedule.slot_of(moment.astimezone(ZoneInfo(zone)), timedelta(hours=1)) for moment in moments}) == 48
    assert {moment.utcoffset() for moment in hours}


def test_old_turns_are_forgotten_and_the_present_ones_are_not(database: Database) -> None:
    take(database, NOON)
    take(database, NOON + 40 * DAY)
    with database.write() as session:
        schedule.forget(session, NOON + 40 * DAY)
    with database.read() as session:
        left = session.scalars(select(Slot.slot)).all()
    assert left == [schedule.slot_of(NOON + 40 * DAY, DAY)]
