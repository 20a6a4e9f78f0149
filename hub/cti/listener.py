"""One exchange, heard: raw messages in, call state, cards to browsers at once, rows soon after.

Three threads, so that none waits for another: the connector reads its socket and puts raw messages into a bounded
queue; the ear makes call events of them, keeps the call state and tells browsers; the pen writes rows. A slow
database delays rows, never the ringing card, and costs no more memory than the calls of that time: of each call
only its newest form waits to be written.

What a kill leaves behind: rows of open calls with the correlator's memory in them. The next listener loads those,
asks the exchange for its channels, and goes on; ids of calls follow from the exchange's own keys, so nothing that
was told before is told as something new.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hub import log
from hub.connector.contract import Delivered
from hub.connector.exchange import Exchange, Greeting, Inquiry, Translator
from hub.cti import directory as directories
from hub.cti import screen_pop
from hub.cti.attendant import greet
from hub.cti.call_state import CallState
from hub.cti.directory import Directory
from hub.cti.inquiries import Inquiries
from hub.cti.keep import Seen, call_public_id, keep, outside_number
from hub.cti.models import CallRow, Click
from hub.cti.payload import CALLS, to_payload
from hub.cti.screen_pop import Caller, Shown, Told
from hub.cti.spool import Spool
from hub.errors import AuthError, RecordError, RejectedError, ScopeError, ShapeError
from hub.identity.callers import Found, who, who_keyed
from hub.intake import receive
from hub.intake.models import Account, AccountState, Health, RawRecord, RawState, StreamState
from hub.live.bus import Bus
from hub.records.call import Call, Direction, Outcome
from hub.records.telephony import Booted, CallEvent, ChannelsListed, Endpoint, LinkLost, NumberKeyed, Ticked
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.work.lease import Lease, LeaseLostError, fence

# How old the directory may be: the pen reads it anew, so that no phone waits for that; the ear only if the pen is stuck.
DIRECTORY_S, OLD_DIRECTORY_S = 1.0, 5.0
EAR_FIRST_S = 0.02  # so long the pen waits before each call for an ear that is busy
PACE_S = 0.03  # the pen writes at most so often
FACTS_S = 5.0  # how old an account's counters may be, while nothing else is to be said of it
TICK_S = 0.5
ONE_BY_ONE_S = 1e-6
BATCH = 500  # calls written in one transaction
TOGETHER = 25  # calls written with the same statements; the ear waits for them at most
HEARD = "heard"  # stream of raw messages that webhooks brought
ROWS_AT_ONCE = 200
ROW_OVERLAP = 1000  # ids below the newest that are looked at again: a row with a lower id may be committed later
LONGEST_CALL = timedelta(days=2)
JUST_NOW = timedelta(minutes=15)  # how late a webhook about a finished call may come again
EVENT = "event."  # counters of the kinds of call events: with them one sees which rights the exchange gave
LIVE = "live"  # stream of an exchange that is listened to: its lease, and what its listener remembers
BOOT, ASKED = "boot_id", "inquiries"  # which life of the exchange it knows; what the exchange asked in the last day
_log = log.get(__name__)


ONLY_A_PERSON = (AuthError, ScopeError, RejectedError)  # can mend these


Settled = Callable[[Session, Account, Sequence[tuple[Call, CallRow]]], None]
"""What becomes of calls that no event can change any more: hub.flow takes them to the timeline."""


@dataclass(slots=True)
class Counters:
    """What the health page and the metrics show."""

    values: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, amount: int = 1) -> None:
        self.values[name] = self.values.get(name, 0) + amount


@dataclass(slots=True)
class Known:
    """What the ear remembers of one call besides its state."""

    public_id: UUID
    found: Found = field(default_factory=lambda: Found(""))
    caller: Caller = field(default_factory=lambda: Caller("", "", "none"))
    looked_up: tuple[str, str, str] | None = None
    shown: Shown = field(default_factory=Shown)


@dataclass(frozen=True, slots=True)
class Page:
    """What the pen writes of one call."""

    call: Call
    state: dict[str, Any] | None
    found: Found
    shown: Shown
    extensions: Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class Heard:
    """Raw messages in the order of their arrival; `row` where they lie in the database; all empty: the last of all."""

    at: float
    messages: Sequence[bytes]
    row: int | None = None
    event: CallEvent | None = None


LAST = Heard(0.0, ())


class Listener:
    """Everything that runs for one exchange while this process holds its lease."""

    def __init__(  # noqa: PLR0913 - the wired parts
        self,
        account: Account,
        exchange: Exchange,
        db: Database,
        bus: Bus,
        *,
        region: str,
        queue_limit: int,
        settle_s: float,
        spool_mb: int,
        home: Path,
        settled: Settled,
        backfill: Callable[[int], None],
        lease: Lease | None = None,
        by_webhook: bool = False,
        idle_min: float = 30.0,
    ) -> None:
        self.account_id = account.id
        self.name = account.name
        self._account_public_id = account.public_id
        self._exchange = exchange
        self._db = db
        self._bus = bus
        self._region = region
        self._limit = queue_limit
        self._settled = settled
        self._backfill = backfill
        self._lease = lease
        self._by_webhook = by_webhook
        self._idle_min = idle_min
        self._spool = Spool(home / "spool", str(account.public_id), spool_mb)
        self._directory = Directory(region, exchange.guess, (), (), frozenset(), {}, {}, {}, frozenset(), frozenset())
        self._directory_at = 0.0
        self._state = CallState(self._classify, settle_s=settle_s, silent_s=exchange.silent_s)
        self._translator: Translator = exchange.translator()
        self._queue: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._waiting = 0
        self._waiting_lock = threading.Lock()
        self._idle = (
            threading.Event()
        )  # the ear has nothing to do: both are Python, and only one of them runs at a time
        self._idle.set()
        self._calls: dict[str, Known] = {}
        self._pages: dict[str, Page] = {}
        self._rows_done: list[int] = []
        self._was_listed = False
        self._history_due = False
        self._pen_wakes = threading.Condition()
        self._pen_stops = threading.Event()
        self._unwritten: set[UUID] = set()
        self._seen_endpoints: dict[str, bool] = {}
        self._unsaved_endpoints: deque[tuple[str, bool]] = deque(maxlen=1000)
        self._health: tuple[str, str, float | None] | None = None
        self._facts: dict[str, Any] = {}
        self._last_event_at = 0.0
        self._saved_event_at = self._saved_at = 0.0
        self._saved_boot = ""
        self._reading_rows = threading.Event()
        self._row_position = 0
        self._rows_taken: set[int] = set()
        self.counters = Counters()
        self._inquiries = Inquiries()
        self.stop = threading.Event()
        self._threads: list[threading.Thread] = []

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load what was open, then listen. Returns at once; raises SQLAlchemyError if the database is away."""
        self._resume()
        jobs: list[tuple[str, Callable[[], None]]] = [("ear", self._hear), ("pen", self._write)]
        if self._by_webhook:
            jobs.append(("rows", self._read_rows))
        else:
            jobs.append(("socket", lambda: self._exchange.listen(self, self.stop)))
        jobs.append(("attendant", lambda: self._exchange.attend(self._greet, self.stop)))
        for name, job in jobs:
            thread = threading.Thread(target=job, name=f"{name}-{self.account_id}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop listening, understand what was heard, write what waits; at most a few seconds each."""
        self.stop.set()
        self._reading_rows.set()
        self._join("socket", "rows", "attendant")
        self._queue.put(LAST)
        self._join("ear")
        with self._pen_wakes:
            self._pen_stops.set()
            self._pen_wakes.notify_all()
        self._join("pen")
        self._spool.close()

    def _join(self, *names: str) -> None:
        for thread in self._threads:
            if thread.name.partition("-")[0] in names:
                thread.join(5)

    @property
    def alive(self) -> bool:
        """Say whether the threads that calls depend on run."""
        return all(thread.is_alive() for thread in self._threads if not thread.name.startswith("attendant"))

    @property
    def depth(self) -> int:
        """Raw messages that wait to be understood."""
        return self._waiting

    @property
    def open_calls(self) -> int:
        return len(self._calls)

    def _resume(self) -> None:
        """Go on with the calls that were open when the last listener stopped."""
        with self._db.read() as session:
            self._reload_directory(session)
            stream = session.scalar(
                select(StreamState).where(StreamState.account_id == self.account_id, StreamState.stream == LIVE)
            )
            memory = (stream.cursor or {}) if stream else {}
            boot_id = str(memory.get(BOOT, ""))
            self._inquiries.load(memory.get(ASKED))
            rows = self._unfinished(session)
            unknown = [row.id for row in rows if not self._go_on(row)]
            for row in rows:
                self._calls[row.key] = Known(row.public_id, shown=screen_pop.restore(session, row.id))
            cards = screen_pop.live_cards(session)
            if self._by_webhook:
                self._remind(session, [row.started_at for row in rows])
        if unknown:
            self._give_up(unknown)
        if boot_id:
            self._state.feed(Booted(0.0, boot_id))
        self._state.changed()
        # Whoever has a phone here: what a process that died had told, and nobody wrote down, goes away again.
        for user_id in {*cards, *self._directory.users.values()}:
            self._bus.replace(user_id, cards.get(user_id, []))

    def _unfinished(self, session: Session) -> list[CallRow]:
        """Return the calls that are open, or over and not final: killed in between, they are nowhere but here."""
        mine = select(CallRow).where(CallRow.account_id == self.account_id)
        newest = session.scalar(select(func.max(CallRow.started_at)).where(CallRow.account_id == self.account_id))
        if newest is None:
            return []
        lately = session.scalars(mine.where(~CallRow.open, CallRow.started_at > newest - LONGEST_CALL))
        return [*session.scalars(mine.where(CallRow.open)), *(row for row in lately if row.state is not None)]

    def _go_on(self, row: CallRow) -> bool:
        """Load the memory of an open call; False: there is none that this version of the hub can read."""
        if row.state is None:
            return False
        try:
            self._state.load(row.state)
        except ShapeError as error:
            _log.warning("an open call cannot be gone on with", account=self.name, call=row.key, error=str(error))
            return False
        return True

    def _give_up(self, ids: Sequence[int]) -> None:
        """Close calls nobody remembers; those that live are found again in the exchange's list of channels."""
        with self._db.write() as session:
            for row in session.scalars(select(CallRow).where(CallRow.id.in_(ids))):
                self._calls.pop(row.key, None)
                row.open, row.state, row.version = False, None, 0
                row.outcome, row.reason, row.end_estimated = Outcome.LOST, "forgotten", True
                row.ended_at = row.ended_at or now()

    def _remind(self, session: Session, started: Sequence[datetime]) -> None:
        """Tell a new translator what the former one had heard of calls that are open or just over; it is known."""
        since = min([now() - JUST_NOW, *started]) - timedelta(minutes=1)
        query = select(RawRecord).where(
            RawRecord.account_id == self.account_id,
            RawRecord.stream == HEARD,
            RawRecord.state == RawState.APPLIED,
            RawRecord.received_at >= since,
        )
        for row in session.scalars(query.order_by(RawRecord.id)):
            self._translator.translate(row.received_at.timestamp(), message_of(row))

    # --- the connector's side: never waits ----------------------------------------------------------------------

    def heard(self, at: float, messages: Sequence[bytes]) -> bool:
        """Take raw messages; False: too many wait already, so they are dropped and the state must be asked anew."""
        with self._waiting_lock:
            if self._waiting + len(messages) > self._limit:
                self.counters.add("dropped", len(messages))
                return False
            self._waiting += len(messages)
        self._queue.put(Heard(at, messages))
        return True

    def missed(self) -> None:
        self._queue.put(Heard(time.time(), (), event=LinkLost(time.time())))

    def connected(self, facts: Mapping[str, Any]) -> None:
        warning = str(facts.get("warning", ""))
        self._facts = {**self._facts, "warning": "", **facts}
        health = (Health.WARNINGS if warning else Health.HEALTHY, warning, None)
        if self._health != health:
            self._health = health
            _log.info("exchange connected", account=self.name, **{k: v for k, v in facts.items() if k != "event"})
            self._wake_pen()

    def disconnected(self, error: Exception | None, retry_in: float) -> None:
        text = str(error) if error else "The connection ended."
        health = Health.NEEDS_YOU if isinstance(error, ONLY_A_PERSON) else Health.LATE
        if self._health is None or self._health[:2] != (health, text):
            _log.warning("exchange disconnected", account=self.name, error=text, retry_in=round(retry_in, 1))
        self._health = (health, text, time.time() + retry_in)
        self.missed()
        self._wake_pen()

    def counted(self, name: str, amount: int = 1) -> None:
        self.counters.add(name, amount)

    # --- the ear --------------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        while True:
            try:
                heard = self._queue.get(timeout=self._patience())
            except queue.Empty:
                heard = Heard(time.time(), ())
            if heard is LAST:
                return
            self._idle.clear()
            with self._one_fault("what was heard could not be taken in"):
                self._take(heard)
            with self._one_fault("time could not be told"):
                self._tick()
            with self._one_fault("calls could not be told"):
                self._tell(heard)
            if not self._waiting:
                self._idle.set()

    @contextmanager
    def _one_fault(self, what: str) -> Iterator[None]:
        """Go on after a fault of ours: one message must not end the ear, nor cost the next one."""
        try:
            yield
        except Exception:  # noqa: BLE001 - whatever it is; logged with its trace
            self.counters.add("faults")
            _log.exception(what, account=self.name)

    def _patience(self) -> float:
        due = self._state.next_wakeup()
        return TICK_S if due is None else min(TICK_S, max(0.0, due - time.time()))

    def _tick(self) -> None:
        due = self._state.next_wakeup()
        moment = time.time()
        if due is not None and due <= moment:
            self._state.feed(Ticked(moment))

    def _take(self, heard: Heard) -> None:
        if heard.event is not None:
            self._state.feed(heard.event)
        if not heard.messages:
            return
        self._last_event_at = heard.at
        if heard.row is None:
            with self._waiting_lock:
                self._waiting -= len(heard.messages)
            with self._one_fault("the spool cannot be written"):
                self._spool.write(heard.at, heard.messages)
        self._refresh_directory(OLD_DIRECTORY_S)
        for place, message in enumerate(heard.messages):
            with self._one_fault("a message could not be taken in"):
                # What arrived together came one after the other all the same.
                self._understand(heard.at + place * ONE_BY_ONE_S, message)

    def _understand(self, at: float, message: bytes) -> None:
        for event in self._translator.translate(at, message):
            if isinstance(event, Booted) and self._state.boot_id not in {"", event.boot_id}:
                self.counters.add("restarts")
            self._state.feed(event)
            self.counters.add(EVENT + type(event).__name__)
            if isinstance(event, ChannelsListed):
                # Whatever happened before this moment, the exchange's own records know.
                self._was_listed = True
                self.counters.add("listed")

    def _tell(self, heard: Heard) -> None:
        """Tell browsers what changed, then hand the calls to the pen, with the message that changed them."""
        at = heard.at if heard.messages else time.time()
        pages = []
        for call in self._state.changed():
            known = self._calls.get(call.key)
            if known is None:
                known = self._calls[call.key] = Known(call_public_id(self._account_public_id, call.key))
            self._look_up(call, known)
            if known.shown.cards or known.found.number not in self._directory.hidden:
                before = {*known.shown.cards, *known.shown.ended}
                told = screen_pop.differences(call, known.public_id, known.shown, known.caller, self._directory, at=at)
                self._publish(call, told, before)
            shown = Shown(dict(known.shown.cards), dict(known.shown.ended))
            pages.append(Page(call, self._state.dump(call.key), known.found, shown, self._directory.user_of))
            if call.settled or call.merged_into:
                del self._calls[call.key]
        if not pages and heard.row is None and not self._was_listed:
            return
        with self._pen_wakes:
            self._history_due, self._was_listed = self._history_due or self._was_listed, False
            for page in pages:
                self._pages[page.call.key] = page
                self._unwritten.add(call_public_id(self._account_public_id, page.call.key))
            if heard.row is not None:
                self._rows_done.append(heard.row)
            self._pen_wakes.notify()

    def _publish(self, call: Call, told: Sequence[Told], before: AbstractSet[int]) -> None:
        """Tell the bus; `before` are the users who had this card already, and so may have closed it."""
        again = any(one.event != screen_pop.ENDED and one.user_id in before for one in told)
        hidden = self._hidden(call) if again else set()
        for one in told:
            if one.user_id in hidden and one.event != screen_pop.ENDED:
                continue
            self._bus.publish(one.user_id, one.event, one.card)
            self.counters.add(
                "pops"
                if one.event == screen_pop.RINGING
                else "retracts"
                if one.event == screen_pop.ENDED
                else "answers"
            )

    def _hidden(self, call: Call) -> set[int]:
        try:
            with self._db.read() as session:
                return screen_pop.hidden_from(session, self.account_id, call.key)
        except DATABASE_AWAY as error:
            _log.warning("database away while a phone rings", account=self.name, error=type(error).__name__)
            return set()

    def _look_up(self, call: Call, known: Known) -> None:
        """Find whose call it is, again only when something to look up by is new."""
        number = outside_number(call)
        key = (number, call.keyed, f"{call.withheld}{call.direction}{call.trunk}{call.click_id}")
        if known.looked_up == key:
            return
        try:
            with self._db.read() as session:
                known.found = self._find(session, call, number)
                known.caller = screen_pop.caller_of(session, call, known.found, self._directory)
                known.looked_up = key
        except DATABASE_AWAY as error:
            # The card shows at least the number; the next change of the call looks again.
            _log.warning("database away while a phone rings", account=self.name, error=type(error).__name__)
            known.caller = Caller("" if call.withheld else number, call.caller_name, "none")

    def _find(self, session: Session, call: Call, number: str) -> Found:
        trunk = self._directory.trunk(call.trunk)
        click = session.get(Click, call.click_id) if call.click_id else None
        number = number or (click.number if click is not None else "")  # until the phone was picked up, only we know it
        found = Found("")
        if call.direction is not Direction.INTERNAL and number and (trunk.match_withheld or not call.withheld):
            found = who(session, number, self._directory.phone_context(call.trunk), at=call.started_at)
        if call.keyed:
            found = who_keyed(session, call.keyed, found)
        if click is not None and click.party_id is not None:  # somebody clicked on this very party
            found = replace(found, parties=(click.party_id,), nobody=None)
        return found

    def _classify(self, channel: str) -> Endpoint:
        name = directories.endpoint_name(channel)
        if name not in self._seen_endpoints and len(self._seen_endpoints) < 5000:
            self._seen_endpoints[name] = True
            self._unsaved_endpoints.append((name, False))
        return self._directory.classify(channel)

    def _refresh_directory(self, older_s: float) -> None:
        if time.monotonic() - self._directory_at < older_s:
            return
        try:
            with self._db.read() as session:
                self._reload_directory(session)
        except DATABASE_AWAY as error:
            _log.warning("database away; the directory may be old", account=self.name, error=type(error).__name__)
            self._directory_at = time.monotonic()

    def _reload_directory(self, session: Session) -> None:
        found = directories.load(session, self.account_id, self._region, self._exchange.guess)
        if found != self._directory:  # the one we have knows many names by now
            self._directory = found
        self._directory_at = time.monotonic()

    # --- the pen --------------------------------------------------------------------------------------------------

    def _wake_pen(self) -> None:
        with self._pen_wakes:
            self._pen_wakes.notify()

    def _write(self) -> None:
        wait = 0.05
        while True:
            with self._pen_wakes:
                if not self._pages and not self._rows_done and not self._history_due and not self._pen_stops.is_set():
                    self._pen_wakes.wait(1.0)
                keys = list(self._pages)[:BATCH]
                pages = [self._pages.pop(key) for key in keys]
                # A message is done with when everything that it changed is written.
                rows, self._rows_done = ([], self._rows_done) if self._pages else (self._rows_done, [])
                last = self._pen_stops.is_set() and not pages and not rows
            self._refresh_directory(DIRECTORY_S)
            try:
                self._write_batch(pages, rows)
                wait = 0.05
                self._pen_stops.wait(PACE_S)  # several changes of a call are then one
            except LeaseLostError:
                self._lay_down_the_pen()
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, calls wait in memory and are tried again
                if isinstance(error, DATABASE_AWAY):
                    _log.warning("database away; calls wait to be written", account=self.name, waiting=len(pages))
                else:
                    _log.exception("calls could not be written; they wait", account=self.name, waiting=len(pages))
                self._take_back(pages, rows)
                if self._pen_stops.wait(wait):
                    return  # the next listener finds them again: in the exchange, or in its records
                wait = min(5.0, wait * 2)
                continue
            with self._pen_wakes:
                waiting = {call_public_id(self._account_public_id, key) for key in self._pages}
                self._unwritten &= waiting
                self._pen_wakes.notify_all()
            if last:
                return

    def _lay_down_the_pen(self) -> None:
        """Another process writes these calls now: ours are older, whatever they say."""
        _log.warning("another process listens now; nothing more is written here", account=self.name)
        with self._pen_wakes:
            self._pages.clear()
            self._rows_done.clear()
            self._unwritten.clear()
            self._pen_wakes.notify_all()

    def _take_back(self, pages: Sequence[Page], rows: Sequence[int]) -> None:
        """Put what could not be written back, behind anything newer of the same call."""
        with self._pen_wakes:
            for page in pages:
                self._pages.setdefault(page.call.key, page)
            self._rows_done = [*rows, *self._rows_done]

    def _write_batch(self, pages: Sequence[Page], rows: Sequence[int]) -> None:
        """One transaction: calls, what was shown, what settled, and which raw messages are done with."""
        stale = self._facts_are_stale()
        health, endpoints = self._health, list(self._unsaved_endpoints)
        if pages or rows or endpoints or health is not None or stale:
            with self._db.write() as session:
                self._hold(session)
                account = session.get_one(Account, self.account_id)
                for first in range(0, len(pages), TOGETHER):
                    self._idle.wait(EAR_FIRST_S)
                    self._write_pages(session, account, pages[first : first + TOGETHER])
                if rows:
                    done = {"state": RawState.APPLIED, "applied_at": now()}
                    session.execute(update(RawRecord).where(RawRecord.id.in_(rows)).values(done))
                if endpoints or health is not None or stale:
                    self._save_facts(session, account, health, endpoints)
            for _ in endpoints:
                self._unsaved_endpoints.popleft()
            if self._health is health:
                self._health = None
        guessed = any(page.call.settled and page.call.end_estimated for page in pages)
        if self._history_due or guessed:
            # Only now: the records complete what is written, and pass over what is not.
            self._history_due = False
            try:
                self._backfill(self.account_id)
            except DATABASE_AWAY:
                self._history_due = True
                raise

    def _facts_are_stale(self) -> bool:
        """Say whether something was heard or asked that the account's row does not tell yet; now and then is enough."""
        if self._state.boot_id != self._saved_boot:
            return True
        now_and_then = self._pen_stops.is_set() or time.monotonic() - self._saved_at >= FACTS_S
        return now_and_then and max(self._last_event_at, self._inquiries.at) > self._saved_event_at

    def _hold(self, session: Session) -> None:
        """Make sure that these calls are still ours to write, until the end of this transaction.

        Raises:
            LeaseLostError: another process took over.
        """
        if self._lease is not None:
            fence(session, StreamState, self._lease)

    def _write_pages(self, session: Session, account: Account, pages: Sequence[Page]) -> None:
        """Write calls together; where one of them cannot be written, one by one, so that the others can."""
        # The rows of a merged call go to the other call when that is written, in this transaction or a later one.
        pages = [page for page in pages if not page.call.merged_into]
        if not pages:
            return
        try:
            with session.begin_nested():
                seen = [Seen(page.call, page.state, page.found, page.extensions) for page in pages]
                rows = keep(session, self.account_id, self._account_public_id, seen)
                shown = {row.id: page.shown for row, page in zip(rows, pages, strict=True)}
                screen_pop.keep_pops(session, shown)
                settled = [(page.call, row) for page, row in zip(pages, rows, strict=True) if page.call.settled]
                if settled:
                    self._settled(session, account, settled)
        except DATABASE_AWAY:
            raise  # all of this comes again
        except (DBAPIError, RecordError, ValueError, TypeError) as error:
            if len(pages) == 1:
                self._set_aside(session, pages[0], error)
            else:
                for page in pages:
                    self._write_pages(session, account, [page])

    def _set_aside(self, session: Session, page: Page, error: Exception) -> None:
        """A call that cannot be written is a fault of ours: it is kept with its reason, and stops no other call."""
        self.counters.add("faults")
        raw, _ = receive.keep(session, self.account_id, Delivered(CALLS, page.call.key, to_payload(page.call)))
        raw.state, raw.error = RawState.SET_ASIDE, str(error)[:500]
        _log.error("a call could not be written", account=self.name, call=page.call.key, error=str(error)[:500])

    def _save_facts(
        self,
        session: Session,
        account: Account,
        health: tuple[str, str, float | None] | None,
        endpoints: Sequence[tuple[str, bool]],
    ) -> None:
        if health is not None and account.state == AccountState.ACTIVE:
            account.health, account.health_text, retry_at = health
            account.next_try_at = datetime.fromtimestamp(retry_at, UTC) if retry_at else None
        elif account.health in {Health.NEVER_RUN, Health.WORKING} and self._last_event_at:
            account.health = Health.HEALTHY
        if self._last_event_at:
            account.last_event_at = datetime.fromtimestamp(self._last_event_at, UTC)
        self._saved_event_at = max(self._last_event_at, self._inquiries.at)
        self._saved_at = time.monotonic()
        account.facts = {**account.facts, **self._facts, "counters": dict(self.counters.values)}
        directories.save_seen(session, self.account_id, endpoints)
        memory: dict[str, Any] = {ASKED: self._inquiries.dump()}
        if self._state.boot_id:
            memory[BOOT] = self._saved_boot = self._state.boot_id
        directories.save_memory(session, self.account_id, LIVE, memory)

    def await_written(self, call: UUID, seconds: float) -> None:
        """Wait until a call that was just told to browsers has its row; returns early where nothing waits."""
        end = time.monotonic() + seconds
        with self._pen_wakes:
            while call in self._unwritten and (left := end - time.monotonic()) > 0:
                self._pen_wakes.wait(left)

    # --- webhooks: the delivery itself is the record ----------------------------------------------------------------

    def wake(self) -> None:
        """A webhook brought something: look at once."""
        self._reading_rows.set()

    def _read_rows(self) -> None:
        """Feed what webhooks brought, in the order in which it was kept; after a crash, what was not done with yet."""
        while not self.stop.is_set():
            self._reading_rows.clear()
            try:
                rows = self._kept_rows()
            except DATABASE_AWAY as error:
                _log.warning("database away", account=self.name, error=type(error).__name__)
                rows = []
            for row in rows:
                self._rows_taken.add(row.id)
                self._row_position = max(self._row_position, row.id)
                self.counters.add("received")
                self._queue.put(Heard(row.received_at.timestamp(), (message_of(row),), row.id))
            if not rows:
                self._reading_rows.wait(0.5)

    def _kept_rows(self) -> list[RawRecord]:
        """Return the next rows. An id is given before its row is committed, so lower ones may still come."""
        since = self._row_position - ROW_OVERLAP
        self._rows_taken = {row_id for row_id in self._rows_taken if row_id > since}
        query = (
            select(RawRecord)
            .where(
                RawRecord.account_id == self.account_id,
                RawRecord.stream == HEARD,
                RawRecord.state == RawState.KEPT,
                RawRecord.id > since,
            )
            .order_by(RawRecord.id)
            .limit(ROW_OVERLAP + ROWS_AT_ONCE)
        )
        with self._db.read() as session:
            return [row for row in session.scalars(query) if row.id not in self._rows_taken][:ROWS_AT_ONCE]

    # --- the attendant ------------------------------------------------------------------------------------------------

    def _greet(self, inquiry: Inquiry) -> Greeting:
        if inquiry.keyed and inquiry.call_ref:
            # The dialplan may tell the number here only: then this is how the call itself learns of it. A hub that is
            # killed between this line and the row of the call has lost the number; the call itself is found again.
            at = time.time()
            self._queue.put(Heard(at, (), event=NumberKeyed(at, inquiry.call_ref, inquiry.keyed)))
        began = time.monotonic()
        try:
            with self._db.read() as session:
                return greet(session, inquiry, self._directory, idle_min=self._idle_min)
        finally:
            self._inquiries.add(time.time(), time.monotonic() - began)


def message_of(row: RawRecord) -> bytes:
    """Return the raw message of a kept webhook."""
    return str(row.payload.get("message", "")).encode("utf-8", "surrogateescape")
