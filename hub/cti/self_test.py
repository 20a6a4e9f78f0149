"""The self-test of a connection: what its connector finds, how its records are read, and whether a phone can be rung."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.connector.contract import Account as OpenAccount
from hub.connector.contract import ChecksHistory, Connector, Finding, Level
from hub.cti import backfill, inquiries, phone_plan
from hub.cti.listener import ASKED, EVENT, LIVE
from hub.cti.models import CallRow, Click, Extension, LegRow, Recording, RecordingState
from hub.cti.telephone import Telephone
from hub.intake.models import Account, StreamState
from hub.records.call import Direction
from hub.security.models import Role, User

LATELY = timedelta(days=7)
ENOUGH = 3  # calls of a group after which its phones should have rung once
MOST_NAMED = 8
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


def heard(session: Session, telephone: Telephone, row: Account, region: str, at: datetime) -> list[Finding]:
    """Say what the hub itself saw of an exchange: events, endpoints, phones without people, groups, recordings.

    Only rows are looked at, so it may run inside a transaction.

    Args:
        region: the hub's, for accounts that name none.
    """
    if not telephone.is_exchange(row):
        return []
    exchange = telephone.exchange(row)
    endpoints = [one.name for one in phone_plan.unclassified(session, row.id, row.region or region, exchange.guess)]
    return [
        _events(row),
        _named("endpoints", endpoints, "Every endpoint that was used is known.", "Nobody said what this is:",
               "Say on the page of extensions and trunks what it is; until then the hub guesses."),
        _named("users", _without_phone(session), "Every agent has a phone.", "Without a phone, so without cards:",
               "Say on the page of extensions and trunks whose phone is whose."),
        _named("ringing", _silent_groups(session, row.id, at - LATELY), "", "No phone ever rang for:",
               "Look whether its phones ring at all, and whether their endpoints are known as phones."),
        *_recording(session, row.id),
        *([_questions(session, row.id, at)] if exchange.attends else []),
    ]  # fmt: skip


def _events(row: Account) -> Finding:
    counters = row.facts.get("counters", {})
    kinds = {name.removeprefix(EVENT): amount for name, amount in counters.items() if name.startswith(EVENT)}
    if not kinds:
        return Finding("events", Level.AMBER, "No event of a call was heard yet.", "Make a call, then look again.")
    listed = ", ".join(f"{name} {kinds[name]}" for name in sorted(kinds, key=lambda name: (-kinds[name], name)))
    lost = counters.get("dropped", 0)
    text = f"Heard since the hub began to listen: {listed}; dropped {lost}, reconnects {counters.get('reconnects', 0)}."
    action = "The hub could not keep up; look at the load of this machine and its database." if lost else ""
    return Finding("events", Level.AMBER if lost else Level.GREEN, text, action)


def _named(topic: str, names: Sequence[str], good: str, bad: str, action: str) -> Finding:
    if not names:
        return Finding(topic, Level.GREEN, good or "Phones ring where calls are offered.")
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return Finding(topic, Level.AMBER, f"{bad} {', '.join(names[:MOST_NAMED])}{more}.", action)


def _without_phone(session: Session) -> list[str]:
    having = select(Extension.user_id).where(Extension.user_id.is_not(None))
    query = select(User.name).where(User.disabled_at.is_(None), User.role == Role.AGENT, User.id.not_in(having))
    return list(session.scalars(query.order_by(User.name)))


def _silent_groups(session: Session, account_id: int, since: datetime) -> list[str]:
    """Queues and called numbers whose calls were offered to phones of which none ever rang or answered."""
    group = func.coalesce(func.nullif(CallRow.queue, ""), CallRow.did)
    query = (
        select(group)
        .join(LegRow, LegRow.call_id == CallRow.id)
        .where(CallRow.account_id == account_id, CallRow.started_at > since, CallRow.direction == Direction.INBOUND)
        .where(LegRow.extension != "", ~LegRow.origin, group != "")
        .group_by(group)
        .having(func.count(func.distinct(CallRow.id)) >= ENOUGH)
        .having(func.count(LegRow.ringing_at) + func.count(LegRow.answered_at) == 0)
    )
    return sorted(session.scalars(query))


def _recording(session: Session, account_id: int) -> list[Finding]:
    """Say whether the newest recording that was looked for could be read: ready means that it was read to its end."""
    query = (
        select(Recording)
        .join(CallRow, CallRow.id == Recording.call_id)
        .where(CallRow.account_id == account_id, Recording.state != RecordingState.PENDING)
        .order_by(Recording.started_at.desc())
    )
    newest = session.scalars(query.limit(1)).first()
    if newest is None:
        return []
    day = f"{newest.started_at:%Y-%m-%d %H:%M} UTC"
    if newest.state in {RecordingState.MISSING, RecordingState.REFUSED}:
        text = f"The newest recording ({day}) is {newest.state}: {newest.last_error or 'its file never came'}"
        action = "Compare the exchange's folder with the settings of recordings, and the rights there."
        return [Finding("newest recording", Level.AMBER, text, action)]
    return [Finding("newest recording", Level.GREEN, f"The newest recording ({day}) was found and read.")]


def _questions(session: Session, account_id: int, at: datetime) -> Finding:
    """Say whether the exchange asks about its callers, and whether it is answered in time."""
    row = session.scalar(select(StreamState).where(StreamState.account_id == account_id, StreamState.stream == LIVE))
    asked = inquiries.day((row.cursor or {}).get(ASKED) if row is not None else None, at.timestamp())
    if not asked.asked:
        action = "Make a call. If this line stays, look at the exchange's dialplan, and whether it reaches the port."
        return Finding("questions", Level.AMBER, "Nothing was asked about a caller in the last day.", action)
    longest = inquiries.BOUNDS_MS[-1]
    soon = f"95 of 100 answers within {asked.p95_ms} ms" if asked.p95_ms else f"too many answers after {longest} ms"
    late = f"; {asked.late} came too late" if asked.late else ""
    text = f"Asked about {asked.asked} callers in the last day: {soon}{late}."
    if asked.p95_ms is not None:
        return Finding("questions", Level.GREEN, text)
    action = (
        f"The exchange goes on without an answer after {longest} ms; look at the load of this machine and its database."
    )
    return Finding("questions", Level.AMBER, text, action)


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
