"""Changes since a moment: how far back, how many, and nothing twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.quickbooks import changes
from connectors.quickbooks.client import Client
from hub.errors import CursorExpired, RetryLaterError, ShapeError
from tests.unit.quickbooks.books import Tools, Wire, settings

NOW = datetime.now(UTC).replace(microsecond=0)


def answer(*entities: dict[str, Any], time: str = "") -> tuple[int, Any]:
    return 200, {"CDCResponse": [{"QueryResponse": list(entities)}], "time": time or NOW.isoformat()}


def invoices(count: int) -> dict[str, Any]:
    return {"Invoice": [{"Id": str(number)} for number in range(1, count + 1)]}


def asked(*answers: tuple[int, Any], since: datetime = NOW - timedelta(hours=1)) -> changes.Answered:
    client = Client(settings(), Tools())
    Wire(client, *answers)
    return changes.since(client, ("Invoice", "Customer"), since)


def test_what_changed_is_told_by_kind() -> None:
    found = asked(answer(invoices(2), {"Customer": [{"Id": "9", "status": "Deleted"}]}, {"Item": [{"Id": "3"}]}))
    assert {name: [one["Id"] for one in listed] for name, listed in found.objects.items()} == {
        "Invoice": ["1", "2"],
        "Customer": ["9"],
    }
    assert found.at == NOW
    assert asked(answer({}, {})).objects == {"Invoice": [], "Customer": []}


@pytest.mark.parametrize("days", [29.8, 31, 400])
def test_what_is_too_long_ago_is_not_even_asked(days: float) -> None:
    with pytest.raises(CursorExpired, match="30 days"):
        asked(since=NOW - timedelta(days=days))


def test_more_than_is_shown_means_reading_everything_anew() -> None:
    with pytest.raises(CursorExpired, match="1000"):
        asked(answer(invoices(1000)), answer(invoices(3)))
    assert len(asked(answer(invoices(999))).objects["Invoice"]) == 999


def test_while_somebody_imports_it_is_waited() -> None:
    with pytest.raises(RetryLaterError, match="circle"):
        asked(answer(invoices(1000)), answer(invoices(1000)))


@pytest.mark.parametrize(
    "body",
    [{}, {"CDCResponse": {}}, {"CDCResponse": [{}]}, {"CDCResponse": [{"QueryResponse": {}}]}, {"CDCResponse": [1]},
     {"CDCResponse": [{"QueryResponse": [{"Invoice": 1}]}]}],
)  # fmt: skip
def test_what_is_no_answer_is_not_nothing(body: dict[str, Any]) -> None:
    with pytest.raises(ShapeError):
        asked((200, {**body, "time": NOW.isoformat()}))


@pytest.mark.parametrize("time", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_without_a_time_nobody_knows_where_to_go_on(time: str) -> None:
    with pytest.raises(ShapeError, match="time"):
        asked((200, {"CDCResponse": [], "time": time}))


def thing(remote_id: str, minutes_ago: int, balance: str = "1") -> dict[str, Any]:
    moment = (NOW - timedelta(minutes=minutes_ago)).astimezone(tz=None).isoformat()
    return {"Id": remote_id, "Balance": balance, "SyncToken": "0", "MetaData": {"LastUpdatedTime": moment}}


def test_what_comes_again_as_it_was_is_not_told_again() -> None:
    begin = NOW - changes.OVERLAP
    listed = [thing("1", 5), thing("2", 60)]
    recent = changes.remembered({}, "Invoice", listed, begin)
    assert list(recent) == ["Invoice:1"], "what is older than the next question is not shown again"
    paid = thing("1", 5, balance="0")  # in the same second, and QuickBooks did not count its version on
    assert list(changes.fresh(recent, "Invoice", [thing("1", 5)])) == []
    assert list(changes.fresh(recent, "Invoice", [paid])) == [paid]
    assert list(changes.fresh(recent, "Bill", [thing("1", 5)])) == [thing("1", 5)], "another kind has ids of its own"


def test_what_is_remembered_ends_and_is_never_much() -> None:
    begin = NOW - changes.OVERLAP
    recent = changes.remembered({}, "Invoice", [thing("1", 9)], begin)
    assert changes.remembered(recent, "Invoice", [], begin + timedelta(minutes=2)) == {}
    many = [thing(str(number), 1) for number in range(changes.MOST_REMEMBERED + 1)]
    assert changes.remembered({}, "Invoice", many, begin) == {}, "read twice, and not kept for ever"
    assert (
        changes.remembered({}, "Invoice", [{"Id": "1", "MetaData": {"LastUpdatedTime": "x"}}, {"Id": "2"}], begin) == {}
    )
