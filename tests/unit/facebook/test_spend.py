"""Spend of ad accounts: each campaign and day, read again while Meta corrects it, without a word to the leads' own limits."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connectors.facebook.remote import FacebookRemote
from connectors.facebook.settings import FacebookSettings
from connectors.facebook.simulator import FacebookSimulator
from connectors.facebook.spend import SpendStream
from connectors.facebook.usage import ads_usage_of, usage_of
from hub.connector.contract import Account
from hub.connector.simulator import Faults
from hub.connector.stream import Cursor, Page, Phase, Upsert
from hub.errors import CursorExpired, GoneError, LimitedError, ScopeError
from tests.unit.facebook.desk import Hub


@pytest.fixture(scope="module")
def running() -> Iterator[FacebookSimulator]:
    simulator = FacebookSimulator(faults=Faults(()))
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()


class Books:
    """One ad account, and somebody who reads what it spent as the hub does."""

    def __init__(self, simulator: FacebookSimulator) -> None:
        self.simulator = simulator
        simulator.page(0)
        simulator.world.usage.forget()
        self.account = simulator.add_ad_account("Green Garden")
        self.spring = simulator.add_campaign("Spring", self.account)
        self.hub = Hub()
        self.cursor: Cursor | None = None
        self.kept: dict[str, dict[str, Any]] = {}

    def remote(self, **changes: Any) -> FacebookRemote:
        number = self.account.id.removeprefix("act_")
        values = {**self.simulator.settings(), "timeout_s": "60", "ad_accounts": number, **changes}
        made = FacebookSettings.model_validate(values)
        return FacebookRemote(Account(1, "Test", made, "IL", "Asia/Jerusalem"), self.hub)

    @property
    def stream(self) -> SpendStream:
        found = self.remote().stream(f"ad_spend:{self.account.id}")
        assert isinstance(found, SpendStream)
        return found

    def spend(self, days_ago: int, amount: str) -> None:
        self.simulator.set_spend(self.spring, today() - timedelta(days=days_ago), amount)

    def read(self) -> list[Page]:
        pages: list[Page] = []
        while not pages or pages[-1].more:
            self.cursor = self.cursor or self.stream.begin()
            pages.append(self.stream.pull(Cursor.of_json(self.cursor.as_json())))
            for one in pages[-1].changes:
                assert isinstance(one, Upsert)
                self.kept[one.remote_id] = one.payload
            self.cursor = pages[-1].next
        return pages

    def amounts(self) -> dict[str, str]:
        return {one["spend"]["date_start"]: one["spend"]["spend"] for one in self.kept.values()}


def today() -> date:
    return datetime.now(UTC).date()


def day(days_ago: int) -> str:
    return (today() - timedelta(days=days_ago)).isoformat()


@pytest.fixture
def books(running: FacebookSimulator) -> Books:
    return Books(running)


def test_an_ad_account_is_a_stream_where_the_settings_name_it(books: Books) -> None:
    assert f"ad_spend:{books.account.id}" in [one.key for one in books.remote().streams()]
    assert not [one.key for one in books.remote(ad_accounts="").streams() if one.records == "ad_spend"]
    with pytest.raises(GoneError):
        books.remote(ad_accounts="").stream(f"ad_spend:{books.account.id}")


def test_ninety_days_are_read_page_by_page_and_then_the_last_28_again(books: Books) -> None:
    for days_ago in (1, 27, 28, 29, 60, 89, 95):
        books.spend(days_ago, "10")
    books.simulator.page(2)
    pages = books.read()
    assert len(pages) == 3
    assert sorted(books.amounts()) == sorted(day(one) for one in (1, 27, 28, 29, 60, 89))
    assert (pages[-1].next.phase, pages[-1].complete) == (Phase.INCREMENTAL, False), "what was not shown is not gone"
    for days_ago in (1, 27, 60):
        books.spend(days_ago, "9.99")
    books.read()
    amounts = books.amounts()
    assert (amounts[day(1)], amounts[day(27)], amounts[day(60)]) == ("9.99", "9.99", "10.00")


def test_whoever_read_nothing_for_weeks_reads_what_lies_between(books: Books) -> None:
    books.read()
    assert books.cursor is not None
    books.cursor = Cursor(Phase.INCREMENTAL, day(40), asked=books.cursor.asked)
    books.spend(66, "5")
    books.spend(70, "6")
    books.read()
    assert books.amounts() == {day(66): "5.00"}


def test_a_forgotten_place_begins_anew(books: Books) -> None:
    for days_ago in range(4):
        books.spend(days_ago, "1")
    books.simulator.page(2)
    first = books.stream.pull(books.stream.begin())
    books.simulator.faults.add("expire_cursor")
    with pytest.raises(CursorExpired):
        books.stream.pull(first.next)


def test_whoever_may_not_see_the_account_is_told_so(books: Books) -> None:
    books.simulator.lose_ad_account(books.simulator.system_user, books.account)
    with pytest.raises(ScopeError):
        books.read()


@pytest.mark.parametrize(("code", "subcode"), [(80000, 0), (17, 2446079), (613, 0)])
def test_too_many_questions_about_ads_silence_the_ad_account_alone(books: Books, code: int, subcode: int) -> None:
    books.simulator.fail("GET account/", code, subcode=subcode, regain_min=7)
    with pytest.raises(LimitedError) as told:
        books.read()
    assert told.value.retry_after == 7 * 60
    names, seconds = books.hub.silences[-1]  # besides, polling rests for a while
    assert (len(names), seconds) == (1, 7 * 60)
    assert names[0].endswith(books.account.id)


def test_too_many_questions_of_the_app_silence_all(books: Books) -> None:
    books.simulator.fail("GET account/", 4, regain_min=7)
    with pytest.raises(LimitedError):
        books.read()
    names, _ = books.hub.silences[-1]
    assert names == [f"facebook:{books.simulator.settings()['app_id']}"]


def test_the_limits_of_ads_are_none_of_leads() -> None:
    entry = '{"1": [{"type": "ads_insights", "call_count": 91, "estimated_time_to_regain_access": 3}]}'
    headers = {"X-Business-Use-Case-Usage": entry}
    assert (usage_of(headers).percent, ads_usage_of(headers).percent, ads_usage_of(headers).regain_s) == (0, 91, 180)
    throttle = {"X-FB-Ads-Insights-Throttle": '{"app_id_util_pct": 12.5, "acc_id_util_pct": 88}'}
    account = {"X-Ad-Account-Usage": '{"acc_id_util_pct": 100, "reset_time_duration": 90}'}
    assert ads_usage_of(throttle).percent == 88
    assert (ads_usage_of(account).percent, ads_usage_of(account).regain_s) == (100, 90)
    assert ads_usage_of({"X-Ad-Account-Usage": "[]", "X-Fb-Ads-Insights-Throttle": "odd"}).percent == 0
