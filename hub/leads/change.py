"""What people change about leads: who looks after one, and which answer of a form is what."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.intake.models import Account, RawRecord, RawState
from hub.leads.answers import NONE, Field
from hub.leads.models import LeadRow, QuestionField, Touchpoint
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Person
from hub.store.base import now
from hub.store.insert import insert

AUTO = "auto"  # an administrator's word for: the hub finds it out


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a form."""

    form_id: str
    key: str
    in_all_forms: bool = False  # of the account, as far as a form has no word of its own


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
    """Say what a question of a lead's form is for; all leads of that form are taken again. Returns how many that are.

    Raises:
        UserError: there is no such field.
    """
    form_id = session.scalar(select(Touchpoint.form_id).where(Touchpoint.lead_id == row.id)) or ""
    return name_question(session, person, row.account_id, Question(form_id, key), field)


def name_question(session: Session, person: Person, account_id: int, asked: Question, field: str) -> int:
    """Say what a question is for; the leads that it concerns are taken again. Returns how many that are.

    Args:
        field: of `Field`, `none`, or `AUTO`: what was said is taken back, and the hub finds it out itself.

    Raises:
        UserError: there is no such field, or the question has no name.
    """
    if field not in {*Field, NONE, AUTO}:
        raise UserError("Choose one of the fields.", field="field")
    if not asked.key:
        raise UserError("There is no such question.", field="key")
    here = (QuestionField.account_id == account_id, QuestionField.key == asked.key)
    own = session.execute(delete(QuestionField).where(*here, QuestionField.form_id == asked.form_id))
    of_all = asked.in_all_forms
    if field == AUTO:
        if of_all or not own.rowcount:  # type: ignore[attr-defined]  # a DELETE has one
            session.execute(delete(QuestionField).where(*here, QuestionField.form_id == ""))
            of_all = True
    else:
        values = {
            "account_id": account_id,
            "form_id": "" if of_all else asked.form_id,
            "key": asked.key,
            "field": field,
        }
        session.execute(
            insert(session, QuestionField)
            .values(**values)
            .on_conflict_do_update(index_elements=["account_id", "form_id", "key"], set_={"field": field})
        )
    account = session.get_one(Account, account_id)
    detail = {"form": "" if of_all else asked.form_id, "question": asked.key[:200], "field": field}
    audit.record(session, person, "lead.question", "account", account.public_id, **detail)
    return read_again(session, account_id, None if of_all else asked.form_id)


def read_again(session: Session, account_id: int, form_id: str | None) -> int:
    """Let the leads of a form, or of all forms of an account (None), be taken again; returns how many that are."""
    raws = select(LeadRow.raw_record_id).where(LeadRow.account_id == account_id, LeadRow.raw_record_id.is_not(None))
    if form_id is not None:
        raws = raws.join(Touchpoint, Touchpoint.lead_id == LeadRow.id).where(Touchpoint.form_id == form_id)
    done = session.execute(
        update(RawRecord)
        .where(RawRecord.id.in_(raws), RawRecord.gone_at.is_(None))
        .values(state=RawState.KEPT, error="")
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one
