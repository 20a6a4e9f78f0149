"""Notifications as they are posted to us, many at a time: accounts looked up together, and what was said kept together."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from hub.connector.hook import Hook
from hub.connector.stream import Hinted
from hub.intake.channels import Channels, channels_of
from hub.intake.models import Account, AccountState, PushChannel
from hub.store.session import Database
from hub.store.together import Together

Place = tuple[str, UUID]  # a connector's name, and the public id of an account of it
Addressee = tuple[Account, Sequence[PushChannel]]


class Letterbox:
    """Takes notifications of all accounts. Its answers are those of `Channels.heard`."""

    def __init__(self, db: Database, channels: Channels) -> None:
        self._db = db
        self._channels = channels
        self._looking: Together[Place, Addressee | None] = Together(self._look_up)
        self._keeping: Together[tuple[Account, Hinted], None] = Together(self._keep)

    def addressee(self, connector: str, public_id: UUID) -> Addressee | None:
        """Return the account, detached, with its channels; None: there is none."""
        return self._looking.do((connector, public_id))

    def heard(self, addressee: Addressee, hook: Hook) -> Hinted:
        """Take a notification; when this returns, it is kept.

        Raises:
            Exception: as of `Channels.heard`.
        """
        account, rows = addressee
        hinted = self._channels.understood(account, hook, rows)
        self._keeping.do((account, hinted))
        return hinted

    def _look_up(self, places: Sequence[Place]) -> list[Addressee | None]:
        ids = {public_id for _, public_id in places}
        with self._db.read() as session:
            there = select(Account).where(Account.public_id.in_(ids), Account.state != AccountState.REMOVED)
            found = {(row.connector, row.public_id): row for row in session.scalars(there)}
            rows: dict[int, list[PushChannel]] = defaultdict(list)
            for row in channels_of(session, [one.id for one in found.values()]) if found else ():
                rows[row.account_id].append(row)
            session.expunge_all()
        return [(found[one], rows[found[one].id]) if one in found else None for one in places]

    def _keep(self, heard: Sequence[tuple[Account, Hinted]]) -> list[None]:
        self._channels.keep_all(heard)
        return [None] * len(heard)
