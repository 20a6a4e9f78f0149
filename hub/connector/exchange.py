"""What a telephony connector offers: a telephone exchange that can be heard, told and asked."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol, runtime_checkable

from hub.errors import RejectedError
from hub.records.call import Call
from hub.records.telephony import CallEvent, Endpoint

Classify = Callable[[str], Endpoint]
"""Channel name -> what stands behind it."""
_NUMBER = re.compile(r"\+?[0-9*#]{2,20}\Z")
_CLICK_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Sink(Protocol):
    """Where a listening exchange puts what it hears. No method ever waits."""

    def heard(self, at: float, messages: Sequence[bytes]) -> bool:
        """Take raw messages in order; False: the queue was full and they were dropped.

        Then hand nothing on until the whole state is asked for again: half of a story is worse than none.

        Args:
            at: unix seconds of their arrival.
        """

    def missed(self) -> None:
        """Messages were dropped, and the whole state is asked for now: what was heard before may be out of date."""

    def connected(self, facts: Mapping[str, Any]) -> None:
        """The exchange accepted us; `facts` such as version and skew_s go to the health page."""

    def disconnected(self, error: Exception | None, retry_in: float) -> None:
        """The connection is gone or was refused; the next try comes in `retry_in` seconds."""

    def counted(self, name: str, amount: int = 1) -> None:
        """Count something for health and metrics: `received`, `filtered`, `garbage`, `reconnects`."""


class Translator(Protocol):
    """Makes call events of raw messages. It may remember (a list that comes in parts), so one per connection of the hub."""

    def translate(self, at: float, message: bytes) -> list[CallEvent]:
        """Return what one raw message says, oldest first; an empty list where it says nothing of calls."""


@dataclass(frozen=True, slots=True)
class DialOrder:
    """Click-to-dial: ring `extension`, then call `number` from it."""

    click_id: str  # ours; the events of the call carry it
    extension: str
    number: str  # already normalised and allowed: ^\\+?[0-9*#]{2,20}$
    dialled: str = ""  # the same as people here dial it, for exchanges that do not know E.164; empty: no other form
    timeout_s: float = 20.0
    caller_id: str = ""  # shown on the agent's own phone

    def check(self) -> None:
        """Every `dial` begins with this, before anything is sent.

        Raises:
            RejectedError: a number that is none, or something that no order may carry.
        """
        for number in (self.number, self.dialled or self.number):
            if not _NUMBER.match(number):
                raise RejectedError(f"{number[:40]!r} is no number that can be dialled.")
        if not self.extension or len(self.extension) > 200 or _CONTROL.search(self.extension):
            raise RejectedError(f"{self.extension[:40]!r} is no extension that can be rung.")
        if _CONTROL.search(self.caller_id):
            raise RejectedError("A caller id with a line break or another control character is refused.")
        if not _CLICK_ID.match(self.click_id):
            raise RejectedError(f"{self.click_id[:40]!r} is no id of an order.")


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What the exchange asks while a call comes in: who is this, and whose customer?"""

    number: str
    name: str
    did: str
    withheld: bool
    keyed: str  # customer number keyed in
    call_ref: str


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer: empty fields change nothing."""

    display_name: str = ""
    owner_extension: str = ""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A stretch of the exchange's own records, already collapsed to calls (`source=backfill`).

    `position` is where to go on; it is saved in the transaction that keeps the calls.
    """

    calls: tuple[Call, ...]
    position: dict[str, Any]
    more: bool


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a recording without reading it."""

    size: int
    modified_at: datetime | None
    content_type: str


@runtime_checkable
class RemovesRecordings(Protocol):
    """An exchange whose recordings the hub may remove, for somebody who is erased."""

    def remove_recording(self, path: str) -> None:
        """Remove a recording for good.

        Raises:
            GoneError: there is no such file.
            RejectedError: the path leads outside the recordings' root, or files there cannot be removed.
            ScopeError: the file may not be removed; says whom to give which right.
            RetryLaterError: the place cannot be reached.
        """


class Exchange(Protocol):
    """One telephone exchange. Every method but `listen` and `attend` ends within a few seconds or raises ConnectorError."""

    @property
    def silent_s(self) -> float | None:
        """Seconds without a word after which a call is lost; None where the exchange can be asked for its channels."""

    def listen(self, sink: Sink, stop: threading.Event) -> None:
        """Hear events until `stop`; reconnects by itself with growing delays, never raises."""

    def translator(self) -> Translator:
        """Return a new translator for the raw messages that `listen` and webhooks bring."""

    def dial(self, order: DialOrder) -> None:
        """Ring the agent's phone. Returns when the exchange took the order; what becomes of it comes as events.

        Raises:
            RejectedError: the exchange refused (unknown extension, no right), says why; or it may have taken the order
                and did not say so: then nobody may give it again.
            RetryLaterError: the exchange cannot be reached.
            AuthError: it does not let us in.
        """

    def hang_up(self, channel: str) -> None:
        """End one channel by name; GoneError when it has ended already."""

    def transfer(self, channel: str, extension: str) -> None:
        """Send what is connected to `channel` (an agent's) blind to an extension or number."""

    def pause_recording(self, channel: str, *, paused: bool) -> None:
        """Stop or go on writing the recording of this channel."""

    def recording_facts(self, path: str) -> FileFacts:
        """Say size and age of a recording file.

        Raises:
            GoneError: there is no such file.
            RejectedError: the path leads outside the recordings' root.
        """

    def open_recording(self, path: str, *, start: int = 0) -> BinaryIO:
        """Open a recording for reading from byte `start`; raises as `recording_facts`."""

    def history(self, position: dict[str, Any] | None, since: datetime, classify: Classify) -> Iterator[HistoryPage]:
        """Read the exchange's own call records from a saved position; from `since` where there is none.

        Yields nothing where no source of records is configured.
        """

    @property
    def attends(self) -> bool:
        """Say whether the exchange can ask us about callers: whether `attend` is configured."""

    def attend(self, answer: Callable[[Inquiry], Greeting], stop: threading.Event) -> None:
        """Answer the exchange's questions about callers until `stop`; returns at once where not configured.

        `answer` is given 300 ms; the exchange must never wait longer for us.
        """

    def guess(self, channel: str) -> Endpoint:
        """Say what probably stands behind a channel name that the administrator has not classified yet."""
