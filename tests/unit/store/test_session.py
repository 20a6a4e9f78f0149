"""Transactions: all or nothing, readers write nothing, and nobody is refused because another one writes."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from hub.security.models import Role, User
from hub.store import session as sessions
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database, open_engine
from hub.work.models import Slot

SECRET = "Tr0ub4dor-and-3"


def add(database: Database, name: str) -> None:
    with database.write() as session:
        session.add(Slot(schedule=name, slot="1", owner=""))


def names(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(select(Slot.schedule)))


def test_what_was_written_is_there(database: Database) -> None:
    add(database, "one")

    assert names(database) == ["one"]


def test_an_error_takes_back_all_of_its_transaction(database: Database) -> None:
    add(database, "before")

    def half() -> None:
        with database.write() as session:
            session.add(Slot(schedule="half", slot="1", owner=""))
            session.flush()
            assert session.scalar(select(func.count()).select_from(Slot)) == 2
            raise RuntimeError("the process died here")

    with pytest.raises(RuntimeError):
        half()
    assert names(database) == ["before"]


def test_a_savepoint_takes_back_only_itself(database: Database) -> None:
    with database.write() as session:
        session.add(Slot(schedule="kept", slot="1", owner=""))
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text("INSERT INTO slot (schedule, slot, owner, begun_at) VALUES ('x', '1', NULL, NULL)"))

    assert names(database) == ["kept"]


def test_what_is_written_while_reading_is_not_kept(database: Database) -> None:
    with database.read() as session:
        session.add(Slot(schedule="ghost", slot="1", owner=""))
        session.flush()

    assert names(database) == []


def test_a_reader_sees_one_moment(database: Database) -> None:
    """A transaction that commits meanwhile is seen by the next reader, not half by this one."""
    add(database, "one")
    if not database.is_sqlite:
        return  # PostgreSQL's default shows each statement its own moment
    with database.read() as session:
        before = session.scalars(select(Slot.schedule)).all()
        add(database, "two")
        assert session.scalars(select(Slot.schedule)).all() == before
    assert names(database) == ["one", "two"]


def test_writers_wait_for_each_other_and_nobody_is_refused(database: Database) -> None:
    faults: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(20):
                with database.write() as session:
                    # Reads first and writes later: what SQLite refuses where the lock is not taken at the beginning.
                    user = session.scalars(select(User).with_for_update()).one()
                    user.name = str(int(user.name) + 1)
        except BaseException as error:
            faults.append(error)
            raise

    with database.write() as session:
        session.add(User(email="a@example.com", name="0", role=Role.AGENT))
    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert faults == []
    with database.read() as session:
        assert session.scalars(select(User.name)).one() == "80"


class TestBusySqlite:
    @pytest.fixture
    def impatient(
        self, disk_waited_for: None, sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Database:
        (tmp_path / "busy.db").write_bytes(sqlite_template.read_bytes())
        monkeypatch.setattr(sessions, "BUSY_MS", 50)
        return Database(open_engine(f"sqlite:///{tmp_path / 'busy.db'}"))

    def test_a_writer_that_waited_too_long_may_try_again(self, impatient: Database) -> None:
        with impatient.write() as session:
            session.add(Slot(schedule="first", slot="1", owner=""))
            session.flush()
            with pytest.raises(OperationalError, match="locked") as busy:
                add(impatient, "second")
        assert isinstance(busy.value, DATABASE_AWAY)

        add(impatient, "second")
        assert names(impatient) == ["first", "second"]
        impatient.close()

    def test_a_reader_waits_for_no_writer(self, impatient: Database) -> None:
        with impatient.write() as session:
            session.add(Slot(schedule="not yet", slot="1", owner=""))
            session.flush()
            assert names(impatient) == []
        assert names(impatient) == ["not yet"]
        impatient.close()

    def test_a_commit_survives_a_power_cut_and_keys_are_checked(self, impatient: Database) -> None:
        with impatient.engine.connect() as connection:
            asked = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert asked == ["wal", 2, 1]
        impatient.close()


def test_an_error_of_the_database_repeats_nothing_that_was_to_be_written(database: Database) -> None:
    def twice() -> None:
        with database.write() as session:
            for _ in range(2):
                session.add(User(email="a@example.com", name="A", role=Role.AGENT, password_hash=SECRET))
                session.flush()

    with pytest.raises(IntegrityError) as refused:
        twice()
    assert SECRET not in str(refused.value)


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="without a zone"), database.write() as session:
        session.add(Slot(schedule="x", slot="1", owner="", begun_at=now().replace(tzinfo=None)))
