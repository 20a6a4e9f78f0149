"""Which records are one party: one answer for a set of records, whatever the order in which they came.

Nothing here is remembered from one call to the next. What a value is worth comes from its holders (`partition_pairs`),
the strongest evidence is taken first, ties are put in order by content, and what a later record reveals (a value is
shared, a limit is met, two names disagree) therefore changes the answer as if it had been known from the start.

    whole names first, strongest evidence first    two cards of Dana Levi with one mobile
    then names in part, then none                  a call joins the one owner of its number, and joins nobody together
    what breaks a limit or fits several            is asked, with its reasons
    what people said                               stands, before all of this

Online, only the records that one record can touch are needed: `affected` collects them through indexed look-ups, and
`partition` of them says for them what it would say for everything.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations, pairwise
from typing import NamedTuple

from hub.identity.names import person_key
from hub.identity.partition_limits import Group, may_be_asked, objection, one_name, told_apart, too_many
from hub.identity.partition_pairs import (
    Facts,
    Named,
    Reason,
    Record,
    RecordKind,
    Weighed,
    Why,
    canonical,
    facts,
    weigh,
    with_spoken_name,
)
from hub.identity.rules import (
    CERTAIN,
    POSSIBLE,
    SCORE_AT_A_LIMIT,
    SCORE_NO_NAME_SEVERAL_OWNERS,
    SCORE_TAX_ID_OTHER_NAME,
    Identifier,
    IdentifierKind,
)

# Below this nothing is shown, not even as related.
RELATED = 0.4
# No customer hangs together with so many records; whoever made the data so must not hold up everybody else's.
MOST_AFFECTED = 500
# What a finder proposes is asked, however alike it is.
MOST_PROPOSED = 0.84

Lookup = Callable[[Identifier], Iterable[Record] | None]
_Keys = tuple[str, str]
_Two = tuple[int, int]


class RelationKind(StrEnum):
    WORKS_AT = "works_at"  # a person, a company
    CALL_AT = "call_at"  # a call, a company
    SHARES = "shares"  # two people with something in common


class Pair(NamedTuple):
    """Two records, the smaller key first: joined, to be asked, or proposed by a finder."""

    a: str
    b: str
    score: float
    reasons: tuple[Reason, ...]


class Relation(NamedTuple):
    kind: RelationKind
    a: str
    b: str
    score: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Decisions:
    """What people said of two records each. It stands; where it contradicts itself, "not the same" does."""

    same: frozenset[_Keys] = frozenset()
    not_same: frozenset[_Keys] = frozenset()


NONE_YET = Decisions()


@dataclass(frozen=True, slots=True)
class Partition:
    """Every record in exactly one group; what joined them; what a person should be asked; what is only related.

    `reviews` name one pair of records for each two groups that may be one party, the likeliest first.
    """

    groups: tuple[tuple[str, ...], ...]
    joins: tuple[Pair, ...]
    reviews: tuple[Pair, ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one record can touch: `records` are decided together, `others` only hold some of their values.

    `whole` is False where there is more than `MOST_AFFECTED`: then what `partition` says of them is no decision, and
    the record waits for a person.
    """

    records: tuple[Record, ...]
    others: tuple[Record, ...]
    crowded: frozenset[Identifier]
    whole: bool = True


class _Edge(NamedTuple):
    a: int
    b: int
    weighed: Weighed
    again: bool  # one record, seen twice
    needs_no_name: bool

    @property
    def rank(self) -> tuple[float, float, int, int]:
        return -self.weighed.score, -self.weighed.agreement, self.a, self.b


def partition(
    records: Iterable[Record],
    decisions: Decisions = NONE_YET,
    *,
    others: Iterable[Record] = (),
    crowded: Iterable[Identifier] = (),
    proposals: Iterable[Pair] = (),
) -> Partition:
    """Say which records are one party.

    Args:
        records: each key once.
        decisions: of people; of records that are not here they say nothing.
        others: further holders of the records' values. They say what a value is worth, and are in no answer.
        crowded: values that identify nobody, besides those that a crowd among the records and others holds.
        proposals: pairs that a finder thinks are one party; they are asked unless something speaks against it.

    Raises:
        ValueError: two records have one key.
    """
    ordered = sorted(map(with_spoken_name, records), key=canonical)
    if len({record.key for record in ordered}) != len(ordered):
        raise ValueError("Two records have one key. Give every record once, as it was seen last.")
    known = _holders(ordered, map(with_spoken_name, others), frozenset(crowded))
    work = _Work(ordered, known, decisions)
    work.join_what_people_said()
    edges = _edges(ordered, known)
    work.join(edges)
    return work.answer(edges, proposals)


def affected(
    seeds: Iterable[Record], lookup: Lookup, said_same: Callable[[str], Iterable[Record]] = lambda _: ()
) -> Surroundings:
    """Collect everything that has a part in the answer for some records.

    Args:
        lookup: all records that hold an identifier; None: a crowd does. Of more than `CROWD` that are no calls, so many
            will do.
        said_same: the records of which a person said that they are the same as the one of this key.
    """
    inside: dict[str, Record] = {}
    outside: dict[str, Record] = {}
    held: dict[Identifier, tuple[list[Record], Facts]] = {}
    waiting = deque(map(with_spoken_name, seeds))
    while waiting and len(inside) < MOST_AFFECTED:
        record = waiting.popleft()
        if record.key in inside:
            continue
        inside[record.key] = record
        shared: dict[str, list[tuple[Identifier, Facts]]] = defaultdict(list)
        for value in record.identifiers:
            if value not in held:
                held[value] = _looked_up(record, lookup(value))
            holders, known = held[value]
            if known.crowded:
                continue
            for other in holders:
                if other.key not in inside:
                    outside[other.key] = other
                    shared[other.key].append((value, known))
        near = [outside[key] for key, values in shared.items() if _touch(record, outside[key], values)]
        waiting.extend((*near, *map(with_spoken_name, said_same(record.key))))
    crowded = frozenset(value for value, (_, known) in held.items() if known.crowded)
    return Surroundings(
        tuple(inside.values()),
        tuple(one for key, one in outside.items() if key not in inside),
        crowded,
        whole=all(record.key in inside for record in waiting),
    )


def _looked_up(record: Record, found: Iterable[Record] | None) -> tuple[list[Record], Facts]:
    if found is None:
        return [], Facts(crowded=True)
    holders = list({record.key: record, **{one.key: one for one in map(with_spoken_name, found)}}.values())
    return holders, facts(holders)


def _touch(one: Record, other: Record, shared: Sequence[tuple[Identifier, Facts]]) -> bool:
    return weigh(one, other, shared).score >= POSSIBLE


# --- What records share -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Value:
    """A value that is no crowd's: who holds it, by their places, and what that makes it."""

    holders: tuple[int, ...]
    facts: Facts


def _holders(
    records: Sequence[Record], others: Iterable[Record], crowded: frozenset[Identifier]
) -> Mapping[Identifier, _Value]:
    places: dict[Identifier, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        for value in dict.fromkeys(record.identifiers):
            places[value].append(place)
    more: dict[Identifier, list[Record]] = defaultdict(list)
    for record in others:
        for value in dict.fromkeys(record.identifiers):
            if value in places:
                more[value].append(record)
    found: dict[Identifier, _Value] = {}
    for value, here in places.items():
        if value in crowded:
            continue
        known = facts([*(records[i] for i in here), *more.get(value, ())])
        if not known.crowded:
            found[value] = _Value(tuple(here), known)
    return found


def _edges(records: Sequence[Record], known: Mapping[Identifier, _Value]) -> list[_Edge]:
    shared: dict[tuple[int, int], list[tuple[Identifier, Facts]]] = defaultdict(list)
    for value, held in known.items():
        for a, b in _pairs(records, held.holders):
            shared[a, b].append((value, held.facts))
    edges = []
    for (a, b), values in shared.items():
        weighed = weigh(records[a], records[b], values)
        if weighed.score >= RELATED or Why.PERSON_AND_COMPANY in {r.code for r in weighed.reasons}:
            kinds = {i.kind for i, _ in values}
            edges.append(_Edge(a, b, weighed, IdentifierKind.REMOTE_ID in kinds, not kinds.isdisjoint(_NEEDS_NO_NAME)))
    edges.sort(key=lambda edge: edge.rank)
    return edges


_NEEDS_NO_NAME = frozenset({IdentifierKind.REMOTE_ID, IdentifierKind.TAX_ID, IdentifierKind.PERSON_TAX_ID})


def _pairs(records: Sequence[Record], holders: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Pair the holders of a value. Calls of one name make a chain: a good customer calls every day."""
    rest = [i for i in holders if records[i].kind is not RecordKind.CALL]
    yield from combinations(rest, 2)
    if len(rest) == len(holders):
        return
    calls: dict[str, list[int]] = defaultdict(list)
    for i in holders:
        if records[i].kind is RecordKind.CALL:
            calls[person_key(records[i].name)].append(i)
            yield from ((min(i, one), max(i, one)) for one in rest)
    for chain in calls.values():
        yield from pairwise(chain)
    yield from ((min(a, b), max(a, b)) for a, b in combinations([chain[0] for chain in calls.values()], 2))


# --- Joining ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Work:
    """The groups as they grow."""

    records: Sequence[Record]
    known: Mapping[Identifier, _Value]
    decisions: Decisions
    groups: dict[int, Group] = field(default_factory=dict)  # by the place of one of its records
    _of: list[int] = field(default_factory=list)
    _joins: list[Pair] = field(default_factory=list)
    _contradicted: list[Pair] = field(default_factory=list)

    def __post_init__(self) -> None:
        place = {record.key: i for i, record in enumerate(self.records)}
        apart: dict[int, list[int]] = defaultdict(list)
        for a, b in self.decisions.not_same:
            if a in place and b in place:
                apart[place[a]].append(place[b])
                apart[place[b]].append(place[a])
        self._of = list(range(len(self.records)))
        for i, record in enumerate(self.records):
            values = (value for value in record.identifiers if value in self.known)
            self.groups[i] = Group.of(i, record, values, apart.get(i, ()))

    def join_what_people_said(self) -> None:
        place = {record.key: i for i, record in enumerate(self.records)}
        said = {
            (min(place[a], place[b]), max(place[a], place[b])) for a, b in self.decisions.same if {a, b} <= place.keys()
        }
        for a, b in sorted(said):
            one, other = self._group(a), self._group(b)
            if one is other:
                continue
            refused = too_many(one, other)
            kinds = {one.kind, other.kind}
            if kinds == {RecordKind.PERSON, RecordKind.COMPANY}:
                refused = Reason(Why.PERSON_AND_COMPANY)
            elif told_apart(one, other):
                refused = Reason(Why.ANSWERS_IN_CONFLICT)
            if refused:
                self._contradicted.append(self._pair(a, b, 1.0, (refused,)))
            else:
                self._unite(a, b, Weighed(1.0, 1.0, (Reason(Why.SAID_SAME),)))

    def join(self, edges: Sequence[_Edge]) -> None:
        """Join groups, strongest evidence first: whole names, then names in part, then none."""
        certain = [edge for edge in edges if edge.weighed.score >= CERTAIN]
        rest = [edge for edge in certain if not self._joined_first(edge)]
        for level in (Named.PARTLY, Named.NOT):
            for edge in rest:
                if self._group(edge.a).named is self._group(edge.b).named is level:
                    self._try(edge)
            self._attach(level, rest)

    def _joined_first(self, edge: _Edge) -> bool:
        one, other = self._group(edge.a), self._group(edge.b)
        if not (edge.needs_no_name or one.named is other.named is Named.WHOLE):
            return False
        self._try(edge)
        return True

    def _try(self, edge: _Edge) -> None:
        one, other = self._group(edge.a), self._group(edge.b)
        if one is not other and objection(one, other, again=edge.again) is None:
            self._unite(edge.a, edge.b, edge.weighed)

    def _attach(self, level: Named, edges: Sequence[_Edge]) -> None:
        """Give each group of a level to those above that it fits; where it fits two that differ, to nobody."""
        fits: dict[int, dict[int, _Edge]] = defaultdict(dict)
        for edge in edges:
            a, b = self._of[edge.a], self._of[edge.b]
            for here, there in ((a, b), (b, a)):
                if a != b and self.groups[here].named == level < self.groups[there].named:
                    fits[here].setdefault(there, edge)  # the strongest comes first
        for here in sorted(fits):
            options = [
                edge
                for there, edge in fits[here].items()
                if objection(self.groups[self._of[here]], self.groups[self._of[there]]) is None
            ]
            for edge in self._clear(here, options):
                self._try(edge)

    def _clear(self, here: int, options: Sequence[_Edge]) -> Sequence[_Edge]:
        """Return the options that are no rivals: the best one and those of its name."""
        if not options:
            return ()
        best = self._other(here, options[0])
        rivals = [edge for edge in options[1:] if not _one_party(best, self._other(here, edge))]
        if any(edge.weighed.score >= options[0].weighed.score for edge in rivals):
            return ()
        return [edge for edge in options if edge not in rivals]

    def _other(self, here: int, edge: _Edge) -> Group:
        return self._group(edge.b) if self._of[edge.a] == self._of[here] else self._group(edge.a)

    def _group(self, place: int) -> Group:
        return self.groups[self._of[place]]

    def _unite(self, a: int, b: int, weighed: Weighed) -> None:
        winner, loser = sorted((self._of[a], self._of[b]), key=lambda one: (-len(self.groups[one].members), one))
        gone = self.groups.pop(loser)
        for place in gone.members:
            self._of[place] = winner
        self.groups[winner].take(gone)
        self._joins.append(self._pair(a, b, weighed.score, weighed.reasons))

    def _pair(self, a: int, b: int, score: float, reasons: tuple[Reason, ...]) -> Pair:
        one, other = sorted((self.records[a].key, self.records[b].key))
        return Pair(one, other, score, reasons)

    # --- The answer ---

    def answer(self, edges: Sequence[_Edge], proposals: Iterable[Pair]) -> Partition:
        asked: dict[_Two, Pair] = {}
        related: dict[_Two, Relation] = {}
        for edge in edges:
            one, other = sorted((self._of[edge.a], self._of[edge.b]))
            if one == other:
                continue
            if edge.weighed.score >= POSSIBLE:
                if (pair := self._question(edge)) and _better(pair, asked.get((one, other))):
                    asked[one, other] = pair
            elif (one, other) not in related:
                related[one, other] = self._relation(edge)
        for two, pair in self._proposed(proposals):
            if _better(pair, asked.get(two)):
                asked[two] = pair
        reviews = sorted((*asked.values(), *self._contradicted), key=lambda pair: (-pair.score, pair.a, pair.b))
        return Partition(
            groups=tuple(sorted(self._keys(group) for group in self.groups.values())),
            joins=tuple(self._joins),
            reviews=tuple(reviews),
            relations=tuple(sorted(one for two, one in related.items() if two not in asked)),
        )

    def _keys(self, group: Group) -> tuple[str, ...]:
        return tuple(sorted(self.records[i].key for i in group.members))

    def _question(self, edge: _Edge) -> Pair | None:
        """Return what to ask of two groups that are not joined, if anything."""
        one, other = self._group(edge.a), self._group(edge.b)
        against = objection(one, other, again=edge.again)
        if against and not may_be_asked(against):
            return None
        score, reasons = edge.weighed.score, edge.weighed.reasons
        if against is None and score >= CERTAIN:
            against, score = Reason(Why.SEVERAL_FIT), SCORE_NO_NAME_SEVERAL_OWNERS
        elif against:
            score = _lowered(score)
        if score < POSSIBLE:
            return None
        return self._pair(edge.a, edge.b, score, (*reasons, against) if against else reasons)

    def _relation(self, edge: _Edge) -> Relation:
        a, b = self.records[edge.a], self.records[edge.b]
        if b.kind is not RecordKind.COMPANY and a.kind is RecordKind.COMPANY:
            a, b = b, a
        kind = RelationKind.SHARES
        if b.kind is RecordKind.COMPANY and a.kind is not b.kind:
            kind = RelationKind.CALL_AT if a.kind is RecordKind.CALL else RelationKind.WORKS_AT
        return Relation(kind, a.key, b.key, edge.weighed.score, edge.weighed.reasons)

    def _proposed(self, proposals: Iterable[Pair]) -> Iterable[tuple[_Two, Pair]]:
        place = {record.key: i for i, record in enumerate(self.records)}
        for proposed in proposals:
            if proposed.a not in place or proposed.b not in place or proposed.score < POSSIBLE:
                continue
            a, b = sorted((place[proposed.a], place[proposed.b]))
            x, y = sorted((self._of[a], self._of[b]))
            against = objection(self.groups[x], self.groups[y]) if x != y else None
            if x == y or (against and not may_be_asked(against)):
                continue
            score, reasons = min(proposed.score, MOST_PROPOSED), proposed.reasons
            if against:
                score, reasons = _lowered(score), (*reasons, against)
            if score >= POSSIBLE:
                yield (x, y), self._pair(a, b, score, reasons)


def _one_party(one: Group, other: Group) -> bool:
    return one is other or (one_name(one, other) and objection(one, other) is None)


def _lowered(score: float) -> float:
    """Return the score of a pair against which a limit speaks: what was doubtful before is no question."""
    if score >= CERTAIN:
        return SCORE_AT_A_LIMIT
    return SCORE_NO_NAME_SEVERAL_OWNERS if score >= SCORE_TAX_ID_OTHER_NAME else 0.0


def _better(pair: Pair, than: Pair | None) -> bool:
    return than is None or pair.score > than.score  # of equals the first by content
