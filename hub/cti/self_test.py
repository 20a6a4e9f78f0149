"""The self-test of a connection: what its connector finds, how its records are read, and whether a phone can be rung."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector.contract import Account as OpenAccount
from hub.connector.contract import ChecksHistory, Connector, Finding
from hub.cti import backfill
from hub.cti.models import CallRow, Click, LegRow

UNHEARD = timedelta(seconds=15)  # an order of which no event came back by then was not heard


class Step(StrEnum):
    """How far a call to one's own phone came."""

    REFUSED = "refused"  # the exchange did not take the order
    ORDERED = "ordered"  # it took the order; nothing came back yet
    UNHEARD = "unheard"  # it took the order, and no event of the call came back
    STARTED = "started"  # events come: the phone is being rung
    ANSWERED = "answered"
    UNANSWERED = "unanswered"  # the phone was rung and nobody picked up


def position(session: Session, account_id: int) -> dict[str, Any] | None:
    """Return where the reading of an exchange's records goes on; None where it never began."""
    return backfill.state_of(session, account_id).get("position")


def check(connector: Connector[Any], account: OpenAccount[Any], position: dict[str, Any] | None) -> list[Finding]:
    """Run the self-test of a connection. It talks to the remote: never inside a transaction."""
    found = list(connector.check(account))
    if connector.exchange is not None and position:
        exchange = connector.exchange(account)
        if isinstance(exchange, ChecksHistory):
            found += exchange.check_history(position)
    return found


def step(session: Session, click: Click, at: datetime) -> Step:
    """Return how far a call to one's own phone came."""
    if click.state == "refused":
        return Step.REFUSED
    call = session.scalars(select(CallRow).where(CallRow.click_id == click.id)).first()
    if call is None:
        return Step.UNHEARD if at - click.at > UNHEARD else Step.ORDERED
    picked_up = select(LegRow.id).where(LegRow.call_id == call.id, LegRow.origin, LegRow.answered_at.is_not(None))
    if session.scalar(picked_up.limit(1)) is not None:
        return Step.ANSWERED
    return Step.STARTED if call.open else Step.UNANSWERED
