"""How an account is, in one word and one sentence: computed from its streams, never set by hand."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.connector.contract import Connector, Level
from hub.intake import pulse
from hub.intake.models import NAMED, WATCH, Account, AccountState, Health, NamedRecord, RawRecord, RawState, StreamState
from hub.store.base import now

LATE_FACTOR = 3  # times the usual gap without a good look
LATE_LEAST = timedelta(minutes=15)
_PERSON = {"auth", "brake", "disabled", "defect"}  # troubles that nobody but a person ends; see trouble.Trouble


def of_stream(state: StreamState, moment: datetime) -> tuple[Health, str]:
    """Return how one stream is, and what to say of it. Pure."""
    if state.stream == WATCH:
        return _of_look(state.audit or {})
    if state.trouble in _PERSON:
        return Health.NEEDS_YOU, state.last_error
    if state.trouble in {"scope", "away"}:
        return Health.WARNINGS, state.last_error
    if state.last_ok_at is None and state.last_run_at is None:
        return Health.NEVER_RUN, ""
    if found := _of_audit(state.audit or {}):
        return Health.WARNINGS, found
    if state.phase in {"full", "sweep", "prove", "leave"}:
        return Health.WORKING, ""
    if state.every_s and state.last_ok_at is not None and moment - state.last_ok_at > _patience(state):
        return Health.LATE, state.last_error
    return Health.HEALTHY, ""


def _of_audit(audit: Mapping[str, Any]) -> str:
    """Return what the last audit found wrong; empty: nothing."""
    if audit.get("missing"):
        return _missing(audit["missing"])
    if audit.get("drift"):
        return drifted(audit)
    return unnamed(audit) if audit.get("unnamed") else str(audit.get("differs") or "")


def _missing(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:5]) + (" …" if len(ids) > 5 else "")
    return f"The last audit found {len(ids)} records missing and fetched them: {shown}"


def drifted(audit: Mapping[str, Any]) -> str:
    """Say that the remote counts otherwise than the hub has."""
    return (
        f"The other system counts {audit['counted']} records; the hub has {audit['counted'] - audit['drift']} of them."
    )


def unnamed(audit: Mapping[str, Any]) -> str:
    """Say that records were found which no notification had named."""
    return f"{audit['unnamed']} records came without a notification since the audit before; reading found them."


def _of_look(audit: Mapping[str, Any]) -> tuple[Health, str]:
    """Return what the last look at an account says of it."""
    listed = audit.get("findings", ())
    for level, health in ((Level.RED, Health.NEEDS_YOU), (Level.AMBER, Health.WARNINGS)):
        said = [f"{one['text']} {one['action']}".strip() for one in listed if one["level"] == level]
        if said:
            return health, " ".join(said)[:1000]
    return Health.HEALTHY, ""


def _patience(state: StreamState) -> timedelta:
    return max(LATE_LEAST, timedelta(seconds=LATE_FACTOR * max(state.usual_gap_s, state.every_s)))


# The worst first.
_ORDER = (Health.NEEDS_YOU, Health.WARNINGS, Health.LATE, Health.WORKING, Health.NEVER_RUN, Health.HEALTHY)


def of_account(
    streams: Sequence[StreamState], set_aside: int, moment: datetime, *, lost: int = 0
) -> tuple[Health, str]:
    """Return how an account is: as its worst stream, and amber while records are set aside or were given up. Pure."""
    found = [(*of_stream(state, moment), state.title or state.stream) for state in streams]
    if not found:
        return Health.NEVER_RUN, ""
    worst, text, title = min(found, key=lambda one: _ORDER.index(one[0]))
    if lost and _ORDER.index(worst) > _ORDER.index(Health.WARNINGS):
        return Health.WARNINGS, f"{lost} records were announced and never came; see Failures."
    if set_aside and _ORDER.index(worst) > _ORDER.index(Health.WARNINGS):
        return Health.WARNINGS, f"{set_aside} records are set aside; see Failures."
    return worst, f"{title}: {text}" if text else ""


def refresh(session: Session, account_id: int) -> Health:
    """Bring an account's health up to date."""
    account = session.get_one(Account, account_id)
    if account.state != AccountState.ACTIVE:
        return Health(account.health)
    is_read = (StreamState.records != "") | StreamState.stream.startswith(NAMED, autoescape=True)
    is_read |= StreamState.stream == WATCH
    streams = session.scalars(
        select(StreamState).where(StreamState.account_id == account_id, StreamState.wanted, is_read)
    ).all()
    aside = session.scalar(
        select(func.count()).where(RawRecord.account_id == account_id, RawRecord.state == RawState.SET_ASIDE)
    )
    given_up = (NamedRecord.account_id == account_id, NamedRecord.due_at.is_(None), NamedRecord.done_at.is_(None))
    lost = session.scalar(select(func.count()).where(*given_up))
    health, text = of_account(streams, aside or 0, now(), lost=lost or 0)
    if (account.health, account.health_text) != (health, text):
        account.health, account.health_text = health, text
    last = max((one.last_ok_at for one in streams if one.last_ok_at and one.stream != WATCH), default=None)
    if last is not None:
        account.last_event_at = last
    return health


def posted(connectors: Mapping[str, Connector[Any]]) -> frozenset[str]:
    """Return the connectors that only take what is posted: nobody asks them, so what came says how they are."""
    return frozenset(name for name, one in connectors.items() if one.receive is not None and one.remote is None)


def refresh_all(session: Session, posted: Collection[str] = ()) -> None:
    """Look at every account: one that is late is late because nothing happens.

    Args:
        posted: connectors that only take what is posted.
    """
    query = select(StreamState.account_id).where(StreamState.records != "").distinct()
    for account_id in session.scalars(query).all():
        refresh(session, account_id)
    taking = (Account.connector.in_(sorted(posted)), Account.state == AccountState.ACTIVE)
    for account in session.scalars(select(Account).where(*taking)).all():
        _refresh_posted(session, account, now())


_SILENT = "Nothing came since "
_ASIDE = "see Failures."


def _refresh_posted(session: Session, account: Account, moment: datetime) -> None:
    """Say by what came how an account is; what its listener says of it, such as that it cannot hear, stays."""
    by_us = account.health_text.startswith(_SILENT) or account.health_text.endswith(_ASIDE)
    if account.health == Health.NEEDS_YOU or (account.health_text and not by_us):
        return
    habit = pulse.habit(session, account.id, moment)
    if habit is None:
        return
    aside = session.scalar(
        select(func.count()).where(RawRecord.account_id == account.id, RawRecord.state == RawState.SET_ASIDE)
    )
    health, text = of_posted(habit, aside or 0)
    if (account.health, account.health_text) != (health, text):
        account.health, account.health_text = health, text
    if account.last_event_at is None or account.last_event_at < habit.last_at:
        account.last_event_at = habit.last_at


def of_posted(habit: pulse.Habit, set_aside: int) -> tuple[Health, str]:
    """Return how an account is that only takes what is posted, and what to say of it. Pure."""
    if set_aside:
        return Health.WARNINGS, f"{set_aside} records are set aside; {_ASIDE}"
    if habit.is_silent:
        return Health.LATE, f"{_SILENT}{habit.last_at:%Y-%m-%d %H:%M} UTC, although it usually does at this time."
    return Health.HEALTHY, ""
