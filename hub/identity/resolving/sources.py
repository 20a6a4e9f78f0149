"""Source records as `partition` compares them, read from the tables; and what people said of the parties that have them.

A party is read whole and once. What a record holds is what it says now and what nobody took off its party since.

    0000000000000000042     a link: what one source record says
    party 0000000000000007  what people said of a party in the hub itself; it belongs to the party's first record
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from hub.identity import rules
from hub.identity.callers import PHONE
from hub.identity.claims import POINTING
from hub.identity.merging import journal
from hub.identity.merging.merge import BY_HAND
from hub.identity.models import (
    Claim,
    Identifier,
    Link,
    Merge,
    MergeItem,
    MergeState,
    NotSame,
    NumberRule,
    Party,
    PartyStatus,
    SharedRecord,
)
from hub.identity.parties import EMAIL, TAX_ID, rule_of
from hub.identity.partition import Decisions
from hub.identity.partition_pairs import CROWD, Record, RecordKind
from hub.identity.points import Key
from hub.identity.resolving.asked import WATCHED
from hub.identity.reviewing.cards import born, domains
from hub.identity.rules import PHONES, TAX_IDS, IdentifierKind
from hub.identity.whose import scope_of

HAND = "party "  # begins the key of what people said
_MANY = 500  # values in one statement
_STORED = {
    **dict.fromkeys(PHONES, PHONE),
    **dict.fromkeys((IdentifierKind.EMAIL, IdentifierKind.ROLE_MAILBOX), EMAIL),
    **dict.fromkeys(TAX_IDS, TAX_ID),
}
_HELD = (Identifier.valid_to.is_(None), Identifier.blocked.is_(False))
_HOLDERS = (
    select(Identifier.party_id)
    .join(Party, Party.id == Identifier.party_id)
    .where(Identifier.kind == bindparam("kind"), Identifier.value == bindparam("value"), *_HELD)
    .where(Party.status == PartyStatus.ACTIVE)
    .limit(CROWD + 1)
)


class Sources:
    """The records of the parties that were asked for, for as long as nobody changes them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._of: dict[int, list[Record]] = {}
        self._holders: dict[Key, list[int] | None] = {}
        self._many_call_from: frozenset[str] | None = None
        self._tied: dict[int, list[str]] = {}  # records that a person, or we ourselves, put together
        self.party: dict[str, int] = {}  # of each record

    def of(self, party_ids: Collection[int]) -> list[Record]:
        """Return all records of parties; of those that were merged or erased there are none."""
        new = sorted(set(party_ids) - self._of.keys())
        for start in range(0, len(new), _MANY):
            self._load(new[start : start + _MANY])
        return [record for number in sorted(set(party_ids)) for record in self._of[number]]

    def holding(self, value: rules.Identifier) -> list[Record] | None:
        """Return all records that hold a value; None: a crowd does, or the company said that many call from it."""
        kind = _STORED.get(value.kind)
        if kind is None:
            return []
        key = kind, value.value
        if key not in self._holders:
            self._holders[key] = self._look_for(*key)
        found = self._holders[key]
        return None if found is None else [one for one in self.of(found) if value in one.identifiers]

    def beside(self, key: str) -> list[Record]:
        """Return all records of the party of one."""
        return self._of[self.party[key]]

    def neighbours(self, party_id: int) -> list[Record]:
        """Return all records of a party and of all who hold something that it holds."""
        found = {one.key: one for one in self.of([party_id])}
        for record in tuple(found.values()):
            for value in record.identifiers:
                found |= {one.key: one for one in self.holding(value) or ()}
        return list(found.values())

    def decisions(self, records: Iterable[Record]) -> Decisions:
        """Return what people said of records, each party's whole."""
        numbers = {self.party[one.key] for one in records}
        same = {(ties[0], other) for number in numbers for ties in [self._tied[number]] for other in ties[1:]}
        return Decisions(frozenset(same), frozenset(self._told_apart(numbers)))

    # --- Who holds what ---------------------------------------------------------------------------------------

    def _look_for(self, kind: str, value: str) -> list[int] | None:
        if kind == PHONE and value.partition(";")[0] in self._ruled():
            return None
        found = self._session.scalars(_HOLDERS, {"kind": kind, "value": value}).all()
        return None if len(found) > CROWD else list(found)

    def _ruled(self) -> Collection[str]:
        if self._many_call_from is None:
            query = select(NumberRule.value).where(NumberRule.rule == "shared")
            self._many_call_from = frozenset(self._session.scalars(query))
        return self._many_call_from

    # --- What they say ----------------------------------------------------------------------------------------

    def _load(self, numbers: Collection[int]) -> None:
        self._of |= {number: [] for number in numbers}
        self._tied |= {number: [] for number in numbers}
        query = select(Party.id, Party.kind, Party.name, Party.fields)
        parties = self._session.execute(query.where(Party.id.in_(numbers), Party.status == PartyStatus.ACTIVE)).all()
        said = self._said(numbers)
        held = self._held(numbers)
        links = self._links(numbers)
        for party in parties:
            records = [
                self._record(party, link, said[party.id].get(link.id, {}), held[party.id]) for link in links[party.id]
            ]
            own = list(self._by_hand(party, said[party.id].get(None, {}), held[party.id], alone=not records))
            if records and own:  # under whatever name somebody knows a customer here, its records know theirs
                both = (*records[0].identifiers, *own[0].identifiers)
                records[0] = records[0]._replace(identifiers=tuple(dict.fromkeys(both)))
            self._of[party.id] = [*records, *own]
            self.party |= {one.key: party.id for one in self._of[party.id]}
        self._tie({party.id for party in parties}, links)

    def _said(self, numbers: Collection[int]) -> dict[int, dict[int | None, dict[str, Any]]]:
        found: dict[int, dict[int | None, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
        query = select(Claim.party_id, Claim.link_id, Claim.field, Claim.value)
        for row in self._session.execute(query.where(Claim.party_id.in_(numbers), Claim.field.in_(WATCHED))):
            found[row.party_id][row.link_id][row.field] = row.value
        return found

    def _held(self, numbers: Collection[int]) -> dict[int, dict[Key, Any]]:
        found: dict[int, dict[Key, Any]] = defaultdict(dict)
        query = select(
            Identifier.party_id,
            Identifier.kind,
            Identifier.value,
            Identifier.label,
            Identifier.possible,
            Identifier.link_id,
        )
        for row in self._session.execute(query.where(Identifier.party_id.in_(numbers), *_HELD)):
            found[row.party_id][row.kind, row.value] = row
        return found

    def _links(self, numbers: Collection[int]) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = defaultdict(list)
        query = select(
            Link.id,
            Link.party_id,
            Link.account_id,
            Link.stream,
            Link.remote_id,
            Link.gone_at,
            Link.apart,
            SharedRecord.pushed_at,
        ).outerjoin(SharedRecord, SharedRecord.link_id == Link.id)
        for row in self._session.execute(query.where(Link.party_id.in_(numbers)).order_by(Link.id)):
            found[row.party_id].append(row)
        return found

    def _record(self, party: Any, link: Any, said: Mapping[str, Any], held: Mapping[Key, Any]) -> Record:
        kind = _value(said, "kind") or party.kind
        rows = [
            held[stored, value]
            for field, stored in POINTING.items()
            for value in said.get(field, {}).get("keys", ())
            if (stored, value) in held
        ]
        values = [*_rules(rows, kind), *domains(rows)]
        if link.gone_at is None:  # one that came back under another id is no second record of its account
            scope = scope_of(link.account_id, link.stream, link.remote_id, apart=link.apart)
            values.append(rules.Identifier(IdentifierKind.REMOTE_ID, link.remote_id, scope))
        company = _value(said, "company") if kind == RecordKind.PERSON else ""
        birthday = born(_value(said, "birthday"))
        return Record(_key(link.id), RecordKind(kind), _value(said, "name"), company, tuple(values), birthday)

    def _by_hand(
        self, party: Any, said: Mapping[str, Any], held: Mapping[Key, Any], *, alone: bool
    ) -> Iterator[Record]:
        """Yield what people said of a party, if they did."""
        rows = [row for row in held.values() if row.link_id is None]
        name = _value(said, "name") or (party.name if alone else "")
        if not (rows or name):
            return
        values = (*_rules(rows, party.kind), *domains(rows))
        birthday = born(_value(said, "birthday") or (party.fields.get("birthday") if alone else ""))
        yield Record(HAND + _key(party.id), RecordKind(party.kind), name, _value(said, "company"), values, birthday)

    # --- What people said -------------------------------------------------------------------------------------

    def _tie(self, numbers: Collection[int], links: Mapping[int, Collection[Any]]) -> None:
        """Note which records are one, whatever they say: people merged them, or we wrote what the others say into them."""
        merged = self._merged_by_hand(numbers)
        for number in numbers:
            everything = [one.key for one in self._of[number]]
            hand = [key for key in everything if key.startswith(HAND)]
            ours = [_key(link.id) for link in links[number] if link.pushed_at is not None]
            together = {_key(link.id) for link in links[number] if link.id in merged}
            tied = {*hand, *ours, *together}
            if tied:
                self._tied[number] = list(dict.fromkeys((everything[0], *sorted(tied))))

    def _merged_by_hand(self, numbers: Collection[int]) -> set[int]:
        """Return the links of both sides of the merges that people made of parties, and that stand."""
        some = set(numbers)
        some |= set(self._session.scalars(select(Party.id).where(Party.merged_into.in_(numbers))))
        if len(some) == len(numbers):
            return set()
        lines = (
            select(MergeItem.ids)
            .join(Merge, Merge.id == MergeItem.merge_id)
            .where(or_(Merge.winner_id.in_(some), Merge.loser_id.in_(some)), Merge.rule == BY_HAND.rule)
            .where(Merge.state.in_({MergeState.MOVING, MergeState.DONE}))
            .where(MergeItem.what.in_({journal.LINKS, journal.OWN_LINKS}))
        )
        return {number for ids in self._session.scalars(lines) for number in ids}

    def _told_apart(self, numbers: Collection[int]) -> Iterator[tuple[str, str]]:
        today = {number: number for number in numbers}
        merged = select(Party.id, Party.merged_into).where(Party.merged_into.in_(numbers))
        today |= {row.id: row.merged_into for row in self._session.execute(merged)}
        query = select(NotSame.a_id, NotSame.b_id).where(NotSame.a_id.in_(today), NotSame.b_id.in_(today))
        for a, b in self._session.execute(query):
            if today[a] != today[b]:
                for one, other in product(self._of[today[a]], self._of[today[b]]):
                    yield one.key, other.key


def _key(number: int) -> str:
    """Return a key; in the order of the numbers."""
    return f"{number:019}"


def link_of(key: str) -> int:
    """Return the link that a key names."""
    return int(key)


def _value(said: Mapping[str, Any], field: str) -> str:
    return str(said.get(field, {}).get("value") or "")


def _rules(rows: Iterable[Any], kind: str) -> Iterator[rules.Identifier]:
    return (one for one in (rule_of(row, kind) for row in rows) if one is not None)


def _chunks(values: Collection[str]) -> Iterator[list[str]]:
    wanted = sorted(values)
    for start in range(0, len(wanted), _MANY):
        yield wanted[start : start + _MANY]
