"""Who is told of an account that needs a person, and when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.intake.models import AccountState, Health
from hub.intake.trouble import Trouble
from hub.notice import plan
from hub.notice.models import NoticeKind, NoticeState
from hub.notice.plan import Fate, Open, Sight, Someone, Step, Why
from hub.security.models import Role

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE = timedelta(minutes=10)
LONG = NOW - timedelta(hours=1)
JUST = NOW - timedelta(minutes=1)


def incident(*, began: datetime = LONG, told: datetime | None = None, well: datetime | None = None) -> Open:
    return Open(began, told, well)


def step(open_: Open | None, seen: Sight, kind: Why = Why.OTHER, *, can_tell: bool = True) -> Step:
    return plan.follow(open_, seen, kind, moment=NOW, patience=PATIENCE, can_tell=can_tell)


@pytest.mark.parametrize(
    ("open_", "seen", "kind", "expected"),
    [
        (None, Sight.WELL, Why.OTHER, Step.NONE),
        (None, Sight.UNKNOWN, Why.OTHER, Step.NONE),
        (None, Sight.GONE, Why.OTHER, Step.NONE),
        (None, Sight.SICK, Why.AUTH, Step.BEGIN),
        (incident(began=NOW), Sight.SICK, Why.AUTH, Step.TELL),  # nothing but a person mends it: at once
        (incident(began=JUST), Sight.SICK, Why.OTHER, Step.NONE),
        (incident(began=JUST), Sight.SICK, Why.DISABLED, Step.NONE),
        (incident(began=NOW - PATIENCE), Sight.SICK, Why.OTHER, Step.TELL),
        (incident(), Sight.UNKNOWN, Why.OTHER, Step.NONE),  # paused before anybody was told
        (incident(), Sight.WELL, Why.OTHER, Step.END),  # it passed by itself: nobody hears of it
        (incident(told=LONG), Sight.SICK, Why.OTHER, Step.NONE),  # once
        (incident(told=LONG), Sight.SICK, Why.AUTH, Step.NONE),
        (incident(told=LONG), Sight.UNKNOWN, Why.OTHER, Step.NONE),
        (incident(told=LONG), Sight.WELL, Why.OTHER, Step.SEEMS_WELL),
        (incident(told=LONG, well=JUST), Sight.WELL, Why.OTHER, Step.NONE),
        (incident(told=LONG, well=JUST), Sight.SICK, Why.OTHER, Step.STILL_SICK),
        (incident(told=LONG, well=JUST), Sight.UNKNOWN, Why.OTHER, Step.STILL_SICK),
        (incident(told=LONG, well=NOW - PATIENCE), Sight.WELL, Why.OTHER, Step.END_AND_TELL),
        (incident(told=LONG), Sight.GONE, Why.OTHER, Step.END),
        (incident(), Sight.GONE, Why.OTHER, Step.END),
    ],
)
def test_what_happens_next(open_: Open | None, seen: Sight, kind: Why, expected: Step) -> None:
    assert step(open_, seen, kind) is expected


def test_without_a_way_to_tell_nobody_counts_as_told() -> None:
    assert step(incident(), Sight.SICK, Why.AUTH, can_tell=False) is Step.NONE


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Sight)), st.integers(0, 30)), max_size=60))
def test_whatever_happens_people_are_told_in_turns_that_it_broke_and_that_it_works(
    life: list[tuple[Sight, int]],
) -> None:
    """No two mails of the same kind in a row, and the steps of one look end."""
    told: list[Step] = []
    current: Open | None = None
    moment = NOW
    for seen, minutes in life:
        moment += timedelta(minutes=minutes)
        for _ in range(5):
            found = plan.follow(current, seen, Why.OTHER, moment=moment, patience=PATIENCE, can_tell=True)
            if found in {Step.TELL, Step.END_AND_TELL}:
                told.append(found)
            match found:
                case Step.NONE:
                    break
                case Step.BEGIN:
                    current = Open(moment, None, None)
                case Step.END | Step.END_AND_TELL:
                    current = None
                case Step.TELL:
                    assert current is not None
                    current = Open(current.began_at, moment, current.well_since)
                case _:
                    assert current is not None
                    well = moment if found is Step.SEEMS_WELL else None
                    current = Open(current.began_at, current.told_at, well)
        else:
            pytest.fail("the steps of one look do not end")
        if seen is Sight.GONE:
            told.clear()
    assert all(one is (Step.END_AND_TELL if number % 2 else Step.TELL) for number, one in enumerate(told))


@pytest.mark.parametrize(
    ("state", "health", "expected"),
    [
        (AccountState.ACTIVE, Health.NEEDS_YOU, Sight.SICK),
        (AccountState.ACTIVE, Health.HEALTHY, Sight.WELL),
        (AccountState.ACTIVE, Health.WORKING, Sight.WELL),
        (AccountState.ACTIVE, Health.WARNINGS, Sight.WELL),
        (AccountState.ACTIVE, Health.LATE, Sight.UNKNOWN),  # its remote is away: whether access works nobody knows
        (AccountState.ACTIVE, Health.NEVER_RUN, Sight.UNKNOWN),
        (AccountState.PAUSED, Health.PAUSED, Sight.UNKNOWN),
        (AccountState.PAUSED, Health.NEEDS_YOU, Sight.UNKNOWN),
        (AccountState.REMOVED, Health.NEEDS_YOU, Sight.GONE),
    ],
)
def test_what_one_look_says(state: AccountState, health: Health, expected: Sight) -> None:
    assert plan.sight(state, health) is expected


@pytest.mark.parametrize(
    ("troubles", "expected"),
    [
        ((), Why.OTHER),
        ((Trouble.AWAY, Trouble.SCOPE), Why.OTHER),
        ((Trouble.DEFECT,), Why.DEFECT),
        ((Trouble.DEFECT, Trouble.DISABLED), Why.DISABLED),
        ((Trouble.DEFECT, Trouble.DISABLED, Trouble.AUTH), Why.AUTH),
    ],
)
def test_the_one_thing_to_do_is_of_the_worst_trouble(troubles: tuple[str, ...], expected: Why) -> None:
    assert plan.why(troubles) is expected


def person(number: int, role: Role = Role.AGENT, *, active: bool = True) -> Someone:
    return Someone(number, f"p{number}@example.com", role, active)


@pytest.mark.parametrize(
    ("people", "owner", "address", "expected"),
    [
        ([], None, "", ()),
        ([person(1), person(2, Role.MANAGER), person(3, Role.ADMIN), person(4, Role.ADMIN)], None, "", (3, 4)),
        ([person(1), person(2), person(3, Role.ADMIN)], 1, "", (1, 3)),
        ([person(1), person(2), person(3, Role.ADMIN)], None, "p2@example.com", (2, 3)),
        ([person(3, Role.ADMIN)], 3, "p3@example.com", (3,)),  # one person, one mail
        ([person(1, active=False), person(3, Role.ADMIN, active=False)], 1, "p1@example.com", ()),
        ([Someone(1, "", Role.AGENT, is_active=True)], None, "", ()),
    ],
)
def test_whom_an_account_concerns(
    people: list[Someone], owner: int | None, address: str, expected: tuple[int, ...]
) -> None:
    assert plan.concerned(people, owner, address) == expected


NEEDS, WELL = NoticeKind.NEEDS_YOU, NoticeKind.WELL_AGAIN


@pytest.mark.parametrize(
    ("kind", "is_wanted", "has_ended", "unanswered", "first", "expected"),
    [
        (NEEDS, True, False, 0, None, Fate.SEND),
        (NEEDS, True, False, 1, None, Fate.SEND),  # it may have gone, and may not: the same id
        (NEEDS, True, False, 3, None, Fate.LEAVE),  # but not without end
        (NEEDS, True, True, 0, None, Fate.DROP),  # it never went, and is no longer true
        (NEEDS, True, True, 1, None, Fate.LEAVE),  # it may have gone: then its end is told
        (NEEDS, False, False, 0, None, Fate.DROP),
        (WELL, True, True, 0, NoticeState.SENT, Fate.SEND),
        (WELL, True, True, 2, NoticeState.SENT, Fate.SEND),
        (WELL, True, True, 3, NoticeState.SENT, Fate.LEAVE),
        (WELL, True, True, 0, NoticeState.WAITING, Fate.WAIT),
        (WELL, True, True, 0, NoticeState.DROPPED, Fate.DROP),
        (WELL, True, True, 0, NoticeState.REFUSED, Fate.DROP),
        (WELL, True, True, 0, NoticeState.GIVEN_UP, Fate.DROP),
        (WELL, True, True, 0, None, Fate.DROP),
        (WELL, False, True, 0, NoticeState.SENT, Fate.DROP),
    ],
)
def test_the_fate_of_a_notice(
    kind: str, is_wanted: bool, has_ended: bool, unanswered: int, first: NoticeState | None, expected: Fate
) -> None:
    found = plan.fate(kind, is_wanted=is_wanted, has_ended=has_ended, unanswered=unanswered, first=first)
    assert found is expected


@pytest.mark.parametrize(("remembers", "expected"), [(False, Fate.LEAVE), (True, Fate.SEND)])
def test_what_a_carrier_would_find_again_is_tried_until_its_time_is_over(remembers: bool, expected: Fate) -> None:
    found = plan.fate(
        NEEDS, is_wanted=True, has_ended=False, unanswered=plan.MOST_UNANSWERED, first=None, remembers=remembers
    )
    assert found is expected
