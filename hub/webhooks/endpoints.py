"""Endpoints as administrators keep them: added, changed, turned off and on, and sent again what they missed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, delete, exists, func, or_, select, true
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.events import tell
from hub.events.models import Event
from hub.events.types import HIDDEN, RULE_FIRED, TYPES
from hub.security import audit
from hub.security.outside import check_url
from hub.security.policy import Person
from hub.security.vault import Vault
from hub.settings import Webhooks
from hub.store.base import now
from hub.store.public import by_public_id
from hub.webhooks import plan, sign
from hub.webhooks.models import DeliveryState, Off, WebhookAttempt, WebhookDelivery, WebhookEndpoint

KIND = "webhook"  # of a listener
LONGEST_NAME = 100
MOST_ENDPOINTS = 200
MOST_AGAIN = 10_000  # events that are sent again by one order


def listed(session: Session) -> Sequence[WebhookEndpoint]:
    """Return all endpoints, by name."""
    return session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.name, WebhookEndpoint.id)).all()


def get(session: Session, public_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """Return an endpoint.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, WebhookEndpoint, public_id, "There is no such webhook endpoint.", lock=lock)


def delivery(session: Session, public_id: UUID) -> WebhookDelivery:
    """Return a delivery.

    Raises:
        NotFoundError: there is none.
    """
    return by_public_id(session, WebhookDelivery, public_id, "There is no such delivery.")


def attempts(session: Session, ids: Sequence[int]) -> dict[int, list[WebhookAttempt]]:
    """Return the requests of some deliveries, the first one first."""
    found: dict[int, list[WebhookAttempt]] = {}
    query = select(WebhookAttempt).where(WebhookAttempt.delivery_id.in_(ids)).order_by(WebhookAttempt.id)
    for row in session.scalars(query):
        found.setdefault(row.delivery_id, []).append(row)
    return found


def counts(session: Session) -> dict[int, dict[str, int]]:
    """Return how many deliveries of each endpoint are in each state."""
    found: dict[int, dict[str, int]] = {}
    query = select(WebhookDelivery.endpoint_id, WebhookDelivery.state, func.count()).group_by(
        WebhookDelivery.endpoint_id, WebhookDelivery.state
    )
    for endpoint_id, state, count in session.execute(query):
        found.setdefault(endpoint_id, {})[state] = count
    return found


def add(  # noqa: PLR0913 - the facts of an endpoint
    session: Session,
    vault: Vault,
    settings: Webhooks,
    person: Person,
    *,
    url: str,
    name: str = "",
    types: Sequence[str] = (),
    allow_private: bool = False,
) -> tuple[WebhookEndpoint, str]:
    """Add one; returns it with its secret, which nobody is told again.

    Raises:
        UserError: something of it is wrong.
    """
    if (session.scalar(select(func.count()).select_from(WebhookEndpoint)) or 0) >= MOST_ENDPOINTS:
        raise UserError(f"There are {MOST_ENDPOINTS} endpoints already.", error_id="too_many")
    secret = sign.new_secret()
    row = WebhookEndpoint(
        name="", url="", types=[], secrets=sign.seal(vault, secret), created_by=person.id or None, told=[]
    )
    _write(row, settings, url=url, name=name, types=types, allow_private=allow_private)
    session.add(row)
    session.flush()
    tell.listen(session, KIND, row.id, row.types)
    _record(session, person, row, "webhook.added", url=row.url)
    return row, secret


def change(  # noqa: PLR0913 - the facts of an endpoint
    session: Session,
    settings: Webhooks,
    person: Person,
    row: WebhookEndpoint,
    *,
    url: str | None = None,
    name: str | None = None,
    types: Sequence[str] | None = None,
    allow_private: bool | None = None,
) -> None:
    """Change what is given.

    Raises:
        UserError: something of it is wrong.
    """
    _write(
        row,
        settings,
        url=row.url if url is None else url,
        name=row.name if name is None else name,
        types=row.types if types is None else types,
        allow_private=row.allow_private if allow_private is None else allow_private,
    )
    tell.listen(session, KIND, row.id, row.types)
    _record(session, person, row, "webhook.changed", url=row.url)


def rotate(session: Session, vault: Vault, person: Person, row: WebhookEndpoint) -> str:
    """Give an endpoint a new secret; the one before signs beside it for a day."""
    secret = sign.new_secret()
    row.secrets = sign.seal(vault, secret, sign.newest(vault, row))
    row.old_until = now() + sign.ROTATES_FOR
    _record(session, person, row, "webhook.secret_rotated")
    return secret


def disable(session: Session, person: Person, row: WebhookEndpoint) -> None:
    """Turn one off; what waits goes on waiting."""
    if row.disabled_at is None:
        row.disabled_at, row.disabled_why, row.due_at = now(), Off.PERSON, None
        _record(session, person, row, "webhook.disabled")


def enable(session: Session, person: Person, row: WebhookEndpoint) -> None:
    """Turn one on again: what waits goes out, and what it missed is offered."""
    if row.disabled_at is None:
        return
    row.missed_since = _missed_since(session, row, min(row.failing_since or row.disabled_at, row.disabled_at))
    row.disabled_at, row.disabled_why, row.failing_since, row.told, row.told_at = None, "", None, [], None
    row.troubles, row.rest_until, row.last_error = 0, None, ""
    plan.unblock(session, [row.id])
    plan.wake(row, now())
    tell.look(session)
    _record(session, person, row, "webhook.enabled")


def remove(session: Session, person: Person, row: WebhookEndpoint) -> None:
    """Remove one with its log."""
    tell.leave(session, KIND, row.id)
    _record(session, person, row, "webhook.removed", url=row.url)
    session.flush()
    session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id == row.id))


def test(session: Session, person: Person, row: WebhookEndpoint) -> WebhookDelivery:
    """Send an event that only says that it is a test.

    Raises:
        UserError: the endpoint is off.
    """
    _must_be_on(row)
    moment = now()
    event = Event(
        type=plan.TEST, subject=str(row.public_id), at=moment, taken_at=moment, data={"endpoint": str(row.public_id)}
    )
    session.add(event)
    session.flush()
    _record(session, person, row, "webhook.tested")
    return _queued(session, row, event)


def send_again(session: Session, person: Person, row: WebhookEndpoint, one: WebhookDelivery) -> WebhookDelivery:
    """Send one event again, under the same id.

    Raises:
        UserError: the endpoint is off, or it was not sent for the first time yet.
        NotFoundError: it is another endpoint's.
    """
    if one.endpoint_id != row.id:
        raise NotFoundError("There is no such delivery.")
    _must_be_on(row)
    if one.state == DeliveryState.WAITING:
        raise UserError("It waits already.", error_id="conflict")
    event = session.get_one(Event, one.event_id)
    _record(session, person, row, "webhook.replayed", delivery=str(one.public_id))
    return _queued(session, row, event, one.id)


def send_range(
    session: Session,
    person: Person,
    row: WebhookEndpoint,
    since: datetime,
    until: datetime,
    *,
    only_failed: bool = True,
) -> int:
    """Send again what happened in a time; returns how many events.

    What waits is left out, as is what was planned anew meanwhile and succeeded.

    Args:
        until: not any more.
        only_failed: what never reached the endpoint, also what happened while it was off; else everything it wants.

    Raises:
        UserError: the endpoint is off, or it is too much at once.
    """
    _must_be_on(row)
    if since >= until:
        raise UserError("The beginning must lie before the end.", error_id="bad_range", field="since")
    here = (WebhookDelivery.event_id == Event.id) & (WebhookDelivery.endpoint_id == row.id)
    settled = [DeliveryState.WAITING, *([DeliveryState.SENT, DeliveryState.DROPPED] if only_failed else [])]
    query = (
        select(Event)
        .where(Event.created_at >= max(since, row.created_at), Event.created_at < until)
        .where(Event.taken_at.is_not(None), Event.type.not_in((plan.TEST, HIDDEN)))
        .where(~exists().where(here, WebhookDelivery.state.in_(settled)))
        .order_by(Event.id)
    )
    named = case((Event.type == RULE_FIRED, Event.data["endpoint"].as_string()))
    wanted = Event.type.in_(row.types) if row.types else true()
    query = query.where(or_(named == str(row.public_id), and_(named.is_(None), wanted)))
    events = session.scalars(query.limit(MOST_AGAIN + 1)).all()
    if len(events) > MOST_AGAIN:
        raise UserError(f"These are more than {MOST_AGAIN} events; choose a shorter time.", error_id="too_many")
    before = _last_of(session, row.id, [event.id for event in events])
    plan.queue(session, row, [(event, before.get(event.id)) for event in events])
    if only_failed and row.missed_since is not None and since <= row.missed_since:
        row.missed_since = None
    _record(session, person, row, "webhook.range_replayed", events=len(events), since=since.isoformat())
    return len(events)


def forget(session: Session) -> None:
    """Drop deliveries that are long over, with their requests; and let those go on whose first was dropped."""
    old = now() - tell.KEPT_FOR
    session.execute(
        delete(WebhookDelivery).where(WebhookDelivery.created_at < old, WebhookDelivery.state != DeliveryState.WAITING)
    )
    for row in session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.id).with_for_update()).all():
        plan.unblock(session, [row.id])
        plan.wake(row, now())


def _queued(session: Session, row: WebhookEndpoint, event: Event, replay_of: int | None = None) -> WebhookDelivery:
    plan.queue(session, row, [(event, replay_of)])
    query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == row.id, WebhookDelivery.event_id == event.id)
    return session.scalars(query.order_by(WebhookDelivery.id.desc()).limit(1)).one()


def _missed_since(session: Session, row: WebhookEndpoint, failing: datetime) -> datetime:
    """Return when the first thing happened that never arrived because of what ends now."""
    query = (
        select(func.min(Event.created_at))
        .join(WebhookDelivery, WebhookDelivery.event_id == Event.id)
        .where(
            WebhookDelivery.endpoint_id == row.id,
            WebhookDelivery.state == DeliveryState.FAILED,
            WebhookDelivery.done_at >= failing,
        )
    )
    return min(session.scalar(query) or failing, failing)


def _last_of(session: Session, endpoint_id: int, event_ids: Sequence[int]) -> dict[int, int]:
    query = (
        select(WebhookDelivery.event_id, func.max(WebhookDelivery.id).label("last"))
        .where(WebhookDelivery.endpoint_id == endpoint_id)
        .group_by(WebhookDelivery.event_id)
    )
    wanted = set(event_ids)
    return {row.event_id: row.last for row in session.execute(query) if row.event_id in wanted}


def _write(
    row: WebhookEndpoint, settings: Webhooks, *, url: str, name: str, types: Sequence[str], allow_private: bool
) -> None:
    if allow_private and not settings.allow_private:
        text = "Private addresses are allowed by whoever looks after the machine: webhooks.allow_private."
        raise UserError(text, error_id="private_not_allowed", field="allow_private")
    if unknown := [one for one in types if one not in TYPES]:
        raise UserError(f"There is no type {unknown[0][:60]!r}.", error_id="unknown_type", field="types")
    url, name = url.strip(), "".join(c for c in name if c.isprintable()).strip()
    check_url(url, allow_private=allow_private)
    if len(name) > LONGEST_NAME:
        raise UserError(f"A name has at most {LONGEST_NAME} characters.", error_id="name_too_long", field="name")
    row.url, row.allow_private = url, allow_private
    row.name = name or url.partition("://")[2].partition("/")[0][:LONGEST_NAME]
    row.types = [one for one in TYPES if one in types]


def _must_be_on(row: WebhookEndpoint) -> None:
    if row.disabled_at is not None:
        raise UserError("The endpoint is off; turn it on first.", error_id="webhook_off")


def _record(session: Session, person: Person, row: WebhookEndpoint, action: str, **detail: Any) -> None:
    audit.record(session, person, action, "webhook_endpoint", row.public_id, **detail)
