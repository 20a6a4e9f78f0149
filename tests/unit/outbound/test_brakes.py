"""What runs away is stopped."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.outbound.brakes import LoopBrake, mass_delete

NOW = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "stops"), [
    ([], False), (range(6), False), (range(7), True), (range(55, 62), False), ([61] * 50, False), ([-5] * 50, False),
])  # fmt: skip
def test_an_object_may_go_round_six_times_an_hour(minutes: list[int], stops: bool) -> None:
    assert LoopBrake().stops([NOW - timedelta(minutes=m) for m in minutes], NOW) is stops


@pytest.mark.parametrize(("count", "total", "stopped"), [
    (0, 0, False), (5, 5, False), (6, 100, True), (5, 100, False), (6, 120, False), (7, 120, True), (20, 1000, False), (21, 10**6, True),
])  # fmt: skip
def test_many_deletions_at_once_wait_for_a_person(count: int, total: int, stopped: bool) -> None:
    assert mass_delete(count, total) is stopped
