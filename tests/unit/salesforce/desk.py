"""What tests of the Salesforce connector share: a simulator over a real socket, an account at it, and writing as the hub does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from connectors.salesforce.remote import SalesforceRemote
from connectors.salesforce.settings import SalesforceSettings
from connectors.salesforce.simulator import SalesforceSimulator
from hub.connector.checking import Alone
from hub.connector.contract import Account
from hub.connector.stream import Cursor, Limit, Page, Upsert, Written
from hub.errors import RetryLaterError


class Hub(Alone):
    """The tools of one account, and the silences that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.silences: list[tuple[list[str], float]] = []

    def limited(self, limits: Any, retry_after: float) -> None:
        self.silences.append(([one.name for one in limits if isinstance(one, Limit)], retry_after))


def remote(simulator: SalesforceSimulator, hub: Hub | None = None, **changes: Any) -> SalesforceRemote:
    told = {**simulator.settings(), "timeout_s": "5", **changes}
    account = Account(1, "CRM", SalesforceSettings.model_validate(told), "IL", "Asia/Jerusalem")
    return SalesforceRemote(account, hub or Hub())


@contextmanager
def simulated() -> Iterator[SalesforceSimulator]:
    one = SalesforceSimulator()
    one.start()
    try:
        yield one
    finally:
        one.stop()


def passed(remote: SalesforceRemote, key: str, cursor: Cursor | None = None) -> tuple[list[Page], Cursor]:
    """Read one pass; each page by a cursor that was kept in between."""
    stream = remote.stream(key)
    cursor = cursor or stream.begin()
    pages: list[Page] = []
    while not pages or pages[-1].more:
        pages.append(stream.pull(Cursor.of_json(cursor.as_json())))
        cursor = pages[-1].next
        assert len(pages) < 100
    return pages, cursor


def shown(pages: list[Page]) -> dict[str, Mapping[str, Any]]:
    return {one.remote_id: one.payload for page in pages for one in page.changes if isinstance(one, Upsert)}


def write(remote: SalesforceRemote, records: str, values: Mapping[str, Any], key: str) -> Written:
    """Write as the hub does: at once, and before another try it asks whether it is there."""
    writer = remote.writer(records)
    try:
        return writer.create(values, key=key)
    except RetryLaterError:
        return writer.find(key, values) or writer.create(values, key=key)
