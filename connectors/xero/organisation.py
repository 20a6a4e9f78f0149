"""The organisation itself: a legal entity, and what its documents do not say: the currency of its books, and its links.

Source: https://developer.xero.com/documentation/api/accounting/organisation
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.xero.client import Client, entries
from hub.connector.stream import Change, Cursor, Gone, Page, Phase, Upsert
from hub.errors import GoneError, RetryLaterError, ScopeError

RECORDS = "companies"
EVERY = timedelta(hours=6)
KNOWN_S = 86_400.0  # how long it is believed what the organisation is called in links
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Facts:
    """What every document needs of its organisation. Empty: we may not see it."""

    short_code: str = ""
    currency: str = ""

    def as_rest(self) -> dict[str, Any]:
        """Return it as a cursor keeps it."""
        return {"short_code": self.short_code, "currency": self.currency}

    @classmethod
    def of_rest(cls, rest: Mapping[str, Any]) -> "Facts | None":
        """Return what a cursor kept; None: it kept nothing."""
        return cls(str(rest["short_code"]), str(rest.get("currency", ""))) if "short_code" in rest else None


_known: dict[tuple[str, str], tuple[Facts, float]] = {}  # by address and tenant, and since when


def facts(client: Client) -> Facts:
    """Return them, asked for once a day; without the permission there are none."""
    place = client.settings.base_url, client.tenant()
    found, at = _known.get(place, (None, 0.0))
    if found is None or time.monotonic() - at > KNOWN_S:
        try:
            told = _asked(client)
        except ScopeError as error:
            _log.info("links and the base currency are left out: %s", error)
            return Facts()
        found = Facts(_text(told.get("ShortCode")), _text(told.get("BaseCurrency")))
        _known[place] = found, time.monotonic()
    return found


def _asked(client: Client) -> dict[str, Any]:
    listed = entries(client.get("/Organisation")[0], "Organisations")
    if len(listed) != 1 or not _text(listed[0].get("OrganisationID")):
        raise RetryLaterError("Xero does not say which organisation this is.")
    return listed[0]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class OrganisationStream:
    """One record, asked for now and then."""

    client: Client
    key: str = RECORDS
    title: str = "Organisation"
    records: str = RECORDS
    mailbox: str = ""
    asked: str = "organisation 1"
    every: timedelta = EVERY
    full_every: timedelta | None = None

    def begin(self) -> Cursor:
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Return the organisation as it is now."""
        told = _asked(self.client)
        end = Cursor(Phase.INCREMENTAL, "now", asked=cursor.asked)
        return Page([_upsert(told)], end, more=False)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return it where it is asked for; another one is none of this account."""
        one = _upsert(_asked(self.client))
        return [one if wanted == one.remote_id else Gone(wanted) for wanted in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        del since
        try:
            return frozenset({str(_asked(self.client)["OrganisationID"])})
        except GoneError:
            return frozenset()


def _upsert(told: dict[str, Any]) -> Upsert:
    # A secret of old integrations, which nobody needs here.
    kept = {name: value for name, value in told.items() if name != "APIKey"}
    return Upsert(str(told["OrganisationID"]), kept)
