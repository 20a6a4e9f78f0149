"""Every folder below connectors/, and what its contract is tested with: accounts at its simulator, and a listening ear."""

import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr
from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from hub.connector.contract import Account, Connector, Delivered
from hub.connector.exchange import Exchange
from hub.connector.hook import Hook
from hub.connector.simulator import Fault, Faults, Harm
from hub.cti.call_state import CallState
from hub.errors import HookError, HubError, RecordError
from hub.records.call import Call
from hub.records.telephony import CallEvent, LinkLost, Ticked

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "connectors"
NAMES = sorted(one.name for one in FOLDER.iterdir() if any(one.glob("*.py")))
PATIENCE_S = 20.0  # for machines with other work to do
PROMPT_S = 5.0  # "within a few seconds"
TIMEOUT_S = 0.5  # of one answer, in these tests, where a remote answers nothing
BUSY_S = 2.0  # and where it answers: a machine with other work to do is no silent remote
EXTENSIONS = ("101", "102")
CALLER = "0541234567"


def connector(name: str) -> Connector[Any]:
    found: Connector[Any] = import_module(f"connectors.{name}").CONNECTOR
    return found


EXCHANGES = [name for name in NAMES if connector(name).exchange is not None]
RECEIVERS = [name for name in NAMES if connector(name).receive is not None]
# Who only takes what is posted asks nobody, so nobody can refuse or be away.
ASKING = [name for name in NAMES if connector(name).exchange is not None or connector(name).remote is not None]
# Who takes no hooks can only hear by a connection of his own.
LISTENERS = [name for name in EXCHANGES if connector(name).receive is None]


def faults(name: str) -> Mapping[str, Fault]:
    listed: Mapping[str, Fault] = import_module(f"connectors.{name}.simulator").FAULTS
    return listed


def ill(names: Sequence[str], *harms: Harm) -> list[tuple[str, str]]:
    """Pairs of connector and fault."""
    return [(name, fault) for name in names for fault, what in faults(name).items() if what.harm in harms]


@contextmanager
def simulated(name: str, *ordered: str) -> Iterator[Any]:
    """A running simulator of this connector's remote."""
    simulator = import_module(f"connectors.{name}.simulator").create(0, Faults(ordered))
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()


def account(name: str, simulator: Any, **changes: Any) -> Account[Any]:
    """An account at the simulator; it waits for nothing long."""
    model = connector(name).settings
    values = {**simulator.settings(), **changes}
    if "timeout_s" in model.model_fields:
        values.setdefault("timeout_s", timeout_s(simulator))
    return Account(1, "Contract", model.model_validate(values), "IL", "Asia/Jerusalem")


def timeout_s(simulator: Any) -> float:
    """Return how long an answer may take: not long where the simulator was told to give none."""
    return TIMEOUT_S if simulator.faults.waits("hang") else BUSY_S


def exchange(name: str, simulator: Any, **changes: Any) -> Exchange:
    make = connector(name).exchange
    assert make is not None
    return make(account(name, simulator, **changes))


def secret_fields(name: str) -> set[str]:
    """Names of the settings that the connect form takes as passwords."""
    schema = connector(name).settings.model_json_schema()["properties"]
    return {field for field, what in schema.items() if '"format": "password"' in json.dumps(what)}


def secrets(made: Account[Any]) -> list[str]:
    """The secrets of an account, as nothing but the remote may see them."""
    values = [getattr(made.settings, name) for name in type(made.settings).model_fields]
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr) and value.get_secret_value()]


def in_full(error: BaseException) -> str:
    """Everything that a log could show of an error."""
    return f"{error!s} {error!r} {''.join(traceback.format_exception(error))}"


def until(what: Callable[[], T | None], why: Callable[[], object] = lambda: "", seconds: float = PATIENCE_S) -> T:
    deadline, clock = time.monotonic() + seconds, threading.Event()
    while not (found := what()):
        assert time.monotonic() < deadline, f"did not happen in time: {why()}"
        clock.wait(0.01)
    return found


@dataclass
class Ear:
    """A sink that remembers. `None` among the messages: the connection broke here."""

    messages: list[tuple[float, bytes | None]] = field(default_factory=list)
    ups: list[Mapping[str, Any]] = field(default_factory=list)
    downs: list[tuple[Exception | None, float]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    full: bool = False  # the next messages find no room

    @property
    def is_up(self) -> bool:
        turns = [step for step in list(self.steps) if step in ("connected", "disconnected")]
        return turns[-1:] == ["connected"]

    def heard(self, at: float, messages: Sequence[bytes]) -> bool:
        if self.full:
            self.full = False
            self.steps.append("full")
            return False
        self.steps.append("heard")
        self.messages += [(at, message) for message in messages]
        return True

    def missed(self) -> None:
        self.steps.append("missed")
        self.messages.append((time.time(), None))

    def connected(self, facts: Mapping[str, Any]) -> None:
        self.steps.append("connected")
        self.ups.append(dict(facts))

    def disconnected(self, error: Exception | None, retry_in: float) -> None:
        self.steps.append("disconnected")
        self.downs.append((error, retry_in))
        self.messages.append((time.time(), None))

    def counted(self, name: str, amount: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + amount


@dataclass
class Post:
    """Somebody who takes hooks as the hub does, and asks the connector what they say."""

    account: Account[Any]
    receive: Callable[[Account[Any], Hook], Any]
    ear: Ear
    hooks: list[Hook] = field(default_factory=list)
    records: list[Delivered] = field(default_factory=list)
    errors: list[HubError] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        hook = Hook(
            body=request.get_data(parse_form_data=False, cache=True),
            headers={name.lower(): value for name, value in request.headers.items()},
            content_type=request.mimetype,
            form=dict(request.form.lists()),
            query=dict(request.args.lists()),
        )
        self.hooks.append(hook)
        try:
            received = self.receive(self.account, hook)
        except (HookError, RecordError) as error:
            self.errors.append(error)
            return Response(status=422)(environ, start)
        self.ear.heard(time.time(), received.heard)
        self.records += received.records
        return Response(json.dumps(received.answer), content_type="application/json")(environ, start)


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@contextmanager
def posted(name: str, simulator: Any, ear: Ear, **changes: Any) -> Iterator[Post]:
    """Take what a simulator posts."""
    receive = connector(name).receive
    assert receive is not None
    post = Post(account(name, simulator, **changes), receive, ear)
    server = make_server("127.0.0.1", 0, post, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    simulator.hub_url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield post
    finally:
        server.shutdown()
        thread.join(PROMPT_S)
        server.server_close()


@dataclass
class Line:
    """An exchange that is being heard."""

    name: str
    simulator: Any
    exchange: Exchange
    ear: Ear
    stop: threading.Event
    thread: threading.Thread

    def hangs_up(self) -> float:
        """Tell it to end; returns how many seconds that took."""
        began = time.monotonic()
        self.stop.set()
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
        return time.monotonic() - began

    def calls(self) -> list[Call]:
        return told(self.exchange, self.ear.messages)

    def whole_calls(self, count: int) -> list[Call]:
        """Wait for this many answered calls."""

        def there() -> list[Call] | None:
            found = [call for call in self.calls() if call.settled and call.outcome == "answered"]
            return found if len(found) >= count else None

        return until(there, lambda: (self.calls(), self.ear.steps[-20:]))


@contextmanager
def hearing(name: str, simulator: Any, *, connected: bool = True, **changes: Any) -> Iterator[Line]:
    """Listen to the simulator, by a connection or by its hooks."""
    ear, stop = Ear(), threading.Event()
    made = exchange(name, simulator, **changes)
    with ExitStack() as stack:
        if name in RECEIVERS:
            stack.enter_context(posted(name, simulator, ear, **changes))
        thread = threading.Thread(target=made.listen, args=(ear, stop), name=f"listen-{name}", daemon=True)
        thread.start()
        line = Line(name, simulator, made, ear, stop, thread)
        try:
            if connected:
                until(lambda: ear.is_up, lambda: ear.downs)
            yield line
        finally:
            line.hangs_up()


def told(made: Exchange, messages: Sequence[tuple[float, bytes | None]], *, later_s: float = 60.0) -> list[Call]:
    """The calls that messages tell of, as the hub's call state sees them some time after the last one."""
    translator = made.translator()
    state = CallState(made.guess, silent_s=made.silent_s)
    known: dict[str, Call] = {}

    def feed(event: CallEvent) -> None:
        state.feed(event)
        for call in state.changed():
            known[call.key] = call

    last = 0.0
    for at, message in list(messages):
        last = max(last, at)
        for event in [LinkLost(at)] if message is None else translator.translate(at, message):
            feed(event)
    feed(Ticked(last + later_s))
    return [call for call in known.values() if not call.merged_into]


@cache
def recorded(name: str) -> tuple[tuple[float, bytes], ...]:
    """The messages of two whole calls, heard once."""
    with simulated(name) as simulator, hearing(name, simulator) as line:
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[1])
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[0])
        line.whole_calls(2)
        return tuple((at, message) for at, message in line.ear.messages if message is not None)


def speak(name: str, simulator: Any) -> None:
    """Let a simulator post: a telephone system one whole call, a program with a form what two people answered."""
    if name in EXCHANGES:
        simulator.whole_call(CALLER, EXTENSIONS, EXTENSIONS[1])
    else:
        simulator.submit(2)


@cache
def hooks(name: str) -> tuple[Hook, ...]:
    """What a simulator posts when it speaks."""
    with simulated(name) as simulator, posted(name, simulator, Ear()) as post:
        speak(name, simulator)
        assert not post.errors
        return tuple(post.hooks)
