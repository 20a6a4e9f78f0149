"""Send what waits for one endpoint: at least once, in the order of each customer, each time with the same `webhook-id`.

Whatever line the process dies on: before a request its attempt is in the log, and what came of it is kept behind it in one
transaction with what is sent next. Who dies in between sends those few again when the lease has run out, and the log shows
both. A receiver that does what the specification asks notices by the id.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.connector.http import retry_after_of
from hub.events.models import Event
from hub.security.outside import Answer, Line, NoAnswerError, RefusedError
from hub.security.vault import Vault
from hub.settings import Webhooks
from hub.store.base import now
from hub.store.session import Database
from hub.webhooks import plan, sign
from hub.webhooks.models import DeliveryState, Off, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from hub.work.lease import Lease, LeaseLostError, fence, release

BATCH = 10  # kept together
BATCH_S = 0.5  # and not longer than this
SLICE_S = 5.0  # then other endpoints may go first
_SLOW_DOWN = frozenset({429, 502, 503, 504})
_GONE = 410
_LONGEST_ERROR = 500
_BROKEN_OFF = "The hub ended before it kept what came back; it was sent again."
_log = log.get(__name__)


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Return the present moment."""


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery to be sent now."""

    delivery_id: int
    attempt_id: int
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """What is sent to an endpoint before anything is kept again."""

    url: str
    allow_private: bool
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one request."""

    item: Item
    ms: int
    status: int | None = None
    error: str = ""
    answer: str = ""
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_trouble(self) -> bool:
        """Say whether the whole endpoint should be left alone for a while."""
        return self.status is None or self.status >= 500 or self.status in _SLOW_DOWN


class Sender:
    """Sends to endpoints."""

    def __init__(self, db: Database, vault: Vault, settings: Webhooks, clock: Clock = now) -> None:
        self._db = db
        self._vault = vault
        self._settings = settings
        self._clock = clock

    def due(self) -> ColumnElement[bool]:
        """Return which endpoints have something to be sent now."""
        return (WebhookEndpoint.due_at <= self._clock()) & WebhookEndpoint.disabled_at.is_(None)

    def first(self) -> Sequence[Any]:
        """Return which go first: those that wait for longest."""
        return (WebhookEndpoint.due_at,)

    def run(self, lease: Lease) -> None:
        """Send what is due to one endpoint, for a while."""
        ends = time.monotonic() + SLICE_S
        line: Line | None = None
        try:
            with self._db.write() as session:
                batch = self._begin(session, lease)
            while batch is not None:
                line = line or self._line(batch)
                results = self._send(line, batch)
                with self._db.write() as session:
                    self._keep(session, lease, batch, results)
                    batch = self._next(session, lease, has_time=time.monotonic() < ends)
        except LeaseLostError:
            _log.warning("another worker sends to this endpoint now", endpoint=lease.id)
        finally:
            if line is not None:
                line.close()

    def _line(self, batch: Batch) -> Line:
        one = self._settings
        return Line(batch.url, allow_private=batch.allow_private, timeout_s=one.timeout_s, ca_file=one.ca_file)

    # --- what is sent next ----------------------------------------------------------------------------------------------

    def _begin(self, session: Session, lease: Lease) -> Batch | None:
        fence(session, WebhookEndpoint, lease)
        return self._next(session, lease, has_time=True)

    def _next(self, session: Session, lease: Lease, *, has_time: bool) -> Batch | None:
        """Write down what is sent next, or give the endpoint back."""
        endpoint = session.get_one(WebhookEndpoint, lease.id, populate_existing=True)
        moment = self._clock()
        rests = endpoint.rest_until is not None and endpoint.rest_until > moment
        if has_time and not rests and endpoint.disabled_at is None and (items := self._items(session, endpoint)):
            is_allowed = endpoint.allow_private and self._settings.allow_private
            return Batch(endpoint.url, is_allowed, items)
        session.flush()
        release(session, WebhookEndpoint, lease, due_at=_next_due(session, endpoint))
        return None

    def _items(self, session: Session, endpoint: WebhookEndpoint) -> list[Item]:
        moment = self._clock()
        query = (
            select(WebhookDelivery, Event)
            .join(Event, Event.id == WebhookDelivery.event_id)
            .where(
                WebhookDelivery.endpoint_id == endpoint.id,
                WebhookDelivery.state == DeliveryState.WAITING,
                WebhookDelivery.due_at <= moment,
            )
            .order_by(WebhookDelivery.due_at, WebhookDelivery.id)
            .limit(BATCH)
        )
        while rows := session.execute(query).all():
            wanted = [(one, event) for one, event in rows if plan.wants(endpoint.types, event.type)]
            if wanted:
                return self._written(session, endpoint, wanted, moment)
            for one, _ in rows:
                one.state, one.done_at, one.due_at = DeliveryState.DROPPED, moment, None
            session.flush()
            plan.unblock(session, endpoint.id, [one.subject for one, _ in rows])
        return []

    def _written(
        self, session: Session, endpoint: WebhookEndpoint, rows: Sequence[tuple[WebhookDelivery, Event]], at: datetime
    ) -> list[Item]:
        secrets = sign.in_force(self._vault, endpoint, at)
        session.execute(
            update(WebhookAttempt)
            .where(WebhookAttempt.delivery_id.in_([one.id for one, _ in rows]))
            .where(WebhookAttempt.ok.is_(None), WebhookAttempt.error == "")
            .values(error=_BROKEN_OFF)
            .execution_options(synchronize_session=False)
        )
        made = []
        for one, event in rows:
            body = sign.body(event)
            headers = {
                "Content-Type": "application/json",
                "User-Agent": "Hub-Webhooks/1",
                **sign.headers(str(event.public_id), at, body, secrets),
            }
            attempt = WebhookAttempt(delivery_id=one.id, at=at, headers=headers)
            session.add(attempt)
            made.append((one, attempt, body))
        session.flush()
        return [Item(one.id, attempt.id, body, attempt.headers) for one, attempt, body in made]

    # --- sending --------------------------------------------------------------------------------------------------------

    def _send(self, line: Line, batch: Batch) -> list[Result]:
        """Send one after the other, until the endpoint is in trouble or it is time to keep what came of them."""
        results: list[Result] = []
        ends = time.monotonic() + BATCH_S
        for item in batch.items:
            if results and time.monotonic() >= ends:
                break
            results.append(_posted(line, item))
            if results[-1].is_trouble or results[-1].status == _GONE:
                break
        return results

    # --- what came of it ------------------------------------------------------------------------------------------------

    def _keep(self, session: Session, lease: Lease, batch: Batch, results: Sequence[Result]) -> None:
        fence(session, WebhookEndpoint, lease)
        endpoint = session.get_one(WebhookEndpoint, lease.id, populate_existing=True)
        unsent = [item.attempt_id for item in batch.items[len(results) :]]
        session.execute(delete(WebhookAttempt).where(WebhookAttempt.id.in_(unsent)))
        over = [subject for result in results if (subject := self._settle(session, endpoint, result))]
        session.flush()
        plan.unblock(session, endpoint.id, over)

    def _settle(self, session: Session, endpoint: WebhookEndpoint, result: Result) -> str:
        """Keep what came of one request; returns the subject whose next event may go now."""
        moment = self._clock()
        _judge(endpoint, result, moment)
        one = session.get(WebhookDelivery, result.item.delivery_id, populate_existing=True)
        attempt = session.get(WebhookAttempt, result.item.attempt_id, populate_existing=True)
        if one is None or attempt is None:  # what it was about was erased meanwhile
            return ""
        attempt.ok, attempt.status, attempt.ms = result.ok, result.status, result.ms
        attempt.error, attempt.answer = result.error[:_LONGEST_ERROR], result.answer
        if one.state != DeliveryState.WAITING:
            return ""
        if result.ok:
            one.state, one.done_at, one.due_at = DeliveryState.SENT, moment, None
            return one.subject
        one.failures += 1
        one.due_at = None if result.status == _GONE else plan.next_try(one.failures, moment, result.retry_after)
        if one.due_at is not None:
            return ""
        one.state, one.done_at = DeliveryState.FAILED, moment
        return one.subject


def _posted(line: Line, item: Item) -> Result:
    began = time.monotonic()

    def result(**came: Any) -> Result:
        return Result(item, round((time.monotonic() - began) * 1000), **came)

    try:
        answer = line.post(item.body, item.headers)
    except (RefusedError, NoAnswerError) as error:
        return result(error=str(error))
    return result(
        status=answer.status,
        error=_what_is_wrong(answer),
        answer=_as_text(answer.start),
        retry_after=retry_after_of(answer.headers) if answer.status in _SLOW_DOWN else None,
    )


def _what_is_wrong(answer: Answer) -> str:
    if 200 <= answer.status < 300:
        return ""
    if 300 <= answer.status < 400:
        return f"It sends us on to another address ({answer.status}), which is not followed. Enter that address."
    if answer.status == _GONE:
        return "It says that nobody is there any more (410); it was turned off."
    return f"It answered {answer.status}."


def _as_text(start: bytes) -> str:
    text = start.decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _judge(endpoint: WebhookEndpoint, result: Result, moment: datetime) -> None:
    """Keep how an endpoint is by what came of one request."""
    if result.ok:
        endpoint.failing_since, endpoint.succeeded_at = None, moment
        endpoint.troubles, endpoint.rest_until, endpoint.last_error = 0, None, ""
        return
    endpoint.failing_since = endpoint.failing_since or moment
    endpoint.last_error = result.error[:_LONGEST_ERROR]
    if result.is_trouble:
        endpoint.troubles += 1
        asked = timedelta(seconds=result.retry_after or 0)
        endpoint.rest_until = moment + max(plan.rest(endpoint.troubles), min(asked, plan.LONGEST_SILENCE))
    if result.status == _GONE:
        _turn_off(endpoint, Off.GONE, moment)
    elif moment - endpoint.failing_since >= plan.OFF_AFTER:
        _turn_off(endpoint, Off.FAILING, moment)


def _turn_off(endpoint: WebhookEndpoint, why: Off, moment: datetime) -> None:
    if endpoint.disabled_at is None:
        endpoint.disabled_at, endpoint.disabled_why, endpoint.told, endpoint.told_at = moment, why, [], None
        _log.warning("a webhook endpoint was turned off", endpoint=str(endpoint.public_id), why=str(why))


def _next_due(session: Session, endpoint: WebhookEndpoint) -> datetime | None:
    if endpoint.disabled_at is not None:
        return None
    waits = (WebhookDelivery.endpoint_id == endpoint.id) & (WebhookDelivery.state == DeliveryState.WAITING)
    soonest = select(func.min(WebhookDelivery.due_at)).where(waits)
    at = session.scalar(soonest)
    if at is None and session.scalar(select(WebhookDelivery.id).where(waits).limit(1)) is not None:
        plan.unblock(session, endpoint.id)  # what they waited for was erased
        at = session.scalar(soonest)
    return at if at is None else max(at, endpoint.rest_until or at)
