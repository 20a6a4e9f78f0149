"""Entries of a timeline brought up to date: by values, while somebody holds the same entry as an object."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.records.interaction import Interaction as Record
from hub.store import rows
from hub.store.session import Database
from hub.timeline.add import Entry, Part, add
from hub.timeline.index import TEXTS
from hub.timeline.models import Interaction, Kind, Participant

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def mail(summary: str, known: int | None = None, **more: Any) -> Entry:
    values = {"direction": "inbound", "started_at": AT, "ended_at": None, "mentions": (), **more}
    owner = values.pop("owner_id", None)
    record = Record(kind=Kind.EMAIL, summary=summary, **values)
    return Entry(record, [Part(None, "sender", "email", "dana@example.com")], interaction_id=known, owner_id=owner)


def found(session: Session, word: str) -> list[int]:
    return TEXTS.match(session, [[[word]]], exact=True, limit=5, marks=[["kemail"]])


def test_entries_keep_their_order_their_ids_and_what_no_record_says(database: Database) -> None:
    with database.write() as session:
        first, second = add(session, [mail("Otter"), mail("Beaver", visibility="owner")], account_id=None)
        held = session.get_one(Interaction, first.id)
        assert (held.summary, held.public_id) == ("Otter", first.public_id)
        held.direction = "outbound"  # it waits in the session when the same entry comes again
        again = [mail("Beaver", second.id, visibility="owner"), mail("Badger", first.id), mail("Marmot")]
        assert add(session, again, account_id=None)[:2] == [second, first]
        assert (held.summary, held.direction) == ("Badger", "inbound")
        told = session.execute(select(Interaction.summary, Interaction.visibility).order_by(Interaction.id)).all()
        assert [tuple(row) for row in told] == [("Badger", "all"), ("Beaver", "owner"), ("Marmot", "all")]
        assert session.query(Participant).count() == 3
        assert [found(session, word) for word in ("otter", "badger", "beaver")] == [[], [first.id], [second.id]]


def test_who_may_find_an_entry_follows_it(database: Database) -> None:
    with database.write() as session:
        [row] = add(session, [mail("Otter")], account_id=None)
        [wide] = _marks(session)
        add(session, [mail("Otter", row.id, visibility="owner")], account_id=None)
        [narrow] = _marks(session)
        assert (wide == narrow, found(session, "otter")) == (False, [row.id])


def _marks(session: Session) -> list[Any]:
    column = "marks" if session.get_bind().dialect.name == "sqlite" else "marks::text"
    return list(session.connection().exec_driver_sql(f"SELECT {column} FROM interaction_text").scalars())


def test_rows_are_changed_by_their_own_columns_alone(database: Database) -> None:
    with database.write() as session:
        one, two, three = add(session, [mail("Otter"), mail("Beaver"), mail("Marmot")], account_id=None)
        changes: dict[int, dict[str, Any]] = {
            three.id: {"summary": "Heron"}, one.id: {"summary": "Stork", "detail": {"a": [1]}}, two.id: {}
        }  # fmt: skip
        rows.change(session, Interaction, changes)
        said = session.scalars(select(Interaction).order_by(Interaction.id)).all()
        assert [(row.summary, row.detail) for row in said] == [("Stork", {"a": [1]}), ("Beaver", {}), ("Heron", {})]
        assert rows.other(said[0], {"summary": "Stork", "direction": "", "detail": {"a": [1]}}) == {"direction": ""}
