"""Electronic invoices that came by mail: attachments of known people, handed to the accounts that want them.

Every few minutes the newest mails are looked through (`Attachments.turn`). A file with the right name, from an address that
belongs to a party, in a conversation that everybody may see, is asked for as if a person wanted it (`hub.mail.files`); once it
is there, its records are kept like any others. That a file was looked at is kept with the records in one transaction, so a
process that dies anywhere looks again, and a document that comes twice is the same record. What is no invoice leaves a hash.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.orm import Session

from hub import log
from hub.connector.contract import Delivered
from hub.connector.ledger import TakesFiles
from hub.connector.stream import Lane, Remote
from hub.errors import ConnectorError, ShapeError
from hub.identity.models import Identifier
from hub.identity.parties import EMAIL
from hub.intake import receive
from hub.intake.models import Account, AccountState, FilteredRecord
from hub.intake.receive import NOWHERE, id_hash
from hub.mail import files
from hub.mail.files import Limits
from hub.mail.models import FileState, MailFile, MailMessage, MailThread
from hub.records.address import split_address
from hub.store.base import now
from hub.store.shelf import Shelf
from hub.timeline.models import Interaction, Visibility

LOOK_BACK = timedelta(days=14)  # less than a mark of what was looked at is kept (intake.read.FILTERED_FOR)
NEWEST = 50_000  # messages that are looked through, by their ids; there is no index by time
SOME = 20  # files read in one turn; each takes milliseconds
STREAM = "attachments"  # of the marks
READ, NO_INVOICE, NOT_HAD = "read", "no_invoice", "not_had"  # what became of a file
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a mail that may be an invoice."""

    message: MailMessage
    place: int  # in the message's `attachments`

    @property
    def mark(self) -> str:
        """What it is remembered by."""
        return f"{self.message.public_id}:{self.place}"

    @property
    def name(self) -> str:
        return str(self.message.attachments[self.place]["name"])


@dataclass(frozen=True, slots=True)
class Attachments:
    """Looks through mails for accounts that take files out of them."""

    open_remote: Callable[[Account, Lane], Remote]
    shelf: Shelf
    allowed: Limits

    def turn(self, session: Session) -> int:
        """Look once; returns how many files were read. The caller's transaction holds all of it."""
        return sum(self._of_account(session, account, remote) for account, remote in self._takers(session))

    def _takers(self, session: Session) -> Iterator[tuple[Account, TakesFiles]]:
        for account in session.scalars(
            select(Account).where(Account.state == AccountState.ACTIVE).order_by(Account.id)
        ):
            try:
                remote: object = self.open_remote(account, Lane.INCREMENTAL)
            except ConnectorError:  # nothing to read in it, or its settings are broken, which is said elsewhere
                continue
            if isinstance(remote, TakesFiles) and remote.from_mails:
                yield account, remote

    def _of_account(self, session: Session, account: Account, remote: TakesFiles) -> int:
        fates: dict[str, str] = {}
        records: list[Delivered] = []
        for one in _candidates(session, account.id, remote.from_mails):
            if len(fates) == SOME:
                break
            row = files.of_message(session, one.message.id).get(one.place)
            if row is None:
                files.ask(session, one.message, [one.place], self.allowed)
            elif row.state != FileState.PENDING:
                fates[one.mark] = self._take(row, one, remote, records)
        for stream, some in _by_stream(records).items():
            receive.keep_page(session, account.id, stream, some)
        today = now().date()
        marks = [{"remote_id": mark, "reason": fate, "day": today} for mark, fate in fates.items()]
        receive.filter_out(session, account.id, STREAM, marks, NOWHERE)
        if records:
            _log.info("documents out of mails", account=account.name, count=len(records))
        return len(fates)

    def _take(self, row: MailFile, one: Found, remote: TakesFiles, records: list[Delivered]) -> str:
        """Read a file into records; returns what became of it."""
        if row.state != FileState.READY:
            return NOT_HAD
        try:
            with self.shelf.open(row.sha256) as file:
                records += remote.records_of(one.name, file.read())
        except FileNotFoundError:
            return NOT_HAD
        except ShapeError:  # most files of mails are none
            return NO_INVOICE
        return READ


def _candidates(session: Session, account_id: int, ends: Collection[str]) -> Iterator[Found]:
    """Return files that nobody looked at for this account, the oldest mail first."""
    told = func.lower(cast(MailMessage.attachments, Text))
    newest = select(func.max(MailMessage.id)).scalar_subquery()
    query = (
        select(MailMessage)
        .join(MailThread, MailThread.id == MailMessage.thread_id)
        .join(Interaction, Interaction.id == MailThread.interaction_id)
        .where(
            MailMessage.id > newest - NEWEST,
            MailMessage.outbound.is_(False),
            MailMessage.at >= now() - LOOK_BACK,
            Interaction.visibility == Visibility.ALL,
            or_(*(told.contains(f'{end}"', autoescape=True) for end in ends)),
        )
        .order_by(MailMessage.at, MailMessage.id)
    )
    messages = session.scalars(query).all()
    found = [Found(one, place) for one in messages for place in _places(one, ends)]
    looked_at = _looked_at(session, account_id, [one.mark for one in found])
    known = _known(session, {_sender(one) for one in messages} - {""})
    for one in found:
        if one.mark not in looked_at and _sender(one.message) in known:
            yield one


def _places(message: MailMessage, ends: Collection[str]) -> list[int]:
    named = ((place, str(told.get("name", "")).lower()) for place, told in enumerate(message.attachments))
    return [place for place, name in named if name.endswith(tuple(ends))]


def _sender(message: MailMessage) -> str:
    """Return who wrote a message, as identifiers of parties are written; empty: nobody that can be known."""
    wrote: Sequence[Mapping[str, Any]] = message.people.get("from") or ()
    parts = split_address(str(wrote[0].get("address", ""))) if wrote else None
    return "@".join(parts) if parts else ""


def _known(session: Session, addresses: Collection[str]) -> set[str]:
    """Return the addresses that belong to a party."""
    query = select(Identifier.value).where(
        Identifier.kind == EMAIL,
        Identifier.value.in_(addresses),
        Identifier.blocked.is_(False),
        Identifier.valid_to.is_(None),
    )
    return set(session.scalars(query)) if addresses else set()


def _looked_at(session: Session, account_id: int, marks: Sequence[str]) -> set[str]:
    by_hash = {id_hash(mark): mark for mark in marks}
    query = select(FilteredRecord.id_hash).where(
        FilteredRecord.account_id == account_id, FilteredRecord.stream == STREAM, FilteredRecord.id_hash.in_(by_hash)
    )
    return {by_hash[one] for one in session.scalars(query)} if by_hash else set()


def _by_stream(records: Sequence[Delivered]) -> dict[str, list[Delivered]]:
    found: dict[str, list[Delivered]] = {}
    for one in records:
        found.setdefault(one.stream, []).append(one)
    return found
