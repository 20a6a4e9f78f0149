"""Whose are the records of a page: all who may be meant are looked up at once, then `rules` decides one by one.

What one record of the page decides the next one sees: two cards of a new customer make one party, not two.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from hub.identity import rules, tax_id
from hub.identity.models import Identifier, Link, Party, PartyStatus
from hub.identity.names import spoken_name
from hub.identity.parties import TAX_ID, rule_kind
from hub.identity.points import Key, Point
from hub.records.party import Party as Record

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


@dataclass(slots=True)
class _Held:
    identifier: rules.Identifier
    shared: bool  # by its nature, or because the company said so; whether by its holders is reckoned
    blocked: bool


@dataclass(slots=True)
class _Someone:
    """A party as it becomes while the page is taken."""

    kind: rules.PartyKind
    name: str
    held: dict[Key, _Held] = field(default_factory=dict)
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

    def whose(self, record: Record, points: Sequence[Point], scope: str) -> int | None:
        """Return whose a record is; None: nobody's yet, or it cannot be said.

        What cannot be said makes a party of its own: a customer who is there twice is found and joined later, one
        that waits set aside is missing when he calls, and a wrong guess mixes two people.
        """
        evidence = rules.Evidence(
            rules.PartyKind.COMPANY if record.is_company else rules.PartyKind.PERSON,
            record.name,
            (
                rules.Identifier(rules.IdentifierKind.REMOTE_ID, record.remote_id, scope),
                *(point.rule for point in points if point.rule),
            ),
        )
        maybe = {one for point in points if point.rule for one in self._holders.get(point.key, ())}
        answer = rules.resolve(evidence, [self._candidate(one) for one in maybe])
        if isinstance(answer, rules.Same):
            return answer.party
        return self._bare_company(record.name) if record.is_company else None

    def add(self, number: int, record: Record, points: Iterable[Point], scope: str) -> None:
        """Let the next records see what this one brought to a party."""
        kind = rules.PartyKind.COMPANY if record.is_company else rules.PartyKind.PERSON
        someone = self._people.setdefault(number, _Someone(kind, record.name))
        someone.name = someone.name or record.name
        someone.links.add((scope, record.remote_id))
        for point in points:
            if point.key not in someone.held and (point.rule is not None or point.kind != TAX_ID):
                seen = point.rule or rules.Identifier(rules.IdentifierKind.FIXED, point.value)
                someone.held[point.key] = _Held(seen, point.rule is None, blocked=False)
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

    def _candidate(self, number: int) -> rules.Candidate:
        someone = self._people[number]
        held = [self._as_rules(key, one) for key, one in someone.held.items()]
        remote = (rules.Identifier(rules.IdentifierKind.REMOTE_ID, one, scope) for scope, one in someone.links)
        return rules.Candidate(
            number,
            someone.kind,
            someone.name,
            (*held, *(rules.Held(one) for one in remote)),
            records=len(someone.links),
        )

    def _as_rules(self, key: Key, held: _Held) -> rules.Held:
        owners = self._holders.get(key, set())
        shared = held.shared
        if not shared and len(owners) > 1:
            who = [(self._people[one].kind, self._people[one].name) for one in sorted(owners)]
            shared = rules.becomes_shared(held.identifier.kind, who)
        return rules.Held(held.identifier, shared, held.blocked, owners=len(owners) or 1)

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
        numbers = sorted({one for parties in self._holders.values() for one in parties}.union(also))
        if not numbers:
            return
        for party in self._session.execute(select(Party.id, Party.kind, Party.name).where(Party.id.in_(numbers))):
            self._people[party.id] = _Someone(rules.PartyKind(party.kind), spoken_name(party.name))
        self._load_held(numbers)
        links = select(Link.party_id, Link.account_id, Link.stream, Link.remote_id)
        for link in self._session.execute(links.where(Link.party_id.in_(numbers), Link.gone_at.is_(None))):
            self._people[link.party_id].links.add((scope_of(link.account_id, link.stream), link.remote_id))

    def _load_held(self, numbers: Sequence[int]) -> None:
        query = select(
            Identifier.party_id, Identifier.kind, Identifier.value, Identifier.raw, Identifier.label,
            Identifier.possible, Identifier.shared, Identifier.blocked, Identifier.link_id,
        ).where(Identifier.party_id.in_(numbers), Identifier.valid_to.is_(None))  # fmt: skip
        for row in self._session.execute(query):
            key, someone = self._key(row), self._people[row.party_id]
            if row.kind != TAX_ID:
                someone.held[key] = _Held(_identifier(row), row.shared, row.blocked)
            elif seen := rules.tax_identifier(tax_id.of_key(key[1]), someone.kind):
                someone.held[key] = _Held(seen, row.shared, row.blocked)

    def _key(self, row: Any) -> Key:
        """Return what an identifier is to the records: a tax id of a person's hand may lack the country that they have."""
        key = row.kind, row.value
        return self._typed.get(key, key) if self._typed and row.link_id is None else key


def scope_of(account_id: int, stream: str) -> str:
    """Return where a remote id is unique."""
    return f"{account_id}:{stream}"


def _identifier(row: Any) -> rules.Identifier:
    kind = rules.IdentifierKind.POSSIBLE_PHONE if row.possible else rule_kind(row)
    return rules.Identifier(kind, row.value, raw=row.raw)
