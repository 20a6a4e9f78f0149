"""What an exchange is told while a call comes in: the caller's name for the desk phone, and whose customer it is."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector.exchange import Greeting, Inquiry
from hub.cti.directory import Directory
from hub.cti.models import Extension
from hub.identity.callers import Found, who, who_keyed
from hub.identity.models import Party
from hub.security.models import User
from hub.store.base import now


def greet(session: Session, inquiry: Inquiry, directory: Directory, *, idle_min: float) -> Greeting:
    """Answer one question. Nothing is said of withheld numbers, of numbers several share, and of strangers.

    Args:
        idle_min: minutes without a request after which the owner counts as away and the call is not sent to him.
    """
    found = Found("")
    if not inquiry.withheld and inquiry.number:
        found = who(session, inquiry.number, directory.phone_context(""), at=now())
    if inquiry.keyed:
        found = who_keyed(session, inquiry.keyed, found)
    party = session.get(Party, found.sure) if found.sure is not None else None
    if party is None:
        return Greeting()
    company = session.get(Party, party.company_id) if party.company_id else None
    name = f"{party.name} - {company.name}" if company and company.name else party.name
    owner_id = party.owner_id or (company.owner_id if company else None)
    return Greeting(name, _extension(session, owner_id, directory, idle_min) if owner_id else "")


def _extension(session: Session, owner_id: int, directory: Directory, idle_min: float) -> str:
    """Return the owner's phone if he is at work: signed in lately, not paused, not disabled."""
    owner = session.get(User, owner_id)
    if owner is None or owner.disabled_at or owner.paused_at:
        return ""
    if owner.seen_at is None or owner.seen_at < now() - timedelta(minutes=idle_min):
        return ""
    query = select(Extension.number).where(Extension.user_id == owner_id).order_by(Extension.id)
    return next((number for number in session.scalars(query) if directory.user_of(number) == owner_id), "")
