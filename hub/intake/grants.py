"""OAuth grants: kept sealed, refreshed once however many ask, and said to be dead once the remote took them back.

Some remotes give a new refresh token with each refresh and refuse the old one, so two workers must never refresh at
the same time: the row is leased, the remote asked outside any transaction, the answer saved under the version that was
read, and again at the next question where the database was away. A process that dies between the remote's answer and
the save loses such a token; the next refresh is then refused and the account asks for a reconnect, which is the most
that can be done.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.connector.stream import Grant
from hub.errors import AuthError, RetryLaterError
from hub.intake.models import OauthGrant
from hub.security.vault import Vault
from hub.store.base import now
from hub.store.insert import insert
from hub.store.session import Database
from hub.work.lease import Lease, claim, new_owner, release

SPARE = timedelta(seconds=90)  # an access token that ends sooner is refreshed before it is used
LEASE_S = 60.0
_OWNER = new_owner()
_NOT_CONNECTED = "Nobody connected this account yet. Open it under Connections and press Connect."


def keep(session: Session, vault: Vault, account_id: int, mailbox: str, grant: Grant, *, first: str = "") -> None:
    """Keep what a person just granted; a grant that was there before is replaced, also a dead one.

    Args:
        first: what the account's settings began with; another one there later means a new beginning.
    """
    values = {"sealed": _sealed(vault, grant, first), "expires_at": grant.expires_at, "dead": ""}
    statement = insert(session, OauthGrant).values(
        account_id=account_id, mailbox=mailbox, version=1, owner="", attempt=0, **values
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "mailbox"], set_={**values, "version": OauthGrant.version + 1}
        )
    )


def granted(session: Session, vault: Vault, account_id: int, mailbox: str = "") -> Grant | None:
    """Return a grant; None where nobody gave one."""
    row = session.scalar(_of(account_id, mailbox))
    return _opened(vault, row) if row is not None else None


def forget(session: Session, account_id: int) -> None:
    """Drop all grants of an account."""
    for row in session.scalars(select(OauthGrant).where(OauthGrant.account_id == account_id)):
        session.delete(row)


class Grants:
    """The grants of a hub, for those who need an access token."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._locks: dict[tuple[int, str], threading.Lock] = defaultdict(threading.Lock)
        self._making = threading.Lock()
        self._unsaved: dict[tuple[int, str], tuple[OauthGrant, Grant]] = {}  # the database was away just then

    def begin(self, account_id: int, mailbox: str, first: Grant) -> None:
        """Make sure that there is a grant, for accounts where nobody has to consent; another one replaces a dead one."""
        with self._db.read() as session:
            if not self._is_wanted(session, account_id, mailbox, first):
                return
        with self._db.write() as session:
            if self._is_wanted(session, account_id, mailbox, first):
                keep(session, self._vault, account_id, mailbox, first, first=first.refresh_token)

    def _is_wanted(self, session: Session, account_id: int, mailbox: str, first: Grant) -> bool:
        row = session.scalar(_of(account_id, mailbox))
        if row is None:
            return True
        begun_with = self._vault.open(row.sealed).get("first", "")
        is_other = first.refresh_token != (begun_with or _opened(self._vault, row).refresh_token)
        return is_other and bool(begun_with or row.dead)

    def access_token(
        self, account_id: int, refresh: Callable[[Grant], Grant], *, refused: str = "", mailbox: str = ""
    ) -> str:
        """Return an access token that is good for a while.

        Raises:
            AuthError: there is no grant, or it is dead.
            RetryLaterError: another process is refreshing it just now.
        """
        with self._making:
            lock = self._locks[account_id, mailbox]
        with lock:  # those of this process wait for each other
            if unsaved := self._unsaved.get((account_id, mailbox)):
                self._save(*unsaved)
                del self._unsaved[account_id, mailbox]
            row, grant = self._read(account_id, mailbox)
            if _is_good(grant, refused):
                return grant.access_token
            with self._db.write() as session:
                leases = claim(session, OauthGrant, OauthGrant.id == row.id, owner=_OWNER, lease_s=LEASE_S)
            if not leases:
                raise RetryLaterError("another process is refreshing the access token", retry_after=2.0)
            return self._refreshed(leases[0], account_id, mailbox, refresh, refused)

    def _refreshed(
        self, lease: Lease, account_id: int, mailbox: str, refresh: Callable[[Grant], Grant], refused: str
    ) -> str:
        try:
            row, grant = self._read(account_id, mailbox)  # somebody may have been faster before we got the lease
            if _is_good(grant, refused):
                self._release(lease)
                return grant.access_token
            fresh = refresh(grant)
        except AuthError as error:
            self._release(lease, dead=str(error)[:500])
            raise
        except BaseException:
            self._release(lease)
            raise
        self._unsaved[account_id, mailbox] = row, fresh
        self._save(row, fresh)
        del self._unsaved[account_id, mailbox]
        self._release(lease)
        return fresh.access_token

    def _save(self, row: OauthGrant, fresh: Grant) -> None:
        """Save by version and not by lease: a new refresh token must not be lost because the remote was slow."""
        first = self._vault.open(row.sealed).get("first", "")
        with self._db.write() as session:
            session.execute(
                update(OauthGrant)
                .where(OauthGrant.id == row.id, OauthGrant.version == row.version)
                .values(sealed=_sealed(self._vault, fresh, first), expires_at=fresh.expires_at, version=row.version + 1)
            )

    def _read(self, account_id: int, mailbox: str) -> tuple[OauthGrant, Grant]:
        with self._db.read() as session:
            row = session.scalar(_of(account_id, mailbox))
        if row is None:
            raise AuthError(_NOT_CONNECTED)
        if row.dead:
            raise AuthError(row.dead)
        return row, _opened(self._vault, row)

    def _release(self, lease: Lease, **values: Any) -> None:
        with self._db.write() as session:
            release(session, OauthGrant, lease, **values)


def _of(account_id: int, mailbox: str) -> Any:
    return select(OauthGrant).where(OauthGrant.account_id == account_id, OauthGrant.mailbox == mailbox)


def _is_good(grant: Grant, refused: str) -> bool:
    if not grant.access_token or grant.access_token == refused:
        return False
    return grant.expires_at is None or grant.expires_at > now() + SPARE


def _sealed(vault: Vault, grant: Grant, first: str) -> str:
    expires_at = grant.expires_at.isoformat() if grant.expires_at else ""
    return vault.seal(
        {
            "refresh_token": grant.refresh_token,
            "access_token": grant.access_token,
            "expires_at": expires_at,
            "scopes": " ".join(grant.scopes),
            "first": first,
        }
    )


def _opened(vault: Vault, row: OauthGrant) -> Grant:
    kept = vault.open(row.sealed)
    expires_at = datetime.fromisoformat(kept["expires_at"]) if kept.get("expires_at") else None
    scopes = tuple(kept.get("scopes", "").split())
    return Grant(kept.get("refresh_token", ""), kept.get("access_token", ""), expires_at, scopes)
