"""Follow which accounts need a person, and write down who is told: once for each incident and person."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.intake.models import Account, Health, StreamState
from hub.notice import plan
from hub.notice.models import Incident, Notice, NoticeKind, NoticeState
from hub.notice.plan import Open, Someone, Step
from hub.security.models import User
from hub.store.base import new_public_id, now
from hub.store.insert import insert
from hub.store.turn import in_turn

TRIED_FOR = timedelta(days=2)  # a notice that could not be sent for so long tells nobody anything
KEPT_FOR = timedelta(days=90)
_log = log.get(__name__)


def follow(session: Session, *, patience: timedelta, can_tell: bool) -> None:
    """Look at every account that needs a person, or did so lately.

    Args:
        patience: how long a trouble lasts before anybody is told, and being well before it counts.
        can_tell: there is a way to send mail. Without it incidents are followed, so that people are told of what still
            lasts when there is one, but no notice waits.
    """
    in_turn(session, "notices")
    open_ones = {row.account_id: row for row in session.scalars(select(Incident).where(Incident.ended_at.is_(None)))}
    query = select(Account).where((Account.health == Health.NEEDS_YOU) | Account.id.in_(list(open_ones)))
    moment = now()
    for account in session.scalars(query).all():
        _account(session, account, open_ones.get(account.id), moment, patience=patience, can_tell=can_tell)
    _give_up(session, moment)


def forget(session: Session) -> None:
    """Drop incidents that ended long ago, with their notices."""
    session.execute(delete(Incident).where(Incident.ended_at < now() - KEPT_FOR))


def _account(
    session: Session,
    account: Account,
    incident: Incident | None,
    moment: datetime,
    *,
    patience: timedelta,
    can_tell: bool,
) -> None:
    seen, kind = plan.sight(account.state, account.health), plan.why(_troubles(session, account.id))
    decide = partial(plan.follow, seen=seen, kind=kind, moment=moment, patience=patience, can_tell=can_tell)
    while step := decide(_open(incident)):
        match step:
            case Step.BEGIN:
                incident = Incident(account_id=account.id, why=kind, began_at=moment)
                session.add(incident)
                session.flush()
                continue
            case Step.TELL if not (user_ids := _concerned(session, account)):
                return  # there may be somebody later
        assert incident is not None, "every other step is of an incident"
        match step:
            case Step.TELL:
                incident.why, incident.told_at = kind, moment
                _write(session, incident.id, NoticeKind.NEEDS_YOU, user_ids, moment)
                _log.info("people are told that an account needs them", account=account.name, people=len(user_ids))
            case Step.SEEMS_WELL | Step.STILL_SICK:
                incident.well_since = moment if step is Step.SEEMS_WELL else None
            case Step.END | Step.END_AND_TELL:
                incident.ended_at = moment
                if step is Step.END_AND_TELL:
                    _write(session, incident.id, NoticeKind.WELL_AGAIN, _told(session, incident.id), moment)
                return


def _open(incident: Incident | None) -> Open | None:
    return Open(incident.began_at, incident.told_at, incident.well_since) if incident is not None else None


def _troubles(session: Session, account_id: int) -> set[str]:
    query = select(StreamState.trouble).where(StreamState.account_id == account_id, StreamState.wanted)
    return set(session.scalars(query.where(StreamState.trouble != "").distinct()))


def _concerned(session: Session, account: Account) -> tuple[int, ...]:
    users = session.scalars(select(User).where(User.disabled_at.is_(None)).order_by(User.id))
    people = [Someone(one.id, one.email, one.role, is_active=True) for one in users]
    return plan.concerned(people, account.owner_id, str(account.settings.get("address", "")).strip().lower())


def _told(session: Session, incident_id: int) -> tuple[int, ...]:
    """Return who was told, or may still be; the others hear nothing of its end."""
    query = select(Notice.user_id).where(
        Notice.incident_id == incident_id,
        Notice.kind == NoticeKind.NEEDS_YOU,
        Notice.state.in_((NoticeState.WAITING, NoticeState.SENT)),
    )
    return tuple(session.scalars(query.order_by(Notice.id)))


def _write(session: Session, incident_id: int, kind: NoticeKind, user_ids: tuple[int, ...], moment: datetime) -> None:
    if not user_ids:
        return
    rows: list[dict[str, Any]] = [
        {
            "public_id": new_public_id(),
            "incident_id": incident_id,
            "user_id": user_id,
            "kind": kind,
            "state": NoticeState.WAITING,
            "made_at": moment,
            "due_at": moment,
            "owner": "",
            "attempt": 0,
            "failures": 0,
            "last_error": "",
        }
        for user_id in user_ids
    ]
    session.execute(insert(session, Notice).values(rows).on_conflict_do_nothing())


def _give_up(session: Session, moment: datetime) -> None:
    session.execute(
        update(Notice)
        .where(Notice.state == NoticeState.WAITING, Notice.made_at < moment - TRIED_FOR)
        .where(Notice.lease_until.is_(None) | (Notice.lease_until < moment))
        .values(state=NoticeState.GIVEN_UP, done_at=moment)
        .execution_options(synchronize_session=False)
    )
