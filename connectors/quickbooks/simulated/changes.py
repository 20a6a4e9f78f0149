"""Change data capture: what changed since a moment, and what was deleted. 30 days back, and no more than 1,000 objects.

Whether the moment itself belongs to it is not published; here it does.
Source: https://developer.intuit.com/app/developer/qbo/docs/learn/explore-the-quickbooks-online-api/change-data-capture
"""

from datetime import datetime, timedelta

from connectors.quickbooks.simulated.books import KEPT_DAYS, Books
from connectors.quickbooks.simulated.errors import Json, invalid_query, too_old
from connectors.quickbooks.simulated.query import entities, moment
from connectors.quickbooks.simulated.views import deleted, view

MOST = 1000  # objects of one answer


def since_of(text: str) -> datetime:
    """Read a moment. Raises ApiError."""
    try:
        return moment(text)
    except ValueError:
        raise invalid_query(f"changedSince {text} is no moment") from None


def changed(books: Books, named: str, since: datetime, most: int = MOST) -> list[Json]:
    """Return a `QueryResponse` for each entity, the oldest change first; what is too much is left out without a word.

    Raises:
        ApiError: the moment is too long ago, or there are no such entities.
    """
    if since < books.clock.now() - timedelta(days=KEPT_DAYS):
        raise too_old()
    found: list[Json] = []
    for entity in entities(named):
        shown = _of_entity(books, entity, since)[:most]
        most -= len(shown)
        found.append({entity: shown, "startPosition": 1, "maxResults": len(shown)} if shown else {})
    return found


def _of_entity(books: Books, entity: str, since: datetime) -> list[Json]:
    told = [(one.updated_at, view(books, one)) for one in books.all(entity) if one.updated_at >= since]
    gone = [one for one in books.tombstones if one.entity == entity and one.at >= since]
    told += [(one.at, deleted(books, one)) for one in gone]
    return [one for _, one in sorted(told, key=lambda pair: pair[0])]
