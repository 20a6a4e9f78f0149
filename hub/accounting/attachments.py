"""Electronic invoices that came by mail: attachments of known people, handed to the accounts that want them.

Every few minutes the newest mails are looked through (`Attachments.turn`). A file with the right name, from an address that
belongs to a party, in a conversation that everybody may see, is asked for as if a person wanted it (`hub.mail.files`); once it
is there, its records are kept like any others. Files are read outside of any transaction, since a large one takes seconds. That
one was looked at is kept with its records in one transaction, so a process that dies anywhere looks again, and a document that
comes twice is the same record. What is no invoice leaves a hash.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from hub.store.session import Database
from hub.store.shelf import Shelf
from hub.timeline.models import Interaction, Visibility

LOOK_BACK = timedelta(days=14)  # less than a mark of what was looked at is kept (intake.read.FILTERED_FOR)
NEWEST = 50_000  # messages that are looked through, by their ids; there is no index by time
MOST_READ, MOST_ASKED = 20, 200  # files of one account in one turn
SOME = 500  # values of one question
STREAM = "attachments"  # of the marks
READ, NO_INVOICE, NOT_HAD = "read", "no_invoice", "not_had"  # what became of a file
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a mail that may be an invoice."""

    message_id: int
    place: int  # in the message's `attachments`
    mark: str  # what it is remembered by
    name: str
    sender: str  # as identifiers of parties are written; empty: nobody that can be known
    state: str = ""  # of its row (MailFile); empty: nobody asked for it yet
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Attachments:
    """Looks through mails for accounts that take files out of them."""

    db: Database
    open_remote: Callable[[Account, Lane], Remote]
    shelf: Shelf
    allowed: Limits

    def turn(self) -> int:
        """Look once; returns how many files were read. Two at the same time do no more than one."""
        with self.db.read() as session:
            query = select(Account).where(Account.state == AccountState.ACTIVE).order_by(Account.id)
            accounts = session.scalars(query).all()
        return sum(self._of_account(account, remote) for account, remote in self._takers(accounts))

    def _takers(self, accounts: Iterable[Account]) -> Iterator[tuple[Account, TakesFiles]]:
        for account in accounts:
            try:
                remote: object = self.open_remote(account, Lane.INCREMENTAL)
            except ConnectorError:  # nothing to read in it, or its settings are broken, which is said elsewhere
                continue
            if isinstance(remote, TakesFiles) and remote.from_mails:
                yield account, remote

    def _of_account(self, account: Account, remote: TakesFiles) -> int:
        with self.db.read() as session:
            found = _candidates(session, account.id, remote.from_mails)
        asked = [one for one in found if not one.state][:MOST_ASKED]
        there = [one for one in found if one.state and one.state != FileState.PENDING][:MOST_READ]
        read = [(one, *self._taken(one, remote)) for one in there]
        if not asked and not read:
            return 0
        with self.db.write() as session:
            # What was taken back while it was read is left.
            is_active = session.scalar(select(Account.state).where(Account.id == account.id)) == AccountState.ACTIVE
            wanted = [*asked, *there] if is_active else []
            seen = set(session.scalars(_seen(MailMessage.id).where(MailMessage.id.in_({w.message_id for w in wanted}))))
            self._ask(session, [one for one in asked if one.message_id in seen])
            self._keep(session, account, [one for one in read if one[0].message_id in seen])
        return len(read)

    def _taken(self, one: Found, remote: TakesFiles) -> tuple[str, Sequence[Delivered]]:
        """Read a file; returns what became of it, and its records."""
        if one.state != FileState.READY:
            return NOT_HAD, ()
        try:
            with self.shelf.open(one.sha256) as file:
                return READ, remote.records_of(one.name, file.read())
        except FileNotFoundError:
            return NOT_HAD, ()
        except ShapeError:  # most files of mails are none
            return NO_INVOICE, ()

    def _ask(self, session: Session, wanted: Iterable[Found]) -> None:
        for one in wanted:
            files.ask(session, session.get_one(MailMessage, one.message_id), [one.place], self.allowed)

    def _keep(self, session: Session, account: Account, read: Sequence[tuple[Found, str, Sequence[Delivered]]]) -> None:
        records = [record for _, _, some in read for record in some]
        for stream, some in _by_stream(records).items():
            receive.keep_page(session, account.id, stream, some)
        today = now().date()
        marks = [{"remote_id": one.mark, "reason": fate, "day": today} for one, fate, _ in read]
        receive.filter_out(session, account.id, STREAM, marks, NOWHERE)
        if records:
            _log.info("documents out of mails", account=account.name, count=len(records))


def _seen(*columns: Any) -> Any:
    """Return a query of messages in conversations that everybody may see."""
    return (
        select(*columns)
        .join(MailThread, MailThread.id == MailMessage.thread_id)
        .join(Interaction, Interaction.id == MailThread.interaction_id)
        .where(Interaction.visibility == Visibility.ALL)
    )


def _candidates(session: Session, account_id: int, ends: Collection[str]) -> list[Found]:
    """Return files that nobody looked at for this account, the oldest mail first."""
    told = func.lower(cast(MailMessage.attachments, Text))
    newest = select(func.max(MailMessage.id)).scalar_subquery()
    query = (
        _seen(MailMessage.id, MailMessage.public_id, MailMessage.attachments, MailMessage.people)
        .where(
            MailMessage.id > newest - NEWEST,
            MailMessage.outbound.is_(False),
            MailMessage.at >= now() - LOOK_BACK,
            or_(*(told.contains(f'{end}"', autoescape=True) for end in ends)),
        )
        .order_by(MailMessage.at, MailMessage.id)
    )
    named = [
        Found(message_id, place, f"{public_id}:{place}", name, _sender(people))
        for message_id, public_id, attachments, people in session.execute(query)
        for place, name in _named(attachments, ends)
    ]
    known = _known(session, {one.sender for one in named} - {""})
    theirs = [one for one in named if one.sender in known]
    looked_at = _looked_at(session, account_id, [one.mark for one in theirs])
    return _with_rows(session, [one for one in theirs if one.mark not in looked_at])


def _named(attachments: Sequence[Mapping[str, Any]], ends: Collection[str]) -> Iterator[tuple[int, str]]:
    for place, told in enumerate(attachments):
        name = str(told.get("name", ""))
        if name.lower().endswith(tuple(ends)):
            yield place, name


def _sender(people: Mapping[str, Any]) -> str:
    wrote: Sequence[Mapping[str, Any]] = people.get("from") or ()
    parts = split_address(str(wrote[0].get("address", ""))) if wrote else None
    return "@".join(parts) if parts else ""


def _known(session: Session, addresses: Collection[str]) -> set[str]:
    """Return the addresses that belong to a party."""
    query = select(Identifier.value).where(
        Identifier.kind == EMAIL, Identifier.blocked.is_(False), Identifier.valid_to.is_(None)
    )
    return {one for some in _some(addresses) for one in session.scalars(query.where(Identifier.value.in_(some)))}


def _looked_at(session: Session, account_id: int, marks: Iterable[str]) -> set[str]:
    by_hash = {id_hash(mark): mark for mark in marks}
    query = select(FilteredRecord.id_hash).where(
        FilteredRecord.account_id == account_id, FilteredRecord.stream == STREAM
    )
    hashes = (one for some in _some(by_hash) for one in session.scalars(query.where(FilteredRecord.id_hash.in_(some))))
    return {by_hash[one] for one in hashes}


def _with_rows(session: Session, found: Sequence[Found]) -> list[Found]:
    """Return files with what became of them since somebody asked for them."""
    query = select(MailFile.message_id, MailFile.place, MailFile.state, MailFile.sha256)
    rows = {
        (message_id, place): (str(state), sha256)
        for some in _some({one.message_id for one in found})
        for message_id, place, state, sha256 in session.execute(query.where(MailFile.message_id.in_(some)))
    }
    at = ((one, *rows.get((one.message_id, one.place), ("", ""))) for one in found)
    return [replace(one, state=state, sha256=sha256) for one, state, sha256 in at]


def _some(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut values into what one question takes."""
    every = list(values)
    for begin in range(0, len(every), SOME):
        yield every[begin : begin + SOME]


def _by_stream(records: Sequence[Delivered]) -> dict[str, list[Delivered]]:
    found: dict[str, list[Delivered]] = {}
    for one in records:
        found.setdefault(one.stream, []).append(one)
    return found
