"""Questions of an exchange about its callers, counted by the day."""

from hypothesis import given
from hypothesis import strategies as st

from hub.cti.inquiries import BOUNDS_MS, DAY_H, HOUR_S, Day, Inquiries, day

NOON = 1_700_000_000.0


def counted(*seconds: float, at: float = NOON) -> Inquiries:
    made = Inquiries()
    for one in seconds:
        made.add(at, one)
    return made


def test_nothing_asked_is_an_empty_day() -> None:
    assert day(Inquiries().dump(), NOON).asked == day(None, NOON).asked == 0


def test_ninety_five_of_a_hundred_decide() -> None:
    assert day(counted(*[0.004] * 95, *[0.25] * 5).dump(), NOON) == Day(100, 0, 5)
    assert day(counted(*[0.004] * 94, *[0.25] * 6).dump(), NOON) == Day(100, 0, 300)
    assert day(counted(*[0.004] * 94, *[0.301] * 6).dump(), NOON) == Day(100, 6, None)


def test_what_is_a_day_old_counts_no_more() -> None:
    made = counted(0.001, 0.001, at=NOON)
    assert day(made.dump(), NOON + (DAY_H - 1) * HOUR_S).asked == 2
    assert day(made.dump(), NOON + DAY_H * HOUR_S).asked == 0
    made.add(NOON + DAY_H * HOUR_S, 0.001)
    assert len(made.dump()) == 1


def test_a_restart_goes_on_with_the_day() -> None:
    after = Inquiries()
    after.load(counted(0.001, 0.5).dump())
    after.add(NOON, 0.001)
    assert day(after.dump(), NOON) == Day(3, 1, None)


def test_what_is_no_count_is_passed_over() -> None:
    odds: list[object] = [None, [], "x", {"x": []}, {"1": "x"}, {"1": [1]}, {"-1": [0] * (len(BOUNDS_MS) + 1)}]
    for odd in odds:
        made = Inquiries()
        made.load(odd)
        assert made.dump() == {}


@given(st.lists(st.floats(0, 2), min_size=1, max_size=60))
def test_the_time_that_is_told_is_true_of_95_of_100(seconds: list[float]) -> None:
    found = day(counted(*seconds).dump(), NOON)
    assert found.asked == len(seconds)
    assert found.late == sum(one * 1000 > BOUNDS_MS[-1] for one in seconds)
    if found.p95_ms is None:
        assert found.late * 100 > 5 * found.asked
    else:
        assert sum(one * 1000 <= found.p95_ms for one in seconds) * 100 >= 95 * found.asked
