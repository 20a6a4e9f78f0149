"""Traces of somebody in what programs wrote down beside the records: logs, errors, what went out, what was not understood.

Rows are found by the words by which the person is known (`scope.Known`): identifiers that nobody else has, and full
names. The database looks, some rows at a time, without holding anybody up; then the rows found are emptied.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, delete, func, or_, select, update
from sqlalchemy.orm import Session

from hub.cti.models import Pop
from hub.events.models import Event
from hub.identity.link import ERASED
from hub.intake import receive
from hub.intake.models import Account, NamedRecord, RawRecord, RawState, Reading, StreamState
from hub.mapping.models import Replay
from hub.notice.models import Notice
from hub.outbound.models import Delivery, Outbox, OutboxState
from hub.privacy.columns import COLUMNS, emptied
from hub.rules.models import RuleFiring, RuleLetter, RuleNotice
from hub.security.models import Audit, EmbedTicket, Idempotency
from hub.store.base import Base
from hub.webhooks.models import WebhookAttempt

RANGE = 20_000  # numbers of rows that are looked through at once
SOMEBODY, NO_ADDRESS = "(erased)", "erased@erased.invalid"


@dataclass(frozen=True, slots=True)
class Place:
    """A table that is looked through: where, and what becomes of a row that is found."""

    model: type[Base]
    empty: Callable[[Session, Sequence[int]], None]
    where: Callable[[], ColumnElement[bool]] | None = None
    columns: tuple[str, ...] = ()  # where it is looked; none: in all that `columns.py` says are emptied


def _emptying(model: type[Base], **also: Any) -> Callable[[Session, Sequence[int]], None]:
    row: Any = model

    def empty(session: Session, ids: Sequence[int]) -> None:
        session.execute(update(model).where(row.id.in_(ids)).values({**emptied(model), **also}))

    return empty


def _deleting(model: type[Base]) -> Callable[[Session, Sequence[int]], None]:
    row: Any = model

    def empty(session: Session, ids: Sequence[int]) -> None:
        session.execute(delete(model).where(row.id.in_(ids)))

    return empty


def _drop_orders(session: Session, ids: Sequence[int]) -> None:
    """Give up what waits to go out, and forget what went."""
    for row in session.scalars(select(Outbox).where(Outbox.id.in_(ids))):
        values = emptied(Outbox) | {"idempotency_key": f"{receive.TOMBSTONE}{row.id}"}
        if row.state == OutboxState.WAITING:
            values |= {"state": OutboxState.DROPPED, "due_at": None, "owner": "", "lease_until": None}
        session.execute(update(Outbox).where(Outbox.id == row.id).values(values))
    session.execute(update(Delivery).where(Delivery.outbox_id.in_(ids)).values(**emptied(Delivery)))


def _forget_records(session: Session, ids: Sequence[int]) -> None:
    receive.forget(session, session.scalars(select(RawRecord).where(RawRecord.id.in_(ids))).all(), ERASED)


PLACES: tuple[Place, ...] = (
    Place(Audit, _emptying(Audit), columns=("subject_id", "detail")),
    Place(Outbox, _drop_orders),
    Place(Event, _deleting(Event)),
    Place(Delivery, _emptying(Delivery)),
    Place(WebhookAttempt, _emptying(WebhookAttempt)),
    Place(Idempotency, _emptying(Idempotency)),
    Place(Reading, _emptying(Reading)),
    Place(StreamState, _emptying(StreamState)),
    Place(Account, _emptying(Account)),
    Place(Replay, _emptying(Replay)),
    Place(Notice, _emptying(Notice)),
    Place(NamedRecord, _deleting(NamedRecord)),
    Place(Pop, _emptying(Pop)),
    Place(EmbedTicket, _emptying(EmbedTicket)),
    Place(RuleFiring, _deleting(RuleFiring)),
    Place(RuleLetter, _deleting(RuleLetter)),
    Place(RuleNotice, _deleting(RuleNotice)),
    # What was applied is somebody's; these are nobody's: not understood, left out, gone at their source.
    Place(
        RawRecord, _forget_records, lambda: (RawRecord.state != RawState.APPLIED) | RawRecord.gone_at.is_not(None),
        ("payload", "error", "remote_id"),
    ),
)  # fmt: skip


def has_word(model: type[Base], words: Sequence[str], columns: Sequence[str] = ()) -> ColumnElement[bool]:
    """Say of which rows a column holds one of some words, as text or as JSON writes it."""
    table: Any = model.__table__
    names = columns or sorted(COLUMNS[table.name].gone)
    forms = sorted({form for word in words for form in (word, json.dumps(word)[1:-1])})
    return or_(*(cast(table.c[name], Text).icontains(form, autoescape=True) for name in names for form in forms))


def found(read: Callable[[], Any], place: Place, words: Sequence[str]) -> Iterator[list[int]]:
    """Yield the rows of a place that hold a word, range by range, each in a look of its own.

    Args:
        read: opens a session that reads.
    """
    row: Any = place.model
    with read() as session:
        last = session.scalar(select(func.max(row.id))) or 0
    which = has_word(place.model, words, place.columns)
    if place.where is not None:
        which &= place.where()
    for begin in range(0, last, RANGE):
        with read() as session:
            ids = session.scalars(select(row.id).where(row.id > begin, row.id <= begin + RANGE, which)).all()
        if ids:
            yield list(ids)


def redactor(words: Sequence[str]) -> Callable[[Any], Any]:
    """Return what takes words out of a JSON value, whatever stands around them; an address stays one, of nobody."""
    if not words:
        return lambda value: value
    # The longer first: a name within an address would leave the rest of it.
    found = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)), re.IGNORECASE)

    def redact(value: Any) -> Any:
        if isinstance(value, str):
            return found.sub(lambda match: NO_ADDRESS if "@" in match[0] else SOMEBODY, value)
        if isinstance(value, dict):
            return {key: redact(one) for key, one in value.items()}
        return [redact(one) for one in value] if isinstance(value, list) else value

    return redact
