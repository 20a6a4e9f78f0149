"""A hub that listens, with an account at the simulator of a messenger, and its workers on demand."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from werkzeug.serving import make_server

from hub import app as hub_app
from hub import flow
from hub.context import Hub
from hub.identity.models import Party
from hub.intake import accounts, channels
from hub.intake.models import Account, AccountState, RawRecord, RawState
from hub.messages import media, write
from hub.messages.models import Conversation, MessageMedia, MessageRow
from hub.outbound.models import Outbox, OutboxState
from hub.store.base import now
from hub.timeline.models import Interaction
from hub.work.lease import claim, new_owner
from tests.contract.connectors import Quiet


@dataclass
class Desk:
    """One account, whose simulator posts to the hub over HTTP."""

    hub: Hub
    url: str
    simulator: Any
    account: int = 0

    def connect(self, connector: str, **more: Any) -> None:
        """Make the account and tell the simulator its address, as an administrator does."""
        values = {**self.simulator.settings(), "timeout_s": "5", **more}
        with self.hub.db.write() as session:
            row = accounts.create(
                session, self.hub.connectors[connector], self.hub.vault, connector, values, region="IL"
            )
            self.account, token = row.id, accounts.rotate_hook_token(row)
        self.simulator.hub_url = f"{self.url}/hooks/{token}"

    def work(self) -> None:
        """Take in what waits."""
        self.simulator.flush()
        with self.hub.db.write() as session:
            flow.waiting(self.hub.flow, session)
        with self.hub.db.read() as session:
            odd = RawRecord.stream == channels.ODD
            assert session.scalars(select(RawRecord.error).where(RawRecord.error != "", ~odd)).all() == []

    def answer(self, text: str) -> None:
        """Let somebody of us answer in the one conversation, and send what waits."""
        with self.hub.db.write() as session:
            row = write.get(session, self.conversation().public_id, lock=True)
            write.send(session, row, user_id=None, text=text)
        self.deliver()

    def deliver(self) -> None:
        deliverer = hub_app.deliverer(self.hub)
        with self.hub.db.write() as session:
            session.execute(update(Outbox).where(Outbox.state == OutboxState.WAITING).values(due_at=now()))
        with self.hub.db.write() as session:
            leases = claim(session, Outbox, deliverer.due(), owner=new_owner(), lease_s=60)
        for lease in leases:
            deliverer.deliver(lease)

    def fetch(self) -> MessageMedia:
        """Fetch the one file that waits."""
        with self.hub.db.write() as session:
            [lease] = claim(session, MessageMedia, media.due(), owner=new_owner(), lease_s=60)
        hub_app.media_fetcher(self.hub).fetch(lease)
        with self.hub.db.read() as session:
            return session.scalars(select(MessageMedia)).one()

    def pause(self, *, active: bool) -> None:
        with self.hub.db.write() as session:
            state = AccountState.ACTIVE if active else AccountState.PAUSED
            session.get_one(Account, self.account).state = state

    # --- what is known ------------------------------------------------------------------------------------------------

    def messages(self) -> Sequence[MessageRow]:
        with self.hub.db.read() as session:
            return session.scalars(select(MessageRow).order_by(MessageRow.at, MessageRow.id)).all()

    def conversation(self) -> Conversation:
        with self.hub.db.read() as session:
            return session.scalars(select(Conversation)).one()

    def parties(self) -> Sequence[Party]:
        with self.hub.db.read() as session:
            return session.scalars(select(Party)).all()

    def timeline(self) -> list[str]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(Interaction.summary).order_by(Interaction.started_at, Interaction.id)))

    def kept(self) -> int:
        with self.hub.db.read() as session:
            return session.scalar(select(func.count()).select_from(RawRecord)) or 0

    def odd(self) -> Sequence[RawRecord]:
        with self.hub.db.read() as session:
            which = (RawRecord.stream == channels.ODD, RawRecord.state == RawState.SET_ASIDE)
            return session.scalars(select(RawRecord).where(*which)).all()


@contextmanager
def desk_of(hub: Hub, simulator: Any) -> Iterator[Desk]:
    """Start both."""
    server = make_server("127.0.0.1", 0, hub_app.create_app(hub), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    simulator.start()
    try:
        yield Desk(hub, f"http://127.0.0.1:{server.server_port}", simulator)
    finally:
        simulator.stop()
        server.shutdown()
        thread.join(5)
        server.server_close()
