"""Address books of the person who looks: which customers may be added to them, and that."""

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.identity import in_step, parties, write_back
from hub.identity.models import Link, Party
from hub.intake import accounts
from hub.intake.models import Account, StreamState
from hub.intake.read import wanted
from hub.outbound.models import Outbox, OutboxState
from hub.security import audit
from hub.security.policy import Right
from hub.web.auth import needs
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("address_books", __name__)


@dataclass(frozen=True, slots=True)
class Book:
    """An address book that a customer is not in."""

    account: UUID
    name: str
    stream: str  # of its records
    mailbox: str
    is_waiting: bool  # somebody asked for it, and it is on its way


def missing(session: Session, party: Party) -> list[Book]:
    """Return the address books of the person who looks that do not have a party."""
    found = [(account, state) for account, state in _mine(session) if not _is_in(session, party, account, state)]
    return [
        Book(account.public_id, account.name, state.records, state.mailbox, _waits(session, party, account, state))
        for account, state in found
    ]


@blueprint.post("/customers/<uuid:public_id>/contacts")
@needs(Right.EDIT_PARTIES)
def add(public_id: UUID) -> ResponseReturnValue:
    """Add a customer to an address book."""
    person, hub, asked = current_person(), current_hub(), request.form
    with hub.db.write() as session:
        party = parties.get(session, public_id)
        for account, state in _mine(session):
            if (str(account.public_id), state.records) == (asked.get("account"), asked.get("stream")):
                break
        else:
            raise UserError("This address book is not yours, or nobody may write to it.", error_id="no_address_book")
        if not _is_in(session, party, account, state):
            write_back.add(session, party, account.id, state.records, mailbox=state.mailbox, user_id=person.id)
            audit.record(session, person, "party.added_to_contacts", "party", party.public_id, account=account.name)
    hub.trigger.notify("outbox")
    return redirect(url_for("customers.page", public_id=party.public_id), 303)


def _mine(session: Session) -> list[tuple[Account, StreamState]]:
    """Return the address books of the person who looks: of the own mailbox, or of an account that is the person's.

    The folders of a mailbox are one book: what is added goes where the connector puts new ones.
    """
    hub, person = current_hub(), current_person()
    found = []
    for account in accounts.listed(session):
        if not in_step.writes(account) or not hub.remotes.reads(account):
            continue
        books = {state.records: state for state in reversed(wanted(session, account.id))}
        found += [
            (account, state)
            for state in reversed(books.values())
            if (state.mailbox == person.email.lower() or account.owner_id == person.id)
            and hub.flow.kind(account.connector, state.records) == "party"
            and hub.remotes.writes(account, state.records, state.mailbox)
        ]
    return found


def _is_in(session: Session, party: Party, account: Account, state: StreamState) -> bool:
    query = select(Link.id).where(
        Link.party_id == party.id, Link.account_id == account.id, Link.stream == state.records, Link.gone_at.is_(None)
    )
    return session.scalar(query.limit(1)) is not None


def _waits(session: Session, party: Party, account: Account, state: StreamState) -> bool:
    key = write_back.key_of(session, party, account.id, state.records)
    query = select(Outbox.id).where(Outbox.idempotency_key == key, Outbox.state == OutboxState.WAITING)
    return session.scalar(query) is not None
