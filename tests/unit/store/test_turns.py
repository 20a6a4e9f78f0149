"""Writers of one SQLite file: one after the other, in the order in which they came."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from hub.store.session import Database, Turns, open_engine


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(open_engine(f"sqlite:///{tmp_path / 'hub.db'}"))
    with database.write() as session:
        session.execute(text("CREATE TABLE seen (name TEXT)"))
    yield database
    database.close()


def test_who_came_first_is_next() -> None:
    turns, order = Turns(30), []

    def come(name: str) -> None:
        turn = turns.take()
        order.append(name)
        turns.end(turn)

    first = turns.take()
    threads = []
    for place, name in enumerate("abcdefgh"):
        threads.append(threading.Thread(target=come, args=[name]))
        threads[-1].start()
        while len(turns._queue) < place + 2:  # until it stands in the queue
            threading.Event().wait(0.001)
    turns.end(first)
    for thread in threads:
        thread.join(10)
    assert order == list("abcdefgh")


def test_who_waited_too_long_goes_on() -> None:
    turns = Turns(0.01)
    first, second = turns.take(), turns.take()
    turns.end(second)
    turns.end(first)
    assert not turns._queue


def test_who_is_interrupted_stands_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    turns = Turns(30)
    first = turns.take()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            turns.take()
    turns.end(first)
    assert not turns._queue


def fail(session: Session) -> None:
    session.execute(text("INSERT INTO seen VALUES ('taken back')"))
    raise ZeroDivisionError


def test_a_turn_ends_with_its_transaction_however_that_ends(db: Database) -> None:
    for _ in range(3):
        with pytest.raises(OperationalError), db.write() as session:
            session.execute(text("INSERT INTO nowhere VALUES (1)"))
        with pytest.raises(ZeroDivisionError), db.write() as session:
            fail(session)
        with db.engine.connect() as connection:
            connection.execute(text("INSERT INTO seen VALUES ('x')"))
            connection.commit()
            connection.execute(text("INSERT INTO seen VALUES ('y')"))
            connection.commit()
    with db.read() as session:
        assert session.scalar(text("SELECT count(*) FROM seen")) == 6


def test_many_writers_lose_nothing(db: Database) -> None:
    def write(number: int) -> None:
        for turn in range(20):
            with db.write() as session:
                session.execute(text("INSERT INTO seen VALUES (:name)"), {"name": f"{number} {turn}"})

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with db.read() as session:
        assert session.scalar(text("SELECT count(DISTINCT name) FROM seen")) == 160
