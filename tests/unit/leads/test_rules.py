"""Which rule is for which lead, and how much of a form is here: the decisions alone, as tables."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.stream import Choice
from hub.leads.assign import WANTS, divided, fits, region_of
from hub.leads.taken import Left, Ours, left, soonest

HE = {"account": "a1", "campaign": "c1", "form": "f1", "platform": "fb", "language": "he", "region": "IL"}
PL = {**HE, "campaign": "", "language": "pl", "region": "PL"}
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEPT = timedelta(days=90)


@pytest.mark.parametrize(
    ("wants", "of_he", "of_pl"),
    [
        ({}, True, True),
        ({"language": []}, True, True),
        ({"language": ["he"]}, True, False),
        ({"language": "he"}, True, False),
        ({"language": ["he", "pl"]}, True, True),
        ({"language": ["he", "pl"], "region": ["PL"]}, False, True),
        ({"campaign": ["c1"]}, True, False),
        ({"campaign": ["c2"]}, False, False),
        ({"form": ["f1"], "account": ["a2"]}, False, False),
        ({"nonsense": ["x"]}, False, False),
    ],
)
def test_all_that_a_rule_asks_for_must_fit(wants: dict[str, Any], of_he: bool, of_pl: bool) -> None:
    assert (fits(wants, HE), fits(wants, PL)) == (of_he, of_pl)


@pytest.mark.parametrize(
    ("rules", "counts"),
    [
        ([], [3]),
        ([{"language": ["he"]}], [2, 1]),
        ([{}, {"language": ["he"]}], [3, 0, 0]),
        ([{"language": ["he"]}, {}], [2, 1, 0]),
        ([{"region": ["PL"]}, {"region": ["PL"]}], [1, 0, 2]),
    ],
)
def test_each_lead_is_of_the_first_rule_that_fits(rules: list[dict[str, Any]], counts: list[int]) -> None:
    assert divided(rules, [HE, PL, HE]) == counts


_WANTS = st.dictionaries(st.sampled_from(WANTS), st.lists(st.sampled_from(["he", "pl", "c1", "f1", "IL"]), max_size=3))


@given(st.lists(_WANTS, max_size=5), st.lists(st.sampled_from([HE, PL]), max_size=10))
def test_no_lead_is_lost_and_none_counted_twice(rules: list[dict[str, Any]], leads: list[dict[str, str]]) -> None:
    counts = divided(rules, leads)
    assert (len(counts), sum(counts)) == (len(rules) + 1, len(leads))


@pytest.mark.parametrize(
    ("phone", "region"),
    [("+972502345678", "IL"), ("+48601234567", "PL"), ("", ""), ("x", ""), ("+", ""), ("+1" * 500, "")],
)
def test_the_country_of_a_number(phone: str, region: str) -> None:
    assert region_of(phone) == region


def days(count: int) -> timedelta:
    return timedelta(days=count)


def form(total: int | None, expired: int | None = None, created_at: datetime | None = None) -> Choice:
    return Choice("lead:1:2", "Offer", is_wanted=True, total=total, expired=expired, created_at=created_at)


@pytest.mark.parametrize(
    ("choice", "ours", "kept", "said"),
    [
        (form(None), Ours(5, 5, AT), KEPT, Left()),  # the remote does not count
        (form(5), Ours(5, 5, AT), None, Left()),  # it keeps everything
        (form(0), Ours(), KEPT, Left(0, 0)),
        (form(3), Ours(3, 3, AT - days(80)), KEPT, Left(3, 0, oldest_leaves_at=AT + days(10))),
        (form(9, 6), Ours(9, 3, AT - days(80)), KEPT, Left(3, 0, oldest_leaves_at=AT + days(10))),
        (form(9, 9), Ours(9, 0), KEPT, Left(0, 0)),  # all are gone there
        (form(3), Ours(1, 1, AT), KEPT, Left(3, 2, may_leave_from=AT)),  # nobody knows how old the missing ones are
        (form(3, 0, AT - days(30)), Ours(1, 1, AT), KEPT, Left(3, 2, may_leave_from=AT + days(60))),  # not older than the form
        (form(3, 0, AT - days(300)), Ours(), KEPT, Left(3, 3, may_leave_from=AT)),
        (form(2), Ours(5, 5, AT), KEPT, Left(2, 0, oldest_leaves_at=AT + days(90))),  # it counts late
        (form(3, 7), Ours(), KEPT, Left(0, 0)),  # counts that cannot be
    ],
)  # fmt: skip
def test_what_a_form_still_has_is_said_as_far_as_it_is_known(
    choice: Choice, ours: Ours, kept: timedelta | None, said: Left
) -> None:
    assert left(choice, ours, kept, AT) == said


def test_of_several_forms_the_first_lead_that_leaves_counts() -> None:
    forms = [Left(3, 0, oldest_leaves_at=AT + days(9)), Left(5, 2, may_leave_from=AT + days(4)), Left()]
    assert soonest(forms) == (AT + days(4), 2)
    assert soonest([]) == (None, 0)
