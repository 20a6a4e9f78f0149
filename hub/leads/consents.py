"""What somebody agreed to, as it stands now: the boxes of a form as they were ticked, and what was taken back since."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.leads.models import Consent, LeadRow

WRITING = "message:writing"  # the `key` of what somebody says in a message: whether we may write


def are_given(session: Session, lead: LeadRow, box: str = "") -> bool:
    """Say whether somebody ticked a box of the form, or all of them where none is named, and did not say stop since.

    A form without boxes asked for nothing, so nothing was agreed to; nor is a box that the source does not speak of.
    """
    boxes = session.execute(select(Consent.key, Consent.checked).where(Consent.lead_id == lead.id)).all()
    ticked = [checked is True for key, checked in boxes if not box or key == box]
    return bool(ticked) and all(ticked) and not is_stopped(session, lead.phone)


def is_stopped(session: Session, number: str) -> bool:
    """Say whether whoever has a number (E.164) asked us in a message to stop, and did not take it back."""
    if not number:
        return False
    said = (
        select(Consent.checked)
        .where(Consent.whose == number, Consent.key == WRITING)
        .order_by(Consent.given_at.desc(), Consent.id.desc())
    )
    return session.scalar(said.limit(1)) is False
