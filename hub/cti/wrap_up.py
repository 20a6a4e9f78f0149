"""What an agent adds to a call: a note, an outcome of the company's own list, a time to call back."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.cti.models import CallRow
from hub.cti.payload import CALLS
from hub.cti.screen_pop import card_of
from hub.errors import UserError
from hub.intake.models import RawRecord, RawState
from hub.live.bus import Bus
from hub.security import audit
from hub.security.models import Choice
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline import notes, tasks, told
from hub.timeline.models import Note, TaskKind

DISPOSITIONS = "dispositions"  # key of the administrator's list
DEFAULTS = ("Resolved", "Call back", "Interested", "Not interested", "Wrong number")
LONGEST_NOTE = 10_000


def dispositions(session: Session) -> list[str]:
    """Return the outcomes that an agent may choose from, in the administrator's order."""
    row = session.get(Choice, DISPOSITIONS)
    values: list[Any] = row.value.get("items", []) if row is not None else list(DEFAULTS)
    return [str(value) for value in values]


def save(
    session: Session,
    bus: Bus,
    person: Person,
    call: CallRow,
    *,
    note: str = "",
    disposition: str = "",
    call_back_at: datetime | None = None,
) -> Note | None:
    """Keep what the agent wrote. Each part may be missing, but not all; the card is done with.

    The same form sent twice (a double click, a try again after a cut connection) leaves one note and one task. The
    call's row is locked first, so that the second of two at the same moment sees what the first one wrote.

    Raises:
        UserError: nothing was given, the outcome is not on the list, or the note is too long.
    """
    text = note.replace("\0", "").strip()
    if not text and not disposition and call_back_at is None:
        raise UserError("Write a note or choose an outcome.", error_id="empty", field="note")
    if len(text) > LONGEST_NOTE:
        raise UserError(f"A note has at most {LONGEST_NOTE} characters.", error_id="too_long", field="note")
    if disposition and disposition not in dispositions(session):
        raise UserError("Choose an outcome of the list.", error_id="bad_disposition", field="disposition")
    session.execute(select(CallRow.id).where(CallRow.id == call.id).with_for_update())
    if disposition:
        call.disposition = disposition
    kept = None
    if text:
        kept = notes.on_call(session, person, call_id=call.id, interaction_id=call.interaction_id,
                             party_id=call.party_id, text=text, another=True)  # fmt: skip
    if call_back_at is not None:
        # Who hides the number hides it here too: then there is only the customer, or what the note says.
        tasks.add(session, person, kind=TaskKind.CALL_BACK, title=text[:200], due_at=call_back_at,
                  party_id=call.party_id, number="" if call.withheld else call.number,
                  owner_id=person.id or None)  # fmt: skip
    if disposition and not text:
        told.rewritten(session, call.interaction_id, ["disposition"])
    _close_card(session, bus, person, call)
    _take_again(session, call)
    audit.record(session, person, "call.noted", "call", call.public_id, disposition=disposition)
    session.flush()
    return kept


def _take_again(session: Session, call: CallRow) -> None:
    """A call that was left out because nobody had written anything about it is taken to the timeline now."""
    session.execute(
        update(RawRecord)
        .where(
            RawRecord.account_id == call.account_id,
            RawRecord.stream == CALLS,
            RawRecord.remote_id == call.key,
            RawRecord.state == RawState.FILTERED,
        )
        .values(state=RawState.KEPT)
    )


def _close_card(session: Session, bus: Bus, person: Person, call: CallRow) -> None:
    pop = card_of(session, call.id, person.id) if person.id else None
    if pop is None:
        return
    pop.draft, pop.has_draft = {}, False
    if not call.open or pop.retracted_at is not None:
        pop.saved_at = now()
    bus.publish(person.id, "call.saved", {"call": str(call.public_id)})


def notes_of(session: Session, call_ids: list[int]) -> dict[int, list[Note]]:
    """Return the notes of calls, oldest first."""
    found: dict[int, list[Note]] = {}
    for note in session.scalars(select(Note).where(Note.call_id.in_(call_ids)).order_by(Note.id)):
        if note.call_id is not None:
            found.setdefault(note.call_id, []).append(note)
    return found
