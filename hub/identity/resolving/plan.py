"""What to do so that parties are what the evidence says: pure. Records come in as they are grouped and as they should be.

What the evidence says of records that are one party already is not always a reason to part them. Where nothing that they
share is left, because a source was tidied, they stay one: nothing speaks against it. They part where what joined them is still
there and is worth less than it was, or where it points elsewhere.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hub.identity.partition import Pair, Partition, Relation
from hub.identity.partition_pairs import Reason

_Place = tuple[int, int]  # party and group


class Leaving(NamedTuple):
    """Records that leave a party; `reasons` why they are not surely its own."""

    party: int
    records: tuple[str, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """First records leave, each lot for a party of its own; then the parties of each pair of records become one, in this order."""

    leaving: tuple[Leaving, ...]
    joining: tuple[Pair, ...]


def plan(
    wanted: Partition,
    party_of: Mapping[str, int],
    shares: Callable[[str, str], bool],
    *,
    fixed: Collection[str] = (),
    named: Collection[str] = (),
) -> Plan:
    """Say what to do.

    Args:
        wanted: what the evidence says; of every party all its records.
        party_of: the party of each record now.
        shares: tells whether two records have a value in common.
        fixed: records that cannot leave their party, one of each at most: what people said of it.
        named: records that say a name; of several groups, theirs is what a party is known as.
    """
    parts: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, group in enumerate(wanted.groups):
        for key in group:
            parts[party_of[key]][number].append(key)
    leaving: list[Leaving] = []
    for party, by_group in sorted(parts.items()):
        if len(by_group) == 1:
            continue
        everybody = [key for keys in by_group.values() for key in keys]
        stays = _anchor(by_group, fixed, named)
        for number, keys in sorted(by_group.items()):
            if number == stays:
                continue
            others = [key for key in everybody if key not in keys]
            is_all_of_it = len(wanted.groups[number]) == len(keys)
            if not is_all_of_it or any(shares(one, other) for one in keys for other in others):
                leaving.append(Leaving(party, tuple(sorted(keys)), _against(wanted, keys, others)))
    return Plan(tuple(leaving), _joining(wanted, party_of, leaving))


def _anchor(by_group: Mapping[int, Sequence[str]], fixed: Collection[str], named: Collection[str]) -> int:
    """Return the group whose records stay: with what people said, else most names, else most records, else the oldest."""

    def rank(number: int) -> tuple[bool, int, int, str]:
        keys = by_group[number]
        return not any(key in fixed for key in keys), -sum(key in named for key in keys), -len(keys), min(keys)

    return min(by_group, key=rank)


def _against(wanted: Partition, keys: Collection[str], others: Collection[str]) -> tuple[Reason, ...]:
    """Return what is known of records and those they were one party with."""
    pairs: list[Pair | Relation] = [*wanted.reviews, *wanted.relations]
    for pair in pairs:
        if (pair.a in keys and pair.b in others) or (pair.b in keys and pair.a in others):
            return pair.reasons
    return ()


def _joining(wanted: Partition, party_of: Mapping[str, int], leaving: Iterable[Leaving]) -> tuple[Pair, ...]:
    """Return the pairs whose parties must become one: of all that joined a group, those that are not in one place yet."""
    place: dict[str, _Place] = {key: (party, 0) for key, party in party_of.items()}
    for number, lot in enumerate(leaving, start=1):
        place |= dict.fromkeys(lot.records, (lot.party, number))
    now: dict[_Place, _Place] = {}

    def today(at: _Place) -> _Place:
        while at in now:
            at = now[at]
        return at

    found = []
    for pair in wanted.joins:
        one, other = today(place[pair.a]), today(place[pair.b])
        if one != other:
            now[max(one, other)] = min(one, other)
            found.append(pair)
    return tuple(found)
