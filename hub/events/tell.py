"""Write down what happened, in the transaction in which it does, where anybody listens; and hand it on, once.

Whoever dies before the commit told nothing; after it, a worker hands the event to every listener in one transaction. What
a history brings (the first reading of a source, an import, a mapping that runs again) is no event: nothing happened now.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from hub.events.models import Event, Listener
from hub.store.base import now
from hub.store.turn import in_turn

KEPT_FOR = timedelta(days=30)  # so long what happened can be sent again
SOME = 200  # handed on in one transaction
_QUIET, _WANTED = "events quiet", "events wanted"
ALL = "*"
CAUSE = "events cause"  # in what a session carries: the firing of the rule that does what happens now
TOLD = "events told"  # in what a session carries: there is something to be handed on
# Plans what a listener does about events, in the transaction that hands them on.
Taker = Callable[[Session, Sequence[Event]], None]


def wants(session: Session, types: Collection[str]) -> bool:
    """Say whether anybody listens to one of some types, before what is told is looked up; one query per transaction."""
    if session.info.get(_QUIET):
        return False
    wanted = session.info.get(_WANTED)
    if wanted is None:
        wanted = session.info[_WANTED] = frozenset(
            type_ for row in session.scalars(select(Listener.types)) for type_ in (row or [ALL])
        )
    return ALL in wanted or not wanted.isdisjoint(types)


def tell(session: Session, type_: str, subject: object, data: dict[str, Any], *, at: datetime | None = None) -> None:
    """Write one thing down.

    Args:
        subject: public id of the customer, else of the thing itself.
        data: what JSON can say; thin, for what it names can be read through the API.
        at: when it happened; None: now.
    """
    if wants(session, (type_,)):
        look(session)
        cause = session.info.get(CAUSE)
        session.add(Event(type=type_, subject=str(subject), data=data, at=at or now(), cause=cause))


def look(session: Session) -> None:
    """Have workers told to look, once what is written here is in the database."""
    session.info[TOLD] = True


@contextmanager
def quiet(session: Session) -> Iterator[None]:
    """Tell nothing of what is written here: it is history."""
    before = session.info.get(_QUIET, False)
    session.info[_QUIET] = True
    try:
        yield
    finally:
        session.info[_QUIET] = before


def listen(session: Session, kind: str, ref_id: int, types: Sequence[str]) -> None:
    """Keep what a listener wants to know; the same again changes nothing."""
    row = session.scalars(_listener(kind, ref_id)).first()
    if row is None:
        session.add(Listener(kind=kind, ref_id=ref_id, types=list(types)))
    else:
        row.types = list(types)
    session.flush()
    session.info.pop(_WANTED, None)


def leave(session: Session, kind: str, ref_id: int) -> None:
    """Listen no more."""
    session.execute(delete(Listener).where(Listener.kind == kind, Listener.ref_id == ref_id))
    session.info.pop(_WANTED, None)


def waits(session: Session) -> bool:
    """Say whether something waits to be handed on: a cheap look."""
    return session.scalar(select(Event.id).where(_waiting()).limit(1)) is not None


def hand_on(session: Session, takers: Sequence[Taker]) -> int:
    """Let every listener plan what it does about the oldest events; returns how many. A crash gives all of them back."""
    in_turn(session, "events")  # the order in which they happened is the order in which they are planned
    rows = session.scalars(select(Event).where(_waiting()).order_by(Event.id).limit(SOME)).all()
    for take in takers:
        take(session, rows)
    for row in rows:
        row.taken_at = now()
    return len(rows)


def forget(session: Session) -> None:
    """Drop what happened long ago."""
    session.execute(delete(Event).where(Event.created_at < now() - KEPT_FOR, Event.taken_at.is_not(None)))


def _waiting() -> ColumnElement[bool]:
    return Event.taken_at.is_(None)


def _listener(kind: str, ref_id: int) -> Any:
    return select(Listener).where(Listener.kind == kind, Listener.ref_id == ref_id)
