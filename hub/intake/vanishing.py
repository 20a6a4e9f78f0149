"""How much may vanish at once before a person must agree: it may be a restored backup, a list that was cut short, a lost permission."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import BrakeError
from hub.intake.models import Account, StreamState
from hub.store.base import now

FEW, MANY, SHARE = 5, 50, 50  # more than a fiftieth, 2 %
AGREED_FOR = timedelta(hours=1)  # how long a person's word counts


def is_mass(vanished: int, total: int) -> bool:
    """Say whether so many of all records vanished at once that it may be a fault. Pure."""
    return vanished > MANY or (vanished > FEW and vanished * SHARE > total)


def stop(state: StreamState, vanished: int, total: int) -> None:
    """Stop where so much vanished that a person must agree first.

    Raises:
        BrakeError: nobody did so far.
    """
    if is_mass(vanished, total) and not (state.may_lose_until and state.may_lose_until > now()):
        raise BrakeError(f"{vanished} of {total} records are no longer in the list that the other system gives.")


def let_go(session: Session, account: Account, stream: str) -> bool:
    """Agree that many records are gone, and read on; False: the stream does not wait for that."""
    state = session.scalar(
        select(StreamState).where(StreamState.account_id == account.id, StreamState.stream == stream).with_for_update()
    )
    if state is None or state.trouble != "brake":
        return False
    state.may_lose_until = now() + AGREED_FOR
    state.due_at = state.audit_at = now()  # whichever of the two stopped
    return True
