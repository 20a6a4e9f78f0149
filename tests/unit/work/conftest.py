"""Work to be done, for the tests of leases and workers."""

from collections.abc import Callable

import pytest

from hub.intake.models import Account, StreamState
from hub.store.base import now
from hub.store.session import Database


@pytest.fixture
def due_streams(database: Database) -> Callable[[int], list[int]]:
    """Makes so many streams of one account that are due; returns their ids."""

    def make(amount: int) -> list[int]:
        with database.write() as session:
            account = Account(name="PBX", connector="x")
            session.add(account)
            session.flush()
            made = [StreamState(account_id=account.id, stream=f"s{n}", due_at=now()) for n in range(amount)]
            session.add_all(made)
            session.flush()
            return [row.id for row in made]

    return make
