"""Files of messages: fetched soon after a message came, because remotes forget them, and handed out only from here.

    fetch    by a worker with a lease; no transaction is open while it waits for the remote
    settle   the bytes get their place on the shelf, then the row points to them, under the fence of the lease
    purge    what no row points to goes

A worker that dies before `settle` leaves a row whose lease runs out, and another one fetches the file from the beginning.
One that dies between the place on the shelf and the commit leaves a file that nobody points to: the next try puts the same
bytes at the same name, or `purge` removes it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.connector.stream import HasMedia, Lane, Remote
from hub.errors import GoneError, RejectedError, RetryLaterError, said
from hub.intake import fetching
from hub.intake.models import Account, AccountState
from hub.messages.models import MediaState, MessageMedia
from hub.records.picture import picture_type
from hub.settings import Settings
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.store.shelf import MIB, Draft, Shelf
from hub.store.turn import in_turn
from hub.work.lease import Lease

LOCK = MessageMedia.__tablename__  # held by whoever puts files on the shelf or takes them away
LARGEST = 32 * MIB  # held in memory while it is fetched; WhatsApp takes 16 of a video and 100 of a document
AT_ONCE = 2
TRY_ANEW = timedelta(days=1)
A_NIGHT = 10_000  # files removed at once
_OTHER = MessageMedia.__table__.alias("other")  # its conditions are not of the row that is claimed: asked once for all
_log = log.get(__name__)


def folder(settings: Settings) -> Path:
    """Return where files of messages are kept: beside those of mails, which all machines reach."""
    return settings.mail_files / "messages"


def shelf(settings: Settings) -> Shelf:
    """Return the folder of the settings."""
    return Shelf(folder(settings), LARGEST)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one try came to: a file, or why there is none."""

    state: MediaState
    reason: str = ""
    draft: Draft | None = None
    picture: str = ""  # media type, where it is a picture that may be shown
    fault: Exception | None = None  # that passes


def due() -> ColumnElement[bool]:
    """Return which files may be fetched now; those of a paused account wait."""
    moment, other = now(), _OTHER.c
    held = select(func.count()).select_from(_OTHER).where(other.lease_until > moment).scalar_subquery()
    active = select(Account.id).where(Account.state == AccountState.ACTIVE)
    is_ripe = (MessageMedia.state == MediaState.PENDING) & (MessageMedia.due_at <= moment)
    return is_ripe & MessageMedia.account_id.in_(active) & (held < AT_ONCE)


def first() -> Sequence[Any]:
    """Return the order: the newest message, somebody may be waiting for it."""
    return (MessageMedia.failures, MessageMedia.id.desc())


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches files of messages."""

    db: Database
    open_remote: Callable[[Account, Lane], Remote]
    shelf: Shelf

    def fetch(self, lease: Lease) -> None:
        """Try once to get a file, and write down what came of it."""
        with self.db.read() as session:
            row = session.get(MessageMedia, lease.id)
            account = session.get(Account, row.account_id) if row is not None else None
        if row is None or account is None:
            return  # its message was taken back meanwhile
        outcome = self._tried(lease, row, account)
        try:
            self._settle(lease, row, outcome)
        finally:
            if outcome.draft is not None:
                outcome.draft.drop()

    def _tried(self, lease: Lease, row: MessageMedia, account: Account) -> Outcome:
        if lease.attempt - row.finished > fetching.MOST_DEATHS:
            return Outcome(MediaState.AWAY, "every try broke off")
        if row.said_size is not None and row.said_size > LARGEST:
            return Outcome(MediaState.REFUSED, f"it has more than {LARGEST // MIB} MB")
        try:
            remote = self.open_remote(account, Lane.INTERACTIVE)
            if not isinstance(remote, HasMedia):
                return Outcome(MediaState.REFUSED, f"{account.name} hands out no files")
            content = remote.media(row.remote_id, largest=LARGEST)
            if len(content) > LARGEST:
                return Outcome(MediaState.REFUSED, f"it has more than {LARGEST // MIB} MB")
            draft = self.shelf.receive([content])
        except GoneError as error:
            return Outcome(MediaState.GONE, str(error))
        except RejectedError as error:
            return Outcome(MediaState.REFUSED, str(error))
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - sorted below; one of nobody's is logged there with all of it
            return Outcome(MediaState.PENDING, said(error), fault=error)
        if row.said_sha256 and draft.sha256 != row.said_sha256:
            draft.drop()
            fault = RetryLaterError("what arrived is not what the message speaks of")
            return Outcome(MediaState.PENDING, str(fault), fault=fault)
        return Outcome(MediaState.KEPT, draft=draft, picture=picture_type(content[:16]))

    def _settle(self, lease: Lease, row: MessageMedia, outcome: Outcome) -> None:
        values = fetching.ended(lease, outcome.reason) | {"state": outcome.state}
        if outcome.fault is not None:
            values |= fetching.later(outcome.fault, "file of a message", row.failures)
            if values["due_at"] is None:
                values["state"] = MediaState.AWAY
        if values["state"] == MediaState.AWAY:
            values["due_at"] = now() + TRY_ANEW  # by `purge`
        if outcome.draft is not None:
            values |= {
                "sha256": outcome.draft.sha256, "size": outcome.draft.size, "picture_type": outcome.picture,
                "fetched_at": now(),
            }  # fmt: skip
        fetching.settle(self.db, lease, MessageMedia, self.shelf, outcome.draft, values)
        _log.info("file of a message", media=lease.id, state=str(values["state"]))


def anew(session: Session, row: MessageMedia) -> None:
    """Fetch a file again: it was given up for now, or is no longer on the shelf. What works on it brings nothing more."""
    session.execute(update(MessageMedia).where(MessageMedia.id == row.id).values(**_anew()))


def _anew() -> dict[Any, Any]:
    return {**fetching.anew(MessageMedia), "state": MediaState.PENDING, "sha256": ""}


def purge(session: Session, on: Shelf, *, limit: int = A_NIGHT) -> int:
    """Remove the files that no row points to any more; returns how many. What was given up is tried anew after a day."""
    in_turn(session, LOCK)
    given_up = (MessageMedia.state == MediaState.AWAY) & (MessageMedia.due_at <= now())
    session.execute(update(MessageMedia).where(given_up).values(**_anew()))
    return on.sweep(
        lambda names: set(session.scalars(select(MessageMedia.sha256).where(MessageMedia.sha256.in_(names)))),
        limit=limit,
    )
