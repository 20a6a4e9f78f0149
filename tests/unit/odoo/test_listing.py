"""Pages of a stream: in the order of ids, with what was deleted, and never further than what is sure."""

from dataclasses import replace
from typing import Any

import pytest

from connectors.odoo import window
from connectors.odoo.documents import stream
from connectors.odoo.listing import OdooStream
from connectors.odoo.masters import CONTACTS
from hub.connector.stream import Cursor, Filtered, Gone, Left, Phase, Upsert
from hub.errors import CursorExpired, RetryLaterError, ScopeError, ShapeError
from tests.unit.odoo.fake import BEGAN, Fake, client

MODEL = "res.partner"


def partner(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"P{number}",
        "company_id": False,
        "category_id": [],
        "write_date": "2026-11-23 06:59:59",
        **values,
    }


def contacts(fake: Fake, **values: Any) -> OdooStream:
    return stream(client(fake, **values), CONTACTS)


def read(of: OdooStream, cursor: Cursor) -> tuple[list[Any], Cursor]:
    found: list[Any] = []
    while True:
        page = of.pull(cursor)
        found += page.changes
        cursor = page.next
        if not page.more:
            return found, cursor


def test_a_whole_pass_goes_by_ids_and_the_next_begins_where_it_began() -> None:
    fake = Fake({MODEL: [partner(one) for one in (1, 2, 5, 8, 9)]})
    of = contacts(fake, page_size=2)
    begun = of.begin()
    assert begun.anchor == "2026-11-23T07:00:01+00:00"
    page = of.pull(begun)
    assert (page.expected, page.complete, page.more) == (5, True, True)
    found, done = read(of, page.next)
    assert [one.remote_id for one in (*page.changes, *found)] == ["1", "2", "5", "8", "9"]
    assert (done.phase, done.token) == (Phase.INCREMENTAL, begun.anchor)
    assert window.unpacked(done.rest["seen"]) == {1, 2, 5, 8, 9}
    domains = [one[2]["domain"] for one in fake.asked if one[1] == "search_read"]
    assert domains == [[], [["id", ">", 2]], [["id", ">", 8]], [["id", ">", 9]]]


def test_a_look_asks_since_the_beginning_of_the_one_before_less_the_overlap() -> None:
    fake = Fake({MODEL: [partner(1)]})
    of = contacts(fake, overlap_min=15)
    _, done = read(of, of.begin())
    fake.asked.clear()
    read(of, done)
    since = ["write_date", ">=", "2026-11-23 06:45:01"]
    assert [one[2]["domain"] for one in fake.asked if one[1] == "search_read"] == [[since], [since, ["id", ">", 1]]]


def test_a_look_counts_from_when_its_first_page_was_asked_for() -> None:
    fake = Fake({MODEL: [partner(one) for one in range(1, 8)]})
    of = contacts(fake, page_size=2)
    _, done = read(of, of.begin())
    assert fake.at is not None
    first = of.pull(done)
    anchor = first.next.anchor
    _, after = read(of, first.next)
    assert after.token == anchor
    assert BEGAN.isoformat() < anchor < fake.at.isoformat()


def test_what_is_missing_among_the_newest_is_proven_and_not_believed() -> None:
    fake = Fake({MODEL: [partner(one) for one in (1, 2, 3)]})
    of = contacts(fake)
    _, done = read(of, of.begin())
    fake.rows[MODEL] = [partner(1), partner(3)]
    found, after = read(of, done)
    assert [one for one in found if isinstance(one, Left)] == [Left("2")]
    found, _ = read(of, after)
    assert not any(isinstance(one, Left) for one in found)


def test_what_is_deleted_during_the_first_pass_is_missing_at_its_end() -> None:
    fake = Fake({MODEL: [partner(one) for one in (1, 2, 3)]})
    of = contacts(fake, page_size=2)
    page = of.pull(of.begin())
    fake.rows[MODEL] = [partner(2), partner(3)]
    found, _ = read(of, page.next)
    assert Left("1") in found


def test_many_that_are_missing_at_once_are_left_to_the_sweep() -> None:
    fake = Fake({MODEL: [partner(one) for one in range(1, 100)]})
    of = contacts(fake)
    _, done = read(of, of.begin())
    fake.rows[MODEL] = [partner(1)]  # a backup was restored
    found, _ = read(of, done)
    assert not any(isinstance(one, Left) for one in found)


def test_a_page_in_another_order_and_with_records_twice_is_the_same_page() -> None:
    fake = Fake(says={(MODEL, "search_read"): lambda _: [partner(one) for one in (7, 5, 7, 6)]})
    page = contacts(fake).pull(Cursor(anchor="2026-11-23T07:00:00+00:00", page="4"))
    assert [one.remote_id for one in page.changes] == ["5", "6", "7"]
    assert page.next.page == "7"


def test_a_page_that_was_there_before_is_a_circle() -> None:
    fake = Fake(says={(MODEL, "search_read"): lambda _: [partner(one) for one in (3, 5)]})
    with pytest.raises(RetryLaterError, match="circle"):
        contacts(fake).pull(Cursor(anchor="2026-11-23T07:00:00+00:00", page="4"))


@pytest.mark.parametrize("page", ["", "2"])
def test_a_list_that_is_cut_short_ends_no_whole_pass(page: str) -> None:
    fake = Fake({MODEL: [partner(one) for one in (1, 2, 3)]}, says={(MODEL, "search_read"): lambda _: []})
    rest = {"expected": 3, "shown": 2} if page else {}
    with pytest.raises(RetryLaterError, match="cut short"):
        contacts(fake).pull(Cursor(anchor="2026-11-23T07:00:00+00:00", page=page, rest=rest))


def test_a_whole_pass_during_which_records_go_ends_all_the_same() -> None:
    fake = Fake({MODEL: [partner(one) for one in (1, 2)]})
    cursor = Cursor(anchor="2026-11-23T07:00:00+00:00", page="3", rest={"expected": 3, "shown": 2})
    assert not contacts(fake).pull(cursor).more


def test_a_record_that_no_page_showed_is_found_by_its_id() -> None:
    fake = Fake({MODEL: [partner(1), partner(2)]})
    of = contacts(fake)
    _, done = read(of, of.begin())
    fake.rows[MODEL].append(partner(3))
    pages = iter([[], [partner(3)]])  # the look shows nothing; to be asked for by its id, it is there
    fake.says[MODEL, "search_read"] = lambda _: next(pages)
    looked = {name: value for name, value in done.rest.items() if name != "looked_at"}
    found, after = read(of, replace(done, rest=looked))
    assert [one.remote_id for one in found] == ["3"]
    assert window.unpacked(after.rest["seen"]) == {1, 2, 3}


def test_where_nothing_happened_one_question_is_enough() -> None:
    fake = Fake({MODEL: [partner(1)]})
    of = contacts(fake)
    _, done = read(of, of.begin())
    fake.says[MODEL, "search_read"] = lambda _: []
    fake.asked.clear()
    read(contacts(fake), done)
    assert [method for _, method in fake.methods() if method != "fields_get"] == ["search_read"]


def test_a_look_at_a_server_that_does_not_say_what_time_it_is_moves_nothing() -> None:
    fake = Fake({MODEL: [partner(1)]})
    of = contacts(fake)
    _, done = read(of, of.begin())
    fake.at = None
    assert read(of, done)[1].token == done.token


def test_a_server_that_does_not_say_what_time_it_is_is_refused() -> None:
    with pytest.raises(ShapeError, match="Date"):
        contacts(Fake(at=None)).begin()


@pytest.mark.parametrize("cursor", [Cursor(page="x"), Cursor(Phase.INCREMENTAL, token="x"), Cursor(rest={"seen": "?"})])
def test_a_cursor_that_is_none_begins_anew(cursor: Cursor) -> None:
    with pytest.raises(CursorExpired):
        contacts(Fake()).pull(cursor)


def test_other_settings_ask_for_something_else() -> None:
    fake = Fake()
    assert contacts(fake).asked == contacts(fake, page_size=3, overlap_min=60).asked
    assert contacts(fake).asked != contacts(fake, companies_off="3").asked


# --- by their ids ---------------------------------------------------------------------------------------------------------


def test_a_record_that_is_asked_for_is_there_or_gone_or_not_for_us() -> None:
    fake = Fake({MODEL: [partner(1), partner(2, company_id=[3, "Other"]), partner(4, name=False)]})
    found = contacts(fake, companies_off="3").find(["1", "2", "4", "9", "x"])
    assert [type(one) for one in found] == [Upsert, Filtered, Filtered, Gone, Gone]
    assert [getattr(one, "reason", "") for one in found[1:3]] == ["company", "address"]
    assert found[0].payload["url"] == "https://erp.example.com/odoo/res.partner/1"  # type: ignore[union-attr]  # an Upsert, as of above


def test_a_record_that_may_not_be_seen_any_more_is_not_gone() -> None:
    def refused(_: Any) -> Any:
        raise ScopeError("not allowed")

    fake = Fake({MODEL: [partner(1)]}, says={(MODEL, "read"): refused})
    with pytest.raises(ScopeError):
        contacts(fake).find(["1", "2"])
    assert [type(one) for one in contacts(fake).find(["1"])] == [Upsert]


def test_a_record_that_a_list_left_out_and_that_is_there_is_not_gone() -> None:
    fake = Fake(
        {MODEL: [partner(1)]}, says={(MODEL, "search_read"): lambda _: [], (MODEL, "read"): lambda _: [partner(1)]}
    )
    with pytest.raises(RetryLaterError, match="cut short"):
        contacts(fake).find(["1"])


def test_ids_are_as_many_as_are_counted_or_nothing_is_concluded() -> None:
    fake = Fake({MODEL: [partner(one) for one in (1, 2, 3)]})
    assert contacts(fake).ids() == {"1", "2", "3"}
    fake.says[MODEL, "search_count"] = lambda _: 4
    with pytest.raises(RetryLaterError, match="cut short"):
        contacts(fake).ids()
