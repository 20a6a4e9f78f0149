"""Nobody adds a place for words without saying what becomes of them when somebody is erased."""

from sqlalchemy import JSON, LargeBinary, Text, inspect

import hub.tables  # noqa: F401 - knows all tables
from hub.privacy import erase
from hub.privacy.columns import COLUMNS, emptied
from hub.store.base import Base
from hub.store.session import Database


def test_every_column_that_can_hold_words_is_declared_once() -> None:
    wrong = []
    for name, table in Base.metadata.tables.items():
        words = COLUMNS.get(name)
        if words is None:
            wrong.append(f"{name}: say in privacy/columns.py what becomes of it when somebody is erased")
            continue
        there = {one.name for one in table.columns if isinstance(one.type, Text | JSON | LargeBinary)}
        said = [*words.gone, *words.plain, *words.kept]
        wrong += [f"{name}.{one} is not declared" for one in sorted(there - set(said))]
        wrong += [f"{name}.{one} is declared and not there" for one in sorted(set(said) - there)]
        wrong += [f"{name}.{one} is declared twice" for one in sorted({one for one in said if said.count(one) > 1})]
        wrong += [f"{name}.{one}: say why it is kept" for one, why in words.kept.items() if not why.strip()]
    wrong += [f"{name} is declared and there is no such table" for name in COLUMNS.keys() - Base.metadata.tables.keys()]
    assert wrong == []


def test_every_table_of_the_database_is_one_that_erasing_knows(database: Database) -> None:
    there = set(inspect(database.engine).get_table_names())
    unknown = {name for name in there - COLUMNS.keys() - {"alembic_version"} if not name.startswith(erase.TEXTS)}
    assert unknown == set()


def test_every_emptied_column_has_a_value_of_its_kind() -> None:
    models = {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}  # type: ignore[attr-defined]  # each has a table
    for name in COLUMNS:
        for column, value in emptied(models[name]).items():
            kind = models[name].__table__.c[column].type.python_type
            assert value is None or not value, (name, column)
            if not isinstance(models[name].__table__.c[column].type, JSON):
                assert value is None or isinstance(value, kind), (name, column)
