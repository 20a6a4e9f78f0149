"""Which exchanges this process listens to: one listener per exchange in the whole installation, by a lease.

Another process takes over when the holder has been silent for the lease. Losing the lease stops the listener here
before anything else.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import log
from hub.cti.listener import LIVE, Listener, Settled
from hub.cti.telephone import Telephone
from hub.errors import HubError
from hub.intake.models import Account, AccountState, Health, StreamState
from hub.live.bus import Bus
from hub.settings import Settings
from hub.store.session import DATABASE_AWAY, Database
from hub.work.lease import Lease, claim, new_owner, release, renew

_log = log.get(__name__)


@dataclass(slots=True)
class Held:
    """A listener of ours, the lease it runs under, and the settings it was started with."""

    listener: Listener
    lease: Lease
    key: tuple[Any, ...]


class Switchboard:
    """The listeners of one process."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        bus: Bus,
        telephone: Telephone,
        *,
        settled: Settled,
        backfill: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._db = db
        self._bus = bus
        self._telephone = telephone
        self._settled = settled
        self._backfill = backfill
        self._owner = new_owner()
        self._held: dict[int, Held] = {}  # by account
        self._failed: dict[int, tuple[Any, ...]] = {}  # accounts whose settings are not usable
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="switchboard", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop all listeners and give their leases back, so that another process need not wait."""
        self._stop.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(15)

    def look(self) -> None:
        """Accounts changed: look now."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.turn()
            except DATABASE_AWAY as error:
                _log.warning("database away; listeners go on", error=type(error).__name__)
            self._wake.wait(self._settings.work.listener_heartbeat_s)
        for account_id in list(self._held):
            self._drop(account_id)

    def turn(self) -> None:
        """Renew what is ours, stop what is not or should not run, take what is free."""
        with self._db.read() as session:
            accounts = {row.id: row for row in self._wanted(session)}
        self._renew()
        for account_id, held in list(self._held.items()):
            row = accounts.get(account_id)
            if row is None or held.key != _key(row) or not held.listener.alive:
                self._drop(account_id)
        for row in accounts.values():
            if row.id not in self._held and self._failed.get(row.id) != _key(row):
                self._try(row)

    def _wanted(self, session: Session) -> list[Account]:
        rows = session.scalars(select(Account).where(Account.state == AccountState.ACTIVE).order_by(Account.id)).all()
        return [row for row in rows if self._telephone.is_exchange(row)]

    def _renew(self) -> None:
        if not self._held:
            return
        with self._db.write() as session:
            ours = renew(
                session,
                StreamState,
                [h.lease for h in self._held.values()],
                lease_s=self._settings.work.listener_lease_s,
            )
        kept = {lease.id for lease in ours}
        for account_id, held in list(self._held.items()):
            if held.lease.id not in kept:
                _log.warning("another process listens now", account=held.listener.name)
                self._stop_listener(account_id)

    def _try(self, row: Account) -> None:
        """Take one exchange; whatever is wrong with it must not cost the others."""
        try:
            self._take(row)
        except DATABASE_AWAY:
            raise
        except Exception:  # noqa: BLE001 - logged with its trace, tried again at the next turn
            _log.exception("cannot listen", account=row.name)

    def _take(self, row: Account) -> None:
        with self._db.write() as session:
            stream_id = self._stream(session, row.id)
            leases = claim(
                session, StreamState, StreamState.id == stream_id, owner=self._owner,
                lease_s=self._settings.work.listener_lease_s,
            )  # fmt: skip
        if not leases:
            return
        try:
            listener = self._listener(row, leases[0])
        except HubError as error:
            self._failed[row.id] = _key(row)
            self._unusable(row, leases[0], error)
            return
        listener.start()
        self._held[row.id] = Held(listener, leases[0], _key(row))
        self._telephone.listeners[row.id] = listener
        _log.info("listening", account=row.name)

    def _stream(self, session: Session, account_id: int) -> int:
        query = select(StreamState).where(StreamState.account_id == account_id, StreamState.stream == LIVE)
        row = session.scalar(query)
        if row is None:
            row = StreamState(account_id=account_id, stream=LIVE)
            session.add(row)
            session.flush()
        return row.id

    def _listener(self, row: Account, lease: Lease) -> Listener:
        calls = self._settings.calls
        return Listener(
            row,
            self._telephone.exchange(row),
            self._db,
            self._bus,
            region=row.region or self._settings.hub.region,
            queue_limit=calls.queue,
            settle_s=calls.settle_s,
            spool_mb=calls.spool_mb,
            home=self._settings.home,
            settled=self._settled,
            backfill=self._backfill,
            lease=lease,
            by_webhook=self._telephone.hears_by_webhook(row),
            idle_min=calls.owner_routing_idle_min,
        )

    def _unusable(self, row: Account, lease: Lease, error: HubError) -> None:
        _log.error("account cannot be used", account=row.name, error=str(error))
        with self._db.write() as session:
            release(session, StreamState, lease)
            account = session.get_one(Account, row.id)
            account.health, account.health_text = Health.NEEDS_YOU, str(error)

    def _drop(self, account_id: int) -> None:
        lease = self._held[account_id].lease
        self._stop_listener(account_id)
        try:
            with self._db.write() as session:
                release(session, StreamState, lease)
        except DATABASE_AWAY as error:
            _log.warning("lease not given back; it runs out by itself", error=type(error).__name__)

    def _stop_listener(self, account_id: int) -> None:
        held = self._held.pop(account_id)
        self._telephone.listeners.pop(account_id, None)
        held.listener.close()


def _key(row: Account) -> tuple[Any, ...]:
    """What a listener must be started anew for."""
    return (repr(sorted(row.settings.items())), row.secrets, row.region, row.time_zone)
