"""What becomes of the data of a connection that is removed, said before somebody does it."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.cti.models import CallRow
from hub.intake.models import Account, RawRecord, RawState
from hub.outbound.models import Outbox, OutboxState


@dataclass(frozen=True, slots=True)
class Stays:
    """What there is of a connection."""

    done: int  # is on timelines, and stays there
    aside: int  # nobody can bring it back any more
    unsent: int  # is given back to whoever waits for it


def stays(session: Session, row: Account) -> Stays:
    """Count what there is of a connection."""
    mine = select(RawRecord.state, func.count()).where(RawRecord.account_id == row.id).group_by(RawRecord.state)
    states = dict(session.execute(mine).all())
    waits = (Outbox.account_id == row.id, Outbox.state == OutboxState.WAITING)
    unsent = session.scalar(select(func.count()).select_from(Outbox).where(*waits)) or 0
    calls = session.scalar(select(func.count()).select_from(CallRow).where(CallRow.account_id == row.id)) or 0
    return Stays(states.get(RawState.APPLIED, 0) + calls, states.get(RawState.SET_ASIDE, 0), unsent)
