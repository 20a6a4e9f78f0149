"""What streams are tried with: a wired hub with one account at a connector's simulator, read on demand."""

import json
import sys
import threading
import tomllib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import BytesIO
from itertools import count
from types import FrameType
from typing import Any

import requests
from sqlalchemy import event, select, update
from sqlalchemy.engine import Engine
from werkzeug import Request
from werkzeug.serving import make_server

from hub import app as hub_app
from hub.connector.hook import Hook
from hub.connector.simulator import Container, StreamFault, StreamSimulator
from hub.connector.stream import Cursor, Remote, Stream
from hub.context import Hub
from hub.flow import Taker
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import accounts, channels, grants, named, read
from hub.intake.models import Account, OauthGrant, PushChannel, RawRecord, StreamState
from hub.intake.read import Reader
from hub.store.base import now
from hub.timeline.models import Interaction, Participant
from hub.work.lease import claim, new_owner
from hub.work.models import Bucket
from tests.conftest import DATABASES
from tests.contract.connectors import NAMES, ROOT, TIMEOUT_S, Quiet, connector, simulated, timeout_s
from tests.fakes.servers import free_port
from tests.fakes.shelf import Crash

_OF_THE_WIRE = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "user-agent"}
CUSTOMER = "dana@customer.example"
PAGE = 4  # records of a page, so that a few records are several pages
HUB = f"{ROOT}/hub/"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def kinds(name: str) -> tuple[str, ...]:
    """The kinds of records that a connector's simulator has containers for; none where all comes by webhooks."""
    listed: tuple[str, ...] = import_module(f"connectors.{name}.simulator").STREAMS
    return listed


def reads_like(name: str) -> str:
    """The connector whose client this one shares, as its simulator says; most have their own."""
    return str(getattr(import_module(f"connectors.{name}.simulator"), "READS_LIKE", name))


# A client is met once; what is a connector's own in it (words, fields, pages) its end-to-end tests read.
READERS = [name for name in NAMES if connector(name).remote is not None and reads_like(name) == name and kinds(name)]

STREAMS = [(name, kind) for name in READERS for kind in kinds(name)]


def record(name: str, kind: str) -> str:
    """What the hub makes of a kind: mail, meeting, party, document."""
    mapping = ROOT / "mappings" / name / f"{kind}.toml"
    return str(tomllib.loads(mapping.read_text(encoding="utf-8"))["record"])


# What databases do differently is the business of the reader and of what takes a record in, and not that of a remote:
# the first kind of each record meets both.
_FIRST = {record(name, kind): (name, kind) for name, kind in reversed(STREAMS)}
LIVES = [
    (database, name, kind)
    for database in DATABASES
    for name, kind in STREAMS
    if database == DATABASES[0] or (name, kind) in _FIRST.values()
]


class Desk:
    """One account at a simulator, and a worker that reads one of its streams."""

    def __init__(self, hub: Hub, name: str, simulator: StreamSimulator, container: Container) -> None:
        self.hub, self.simulator, self.container = hub, simulator, container
        values = {**simulator.settings(), **container.settings}
        model = connector(name).settings
        if "timeout_s" in model.model_fields:
            values.setdefault("timeout_s", str(timeout_s(simulator)))
        with hub.db.write() as session:
            given = [parties.Given(parties.EMAIL, CUSTOMER)]
            self.customer = parties.create(session, None, PartyKind.PERSON, "Dana", given, region="IL").id
            self.account = accounts.create(session, hub.connectors[name], hub.vault, "Contract", values).id
        self.read(stream=read.LISTING)

    # --- what happens -------------------------------------------------------------------------------------------------

    def grow(self, count: int) -> list[str]:
        return list(self.container.grow(count, CUSTOMER))

    def read(self, *, stream: str = "", slice_s: float = 60.0) -> dict[str, int]:
        """Claim a stream as a worker does, whoever held it and died, and read it."""
        which = (StreamState.account_id == self.account) & (StreamState.stream == (stream or self.container.stream))
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(which).values(lease_until=LONG_AGO))
            session.execute(update(OauthGrant).where(OauthGrant.lease_until.is_not(None)).values(lease_until=LONG_AGO))
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        reader = Reader(self.hub.db, self.hub.remotes.open, Taker(self.hub.flow), slice_s=slice_s)
        return {what: count for what, count in reader.read(lease).items() if count}

    def something_happens(self, remote_id: str) -> None:
        """Change a record; where none is ever changed, let one more come."""
        if self.container.only_grows:
            self.grow(1)
        else:
            self.container.change(remote_id)

    def lose_the_cursor(self) -> None:
        """Let the remote forget where to go on from; where it cannot, the hub forgets it."""
        # Where a cursor is a moment, a container says that its remote forgets none.
        if self.container.only_grows or not getattr(self.container, "forgets", True):
            with self.hub.db.write() as session:
                read.forget_cursor(session, self.account, self.container.stream)
        else:
            self.container.expire()

    def asking(self) -> int:
        """Read, and return how many requests that took."""
        before = self.simulator.asked
        self.read()
        return self.simulator.asked - before

    def read_others(self) -> None:
        """Read whatever else the account has."""
        for stream in self.states.keys() - {self.container.stream}:
            self.read(stream=stream)

    def read_anew(self) -> dict[str, int]:
        """Read everything from the beginning."""
        with self.hub.db.write() as session:
            read.forget_cursor(session, self.account, self.container.stream)
        return self.read()

    def thaw(self) -> None:
        """Let the silence be over that a remote wanted; the limits themselves stay."""
        with self.hub.db.write() as session:
            session.execute(update(Bucket).values(frozen_until=None))

    def order(self, fault: str) -> None:
        self.simulator.faults.add(fault)

    def reconnect(self) -> None:
        """Let a person allow it once more."""
        with self.hub.db.write() as session:
            for row in session.scalars(select(OauthGrant).where(OauthGrant.account_id == self.account)):
                grant = grants.granted(session, self.hub.vault, self.account, row.mailbox)
                assert grant is not None
                grants.keep(session, self.hub.vault, self.account, row.mailbox, grant)
            read.begin(session, self.account)

    def listen(self) -> bool:
        """Open push channels as a worker does; False: the remote tells nothing of this stream."""
        with self.hub.db.write() as session:
            channels.plan(session, channels.reached_at(self.hub.settings))
            which = (StreamState.account_id == self.account) & (StreamState.stream == channels.PUSH)
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        self.container.tell(channels.address(channels.reached_at(self.hub.settings), self.row))
        hub_app.push_channels(self.hub).keep(lease)
        with self.hub.db.read() as session:
            found = session.scalars(select(PushChannel.stream).where(PushChannel.account_id == self.account)).all()
        return self.container.stream in found

    def calm(self) -> None:
        """Let every stream have been read a while ago, and the next look be far away."""
        hour = timedelta(hours=1)
        with self.hub.db.write() as session:
            mine = (StreamState.account_id == self.account) & (StreamState.records != "")
            session.execute(update(StreamState).where(mine).values(last_run_at=now() - hour, due_at=now() + hour))

    def hears(self) -> bool:
        """Ask the queues of notifications that are due, and for records that were named.

        Returns:
            Whether the stream is due now, or its records were named.
        """
        with self.hub.db.write() as session:
            named_ones = claim(session, StreamState, named.due(), owner=new_owner(), lease_s=60, limit=9)
        for lease in named_ones:
            hub_app.finder(self.hub).find(lease)
        with self.hub.db.write() as session:
            leases = claim(session, StreamState, channels.to_pull(), owner=new_owner(), lease_s=60, limit=9)
        for lease in leases:
            hub_app.push_channels(self.hub).fetch(lease)
        due_in = self.due_in()
        return bool(named_ones) or (due_in is not None and due_in <= 0)

    # --- what is known ------------------------------------------------------------------------------------------------

    def open(self) -> tuple[Remote, Stream]:
        remote = self.hub.remotes.open(self.row)
        return remote, remote.stream(self.container.stream)

    @property
    def row(self) -> Account:
        with self.hub.db.read() as session:
            return session.get_one(Account, self.account)

    @property
    def states(self) -> dict[str, StreamState]:
        with self.hub.db.read() as session:
            return {state.stream: state for state in read.wanted(session, self.account)}

    @property
    def state(self) -> StreamState:
        return self.states[self.container.stream]

    def due_in(self) -> float | None:
        """Return after how many seconds the stream is read again; None: not by itself."""
        due_at = self.state.due_at
        return (due_at - now()).total_seconds() if due_at else None

    @property
    def cursor(self) -> Cursor:
        return Cursor.of_json(self.state.cursor or {})

    @property
    def beside(self) -> str:
        """The other stream of the account."""
        return next(stream for stream in self.states if stream != self.container.stream)

    def raws(self) -> dict[str, RawRecord]:
        with self.hub.db.read() as session:
            mine = (RawRecord.account_id == self.account, RawRecord.stream == self.state.records)
            return {raw.remote_id: raw for raw in session.scalars(select(RawRecord).where(*mine))}

    def versions(self) -> dict[str, tuple[int, int, str, datetime | None]]:
        """What changes when a record is taken again."""
        return {one: (raw.id, raw.version, raw.state, raw.applied_at) for one, raw in self.raws().items()}

    def timeline(self) -> dict[int, str]:
        """What stands on the customer's timeline."""
        with self.hub.db.read() as session:
            query = select(Interaction.id, Interaction.summary).join(Participant)
            rows = session.execute(query.where(Participant.party_id == self.customer)).all()
        assert len({row.id for row in rows}) == len(rows), "one customer takes part twice in the same"
        return {row.id: row.summary for row in rows}

    def wrong(self) -> list[str]:
        """Say where the hub differs from the remote."""
        texts = self.container.texts()
        known = {
            one: json.dumps(raw.payload, ensure_ascii=False) for one, raw in self.raws().items() if not raw.gone_at
        }
        found = [f"{one} is missing" for one in texts.keys() - known.keys()]
        found += [f"{one} is no more" for one in known.keys() - texts.keys()]
        found += [f"{one} is old" for one in texts.keys() & known.keys() if texts[one] not in known[one]]
        rows = list(self.timeline().values())
        found += [f"{one!r} stands {count} times on the timeline" for one, count in Counter(rows).items() if count > 1]
        titles = self.container.titles().values()
        found += [f"{one!r} is not on the timeline" for one in titles if not any(one in row for row in rows)]
        return found

    def secrets(self) -> list[str]:
        """What nobody may read: the secrets of the account and the tokens that they brought."""
        with self.hub.db.read() as session:
            row = session.get_one(Account, self.account)
            kept = list(self.hub.vault.open(row.secrets).values())
            for one in session.scalars(select(OauthGrant).where(OauthGrant.account_id == self.account)):
                kept += self.hub.vault.open(one.sealed).values()
        return [secret for secret in kept if len(secret) >= 12 and " " not in secret]


@dataclass
class Deaths:
    """Processes that die one after the other, each at the first statement of the database at which none died before.

    A statement is its text and the lines of the hub that led to it, whatever the connector did in between; one that a
    process repeats kills at its first and at its second time.
    """

    engine: Engine
    at: set[Hashable] = field(default_factory=set)

    def befalls(self, process: Callable[[], object]) -> bool:
        """Run a process; False: it came through."""
        times: Counter[Hashable] = Counter()

        def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            place = (statement, _lines())
            times[place] += 1
            here = (place, min(times[place], 2))
            if here not in self.at:
                self.at.add(here)
                raise Crash

        event.listen(self.engine, "before_cursor_execute", look)
        try:
            process()
        except Crash:
            return True
        finally:
            event.remove(self.engine, "before_cursor_execute", look)
        return False


def _lines() -> tuple[tuple[str, int], ...]:
    """Return which lines of the hub are being executed, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    found = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(HUB):
            found.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


@dataclass
class House:
    """A hub at an address of this machine, and what was posted to it."""

    hub: Hub
    address: str
    posts: list[Hook] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def post(self, at: int, *, body: bytes | None = None, **changes: str) -> int:
        """Post something once more, with another body or other headers; returns how it was answered."""
        hook = self.posts[at]
        url = self.address + self.paths[at]
        data = hook.body if body is None else body
        return requests.post(url, data=data, headers={**hook.headers, **changes}, timeout=TIMEOUT_S * 20).status_code


def forged(body: bytes) -> Iterator[bytes]:
    """Return bodies in which one text is another, and last one in which all are: some remotes prove themselves there."""
    try:
        told = json.loads(body)
    except ValueError:
        return
    texts = sum(1 for _ in _texts(told))
    for changed in ({number} for number in range(texts)):
        yield json.dumps(_forged(told, count(), changed)).encode()
    yield json.dumps(_forged(told, count(), set(range(texts)))).encode()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _forged(value: Any, numbers: Iterator[int], changed: set[int]) -> Any:
    if isinstance(value, dict):
        return {name: _forged(one, numbers, changed) for name, one in value.items()}
    if isinstance(value, list):
        return [_forged(one, numbers, changed) for one in value]
    return "forged" if isinstance(value, str) and next(numbers) in changed else value


@contextmanager
def reached(hub: Hub) -> Iterator[House]:
    """Let remotes reach the hub."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = hub.settings.server.model_copy(update={"public_url": address})
    house = House(replace(hub, settings=hub.settings.model_copy(update={"server": server})), address)
    app = hub_app.create_app(house.hub)

    def note(environ: dict[str, Any], start: Any) -> Any:
        asked = Request(environ)
        body = asked.get_data(cache=True)
        environ["wsgi.input"] = BytesIO(body)
        headers = {name.lower(): value for name, value in asked.headers.items() if name.lower() not in _OF_THE_WIRE}
        house.posts.append(Hook(body, headers, asked.mimetype))
        house.paths.append(asked.full_path.rstrip("?"))
        return app(environ, start)

    listening = make_server("127.0.0.1", port, note, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield house
    finally:
        listening.shutdown()
        thread.join(5)
        listening.server_close()


@contextmanager
def reading(hub: Hub, name: str, kind: str, *ordered: str, page: int = PAGE) -> Iterator[Desk]:
    """A desk at a running simulator with an empty container."""
    with simulated(name) as simulator:
        simulator.page(page)
        desk = Desk(hub, name, simulator, simulator.container(kind))
        for fault in ordered:
            desk.order(fault)
        yield desk


def common(faults: Mapping[str, Any]) -> set[str]:
    """Faults that every such simulator must have and this one lacks."""
    return {str(one) for one in StreamFault} - set(faults)
