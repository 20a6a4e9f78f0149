"""A worker's time at a row: what stops it, what becomes of the row then, and what is kept of a page."""

import time
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from hub.errors import UserError
from hub.identity.reviewing.models import DuplicateLook
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, claim
from hub.work.shift import WAIT, Pace, shift

LEASE_S = 60.0
PACE = Pace(LEASE_S)
AWAY = OperationalError("SELECT", {}, Exception("gone"))
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def lease(database: Database) -> Lease:
    with database.write() as session:
        session.add(DuplicateLook())
    return taken(database)


def taken(db: Database, owner: str = "me") -> Lease:
    with db.write() as session:
        session.execute(update(DuplicateLook).values(lease_until=None))
        [lease] = claim(session, DuplicateLook, DuplicateLook.due_at.is_not(None), owner=owner, lease_s=0.001)
    return lease


def fails(fault: Exception) -> None:
    raise fault


def row_of(db: Database, lease: Lease) -> DuplicateLook:
    with db.read() as session:
        return session.get_one(DuplicateLook, lease.id)


def test_a_page_is_kept_and_the_lease_goes_on_until_a_page_ends_it(database: Database, lease: Lease) -> None:
    began = now()
    with shift(database, DuplicateLook, lease, PACE) as at:
        with at.page(turn="looks") as session:
            session.get_one(DuplicateLook, lease.id).found = 1
        row = row_of(database, lease)
        assert (row.found, row.owner) == (1, "me")
        assert row.lease_until is not None
        assert row.lease_until > began + timedelta(seconds=LEASE_S - 1)
        assert at.goes_on()
        assert row_of(database, lease).owner == "me"
        with at.page() as session:
            row = session.get_one(DuplicateLook, lease.id)
            row.found, row.due_at, row.owner, row.lease_until = 2, None, "", None
    row = row_of(database, lease)
    assert (row.found, row.due_at, row.owner, row.lease_until, row.error) == (2, None, "", None, "")


def test_who_lost_the_lease_keeps_nothing_and_leaves_the_row_alone(database: Database, lease: Lease) -> None:
    passed = []
    with shift(database, DuplicateLook, lease, PACE) as at:
        taken(database, "you")
        with at.page() as session:
            passed.append(session)
        passed.append(session)
    assert passed == []
    at.wait("too late")
    at.end(found=9)
    row = row_of(database, lease)
    assert (row.found, row.owner, row.attempt, row.error) == (0, "you", 2, "")


@ON_SQLITE
def test_a_row_says_what_went_wrong_and_waits(database: Database, lease: Lease) -> None:
    hour = Pace(LEASE_S, wait=timedelta(hours=1))
    for fault, pace, said in (
        (ZeroDivisionError("secret"), PACE, "ZeroDivisionError: a fault of the hub itself; the log has all of it"),
        (UserError("There is no such file."), hour, "There is no such file."),
    ):
        began = now()
        with shift(database, DuplicateLook, lease, pace) as at, at.page() as session:
            session.get_one(DuplicateLook, lease.id).found = 5
            session.flush()
            fails(fault)
        row = row_of(database, lease)
        assert (row.found, row.error, row.owner, row.lease_until) == (0, said, "", None)
        assert row.due_at is not None
        assert timedelta(0) <= row.due_at - began - pace.wait < timedelta(seconds=30)
        lease = taken(database)


@ON_SQLITE
def test_a_database_that_is_away_is_told_to_the_worker(
    database: Database, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OperationalError), shift(database, DuplicateLook, lease, PACE):
        raise AWAY
    row = row_of(database, lease)
    assert (row.error, row.owner) == ("The database could not be used (OperationalError).", "")
    assert row.due_at is not None
    assert row.due_at > now() + WAIT / 2

    lease = taken(database)
    still = OperationalError("BEGIN", {}, Exception("still gone"))

    def break_down() -> None:
        monkeypatch.setattr(database, "write", lambda: fails(still))
        fails(AWAY)

    with pytest.raises(OperationalError) as raised, shift(database, DuplicateLook, lease, PACE):
        break_down()
    assert raised.value is AWAY, "what was in the way first, not that nobody could be told of it"
    assert row_of(database, lease).owner == "me", "its lease runs out"


@ON_SQLITE
def test_time_that_is_over_is_given_back_for_another_to_go_on(database: Database, lease: Lease) -> None:
    with shift(database, DuplicateLook, lease, Pace(LEASE_S, slice_s=-1)) as at:
        with at.page() as session:
            session.get_one(DuplicateLook, lease.id).due_at = now() + timedelta(hours=1)
        assert not at.goes_on()
        with at.page():
            fails(AssertionError("it is another one's now"))
    row = row_of(database, lease)
    assert (row.owner, row.lease_until, row.error) == ("", None, "")
    assert row.due_at is not None
    assert row.due_at <= now()


@ON_SQLITE
def test_a_rest_is_a_share_of_the_time_that_a_page_took(database: Database, lease: Lease) -> None:
    for rest, least, most in ((0.0, 0.0, 5.0), (0.01, 0.1, 5.0)):
        with shift(database, DuplicateLook, lease, Pace(LEASE_S, rest=rest)) as at:
            began = time.monotonic()
            at.rest(began - 10)  # seconds
            assert least <= time.monotonic() - began < most
