"""Push channels: opened, renewed and closed, and what they hint at made due. Polling would find it anyway, only later.

Each account has a row of its own for this work (`PUSH`), due before a channel ends or once something changed that its
channels depend on; and one (`PULL`) where hints lie in a queue that must be asked. Both are leased like streams.

When the process dies: a channel that was opened and not saved is unknown to us, its notifications are refused, and it
ends by itself while another one is open. A new channel that was saved before the old one was stopped leaves that one to
end by itself too. One that was stopped before its row was deleted is stopped again. A hint is answered, or acknowledged,
after it was committed: before, it comes again, and that costs a look.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from hub import log
from hub.connector.hook import Hook
from hub.connector.stream import Channel, Hinted, Lane, Named, Push, Remote
from hub.errors import (
    AuthError,
    ConnectorError,
    GoneError,
    LimitedError,
    NotFoundError,
    RetryLaterError,
    ShapeError,
    said,
)
from hub.intake import grants, named, read, receive, trouble
from hub.intake.models import LISTING, Account, AccountState, PushChannel, StreamState
from hub.intake.trouble import Trouble
from hub.security.vault import Vault
from hub.settings import Settings
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.work.lease import Lease, LeaseLostError, fence, holds, release

PUSH = "push"  # the stream of an account that is its channels
PULL = "pull"  # and the one that is its queue
LOOK_EVERY = timedelta(hours=6)  # whether what had no channel can have one now
CONNECT_EVERY = timedelta(hours=1)  # whether somebody let us in again
LEAST = timedelta(minutes=1)  # between looks at the channels of an account
SPACING = timedelta(seconds=5)  # between looks at one stream, however many hints come
ODD = "notification"  # stream of raw records that are parts of notifications nobody understands
PAUSE = timedelta(seconds=1)  # before a queue that was empty is asked again
_FULL = ("full", "sweep", "prove")  # phases of a pass from the beginning, behind which there is a look anyway
_FAULTS = (ConnectorError, ShapeError)
_log = log.get(__name__)

# Asked every second by every worker, so made once.
_OTHER = aliased(StreamState)
_BEFORE = tuple_(_OTHER.failures, _OTHER.id) < tuple_(StreamState.failures, StreamState.id)
_SHARES = (_OTHER.stream == PULL) & (_OTHER.asked == StreamState.asked) & _OTHER.wanted
_PULLED = (StreamState.stream == PULL) & StreamState.wanted & ~exists().where(_SHARES, _BEFORE).correlate(StreamState)
_PUSHED = StreamState.stream == PUSH


def due() -> ColumnElement[bool]:
    """Return which accounts' channels are to be looked at."""
    return _PUSHED & (StreamState.due_at <= now())


def to_pull() -> ColumnElement[bool]:
    """Return which queues are to be asked: of accounts that share one, the first of those with the fewest failures."""
    return _PULLED & (StreamState.due_at <= now())


def plan(session: Session, public_url: str) -> None:
    """Let accounts be looked at whose settings, state or streams changed since their channels were."""
    rows = {row.account_id: row for row in session.scalars(select(StreamState).where(StreamState.stream == PUSH))}
    keys = _keys(session)
    query = select(Account).where(Account.id.in_([*rows, *keys]))
    for account in session.scalars(query.order_by(Account.id)):
        row = rows.get(account.id)
        if row is None:
            session.add(StreamState(account_id=account.id, stream=PUSH, title="Push notifications", due_at=now()))
        elif row.asked != _asked(account, keys.get(account.id, []), public_url):
            _look_now(session, row.id)


def leave(session: Session, account_id: int) -> bool:
    """Let the channels of an account be closed that is being removed; its secrets are needed for that, and then gone.

    Returns:
        Whether it has any: if not, nothing is needed any more.
    """
    mine = StreamState.account_id == account_id
    row = session.scalar(select(StreamState).where(mine, StreamState.stream == PUSH))
    if row is None or session.scalar(select(PushChannel.id).where(PushChannel.account_id == account_id)) is None:
        return False
    _look_now(session, row.id)
    return True


def hint(session: Session, connector: str, keys: Sequence[str]) -> int:
    """Let streams be read soon, of whichever account of a connector they are; returns how many that were.

    A stream that is due already is left alone, unless it is being read: what was hinted at may be behind the reader.
    """
    found = _to_hint(session, connector, keys)
    for row, due_at in found:
        values = {} if row.phase in _FULL else {"lane": Lane.INCREMENTAL}
        session.execute(
            update(StreamState)
            .where(StreamState.id == row.id)
            .values(due_at=due_at, **values)
            .execution_options(synchronize_session=False)
        )
    return len(found)


def _to_hint(session: Session, connector: str, keys: Sequence[str]) -> list[tuple[StreamState, datetime]]:
    query = (
        select(StreamState)
        .join(Account)
        .where(
            Account.connector == connector,
            Account.state == AccountState.ACTIVE,
            StreamState.stream.in_(keys),
            StreamState.records != "",
            StreamState.wanted,
            StreamState.due_at.is_not(None),  # or a person must do something first
        )
        .order_by(StreamState.id)
    )
    moment, found = now(), []
    for row in session.scalars(query) if keys else ():
        due_at = max(moment, row.last_run_at + SPACING) if row.last_run_at else moment
        if row.lease_until is not None or (row.due_at is not None and row.due_at > due_at):
            found.append((row, due_at))
    return found


def _keys(session: Session) -> dict[int, list[str]]:
    """Return the streams that are read, by their accounts."""
    query = select(StreamState.account_id, StreamState.stream).where(
        StreamState.wanted, StreamState.records.not_in(("", LISTING))
    )
    found: dict[int, list[str]] = {}
    for account_id, key in session.execute(query.order_by(StreamState.stream)):
        found.setdefault(account_id, []).append(key)
    return found


def _asked(account: Account, keys: Sequence[str], public_url: str) -> str:
    """Say in short what an account's channels depend on."""
    told = [account.state, account.settings, account.secrets, list(keys), public_url]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _look_now(session: Session, row_id: int) -> None:
    moment = now()
    session.execute(
        update(StreamState)
        .where(StreamState.id == row_id, StreamState.due_at.is_(None) | (StreamState.due_at > moment))
        .values(due_at=moment)
        .execution_options(synchronize_session=False)
    )


@dataclass(slots=True)
class Visit:
    """One look at the channels of one account."""

    lease: Lease
    state: StreamState
    account: Account
    keys: Sequence[str]  # of the streams that are read
    problems: list[tuple[str, Exception]]  # which stream has no channel, and why


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of all accounts.

    Args:
        public_url: where remotes reach us; empty: nowhere.
        wake: says that streams became due.
    """

    db: Database
    vault: Vault
    open_remote: Callable[[Account, Lane], Remote]
    public_url: str = ""
    wake: Callable[[], None] = lambda: None

    # --- channels -------------------------------------------------------------------------------------------------

    def keep(self, lease: Lease) -> None:
        """Open, renew and close what is to be, of one account, and say when to look again."""
        with self.db.read() as session:
            state = session.get_one(StreamState, lease.id)
            account = session.get_one(Account, state.account_id)
            keys = _keys(session).get(account.id, [])
        visit = Visit(lease, state, account, keys, [])
        try:
            if account.state == AccountState.ACTIVE:
                self._open_all(visit)
            else:
                self._close_all(visit)
        except LeaseLostError:
            return
        except DATABASE_AWAY:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, it stops this account's push alone, visibly
            visit.problems.append((account.name, fault))
        self._end(visit)

    def _open_all(self, visit: Visit) -> None:
        remote = self.open_remote(visit.account, Lane.INCREMENTAL)
        push = remote.push()
        kept = self._kept(visit.account)
        for key in kept if push is None else kept.keys() - visit.keys:
            self._close(visit, push, kept[key])
        self._ask_queue(visit, push.queue if push else "")
        if push is None:
            return
        for key in visit.keys:
            try:
                self._open(visit, remote, push, key, kept.get(key))
            except _FAULTS as fault:
                visit.problems.append((key, fault))
                if isinstance(fault, RetryLaterError) and not isinstance(fault, LimitedError):
                    return  # it is away, for the others too

    def _open(self, visit: Visit, remote: Remote, push: Push, key: str, old: Channel | None) -> None:
        new = push.ensure(remote.stream(key), old, address(self.public_url, visit.account))
        if new is None:
            if old is not None:
                self._close(visit, push, old)
            return
        if new == old:
            return
        with self.db.write() as session:
            fence(session, StreamState, visit.lease)
            self._save(session, visit.account.id, new)
            # What changed between the last look and the opening nobody tells us; the old one may have ended before.
            if old is None or old.id != new.id:
                hint(session, visit.account.connector, [key])
        if old is not None and old.id != new.id:
            try:
                push.stop(old)
            except _FAULTS as fault:  # it is replaced already, and ends by itself
                _log.info("an old channel was not closed", account=visit.account.name, stream=key, reason=str(fault))

    def _close_all(self, visit: Visit) -> None:
        self._ask_queue(visit, "")
        kept = self._kept(visit.account)
        push = self.open_remote(visit.account, Lane.INCREMENTAL).push() if kept else None
        for channel in kept.values():
            self._close(visit, push, channel)

    def _close(self, visit: Visit, push: Push | None, channel: Channel) -> None:
        """Close a channel and forget it. One that cannot be closed now is tried again, until it ended by itself."""
        try:
            if push is not None:
                push.stop(channel)
        except (AuthError, GoneError):
            pass  # nobody will let us in any more; it ends by itself
        except _FAULTS as fault:
            is_over = channel.expires_at is not None and channel.expires_at <= now()
            if visit.account.state != AccountState.REMOVED and not is_over:
                visit.problems.append((channel.key, fault))
                return
        with self.db.write() as session:
            fence(session, StreamState, visit.lease)
            row = session.scalar(_row_of(visit.account.id, channel.key))
            if row is not None:
                session.delete(row)

    def _ask_queue(self, visit: Visit, queue: str) -> None:
        """Let the account's queue be asked, or no more."""
        asked = f"{visit.account.connector}:{queue}" if queue else ""
        with self.db.write() as session:
            fence(session, StreamState, visit.lease)
            query = select(StreamState).where(StreamState.account_id == visit.account.id, StreamState.stream == PULL)
            row = session.scalar(query)
            if row is None and not asked:
                return
            if row is None:
                row = StreamState(
                    account_id=visit.account.id, stream=PULL, title="Queue of notifications", wanted=False
                )
                session.add(row)
            if row.asked != asked or row.wanted != bool(asked):
                row.asked, row.wanted, row.due_at = asked, bool(asked), now() if asked else None

    def _end(self, visit: Visit) -> None:
        """Give the row back with what was found."""
        moment, state, account = now(), visit.state, visit.account
        errors = [fault for _, fault in visit.problems]
        values: dict[str, Any] = {
            "asked": _asked(account, visit.keys, self.public_url),
            "last_run_at": moment,
            "last_error": "; ".join(f"{key}: {said(fault)}" for key, fault in visit.problems)[:1000],
            "trouble": str(trouble.of_writing(errors[0], account.name)) if errors else "",
            "failures": state.failures + 1 if errors else 0,
            "failing_since": (state.failing_since or moment) if errors else None,
            **({} if errors else {"last_ok_at": moment}),
        }
        if errors:
            _log.warning("push is not complete", account=account.name, reason=values["last_error"])
        with self.db.write() as session:
            if not holds(session, StreamState, visit.lease, lock=True):
                return
            if account.state == AccountState.REMOVED:  # it was tried once; whatever is still open ends by itself
                _forget(session, account.id)
                release(session, StreamState, visit.lease, **values, due_at=None)
                return
            due_at = session.scalar(select(StreamState.due_at).where(StreamState.id == visit.lease.id))
            if due_at == state.due_at:  # else somebody wants another look
                due_at = self._next(session, visit, errors)
            release(session, StreamState, visit.lease, **values, due_at=due_at)

    def _next(self, session: Session, visit: Visit, errors: Sequence[Exception]) -> datetime | None:
        """Return when to look again: before the first channel ends, and as each error wants it."""
        if visit.account.state != AccountState.ACTIVE and not errors:
            return None
        moments = [now() + LOOK_EVERY]
        for row in session.scalars(select(PushChannel).where(PushChannel.account_id == visit.account.id)):
            renew_at = _moment(row.facts.get("renew_at"))
            if renew_at is not None and (renew_at > now() or not errors):
                moments.append(max(renew_at, now() + LEAST))
        for fault in errors:
            what = trouble.of_writing(fault, visit.account.name)
            if what is Trouble.AUTH:
                moments.append(now() + CONNECT_EVERY)
            moments.append(trouble.again(what, fault, visit.state.failures) or moments[0])
        return min(moments)

    # --- hints ----------------------------------------------------------------------------------------------------

    def heard(self, account: Account, hook: Hook) -> Hinted:
        """Take a notification that was posted to us; when this returns, it is kept.

        Raises:
            NotFoundError: nothing of this account is told to us.
            HookError: it is not from whom it says.
            ConnectorError: the account cannot be opened, or who sent it not be found out, just now.
        """
        with self.db.read() as session:
            rows = channels_of(session, [account.id])
        hinted = self.understood(account, hook, rows)
        self.keep_all([(account, hinted)])
        return hinted

    def understood(self, account: Account, hook: Hook, rows: Sequence[PushChannel]) -> Hinted:
        """Return what a notification says, without keeping it.

        Args:
            rows: the account's channels.

        Raises:
            Exception: as of `heard`.
        """
        push = self.open_remote(account, Lane.INCREMENTAL).push()
        if push is None:
            raise NotFoundError("There is no account here that takes notifications")
        return push.hinted(hook, [self._opened(row) for row in rows], address(self.public_url, account))

    def keep_all(self, heard: Sequence[tuple[Account, Hinted]]) -> None:
        """Keep what notifications said, in one transaction; when this returns, it is kept."""
        if all(self._is_known(account, hinted) for account, hinted in heard):
            return
        named_by: dict[int, list[Named]] = defaultdict(list)
        with self.db.write() as session:
            for account, hinted in heard:
                named_by[account.id] += hinted.named
                self._renew(session, account, hinted.renew)
                for one in hinted.odd:
                    receive.keep_odd(
                        session, account.id, ODD, dict(one), "nobody understands this part of a notification"
                    )
                if hinted.lists:
                    read.hint(session, account.id, [LISTING])
                if hinted.keys:
                    hint(session, account.connector, hinted.keys)
            for account_id, some in named_by.items():
                named.keep(session, account_id, some)
        self.wake()

    def _is_known(self, account: Account, hinted: Hinted) -> bool:
        """Say whether a notification says only what is due already: looking costs no write."""
        if hinted.named or hinted.odd or hinted.lists or hinted.renew:
            return False
        if not hinted.keys:
            return True
        with self.db.read() as session:
            return not _to_hint(session, account.connector, hinted.keys)

    def fetch(self, lease: Lease) -> None:
        """Ask a queue once; what was in it is acknowledged after it is kept."""
        with self.db.read() as session:
            state = session.get_one(StreamState, lease.id)
            account = session.get_one(Account, state.account_id)
        if account.state != AccountState.ACTIVE or not state.wanted:
            self._release(lease, due_at=None, wanted=False)
            return
        try:
            push = self.open_remote(account, Lane.INCREMENTAL).push()
            if push is None or not push.queue:
                self._release(lease, due_at=None, wanted=False)
                return
            fetched = push.fetch()
            self._hint(account, fetched.keys)
            if fetched.receipts:
                push.acknowledge(fetched.receipts)
        except DATABASE_AWAY:
            raise
        except Exception as fault:  # noqa: BLE001 - as above
            self._pull_later(lease, state, account, fault)
            return
        moment = now()
        self._release(
            lease, due_at=moment if fetched.receipts else moment + PAUSE, last_run_at=moment, last_ok_at=moment,
            trouble="", last_error="", failures=0, failing_since=None,
        )  # fmt: skip

    def _pull_later(self, lease: Lease, state: StreamState, account: Account, fault: Exception) -> None:
        what = trouble.of_reading(fault, account.name)
        moment = now()
        self._release(
            lease, due_at=trouble.again(what, fault, state.failures) or moment + CONNECT_EVERY, last_run_at=moment,
            trouble=str(what), last_error=said(fault), failures=state.failures + 1,
            failing_since=state.failing_since or moment,
        )  # fmt: skip
        if not state.failures:
            _log.warning("a queue cannot be asked", account=account.name, reason=said(fault))

    def _hint(self, account: Account, keys: Sequence[str]) -> None:
        with self.db.read() as session:  # mostly it is due already, and looking costs no write
            if not _to_hint(session, account.connector, keys):
                return
        with self.db.write() as session:
            hint(session, account.connector, keys)
        self.wake()

    def _renew(self, session: Session, account: Account, keys: Sequence[str]) -> None:
        """Let channels be renewed that the remote wants a sign of life for, or that it took away."""
        if not keys:
            return
        mine = (PushChannel.account_id == account.id, PushChannel.stream.in_(keys))
        for row in session.scalars(select(PushChannel).where(*mine)):
            row.facts = {**row.facts, "renew_at": now().isoformat()}
        state = session.scalar(
            select(StreamState.id).where(StreamState.account_id == account.id, StreamState.stream == PUSH)
        )
        if state is not None:
            _look_now(session, state)

    # --- rows -----------------------------------------------------------------------------------------------------

    def _kept(self, account: Account) -> dict[str, Channel]:
        """Return the account's channels by their streams."""
        with self.db.read() as session:
            return {row.stream: self._opened(row) for row in channels_of(session, [account.id])}

    def _opened(self, row: PushChannel) -> Channel:
        return Channel(
            key=row.stream,
            id=str(row.facts.get("id", "")),
            expires_at=row.expires_at,
            renew_at=_moment(row.facts.get("renew_at")),
            secret=self.vault.open(row.sealed).get("secret", ""),
            facts=row.facts.get("facts", {}),
        )

    def _save(self, session: Session, account_id: int, channel: Channel) -> None:
        row = session.scalar(_row_of(account_id, channel.key))
        if row is None:
            row = PushChannel(account_id=account_id, stream=channel.key)
            session.add(row)
        renew_at = channel.renew_at.isoformat() if channel.renew_at else None
        row.expires_at = channel.expires_at
        row.facts = {"id": channel.id, "renew_at": renew_at, "facts": dict(channel.facts)}
        row.sealed = self.vault.seal({"secret": channel.secret}) if channel.secret else ""

    def _release(self, lease: Lease, **values: Any) -> None:
        with self.db.write() as session:
            release(session, StreamState, lease, **values)


def channels_of(session: Session, account_ids: Sequence[int]) -> Sequence[PushChannel]:
    """Return the open channels of accounts."""
    return session.scalars(select(PushChannel).where(PushChannel.account_id.in_(account_ids))).all()


def reached_at(settings: Settings) -> str:
    """Return where remotes reach us: only what somebody set, since our own address by itself is that of this machine."""
    return settings.public_url if settings.server.public_url else ""


def address(public_url: str, account: Account) -> str:
    """Return where the notifications of an account are posted to; empty where nobody reaches us."""
    return f"{public_url}/hooks/{account.connector}/{account.public_id}" if public_url else ""


def _row_of(account_id: int, key: str) -> Any:
    return select(PushChannel).where(PushChannel.account_id == account_id, PushChannel.stream == key)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _forget(session: Session, account_id: int) -> None:
    """Drop what was left to close the channels of a removed account with."""
    for row in session.scalars(select(PushChannel).where(PushChannel.account_id == account_id)):
        session.delete(row)
    grants.forget(session, account_id)
    session.execute(update(Account).where(Account.id == account_id).values(secrets=""))
