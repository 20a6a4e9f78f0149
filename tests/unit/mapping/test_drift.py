"""What sources send: places that are new, of another type or gone are news once, and counted whatever happens; both databases."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from hub.intake.models import Account
from hub.mapping import drift, paths
from hub.mapping.drift import BASELINE, BASELINE_RECORDS, GONE_RECORDS, Item, Looked, News, StreamNews
from hub.mapping.models import SourceField, SourceLook
from hub.mapping.paths import places
from hub.store.base import now
from hub.store.session import Database

HOUR = timedelta(hours=1)


class Source:
    """A stream whose records are looked through as they come."""

    def __init__(self, database: Database, stream: str = "orders") -> None:
        self.db, self.stream = database, stream
        with database.write() as session:
            account = Account(name="Shop", connector="shop")
            session.add(account)
            session.flush()
            self.account = account.id
            drift.begin(session, self.account, stream)
        self.last = 0
        self.clock = now() - 10 * BASELINE

    def began(self, moment: datetime) -> None:
        """The first look was then."""
        with self.db.write() as session:
            session.execute(update(SourceLook).values(began_at=moment))

    def send(self, *payloads: Any, every: timedelta = HOUR, stream: str = "") -> bool:
        """Records come, one each hour."""
        with self.db.read() as session:
            look = drift.look_of(session, self.account, stream or self.stream)
        assert look is not None
        records = []
        for payload in payloads:
            self.clock, self.last = self.clock + every, self.last + 1
            records.append(Looked(self.clock, places(payload)))
        with self.db.write() as session:
            return drift.keep(session, look, records, (self.clock, self.last), len(records))

    def settled(self, payload: Any) -> "Source":
        """The stream is known: its first day is over."""
        self.began(self.clock)
        self.send(*[payload] * BASELINE_RECORDS, every=2 * HOUR)
        return self

    def news(self) -> list[StreamNews]:
        with self.db.write() as session:
            drift.keep_gone(session, self.account, drift.kind_of(self.stream))
        with self.db.read() as session:
            return drift.news(session, self.account)

    def told(self) -> dict[News, list[str]]:
        found: dict[News, list[str]] = {}
        for one in self.news():
            for what, item in one.items:
                found.setdefault(what, []).append(item.path)
        return found

    def items(self) -> Sequence[Item]:
        return [item for one in self.news() for _, item in one.items]

    def see(self, *items: Item, at: datetime | None = None) -> int:
        with self.db.write() as session:
            return drift.seen(session, self.account, [one.id for one in items], at or now())

    def field(self, path: str) -> SourceField:
        with self.db.read() as session:
            return session.scalars(select(SourceField).where(SourceField.path == path)).one()


@pytest.fixture
def source(database: Database) -> Source:
    return Source(database)


def test_what_came_while_the_stream_was_new_to_us_is_no_news(source: Source) -> None:
    source.began(source.clock)
    source.send({"id": 1})
    source.send({"id": 2, "late": "but within the first day"})
    assert source.told() == {}
    assert (source.field("id").records, source.field("late").records) == (2, 1)


def test_history_is_no_news_however_late_it_is_looked_at(source: Source) -> None:
    source.began(now())
    source.send(*[{"id": number} for number in range(BASELINE_RECORDS * 2)])
    source.send({"id": 1, "since_june": True})
    assert source.told() == {}


def test_a_first_day_with_few_records_does_not_end_the_baseline(source: Source) -> None:
    source.began(source.clock)
    source.send({"id": 1}, every=3 * BASELINE)
    source.send({"id": 2, "rare": 1}, every=BASELINE)
    assert source.told() == {}


def test_a_new_field_is_told_with_its_count_and_since_when(source: Source) -> None:
    source.settled({"id": 1})
    source.send({"id": 2, "vat": 17}, {"id": 3}, {"id": 4, "vat": 18})
    [told] = source.news()
    [item] = told.new
    assert (told.stream, item.path, item.types, item.records) == ("orders", "vat", ("number",), 2)
    assert told.since == item.since == source.field("vat").first_at


def test_fields_in_a_new_object_are_told_as_one(source: Source) -> None:
    source.settled({"id": 1})
    source.send({"id": 2, "ship": {"city": "Haifa", "lines": [{"street": "Herzl 1"}]}})
    [item] = source.items()
    assert (item.path, item.inside) == ("ship", 4)
    assert source.see(item) == 5
    assert source.told() == {}


def test_another_type_is_told_and_a_finer_number_is_not(source: Source) -> None:
    source.settled({"id": 1, "price": 1, "paid": None, "tags": []})
    source.send({"id": 2, "price": 1.5, "paid": None, "tags": []}, {"id": 3, "price": None})
    assert source.told() == {}
    source.send({"id": "A-4", "price": "1,50"})
    assert source.told() == {News.RETYPED: ["id", "price"]}
    assert source.items()[0].types == ("number", "text")
    source.see(*source.items())
    source.send({"id": 5, "price": 2})
    assert source.told() == {}, "both types were seen before"


def test_a_field_that_comes_no_more_is_told_and_is_not_when_it_is_back(source: Source) -> None:
    source.settled({"id": 1, "vat": 17})
    source.send(*[{"id": number} for number in range(GONE_RECORDS - 1)], every=2 * HOUR)
    assert source.told() == {}
    source.send({"id": 100})
    assert source.told() == {News.GONE: ["vat"]}
    assert source.items()[0].since == source.field("vat").last_at
    source.send({"id": 101, "vat": 18})
    assert source.told() == {}


def test_many_records_of_a_few_days_are_needed_to_say_that_a_field_is_gone(source: Source) -> None:
    source.settled({"id": 1, "vat": 17})
    source.send(*[{"id": number} for number in range(GONE_RECORDS * 3)], every=timedelta(minutes=10))
    assert source.told() == {}, "all on one day"


def test_a_field_that_few_records_had_is_not_missed(source: Source) -> None:
    source.began(source.clock)
    source.send({"id": 1, "rare": 1}, *[{"id": 2}] * 9, every=12 * HOUR)
    source.send(*[{"id": 3}] * GONE_RECORDS * 2, every=2 * HOUR)
    assert source.told() == {}


def test_what_was_gone_when_we_came_is_no_news(source: Source) -> None:
    source.began(now())
    source.send(*[{"id": 1, "old": 1}] * 60)
    source.send(*[{"id": 2}] * (GONE_RECORDS + 100))
    assert source.told() == {}
    assert source.field("old").gone_at is not None


def test_what_was_seen_is_news_again_when_something_happens_to_it(source: Source) -> None:
    source.settled({"id": 1})
    source.send({"id": 2, "vat": 17})
    shown_at = now()
    items = source.items()
    source.send({"id": 3, "vat": "17%"})
    assert source.see(*items, at=shown_at) == 1
    assert source.told() == {News.RETYPED: ["vat"]}, "that came after the page was shown"
    assert source.see(*source.items(), at=datetime(9999, 1, 1, tzinfo=UTC)) == 1
    seen_at = source.field("vat").seen_at
    assert seen_at is not None
    assert seen_at <= now(), "nobody saw the future"


def test_what_was_not_shown_is_not_seen(source: Source) -> None:
    source.settled({"id": 1})
    source.send({"id": 2, "a": 1, "b": 1})
    first, _ = source.items()
    assert (source.see(first), source.told()) == (1, {News.NEW: ["b"]})


def test_of_two_at_once_one_counts(source: Source) -> None:
    source.began(source.clock)
    with source.db.read() as session:
        look = drift.look_of(session, source.account, source.stream)
    assert look is not None
    page, last = [Looked(source.clock, places({"id": 1}))], (source.clock, 1)
    done = []
    for _ in range(2):
        with source.db.write() as session:
            done.append(drift.keep(session, look, page, last, 1))
    assert (done, source.field("id").records) == ([True, False], 1)


def test_containers_are_looked_through_each_for_itself_and_are_one_stream(database: Database) -> None:
    source = Source(database, "mail:noa")
    with database.write() as session:
        drift.begin(session, source.account, "mail:amir")
        drift.begin(session, source.account, "mailing")
    source.settled({"id": 1})
    source.send({"id": 2}, {"id": 3, "cc": "x"}, stream="mail:amir")
    [told] = source.news()
    assert (told.stream, [one.path for one in told.new]) == ("mail", ["cc"])
    assert source.field("id").records == BASELINE_RECORDS + 2
    with database.read() as session:
        looked = dict(session.execute(select(SourceLook.stream, SourceLook.records)).all())
    assert looked == {"mail:noa": BASELINE_RECORDS, "mail:amir": 2, "mailing": 0}


def test_a_stream_has_so_many_places_and_the_rest_is_counted(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.settled({"id": 1})
    monkeypatch.setattr(paths, "MOST", 5)
    source.send({f"key {number}": 1 for number in range(5)}, {"id": 1}, {"key 9": 1})
    [told] = source.news()
    assert (len(told.new), told.more) == (4, 2)
    with source.db.read() as session:
        assert len(session.scalars(select(SourceField.id)).all()) == 5
    assert source.field("id").records == BASELINE_RECORDS + 1, "what is known goes on being counted"


def test_a_record_of_two_thousand_fields_is_kept_and_one_more_of_it_too(source: Source) -> None:
    wide = {f"{number}.[field] \"'": number for number in range(2_000)}
    assert source.send(wide, wide)
    with source.db.read() as session:
        rows = session.scalars(select(SourceField)).all()
    assert len(rows) == 2_000
    assert {row.records for row in rows} == {2}
