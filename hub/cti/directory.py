"""Who and what is where in one exchange: endpoints, extensions, users, and how its trunks write numbers."""

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.cti.models import EndpointRule, Extension, SeenEndpoint
from hub.identity.models import NumberRule
from hub.identity.phone import PhoneContext
from hub.intake.models import StreamState
from hub.records.telephony import Endpoint, EndpointClass
from hub.security.models import User
from hub.store.base import now

MOST_NAMES = 5000  # remembered; an exchange may make up names without end
_SUFFIX = re.compile(r"-[0-9a-f]{4,}(;[12])?$")  # what an exchange adds to an endpoint's name for each channel


def endpoint_name(channel: str) -> str:
    """Return the name of the endpoint behind a channel: PJSIP/101 of PJSIP/101-0000001a."""
    return _SUFFIX.sub("", channel)


@dataclass(frozen=True, slots=True)
class Trunk:
    """How one trunk writes numbers."""

    region: str = ""
    dial_prefix: str = ""
    match_withheld: bool = False


@dataclass(frozen=True, slots=True)
class Directory:
    """What the administrator said of one exchange, as of one moment."""

    region: str
    guess: Callable[[str], Endpoint]
    rules: tuple[tuple[str, str], ...]  # pattern, kind; in the order of their length, longest first
    devices: tuple[tuple[str, str], ...]  # pattern of a phone's channel names, extension
    phones: frozenset[str]  # extensions whose channels are called after them: PJSIP/101
    users: Mapping[str, int]  # extension -> user
    names: Mapping[int, str]  # user -> name
    trunks: Mapping[str, Trunk]  # pattern -> how it writes numbers
    own_numbers: frozenset[str]
    hidden: frozenset[str]  # numbers nobody wants to see: `ignore`
    extension_lengths: tuple[int, ...] = ()
    _known: dict[str, Endpoint] = field(default_factory=dict, compare=False)

    def classify(self, channel: str) -> Endpoint:
        """Say what stands behind a channel name: the administrator's word, else the extension's, else a guess."""
        name = endpoint_name(channel)
        found = self._known.get(name)
        if found is None:
            if len(self._known) >= MOST_NAMES:
                self._known.clear()
            found = self._known[name] = self._classify(name, channel)
        return found

    def is_classified(self, name: str) -> bool:
        """Say whether the administrator knows this endpoint."""
        return self._phone(name) is not None or any(fnmatch.fnmatchcase(name, pattern) for pattern, _ in self.rules)

    def _classify(self, name: str, channel: str) -> Endpoint:
        phone = self._phone(name)
        if phone is not None:
            return Endpoint(EndpointClass.EXTENSION, phone)
        guessed = self.guess(channel)
        for pattern, kind in self.rules:
            if fnmatch.fnmatchcase(name, pattern):
                extension = (guessed.extension or name.rpartition("/")[2]) if kind == "extension" else ""
                return Endpoint(EndpointClass(kind), extension)
        return guessed

    def _phone(self, name: str) -> str | None:
        """Return the extension whose device this is. By name first: a thousand patterns take long while a phone rings."""
        _, slash, last = name.rpartition("/")
        if slash and last in self.phones:
            return last
        return next((extension for pattern, extension in self.devices if fnmatch.fnmatchcase(name, pattern)), None)

    def user_of(self, extension: str) -> int | None:
        """Return who uses an extension."""
        return self.users.get(extension)

    def trunk(self, name: str) -> Trunk:
        """Return how the trunk of an endpoint name writes numbers."""
        for pattern, trunk in self.trunks.items():
            if fnmatch.fnmatchcase(name, pattern):
                return trunk
        return Trunk()

    def phone_context(self, trunk: str) -> PhoneContext:
        """Return how to read a number that came over a trunk."""
        known = self.trunk(trunk)
        return PhoneContext(
            region=known.region or self.region,
            dial_prefixes=(known.dial_prefix,) if known.dial_prefix else (),
            extension_lengths=self.extension_lengths,
            own_numbers=self.own_numbers,
        )


def load(session: Session, account_id: int, region: str, guess: Callable[[str], Endpoint]) -> Directory:
    """Read the directory of one exchange."""
    rules = session.scalars(select(EndpointRule).where(EndpointRule.account_id == account_id)).all()
    columns = select(Extension.number, Extension.device, Extension.user_id)
    extensions = session.execute(columns.where(Extension.account_id == account_id)).all()
    people = session.execute(select(User.id, User.name, User.email)).all()
    names = {row.id: row.name or row.email for row in people}
    users = {e.number: e.user_id for e in extensions if e.user_id is not None}
    # An exchange that names people instead of extensions (a webhook) is understood as well.
    for row in people:
        for word in (row.email, row.name):
            users.setdefault(word, row.id)
    numbers = session.execute(select(NumberRule.value, NumberRule.rule)).all()
    return Directory(
        region=region,
        guess=guess,
        rules=tuple(sorted(((r.pattern, r.kind) for r in rules), key=lambda rule: (-len(rule[0]), rule[0]))),
        devices=tuple((e.device, e.number) for e in extensions if e.device),
        phones=frozenset(e.number for e in extensions if not e.device),
        users=users,
        names=names,
        trunks={r.pattern: Trunk(r.region, r.dial_prefix, r.match_withheld) for r in rules if r.kind == "trunk"},
        own_numbers=frozenset(row.value for row in numbers if row.rule == "own"),
        hidden=frozenset(row.value for row in numbers if row.rule == "ignore"),
        extension_lengths=tuple(sorted({len(number) for number in users if number.isdigit()})),
    )


def save_seen(session: Session, account_id: int, seen: Sequence[tuple[str, bool]]) -> None:
    """Remember endpoint names, for the list of what is not classified yet."""
    names = {name for name, _ in seen}
    if not names:
        return
    mine = (SeenEndpoint.account_id == account_id) & SeenEndpoint.name.in_(names)
    known = set(session.scalars(select(SeenEndpoint.name).where(mine)))
    session.execute(update(SeenEndpoint).where(mine).values(seen_at=now()))
    session.add_all(SeenEndpoint(account_id=account_id, name=name) for name in sorted(names - known))


def save_memory(session: Session, account_id: int, stream: str, memory: Mapping[str, Any]) -> None:
    """Remember what a listener must know after a restart of ours too, such as which life of the exchange it knows."""
    row = session.scalar(select(StreamState).where(StreamState.account_id == account_id, StreamState.stream == stream))
    if row is not None:
        row.cursor = {**(row.cursor or {}), **memory}  # equal to what is there: nothing is written
