"""What is sent to whom, and when again: rows in the transaction that hands events on."""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from hub.events.models import Event
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
    for endpoint in session.scalars(query.with_for_update().execution_options(populate_existing=True)).all():
        wanted = [
            event for event in events if wants(endpoint.types, event.type) and event.created_at >= endpoint.created_at
        ]
        queue(session, endpoint, [(event, None) for event in wanted])


def wants(types: Sequence[str], type_: str) -> bool:
    """Say whether a filter lets a type through; a test is always wanted."""
    return not types or type_ in types or type_ == TEST


def queue(
    session: Session, endpoint: WebhookEndpoint, events: Iterable[tuple[Event, int | None]]
) -> list[WebhookDelivery]:
    """Let events wait for an endpoint whose row is locked, behind what waits of the same subject.

    Args:
        events: each with the number of the delivery that it repeats.
    """
    asked = list(events)
    if not asked:
        return []
    moment = now()
    waiting = set(
        session.scalars(
            select(WebhookDelivery.subject)
            .where(
                WebhookDelivery.endpoint_id == endpoint.id,
                WebhookDelivery.state == DeliveryState.WAITING,
                WebhookDelivery.subject.in_({event.subject for event, _ in asked}),
            )
            .distinct()
        )
    )
    rows = []
    for event, replay_of in asked:
        is_first = event.subject not in waiting
        waiting.add(event.subject)
        rows.append(
            WebhookDelivery(
                endpoint_id=endpoint.id,
                event_id=event.id,
                subject=event.subject,
                due_at=moment if is_first else None,
                replay_of=replay_of,
            )
        )
    session.add_all(rows)
    session.flush()
    wake(endpoint, moment)
    return rows


def wake(endpoint: WebhookEndpoint, moment: datetime) -> None:
    """Let a worker look at an endpoint, unless it rests."""
    if endpoint.disabled_at is not None:
        return
    at = max(moment, endpoint.rest_until or moment)
    if endpoint.due_at is None or endpoint.due_at > at:
        endpoint.due_at = at


def unblock(session: Session, endpoint_id: int, subjects: Sequence[str] | None = None) -> None:
    """Let the first that waits of each subject be due; None: of every subject."""
    other = aliased(WebhookDelivery)
    query = (
        select(func.min(other.id))
        .where(other.endpoint_id == endpoint_id, other.state == DeliveryState.WAITING)
        .group_by(other.subject)
    )
    if subjects is not None:
        query = query.where(other.subject.in_(list(subjects)))
    first = session.scalars(query).all()
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(first), WebhookDelivery.due_at.is_(None))
        .values(due_at=now())
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
