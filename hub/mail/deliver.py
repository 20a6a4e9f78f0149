"""How the outbox sends mails: composed when they go, by the same key each time, and then taken in as the sync would."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from hub.connector.stream import Findable, Lane, Remote, Upsert, Written
from hub.errors import ConnectorError, NotFoundError
from hub.intake import read
from hub.mail import write
from hub.mail.compose import compose
from hub.mail.models import DraftState, MailDraft
from hub.outbound.deliver import Arrived, Item
from hub.store.session import Database


@dataclass(frozen=True, slots=True)
class MailKind:
    """Mails of drafts (`outbound.deliver.Kind`).

    Attributes:
        arrived: takes a record that we wrote ourselves in, as the reader of its stream would.
        language, zone: the hub's, for writers who chose none of their own.
    """

    db: Database
    arrived: Arrived
    language: str
    zone: str

    def send(self, remote: Remote, item: Item) -> Written | None:
        """Hand the message to the provider and ask for it as the provider keeps it."""
        records = f"{write.KIND}:{item.mailbox}"
        written = remote.writer(records, item.mailbox).create(self._composed(item), key=item.key)
        try:
            stream = remote.stream(records)
            found = stream.find([written.remote_id]) if isinstance(stream, Findable) else ()
        except ConnectorError:  # it is sent; the sync brings it a little later
            return written
        kept = next((change for change in found if isinstance(change, Upsert)), None)
        return Written(written.remote_id, kept.version, dict(kept.payload), kept.container) if kept else written

    def sent(self, session: Session, item: Item, written: Written | None) -> None:
        """Bring it to the timeline, and look whether anything else is new."""
        if (draft := session.get(MailDraft, item.payload["draft"])) is not None:
            draft.state = DraftState.SENT
        records = f"{write.KIND}:{item.mailbox}"
        if written is not None and written.payload is not None:
            self.arrived(session, item.account_id, records, written)
        read.hint(session, item.account_id, [records], Lane.INTERACTIVE)

    def refused(self, session: Session, item: Item, why: str) -> None:
        """Give the draft back to its writer, with the reason."""
        if (draft := session.get(MailDraft, item.payload["draft"])) is not None:
            draft.state, draft.error = DraftState.REFUSED, why

    def _composed(self, item: Item) -> dict[str, Any]:
        with self.db.read() as session:
            draft = session.get(MailDraft, item.payload["draft"])
            if draft is None or draft.sent_at is None:
                raise NotFoundError("The draft is no more.")
            letter = write.letter(session, draft, language=self.language, zone=self.zone)
            thread_id = write.provider_thread(session, draft)
            composed = compose(letter, key=item.key, domain=write.domain_of(draft), at=draft.sent_at)
        return {
            "raw": composed.raw,
            "thread_id": thread_id,
            "again": item.again,
            "since": draft.sent_at,
        }
