"""What is sent to whom, and when again: rows in the transaction that hands events on."""

import random
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from hub.events import tell
from hub.events.models import Event
from hub.events.types import HIDDEN, RULE_FIRED
from hub.store.base import now
from hub.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint

TEST = "webhook.test"
# After each failure. Source: the specification's own example, 75.6 hours in all.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)  # fmt: skip
LONGEST_SILENCE = timedelta(hours=24)
FIRST_REST, LONGEST_REST = timedelta(seconds=2), timedelta(seconds=60)
OFF_AFTER = timedelta(days=5)
_JITTER = 0.1


def take(session: Session, events: Sequence[Event]) -> None:
    """Plan events for every endpoint that is on, wants them and was there when they happened."""
    if not events:
        return
    # Whoever sends keeps results while holding the same row: else the last of a subject might be done unseen.
    query = select(WebhookEndpoint).where(WebhookEndpoint.disabled_at.is_(None)).order_by(WebhookEndpoint.id)
    locked = session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
    _queue(session, [
        (endpoint, event, None) for endpoint in locked for event in events
        if is_for(endpoint, event) and event.created_at >= endpoint.created_at
    ])  # fmt: skip


def is_for(endpoint: WebhookEndpoint, event: Event) -> bool:
    """Say whether an endpoint is told of an event: a rule may name the one that is, whatever else that one wants."""
    if event.type == RULE_FIRED and event.data.get("endpoint"):
        return bool(event.data["endpoint"] == str(endpoint.public_id))
    return wants(endpoint.types, event.type)


def wants(types: Sequence[str], type_: str) -> bool:
    """Say whether a filter lets a type through; a test is always wanted."""
    return type_ != HIDDEN and (not types or type_ in types or type_ == TEST)


def queue(session: Session, endpoint: WebhookEndpoint, events: Iterable[tuple[Event, int | None]]) -> None:
    """Let events wait for an endpoint whose row is locked, behind what waits of the same subject; workers are told.

    Args:
        events: each with the number of the delivery that it repeats.
    """
    tell.look(session)
    _queue(session, [(endpoint, event, replay_of) for event, replay_of in events])


def _queue(session: Session, asked: Sequence[tuple[WebhookEndpoint, Event, int | None]]) -> None:
    if not asked:
        return
    moment = now()
    query = select(WebhookDelivery.endpoint_id, WebhookDelivery.subject).where(
        WebhookDelivery.endpoint_id.in_({endpoint.id for endpoint, _, _ in asked}),
        WebhookDelivery.state == DeliveryState.WAITING,
        WebhookDelivery.subject.in_({event.subject for _, event, _ in asked}),
    )
    waiting = {(row.endpoint_id, row.subject) for row in session.execute(query.distinct())}
    rows = []
    for endpoint, event, replay_of in asked:
        key = (endpoint.id, event.subject)
        rows.append(
            {
                "endpoint_id": endpoint.id, "event_id": event.id, "subject": event.subject, "replay_of": replay_of,
                "created_at": moment, "due_at": None if key in waiting else moment,
            }
        )  # fmt: skip
        waiting.add(key)
    session.execute(insert(WebhookDelivery), rows)
    for one in {endpoint.id: endpoint for endpoint, _, _ in asked}.values():
        wake(one, moment)


def wake(endpoint: WebhookEndpoint, moment: datetime) -> None:
    """Let a worker look at an endpoint, unless it rests."""
    if endpoint.disabled_at is not None:
        return
    at = max(moment, endpoint.rest_until or moment)
    if endpoint.due_at is None or endpoint.due_at > at:
        endpoint.due_at = at


def unblock(
    session: Session,
    endpoint_ids: Collection[int],
    subjects: Collection[str] | None = None,
    *,
    moment: datetime | None = None,
) -> None:
    """Let the first that waits of each subject be due, at endpoints whose rows are locked; None: of every subject."""
    if not endpoint_ids:
        return
    first = (
        select(func.min(WebhookDelivery.id).label("id"))
        .where(WebhookDelivery.endpoint_id.in_(endpoint_ids), WebhookDelivery.state == DeliveryState.WAITING)
        .group_by(WebhookDelivery.endpoint_id, WebhookDelivery.subject)
    )
    if subjects is not None:
        first = first.where(WebhookDelivery.subject.in_(subjects))
    ids = session.scalars(first).all()
    if ids:
        session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.id.in_(ids), WebhookDelivery.due_at.is_(None))
            .values(due_at=moment or now())
            .execution_options(synchronize_session=False)
        )


def next_try(failures: int, moment: datetime, retry_after: float | None) -> datetime | None:
    """Return when to try again after so many failures; None: never."""
    if failures > len(PAUSES):
        return None
    pause = PAUSES[failures - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads, hides nothing
    asked = timedelta(seconds=retry_after or 0)
    return moment + max(pause, min(asked, LONGEST_SILENCE))


def rest(troubles: int) -> timedelta:
    """Return how long an endpoint is left alone after so many troubles in a row."""
    return min(FIRST_REST * 2.0 ** min(troubles - 1, 20), LONGEST_REST)
