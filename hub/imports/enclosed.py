"""The files that rows of an import name: had from its archive before a page's transaction begins, placed within it.

    pages      rows that are taken together: not many, and not many bytes
    fetched    each file is read once, and written beside the shelf under the hash of what is in it; a check only reads it
    shape      the row with what its file is; without one it is refused, with the reason
    settle     after the rows: the bytes get their places, then the transaction commits

A process that dies leaves temporary files, or bytes that no row points to; the shelf is swept of both.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.orm import Session

from hub.connector.contract import Delivered
from hub.imports.archive import Archive, Trouble, TroubleError
from hub.imports.models import Fate, What
from hub.imports.page import Outcome
from hub.imports.reading import Row
from hub.imports.rows import Reason, Shaped, Shaper
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.records.media_type import media_type
from hub.store.shelf import MIB, Draft, Shelf, Verdict
from hub.store.turn import in_turn
from hub.timeline import note_files

ROWS = 100  # of one transaction
BYTES = 64 * MIB  # of one transaction, and one file more
_REASONS: Mapping[Trouble, Reason] = {
    Trouble.NO_FILE: Reason.NO_FILE,
    Trouble.TWO_FILES: Reason.TWO_FILES,
    Trouble.BAD_FILE: Reason.BAD_FILE,
    Trouble.LARGE_FILE: Reason.LARGE_FILE,
}
_SCANNED = {
    Verdict.INFECTED: "the virus scanner found something",
    Verdict.UNKNOWN: "the virus scanner could not look at it",
}
_HEAD = 4096


class Enclosed:
    """Makes records of rows that name files."""

    def __init__(self, shaper: Shaper, columns: Mapping[str, str], archive: Path, on: Shelf, *, keep: bool) -> None:
        """Open the archive.

        Args:
            columns: what the columns of the file are.
            keep: the files come in; else they are only looked at.

        Raises:
            UserError: it cannot be opened.
        """
        self._shaper, self._on, self._keep = shaper, on, keep
        self._column = next((column for column, target in columns.items() if target == "file"), "")
        self._archive = Archive(archive, largest=on.largest)
        self._shaped: dict[int, Shaped] = {}
        self._drafts: dict[str, Draft] = {}

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def learn(self, rows: Iterable[Row]) -> None:
        """Look through all rows for the files that they name, so that none is taken for two."""
        self._archive.learn(row.values.get(self._column, "") for row in rows)

    def pages(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        """Yield rows that are taken together."""
        page: list[Row] = []
        size = 0
        for row in rows:
            page.append(row)
            size += self._size(row)
            if len(page) == ROWS or size >= BYTES:
                yield page
                page, size = [], 0
        if page:
            yield page

    def _size(self, row: Row) -> int:
        try:
            return self._archive.find(row.values.get(self._column, "")).file_size
        except TroubleError:
            return 0

    @contextmanager
    def fetched(self, rows: Sequence[Row]) -> Iterator[None]:
        """Have the files of some rows while they are taken."""
        try:
            for row in rows:
                self._shaped[row.number] = self._fetch(row)
            yield
        finally:
            for draft in self._drafts.values():
                draft.drop()
            self._shaped, self._drafts = {}, {}

    def shape(self, row: Row) -> Shaped:
        """Return the record of a row that was fetched."""
        return self._shaped[row.number]

    def names(self, row: Row) -> list[tuple[What, str]]:
        """Return the old ids that a row names."""
        return self._shaper.names(row)

    def _fetch(self, row: Row) -> Shaped:
        shaped = self._shaper.shape(row)
        if shaped.reason:
            return shaped
        path = shaped.payload["file"]
        try:
            info = self._archive.find(path)
            sha256, size, head = (
                self._kept(self._archive.blocks(info)) if self._keep else _hashed(self._archive.blocks(info))
            )
        except TroubleError as error:
            return Shaped(row, reason=_REASONS[error.trouble], said=error.said)
        if trouble := self._scanned(sha256):
            return Shaped(row, reason=Reason.BAD_FILE, said=f"{path}: {trouble}")
        shaped.payload.update(
            name=note_files.cleaned(path), sha256=sha256, size=size, media_type=media_type(head)
        )  # fmt: skip
        return shaped

    def _kept(self, blocks: Iterator[bytes]) -> tuple[str, int, bytes]:
        head = next(blocks, b"")
        draft = self._on.receive(_all(head, blocks))
        if draft.sha256 in self._drafts:
            draft.drop()
        else:
            self._drafts[draft.sha256] = draft
        return draft.sha256, draft.size, head[:_HEAD]

    def _scanned(self, sha256: str) -> str:
        draft = self._drafts.get(sha256)
        return _SCANNED.get(self._on.scan(draft)[0], "") if draft is not None else ""

    # --- in the transaction of a page -----------------------------------------------------------------------------

    def begin(self, session: Session) -> None:
        """Let nobody else put files on the shelf or take them away; before anything else of the page is locked."""
        in_turn(session, note_files.LOCK)

    def settle(self, session: Session, account: Account, outcomes: Sequence[Outcome]) -> None:
        """Give the files of rows that came in their places; of a row that did not, nothing is left to try again."""
        for one in outcomes:
            if one.fate is Fate.BAD and one.raw_id is not None:
                self._put_back(session, account, one)
        came = {one.shaped.payload["sha256"] for one in outcomes if one.fate in {Fate.NEW, Fate.UPDATE}}
        for sha256 in sorted(came & self._drafts.keys()):
            self._on.place(self._drafts[sha256])

    @staticmethod
    def _put_back(session: Session, account: Account, one: Outcome) -> None:
        """Let a record that was set aside be as before: later nobody would have its file."""
        raw = session.get(RawRecord, one.raw_id)
        if raw is None or raw.state != RawState.SET_ASIDE:
            return
        if "payload" in one.before:
            [kept] = receive.keep_page(
                session, account.id, What.FILES, [Delivered(What.FILES, raw.remote_id, one.before["payload"])]
            )
            receive.settle(session, receive.rows(session, [kept]), RawState.APPLIED, raw.mapping_hash)
            raw.error = ""
        else:
            session.execute(delete(RawRecord).where(RawRecord.id == raw.id))
            one.raw_id = None


def _all(head: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from blocks


def _hashed(blocks: Iterator[bytes]) -> tuple[str, int, bytes]:
    digest, size, head = hashlib.sha256(), 0, b""
    for block in blocks:
        head = head or block[:_HEAD]
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size, head
