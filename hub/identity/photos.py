"""Pictures of contacts: which source records name one, fetching them, and which of several is shown.

    plan     in the transaction that keeps what a record says: another address is fetched, one that is gone takes the row along
    fetch    by a worker with a lease; no transaction is open while it waits for the source
    settle   the bytes get their place on the shelf, then the row points to them, under the fence of the lease
    purge    what no row points to goes

A worker that dies before `settle` leaves a row whose lease runs out, and another one fetches the picture from the
beginning; at most a temporary file stays, which `purge` removes. One that dies between the place on the shelf and the commit
leaves a file that nobody points to: the next try puts the same bytes at the same name, or `purge` removes it. Where a record
names another address meanwhile, the row is taken from the worker, and what it brings is dropped.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.connector.stream import HasPhotos, Lane, Remote
from hub.errors import GoneError, RejectedError, said
from hub.identity.claims import PHOTO
from hub.identity.models import ContactPhoto, Link, Party, PhotoState
from hub.intake import fetching
from hub.intake.models import Account, AccountState
from hub.intake.trouble import Trouble
from hub.records.picture import picture_type
from hub.settings import Settings
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.store.shelf import MIB, Draft, Shelf
from hub.store.turn import in_turn
from hub.work.lease import Lease

LOCK = ContactPhoto.__tablename__  # held by whoever puts pictures on the shelf or takes them away
LARGEST = 2 * MIB
AT_ONCE = 2  # nobody waits for a picture; the other workers are for what somebody waits for
TRY_ANEW = timedelta(days=7)
A_NIGHT = 10_000  # files removed at once
NO_PICTURE = "what lies at its address is no JPEG, PNG, WEBP or GIF picture"
_STOPS_ALL = {Trouble.LIMITED, *fetching.NEEDS_SOMEBODY}  # the same would happen to the account's other pictures
# Built once: every page of a customer with a picture asks this. The address that counts is that of the claim that wins.
_SHOWN = (
    select(
        Link.party_id,
        ContactPhoto.id,
        ContactPhoto.sha256,
        ContactPhoto.media_type,
        ContactPhoto.fetched_at,
        ContactPhoto.url,
        Party.fields[PHOTO].as_string().label("wins"),
    )
    .join(Link, Link.id == ContactPhoto.link_id)
    .join(Party, Party.id == Link.party_id)
    .where(Link.party_id.in_(bindparam("parties", expanding=True)), ContactPhoto.sha256 != "")
    .order_by(ContactPhoto.fetched_at, ContactPhoto.id)
)
_log = log.get(__name__)


def shelf(settings: Settings) -> Shelf:
    """Return the folder of the settings."""
    return Shelf(settings.contact_photos, LARGEST)


# --- which there are ----------------------------------------------------------------------------------------------


def plan(session: Session, account_id: int, named: Mapping[int, str]) -> None:
    """Follow which pictures records name now; what is the same as before writes nothing.

    Args:
        named: addresses by link; empty: the record names none any more.
    """
    if not named:
        return
    rows = {row.link_id: row for row in session.scalars(select(ContactPhoto).where(ContactPhoto.link_id.in_(named)))}
    moment = now()
    new = [
        {"link_id": link_id, "account_id": account_id, "url": url, "due_at": moment}
        for link_id, url in named.items()
        if url and link_id not in rows
    ]
    if new:
        session.execute(insert(ContactPhoto), new)
    gone = [row.id for link_id, row in rows.items() if not named[link_id]]
    if gone:
        session.execute(delete(ContactPhoto).where(ContactPhoto.id.in_(gone)))
    for link_id, row in rows.items():
        if named[link_id] and row.url != named[link_id]:
            session.execute(update(ContactPhoto).where(ContactPhoto.id == row.id).values(**_anew(), url=named[link_id]))


def _anew() -> dict[Any, Any]:
    return {**fetching.anew(ContactPhoto), "state": PhotoState.PENDING}


def lost(session: Session, photo: "Photo") -> None:
    """Fetch a picture again that is no longer on the shelf."""
    same = (ContactPhoto.id == photo.id) & (ContactPhoto.sha256 == photo.sha256)
    session.execute(update(ContactPhoto).where(same).values(**_anew(), sha256=""))


# --- fetching -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one try came to: a picture, or why there is none."""

    state: PhotoState
    reason: str = ""
    draft: Draft | None = None
    media_type: str = ""
    fault: Exception | None = None  # that passes


def due() -> ColumnElement[bool]:
    """Return which pictures may be fetched now.

    Those of a paused account wait, and those of an account of which one waits for what would stop them all.
    """
    moment, other = now(), _OTHER.c
    held = select(func.count()).select_from(_OTHER).where(other.lease_until > moment).scalar_subquery()
    stopped = select(other.account_id).where(
        other.state == PhotoState.PENDING, other.due_at > moment, other.trouble.in_(_STOPS_ALL)
    )
    active = select(Account.id).where(Account.state == AccountState.ACTIVE, Account.id.not_in(stopped))
    is_ripe = (ContactPhoto.state == PhotoState.PENDING) & (ContactPhoto.due_at <= moment)
    return is_ripe & ContactPhoto.account_id.in_(active) & (held < AT_ONCE)


def first() -> Sequence[Any]:
    """Return the order: who waits longest."""
    return (ContactPhoto.due_at,)


_OTHER = ContactPhoto.__table__.alias("other")  # its conditions are not of the row that is claimed: asked once for all


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches pictures."""

    db: Database
    open_remote: Callable[[Account, Lane], Remote]
    shelf: Shelf

    def fetch(self, lease: Lease) -> None:
        """Try once to get a picture, and write down what came of it."""
        with self.db.read() as session:
            row = session.get(ContactPhoto, lease.id)
            account = session.get(Account, row.account_id) if row is not None else None
        if row is None or account is None:
            return  # its record was taken back meanwhile
        outcome = self._tried(lease, row, account)
        try:
            self._settle(lease, row, outcome)
        finally:
            if outcome.draft is not None:
                outcome.draft.drop()

    def _tried(self, lease: Lease, row: ContactPhoto, account: Account) -> Outcome:
        if lease.attempt - row.finished > fetching.MOST_DEATHS:
            return Outcome(PhotoState.AWAY, "every try broke off")
        try:
            remote = self.open_remote(account, Lane.BACKFILL)
            if not isinstance(remote, HasPhotos):
                return Outcome(PhotoState.REFUSED, f"{account.name} hands out no pictures")
            content = remote.photo(row.url, largest=LARGEST)
        except GoneError as error:
            return Outcome(PhotoState.GONE, str(error))
        except RejectedError as error:
            return Outcome(PhotoState.REFUSED, str(error))
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - sorted below; one of nobody's is logged there with all of it
            return Outcome(PhotoState.PENDING, said(error), fault=error)
        media_type = picture_type(content[:16])
        if not media_type:
            return Outcome(PhotoState.REFUSED, NO_PICTURE)
        return Outcome(PhotoState.READY, draft=self.shelf.receive([content]), media_type=media_type)

    def _settle(self, lease: Lease, row: ContactPhoto, outcome: Outcome) -> None:
        values = fetching.ended(lease, outcome.reason) | {"state": outcome.state}
        if outcome.fault is not None:
            values |= fetching.later(outcome.fault, "picture of a contact", row.failures)
            if values["due_at"] is None:
                values["state"] = PhotoState.AWAY
        elif outcome.state in {PhotoState.GONE, PhotoState.REFUSED}:
            values |= {"sha256": "", "media_type": "", "fetched_at": None}
        if values["state"] == PhotoState.AWAY:
            values["due_at"] = now() + TRY_ANEW  # by `purge`
        if outcome.draft is not None:
            values |= {"sha256": outcome.draft.sha256, "media_type": outcome.media_type, "fetched_at": now()}
        fetching.settle(self.db, lease, ContactPhoto, self.shelf, outcome.draft, values)
        _log.info("picture of a contact", photo=lease.id, state=str(values["state"]))


# --- showing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Photo:
    """The picture of a party that is shown."""

    id: int
    sha256: str
    media_type: str

    @property
    def mark(self) -> str:
        """What tells it from another one, for an address that browsers keep."""
        return self.sha256[:16]


def of_parties(session: Session, party_ids: Collection[int]) -> dict[int, Photo]:
    """Return the pictures of parties: of the source whose word counts, else the newest."""
    found: dict[int, Photo] = {}
    settled: set[int] = set()
    for row in session.execute(_SHOWN, {"parties": list(party_ids)}) if party_ids else ():
        if row.party_id not in settled:
            found[row.party_id] = Photo(row.id, row.sha256, row.media_type)
            if row.url == row.wins:
                settled.add(row.party_id)
    return found


def of_party(session: Session, party: Party, ids: Collection[int]) -> Photo | None:
    """Return the picture of a party; where no source names one, nothing is asked.

    Args:
        ids: of the party and of those that were merged into it.
    """
    if PHOTO not in party.fields:
        return None
    found = of_parties(session, ids)
    return found.get(party.id) or next(iter(found.values()), None)


# --- the end of a picture -----------------------------------------------------------------------------------------


def purge(session: Session, on: Shelf, *, limit: int = A_NIGHT) -> int:
    """Remove the pictures that no row points to any more; returns how many. What was given up is tried anew after days."""
    in_turn(session, LOCK)
    session.execute(
        update(ContactPhoto)
        .where(ContactPhoto.state == PhotoState.AWAY, ContactPhoto.due_at <= now())
        .values(**_anew())
    )
    return on.sweep(
        lambda names: set(session.scalars(select(ContactPhoto.sha256).where(ContactPhoto.sha256.in_(names)))),
        limit=limit,
    )
