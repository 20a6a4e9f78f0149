"""Records that a test counts, on both databases."""

from collections.abc import Iterator

import pytest

from hub.store.session import Database
from tests.unit.insights.records import Records


@pytest.fixture
def records(database: Database) -> Iterator[Records]:
    with database.write() as session:
        yield Records(session)
