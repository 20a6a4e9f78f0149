# ruff: noqa: RUF001 - names in several scripts are the subject
import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.identity.finder import card_of, propose
from hub.identity.partition import (
    MOST_AFFECTED,
    Decisions,
    Pair,
    Partition,
    Relation,
    RelationKind,
    affected,
    partition,
)
from hub.identity.partition_pairs import CROWD, Reason, Record, RecordKind, Why
from hub.identity.rules import (
    CERTAIN,
    CLUSTER_STOPS,
    CLUSTER_STOPS_AUTOMATIC,
    POSSIBLE,
    SCORE_AT_A_LIMIT,
    Identifier,
    IdentifierKind,
)
from tests.unit.identity.practice import Practice, answered, made, score

PERSON, COMPANY, CALL = RecordKind.PERSON, RecordKind.COMPANY, RecordKind.CALL
MOBILE = Identifier(IdentifierKind.MOBILE, "+972502345678")
OTHER_MOBILE = Identifier(IdentifierKind.MOBILE, "+972527654321")
MAIL = Identifier(IdentifierKind.EMAIL, "dana@levi.example")
LINE = Identifier(IdentifierKind.FIXED, "+97236123456")
DESK = Identifier(IdentifierKind.FIXED, "+97236123456;ext=12")
DOMAIN = Identifier(IdentifierKind.DOMAIN, "levi.example")
ROLE = Identifier(IdentifierKind.ROLE_MAILBOX, "info@levi.example")
TAX = Identifier(IdentifierKind.TAX_ID, "514444444", "IL")
OWN_TAX = Identifier(IdentifierKind.PERSON_TAX_ID, "511", "IL")
OTHER_TAX = Identifier(IdentifierKind.TAX_ID, "515555555", "IL")
UNASSIGNED = Identifier(IdentifierKind.POSSIBLE_PHONE, "+972501234567")
YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def person(key: str, name: str, *values: Identifier, company: str = "", born: dt.date | None = None) -> Record:
    return Record(key, PERSON, name, company, values, born)


def firm(key: str, name: str, *values: Identifier) -> Record:
    return Record(key, COMPANY, name, identifiers=values)


def call(key: str, *values: Identifier, name: str = "", at: dt.datetime | None = None) -> Record:
    return Record(key, CALL, name, identifiers=values, observed_at=at)


def remote(value: str, scope: str = "1:contacts") -> Identifier:
    return Identifier(IdentifierKind.REMOTE_ID, value, scope)


def codes(reasons: Iterable[Reason]) -> set[Why]:
    return {reason.code for reason in reasons}


@pytest.fixture(scope="module")
def practice() -> Practice:
    return made()


# --- Two records --------------------------------------------------------------------------------------------------

# What two records are: joined, asked, related or nothing; and a reason that must be among those given.
JOINED, ASKED, RELATED, NOTHING = "joined", "asked", "related", "nothing"
TWO = {
    "one mobile and name": (person("a", "Dana Levi", MOBILE), person("b", "LEVI, Dana", MOBILE), JOINED, Why.SAME_MOBILE),
    "one mailbox, two scripts": (person("a", "Dana Levi", MAIL), person("b", "דנה לוי", MAIL), JOINED, Why.NAMES_AGREE),
    "one mobile, other name": (person("a", "Dana Levi", MOBILE), person("b", "Omar Saleh", MOBILE), RELATED, Why.NAMES_DIFFER),
    "a mobile, other name, script": (person("a", "Dana Levi", MOBILE), person("b", "Омар Салех", MOBILE), RELATED, Why.OTHER_SCRIPT),
    "one mobile, near name": (person("a", "Dana Levi", MOBILE), person("b", "Dania Levy", MOBILE), ASKED, Why.NAMES_NEAR),
    "one mobile, no name": (person("a", "Dana Levi", MOBILE), person("b", "", MOBILE), JOINED, Why.NO_NAME),
    "one name only": (person("a", "Dana Levi", MOBILE), person("b", "Dana Levi", OTHER_MOBILE), NOTHING, None),
    "no name worth the word": (person("a", "Dana Levi", MOBILE), person("b", "unknown", MOBILE), JOINED, Why.NO_NAME),
    "an address for a name": (person("a", "Dana Levi", MOBILE), person("b", "dana@levi.example", MOBILE), JOINED, Why.NO_NAME),
    "unassigned number": (person("a", "Dana Levi", UNASSIGNED), person("b", "Dana Levi", UNASSIGNED), ASKED, Why.SAME_UNASSIGNED_NUMBER),
    "one line, one name": (person("a", "Dana Levi", LINE), person("b", "Dana Levi", LINE), JOINED, Why.SAME_LINE),
    "one line, two names": (person("a", "Dana Levi", LINE), person("b", "Omar Saleh", LINE), RELATED, Why.SAME_LINE),
    "one domain, one name": (person("a", "Dana Levi", DOMAIN), person("b", "Dana Levi", DOMAIN), ASKED, Why.SAME_DOMAIN),
    "role mailbox, one name": (person("a", "Dana Levi", ROLE), person("b", "Dana Levi", ROLE), JOINED, Why.SAME_ROLE_MAILBOX),
    "role mailbox, two names": (person("a", "Dana Levi", ROLE), person("b", "Dana Cohen", ROLE), RELATED, Why.SAME_ROLE_MAILBOX),
    "two birth dates": (
        person("a", "Dana Levi", MAIL, born=dt.date(1980, 1, 2)),
        person("b", "Dana Levi", MAIL, born=dt.date(2010, 1, 2)),
        NOTHING,
        None,
    ),
    "two cards of one account": (
        person("a", "Dana Levi", MAIL, remote("1")),
        person("b", "Dana Levi", MAIL, remote("2")),
        ASKED,
        Why.TWO_REMOTE_IDS,
    ),
    "a card seen again": (person("a", "Dana Levi", remote("1")), person("b", "Dana Bar", remote("1")), JOINED, Why.SAME_RECORD),
    "one tax id": (firm("a", "Levi Optics Ltd", TAX), firm("b", "Levi Optics Export", TAX), JOINED, Why.SAME_TAX_ID),
    "a borrowed tax id": (firm("a", "Levi Optics Ltd", TAX), firm("b", "Kobalt Cargo", TAX), ASKED, Why.NAMES_DIFFER),
    "a person's tax id": (person("a", "Dana Levi", OWN_TAX), person("b", "Levi, Dana", OWN_TAX), JOINED, Why.SAME_TAX_ID),
    "a borrowed one": (person("a", "Dana Levi", OWN_TAX), person("b", "Noa Cohen", OWN_TAX), ASKED, Why.NAMES_DIFFER),
    "one tax id, two scripts": (firm("a", "Levi Ltd", TAX), firm("b", 'לוי בע"מ', TAX), JOINED, Why.SAME_TAX_ID),
    "one tax id, no name": (firm("a", "Levi Ltd", TAX), firm("b", "", TAX), JOINED, Why.SAME_TAX_ID),
    "two tax ids": (firm("a", "Levi Optics", LINE, TAX), firm("b", "Levi Optics", LINE, OTHER_TAX), NOTHING, None),
    "one line, two forms": (firm("a", "ООО «Levi Optics»", LINE), firm("b", 'Levi Optics בע"מ', LINE), JOINED, Why.SAME_LINE),
    "neighbours": (firm("a", "Levi Optics", LINE), firm("b", "Kobalt Cargo", LINE), RELATED, Why.NAMES_DIFFER),
    "a person and his company": (person("a", "Dana Levi", LINE), firm("b", "Levi Optics", LINE), RELATED, Why.PERSON_AND_COMPANY),
    "one-man company": (person("a", "Dana Levi", MOBILE), firm("b", "Dana Levi", MOBILE), RELATED, Why.PERSON_AND_COMPANY),
    "a company's call": (firm("a", "Levi Optics", LINE), call("b", LINE), JOINED, Why.SAME_LINE),
    "a named call of a company": (firm("a", "Levi Optics", LINE), call("b", LINE, name="Dana Levi"), RELATED, Why.SAME_LINE),
    "a call from a desk": (person("a", "Dana Levi", DESK, company="Levi Optics"), call("b", DESK), JOINED, Why.SAME_LINE),
    "a call from an office": (person("a", "Dana Levi", LINE, company="Levi Optics"), call("b", LINE), RELATED, Why.SAME_LINE),
    "a call from home": (person("a", "Dana Levi", LINE), call("b", LINE), JOINED, Why.SAME_LINE),
}  # fmt: skip


@pytest.mark.parametrize("case", TWO)
def test_two_records(case: str) -> None:
    one, other, expected, reason = TWO[case]
    for records in ((one, other), (other, one)):
        found = partition(records)
        assert found.groups == ((("a", "b"),) if expected == JOINED else (("a",), ("b",)))
        said: dict[str, tuple[Pair | Relation, ...]]
        said = {JOINED: found.joins, ASKED: found.reviews, RELATED: found.relations}
        assert {what for what, pairs in said.items() if pairs} == ({expected} - {NOTHING})
        for pair in said.get(expected, ()):
            assert reason in codes(pair.reasons)
            assert (JOINED if pair.score >= CERTAIN else ASKED if pair.score >= POSSIBLE else RELATED) == expected


def test_relations_name_the_company_last() -> None:
    found = partition(
        [firm("a", "Levi Optics", LINE), person("b", "Dana Levi", LINE), call("c", LINE, name="Omar Saleh")]
    )
    assert {(r.kind, r.a, r.b) for r in found.relations} >= {
        (RelationKind.WORKS_AT, "b", "a"),
        (RelationKind.CALL_AT, "c", "a"),
    }


def test_a_reason_says_how_far_names_agree() -> None:
    found = partition([person("a", "Daniella Levinson", MOBILE), person("b", "Daniela Levinson", MOBILE)])
    assert found.joins[0].reasons[0] == Reason(Why.SAME_MOBILE)
    how_far = found.joins[0].reasons[1]
    assert how_far.code is Why.NAMES_AGREE
    assert 0.9 < float(how_far.values[0]) < 1


# --- Several ------------------------------------------------------------------------------------------------------


OTHERS = [
    person(f"o{i}", name, MOBILE) for i, name in enumerate(("Omar Saleh", "Ruth Barak", "Pavel Nowak", "Layla Haddad"))
]
# Records, the groups of several among them, and pairs that are asked.
SEVERAL = {
    "initials on a shared mobile": ([person("a", "Dana Levi", MOBILE), person("b", "D. Levi", MOBILE), OTHERS[0]], [], ["ab"]),
    "everybody's mobile": ([person("a", "Dana Levi", MOBILE), person("b", "Dana Levi", MOBILE), *OTHERS], [], ["ab"]),
    "and a mailbox": ([person("a", "Dana Levi", MOBILE, MAIL), person("b", "Dana Levi", MOBILE, MAIL), *OTHERS], ["ab"], []),
    "everybody's mobile, no name": ([person("a", "", MOBILE), *OTHERS], [], []),
    "a switchboard": ([person("a", "Dana Levi", LINE), person("b", "Dana Levi", LINE), person("c", "Omar Saleh", LINE)], [], ["ab"]),
    "of one company": (
        [
            person("a", "Dana Levi", LINE, company="Levi Optics"),
            person("b", "Dana Levi", LINE, company="Levi Optics Ltd"),
            person("c", "Omar Saleh", LINE),
        ],
        ["ab"],
        [],
    ),
    "a mobile of a person and a company": (
        [person("a", "Dana Levi", MOBILE), firm("b", "Levi Optics", MOBILE), call("c", MOBILE)],
        [],
        ["ac", "bc"],
    ),
    "a line of two companies": ([firm("a", "Levi Optics", LINE), firm("b", "Kobalt Cargo", LINE), call("c", LINE)], [], ["ac", "bc"]),
    "one card twelve times": (
        [*(person(f"{i:x}", "Dana Levi", remote("1")) for i in range(12)), person("z", "Dana Levi", MAIL), person("y", "Dana Levi", MAIL, remote("1"))],
        ["0123456789abyz"],
        [],
    ),
    "calls of nobody": ([call("a", MOBILE), call("b", MOBILE), call("c", LINE), call("d", LINE)], ["ab", "cd"], []),
    "one word each": ([person("a", "Dana", MOBILE), person("b", "Dana", MOBILE)], ["ab"], []),
    "the nearest name first": (
        [
            person("a", "Daniella Levinso", MOBILE, remote("1")),
            person("b", "Daniella Levinson", MOBILE, remote("2")),
            person("c", "Daniella Levinsonn", MOBILE),
        ],
        ["bc"],
        ["ab"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SEVERAL)
def test_several_records(case: str) -> None:
    records, groups, asked = SEVERAL[case]
    found = partition(records)
    assert ["".join(group) for group in found.groups if len(group) > 1] == groups
    assert sorted(pair.a + pair.b for pair in found.reviews) == asked


def test_what_is_learned_later_undoes_what_was_joined() -> None:
    initial, whole = person("a", "D. Levi", MOBILE), person("b", "Dana Levi", MOBILE)
    ring = call("c", MOBILE)
    assert partition([initial, whole, ring]).groups == (("a", "b", "c"),)
    brother = person("d", "Daniel Levi", MOBILE)
    found = partition([initial, whole, ring, brother])
    assert found.groups == (("a",), ("b",), ("c",), ("d",))
    assert {pair[:2] for pair in found.reviews} >= {("a", "b"), ("a", "d"), ("b", "c"), ("c", "d")}


def test_family_members_are_told_apart_by_their_whole_names() -> None:
    cards = [person(f"{name}{i}", name, MOBILE, MAIL) for name in ("Dana Levi", "Omar Levi") for i in range(3)]
    assert [len(group) for group in partition(cards).groups] == [3, 3]


def test_a_number_of_a_crowd_identifies_nobody() -> None:
    crowd = [person(f"{i}", "Dana Levi", MOBILE) for i in range(CROWD + 1)]
    found = partition(crowd)
    assert len(found.groups) == CROWD + 1
    assert (found.joins, found.reviews, found.relations) == ((), (), ())
    assert len(partition(crowd[:-1]).groups) < CROWD


def test_a_good_customer_calls_every_day() -> None:
    calls = [call(f"c{i:05}", MOBILE) for i in range(3_000)]
    found = partition([person("a", "Dana Levi", MOBILE, remote("1")), *calls])
    assert [len(group) for group in found.groups] == [3_001]


def test_a_mobile_that_changed_hands() -> None:
    before, after = YEAR - dt.timedelta(days=1_000), YEAR
    old = person("old", "Omar Saleh", MOBILE)._replace(observed_at=before)
    new = person("new", "Dana Levi", MOBILE)._replace(observed_at=after)
    day = dt.timedelta(days=1)
    rings = [
        call("then", MOBILE, at=before - 0 * day),
        call("now", MOBILE, at=after + day),
        call("between", MOBILE, at=after - 300 * day),
    ]
    found = partition([old, new, *rings])
    assert found.groups == (("between",), ("new", "now"), ("old", "then"))
    silent = partition([old, call("late", MOBILE, at=after)])
    assert silent.groups == (("late",), ("old",))
    assert Why.LONG_SILENCE in codes(silent.reviews[0].reasons)


def test_limits_are_asked_with_their_reason() -> None:
    cards = [person(f"{i:02}", "Dana Levi", MOBILE) for i in range(CLUSTER_STOPS_AUTOMATIC + 1)]
    found = partition(cards)
    assert max(map(len, found.groups)) == CLUSTER_STOPS_AUTOMATIC
    assert {(pair.score, pair.reasons[-1].code) for pair in found.reviews} == {(SCORE_AT_A_LIMIT, Why.TOO_MANY_RECORDS)}
    many = [person(f"{i}", "Dana Levi", MAIL, Identifier(IdentifierKind.MOBILE, f"+97250{i:07}")) for i in range(5)]
    full = partition(many)
    assert sorted(map(len, full.groups)) == [1, 4]
    assert full.reviews[0].reasons[-1] == Reason(Why.TOO_MANY_VALUES, ("mobile", "4"))


def test_a_name_in_part_joins_nobody_together() -> None:
    two = [person("a", "Dana Levi", MOBILE), person("b", "David Levi", MAIL), person("c", "D. Levi", MOBILE, MAIL)]
    found = partition(two)
    assert found.groups == (("a",), ("b",), ("c",))
    assert {Why.SEVERAL_FIT} <= {reason.code for pair in found.reviews for reason in pair.reasons}
    one = [person("a", "Dana Levi", MOBILE), person("b", "Dana Levi", MAIL), person("c", "D. Levi", MOBILE, MAIL)]
    assert partition(one).groups == (("a", "b", "c"),)


def test_one_key_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="one key"):
        partition([person("a", "Dana Levi"), person("a", "Omar Saleh")])


# --- What people said ---------------------------------------------------------------------------------------------


def test_what_people_said_stands() -> None:
    alike = [
        person("a", "Dana Levi", MOBILE),
        person("b", "Dana Levi", MOBILE),
        person("c", "Omar Saleh", OTHER_MOBILE),
    ]
    found = partition(alike, Decisions(same=frozenset({("c", "a")}), not_same=frozenset({("b", "a")})))
    assert found.groups == (("a", "c"), ("b",))
    assert not found.reviews
    assert codes(found.joins[0].reasons) == {Why.SAID_SAME}
    # Whoever agrees with the one or the other name belongs to them now.
    later = [*alike, person("d", "Omar Saleh", OTHER_MOBILE)]
    assert ("a", "c", "d") in partition(later, Decisions(frozenset({("a", "c")}), frozenset({("a", "b")}))).groups


def test_answers_that_contradict_each_other() -> None:
    three = [person("a", "Dana Levi"), person("b", "Dana Levi"), person("c", "Dana Levi"), firm("d", "Levi Optics")]
    same = frozenset({("a", "b"), ("b", "c"), ("c", "d"), ("a", "gone")})
    found = partition(three, Decisions(same, frozenset({("a", "c")})))
    assert found.groups == (("a", "b"), ("c",), ("d",))
    assert {(pair.a, pair.b): codes(pair.reasons) for pair in found.reviews} == {
        ("b", "c"): {Why.ANSWERS_IN_CONFLICT},
        ("c", "d"): {Why.PERSON_AND_COMPANY},
    }


def test_not_even_people_join_more_than_the_hard_stop() -> None:
    cards = [person(f"{i:02}", "Dana Levi") for i in range(CLUSTER_STOPS + 1)]
    found = partition(cards, Decisions(frozenset((cards[0].key, card.key) for card in cards[1:])))
    assert sorted(map(len, found.groups)) == [1, CLUSTER_STOPS]


def test_proposals_are_asked_unless_something_speaks_against() -> None:
    cards = [person("a", "Dana Levi", MOBILE), person("b", "Dana Levi", MAIL), person("c", "Dana Levi", MAIL)]
    proposals = [Pair("a", "b", 0.99, (Reason(Why.SAME_COMPANY),)), Pair("b", "c", 0.99, ()), Pair("a", "x", 0.99, ())]
    found = partition(cards, proposals=proposals)
    assert [(pair.a, pair.b) for pair in found.reviews] == [("a", "b")]
    assert POSSIBLE <= found.reviews[0].score < CERTAIN
    refused = partition(cards, Decisions(not_same=frozenset({("a", "c")})), proposals=proposals)
    assert not refused.reviews  # "b" is one party with "c"


# --- The set ------------------------------------------------------------------------------------------------------


def test_the_practice_set_holds_its_floors(practice: Practice) -> None:
    alone = score(partition(practice.records).groups, practice.truth)
    assert alone.precision >= 0.99
    assert alone.recall >= 0.70
    assert alone.mixed <= 2
    found, said = answered(practice, propose(map(card_of, practice.records)))
    assert not found.reviews
    together = score(found.groups, practice.truth)
    assert together.precision >= 0.99
    assert together.recall >= 0.84
    assert said[True] / (said[True] + said[False]) >= 0.6


def test_another_seed_holds_them_as_well() -> None:
    for seed in (3, 4):
        other = made(seed)
        alone = score(partition(other.records).groups, other.truth)
        assert alone.precision >= 0.99
        assert alone.recall >= 0.68


@given(st.randoms(use_true_random=False), st.data())
@settings(max_examples=15, deadline=None)
def test_the_answer_is_the_same_in_every_order(practice: Practice, chance: random.Random, data: st.DataObject) -> None:
    some = data.draw(st.sampled_from((60, 200)))
    start = data.draw(st.integers(0, len(practice.records) - some))
    records = practice.records[start : start + some]
    keys = [record.key for record in records]
    pairs = st.tuples(st.sampled_from(keys), st.sampled_from(keys)).filter(lambda two: two[0] != two[1])
    decisions = Decisions(data.draw(st.frozensets(pairs, max_size=4)), data.draw(st.frozensets(pairs, max_size=4)))
    expected = partition(records, decisions)
    assert sorted(key for group in expected.groups for key in group) == sorted(keys)
    of = {key: group for group in expected.groups for key in group}
    assert not any(of[a] is of[b] for a, b in decisions.not_same)
    again = [
        record._replace(identifiers=tuple(chance.sample(record.identifiers, len(record.identifiers))))
        for record in records
    ]
    chance.shuffle(again)
    turned = Decisions(frozenset((b, a) for a, b in decisions.same), frozenset((b, a) for a, b in decisions.not_same))
    assert partition(again, turned) == expected


def test_keys_are_no_evidence(practice: Practice) -> None:
    chance = random.Random(5)
    keys = [record.key for record in practice.records]
    other = dict(zip(keys, chance.sample(keys, len(keys)), strict=True))
    renamed = partition([record._replace(key=other[record.key]) for record in practice.records])
    expected = partition(practice.records)
    assert {frozenset(g) for g in renamed.groups} == {frozenset(other[key] for key in g) for g in expected.groups}


def _touched(found: Partition, keys: set[str]) -> tuple[set[tuple[str, ...]], set[Pair]]:
    return (
        {group for group in found.groups if not keys.isdisjoint(group)},
        {pair for pair in found.reviews if pair.a in keys or pair.b in keys},
    )


@pytest.mark.parametrize("crowd", [CROWD, 6])
def test_what_one_record_touches_is_decided_as_if_all_were_known(
    practice: Practice, crowd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.identity.partition_pairs.CROWD", crowd)
    chance = random.Random(7)
    mixed = chance.sample([record.key for record in practice.records], 60)
    said = Decisions(
        frozenset(zip(mixed[:10], mixed[10:20], strict=True)), frozenset(zip(mixed[20:40], mixed[40:], strict=True))
    )
    holders: dict[Identifier, list[Record]] = defaultdict(list)
    by_key = {record.key: record for record in practice.records}
    for record in practice.records:
        for value in record.identifiers:
            holders[value].append(record)
    together: dict[str, list[Record]] = defaultdict(list)
    for a, b in said.same:
        together[a].append(by_key[b])
        together[b].append(by_key[a])
    everything = partition(practice.records, said)

    def looked_up(value: Identifier) -> list[Record]:
        cards = [record for record in holders[value] if record.kind is not CALL]
        return [*cards[: crowd + 1], *(record for record in holders[value] if record.kind is CALL)]

    for record in practice.records[::3]:
        near = affected([record], looked_up, lambda key: together[key])
        found = partition(near.records, said, others=near.others, crowded=near.crowded)
        assert _touched(found, {record.key}) == _touched(everything, {record.key})


def test_what_hangs_together_without_end_is_not_decided() -> None:
    def mobile(i: int) -> Identifier:
        return Identifier(IdentifierKind.MOBILE, f"+97250{i:07}")

    chain = {i: person(f"{i:05}", "Dana Levi", mobile(i), mobile(i + 1)) for i in range(MOST_AFFECTED + 2)}

    def looked_up(value: Identifier) -> list[Record]:
        number = int(value.value[6:])
        return [chain[i] for i in (number - 1, number) if i in chain]

    assert affected([chain[0]], looked_up).whole is False
    del chain[MOST_AFFECTED], chain[MOST_AFFECTED + 1]
    assert affected([chain[0]], looked_up).whole is True


# --- Hostile ------------------------------------------------------------------------------------------------------

_TEXT = st.text(max_size=400) | st.sampled_from(["\u202e", "0", "\x00", "—", "а́" * 200, "Dana Levi", "دانا ليفي", "A."])
_VALUE = st.builds(
    Identifier, st.sampled_from(IdentifierKind), st.sampled_from("xyz;ext="), st.sampled_from(["", "1:a"])
)
_RECORD = st.builds(
    Record,
    st.uuids().map(str),
    st.sampled_from(RecordKind),
    _TEXT,
    _TEXT,
    st.lists(_VALUE, max_size=6).map(tuple),
    st.none() | st.dates(),
    st.none() | st.datetimes(timezones=st.just(dt.UTC)),
)


@given(st.lists(_RECORD, max_size=12, unique_by=lambda record: record.key))
@settings(max_examples=60, deadline=None)
def test_whatever_records_say_each_is_in_one_group_and_no_veto_is_broken(records: list[Record]) -> None:
    found = partition(records)
    assert sorted(key for group in found.groups for key in group) == sorted(record.key for record in records)
    assert partition(records[::-1]) == found
    by_key = {record.key: record for record in records}
    for group in found.groups:
        members = [by_key[key] for key in group]
        assert not {PERSON, COMPANY} <= {member.kind for member in members}
