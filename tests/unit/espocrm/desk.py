"""What tests of the EspoCRM connector share: a simulator over a real socket, an account at it, and writing as the hub does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from connectors.espocrm.remote import EspoRemote
from connectors.espocrm.settings import EspoSettings
from connectors.espocrm.simulator import EspoSimulator
from hub.connector.checking import Alone
from hub.connector.contract import Account
from hub.connector.stream import Cursor, Page, Upsert, Written
from hub.errors import RetryLaterError


def remote(simulator: EspoSimulator, **changes: Any) -> EspoRemote:
    told = {**simulator.settings(), "timeout_s": "5", **changes}
    return EspoRemote(Account(1, "CRM", EspoSettings.model_validate(told), "IL", "Asia/Jerusalem"), Alone())


@contextmanager
def simulated() -> Iterator[EspoSimulator]:
    one = EspoSimulator()
    one.start()
    try:
        yield one
    finally:
        one.stop()


def passed(remote: EspoRemote, key: str, cursor: Cursor | None = None) -> tuple[list[Page], Cursor]:
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


def write(remote: EspoRemote, records: str, values: Mapping[str, Any], key: str) -> Written:
    """Write as the hub does: at once, and before another try it asks whether it is there."""
    writer = remote.writer(records)
    try:
        return writer.create(values, key=key)
    except RetryLaterError:
        return writer.find(key, values) or writer.create(values, key=key)
