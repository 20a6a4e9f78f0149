"""An account of messages without any remote: what a mapping would have made goes straight in."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from hub.connector.contract import Delivered
from hub.identity import parties
from hub.identity.models import Identifier, Party
from hub.identity.parties import Given as Held
from hub.intake import receive
from hub.intake.models import Account
from hub.messages.models import Conversation
from hub.messages.take import Given, take, take_statuses
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.store.session import Database

Values = dict[str, Any]
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
DANA = "+972502345678"
BSUID = "IL.13491208655302741918"


def message(remote_id: str = "m1", *, minute: float = 0, at: Any = None, **more: Any) -> Values:
    """An inbound message of Dana's number; `minute` after ten o'clock."""
    return {
        "remote_id": remote_id, "channel": "whatsapp", "direction": "inbound", "line": "line-1",
        "line_number": "+972 3 234 5678", "at": at or AT + timedelta(minutes=minute), "content": "text",
        "text": f"text of {remote_id}", "peer_phone": "972502345678", "peer_id": "", "peer_name": "", **more,
    }  # fmt: skip


def status(message_id: str, state: str, *, minute: float = 0, **more: Any) -> Values:
    return {"message_id": message_id, "state": state, "at": AT + timedelta(minutes=minute), **more}


class Desk:
    """One account, and looks into the tables."""

    def __init__(self, database: Database, name: str = "Messages") -> None:
        self.db = database
        with database.write() as session:
            row = Account(name=name, connector="messages")
            session.add(row)
            session.flush()
            self.account = row.id

    def take(self, *given: Values) -> None:
        """Take messages in one transaction, as a worker takes a page."""
        self._take("message", [(one["remote_id"], one) for one in given])

    def tell(self, *given: Values) -> None:
        """Take statuses."""
        self._take("message_status", [(f"{one['message_id']}:{one['state']}", one) for one in given])

    def _take(self, stream: str, given: Sequence[tuple[str, Values]]) -> None:
        with self.db.write() as session:
            account = session.get_one(Account, self.account)
            # As hooks do: what is sent again says the same, so each record once a page.
            latest = dict(given)
            kept = [Delivered(stream, name, {"any": repr(one)}) for name, one in latest.items()]
            raws = receive.rows(session, receive.keep_page(session, account.id, stream, kept))
            by_name = {raw.remote_id: raw for raw in raws}
            pairs = [Given(by_name[name], one) for name, one in latest.items()]
            (take if stream == "message" else take_statuses)(session, account, pairs, region="IL")

    def all(self, table: Any, *where: Any) -> Sequence[Any]:
        with self.db.read() as session:
            return session.scalars(select(table).where(*where).order_by(table.id)).all()

    def conversation(self) -> Conversation:
        [found] = self.all(Conversation)
        return found

    def user(self, name: str, role: str = Role.AGENT) -> int:
        with self.db.write() as session:
            return users.add(session, f"{name}@acme.example", name.title(), role).id

    def customer(self, name: str, phone: str = "", *, owner: int | None = None) -> int:
        with self.db.write() as session:
            held = [Held("phone", phone)] if phone else []
            return parties.create(session, None, "person", name, held, region="IL", owner_id=owner).id

    def active(self) -> Sequence[Party]:
        return self.all(Party, Party.status == "active")

    def held(self, party_id: int) -> set[tuple[str, str]]:
        return {(one.kind, one.value) for one in self.all(Identifier, Identifier.party_id == party_id)}


def just_now(**ago: float) -> datetime:
    return now() - timedelta(**ago)
