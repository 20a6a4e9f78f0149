"""What must not come back: marks of the records and identifiers of people who were erased.

A mark is an HMAC under a key that is made at random, once, and kept sealed (`vault.py`): whoever has the database alone
cannot even try all numbers there are. Turning the key file's keys changes nothing as long as one of them opens it.
"""

import hmac
import json
import secrets
from collections.abc import Collection, Iterable

from sqlalchemy import URL, select
from sqlalchemy.orm import Session

from hub.errors import ConfigError
from hub.security.models import Choice, Suppression
from hub.security.vault import Vault
from hub.store.base import now
from hub.store.insert import insert
from hub.store.session import Database

Thing = tuple[str, ...]
"""What is marked: the kind first, such as `("phone", "+972501234567")` or `("record", "3", "contacts", "c17")`."""
KEY = "suppression"  # of the choice that holds the sealed key
SOME = 500  # marks of one question
_VAULTS: dict[URL, Vault] = {}
_ANY = select(Suppression.mark).limit(1)  # built once: every record asks it


def arm(db: Database, vault: Vault) -> None:
    """Say which vault opens the key of a database; called once by the wiring."""
    _VAULTS[db.engine.url] = vault


def is_any(session: Session) -> bool:
    """Say whether anything is suppressed; a cheap look, for mostly nothing is."""
    return session.scalar(_ANY) is not None


def suppress(session: Session, things: Collection[Thing]) -> None:
    """Let these not come back; safe to repeat."""
    if not things:
        return
    moment = now()
    rows = [{"mark": mark, "at": moment} for mark in sorted(set(marks(session, things).values()))]
    session.execute(insert(session, Suppression).on_conflict_do_nothing(), rows)


def suppressed(session: Session, things: Collection[Thing]) -> dict[Thing, str]:
    """Return which of some things must not come back, with their marks."""
    if not things or not is_any(session):
        return {}
    known = marks(session, things)
    wanted = sorted(set(known.values()))
    found: set[str] = set()
    for begin in range(0, len(wanted), SOME):
        some = wanted[begin : begin + SOME]
        found |= set(session.scalars(select(Suppression.mark).where(Suppression.mark.in_(some))))
    return {thing: mark for thing, mark in known.items() if mark in found}


def marks(session: Session, things: Iterable[Thing]) -> dict[Thing, str]:
    """Return the marks of things; the first time the key is made.

    Raises:
        ConfigError: this process does not know the vault, or it does not open the key.
    """
    wanted = set(things)
    if not wanted:
        return {}
    key = _key(session)
    return {thing: hmac.digest(key, _written(thing), "sha256").hex() for thing in wanted}


def _written(thing: Thing) -> bytes:
    return json.dumps(thing).encode()


def _key(session: Session) -> bytes:
    vault = _VAULTS.get(session.get_bind().engine.url)
    if vault is None:
        raise ConfigError("What was erased cannot be told from what is new: the key file is not open.")
    sealed = session.scalar(select(Choice.value).where(Choice.key == KEY))
    if sealed is None:
        values = {"key": KEY, "value": {"sealed": vault.seal({"key": secrets.token_hex(32)})}, "changed_at": now()}
        session.execute(insert(session, Choice).values(values).on_conflict_do_nothing())  # another may be faster
        sealed = session.scalars(select(Choice.value).where(Choice.key == KEY)).one()
    return bytes.fromhex(vault.open(sealed["sealed"])["key"])
