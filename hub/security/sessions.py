"""Sign-ins of browsers: the cookie holds a random token, the row its hash, and the row decides."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from hub.security import users
from hub.security.models import User, UserSession
from hub.security.policy import Person
from hub.security.tokens import digest, new_secret
from hub.settings import Settings
from hub.store.base import now

AT_ONCE = 500  # sessions looked at in one statement
EMBEDDED_H = 8  # the most for a page in another product's frame
EMBEDDED_KEPT = timedelta(days=1)  # each page that is opened there has one of its own
TOUCH_EVERY = timedelta(minutes=1)  # a row is written at most this often for "last seen"


@dataclass(frozen=True, slots=True)
class Found:
    """A session in force."""

    id: int
    person: Person
    preferences: Mapping[str, Any] = field(default_factory=dict)
    touch_due: bool = False  # "last seen" is old enough to be written anew
    origin: str = ""  # the product whose page frames ours; empty: a browser that signed in


def start(session: Session, user: User, address: str, browser: str, settings: Settings, *, origin: str = "") -> str:
    """Sign a user in and return the token: for the cookie, or for the page that `origin` shows in a frame."""
    token = new_secret()
    at = now()
    hours = min(settings.security.session_h, EMBEDDED_H) if origin else settings.security.session_h
    session.add(
        UserSession(
            user_id=user.id,
            token_hash=digest(token),
            created_at=at,
            seen_at=at,
            expires_at=at + timedelta(hours=hours),
            address=address[:100],
            browser=browser[:300],
            origin=origin,
        )
    )
    session.execute(update(User).where(User.id == user.id).values(seen_at=at))
    session.flush()
    return token


def look(
    session: Session, token: str, settings: Settings, at: datetime | None = None, *, embedded: bool = False
) -> Found | None:
    """Return the session of a token; None if it is unknown, ended, idle for too long, too old, or its user disabled.

    A token of a frame is none of a cookie, and the other way round: `embedded` says which is asked for.
    """
    if not token:
        return None
    row = session.execute(_OF_TOKEN, {"token": digest(token)}).one_or_none()
    if row is None:
        return None
    at = at or now()
    number, created_at, expires_at, seen_at, preferences, origin, *user = row
    if bool(origin) is not embedded:
        return None
    idle = timedelta(minutes=settings.security.idle_min)
    oldest = created_at + timedelta(hours=settings.security.session_h)  # a shorter setting counts at once
    if at >= min(expires_at, oldest) or at - seen_at >= idle:
        return None
    return Found(number, Person(*user), preferences, at - seen_at >= min(TOUCH_EVERY, idle / 4), origin)


# Asked at every request: made once, and of plain tables, since to build it or to make objects takes longer than to run it.
_mine, _theirs = UserSession.__table__.c, User.__table__.c
_OF_TOKEN = (
    select(_mine.id, _mine.created_at, _mine.expires_at, _mine.seen_at, _theirs.preferences, _mine.origin)
    .add_columns(*(_theirs[one.name] for one in fields(Person)))
    .join_from(UserSession.__table__, User.__table__, _mine.user_id == _theirs.id)
    .where(_mine.token_hash == bindparam("token"), _mine.ended_at.is_(None), _theirs.disabled_at.is_(None))
)


def in_force(session: Session, ids: Collection[int], settings: Settings, at: datetime | None = None) -> set[int]:
    """Return those of many sessions that `look` would still find; asked every few seconds of all open streams."""
    at = at or now()
    limits = {
        "at": at,
        "oldest": at - timedelta(hours=settings.security.session_h),
        "idle": at - timedelta(minutes=settings.security.idle_min),
    }
    asked = list(ids)
    found: set[int] = set()
    for start in range(0, len(asked), AT_ONCE):
        found.update(session.scalars(_IN_FORCE, {**limits, "ids": asked[start : start + AT_ONCE]}))
    return found


_IN_FORCE = (
    select(_mine.id)
    .join_from(UserSession.__table__, User.__table__, _mine.user_id == _theirs.id)
    .where(
        _mine.id.in_(bindparam("ids", expanding=True)),
        _mine.ended_at.is_(None),
        _theirs.disabled_at.is_(None),
        _mine.expires_at > bindparam("at"),
        _mine.created_at > bindparam("oldest"),
        _mine.seen_at > bindparam("idle"),
    )
)


def find(session: Session, token: str, settings: Settings) -> Person | None:
    """Return who is signed in with this token."""
    found = look(session, token, settings)
    return found.person if found else None


def touch(session: Session, found: Found, at: datetime | None = None) -> None:
    """Note that the person was here just now."""
    at = at or now()
    session.execute(update(UserSession).where(UserSession.id == found.id).values(seen_at=at))
    session.execute(update(User).where(User.id == found.person.id).values(seen_at=at))


def end(session: Session, token: str) -> None:
    """Sign one browser out."""
    session.execute(
        update(UserSession)
        .where(UserSession.token_hash == digest(token), UserSession.ended_at.is_(None))
        .values(ended_at=now())
    )


def end_all(session: Session, user_id: int, *, but: str = "") -> None:
    """Sign the user out in every browser; `but` is the token of one that stays."""
    users.end_sessions(session, user_id, but=digest(but) if but else "")


def of_user(session: Session, user_id: int, settings: Settings) -> Sequence[UserSession]:
    """Return the user's sessions in force, the last used first."""
    at = now()
    return session.scalars(
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.ended_at.is_(None),
            UserSession.expires_at > at,
            UserSession.seen_at > at - timedelta(minutes=settings.security.idle_min),
        )
        .order_by(UserSession.seen_at.desc())
    ).all()


def purge(session: Session, before: datetime) -> int:
    """Delete sessions that ended or expired before a moment, those of frames a day after; returns how many."""
    of_frame = (UserSession.origin != "") & (UserSession.expires_at < now() - EMBEDDED_KEPT)
    gone = session.execute(
        delete(UserSession)
        .where(or_(UserSession.ended_at < before, UserSession.expires_at < before, of_frame))
        .returning(UserSession.id)
    )
    return len(gone.all())
