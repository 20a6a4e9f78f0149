"""Conversions API: what became of a lead is told to Meta, which shows its ads to people like those who became customers.

One request for each stage, so that one that is refused holds no other back. A stage that is told twice has the same id
and counts once. Who may be told of, the hub decides before; here is only what Meta itself would discard or refuse.
Sources: https://developers.facebook.com/docs/marketing-api/conversions-api/conversion-leads-integration/payload-specification,
https://developers.facebook.com/docs/marketing-api/conversions-api/deduplicate-pixel-and-server-events
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.facebook.client import Client, place
from connectors.facebook.errors import BadQuestionError
from hub.connector.stream import Written
from hub.errors import RejectedError

RECORDS = "conversion"
OLDEST = timedelta(days=7)  # what is older Meta refuses
OURS = "Hub"
_LEAD_ID = re.compile(r"[0-9]{15,17}")  # of instant forms; others Meta does not know


@dataclass(frozen=True, slots=True)
class ConversionWriter:
    """Tells one dataset of stages of leads (`hub.connector.stream.Writer`).

    A stage is `{"lead_id", "stage", "at", "lead_at"}`, moments with a zone.

    Attributes:
        test_code: sends everything to the test page of Meta's Events Manager, where it counts nowhere.
    """

    client: Client  # of who connected
    dataset: str
    test_code: str = ""

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Tell of one stage. When the answer is lost it is told again, with the same id.

        Raises:
            RejectedError: Meta would discard it, or refused it.
            ConnectorError: as of `Client.get`.
        """
        event = _event(values, key, datetime.now(UTC))
        form = {"data": json.dumps([event], separators=(",", ":"))}
        if self.test_code:
            form["test_event_code"] = self.test_code
        try:
            told = self.client.post(f"/{place(self.dataset)}/events", form)
        except BadQuestionError as error:
            raise RejectedError(str(error)) from error
        if told.get("events_received") != 1:
            raise RejectedError(f"Meta did not take the event: {json.dumps(told)[:300]}")
        return Written(str(event["event_id"]), payload=told)

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change nothing: what happened, happened."""
        del remote_id, values, version, key
        raise RejectedError("What was told to the Conversions API cannot be changed.")

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Take nothing back."""
        del remote_id, version, key
        raise RejectedError("What was told to the Conversions API cannot be taken back.")


def _event(values: Mapping[str, Any], key: str, now: datetime) -> dict[str, Any]:
    """Return the event as Meta wants it.

    Raises:
        RejectedError: Meta would discard it.
    """
    lead, stage = str(values.get("lead_id") or ""), str(values.get("stage") or "").strip()
    if not _LEAD_ID.fullmatch(lead):
        raise RejectedError("Only leads of instant forms are known to Meta; their ids have 15 to 17 digits.")
    if not stage:
        raise RejectedError("A stage without a name cannot be told.")
    at, lead_at = _moment(values.get("at")), _moment(values.get("lead_at"))
    at = max(at, lead_at + timedelta(seconds=1))  # what is not after the lead is discarded without a word
    if at < now - OLDEST:
        raise RejectedError(f"It happened on {at:%Y-%m-%d}: Meta takes nothing that is older than 7 days.")
    return {
        "event_name": stage,
        "event_time": int(at.timestamp()),
        "event_id": hashlib.sha256(key.encode()).hexdigest(),
        "action_source": "system_generated",
        "user_data": {"lead_id": int(lead)},  # a number, as in Meta's own examples
        "custom_data": {"event_source": "crm", "lead_event_source": OURS},
    }


def _moment(value: Any) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise RejectedError("A stage without a moment cannot be told.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
