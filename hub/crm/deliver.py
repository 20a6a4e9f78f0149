"""How the outbox writes things into CRMs: each once, changed only where nobody there changed it, taken back where it became private.

A process that dies after the CRM wrote and before we know of it leaves a row that is tried again: the writer then finds what
it made by its key, or writes the same over it. Somebody who is made there on the way is written down before and after, in
transactions of their own, for several things may want the same person.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import log
from hub.connector import crm
from hub.connector.stream import Remote, Writer, Written
from hub.crm import people, targets
from hub.crm.models import CrmCopy
from hub.crm.people import Somebody, Whom
from hub.crm.plan import key_of
from hub.crm.targets import TASK
from hub.crm.tasks import TaskPush
from hub.crm.things import PERSON, Thing
from hub.crm.wish import Maker, Wish
from hub.errors import ConflictError, GoneError, RejectedError
from hub.identity.models import Link
from hub.intake.models import Account
from hub.outbound.deliver import Item
from hub.store.base import now
from hub.store.session import Database

CHANGED_THERE = "Somebody changed this record in the CRM, so what changed here since was not written over it."
OPEN_FOR = timedelta(minutes=10)  # a connection is gone on with, and what it knows of colleagues there
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Wrote(Written):
    """What stands in a CRM of a thing now."""

    records: str = crm.INTERACTIONS
    hash: str = ""
    party_id: int | None = None
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """What is to be done about a thing, as all stands when it goes out."""

    wish: Wish
    copy: CrmCopy | None
    whom: Whom
    one: Somebody | None
    is_begun: bool  # they are being made there, or were
    makes_people: bool


@dataclass(slots=True)
class _Open:
    remote: Remote
    stamp: object
    at: datetime


@dataclass(frozen=True, slots=True)
class CrmKind:
    """Things of ours (`outbound.deliver.Kind`)."""

    db: Database
    maker: Callable[[], Maker]
    open: dict[int, _Open] = field(default_factory=dict)  # remotes by account; one thing at a time goes to each

    # --- send -----------------------------------------------------------------------------------------------------

    def send(self, remote: Remote, item: Item) -> Written | None:
        """Write what a CRM lacks of a thing; None: nothing."""
        thing, remote = Thing.of(item.payload["thing"]), self._kept(remote, item.account_id)
        if thing.kind == TASK:
            return TaskPush(self.db, remote, item, self.maker()).run(thing.id)
        look = self._look(item, thing)
        if look is None:
            return None
        if look.copy is not None and look.copy.remote_id:
            return _rewrite(remote, item, look.wish, look.copy)
        if look.wish.is_private:
            return None
        whom = self._whom(remote, item, look)
        party_id = look.one.id if look.one else None
        if not whom and look.wish.records == crm.INTERACTIONS:
            return Wrote("", records=look.wish.records, party_id=party_id)  # waits until they are there
        written = create(
            remote.writer(look.wish.records), {**look.wish.values, **whom.values()},
            key=key_of(item.account_id, thing), again=item.again,
        )  # fmt: skip
        return Wrote(
            written.remote_id, written.version, records=look.wish.records, hash=look.wish.hash, party_id=party_id
        )

    def _kept(self, remote: Remote, account_id: int) -> Remote:
        """Return the connection that is open to an account, unless its settings changed: it knows who is who there."""
        with self.db.read() as session:
            account = session.get_one(Account, account_id)
            stamp = (account.settings, account.secrets, account.region, account.time_zone)
        known = self.open.get(account_id)
        if known is None or known.stamp != stamp or known.at < now() - OPEN_FOR:
            known = self.open[account_id] = _Open(remote, stamp, now())
        return known.remote

    def _look(self, item: Item, thing: Thing) -> _Look | None:
        with self.db.read() as session:
            target = targets.of_account(session, item.account_id)
            wish = self.maker().wish(session, target, thing) if target else None
            copy = _copy(session, item.account_id, thing)
            if target is None or wish is None or (copy is not None and copy.gone_at is not None):
                return None
            whom = people.linked(session, item.account_id, wish.parties)
            one = people.somebody(session, wish.parties)
            is_begun = one is not None and _copy(session, item.account_id, f"{PERSON}:{one.public_id}") is not None
            return _Look(wish, copy, whom, one, is_begun, target.makes_people)

    def _whom(self, remote: Remote, item: Item, look: _Look) -> Whom:
        if look.whom or look.one is None:
            return look.whom
        found = None if look.is_begun else people.ask(remote, look.one)
        if found is None and (look.makes_people or look.is_begun) and not look.one.is_company:
            found = self._make(remote, item.account_id, look.one)
        return replace(look.whom, party=found)

    def _make(self, remote: Remote, account_id: int, one: Somebody) -> str:
        """Make somebody there, once, whichever of their things comes first."""
        thing = f"{PERSON}:{one.public_id}"
        with self.db.write() as session:
            copy = _copy(session, account_id, thing)
            if copy is not None and copy.remote_id:
                return copy.remote_id
            is_tried = copy is not None
            if copy is None:
                session.add(CrmCopy(account_id=account_id, thing=thing, party_id=one.id, records=crm.CONTACTS))
        written = create(remote.writer(crm.CONTACTS), one.values, key=key_of(account_id, thing), again=is_tried)
        with self.db.write() as session:
            copy = _copy(session, account_id, thing)
            if copy is not None:  # else they were erased meanwhile
                copy.remote_id, copy.version, copy.written_at = written.remote_id, written.version, now()
                _link(session, account_id, written.remote_id, one.id)
        return written.remote_id

    # --- sent -----------------------------------------------------------------------------------------------------

    def sent(self, session: Session, item: Item, written: Written | None) -> None:
        """Write down what stands there now."""
        thing = Thing.of(item.payload["thing"])
        if thing.kind == TASK:
            TaskPush.sent(session, item, written)
            return
        if not isinstance(written, Wrote):
            return
        copy = _copy(session, item.account_id, thing)
        if copy is None:
            copy = CrmCopy(account_id=item.account_id, thing=str(thing), records=written.records)
            session.add(copy)
        copy.party_id = written.party_id or copy.party_id
        if written.is_gone:
            copy.gone_at = now()
        elif written.remote_id:
            copy.remote_id, copy.version, copy.hash = written.remote_id, written.version, written.hash
            copy.written_at = now()

    def refused(self, session: Session, item: Item, why: str) -> None:
        """Leave it: the account's page shows it with the reason, and a person decides."""


def create(writer: Writer, values: Mapping[str, Any], *, key: str, again: bool) -> Written:
    """Make a record; what an earlier try may have made is looked for first, where the writer can.

    Raises:
        ConnectorError: as of a writer.
    """
    found = writer.find(key, values) if again and isinstance(writer, crm.FindsWritten) else None
    return found or writer.create(values, key=key)


def _rewrite(remote: Remote, item: Item, wish: Wish, copy: CrmCopy) -> Wrote | None:
    """Bring a record up to date, or take it back.

    Raises:
        RejectedError: somebody changed it there.
    """
    writer = remote.writer(copy.records)
    gone = Wrote(copy.remote_id, records=copy.records, is_gone=True)
    if wish.is_private:
        writer.delete(copy.remote_id, version="", key=item.key)
        return gone
    if wish.hash == copy.hash:
        return None
    try:
        written = writer.update(copy.remote_id, wish.values, version=copy.version, key=item.key)
    except ConflictError:
        raise RejectedError(CHANGED_THERE) from None
    except GoneError:
        _log.info("somebody deleted it in the CRM", account=item.account_id, thing=copy.thing)
        return gone
    return Wrote(copy.remote_id, written.version, records=copy.records, hash=wish.hash)


def _copy(session: Session, account_id: int, thing: object) -> CrmCopy | None:
    query = select(CrmCopy).where(CrmCopy.account_id == account_id, CrmCopy.thing == str(thing))
    return session.scalar(query)


def _link(session: Session, account_id: int, remote_id: str, party_id: int) -> None:
    """Say whose record it is that was made, before its stream brings it."""
    there = (Link.account_id == account_id, Link.stream == crm.CONTACTS, Link.remote_id == remote_id)
    if session.scalar(select(Link.id).where(*there)) is None:
        session.add(Link(
            party_id=party_id, origin_party_id=party_id, account_id=account_id, stream=crm.CONTACTS, remote_id=remote_id
        ))  # fmt: skip
