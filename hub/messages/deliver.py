"""How the outbox sends messages: once. A remote of messages shows nobody what was sent, so a lost answer stays lost.

    mark     the row says that it is about to be handed over, in a transaction of its own
    send     a writer's `UnknownFateError` leaves the mark; any other error of a connector says that it was not sent
    name     the remote's name of the message, how it stands, and its row on the timeline

A process that dies between mark and name leaves the mark: the next try tells the writer so (`again`), and one that cannot
find what it wrote refuses. The text goes back to its writer as "nobody knows", and only a person sends it again. Where a
status brings our key back, it was sent after all (`take_statuses`).
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.connector.stream import Remote, Written
from hub.errors import ConnectorError, NotFoundError, RejectedError, UnknownFateError, UserError
from hub.identity.models import Party
from hub.intake.models import Account
from hub.messages import write
from hub.messages.models import Conversation, MessageRow, MessageState
from hub.messages.take import after, name
from hub.outbound.deliver import Arrived, Item
from hub.store.base import now
from hub.store.session import Database
from hub.store.turn import in_turn

NOT_KNOWN = "Nobody knows whether this was sent. Look before you send it again."


@dataclass(frozen=True, slots=True)
class MessageKind:
    """Messages that people write (`outbound.deliver.Kind`).

    Attributes:
        arrived: takes a record that we wrote ourselves in, as a webhook would bring it.
        region: the hub's, where the account has none.
    """

    db: Database
    arrived: Arrived
    region: str

    def send(self, remote: Remote, item: Item) -> Written | None:
        """Hand the message to the remote, if one still may."""
        row, values = self._composed(item)
        if row.remote_id is not None:
            return Written(row.remote_id)  # a status proved it
        writer = remote.writer(write.KIND, item.mailbox)
        self._mark(row)
        try:
            return writer.create(values, key=item.key)
        except UnknownFateError:
            raise
        except (ConnectorError, UserError):
            self._unmark(row)
            raise

    def sent(self, session: Session, item: Item, written: Written | None) -> None:
        """Write down what the remote calls it, and put it on the timeline."""
        if written is None:
            return
        in_turn(session, Party.__tablename__)
        row, account = _row(session, item), session.get_one(Account, item.account_id)
        if row is None:
            return
        name(session, row, written.remote_id)
        if written.payload is not None:
            self.arrived(session, item.account_id, write.KIND, written)
        after(session, account, [row], account.region or self.region)

    def refused(self, session: Session, item: Item, why: str) -> None:
        """Give the text back to its writer, with the reason."""
        in_turn(session, Party.__tablename__)
        row = _row(session, item)
        if row is None or row.state != MessageState.SENDING:
            return
        row.state = MessageState.REFUSED if row.begun_at is None else MessageState.UNSURE
        row.state_at, row.reason = now(), why[:1000]
        account = session.get_one(Account, item.account_id)
        after(session, account, [row], account.region or self.region)

    def _composed(self, item: Item) -> tuple[MessageRow, dict[str, Any]]:
        with self.db.read() as session:
            row = session.get(MessageRow, item.payload["message"])
            if row is None:
                raise NotFoundError("The message is no more.")
            if row.remote_id is None and not _may_go(row):
                raise RejectedError("It was given back to its writer before.")
            conversation = session.get_one(Conversation, row.conversation_id)
            if row.remote_id is None and row.begun_at is None:
                write.must_be_open(write.box_of(session, conversation))
            is_number = conversation.peer_phone and write.has_number(conversation)
            values = {
                "to_phone": conversation.peer_phone if is_number else "",
                "to_id": conversation.peer_id,
                "text": row.text,
                "reply_to": row.reply_to,
                "again": row.begun_at is not None,
            }
        return row, values

    def _mark(self, row: MessageRow) -> None:
        """Write down that it is about to be handed over; whoever else did so in this moment is alone with it."""
        if row.begun_at is not None:
            return
        with self.db.write() as session:
            free = (MessageRow.id == row.id, MessageRow.begun_at.is_(None), MessageRow.state == row.state)
            marked = {"begun_at": now(), "state": MessageState.SENDING}
            done = session.execute(
                update(MessageRow).where(*free).values(**marked).execution_options(synchronize_session=False)
            )
            if not done.rowcount:  # type: ignore[attr-defined]  # an UPDATE has one
                raise UnknownFateError(NOT_KNOWN)

    def _unmark(self, row: MessageRow) -> None:
        with self.db.write() as session:
            session.execute(
                update(MessageRow)
                .where(MessageRow.id == row.id)
                .values(begun_at=None)
                .execution_options(synchronize_session=False)
            )


def _may_go(row: MessageRow) -> bool:
    """Say whether a message may be handed over: what was given back to a person only by that person, as a new one."""
    is_programs = row.state == MessageState.REFUSED and row.user_id is None  # an administrator tries it once more
    return row.state == MessageState.SENDING or is_programs


def _row(session: Session, item: Item) -> MessageRow | None:
    query = select(MessageRow).where(MessageRow.id == item.payload["message"]).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()
