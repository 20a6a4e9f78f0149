"""Ledgers of these tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.settings import Settings
from hub.store.session import Database
from tests.unit.accounting.books import ALLOCATIONS, COMPANIES, CONTACTS, INVOICES, PAYMENTS, Books, flow


@pytest.fixture
def opened(settings: Settings, database: Database, tmp_path: Path) -> Callable[..., Books]:
    """Opens accounts: of `ledger`, which has contacts and legal entities, or of `letters`, which has documents only."""
    whole = (CONTACTS, COMPANIES, INVOICES, PAYMENTS, ALLOCATIONS)
    made = flow(settings, tmp_path / "mappings", [("ledger", whole), ("letters", (INVOICES, PAYMENTS))])
    return lambda name="Books", connector="ledger": Books(database, made, name, connector)
