"""What is done so that parties are what the evidence says."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hub.identity.partition import Pair, Partition
from hub.identity.resolving.plan import plan


def _wanted(*groups: str) -> Partition:
    """Each group is one of one-letter records."""
    joins = [Pair(one, other, 0.9, ()) for group in groups for one, other in pairwise(group)]
    return Partition(tuple(tuple(group) for group in groups), tuple(joins), (), ())


def _party_of(*parties: str) -> dict[str, int]:
    return {key: number for number, keys in enumerate(parties, start=1) for key in keys}


def _after(parties: Iterable[str], wanted: Partition, *, fixed: str = "", shared: Iterable[str] = ()) -> set[str]:
    """Carry a plan out on letters; returns the parties."""
    today = _party_of(*parties)
    pairs = {frozenset(two) for two in shared}
    made = plan(wanted, today, lambda one, other: frozenset(one + other) in pairs, fixed=fixed)
    for number, lot in enumerate(made.leaving, start=100):
        assert {today[key] for key in lot.records} == {lot.party}
        assert set(lot.records) < {key for key, party in today.items() if party == lot.party}, "somebody stays"
        assert not set(lot.records) & set(fixed)
        today |= dict.fromkeys(lot.records, number)
    for pair in made.joining:
        one, other = today[pair.a], today[pair.b]
        assert one != other, "nobody is joined with himself"
        today |= {key: one for key, party in today.items() if party == other}
    return {"".join(sorted(key for key in today if today[key] == party)) for party in set(today.values())}


def test_what_is_as_it_should_be_stays() -> None:
    assert plan(_wanted("ab", "c"), _party_of("ab", "c"), lambda *_: True).leaving == ()
    assert plan(_wanted("ab", "c"), _party_of("ab", "c"), lambda *_: True).joining == ()


def test_two_become_one_and_one_becomes_two() -> None:
    assert _after(["ab", "c"], _wanted("abc")) == {"abc"}
    assert _after(["abc"], _wanted("ab", "c"), shared=["bc"]) == {"ab", "c"}
    assert _after(["abc", "d"], _wanted("ab", "cd"), shared=["bc"]) == {"ab", "cd"}


def test_records_that_have_nothing_in_common_any_more_stay_one() -> None:
    assert _after(["abc"], _wanted("ab", "c")) == {"abc"}, "nothing speaks against it"
    assert _after(["abc", "d"], _wanted("ab", "cd")) == {"ab", "cd"}, "its evidence points elsewhere"


def test_what_people_said_and_what_it_is_known_as_stays_with_a_party() -> None:
    def leaving(groups: Sequence[str], **more: str) -> str:
        [lot] = plan(_wanted(*groups), _party_of("".join(groups)), lambda *_: True, **more).leaving
        return "".join(lot.records)

    assert leaving(["p", "abc"], fixed="p", named="abc") == "abc"
    assert leaving(["ab", "c"], named="c") == "ab", "what it is known as"
    assert leaving(["a", "bc"]) == "a", "most of it"
    assert leaving(["ac", "bd"]) == "bd", "the oldest"


@given(st.lists(st.integers(0, 3), min_size=6, max_size=6), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_a_plan_makes_what_is_wanted_of_whatever_there_is(now: list[int], then: list[int]) -> None:
    def grouped(of: list[int]) -> list[str]:
        return ["".join("abcdef"[i] for i in range(6) if of[i] == number) for number in sorted(set(of))]

    everything = [one + other for one in "abcdef" for other in "abcdef"]
    assert _after(grouped(now), _wanted(*grouped(then)), shared=everything) == set(grouped(then))
    again = plan(_wanted(*grouped(then)), _party_of(*grouped(then)), lambda *_: True)
    assert (again.leaving, again.joining) == ((), ())
