"""What the administrator is told of the notices themselves: whether they go out, and through which mailbox."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.intake.models import Account, AccountState, StreamState
from hub.intake.trouble import Trouble
from hub.mail.write import KIND
from hub.notice.models import Notice, NoticeState
from hub.store.base import now

LOOKED_BACK = timedelta(days=7)
_SHUT = frozenset({Trouble.AUTH, Trouble.SCOPE, Trouble.DISABLED})  # what cannot be read for these cannot send either


@dataclass(frozen=True, slots=True)
class Post:
    """How sending goes."""

    waiting: int  # tried, and tried again
    lost: int  # refused or given up in the last days
    error: str  # of the last one in trouble


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox that the hub's own mail may go through; `problem` and `action` say what is known to be in the way."""

    address: str
    account: Account | None = None
    is_open: bool = False  # it is worth a try
    problem: str = ""
    action: str = ""


def post(session: Session) -> Post:
    """Return how sending goes."""
    stuck = (Notice.state == NoticeState.WAITING) & (Notice.last_error != "")
    lost = Notice.state.in_((NoticeState.REFUSED, NoticeState.GIVEN_UP)) & (Notice.done_at > now() - LOOKED_BACK)
    counts = {
        name: session.scalar(select(func.count()).select_from(Notice).where(which)) or 0
        for name, which in (("waiting", stuck), ("lost", lost))
    }
    error = session.scalar(
        select(Notice.last_error).where((stuck | lost) & (Notice.last_error != "")).order_by(Notice.id.desc()).limit(1)
    )
    return Post(**counts, error=error or "")


def mailbox(session: Session, address: str) -> Mailbox:
    """Return the connected mailbox with an address; where several connections have it, the best of them."""
    found = session.execute(
        select(Account, StreamState.trouble, StreamState.last_error)
        .join(StreamState, StreamState.account_id == Account.id)
        .where(StreamState.records.like(f"{KIND}:%"), StreamState.wanted, func.lower(StreamState.mailbox) == address)
        .where(Account.state != AccountState.REMOVED)
        .order_by(Account.id)
    ).all()
    if not found:
        text = f"No connection has the mailbox {address} and reads its mail."
        return Mailbox(address, problem=text, action="Connect it under Connections, or correct notices.through.")
    account, trouble, error = min(found, key=lambda row: (row[0].state != AccountState.ACTIVE, row.trouble in _SHUT))
    if account.state != AccountState.ACTIVE:
        text = f"The connection {account.name} of {address} is paused."
        return Mailbox(address, account, problem=text, action=f"Run: hub account resume {account.name}")
    if trouble in _SHUT:
        text, action = f"{address} cannot send: {error}", f"Run: hub account check {account.name}"
        return Mailbox(address, account, is_open=True, problem=text, action=action)
    return Mailbox(address, account, is_open=True)
