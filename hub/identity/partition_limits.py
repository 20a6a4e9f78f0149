"""What groups of records may become one: the limits and vetoes that hold however much speaks for it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from hub.identity.names import companies_agree, company_key, names_agree, person_key
from hub.identity.partition_pairs import (
    Named,
    Reason,
    Record,
    RecordKind,
    Why,
    companies_object,
    named,
    names_object,
)
from hub.identity.rules import (
    CLUSTER_STOPS,
    CLUSTER_STOPS_AUTOMATIC,
    COMPANIES_SAME,
    KINDS,
    NAMES_SAME,
    TAX_IDS,
    Identifier,
    IdentifierKind,
)

# What a person may answer a question about; the other objections are facts.
_ASKABLE = frozenset({Why.TWO_REMOTE_IDS, Why.TOO_MANY_RECORDS, Why.TOO_MANY_VALUES, Why.NAMES_IN_CONFLICT})
_COUNTED = tuple((kind, rule.values_per_party) for kind, rule in KINDS.items() if rule.values_per_party is not None)
_Scope = tuple[IdentifierKind, str]
_Key = TypeVar("_Key")


def may_be_asked(objection: Reason) -> bool:
    """Tell whether a person may say "the same" against an objection."""
    return objection.code in _ASKABLE


@dataclass(slots=True)
class Group:
    """Records that are one party, by their places in the list, and what they have together."""

    members: list[int]
    kind: RecordKind
    names: dict[str, str]  # as compared, and as written
    named: Named
    born: set[date] = field(default_factory=set)
    single: dict[_Scope, set[str]] = field(default_factory=dict)  # tax ids
    remote: dict[str, set[str]] = field(default_factory=dict)  # scope to the remote ids of that account
    values: dict[IdentifierKind, set[str]] = field(default_factory=dict)
    not_same: set[int] = field(default_factory=set)  # places of records that a person told apart from these
    sources: int = 0  # records, calls and repeated ones not counted

    @classmethod
    def of(cls, place: int, record: Record, values: Iterable[Identifier], not_same: Iterable[int] = ()) -> "Group":
        """Return the group of one record; `values` are its identifiers that are no crowd's."""
        company = record.kind is RecordKind.COMPANY
        key = company_key(record.name) if company else person_key(record.name)
        how = (Named.WHOLE if key else Named.NOT) if company else named(record.name)
        group = cls([place], record.kind, {key: record.name} if key else {}, how, not_same=set(not_same))
        group.sources = int(record.kind is not RecordKind.CALL)
        if record.born:
            group.born.add(record.born)
        for one in values:
            if one.kind is IdentifierKind.REMOTE_ID:
                group.remote.setdefault(one.scope, set()).add(one.value)
            elif one.kind in TAX_IDS:
                group.single.setdefault((one.kind, one.scope), set()).add(one.value)
            else:
                group.values.setdefault(one.kind, set()).add(one.value)
        return group

    def take(self, other: "Group") -> None:
        """Become both."""
        again = sum(len(ids & self.remote.get(scope, set())) for scope, ids in other.remote.items())
        self.sources += other.sources - again
        self.members += other.members
        if self.kind is RecordKind.CALL:
            self.kind = other.kind
        self.names.update(other.names)
        self.named = max(self.named, other.named)
        self.born |= other.born
        self.not_same |= other.not_same
        _add(self.single, other.single)
        _add(self.remote, other.remote)
        _add(self.values, other.values)


def _add(to: dict[_Key, set[str]], more: dict[_Key, set[str]]) -> None:
    for key, values in more.items():
        to.setdefault(key, set()).update(values)


def told_apart(one: Group, other: Group) -> bool:
    """Tell whether a person said that two groups, or any records of them, are not the same."""
    return not one.not_same.isdisjoint(other.members)


def objection(one: Group, other: Group, *, again: bool = False) -> Reason | None:
    """Name what two groups would break as one, the gravest first; None: nothing.

    Args:
        again: a record of one was seen again in the other, so other names and full lists do not matter.
    """
    grave = _fact_against(one, other)
    if grave or again:
        return grave
    return _limit(one, other) or _names(one, other)


def _fact_against(one: Group, other: Group) -> Reason | None:
    if {one.kind, other.kind} == {RecordKind.PERSON, RecordKind.COMPANY}:
        return Reason(Why.PERSON_AND_COMPANY)
    if told_apart(one, other):
        return Reason(Why.NOT_SAME)
    for scope, values in one.single.items():
        if scope in other.single and values.isdisjoint(other.single[scope]):
            return Reason(Why.TWO_TAX_IDS, tuple(sorted(values | other.single[scope])))
    if one.born and other.born and one.born.isdisjoint(other.born):
        return Reason(Why.TWO_BIRTH_DATES, tuple(sorted(map(str, one.born | other.born))))
    return None


def too_many(one: Group, other: Group) -> Reason | None:
    """Name the limit that not even people's answers go beyond, if two groups would."""
    if one.sources + other.sources > CLUSTER_STOPS:
        return Reason(Why.TOO_MANY_RECORDS, (str(CLUSTER_STOPS),))
    return None


def _limit(one: Group, other: Group) -> Reason | None:
    for scope, ids in one.remote.items():
        if scope in other.remote and ids.isdisjoint(other.remote[scope]):
            return Reason(Why.TWO_REMOTE_IDS, (scope,))
    if one.sources and other.sources and one.sources + other.sources > CLUSTER_STOPS_AUTOMATIC:
        return Reason(Why.TOO_MANY_RECORDS, (str(CLUSTER_STOPS_AUTOMATIC),))
    for kind, most in _COUNTED:
        mine, theirs = one.values.get(kind), other.values.get(kind)
        if mine and theirs and len(mine | theirs) > most:
            return Reason(Why.TOO_MANY_VALUES, (kind, str(most)))
    return None


def _names(one: Group, other: Group) -> Reason | None:
    """Name two names that object, unless their owner is known by both of them already."""
    company = RecordKind.COMPANY in {one.kind, other.kind}
    object_, agree = (companies_object, companies_agree) if company else (names_object, names_agree)
    same = COMPANIES_SAME if company else NAMES_SAME

    def known(name: str, group: Group) -> bool:
        whole = (n for n in group.names.values() if company or named(n) is Named.WHOLE)
        return any(agree(name, n) >= same for n in whole)

    for x, y in _pairs(one, other):
        if object_(x, y) and not known(y, one) and not known(x, other):
            return Reason(Why.NAMES_IN_CONFLICT, (min(x, y), max(x, y)))
    return None


def _pairs(one: Group, other: Group) -> Iterator[tuple[str, str]]:
    for key in sorted(one.names):
        for second in sorted(other.names):
            if key != second:
                yield one.names[key], other.names[second]


def one_name(one: Group, other: Group) -> bool:
    """Tell whether two groups' names agree, as far as both have any."""
    agree, same = (companies_agree, COMPANIES_SAME) if one.kind is RecordKind.COMPANY else (names_agree, NAMES_SAME)
    return any(agree(x, y) >= same for x in one.names.values() for y in other.names.values())
