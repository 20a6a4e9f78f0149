"""What is written into which CRM: chosen by an administrator, kept in step with who listens to events."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.connector.crm import KINDS
from hub.crm.models import CrmTarget
from hub.errors import UserError
from hub.events import tell, types
from hub.intake.models import Account, AccountState
from hub.security import audit
from hub.security.policy import Person
from hub.store.base import now
from hub.store.turn import in_turn
from hub.timeline.models import Interaction

LISTENER = "crm"  # kind of listener
LEAD, TASK = "lead", "task"
CHOICES = (*KINDS, LEAD, TASK)
USUAL = ("call", "email", "meeting", "note", LEAD, TASK)
_TASKS = (types.TASK_CREATED, types.TASK_DONE, types.TASK_REOPENED)
_PEOPLE = (types.PARTY_CREATED, types.PARTY_CHANGED, types.PARTY_MERGED)  # whose history may be somebody's now


@dataclass(frozen=True, slots=True)
class Choice:
    """What an administrator chose.

    Attributes:
        kinds: of `CHOICES`.
        with_text: the whole text of what happened; else one line that says what it was.
        makes_people: customers who are not there yet are made there.
        since: what happened before is not written.
    """

    kinds: Collection[str]
    since: datetime
    with_text: bool = False
    makes_people: bool = False


def of_account(session: Session, account_id: int) -> CrmTarget | None:
    """Return what is written into an account; None: nothing."""
    return session.scalar(select(CrmTarget).where(CrmTarget.account_id == account_id))


def active(session: Session) -> Sequence[CrmTarget]:
    """Return all that is written to; what is paused is written later."""
    query = select(CrmTarget).join(Account, Account.id == CrmTarget.account_id)
    return session.scalars(query.where(Account.state != AccountState.REMOVED).order_by(CrmTarget.id)).all()


def choose(session: Session, person: Person | None, account: Account, choice: Choice) -> CrmTarget:
    """Write into an account from now on, and what happened since a day; chosen again, the choice changes.

    What was written stays. What is chosen now and was not before is written from the same day on.

    Raises:
        UserError: nothing is chosen, or a day that has not come.
    """
    kinds = [one for one in CHOICES if one in choice.kinds]
    if not kinds:
        raise UserError("Choose what is written.", error_id="nothing_chosen", field="kinds")
    if choice.since > now():
        raise UserError("Choose a day that is not in the future.", error_id="in_the_future", field="since")
    in_turn(session, CrmTarget.__tablename__)  # two may choose at once
    row = of_account(session, account.id)
    if row is None:
        row = CrmTarget(account_id=account.id, created_by=person.id or None if person else None)
        session.add(row)
    row.kinds, row.with_text, row.makes_people = kinds, choice.with_text, choice.makes_people
    row.since = choice.since
    row.planned_to, row.plan_to = 0, session.scalar(select(func.max(Interaction.id))) or 0
    session.flush()
    tell.listen(session, LISTENER, row.id, _types(kinds))
    audit.record(session, person, "crm.choose", "account", account.public_id, kinds=kinds, since=row.since.isoformat())
    return row


def stop(session: Session, person: Person | None, account: Account) -> None:
    """Write nothing more into an account; what was written stays there, and is known if it is chosen again."""
    row = of_account(session, account.id)
    if row is not None:
        tell.leave(session, LISTENER, row.id)
        session.delete(row)
        session.flush()
        audit.record(session, person, "crm.stop", "account", account.public_id)


def _types(kinds: Collection[str]) -> list[str]:
    named = [type_ for told in (types.NEW, types.CHANGED) for kind, type_ in told.items() if kind in kinds]
    return [*named, *(_TASKS if TASK in kinds else ()), *_PEOPLE, types.HIDDEN]
