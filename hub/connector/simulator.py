"""What every connector's simulator is built on: a way to start it, and faults that it commits on command."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from hub.connector.simulated.clock import Clock


class Harm(StrEnum):
    """What a fault does to whoever connects, and so what is expected of the connector."""

    REFUSED = "refused"  # the credentials are not accepted
    LIMITED = "limited"  # we are let in, and a right is missing
    AWAY = "away"  # no answer, or none that makes sense
    DENIED = "denied"  # an order is turned down for good
    CUT = "cut"  # a part of what should come never comes
    NOISE = "noise"  # odd, but whole: to be borne
    HOSTILE = "hostile"  # a delivery that must be refused


@dataclass(frozen=True, slots=True)
class Fault:
    """What a simulator can do wrong on command. `simulator.py` lists them by name in `FAULTS`."""

    text: str
    harm: Harm


class StreamFault(StrEnum):
    """Names of faults that mean the same in every simulator of a remote that is read in pages."""

    EMPTY_PAGE = "empty_page"  # a page without records, and a next one behind it
    REPLAY_PAGE = "replay_page"  # a page comes twice
    REORDER_PAGE = "reorder_page"  # a page's records in another order
    ENDLESS_PAGE = "endless_page"  # the same next page again and again
    EXPIRE_CURSOR = "expire_cursor"  # where to go on from is forgotten
    RESET = "reset"  # the connection breaks in the middle of an answer
    HTML = "html_instead_of_json"
    TRUNCATED = "truncated_json"
    SERVER_ERROR = "server_error"  # 500
    UNAVAILABLE = "unavailable"  # 503
    RATE_LIMITED = "rate_limited"  # 429, with a Retry-After of one second
    HANG = "hang"  # no answer at all
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a fault: 401 to an access token that should live
    REVOKED = "revoked"  # whoever asks for a new access token is refused for good
    SCOPE_MISSING = "scope_missing"  # a permission was not granted
    API_DISABLED = "api_disabled"  # an administrator has to switch something on


class Faults:
    """Named faults with how often each is still to happen. Shared by the threads of a simulator.

    Written as `name` (once), `name=3` (three times) or `name=always`.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._left: dict[str, float] = {}
        self._lock = threading.Lock()
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Order a fault. Raises ValueError for a count that is no number."""
        name, _, count = text.partition("=")
        with self._lock:
            self._left[name.strip()] = float("inf") if count == "always" else int(count or "1")

    @property
    def names(self) -> set[str]:
        """The faults that were ordered so far."""
        with self._lock:
            return set(self._left)

    def clear(self) -> None:
        with self._lock:
            self._left.clear()

    def waits(self, name: str) -> bool:
        """True if this fault is still to happen."""
        with self._lock:
            return self._left.get(name, 0) > 0

    def take(self, name: str) -> bool:
        """True if this fault is to happen now; counts it."""
        with self._lock:
            left = self._left.get(name, 0)
            if left <= 0:
                return False
            self._left[name] = left - 1
            return True


class Simulator(Protocol):
    """A small server that speaks a remote's real protocol, for contract tests and the demo.

    A connector's `simulator.py` has `def create(port: int, faults: Faults) -> Simulator`; port 0 means any free one.
    """

    port: int
    faults: Faults

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections."""

    def stop(self) -> None:
        """End every connection and thread."""

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches this simulator."""


@runtime_checkable
class Poster(Protocol):
    """What the simulator of a remote that calls us has besides."""

    hub_url: str  # the account's address: what it posts goes there


class ExchangeSimulator(Simulator, Protocol):
    """What the simulator of a telephone exchange has besides, so that one suite can try every exchange."""

    @property
    def asked(self) -> int:
        """How many requests came so far, whatever became of them."""

    def whole_call(self, caller: str, extensions: Sequence[str], answer: str) -> None:
        """Play a recorded incoming call from ringing to hang-up, without waiting in between; `answer` picks up."""

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""

    def remember(self) -> dict[str, str]:
        """Keep records of past calls, enough for several pages.

        Returns:
            Further settings that read them; nothing where such a remote keeps none.
        """


class Container(Protocol):
    """Records in one place of a remote, such as a calendar, and what people do with them there.

    A record's text is like no other record's, becomes another with each change, and stands in what the remote answers.
    """

    stream: str  # key of the stream that reads it, as the connector calls it
    settings: Mapping[str, str]  # beside the simulator's: read this and one more place of the same account, not limited
    shares_limits: bool  # silence that the remote wants here holds for the other place as well
    only_grows: bool  # records come and never change, none is ever gone for the hub, and no cursor can be lost
    tells: bool  # the remote says by itself when something happens here

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Make records that concern an e-mail address; returns their ids."""

    def change(self, remote_id: str) -> None:
        """Change a record."""

    def remove(self, remote_id: str) -> None:
        """Delete a record, as people do."""

    def spoil(self, customer: str) -> str:
        """Make a record that is not as the remote's reference says; returns its id."""

    def mend(self, remote_id: str) -> None:
        """Make such a record right."""

    def texts(self) -> Mapping[str, str]:
        """Every record that a listing would show now, by its id."""

    def titles(self) -> Mapping[str, str]:
        """What stands on the customer's timeline of each record that was not deleted; nothing where none stands there."""

    def tell(self, address: str) -> None:
        """Let the remote post what happens here to an address, where an administrator of his has to tell it; else nothing."""

    def expire(self) -> None:
        """Forget every cursor that was given out, and every trace of what was deleted."""


class StreamSimulator(Simulator, Protocol):
    """What the simulator of a remote that is read in pages has besides, so that one suite can try every stream.

    Its module names the kinds of records in `STREAMS`, and has all faults of `StreamFault`.
    """

    @property
    def asked(self) -> int:
        """How many requests came so far, whatever became of them."""

    def container(self, kind: str) -> Container:
        """Make ready a place with records of one kind, which is empty."""

    def page(self, size: int) -> None:
        """Give no more records at once than this, whatever is asked for."""


@runtime_checkable
class CrmSimulator(Simulator, Protocol):
    """What the simulator of a CRM has besides, so that one suite can try what writes to every one of them.

    Its module has the fault `commit_then_timeout`: it writes, and breaks the connection before it says so.
    """

    @property
    def asked(self) -> int:
        """How many requests came so far, whatever became of them."""

    @property
    def clock(self) -> Clock:
        """What time it is there."""

    def kept(self, records: str) -> Sequence[str]:
        """Return each record of a kind (`hub.connector.crm`) that is there, as the text that a person sees of it."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who calls or writes during the demo."""

    number: str
    name: str = ""
    email: str = ""

    @property
    def known_as(self) -> str:
        """What they are called where somebody wrote them down, though their telephone shows no name."""
        return self.name or self.email.partition("@")[0].replace(".", " ").title()


@dataclass(frozen=True, slots=True)
class Option:
    """What one simulator can be told besides port and faults. `simulator.py` lists them in `OPTIONS`.

    `hub simulate` then takes `--name VALUE`, and gives what was typed to the module's `performance`.
    """

    name: str
    value: str  # what stands for it in the help, such as FILE
    text: str
    default: str = ""


Performance = Callable[[Any, threading.Event], None]
"""Makes something happen in a running simulator, until it is over or the event is set."""


class Plan(Protocol):
    """What a `simulator.py` with `OPTIONS` exports as `performance`."""

    def __call__(self, given: Mapping[str, str]) -> Performance | None:
        """Say what these values of its options make it do, instead of its demo; None: nothing.

        Raises:
            ValueError: says which value is wrong, and how.
        """


class Demo(Protocol):
    """What a connector's `demo.py` exports as `run`: life in its simulator, so that a newcomer sees something happen.

    Where the simulator must know whose account it is, `demo.py` also has `prepare(simulator, address, name)`, which
    returns further settings of the account.
    """

    def __call__(
        self, simulator: Any, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event
    ) -> None:
        """Go on until `stop`. Without visitors, some of its own."""
