"""What only the ledger has of a document: its lines and its PDF, asked for when somebody opens it. Outside any transaction."""

from collections.abc import Callable, Sequence

from sqlalchemy import select

from hub.accounting.models import DocumentRow
from hub.connector.ledger import HasLines, HasPdf
from hub.connector.stream import Lane, Remote
from hub.connector.stream import Stream as Records
from hub.errors import GoneError, RejectedError
from hub.intake.models import Account, AccountState, RawRecord, StreamState
from hub.records.document import Line
from hub.store.session import Database

LARGEST_PDF = 20 * 2**20  # bytes
MOST_LINES = 2_000  # that are shown
_MARK, _WITHIN = b"%PDF-", 1024  # Source: ISO 32000-1, annex H.3.4.1: readers look for the mark in the first 1024 bytes

Opens = Callable[[Account, Lane], Remote]


def lines(db: Database, opens: Opens, document: DocumentRow) -> Sequence[Line]:
    """Return the lines of a document as they are now.

    Raises:
        GoneError: its ledger has it no more.
        RejectedError: its ledger hands out no lines.
        ConnectorError, ShapeError: not now.
    """
    stream, remote_id = _opened(db, opens, document)
    if not isinstance(stream, HasLines):
        raise RejectedError("This connection hands out no lines of documents.")
    return stream.lines(remote_id)


def pdf(db: Database, opens: Opens, document: DocumentRow) -> bytes:
    """Return a document as its customer gets it.

    Raises:
        GoneError, ConnectorError, ShapeError: as of `lines`.
        RejectedError: there is none, it is too large, or it is no PDF.
    """
    stream, remote_id = _opened(db, opens, document)
    if not isinstance(stream, HasPdf):
        raise RejectedError("This connection hands out no PDF.")
    found = stream.pdf(remote_id, largest=LARGEST_PDF)
    if len(found) > LARGEST_PDF:
        raise RejectedError("The PDF is larger than what is handed out.")
    if _MARK not in found[:_WITHIN]:
        raise RejectedError("What came is no PDF.")
    return found


def _opened(db: Database, opens: Opens, document: DocumentRow) -> tuple[Records, str]:
    """Return the stream that a document is read from, and its id there."""
    records, _, remote_id = document.key.partition(":")
    with db.read() as session:
        account = session.get_one(Account, document.account_id)
        seen_in = select(RawRecord.container).where(RawRecord.id == document.raw_record_id).scalar_subquery()
        key = session.scalars(
            select(StreamState.stream)
            .where(StreamState.account_id == account.id, StreamState.records == records, StreamState.wanted)
            .order_by(StreamState.stream != seen_in, StreamState.id)
        ).first()
    if account.state != AccountState.ACTIVE:
        raise RejectedError("This connection is not in use.")
    if document.gone_at is not None or key is None:
        raise GoneError("The ledger has this document no more.")
    return opens(account, Lane.INTERACTIVE).stream(key), remote_id
