"""What people change about leads: who looks after one, and which answer of a form is what."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.intake.models import RawRecord, RawState
from hub.leads.answers import NONE, Field
from hub.leads.models import LeadRow, QuestionField, Touchpoint
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Person
from hub.store.base import now
from hub.store.insert import insert


def give(session: Session, row: LeadRow, user: UUID | None) -> None:
    """Let somebody look after a lead; None: everybody.

    Raises:
        NotFoundError: there is no such person, or not any more.
    """
    if user is None:
        row.owner_id, row.assigned_at = None, None
        return
    owner_id = session.scalar(select(User.id).where(User.public_id == user, User.disabled_at.is_(None)))
    if owner_id is None:
        raise NotFoundError("There is no such person.")
    take(row, owner_id)


def take(row: LeadRow, user_id: int) -> None:
    """Let a person look after a lead; that it was told late to everybody is over then."""
    row.owner_id, row.rule_id, row.assigned_at, row.escalated_at = user_id, None, now(), None


def name_field(session: Session, person: Person, row: LeadRow, key: str, field: str) -> int:
    """Say what a question of a form is for; all leads of that form are taken again. Returns how many that are.

    Raises:
        UserError: there is no such field.
    """
    if field not in {*Field, NONE}:
        raise UserError("Choose one of the fields.", field="field")
    form_id = session.scalar(select(Touchpoint.form_id).where(Touchpoint.lead_id == row.id)) or ""
    values = {"account_id": row.account_id, "form_id": form_id, "key": key, "field": field}
    session.execute(
        insert(session, QuestionField)
        .values(**values)
        .on_conflict_do_update(index_elements=["account_id", "form_id", "key"], set_={"field": field})
    )
    audit.record(session, person, "lead.question", "lead", row.public_id, form=form_id, question=key[:200], field=field)
    of_form = (
        select(LeadRow.raw_record_id)
        .join(Touchpoint, Touchpoint.lead_id == LeadRow.id)
        .where(LeadRow.account_id == row.account_id, Touchpoint.form_id == form_id)
    )
    done = session.execute(
        update(RawRecord)
        .where(RawRecord.id.in_(of_form), RawRecord.gone_at.is_(None))
        .values(state=RawState.KEPT, error="")
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one
