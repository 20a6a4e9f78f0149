"""The desk of the tests, on both databases; customers get what was theirs before they had a name."""

import pytest

from hub.cti import adopt
from hub.messages import adopt as message_adopt
from hub.store.session import Database
from tests.unit.messages.desk import Desk


@pytest.fixture
def desk(database: Database) -> Desk:
    adopt.watch()
    message_adopt.watch()
    return Desk(database)
