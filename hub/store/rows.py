"""Change some columns of many rows: by values and not as objects, of which a page of records would make thousands."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from hub.store import bulk
from hub.store.base import Base


def change(session: Session, model: type[Base], changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Write columns of rows by their ids, in the order of these: two who change the same rows never wait for each other.

    Objects of the session that stand for such rows read them anew. What waits in the session is not written before.
    """
    rows = sorted((number, values) for number, values in changes.items() if values)
    for names, some in groupby(rows, key=lambda row: tuple(row[1])):
        those = list(some)
        columns = {name: [values[name] for _, values in those] for name in names}
        bulk.update(session, model, [number for number, _ in those], columns)
    key_of = inspect(model).identity_key_from_primary_key
    for number, _ in rows:
        held = session.identity_map.get(key_of((number,)))
        if held is not None:
            session.expire(held)


def other(before: Any, after: Mapping[str, Any]) -> dict[str, Any]:
    """Return which values are other than those of a row."""
    return {name: value for name, value in after.items() if getattr(before, name) != value}
