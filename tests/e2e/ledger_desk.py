"""What tests of ledgers with a sign-in share: a hub with the books of one company, whose workers' steps are taken by hand."""

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update

from hub import app as hub_app
from hub.accounting.models import DocumentRow, PaymentRow
from hub.connector.stream import Lane
from hub.context import Hub
from hub.identity.models import Link
from hub.intake import accounts, channels, grants, read
from hub.intake.models import Account, OauthGrant, RawRecord, StreamState
from hub.store.base import now
from hub.work.lease import Lease, claim, new_owner

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
# What is the business of a remote and not that of a database.
once = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class LedgerDesk:
    """One account at a simulated ledger.

    Args:
        streams: all that it has, in the order in which they are read.
    """

    def __init__(self, hub: Hub, connector: str, streams: Sequence[str], values: dict[str, object]) -> None:
        self.hub, self.streams = hub, tuple(streams)
        given = {"timeout_s": 5, **values}
        with hub.db.write() as session:
            self.account = accounts.create(session, hub.connectors[connector], hub.vault, "Books", given).id

    # --- what happens -------------------------------------------------------------------------------------------------

    def claimed(self, stream: str) -> Lease:
        which = (StreamState.account_id == self.account) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(which).values(lease_until=LONG_AGO))
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        return lease

    def look(self, stream: str) -> StreamState:
        """Read a stream, whatever comes of it."""
        hub_app.reader(self.hub).read(self.claimed(stream))
        return self.state(stream)

    def read(self, *streams: str) -> None:
        """Read streams to their end; all of them where none is named."""
        for stream in streams or (read.LISTING, *self.streams):
            state = self.look(stream)
            assert (state.trouble, state.last_error) == ("", ""), stream

    def read_at_once(self) -> None:
        """Let each stream be read by a worker of its own, all at the same moment."""
        leases = [self.claimed(stream) for stream in self.streams]
        ready = threading.Barrier(len(leases))

        def work(lease: Lease) -> None:
            ready.wait(10)
            hub_app.reader(self.hub).read(lease)

        threads = [threading.Thread(target=work, args=(lease,)) for lease in leases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert {stream: self.state(stream).last_error for stream in self.streams} == dict.fromkeys(self.streams, "")

    def listen(self) -> None:
        """Open the channels of all streams, which were read."""
        with self.hub.db.write() as session:
            channels.plan(session, channels.reached_at(self.hub.settings))
        hub_app.push_channels(self.hub).keep(self.claimed(channels.PUSH))
        assert self.state(channels.PUSH).last_error == ""

    def calm(self) -> None:
        """Let no stream have been read lately: hints soon after a look wait a little."""
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(StreamState.records != "").values(last_run_at=LONG_AGO))

    def wait_until_due(self, stream: str, *, since: datetime) -> None:
        """Wait until somebody hinted at a stream."""
        deadline = time.monotonic() + 10
        while (due := self.state(stream).due_at) is None or not since <= due <= now():
            assert time.monotonic() < deadline, "no hint came"
            time.sleep(0.02)

    # --- what is known ------------------------------------------------------------------------------------------------

    @property
    def hook(self) -> str:
        """Where the remote posts to."""
        return channels.address(channels.reached_at(self.hub.settings), self.row())

    def due(self) -> set[str]:
        """The streams that are to be read now."""
        return {one for one in self.streams if (at := self.state(one).due_at) is not None and at <= now()}

    def state(self, stream: str) -> StreamState:
        with self.hub.db.read() as session:
            query = select(StreamState).where(StreamState.account_id == self.account, StreamState.stream == stream)
            return session.scalars(query).one()

    def documents(self) -> dict[str, DocumentRow]:
        with self.hub.db.read() as session:
            return {row.key: row for row in session.scalars(select(DocumentRow))}

    def payments(self) -> dict[str, PaymentRow]:
        with self.hub.db.read() as session:
            return {row.key: row for row in session.scalars(select(PaymentRow))}

    def party(self, remote_id: str) -> int:
        with self.hub.db.read() as session:
            found = session.scalar(select(Link.party_id).where(Link.remote_id == remote_id, Link.stream == "contacts"))
            assert found is not None
            return found

    def raws(self, stream: str) -> dict[str, RawRecord]:
        with self.hub.db.read() as session:
            return {row.remote_id: row for row in session.scalars(select(RawRecord).where(RawRecord.stream == stream))}

    def row(self) -> Account:
        with self.hub.db.read() as session:
            return session.get_one(Account, self.account)

    def stream(self, key: str) -> Any:
        """Open a stream for a person who waits."""
        return self.hub.remotes.open(self.row(), Lane.INTERACTIVE).stream(key)

    def grant(self) -> Any:
        with self.hub.db.read() as session:
            found = grants.granted(session, self.hub.vault, self.account)
            assert found is not None
            return found


def amounts(row: DocumentRow) -> tuple[str, str, Decimal, Decimal | None]:
    return row.kind, row.status, row.gross, row.balance


def signature(key: bytes, body: bytes) -> str:
    """Sign a post as Intuit and Xero do."""
    return base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()


def granted(hub: Hub, name: str) -> tuple[str, bool]:
    """Whose books an account reads, and whether anything was granted to the hub."""
    with hub.db.read() as session:
        row = session.scalars(select(Account).where(Account.name == name)).one()
        return str(row.settings.get("address", "")), session.scalar(select(OauthGrant.id)) is not None
