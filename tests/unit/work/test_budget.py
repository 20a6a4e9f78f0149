"""Limits of remotes: shared by everybody who asks, never overdrawn in any minute, and left to who is waited for."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from hub.connector.stream import Lane, Limit
from hub.errors import LimitedError
from hub.store.base import now
from hub.store.session import Database
from hub.work import budget
from hub.work.models import Bucket

MAILBOX = Limit("mail:noa@example.com", 6000)
PROJECT = Limit("project", 60_000)


def spend(db: Database, units: int, lane: Lane = Lane.INTERACTIVE, *limits: Limit) -> float:
    """Spend; says how long one must wait, 0 where it was spent."""
    try:
        with db.write() as session:
            budget.spend(session, limits or (MAILBOX,), units, lane)
    except LimitedError as error:
        return error.retry_after or 0.0
    return 0.0


def pass_time(db: Database, seconds: float) -> None:
    with db.write() as session:
        for row in session.scalars(select(Bucket)):
            row.at -= timedelta(seconds=seconds)
            if row.frozen_until:
                row.frozen_until -= timedelta(seconds=seconds)


def test_what_is_there_is_spent_and_what_is_not_says_how_long(database: Database) -> None:
    assert spend(database, 600) == 0
    wait_s = spend(database, 90)
    assert wait_s == pytest.approx(1.0, abs=0.3)
    pass_time(database, 1.1)
    assert spend(database, 90) == 0


def test_no_minute_sees_more_than_the_limit_wherever_it_begins(database: Database) -> None:
    spent: list[tuple[float, int]] = []
    for tick in range(150):
        while spend(database, 100) == 0:
            spent.append((float(tick), 100))
        pass_time(database, 1.0)
    for begin in range(90):
        assert sum(units for at, units in spent if begin <= at < begin + 60) <= 6000 + 300  # the real clock runs too


def test_work_that_nobody_waits_for_leaves_a_part_to_the_others(database: Database) -> None:
    while spend(database, 20, Lane.BACKFILL) == 0:
        pass
    assert spend(database, 20, Lane.INCREMENTAL) == 0
    while spend(database, 20, Lane.INCREMENTAL) == 0:
        pass
    assert spend(database, 20, Lane.INTERACTIVE) == 0


def test_all_buckets_or_none(database: Database) -> None:
    small = Limit("small", 600)
    assert spend(database, 60, Lane.INTERACTIVE, PROJECT, small) == 0
    assert spend(database, 60, Lane.INTERACTIVE, PROJECT, small) > 0
    with database.read() as session:
        assert session.get_one(Bucket, "project").units > 5900


def test_one_request_that_costs_more_than_a_bucket_waits_for_a_full_one(database: Database) -> None:
    assert spend(database, 1500) == 0
    assert spend(database, 1) == pytest.approx(10, abs=1)


def test_silence_that_the_remote_asked_for_is_kept_by_all(database: Database) -> None:
    with database.write() as session:
        budget.freeze(session, [MAILBOX], 300)
        budget.freeze(session, [MAILBOX], 5)
    assert spend(database, 1) == pytest.approx(300, abs=2)
    pass_time(database, 301)
    assert spend(database, 1) == 0


def test_a_bucket_never_fills_beyond_its_size(database: Database) -> None:
    spend(database, 600)
    pass_time(database, 100_000)
    assert spend(database, 600) == 0
    assert spend(database, 600) > 0
    with database.read() as session:
        assert session.get_one(Bucket, MAILBOX.name).at <= now() + timedelta(seconds=5)
