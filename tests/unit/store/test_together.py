"""Work of several threads at once: nobody waits for what came later, nobody is done twice, one's fault is one's own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.store.together import Together


class Desk:
    """Does what is asked once it may begin; keeps what it did at once."""

    def __init__(self, fails: Callable[[int], bool] = lambda _: False) -> None:
        self.lots: list[list[int]] = []
        self.began, self.may_go_on = threading.Event(), threading.Event()
        self._fails = fails

    def run(self, asked: Sequence[int]) -> list[int]:
        self.lots.append(list(asked))
        self.began.set()
        assert self.may_go_on.wait(10)
        if any(self._fails(one) for one in asked):
            raise ValueError(str(asked))
        return [one * 10 for one in asked]


def waiting(together: Together[int, int], count: int) -> None:
    """Wait until so many wait behind whoever is being done."""
    while len(together._waiting) < count:
        threading.Event().wait(0.001)


def test_who_comes_alone_is_done_alone() -> None:
    desk = Desk()
    desk.may_go_on.set()
    together = Together(desk.run)
    assert [together.do(1), together.do(2)] == [10, 20]
    assert desk.lots == [[1], [2]]


def test_who_comes_meanwhile_goes_together_and_each_gets_his_own() -> None:
    desk = Desk()
    together = Together(desk.run)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(together.do, 1)
        assert desk.began.wait(10)
        rest = [pool.submit(together.do, one) for one in range(2, 8)]
        waiting(together, 6)
        desk.may_go_on.set()
        assert [first.result(10), *(one.result(10) for one in rest)] == [10, 20, 30, 40, 50, 60, 70]
    assert [sorted(lot) for lot in desk.lots] == [[1], [2, 3, 4, 5, 6, 7]]


def test_one_that_fails_holds_up_no_other() -> None:
    desk = Desk(lambda one: one == 3)
    together = Together(desk.run)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(together.do, 1)
        assert desk.began.wait(10)
        rest = {one: pool.submit(together.do, one) for one in (2, 3, 4)}
        waiting(together, 3)
        desk.may_go_on.set()
        assert [first.result(10), rest[2].result(10), rest[4].result(10)] == [10, 20, 40]
        with pytest.raises(ValueError, match="3"):
            rest[3].result(10)


def test_many_threads_lose_and_double_nothing() -> None:
    done: list[int] = []
    together: Together[int, int] = Together(lambda asked: [done.append(one) or one for one in asked])  # type: ignore[func-returns-value]  # the number itself
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(together.do, range(2000))) == list(range(2000))
    assert sorted(done) == list(range(2000))
