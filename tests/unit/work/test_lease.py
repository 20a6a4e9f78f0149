"""Leases: one holder at a time, the dead lose theirs, and who was too slow changes nothing."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hub.intake.models import StreamState
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, claim, database_now, holds, new_owner, release, renew

DUE = StreamState.due_at.is_not(None)
LEASE_S = 60.0


@pytest.fixture
def rows(due_streams: Callable[[int], list[int]]) -> list[int]:
    return due_streams(5)


def take(database: Database, owner: str = "me", limit: int = 1) -> list[Lease]:
    with database.write() as session:
        return claim(session, StreamState, DUE, owner=owner, lease_s=LEASE_S, limit=limit)


def expire(database: Database) -> None:
    """Let every lease run out."""
    with database.write() as session:
        session.execute(update(StreamState).values(lease_until=now() - timedelta(seconds=1)))


def row_of(database: Database, lease: Lease) -> StreamState:
    with database.read() as session:
        return session.get_one(StreamState, lease.id)


def test_a_row_has_one_holder(database: Database, rows: list[int]) -> None:
    mine, others = take(database, "me", 3), take(database, "you", 3)

    assert [lease.id for lease in mine + others] == rows
    assert {lease.attempt for lease in mine + others} == {1}
    assert take(database, "he", 3) == []


def test_racing_holders_share_no_row(database: Database, rows: list[int]) -> None:
    start, taken = threading.Barrier(6), list[Lease]()

    def race(owner: str) -> None:
        start.wait(20)
        while leases := take(database, owner):
            taken.extend(leases)

    threads = [threading.Thread(target=race, args=(f"worker-{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    # With rows skipped that another one is just taking, a racer may end early; whoever is left takes the rest.
    taken.extend(take(database, "last", 5))
    assert sorted(lease.id for lease in taken) == rows


def test_a_lease_that_ran_out_is_free_with_another_attempt(database: Database, rows: list[int]) -> None:
    (first,) = take(database)
    expire(database)
    (second,) = take(database, "you")

    assert (second.id, second.owner, second.attempt) == (first.id, "you", 2)


def test_who_lost_the_lease_changes_nothing(database: Database, rows: list[int]) -> None:
    (late,) = take(database)
    expire(database)
    (lease,) = take(database, "you")
    with database.write() as session:
        assert not release(session, StreamState, late, last_error="by the one who was too slow", due_at=None)
        assert renew(session, StreamState, [late], lease_s=LEASE_S) == []
        assert not holds(session, StreamState, late)
        assert holds(session, StreamState, lease, lock=True)

    kept = row_of(database, lease)
    assert (kept.last_error, kept.owner, kept.attempt) == ("", "you", 2)
    assert kept.due_at is not None


def test_the_same_owner_is_fenced_from_his_own_former_attempt(database: Database, rows: list[int]) -> None:
    (late,) = take(database)
    expire(database)
    (lease,) = take(database)

    with database.write() as session:
        assert late.owner == lease.owner
        assert not holds(session, StreamState, late)
        assert not release(session, StreamState, late)
        assert release(session, StreamState, lease)


def test_a_heartbeat_keeps_the_lease(database: Database, rows: list[int]) -> None:
    (lease,) = take(database)
    with database.write() as session:
        session.execute(update(StreamState).values(lease_until=now() + timedelta(seconds=1)))
        assert renew(session, StreamState, [lease], lease_s=LEASE_S) == [lease]

    until = row_of(database, lease).lease_until
    assert until is not None
    assert until > now() + timedelta(seconds=LEASE_S / 2)


def test_a_result_and_the_row_come_back_together(database: Database, rows: list[int]) -> None:
    (lease,) = take(database)
    with database.write() as session:
        assert release(session, StreamState, lease, due_at=None, cursor={"at": 7})

    row = row_of(database, lease)
    assert (row.owner, row.lease_until, row.due_at, row.cursor) == ("", None, None, {"at": 7})
    assert lease.id not in {other.id for other in take(database, "you", 9)}


def test_a_crash_before_the_commit_gives_the_row_back(database: Database, rows: list[int]) -> None:
    def crash() -> None:
        with database.write() as session:
            assert claim(session, StreamState, DUE, owner="me", lease_s=LEASE_S)
            raise RuntimeError("the process died here")

    with pytest.raises(RuntimeError):
        crash()
    assert take(database, "you")[0].attempt == 1


def test_what_is_most_urgent_is_claimed_first(database: Database, rows: list[int]) -> None:
    with database.write() as session:
        session.execute(update(StreamState).where(StreamState.id == rows[3]).values(due_at=now() - timedelta(hours=1)))
        (lease,) = claim(session, StreamState, DUE, owner="me", lease_s=LEASE_S, order_by=(StreamState.due_at,))
    assert lease.id == rows[3]


def test_the_clock_is_the_databases(database: Database) -> None:
    with database.read() as session:
        first, second = database_now(session), database_now(session)
        assert session.scalar(select(1)) == 1

    assert first.tzinfo is not None
    assert abs((first - now()).total_seconds()) < 60
    assert second >= first


def test_no_two_workers_have_one_name() -> None:
    assert len({new_owner() for _ in range(1000)}) == 1000
