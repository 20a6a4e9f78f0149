"""Read what a mapping made of a ticket. An administrator may have written the mapping, so anything may come. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from hub.errors import RecordError
from hub.identity.said import line
from hub.records.document import Counterparty
from hub.records.ticket import Ticket, TicketState

LONGEST_KEY = 300  # of what is looked up by an index


class TicketFields(BaseModel):
    """What a mapping may make of a ticket; other fields are left."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)
    remote_id: str = Field(min_length=1, max_length=LONGEST_KEY)
    number: str | None = None
    title: str | None = None
    state: TicketState | None = None
    priority: str | None = None
    group: str | None = None
    owner: str | None = None
    opened_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    party: str | None = Field(default=None, max_length=LONGEST_KEY)
    party_name: str | None = None
    party_email: str | None = None
    party_phone: str | None = None
    url: str | None = None


def said(values: Mapping[str, Any]) -> Ticket:
    """Return the ticket that a record is.

    Raises:
        RecordError: the mapping made something else of it.
    """
    try:
        fields = TicketFields.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors()[:5])
        raise RecordError(f"what the mapping makes of it is no ticket: {wrong}") from error
    url = line(fields.url)
    return Ticket(
        remote_id=fields.remote_id,
        state=fields.state or TicketState.OPEN,
        party=Counterparty(
            remote_id=fields.party or "", name=line(fields.party_name), email=line(fields.party_email),
            phone=line(fields.party_phone),
        ),
        number=line(fields.number)[:LONGEST_KEY],
        title=line(fields.title),
        priority=line(fields.priority),
        group=line(fields.group),
        owner=line(fields.owner),
        opened_at=fields.opened_at,
        updated_at=fields.updated_at,
        closed_at=fields.closed_at,
        # Cut or cleaned it would lead elsewhere.
        url=url if url == (fields.url or "").strip() and url.startswith(("https://", "http://")) else "",
    )  # fmt: skip
