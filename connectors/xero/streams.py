"""Records of one kind, listed in pages; first all, then what changed since the last look.

Pages are counted (`page=2`), so their order must not move while they are read. By time of change it would: a record that
changes goes to the end, all behind it move up by one, and the first of the next page is never shown. By id nothing moves
but what is new: it pushes others back, which are then shown twice; and where it lands on a page that was read already, the
next look finds it, since that asks for what changed since this pass began, and a little before.
The moment is that of Xero's clock (the header Date) at the first page. Deletion is a status, so nothing needs to be swept.
An answer says which page it is and how many records there are (`pagination`): a page that has fewer than it must is asked
for again, and not believed when it stays so. One that shows what the page before it showed may be right, since new records
push others back; several in a row lead nowhere, and the hub begins at the first page again.
Source: https://developer.xero.com/documentation/api/accounting/requests-and-responses#paging
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.xero import payments
from connectors.xero.client import Answer, Client, entries
from connectors.xero.kinds import PAYMENTS, SELDOM, Kind
from connectors.xero.lines import lines_of, trimmed
from connectors.xero.organisation import Facts, facts
from hub.connector.stream import Change, Cursor, Gone, Page, Phase, Upsert
from hub.errors import GoneError, RejectedError, RetryLaterError
from hub.records.document import Line

# What is committed late appears behind the place where we are; nobody says how late that may be.
OVERLAP = timedelta(minutes=10)
SIZE = 250  # records of a page; Xero's own is 100
SOME = 40  # ids in one question: an address has an end
PATIENCE = 3  # times that a short page is asked for again, and pages in a row that show nothing new
LINK, CURRENCY = "HubLink", "HubBaseCurrency"  # what a payload has besides: what Xero says elsewhere


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of a listing."""

    records: Sequence[Answer]
    at: datetime  # by Xero's clock
    number: int
    pages: int | None  # how many there are; None: this listing does not say
    total: int | None

    @property
    def is_last(self) -> bool:
        return not self.records if self.pages is None else self.number >= self.pages


@dataclass(frozen=True, slots=True)
class _Place:
    """Where we are in a listing, and what the page before showed."""

    number: int = 1
    anchor: str = ""  # Xero's clock at the first page
    shown: str = ""  # a mark of the records
    again: int = 0  # pages in a row that showed just those

    @classmethod
    def of_page(cls, page: str) -> "_Place":
        if not page:
            return cls()
        number, anchor, shown, again = json.loads(page)
        return cls(number, anchor, shown, again)

    @property
    def page(self) -> str:
        """Return it as a cursor keeps it. All of it in the page: who goes back to the first one knows nothing of it."""
        return json.dumps([self.number, self.anchor, self.shown, self.again])

    def and_then(self, listed: Listed, ids: Sequence[str]) -> "_Place":
        """Return the place behind this page."""
        shown, anchor = _mark(ids), self.anchor or listed.at.astimezone(UTC).isoformat()
        return _Place(self.number + 1, anchor, shown, self.again + 1 if shown == self.shown else 0)

    @property
    def is_circle(self) -> bool:
        """Tell whether it leads nowhere."""
        return self.again > PATIENCE


class XeroStream:
    """The records of one kind in one organisation."""

    mailbox = ""

    def __init__(self, client: Client, kind: Kind) -> None:
        self._client = client
        self.kind = kind
        self.key = self.records = kind.records
        self.title = kind.title
        self.asked = f"{kind.records} 1"  # what is asked for in `pull`; changed with it
        every = client.settings.every_s * (SELDOM if kind.seldom else 1)
        self.every = timedelta(seconds=min(every, 86_400))
        self.full_every = timedelta(days=kind.whole_days) if kind.whole_days else None

    # --- hub.connector.stream.Stream ------------------------------------------------------------------------------

    def begin(self) -> Cursor:
        """Return the beginning. The anchor comes with the first page."""
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Return the page at a cursor."""
        place = _Place.of_page(cursor.page)
        is_full = cursor.phase is Phase.FULL
        listed = self._sound(place.number, None if is_full else _since(cursor.token))
        following = place.and_then(listed, self._ids(listed.records))
        if following.is_circle:
            return Page((), cursor, more=True)  # which the hub takes for what it is, and begins again
        known = Facts.of_rest(cursor.rest)
        if known is None and (listed.records or not listed.is_last):
            known = facts(self._client)  # behind the first page: what is wrong with this stream is told first
        changes = self._changes(listed.records, known or Facts())
        if is_full:  # what such a pass does not show is gone at its end
            changes = [one for one in changes if not isinstance(one, Gone)]
        kept = known.as_rest() if known else {}
        if listed.is_last:
            end = Cursor(Phase.INCREMENTAL, following.anchor, asked=cursor.asked, rest=kept)
            return Page(changes, end, more=False, expected=listed.total)
        return Page(changes, replace(cursor, page=following.page, rest=kept), more=True, expected=listed.total)

    # --- hub.connector.stream.Findable ----------------------------------------------------------------------------

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these records as they are now."""
        found: list[Answer] = []
        if self.kind.takes_ids:
            for begin in range(0, len(remote_ids), SOME):
                found += self._named(remote_ids[begin : begin + SOME])
        else:
            found = [one for remote_id in remote_ids if (one := self._one(remote_id)) is not None]
        changes = self._changes(found, facts(self._client) if found else Facts())
        there = {one.remote_id for one in changes if isinstance(one, Upsert | Gone)}
        return [*changes, *(Gone(one) for one in remote_ids if one not in there)]

    def _named(self, ids: Sequence[str]) -> list[Answer]:
        """Return what is listed of some ids.

        Raises:
            RetryLaterError: there are more pages than ids.
        """
        found: list[Answer] = []
        for number in range(1, len(ids) + 1):
            listed = self._sound(number, None, {"IDs": ",".join(ids)})
            found += listed.records
            if listed.pages is None or listed.is_last:
                return found
        raise RetryLaterError(f"Xero sends us round in a circle: {self.kind.name} by their ids have no end.")

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all records that changed since a moment and are not deleted.

        Raises:
            RetryLaterError: pages show nothing new again and again.
        """
        found: set[str] = set()
        place = _Place()
        while True:
            listed = self._sound(place.number, since)
            place = place.and_then(listed, self._ids(listed.records))
            if place.is_circle:
                raise RetryLaterError(f"Xero sends us round in a circle: pages of {self.kind.name} show nothing new.")
            gone = self.kind.gone
            found.update(self._ids(one for one in listed.records if one.get(self.kind.status) not in gone))
            if listed.is_last:
                return frozenset(found)

    # --- pages ----------------------------------------------------------------------------------------------------

    def _sound(self, number: int, since: datetime | None, only: Mapping[str, str] | None = None) -> Listed:
        """Return a page that can be believed; `only` are the filters that it is of.

        Raises:
            RetryLaterError: there is none, however often it is asked for.
        """
        wrong = ""
        for _ in range(1 + PATIENCE):
            answer, at = self._client.get(self.kind.path, {**self._params(number), **(only or {})}, since=since)
            listed, wrong = self._listed(answer, at, number)
            if not wrong:
                return listed
        raise RetryLaterError(f"Xero's page {number} of {self.kind.name} cannot be believed: {wrong}.")

    def _params(self, number: int) -> dict[str, str]:
        size = {"pageSize": str(SIZE)} if self.kind.takes_size else {}
        return {**self.kind.asked, "order": f"{self.kind.id} ASC", "page": str(number), **size}

    def _listed(self, answer: Answer, at: datetime, number: int) -> tuple[Listed, str]:
        """Read a page, and say what is wrong with it, as far as it says itself what must be there."""
        records = entries(answer, self.kind.name)
        told = answer.get("pagination")
        if not isinstance(told, dict):
            return Listed(records, at, number, None, None), ""
        page, size, pages, total = (_count(told.get(name)) for name in ("page", "pageSize", "pageCount", "itemCount"))
        listed = Listed(records, at, number, pages, total)
        before = ((page or number) - 1) * size if size else 0
        must_be = max(0, min(size, total - before)) if size and total is not None else 0
        if len(records) < must_be:
            return listed, f"it has {len(records)} of {must_be} records"
        return listed, ""

    # --- records --------------------------------------------------------------------------------------------------

    def _one(self, remote_id: str) -> Answer | None:
        try:
            listed = entries(self._client.get(f"{self.kind.path}/{remote_id}")[0], self.kind.name)
        except GoneError:
            return None
        return listed[0] if listed else None

    def _ids(self, records: Any) -> list[str]:
        return [str(one[self.kind.id]) for one in records if one.get(self.kind.id)]

    def _changes(self, records: Sequence[Answer], known: Facts) -> list[Change]:
        if self.kind is PAYMENTS:
            records = payments.with_currencies(self._client, records)
        return [self._change(one, known) for one in records if one.get(self.kind.id)]

    def _change(self, told: Answer, known: Facts) -> Change:
        remote_id = str(told[self.kind.id])
        if told.get(self.kind.status) in self.kind.gone:
            return Gone(remote_id)
        payload = trimmed(told)
        if self.kind.link and known.short_code:
            link = self.kind.link.format(id=remote_id)
            payload[LINK] = f"{self._client.settings.link_url.rstrip('/')}/{known.short_code}/{link}"
        if known.currency:
            payload[CURRENCY] = known.currency
        version = told.get("UpdatedDateUTC")
        return Upsert(remote_id, payload, version if isinstance(version, str) else "")


class DocumentStream(XeroStream):
    """Documents, whose lines are read when somebody opens one (`hub.connector.ledger.HasLines`)."""

    def lines(self, remote_id: str) -> Sequence[Line]:
        """Return the lines of a document in their order."""
        told = self._one(remote_id)
        if told is None:
            raise GoneError("Xero has no such document any more.")
        return lines_of(told)


class PrintableStream(DocumentStream):
    """Documents that Xero prints (`hub.connector.ledger.HasPdf`)."""

    def pdf(self, remote_id: str, *, largest: int) -> bytes:
        """Return a document as its customer gets it. Xero prints no bills and no suppliers' credits."""
        found = self._client.pdf(f"{self.kind.path}/{remote_id}", largest=largest)
        if not found.startswith(b"%PDF-"):
            raise RejectedError("Xero has no PDF of this document.")
        return found


def stream(client: Client, kind: Kind) -> XeroStream:
    """Return the stream of a kind."""
    if kind.has_pdf:
        return PrintableStream(client, kind)
    return DocumentStream(client, kind) if kind.has_lines else XeroStream(client, kind)


def _since(token: str) -> datetime:
    return datetime.fromisoformat(token) - OVERLAP


def _mark(ids: Sequence[str]) -> str:
    """Return what a page is recognised by, in whatever order it comes."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:32]


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
