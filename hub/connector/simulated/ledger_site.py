"""A small accounting system in memory, for simulators of systems that are read by listings.

What it knows: customers, documents and payments with a day, a time of change and a text. How it is asked and what it
answers is its simulator's: access, paging, filters, names of fields, words of errors.
"""

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any

from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked
from hub.connector.simulated.serving import Serving
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Container, Fault, Faults, Harm

CONTACTS, INVOICES, PAYMENTS = "contacts", "invoices", "payments"
_BEGAN = timedelta(days=300)  # before now the first record was made
_PLENTY = "100000"
FAULTS = {
    "expire_cursor": Fault("refuses the page behind the first: 400", Harm.NOISE),
    "replay_page": Fault("sends a page twice", Harm.NOISE),
    "reorder_page": Fault("sends the records of a page in another order", Harm.NOISE),
    "empty_page": Fault("sends an empty page before a page", Harm.NOISE),
    "endless_page": Fault("sends the same page again and again", Harm.CUT),
    "html_instead_of_json": Fault("answers with the page of a network's sign-in", Harm.AWAY),
    "truncated_json": Fault("answers with half of the JSON", Harm.AWAY),
    "server_error": Fault("answers 500", Harm.AWAY),
    "unavailable": Fault("answers 503", Harm.AWAY),
    "rate_limited": Fault("answers 429 with Retry-After: 1", Harm.AWAY),
    "hang": Fault("answers nothing until the client gives up", Harm.AWAY),
    "reset": Fault("breaks the connection in the middle of an answer", Harm.AWAY),
    "slow": Fault("sends an answer in small pieces", Harm.NOISE),
    "token_expired": Fault("answers 401 to access that should be good", Harm.REFUSED),
    "revoked": Fault("refuses the access for good", Harm.REFUSED),
    "scope_missing": Fault("answers 403: this may not be read", Harm.LIMITED),
    "api_disabled": Fault("says that an administrator has to switch the API on", Harm.LIMITED),
}
CUT_PAGE = {"cut_page": Fault("leaves half of a page out, of records that it counted", Harm.NOISE)}


@dataclass
class Entry:
    """One record."""

    number: int
    kind: str
    changed: datetime
    day: datetime  # of the document
    customer: str = ""  # e-mail address
    version: int = 1
    is_odd: bool = False  # it is not as the reference says
    facts: dict[str, Any] = field(default_factory=dict)  # what a test wants to be so

    @property
    def text(self) -> str:
        return f"Wish {self.number} (version {self.version})"

    @property
    def name(self) -> str:
        return self.customer.partition("@")[0].replace(".", " ").title() or f"Customer {self.number}"


class LedgerSite(ABC):
    """One company's books (`hub.connector.simulator.StreamSimulator`). A simulator says how they are asked."""

    name = ""
    step = timedelta(hours=1)  # between two changes
    login_path = ""  # where a session begins; faults of the connection do not happen there
    most = 100  # records of a page, whatever is asked for
    window_setting = ""  # how many days are read again, where that is set

    def __init__(self, port: int = 0, faults: Faults | None = None) -> None:
        self.port = port
        self.faults = faults or Faults()
        self.lock = RLock()
        self.clock = Clock()
        self.entries: dict[str, list[Entry]] = {CONTACTS: [], INVOICES: [], PAYMENTS: []}
        self.verbs: list[tuple[str, str]] = []  # what was asked: verb and path
        self.serving = Serving(self.name, port, self.answer, self.faults, lambda path: path != self.login_path)
        self.committed = ""  # the fault of the last page
        self._before: list[Any] | None = None  # the page that was sent last
        self._replays = 0
        self._ticks = 0
        self._began = self.clock.now().replace(hour=8, minute=0, second=0, microsecond=0) - _BEGAN
        self.key = secrets.token_urlsafe(24)
        self.password = secrets.token_urlsafe(18)

    # -- hub.connector.simulator.Simulator ----------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on 127.0.0.1; returns when it accepts connections."""
        self.serving.start(self._ready)

    def _ready(self) -> None:
        self.port = self.serving.port

    def stop(self) -> None:
        """End every connection and thread, and remove the keys."""
        self.serving.stop()

    def settings(self) -> dict[str, str]:
        """Account settings (secrets too) with which the connector reaches this simulator."""
        common = {
            "base_url": f"{self.serving.url}{self.base_path}", "ca": self.serving.ca, "allow_private": "true",
            "calls_per_minute": _PLENTY,
        }  # fmt: skip
        return {**common, **self.access()}

    base_path = ""  # of the address that is entered

    @abstractmethod
    def access(self) -> dict[str, str]:
        """Return the settings that let somebody in."""

    @property
    def asked(self) -> int:
        return self.serving.asked

    def container(self, kind: str) -> Container:
        """Return the place of one kind of records."""
        return LedgerContainer(self, kind)

    def page(self, size: int) -> None:
        """Give no more records at once than this, whatever is asked for."""
        self.most = size

    # -- what people do -----------------------------------------------------------------------------------------------

    @locked
    def add(self, kind: str, customer: str = "", **facts: Any) -> Entry:
        """Write a record, a while after the one before."""
        moment = self.tick()
        made = Entry(len(self.entries[kind]) + 1, kind, moment, moment, customer, facts=facts)
        self.entries[kind].append(made)
        return made

    @locked
    def change(self, entry: Entry, **facts: Any) -> None:
        """Change a record."""
        entry.version += 1
        entry.changed = self.tick()
        entry.facts |= facts

    @locked
    def remove(self, entry: Entry) -> None:
        """Delete a record without a word."""
        self.entries[entry.kind].remove(entry)

    def tick(self) -> datetime:
        """Let a while pass; returns what time it is then, always before now."""
        self._ticks += 1
        return self._began + self.step * self._ticks

    # -- being asked --------------------------------------------------------------------------------------------------

    @locked
    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        self.verbs.append((request.http, request.path))
        if self.login_path and request.path == self.login_path:
            return self.refused() if self.faults.waits("revoked") else self.login(request)
        dead = self.faults.waits("revoked") and not self.login_path
        if not self.lets_in(request) or dead or self.faults.take("token_expired"):
            return self.refused()
        for name, status in (("rate_limited", 429), ("server_error", 500), ("unavailable", 503)):
            if self.faults.take(name):
                return self.failed(status, name.replace("_", " "), {"Retry-After": "1"} if status == 429 else {})
        if self.is_listing(request.path):
            if self.faults.take("scope_missing"):
                return self.failed(403, "You are not permitted to read this")
            if self.faults.take("api_disabled"):
                return self.disabled()
        found = self.route(request)
        return found if found is not None else self.failed(404, "Not found")

    def login(self, request: Request) -> Answer:
        """Begin a session, where there are any (`login_path`)."""
        del request
        return self.refused()

    @abstractmethod
    def lets_in(self, request: Request) -> bool:
        """Say whether a request proves itself."""

    @abstractmethod
    def route(self, request: Request) -> Answer | None:
        """Answer a request that was let in; None: there is no such place."""

    @abstractmethod
    def is_listing(self, path: str) -> bool:
        """Say whether rights of reading are asked for here."""

    def failed(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Say in the system's own form that something is wrong."""
        return json_answer({"message": text}, status, headers)

    def refused(self) -> Answer:
        """Say that nobody is let in with this."""
        return self.failed(401, "Unauthorized")

    def disabled(self) -> Answer:
        """Say that the API is switched off."""
        return self.failed(402, "The API is not switched on")

    # -- pages --------------------------------------------------------------------------------------------------------

    def cut(self, records: Sequence[Any], offset: int, size: int) -> list[Any]:
        """Return a page, with the faults of pages; `committed` says which."""
        size = max(1, min(size, self.most))
        page, before = list(records[offset : offset + size]), self.committed
        self.committed = self._fault(page, offset, before)
        match self.committed:
            case "endless_page":
                return list(records[:1])
            case "empty_page":
                return []
            case "replay_page":
                return self._before or []
            case "reorder_page":
                page.reverse()
            case "cut_page":
                page = page[: len(page) // 2]
        self._before = page
        self._replays = 0
        return page

    def _fault(self, page: Sequence[Any], offset: int, before: str) -> str:
        """Take the fault of a page. An empty page stands before a page, and one comes twice or three times, not for ever."""
        take = self.faults.take
        if self.faults.waits("endless_page"):
            take("endless_page")
            return "endless_page"
        if page and before != "empty_page" and take("empty_page"):
            return "empty_page"
        if offset and self._before and self._replays < 2 and take("replay_page"):
            self._replays += 1
            return "replay_page"
        if page and take("reorder_page"):
            return "reorder_page"
        return "cut_page" if len(page) > 1 and take("cut_page") else ""

    def forgets(self, offset: int) -> bool:
        """Say whether the place of a page is not known any more."""
        return bool(offset) and self.faults.take("expire_cursor")

    def newest_first(self, kind: str) -> list[Entry]:
        return sorted(self.entries[kind], key=lambda one: (one.changed, one.number), reverse=True)

    def remote_id(self, entry: Entry) -> str:
        """Return a record's id as its listing has it."""
        return str(entry.number)

    def find(self, kind: str, number: str) -> Entry | None:
        return next((one for one in self.entries[kind] if str(one.number) == number), None)


class LedgerContainer:
    """The records of one kind, for a suite that knows nothing of them (`hub.connector.simulator.Container`).

    Such a system forgets no cursor, since it has none, and deletes without a word: what was deleted shows when all ids are
    asked for. The suite has no word for that, so nothing is changed or deleted here; tests of their own do it.
    """

    shares_limits = True
    only_grows = True
    tells = False

    def __init__(self, site: LedgerSite, kind: str) -> None:
        self._site, self._kind = site, kind
        self.stream = kind
        self.settings: Mapping[str, str] = {site.window_setting: "2"} if site.window_setting else {}
        if site.window_setting:
            site.step = timedelta(days=1)

    def grow(self, count: int, customer: str) -> Sequence[str]:
        return [self._site.remote_id(self._site.add(self._kind, customer)) for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Change nothing."""

    def remove(self, remote_id: str) -> None:
        """Remove nothing."""

    def spoil(self, customer: str) -> str:
        """Make a record whose amount is a list."""
        with self._site.lock:
            made = self._site.add(self._kind, customer)
            made.is_odd = True
            return self._site.remote_id(made)

    def mend(self, remote_id: str) -> None:
        """Make it right; whoever corrects a document dates it anew."""
        with self._site.lock:
            entry = next(one for one in self._site.entries[self._kind] if self._site.remote_id(one) == remote_id)
            entry.is_odd = False
            entry.changed = entry.day = self._site.tick()

    def texts(self) -> Mapping[str, str]:
        with self._site.lock:
            return {self._site.remote_id(one): one.text for one in self._site.entries[self._kind]}

    def titles(self) -> Mapping[str, str]:
        """Nothing: these documents name no customer that the hub knows."""
        return {}

    def tell(self, address: str) -> None:
        """Tell nobody: such a system is only asked."""

    def expire(self) -> None:
        """Forget nothing: where to go on from is a moment."""


# --- OData ----------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\s*(?:(?P<sign>[()])|(?P<text>(?:datetime|guid)?'(?:[^']|'')*')|(?P<word>[^\s()']+))", re.UNICODE)


def filtered(records: Sequence[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Return the records that a `$filter` lets through: comparisons, `and`, `or`, brackets.

    Source: https://www.odata.org/documentation/odata-version-3-0/url-conventions/, 10.2.3.1

    Raises:
        ValueError: it is no such filter.
    """
    words = [one["sign"] or one["text"] or one["word"] for one in _TOKEN.finditer(text)]
    keeps = _Filter(words).whole()
    return [one for one in records if keeps(one)]


class _Filter:
    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)

    def whole(self) -> Callable[[Mapping[str, Any]], bool]:
        found = self._either()
        if self._words:
            raise ValueError(f"what is {self._words[0]}?")
        return found

    def _either(self) -> Callable[[Mapping[str, Any]], bool]:
        parts = [self._both()]
        while self._words[:1] == ["or"]:
            self._words.pop(0)
            parts.append(self._both())
        return lambda one: any(part(one) for part in parts)

    def _both(self) -> Callable[[Mapping[str, Any]], bool]:
        parts = [self._single()]
        while self._words[:1] == ["and"]:
            self._words.pop(0)
            parts.append(self._single())
        return lambda one: all(part(one) for part in parts)

    def _single(self) -> Callable[[Mapping[str, Any]], bool]:
        if self._words[:1] == ["("]:
            self._words.pop(0)
            inner = self._either()
            if self._words.pop(0) != ")":
                raise ValueError("a bracket is missing")
            return inner
        if len(self._words) < 3:
            raise ValueError("a comparison is missing")
        name, sign, value = (self._words.pop(0) for _ in range(3))
        return _comparison(name, sign, value)


def _comparison(name: str, sign: str, written: str) -> Callable[[Mapping[str, Any]], bool]:
    value = written.partition("'")[2][:-1].replace("''", "'") if written.endswith("'") else written

    def side(one: Mapping[str, Any]) -> tuple[Any, Any]:
        found = one.get(name)
        if isinstance(found, bool):
            return str(found).lower(), value
        if isinstance(found, int | float):
            return float(found), float(value)
        return _moment(str(found)), _moment(value)

    signs: dict[str, Callable[[Any, Any], bool]] = {
        "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "ge": lambda a, b: a >= b, "gt": lambda a, b: a > b,
        "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
    }  # fmt: skip
    if sign not in signs:
        raise ValueError(f"what is {sign}?")
    return lambda one: signs[sign](*side(one))


def _moment(text: str) -> str:
    """Return a moment so that moments can be compared as texts; any other text as it is."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def ordered(records: Sequence[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """Return records in the order of an `$orderby` of one or several names."""
    found = list(records)
    for part in reversed([one.split() for one in text.split(",") if one.strip()]):
        found.sort(key=lambda one, name=part[0]: str(one.get(name)), reverse=part[1:] == ["desc"])  # type: ignore[misc]  # a default binds the loop's name
    return found
