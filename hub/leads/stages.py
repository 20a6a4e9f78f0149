"""How far a lead came: computed from what happened with the customer, each step with what proves it."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from hub.errors import UserError
from hub.events import types
from hub.events.tell import tell, wants
from hub.identity.models import Party
from hub.leads.models import LeadRow, LeadStage, Stage
from hub.records.call import Direction, Outcome
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline.models import Interaction, Kind, Participant

WATCHED = timedelta(days=90)  # how long after a lead came what happens with the customer is taken as its answer
CLOSING = frozenset({Stage.CUSTOMER, Stage.LOST, Stage.INVALID, Stage.SPAM})
BY_HAND = frozenset({Stage.QUALIFIED, Stage.OPPORTUNITY}) | CLOSING
MOST = 1000  # things that happened, looked at in one transaction
_SPOKEN = (Kind.CALL, Kind.EMAIL, Kind.MESSAGE)
_FAILED = "failed"  # state of a message that reached nobody
_LEAD = aliased(Participant)  # the lead's own place on the customer's timeline


def advance(session: Session) -> int:
    """Write down which open leads were contacted and reached since they came; returns how many steps. Safe to repeat.

    Contacted: we called or wrote. Reached: somebody spoke with them, or they wrote back.
    """
    steps = 0
    for row, happened in session.execute(_since()):
        if row.reached_at is not None:
            continue
        if row.contacted_at is None and (_is_ours(happened) or _is_reply(happened)):
            row.contacted_at = happened.started_at
            _write(session, row, Stage.CONTACTED, happened.started_at, interaction_id=happened.id)
            steps += 1
        if _is_reply(happened):
            row.reached_at = happened.started_at
            _write(session, row, Stage.REACHED, happened.started_at, interaction_id=happened.id)
            steps += 1
    return steps


def set_by(session: Session, person: Person, row: LeadRow, stage: str, reason: str = "") -> None:
    """Let a person say how far a lead came.

    Raises:
        UserError: nobody says this by hand.
    """
    if stage not in BY_HAND:
        raise UserError("Choose one of the stages.", field="stage")
    _write(session, row, Stage(stage), now(), user_id=person.id or None, reason=reason.strip()[:500])
    row.closed_at = now() if stage in CLOSING else None


def reopen(row: LeadRow) -> None:
    """Take back that nothing more is to be done; what was written down stays."""
    row.closed_at = None
    row.stage = Stage.REACHED if row.reached_at else Stage.CONTACTED if row.contacted_at else Stage.RECEIVED


def _since() -> Any:
    """Return open leads with what happened with their customers afterwards, in its order."""
    is_open = (LeadRow.closed_at.is_(None), LeadRow.reached_at.is_(None), LeadRow.is_test.is_(False))
    return (
        select(LeadRow, Interaction)
        .join(_LEAD, _LEAD.interaction_id == LeadRow.interaction_id)
        .join(Participant, Participant.party_id == _LEAD.party_id)
        .join(Interaction, Interaction.id == Participant.interaction_id)
        .where(*is_open, LeadRow.created_at > now() - WATCHED)
        .where(Participant.kind.in_(_SPOKEN), Participant.started_at >= LeadRow.created_at)
        .order_by(Participant.started_at, Interaction.id)
        .limit(MOST)
    )


def _is_ours(happened: Interaction) -> bool:
    return happened.direction == Direction.OUTBOUND and happened.detail.get("state") != _FAILED  # of a message


def _is_reply(happened: Interaction) -> bool:
    if happened.kind == Kind.CALL:
        return bool(happened.detail.get("outcome") == Outcome.ANSWERED)
    return happened.direction == Direction.INBOUND


def _write(
    session: Session,
    row: LeadRow,
    stage: Stage,
    at: datetime,
    *,
    interaction_id: int | None = None,
    user_id: int | None = None,
    reason: str = "",
) -> None:
    query = select(func.count()).select_from(LeadStage).where(LeadStage.lead_id == row.id, LeadStage.stage == stage)
    session.add(
        LeadStage(
            lead_id=row.id,
            stage=stage,
            occurrence=(session.scalar(query) or 0) + 1,
            at=at,
            interaction_id=interaction_id,
            user_id=user_id,
            reason=reason,
        )
    )
    row.stage = stage
    session.flush()
    _tell(session, row, stage, at)


def _tell(session: Session, row: LeadRow, stage: Stage, at: datetime) -> None:
    """Tell whoever listens how far a lead came."""
    if not wants(session, (types.LEAD_STAGE,)):
        return
    of_lead = select(Participant.party_id).where(Participant.interaction_id == row.interaction_id)
    party = session.scalar(select(Party.public_id).where(Party.id.in_(of_lead)).order_by(Party.id).limit(1))
    data = {"id": str(row.public_id), "stage": str(stage), "parties": [str(party)] if party else []}
    tell(session, types.LEAD_STAGE, party or row.public_id, data, at=at)
