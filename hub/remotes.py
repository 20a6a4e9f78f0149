"""Accounts opened for reading and writing, with what their connectors get for it: tokens, limits, who is known."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from hub.connector.contract import Connector
from hub.connector.stream import Grant, Lane, Limit, Remote
from hub.errors import AuthError, RejectedError
from hub.identity.models import Identifier
from hub.identity.parties import EMAIL
from hub.intake import accounts
from hub.intake.grants import Grants
from hub.intake.models import Account
from hub.security.vault import Vault
from hub.settings import Settings
from hub.store.session import Database
from hub.work import budget

SOME = 500  # addresses of one question
_KNOWN = select(Identifier.value).where(
    Identifier.kind == EMAIL,
    Identifier.value.in_(bindparam("addresses", expanding=True)),
    Identifier.valid_to.is_(None),
    Identifier.blocked.is_(False),
)


@dataclass(frozen=True, slots=True)
class HubTools:
    """What one account's connector gets, for work in one lane (`connector.stream.Tools`)."""

    db: Database
    grants: Grants
    account_id: int
    lane: Lane

    def spend(self, limits: Sequence[Limit], units: int) -> None:
        with self.db.write() as session:
            budget.spend(session, limits, units, self.lane)

    def limited(self, limits: Sequence[Limit], retry_after: float) -> None:
        with self.db.write() as session:
            budget.freeze(session, limits, retry_after)

    def access_token(
        self, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = "", first: Grant | None = None
    ) -> str:
        if first is not None:
            self.grants.begin(self.account_id, mailbox, first)
        return self.grants.access_token(self.account_id, refresh, refused=refused, mailbox=mailbox)

    def known(self, addresses: Collection[str]) -> frozenset[str]:
        asked = sorted(set(addresses))
        with self.db.read() as session:
            return frozenset(
                found
                for begin in range(0, len(asked), SOME)
                for found in session.scalars(_KNOWN, {"addresses": asked[begin : begin + SOME]})
            )

    def customers_since(self, moment: datetime | None) -> Sequence[str]:
        query = select(Identifier.value).where(
            Identifier.kind == EMAIL, Identifier.valid_to.is_(None), Identifier.blocked.is_(False)
        )
        if moment is not None:
            query = query.where(Identifier.valid_from > moment)
        with self.db.read() as session:
            return list(session.scalars(query.order_by(Identifier.value).distinct()))


class Remotes:
    """Opens accounts."""

    def __init__(
        self, settings: Settings, db: Database, vault: Vault, connectors: Mapping[str, Connector[Any]]
    ) -> None:
        self._settings = settings
        self._db = db
        self._vault = vault
        self._connectors = connectors
        self.grants = Grants(db, vault)

    def reads(self, account: Account) -> bool:
        """Say whether an account has streams to read at all."""
        connector = self._connectors.get(account.connector)
        return connector is not None and connector.remote is not None

    def open(self, account: Account, lane: Lane = Lane.INCREMENTAL) -> Remote:
        """Open an account.

        Raises:
            RejectedError: there is nothing to read or write in such an account.
            AuthError: its settings or secrets do not fit; the text says which.
        """
        connector = self._connectors.get(account.connector)
        if connector is None or connector.remote is None:
            raise RejectedError(f"{account.name} has nothing that could be read.")
        try:
            opened = accounts.open_account(account, connector, self._vault, self._settings)
        except accounts.BROKEN as error:
            raise AuthError(str(error)) from error
        return connector.remote(opened, HubTools(self._db, self.grants, account.id, lane))
