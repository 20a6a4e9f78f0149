"""Accounts opened for reading and writing, with what their connectors get for it: tokens, limits, who is known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from hub.connector.contract import Connector
from hub.connector.sift import Known, Own, Privacy, Verdict, outsiders, sift
from hub.connector.stream import Grant, Lane, Limit, Remote
from hub.errors import AuthError, ConnectorError, RejectedError
from hub.identity.models import Identifier
from hub.identity.parties import EMAIL
from hub.intake import accounts
from hub.intake.grants import Grants
from hub.intake.models import Account
from hub.mail import blocks
from hub.records.address import FREE_DOMAINS, match_key
from hub.records.mail import Mail
from hub.security.models import User
from hub.security.vault import Vault
from hub.settings import Mail as Rules
from hub.settings import Settings
from hub.store.session import Database
from hub.work import budget

SOME = 500  # addresses of one question
_KNOWN = select(Identifier.tail).where(
    Identifier.kind == EMAIL,
    Identifier.tail.in_(bindparam("keys", expanding=True)),
    Identifier.valid_to.is_(None),
    Identifier.blocked.is_(False),
)


@dataclass(frozen=True, slots=True)
class HubTools:
    """What one account's connector gets, for work in one lane (`connector.stream.Tools`)."""

    db: Database
    grants: Grants
    rules: Rules
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

    def sift(self, mailbox: str, mails: Sequence[Mail]) -> Sequence[Verdict]:
        with self.db.read() as session:
            own = _own(session, mailbox)
            rules = _privacy(session, self.rules, mailbox, self.account_id)
            asked = sorted({key for mail in mails for key in outsiders(mail, own)})
            known = Known(frozenset(_known(session, asked)))
        return [sift(mail, own, known, rules) for mail in mails]

    def customers(self, since: datetime | None, until: datetime, *, after: str, limit: int) -> Sequence[str]:
        query = select(Identifier.value).where(
            Identifier.kind == EMAIL,
            Identifier.value > after,
            Identifier.valid_from <= until,
            Identifier.valid_to.is_(None),
            Identifier.blocked.is_(False),
        )
        if since is not None:
            query = query.where(Identifier.valid_from > since)
        with self.db.read() as session:
            return list(session.scalars(query.distinct().order_by(Identifier.value).limit(limit)))


def _known(session: Session, keys: Sequence[str]) -> Iterator[str]:
    for begin in range(0, len(keys), SOME):
        yield from session.scalars(_KNOWN, {"keys": keys[begin : begin + SOME]})


def _own(session: Session, mailbox: str) -> Own:
    """Return who we are: everybody who works here, with the domains of those who have one."""
    addresses = [*session.scalars(select(User.email)), mailbox]
    keys = frozenset(key for address in addresses if (key := match_key(address)))
    domains = frozenset(key.rpartition("@")[2] for key in keys) - FREE_DOMAINS
    return Own(keys, domains)


def _privacy(session: Session, rules: Rules, mailbox: str, account_id: int) -> Privacy:
    """Return what must not be kept: the company's list, and what the mailbox's owner blocked.

    Who connected a mailbox that is nobody's address here, such as a private one, is its owner (as in mail/take.py).
    """
    owner_id = session.scalar(select(User.id).where(User.email == mailbox))
    owner_id = owner_id or session.scalar(select(Account.owner_id).where(Account.id == account_id))
    return Privacy(
        user_blocks=blocks.words(session, owner_id) if owner_id is not None else frozenset(),
        never_log=frozenset(one.lower() for one in rules.never_log),
        private_labels=frozenset(rules.private_labels),
    )


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

    def writes(self, account: Account, records: str, mailbox: str = "") -> bool:
        """Say whether records of a kind may be written in an account, as far as is known without asking it."""
        try:
            self.open(account).writer(records, mailbox)
        except ConnectorError:
            return False
        return True

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
        return connector.remote(opened, HubTools(self._db, self.grants, self._settings.mail, account.id, lane))
