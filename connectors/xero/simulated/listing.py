"""Lists of things: filtered, sorted, cut into pages, and what can go wrong with pages.

Sources: https://github.com/XeroAPI/Xero-OpenAPI (xero_accounting.yaml, the list operations and their parameters),
https://developer.xero.com/documentation/api/accounting/requests-and-responses
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from connectors.xero.simulated import filters
from connectors.xero.simulated.books import Books
from connectors.xero.simulated.errors import Json, invalid
from connectors.xero.simulated.shapes import ID, Detail, shown
from connectors.xero.simulated.stamps import since
from connectors.xero.simulated.things import Contact, Payment, Thing
from hub.connector.simulator import Faults

PAGE, MOST = 100, 1000
_DATE_ORDER = "UpdatedDateUTC ASC"
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
# Which parameters a list has besides `order` and `page`; others are not looked at, as everywhere in HTTP.
_FILTERS = {
    "Contacts": ("where", "IDs", "pageSize", "includeArchived", "summaryOnly"),
    "Invoices": ("where", "IDs", "InvoiceNumbers", "ContactIDs", "Statuses", "pageSize", "summaryOnly"),
    "CreditNotes": ("where", "pageSize"),
    "Prepayments": ("where", "pageSize"),
    "Overpayments": ("where", "pageSize"),
    "Payments": ("where", "pageSize"),
    "Quotes": ("DateFrom", "DateTo", "ContactID", "Status", "QuoteNumber"),
    "PurchaseOrders": ("DateFrom", "DateTo", "Status", "pageSize"),
}
# A list of quotes has no `pagination`: its end is a page without quotes.
UNCOUNTED = frozenset({"Quotes"})


@dataclass
class _Pass:
    """One walk through the pages of one question: which part of the list each page showed (None: nothing)."""

    shown: list[int | None] = field(default_factory=list)
    is_endless: bool = False


class Lists:
    """Answers lists. What pages did wrong is remembered for the question, so that a page asked for again is the same."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._passes: dict[tuple[str, ...], _Pass] = {}
        self.page_size = 0  # no page has more, whatever is asked for; 0: as the reference says

    def answer(self, books: Books, kind: str, query: Mapping[str, str], if_modified_since: str) -> Json:
        """Return the things of a list, and how many pages there are.

        Raises:
            ApiError: 400
        """
        asked = {name: query[name] for name in (*_FILTERS[kind], "order", "page") if query.get(name)}
        found = self._found(books, kind, asked, if_modified_since)
        if "page" not in asked:
            return {kind: found}
        page, size = _number(asked, "page", 1), min(_number(asked, "pageSize", PAGE), MOST)
        size = min(size, self.page_size or size)
        question = urlencode({name: value for name, value in asked.items() if name != "page"})
        return self._page(kind, found, page, size, (books.id, kind, question, if_modified_since))

    def _found(self, books: Books, kind: str, asked: Mapping[str, str], if_modified_since: str) -> list[Json]:
        summary = asked.get("summaryOnly", "").lower() == "true"
        detail = Detail.SUMMARY if summary else Detail.PAGED if "page" in asked else Detail.SHORT
        after = _since(if_modified_since)
        chosen = [one for one in books.things[kind].values() if _is_wanted(one, asked, after)]
        found = [shown(books, one, detail) for one in chosen]
        if "where" in asked:
            holds = filters.where(asked["where"])
            found = [one for one in found if holds(one)]
        return filters.order(asked.get("order", _DATE_ORDER), found, ID[kind])

    def _page(self, kind: str, found: list[Json], page: int, size: int, question: tuple[str, ...]) -> Json:
        walk = self._walk(question, page)
        count = max(1, -(-len(found) // size))
        part = self._part(walk, page, kind)
        some = found[part * size : (part + 1) * size] if part is not None else []
        if self._faults.take("reorder_page"):
            some = some[::-1]
        if kind in UNCOUNTED:
            return {kind: some}
        extra = sum(1 for at, one in enumerate(walk.shown) if one is None or one in walk.shown[:at])
        told = {"page": page, "pageSize": size, "pageCount": count + extra, "itemCount": len(found)}
        if walk.is_endless:
            told |= {"page": page - 1 or 1, "pageCount": page + 1}
        if some and self._faults.take("cut_page"):
            some = some[:-1]
        return {"pagination": told, kind: some}

    def _walk(self, question: tuple[str, ...], page: int) -> _Pass:
        if page == 1 or question not in self._passes:
            self._passes[question] = _Pass()
        walk = self._passes[question]
        while len(walk.shown) < page - 1:  # whoever begins in the middle
            walk.shown.append(_next(walk))
        return walk

    def _part(self, walk: _Pass, page: int, kind: str) -> int | None:
        """Which part of the list a page shows."""
        if len(walk.shown) >= page:
            return walk.shown[page - 1]
        part: int | None = _next(walk)
        walk.is_endless = walk.is_endless and "endless_page" in self._faults.names  # until faults are cleared
        if walk.is_endless or self._faults.take("endless_page"):
            walk.is_endless = True
            part = max((one for one in walk.shown if one is not None), default=0)
        elif walk.shown and self._faults.take("replay_page"):
            part = next((one for one in reversed(walk.shown) if one is not None), part)
        elif self._faults.take("empty_page") and kind not in UNCOUNTED:
            part = None  # where pages are not counted, an empty one would be the end
        walk.shown.append(part)
        return part


def _next(walk: _Pass) -> int:
    return max((one for one in walk.shown if one is not None), default=-1) + 1


def _is_wanted(one: Thing, asked: Mapping[str, str], after: datetime | None) -> bool:
    if after is not None and one.updated_at.replace(microsecond=0) < after:
        return False
    if isinstance(one, Contact):
        if one.status == "ARCHIVED" and asked.get("includeArchived", "").lower() != "true" and "IDs" not in asked:
            return False
        return _is_in(asked, "IDs", one.id)
    if isinstance(one, Payment):
        return True
    return (
        _is_in(asked, "IDs", one.id)
        and _is_in(asked, "InvoiceNumbers", one.number)
        and _is_in(asked, "ContactIDs", one.contact.id)
        and _is_in(asked, "ContactID", one.contact.id)
        and _is_in(asked, "Statuses", one.status)
        and _is_in(asked, "Status", one.status)
        and _is_in(asked, "QuoteNumber", one.number)
        and _day(asked, "DateFrom", "0000") <= one.on.isoformat() <= _day(asked, "DateTo", "9999")
    )


def _is_in(asked: Mapping[str, str], name: str, value: str) -> bool:
    return name not in asked or value.lower() in {one.strip().lower() for one in asked[name].split(",")}


def _day(asked: Mapping[str, str], name: str, default: str) -> str:
    text = asked.get(name, "")
    if text and not _DAY.match(text):
        raise invalid(f"{name} is no date")
    return text or default


def _number(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name, str(default))
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise invalid(f"{name} must be a whole number above zero")
    return int(text)


def _since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return since(text)
    except (ValueError, TypeError, OverflowError):
        raise invalid("If-Modified-Since is no date") from None
