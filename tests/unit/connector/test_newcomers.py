"""Whoever becomes known is asked for, however late his transaction commits, and nobody is asked for without end."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.connector import newcomers

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = st.integers(0, 600)
LATE = st.integers(0, int(newcomers.WRITING.total_seconds()))


@given(
    customers=st.lists(st.tuples(SECONDS, LATE), max_size=8),
    looks=st.lists(SECONDS, min_size=1, max_size=20),
)
def test_everybody_is_asked_for_and_nobody_more_than_twice(customers: list[tuple[int, int]], looks: list[int]) -> None:
    times: Counter[int] = Counter()

    def between(since: datetime | None, until: datetime, moment: datetime) -> list[int]:
        """Customers dated in a time, of whom it is known at the moment."""
        found = []
        for number, (dated_s, late_s) in enumerate(customers):
            dated = BEGIN + timedelta(seconds=dated_s)
            if (since is None or dated > since) and dated <= until and dated + timedelta(seconds=late_s) <= moment:
                found.append(number)
        return found

    moments = [*sorted(looks), 1000, 1001, 2000, 2001]
    first = BEGIN + timedelta(seconds=moments[0])
    times.update(between(None, first, first))
    rest = newcomers.asked(newcomers.everybody(first))
    asked = 0
    for second in moments[1:]:
        moment = BEGIN + timedelta(seconds=second)
        while (
            window := newcomers.to_ask(
                rest, lambda since, until, moment=moment: bool(between(since, until, moment)), moment
            )
        ) is not None:
            since = datetime.fromisoformat(window["since"])
            times.update(between(since, datetime.fromisoformat(window["until"]), moment))
            rest = newcomers.asked(window)
            asked += 1
            assert asked <= 2 * len(moments), "it asks without end"
    assert set(times) == set(range(len(customers)))
    assert max(times.values(), default=0) <= 2
