"""Notices that rules show: told at once to browsers that are open, and kept until their reader puts them away."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from hub.errors import NotFoundError
from hub.identity import parties
from hub.identity.models import Party
from hub.rules.models import RuleFiring, RuleNotice
from hub.store.base import now
from hub.store.public import by_public_id

EVENT = "rule.notice"
SOME = 50  # told in one transaction
MOST = 50  # of one person on one page
KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Shown:
    """A notice as its reader sees it."""

    user_id: int
    id: UUID
    text: str
    created_at: datetime
    party: Party | None

    def as_json(self) -> dict[str, Any]:
        """Return it as a browser gets it."""
        return {
            "id": str(self.id), "text": self.text, "party": str(self.party.public_id) if self.party is not None else "",
            "created_ms": self.created_at.timestamp() * 1000,
        }  # fmt: skip


def waits(session: Session) -> bool:
    """Say whether anybody is to be told anything: a cheap look."""
    return session.scalar(select(RuleNotice.id).where(RuleNotice.told_at.is_(None)).limit(1)) is not None


def take(session: Session) -> list[Shown]:
    """Return what is to be told, and write down that it was told; who dies in between tells it again."""
    query = select(RuleNotice, RuleFiring.party_id).join(RuleFiring, RuleFiring.id == RuleNotice.firing_id)
    query = query.where(RuleNotice.told_at.is_(None)).order_by(RuleNotice.id).limit(SOME)
    found = []
    for row, party_id in session.execute(query.with_for_update(skip_locked=True, of=RuleNotice)):
        row.told_at = now()
        found.append(_shown(session, row, party_id))
    return found


def of_user(session: Session, user_id: int, *, limit: int = MOST) -> Sequence[Shown]:
    """Return what somebody did not put away yet, the newest first."""
    query = select(RuleNotice, RuleFiring.party_id).join(RuleFiring, RuleFiring.id == RuleNotice.firing_id)
    query = query.where(RuleNotice.user_id == user_id, RuleNotice.seen_at.is_(None))
    rows = session.execute(query.order_by(RuleNotice.id.desc()).limit(limit))
    return [_shown(session, row, party_id) for row, party_id in rows]


def put_away(session: Session, user_id: int, public_id: UUID) -> None:
    """Put a notice away; the same again changes nothing.

    Raises:
        NotFoundError: this person has no such notice.
    """
    row = _own(session, user_id, public_id)
    row.seen_at = row.seen_at or now()


def bring_back(session: Session, user_id: int, public_id: UUID) -> None:
    """Show a notice again that was put away.

    Raises:
        NotFoundError: this person has no such notice.
    """
    _own(session, user_id, public_id).seen_at = None


def put_all_away(session: Session, user_id: int, newest: UUID) -> None:
    """Put away all that somebody sees: what came after the newest of it stays.

    Raises:
        NotFoundError: this person has no such notice.
    """
    last = _own(session, user_id, newest)
    mine = (RuleNotice.user_id == user_id, RuleNotice.seen_at.is_(None), RuleNotice.id <= last.id)
    session.execute(update(RuleNotice).where(*mine).values(seen_at=now()))


def forget(session: Session) -> None:
    """Drop notices that are old, read or not."""
    session.execute(delete(RuleNotice).where(RuleNotice.created_at < now() - KEPT_FOR))


def _own(session: Session, user_id: int, public_id: UUID) -> RuleNotice:
    row = by_public_id(session, RuleNotice, public_id, "There is no such notice.", lock=True)
    if row.user_id != user_id:
        raise NotFoundError("There is no such notice.")
    return row


def _shown(session: Session, row: RuleNotice, party_id: int | None) -> Shown:
    party = parties.now_is(session, party_id) if party_id is not None else None
    return Shown(row.user_id, row.public_id, row.text, row.created_at, party)
