"""A ticket of a help desk: somebody asked something, and it is open until it was answered."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hub.records.document import Counterparty

TICKET = "ticket"  # what mappings call one


class TicketState(StrEnum):
    OPEN = "open"
    PENDING = "pending"  # waits for the customer, or for a day
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as its help desk has it now."""

    remote_id: str
    state: TicketState
    party: Counterparty  # who asks, as the help desk says it
    number: str = ""
    title: str = ""
    priority: str = ""  # the help desk's own word, and so are the next two
    group: str = ""
    owner: str = ""  # who looks after it there
    opened_at: datetime | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    url: str = ""  # of its page there
