"""Numbers and addresses get owners, and whoever kept something for that day hears of it: calls, mails, conversations.

Hung on the writing of identifiers itself, in the same transaction, because every way to name a number (a page, the API, a
second source, an import) must have this effect and none may forget it: objects are seen when the session writes them, and
many rows at once go through `add`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, UOWTransaction

from hub.identity.models import Identifier
from hub.store import bulk

Listener = Callable[[Connection, Mapping[str, Sequence[str]]], None]
"""Is told values by their kind, each once. The session itself may be busy, hence its connection."""
_LISTENERS: list[Listener] = []


def listen(listener: Listener) -> None:
    """Tell somebody from now on; safe to repeat."""
    if listener not in _LISTENERS:
        _LISTENERS.append(listener)
    if not event.contains(Session, "after_flush", _flushed):
        event.listen(Session, "after_flush", _flushed)


def add(session: Session, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write identifiers, given by columns; those of e-mails come with their `tail`."""
    bulk.insert(session, Identifier, columns, blocked=False)
    rows = zip(columns["kind"], columns["value"], columns["shared"], strict=True)
    _tell(session, [(kind, value) for kind, value, is_shared in rows if not is_shared])


def _flushed(session: Session, _: UOWTransaction) -> None:
    rows = [row for row in session.new if isinstance(row, Identifier) and not row.shared and not row.blocked]
    _tell(session, [(row.kind, row.value) for row in rows])


def _tell(session: Session, named: Sequence[tuple[str, str]]) -> None:
    if not named:
        return
    values: dict[str, list[str]] = {}
    for kind, value in sorted(set(named)):
        values.setdefault(kind, []).append(value)
    for listener in _LISTENERS:
        listener(session.connection(), values)
