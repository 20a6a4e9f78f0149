"""The old system's users, matched to ours: by hand, by the list of users that was imported, by address, by name."""

from collections import Counter
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.identity.names import fold
from hub.imports.models import What
from hub.intake.models import RawRecord
from hub.security.models import User

MOST_TOLD = 100  # names that are told of
_FORGET = 10_000


class Users:
    """Says who of us an old user is."""

    def __init__(self, session: Session, account_id: int, by_hand: Mapping[str, str]) -> None:
        self._account_id = account_id
        rows = session.execute(select(User.id, User.public_id, User.email, User.name).order_by(User.id)).all()
        names = Counter(fold(row.name) for row in rows)
        self._ids: dict[UUID, int] = {row.public_id: row.id for row in rows}
        self._named: dict[str, UUID] = {fold(row.name): row.public_id for row in rows if names[fold(row.name)] == 1}
        self._named |= {row.email: row.public_id for row in rows}
        public = {str(row.public_id): row.public_id for row in rows}
        self._by_hand = {fold(name): public[one] for name, one in by_hand.items() if one in public}
        self._known: dict[str, UUID | None] = {}

    def find(self, session: Session, written: str) -> UUID | None:
        """Return the public id of one of us; None: nobody of us, as far as can be said."""
        key = written.strip()
        if key not in self._known:
            if len(self._known) > _FORGET:
                self._known.clear()
            self._known[key] = self._look(session, key)
        return self._known[key]

    def id_of(self, public_id: UUID) -> int:
        """Return the key of one of us."""
        return self._ids[public_id]

    def _look(self, session: Session, written: str) -> UUID | None:
        for name in (written, written.casefold()):
            if found := self._by_hand.get(fold(name)) or self._named.get(name) or self._named.get(fold(name)):
                return found
        query = select(RawRecord.payload).where(
            RawRecord.account_id == self._account_id, RawRecord.stream == What.USERS, RawRecord.remote_id == written
        )
        payload = session.scalar(query)
        if payload is None:
            return None
        told = [one["value"].casefold() for one in payload.get("emails", ())] + [fold(payload.get("name", ""))]
        return next((self._named[one] for one in told if one in self._named), None)
