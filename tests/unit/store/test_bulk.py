"""Many rows at once are what an insert of SQLAlchemy's makes of them, and many values are looked for as one by one."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from hub.identity.models import Claim, Identifier, Party
from hub.intake.models import Account, RawRecord
from hub.store import bulk
from hub.store.among import among
from hub.store.session import Database, _write_json

AT = datetime(2026, 3, 1, 14, 30, 5, 123456, tzinfo=timezone(timedelta(hours=2)))
JSONS: list[dict[str, Any]] = [
    {}, {"value": 'דנה "D" \\ O\'Hara\n'}, {"value": [{"value": "a", "label": ""}], "keys": ["+972502345678"]}, {"n": 1.5, "none": None},
]  # fmt: skip


def test_rows_are_what_sqlalchemy_writes(database: Database) -> None:
    with database.write() as session:
        party = Party(name="Dana")
        session.add(party)
        session.flush()
        rows = [
            {"party_id": party.id, "field": f"f{at}", "value": value, "link_id": None, "observed_at": AT}
            for at, value in enumerate(JSONS)
        ]
        session.add_all(Claim(**row) for row in rows)
        session.flush()
        columns = {name: [row[name] for row in rows] for name in ("field", "value", "link_id", "observed_at")}
        assert bulk.insert(session, Claim, columns, party_id=party.id) == len(rows)
        assert bulk.insert(session, Claim, {name: [] for name in columns}, party_id=party.id) == 0
        # As the driver gives them, not as SQLAlchemy reads them.
        written = session.execute(text("SELECT party_id, field, value, link_id, observed_at FROM claim ORDER BY id"))
        kept = [tuple(map(str, row)) for row in written]
        assert kept[: len(rows)] == kept[len(rows) :]
        assert session.scalars(select(Claim.value).order_by(Claim.id)).all() == JSONS * 2


def test_what_nobody_names_has_its_default_and_a_naive_time_is_refused(database: Database) -> None:
    with database.write() as session:
        bulk.insert(session, Party, {"name": ["Dana", "Noa"]}, created_at=AT)
        bulk.insert(session, Identifier, {"party_id": [1, 2], "value": ["a", "b"]}, kind="email", shared=True)
        one, other = session.scalars(select(Party).order_by(Party.id))
        assert (one.kind, one.status, one.fields, one.version) == ("person", "active", {}, 1)
        assert one.created_at == AT.astimezone(UTC)
        assert one.public_id != other.public_id
        held = session.scalars(select(Identifier)).first()
        assert held is not None
        assert (held.raw, held.blocked, held.shared, held.valid_to) == ("", False, True, None)
        with pytest.raises(ValueError, match="without a zone"):
            bulk.insert(session, Party, {"name": ["Ruth"]}, created_at=AT.replace(tzinfo=None))
        session.rollback()


def test_reserved_ids_are_nobody_elses(database: Database) -> None:
    with database.write() as session:
        session.add(Party(name="before"))
        session.flush()
        ids = bulk.reserve(session, Party, 3)
        assert not bulk.reserve(session, Claim, 0)
        bulk.insert(session, Party, {"id": ids, "name": ["a", "b", "c"]})
        after = Party(name="after")
        session.add(after)
        session.flush()
        assert list(ids) == sorted(set(ids))
        assert session.scalars(select(Party.name).order_by(Party.id)).all() == ["before", "a", "b", "c", "after"]


def test_a_row_that_is_there_is_left_out_and_others_are_changed(database: Database) -> None:
    with database.write() as session:
        account = Account(name="file", connector="imports")
        session.add(account)
        session.flush()
        unless = ("account_id", "stream", "remote_id")
        common: dict[str, Any] = {"account_id": account.id, "stream": "people", "hash": ""}
        columns: dict[str, Sequence[Any]] = {"remote_id": ["1", "2"], "payload": [{"n": 1}, {"n": 2}]}
        assert bulk.insert(session, RawRecord, columns, unless=unless, **common) == 2
        columns = {"remote_id": ["2", "3"], "payload": [{"n": "other"}, {"n": 3}]}
        assert bulk.insert(session, RawRecord, columns, unless=unless, **common) == 1
        payloads = select(RawRecord.payload["n"]).order_by(RawRecord.remote_id)
        assert session.scalars(payloads).all() == [1, 2, 3]

        bulk.insert(session, Party, {"name": ["a", "b", "c"]}, created_at=AT, changed_at=AT)
        first, second, _ = session.scalars(select(Party.id).order_by(Party.id))
        bulk.update(session, Party, [first, second], {"name": ["x", "y"]}, fields={"notes": "n"})
        changed = session.execute(select(Party.name, Party.fields, Party.changed_at > AT).order_by(Party.id)).all()
        assert [tuple(row) for row in changed] == [
            ("x", {"notes": "n"}, True),
            ("y", {"notes": "n"}, True),
            ("c", {}, False),
        ]


def test_many_values_are_looked_for_by_the_index(database: Database) -> None:
    values = ["O'Hara", 'say "x"', "דנה", "{a,b}", "\\", ""]
    with database.write() as session:
        bulk.insert(session, Party, {"name": [*values, "else", "O", "None"]}, kind="person")
        by_name = select(Party.name).where(Party.kind == "person", among(Party.name, "names")).order_by(Party.id)
        assert session.scalars(by_name, {"names": values}).all() == values
        assert session.scalars(by_name, {"names": ["nobody"]}).all() == []
        assert session.scalars(by_name, {"names": []}).all() == []
        by_id = select(func.count()).select_from(Party).where(among(Party.id, "ids", numbers=True))
        assert session.scalar(by_id, {"ids": [1, 3, 10**15]}) == 2
        if database.is_sqlite:
            for query, index in ((by_name, "ix_party_kind_name (kind=? AND name=?)"), (by_id, "INTEGER PRIMARY KEY")):
                sql = str(query.compile(dialect=database.engine.dialect))
                plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("[]",) * sql.count("?"))
                assert index in plan.all()[0][3]


@settings(max_examples=200)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))  # fmt: skip
def test_json_is_written_as_the_standard_library_writes_it(value: Any) -> None:
    assert _write_json(value) == json.dumps(value)
