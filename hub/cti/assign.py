"""A person says whose call it is, or that a number is of no interest."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.cti.models import CallRow, MatchBasis
from hub.errors import UserError
from hub.identity import parties
from hub.identity.callers import PHONE, TAIL
from hub.identity.models import Identifier, NumberRule, Party
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline.models import Note, Participant, Task


def assign_call(session: Session, person: Person | None, call: CallRow, party: Party, *, region: str) -> None:
    """Give a call to a party; its number becomes the party's, and the number's earlier unknown calls follow.

    A number that its caller withheld is nobody's afterwards either: only this one call is given.
    """
    if call.number and not call.withheld and not call.candidates:
        _own_number(session, person, call.number, party, region)
    call.party_id, call.match_basis, call.candidates = party.id, MatchBasis.MANUAL, []
    if call.interaction_id is not None:
        session.execute(
            update(Participant)
            .where(Participant.interaction_id == call.interaction_id)
            .values(party_id=party.id, origin_party_id=party.id)
        )
    session.execute(update(Note).where(Note.call_id == call.id).values(party_id=party.id))
    session.execute(update(Task).where(Task.call_id == call.id).values(party_id=party.id))
    audit.record(session, person, "call.assigned", "call", call.public_id, party=str(party.public_id))
    session.flush()


def _own_number(session: Session, person: Person | None, number: str, party: Party, region: str) -> None:
    try:
        parties.add_identifier(session, person, party, parties.Given(PHONE, number), region=region)
    except UserError:
        # No numbering plan knows it, yet it called: kept as it was written, found again only when written so.
        known = select(Identifier.id).where(
            Identifier.party_id == party.id, Identifier.kind == PHONE, Identifier.value == number
        )
        if session.scalar(known) is None:
            session.add(
                Identifier(party_id=party.id, kind=PHONE, value=number, raw=number, tail=number[-TAIL:], possible=True)
            )
            session.flush()


def ignore_number(session: Session, person: Person | None, number: str) -> None:
    """Show no cards for this number and open no missed calls of it any more; its calls are kept."""
    if not number:
        raise UserError("A withheld number cannot be ignored.", error_id="no_number")
    row = session.get(NumberRule, number)
    if row is None:
        session.add(NumberRule(value=number, rule="ignore", by_id=person.id if person and person.id else None))
    else:
        row.rule, row.at = "ignore", now()
    session.execute(
        update(Task)
        .where(Task.number == number, Task.done_at.is_(None), Task.call_id.is_not(None))
        .values(done_at=now(), done_reason="ignored")
    )
    audit.record(session, person, "number.ignored", "number", number)
