"""Listings of every kind are read whole, whatever a server makes of pages: nothing lost, nothing doubled, no circle."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connector.manifest import streams
from hub.connector.stream import Cursor, Gone, Page, Phase, Upsert
from hub.errors import RejectedError, RetryLaterError, ScopeError, ShapeError
from tests.unit.manifest.desk import Talk, manifest, stream, walked

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = {
    "page": '{ type = "page", param = "page", size_param = "n", size = 5 }',
    "page_from_0": '{ type = "page", param = "page", size_param = "n", size = 5, start = 0 }',
    "page_total": '{ type = "page", param = "page", size_param = "n", size = 5, total = "total" }',
    "page_pages": '{ type = "page", param = "page", size_param = "n", size = 5, pages = "pages" }',
    "offset": '{ type = "offset", param = "from", size_param = "n", size = 5 }',
    "offset_total": '{ type = "offset", param = "from", size_param = "n", size = 5, total = "total" }',
    "cursor": '{ type = "cursor", param = "after", next = "paging.next" }',
    "next_link": """{ type = "next_link", next = '"@odata.nextLink"' }""",
    "link_header": '{ type = "link_header" }',
    "keyset": '{ type = "keyset", param = "behind", field = "id", size_param = "n", size = 5 }',
    "single": '{ type = "single" }',
}


def served(kind: str, records: list[dict[str, Any]], size: int) -> Talk:
    """A server that gives so many records at once, by one kind of paging."""

    def answer(_path: str, asked: Mapping[str, Any]) -> Any:
        rows = sorted(records, key=lambda one: one["id"]) if kind == "keyset" else records
        if kind == "single":
            return {"data": rows}
        offset = {
            "page": lambda: (int(asked.get("page", 1)) - 1) * size,
            "page_from_0": lambda: int(asked.get("page", 0)) * size,
            "offset": lambda: int(asked.get("from", 0)),
            "keyset": lambda: sum(one["id"] <= int(asked.get("behind", 0)) for one in rows),
        }.get(kind.removesuffix("_total").removesuffix("_pages"), lambda: int(asked.get("after", 0)))()
        behind = offset + size
        told: dict[str, Any] = {"data": rows[offset:behind], "total": len(rows), "pages": -(-len(rows) // size)}
        if behind < len(rows):
            told |= {"paging": {"next": str(behind)}, "@odata.nextLink": f"invoices?after={behind}"}
            return told, {
                "link": f'<https://books.example/api/invoices?after=0>; rel="first", </api/invoices?after={behind}>; rel="next"'
            }
        return told

    return Talk(answer)


@pytest.mark.parametrize("kind", KINDS)
@given(count=st.integers(0, 40), size=st.integers(1, 9))
@settings(max_examples=40)
def test_a_pass_shows_every_record_once(kind: str, count: int, size: int) -> None:
    records = [{"id": number + 1} for number in range(count)]
    talk = served(kind, records, size)
    one = stream(manifest(at='"data"', page=KINDS[kind], one='"/invoices/{id}"'), talk)
    ids, cursor, pages = walked(one)
    assert sorted(ids, key=int) == [str(it["id"]) for it in records]
    assert cursor.phase is Phase.INCREMENTAL
    assert cursor.token
    assert one.ids() == set(ids)  # type: ignore[attr-defined]  # a swept stream has it
    assert not pages[-1].complete, "what was not shown is asked for by id"


@given(
    count=st.integers(1, 30),
    size=st.integers(1, 7),
    changes=st.lists(st.tuples(st.integers(0, 25), st.integers(0, 60)), max_size=12),
)
@settings(max_examples=150)
def test_newest_first_loses_nothing_while_records_change(count: int, size: int, changes: list[tuple[int, int]]) -> None:
    """Records change between any two questions and move to the first page; after one more pass the copy is equal."""
    now = [BEGAN + timedelta(days=1)]
    rows = {
        number: {"id": number, "v": 1, "at": (BEGAN + timedelta(minutes=number)).isoformat()} for number in range(count)
    }
    waiting = sorted(changes)
    copy: dict[str, Any] = {}

    def answer(_path: str, asked: Mapping[str, Any]) -> Any:
        now[0] += timedelta(minutes=1)
        while waiting and waiting[0][0] <= len(talk.asked):
            number = waiting.pop(0)[1]
            old = rows.get(number, {"id": number, "v": 0})
            rows[number] = {**old, "v": old["v"] + 1, "at": now[0].isoformat()}
        ordered = sorted(rows.values(), key=lambda one: (one["at"], one["id"]), reverse=True)
        offset = (int(asked["page"]) - 1) * size
        return ordered[offset : offset + size], {"date": f"{now[0]:%a, %d %b %Y %H:%M:%S GMT}"}

    talk = Talk(answer)
    spec = '{ type = "stop_when_older", field = "at", order = { order = "newest" }, overlap_s = 60 }'
    one = stream(manifest(page='{ type = "page", param = "page" }', cursor=spec, one='"/invoices/{id}"'), talk)

    def read(begin: Cursor | None) -> Cursor:
        """Read a pass; where so much changes that it looks like a circle, begin it again, as the hub does."""
        begin = cursor = begin or one.begin()
        while True:
            page = one.pull(cursor)
            seen = [change.remote_id for change in page.changes]
            assert len(seen) == len(set(seen)), "one page shows a record twice"
            for change in page.changes:
                assert isinstance(change, Upsert)
                copy[change.remote_id] = change.payload["v"]
            cursor = begin if circled(page, cursor) else page.next
            if not page.more:
                return cursor
            assert len(talk.asked) < 2000

    end = read(None)
    while waiting:
        end = read(end)
    read(read(end))
    assert copy == {str(number): row["v"] for number, row in rows.items()}
    before = len(talk.asked)
    quiet = read(end)
    assert quiet.token >= end.token
    assert len(talk.asked) - before <= len(rows) // size + 4


@pytest.mark.parametrize("kind", [one for one in KINDS if one != "single"])
def test_pages_that_never_end_are_left(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_PAGES", 30)

    def answer(_path: str, asked: Mapping[str, Any]) -> Any:
        number = len(talk.asked)
        link = f"invoices?after={number}"
        told = {"data": [{"id": number}], "total": 10**9, "pages": 10**9, "paging": {"next": f"{number}"}}
        return {**told, "@odata.nextLink": link}, {"link": f'<{link}>; rel="next"'}

    talk = Talk(answer)
    one = stream(manifest(at='"data"', page=KINDS[kind]), talk)
    cursor = one.begin()
    while not circled(page := one.pull(cursor), cursor):
        assert page.more
        assert len(talk.asked) < 50
        cursor = page.next
    assert len(talk.asked) > 20


def circled(page: Page, cursor: Cursor) -> bool:
    return page.more and page.next == cursor and not page.changes


@pytest.mark.parametrize("kind", ["cursor", "next_link", "link_header"])
@pytest.mark.parametrize("length", [1, 2, 5, 200])
def test_a_place_that_comes_twice_ends_the_run_and_moves_nothing(kind: str, length: int) -> None:
    def answer(_path: str, asked: Mapping[str, Any]) -> Any:
        place = (int(asked.get("after", 0)) + 1) % (length + 1) or 1
        link = f"invoices?after={place}"
        return {"data": [{"id": place}], "paging": {"next": str(place)}, "@odata.nextLink": link}, {
            "link": f'<{link}>; rel="next"'
        }

    talk = Talk(answer)
    one = stream(manifest(at='"data"', page=KINDS[kind]), talk)
    cursor = Cursor(Phase.INCREMENTAL, "2026-01-01T00:00:00+00:00")
    while not circled(page := one.pull(cursor), cursor):
        assert page.more
        cursor = page.next
        assert cursor.token == "2026-01-01T00:00:00+00:00"
        assert len(talk.asked) < 3 * length + 5
    with pytest.raises(ShapeError, match="circle"):
        one.ids()  # type: ignore[attr-defined]  # a swept stream has it


@pytest.mark.parametrize("kind", ["page", "offset", "keyset"])
def test_a_page_that_never_changes_is_a_circle(kind: str) -> None:
    talk = Talk(lambda _path, _asked: {"data": [{"id": 1}, {"id": 2}]})
    one = stream(manifest(at='"data"', page=KINDS[kind]), talk)
    cursor = one.begin()
    while not circled(page := one.pull(cursor), cursor):
        cursor = page.next
    assert len(talk.asked) <= 6


def test_a_page_that_comes_twice_and_an_empty_one_change_nothing() -> None:
    records = [{"id": number} for number in range(1, 12)]
    good = served("page", records, 4)
    odd = {2: [], 3: records[:4], 5: []}
    talk = Talk(
        lambda path, asked: {"data": odd[len(talk.asked)]} if len(talk.asked) in odd else good.answer(path, asked)
    )
    ids, _, _ = walked(stream(manifest(at='"data"', page=KINDS["page"], one='"/invoices/{id}"'), talk))
    assert set(ids) == {str(one["id"]) for one in records}


@pytest.mark.parametrize("kind", ["page_total", "offset_total"])
def test_a_listing_that_is_cut_short_is_no_proof_that_the_rest_is_gone(kind: str) -> None:
    records = [{"id": number} for number in range(1, 12)]
    good = served(kind, records, 4)

    def answer(path: str, asked: Mapping[str, Any]) -> Any:
        told = good.answer(path, asked)
        told = told[0] if isinstance(told, tuple) else told
        return {**told, "data": [one for one in told["data"] if one["id"] != 6]}

    one = stream(manifest(at='"data"', page=KINDS[kind]), Talk(answer))
    with pytest.raises(ShapeError, match="cut short"):
        one.ids()  # type: ignore[attr-defined]  # a swept stream has it
    if kind == "offset_total":
        return  # what is left out moves the next page: only all ids together show it
    cursor, circles = one.begin(), False
    for _ in range(60):
        page = one.pull(cursor)
        assert page.more, "it is never taken for whole"
        circles = circles or circled(page, cursor)
        cursor = page.next
    assert circles


def test_a_place_that_the_remote_forgot_begins_the_pass_anew() -> None:
    records = [{"id": number} for number in range(1, 12)]
    good = served("cursor", records, 4)

    def answer(path: str, asked: Mapping[str, Any]) -> Any:
        if len(talk.asked) == 2:
            raise RejectedError("unknown cursor")
        return good.answer(path, asked)

    talk = Talk(answer)
    ids, _, _ = walked(stream(manifest(at='"data"', page=KINDS["cursor"]), talk))
    assert set(ids) == {str(one["id"]) for one in records}


def test_a_listing_that_is_not_there_stops_its_own_stream() -> None:
    from hub.errors import GoneError  # noqa: PLC0415 - what a 404 is

    def answer(_path: str, _asked: Mapping[str, Any]) -> Any:
        raise GoneError("Books answers 404.")

    one = stream(manifest(), Talk(answer))
    with pytest.raises(ScopeError, match="no such listing"):
        one.pull(one.begin())


@pytest.mark.parametrize("told", [{"error": "x"}, "text", 5, [1, 2, 3][:0] and None, {"data": "x"}])
def test_what_is_no_listing_is_never_an_empty_one(told: Any) -> None:
    one = stream(manifest(at='"data"'), Talk(lambda _path, _asked: told))
    with pytest.raises(RetryLaterError, match="no listing"):
        one.pull(one.begin())


def test_a_page_larger_than_anybody_asked_for_is_refused() -> None:
    one = stream(manifest(), Talk(lambda _path, _asked: [{"id": number} for number in range(3000)]))
    with pytest.raises(RetryLaterError, match="3000 records"):
        one.pull(one.begin())


def test_a_window_goes_back_from_the_newest_document_and_not_from_today() -> None:
    talk = Talk(lambda _path, _asked: [{"id": 1, "day": "2026-01-20"}])
    cursor = (
        '{ type = "window", field = "day", since_param = "from", until_param = "to", days = 10, first = "2020-01-01" }'
    )
    one = stream(manifest(cursor=cursor), talk)
    _, end, _ = walked(one)
    assert talk.asked[0][1]["from"] == "2020-01-01"
    walked(one, end)
    assert talk.asked[-1][1]["from"] == "2026-01-10"
    assert talk.asked[-1][1]["to"] > datetime.now(UTC).date().isoformat()


@pytest.mark.parametrize(
    ("top", "cursor", "name", "value"),
    [
        ("", '{ type = "param", param = "since", field = "at", form = "iso", overlap_s = 600 }', "since", "2026-01-20T09:50:00Z"),
        ("", '{ type = "param", param = "since", field = "at", form = "local", overlap_s = 600 }', "since", "2026-01-20 11:50:00"),
        ("", '{ type = "param", param = "since", field = "at", form = "unix", overlap_s = 0 }', "since", "1768903200"),
        ('dialect = "odata4"\n', '{ type = "filter", field = "at", overlap_s = 0 }', "$filter", "at ge 2026-01-20T10:00:00Z"),
        ('dialect = "odata3"\n', '{ type = "filter", field = "at", literal = "datetime3", overlap_s = 0 }', "$filter", "at ge datetime'2026-01-20T12:00:00'"),
        ('dialect = "frappe"\n', '{ type = "filter", field = "at", literal = "quoted", overlap_s = 0 }', "filters", '[["at", ">=", "2026-01-20 12:00:00"]]'),
    ],
)  # fmt: skip
def test_changes_are_asked_for_as_the_remote_writes_them(top: str, cursor: str, name: str, value: str) -> None:
    unix = 1768903200 if '"unix"' in cursor else "2026-01-20T10:00:00Z"
    talk = Talk(lambda _path, _asked: [{"id": 1, "at": unix}])
    one = stream(manifest(top, cursor=cursor), talk)
    _, end, _ = walked(one)
    assert name not in talk.asked[0][1]
    walked(one, end)
    assert talk.asked[-1][1][name] == value


def test_a_record_from_the_future_moves_nothing() -> None:
    cursor = '{ type = "param", param = "since", field = "at", overlap_s = 0 }'
    talk = Talk(
        lambda _path, _asked: [
            {"id": 1, "at": "2026-01-20T10:00:00Z"},
            {"id": 2, "at": "2999-01-01T00:00:00Z"},
            {"id": 3, "at": "x"},
        ]
    )
    _, end, _ = walked(stream(manifest(cursor=cursor), talk))
    assert end.token == "2026-01-20T10:00:00+00:00"


def test_single_records_are_asked_for_by_a_filter_or_by_the_whole_list() -> None:
    rows = [{"id": "a'b"}, {"id": "c"}]
    talk = Talk(lambda _path, _asked: rows)
    by_filter = stream(manifest('dialect = "odata4"\n', by_filter="true"), talk)
    found = by_filter.find(["a'b", "gone"])
    assert talk.asked[-1][1]["$filter"] == "id eq 'a''b' or id eq 'gone'"
    assert [type(one) for one in found] == [Upsert, Gone]
    assert [type(one) for one in stream(manifest(), talk).find(["c", "gone"])] == [Upsert, Gone]


def test_amounts_keep_their_digits() -> None:
    one = stream(manifest(), Talk(lambda _path, _asked: [{"id": 1, "gross": 115.10}]))
    [change] = one.pull(one.begin()).changes
    assert isinstance(change, Upsert)
    assert change.payload["gross"] == "115.1"


def test_a_record_that_is_none_for_the_hub_is_filtered_with_its_reason() -> None:
    one = stream(
        manifest(skip='[{ field = "kind", values = ["kp"], reason = "cash_record" }]'),
        Talk(lambda _p, _a: [{"id": 1, "kind": "kp"}]),
    )
    [change] = one.pull(one.begin()).changes
    assert (type(change).__name__, change.remote_id) == ("Filtered", "1")
    assert replace(change) == change
