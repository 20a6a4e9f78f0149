"""Send one notice: the person gets it whatever line the process dies on.

There is a second copy only if nobody can know whether the first one went, and it has the same Message-ID; a carrier
that remembers knows. The row is claimed (its attempt counted) before the mail goes, and its result kept after that.
Attempts beyond the failures that were written down are tries of which nobody knows what became of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session, aliased

from hub import log
from hub.errors import RejectedError, RetryLaterError, UserError
from hub.intake.models import Account, AccountState
from hub.notice import plan
from hub.notice.carrier import Carrier, Message, UnansweredError
from hub.notice.models import Incident, Notice, NoticeKind, NoticeState
from hub.notice.plan import Fate, Why
from hub.notice.words import Catalogs, Facts, words
from hub.records.mail import Address
from hub.security.models import User
from hub.security.policy import Right, may
from hub.settings import LANGUAGES, Settings, zones
from hub.store.base import now
from hub.store.session import Database
from hub.work.lease import Lease, database_now, holds, release
from hub.work.retry import pause_s

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A notice with all it is about."""

    notice: Notice
    incident: Incident
    account: Account
    user: User
    first: NoticeState | None

    @property
    def is_wanted(self) -> bool:
        return self.user.disabled_at is None and self.account.state != AccountState.REMOVED

    def unanswered(self, lease: Lease) -> int:
        """Return how many earlier tries may have brought it."""
        return lease.attempt - 1 - self.notice.failures


class Teller:
    """Sends notices, one at a time in the whole installation: a mail server that hangs holds up one worker only."""

    def __init__(
        self, db: Database, carrier: Carrier, settings: Settings, catalogs: Catalogs, page: Callable[[UUID], str]
    ) -> None:
        """Keep the wired parts.

        Args:
            db: where notices are.
            carrier: how mail goes.
            settings: the hub's name, language, time zone.
            catalogs: language -> its texts.
            page: public id of an account -> the address of its page.
        """
        self._db = db
        self._carrier = carrier
        self._settings = settings
        self._catalogs = catalogs
        self._page = page

    def due(self) -> ColumnElement[bool]:
        """Return what may be sent now."""
        other = aliased(Notice)
        running = select(other.id).where(
            other.state == NoticeState.WAITING, other.lease_until > now(), other.id != Notice.id
        )
        is_ripe = (Notice.state == NoticeState.WAITING) & (Notice.due_at <= now())
        return is_ripe & ~running.correlate(Notice).exists()

    def first(self) -> Sequence[Any]:
        """Return which goes first: what was decided first."""
        return (Notice.id,)

    def tell(self, lease: Lease) -> None:
        """Send one notice, or find that it need not be sent."""
        with self._db.read() as session:
            if not holds(session, Notice, lease):
                return
            due = _due(session, lease.id)
        fate = plan.fate(
            due.notice.kind,
            is_wanted=due.is_wanted,
            has_ended=due.incident.ended_at is not None,
            unanswered=due.unanswered(lease),
            first=due.first,
            remembers=self._carrier.remembers,
        )
        match fate:
            case Fate.SEND:
                self._send(lease, due)
            case Fate.WAIT:
                # Not a try: it must not look as one that nobody knows the end of.
                self._keep(lease, due_at=now() + plan.FIRST_PAUSE, failures=due.notice.failures + 1)
            case Fate.DROP:
                self._keep(lease, state=NoticeState.DROPPED, done_at=now())
            case Fate.LEAVE:
                text = due.notice.last_error or "No answer came; it may have arrived."
                self._keep(lease, state=NoticeState.SENT, done_at=now(), last_error=text)

    def _send(self, lease: Lease, due: Due) -> None:
        failures = due.notice.failures
        try:
            self._carrier.carry(self._message(due, again=due.unanswered(lease) > 0))
        except (RejectedError, UserError) as error:
            _log.warning("a notice was refused", notice=str(due.notice.public_id), error=str(error))
            self._keep(lease, state=NoticeState.REFUSED, done_at=now(), last_error=str(error)[:1000])
        except UnansweredError as error:
            self._keep(lease, due_at=_later(lease.attempt - 1), last_error=str(error)[:1000])
        except RetryLaterError as error:
            if not failures:
                _log.warning("a notice could not be sent; tried again", error=str(error))
            self._put_off(lease, _later(failures), failures + 1, str(error)[:1000])
        else:
            _log.info("a notice was sent", notice=str(due.notice.public_id), kind=due.notice.kind)
            self._keep(lease, state=NoticeState.SENT, done_at=now(), last_error="")

    def _message(self, due: Due, *, again: bool) -> Message:
        general = self._settings.hub
        facts = Facts(
            name=due.account.name,
            hub=general.name,
            why=Why(due.incident.why),
            began_at=due.incident.began_at,
            link=self._page(due.account.public_id),
            manages=may(due.user.role, Right.MANAGE_CONNECTIONS),
            language=due.user.language if due.user.language in LANGUAGES else general.language,
            zone=ZoneInfo(due.user.time_zone) if due.user.time_zone in zones() else general.zone,
        )
        said = words(due.notice.kind, facts, self._catalogs)
        to = Address(due.user.name, due.user.email)
        return Message(str(due.notice.public_id), to, said.subject, said.text, said.html, due.notice.made_at, again)

    def _keep(self, lease: Lease, **values: Any) -> None:
        with self._db.write() as session:
            release(session, Notice, lease, **values)

    def _put_off(self, lease: Lease, until: datetime, failures: int, error: str) -> None:
        """The server is away for all of them: the others need not find out one by one."""
        with self._db.write() as session:
            release(session, Notice, lease, due_at=until, failures=failures, last_error=error)
            free = Notice.lease_until.is_(None) | (Notice.lease_until < database_now(session))
            session.execute(
                update(Notice)
                .where(Notice.state == NoticeState.WAITING, Notice.due_at < until, free)
                .values(due_at=until)
                .execution_options(synchronize_session=False)
            )


def _later(failures: int) -> datetime:
    wait_s = pause_s(failures, plan.FIRST_PAUSE.total_seconds(), plan.LONGEST_PAUSE.total_seconds())
    return now() + timedelta(seconds=wait_s)


def _due(session: Session, notice_id: int) -> Due:
    notice = session.get_one(Notice, notice_id)
    incident = session.get_one(Incident, notice.incident_id)
    query = select(Notice.state).where(
        Notice.incident_id == incident.id, Notice.user_id == notice.user_id, Notice.kind == NoticeKind.NEEDS_YOU
    )
    first = session.scalar(query) if notice.kind == NoticeKind.WELL_AGAIN else None
    return Due(
        notice,
        incident,
        session.get_one(Account, incident.account_id),
        session.get_one(User, notice.user_id),
        NoticeState(first) if first else None,
    )
