"""Who is read next: urgent work first, at most four at a mailbox, no account before the others had their turn."""

from datetime import timedelta

import pytest

from hub.connector.stream import Lane
from hub.intake import due
from hub.intake.models import Account, StreamState
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import claim

BACKFILL = 2


@pytest.fixture
def accounts(database: Database) -> list[int]:
    with database.write() as session:
        rows = [Account(name=name, connector="mail") for name in ("big", "small")]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def stream(database: Database, account_id: int, name: str, lane: Lane, *, ago_s: float = 60, mailbox: str = "") -> None:
    with database.write() as session:
        due_at = now() - timedelta(seconds=ago_s)
        session.add(
            StreamState(account_id=account_id, stream=name, records="mail", mailbox=mailbox, lane=lane, due_at=due_at)
        )


def taken(database: Database, most: int = 20) -> list[str]:
    """Claim one after the other, as workers do, while all of them are still at it."""
    names = []
    for number in range(most):
        with database.write() as session:
            leases = claim(
                session, StreamState, due.due(backfill=BACKFILL), owner=f"worker {number}", lease_s=60,
                order_by=due.first(), counted=True,
            )  # fmt: skip
            names += [session.get_one(StreamState, lease.id).stream for lease in leases]
        if not leases:
            break
    return names


def test_lanes_go_in_their_order(database: Database, accounts: list[int]) -> None:
    stream(database, accounts[0], "old", Lane.BACKFILL, ago_s=9000)
    stream(database, accounts[0], "usual", Lane.INCREMENTAL)
    stream(database, accounts[0], "asked for", Lane.INTERACTIVE, ago_s=1)
    assert taken(database) == ["asked for", "usual", "old"]


def test_an_account_with_many_streams_does_not_starve_one_with_few(database: Database, accounts: list[int]) -> None:
    big, small = accounts
    for number in range(6):
        stream(database, big, f"big {number}", Lane.INCREMENTAL, ago_s=100 - number, mailbox=str(number))
    stream(database, small, "small", Lane.INCREMENTAL, ago_s=1)
    assert taken(database, 2) == ["big 0", "small"]


def test_at_most_four_at_one_mailbox_and_the_others_are_not_held_up(database: Database, accounts: list[int]) -> None:
    for number in range(6):
        stream(database, accounts[0], f"mine {number}", Lane.INCREMENTAL, mailbox="noa@example.com")
    stream(database, accounts[0], "hers", Lane.INCREMENTAL, ago_s=1, mailbox="dana@example.com")
    assert len(taken(database)) == 5


def test_reading_from_the_beginning_leaves_workers_to_the_others(database: Database, accounts: list[int]) -> None:
    for number in range(5):
        stream(database, accounts[0], f"backfill {number}", Lane.BACKFILL, mailbox=str(number))
    stream(database, accounts[1], "usual", Lane.INCREMENTAL)
    assert sorted(taken(database)) == ["backfill 0", "backfill 1", "usual"]


def test_what_is_not_due_not_wanted_or_no_stream_of_pages_is_left(database: Database, accounts: list[int]) -> None:
    stream(database, accounts[0], "later", Lane.INCREMENTAL, ago_s=-60)
    with database.write() as session:
        moment = now() - timedelta(seconds=5)
        session.add(StreamState(account_id=accounts[0], stream="unwanted", records="mail", wanted=False, due_at=moment))
        session.add(StreamState(account_id=accounts[0], stream="history", due_at=moment))
    assert taken(database) == []
