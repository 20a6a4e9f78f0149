"""Windows that touch: where each look begins, ends and goes on, whatever KSeF says."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.ksef import invoices
from connectors.ksef.auth import PublicKey
from connectors.ksef.errors import ExpiredError, NothingNewError
from connectors.ksef.invoices import InvoiceStream
from connectors.ksef.package import Packed
from hub.connector.stream import Cursor, Gone, Page, Phase, Upsert
from hub.errors import GoneError, LimitedError, RetryLaterError
from tests.unit.ksef.desk import NIP, Scripted, settings

NOW = datetime.now(UTC)
MARK = (NOW - timedelta(minutes=1)).isoformat()
XML = b"<Faktura/>"  # none that is read: its record waits, and that is enough here


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat()


def listed(*numbers: str, more: bool = False, mark: str | None = MARK) -> dict[str, Any]:
    told: dict[str, Any] = {"invoices": [{"ksefNumber": one} for one in numbers], "hasMore": more, "isTruncated": False}
    return {**told, "permanentStorageHwmDate": mark} if mark else told


def packed(*numbers: str, last: str = "", mark: str = MARK) -> dict[str, Any]:
    told = {"parts": [list(numbers)], "isTruncated": bool(last), "permanentStorageHwmDate": mark}
    return {
        "status": {"code": 200, "description": "ok"},
        "package": {**told, **({"lastPermanentStorageDate": last} if last else {})},
    }


@pytest.fixture(autouse=True)
def _without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    class Key(PublicKey):
        def __init__(self) -> None: ...

        def sealed(self, data: bytes) -> str:
            return str(len(data))

        id = "key"

    def some(_self: InvoiceStream, package: dict[str, Any], at: dict[str, Any]) -> tuple[list[Packed], int]:
        [numbers] = package["parts"] or [[]]
        begin = int(at["done"])
        most = invoices.MOST
        return [
            Packed(one, XML, package.get("lastPermanentStorageDate", "")) for one in numbers[begin : begin + most]
        ], len(numbers)

    monkeypatch.setattr(invoices, "public_key", lambda *_: Key())
    monkeypatch.setattr(InvoiceStream, "_some", some)


def stream(client: Scripted) -> InvoiceStream:
    return InvoiceStream(client, "Subject1")


def number(place: int) -> str:
    return f"{NIP}-20260301-0000AA{place:06X}-00"


def walk(client: Scripted, cursor: Cursor) -> list[Page]:
    pages = []
    while not pages or pages[-1].more:
        pages.append(
            stream(client).pull(Cursor.of_json(json.loads(json.dumps((pages[-1].next if pages else cursor).as_json()))))
        )
        assert len(pages) < 50
    return pages


def ids(pages: list[Page]) -> list[str]:
    return [one.remote_id for page in pages for one in page.changes]


def test_nothing_new_moves_to_the_mark_and_asks_once() -> None:
    client = Scripted(settings(), lists=[listed()])
    [page] = walk(client, Cursor(Phase.INCREMENTAL, ago(minutes=15)))
    assert (page.next.token, page.next.phase, page.more, page.complete) == (MARK, Phase.INCREMENTAL, False, False)
    [asked] = client.asked
    assert asked["subjectType"] == "Subject1"
    assert asked["dateRange"] == {
        "dateType": "PermanentStorage",
        "from": ago(minutes=15),
        "restrictToPermanentStorageHwmDate": True,
    }


def test_the_next_window_begins_where_the_last_ended() -> None:
    client = Scripted(settings(), lists=[listed("x"), listed()], packages=[packed(number(1))])
    pages = walk(client, Cursor(Phase.INCREMENTAL, ago(hours=1)))
    assert ids(pages) == [number(1)]
    walk(client, pages[-1].next)
    assert [one["dateRange"]["from"] for one in client.asked] == [ago(hours=1), MARK]


def test_a_package_that_was_cut_goes_on_behind_its_last_invoice_and_shows_that_once() -> None:
    last = ago(minutes=30)
    client = Scripted(
        settings(),
        lists=[listed("x")],
        packages=[packed(number(1), number(2), last=last), packed(number(2), number(3))],
    )
    pages = walk(client, Cursor(Phase.INCREMENTAL, ago(hours=1)))
    assert ids(pages) == [number(1), number(2), number(3)]
    assert [one["dateRange"]["from"] for one in client.ordered] == [ago(hours=1), last]
    assert pages[-1].next.token == MARK
    in_between = [page.next.token for page in pages]
    assert last in in_between, "what was kept is never asked for again, whatever happens next"


def test_a_package_that_never_comes_further_is_a_circle() -> None:
    start = ago(hours=1)
    client = Scripted(settings(), lists=[listed("x")], packages=[packed(number(1), last=start)])
    cursor = stream(client).pull(Cursor(Phase.INCREMENTAL, start)).next
    page = stream(client).pull(cursor)
    assert page.more
    assert page.next == cursor, "the hub sees that and leaves it"


def test_a_large_package_is_several_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoices, "MOST", 2)
    whole = packed(*(number(one) for one in range(5)))
    client = Scripted(settings(), lists=[listed("x")], packages=[whole, whole, whole])
    pages = walk(client, Cursor(Phase.INCREMENTAL, ago(hours=1)))
    assert [len(page.changes) for page in pages] == [0, 2, 2, 1]
    assert len(client.ordered) == 1


def test_years_are_read_in_windows_that_ksef_allows() -> None:
    since = NOW - timedelta(days=400)
    marks = [(since + timedelta(days=88 * place)).isoformat() for place in range(1, 5)]
    client = Scripted(
        settings(since=since.date().isoformat()), lists=[*(listed(mark=mark) for mark in marks), listed()]
    )
    pages = walk(client, Cursor(token=since.isoformat()))
    assert [page.more for page in pages] == [True, True, True, True, False]
    assert [page.next.phase for page in pages] == [Phase.FULL] * 4 + [Phase.INCREMENTAL]
    for asked in client.asked:
        until = asked["dateRange"].get("to")
        assert datetime.fromisoformat(until or NOW.isoformat()) - datetime.fromisoformat(
            asked["dateRange"]["from"]
        ) <= timedelta(days=89)
    assert [asked["dateRange"]["from"] for asked in client.asked] == [since.isoformat(), *marks]


def test_an_old_window_without_a_mark_ends_where_it_was_cut() -> None:
    client = Scripted(settings(), lists=[listed(mark=None)])
    page = stream(client).pull(Cursor(token=ago(days=200)))
    assert page.more
    assert datetime.fromisoformat(page.next.token) == datetime.fromisoformat(ago(days=200)) + timedelta(days=88)


def test_ksef_that_is_not_done_with_an_old_window_is_waited_for() -> None:
    start = ago(days=200)
    with pytest.raises(RetryLaterError, match="not done yet"):
        stream(Scripted(settings(), lists=[listed(mark=start)])).pull(Cursor(token=start))


def test_a_mark_behind_us_moves_nothing_back() -> None:
    start = ago(minutes=5)
    page = stream(Scripted(settings(), lists=[listed(mark=ago(minutes=9))])).pull(Cursor(Phase.INCREMENTAL, start))
    assert page.next.token == start
    page = stream(Scripted(settings(), lists=[NothingNewError("later than the mark")])).pull(
        Cursor(Phase.INCREMENTAL, start)
    )
    assert (page.next.token, page.more) == (start, False)


def test_a_package_that_is_being_made_is_asked_for_later() -> None:
    busy = {"status": {"code": 100, "description": "in progress"}}
    client = Scripted(settings(), lists=[listed("x")], packages=[busy, packed(number(1))])
    cursor = stream(client).pull(Cursor(Phase.INCREMENTAL, ago(hours=1))).next
    with pytest.raises(LimitedError) as waits:
        stream(client).pull(cursor)
    assert waits.value.retry_after == invoices.BUSY_S
    assert ids(walk(client, cursor)) == [number(1)]
    assert len(client.ordered) == 1


@pytest.mark.parametrize(
    "lost",
    [
        ExpiredError("410"),
        {"status": {"code": 210}},
        {"status": {"code": 550}},
        {"status": {"code": 415}},
        {"status": None},
        {},
    ],
)
def test_a_package_that_is_lost_is_ordered_again(lost: Any) -> None:
    client = Scripted(settings(), lists=[listed("x")], packages=[lost, packed(number(1))])
    assert ids(walk(client, Cursor(Phase.INCREMENTAL, ago(hours=1)))) == [number(1)]
    assert len(client.ordered) == 2
    assert client.ordered[0] == client.ordered[1]


def test_packages_that_are_lost_again_and_again_leave_ksef_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Scripted(settings(), lists=[listed("x")], packages=[{"status": {"code": 500}}] * 3 + [packed(number(1))])
    cursor = Cursor(Phase.INCREMENTAL, ago(hours=1))
    for _ in range(6):  # ordered and lost, three times
        cursor = stream(client).pull(cursor).next
    with pytest.raises(RetryLaterError, match="again and again") as waits:
        stream(client).pull(cursor)
    assert 0 < (waits.value.retry_after or 0) <= invoices.LEFT_FOR_S
    assert len(client.ordered) == 3
    real = invoices.time.time
    monkeypatch.setattr(invoices.time, "time", lambda: real() + invoices.LEFT_FOR_S)
    assert ids(walk(client, cursor)) == [number(1)]


def test_the_cursor_holds_no_key() -> None:
    client = Scripted(settings(), lists=[listed("x")])
    kept = json.dumps(stream(client).pull(Cursor(Phase.INCREMENTAL, ago(hours=1))).next.as_json())
    assert "a-token-of-ksef" not in kept
    assert set(json.loads(json.loads(kept)["page"])) == {"from", "to", "number", "salt", "again", "done"}


# --- single invoices ------------------------------------------------------------------------------------------------------


def test_single_invoices_are_fetched_as_far_as_the_limits_go(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Scripted(settings())
    answers: list[Any] = [XML, GoneError("none"), LimitedError("enough"), LimitedError("enough")]

    def invoice(_number: str) -> bytes:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, bytes)
        return found

    monkeypatch.setattr(client, "invoice", invoice)
    found = stream(client).find(["../../etc", number(1), number(2), number(3), number(4)])
    assert [(type(one), one.remote_id) for one in found] == [(Upsert, number(1)), (Gone, number(2))]
    with pytest.raises(LimitedError):
        stream(client).find([number(5)])


def test_all_numbers_of_a_time_are_listed_page_after_page() -> None:
    client = Scripted(settings(), lists=[listed(number(1), more=True), listed(number(2)), listed(number(3))])
    assert stream(client).present(NOW - timedelta(days=100)) == {number(1), number(2), number(3)}
    assert [one["offset"] for one in client.asked] == [0, 1, 0]
    assert {one["size"] for one in client.asked} == {250}


def test_a_moment_that_is_none_is_no_place_to_go_on_from() -> None:
    with pytest.raises(RetryLaterError, match="a moment that is none"):
        stream(Scripted(settings(), lists=[listed(mark="soon")])).pull(Cursor(Phase.INCREMENTAL, ago(hours=1)))
