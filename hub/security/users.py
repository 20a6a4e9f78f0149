"""People who work here: adding, changing, disabling them, and checking who they are."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.security import passwords
from hub.security.models import PasswordLink, Role, User, UserSession
from hub.security.policy import Person
from hub.store.base import now

# One @, no blanks, a dot-less domain allowed (company.local, localhost): real checking is done by writing to it.
EMAIL = re.compile(r"[^@\s\x00-\x1f<>\"]{1,64}@[^@\s\x00-\x1f<>\"]{1,255}")


def add(session: Session, email: str, name: str, role: str, password: str | None = None) -> User:
    """Add a person. Without a password they need a password link to sign in.

    Raises:
        UserError: the e-mail is no e-mail or known already, the role unknown, the password too weak.
    """
    email = email_key(email)
    if not EMAIL.fullmatch(email):
        raise UserError("This is not an e-mail address.", error_id="bad_email", field="email")
    if by_email(session, email) is not None:
        raise UserError("There is a user with this e-mail already.", error_id="user_exists", field="email")
    user = User(email=email, name=_name(name) or email.partition("@")[0], role=_role(role))
    session.add(user)
    if password is not None:
        set_password(session, user, password)
    session.flush()
    return user


def set_password(session: Session, user: User, password: str) -> None:
    """Set a password; every link to set one, and every session of the user, ends."""
    passwords.check_choice(password, email=user.email)
    user.password_hash = passwords.hashed(password)
    session.flush()
    end_links(session, user.id)
    end_sessions(session, user.id)


def check_password(session: Session, email: str, password: str) -> User | None:
    """Return the user who signs in with these; None says nothing about what was wrong, nor does the time it takes."""
    user = by_email(session, email)
    usable = user.password_hash if user is not None and user.disabled_at is None else None
    return user if passwords.matches(password, usable) else None


def rehash(session: Session, user: User, password: str) -> None:
    """Hash a password just checked with today's parameters, where its hash is older."""
    if user.password_hash and passwords.is_outdated(user.password_hash):
        session.execute(
            update(User)
            .where(User.id == user.id, User.password_hash == user.password_hash)
            .values(password_hash=passwords.hashed(password))
        )


def disable(session: Session, user: User) -> None:
    """Shut a person out: sessions and links end at once; what they did stays theirs.

    The caller tells the bus (`drop_user`), so that open streams end as well.
    """
    _not_the_last_admin(session, user)
    user.disabled_at = user.disabled_at or now()
    session.flush()
    end_links(session, user.id)
    end_sessions(session, user.id)


def enable(session: Session, user: User) -> None:
    """Let a disabled person in again, with the password they had."""
    user.disabled_at = None
    session.flush()


def set_role(session: Session, user: User, role: str) -> None:
    """Give another role; counts from the next request on."""
    if _role(role) != Role.ADMIN:
        _not_the_last_admin(session, user)
    user.role = role
    session.flush()


def rename(session: Session, user: User, name: str) -> None:
    """Change the name that colleagues see."""
    if not _name(name):
        raise UserError("A user needs a name.", error_id="user_name", field="name")
    user.name = _name(name)
    session.flush()


def prefer(session: Session, user: User, **preferences: Any) -> None:
    """Change some of the person's own preferences; the others stay."""
    user.preferences = {**user.preferences, **preferences}
    session.flush()


def person(user: User) -> Person:
    """Return the user as what policy.py decides about."""
    return Person(user.id, user.public_id, user.email, user.name, user.role, user.language, user.time_zone)


def people(session: Session) -> Sequence[User]:
    """Return all users, disabled ones last, by name."""
    return session.scalars(select(User).order_by(User.disabled_at.is_not(None), func.lower(User.name), User.id)).all()


def by_email(session: Session, email: str) -> User | None:
    return session.scalar(select(User).where(User.email == email_key(email)))


def get(session: Session, email: str) -> User:
    """Return a user by e-mail.

    Raises:
        NotFoundError: there is none.
    """
    user = by_email(session, email)
    if user is None:
        raise NotFoundError(f"There is no user {email_key(email)}. See `hub user list`.")
    return user


def nobody_yet(session: Session) -> bool:
    """Say whether there is no user at all."""
    return session.scalar(select(User.id).limit(1)) is None


def email_key(email: str) -> str:
    """Return the form in which e-mails are stored and compared."""
    return email.strip().lower()


def end_sessions(session: Session, user_id: int, *, but: str = "") -> None:
    """End the user's sessions in every browser; `but` is the token hash of one that stays."""
    session.execute(
        update(UserSession)
        .where(UserSession.user_id == user_id, UserSession.ended_at.is_(None), UserSession.token_hash != but)
        .values(ended_at=now())
    )


def end_links(session: Session, user_id: int) -> None:
    """Make every unused password link of the user worthless."""
    session.execute(
        update(PasswordLink)
        .where(PasswordLink.user_id == user_id, PasswordLink.used_at.is_(None))
        .values(used_at=now())
    )


def _name(name: str) -> str:
    return " ".join("".join(c for c in name if c.isprintable() or c.isspace()).split())[:200]


def _role(role: str) -> str:
    if role not in set(Role):
        raise UserError(f"The role must be one of: {', '.join(Role)}.", error_id="unknown_role", field="role")
    return role


def _not_the_last_admin(session: Session, user: User) -> None:
    others = session.scalar(
        select(User.id).where(User.role == Role.ADMIN, User.disabled_at.is_(None), User.id != user.id).limit(1)
    )
    if user.role == Role.ADMIN and user.disabled_at is None and others is None:
        raise UserError(
            "This is the only administrator left. Make somebody else administrator first.",
            error_id="last_admin",
            field="role",
        )
