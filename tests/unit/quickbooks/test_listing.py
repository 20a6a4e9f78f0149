"""Everything of one kind by position, while things are deleted, and answers that are not whole."""

import random
from itertools import count
from typing import Any, cast

import pytest

from connectors.quickbooks import listing
from connectors.quickbooks.client import Client
from connectors.quickbooks.listing import ASKS, SAME, Place, part
from hub.errors import CursorExpired, RetryLaterError, ShapeError
from tests.unit.quickbooks.books import Shelf, Tools, Wire, settings


def walk(shelf: Shelf, between: Any = lambda: None) -> list[str]:
    """Read to the end; each page is asked for from what the one before wrote down."""
    found: list[str] = []
    place: Place | None = Place()
    while place is not None:
        page = part(cast("Client", shelf), "Invoice", Place.of_json(place.as_json()))
        found += [one["Id"] for one in page.objects]
        place = page.following
        between()
    return found


@pytest.mark.parametrize("total", [0, 1, 3, 4, 5, 11, 40])
@pytest.mark.parametrize("page", [1, 2, 4, 1000])
def test_everything_is_shown_once(total: int, page: int) -> None:
    shelf = Shelf(total, page)
    if page == 1 and total > 1:
        with pytest.raises(RetryLaterError, match="circle"):  # such pages overlap completely: nothing could be proven
            walk(shelf)
        return
    assert walk(shelf) == shelf.ids


@pytest.mark.parametrize("seed", range(200))
def test_whatever_is_deleted_or_made_meanwhile_nothing_that_stays_is_left_out(seed: int) -> None:
    dice = random.Random(seed)
    shelf = Shelf(60, page=12)
    stays, made = set(shelf.ids), count(1000)

    def between() -> None:
        for _ in range(dice.randrange(3)):
            if shelf.ids:
                stays.discard(shelf.ids.pop(dice.randrange(len(shelf.ids))))
        if dice.random() < 0.3:
            shelf.ids.append(str(next(made)))

    try:
        found = walk(shelf, between)
    except CursorExpired:
        return  # said, and read anew
    assert stays <= set(found)


def test_who_deletes_more_than_was_remembered_makes_us_begin_anew() -> None:
    shelf = Shelf(300, page=8)
    pages = count()

    def between() -> None:
        if next(pages) == 15:
            del shelf.ids[60:200]

    with pytest.raises(CursorExpired, match="deleted"):
        walk(shelf, between)


def test_more_may_be_deleted_than_two_pages_share() -> None:
    shelf = Shelf(40, page=8)
    gone: list[str] = []

    def between() -> None:
        if not gone:
            gone.extend(shelf.ids[:5])
            del shelf.ids[:5]

    assert walk(shelf, between) == [str(number) for number in range(1, 41)]


def odd(shelf: Shelf, times: int, what: Any) -> None:
    """Let the next pages after the first be something else."""
    left = [times]
    last: list[list[str]] = [[]]

    def before(start: int, found: list[str]) -> list[str] | None:
        if start > 1 and left[0] > 0:
            left[0] -= 1
            return cast("list[str]", what(last[0], found))
        last[0] = found
        return None

    shelf.before = before


@pytest.mark.parametrize("times", range(1, SAME + 2))
@pytest.mark.parametrize(
    "what",
    [
        lambda _last, _found: [],
        lambda last, _found: last,
        lambda _last, found: found[: len(found) // 2],
        lambda _last, found: found[::-1],
    ],
    ids=["empty", "the page before", "half a page", "another order"],
)
@pytest.mark.parametrize("total", [5, 8, 11])
def test_pages_that_cannot_be_are_asked_for_again(times: int, what: Any, total: int) -> None:
    shelf = Shelf(total)
    odd(shelf, times, what)
    found = walk(shelf)
    assert set(found) == set(shelf.ids)
    assert len(found) == len(shelf.ids)


def test_the_same_page_for_ever_is_a_circle_after_a_few_questions() -> None:
    shelf = Shelf(20)
    odd(shelf, 1000, lambda last, _found: last)
    with pytest.raises(RetryLaterError, match="circle"):
        walk(shelf)
    assert shelf.asked <= 2 + 2 * ASKS


def test_an_empty_list_is_believed_only_with_its_count() -> None:
    shelf = Shelf(3)
    shelf.before = lambda _start, _found: []
    with pytest.raises(RetryLaterError):
        walk(shelf)


@pytest.mark.parametrize("listed", [{}, "x", [1], [{"Id": 7}], [{"Id": ""}], [{}]])
def test_what_is_no_list_of_objects_is_no_empty_one(listed: Any) -> None:
    client = Client(settings(), Tools())
    Wire(client, (200, {"QueryResponse": {"Invoice": listed}, "time": "2026-11-22T23:18:01-08:00"}))
    with pytest.raises(ShapeError):
        part(client, "Invoice", Place())


def test_ids_are_all_there_are() -> None:
    shelf = Shelf(23, page=7)
    assert listing.ids(cast("Client", shelf), "Invoice") == frozenset(shelf.ids)
