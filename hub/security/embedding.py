"""Pages of ours in frames of other products: which products may, and how a page there learns whose it is.

No cookie counts in a frame of another site. So the product's server asks for a ticket of one of our users; the page that is
loaded with it exchanges it, once and within a minute, for a session of that user. The session's token lives in the memory of
that page alone. It is a session like any other: it ends when its user is disabled or signs out everywhere, and is bound to
the origin that the ticket was for.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, NotFoundError, UserError
from hub.security import audit, sessions
from hub.security.models import EmbedOrigin, EmbedTicket, User, UserSession
from hub.security.policy import Person, may_embed_for
from hub.security.tokens import digest, new_secret
from hub.settings import Settings
from hub.store.base import now

TICKET_S = 60
LONGEST = 200  # characters of an origin or of a secret that somebody sends
KEPT = timedelta(days=1)  # so long a page that is loaded again can be told what happened
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*|\[[0-9a-f:]{2,39}\]")
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})  # of developers; browsers trust these without TLS too
_USUAL_PORTS = {"https": 443, "http": 80}


class Page(StrEnum):
    """What is shown in a frame."""

    CARD = "card"  # one customer
    POP = "pop"  # waits for calls


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a page shows first: a customer by public id, or whoever has a number; empty: nobody yet."""

    party: str = ""
    number: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of a ticket. Without a token it was used before, or came too late."""

    origin: str
    token: str = ""
    subject: Subject = Subject()


def read_origin(text: str) -> str:
    """Return an origin as browsers write it.

    Raises:
        UserError: it is none, or one that is not safe: only https, and http on this computer.
    """
    bad = UserError(
        "Write the beginning of an address, such as https://crm.example; http is possible for localhost alone.",
        error_id="bad_origin",
        field="origin",
    )
    text = text.strip()
    if not text or len(text) > LONGEST or any(c.isspace() or not c.isprintable() for c in text):
        raise bad  # `urlsplit` leaves out line ends, wherever they are
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("idna").decode().lower(), parts.port
    except (ValueError, UnicodeError):
        raise bad from None
    host = f"[{host}]" if ":" in host else host
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in _HERE)
    is_bare = parts.path in {"", "/"} and not any(c in text for c in "?#@\\")
    if not is_safe or not is_bare or not _HOST.fullmatch(host):
        raise bad
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != _USUAL_PORTS[parts.scheme] else "")


def origins(session: Session) -> Sequence[EmbedOrigin]:
    """Return who may show pages of ours."""
    return session.scalars(select(EmbedOrigin).order_by(EmbedOrigin.origin)).all()


def allow(session: Session, person: Person, text: str, *, address: str = "") -> EmbedOrigin:
    """Let the pages of an origin show ours.

    Raises:
        UserError: it is no origin, or known.
    """
    origin = read_origin(text)
    if _known(session, origin):
        raise UserError("This one is on the list already.", error_id="origin_known", field="origin")
    row = EmbedOrigin(origin=origin)
    session.add(row)
    session.flush()
    audit.record(session, person, "embed.allowed", "embed_origin", row.id, address=address, origin=origin)
    return row


def forbid(session: Session, person: Person, number: int, *, address: str = "") -> None:
    """Take an origin off the list; what is open in its frames ends.

    Raises:
        NotFoundError: it is not on the list.
    """
    row = session.get(EmbedOrigin, number)
    if row is None:
        raise NotFoundError("This address is not on the list any more.")
    session.execute(delete(EmbedTicket).where(EmbedTicket.origin == row.origin))
    session.execute(
        update(UserSession)
        .where(UserSession.origin == row.origin, UserSession.ended_at.is_(None))
        .values(ended_at=now())
    )
    audit.record(session, person, "embed.forbidden", "embed_origin", row.id, address=address, origin=row.origin)
    session.delete(row)


def issue(
    session: Session, asker: Person, user: User, origin: str, page: Page, subject: Subject, *, address: str = ""
) -> tuple[str, datetime]:
    """Return a new ticket, shown once, and until when it is good.

    Raises:
        UserError: the origin is not on the list, or the user is disabled.
        ForbiddenError: who asks may not speak for this user.
    """
    if not may_embed_for(asker, user.id):
        raise ForbiddenError("This token may ask for tickets of its own user only; use one of an administrator.")
    if user.disabled_at is not None:
        raise UserError("This user is disabled. Enable the user first.", error_id="user_disabled", field="user")
    origin = read_origin(origin)
    if not _known(session, origin):
        text = f"{origin} is not allowed to show pages of the hub; an administrator adds it under Settings, Embedding."
        raise UserError(text, error_id="origin_unknown", field="origin")
    at, secret = now(), new_secret()
    ticket = EmbedTicket(
        user_id=user.id, token_hash=digest(secret), origin=origin, page=page, party=subject.party,
        number=subject.number, expires_at=at + timedelta(seconds=TICKET_S),
    )  # fmt: skip
    session.add(ticket)
    if not _speaks_already(session, user.id, origin, at):
        audit.record(session, asker, "embed.ticket", "user", user.public_id, address=address, origin=origin)
    session.flush()
    return secret, ticket.expires_at


def is_ticket(session: Session, secret: str) -> bool:
    """Say whether this is or was a ticket: a stranger's guess costs one look and no lock."""
    if not secret or len(secret) > LONGEST:
        return False
    return session.scalar(select(EmbedTicket.id).where(EmbedTicket.token_hash == digest(secret))) is not None


def spend(
    session: Session, secret: str, page: Page, settings: Settings, *, address: str = "", browser: str = ""
) -> Opened | None:
    """Exchange a ticket for a session of its user. Two loads at once: one of them gets it.

    Returns None where there is no such ticket, or its origin is not allowed any more.
    """
    at, hashed = now(), digest(secret)
    taken: list[int] = list(
        session.scalars(
            update(EmbedTicket)
            .where(EmbedTicket.token_hash == hashed, EmbedTicket.page == page)
            .where(EmbedTicket.used_at.is_(None), EmbedTicket.expires_at > at)
            .values(used_at=at)
            .returning(EmbedTicket.id)
        )
    )
    ticket = session.scalars(select(EmbedTicket).where(EmbedTicket.token_hash == hashed)).one_or_none()
    if ticket is None or not _known(session, ticket.origin):
        return None
    subject = Subject(ticket.party, ticket.number)
    ticket.party = ticket.number = ""
    user = session.get_one(User, ticket.user_id)
    if not taken or user.disabled_at is not None:
        return Opened(ticket.origin)
    token = sessions.start(session, user, address, browser, settings, origin=ticket.origin)
    return Opened(ticket.origin, token, subject)


def forget(session: Session) -> None:
    """Forget tickets that nobody can use any more: at once whom they were to show, after a day that they were there."""
    at = now()
    session.execute(delete(EmbedTicket).where(EmbedTicket.expires_at < at - KEPT))
    session.execute(
        update(EmbedTicket)
        .where(EmbedTicket.expires_at < at, or_(EmbedTicket.party != "", EmbedTicket.number != ""))
        .values(party="", number="")
    )


def _speaks_already(session: Session, user_id: int, origin: str, at: datetime) -> bool:
    """Say whether a page of this product speaks for the user now: the audit need not name every page that is opened."""
    mine = select(UserSession.id).where(UserSession.user_id == user_id, UserSession.origin == origin)
    return session.scalar(mine.where(UserSession.ended_at.is_(None), UserSession.expires_at > at).limit(1)) is not None


def _known(session: Session, origin: str) -> bool:
    return session.scalar(select(EmbedOrigin.id).where(EmbedOrigin.origin == origin)) is not None
