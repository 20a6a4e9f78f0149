"""What a customer waits for an answer to: tickets of a help desk, and notes of ours that are questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask_babel import LazyString, lazy_gettext
from sqlalchemy.orm import Session

from hub.records.ticket import TicketState
from hub.tickets import queries as tickets
from hub.timeline import questions

ON_CARD = 3
ON_PAGE = 50
_LONGEST = 200  # characters of a note that stand in the list
STATES = {
    TicketState.OPEN: lazy_gettext("Not answered yet"),
    TicketState.PENDING: lazy_gettext("Waiting"),
    TicketState.CLOSED: lazy_gettext("Closed"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One open question."""

    title: str
    at: datetime  # asked
    number: str = ""
    state: LazyString | None = None
    is_pending: bool = False
    url: str = ""  # of the original
    source: str = ""  # name of the help desk's connection, or who wrote the note
    note: UUID | None = None  # where it is a note


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest open questions of a customer, and how many there are."""

    lines: Sequence[Line] = ()
    total: int = 0

    @property
    def more(self) -> int:
        return self.total - len(self.lines)


def of_party(session: Session, party_ids: Sequence[int], most: int = ON_PAGE) -> Waiting:
    """Return the open questions of a customer, the oldest first."""
    if not party_ids:
        return Waiting()
    asked = tickets.open_of(session, party_ids, limit=most + 1)
    noted = questions.open_of(session, party_ids, limit=most + 1)
    lines = [
        Line(
            one.title, one.opened_at, one.number, STATES[TicketState(one.state)], one.state == TicketState.PENDING,
            one.url, one.source,
        )
        for one in asked
    ]  # fmt: skip
    lines += [Line(_short(one.text), one.asked_at, source=one.author, note=one.id) for one in noted]
    lines.sort(key=lambda one: one.at)
    total = len(lines)
    if max(len(asked), len(noted)) > most:
        total = tickets.count_of(session, party_ids) + questions.count_of(session, party_ids)
    return Waiting(lines[:most], total)


def _short(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= _LONGEST else f"{first[:_LONGEST]}…"
