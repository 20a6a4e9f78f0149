"""Rules in a remote that post to our hook: made and removed with a key that somebody gives once (`connector.HookRules`)."""

import secrets
from collections.abc import Mapping
from typing import Any

from hub.connector.contract import Connector, RulesMade
from hub.errors import NotFoundError, RejectedError
from hub.intake import accounts, channels, read
from hub.intake.models import Account
from hub.security.vault import Vault
from hub.settings import Settings
from hub.store.session import Database


class HookRuler:
    """Makes and removes them for any account."""

    def __init__(
        self, db: Database, vault: Vault, settings: Settings, connectors: Mapping[str, Connector[Any]]
    ) -> None:
        self._db, self._vault, self._settings, self._connectors = db, vault, settings, connectors

    def make(self, account_id: int, key: str) -> RulesMade:
        """Make the rules of an account. The secret that they show is kept before they are.

        Raises:
            NotFoundError: such an account has none.
            RejectedError: nobody outside reaches the hub.
            ConnectorError: the remote did not let us; whatever rules were there before go on.
        """
        rules = self._rules(account_id)
        with self._db.write() as session:
            row = session.get_one(Account, account_id)
            connector = self._connectors[row.connector]
            kept = self._vault.open(row.secrets)
            if not kept.get(rules.secret):
                values = {**row.settings, **kept, rules.secret: secrets.token_urlsafe(32)}
                accounts.update(row, connector, self._vault, values)
            opened = accounts.open_account(row, connector, self._vault, self._settings)
            address, kinds = self._address(row), [one.stream for one in read.wanted(session, row.id)]
        made: RulesMade = rules.make(opened.settings, key, address, kinds)
        return made

    def remove(self, account_id: int, key: str) -> RulesMade:
        """Remove the rules of an account. Raises as `make`."""
        rules = self._rules(account_id)
        with self._db.read() as session:
            row = session.get_one(Account, account_id)
            opened = accounts.open_account(row, self._connectors[row.connector], self._vault, self._settings)
        made: RulesMade = rules.remove(opened.settings, key, self._address(row))
        return made

    def _rules(self, account_id: int) -> Any:
        with self._db.read() as session:
            name = session.get_one(Account, account_id).connector
        connector = self._connectors.get(name)
        if connector is None or connector.hook_rules is None:
            raise NotFoundError("Nothing is to be set up in this system to be told of changes.")
        return connector.hook_rules

    def _address(self, row: Account) -> str:
        address = channels.address(channels.reached_at(self._settings), row)
        if not address:
            raise RejectedError("The other system cannot reach the hub: set server.public_url first.")
        return address
