"""How long what failed is left alone."""

from hypothesis import given
from hypothesis import strategies as st

from hub.work.retry import pause_s


@given(st.integers(0, 10_000))
def test_pauses_double_to_a_limit_and_are_spread(failures: int) -> None:
    whole = min(60.0 * 2 ** min(failures, 20), 900.0)
    assert whole / 2 <= pause_s(failures, 60.0, 900.0) <= whole


def test_many_that_failed_together_do_not_come_back_together() -> None:
    assert len({pause_s(3, 15.0, 3600.0) for _ in range(20)}) > 10
