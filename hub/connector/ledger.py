"""What a connector of an accounting system may offer beside its streams: which ids there are, sums, lines and PDFs.

Nothing is ever written to a ledger: its clients send reads only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, runtime_checkable

from hub.connector.contract import Delivered
from hub.records.document import Line


@runtime_checkable
class Sweeps(Protocol):
    """What a stream offers whose remote deletes without a word: all ids that there are, asked for every night."""

    def ids(self) -> frozenset[str]:
        """Return the ids of all records that there are now.

        Raises:
            ConnectorError, ShapeError: also where the list may have been cut short; nothing is concluded then.
        """


@dataclass(frozen=True, slots=True)
class Total:
    """What a ledger itself counts and sums, of posted documents: neither drafts nor void ones.

    Kinds and signs are those of `records.document`: what is owed counts up, credits count down.
    """

    records: str  # kind of records, as of `Stream.records`
    business: str  # remote id of the legal entity
    kind: str  # records.document.DocumentKind
    currency: str
    month: str  # of the issue date, such as 2026-11; empty: without one
    count: int
    gross: Decimal | None = None  # None: the ledger does not sum it
    balance: Decimal | None = None
    party: str = ""  # remote id, where the ledger sums by customer only


@runtime_checkable
class HasTotals(Protocol):
    """What a remote may offer besides: its own sums, to be compared with what the hub has."""

    def totals(self) -> Sequence[Total]:
        """Return them all; a month, kind or entity that is not among them has nothing.

        Raises:
            ConnectorError, ShapeError: as of `Stream.pull`.
        """


@runtime_checkable
class HasLines(Protocol):
    """What a stream of documents may offer besides: the lines of one, read when somebody opens it."""

    def lines(self, remote_id: str) -> Sequence[Line]:
        """Return them in their order.

        Raises:
            GoneError: the document is no more.
            ConnectorError: as of `Stream.pull`.
        """


@runtime_checkable
class HasPdf(Protocol):
    """What a stream of documents may offer besides: a document as its customer gets it."""

    def pdf(self, remote_id: str, *, largest: int) -> bytes:
        """Return the PDF; that it is one, the caller looks.

        Args:
            largest: bytes; of what is larger nothing more is read.

        Raises:
            GoneError: the document is no more.
            RejectedError: it has none, or it is too large.
            ConnectorError: as of `Stream.pull`.
        """


@runtime_checkable
class TakesFiles(Protocol):
    """What a remote may offer besides: documents out of files that somebody hands over, such as uploads and mails."""

    @property
    def from_mails(self) -> Sequence[str]:
        """Ends of names, such as `.xml`, of files that it wants from mails of known people; none: it wants no mail."""

    def records_of(self, name: str, data: bytes) -> Sequence[Delivered]:
        """Return the documents of a file; the same file gives the same again.

        Args:
            name: of the file, as somebody may have made it up.

        Raises:
            ShapeError: there are none in it; says why.
        """
