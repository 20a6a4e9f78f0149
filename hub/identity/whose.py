"""Whose are the records of a page: all who may be meant are looked up at once, then `partition` decides one by one.

What one record of the page decides the next one sees: two cards of a new customer make one party, not two. This is the
first answer, from the parties as they are; where it depends on what comes later, `resolving.second_look` makes up for it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session, aliased

from hub.identity import rules, tax_id
from hub.identity.callers import PHONE
from hub.identity.models import Identifier, Link, Party, PartyStatus
from hub.identity.names import spoken_name
from hub.identity.parties import TAX_ID, rule_of, ruled_shared
from hub.identity.partition import affected, partition
from hub.identity.partition_pairs import Record, RecordKind
from hub.identity.points import Key, Point
from hub.records.party import Party as Said

_NEW = "new"  # the key of the record that is asked about
# A value that more parties hold is a switchboard's or a shared mailbox: nobody is looked for by it.
MOST_HOLDERS = 50
_HOLDING = (
    select(Identifier.kind, Identifier.value, Identifier.party_id, Identifier.link_id)
    .join(Party, Party.id == Identifier.party_id)
    .where(
        Identifier.kind == bindparam("kind"),
        Identifier.value.in_(bindparam("values", expanding=True)),
        Identifier.valid_to.is_(None),
        Party.status == PartyStatus.ACTIVE,
    )
)
_COMPANY = aliased(Party)
_PEOPLE = (
    select(Party.id, Party.kind, Party.name, _COMPANY.name.label("company"))
    .outerjoin(_COMPANY, _COMPANY.id == Party.company_id)
    .where(Party.id.in_(bindparam("ids", expanding=True)))
)


@dataclass(slots=True)
class _Someone:
    """A party as it becomes while the page is taken."""

    kind: RecordKind
    name: str
    company: str = ""
    held: dict[Key, rules.Identifier] = field(default_factory=dict)
    links: set[tuple[str, str]] = field(default_factory=set)  # scope and remote id of each record


class Known:
    """Who may be meant. A party that is not stored yet has a number below zero."""

    def __init__(self, session: Session, wanted: Iterable[Key], also: Collection[int] = ()) -> None:
        self._session = session
        self._people: dict[int, _Someone] = {}
        self._holders: dict[Key, set[int]] = defaultdict(set)
        self._crowded: set[Key] = set()
        self._bare: dict[str, list[int]] = {}
        self._typed: dict[Key, Key] = {}  # tax ids as people type them, without the country, to those of the records
        self._load(wanted, also)

    def whose(self, record: Said, points: Sequence[Point], scope: str) -> int | None:
        """Return whose a record is; None: nobody's yet, or it cannot be said.

        What cannot be said makes a party of its own: a customer who is there twice is found and joined later, one
        that waits set aside is missing when he calls, and a wrong guess mixes two people.
        """
        maybe = {one for point in points if point.rule for one in self._holders.get(point.key, ())}
        fitting = [self._known_as(one) for one in sorted(maybe) if not self._is_full(one)]
        if fitting:
            holders: dict[rules.Identifier, list[Record]] = defaultdict(list)
            for one in fitting:
                for value in one.identifiers:
                    holders[value].append(one)
            crowded = {point.rule for point in points if point.key in self._crowded}
            near = affected(
                [_record(record, points, scope)], lambda value: None if value in crowded else holders.get(value, ())
            )
            answer = partition(near.records, others=near.others, crowded=near.crowded)
            for pair in answer.joins:
                if _NEW in {pair.a, pair.b}:
                    return int(pair.b if pair.a == _NEW else pair.a)
        return self._bare_company(record.name) if record.is_company else None

    def add(self, number: int, record: Said, points: Iterable[Point], scope: str) -> None:
        """Let the next records see what this one brought to a party."""
        kind = RecordKind.COMPANY if record.is_company else RecordKind.PERSON
        someone = self._people.setdefault(number, _Someone(kind, record.name, record.company))
        someone.name = someone.name or record.name
        someone.links.add((scope, record.remote_id))
        for point in points:
            if point.rule is not None and point.key not in someone.held:
                someone.held[point.key] = point.rule
                self._hold(point.key, number)

    def _hold(self, key: Key, number: int) -> None:
        if key in self._crowded:
            return
        self._holders[key].add(number)
        if len(self._holders[key]) > MOST_HOLDERS:
            self._crowded.add(key)
            del self._holders[key]

    def expect_companies(self, names: Collection[str]) -> None:
        """Look up companies that are known by nothing but their names, such as where somebody works."""
        if not names:
            return
        query = (
            select(Party.id, Party.name)
            .where(Party.kind == rules.PartyKind.COMPANY, Party.name.in_(sorted(names)))
            .where(Party.status == PartyStatus.ACTIVE)
            .where(~exists().where(Identifier.party_id == Party.id), ~exists().where(Link.party_id == Party.id))
            .order_by(Party.id.desc())
        )
        for row in self._session.execute(query):
            self._bare.setdefault(row.name, []).append(row.id)

    def _bare_company(self, name: str) -> int | None:
        """Return a company of exactly this name of which nothing else is known, once."""
        waiting = self._bare.get(name)
        return waiting.pop() if waiting else None

    def _is_full(self, number: int) -> bool:
        """Say whether a party has so many records that no further one joins it by itself."""
        return len(self._people[number].links) >= rules.CLUSTER_STOPS_AUTOMATIC

    def _known_as(self, number: int) -> Record:
        """Return a party as one record: everything that is known of it."""
        someone = self._people[number]
        remote = (rules.Identifier(rules.IdentifierKind.REMOTE_ID, one, scope) for scope, one in sorted(someone.links))
        return Record(str(number), someone.kind, someone.name, someone.company, (*someone.held.values(), *remote))

    def _load(self, wanted: Iterable[Key], also: Collection[int]) -> None:
        by_kind: dict[str, set[str]] = defaultdict(set)
        for kind, value in wanted:
            by_kind[kind].add(value)
        for one in tuple(by_kind.get(TAX_ID, ())):
            written = tax_id.of_key(one).value
            self._typed[TAX_ID, written] = TAX_ID, one
            by_kind[TAX_ID].add(written)
        for kind, values in by_kind.items():
            for row in self._session.execute(_HOLDING, {"kind": kind, "values": sorted(values)}):
                self._hold(self._key(row), row.party_id)
        numbers_of_many = ruled_shared(self._session, sorted(by_kind.get(PHONE, ())))
        self._crowded |= {(PHONE, one) for one in by_kind.get(PHONE, ()) if one.partition(";")[0] in numbers_of_many}
        numbers = sorted({one for parties in self._holders.values() for one in parties}.union(also))
        if not numbers:
            return
        for party in self._session.execute(_PEOPLE, {"ids": numbers}):
            name = party.name if party.kind == RecordKind.COMPANY else spoken_name(party.name)
            self._people[party.id] = _Someone(RecordKind(party.kind), name, party.company or "")
        self._load_held(numbers)
        links = select(Link.party_id, Link.account_id, Link.stream, Link.remote_id, Link.apart)
        for link in self._session.execute(links.where(Link.party_id.in_(numbers), Link.gone_at.is_(None))):
            scope = scope_of(link.account_id, link.stream, link.remote_id, apart=link.apart)
            self._people[link.party_id].links.add((scope, link.remote_id))

    def _load_held(self, numbers: Sequence[int]) -> None:
        query = select(
            Identifier.party_id, Identifier.kind, Identifier.value, Identifier.label, Identifier.possible, Identifier.link_id,
        ).where(Identifier.party_id.in_(numbers), Identifier.valid_to.is_(None), Identifier.blocked.is_(False))  # fmt: skip
        for row in self._session.execute(query):
            key, someone = self._key(row), self._people[row.party_id]
            seen = rule_of(row, someone.kind, key[1])
            if seen is not None:
                someone.held[key] = seen

    def _key(self, row: Any) -> Key:
        """Return what an identifier is to the records: a tax id of a person's hand may lack the country that they have."""
        key = row.kind, row.value
        return self._typed.get(key, key) if self._typed and row.link_id is None else key


def scope_of(account_id: int, stream: str, remote_id: str, *, apart: bool) -> str:
    """Return where a remote id is unique; of a source in which one leaves several records, each is a scope of its own."""
    return f"{account_id}:{stream}" if apart else f"{account_id}:{stream}:{remote_id}"


def _record(record: Said, points: Sequence[Point], scope: str) -> Record:
    remote = rules.Identifier(rules.IdentifierKind.REMOTE_ID, record.remote_id, scope)
    values = (remote, *(point.rule for point in points if point.rule))
    if record.is_company:
        return Record(_NEW, RecordKind.COMPANY, record.name, "", values)
    return Record(_NEW, RecordKind.PERSON, record.name, record.company, values)
