"""Green from so many percent on, amber from so many, red below."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from hub.errors import UserError
from hub.fields.models import Of
from hub.insights import targets
from hub.insights.targets import Rating, Target
from hub.security.models import Audit
from tests.unit.insights.records import ADMIN, Records


@pytest.mark.parametrize(
    ("filled", "total", "expected"),
    [(9, 10, Rating.GREEN), (899, 1000, Rating.AMBER), (50, 100, Rating.AMBER), (499, 1000, Rating.RED), (0, 5, Rating.RED),
     (0, 0, None)],
)  # fmt: skip
def test_a_share_is_rated_exactly_and_never_rounded_up(filled: int, total: int, expected: Rating | None) -> None:
    assert Target(90, 50).rate(filled, total) is expected


def test_a_target_of_nothing_is_always_reached() -> None:
    assert Target(0, 0).rate(0, 5) is Rating.GREEN


@pytest.mark.parametrize(
    ("green", "amber", "field"),
    [("", "50", "green"), ("90", "", "amber"), ("101", "50", "green"), ("-1", "0", "green"), ("9.5", "5", "green"),
     ("٩٠", "50", "green"), ("90", "91", "amber"), ("9" * 10, "1", "green")],
)  # fmt: skip
def test_what_is_no_target_is_said_plainly(green: str, amber: str, field: str) -> None:
    with pytest.raises(UserError) as error:
        targets.read(green, amber)
    assert error.value.field == field


def test_two_numbers_are_a_target_and_none_is_none() -> None:
    assert targets.read(" 90 % ", "50") == Target(90, 50)
    assert targets.read("70", "70") == Target(70, 70)
    assert targets.read(" ", "") is None


@given(st.integers(0, 100), st.integers(0, 100))
def test_amber_is_never_above_green(green: int, amber: int) -> None:
    if amber <= green:
        assert targets.read(str(green), str(amber)) == Target(green, amber)
    else:
        with pytest.raises(UserError, match="Amber"):
            targets.read(str(green), str(amber))


def test_a_target_is_kept_changed_and_taken_away_and_the_audit_says_what_it_was(records: Records) -> None:
    session = records.session
    for target in (Target(90, 50), Target(90, 50), Target(80, 50), None, None):
        targets.keep(session, ADMIN, Of.PERSON, "email", target)
        assert targets.of_kind(session, Of.PERSON).get("email") == target
    told = [row.detail for row in session.scalars(select(Audit).order_by(Audit.id))]
    first, second = {"green": 90, "amber": 50}, {"green": 80, "amber": 50}
    assert told == [
        {"was": None, "becomes": first},
        {"was": first, "becomes": second},
        {"was": second, "becomes": None},
    ]
    assert targets.of_kind(session, Of.COMPANY) == {}
