"""Random secrets that stand for a person or a program: 32 bytes, stored as a hash, shown once."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from limits import RateLimitItem, parse_many
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.security.models import ApiToken, Role, User
from hub.security.policy import RIGHTS, Person
from hub.security.users import person
from hub.store.base import now

PREFIX = "hub_"  # lets people and secret scanners see what a leaked text is
TOUCH_EVERY = timedelta(minutes=1)


def new_secret() -> str:
    """Return 32 random bytes as text that fits into addresses and headers."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored of a random secret. It has 256 bits, so a fast hash without salt is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def add(
    session: Session,
    name: str,
    role: str,
    user: User | None = None,
    *,
    scopes: Collection[str] = (),
    rate: str = "",
) -> str:
    """Make a token for a program and return its secret, which cannot be shown again.

    Args:
        user: the program acts as this person, and never may more than they.
        scopes: what it is limited to, by the names that the API publishes; none: all that its role may.
        rate: how often it may ask, such as 100/minute; empty: as the setting says.
    """
    name = " ".join(name.split())
    if not name or len(name) > 100:
        raise UserError("A token needs a name of at most 100 characters.", error_id="token_name", field="name")
    if role not in set(Role):
        raise UserError(f"The role must be one of: {', '.join(Role)}.", error_id="unknown_role", field="role")
    if session.scalar(select(ApiToken.id).where(ApiToken.name == name)):
        raise UserError("There is a token of this name already.", error_id="token_exists", field="name")
    if rate:
        read_rate(rate)
    secret = PREFIX + new_secret()
    kept = ApiToken(
        name=name,
        role=role,
        scopes=" ".join(sorted(set(scopes))),
        rate=rate,
        token_hash=digest(secret),
        user_id=user.id if user else None,
    )
    session.add(kept)
    session.flush()
    return secret


def read_rate(text: str) -> RateLimitItem:
    """Return the rate that a text says.

    Raises:
        UserError: it is none.
    """
    try:
        [rate] = parse_many(text)
    except ValueError:
        rate = None
    if rate is None or rate.amount < 1:
        raise UserError(f"{text!r} is no rate; write one such as 100/minute.", error_id="rate", field="rate")
    return rate


def scopes(token: ApiToken) -> frozenset[str]:
    """Return what a token is limited to; none: all that its role may."""
    return frozenset(token.scopes.split())


def find(session: Session, secret: str) -> tuple[ApiToken, Person] | None:
    """Return the token and for whom it speaks; None if it is unknown, revoked, or its user disabled."""
    if not secret or len(secret) > 200:
        return None
    row = session.execute(
        select(ApiToken, User)
        .outerjoin(User, ApiToken.user_id == User.id)
        .where(ApiToken.token_hash == digest(secret), ApiToken.revoked_at.is_(None))
    ).one_or_none()
    if row is None:
        return None
    token: ApiToken = row[0]
    user: User | None = row[1]
    if user is None:
        return token, Person(0, None, "", token.name, token.role)
    if user.disabled_at is not None:
        return None
    return token, replace(person(user), role=_lesser(token.role, user.role))


def touch(session: Session, token: ApiToken, at: datetime | None = None) -> None:
    """Note that the token was used; at most once a minute."""
    at = at or now()
    if token.used_at is None or at - token.used_at >= TOUCH_EVERY:
        row = session.get(ApiToken, token.id)
        if row is not None:
            row.used_at = at


def revoke(session: Session, name: str) -> ApiToken:
    """End a token at once.

    Raises:
        NotFoundError: there is no such token in force.
    """
    token = session.scalar(select(ApiToken).where(ApiToken.name == name, ApiToken.revoked_at.is_(None)))
    if token is None:
        raise NotFoundError("There is no token of this name.")
    token.revoked_at = now()
    return token


def all_tokens(session: Session) -> Sequence[ApiToken]:
    """Return the tokens in force by name."""
    return session.scalars(select(ApiToken).where(ApiToken.revoked_at.is_(None)).order_by(ApiToken.name)).all()


def _lesser(one: str, other: str) -> str:
    """Return the role that may less."""
    return min((one, other), key=lambda role: len(RIGHTS.get(role, frozenset())))
