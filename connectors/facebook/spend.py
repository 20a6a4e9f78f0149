"""Spend: what each campaign of an ad account cost on each day, so that leads and customers have a price.

Meta corrects its numbers for weeks, so the last 28 days are read again each day. Days and currency are the ad account's
own. A day that Meta told once and does not show any more keeps its last amount: only days on which nothing was shown to
anybody have no row, and what was shown stays shown.
Source: https://developers.facebook.com/docs/marketing-api/insights
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.facebook.client import PAGE, Answer, Client, after_of, entries, place
from connectors.facebook.errors import BadQuestionError
from hub.connector.stream import Cursor, Page, Phase, Upsert
from hub.errors import CursorExpired

RECORDS = "ad_spend"
FIRST = timedelta(days=90)  # as long as Meta has the leads of it
AGAIN = timedelta(days=28)  # that are read again: Meta corrects them
FIELDS = "account_id,account_currency,campaign_id,campaign_name,spend,impressions,clicks,date_start,date_stop"


@dataclass(frozen=True)
class SpendStream:
    """The daily spend of one ad account."""

    client: Client
    account: str  # with act_

    key: str
    title: str
    mailbox: str
    every: timedelta = timedelta(days=1)
    records: str = RECORDS
    asked: str = "spend 1"  # what is asked for in `pull`; changed with it
    full_every: timedelta | None = None

    def begin(self) -> Cursor:
        """Return the beginning: 90 days."""
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of days.

        Raises:
            CursorExpired: Meta forgot where its listing goes on; the pass begins anew.
        """
        rest = dict(cursor.rest) if cursor.page else self._pass(cursor)
        asked = {
            "level": "campaign", "time_increment": "1", "fields": FIELDS, "limit": str(PAGE),
            "time_range": json.dumps({"since": rest["since"], "until": rest["until"]}, separators=(",", ":")),
            **({"after": cursor.page} if cursor.page else {}),
        }  # fmt: skip
        try:
            answer = self.client.get(f"/{place(self.account)}/insights", asked, polls=True)
        except BadQuestionError as error:
            if not cursor.page:
                raise
            raise CursorExpired(str(error)) from error
        changes = [_upsert(self.account, one) for one in entries(answer)]
        if after := after_of(answer):
            return Page(changes, replace(cursor, page=after, rest=rest), more=True)
        end = Cursor(Phase.INCREMENTAL, str(rest["until"]), asked=self.asked)
        # Only some days were asked for: what was not shown is not gone.
        return Page(changes, end, more=False, complete=False)

    def _pass(self, cursor: Cursor) -> dict[str, Any]:
        """Return the first and last day of a pass, in the ad account's own time."""
        told = self.client.get(f"/{place(self.account)}", {"fields": "id,timezone_name"}, polls=True)
        today = datetime.now(_zone(told)).date()
        if cursor.phase is Phase.FULL or not cursor.token:
            since = today - FIRST
        else:  # also when nobody read for weeks
            since = max(today - FIRST, min(today, date.fromisoformat(cursor.token)) - AGAIN)
        return {"since": since.isoformat(), "until": today.isoformat()}


def stream(client: Client, account: str) -> SpendStream:
    """Return the stream of one ad account."""
    return SpendStream(client, account, f"{RECORDS}:{account}", f"Spend of {account}", account)


def _zone(told: Mapping[str, Any]) -> Any:
    """Return the ad account's time zone; where its name means nothing here, UTC, and the next day is read a little late."""
    try:
        return ZoneInfo(str(told.get("timezone_name") or "UTC"))
    except (KeyError, ValueError, OSError):
        return UTC


def _upsert(account: str, row: Answer) -> Upsert:
    return Upsert(f"{account}:{row.get('campaign_id') or ''}:{row.get('date_start') or ''}", {"spend": row})
