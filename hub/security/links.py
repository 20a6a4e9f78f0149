"""One-time links to set a password: for people just added, for those who forgot theirs, and for the first one of all."""

import base64
import hmac
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.security import passwords, users
from hub.security.models import PasswordLink, Role, User
from hub.security.tokens import digest, new_secret
from hub.security.vault import Vault
from hub.settings import Settings
from hub.store.base import now
from hub.store.session import Database


def password_link(session: Session, user: User, settings: Settings) -> str:
    """Make a link to set a password and return its address; links made before stop working."""
    if user.disabled_at is not None:
        raise UserError("This user is disabled. Enable the user first.", error_id="user_disabled")
    users.end_links(session, user.id)
    token = new_secret()
    expires_at = now() + timedelta(minutes=settings.security.reset_link_min)
    session.add(PasswordLink(user_id=user.id, token_hash=digest(token), expires_at=expires_at))
    session.flush()
    return f"{settings.public_url}/password/{token}"


def find(session: Session, token: str) -> User | None:
    """Return whose link this is; None if it is unknown, used, too old, or the user disabled."""
    return session.scalar(
        select(User)
        .join(PasswordLink, PasswordLink.user_id == User.id)
        .where(
            PasswordLink.token_hash == digest(token),
            PasswordLink.used_at.is_(None),
            PasswordLink.expires_at > now(),
            User.disabled_at.is_(None),
        )
    )


def use(session: Session, token: str, password: str) -> User | None:
    """Set the password and spend the link; None where the link is no good, also when another request was faster.

    Raises:
        UserError: the password is refused; the link stays good.
    """
    user = find(session, token)
    if user is None:
        return None
    passwords.check_choice(password, email=user.email)
    spent = session.execute(
        update(PasswordLink)
        .where(PasswordLink.token_hash == digest(token), PasswordLink.used_at.is_(None))
        .values(used_at=now())
        .returning(PasswordLink.id)
    ).first()
    if spent is None:
        return None
    users.set_password(session, user, password)
    return user


def first_admin_code(db: Database, vault: Vault) -> str | None:
    """Return the code that opens `/setup`; None once there is any user.

    Made of the key file: every process says the same one, nothing is stored, and it is worth nothing after its use.
    """
    with db.read() as session:
        return _setup_code(vault) if users.nobody_yet(session) else None


def add_first_admin(session: Session, vault: Vault, *, code: str, email: str, name: str, password: str) -> User:
    """Add the first administrator.

    Raises:
        UserError: the code is wrong, or somebody was faster.
    """
    typed = "".join(code.split()).replace("-", "").upper()
    if not hmac.compare_digest(typed.encode(), _setup_code(vault).replace("-", "").encode()):
        raise UserError("This is not the code the hub printed at its start.", error_id="setup_code", field="code")
    if not users.nobody_yet(session):
        raise UserError("There is an administrator already. Sign in.", error_id="setup_done")
    return users.add(session, email, name, Role.ADMIN, password)


def _setup_code(vault: Vault) -> str:
    text = base64.b32encode(vault.derive("first administrator")[:10]).decode()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))
